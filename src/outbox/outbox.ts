import { Injectable } from '@nestjs/common';
import type { Queryable } from '../database/database.js';
import { columnsOf, json } from '../database/unnest.js';

/** Told at each commit that appended events; whoever sequences them listens. */
export const OUTBOX_CHANNEL = 'parley_outbox';

/** What Parley tells the world; readers are live streams and webhook endpoints. */
export type EventType =
  | 'message.received'
  | 'message.sent'
  | 'message.status'
  | 'conversation.updated'
  | 'campaign.progress'
  | 'campaign.completed'
  | 'contact.subscribed'
  | 'contact.opted_out'
  | 'template.status'
  | 'flow.completed'
  | 'account.alert';

export interface OutboxEvent {
  type: EventType;
  accountId: number | null;
  /** Id of the resource the event is about: events of one subject are told in order. */
  subjectId: number | null;
  /** The event's `data`, in wire names. */
  payload: Record<string, unknown>;
}

/** Appends events in the caller's transaction: they exist exactly when what they tell of was committed. */
@Injectable()
export class Outbox {
  async append(tx: Queryable, events: readonly OutboxEvent[]): Promise<void> {
    if (events.length === 0) {
      return;
    }
    await tx.query(
      `with appended as (
         insert into outbox_events (type, account_id, subject_id, payload)
         select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::jsonb[])
         returning 1
       )
       select pg_notify('${OUTBOX_CHANNEL}', '') from appended limit 1`,
      columnsOf(
        events,
        (event) => event.type,
        (event) => event.accountId,
        (event) => event.subjectId,
        (event) => json(event.payload),
      ),
    );
  }
}
