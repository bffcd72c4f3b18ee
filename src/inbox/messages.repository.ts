import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf, json } from '../database/unnest.js';
import type { MessageError, MessageFate, MessageStatus } from './message-status.js';
import { countCharged, countMoved } from './statistics/counting.js';
import type { Charge } from './statistics/message-prices.js';

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
  /** wamid of what is quoted. */
  replyToWamid?: string | null;
  clientRef?: string | null;
  idempotencyKey?: string | null;
  sentBy?: string | null;
  location?: { latitude: number; longitude: number; name: string; address: string } | null;
  media?: OutgoingMedia | null;
  reaction?: { emoji: string; toWamid: string } | null;
  /** What surrounds it. */
  context?: Record<string, unknown> | null;
  /** To be sent then, by the worker; without it the caller sends it now. */
  sendAt?: Date | null;
  /** Not sent when older than this, counted from `sendAt` or now. */
  validForS?: number | null;
}

/** A file that is sent: by Meta's id, or by a link that Meta fetches. */
export interface OutgoingMedia {
  /** Row of the media module, of files that are ours. */
  fileId: number | null;
  mediaId: string | null;
  link: string | null;
  mimeType: string | null;
  filename: string | null;
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
  attemptToken: string | null;
  timestamp: Date;
  direction: 'inbound' | 'outbound';
  messageType: string;
  /** As much of it as an event tells. */
  messageBody: string;
  clientRef: string | null;
  reactionEmoji: string | null;
  reactionToWamid: string | null;
  sentBy: string | null;
  /** Meta has said what it charges it as. */
  isCharged: boolean;
  fate: MessageFate;
}

/** A message whose fate is to be written, and how it stood before. */
export interface MovedMessage extends LockedMessage {
  was: MessageStatus;
  /** What Meta charges it as, if that is new. */
  charge: Charge | null;
}

/** How an event names the person of a message. */
export interface Addressee {
  phone: string | null;
  /** Business-scoped user id, the newest. */
  userId: string | null;
}

/** A message that a request names, by wamid or local id. */
export interface ReferredMessage {
  id: number;
  wamid: string | null;
  contactId: number;
}

interface LockedRow {
  id: number;
  account_id: number;
  conversation_id: number;
  contact_id: number;
  campaign_id: number | null;
  campaign_recipient_id: number | null;
  message_id: string | null;
  attempt_token: string | null;
  timestamp: Date;
  direction: 'inbound' | 'outbound';
  message_type: string;
  message_body: string;
  client_ref: string | null;
  reaction_emoji: string | null;
  reaction_to_message_id: string | null;
  sent_by: string | null;
  is_charged: boolean;
  status: MessageStatus;
  sent_at: Date | null;
  delivered_at: Date | null;
  read_at: Date | null;
  failed_at: Date | null;
  error: MessageError | null;
}

/** Of a message `m`, what its fate is and whom that concerns. */
const FATE_COLUMNS = `m.id, m.account_id, m.conversation_id, m.contact_id, m.campaign_id, m.campaign_recipient_id, m.message_id,
  m.attempt_token, m.timestamp, m.direction, m.message_type, left(m.message_body, 4096) as message_body, m.client_ref,
  m.reaction_emoji, m.reaction_to_message_id, m.sent_by, m.charge is not null as is_charged, m.status, m.sent_at, m.delivered_at, m.read_at, m.failed_at, m.error`;

/** What is not charged is most of it, and need not pay for looking. */
const WRITE_FATES = writeFates('');
const WRITE_CHARGED_FATES = writeFates(`, ${countCharged('moved')}`);

function writeFates(countMore: string): string {
  return `with moved as (
      update messages m set message_id = u.wamid, status = u.status, sent_at = u.sent_at, delivered_at = u.delivered_at,
        read_at = u.read_at, failed_at = u.failed_at, error = u.error, charge = coalesce(m.charge, u.charge),
        awaiting_since = null, due_at = null, updated_at = now()
      from unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[],
        $7::timestamptz[], $8::jsonb[], $9::text[], $10::jsonb[])
        as u (id, wamid, status, sent_at, delivered_at, read_at, failed_at, error, was, charge)
      where m.id = u.id
      returning m.account_id, m.direction, m.timestamp, m.template_name, m.template_language, m.campaign_id, m.sent_by,
        m.status, u.was, u.charge
    ), ${countMoved('moved')}${countMore}
    select`;
}

const WAMID = /^wamid\./;
const LOCAL_ID = /^[1-9]\d{0,14}$/;

