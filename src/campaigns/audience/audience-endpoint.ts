import { randomUUID } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { request, type Dispatcher } from 'undici';
import { BlockedTarget } from '../../common/guarded-agent.js';
import { sleep } from '../../common/sleep.js';
import {
  AudienceFailure,
  type AudienceContext,
  type AudienceEndpoint,
  type PeopleBatch,
  type Position,
} from './audience-source.js';

/** Of one page: what is asked for, and the most that is taken. */
const PAGE = 5_000;
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_CURSOR = 1_000;
/** Pages without anybody that an endpoint may give in a row before we stop believing that it gets anywhere. */
const MAX_EMPTY_PAGES = 100;
const MAX_WAIT_MS = 60_000;

/** How long and how often we ask. */
export interface Patience {
  /** Longest one answer may take, in ms. */
  answerMs: number;
  /** Pauses before each further try, in ms. */
  retryAfterMs: readonly number[];
}

interface Page {
  recipients: unknown[] | null;
  cursor: string | null;
}

type Answer = { page: Page } | { failure: AudienceFailure; isPassing: boolean; retryAfterMs: number | null };

/**
 * The people of an endpoint, a page of its at a time.
 * @throws AudienceFailure when it cannot be asked, or answers nonsense
 */
export async function* batchesOfEndpoint(
  endpoint: AudienceEndpoint,
  context: AudienceContext,
  from: Position,
  calls: { agent: Dispatcher; patience: Patience },
): AsyncGenerator<PeopleBatch | null> {
  let at = from;
  let emptyPages = 0;
  const circle = new CircleWatch(from.cursor);
  for (;;) {
    const { recipients, cursor } = await askPatiently(endpoint, context, at.cursor, calls);
    if (recipients === null) {
      if (at.index > 0 || at.cursor !== null) {
        throw new AudienceFailure('The endpoint of the audience answered no recipients on a further page.');
      }
      yield null;
      return;
    }
    emptyPages = recipients.length > 0 ? 0 : emptyPages + 1;
    if (cursor !== null && (cursor === at.cursor || circle.closesWith(cursor))) {
      throw new AudienceFailure(
        'The endpoint of the audience gets nowhere: its next_cursor leads to a page before it.',
      );
    }
    if (cursor !== null && emptyPages > MAX_EMPTY_PAGES) {
      throw new AudienceFailure('The endpoint of the audience gets nowhere: page after page is empty.');
    }
    const next = cursor === null ? null : { index: at.index + recipients.length, cursor };
    yield { people: recipients, index: at.index, next };
    if (next === null) {
      return;
    }
    at = next;
  }
}

/**
 * Finds out that cursors go in a circle, of any length, and remembers one of them only (Brent's algorithm): the last of one
 * page, two, four, eight … A circle comes back to it, once it is as long as the way to the next. So a circle is gone round
 * three times at most; whoever takes over in the middle begins with what is there, and comes to the same end.
 */
class CircleWatch {
  private steps = 0;
  private stepsToNext = 1;

  constructor(private remembered: string | null) {}

  closesWith(cursor: string): boolean {
    if (cursor === this.remembered) {
      return true;
    }
    this.steps += 1;
    if (this.steps === this.stepsToNext) {
      this.remembered = cursor;
      this.steps = 0;
      this.stepsToNext *= 2;
    }
    return false;
  }
}

async function askPatiently(
  endpoint: AudienceEndpoint,
  context: AudienceContext,
  cursor: string | null,
  { agent, patience }: { agent: Dispatcher; patience: Patience },
): Promise<Page> {
  const body = JSON.stringify({
    audience: context.campaign.audience_type,
    filters: context.campaign.audience_filters,
    account_id: context.account.id,
    campaign_id: context.campaign.id,
    cursor,
    limit: PAGE,
  });
  // One id for all tries: the other side may know it again.
  const id = `aud_${randomUUID()}`;
  for (let attempt = 0; ; attempt += 1) {
    const answer = await ask(endpoint, id, body, agent, patience.answerMs);
    if ('page' in answer) {
      return answer.page;
    }
    const pauseMs = patience.retryAfterMs[attempt];
    if (!answer.isPassing || pauseMs === undefined) {
      throw answer.failure;
    }
    await sleep(Math.min(Math.max(pauseMs, answer.retryAfterMs ?? 0), MAX_WAIT_MS));
  }
}

async function ask(
  { url, secret }: AudienceEndpoint,
  id: string,
  body: string,
  agent: Dispatcher,
  answerMs: number,
): Promise<Answer> {
  const now = new Date();
  try {
    const answer = await request(url, {
      method: 'POST',
      dispatcher: agent,
      body,
      signal: AbortSignal.timeout(answerMs),
      headersTimeout: answerMs,
      bodyTimeout: answerMs,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        'user-agent': 'Parley',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
        'webhook-signature': new Webhook(secret).sign(id, now, body),
      },
    });
    if (answer.statusCode === 204) {
      await answer.body.dump();
      return { page: { recipients: null, cursor: null } };
    }
    if (answer.statusCode !== 200) {
      await answer.body.dump({ limit: 64 * 1024 }).catch(() => undefined);
      return refused(answer.statusCode, answer.headers['retry-after']);
    }
    return { page: readPage(await readText(answer.body)) };
  } catch (error) {
    const isPassing = !(error instanceof AudienceFailure || isBlocked(error));
    return {
      failure:
        error instanceof AudienceFailure
          ? error
          : new AudienceFailure('The endpoint of the audience did not answer.', error),
      isPassing,
      retryAfterMs: null,
    };
  }
}

function refused(status: number, retryAfter: string | string[] | undefined): Answer {
  const seconds = Number(retryAfter);
  return {
    failure: new AudienceFailure(`The endpoint of the audience answered ${status}.`),
    isPassing: status >= 500 || status === 429 || status === 408,
    retryAfterMs: Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : null,
  };
}

async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Leaving the loop early destroys the body, and with it the connection.
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_BYTES) {
      throw new AudienceFailure(`A page of the audience has more than ${MAX_BYTES / 1024 / 1024} MB.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function readPage(text: string): Page {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new AudienceFailure('The endpoint of the audience answered no JSON.');
  }
  if (body === null) {
    return { recipients: null, cursor: null };
  }
  const { recipients, next_cursor: cursor = null } = body as { recipients?: unknown; next_cursor?: unknown };
  if (recipients === null) {
    return { recipients: null, cursor: null };
  }
  if (!Array.isArray(recipients) || recipients.length > PAGE) {
    throw new AudienceFailure(`The endpoint of the audience must answer a list "recipients" of at most ${PAGE}.`);
  }
  if (
    cursor !== null &&
    (typeof cursor !== 'string' || cursor.length > MAX_CURSOR || /[\u0000\p{Surrogate}]/u.test(cursor))
  ) {
    throw new AudienceFailure(
      `The next_cursor of the audience must be text of at most ${MAX_CURSOR} characters, or null.`,
    );
  }
  return { recipients, cursor };
}

function isBlocked(error: unknown): boolean {
  return error instanceof BlockedTarget || (error as { cause?: unknown }).cause instanceof BlockedTarget;
}
