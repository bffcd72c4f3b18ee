import { Inject, Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply } from 'fastify';
import type { Logger } from 'pino';
import { catchError, finalize, from, mergeMap, of, throwError, type Observable } from 'rxjs';
import { AppError } from '../common/app-error.js';
import { Secret, sha256 } from '../common/secret.js';
import { sleep } from '../common/sleep.js';
import { Config } from '../config/config.js';
import { LOGGER } from '../config/logger.module.js';
import { Database } from '../database/database.js';
import { isConnectionLoss } from '../database/pg-error.js';
import { Together } from '../database/together.js';
import { isForm, readFormEarly, type EarlyForm } from './form.js';
import { IDEMPOTENCY_KEY, requireIdempotencyKey } from './idempotency-key.js';
import { IdempotencySettings } from './idempotency-settings.js';
import {
  answerContext,
  IdempotencyRepository,
  type Answer,
  type Claim,
  type KeyedRequest,
  type KeyHolder,
} from './idempotency.repository.js';
import { ACCOUNT_SCOPED_KEY, mayUse, type ParleyRequest, type Principal } from './principal.js';
import { problemTypes, toAppError, toProblem } from './problem.filter.js';

const ACCOUNT_ID = /^\s*([1-9]\d{0,15})\s*$/;
const STORE_ATTEMPTS = 5;
const STORE_RETRY_MS = 200;
/** Requests of all accounts share the statements that keep their keys. */
const ALL = 0;
/** Answers that say that nothing was done: the same key may be tried again. */
const NOT_STORED = new Set([400, 401, 403, 404, 405, 409, 413, 415, 429, 503]);

/**
 * Makes a POST that carries `Idempotency-Key` happen once: the first with a key runs and its answer is kept, the same
 * request again gets that answer. What the domain does in the request cannot join the key's row in one transaction (there
 * is a call to Meta in between), so a process that dies leaves a key that is let go after two minutes; one that lives says so
 * for requests that take longer (a campaign that is waited for).
 */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  private readonly claiming = new Together((requests: readonly KeyedRequest[]) =>
    this.repository.claim(this.database, requests, this.settings.deadAfterS),
  );
  private readonly completing = new Together(async (answers: readonly Answer[]) => {
    await this.database.transactionByKey((tx) => this.repository.complete(tx, answers));
    return answers.map(() => undefined);
  });

  constructor(
    private readonly database: Database,
    private readonly repository: IdempotencyRepository,
    private readonly reflector: Reflector,
    private readonly config: Config,
    private readonly settings: IdempotencySettings,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const request = context.switchToHttp().getRequest<ParleyRequest>();
    const { principal } = request;
    const key = request.headers[IDEMPOTENCY_KEY];
    if (request.method !== 'POST' || key === undefined || !principal) {
      return next.handle();
    }
    requireIdempotencyKey(key);
    if (!isForm(request)) {
      return this.once(context, next, key, principal, null);
    }
    // What a form says is known only when it was read: whole, for the file is part of what must be the same.
    const form = await readFormEarly(request);
    try {
      return (await this.once(context, next, key, principal, form)).pipe(finalize(() => void form.dispose()));
    } catch (error) {
      await form.dispose();
      throw error;
    }
  }

  private async once(
    context: ExecutionContext,
    next: CallHandler,
    key: string,
    principal: Principal,
    form: EarlyForm | null,
  ): Promise<Observable<unknown>> {
    const http = context.switchToHttp();
    const request = http.getRequest<ParleyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const body = form?.form.fields ?? request.body;
    const isAccountScoped =
      this.reflector.getAllAndOverride<boolean | undefined>(ACCOUNT_SCOPED_KEY, [
        context.getHandler(),
        context.getClass(),
      ]) ?? true;
    const scope = scopeOf(request, body, principal, isAccountScoped);
    if (scope === null) {
      return next.handle();
    }
    const fingerprint = fingerprintOf(request, body, form);
    const claim = await this.claiming.run(ALL, { scope, key, fingerprint });
    if (!claim) {
      return this.replay(await this.repository.find(this.database, scope, key), scope, key, fingerprint, reply);
    }
    const end = this.hold(claim);
    const keep = async (status: number, body: unknown): Promise<void> => this.keep(await end(), status, body);
    return next.handle().pipe(
      mergeMap((body: unknown) => from(keep(reply.statusCode, body).then(() => body))),
      catchError((thrown: unknown) => {
        const error = toAppError(thrown);
        const kept = keep(error.status, toProblem(error, request.id, problemTypes(this.config.http)));
        return from(kept).pipe(mergeMap(() => throwError(() => thrown)));
      }),
    );
  }

  /** Says now and then that the request lives. @returns what ends that, and answers the claim as it then is */
  private hold(claim: Claim): () => Promise<Claim> {
    let held = Promise.resolve(claim);
    const timer = setInterval(() => {
      held = held.then((current) => this.repository.renew(this.database, current).catch(() => current));
    }, this.settings.renewEveryMs);
    timer.unref();
    return () => {
      clearInterval(timer);
      return held;
    };
  }

  private replay(
    holder: KeyHolder | null,
    scope: string,
    key: string,
    fingerprint: Buffer,
    reply: FastifyReply,
  ): Observable<unknown> {
    if (holder && !holder.fingerprint.equals(fingerprint)) {
      throw new AppError(
        'idempotency_key_reused',
        'This Idempotency-Key was used for another request. Make a new one.',
      );
    }
    // Gone between the two looks: it ended without an answer worth keeping, and the next try will have the key.
    if (holder?.status === undefined || holder.status === null || holder.body === null) {
      throw new AppError('idempotency_in_progress', 'A request with this Idempotency-Key is still running.', {
        retryAfterS: 1,
      });
    }
    const text = this.config.keyring.decrypt(holder.body, answerContext(scope, key)).reveal();
    void reply.status(holder.status).header('idempotency-replayed', 'true');
    if (holder.status >= 400) {
      void reply.type('application/problem+json');
    }
    return of(text === '' ? undefined : (JSON.parse(text) as unknown));
  }

  /**
   * Keeps the answer, or lets the key go when nothing was done. The request is over and its effects stand: trouble here
   * must not change what the caller is told.
   */
  private async keep(claim: Claim, status: number, body: unknown): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        if (NOT_STORED.has(status)) {
          await this.repository.release(this.database, claim);
        } else {
          await this.completing.run(ALL, { claim, status, body: this.seal(claim, body) });
        }
        return;
      } catch (error) {
        if (attempt >= STORE_ATTEMPTS || !isConnectionLoss(error)) {
          this.logger.error({ context: 'Idempotency', err: error }, 'an answer was not kept for its key');
          return;
        }
        await sleep(STORE_RETRY_MS * attempt);
      }
    }
  }

  /** All are encrypted, so that nobody has to remember which answers carry a secret. */
  private seal(claim: Claim, body: unknown): string {
    const text = body === undefined || body === null ? '' : JSON.stringify(body);
    return this.config.keyring.encrypt(new Secret(text), answerContext(claim.scope, claim.key));
  }
}

