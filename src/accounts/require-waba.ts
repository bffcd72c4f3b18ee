import { AppError } from '../common/app-error.js';
import type { Account } from './account.js';

/**
 * The account, whose WABA is known.
 * @param why what needs it, to say so
 * @throws `account_credentials_missing` when the account has no `waba_id`
 */
export function requireWaba(account: Account, why: string): Account & { wabaId: string } {
  const { wabaId } = account;
  if (!wabaId) {
    throw new AppError('account_credentials_missing', `Set the waba_id of the account: ${why}.`);
  }
  return { ...account, wabaId };
}
