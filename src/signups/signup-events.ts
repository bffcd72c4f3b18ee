import type { AccountChange, UnreadableItem } from '../accounts/account-change.js';
import type { Account } from '../accounts/account.js';
import { phoneFromWaId } from '../common/phone-number.js';
import type { PersonInput } from '../contacts/person.js';
import { asArray, asObject, idOf, textOf, timeOf, type Change, type Json } from '../meta/webhook-payload.js';

/** That somebody subscribed, as one account hears of it. */
export interface SignupFact {
  account: Account;
  /** Meta's id. */
  signupId: string;
  person: PersonInput;
  at: Date;
  /** Meta told when; else it is when we heard of it. */
  isDated: boolean;
  /** It came through this account's number. */
  isOfNumber: boolean;
}

const MAX_ID = 100;
const FIELD = 'in_app_signup';

/** Does a change tell of subscribers in the older form, whatever its field? */
export function isOlderForm({ field, value }: Change): boolean {
  return field === FIELD || Object.hasOwn(value, FIELD);
}

/** Does an item of `user_preferences` tell of a subscriber? */
export function isSignup(item: unknown): boolean {
  return asObject(item)?.value === 'signup';
}

/**
 * Reads both forms. Meta promises the event and prints no shape: `user_preferences` with `value: signup` is what its test
 * panel sends; `in_app_signup` is what the predecessor understood, its facts in an object of that name or beside it.
 */
export function readSignupFacts(changes: readonly AccountChange[]): {
  facts: SignupFact[];
  unreadable: UnreadableItem[];
} {
  const facts: SignupFact[] = [];
  const unreadable: UnreadableItem[] = [];
  for (const accountChange of changes) {
    const { account, change } = accountChange;
    for (const item of itemsIn(change)) {
      const read = readItem(item, change);
      if (typeof read === 'string') {
        unreadable.push({ change: accountChange, error: read });
      } else {
        const isOfNumber = change.phoneNumberId !== null && change.phoneNumberId === account.phoneNumberId;
        facts.push({ account, ...read, isOfNumber });
      }
    }
  }
  return { facts, unreadable };
}

function itemsIn(change: Change): Json[] {
  if (!isOlderForm(change)) {
    return asArray(change.value.user_preferences).filter(isSignup) as Json[];
  }
  const { in_app_signup: told, ...beside } = change.value;
  const items = Array.isArray(told) ? told : [told];
  return items.map((item) => ({ ...beside, ...asObject(item) }));
}

function readItem(item: Json, change: Change): Omit<SignupFact, 'account' | 'isOfNumber'> | string {
  const waId = idOf(item.wa_id);
  const userId = idOf(item.user_id);
  const phone = waId === null ? null : phoneFromWaId(waId.replace(/^\+/, ''));
  if (!phone && !userId) {
    return 'a signup that does not say whose it is';
  }
  const signupId = idOf(item.signup_id);
  if (signupId === null || signupId.length > MAX_ID) {
    return 'a signup that does not say which';
  }
  const contact = asArray(change.value.contacts)
    .map(asObject)
    .find(
      (candidate) =>
        candidate &&
        ((waId !== null && idOf(candidate.wa_id) === waId) || (userId !== null && idOf(candidate.user_id) === userId)),
    );
  const profile = asObject(contact?.profile) ?? asObject(item.profile);
  const told = timeOf(item.timestamp, change.receivedAt);
  const at = told === change.receivedAt ? (change.entryTime ?? change.receivedAt) : told;
  return {
    signupId,
    person: {
      phone,
      userId,
      parentUserId: idOf(item.parent_user_id) ?? idOf(contact?.parent_user_id),
      username: textOf(profile?.username, 100)?.replace(/^@/, '') ?? null,
      name: textOf(profile?.name, 255),
    },
    at,
    isDated: at !== change.receivedAt,
  };
}
