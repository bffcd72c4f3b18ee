import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';

/** What became of a row over there, at the last import. */
export interface ImportedRow {
  sourceId: number;
  targetId: number;
  sourceHash: Buffer;
  targetHash: Buffer | null;
}

/** Which database, and which of its tables. */
export interface ImportedModel {
  importId: number;
  model: string;
}

/** What became of rows over there: the memory that lets an import be run again. */
@Injectable()
export class ImportedRowsRepository {
  /** The import of this database, begun now (again). */
  async begin(tx: Tx, source: string): Promise<number> {
    const [row] = await tx.query<{ id: number }>(
      `insert into django_imports (source) values ($1)
       on conflict (source) do update set started_at = now(), finished_at = null
       returning id`,
      [source],
    );
    return (row as { id: number }).id;
  }

  async finish(tx: Tx, importId: number, report: unknown): Promise<void> {
    await tx.query('update django_imports set finished_at = clock_timestamp(), report = $2 where id = $1', [
      importId,
      JSON.stringify(report),
    ]);
  }

  async countAll(q: Queryable, importId: number): Promise<number> {
    const [row] = await q.query<{ n: number }>('select count(*) as n from imported_rows where import_id = $1', [
      importId,
    ]);
    return row?.n ?? 0;
  }

  async find(
    q: Queryable,
    { importId, model }: ImportedModel,
    sourceIds: readonly number[],
  ): Promise<Map<number, ImportedRow>> {
    const rows = await q.query<ImportedRow>(
      `select source_id as "sourceId", target_id as "targetId", source_hash as "sourceHash", target_hash as "targetHash"
       from imported_rows where import_id = $1 and model = $2 and source_id = any($3::bigint[])`,
      [importId, model, sourceIds],
    );
    return new Map(rows.map((row) => [row.sourceId, row]));
  }

  /** All of a model that there are few of: our id by theirs. */
  async all(q: Queryable, { importId, model }: ImportedModel): Promise<Map<number, number>> {
    const rows = await q.query<{ source_id: number; target_id: number }>(
      'select source_id, target_id from imported_rows where import_id = $1 and model = $2',
      [importId, model],
    );
    return new Map(rows.map((row) => [row.source_id, row.target_id]));
  }

  async save(tx: Tx, { importId, model }: ImportedModel, rows: readonly ImportedRow[]): Promise<void> {
    if (rows.length === 0) {
      return;
    }
    await tx.query(
      `insert into imported_rows as r (import_id, model, source_id, target_id, source_hash, target_hash)
       select $1, $2, * from unnest($3::bigint[], $4::bigint[], $5::bytea[], $6::bytea[])
         as u (source_id, target_id, source_hash, target_hash)
       order by source_id
       on conflict (import_id, model, source_id) do update
       set target_id = excluded.target_id, source_hash = excluded.source_hash,
         target_hash = coalesce(excluded.target_hash, r.target_hash)`,
      [
        importId,
        model,
        ...columnsOf(
          rows,
          (row) => row.sourceId,
          (row) => row.targetId,
          (row) => row.sourceHash,
          (row) => row.targetHash,
        ),
      ],
    );
  }

  /** Rows that have become one here are all known by what that one is now. */
  async rehash(
    tx: Tx,
    { importId, model }: ImportedModel,
    targets: readonly { id: number; hash: Buffer }[],
  ): Promise<void> {
    if (targets.length === 0) {
      return;
    }
    await tx.query(
      `update imported_rows r set target_hash = u.hash
       from unnest($3::bigint[], $4::bytea[]) as u (id, hash)
       where r.import_id = $1 and r.model = $2 and r.model in ('contact', 'conversation') and r.target_id = u.id`,
      [
        importId,
        model,
        ...columnsOf(
          targets,
          (target) => target.id,
          (target) => target.hash,
        ),
      ],
    );
  }

  /** Every row over there that these became. */
  async siblings(
    tx: Tx,
    { importId, model }: ImportedModel,
    targetIds: readonly number[],
  ): Promise<Map<number, number[]>> {
    const rows = await tx.query<{ target_id: number; source_ids: number[] }>(
      `select target_id, json_agg(source_id) as source_ids from imported_rows
       where import_id = $1 and model = $2 and model in ('contact', 'conversation') and target_id = any($3::bigint[])
       group by target_id`,
      [importId, model, targetIds],
    );
    return new Map(rows.map((row) => [row.target_id, row.source_ids]));
  }
}
