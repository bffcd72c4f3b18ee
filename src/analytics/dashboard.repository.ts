import { Injectable } from '@nestjs/common';
import type { Queryable } from '../database/database.js';

/** What there is, now. */
export interface Tiles {
  conversations: number;
  unread: number;
  campaigns: number;
  running: number;
}

export interface RecentConversation {
  id: number;
  contact_id: number;
  contact_name: string;
  phone: string | null;
  unread_count: number;
  last_message_at: Date | null;
  is_resolved: boolean;
}

/** Counts along indexes, and five rows of each list. */
@Injectable()
export class DashboardRepository {
  async tiles(q: Queryable, accountId: number): Promise<Tiles> {
    const [row] = await q.query<Tiles>(
      `select (select count(*) from conversations where account_id = $1) as conversations,
         (select count(*) from conversations where account_id = $1 and unread_count > 0) as unread,
         (select count(*) from campaigns where account_id = $1) as campaigns,
         (select count(*) from campaigns where account_id = $1 and status = 'running') as running`,
      [accountId],
    );
    return row as Tiles;
  }

  /** @param accountIds the accounts that the key is tied to; none: everybody counts */
  async countContacts(q: Queryable, accountIds: readonly number[]): Promise<number> {
    const [row] =
      accountIds.length === 0
        ? await q.query<{ n: number }>('select count(*) as n from contacts')
        : await q.query<{ n: number }>(
            'select count(distinct contact_id) as n from contact_accounts where account_id = any($1::bigint[])',
            [accountIds],
          );
    return row?.n ?? 0;
  }

  async recentConversations(q: Queryable, accountId: number, limit: number): Promise<RecentConversation[]> {
    return q.query<RecentConversation>(
      `select c.id, c.contact_id, k.name as contact_name, k.phone, c.unread_count, c.last_message_at, c.is_resolved
       from (select * from conversations where account_id = $1 order by activity_at desc, id desc limit $2) c
       join contacts k on k.id = c.contact_id
       order by c.activity_at desc, c.id desc`,
      [accountId, limit],
    );
  }
}
