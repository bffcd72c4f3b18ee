import { Injectable } from '@nestjs/common';
import type { Queryable } from '../database/database.js';
import type { Message } from './message.entity.js';

/** What passes through a number beside its campaigns: Meta counts what comes in and what goes out together. */
@Injectable()
export class ThroughputRepository {
  /**
   * Messages that belong to no campaign and passed within the last second, or are about to: one that was stored and not
   * answered yet may arrive at any moment. Of an answered one `sent_at` may be Meta's word, in whole seconds, and so be earlier
   * than it was: it has arrived a little after it was stored.
   */
  async countOthers(q: Queryable, accountId: number, directions: readonly Message['direction'][]): Promise<number> {
    const [row] = await q.query<{ n: number }>(
      `select count(*) as n from messages
       where account_id = $1 and direction = any($2) and campaign_id is null and created_at > now() - interval '10 seconds'
         and case when direction = 'outbound' and status = 'pending' then true
           else greatest(sent_at, created_at + interval '150 ms') > now() - interval '1 second' end`,
      [accountId, directions],
    );
    return row?.n ?? 0;
  }
}
