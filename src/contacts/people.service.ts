import { Injectable } from '@nestjs/common';
import type { PhoneNumber } from '../common/phone-number.js';
import type { Queryable, Tx } from '../database/database.js';
import { PeopleChanges } from './people-changes.js';
import { PeopleMerger } from './people-merger.js';
import { mapKey, readingOf, readingOfFact } from './people-plan.js';
import type { KnownContact, PlannedPerson, Reading } from './people-plan.js';
import { PeoplePorts, type Merge } from './people-ports.js';
import { PeopleSettler, type Settled } from './people-settler.js';
import { PeopleRepository } from './people.repository.js';
import { phoneIdentity, userIdentity, type AccountScope } from './person.js';
import type { EnsuredPerson, IdentityChange, Person, PersonFact, PersonInput } from './person.js';

/** Who is who: finds people by any identity Meta has for them, and creates each of them once. */
@Injectable()
export class PeopleService {
  constructor(
    private readonly repository: PeopleRepository,
    private readonly settler: PeopleSettler,
    private readonly merger: PeopleMerger,
    private readonly changes: PeopleChanges,
    private readonly ports: PeoplePorts,
  ) {}

  /**
   * Finds or creates the contact of each person: answers in the order and length of the input. A constant number of
   * statements for one person or a thousand (one, when all are known and nothing is new).
   *
   * - A person is found by phone first, then by user id, then by parent user id.
   * - What an input says beyond that is remembered: a free phone or user id goes to the person that was found; a username
   *   goes to whoever was last seen with it. `name` fills an empty one and never overwrites.
   * - When phone and user id belong to two different contacts, the phone's contact is the answer. With `isProof` (Meta says
   *   it, in an event) the two are merged if one has no phone, threads and all, and else the user id changes hands; the
   *   rules stand at `planPeople`. Without it nothing moves.
   * - Everybody becomes one of the account's people.
   * - Until the caller's transaction ends none of the contacts can be merged away or deleted.
   *
   * Two transactions that create the same person meet in the unique key of identities: the later one waits, lets go of
   * what it has, and finds the other's contact. Rows and keys are taken in order, so that two batches with the same people
   * do not wait for each other. A caller with several batches in one transaction may still meet a deadlock, and one that
   * waited for a contact which went meanwhile cannot go on: `Database.transaction` runs both again.
   */
  async ensure(
    tx: Tx,
    account: AccountScope,
    people: readonly PersonInput[],
    options: { isProof?: boolean } = {},
  ): Promise<EnsuredPerson[]> {
    if (people.length === 0) {
      return [];
    }
    const readings = people.map((person) => readingOf(person, account.portfolio));
    const settled = await this.settler.settle(tx, account, readings, {
      isProof: options.isProof ?? false,
      mayCreate: true,
    });
    return this.join(tx, account, settled, readings);
  }

  /**
   * What the address book has of contacts, as the account is answered it.
   * @param fields those that `isContactField` knows
   * @returns by contact, by field as it was asked for; fields without a value are left out
   */
  fieldsOf(
    q: Queryable,
    account: AccountScope,
    contactIds: readonly number[],
    fields: readonly string[],
  ): Promise<Map<number, Record<string, string>>> {
    return this.repository.readFields(q, account, contactIds, fields);
  }

  /**
   * Meta says that a person's phone or user id changed (system messages). In order of time, whatever the order given; what
   * was applied before, or is older than what is known, changes nothing. The rules stand at `PeopleChanges`.
   * @returns the contact of each change, as {@link ensure} does: the person after all of them
   */
  async applyIdentityChanges(
    tx: Tx,
    account: AccountScope,
    changes: readonly IdentityChange[],
  ): Promise<EnsuredPerson[]> {
    if (changes.length === 0) {
      return [];
    }
    const created = new Set<number>();
    const contactIds = new Array<number>(changes.length).fill(0);
    const order = changes.map((change, index) => ({ change, index }));
    order.sort((a, b) => a.change.at.getTime() - b.change.at.getTime());
    for (const { change, index } of order) {
      let applied = await this.changes.apply(tx, account, change);
      if (!applied) {
        // Nobody knew them: they begin under the new name, and the old one leads to them.
        const [person] = await this.ensure(tx, account, [named(change)], { isProof: true });
        if (person?.isNew) {
          created.add(person.contactId);
        }
        applied = await this.changes.apply(tx, account, change);
      }
      if (!applied) {
        throw new Error('A person whose identity changed was created and not found');
      }
      const { contactId, goneIds } = applied;
      contactIds.forEach((id, earlier) => {
        if (goneIds.includes(id)) {
          contactIds[earlier] = contactId;
        }
      });
      contactIds[index] = contactId;
    }
    const readings = contactIds.map(meaning);
    const settled = await this.settler.settle(tx, account, readings, { isProof: true, mayCreate: false });
    return this.join(tx, account, { ...settled, created }, readings);
  }

