import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply } from 'fastify';
import { AppError } from '../common/app-error.js';
import { Config } from '../config/config.js';
import {
  ANY_KEY,
  KEY_OR_TICKET,
  PUBLIC,
  SCOPE_KEY,
  type Access,
  type ParleyRequest,
  type Principal,
} from '../http/principal.js';
import { RateLimiter } from '../http/rate-limiter.js';
import { ApiKeyAuthenticator } from './api-key-authenticator.js';
import { KeyGuesses } from './key-guesses.js';

/** Lets a request pass whose key has the scope of the route, and says who is asking. */
@Injectable()
export class ApiKeyGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly authenticator: ApiKeyAuthenticator,
    private readonly rateLimiter: RateLimiter,
    private readonly guesses: KeyGuesses,
    private readonly config: Config,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const needed = this.reflector.getAllAndOverride<Access | undefined>(SCOPE_KEY, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (needed === undefined) {
      throw new AppError('forbidden', 'Nobody may call this.');
    }
    if (needed === PUBLIC) {
      return true;
    }
    const request = context.switchToHttp().getRequest<ParleyRequest>();
    const key = this.takeKey(request);
    if (key === null && needed === KEY_OR_TICKET && hasTicket(request)) {
      return true;
    }
    const principal = key === null ? null : await this.authenticator.authenticate(key, request.ip);
    if (!principal) {
      if (key !== null) {
        this.guesses.note(request.ip, key);
      }
      throw new AppError('unauthorized', 'Send a valid API key in the X-API-Key header.');
    }
    await this.rateLimiter.admit(principal.keyId, context.switchToHttp().getResponse<FastifyReply>());
    if (!allows(principal, needed)) {
      throw new AppError('insufficient_scope', `This needs the scope ${needed}.`);
    }
    request.principal = principal;
    return true;
  }

  private takeKey(request: ParleyRequest): string | null {
    const fromHeader = request.headers['x-api-key'];
    const query = request.query as Record<string, unknown> | undefined;
    const fromQuery = this.config.http.allowApiKeyInQuery ? query?.api_key : undefined;
    if (fromQuery !== undefined) {
      // It is no field of any request, and what checks the query next would say so.
      delete query?.api_key;
    }
    const key = fromHeader ?? fromQuery;
    return typeof key === 'string' && key !== '' ? key : null;
  }
}

function allows({ scopes }: Principal, needed: Exclude<Access, typeof PUBLIC>): boolean {
  return needed === ANY_KEY || needed === KEY_OR_TICKET || scopes.has(needed) || scopes.has('*');
}

function hasTicket(request: ParleyRequest): boolean {
  return (request.query as Record<string, unknown> | undefined)?.ticket !== undefined;
}
