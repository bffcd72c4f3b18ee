import { isSameLine } from './people-phones.js';
import {
  identityKeyOf,
  phoneIdentity,
  userIdentity,
  type Identity,
  type PersonFact,
  type PersonInput,
} from './person.js';

/** A contact that some identity of the batch belongs to. */
export interface KnownContact {
  id: number;
  phone: string | null;
  name: string;
  optedOut: boolean;
  /** Belongs to the account's people. */
  isLinked: boolean;
  /** The account has blocked them. */
  isBlocked: boolean;
  /** User ids and usernames within the account's portfolio, the oldest first. */
  identities: KnownIdentity[];
}

export interface KnownIdentity {
  kind: string;
  value: string;
  /** Of a user id that a change told of: since when it is theirs, in seconds since 1970. */
  told?: number | null;
}

/** Contacts as they were found: by {@link mapKey} of an identity that was asked for, and by id. */
export interface KnownPeople {
  byIdentity: ReadonlyMap<string, KnownContact>;
  byId: ReadonlyMap<number, KnownContact>;
}

/** What one input says, taken apart. */
export interface Reading {
  /** The contact that is meant, when that is known beside its identities. */
  contactId: number | null;
  phone: Identity | null;
  user: Identity | null;
  parents: Identity[];
  username: Identity | null;
  name: string;
}

export interface PlanRules {
  /** Phone and user id of one reading are certainly one person's. Else the phone decides and nothing moves. */
  isProof: boolean;
  /** Who is nobody yet is created. */
  mayCreate: boolean;
}

/** One person of a batch, however many of its inputs speak of them. */
export interface PlannedPerson {
  /** Null: to be created. */
  known: KnownContact | null;
  /** Meets other creators of the same person; only read when there is something to create. */
  identityKey: string;
  phone: string | null;
  name: string;
  /** Identities that nobody has, for this person. */
  links: Identity[];
  /** A username that is new for this person, whoever had it before. */
  username: Identity | null;
}

/** Two contacts that were proven to be one person. */
export interface Union {
  ids: [number, number];
  /** The user id that proved it, which is the person's present one. */
  user: Identity | null;
}

/** What a batch means: the person of each input, in the order of the inputs. */
export interface PeoplePlan {
  people: PlannedPerson[];
  /** Null: nobody, where nobody may be created. */
  ofInput: (PlannedPerson | null)[];
  /** To be done before all else; the plan has to be made again then. No contact is in two of them. */
  unions: Union[];
  /** User ids that are no longer whose they were, as unions. */
  releases: { contactId: number; identity: Identity }[];
  /** Two people who are being created turned out to be one: the plan has to be made again once they are written. */
  isOpen: boolean;
}

/** How an identity is found in a map. */
export function mapKey(identity: Identity): string {
  return `${identity.kind}\n${identity.scope}\n${identity.value}`;
}

/** @throws when the input names nobody, which is a bug of the caller */
export function readingOf(input: PersonInput, portfolio: string): Reading {
  const reading = takeApart(input, portfolio);
  if (identitiesOf(reading).length === 0) {
    throw new Error('A person needs a phone or a user id');
  }
  return reading;
}

export function readingOfFact(fact: PersonFact, portfolio: string): Reading {
  return { ...takeApart(fact, portfolio), contactId: fact.contactId };
}

function takeApart(said: Partial<PersonInput>, portfolio: string): Reading {
  const { phone, userId, parentUserId, username, name } = said;
  const user = userId ? userIdentity(portfolio, userId) : null;
  const parents: Identity[] = user?.kind === 'parent_user_id' ? [user] : [];
  if (parentUserId && parentUserId !== parents[0]?.value) {
    parents.push({ kind: 'parent_user_id', scope: portfolio, value: parentUserId });
  }
  return {
    contactId: null,
    phone: phone ? phoneIdentity(phone) : null,
    user: user?.kind === 'user_id' ? user : null,
    parents,
    username: username ? { kind: 'username', scope: portfolio, value: username } : null,
    name: name ?? '',
  };
}

/** The identities a person is found by, the strongest first: phone, user id, parent user id. */
export function identitiesOf({ phone, user, parents }: Reading): Identity[] {
  return [...(phone ? [phone] : []), ...(user ? [user] : []), ...parents];
}

/**
 * Decides, without asking anyone, who each input is. An input belongs to the first of its identities that somebody has;
 * its other identities go to the same person unless they are somebody else's. Inputs that say more are read first, so
 * that the order within a batch does not matter.
 *
 * With proof, phone and user id of an input are one person's:
 * - when they are two contacts' and the user id's has no phone (or another spelling of this one), both are one person;
 * - when it has a phone of its own, the user id goes to the phone's contact: Meta gives a person who changes the phone
 *   another user id, so one user id never stands for two phones;
 * - a user id that a person left, as a change told, finds them whatever phone is beside it, and stays theirs: that message
 *   was under way when they changed, and the phone may be somebody else's by now;
 * - a parent id finds a person and proves nothing.
 */
