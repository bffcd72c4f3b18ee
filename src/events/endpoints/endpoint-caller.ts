import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { Webhook } from 'standardwebhooks';
import { request, type Agent, type Dispatcher } from 'undici';
import { guardedAgent } from '../../common/guarded-agent.js';
import type { Secret } from '../../common/secret.js';
import { Config } from '../../config/config.js';
import { redact } from '../../config/log.js';
import { LOGGER } from '../../config/logger.module.js';
import { EndpointSettings } from './endpoint-settings.js';
import type { AttemptRecord } from './endpoint.js';
import { parseRetryAfter, type CallOutcome } from './schedule.js';

const USER_AGENT = 'Parley-Webhooks/1';
/** Of an answer, as much as is read and kept. */
const MAX_ANSWER_BYTES = 16 * 1024;
/** To one origin; endpoints that share it must not wait for each other. */
const CONNECTIONS = 1_024;

/** What an endpoint is told, and how. */
export interface Call {
  url: string;
  /** The newest first. */
  secrets: readonly Secret[];
  /** The same for each attempt. */
  messageId: string;
  body: string;
}

/** What came of a call. */
export type CallResult = CallOutcome & { record: AttemptRecord };

/** Tells an endpoint something, signed as Standard Webhooks has it. */
@Injectable()
export class EndpointCaller implements OnApplicationShutdown {
  private readonly agent: Agent;

  constructor(
    config: Config,
    private readonly settings: EndpointSettings,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.agent = guardedAgent({
      allowPrivate: config.allowPrivateTargets,
      connections: CONNECTIONS,
      silenceMs: settings.timeoutMs,
      ...(settings.resolve ? { resolve: settings.resolve } : {}),
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.agent.destroy();
  }

  /** @param ending breaks it off: the answer is null */
  async call({ url, secrets, messageId, body }: Call, ending: AbortSignal): Promise<CallResult | null> {
    const begun = performance.now();
    const at = new Date();
    const headers = {
      'content-type': 'application/json',
      'user-agent': USER_AGENT,
      'webhook-id': messageId,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': secrets.map((secret) => new Webhook(secret.reveal()).sign(messageId, at, body)).join(' '),
    };
    const record = { at: at.toISOString(), request_headers: headers };
    try {
      const answer = await request(url, {
        method: 'POST',
        dispatcher: this.agent,
        headers,
        body,
        // Of the whole, not of a silence: one byte a second is no answer.
        signal: AbortSignal.any([ending, AbortSignal.timeout(this.settings.timeoutMs)]),
      });
      const text = await readText(answer.body);
      const ms = Math.round(performance.now() - begun);
      const retryAfter = answer.headers['retry-after'];
      return {
        status: answer.statusCode,
        retryAfterMs: parseRetryAfter(Array.isArray(retryAfter) ? retryAfter[0] : retryAfter, Date.now()),
        record: { ...record, status: answer.statusCode, error: null, ms, body: presentable(text, secrets) },
      };
    } catch (error) {
      if (ending.aborted) {
        return null;
      }
      // What was wrong is for us alone: to whoever chose the address, all that leads nowhere looks the same.
      this.logger.debug({ context: 'EndpointCaller', reason: reasonOf(error) }, 'a webhook endpoint did not answer');
      return {
        status: null,
        retryAfterMs: null,
        record: { ...record, status: null, error: 'no_answer', ms: null, body: '' },
      };
    }
  }
}

async function readText(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Leaving the loop early destroys the body, and with it the connection.
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= MAX_ANSWER_BYTES) {
      break;
    }
  }
  return Buffer.concat(chunks).subarray(0, MAX_ANSWER_BYTES).toString('utf8');
}

/** As it may be kept and shown: without secrets, and without what PostgreSQL cannot store. */
function presentable(text: string, secrets: readonly Secret[]): string {
  const hidden = secrets.reduce((rest, secret) => rest.replaceAll(secret.reveal(), 'whsec_[secret]'), text);
  return redact(hidden).replaceAll('\u0000', '\uFFFD').toWellFormed();
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}
