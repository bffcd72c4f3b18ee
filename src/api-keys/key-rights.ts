import { AppError } from '../common/app-error.js';
import type { Principal, Scope } from '../http/principal.js';

/** What a key may do, as far as it is passed on. */
export interface Rights {
  scopes: readonly Scope[];
  /** Empty: all accounts. */
  accountIds: readonly number[];
}

/**
 * Nobody gives away, or takes charge of, more than they have themselves: with `api_keys:write` alone a key could
 * otherwise make, or rotate and so learn, one that may do everything.
 * @param by who asks; null: the operator at the command line, who may do all
 */
export function assertMayGrant(by: Principal | null, rights: Rights): void {
  if (by === null) {
    return;
  }
  const lacking = by.scopes.has('*') ? undefined : rights.scopes.find((scope) => !by.scopes.has(scope));
  if (lacking !== undefined) {
    throw new AppError(
      'insufficient_scope',
      `Your key lacks the scope ${lacking}, so it cannot manage a key that has it.`,
    );
  }
  if (by.accountIds.length > 0 && rights.accountIds.length === 0) {
    throw new AppError('forbidden', 'Your key is tied to accounts, so it cannot manage a key that is not.');
  }
}

/**
 * How much of an administrator a key is: 2 for good, 1 until it expires, 0 not at all. An administrator is active, has
 * all scopes and is tied to no account.
 */
export function adminRank(key: Rights & { isActive: boolean; expiresAt: Date | null }): 0 | 1 | 2 {
  if (!key.isActive || !key.scopes.includes('*') || key.accountIds.length > 0) {
    return 0;
  }
  if (key.expiresAt === null) {
    return 2;
  }
  return key.expiresAt.getTime() > Date.now() ? 1 : 0;
}
