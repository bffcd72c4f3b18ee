import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { dateOf, isOutdated, leftPhones, namesOf, newestTold, whoChanged } from './people-changes-plan.js';
import type { Candidate, ChangedNames, Holder } from './people-changes-plan.js';
import { PeopleMergeRepository } from './people-merge.repository.js';
import { PeopleMerger } from './people-merger.js';
import { hasLeft, mapKey, type KnownContact } from './people-plan.js';
import { PeoplePorts } from './people-ports.js';
import { PeopleRepository } from './people.repository.js';
import type { AccountScope, Identity, IdentityChange } from './person.js';

/** Reads before we give up; each further one means that somebody else changed the same people meanwhile. */
const MAX_ROUNDS = 25;
const SECOND_MS = 1_000;

/** A change that was applied. */
export interface AppliedChange {
  contactId: number;
  /** Contacts that turned out to be the same person and were merged into that one. */
  goneIds: number[];
}

/**
 * People who take another phone or user id.
 *
 * - The person is found by the old names and has the new ones from then on. Whoever has the new phone already is the same
 *   person: the two become one, threads and all.
 * - The old phone is the person's no more: numbers are given to somebody else after a while, and a stranger who writes from
 *   it must not land in this person's thread. That there was such a phone stands in the thread, in Meta's own message. A
 *   message that was under way comes with the old user id, which finds the person. A campaign whose list still has the old
 *   number writes to the old number, as the list says, and makes a contact for whoever has it.
 * - Old user ids stay: Meta never gives them to anybody else.
 * - Names that a change told of carry its time, by the second, as since when they are the person's. So a change that comes
 *   again, or later than the next one, is known to be old: it merges what it proves to be one person and takes nothing back.
 */
@Injectable()
export class PeopleChanges {
  constructor(
    private readonly people: PeopleRepository,
    private readonly repository: PeopleMergeRepository,
    private readonly merger: PeopleMerger,
    private readonly ports: PeoplePorts,
  ) {}

  /** @returns null when nobody knows the person, under the old names or the new ones */
  async apply(tx: Tx, account: AccountScope, change: IdentityChange): Promise<AppliedChange | null> {
    const names = namesOf(change, account.portfolio);
    const { oldPhone, newPhone, oldUser, newUser, parents } = names;
    const identities = [oldPhone, newPhone, oldUser, newUser, ...parents].filter((one) => one !== null);
    for (let round = 1; round <= MAX_ROUNDS; round += 1) {
      const owners = await this.people.find(tx, account, identities);
      const ids = [...new Set([...owners.values()].map(({ id }) => id))];
      if (ids.length === 0) {
        return null;
      }
      await this.people.begin(tx);
      const locked = await this.merger.lock(tx, ids);
      const now = await this.people.find(tx, account, identities);
      const isCertain = [...now.values()].every(({ id }) => locked.has(id));
      const applied = isCertain ? await this.applyTo(tx, account, names, now) : 'again';
      if (applied !== 'again') {
        await this.people.keep(tx);
        return applied;
      }
      await this.people.undo(tx);
    }
    throw new Error('A person whose identity changed changed hands faster than they could be read');
  }

  /** All contacts involved are locked. @returns `again` when somebody else took one of the new names just now */
  private async applyTo(
    tx: Tx,
    account: AccountScope,
    names: ChangedNames,
    owners: ReadonlyMap<string, KnownContact>,
  ): Promise<AppliedChange | null | 'again'> {
    const proof = names.newUser ?? names.newPhone;
    const present = names.oldUser ? null : proof && owners.get(mapKey(proof));
    if (proof && present && (await this.repository.isSince(tx, proof, names.at))) {
      // Applied before. Without the old user id only the old phone tells who it was, and that may be somebody else's by now.
      return { contactId: present.id, goneIds: [] };
    }
    const { ids, wrongOwnerId } = await this.decide(tx, names, owners);
    const [firstId] = ids;
    if (firstId === undefined) {
      return null;
    }
    if (wrongOwnerId !== null && names.newUser) {
      await this.merger.release(tx, wrongOwnerId, names.newUser);
    }
    const person: AppliedChange = { contactId: firstId, goneIds: [] };
    await this.unite(tx, person, ids);
    let holder = await this.holderOf(tx, account, person.contactId);
    const isCurrent = !isOutdated(names, holder);
    const newPhoneOwner = names.newPhone && owners.get(mapKey(names.newPhone));
    if (isCurrent && takesPhone(names, holder) && newPhoneOwner && !person.goneIds.includes(newPhoneOwner.id)) {
      await this.unite(tx, person, [newPhoneOwner.id]);
      holder = await this.holderOf(tx, account, person.contactId);
    }
    const isGiven =
      (await this.giveUsers(tx, person.contactId, names, holder)) &&
      (!isCurrent || (await this.givePhone(tx, person.contactId, names, holder)));
    if (!isGiven) {
      return 'again';
    }
    await this.finish(tx, account, person.contactId, names, isCurrent);
    return person;
  }