@Injectable()
export class MessagesRepository {
  /** @returns the ids, in the order of the messages */
  async insertOutgoing(tx: Tx, messages: readonly OutgoingMessage[]): Promise<number[]> {
    const rows = await tx.query<{ id: number; attempt_token: string }>(
      `insert into messages (account_id, conversation_id, contact_id, direction, message_type, message_body, status,
         attempt_token, content, context, template_name, template_language, campaign_id, campaign_recipient_id, reply_to_id,
         reply_to_message_id, client_ref, sent_by, idempotency_key, location_latitude, location_longitude, location_name,
         location_address, media_file_id, media_id, media_url, media_mime_type, media_filename, reaction_emoji,
         reaction_to_message_id, send_at, due_at, valid_until, awaiting_since)
       select account_id, conversation_id, contact_id, 'outbound', message_type, message_body,
         case when send_at is null then 'pending' else 'scheduled' end,
         attempt_token, content, context, template_name, template_language, campaign_id, campaign_recipient_id, reply_to_id,
         reply_to_message_id, client_ref, sent_by, idempotency_key, latitude, longitude, location_name,
         location_address, media_file_id, media_id, media_url, media_mime_type, media_filename, reaction_emoji,
         reaction_to_message_id, send_at, send_at, coalesce(send_at, now()) + make_interval(secs => valid_for_s),
         case when send_at is null and campaign_id is null then now() end
       from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::uuid[], $7::jsonb[], $8::text[],
         $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::text[], $14::text[], $15::float8[], $16::float8[],
         $17::text[], $18::text[], $19::text[], $20::jsonb[], $21::text[], $22::bigint[], $23::text[], $24::text[],
         $25::text[], $26::text[], $27::text[], $28::text[], $29::timestamptz[], $30::int[])
         as u (account_id, conversation_id, contact_id, message_type, message_body, attempt_token, content, template_name,
           template_language, campaign_id, campaign_recipient_id, reply_to_id, client_ref, sent_by, latitude, longitude,
           location_name, location_address, idempotency_key, context, reply_to_message_id, media_file_id, media_id, media_url,
           media_mime_type, media_filename, reaction_emoji, reaction_to_message_id, send_at, valid_for_s)
       returning id, attempt_token`,
      outgoingColumns(messages),
    );
    const ids = new Map(rows.map((row) => [row.attempt_token, row.id]));
    return messages.map((message) => ids.get(message.attemptToken) as number);
  }

  /**
   * The messages that requests with these keys sent, by key. One that was not sent after all, or is from before the keys' time,
   * lets go of it: the request may be tried again.
   * @param keptDays how long a key stands for its request
   */
  async findByIdempotencyKeys(
    q: Queryable,
    accountId: number,
    keys: readonly string[],
    keptDays: number,
  ): Promise<Map<string, number>> {
    const isOver = `(status in ('failed', 'expired') or created_at < now() - make_interval(days => $3))`;
    const rows = await q.query<{ id: number; key: string; is_over: boolean }>(
      `select id, idempotency_key as key, ${isOver} as is_over
       from messages where account_id = $1 and idempotency_key = any($2::text[])`,
      [accountId, keys, keptDays],
    );
    const over = rows.filter((row) => row.is_over).map(({ id }) => id);
    const released = new Set<number>();
    if (over.length > 0) {
      // Asked again: one that failed may have been delivered meanwhile.
      const gone = await q.query<{ id: number }>(
        `update messages set idempotency_key = null where account_id = $1 and id = any($2::bigint[]) and ${isOver} returning id`,
        [accountId, over, keptDays],
      );
      gone.forEach(({ id }) => released.add(id));
    }
    return new Map(rows.filter(({ id }) => !released.has(id)).map(({ key, id }) => [key, id]));
  }

