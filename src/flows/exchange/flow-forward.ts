import { request, type Dispatcher } from 'undici';
import { Webhook } from 'standardwebhooks';
import { TOKEN_REFUSED, readOutcome, type FlowQuestion, type HandlerOutcome } from './flow-question.js';

/** Longest answer of somebody's endpoint, in bytes. */
const MAX_BYTES = 1024 * 1024;

/** Somebody's endpoint that knows what to show. */
export interface ForwardTarget {
  url: string;
  secret: string;
}

/**
 * Asks it once: a phone waits, and whoever holds it will press the button again. Answers a value for every outcome.
 * @param answerMs how long it may take
 */
export async function forwardQuestion(
  { url, secret }: ForwardTarget,
  question: FlowQuestion,
  { agent, answerMs }: { agent: Dispatcher; answerMs: number },
): Promise<HandlerOutcome> {
  const body = JSON.stringify(question);
  const now = new Date();
  const signal = AbortSignal.timeout(answerMs);
  try {
    const answer = await request(url, {
      method: 'POST',
      dispatcher: agent,
      body,
      signal,
      headersTimeout: answerMs,
      bodyTimeout: answerMs,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        'user-agent': 'Parley',
        'webhook-id': question.id,
        'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
        'webhook-signature': new Webhook(secret).sign(question.id, now, body),
      },
    });
    if (answer.statusCode !== 200 && answer.statusCode !== 427) {
      await answer.body.dump({ limit: 64 * 1024 }).catch(() => undefined);
      return { kind: 'failed', reason: 'refused', error: new Error(`the endpoint answered ${answer.statusCode}`) };
    }
    const text = await readText(answer.body);
    if (text === null) {
      return { kind: 'failed', reason: 'too_large' };
    }
    return answer.statusCode === 200 ? readJson(text, question) : refusal(text);
  } catch (error) {
    return { kind: 'failed', reason: signal.aborted || isTimeout(error) ? 'timeout' : 'unreachable', error };
  }
}

function readJson(text: string, { flow_token: flowToken }: FlowQuestion): HandlerOutcome {
  try {
    return readOutcome(JSON.parse(text), flowToken);
  } catch (error) {
    return { kind: 'failed', reason: 'bad_answer', error };
  }
}

/** 427 as Meta knows it, with `error_msg` or without. */
function refusal(text: string): HandlerOutcome {
  try {
    const outcome = readOutcome(JSON.parse(text), '');
    return outcome.kind === 'token_refused' ? outcome : { kind: 'token_refused', message: TOKEN_REFUSED };
  } catch {
    return { kind: 'token_refused', message: TOKEN_REFUSED };
  }
}

/** Null when it is too long; leaving the loop early destroys the body, and with it the connection. */
async function readText(body: AsyncIterable<Buffer>): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_BYTES) {
      return null;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function isTimeout(error: unknown): boolean {
  return /^UND_ERR_(HEADERS|BODY)_TIMEOUT$/.test(String((error as { code?: unknown }).code));
}
