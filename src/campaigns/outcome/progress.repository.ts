import { Injectable } from '@nestjs/common';
import type { Tx } from '../../database/database.js';
import { columnsOf } from '../../database/unnest.js';

/** A campaign's pace of late; null: not known yet. */
export interface MeasuredRate {
  id: number;
  ratePerSecond: number | null;
}

@Injectable()
export class ProgressRepository {
  /**
   * Stores how fast running campaigns are, unless another worker did so just now.
   * @returns the ids of those that are this worker's to tell of
   */
  async record(tx: Tx, rates: readonly MeasuredRate[], everyMs: number): Promise<number[]> {
    const rows = await tx.query<{ id: number }>(
      `with u as (
         select * from unnest($1::bigint[], $2::real[]) as u (id, rate)
       ), due as (
         -- One that is being moved at this moment is told of in two seconds.
         select c.id, u.rate from campaigns c join u on u.id = c.id
         where c.status = 'running'
           and (c.progress_at is null or c.progress_at < now() - make_interval(secs => $3 / 1000.0))
         order by c.id for no key update of c skip locked
       )
       update campaigns c set progress_at = now(), rate_per_second = coalesce(due.rate, c.rate_per_second)
       from due where c.id = due.id
       returning c.id`,
      [
        ...columnsOf(
          rates,
          (rate) => rate.id,
          (rate) => rate.ratePerSecond,
        ),
        everyMs,
      ],
    );
    return rows.map((row) => row.id);
  }
}
