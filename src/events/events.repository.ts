import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { NumberedEvent } from './event.js';
import type { EventFilter } from './event-filter.js';

/** Told by `number_events()` at each commit that numbered some: every process with live streams listens. */
export const EVENTS_CHANNEL = 'parley_events';

/** Numbers that one statement looks through for events that match, so that a narrow filter cannot make it long. */
const WINDOW = 10_000;

const COLUMNS = `seq, type, account_id as "accountId", created_at as "createdAt", payload`;

export interface Numbered {
  /** Another process is at it. */
  isBusy: boolean;
  count: number;
  /** There may be more. */
  isFull: boolean;
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
   * Numbers committed events, a batch at most. Whoever does it next sees all numbers given before, and so no number becomes
   * visible after a higher one.
   */
  async number(): Promise<Numbered> {
    const [row] = await this.database.query<Numbered>(
      `select is_busy as "isBusy", coalesce(count, 0) as count, coalesce(lag_s, 0) as "lagS", coalesce(is_full, false) as "isFull"
       from number_events()`,
    );
    return row as Numbered;
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
