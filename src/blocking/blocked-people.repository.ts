import { Injectable } from '@nestjs/common';
import type { Merge } from '../contacts/people-ports.js';
import type { Tx } from '../database/database.js';

/** What becomes of blocks when two people turn out to be one, or one is forgotten. */
@Injectable()
export class BlockedPeopleRepository {
  /**
   * In each account the two rows become one: blocked when either was, with the words of the one that is blocked, and with
   * the history of both. Both contacts are locked.
   */
  async merge(tx: Tx, { survivorId, goneId }: Merge): Promise<void> {
    await tx.query(
      `update blocked_users s set
         phone_number = coalesce(s.phone_number, g.phone_number),
         wa_id = case when s.wa_id = '' then g.wa_id else s.wa_id end,
         user_id = coalesce(s.user_id, g.user_id),
         blocked_at = case when g.is_active and not s.is_active then g.blocked_at else s.blocked_at end,
         blocked_by = case when g.is_active and not s.is_active then g.blocked_by else s.blocked_by end,
         reason = case when g.is_active and not s.is_active then g.reason else s.reason end,
         unblocked_at = case when g.is_active or s.is_active then null else greatest(s.unblocked_at, g.unblocked_at) end,
         unblocked_by = case when g.is_active or s.is_active then ''
           when g.unblocked_at > s.unblocked_at or s.unblocked_at is null then g.unblocked_by else s.unblocked_by end,
         meta_error = case when g.is_active and not s.is_active then g.meta_error else s.meta_error end,
         is_active = s.is_active or g.is_active,
         decided_at = greatest(s.decided_at, g.decided_at),
         updated_at = now()
       from blocked_users g
       where s.contact_id = $1 and g.contact_id = $2 and g.account_id = s.account_id`,
      [survivorId, goneId],
    );
    await tx.query(
      `update block_events e set blocked_user_id = s.id
       from blocked_users g join blocked_users s on s.account_id = g.account_id and s.contact_id = $1
       where g.contact_id = $2 and e.account_id = g.account_id and e.blocked_user_id = g.id`,
      [survivorId, goneId],
    );
    await tx.query(
      `delete from blocked_users g using blocked_users s
       where g.contact_id = $2 and s.contact_id = $1 and s.account_id = g.account_id`,
      [survivorId, goneId],
    );
    await tx.query('update blocked_users set contact_id = $1, updated_at = now() where contact_id = $2', [
      survivorId,
      goneId,
    ]);
  }

  /** Accounts that have somebody blocked. */
  async accountsBlocking(tx: Tx, contactId: number): Promise<number[]> {
    const rows = await tx.query<{ account_id: number }>(
      'select account_id from blocked_users where contact_id = $1 and is_active order by account_id',
      [contactId],
    );
    return rows.map((row) => row.account_id);
  }

  /** Every row of a person, history and all. */
  async erase(tx: Tx, contactId: number): Promise<void> {
    await tx.query('delete from blocked_users where contact_id = $1', [contactId]);
  }
}
