import { Injectable } from '@nestjs/common';
import { AppError } from '../common/app-error.js';
import type { Identity } from '../contacts/person.js';
import type { Queryable, Tx } from '../database/database.js';
import type { ConversationChange } from './conversation-events.js';
import type { MessageRow } from './message.dto.js';
import type { MessageError } from './message-status.js';
import { mark } from './statistics/counting.js';
import type { TimeKey } from './time-key.js';

/** A conversation of the list, with the message it shows. */
export type ChatRow = ConversationRow & (PreviewRow | { message_id: null });

interface ConversationRow {
  id: number;
  contact_id: number;
  contact_name: string;
  phone: string | null;
  label_id: number | null;
  label_name: string | null;
  label_color: string | null;
  unread_count: number;
  activity_at: Date;
  is_resolved: boolean;
  assigned_to: string | null;
  /** By the account. */
  is_blocked: boolean;
  window_expires_at: Date | null;
  is_window_open: boolean;
}

interface PreviewRow {
  message_id: number;
  message_type: string;
  message_body: string;
  direction: string;
  status: string;
  timestamp: Date;
  media_mime_type: string | null;
  media_filename: string | null;
  sent_by: string | null;
  error: MessageError | null;
}

/** A status that Meta told of a message. */
export interface StatusRow {
  status: string;
  occurred_at: Date;
  error: MessageError | null;
  pricing: Record<string, unknown> | null;
}

/** What a change of a conversation sets; what is not there stays. */
export interface ConversationPatch {
  labelId?: number | null | undefined;
  isResolved?: boolean | undefined;
  assignedTo?: string | null | undefined;
}

/** Of messages `m`: their columns, and what stands in other tables; see {@link MESSAGE_SOURCES}. */
export const MESSAGE_COLUMNS = `m.id, m.account_id, m.conversation_id, m.contact_id, k.phone, m.message_id, m.client_ref, m.message_type,
  m.message_body, m.direction, m.status, m.media_id, m.media_url, m.media_mime_type, m.media_filename, m.media_file_id,
  f.state as media_state, f.file_size as media_size, m.location_latitude, m.location_longitude, m.location_name,
  m.location_address, m.reaction_emoji, m.reaction_to_message_id, m.reply_to_id, m.reply_to_message_id, q.quoted_message,
  m.content, m.context, m.reactions, m.edits, m.original_body, m.template_name, m.template_language, m.campaign_id, m.sent_by,
  m.error, m.timestamp, m.sent_at, m.delivered_at, m.read_at, m.failed_at, m.send_at, m.valid_until, m.edited_at, m.is_deleted,
  m.deleted_at, m.deleted_by`;

export const MESSAGE_SOURCES = `messages m
  join contacts k on k.id = m.contact_id
  left join media f on f.id = m.media_file_id
  left join lateral (
    select jsonb_build_object('id', o.id, 'message_type', o.message_type, 'message_body', left(o.message_body, 200),
      'direction', o.direction) as quoted_message
    from messages o where o.account_id = m.account_id and o.message_id = m.reply_to_message_id
  ) q on m.reply_to_message_id is not null`;

/**
 * What a thread shows. A reaction is shown at its message; what an agent deleted or took back before it was sent is gone; what
 * was taken back on WhatsApp stays, and says so.
 */
const IN_THREAD = `m.message_type <> 'reaction' and m.deleted_by is distinct from 'agent' and m.status <> 'cancelled'`;

const NEWEST = thread('desc');
const OLDER = thread('desc', 'and (m.timestamp, m.id) < ($3::timestamptz, $4::bigint)');
const NEWER = thread('asc', 'and (m.timestamp, m.id) > ($3::timestamptz, $4::bigint)');

function thread(order: 'asc' | 'desc', from = ''): string {
  return `select ${MESSAGE_COLUMNS} from ${MESSAGE_SOURCES}
    where m.id = any(array(
      select m.id from messages m where m.conversation_id = $1 and ${IN_THREAD} ${from}
      order by m.timestamp ${order}, m.id ${order} limit $2))
    order by m.timestamp ${order}, m.id ${order}`;
}

/** Reads of the inbox: one statement per page, keyset-paged. */
@Injectable()
export class InboxRepository {
  async getMessage(q: Queryable, accountId: number, id: number): Promise<MessageRow> {
    const [row] = await this.findMessages(q, accountId, [id]);
    if (!row) {
      throw new AppError('not_found', 'There is no such message.');
    }
    return row;
  }

  /** @returns those that are there, in no order */
  findMessages(q: Queryable, accountId: number, ids: readonly number[]): Promise<MessageRow[]> {
    return q.query<MessageRow>(
      `select ${MESSAGE_COLUMNS} from ${MESSAGE_SOURCES} where m.account_id = $1 and m.id = any($2::bigint[])`,
      [accountId, ids],
    );
  }

