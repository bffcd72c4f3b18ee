import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { ConsentService, type ConsentChange } from '../contacts/consent.service.js';
import { PeopleService } from '../contacts/people.service.js';
import type { EnsuredPerson } from '../contacts/person.js';
import { SubscriptionsService } from '../contacts/subscriptions.service.js';
import type { Tx } from '../database/database.js';
import { Outbox, type OutboxEvent } from '../outbox/outbox.js';
import type { SignupFact } from './signup-events.js';
import { SignupsRepository, type LockedSignup } from './signups.repository.js';
import { SubscribersRepository, type Arrival } from './subscribers.repository.js';

/** How consent was given. */
const SOURCE = 'signup';

/** A fact, the row of the account that heard it, and who it is of. */
interface Attendance {
  fact: SignupFact;
  rowId: number;
  person: EnsuredPerson;
}

/** One person and one signup of Meta's, with all rows in which they count. */
interface Subscribing {
  /** Tells for the others: that of the number they came through, else the oldest. */
  told: Attendance;
  /** By row. */
  arrivals: Map<number, Arrival>;
}

/**
 * People subscribe. A signup belongs to the WABA, so a subscription counts in the row of every account of the WABA that has
 * one, through whatever number it came; when none has, the account it came through gets a row, which the next sync completes.
 */
@Injectable()
export class SubscribingService {
  constructor(
    private readonly signups: SignupsRepository,
    private readonly subscribers: SubscribersRepository,
    private readonly people: PeopleService,
    private readonly subscriptions: SubscriptionsService,
    private readonly consent: ConsentService,
    private readonly outbox: Outbox,
  ) {}

  /**
   * Applies what Meta told, any number of times and in any order: each person counts once in each row, gets the label once,
   * and is told of once. In a constant number of statements per account. Locks contacts, then signups, by their ids.
   */
  async apply(tx: Tx, facts: readonly SignupFact[]): Promise<void> {
    if (facts.length === 0) {
      return;
    }
    const attendances = await this.attend(tx, facts);
    const contactIds = [...new Set(attendances.map(({ person }) => person.contactId))];
    await this.subscriptions.lock(tx, contactIds);
    const rowIds = [...new Set(attendances.map(({ rowId }) => rowId))];
    const rows = new Map((await this.signups.lock(tx, rowIds)).map((row) => [row.id, row]));
    const subscribings = gather(attendances, rows);
    const newcomers = await this.count(tx, subscribings);
    const announced = await this.agree(tx, subscribings, newcomers, rows);
    await this.subscriptions.note(tx, await this.subscribers.newest(tx, contactIds));
    await this.outbox.append(
      tx,
      subscribings
        .filter((subscribing) => isNewEverywhere(subscribing, newcomers) && !announced.has(subscribing))
        .map((subscribing) => toEvent(subscribing, rows)),
    );
  }

  /** Finds or makes the rows and the people. */
  private async attend(tx: Tx, facts: readonly SignupFact[]): Promise<Attendance[]> {
    const rowIds = await this.rowsFor(tx, facts);
    const byAccount = new Map<number, { account: Account; facts: SignupFact[] }>();
    for (const fact of facts) {
      if (rowIds.has(keyOf(fact.account.id, fact.signupId))) {
        const group = byAccount.get(fact.account.id) ?? { account: fact.account, facts: [] };
        group.facts.push(fact);
        byAccount.set(fact.account.id, group);
      }
    }
    const attendances: Attendance[] = [];
    for (const { account, facts: own } of [...byAccount.values()].sort((a, b) => a.account.id - b.account.id)) {
      const people = await this.people.ensure(
        tx,
        account,
        own.map((fact) => fact.person),
        { isProof: true },
      );
      own.forEach((fact, index) => {
        const rowId = rowIds.get(keyOf(account.id, fact.signupId)) as number;
        attendances.push({ fact, rowId, person: people[index] as EnsuredPerson });
      });
    }
    return attendances;
  }

  private async rowsFor(tx: Tx, facts: readonly SignupFact[]): Promise<Map<string, number>> {
    const accountIds = [...new Set(facts.map(({ account }) => account.id))];
    const signupIds = [...new Set(facts.map(({ signupId }) => signupId))];
    const find = async (): Promise<Map<string, number>> =>
      new Map(
        (await this.signups.findByMetaId(tx, accountIds, signupIds)).map((row) => [
          keyOf(row.accountId, row.signupId),
          row.id,
        ]),
      );
    const missingIn = (known: ReadonlyMap<string, number>): { accountId: number; signupId: string }[] =>
      signupIds.flatMap((signupId) => {
        const heard = facts.filter((fact) => fact.signupId === signupId);
        const isKnown = heard.some(({ account }) => known.has(keyOf(account.id, signupId)));
        return isKnown ? [] : [{ accountId: foremost(heard).account.id, signupId }];
      });
    const known = await find();
    const unknown = missingIn(known);
    if (unknown.length === 0) {
      return known;
    }
    // Two numbers of a WABA may hear of it at once: only one of them makes a row.
    await this.signups.holdNames(
      tx,
      unknown.map(({ signupId }) => signupId),
    );
    const missing = missingIn(await find());
    if (missing.length > 0) {
      await this.signups.createUnread(tx, missing);
    }
    return find();
  }