/**
 * Whose the key is: the account that is asked for, else the key that asks. Null where the account is none the key may use:
 * such a request is refused, and must not see whether the key is taken there.
 */
function scopeOf(request: ParleyRequest, body: unknown, principal: Principal, isAccountScoped: boolean): string | null {
  if (!isAccountScoped) {
    return `key:${principal.keyId}`;
  }
  const named = [
    request.headers['x-account-id'],
    (body as { account_id?: unknown } | null | undefined)?.account_id,
    (request.query as { account_id?: unknown } | null | undefined)?.account_id,
  ].find((value) => value !== undefined);
  const given =
    named ?? principal.defaultAccountId ?? (principal.accountIds.length === 1 ? principal.accountIds[0] : null);
  if (given === undefined || given === null) {
    return `key:${principal.keyId}`;
  }
  const id = Number(ACCOUNT_ID.exec(String(given))?.[1]);
  return Number.isSafeInteger(id) && mayUse(principal, id) ? `account:${id}` : null;
}

/** Equal for the same request, however its JSON or form is written. The account is not in it: the scope says it. */
function fingerprintOf(request: ParleyRequest, given: unknown, form: EarlyForm | null): Buffer {
  const [path = ''] = request.url.split('?');
  const { account_id: _inQuery, api_key: _key, ...query } = (request.query ?? {}) as Record<string, unknown>;
  const body = isObject(given) ? without(given, 'account_id') : given;
  const said = [request.method, path.replace(/\/+$/, ''), canonical(query), canonical(body ?? null)];
  const file = form?.form.file;
  return sha256(JSON.stringify(file ? [...said, [file.filename, file.mimeType, form.sha256]] : said));
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(canonical);
  }
  if (!isObject(value)) {
    return value;
  }
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, item]) => [name, canonical(item)]);
}

function without(object: Record<string, unknown>, name: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