  /**
   * What statuses and answers tell of known contacts beside the phone: user ids, usernames, profile names. Never creates a
   * contact. One statement when nothing is new. Conflicts follow the rule of `isProof`, with these differences:
   *
   * - `phone`, if given, says of whom the rest is true when the phone is another contact's by now (a late status of a number
   *   that changed hands). It is remembered only as another spelling of the contact's own, or by a contact that has none.
   * - A fact of a contact that is gone is passed over, unless its phone or user id tells whom it is of.
   */
  async learn(tx: Tx, account: AccountScope, facts: readonly PersonFact[]): Promise<void> {
    if (facts.length > 0) {
      const readings = facts.map((fact) => readingOfFact(fact, account.portfolio));
      await this.settler.settle(tx, account, readings, { isProof: true, mayCreate: false });
    }
  }

  /**
   * Two contacts are one person: everything of `goneId` goes to `survivorId`, here and in every module that registered
   * itself with `PeoplePorts`. Merging again changes nothing.
   */
  merge(tx: Tx, act: Merge): Promise<void> {
    return this.merger.merge(tx, act);
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
   * (Brazil, Mexico). A phone that belongs to somebody stays theirs; a contact that is gone is passed over.
   */
  async linkPhones(q: Queryable, links: readonly { contactId: number; phone: PhoneNumber }[]): Promise<void> {
    if (links.length > 0) {
      await this.repository.linkPhones(q, links);
    }
  }

  /**
   * Flags people as blocked by the account, or as not blocked any more; they become its people. One account's block says
   * nothing of another's. Contacts that are gone are passed over. Those whose flag changed are told to `PeoplePorts.onBlock`.
   */
  async setBlocked(tx: Tx, accountId: number, contactIds: readonly number[], isBlocked: boolean): Promise<void> {
    if (contactIds.length === 0) {
      return;
    }
    const changed = await this.repository.setBlocked(tx, accountId, contactIds, isBlocked);
    await this.ports.block(
      tx,
      changed.map((contactId) => ({ accountId, contactId, isBlocked })),
    );
  }

  /** Makes those who are answered the account's people, and says who they are. */
  private async join(
    tx: Tx,
    account: AccountScope,
    { plan, ids, created }: Settled,
    readings: readonly Reading[],
  ): Promise<EnsuredPerson[]> {
    const answered = plan.ofInput.map((person) => {
      if (!person) {
        throw new Error('A person was asked for and none came');
      }
      return person;
    });
    const idOf = (person: PlannedPerson): number => ids.get(person) as number;
    const changed = [...new Set(answered)].filter(({ known, links }) => !known?.isLinked || links.length > 0);
    const optedOut =
      changed.length > 0 ? await this.repository.linkToAccount(tx, account.id, changed.map(idOf)) : new Set<number>();
    return answered.map((person, index) => ({
      ...toEnsured(person, idOf(person), readings[index]?.user?.value ?? null),
      optedOut: (person.known?.optedOut ?? false) || optedOut.has(idOf(person)),
      isNew: created.has(idOf(person)),
    }));
  }
}

/** A person under the name they have after a change; what is not said of it stays as it was. */
function named({ before, after }: IdentityChange): PersonInput {
  return {
    ...after,
    phone: after.phone ?? before.phone,
    userId: after.userId ?? before.userId ?? null,
    parentUserId: after.parentUserId ?? before.parentUserId ?? null,
    name: after.name ?? before.name ?? null,
  };
}

function meaning(contactId: number): Reading {
  return { contactId, phone: null, user: null, parents: [], username: null, name: '' };
}

function toPerson(contact: KnownContact): Person {
  return {
    contactId: contact.id,
    phone: contact.phone as PhoneNumber | null,
    userId: newestUserId(contact.identities),
    name: contact.name,
    optedOut: contact.optedOut,
    isBlocked: contact.isBlocked,
  };
}

function toEnsured(
  { known, phone, name, links }: PlannedPerson,
  contactId: number,
  givenUserId: string | null,
): Omit<EnsuredPerson, 'optedOut' | 'isNew'> {
  const identities = [...(known?.identities ?? []), ...links];
  const isOwn = identities.some(({ kind, value }) => kind === 'user_id' && value === givenUserId);
  return {
    contactId,
    phone: phone as PhoneNumber | null,
    userId: isOwn ? givenUserId : newestUserId(identities),
    name,
    isBlocked: known?.isBlocked ?? false,
    wasLinked: known?.isLinked ?? false,
  };
}

function newestUserId(identities: readonly { kind: string; value: string }[]): string | null {
  return identities.findLast((identity) => identity.kind === 'user_id')?.value ?? null;
}