export function planPeople(
  readings: readonly Reading[],
  known: KnownPeople,
  rules: PlanRules = { isProof: false, mayCreate: true },
): PeoplePlan {
  const plan: PeoplePlan = { people: [], ofInput: [], unions: [], releases: [], isOpen: false };
  const byContact = new Map<number, PlannedPerson>();
  const byIdentity = new Map<string, PlannedPerson>();
  const involved = new Set<number>();

  const add = (contact: KnownContact | null): PlannedPerson => {
    const { phone = null, name = '' } = contact ?? {};
    const person: PlannedPerson = { known: contact, identityKey: '', phone, name, links: [], username: null };
    plan.people.push(person);
    return person;
  };
  const ofContact = (contact: KnownContact | undefined): PlannedPerson | null => {
    if (!contact) {
      return null;
    }
    const person = byContact.get(contact.id) ?? add(contact);
    byContact.set(contact.id, person);
    return person;
  };
  const ownerOf = (identity: Identity | null): PlannedPerson | null => {
    if (!identity) {
      return null;
    }
    return ofContact(known.byIdentity.get(mapKey(identity))) ?? byIdentity.get(mapKey(identity)) ?? null;
  };
  const firstOwnerOf = (identities: readonly Identity[]): PlannedPerson | null => {
    for (const identity of identities) {
      const owner = ownerOf(identity);
      if (owner) {
        return owner;
      }
    }
    return null;
  };
  /** False: one of them is part of another decision already, and the next plan finds this one again. */
  const involve = (...ids: number[]): boolean => {
    const isFree = !ids.some((id) => involved.has(id));
    ids.forEach((id) => involved.add(id));
    return isFree;
  };
  const unite = (a: PlannedPerson, b: PlannedPerson, user: Identity | null): void => {
    if (!a.known || !b.known) {
      plan.isOpen = true;
    } else if (involve(a.known.id, b.known.id)) {
      plan.unions.push({ ids: [a.known.id, b.known.id], user });
    }
  };
  const release = (owner: PlannedPerson, identity: Identity): void => {
    // A contact that has its phone from this very batch keeps its user id: the first to say so is believed.
    if (owner.known?.phone && involve(owner.known.id)) {
      plan.releases.push({ contactId: owner.known.id, identity });
    }
  };

  const findByProof = (reading: Reading): PlannedPerson | null => {
    const { phone, user, parents } = reading;
    const byUser = ownerOf(user);
    if (byUser?.known && user && hasLeft(byUser.known, user.value) && phone && !isOpenTo(byUser, phone)) {
      return byUser;
    }
    const meant = reading.contactId === null ? null : ofContact(known.byId.get(reading.contactId));
    const byPhone = ownerOf(phone);
    let person = byPhone ?? meant;
    if (meant && byPhone && meant !== byPhone && isOpenTo(meant, phone)) {
      unite(meant, byPhone, user);
      person = meant;
    }
    if (person && byUser && user && person !== byUser) {
      if (person.phone === null || isOpenTo(byUser, phone ?? phoneIdentity(person.phone))) {
        unite(person, byUser, user);
      } else {
        release(byUser, user);
      }
    }
    if (person) {
      return person;
    }
    if (byUser && user) {
      if (!phone || isOpenTo(byUser, phone) || !rules.mayCreate) {
        return byUser;
      }
      release(byUser, user);
      return add(null);
    }
    const byParent = firstOwnerOf(parents);
    if (byParent && (!phone || isOpenTo(byParent, phone))) {
      return byParent;
    }
    return rules.mayCreate ? add(null) : null;
  };
  const find = (reading: Reading): PlannedPerson | null =>
    rules.isProof ? findByProof(reading) : (firstOwnerOf(identitiesOf(reading)) ?? add(null));

  const order = readings.map((reading, index) => ({ reading, index, identities: identitiesOf(reading) }));
  order.sort((a, b) => b.identities.length - a.identities.length || a.index - b.index);
  plan.ofInput = new Array<PlannedPerson | null>(readings.length).fill(null);
  for (const { reading, index, identities } of order) {
    const person = find(reading);
    plan.ofInput[index] = person;
    if (!person) {
      continue;
    }
    for (const identity of identities) {
      const isOthersPhone = rules.isProof && identity.kind === 'phone' && !isOpenTo(person, identity);
      if (!ownerOf(identity) && !isOthersPhone) {
        byIdentity.set(mapKey(identity), person);
        person.links.push(identity);
      }
      if (identity.kind === 'phone' && ownerOf(identity) === person) {
        person.phone ??= identity.value;
      }
    }
    person.name ||= reading.name;
    noteUsername(person, reading.username);
  }
  for (const person of plan.people) {
    if (!person.known) {
      // The strongest identity it was given by any input; every creator of this person arrives at the same.
      const strongest = person.links.find((link) => link.kind === 'phone') ?? person.links[0];
      person.identityKey = identityKeyOf(strongest as Identity);
    }
  }
  return plan;
}

/** May the person have this phone, beside or for want of another? */
function isOpenTo(person: PlannedPerson, phone: Identity | null): boolean {
  return person.phone === null || (phone !== null && isSameLine(person.phone, phone.value));
}

/** Did a change tell of the user id, and a later one of another? */
export function hasLeft({ identities }: KnownContact, userId: string): boolean {
  const users = identities.filter(({ kind }) => kind === 'user_id');
  const since = users.find(({ value }) => value === userId)?.told ?? null;
  return since !== null && users.some(({ told }) => (told ?? 0) > since);
}

function noteUsername(person: PlannedPerson, username: Identity | null): void {
  const has = (value: string): boolean =>
    person.known?.identities.some((identity) => identity.kind === 'username' && identity.value === value) ?? false;
  if (username && !has(username.value)) {
    person.username = username;
  }
}
