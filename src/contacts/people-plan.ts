import { identityKeyOf, phoneIdentity, userIdentity, type Identity, type PersonInput } from './person.js';

/** A contact that some identity of the batch belongs to. */
export interface KnownContact {
  id: number;
  phone: string | null;
  name: string;
  optedOut: boolean;
  /** Belongs to the account's people. */
  isLinked: boolean;
  /** User ids and usernames within the account's portfolio, the oldest first. */
  identities: { kind: string; value: string }[];
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

/** What a batch means: the person of each input, in the order of the inputs. */
export interface PeoplePlan {
  people: PlannedPerson[];
  ofInput: PlannedPerson[];
}

/** How an identity is found in a map. */
export function mapKey(identity: Identity): string {
  return `${identity.kind}\n${identity.scope}\n${identity.value}`;
}

/**
 * The identities a person is found by, the strongest first: phone, user id, parent user id.
 * @throws when the input names none, which is a bug of the caller
 */
export function identitiesOf(input: PersonInput, portfolio: string): Identity[] {
  const { phone, userId, parentUserId } = input;
  const identities = [
    ...(phone ? [phoneIdentity(phone)] : []),
    ...(userId ? [userIdentity(portfolio, userId)] : []),
    ...(parentUserId ? [{ kind: 'parent_user_id' as const, scope: portfolio, value: parentUserId }] : []),
  ];
  if (identities.length === 0) {
    throw new Error('A person needs a phone or a user id');
  }
  return identities;
}

/**
 * Decides, without asking anyone, who each input is. An input belongs to the first of its identities that somebody has;
 * its other identities go to the same person unless they are somebody else's. Inputs that say more are read first, so
 * that the order within a batch does not matter.
 * @param known contacts by {@link mapKey} of the identities that have one
 */
export function planPeople(
  inputs: readonly PersonInput[],
  portfolio: string,
  known: ReadonlyMap<string, KnownContact>,
): PeoplePlan {
  const people: PlannedPerson[] = [];
  const byContact = new Map<number, PlannedPerson>();
  const byIdentity = new Map<string, PlannedPerson>();

  const add = (contact: KnownContact | null): PlannedPerson => {
    const { phone = null, name = '' } = contact ?? {};
    const person: PlannedPerson = { known: contact, identityKey: '', phone, name, links: [], username: null };
    people.push(person);
    return person;
  };
  const ownerOf = (identity: Identity): PlannedPerson | undefined => {
    const contact = known.get(mapKey(identity));
    return contact ? byContact.get(contact.id) : byIdentity.get(mapKey(identity));
  };
  const find = (identities: readonly Identity[]): PlannedPerson => {
    for (const identity of identities) {
      const contact = known.get(mapKey(identity));
      const owner = ownerOf(identity) ?? (contact && add(contact));
      if (owner) {
        return owner;
      }
    }
    return add(null);
  };

  const read = inputs.map((input, index) => ({ input, index, identities: identitiesOf(input, portfolio) }));
  read.sort((a, b) => b.identities.length - a.identities.length || a.index - b.index);
  const ofInput = new Array<PlannedPerson>(inputs.length);
  for (const { input, index, identities } of read) {
    const person = find(identities);
    if (person.known) {
      byContact.set(person.known.id, person);
    }
    for (const identity of identities) {
      if (!known.has(mapKey(identity)) && !byIdentity.has(mapKey(identity))) {
        byIdentity.set(mapKey(identity), person);
        person.links.push(identity);
      }
      if (identity.kind === 'phone' && ownerOf(identity) === person) {
        person.phone ??= identity.value;
      }
    }
    person.name ||= input.name ?? '';
    noteUsername(person, input.username, portfolio);
    ofInput[index] = person;
  }
  for (const person of people) {
    if (!person.known) {
      // The strongest identity it was given by any input; every creator of this person arrives at the same.
      const strongest = person.links.find((link) => link.kind === 'phone') ?? person.links[0];
      person.identityKey = identityKeyOf(strongest as Identity);
    }
  }
  return { people, ofInput };
}

function noteUsername(person: PlannedPerson, username: string | null | undefined, portfolio: string): void {
  const has = (value: string): boolean =>
    person.known?.identities.some((identity) => identity.kind === 'username' && identity.value === value) ?? false;
  if (username && !has(username)) {
    person.username = { kind: 'username', scope: portfolio, value: username };
  }
}
