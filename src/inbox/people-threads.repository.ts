import { Injectable } from '@nestjs/common';
import type { Acquaintance, Merge } from '../contacts/people-ports.js';
import type { Tx } from '../database/database.js';
import { keepErased } from './statistics/counting.js';

/** Of a conversation, what a merge may change. */
export interface MergedThread {
  id: number;
  account_id: number;
  contact_id: number;
  label_id: number | null;
  is_resolved: boolean;
  assigned_to: string | null;
  unread_count: number;
  /** Of the account. Read here, in the transaction: to ask for accounts may take another connection of the pool. */
  portfolio: string;
}

/** A message that is about to vanish, as others know it. */
export interface ErasedMessage {
  accountId: number;
  wamid: string | null;
  mediaFileId: number | null;
}

const COLUMNS = `c.id, c.account_id, c.contact_id, c.label_id, c.is_resolved, c.assigned_to, c.unread_count, (
  select coalesce(a.portfolio_id, a.waba_id, a.phone_number_id) from accounts a where a.id = c.account_id) as portfolio`;

/** `$1` has, and is to have, what `$2` has. Account by account, for each has its own thread with a person. */
const PAIRS = `
pairs as (
  select gone.id as gone_id, kept.id as kept_id
  from conversations gone
  left join conversations kept on kept.account_id = gone.account_id and kept.contact_id = $1
  where gone.contact_id = $2
)`;

/** All that the inbox has of one person. Whoever calls has locked the contacts. */
@Injectable()
export class PeopleThreadsRepository {
  async acquaintances(tx: Tx, contactIds: readonly number[]): Promise<Acquaintance[]> {
    const rows = await tx.query<{ contact_id: number; n: number; last_inbound_at: Date | null }>(
      `select contact_id, count(*)::int as n, max(last_inbound_at) as last_inbound_at
       from conversations where contact_id = any($1::bigint[]) group by contact_id`,
      [contactIds],
    );
    return rows.map((row) => ({
      contactId: row.contact_id,
      conversationCount: row.n,
      lastInboundAt: row.last_inbound_at,
    }));
  }

  /**
   * Messages first, then conversations, in the order in which all others lock them. The messages are locked before the first
   * is moved: moving refers to the survivor's conversation, and a transaction that has one of the messages may want that.
   */
  async moveMessages(tx: Tx, { survivorId, goneId }: Merge): Promise<void> {
    await tx.query(
      `with ${PAIRS}, locked as (
         select m.id from messages m join pairs on pairs.gone_id = m.conversation_id order by m.id for no key update of m
       )
       select count(*) from locked`,
      [survivorId, goneId],
    );
    await tx.query(
      `with ${PAIRS}
       update messages m set contact_id = $1, conversation_id = coalesce(pairs.kept_id, m.conversation_id)
       from pairs where m.conversation_id = pairs.gone_id`,
      [survivorId, goneId],
    );
    await tx.query('update message_changes set contact_id = $1 where contact_id = $2', [survivorId, goneId]);
  }

  /** Locks the conversations of both, and reads them. */
  async lockThreads(tx: Tx, { survivorId, goneId }: Merge): Promise<MergedThread[]> {
    return tx.query<MergedThread>(
      `select ${COLUMNS} from conversations c where c.contact_id = any($1::bigint[]) order by c.id for update`,
      [[survivorId, goneId]],
    );
  }

  /**
   * Once the messages are moved: of two conversations one remains, with the unread messages and the newest of both; of one
   * the person is another.
   * @returns those that remain and were changed, as they are now
   */
  async moveThreads(tx: Tx, { survivorId, goneId }: Merge): Promise<MergedThread[]> {
    const joined = await tx.query<MergedThread>(
      `with ${PAIRS}, gone as (
         delete from conversations c using pairs where c.id = pairs.gone_id and pairs.kept_id is not null
         returning c.*, pairs.kept_id
       )
       update conversations c set
         unread_count = c.unread_count + gone.unread_count,
         last_message_id = case
           when c.last_message_id is null then gone.last_message_id
           when (gone.last_message_at, gone.last_message_id) > (c.last_message_at, c.last_message_id)
           then gone.last_message_id else c.last_message_id end,
         last_message_at = greatest(c.last_message_at, gone.last_message_at),
         last_inbound_at = greatest(c.last_inbound_at, gone.last_inbound_at),
         is_resolved = c.is_resolved and gone.is_resolved,
         assigned_to = coalesce(c.assigned_to, gone.assigned_to),
         label_id = coalesce(c.label_id, gone.label_id),
         opened_at = least(c.opened_at, gone.opened_at),
         waiting_since = least(c.waiting_since, gone.waiting_since),
         answered_at = greatest(c.answered_at, gone.answered_at),
         updated_at = now()
       from gone where c.id = gone.kept_id
       returning ${COLUMNS}`,
      [survivorId, goneId],
    );
    const handedOver = await tx.query<MergedThread>(
      `update conversations c set contact_id = $1, updated_at = now() where c.contact_id = $2 returning ${COLUMNS}`,
      [survivorId, goneId],
    );
    return [...joined, ...handedOver];
  }

  /** What they had counted stays. */
  async removeMessages(tx: Tx, contactId: number): Promise<ErasedMessage[]> {
    const rows = await tx.query<{ account_id: number; message_id: string | null; media_file_id: number | null }>(
      `with doomed as (
         select id from messages where contact_id = $1 order by id for update
       ), gone as (
         delete from messages m using doomed where m.id = doomed.id
         returning m.*
       ), ${keepErased('gone')}
       select account_id, message_id, media_file_id from gone`,
      [contactId],
    );
    return rows.map((row) => ({
      accountId: row.account_id,
      wamid: row.message_id,
      mediaFileId: row.media_file_id,
    }));
  }

  /** The history of messages that are no more, and what was done to them. */
  async removeTraces(tx: Tx, contactId: number, messages: readonly ErasedMessage[]): Promise<void> {
    const named = messages.filter(({ wamid }) => wamid !== null);
    const keys = [named.map(({ accountId }) => accountId), named.map(({ wamid }) => wamid)];
    await tx.query(
      `delete from message_statuses s using unnest($1::bigint[], $2::text[]) as u (account_id, message_id)
       where s.account_id = u.account_id and s.message_id = u.message_id`,
      keys,
    );
    await tx.query(
      `delete from message_changes c using unnest($1::bigint[], $2::text[]) as u (account_id, message_id)
       where c.account_id = u.account_id and c.target_id = u.message_id`,
      keys,
    );
    await tx.query('delete from message_changes where contact_id = $1', [contactId]);
    await tx.query('delete from conversations where contact_id = $1', [contactId]);
  }

  /** Of these files, those that came with messages that are no more: not the library's, which are nobody's in particular. */
  async findUnused(tx: Tx, fileIds: readonly number[]): Promise<number[]> {
    const rows = await tx.query<{ id: number }>(
      `select f.id from media f
       where f.id = any($1::bigint[]) and f.origin <> 'library'
         and not exists (select 1 from messages m where m.media_file_id = f.id)
       order by f.id`,
      [fileIds],
    );
    return rows.map(({ id }) => id);
  }
}
