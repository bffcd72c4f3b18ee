import { Injectable } from '@nestjs/common';
import type { Queryable } from '../database/database.js';
import { selectLogs, VISIBLE, type Stretch, type WebhookLogFilter } from './webhook-log-filter.js';

export interface WebhookLogRow {
  id: number;
  received_at: Date;
  processed: boolean;
  processed_at: Date | null;
  error: string | null;
  attempts: number;
  /** Null when nothing is to be tried any more. */
  next_attempt_at: Date | null;
  fields: string[];
  account_ids: number[];
}

/** Where a body stands in the log. */
export interface LogKey {
  receivedAt: string;
  id: number;
}

/** Bodies of a stretch of the log that have the bytes. */
export interface SearchedLogs {
  rows: WebhookLogRow[];
  /** The last body that was looked at; null: there are no more. */
  last: WebhookLogRow | null;
}

const COLUMNS = `w.id, w.received_at, w.processed, w.processed_at, w.error, w.attempts,
  case when not w.processed and w.next_attempt_at < 'infinity' then w.next_attempt_at end as next_attempt_at,
  w.fields, w.account_ids`;

/** The log as people read it. */
@Injectable()
export class WebhookLogsRepository {
  /** The next bodies, the newest first. */
  async list(q: Queryable, filter: WebhookLogFilter, after: LogKey | null, limit: number): Promise<WebhookLogRow[]> {
    const values: unknown[] = [limit];
    return q.queryDynamic<WebhookLogRow>(newestFirst(filter, after, COLUMNS, values), values);
  }

  /**
   * Looks through the next bodies for any of these bytes.
   * @param limit of bodies to look at
   * @param maxBytes of bodies to look at; one is looked at in any case
   */
  async search(
    q: Queryable,
    filter: WebhookLogFilter,
    needles: readonly Buffer[],
    after: LogKey | null,
    limit: number,
    maxBytes: number,
  ): Promise<SearchedLogs> {
    const values: unknown[] = [limit, maxBytes, needles];
    const next = newestFirst(filter, after, 'w.id, w.received_at, octet_length(w.body) as size', values);
    const rows = await q.queryDynamic<WebhookLogRow & { has_it: boolean; is_last: boolean; has_more: boolean }>(
      `with next as materialized (
         ${next}
       ), part as materialized (
         select id, received_at, row_number() over (order by received_at, id) = 1 as is_last
         from (select *, sum(size) over (order by received_at desc, id desc) - size as size_before from next) sized
         where size_before < $2
       )
       select ${COLUMNS}, part.is_last,
         exists (select from unnest($3::bytea[]) needle where position(needle in w.body) > 0) as has_it,
         (select count(*) from next) = $1 or (select count(*) from part) < (select count(*) from next) as has_more
       from part cross join lateral (
         -- One at a time by its key: joined, every day of the log may be read.
         select * from webhook_logs l where l.id = part.id and l.received_at = part.received_at limit 1
       ) w
       where part.is_last or exists (select from unnest($3::bytea[]) needle where position(needle in w.body) > 0)
       order by w.received_at desc, w.id desc`,
      values,
    );
    const last = rows.find((row) => row.is_last && row.has_more);
    return { rows: rows.filter((row) => row.has_it), last: last ?? null };
  }

  async find(
    q: Queryable,
    id: number,
    visibleTo: readonly number[] | null,
  ): Promise<(WebhookLogRow & { body: Buffer }) | null> {
    const [row] = await q.query<WebhookLogRow & { body: Buffer }>(
      `select ${COLUMNS}, w.body from webhook_logs w where id = $1 and ($2::bigint[] is null or (${VISIBLE('$2')}))`,
      [id, visibleTo],
    );
    return row ?? null;
  }
}

/** @param values begins with the limit, and takes what the filter binds */
function newestFirst(filter: WebhookLogFilter, after: LogKey | null, columns: string, values: unknown[]): string {
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const where = after
    ? [`(received_at, id) < (${bind(after.receivedAt)}::timestamptz, ${bind(after.id)}::bigint)`]
    : [];
  const stretch: Stretch = { columns, order: 'desc', limit: '$1', where };
  return selectLogs(filter, stretch, bind);
}
