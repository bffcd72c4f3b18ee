import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf, json } from '../database/unnest.js';
import type { MessageError, MessageFate, MessageStatus } from './message-status.js';

/** A message that is about to be sent: stored before Meta is asked. */
export interface OutgoingMessage {
  accountId: number;
  conversationId: number;
  contactId: number;
  messageType: string;
  messageBody: string;
  attemptToken: string;
  content: Record<string, unknown>;
  templateName?: string | null;
  templateLanguage?: string | null;
  campaignId?: number | null;
  campaignRecipientId?: number | null;
  replyToId?: number | null;
  clientRef?: string | null;
  idempotencyKey?: string | null;
  sentBy?: string | null;
  location?: { latitude: number; longitude: number; name: string; address: string } | null;
}

/** How a status names its message: our token of the attempt first, for the wamid may not be stored yet. */
export interface MessageKey {
  accountId: number;
  wamid: string | null;
  attemptToken: string | null;
}

/** A message and what is known of its fate, locked for this transaction. */
export interface LockedMessage {
  id: number;
  accountId: number;
  conversationId: number;
  contactId: number;
  campaignId: number | null;
  campaignRecipientId: number | null;
  wamid: string | null;
  timestamp: Date;
  fate: MessageFate;
}

interface LockedRow {
  id: number;
  account_id: number;
  conversation_id: number;
  contact_id: number;
  campaign_id: number | null;
  campaign_recipient_id: number | null;
  message_id: string | null;
  timestamp: Date;
  status: MessageStatus;
  sent_at: Date | null;
  delivered_at: Date | null;
  read_at: Date | null;
  failed_at: Date | null;
  error: MessageError | null;
}

@Injectable()
export class MessagesRepository {
  /** @returns the ids, in the order of the messages */
  async insertOutgoing(tx: Tx, messages: readonly OutgoingMessage[]): Promise<number[]> {
    const rows = await tx.query<{ id: number; attempt_token: string }>(
      `insert into messages (account_id, conversation_id, contact_id, direction, message_type, message_body, status,
         attempt_token, content, template_name, template_language, campaign_id, campaign_recipient_id, reply_to_id,
         client_ref, sent_by, location_latitude, location_longitude, location_name, location_address, idempotency_key,
         awaiting_since)
       select account_id, conversation_id, contact_id, 'outbound', message_type, message_body, 'pending',
         attempt_token, content, template_name, template_language, campaign_id, campaign_recipient_id, reply_to_id,
         client_ref, sent_by, latitude, longitude, location_name, location_address, idempotency_key, now()
       from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::uuid[], $7::jsonb[], $8::text[],
         $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::text[], $14::text[], $15::float8[], $16::float8[],
         $17::text[], $18::text[], $19::text[])
         as u (account_id, conversation_id, contact_id, message_type, message_body, attempt_token, content, template_name,
           template_language, campaign_id, campaign_recipient_id, reply_to_id, client_ref, sent_by, latitude, longitude,
           location_name, location_address, idempotency_key)
       returning id, attempt_token`,
      columnsOf(
        messages,
        (message) => message.accountId,
        (message) => message.conversationId,
        (message) => message.contactId,
        (message) => message.messageType,
        (message) => message.messageBody,
        (message) => message.attemptToken,
        (message) => json(message.content),
        (message) => message.templateName ?? null,
        (message) => message.templateLanguage ?? null,
        (message) => message.campaignId ?? null,
        (message) => message.campaignRecipientId ?? null,
        (message) => message.replyToId ?? null,
        (message) => message.clientRef ?? null,
        (message) => message.sentBy ?? null,
        (message) => message.location?.latitude ?? null,
        (message) => message.location?.longitude ?? null,
        (message) => message.location?.name ?? null,
        (message) => message.location?.address ?? null,
        (message) => message.idempotencyKey ?? null,
      ),
    );
    const ids = new Map(rows.map((row) => [row.attempt_token, row.id]));
    return messages.map((message) => ids.get(message.attemptToken) as number);
  }

  /**
   * The message that a request with this key sent. One that failed, or is from before the keys' time, lets go of it: the
   * request may be tried again.
   * @param keptDays how long a key stands for its request
   */
  async findByIdempotencyKey(q: Queryable, accountId: number, key: string, keptDays: number): Promise<number | null> {
    await q.query(
      `update messages set idempotency_key = null
       where account_id = $1 and idempotency_key = $2
         and (status = 'failed' or created_at < now() - make_interval(days => $3))`,
      [accountId, key, keptDays],
    );
    const [row] = await q.query<{ id: number }>(
      'select id from messages where account_id = $1 and idempotency_key = $2',
      [accountId, key],
    );
    return row?.id ?? null;
  }

