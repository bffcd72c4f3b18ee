import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../../database/database.js';
import { columnsOf, json } from '../../database/unnest.js';
import type { NumberedEvent } from '../event.js';
import type { EndpointSettings } from './endpoint-settings.js';
import type { AttemptRecord, DeliveryStatus, DisabledReason, SealedSecrets } from './endpoint.js';

/** An endpoint that is ours to deliver to until the lease is over. */
export interface HeldEndpoint extends SealedSecrets {
  id: number;
  accountId: number | null;
  url: string;
  isActive: boolean;
  epoch: number;
  failuresInRow: number;
  /** How long it has been failing, in ms; null: it is not. */
  failingForMs: number | null;
}

/** A delivery whose turn may come. */
export interface DueDelivery {
  id: number;
  createdAt: Date;
  seq: number;
  subject: string | null;
  attempt: number;
  /** Negative: it is late. */
  waitMs: number;
}

/** What became of a delivery. */
export interface SettledDelivery {
  id: number;
  createdAt: Date;
  status: Exclude<DeliveryStatus, 'pending'>;
  attempt: number;
  /** Null: it is over. */
  delayMs: number | null;
  answerStatus: number | null;
  error: string | null;
  /** Null: nobody was asked. */
  record: AttemptRecord | null;
}

/** What the answers say of their endpoint. */
export interface EndpointProgress {
  hasSucceeded: boolean;
  /** Failures since the last success, or all. */
  failures: number;
  restMs: number | null;
}

export interface EndpointStanding {
  isActive: boolean;
  /** It has failed for so long that there is no sense in going on; null: it does not fail. */
  isHopeless: boolean | null;
}

/** Attempts of a delivery that are kept. */
const MAX_HISTORY = 20;
/** Attempts after which a failure is not tried at once when its endpoint is back. */
const MAX_HASTENED_ATTEMPTS = 4;

const HELD = `e.id, e.account_id as "accountId", e.url, e.is_active as "isActive", e.secret, e.previous_secret as "previousSecret",
  e.previous_secret_until as "previousSecretUntil", e.lease_epoch as epoch, e.failures_in_row as "failuresInRow",
  extract(epoch from now() - e.failing_since)::float8 * 1000 as "failingForMs"`;
const AFTER = (ms: string): string => `now() + make_interval(secs => ${ms} / 1000.0)`;

const CLAIM = `
with due as materialized (
  select e.id from webhook_endpoints e
  where e.is_active and e.deleted_at is null
    and (e.lease_until is null or e.lease_until <= now())
    and (e.rest_until is null or e.rest_until <= now())
    and not (e.id = any($2::bigint[]))
    and exists (select from webhook_deliveries d where d.endpoint_id = e.id and d.due_at <= now())
  -- Who waited longest comes first.
  order by e.lease_until nulls first, e.id
  limit $1 for update of e skip locked
)
update webhook_endpoints e set lease_until = ${AFTER('$3::float8')}, lease_epoch = e.lease_epoch + 1
from due where e.id = due.id
returning ${HELD}`;

// An answer may repeat what it was told; when that was erased meanwhile, it is not kept.
const KEPT_RECORD = `case when exists (select from outbox_events o where o.seq = d.event_seq) then u.record
  else jsonb_set(u.record, '{body}', '""') end`;

const SETTLE = `
update webhook_deliveries d set
  status = case when u.status = 'delivered' or d.due_at is not null then u.status else d.status end,
  attempt = u.attempt,
  due_at = case when d.due_at is not null and u.delay_ms is not null then ${AFTER('u.delay_ms')} end,
  finished_at = case when u.delay_ms is null or d.due_at is null then now() end,
  answer_status = u.answer_status, error = u.error,
  history = case
    when u.record is null then d.history
    else case when jsonb_array_length(d.history) >= ${MAX_HISTORY} then d.history - 0 else d.history end || ${KEPT_RECORD} end
from unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::integer[], $5::float8[], $6::integer[], $7::text[], $8::jsonb[])
  as u (id, created_at, status, attempt, delay_ms, answer_status, error, record)
where d.id = u.id and d.created_at = u.created_at`;

const PROGRESS = `
update webhook_endpoints set
  lease_until = greatest(lease_until, ${AFTER('$7::float8')}),
  last_success_at = case when $3 then now() else last_success_at end,
  failing_since = case when $4 = 0 and $3 then null when $4 = 0 then failing_since
    when $3 then now() else coalesce(failing_since, now()) end,
  failures_in_row = case when $3 then 0 else failures_in_row end + $4,
  rest_until = case when $5::float8 is not null then greatest(rest_until, ${AFTER('$5::float8')})
    when $3 then null else rest_until end
where id = $1 and lease_epoch = $2
returning is_active as "isActive",
  is_active and failures_in_row >= $8 and failing_since <= now() - make_interval(secs => $6::float8 / 1000.0) as "isHopeless"`;

/** The work of delivering. An endpoint's lease is the claim of all that waits for it; who lost it writes nothing. */
@Injectable()
export class DeliveryWorkRepository {
  /** Takes endpoints that have something to be told and nobody to tell it. */
  claim(q: Queryable, limit: number, except: readonly number[], leaseMs: number): Promise<HeldEndpoint[]> {
    return q.query<HeldEndpoint>(CLAIM, [limit, except, leaseMs]);
  }

