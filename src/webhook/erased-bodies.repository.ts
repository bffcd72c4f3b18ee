import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';

/** Where a body stands in the log. */
export interface BodyKey {
  id: number;
  receivedAt: Date;
}

/** A part of the log that was looked through. */
export interface SearchedPart {
  found: (BodyKey & { body: Buffer })[];
  /** The last body that was looked at; null: there are no more. */
  last: BodyKey | null;
}

/** Bodies of the log, to be searched for a person. */
@Injectable()
export class ErasedBodiesRepository {
  /**
   * Looks through the next bodies for any of these bytes, and locks those that have them.
   * @param limit of bodies to look at
   * @param maxBytes of bodies to look at; one is looked at in any case
   */
  async search(
    tx: Tx,
    needles: readonly Buffer[],
    after: BodyKey | null,
    limit: number,
    maxBytes: number,
  ): Promise<SearchedPart> {
    const rows = await tx.query<{ id: number; received_at: Date; body: Buffer | null; is_last: boolean }>(
      `with next as materialized (
         select id, received_at, octet_length(body) as size from webhook_logs
         where (received_at, id) > (coalesce($1::timestamptz, '-infinity'), coalesce($2::bigint, 0))
         order by received_at, id limit $3
       ), part as materialized (
         select id, received_at, row_number() over (order by received_at desc, id desc) = 1 as is_last
         from (select *, sum(size) over (order by received_at, id) - size as size_before from next) sized
         where size_before < $4
       ), found as materialized (
         select w.* from part cross join lateral (
           -- One at a time by its key: joined, every day of the log may be read.
           select l.id, l.received_at, l.body from webhook_logs l
           where l.id = part.id and l.received_at = part.received_at
             and exists (select 1 from unnest($5::bytea[]) needle where position(needle in l.body) > 0)
           limit 1 for update
         ) w
       )
       select part.id, part.received_at, part.is_last, found.body
       from part left join found on found.id = part.id and found.received_at = part.received_at
       where part.is_last or found.id is not null`,
      [after?.receivedAt ?? null, after?.id ?? null, limit, maxBytes, needles],
    );
    const keyOf = (row: { id: number; received_at: Date }): BodyKey => ({ id: row.id, receivedAt: row.received_at });
    const last = rows.find((row) => row.is_last);
    return {
      found: rows.flatMap((row) => (row.body === null ? [] : [{ ...keyOf(row), body: row.body }])),
      last: last ? keyOf(last) : null,
    };
  }

  async replace(tx: Tx, bodies: readonly (BodyKey & { body: Buffer })[]): Promise<void> {
    await tx.query(
      `update webhook_logs w set body = u.body
       from unnest($1::bigint[], $2::timestamptz[], $3::bytea[]) as u (id, received_at, body)
       where w.id = u.id and w.received_at = u.received_at`,
      columnsOf(
        bodies,
        (item) => item.id,
        (item) => item.receivedAt,
        (item) => item.body,
      ),
    );
  }
}
