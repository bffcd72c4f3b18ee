import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { mergeContacts, survivorOf, type MergedContact } from './people-merge.js';
import { PeopleMergeRepository } from './people-merge.repository.js';
import { PeoplePorts, type Merge } from './people-ports.js';
import type { Identity } from './person.js';

/** Makes one contact of two, with all that anybody keeps of them. */
@Injectable()
export class PeopleMerger {
  constructor(
    private readonly repository: PeopleMergeRepository,
    private readonly ports: PeoplePorts,
  ) {}

  /**
   * Locks contacts, in the order of their ids. Everybody who writes for a contact holds it (`PeopleService.ensure`, and every
   * foreign key to it), so that after this nobody has anything unfinished that belongs to one of them.
   * @returns those that are still there
   */
  async lock(tx: Tx, contactIds: readonly number[]): Promise<Set<number>> {
    return new Set((await this.repository.lock(tx, contactIds)).keys());
  }

  /** Everything of the one goes to the other. Who is gone already was merged before: then nothing happens. */
  async merge(tx: Tx, act: Merge): Promise<void> {
    const contacts = await this.repository.lock(tx, [act.survivorId, act.goneId]);
    const survivor = contacts.get(act.survivorId);
    const gone = contacts.get(act.goneId);
    if (!survivor || act.survivorId === act.goneId) {
      throw new Error(`Contact ${act.goneId} cannot become one with ${act.survivorId}`);
    }
    if (gone) {
      await this.unify(tx, survivor, gone);
    }
  }

  /** As {@link merge}, of two that are there and locked; which of them stays is decided here. @returns who went where */
  async unite(tx: Tx, [first, second]: readonly [number, number], user: Identity | null): Promise<Merge> {
    const contacts = await this.repository.lock(tx, [first, second]);
    const [a, b] = [contacts.get(first), contacts.get(second)];
    if (!a || !b) {
      throw new Error(`One of the contacts ${first} and ${second} is gone while it was locked`);
    }
    const { survivor, gone } = survivorOf(a, b, await this.ports.acquaintances(tx, [first, second]));
    await this.unify(tx, survivor, gone);
    if (user) {
      await this.repository.makeNewest(tx, survivor.id, user);
    }
    return { survivorId: survivor.id, goneId: gone.id };
  }

  /** The identity is nobody's from now on. The contact is locked and has others. */
  async release(tx: Tx, contactId: number, identity: Identity): Promise<void> {
    await this.repository.take(tx, contactId, identity);
    await this.repository.renewKey(tx, contactId);
  }

  private async unify(tx: Tx, survivor: MergedContact, gone: MergedContact): Promise<void> {
    const act = { survivorId: survivor.id, goneId: gone.id };
    const blockedBy = await this.repository.moveBelongings(tx, act);
    if (gone.phone !== null) {
      // It is unique, and may be the survivor's now.
      await this.repository.setPhone(tx, gone.id, null);
    }
    await this.repository.write(tx, mergeContacts(survivor, gone));
    await this.ports.merge(tx, act);
    await this.ports.block(
      tx,
      blockedBy.map((accountId) => ({ accountId, contactId: survivor.id, isBlocked: true })),
    );
    await this.repository.remove(tx, gone.id);
  }
}
