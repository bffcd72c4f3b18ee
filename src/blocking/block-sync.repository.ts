import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';
import type { BlockedPerson } from './blocking.repository.js';

/** A block as it stands here, with the names that Meta may list it by. */
export interface ActiveBlock {
  id: number;
  contactId: number;
  phoneNumber: string | null;
  waId: string;
  userId: string | null;
}

/** What a reading came to. */
export interface SyncCounts {
  synced: number;
  added: number;
  removed: number;
}

/** Nothing was done by a call since Meta was asked for the list (`$2`), so the list is news. */
const IS_NEWS = '(b.decided_at is null or b.decided_at < $2)';

/** What a sync reads and writes, and whose turn it is. */
@Injectable()
export class BlockSyncRepository {
  /** @returns false while somebody else reads this account's list */
  async takeLease(q: Queryable, accountId: number, lease: string, seconds: number): Promise<boolean> {
    const rows = await q.query(
      `insert into block_syncs as s (account_id, lease, leased_until)
       values ($1, $2, clock_timestamp() + make_interval(secs => $3))
       on conflict (account_id) do update set lease = excluded.lease, leased_until = excluded.leased_until
       where s.leased_until is null or s.leased_until < clock_timestamp()
       returning account_id`,
      [accountId, lease, seconds],
    );
    return rows.length > 0;
  }

  /** @returns false when it was lost */
  async renewLease(q: Queryable, accountId: number, lease: string, seconds: number): Promise<boolean> {
    const rows = await q.query(
      `update block_syncs set leased_until = clock_timestamp() + make_interval(secs => $3)
       where account_id = $1 and lease = $2 returning account_id`,
      [accountId, lease, seconds],
    );
    return rows.length > 0;
  }

  async giveLeaseBack(q: Queryable, accountId: number, lease: string): Promise<void> {
    await q.query('update block_syncs set lease = null, leased_until = null where account_id = $1 and lease = $2', [
      accountId,
      lease,
    ]);
  }

  async finish(q: Queryable, accountId: number, lease: string, { synced, added, removed }: SyncCounts): Promise<void> {
    await q.query(
      `update block_syncs set lease = null, leased_until = null, finished_at = now(), synced = $3, added = $4, removed = $5
       where account_id = $1 and lease = $2`,
      [accountId, lease, synced, added, removed],
    );
  }

  /** The database's clock, to the microsecond: what is compared with it must not be older by a rounding. */
  async now(q: Queryable): Promise<string> {
    const [row] = await q.query<{ at: string }>('select clock_timestamp()::text as at');
    return (row as { at: string }).at;
  }

  async active(q: Queryable, accountId: number): Promise<ActiveBlock[]> {
    return q.query<ActiveBlock>(
      `select id, contact_id as "contactId", phone_number as "phoneNumber", wa_id as "waId", user_id as "userId"
       from blocked_users where account_id = $1 and is_active`,
      [accountId],
    );
  }

  /**
   * People whom Meta lists; what is known of them beside stays.
   * @param askedAt when Meta was asked: what a call did since is newer
   * @returns the contacts that were not blocked here before
   */
  async writeFound(tx: Tx, accountId: number, askedAt: string, people: readonly BlockedPerson[]): Promise<number[]> {
    const contactIds = people.map((person) => person.contactId);
    const blocked = await this.lockActive(tx, accountId, contactIds);
    const rows = await tx.query<{ contact_id: number }>(
      `with u as materialized (
         select * from unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::boolean[])
           as u (contact_id, phone, wa_id, user_id, was_active)
       ), written as (
         insert into blocked_users as b (account_id, contact_id, phone_number, wa_id, user_id, is_active)
         select $1, contact_id, phone, wa_id, user_id, true from u order by contact_id
         on conflict (account_id, contact_id) do update set
           phone_number = coalesce(b.phone_number, excluded.phone_number),
           wa_id = case when excluded.wa_id = '' then b.wa_id else excluded.wa_id end,
           user_id = coalesce(excluded.user_id, b.user_id),
           blocked_at = case when not b.is_active and ${IS_NEWS} then excluded.blocked_at else b.blocked_at end,
           blocked_by = case when not b.is_active and ${IS_NEWS} then '' else b.blocked_by end,
           reason = case when not b.is_active and ${IS_NEWS} then '' else b.reason end,
           unblocked_at = case when ${IS_NEWS} then null else b.unblocked_at end,
           unblocked_by = case when ${IS_NEWS} then '' else b.unblocked_by end,
           meta_error = case when ${IS_NEWS} then '' else b.meta_error end,
           is_active = b.is_active or ${IS_NEWS},
           updated_at = now()
         returning b.id, b.contact_id, b.is_active
       ), added as (
         select w.id, w.contact_id from written w join u using (contact_id) where w.is_active and not u.was_active
       ), told as (
         insert into block_events (account_id, blocked_user_id, action, source)
         select $1, id, 'blocked', 'sync' from added order by id
       )
       select contact_id from added`,
      [
        accountId,
        askedAt,
        ...columnsOf(
          people,
          (person) => person.contactId,
          (person) => person.phone,
          (person) => person.waId,
          (person) => person.userId,
          (person) => blocked.has(person.contactId),
        ),
      ],
    );
    return rows.map((row) => row.contact_id);
  }

  /** Blocks that Meta no longer has. @returns the contacts that are not blocked any more */
  async writeGone(tx: Tx, accountId: number, askedAt: string, ids: readonly number[]): Promise<number[]> {
    const rows = await tx.query<{ contact_id: number }>(
      `with held as materialized (
         select b.id from blocked_users b
         where b.account_id = $1 and b.id = any($3::bigint[]) and b.is_active and ${IS_NEWS} order by b.id for update
       ), written as (
         update blocked_users b set is_active = false, unblocked_at = now(), unblocked_by = '', updated_at = now()
         from held where b.id = held.id
         returning b.id, b.contact_id
       ), told as (
         insert into block_events (account_id, blocked_user_id, action, source)
         select $1, id, 'unblocked', 'sync' from written order by id
       )
       select contact_id from written`,
      [accountId, askedAt, ids],
    );
    return rows.map((row) => row.contact_id);
  }

  /** Locks rows, in order. @returns the contacts of those that are blocked */
  private async lockActive(tx: Tx, accountId: number, contactIds: readonly number[]): Promise<Set<number>> {
    const rows = await tx.query<{ contact_id: number; is_active: boolean }>(
      `select contact_id, is_active from blocked_users where account_id = $1 and contact_id = any($2::bigint[])
       order by contact_id for update`,
      [accountId, contactIds],
    );
    return new Set(rows.filter((row) => row.is_active).map((row) => row.contact_id));
  }
}