  /** The message that a request names by wamid or local id, or null. */
  async findReferred(q: Queryable, accountId: number, reference: string): Promise<ReferredMessage | null> {
    const isWamid = WAMID.test(reference);
    const id = !isWamid && LOCAL_ID.test(reference) ? Number(reference) : null;
    const [row] = await q.query<{ id: number; message_id: string | null; contact_id: number }>(
      `select id, message_id, contact_id from messages where account_id = $1 and message_id = $2
       union all
       select id, message_id, contact_id from messages where account_id = $1 and id = $3`,
      [accountId, isWamid ? reference : null, id],
    );
    return row ? { id: row.id, wamid: row.message_id, contactId: row.contact_id } : null;
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
      `select ${FATE_COLUMNS} from messages m where m.id = any($1::bigint[]) order by m.id for no key update`,
      [ids],
    );
    return new Map(rows.map((row) => [row.id, toLocked(row)]));
  }

  /**
   * To whom messages went. Not joined to {@link lock}: a lock that had to wait runs its whole join again, row by row
   * (measured: 4 ms for each).
   */
  async findAddressees(q: Queryable, ids: readonly number[]): Promise<Map<number, Addressee>> {
    const rows = await q.query<{ id: number; phone: string | null; user_id: string | null }>(
      `select m.id, k.phone,
         (select i.value from contact_identities i
          where i.contact_id = m.contact_id and i.kind = 'user_id'
            and i.scope = coalesce(a.portfolio_id, a.waba_id, a.phone_number_id)
          order by i.id desc limit 1) as user_id
       from messages m join accounts a on a.id = m.account_id join contacts k on k.id = m.contact_id
       where m.id = any($1::bigint[])`,
      [ids],
    );
    return new Map(rows.map((row) => [row.id, { phone: row.phone, userId: row.user_id }]));
  }

  /** Writes how messages stand, and counts what moved. */
  async writeFates(tx: Tx, messages: readonly MovedMessage[]): Promise<void> {
    const isCharged = messages.some(({ charge }) => charge !== null);
    await tx.query(
      isCharged ? WRITE_CHARGED_FATES : WRITE_FATES,
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
        (message) => message.was,
        (message) => json(message.charge),
      ),
    );
  }

  /** Takes back messages that were provably not sent and will be tried again: they never happened. */
  async withdraw(tx: Tx, attemptTokens: readonly string[]): Promise<void> {
    await tx.query(`delete from messages where attempt_token = any($1::uuid[]) and status in ('pending', 'unknown')`, [
      attemptTokens,
    ]);
  }

  /** Single sends whose answer is overdue, locked. Campaigns settle their own. */
  async findAbandoned(tx: Tx, olderThanS: number, limit: number): Promise<MessageKey[]> {
    const rows = await tx.query<{ account_id: number; attempt_token: string }>(
      `select account_id, attempt_token from messages
       where awaiting_since < now() - make_interval(secs => $1) and campaign_id is null
       order by awaiting_since limit $2 for no key update skip locked`,
      [olderThanS, limit],
    );
    return rows.map((row) => ({ accountId: row.account_id, wamid: null, attemptToken: row.attempt_token }));
  }

  /** Messages of these attempts, of which nothing is known yet, are not to be sent any more. @returns their ids */
  async expire(tx: Tx, attemptTokens: readonly string[]): Promise<number[]> {
    const rows = await tx.query<{ id: number }>(
      `update messages set status = 'expired', awaiting_since = null, due_at = null, updated_at = now()
       where attempt_token = any($1::uuid[]) and status = 'pending' returning id`,
      [attemptTokens],
    );
    return rows.map((row) => row.id);
  }

  /**
   * Files of a message on its way have new ids; getting them took a while, which is not to count as a lost answer.
   * @param mediaId of its own file; null: as it was
   */
  async replaceFiles(
    q: Queryable,
    attemptToken: string,
    content: Record<string, unknown>,
    mediaId: string | null,
  ): Promise<void> {
    await q.query(
      `update messages set content = $2::jsonb, media_id = coalesce($3, media_id), status = 'pending', awaiting_since = now(), updated_at = now()
       where attempt_token = $1 and status in ('pending', 'unknown')`,
      [attemptToken, json(content), mediaId],
    );
  }

  /** Messages to the same recipients of campaigns, of other attempts, that Meta took. Read only: not locked. */
  async findAcceptedBeside(
    tx: Tx,
    attempts: readonly {
      accountId: number;
      contactId: number;
      campaignRecipientId: number;
      attemptToken: string | null;
    }[],
  ): Promise<LockedMessage[]> {
    // Along the thread with the person: an index of messages by recipient would be paid for by every message.
    const rows = await tx.query<LockedRow>(
      `select ${FATE_COLUMNS}
       from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::uuid[]) as u (account_id, contact_id, recipient_id, token)
       join conversations c on c.account_id = u.account_id and c.contact_id = u.contact_id
       join messages m on m.conversation_id = c.id and m.campaign_recipient_id = u.recipient_id
       where m.attempt_token is distinct from u.token and m.status in ('sent', 'delivered', 'read')`,
      columnsOf(
        attempts,
        (attempt) => attempt.accountId,
        (attempt) => attempt.contactId,
        (attempt) => attempt.campaignRecipientId,
        (attempt) => attempt.attemptToken,
      ),
    );
    return rows.map(toLocked);
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

function outgoingColumns(messages: readonly OutgoingMessage[]): unknown[][] {
  return columnsOf(
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
    (message) => json(message.context),
    (message) => message.replyToWamid ?? null,
    (message) => message.media?.fileId ?? null,
    (message) => message.media?.mediaId ?? null,
    (message) => message.media?.link ?? null,
    (message) => message.media?.mimeType ?? null,
    (message) => message.media?.filename ?? null,
    (message) => message.reaction?.emoji ?? null,
    (message) => message.reaction?.toWamid ?? null,
    (message) => message.sendAt ?? null,
    (message) => message.validForS ?? null,
  );
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
    attemptToken: row.attempt_token,
    timestamp: row.timestamp,
    direction: row.direction,
    messageType: row.message_type,
    messageBody: row.message_body,
    clientRef: row.client_ref,
    reactionEmoji: row.reaction_emoji,
    reactionToWamid: row.reaction_to_message_id,
    sentBy: row.sent_by,
    isCharged: row.is_charged,
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
