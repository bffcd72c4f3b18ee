import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import type { Account } from '../../accounts/account.js';
import { AccountsService } from '../../accounts/accounts.service.js';
import { AppError } from '../../common/app-error.js';
import { counter, histogram } from '../../common/metrics.js';
import { sha256 } from '../../common/secret.js';
import { Config } from '../../config/config.js';
import { LOGGER } from '../../config/logger.module.js';
import { Database } from '../../database/database.js';
import { findSigningSecret } from '../../meta/webhook-signature.js';
import { openRequest, parseObject, readSealedRequest, type OpenedRequest } from './flow-crypto.js';
import { FlowExchangeRepository, type ExchangeFlowRow } from './flow-exchange.repository.js';
import { FlowHandlerRunner } from './flow-handler-runner.js';
import { FlowKeys } from './flow-keys.service.js';
import { FlowQuestions } from './flow-questions.service.js';
import { TOKEN_REFUSED, type FlowQuestion, type HandlerOutcome } from './flow-question.js';
import { RecentAnswers } from './recent-answers.js';

/**
 * What Meta is answered. Source: Meta, "Business endpoint error codes": 421 makes the phone fetch the public key again and
 * repeat the request, 427 disables the button of the message, 432 says that the signature is wrong.
 */
export interface FlowAnswer {
  status: 200 | 421 | 427 | 432;
  /** Base64 of the encrypted answer, or nothing. */
  body: string;
}

/** How an exchange ended, for the metrics. */
type Outcome =
  | 'answered'
  | 'ping'
  | 'error_notification'
  | 'handler_failed'
  | 'token_refused'
  | 'bad_signature'
  | 'undecryptable'
  | 'unreadable';

/** Of an answer: what is encrypted, and how it is counted. */
interface Reply {
  status: 200 | 427;
  content: Record<string, unknown>;
  outcome: Outcome;
}

/** Longest body, in bytes: what people type into forms, and a picture or two that a phone has scaled down. */
const MAX_BODY = 1024 * 1024;
/** Longest answer of ours: what the handler's endpoint may say, and a little. */
const MAX_ANSWER = 1.5 * 1024 * 1024;
const TOKEN = /^[A-Za-z0-9_-]{16,200}$/;
/** What people see when we have nothing to show; what went wrong is in the log. */
const SORRY = 'Something went wrong. Please try again.';
/** Meta names what went wrong on the phone in words like `payload-schema-error`. */
const ERROR_NAME = /^[a-z0-9_-]{1,60}$/i;

const exchanges = counter('parley_flow_exchanges_total', 'Requests of phones for data of flows', ['outcome']);
const failures = counter('parley_flow_handler_failures_total', 'Handlers of flows that gave no answer', [
  'flow',
  'reason',
]);
const seconds = histogram(
  'parley_flow_exchange_seconds',
  'Time to answer a request for data of flows; Meta gives up after ten',
  [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 7.5, 10],
  ['outcome'],
);

/** Answers phones that ask for the next screen of a flow: signature, decryption, the handler, encryption. */
@Injectable()
export class FlowExchangeService {
  private readonly recent = new RecentAnswers<FlowAnswer>(({ body }) => body.length);

