import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../database/database.js';
import { selectLogs, VISIBLE, type WebhookLogFilter } from './webhook-log-filter.js';

/** Bodies that a filter means. */
export interface ReplayPreview {
  count: number;
  oldest: Date | null;
  newest: Date | null;
  /** Bodies by field. */
  fields: Record<string, number>;
}

export interface WebhookReplay {
  id: number;
  created_at: Date;
  queued_count: number;
  /** Bodies that still wait for their effects. */
  waiting_count: number;
}

// What came just now and waits for its first attempt has its effects in any case.
const REPLAYABLE = `(processed or attempts > 0 or next_attempt_at = 'infinity')`;
const REQUEUE = `processed = false, processed_at = null, error = null, attempts = 0, next_attempt_at = now()`;

/** Bodies that are to have their effects again: those are idempotent. */
@Injectable()
export class WebhookReplaysRepository {
  /** The bodies that {@link requeue} would take, at most so many. */
  async preview(q: Queryable, filter: WebhookLogFilter, limit: number): Promise<ReplayPreview> {
    const values: unknown[] = [limit];
    const [row] = await q.queryDynamic<ReplayPreview>(
      `with chosen as materialized (
         ${oldestFirst(filter, 'w.id, w.received_at, w.fields', values)}
       ), by_field as (
         select field, count(*) as bodies from chosen, unnest(fields) field group by field
       )
       select count(*)::int as count, min(received_at) as oldest, max(received_at) as newest,
         (select coalesce(jsonb_object_agg(field, bodies), '{}') from by_field) as fields
       from chosen`,
      values,
    );
    return row as ReplayPreview;
  }

  async create(tx: Tx, accountIds: readonly number[] | null, filter: object): Promise<number> {
    const [row] = await tx.query<{ id: number }>(
      `insert into webhook_replays (account_ids, filter, queued_count) values ($1, $2, 0) returning id`,
      [accountIds, JSON.stringify(filter)],
    );
    return (row as { id: number }).id;
  }

  /** Puts the oldest bodies of the filter behind all that is live. @returns how many */
  async requeue(tx: Tx, replayId: number, filter: WebhookLogFilter, limit: number): Promise<number> {
    const values: unknown[] = [limit];
    const [chosen] = await tx.queryDynamic<{ ids: number[] | null; times: Date[]; oldest: Date; newest: Date }>(
      `select array_agg(id) as ids, array_agg(received_at) as times, min(received_at) as oldest, max(received_at) as newest
       from (${oldestFirst(filter, 'w.id, w.received_at', values)}) chosen`,
      values,
    );
    if (!chosen?.ids) {
      return 0;
    }
    // Not one statement with the choice: knowing the time when it is planned, it reads the days of these bodies alone.
    const rows = await tx.queryDynamic(
      `update webhook_logs w set ${REQUEUE}, replay_id = $1
       from unnest($2::bigint[], $3::timestamptz[]) u (id, received_at)
       where w.id = u.id and w.received_at = u.received_at and w.received_at between $4 and $5 returning 1`,
      [replayId, chosen.ids, chosen.times, chosen.oldest, chosen.newest],
    );
    await tx.query('update webhook_replays set queued_count = queued_count + $2 where id = $1', [
      replayId,
      rows.length,
    ]);
    return rows.length;
  }

  /** Lets one body have its effects at once, before all that wait. @returns whether there is such a body */
  async requeueOne(tx: Tx, id: number, visibleTo: readonly number[] | null): Promise<{ accountIds: number[] } | null> {
    const [row] = await tx.query<{ account_ids: number[] }>(
      `update webhook_logs set ${REQUEUE}, replay_id = null
       where id = $1 and ($2::bigint[] is null or (${VISIBLE('$2')})) returning account_ids`,
      [id, visibleTo],
    );
    return row ? { accountIds: row.account_ids } : null;
  }

  /** Counted now, from the index of what waits. */
  async find(q: Queryable, id: number, visibleTo: readonly number[] | null): Promise<WebhookReplay | null> {
    const [row] = await q.query<WebhookReplay>(
      `select r.id, r.created_at, r.queued_count,
         (select count(*)::int from webhook_logs w where not w.processed and w.replay_id = r.id) as waiting_count
       from webhook_replays r where r.id = $1 and ($2::bigint[] is null or r.account_ids <@ $2::bigint[])`,
      [id, visibleTo],
    );
    return row ?? null;
  }
}

/** @param values begins with the limit, and takes what the filter binds */
function oldestFirst(filter: WebhookLogFilter, columns: string, values: unknown[]): string {
  const stretch = { columns, order: 'asc', limit: '$1', where: [REPLAYABLE] } as const;
  return selectLogs(filter, stretch, (value) => `$${values.push(value)}`);
}
