import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { columnsOf, json } from '../database/unnest.js';

/** A message a customer wrote. */
export interface IncomingMessage {
  accountId: number;
  conversationId: number;
  contactId: number;
  wamid: string;
  messageType: string;
  messageBody: string;
  replyToWamid: string | null;
  timestamp: Date;
  rawPayload: Record<string, unknown>;
}

@Injectable()
export class IncomingMessagesRepository {
  /** Inserts those that are not there yet. @returns the new ones: row id by wamid */
  async insertIncoming(
    tx: Tx,
    messages: readonly IncomingMessage[],
  ): Promise<{ id: number; accountId: number; wamid: string }[]> {
    const rows = await tx.query<{ id: number; account_id: number; message_id: string }>(
      `insert into messages (account_id, conversation_id, contact_id, direction, message_id, message_type, message_body,
         status, reply_to_id, timestamp, delivered_at, raw_payload)
       select u.account_id, u.conversation_id, u.contact_id, 'inbound', u.wamid, u.message_type, u.message_body,
         'delivered', quoted.id, u.at, now(), u.raw_payload
       from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::jsonb[])
         as u (account_id, conversation_id, contact_id, wamid, message_type, message_body, reply_to_wamid, at, raw_payload)
       left join messages quoted on quoted.account_id = u.account_id and quoted.message_id = u.reply_to_wamid
       order by u.account_id, u.wamid
       on conflict (account_id, message_id) do nothing
       returning id, account_id, message_id`,
      columnsOf(
        messages,
        (message) => message.accountId,
        (message) => message.conversationId,
        (message) => message.contactId,
        (message) => message.wamid,
        (message) => message.messageType,
        (message) => message.messageBody,
        (message) => message.replyToWamid,
        (message) => message.timestamp,
        (message) => json(message.rawPayload),
      ),
    );
    return rows.map((row) => ({ id: row.id, accountId: row.account_id, wamid: row.message_id }));
  }
}
