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
  /** It had its effects before and was asked to have them again. */
  isReplayed: boolean;
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

/** How much one claim may take. */
export interface ClaimLimits {
  bodies: number;
  /** Of them, bodies that are replayed. */
  replayed: number;
  bytes: number;
}

/** One number, the same for all processes. */
const DRAIN_LOCK = 7_251_921;
/** Of a body; Meta knows some thirty. */
const MAX_FIELDS = 1_000;

// One at a time by its key, whatever the planner believes of how many there are: joined, it may read every day of the log.
const BY_KEY = 'select * from webhook_logs l where l.id = a.id and l.received_at = a.received_at limit 1';
const CLAIMED = 'id, received_at, octet_length(body) as size';

/** Bodies on their way to their effects: live ones by their time, and behind them those that are replayed. */
@Injectable()
export class WebhookQueueRepository {
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

  /**
   * Whether bodies wait that came so long ago, in seconds; what was given up waits for a person, not for us. In the order of
   * the index of those that wait: the planner does not know that hardly any of a day does, and would read it from the beginning.
   */
  async hasWaiting(q: Queryable, olderThanS: number): Promise<boolean> {
    const rows = await q.query(
      `select 1 from webhook_logs
       where not processed and next_attempt_at < 'infinity' and received_at < now() - make_interval(secs => $1)
       order by replay_id nulls first, next_attempt_at, id limit 1`,
      [olderThanS],
    );
    return rows.length > 0;
  }

  /** Whether bodies of that time wait to be processed; null: from the beginning. */
  async hasWaitingBetween(q: Queryable, from: Date | null, to: Date): Promise<boolean> {
    const rows = await q.query(
      `select 1 from webhook_logs
       where not processed and next_attempt_at < 'infinity'
         and received_at >= coalesce($1, '-infinity'::timestamptz) and received_at < $2 limit 1`,
      [from, to],
    );
    return rows.length > 0;
  }

  /**
   * Whether this transaction may take bodies: when nobody else is at it, or when live ones have waited so long that one
   * worker is not enough.
   */
  async mayDrain(tx: Tx, behindS: number): Promise<boolean> {
    const [row] = await tx.query<{ may: boolean }>(
      `select pg_try_advisory_xact_lock($1) or coalesce((
         select next_attempt_at < now() - make_interval(secs => $2) from webhook_logs
         where not processed and replay_id is null order by replay_id nulls first, next_attempt_at, id limit 1
       ), false) as may`,
      [DRAIN_LOCK, behindS],
    );
    return row?.may === true;
  }

  /** Bodies that are ours until this transaction ends: at least one, and no more than fit into memory. Live ones first. */
  async claim(tx: Tx, limits: ClaimLimits): Promise<WaitingWebhook[]> {
    const rows = await tx.query<{
      id: number;
      received_at: Date;
      body: Buffer;
      secret_fingerprint: string | null;
      attempts: number;
      is_replayed: boolean;
    }>(
      `with live as materialized (
         select ${CLAIMED}, false as is_replayed, row_number() over () as place from (
           select * from webhook_logs where not processed and replay_id is null and next_attempt_at <= now()
           order by replay_id nulls first, next_attempt_at, id limit $1 for update skip locked
         ) w
       ), replayed as materialized (
         select ${CLAIMED}, true as is_replayed, $1 + row_number() over () as place from (
           select * from webhook_logs where not processed and replay_id > 0 and next_attempt_at <= now()
           order by replay_id nulls first, next_attempt_at, id
           limit greatest(0, least($2, $1 - (select count(*) from live))) for update skip locked
         ) w
       ), affordable as (
         select *, sum(size) over (order by place) - size as size_before
         from (select * from live union all select * from replayed) waiting
       )
       select w.id, w.received_at, w.body, w.secret_fingerprint, w.attempts, a.is_replayed
       from affordable a cross join lateral (${BY_KEY}) w
       where a.size_before < $3
       order by a.place`,
      [limits.bodies, limits.replayed, limits.bytes],
    );
    return rows.map((row) => ({
      id: row.id,
      receivedAt: row.received_at,
      body: row.body,
      secretFingerprint: row.secret_fingerprint,
      attempts: row.attempts,
      isReplayed: row.is_replayed,
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
         replay_id = case when u.processed then w.replay_id end,
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

  /**
   * The body failed by itself: tried again later, and after the last attempt kept for a person to look at. As a dead letter
   * it belongs to no replay any more, so that no claim has to pass it.
   */
  async postpone(
    q: Queryable,
    key: { id: number; receivedAt: Date },
    error: string,
    maxAttempts: number,
  ): Promise<void> {
    await q.query(
      `update webhook_logs set attempts = attempts + 1, error = $3,
         next_attempt_at = case when attempts + 1 >= $4 then 'infinity' else now() + make_interval(secs => power(4, attempts)::int) end,
         replay_id = case when attempts + 1 < $4 then replay_id end
       where id = $1 and received_at = $2`,
      [key.id, key.receivedAt, error.slice(0, 2_000), maxAttempts],
    );
  }
}