  /** Finds messages by token or wamid. @returns row ids in the order of the keys, null where there is none */
  async findIds(q: Queryable, keys: readonly MessageKey[]): Promise<(number | null)[]> {
    const rows = await q.query<{ ord: number; id: number }>(
      `with k as (
         select * from unnest($1::bigint[], $2::text[], $3::uuid[]) with ordinality as k (account_id, wamid, token, ord)
       )
       select k.ord, m.id from k join messages m on m.attempt_token = k.token and m.account_id = k.account_id
       union
       select k.ord, m.id from k join messages m on m.account_id = k.account_id and m.message_id = k.wamid`,
      columnsOf(
        keys,
        (key) => key.accountId,
        (key) => key.wamid,
        (key) => key.attemptToken,
      ),
    );
    const found: (number | null)[] = keys.map(() => null);
    for (const row of rows) {
      found[row.ord - 1] ??= row.id;
    }
    return found;
  }

  /** Locks messages in the order of their ids, so that two batches never wait for each other in a circle. */
  async lock(tx: Tx, ids: readonly number[]): Promise<Map<number, LockedMessage>> {
    const rows = await tx.query<LockedRow>(
      `select id, account_id, conversation_id, contact_id, campaign_id, campaign_recipient_id, message_id, timestamp, status,
              sent_at, delivered_at, read_at, failed_at, error
       from messages where id = any($1::bigint[]) order by id for no key update`,
      [ids],
    );
    return new Map(rows.map((row) => [row.id, toLocked(row)]));
  }

  async writeFates(tx: Tx, messages: readonly LockedMessage[]): Promise<void> {
    await tx.query(
      `update messages m set message_id = u.wamid, status = u.status, sent_at = u.sent_at, delivered_at = u.delivered_at,
         read_at = u.read_at, failed_at = u.failed_at, error = u.error, awaiting_since = null, updated_at = now()
       from unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[], $8::jsonb[])
         as u (id, wamid, status, sent_at, delivered_at, read_at, failed_at, error)
       where m.id = u.id`,
      columnsOf(
        messages,
        (message) => message.id,
        (message) => message.wamid,
        (message) => message.fate.status,
        (message) => message.fate.sentAt,
        (message) => message.fate.deliveredAt,
        (message) => message.fate.readAt,
        (message) => message.fate.failedAt,
        (message) => json(message.fate.error),
      ),
    );
  }

  /** Takes back messages that were provably not sent and will be tried again: they never happened. */
  async withdraw(tx: Tx, attemptTokens: readonly string[]): Promise<void> {
    await tx.query(`delete from messages where attempt_token = any($1::uuid[]) and status in ('pending', 'unknown')`, [
      attemptTokens,
    ]);
  }

  /** Single sends whose process died before the answer: their outcome is not known. Campaigns settle their own. */
  async abandonPending(q: Queryable, olderThanS: number, limit: number): Promise<number> {
    const rows = await q.query(
      `update messages set status = 'unknown', awaiting_since = null, updated_at = now()
       where id in (
         select id from messages
         where awaiting_since < now() - make_interval(secs => $1) and campaign_id is null
         order by awaiting_since limit $2 for update skip locked)
       returning id`,
      [olderThanS, limit],
    );
    return rows.length;
  }

  /** Messages of these attempts become `unknown`, where nothing is known yet. */
  async markUnknown(tx: Tx, attemptTokens: readonly string[]): Promise<void> {
    await tx.query(
      `update messages set status = 'unknown', awaiting_since = null, updated_at = now()
       where attempt_token = any($1::uuid[]) and status = 'pending'`,
      [attemptTokens],
    );
  }
}

function toLocked(row: LockedRow): LockedMessage {
  return {
    id: row.id,
    accountId: row.account_id,
    conversationId: row.conversation_id,
    contactId: row.contact_id,
    campaignId: row.campaign_id,
    campaignRecipientId: row.campaign_recipient_id,
    wamid: row.message_id,
    timestamp: row.timestamp,
    fate: {
      status: row.status,
      sentAt: row.sent_at,
      deliveredAt: row.delivered_at,
      readAt: row.read_at,
      failedAt: row.failed_at,
      error: row.error,
    },
  };
}
