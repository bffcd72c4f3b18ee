import { isSameLine } from './people-phones.js';
import { phoneIdentity, userIdentity, type Identity, type IdentityChange } from './person.js';

/** What a change says, taken apart. */
export interface ChangedNames {
  oldPhone: Identity | null;
  newPhone: Identity | null;
  oldUser: Identity | null;
  newUser: Identity | null;
  parents: Identity[];
  /** The phone is another one now. */
  isOtherPhone: boolean;
  /** The second in which it happened: Meta tells no more. */
  at: Date;
}

/** A contact that one of the names belongs to. */
export interface Candidate {
  id: number;
  phone: string | null;
  /** The new user id is one that they had and left. */
  hasLeftNewUser: boolean;
  /** They wrote after the change. */
  hasWrittenSince: boolean;
}

/** Whose the names of a change are. */
export interface Owners {
  oldPhone: Candidate | null;
  newPhone: Candidate | null;
  oldUser: Candidate | null;
  newUser: Candidate | null;
  parent: Candidate | null;
}

/** A phone or user id of the person. */
export interface Holding {
  value: string;
  /** When it was first seen; or, when a change told of it, when it became theirs. */
  since: Date;
  isTold: boolean;
}

/** The person, once it is clear who that is. */
export interface Holder {
  phone: string | null;
  phones: readonly Holding[];
  /** Within the account's portfolio. */
  users: readonly Holding[];
}

export function namesOf({ before, after, at }: IdentityChange, portfolio: string): ChangedNames {
  const user = (id: string | null | undefined): Identity | null => {
    const identity = id ? userIdentity(portfolio, id) : null;
    return identity?.kind === 'user_id' ? identity : null;
  };
  const newUser = user(after.userId);
  // Where Meta does not tell the old user id, a caller may take the present one for it.
  const oldUser = before.userId === after.userId ? null : user(before.userId);
  const parents = [before.parentUserId, after.parentUserId].flatMap((value): Identity[] =>
    value ? [{ kind: 'parent_user_id', scope: portfolio, value }] : [],
  );
  return {
    oldPhone: before.phone ? phoneIdentity(before.phone) : null,
    newPhone: after.phone ? phoneIdentity(after.phone) : null,
    oldUser,
    newUser,
    parents,
    isOtherPhone: !!before.phone && !!after.phone && !isSameLine(before.phone, after.phone),
    at: new Date(Math.floor(at.getTime() / 1_000) * 1_000),
  };
}

/**
 * Who it is that changed: the person by the old user id, else by the old phone, else by a parent id, else whoever has the
 * new names; and the contact with the new user id is them too, unless it has a phone that none of this is about.
 *
 * A phone that was left goes to somebody else one day, so it tells less than a user id, which never does: a person who has
 * another phone has left it, and one who wrote from it after the change never was the person who left.
 * @returns contacts that are one person (none: nobody knows them), and who has the new user id wrongly
 */
export function whoChanged(names: ChangedNames, owners: Owners): { ids: number[]; wrongOwnerId: number | null } {
  const { oldPhone, newPhone, oldUser, newUser, parent } = owners;
  const people = oldUser ? [oldUser] : [];
  const mayBeOldPhone = !oldUser || oldUser.phone === null;
  if (oldPhone && mayBeOldPhone && !(names.isOtherPhone && oldPhone.hasWrittenSince)) {
    people.push(oldPhone);
  }
  const fallback = parent && isAbout(parent, names) ? parent : newPhone;
  if (people.length === 0 && fallback) {
    people.push(fallback);
  }
  let wrongOwnerId: number | null = null;
  if (newUser && people.every(({ id }) => id !== newUser.id)) {
    if (people.length === 0 || newUser.hasLeftNewUser || isAbout(newUser, names)) {
      people.push(newUser);
    } else {
      wrongOwnerId = newUser.id;
    }
  }
  return { ids: [...new Set(people.map(({ id }) => id))], wrongOwnerId };
}

/** Is it older than another change of the same person? Then they keep their names. */
export function isOutdated({ at, newPhone, oldUser, newUser }: ChangedNames, holder: Holder): boolean {
  const { phone, phones, users } = holder;
  const present = phones.find(({ value }) => value === phone);
  if (present?.isTold && present.since > at && present.value !== newPhone?.value) {
    return true;
  }
  const others = users.filter(({ value }) => value !== oldUser?.value && value !== newUser?.value);
  return newUser !== null && others.some(({ since, isTold }) => isTold && since >= at);
}

/** What a user id is dated by that a change told of as the old one: since when it was theirs is not known. */
export const LONG_AGO = new Date(0);

/** How a user id of the change is dated now; null: as it is. What another change told of it stays. */
export function dateOf(isNew: boolean, at: Date, held: Holding | undefined): Date | null {
  if (held?.isTold && !(isNew && held.since.getTime() === LONG_AGO.getTime())) {
    return null;
  }
  return isNew ? at : LONG_AGO;
}

/** Phones that the person left by the change. What they came back to later stays. */
export function leftPhones({ oldPhone, isOtherPhone, at }: ChangedNames, { phones }: Holder): string[] {
  if (!oldPhone || !isOtherPhone) {
    return [];
  }
  return phones
    .filter(({ value, since, isTold }) => isSameLine(value, oldPhone.value) && !(isTold && since > at))
    .map(({ value }) => value);
}

/** The user id that the newest change told of. */
export function newestTold(users: readonly Holding[]): string | null {
  const told = users.filter(({ isTold }) => isTold);
  return told.sort((a, b) => a.since.getTime() - b.since.getTime()).at(-1)?.value ?? null;
}

function isAbout({ phone }: Candidate, { oldPhone, newPhone }: ChangedNames): boolean {
  return phone === null || [oldPhone, newPhone].some((one) => one !== null && isSameLine(one.value, phone));
}
