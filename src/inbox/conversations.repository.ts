import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';

/** What a message changes in its conversation. */
export interface ConversationTouch {
  conversationId: number;
  /** Becomes the last message, if it is the newest; null: it is no bubble (a reaction). */
  messageId: number | null;
  at: Date;
  /** Messages the customer wrote and nobody has read. */
  unread: number;
  /** The customer wrote it: opens the service window. */
  isInbound: boolean;
  /** A new message of the customer: a resolved conversation is open again. */
  reopens?: boolean;
}

interface MergedTouch {
  conversationId: number;
  messageId: number | null;
  /** Of the last message. */
  at: Date | null;
  unread: number;
  inboundAt: Date | null;
  reopens: boolean;
}

/** What an event tells of a conversation. */
export interface ConversationState {
  id: number;
  phone_number: string | null;
  /** The newest within the account's portfolio. */
  user_id: string | null;
  contact_id: number;
  label: number | null;
  is_resolved: boolean;
  assigned_to: string | null;
  unread_count: number;
  /** By the account. */
  is_blocked: boolean;
}

/** Of a conversation `c`, an event's {@link ConversationState}; user ids are looked for in the portfolio. */
function state(portfolio: string): string {
  return `c.id, k.phone as phone_number,
    (select i.value from contact_identities i
     where i.contact_id = c.contact_id and i.kind = 'user_id' and i.scope = ${portfolio} order by i.id desc limit 1) as user_id,
    c.contact_id, c.label_id as label, c.is_resolved, c.assigned_to, c.unread_count, coalesce(b.is_blocked, false) as is_blocked`;
}

const STATE_SOURCES = `conversations c
  join contacts k on k.id = c.contact_id
  left join contact_accounts b on b.account_id = c.account_id and b.contact_id = c.contact_id`;

/** The service window of one conversation, by the database's clock. */
export interface ServiceWindow {
  isOpen: boolean;
  expiresAt: Date | null;
}

@Injectable()
export class ConversationsRepository {
  /** Finds or creates the conversation with each contact: ids in the order of the contacts. */
  async ensure(tx: Tx, accountId: number, contactIds: readonly number[]): Promise<number[]> {
    const distinct = [...new Set(contactIds)].sort((a, b) => a - b);
    const known = await this.find(tx, accountId, distinct);
    const missing = distinct.filter((contactId) => !known.has(contactId));
    if (missing.length > 0) {
      await tx.query(
        `insert into conversations (account_id, contact_id)
         select $1, contact_id from unnest($2::bigint[]) as u (contact_id) order by contact_id
         on conflict (account_id, contact_id) do nothing`,
        [accountId, missing],
      );
      for (const [contactId, id] of await this.find(tx, accountId, missing)) {
        known.set(contactId, id);
      }
    }
    return contactIds.map((contactId) => {
      const id = known.get(contactId);
      if (id === undefined) {
        throw new Error(`No conversation for contact ${contactId}`);
      }
      return id;
    });
  }

  /** One update for all conversations; nothing moves backwards. */
  async touch(tx: Tx, touches: readonly ConversationTouch[]): Promise<void> {
    if (touches.length === 0) {
      return;
    }
    const merged = mergeTouches(touches).sort((a, b) => a.conversationId - b.conversationId);
    await tx.query(
      `with u as (
         select * from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::int[], $5::timestamptz[], $6::boolean[])
           as u (conversation_id, message_id, at, unread, inbound_at, reopens)
       ), locked as (
         select c.id from conversations c join u on u.conversation_id = c.id order by c.id for no key update of c
       )
       update conversations c set
         last_message_id = case when u.message_id is not null and (c.last_message_at is null or c.last_message_at <= u.at)
           then u.message_id else c.last_message_id end,
         last_message_at = greatest(c.last_message_at, u.at),
         last_inbound_at = greatest(c.last_inbound_at, u.inbound_at),
         unread_count = c.unread_count + u.unread,
         is_resolved = c.is_resolved and not u.reopens,
         updated_at = now()
       from u join locked on locked.id = u.conversation_id
       where c.id = u.conversation_id`,
      columnsOf(
        merged,
        (touch) => touch.conversationId,
        (touch) => touch.messageId,
        (touch) => touch.at,
        (touch) => touch.unread,
        (touch) => touch.inboundAt,
        (touch) => touch.reopens,
      ),
    );
  }

  /** @param windowHours how long after a customer's message free-form messages may be sent */
  async serviceWindow(q: Queryable, conversationId: number, windowHours: number): Promise<ServiceWindow> {
    const [row] = await q.query<{ is_open: boolean; expires_at: Date | null }>(
      `select last_inbound_at + make_interval(hours => $2) as expires_at,
              coalesce(last_inbound_at + make_interval(hours => $2) > now(), false) as is_open
       from conversations where id = $1`,
      [conversationId, windowHours],
    );
    return { isOpen: row?.is_open ?? false, expiresAt: row?.expires_at ?? null };
  }

  /** A conversation as an event tells of it, in wire names. */
  async findState(
    q: Queryable,
    account: { id: number; portfolio: string },
    conversationId: number,
  ): Promise<ConversationState | null> {
    const [row] = await q.query<ConversationState>(
      `select ${state('$2')} from ${STATE_SOURCES} where c.account_id = $1 and c.id = $3`,
      [account.id, account.portfolio, conversationId],
    );
    return row ?? null;
  }

  /** As {@link findState}, of the conversations with these contacts; who has none is left out. */
  async findStatesWith(q: Queryable, accountId: number, contactIds: readonly number[]): Promise<ConversationState[]> {
    return q.query<ConversationState>(
      `select ${state('coalesce(a.portfolio_id, a.waba_id, a.phone_number_id)')}
       from ${STATE_SOURCES} join accounts a on a.id = c.account_id
       where c.account_id = $1 and c.contact_id = any($2::bigint[]) order by c.id`,
      [accountId, contactIds],
    );
  }

  private async find(tx: Tx, accountId: number, contactIds: number[]): Promise<Map<number, number>> {
    const rows = await tx.query<{ id: number; contact_id: number }>(
      'select id, contact_id from conversations where account_id = $1 and contact_id = any($2::bigint[])',
      [accountId, contactIds],
    );
    return new Map(rows.map((row) => [row.contact_id, row.id]));
  }
}

function mergeTouches(touches: readonly ConversationTouch[]): MergedTouch[] {
  const merged = new Map<number, MergedTouch>();
  for (const touch of touches) {
    const { conversationId, messageId, unread } = touch;
    const at = messageId === null ? null : touch.at;
    const inboundAt = touch.isInbound ? touch.at : null;
    const reopens = touch.reopens ?? false;
    const before = merged.get(conversationId);
    if (!before) {
      merged.set(conversationId, { conversationId, messageId, at, unread, inboundAt, reopens });
      continue;
    }
    const isNewer = isLater(at, messageId, before.at, before.messageId);
    merged.set(conversationId, {
      conversationId,
      messageId: isNewer ? messageId : before.messageId,
      at: isNewer ? at : before.at,
      unread: before.unread + unread,
      inboundAt: !inboundAt || (before.inboundAt && before.inboundAt > inboundAt) ? before.inboundAt : inboundAt,
      reopens: before.reopens || reopens,
    });
  }
  return [...merged.values()];
}

function isLater(at: Date | null, id: number | null, otherAt: Date | null, otherId: number | null): boolean {
  if (!at || !otherAt) {
    return at !== null;
  }
  return at > otherAt || (at.getTime() === otherAt.getTime() && (id ?? 0) > (otherId ?? 0));
}
