import { Injectable } from '@nestjs/common';
import { Database, type Tx } from '../database/database.js';
import type { NumberedEvent } from './event.js';
import type { EventFilter } from './event-filter.js';

/** Told at each commit that numbered events: every process with live streams listens. */
export const EVENTS_CHANNEL = 'parley_events';

/** Events that get their numbers in one transaction. */
export const NUMBERING_BATCH = 1_000;

/** One number, the same for all processes. */
const NUMBERING_LOCK = 7_251_910;
/** Numbers that one statement looks through for events that match, so that a narrow filter cannot make it long. */
const WINDOW = 10_000;

const COLUMNS = `seq, type, account_id as "accountId", created_at as "createdAt", payload`;

// For one transaction. The planner believes that hardly any event waits, and would sort the whole backlog for each batch
// of it, where the index has it in order: the numbering of a million would take half an hour. And it would read the whole
// table to update a handful of rows of it, as long as it does not know how many there are.
const TRY_LOCK = `
select pg_try_advisory_xact_lock($1) as locked, set_config('enable_sort', 'off', true),
  set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)`;

// The order is that of the subquery: nextval is called row by row as they come out of it. The limit is part of the text,
// so that the planner knows that there are few and goes by the primary key. That they still wait is not asked again: only
// the holder of the lock numbers.
const NUMBER = `
with numbered as (
  select id, created_at, nextval('outbox_events_seq') as seq
  from (select id, created_at from outbox_events where seq is null order by id limit ${NUMBERING_BATCH}) waiting
), done as (
  update outbox_events o set seq = n.seq
  from numbered n
  where o.id = n.id and o.created_at = n.created_at
  returning o.created_at
), counted as (
  select count(*) as count, extract(epoch from clock_timestamp() - min(created_at))::float8 as "lagS" from done
)
select count, "lagS", pg_notify('${EVENTS_CHANNEL}', '') from counted where count > 0`;

export interface Numbered {
  count: number;
  /** How long the oldest of them waited, in seconds, from the beginning of its transaction. */
  lagS: number;
}

/** What there is to read. */
export interface Bounds {
  /** Nothing is missing after this number or a higher one; null: no event is kept. */
  oldest: number | null;
  /** The highest number that can be seen; 0 when there is none. */
  newest: number;
}

/** Events that match, and how far was looked for them. */
export interface EventPage {
  events: NumberedEvent[];
  upTo: number;
}

/** The outbox as its readers see it: each method is one statement. */
@Injectable()
export class EventsRepository {
  constructor(private readonly database: Database) {}

  async hasUnnumbered(): Promise<boolean> {
    // In order, so that the planner goes by the index of those that wait, however many it believes there are.
    const rows = await this.database.query('select id from outbox_events where seq is null order by id limit 1');
    return rows.length > 0;
  }

  /**
   * Takes the right to number events until the transaction ends. Whoever gets it next sees all numbers given before, and
   * so no number becomes visible after a higher one.
   */
  async tryLockNumbering(tx: Tx): Promise<boolean> {
    const [row] = await tx.query<{ locked: boolean }>(TRY_LOCK, [NUMBERING_LOCK]);
    return row?.locked === true;
  }

  /** Numbers committed events, at most {@link NUMBERING_BATCH}. Needs the lock, taken by a statement before this one. */
  async number(tx: Tx): Promise<Numbered | null> {
    const [row] = await tx.query<Numbered>(NUMBER);
    return row ?? null;
  }

  async bounds(): Promise<Bounds> {
    const [row] = await this.database.query<{ oldest: number | null; newest: number | null }>(
      'select min(seq) as oldest, max(seq) as newest from outbox_events where seq is not null',
    );
    return { oldest: row?.oldest ?? null, newest: row?.newest ?? 0 };
  }

  /** The next events of all kinds. */
  readAfter(seq: number, limit: number): Promise<NumberedEvent[]> {
    return this.database.query(`select ${COLUMNS} from outbox_events where seq > $1 order by seq limit $2`, [
      seq,
      limit,
    ]);
  }

  /** The next events that match, none beyond `upTo`. */
  async readMatching(filter: EventFilter, after: number, upTo: number, limit: number): Promise<EventPage> {
    const end = Math.min(upTo, after + WINDOW);
    const events = await this.database.query<NumberedEvent>(
      `select ${COLUMNS} from outbox_events
       where seq > $1 and seq <= $2
         and ($3::text[] is null or type = any($3)) and ($4::bigint[] is null or account_id = any($4))
       order by seq limit $5`,
      [after, end, filter.types, filter.accountIds, limit],
    );
    return { events, upTo: events.length < limit ? end : events[limit - 1]!.seq };
  }
}
