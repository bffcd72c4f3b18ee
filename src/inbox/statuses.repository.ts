import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf, json } from '../database/unnest.js';
import type { MessageError } from './message-status.js';

/** A status webhook about one message. */
export interface StatusEvent {
  accountId: number;
  wamid: string;
  attemptToken: string | null;
  status: string;
  participant: string;
  occurredAt: Date;
  error: MessageError | null;
  pricing: Record<string, unknown> | null;
}

interface WaitingRow {
  account_id: number;
  message_id: string;
  status: string;
  participant: string;
  occurred_at: Date;
  attempt_token: string | null;
  error: MessageError | null;
  pricing: Record<string, unknown> | null;
}

@Injectable()
export class StatusesRepository {
  /** Keeps the history; a status that is already there is the same status again. */
  async record(tx: Tx, events: readonly (StatusEvent & { isApplied: boolean })[]): Promise<void> {
    await tx.query(
      `insert into message_statuses (account_id, message_id, status, participant, occurred_at, attempt_token, error, pricing, is_applied)
       select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::uuid[], $7::jsonb[], $8::jsonb[], $9::boolean[])
         as u (account_id, message_id, status, participant, occurred_at, attempt_token, error, pricing, is_applied)
       order by account_id, message_id, status, participant
       on conflict (account_id, message_id, status, participant) do nothing`,
      columnsOf(
        events,
        (event) => event.accountId,
        (event) => event.wamid,
        (event) => event.status,
        (event) => event.participant,
        (event) => event.occurredAt,
        (event) => event.attemptToken,
        (event) => json(event.error),
        (event) => json(event.pricing),
        (event) => event.isApplied,
      ),
    );
  }

  /** Whether statuses of the last hour came before their message was known, whether that is there now or not. */
  async hasWaiting(q: Queryable): Promise<boolean> {
    const rows = await q.query(
      `select 1 from message_statuses where not is_applied and received_at > now() - interval '1 hour'
       order by received_at limit 1`,
    );
    return rows.length > 0;
  }

  /** Statuses of the last hour that came before their message was known and whose message is there now. */
  async takeWaiting(tx: Queryable, limit: number): Promise<StatusEvent[]> {
    const rows = await tx.query<WaitingRow>(
      `update message_statuses s set is_applied = true
       from (
         select w.account_id, w.message_id, w.status, w.participant
         from message_statuses w
         join messages m on m.account_id = w.account_id and m.message_id = w.message_id
         where not w.is_applied and w.received_at > now() - interval '1 hour'
         order by w.received_at limit $1
         for update of w skip locked) w
       where s.account_id = w.account_id and s.message_id = w.message_id and s.status = w.status and s.participant = w.participant
       returning s.account_id, s.message_id, s.status, s.participant, s.occurred_at, s.attempt_token, s.error, s.pricing`,
      [limit],
    );
    return rows.map((row) => ({
      accountId: row.account_id,
      wamid: row.message_id,
      attemptToken: row.attempt_token,
      status: row.status,
      participant: row.participant,
      occurredAt: row.occurred_at,
      error: row.error,
      pricing: row.pricing,
    }));
  }
}