  /** Holds it for longer, and sees how it is now; null when somebody else has it, or it is gone. */
  async renew(q: Queryable, id: number, epoch: number, leaseMs: number): Promise<HeldEndpoint | null> {
    const [row] = await q.query<HeldEndpoint>(
      `update webhook_endpoints e set lease_until = ${AFTER('$3::float8')}
       where e.id = $1 and e.lease_epoch = $2 and e.deleted_at is null returning ${HELD}`,
      [id, epoch, leaseMs],
    );
    return row ?? null;
  }

  async release(q: Queryable, id: number, epoch: number): Promise<void> {
    await q.query('update webhook_endpoints set lease_until = now() where id = $1 and lease_epoch = $2', [id, epoch]);
  }

  /** What waits for the endpoint, in the order of events; what is due within `aheadMs` is among it. */
  findDue(
    q: Queryable,
    endpointId: number,
    { aheadMs, except, heldSubjects, limit }: FillRequest,
  ): Promise<DueDelivery[]> {
    return q.query<DueDelivery>(
      `select id, created_at as "createdAt", event_seq as seq, subject, attempt,
         extract(epoch from due_at - now())::float8 * 1000 as "waitMs"
       from webhook_deliveries
       where endpoint_id = $1 and due_at <= ${AFTER('$2::float8')} and not (id = any($3::bigint[]))
         and (subject is null or not (subject = any($4::text[])))
       order by event_seq, id limit $5`,
      [endpointId, aheadMs, except, heldSubjects, limit],
    );
  }

  /** What is told; an event that is not among them is not kept any more. */
  async findEvents(q: Queryable, seqs: readonly number[]): Promise<Map<number, NumberedEvent>> {
    const rows = await q.query<NumberedEvent>(
      `select seq, type, account_id as "accountId", created_at as "createdAt", payload
       from outbox_events where seq = any($1::bigint[])`,
      [seqs],
    );
    return new Map(rows.map((row) => [row.seq, row]));
  }

  async settle(tx: Tx, deliveries: readonly SettledDelivery[]): Promise<void> {
    await tx.query(
      SETTLE,
      columnsOf(
        deliveries,
        (item) => item.id,
        (item) => item.createdAt,
        (item) => item.status,
        (item) => item.attempt,
        (item) => item.delayMs,
        (item) => item.answerStatus,
        (item) => item.error,
        (item) => json(item.record),
      ),
    );
  }

  /**
   * Notes how the endpoint does, which only its holder may.
   * @returns null when it is held by somebody else
   */
  async noteProgress(
    tx: Tx,
    { id, epoch }: Pick<HeldEndpoint, 'id' | 'epoch'>,
    { hasSucceeded, failures, restMs }: EndpointProgress,
    limits: Pick<EndpointSettings, 'disableAfterMs' | 'leaseMs' | 'downAfter'>,
  ): Promise<EndpointStanding | null> {
    const [row] = await tx.query<EndpointStanding>(PROGRESS, [
      id,
      epoch,
      hasSucceeded,
      failures,
      restMs,
      limits.disableAfterMs,
      limits.leaseMs,
      limits.downAfter,
    ]);
    return row ?? null;
  }

  /** An endpoint is back: what failed meanwhile is due now, unless it has failed too often already. */
  async hasten(tx: Tx, endpointId: number): Promise<void> {
    await tx.query(
      `update webhook_deliveries set due_at = now()
       where endpoint_id = $1 and due_at > now() and status = 'failed' and attempt <= ${MAX_HASTENED_ATTEMPTS}`,
      [endpointId],
    );
  }

  /** May its people be told of exhausted deliveries, or were they just? */
  async noteExhausted(tx: Tx, endpointId: number, againMs: number): Promise<boolean> {
    const rows = await tx.query(
      `update webhook_endpoints set exhausted_told_at = now()
       where id = $1 and (exhausted_told_at is null or exhausted_told_at < now() - make_interval(secs => $2::float8 / 1000.0))
       returning id`,
      [endpointId, againMs],
    );
    return rows.length > 0;
  }

  /** @returns false when it was disabled already */
  async disable(tx: Tx, endpointId: number, reason: DisabledReason): Promise<boolean> {
    const rows = await tx.query(
      `update webhook_endpoints set is_active = false, disabled_at = now(), disabled_reason = $2, updated_at = now(), rest_until = null
       where id = $1 and is_active returning id`,
      [endpointId, reason],
    );
    return rows.length > 0;
  }

  /** What was handed out to an endpoint just while it was being disabled waits for nobody. */
  async cancelStranded(q: Queryable): Promise<void> {
    await q.query(
      `update webhook_deliveries d set status = 'cancelled', due_at = null, finished_at = now()
       from webhook_endpoints e
       where d.endpoint_id = e.id and d.due_at is not null and not e.is_active`,
    );
  }

  /** What waits for it is not told any more. @returns how many */
  async cancelWaiting(tx: Tx, endpointId: number): Promise<number> {
    const [row] = await tx.query<{ n: number }>(
      `with done as (
         update webhook_deliveries set status = 'cancelled', due_at = null, finished_at = now()
         where endpoint_id = $1 and due_at is not null returning 1
       ) select count(*) as n from done`,
      [endpointId],
    );
    return row?.n ?? 0;
  }
}

interface FillRequest {
  aheadMs: number;
  /** Known already. */
  except: readonly number[];
  heldSubjects: readonly string[];
  limit: number;
}
