import type { Change } from '../meta/webhook-payload.js';
import type { Account } from './account.js';

/** A change of a webhook, and the account it is for. */
export interface AccountChange {
  account: Account;
  change: Change;
}

/** What of a change could not be read, in words; its neighbours were applied. */
export interface UnreadableItem {
  change: AccountChange;
  error: string;
}
