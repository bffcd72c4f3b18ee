import type { Account } from '../accounts/account.js';
import { digitsOf } from '../accounts/account-events.js';

/** A link by which people come to a signup through one number. */
export interface DeepLink {
  accountId: number;
  phoneNumber: string;
  url: string;
}

/** What of an account a link needs. */
export type LinkedNumber = Pick<Account, 'id' | 'wabaId' | 'displayPhoneNumber' | 'isActive'>;

/** Meta: any number of the WABA leads to the signup. Null: the number is not known yet. */
export function deepLinkOf(displayPhoneNumber: string | null, signupId: string): string | null {
  const digits = digitsOf(displayPhoneNumber);
  return digits === null ? null : `https://wa.me/${digits}/signup/${encodeURIComponent(signupId)}`;
}

/** The links of a signup through every number we have of its WABA; the account's own first. */
export function deepLinksOf(account: LinkedNumber, numbers: readonly LinkedNumber[], signupId: string): DeepLink[] {
  const others = numbers.filter(
    ({ id, wabaId, isActive }) => id !== account.id && isActive && wabaId !== null && wabaId === account.wabaId,
  );
  return [account, ...others].flatMap(({ id, displayPhoneNumber }) => {
    const url = deepLinkOf(displayPhoneNumber, signupId);
    return url === null ? [] : [{ accountId: id, phoneNumber: `+${digitsOf(displayPhoneNumber)}`, url }];
  });
}
