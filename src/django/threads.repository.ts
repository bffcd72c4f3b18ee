import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';
import { hashSql } from './row-writer.js';

/** A thread, by whose it is and with whom. */
export interface ThreadName {
  accountId: number;
  contactId: number;
}

/** What conversations over there say of a thread together. */
export interface ThreadInput extends ThreadName {
  labelId: number | null;
  isResolved: boolean;
  assignedTo: string | null;
  unreadCount: number;
  createdAt: Date;
}

/** The last message that a batch brought into a thread, and the last of them by the customer. */
export interface ThreadNews {
  id: number;
  messageId: number;
  at: Date;
  inboundAt: Date | null;
}

export interface TouchedThread {
  id: number;
  hash: Buffer;
}

const HASH = hashSql('c', ['label_id', 'is_resolved', 'assigned_to', 'unread_count']);
const GIVEN = `unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::boolean[], $5::text[], $6::int[], $7::timestamptz[])
  as u (account_id, contact_id, label_id, is_resolved, assigned_to, unread_count, created_at)`;

/** Threads that come from elsewhere, without what the inbox tells the world when it makes or changes one. */
@Injectable()
export class ThreadsRepository {
  async create(tx: Tx, threads: readonly ThreadInput[]): Promise<(TouchedThread & ThreadName)[]> {
    return tx.query(
      `insert into conversations as c (account_id, contact_id, label_id, is_resolved, assigned_to, unread_count, created_at)
       select u.account_id, u.contact_id, l.id, u.is_resolved, u.assigned_to, u.unread_count, u.created_at
       from ${GIVEN} left join labels l on l.id = u.label_id
       order by u.account_id, u.contact_id on conflict do nothing
       returning c.id, c.account_id as "accountId", c.contact_id as "contactId", ${HASH} as hash`,
      given(threads),
    );
  }

  async find(tx: Tx, threads: readonly ThreadName[]): Promise<(ThreadName & { id: number })[]> {
    return tx.query(
      `select c.id, c.account_id as "accountId", c.contact_id as "contactId"
       from unnest($1::bigint[], $2::bigint[]) as u (account_id, contact_id)
       join conversations c on c.account_id = u.account_id and c.contact_id = u.contact_id`,
      columnsOf(
        threads,
        (thread) => thread.accountId,
        (thread) => thread.contactId,
      ),
    );
  }

  /** What a thread lacks is filled; what is unread adds up. */
  async fill(tx: Tx, threads: readonly ThreadInput[]): Promise<TouchedThread[]> {
    return tx.query(
      `update conversations c set label_id = coalesce(c.label_id, (select l.id from labels l where l.id = u.label_id)),
         assigned_to = coalesce(c.assigned_to, u.assigned_to), unread_count = c.unread_count + u.unread_count,
         created_at = least(c.created_at, u.created_at), updated_at = now()
       from ${GIVEN} where c.account_id = u.account_id and c.contact_id = u.contact_id
       returning c.id, ${HASH} as hash`,
      given(threads),
    );
  }

  /** What changed over there changes here, where nobody changed it since. */
  async change(
    tx: Tx,
    threads: readonly (Omit<ThreadInput, keyof ThreadName> & { id: number; knownHash: Buffer | null })[],
  ): Promise<TouchedThread[]> {
    return tx.query(
      `update conversations c set label_id = (select l.id from labels l where l.id = u.label_id),
         is_resolved = u.is_resolved, assigned_to = u.assigned_to, unread_count = u.unread_count, updated_at = now()
       from unnest($1::bigint[], $2::bigint[], $3::boolean[], $4::text[], $5::int[], $6::bytea[])
         as u (id, label_id, is_resolved, assigned_to, unread_count, known_hash)
       where c.id = u.id and ${HASH} = u.known_hash
       returning c.id, ${HASH} as hash`,
      columnsOf(
        threads,
        (thread) => thread.id,
        (thread) => thread.labelId,
        (thread) => thread.isResolved,
        (thread) => thread.assignedTo,
        (thread) => thread.unreadCount,
        (thread) => thread.knownHash,
      ),
    );
  }

  /** New messages stand in these threads: which is the last, and when the customer wrote last. */
  async touch(tx: Tx, news: readonly ThreadNews[]): Promise<void> {
    if (news.length === 0) {
      return;
    }
    await tx.query(
      `update conversations c set
         last_message_id = case when c.last_message_at is null or u.at >= c.last_message_at then u.message_id else c.last_message_id end,
         last_message_at = greatest(c.last_message_at, u.at),
         last_inbound_at = greatest(c.last_inbound_at, u.inbound_at),
         updated_at = now()
       from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[]) as u (id, message_id, at, inbound_at)
       where c.id = u.id`,
      columnsOf(
        news,
        (thread) => thread.id,
        (thread) => thread.messageId,
        (thread) => thread.at,
        (thread) => thread.inboundAt,
      ),
    );
  }
}

function given(threads: readonly ThreadInput[]): unknown[][] {
  return columnsOf(
    threads,
    (thread) => thread.accountId,
    (thread) => thread.contactId,
    (thread) => thread.labelId,
    (thread) => thread.isResolved,
    (thread) => thread.assignedTo,
    (thread) => thread.unreadCount,
    (thread) => thread.createdAt,
  );
}
