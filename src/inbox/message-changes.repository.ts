import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { columnsOf, json } from '../database/unnest.js';
import type { Reaction } from './message.entity.js';

/** What was done to a message after it was written. */
export interface RecordedChange {
  accountId: number;
  /** wamid of the change. */
  changeId: string;
  /** wamid of the message. */
  targetId: string;
  contactId: number;
  kind: 'reaction' | 'edit' | 'revoke';
  actor: 'customer' | 'business';
  occurredAt: Date;
  /** Emoji ('' takes the reaction back), or the new text. */
  text: string;
  content: Record<string, unknown> | null;
}

/** A message by its wamid. */
export interface MessageName {
  accountId: number;
  wamid: string;
}

/** How a message looks after something was done to it, in wire names. */
export interface MessageLook {
  id: number;
  account_id: number;
  conversation_id: number;
  contact_id: number;
  message_id: string;
  message_type: string;
  message_body: string;
  direction: string;
  status: string;
  reactions: Reaction[] | null;
  edited_at: Date | null;
  is_deleted: boolean;
  media_state?: string;
}

@Injectable()
export class MessageChangesRepository {
  /** Keeps changes; one that is there already is the same change again. @returns the wamids of the new ones */
  async record(tx: Tx, changes: readonly RecordedChange[]): Promise<Set<string>> {
    const rows = await tx.query<{ change_id: string }>(
      `insert into message_changes (account_id, change_id, target_id, contact_id, kind, actor, occurred_at, text, content)
       select * from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::timestamptz[],
         $8::text[], $9::jsonb[])
         as u (account_id, change_id, target_id, contact_id, kind, actor, occurred_at, text, content)
       order by account_id, change_id
       on conflict (account_id, change_id) do nothing
       returning change_id`,
      columnsOf(
        changes,
        (change) => change.accountId,
        (change) => change.changeId,
        (change) => change.targetId,
        (change) => change.contactId,
        (change) => change.kind,
        (change) => change.actor,
        (change) => change.occurredAt,
        (change) => change.text,
        (change) => json(change.content),
      ),
    );
    return new Set(rows.map((row) => row.change_id));
  }

  /**
   * Folds all changes of these messages into how they look: the last reaction of each side, the texts in order of time,
   * whether they were taken back. From scratch each time, so that neither order nor repetition of changes matters, and a
   * change may come before its message. Everyone edits and revokes only what they wrote.
   * @returns the messages that there are and that have changes
   */
  async fold(tx: Tx, messages: readonly MessageName[]): Promise<MessageLook[]> {
    return tx.query<MessageLook>(
      `with named as (
         select distinct u.account_id, u.wamid
         from unnest($1::bigint[], $2::text[]) as u (account_id, wamid)
         where exists (select 1 from message_changes c where c.account_id = u.account_id and c.target_id = u.wamid)
       ), target as (
         select m.id, m.account_id, m.message_id, m.direction, m.message_body, m.original_body, m.is_deleted, m.deleted_at, m.deleted_by
         from named n join messages m on m.account_id = n.account_id and m.message_id = n.wamid
         order by m.id for no key update of m
       ), change as (
         select t.id, c.kind, c.actor, c.occurred_at, c.change_id, c.text,
           to_char(c.occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at
         from target t join message_changes c on c.account_id = t.account_id and c.target_id = t.message_id
         where c.kind = 'reaction' or (c.actor = 'customer') = (t.direction = 'inbound')
       ), folded as (
         select t.id,
           (select jsonb_agg(jsonb_build_object('emoji', r.text, 'actor', r.actor, 'timestamp', r.at) order by r.actor desc)
            from (select distinct on (c.actor) c.actor, c.text, c.at from change c where c.id = t.id and c.kind = 'reaction'
                  order by c.actor, c.occurred_at desc, c.change_id desc) r
            where r.text <> '') as reactions,
           (select jsonb_agg(jsonb_build_object('message_body', c.text, 'timestamp', c.at) order by c.occurred_at, c.change_id)
            from change c where c.id = t.id and c.kind = 'edit') as edits
         from target t
       )
       update messages m set
         reactions = f.reactions,
         edits = f.edits,
         original_body = case when f.edits is null then m.original_body else coalesce(m.original_body, m.message_body) end,
         message_body = coalesce(f.edits->-1->>'message_body', m.message_body),
         edited_at = (f.edits->-1->>'timestamp')::timestamptz,
         is_deleted = m.is_deleted or gone.occurred_at is not null,
         deleted_at = coalesce(gone.occurred_at, m.deleted_at),
         -- What an agent hid stays hidden, whoever takes it back besides.
         deleted_by = case when m.deleted_by = 'agent' then m.deleted_by else coalesce(gone.actor, m.deleted_by) end,
         updated_at = now()
       from folded f
       left join lateral (
         select c.occurred_at, c.actor from change c where c.id = f.id and c.kind = 'revoke' order by c.occurred_at, c.change_id limit 1
       ) gone on true
       where m.id = f.id
       returning m.id, m.account_id, m.conversation_id, m.contact_id, m.message_id, m.message_type, m.message_body, m.direction,
         m.status, m.reactions, m.edited_at, m.is_deleted`,
      columnsOf(
        messages,
        (message) => message.accountId,
        (message) => message.wamid,
      ),
    );
  }

  /** The messages that these files came with. */
  async findByFiles(tx: Tx, fileIds: readonly number[]): Promise<MessageLook[]> {
    return tx.query<MessageLook>(
      `select m.id, m.account_id, m.conversation_id, m.contact_id, m.message_id, m.message_type, m.message_body, m.direction,
         m.status, m.reactions, m.edited_at, m.is_deleted, f.state as media_state
       from media f join messages m on m.media_file_id = f.id and m.account_id = f.account_id
       where f.id = any($1::bigint[]) order by m.id`,
      [fileIds],
    );
  }
}