  /** @returns rows and contacts that were not together before */
  private async count(tx: Tx, subscribings: readonly Subscribing[]): Promise<Set<string>> {
    const arrivals = subscribings.flatMap((subscribing) => [...subscribing.arrivals.values()]);
    const written = await this.subscribers.upsert(tx, arrivals);
    const newcomers = written.filter(({ isNew }) => isNew);
    if (newcomers.length === 0) {
      return new Set();
    }
    const counts = new Map<number, number>();
    newcomers.forEach(({ signupId }) => counts.set(signupId, (counts.get(signupId) ?? 0) + 1));
    await this.signups.count(tx, counts);
    const keys = new Set(newcomers.map(({ signupId, contactId }) => keyOf(signupId, contactId)));
    await this.subscriptions.addLabels(
      tx,
      arrivals.flatMap(({ signupId, contactId, labelId }) =>
        labelId !== null && keys.has(keyOf(signupId, contactId)) ? [{ contactId, labelId }] : [],
      ),
    );
    return keys;
  }

  /**
   * Who subscribes wants marketing, from then on. What does not say when may be an old event that comes again: it counts only
   * for those who are new.
   * @returns those of whom the world was told with it
   */
  private async agree(
    tx: Tx,
    subscribings: readonly Subscribing[],
    newcomers: ReadonlySet<string>,
    rows: ReadonlyMap<number, LockedSignup>,
  ): Promise<Set<Subscribing>> {
    const changes = subscribings.flatMap((subscribing): (ConsentChange & { subscribing: Subscribing })[] => {
      const { fact, rowId, person } = subscribing.told;
      const arrival = subscribing.arrivals.get(rowId) as Arrival;
      if (!arrival.isDated && !isNewEverywhere(subscribing, newcomers)) {
        return [];
      }
      return [
        {
          contactId: person.contactId,
          accountId: fact.account.id,
          optedOut: false,
          at: arrival.isDated || person.optedOut ? arrival.lastAt : wholeSecond(arrival.lastAt),
          source: SOURCE,
          details: { signup: describe(rows.get(rowId)) },
          subscribing,
        },
      ];
    });
    const told = await this.consent.apply(tx, changes);
    return new Set(told.map(({ subscribing }) => subscribing));
  }
}

/** Of all that was told, once each person and signup of Meta's. */
function gather(attendances: readonly Attendance[], rows: ReadonlyMap<number, LockedSignup>): Subscribing[] {
  const gathered = new Map<string, Subscribing>();
  for (const attendance of attendances) {
    const { fact, rowId, person } = attendance;
    const key = keyOf(person.contactId, fact.signupId);
    const subscribing = gathered.get(key) ?? { told: attendance, arrivals: new Map<number, Arrival>() };
    gathered.set(key, subscribing);
    if (foremost([subscribing.told.fact, fact]) !== subscribing.told.fact) {
      subscribing.told = attendance;
    }
    const arrival: Arrival = {
      accountId: fact.account.id,
      signupId: rowId,
      contactId: person.contactId,
      firstAt: fact.at,
      lastAt: fact.at,
      isDated: fact.isDated,
      labelId: rows.get(rowId)?.labelId ?? null,
    };
    const known = subscribing.arrivals.get(rowId);
    subscribing.arrivals.set(rowId, known ? together(known, arrival) : arrival);
  }
  return [...gathered.values()];
}

function together(a: Arrival, b: Arrival): Arrival {
  if (a.isDated !== b.isDated) {
    return a.isDated ? a : b;
  }
  return {
    ...a,
    firstAt: a.firstAt < b.firstAt ? a.firstAt : b.firstAt,
    lastAt: a.lastAt > b.lastAt ? a.lastAt : b.lastAt,
  };
}

/** The one heard through its own number, else that of the oldest account; of two alike the first. */
function foremost(facts: readonly SignupFact[]): SignupFact {
  return facts.reduce((best, fact) => {
    if (best.isOfNumber !== fact.isOfNumber) {
      return best.isOfNumber ? best : fact;
    }
    return fact.account.id < best.account.id ? fact : best;
  });
}

function isNewEverywhere({ arrivals }: Subscribing, newcomers: ReadonlySet<string>): boolean {
  return [...arrivals.values()].every(({ signupId, contactId }) => newcomers.has(keyOf(signupId, contactId)));
}

function toEvent({ told, arrivals }: Subscribing, rows: ReadonlyMap<number, LockedSignup>): OutboxEvent {
  const { contactId, phone } = told.person;
  return {
    type: 'contact.subscribed',
    accountId: told.fact.account.id,
    subjectId: contactId,
    payload: {
      contact_id: contactId,
      phone,
      subscribed_at: (arrivals.get(told.rowId) as Arrival).firstAt.toISOString(),
      source: SOURCE,
      signup: describe(rows.get(told.rowId)),
    },
  };
}

function describe(row: LockedSignup | undefined): Record<string, unknown> | null {
  return row ? { id: row.id, signup_id: row.signupId, display_name: row.displayName } : null;
}

/** As Meta tells time: a STOP of the same second, which comes later, is not taken for older. */
function wholeSecond(at: Date): Date {
  return new Date(Math.floor(at.getTime() / 1_000) * 1_000);
}

function keyOf(a: number | string, b: number | string): string {
  return `${a}/${b}`;
}