  constructor(
    private readonly database: Database,
    private readonly repository: FlowExchangeRepository,
    private readonly accounts: AccountsService,
    private readonly keys: FlowKeys,
    private readonly questions: FlowQuestions,
    private readonly handlers: FlowHandlerRunner,
    private readonly config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * @param endpointToken the last part of the address that Meta was given for the flow
   * @param signature `X-Hub-Signature-256`
   * @throws `not_found` when the address is that of no flow of an active account; `payload_too_large`
   */
  async answer(endpointToken: string, body: Buffer, signature: string | undefined): Promise<FlowAnswer> {
    if (body.length > MAX_BODY) {
      throw new AppError('payload_too_large', `A request may have ${MAX_BODY} bytes.`);
    }
    const startedAt = performance.now();
    const count = (outcome: Outcome): void => {
      exchanges.inc({ outcome });
      seconds.observe({ outcome }, (performance.now() - startedAt) / 1_000);
    };
    const { flow, account } = await this.findFlow(endpointToken);
    if (!this.isSigned(account, body, signature)) {
      count('bad_signature');
      return { status: 432, body: '' };
    }
    const id = `flow_${sha256(Buffer.concat([sha256(endpointToken), body]))
      .toString('hex')
      .slice(0, 40)}`;
    const relatives = await this.relativesOf(account);
    const sealed = readSealedRequest(body);
    const opened = sealed && openRequest(sealed, await this.keys.privateKeys(relatives, account.id));
    if (!opened) {
      count('undecryptable');
      this.note(flow, 'a request could not be decrypted', {});
      return { status: 421, body: '' };
    }
    return this.recent.of(id, async () => {
      const { status, content, outcome } = await this.reply(id, flow, account, relatives, opened);
      count(outcome);
      return { status, body: opened.seal(JSON.stringify(content)) };
    });
  }

  private async findFlow(endpointToken: string): Promise<{ flow: ExchangeFlowRow; account: Account }> {
    const flow = TOKEN.test(endpointToken) ? await this.repository.findFlow(this.database, endpointToken) : null;
    const account = flow && (await this.accounts.find(flow.account_id));
    if (!flow || !account?.isActive) {
      throw new AppError('not_found', 'There is nothing at this address.');
    }
    return { flow, account };
  }

  private isSigned(account: Account, body: Buffer, signature: string | undefined): boolean {
    if (signature === undefined && this.config.webhook.allowUnsigned) {
      return true;
    }
    const secret = account.appSecret ?? this.config.webhook.appSecret;
    return secret !== null && findSigningSecret(body, signature, [secret]) === 0;
  }

  /** The accounts that a flow may be sent from: the numbers of one WABA share its flows. */
  private async relativesOf(account: Account): Promise<Account[]> {
    const all = await this.accounts.snapshot();
    const others = all.filter(({ id, wabaId }) => id !== account.id && wabaId !== null && wabaId === account.wabaId);
    return [account, ...others];
  }

  private async reply(
    id: string,
    flow: ExchangeFlowRow,
    account: Account,
    relatives: readonly Account[],
    { plaintext }: OpenedRequest,
  ): Promise<Reply> {
    const request = parseObject(plaintext);
    if (request?.action === 'ping') {
      return { status: 200, content: { data: { status: 'active' } }, outcome: 'ping' };
    }
    const notified = errorIn(request);
    if (notified !== null) {
      this.note(flow, 'a phone could not show what it was answered', {
        error: ERROR_NAME.test(notified) ? notified : 'unnamed',
      });
      return { status: 200, content: { data: { acknowledged: true } }, outcome: 'error_notification' };
    }
    const question = request && (await this.questions.read(id, flow, account, relatives, request));
    if (!question) {
      this.note(flow, 'a request could not be understood', {});
      return { status: 200, content: { data: { error_message: SORRY } }, outcome: 'unreadable' };
    }
    if (question === 'token_refused') {
      return { status: 427, content: { error_msg: TOKEN_REFUSED }, outcome: 'token_refused' };
    }
    return this.replyOf(flow, question, await this.handlers.ask(flow, question));
  }

  private replyOf(flow: ExchangeFlowRow, question: FlowQuestion, outcome: HandlerOutcome): Reply {
    switch (outcome.kind) {
      case 'token_refused':
        return { status: 427, content: { error_msg: outcome.message }, outcome: 'token_refused' };
      case 'screen': {
        const size = sizeOf(outcome.screen);
        return size !== null && size <= MAX_ANSWER
          ? { status: 200, content: { ...outcome.screen }, outcome: 'answered' }
          : this.replyOf(flow, question, { kind: 'failed', reason: size === null ? 'bad_answer' : 'too_large' });
      }
      case 'failed':
        failures.inc({ flow: String(flow.id), reason: outcome.reason });
        this.note(flow, 'a handler gave no answer', {
          reason: outcome.reason,
          action: question.action,
          cause: describe(outcome.error),
        });
        // The screen stays and says so; what was typed is not lost. When the flow is opened there is no screen yet.
        return {
          status: 200,
          content: {
            ...(question.action === 'data_exchange' && question.screen !== '' ? { screen: question.screen } : {}),
            data: { error_message: SORRY },
          },
          outcome: 'handler_failed',
        };
    }
  }

  /** Never what people typed, nor who they are. */
  private note(flow: ExchangeFlowRow, what: string, more: Record<string, unknown>): void {
    this.logger.warn({ context: 'FlowExchange', flow_id: flow.id, account_id: flow.account_id, ...more }, what);
  }
}

/** What went wrong on the phone, when that is what Meta tells of; null when it asks for something. */
function errorIn(request: Record<string, unknown> | null): string | null {
  const error = (request?.data as { error?: unknown } | null | undefined)?.error;
  return typeof error === 'string' && error !== '' ? error : null;
}

/** In JSON; null for what JSON cannot hold (a handler in code may answer anything). */
function sizeOf(value: unknown): number | null {
  try {
    return Buffer.byteLength(JSON.stringify(value));
  } catch {
    return null;
  }
}

/** Of an error its kind and where it happened; its message may quote what a person typed. */
function describe(error: unknown): string | undefined {
  if (!(error instanceof Error)) {
    return undefined;
  }
  const { name, stack = '' } = error;
  const code = (error as { code?: unknown }).code;
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return [typeof code === 'string' ? `${name} ${code}` : name, ...frames.slice(0, 3).map((line) => line.trim())].join(
    ' ',
  );
}
