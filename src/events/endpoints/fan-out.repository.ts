import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../../database/database.js';

/** Events handed out by one statement. */
export const FAN_OUT_BATCH = 1_000;

/** One number, the same for all processes. */
const FAN_OUT_LOCK = 7_251_931;

// One statement: an event is handed out exactly when the position moves past it. The position alone would lag far behind
// after a time without endpoints; no endpoint wants what was before its time. The clock is read after the lock was taken,
// so that the times of deliveries ascend with their events.
const HAND_OUT = `
with origin as (
  select greatest(f.position, (select min(start_after) from webhook_endpoints where is_active and deleted_at is null)) as seq
  from webhook_fan_out f
), batch as materialized (
  select seq, type, account_id, subject_id from outbox_events
  where seq > (select seq from origin) order by seq limit ${FAN_OUT_BATCH}
), clock as materialized (
  select clock_timestamp()::timestamptz(3) as now
), made as (
  insert into webhook_deliveries (created_at, endpoint_id, event_seq, event_account_id, type, subject, due_at)
  select clock.now, e.id, b.seq, b.account_id, b.type,
    case split_part(b.type, '.', 1) when 'message' then 'conversation' else split_part(b.type, '.', 1) end || ':' || b.subject_id,
    clock.now
  from batch b
  join webhook_endpoints e on e.is_active and e.deleted_at is null and b.seq > e.start_after
    and (e.account_id is null or e.account_id = b.account_id)
    and (e.types = '{}' or b.type = any(e.types))
    and (e.allowed_types is null or b.type = any(e.allowed_types))
  cross join clock
  order by b.seq, e.id
  returning 1
), moved as (
  update webhook_fan_out set position = (select max(seq) from batch) where exists (select from batch)
)
select (select count(*) from batch) as events, (select count(*) from made) as deliveries`;

export interface HandedOut {
  events: number;
  deliveries: number;
}

/** From the outbox to those who want to be told. */
@Injectable()
export class FanOutRepository {
  async hasEndpoints(q: Queryable): Promise<boolean> {
    const rows = await q.query('select 1 from webhook_endpoints where is_active and deleted_at is null limit 1');
    return rows.length > 0;
  }

  /** Whether events of before then wait to be told to somebody. */
  async hasWaiting(q: Queryable, before: Date): Promise<boolean> {
    const [row] = await q.query<{ waiting: boolean }>(
      `select exists (
           select from webhook_deliveries d
           join webhook_endpoints e on e.id = d.endpoint_id and e.is_active and e.deleted_at is null
           where d.due_at is not null and d.created_at < $1
         )
         or exists (
           select from outbox_events o
           where o.created_at < $1 and o.seq > (select position from webhook_fan_out)
             and o.seq > (select min(start_after) from webhook_endpoints where is_active and deleted_at is null)
         ) as waiting`,
      [before],
    );
    return row?.waiting === true;
  }

  /** One process at a time hands out, so that the order of events is that of deliveries. */
  async tryLock(tx: Tx): Promise<boolean> {
    const [row] = await tx.query<{ locked: boolean }>('select pg_try_advisory_xact_lock($1) as locked', [FAN_OUT_LOCK]);
    return row?.locked === true;
  }

  /** Hands out the next events, at most {@link FAN_OUT_BATCH}. Needs the lock, taken by a statement before this one. */
  async handOut(tx: Tx): Promise<HandedOut> {
    const [row] = await tx.query<HandedOut>(HAND_OUT);
    return row ?? { events: 0, deliveries: 0 };
  }
}
