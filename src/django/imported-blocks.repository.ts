import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';

/** Somebody who is blocked. */
export interface ImportedBlock {
  accountId: number;
  contactId: number;
}

/** The flag that everybody looks at, set without telling the world of it, which `PeopleService.setBlocked` would. */
@Injectable()
export class ImportedBlocksRepository {
  /** Flags those whose block is active. Several rows of one person: active if one of them is. */
  async flag(tx: Tx, blocks: readonly ImportedBlock[]): Promise<void> {
    const columns = columnsOf(
      blocks,
      (block) => block.accountId,
      (block) => block.contactId,
    );
    await tx.query(
      `update blocked_users b set is_active = true, updated_at = now()
       from unnest($1::bigint[], $2::bigint[]) as u (account_id, contact_id)
       where b.account_id = u.account_id and b.contact_id = u.contact_id and not b.is_active and b.decided_at is null`,
      columns,
    );
    await tx.query(
      `insert into contact_accounts as a (account_id, contact_id, is_blocked)
       select b.account_id, b.contact_id, true
       from unnest($1::bigint[], $2::bigint[]) as u (account_id, contact_id)
       join blocked_users b on b.account_id = u.account_id and b.contact_id = u.contact_id and b.is_active
       group by 1, 2 order by 1, 2
       on conflict (account_id, contact_id) do update set is_blocked = true where not a.is_blocked`,
      columns,
    );
  }

  /** Contacts that some account has blocked. */
  async blockedBySome(tx: Tx, contactIds: readonly number[]): Promise<Set<number>> {
    const rows = await tx.query<{ contact_id: number }>(
      'select distinct contact_id from blocked_users where contact_id = any($1::bigint[]) and is_active',
      [contactIds],
    );
    return new Set(rows.map((row) => row.contact_id));
  }
}
