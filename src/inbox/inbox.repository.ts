import { Injectable } from '@nestjs/common';
import { AppError } from '../common/app-error.js';
import { containing } from '../common/like.js';
import type { Queryable } from '../database/database.js';
import type { MessageRow } from './message.dto.js';

/** A row of the chat list. */
export interface ChatRow {
  id: number;
  contact_id: number;
  contact_name: string;
  phone: string | null;
  label_id: number | null;
  label_name: string | null;
  label_color: string | null;
  unread_count: number;
  last_message_at: Date | null;
  last_inbound_at: Date | null;
  is_resolved: boolean;
  assigned_to: string | null;
  last_message: MessageRow | null;
}

export interface ChatFilter {
  accountId: number;
  q?: string | undefined;
  label?: string | undefined;
  isResolved?: boolean | undefined;
  assignedTo?: string | undefined;
  unreadOnly?: boolean | undefined;
  conversationId?: number | undefined;
  /** Sort key of the last row of the previous page. */
  after: { lastMessageAt: string; id: number } | null;
  limit: number;
}

/** Of messages `m`: their columns, and what stands in other tables; see {@link MESSAGE_SOURCES}. */
const MESSAGE_COLUMNS = `m.id, m.account_id, m.conversation_id, m.contact_id, k.phone, m.message_id, m.client_ref, m.message_type,
  m.message_body, m.direction, m.status, m.media_id, m.media_url, m.media_mime_type, m.media_filename, m.media_file_id,
  f.state as media_state, f.file_size as media_size, m.location_latitude, m.location_longitude, m.location_name,
  m.location_address, m.reaction_emoji, m.reaction_to_message_id, m.reply_to_id, m.reply_to_message_id, q.quoted_message,
  m.content, m.context, m.reactions, m.edits, m.original_body, m.template_name, m.template_language, m.campaign_id, m.sent_by,
  m.error, m.timestamp, m.sent_at, m.delivered_at, m.read_at, m.failed_at, m.send_at, m.valid_until, m.edited_at, m.is_deleted,
  m.deleted_at, m.deleted_by`;

const MESSAGE_SOURCES = `messages m
  join contacts k on k.id = m.contact_id
  left join media f on f.id = m.media_file_id
  left join lateral (
    select jsonb_build_object('id', o.id, 'message_type', o.message_type, 'message_body', left(o.message_body, 200),
      'direction', o.direction) as quoted_message
    from messages o where o.account_id = m.account_id and o.message_id = m.reply_to_message_id
  ) q on m.reply_to_message_id is not null`;

const WAMID = /^wamid\./;

/** Reads of the inbox: one statement per page, keyset-paged. */
@Injectable()
export class InboxRepository {
  async getMessage(q: Queryable, accountId: number, id: number): Promise<MessageRow> {
    const [row] = await q.query<MessageRow>(
      `select ${MESSAGE_COLUMNS} from ${MESSAGE_SOURCES} where m.account_id = $1 and m.id = $2`,
      [accountId, id],
    );
    if (!row) {
      throw new AppError('not_found', 'There is no such message.');
    }
    return row;
  }

  /** Messages of a conversation, newest first; `after` goes back in time, `before` forward. */
  async listMessages(
    q: Queryable,
    conversationId: number,
    cursor: { direction: 'older' | 'newer'; timestamp: string; id: number } | null,
    limit: number,
  ): Promise<MessageRow[]> {
    const isNewer = cursor?.direction === 'newer';
    const comparison = cursor ? `and (m.timestamp, m.id) ${isNewer ? '>' : '<'} ($3::timestamptz, $4::bigint)` : '';
    const order = isNewer ? 'asc' : 'desc';
    return q.queryDynamic<MessageRow>(
      `select ${MESSAGE_COLUMNS}
       from ${MESSAGE_SOURCES}
       where m.conversation_id = $1 and not m.is_deleted ${comparison}
       order by m.timestamp ${order}, m.id ${order} limit $2`,
      [conversationId, limit, ...(cursor ? [cursor.timestamp, cursor.id] : [])],
    );
  }

