import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf, json } from '../database/unnest.js';

/** A body that waits for its effects. */
export interface WaitingWebhook {
  id: number;
  receivedAt: Date;
  body: Buffer;
  secretFingerprint: string | null;
  attempts: number;
}

/** What became of a body. */
export interface WebhookVerdict {
  id: number;
  receivedAt: Date;
  processed: boolean;
  error: string | null;
  fields: string[];
  accountIds: number[];
}

export interface WebhookLogRow {
  id: number;
  received_at: Date;
  processed: boolean;
  processed_at: Date | null;
  error: string | null;
  attempts: number;
  fields: string[];
  account_ids: number[];
  secret_fingerprint: string | null;
}

export interface WebhookLogFilter {
  /** Accounts the key may use; null: all, and bodies of no account too. */
  accountIds: readonly number[] | null;
  processed?: boolean | undefined;
  hasError?: boolean | undefined;
  field?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  after: { receivedAt: string; id: number } | null;
  limit: number;
}

/** One number, the same for all processes. */
const DRAIN_LOCK = 7_251_921;
/** Of a body; Meta knows some thirty. */
const MAX_FIELDS = 1_000;

/** A body is for a key only when all it carries is: one may speak of several accounts. */
const VISIBLE = (ids: string): string => `account_ids <> '{}' and account_ids <@ ${ids}::bigint[]`;

const LOG_COLUMNS =
  'id, received_at, processed, processed_at, error, attempts, fields, account_ids, secret_fingerprint';

@Injectable()
export class WebhookLogsRepository {
  /** One durable statement for all bodies that came in meanwhile. */
  async insert(q: Queryable, bodies: readonly { body: Buffer; secretFingerprint: string | null }[]): Promise<void> {
    await q.query(
      `insert into webhook_logs (body, secret_fingerprint) select * from unnest($1::bytea[], $2::text[])`,
      columnsOf(
        bodies,
        (item) => item.body,
        (item) => item.secretFingerprint,
      ),
    );
  }

  /** Whether bodies wait that came so long ago, in seconds. */
  async hasWaiting(q: Queryable, olderThanS: number): Promise<boolean> {
    const rows = await q.query(
      `select 1 from webhook_logs where not processed and received_at < now() - make_interval(secs => $1) limit 1`,
      [olderThanS],
    );
    return rows.length > 0;
  }

  /**
   * Whether this transaction may take bodies: when nobody else is at it, or when they have waited so long that one worker is
   * not enough.
   */
  async mayDrain(tx: Tx, behindS: number): Promise<boolean> {
    const [row] = await tx.query<{ may: boolean }>(
      `select pg_try_advisory_xact_lock($1) or coalesce((
         select next_attempt_at < now() - make_interval(secs => $2) from webhook_logs
         where not processed order by next_attempt_at limit 1
       ), false) as may`,
      [DRAIN_LOCK, behindS],
    );
    return row?.may === true;
  }

  /** Bodies that are ours until this transaction ends: at least one, and no more than fit into memory. */
  async claim(tx: Tx, limit: number, maxBytes: number): Promise<WaitingWebhook[]> {
    const rows = await tx.query<{
      id: number;
      received_at: Date;
      body: Buffer;
      secret_fingerprint: string | null;
      attempts: number;
    }>(
      `with waiting as materialized (
         select id, received_at, next_attempt_at, octet_length(body) as size from webhook_logs
         where not processed and next_attempt_at <= now()
         order by next_attempt_at, id limit $1 for update skip locked
       ), affordable as (
         select *, sum(size) over (order by next_attempt_at, id) - size as size_before from waiting
       )
       select w.id, w.received_at, w.body, w.secret_fingerprint, w.attempts
       from affordable a join webhook_logs w on w.id = a.id and w.received_at = a.received_at
       where a.size_before < $2
       order by a.next_attempt_at, a.id`,
      [limit, maxBytes],
    );
    return rows.map((row) => ({
      id: row.id,
      receivedAt: row.received_at,
      body: row.body,
      secretFingerprint: row.secret_fingerprint,
      attempts: row.attempts,
    }));
  }

  /** As {@link claim} for one body, if it still waits. */
  async claimOne(tx: Tx, key: { id: number; receivedAt: Date }): Promise<boolean> {
    const rows = await tx.query(
      `select id from webhook_logs where id = $1 and received_at = $2 and not processed for update skip locked`,
      [key.id, key.receivedAt],
    );
    return rows.length > 0;
  }

