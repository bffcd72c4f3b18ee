import { SetMetadata } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

/** What a key may do. `*` is all of them. */
export const SCOPES = [
  'messages:send',
  'inbox:read',
  'inbox:write',
  'contacts:read',
  'contacts:write',
  'templates:read',
  'templates:write',
  'campaigns:read',
  'campaigns:write',
  'catalog:read',
  'catalog:write',
  'blocking:read',
  'blocking:write',
  'signups:read',
  'signups:write',
  'flows:read',
  'flows:write',
  'webhooks:read',
  'webhooks:write',
  'analytics:read',
  'accounts:read',
  'accounts:write',
  'api_keys:write',
  '*',
] as const;

export type Scope = (typeof SCOPES)[number];

/** Who is asking: filled by the API key guard. */
export interface Principal {
  keyId: number;
  keyName: string;
  scopes: ReadonlySet<Scope>;
  /** Accounts the key is tied to; empty: all. */
  accountIds: readonly number[];
  defaultAccountId: number | null;
  /** The secrets of the key that vouch for this: once none of them works, what was opened with it ends. */
  secretIds: readonly number[];
}

export interface ParleyRequest extends FastifyRequest {
  principal?: Principal;
}

/** The principal of a request that passed the guard. */
export function principalOf(request: ParleyRequest): Principal {
  if (!request.principal) {
    throw new Error('This route has no principal: it is public');
  }
  return request.principal;
}

export function mayUse(principal: Principal, accountId: number): boolean {
  return principal.accountIds.length === 0 || principal.accountIds.includes(accountId);
}

export const SCOPE_KEY = 'parley:scope';
/** The route asks for no key: health, documents and Meta's webhook. */
export const PUBLIC = 'public';
/** The route takes any valid key: what its scopes allow is decided inside. */
export const ANY_KEY = 'any key';
/** As {@link ANY_KEY}; or `?ticket=` without a key, and then a guard of the route says who is asking. */
export const KEY_OR_TICKET = 'any key or ticket';

/** What a route asks for. */
export type Access = Scope | typeof PUBLIC | typeof ANY_KEY | typeof KEY_OR_TICKET;

export const ACCOUNT_SCOPED_KEY = 'parley:account-scoped';

/** The scope a route needs. A route without this decorator is refused to everyone. */
export const RequireScope = (scope: Access): MethodDecorator & ClassDecorator => SetMetadata(SCOPE_KEY, scope);
