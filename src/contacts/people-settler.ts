import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { PeopleMerger } from './people-merger.js';
import { planPeople } from './people-plan.js';
import type { KnownContact, KnownPeople, PeoplePlan, PlannedPerson, PlanRules, Reading } from './people-plan.js';
import { PeopleRepository, type IdentityLink } from './people.repository.js';
import type { AccountScope } from './person.js';

/**
 * Reads before we give up. One finds everybody who is known, and each further one means that somebody else committed one of
 * our people meanwhile, or that two of them became one.
 */
const MAX_ROUNDS = 25;

/** A plan that was carried out. */
export interface Settled {
  plan: PeoplePlan;
  ids: ReadonlyMap<PlannedPerson, number>;
  /** Contacts that came to be on the way. */
  created: ReadonlySet<number>;
}

/** Carries out what {@link planPeople} plans, beside others who do the same with the same people. */
@Injectable()
export class PeopleSettler {
  constructor(
    private readonly repository: PeopleRepository,
    private readonly merger: PeopleMerger,
  ) {}

  /** Reads, decides and writes, until all that the readings say is true. */
  async settle(tx: Tx, account: AccountScope, readings: readonly Reading[], rules: PlanRules): Promise<Settled> {
    const created = new Set<number>();
    for (let round = 1; round <= MAX_ROUNDS; round += 1) {
      const known: KnownPeople & { isHeld?: boolean } = rules.mayCreate
        ? await this.repository.readAndHold(tx, account, readings, rules.isProof)
        : await this.repository.read(tx, account, readings);
      const plan = planPeople(readings, known, rules);
      const mustDecide = plan.unions.length + plan.releases.length > 0;
      const settled = mustDecide
        ? await this.decide(tx, account, readings, rules, known, created)
        : await this.write(tx, plan, rules.mayCreate && !known.isHeld, created);
      if (settled && !settled.plan.isOpen) {
        return settled;
      }
    }
    throw new Error('The people of this batch changed hands faster than they could be read');
  }

  /**
   * Merges people and moves user ids, and settles what is left then. Everybody who is known is locked first, in order, and
   * none was held before. Where somebody else comes in between, all of it is undone and nothing stays locked: a lock that is
   * taken after others are held may be waited for in a circle.
   * @returns null when it was undone
   */
  private async decide(
    tx: Tx,
    account: AccountScope,
    readings: readonly Reading[],
    rules: PlanRules,
    known: KnownPeople,
    createdBefore: ReadonlySet<number>,
  ): Promise<Settled | null> {
    const created = new Set(createdBefore);
    await this.repository.begin(tx);
    const locked = await this.merger.lock(tx, [...known.byId.keys()]);
    // Ends: of people who are united fewer are left each time, and then all is written.
    for (;;) {
      const now = await this.repository.read(tx, account, readings);
      if ([...now.byId.keys()].some((id) => !locked.has(id) && !created.has(id))) {
        break;
      }
      const plan = planPeople(readings, now, rules);
      for (const { ids, user } of plan.unions) {
        await this.merger.unite(tx, ids, user);
      }
      for (const { contactId, identity } of plan.releases) {
        await this.merger.release(tx, contactId, identity);
      }
      if (plan.unions.length + plan.releases.length > 0) {
        continue;
      }
      const settled = await this.write(tx, plan, false, created);
      if (!settled) {
        break;
      }
      if (!plan.isOpen) {
        await this.repository.keep(tx);
        return settled;
      }
    }
    return this.repository.undo(tx);
  }

  /**
   * Writes who is new, which identity is whose, and what was empty. Null when someone else was faster with any of it: then
   * nothing was written, and the next read sees theirs.
   * @param mustHold the contacts that are answered are not held yet
   * @param created gets the contacts that came to be
   */
  private async write(tx: Tx, plan: PeoplePlan, mustHold: boolean, created: Set<number>): Promise<Settled | null> {
    const planned = plan.people;
    const known = planned.filter((person) => person.known !== null);
    const missing = planned.filter((person) => person.known === null);
    const toFill = known.filter(hasNews);
    const toChange = known.filter((person) => person.links.length > 0 || person.username || hasNews(person));
    const toHold = mustHold ? known : [];
    const ids = new Map(known.map((person) => [person, idOf(person)]));
    if (missing.length + toChange.length + toHold.length === 0) {
      return { plan, ids, created };
    }
    await this.repository.begin(tx);
    if (toHold.length > 0 && (await this.repository.hold(tx, toHold.map(idOf))) < toHold.length) {
      return this.repository.undo(tx);
    }
    if (toChange.length > 0 && (await this.repository.lock(tx, toChange.map(idOf))) < toChange.length) {
      return this.repository.undo(tx);
    }
    if (planned.some((person) => person.links.length > 0)) {
      const idsByKey = await this.repository.create(
        tx,
        missing,
        planned.flatMap(({ known: contact, identityKey, links }) =>
          links.map((identity) => ({ contactId: contact?.id ?? null, identityKey, identity })),
        ),
      );
      if (!idsByKey) {
        return this.repository.undo(tx);
      }
      missing.forEach((person) => ids.set(person, idsByKey.get(person.identityKey) as number));
    }
    if (toFill.length > 0) {
      await this.repository.fill(
        tx,
        toFill.map((person) => ({ id: idOf(person), name: person.name, phone: person.phone })),
      );
    }
    await this.moveUsernames(tx, planned, ids);
    await this.repository.keep(tx);
    missing.forEach((person) => created.add(ids.get(person) as number));
    return { plan, ids, created };
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