  async listChats(q: Queryable, filter: ChatFilter): Promise<ChatRow[]> {
    const values: unknown[] = [filter.accountId, filter.limit];
    const where: string[] = [];
    const bind = (value: unknown): string => `$${values.push(value)}`;
    if (filter.conversationId !== undefined) {
      where.push(`c.id = ${bind(filter.conversationId)}`);
    } else {
      where.push('c.last_message_at is not null');
    }
    if (filter.q) {
      const pattern = bind(containing(filter.q));
      where.push(`(k.name ilike ${pattern} or k.phone ilike ${pattern})`);
    }
    if (filter.label !== undefined) {
      const label = bind(filter.label);
      where.push(`c.label_id in (select id from labels where id::text = ${label} or lower(name) = lower(${label}))`);
    }
    if (filter.isResolved !== undefined) {
      where.push(`c.is_resolved = ${bind(filter.isResolved)}`);
    }
    if (filter.assignedTo !== undefined) {
      where.push(`c.assigned_to = ${bind(filter.assignedTo)}`);
    }
    if (filter.unreadOnly) {
      where.push('c.unread_count > 0');
    }
    if (filter.after) {
      where.push(
        `(c.last_message_at, c.id) < (${bind(filter.after.lastMessageAt)}::timestamptz, ${bind(filter.after.id)}::bigint)`,
      );
    }
    const rows = await q.queryDynamic<Omit<ChatRow, 'last_message'> & { last_message_id: number | null }>(
      `select c.id, c.contact_id, k.name as contact_name, k.phone, c.label_id, l.name as label_name, l.color as label_color,
         c.unread_count, c.last_message_at, c.last_inbound_at, c.is_resolved, c.assigned_to, c.last_message_id
       from conversations c
       join contacts k on k.id = c.contact_id
       left join labels l on l.id = c.label_id
       where c.account_id = $1 and ${where.join(' and ')}
       order by c.last_message_at desc, c.id desc limit $2`,
      values,
    );
    const ids = rows.map((row) => row.last_message_id).filter((id) => id !== null);
    const messages = await q.query<MessageRow>(
      `select ${MESSAGE_COLUMNS} from ${MESSAGE_SOURCES} where m.id = any($1::bigint[])`,
      [ids],
    );
    const byId = new Map(messages.map((message) => [message.id, message]));
    return rows.map(({ last_message_id, ...row }) => ({
      ...row,
      last_message: last_message_id === null ? null : (byId.get(last_message_id) ?? null),
    }));
  }

  async findConversation(q: Queryable, accountId: number, contactId: number): Promise<number | null> {
    const [row] = await q.query<{ id: number }>(
      'select id from conversations where account_id = $1 and contact_id = $2',
      [accountId, contactId],
    );
    return row?.id ?? null;
  }

  /** The message a reply quotes, by wamid or local id. A wamid nobody here knows is still good for Meta. */
  async findQuoted(
    q: Queryable,
    accountId: number,
    reference: string,
  ): Promise<{ id: number | null; wamid: string | null }> {
    const isWamid = WAMID.test(reference);
    const [row] = isWamid
      ? await q.query<{ id: number; message_id: string | null }>(
          'select id, message_id from messages where account_id = $1 and message_id = $2',
          [accountId, reference],
        )
      : await q.query<{ id: number; message_id: string | null }>(
          'select id, message_id from messages where account_id = $1 and id = $2',
          [accountId, /^\d{1,15}$/.test(reference) ? Number(reference) : 0],
        );
    if (row) {
      return { id: row.id, wamid: row.message_id };
    }
    if (isWamid) {
      return { id: null, wamid: reference };
    }
    throw new AppError('validation_failed', 'There is no such message to reply to.', {
      errors: [{ field: 'reply_message_id', code: 'not_found', message: 'There is no such message to reply to.' }],
    });
  }
}