  private async unite(tx: Tx, person: AppliedChange, ids: readonly number[]): Promise<void> {
    for (const id of ids) {
      if (id !== person.contactId) {
        const { survivorId, goneId } = await this.merger.unite(tx, [person.contactId, id], null);
        person.contactId = survivorId;
        person.goneIds.push(goneId);
      }
    }
  }

  private async decide(
    tx: Tx,
    names: ChangedNames,
    owners: ReadonlyMap<string, KnownContact>,
  ): Promise<ReturnType<typeof whoChanged>> {
    const contactIds = [...owners.values()].map(({ id }) => id);
    const acquaintances = await this.ports.acquaintances(tx, [...new Set(contactIds)]);
    const ownerOf = (identity: Identity | null): Candidate | null => {
      const contact = identity && owners.get(mapKey(identity));
      if (!contact) {
        return null;
      }
      const { id, phone } = contact;
      const lastInboundAt = acquaintances.get(id)?.lastInboundAt?.getTime() ?? 0;
      return {
        id,
        phone,
        hasLeftNewUser: names.newUser !== null && hasLeft(contact, names.newUser.value),
        // What was written within the second of the change may have been written before it.
        hasWrittenSince: lastInboundAt >= names.at.getTime() + SECOND_MS,
      };
    };
    return whoChanged(names, {
      oldPhone: ownerOf(names.oldPhone),
      newPhone: ownerOf(names.newPhone),
      oldUser: ownerOf(names.oldUser),
      newUser: ownerOf(names.newUser),
      parent: names.parents.map(ownerOf).find((owner) => owner !== null) ?? null,
    });
  }

  /** The user ids of the change, dated by it, and parent ids that nobody has. @returns false when somebody took one */
  private async giveUsers(tx: Tx, contactId: number, names: ChangedNames, { users }: Holder): Promise<boolean> {
    const { oldUser, newUser, parents, at } = names;
    for (const user of [oldUser, newUser]) {
      const held = users.find(({ value }) => value === user?.value);
      const since = dateOf(user === newUser, at, held);
      if (!user || !since) {
        continue;
      }
      if (held) {
        await this.repository.date(tx, contactId, user, since);
      } else if (!(await this.repository.give(tx, contactId, user, since))) {
        return false;
      }
    }
    for (const parent of parents) {
      await this.repository.give(tx, contactId, parent, at);
    }
    return true;
  }

  /** The new phone. @returns false when somebody took it */
  private async givePhone(tx: Tx, contactId: number, names: ChangedNames, holder: Holder): Promise<boolean> {
    const { newPhone, at } = names;
    if (!newPhone || !takesPhone(names, holder)) {
      return true;
    }
    if (holder.phones.some(({ value }) => value === newPhone.value)) {
      await this.repository.date(tx, contactId, newPhone, at);
    } else if (!(await this.repository.give(tx, contactId, newPhone, at))) {
      return false;
    }
    if (holder.phone !== newPhone.value) {
      await this.repository.setPhone(tx, contactId, newPhone.value);
    }
    return true;
  }

  /** The old phone goes, the present user id is the newest, and the contact goes by what it still has. */
  private async finish(
    tx: Tx,
    account: AccountScope,
    contactId: number,
    names: ChangedNames,
    isCurrent: boolean,
  ): Promise<void> {
    const holder = await this.holderOf(tx, account, contactId);
    const left = leftPhones(names, holder);
    for (const value of left) {
      await this.repository.take(tx, contactId, { kind: 'phone', scope: '', value });
    }
    if (holder.phone !== null && left.includes(holder.phone)) {
      const rest = holder.phones.filter(({ value }) => !left.includes(value));
      await this.repository.setPhone(tx, contactId, newestTold(rest) ?? rest.at(-1)?.value ?? null);
    }
    const newest = isCurrent ? (names.newUser?.value ?? null) : newestTold(holder.users);
    if (newest !== null) {
      await this.repository.makeNewest(tx, contactId, { kind: 'user_id', scope: account.portfolio, value: newest });
    }
    await this.repository.renewKey(tx, contactId);
  }

  private async holderOf(tx: Tx, account: AccountScope, contactId: number): Promise<Holder> {
    const contact = (await this.repository.lock(tx, [contactId])).get(contactId);
    const identities = await this.repository.identitiesOf(tx, contactId);
    return {
      phone: contact?.phone ?? null,
      phones: identities.filter(({ kind }) => kind === 'phone'),
      users: identities.filter(({ kind, scope }) => kind === 'user_id' && scope === account.portfolio),
    };
  }
}

/** When only the user id changed, the phone beside it is no news for a person who has another by now. */
function takesPhone({ newPhone, isOtherPhone }: ChangedNames, { phone }: Holder): boolean {
  return isOtherPhone || phone === null || phone === newPhone?.value;
}
