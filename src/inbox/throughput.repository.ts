import { Injectable } from '@nestjs/common';
import type { Queryable } from '../database/database.js';

/** What passes through a number beside its campaigns: Meta counts what comes in and what goes out together. */
@Injectable()
export class ThroughputRepository {
  /** Messages of the last second that belong to no campaign. */
  async countOthers(q: Queryable, accountId: number): Promise<number> {
    const [row] = await q.query<{ n: number }>(
      `select count(*) as n from messages
       where account_id = $1 and campaign_id is null and created_at > now() - interval '1 second'`,
      [accountId],
    );
    return row?.n ?? 0;
  }
}
