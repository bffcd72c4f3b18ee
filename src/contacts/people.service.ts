import { Injectable } from '@nestjs/common';
import type { PhoneNumber } from '../common/phone-number.js';
import type { Queryable, Tx } from '../database/database.js';
import { identitiesOf, mapKey, planPeople, type KnownContact, type PlannedPerson } from './people-plan.js';
import { PeopleRepository, type IdentityLink } from './people.repository.js';
import { userIdentity, phoneIdentity, type AccountScope, type Identity } from './person.js';
import type { EnsuredPerson, Person, PersonInput } from './person.js';

/**
 * Reads before we give up. One finds everybody who is known, and each further one means that somebody else committed one of
 * our people meanwhile.
 */
const MAX_ROUNDS = 25;

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
   * Two transactions that create the same person meet in the unique key of identities: the later one waits, lets go of
   * what it has, and finds the other's contact. Rows and keys are taken in order, so that two batches with the same people
   * do not wait for each other. A caller with several batches in one transaction may still meet a deadlock, which
   * `Database.transaction` runs again.
   */
  async ensure(tx: Tx, account: AccountScope, people: readonly PersonInput[]): Promise<EnsuredPerson[]> {
    if (people.length === 0) {
      return [];
    }
    const identities = distinct(people.flatMap((person) => identitiesOf(person, account.portfolio)));
    for (let round = 1; round <= MAX_ROUNDS; round += 1) {
      const known = await this.repository.find(tx, account, identities);
      const { people: planned, ofInput } = planPeople(people, account.portfolio, known);
      const ids = await this.settle(tx, planned);
      if (ids) {
        const unlinked = planned.filter((person) => !person.known?.isLinked);
        if (unlinked.length > 0) {
          const contactIds = unlinked.map((person) => ids.get(person) as number);
          await this.repository.linkToAccount(tx, account.id, contactIds);
        }
        return ofInput.map((person, index) =>
          toEnsured(person, ids.get(person) as number, (people[index] as PersonInput).userId ?? null),
        );
      }
    }
    throw new Error('The people of this batch changed hands faster than they could be read');
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
   * Writes who is new, which identity is whose, and what was empty; ids of all. Null when someone else was faster with any
   * of it: then nothing was written, and the next read sees theirs.
   */
  private async settle(tx: Tx, planned: readonly PlannedPerson[]): Promise<Map<PlannedPerson, number> | null> {
    const known = planned.filter((person) => person.known !== null);
    const missing = planned.filter((person) => person.known === null);
    const toFill = known.filter(hasNews);
    const toChange = known.filter((person) => person.links.length > 0 || person.username || hasNews(person));
    const ids = new Map(known.map((person) => [person, idOf(person)]));
    if (missing.length === 0 && toChange.length === 0) {
      return ids;
    }
    await this.repository.begin(tx);
    if (toChange.length > 0 && (await this.repository.lock(tx, toChange.map(idOf))) < toChange.length) {
      return this.repository.undo(tx);
    }
    if (planned.some((person) => person.links.length > 0)) {
      const created = await this.repository.create(
        tx,
        missing,
        planned.flatMap(({ known: contact, identityKey, links }) =>
          links.map((identity) => ({ contactId: contact?.id ?? null, identityKey, identity })),
        ),
      );
      if (!created) {
        return this.repository.undo(tx);
      }
      missing.forEach((person) => ids.set(person, created.get(person.identityKey) as number));
    }
    if (toFill.length > 0) {
      await this.repository.fill(
        tx,
        toFill.map((person) => ({ id: idOf(person), name: person.name, phone: person.phone })),
      );
    }
    await this.moveUsernames(tx, planned, ids);
    await this.repository.keep(tx);
    return ids;
  }

  /** Of two people with the same username in one batch the later one has it. */
  private async moveUsernames(
    tx: Tx,
    planned: readonly PlannedPerson[],
    ids: ReadonlyMap<PlannedPerson, number>,
  ): Promise<void> {
    const links = new Map<string, IdentityLink>();
    for (const person of planned) {
      if (person.username) {
        links.set(person.username.value, { contactId: ids.get(person) as number, identity: person.username });
      }
    }
    if (links.size > 0) {
      await this.repository.clearUsernames(tx, [...links.values()]);
      await this.repository.link(tx, [...links.values()]);
    }
  }
}

function idOf(person: PlannedPerson): number {
  return (person.known as KnownContact).id;
}

/** Is there something to put where the contact has nothing? */
function hasNews({ known, name, phone }: PlannedPerson): boolean {
  return (known?.name === '' && name !== '') || (known?.phone === null && phone !== null);
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

function toEnsured(person: PlannedPerson, contactId: number, givenUserId: string | null): EnsuredPerson {
  const { known, phone, name, links } = person;
  const identities = [...(known?.identities ?? []), ...links];
  const isOwn = identities.some(({ kind, value }) => kind === 'user_id' && value === givenUserId);
  return {
    contactId,
    phone: phone as PhoneNumber | null,
    userId: isOwn ? givenUserId : newestUserId(identities),
    name,
    optedOut: known?.optedOut ?? false,
    isNew: known === null,
    wasLinked: known?.isLinked ?? false,
  };
}

function newestUserId(identities: readonly { kind: string; value: string }[]): string | null {
  return identities.findLast((identity) => identity.kind === 'user_id')?.value ?? null;
}
