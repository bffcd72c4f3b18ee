import { Injectable } from '@nestjs/common';
import type { PhoneNumber } from '../common/phone-number.js';
import type { Queryable, Tx } from '../database/database.js';
import { identitiesOf, mapKey, planPeople, type KnownContact, type PlannedPerson } from './people-plan.js';
import { PeopleRepository, type IdentityLink } from './people.repository.js';
import { userIdentity, phoneIdentity, type AccountScope, type Identity } from './person.js';
import type { EnsuredPerson, Person, PersonInput } from './person.js';

/**
 * Reads before we give up. One finds everybody; a second one is needed when someone else created one of them meanwhile, and
 * a third when two others did, one after the other.
 */
const MAX_ROUNDS = 5;

/** Who is who: finds people by any identity Meta has for them, and creates each of them once. */
@Injectable()
export class PeopleService {
  constructor(private readonly repository: PeopleRepository) {}

  /**
   * Finds or creates the contact of each person: answers in the order and length of the input. A constant number of
   * statements for one person or a thousand (one, when all are known and nothing is new).
   *
   * - A person is found by phone first, then by user id, then by parent user id.
   * - What an input says beyond that is remembered: a free phone or user id goes to the person that was found; a username
   *   goes to whoever was last seen with it. `name` fills an empty one and never overwrites.
   * - When phone and user id belong to two different contacts, the phone's contact is the answer and nothing changes:
   *   merging two contacts, with their threads, is not done here.
   * - Everybody becomes one of the account's people.
   *
   * Two transactions that create the same person meet in unique keys: the later one waits and finds the other's contact.
   * Keys are taken in order; the rare deadlock left (two batches in one transaction) is for {@link Tx}'s owner to retry,
   * as `Database.transaction` does.
   */
  async ensure(tx: Tx, account: AccountScope, people: readonly PersonInput[]): Promise<EnsuredPerson[]> {
    if (people.length === 0) {
      return [];
    }
    const identities = distinct(people.flatMap((person) => identitiesOf(person, account.portfolio)));
    const created = new Set<number>();
    for (let round = 1; round <= MAX_ROUNDS; round += 1) {
      const known = await this.repository.find(tx, account, identities);
      const { people: planned, ofInput } = planPeople(people, account.portfolio, known);
      const ids = await this.settle(tx, planned, created);
      if (!ids) {
        continue;
      }
      await this.remember(tx, account, planned, ids);
      return ofInput.map((person, index) =>
        toEnsured(person, ids.get(person) as number, created, (people[index] as PersonInput).userId ?? null),
      );
    }
    throw new Error('The people of this batch could not be told apart: a contact lacks its identities');
  }

  /** The person at this address, as the account knows them, or null. Creates nothing. */
  async findByAddress(
    q: Queryable,
    account: AccountScope,
    address: { phone: PhoneNumber } | { userId: string },
  ): Promise<Person | null> {
    const identity =
      'phone' in address ? phoneIdentity(address.phone) : userIdentity(account.portfolio, address.userId);
    const contact = (await this.repository.find(q, account, [identity])).get(mapKey(identity));
    return contact ? toPerson(contact) : null;
  }

  /**
   * Remembers that these phones too are these people's: Meta's `wa_id` may differ from the number that was written to
   * (Brazil, Mexico). A phone that belongs to somebody stays theirs.
   */
  async linkPhones(q: Queryable, links: readonly { contactId: number; phone: PhoneNumber }[]): Promise<void> {
    if (links.length > 0) {
      await this.repository.linkPhones(q, links);
    }
  }

  /**
   * Writes who is new and which identity is whose. Null when someone else was faster with any of it: then nothing of ours
   * that lost is left, and the next read sees theirs.
   */
  private async settle(
    tx: Tx,
    planned: readonly PlannedPerson[],
    created: Set<number>,
  ): Promise<Map<PlannedPerson, number> | null> {
    const ids = new Map(planned.flatMap((person) => (person.known ? [[person, person.known.id] as const] : [])));
    const missing = planned.filter((person) => !person.known);
    if (missing.length > 0) {
      const added = await this.repository.create(tx, missing);
      for (const person of missing) {
        const id = added.get(person.identityKey);
        if (id !== undefined) {
          ids.set(person, id);
          created.add(id);
        }
      }
    }
    const links = planned.flatMap((person) => linksOf(person, ids.get(person)));
    const linked = links.length > 0 ? await this.repository.link(tx, links) : new Set<string>();
    const lost = links.filter((link) => !linked.has(mapKey(link.identity)));
    const stillborn = [...new Set(lost.map((link) => link.contactId))].filter((id) => created.has(id));
    if (stillborn.length > 0) {
      await this.repository.remove(tx, stillborn);
      stillborn.forEach((id) => created.delete(id));
    }
    return lost.length === 0 && ids.size === planned.length ? ids : null;
  }

  /** What is left to write once it is clear who everybody is. */
  private async remember(
    tx: Tx,
    account: AccountScope,
    planned: readonly PlannedPerson[],
    ids: ReadonlyMap<PlannedPerson, number>,
  ): Promise<void> {
    const idOf = (person: PlannedPerson): number => ids.get(person) as number;
    const toFill = planned.filter(
      ({ known, name, phone }) =>
        known && ((known.name === '' && name !== '') || (known.phone === null && phone !== null)),
    );
    if (toFill.length > 0) {
      await this.repository.fill(
        tx,
        toFill.map((person) => ({ id: idOf(person), name: person.name, phone: person.phone })),
      );
    }
    // Of two people with the same username in one batch the later one has it.
    const usernames = new Map<string, IdentityLink>();
    for (const person of planned) {
      if (person.username) {
        usernames.set(person.username.value, { contactId: idOf(person), identity: person.username });
      }
    }
    if (usernames.size > 0) {
      await this.repository.clearUsernames(tx, [...usernames.values()]);
      await this.repository.link(tx, [...usernames.values()]);
    }
    const unlinked = planned.filter((person) => !person.known?.isLinked).map(idOf);
    if (unlinked.length > 0) {
      await this.repository.linkToAccount(tx, account.id, unlinked);
    }
  }
}

function linksOf(person: PlannedPerson, contactId: number | undefined): IdentityLink[] {
  return contactId === undefined ? [] : person.links.map((identity) => ({ contactId, identity }));
}

function distinct(identities: readonly Identity[]): Identity[] {
  return [...new Map(identities.map((identity) => [mapKey(identity), identity])).values()];
}

function toPerson(contact: KnownContact): Person {
  return {
    contactId: contact.id,
    phone: contact.phone as PhoneNumber | null,
    userId: newestUserId(contact.identities),
    name: contact.name,
    optedOut: contact.optedOut,
  };
}

function toEnsured(
  person: PlannedPerson,
  contactId: number,
  created: ReadonlySet<number>,
  givenUserId: string | null,
): EnsuredPerson {
  const identities = [...(person.known?.identities ?? []), ...person.links];
  const isOwn =
    givenUserId !== null && identities.some(({ kind, value }) => kind === 'user_id' && value === givenUserId);
  return {
    contactId,
    phone: person.phone as PhoneNumber | null,
    userId: isOwn ? givenUserId : newestUserId(identities),
    name: person.name,
    optedOut: person.known?.optedOut ?? false,
    isNew: created.has(contactId),
    wasLinked: (person.known?.isLinked ?? false) && !created.has(contactId),
  };
}

function newestUserId(identities: readonly { kind: string; value: string }[]): string | null {
  return identities.findLast((identity) => identity.kind === 'user_id')?.value ?? null;
}