  /** What came with a message from Meta, and every status that Meta told of it, in order of time. */
  async getHistory(
    q: Queryable,
    message: Pick<MessageRow, 'account_id' | 'id' | 'message_id'>,
  ): Promise<{ rawPayload: Record<string, unknown> | null; statuses: StatusRow[] }> {
    const [row] = await q.query<{ raw_payload: Record<string, unknown> | null }>(
      'select raw_payload from messages where account_id = $1 and id = $2',
      [message.account_id, message.id],
    );
    const statuses = await q.query<StatusRow>(
      `select status, occurred_at, error, pricing from message_statuses
       where account_id = $1 and message_id = $2 order by occurred_at, received_at, status`,
      [message.account_id, message.message_id],
    );
    return { rawPayload: row?.raw_payload ?? null, statuses };
  }

  /** The bubbles of a conversation, in order of time from the cursor on: backwards from the newest, or forwards. */
  async listMessages(
    q: Queryable,
    conversationId: number,
    cursor: { isForward: boolean; key: TimeKey } | null,
    limit: number,
  ): Promise<MessageRow[]> {
    const text = cursor ? (cursor.isForward ? NEWER : OLDER) : NEWEST;
    return q.query<MessageRow>(text, [conversationId, limit, ...(cursor ? [cursor.key.at, cursor.key.id] : [])]);
  }

  /** Hides a message from the thread. @returns its conversation; null when there was nothing to hide */
  async hideMessage(tx: Tx, accountId: number, id: number): Promise<number | null> {
    const [row] = await tx.query<{ conversation_id: number }>(
      `update messages set is_deleted = true, deleted_at = coalesce(deleted_at, now()), deleted_by = 'agent', updated_at = now()
       where account_id = $1 and id = $2 and deleted_by is distinct from 'agent' and status <> 'cancelled'
       returning conversation_id`,
      [accountId, id],
    );
    return row?.conversation_id ?? null;
  }

  /** Changes what is given; what is resolved, reopened or labelled is counted. @returns what is different now */
  async updateConversation(
    tx: Tx,
    accountId: number,
    id: number,
    { labelId, isResolved, assignedTo }: ConversationPatch,
  ): Promise<ConversationChange[]> {
    const [row] = await tx.query<{ changed: ConversationChange[] }>(
      `with old as (
         select id, label_id, is_resolved, assigned_to, opened_at from conversations where account_id = $1 and id = $2 for update
       ), now_it_is as (
       update conversations c set
         label_id = case when $3 then $4::bigint else c.label_id end,
         is_resolved = coalesce($5::boolean, c.is_resolved),
         assigned_to = case when $6 then $7::text else c.assigned_to end,
         -- Who resolves it wants to answer nothing more; who reopens it begins anew.
         opened_at = case when $5::boolean and not old.is_resolved then null
           when not $5::boolean and old.is_resolved then now() else c.opened_at end,
         waiting_since = case when $5::boolean then null else c.waiting_since end,
         updated_at = now()
       from old
       where c.id = old.id and (($3 and old.label_id is distinct from $4::bigint) or old.is_resolved <> $5::boolean
         or ($6 and old.assigned_to is distinct from $7::text))
       returning c.account_id, c.id, c.label_id, c.is_resolved, coalesce(c.assigned_to, '') as assigned_to, old.opened_at,
         array_remove(array[
           case when old.label_id is distinct from c.label_id then 'label' end,
           case when old.is_resolved <> c.is_resolved then 'is_resolved' end,
           case when old.assigned_to is distinct from c.assigned_to then 'assigned_to' end], null) as changed
       ), happened as (
         select now()::timestamptz(3) as at, account_id, id as conversation_id,
           case when what = 'label' then 'labelled' when is_resolved then 'resolved' else 'opened' end as kind,
           case when what = 'is_resolved' and is_resolved
             then greatest(0, (extract(epoch from now() - opened_at) * 1000)::bigint) end as duration_ms,
           case when what = 'is_resolved' and is_resolved then assigned_to else '' end as agent, coalesce(label_id, 0) as label_id
         from now_it_is, unnest(changed) what
         where what = 'is_resolved' or what = 'label' and label_id is not null
       ), ${mark('happened')}
       select changed from now_it_is`,
      [
        accountId,
        id,
        labelId !== undefined,
        labelId ?? null,
        isResolved ?? null,
        assignedTo !== undefined,
        assignedTo ?? null,
      ],
    );
    return row?.changed ?? [];
  }

  /** The conversation with whoever has this identity, in one step: nothing else of the person is needed. */
  async findConversationAt(q: Queryable, accountId: number, { kind, scope, value }: Identity): Promise<number | null> {
    const [row] = await q.query<{ id: number }>(
      `select c.id from contact_identities i join conversations c on c.account_id = $1 and c.contact_id = i.contact_id
       where i.kind = $2 and i.scope = $3 and i.value = $4`,
      [accountId, kind, scope, value],
    );
    return row?.id ?? null;
  }

  async findConversation(q: Queryable, accountId: number, contactId: number): Promise<number | null> {
    const [row] = await q.query<{ id: number }>(
      'select id from conversations where account_id = $1 and contact_id = $2',
      [accountId, contactId],
    );
    return row?.id ?? null;
  }
}