  async settle(tx: Tx, verdicts: readonly WebhookVerdict[]): Promise<void> {
    const rows = await tx.query(
      `update webhook_logs w set processed = u.processed, processed_at = case when u.processed then now() end, error = u.error,
         next_attempt_at = case when u.processed then w.next_attempt_at else 'infinity' end,
         fields = array(select jsonb_array_elements_text(u.fields)), account_ids = string_to_array(u.account_ids, ',')::bigint[]
       from unnest($1::bigint[], $2::timestamptz[], $3::boolean[], $4::text[], $5::jsonb[], $6::text[])
         as u (id, received_at, processed, error, fields, account_ids)
       where w.id = u.id and w.received_at = u.received_at
       returning w.id`,
      columnsOf(
        verdicts,
        (verdict) => verdict.id,
        (verdict) => verdict.receivedAt,
        (verdict) => verdict.processed,
        (verdict) => verdict.error?.slice(0, 2_000) ?? null,
        (verdict) => json(verdict.fields.slice(0, MAX_FIELDS)),
        (verdict) => verdict.accountIds.join(','),
      ),
    );
    if (rows.length !== verdicts.length) {
      // Effects without their mark would be applied again and again.
      throw new Error(`${verdicts.length} webhook bodies were processed and ${rows.length} marked`);
    }
  }

  /** The body failed by itself: tried again later, and after the last attempt kept for a person to look at. */
  async postpone(
    q: Queryable,
    key: { id: number; receivedAt: Date },
    error: string,
    maxAttempts: number,
  ): Promise<void> {
    await q.query(
      `update webhook_logs set attempts = attempts + 1, error = $3,
         next_attempt_at = case when attempts + 1 >= $4 then 'infinity' else now() + make_interval(secs => power(4, attempts)::int) end
       where id = $1 and received_at = $2`,
      [key.id, key.receivedAt, error.slice(0, 2_000), maxAttempts],
    );
  }

  async list(q: Queryable, filter: WebhookLogFilter): Promise<WebhookLogRow[]> {
    const values: unknown[] = [filter.limit];
    const where = ['true'];
    const bind = (value: unknown): string => `$${values.push(value)}`;
    if (filter.accountIds) {
      where.push(VISIBLE(bind(filter.accountIds)));
    }
    if (filter.processed !== undefined) {
      where.push(`processed = ${bind(filter.processed)}`);
    }
    if (filter.hasError !== undefined) {
      where.push(filter.hasError ? 'error is not null' : 'error is null');
    }
    if (filter.field !== undefined) {
      where.push(`fields @> array[${bind(filter.field)}]::text[]`);
    }
    if (filter.from !== undefined) {
      where.push(`received_at >= ${bind(filter.from)}::timestamptz`);
    }
    if (filter.to !== undefined) {
      where.push(`received_at < ${bind(filter.to)}::timestamptz`);
    }
    if (filter.after) {
      where.push(
        `(received_at, id) < (${bind(filter.after.receivedAt)}::timestamptz, ${bind(filter.after.id)}::bigint)`,
      );
    }
    return q.queryDynamic<WebhookLogRow>(
      `select ${LOG_COLUMNS} from webhook_logs where ${where.join(' and ')} order by received_at desc, id desc limit $1`,
      values,
    );
  }

  async find(
    q: Queryable,
    id: number,
    accountIds: readonly number[] | null,
  ): Promise<(WebhookLogRow & { body: Buffer }) | null> {
    const [row] = await q.query<WebhookLogRow & { body: Buffer }>(
      `select ${LOG_COLUMNS}, body from webhook_logs where id = $1 and ($2::bigint[] is null or (${VISIBLE('$2')}))`,
      [id, accountIds],
    );
    return row ?? null;
  }

  /** Puts bodies back into the queue: their effects are idempotent. @returns how many */
  async requeue(q: Queryable, id: number, accountIds: readonly number[] | null): Promise<number> {
    const rows = await q.query(
      `update webhook_logs set processed = false, processed_at = null, error = null, attempts = 0, next_attempt_at = now()
       where id = $1 and ($2::bigint[] is null or (${VISIBLE('$2')})) returning id`,
      [id, accountIds],
    );
    return rows.length;
  }
}
