import { Injectable } from '@nestjs/common';
import { Tx, type Queryable } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';

/** What Parley tells the world; readers are live streams and webhook endpoints. */
export const EVENT_TYPES = [
  'message.received',
  'message.sent',
  'message.status',
  'conversation.updated',
  'campaign.progress',
  'campaign.completed',
  'contact.subscribed',
  'contact.opted_out',
  'template.status',
  'flow.completed',
  'account.alert',
] as const;

export type EventType = (typeof EVENT_TYPES)[number];

export interface OutboxEvent {
  type: EventType;
  accountId: number | null;
  /** Id of the resource the event is about: events of one subject are told in order. */
  subjectId: number | null;
  /** The event's `data`, in wire names. */
  payload: Record<string, unknown>;
}

const APPEND = `
insert into outbox_events (type, account_id, subject_id, payload)
select * from rows from (unnest($1::text[]), unnest($2::bigint[]), unnest($3::bigint[]), jsonb_array_elements($4::jsonb)) as u`;

/** Appends events in the caller's transaction: they exist exactly when what they tell of was committed. */
@Injectable()
export class Outbox {
  private readonly listeners = new Set<() => void>();

  async append(tx: Queryable, events: readonly OutboxEvent[]): Promise<void> {
    if (events.length === 0) {
      return;
    }
    await tx.query(APPEND, [
      ...columnsOf(
        events,
        (event) => event.type,
        (event) => event.accountId,
        (event) => event.subjectId,
      ),
      // One document: in an array of documents each quotation mark would be escaped, and events are most of what is written.
      JSON.stringify(events.map((event) => event.payload)),
    ]);
    // Not by NOTIFY: transactions that notify commit one after the other, each waiting for the disk, and nearly all of
    // ours append events. Whoever numbers events runs in this process too, and looks each second in any case.
    if (tx instanceof Tx) {
      tx.afterCommit(() => this.tell());
    } else {
      this.tell();
    }
  }

  /** Tells of events that this process appended, once they are committed: a hint. */
  onAppended(listener: () => void): void {
    this.listeners.add(listener);
  }

  private tell(): void {
    this.listeners.forEach((listener) => listener());
  }
}
