import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { columnsOf, json } from '../database/unnest.js';
import type { InboundContent } from './inbound-content.js';
import { countAdded } from './statistics/counting.js';

/** A message that came by webhook: of a customer, or of the business from the WhatsApp app. */
export interface IncomingMessage {
  accountId: number;
  conversationId: number;
  contactId: number;
  wamid: string;
  direction: 'inbound' | 'outbound';
  status: 'sent' | 'delivered' | 'read' | 'failed';
  content: InboundContent;
  /** Row of the media module, for messages with a file. */
  mediaFileId: number | null;
  timestamp: Date;
  rawPayload: Record<string, unknown>;
}

/** A message that a customer wrote to us just now, for those who wait for answers (campaigns). */
export interface ReceivedMessage {
  id: number;
  accountId: number;
  conversationId: number;
  contactId: number;
  wamid: string;
  messageType: string;
  at: Date;
  /** The message it quotes, by its wamid. */
  replyToMessageId: string | null;
  /** As Meta sent it, of those that others read on: an order, or what was answered to something interactive. */
  raw: Record<string, unknown> | null;
  /** Whose campaign message it quotes, or presses a button of. */
  quotedRecipientId: number | null;
}

@Injectable()
export class IncomingMessagesRepository {
  /** As they stand now: whose they are may have changed since they were inserted. */
  async findReceived(tx: Tx, ids: readonly number[]): Promise<ReceivedMessage[]> {
    return tx.query<ReceivedMessage>(
      `select m.id, m.account_id as "accountId", m.conversation_id as "conversationId", m.contact_id as "contactId",
         m.message_id as wamid, m.message_type as "messageType", m.timestamp as at,
         m.reply_to_message_id as "replyToMessageId",
         case when m.message_type in ('order', 'interactive') then m.raw_payload end as raw,
         q.campaign_recipient_id as "quotedRecipientId"
       from messages m
       left join messages q on q.account_id = m.account_id and q.message_id = m.reply_to_message_id
       where m.id = any($1::bigint[]) order by m.id`,
      [ids],
    );
  }

  /** Inserts those that are not there yet. @returns the new ones: row id by wamid */
  async insert(tx: Tx, messages: readonly IncomingMessage[]): Promise<{ id: number; wamid: string }[]> {
    const rows = await tx.query<{ id: number; message_id: string }>(
      `with added as (
       insert into messages (account_id, conversation_id, contact_id, direction, message_id, status, message_type, message_body,
         reply_to_message_id, content, context, error, media_file_id, media_id, media_mime_type, media_filename,
         location_latitude, location_longitude, location_name, location_address, timestamp, raw_payload,
         sent_at, delivered_at, read_at, failed_at)
       select account_id, conversation_id, contact_id, direction, wamid, status, message_type, message_body,
         reply_to_message_id, content, context, error, media_file_id, media_id, media_mime_type, media_filename,
         latitude, longitude, location_name, location_address, at, raw_payload,
         case when direction = 'outbound' then at end,
         case when direction = 'inbound' then now() when status in ('delivered', 'read') then at end,
         case when status = 'read' then at end,
         case when status = 'failed' then at end
       from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
         $9::text[], $10::jsonb[], $11::jsonb[], $12::jsonb[], $13::bigint[], $14::text[], $15::text[], $16::text[],
         $17::float8[], $18::float8[], $19::text[], $20::text[], $21::timestamptz[], $22::jsonb[]) with ordinality
         as u (account_id, conversation_id, contact_id, direction, wamid, status, message_type, message_body,
           reply_to_message_id, content, context, error, media_file_id, media_id, media_mime_type, media_filename,
           latitude, longitude, location_name, location_address, at, raw_payload, ord)
       -- Ids in the order they were written: Meta's times are whole seconds, and equal ones are read in the order of ids.
       order by account_id, at, ord
       on conflict (account_id, message_id) do nothing
       returning id, account_id, message_id, direction, message_type, status, timestamp, template_name, template_language,
         campaign_id, sent_by
       ), ${countAdded('added')}
       select id, message_id from added`,
      messageColumns(messages),
    );
    return rows.map((row) => ({ id: row.id, wamid: row.message_id }));
  }

  /**
   * Gives placeholders of the history their media, which comes later by itself. The placeholder knows better who wrote it
   * and when.
   */
  async fillPlaceholders(tx: Tx, messages: readonly IncomingMessage[]): Promise<void> {
    await tx.query(
      `update messages m set message_type = u.message_type, message_body = u.message_body, content = u.content,
         media_file_id = u.media_file_id, media_id = u.media_id, media_mime_type = u.media_mime_type,
         media_filename = u.media_filename, raw_payload = u.raw_payload, updated_at = now()
       from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::bigint[], $7::text[], $8::text[], $9::text[],
         $10::jsonb[])
         as u (account_id, wamid, message_type, message_body, content, media_file_id, media_id, media_mime_type, media_filename,
           raw_payload)
       where m.account_id = u.account_id and m.message_id = u.wamid and m.raw_payload->>'type' = 'media_placeholder'`,
      columnsOf(
        messages,
        (message) => message.accountId,
        (message) => message.wamid,
        (message) => message.content.messageType,
        (message) => message.content.messageBody,
        (message) => json(message.content.content),
        (message) => message.mediaFileId,
        (message) => message.content.media?.mediaId ?? null,
        (message) => message.content.media?.mimeType ?? null,
        (message) => message.content.media?.filename ?? null,
        (message) => json(message.rawPayload),
      ),
    );
  }
}

function messageColumns(messages: readonly IncomingMessage[]): unknown[][] {
  return columnsOf(
    messages,
    (message) => message.accountId,
    (message) => message.conversationId,
    (message) => message.contactId,
    (message) => message.direction,
    (message) => message.wamid,
    (message) => message.status,
    (message) => message.content.messageType,
    (message) => message.content.messageBody,
    (message) => message.content.replyToMessageId,
    (message) => json(message.content.content),
    (message) => json(message.content.context),
    (message) => json(message.content.error),
    (message) => message.mediaFileId,
    (message) => message.content.media?.mediaId ?? null,
    (message) => message.content.media?.mimeType ?? null,
    (message) => message.content.media?.filename ?? null,
    (message) => message.content.location?.latitude ?? null,
    (message) => message.content.location?.longitude ?? null,
    (message) => message.content.location?.name ?? null,
    (message) => message.content.location?.address ?? null,
    (message) => message.timestamp,
    (message) => json(message.rawPayload),
  );
}
