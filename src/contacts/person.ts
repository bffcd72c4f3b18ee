import type { PhoneNumber } from '../common/phone-number.js';

/** What an event or a request says of a person. At least one of phone and user id is there. */
export interface PersonInput {
  phone: PhoneNumber | null;
  /** Business-scoped user id (`IN.1349…`), or a portfolio's parent id (`IN.ENT.1349…`). */
  userId?: string | null;
  parentUserId?: string | null;
  /** Without its `@`. */
  username?: string | null;
  name?: string | null;
}

/** A contact as one account knows it. */
export interface Person {
  contactId: number;
  phone: PhoneNumber | null;
  /** The newest user id within the account's portfolio. */
  userId: string | null;
  name: string;
  optedOut: boolean;
  /** By the account: another's block says nothing. */
  isBlocked: boolean;
}

/** A person who is certainly there now, and how that came about. */
export interface EnsuredPerson extends Person {
  /** This call created the contact. */
  isNew: boolean;
  /** The contact belonged to the account's people before this call. */
  wasLinked: boolean;
}

/** Meta says that a person's phone or user id changed. */
export interface IdentityChange {
  before: PersonInput;
  after: PersonInput;
  at: Date;
}

/** What statuses and answers tell of a contact beside the phone they name. */
export interface PersonFact {
  contactId: number;
  phone?: PhoneNumber | null;
  userId?: string | null;
  parentUserId?: string | null;
  username?: string | null;
  name?: string | null;
}

/** Of an account, all that identities need. */
export interface AccountScope {
  id: number;
  /** Within which Meta's user ids and usernames are unique. */
  portfolio: string;
}

export type IdentityKind = 'phone' | 'user_id' | 'parent_user_id' | 'username';

/** One name that Meta has for a person; kind, scope and value together belong to one contact. */
export interface Identity {
  kind: IdentityKind;
  /** '' for phones, the portfolio for all else. */
  scope: string;
  value: string;
}

const PARENT_ID = /^[A-Z]{2}\.ENT\./;

export function phoneIdentity(phone: string): Identity {
  return { kind: 'phone', scope: '', value: phone };
}

/** A user id tells by its form whether it is a portfolio's parent id. */
export function userIdentity(portfolio: string, userId: string): Identity {
  return { kind: PARENT_ID.test(userId) ? 'parent_user_id' : 'user_id', scope: portfolio, value: userId };
}

/** What a contact's row is created from: `phone:+91…` or `user:<portfolio>:<user id>`. Two creators meet in it. */
export function identityKeyOf(identity: Identity): string {
  return identity.kind === 'phone' ? `phone:${identity.value}` : `user:${identity.scope}:${identity.value}`;
}
