import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import type { DjangoRow } from './django-row.js';
import type { Tally } from './import-report.js';
import { ImportedRowsRepository, type ImportedModel, type ImportedRow } from './imported-rows.repository.js';

/** A table of ours that rows are written to. All texts are constants: statements are built of them, never of input. */
export interface TargetTable {
  name: string;
  /** Columns with their types, in the order of {@link Item.values}. */
  columns: readonly (readonly [name: string, type: string])[];
  /** Columns that every inserted row has the same: SQL. */
  constants?: readonly (readonly [name: string, sql: string])[];
  /** Columns that no later import writes again. */
  insertOnly?: readonly string[];
  /** By these it is told whether somebody changed the row here; all when left out. */
  guard?: readonly string[];
  /** How a row `t` that is here already is found for a given row `u`; null: by nothing. */
  sameAs: string | null;
  hasUpdatedAt: boolean;
}

/** A row to write: its cells, by our id of it, and what rows of the same batch that are new get for theirs. */
export interface Item {
  sourceId: number;
  /** Of what the row says over there. */
  hash: Buffer;
  values: (id: number, idOf: (sourceId: number) => number | undefined) => unknown[];
}

/** A row over there that is not as it was at the last import. */
export interface News {
  row: DjangoRow;
  hash: Buffer;
}

/** What came of items: our id by theirs, and which of them are new. */
export interface Written {
  ids: Map<number, number>;
  created: Set<number>;
}

/** What a row says, in short. */
export function hashOf(value: unknown): Buffer {
  return createHash('sha256').update(JSON.stringify(value)).digest().subarray(0, 16);
}

/** In SQL: what a row here says, in short. The transaction's time zone must be UTC, for times are written out. */
export function hashSql(alias: string, columns: readonly string[]): string {
  const cells = columns.map((column) => `${alias}.${column}`).join(', ');
  return `substring(sha256(convert_to(row(${cells})::text, 'UTF8')) from 1 for 16)`;
}

interface Statements {
  ids: string;
  insert: string;
  find: string | null;
  update: string;
}

/**
 * Writes rows by the batch and remembers what became of each: what is new is inserted, what is here already by its natural
 * key is left as it is, what changed over there since the last import is written again unless it was changed here since.
 */
@Injectable()
export class RowWriter {
  private readonly statements = new Map<TargetTable, Statements>();

  constructor(private readonly rows: ImportedRowsRepository) {}

  /** Those that are not as they were; the others are counted. */
  async news(
    tx: Tx,
    of: ImportedModel,
    rows: readonly DjangoRow[],
    tally: Tally,
    says: (row: DjangoRow) => unknown = (row) => row,
  ): Promise<News[]> {
    const known = await this.rows.find(
      tx,
      of,
      rows.map((row) => row.id),
    );
    return rows.flatMap((row) => {
      const hash = hashOf(says(row));
      if (known.get(row.id)?.sourceHash.equals(hash)) {
        tally.unchanged();
        return [];
      }
      return [{ row, hash }];
    });
  }

  async write(tx: Tx, of: ImportedModel, table: TargetTable, items: readonly Item[], tally: Tally): Promise<Written> {
    if (items.length === 0) {
      return { ids: new Map(), created: new Set() };
    }
    const known = await this.rows.find(
      tx,
      of,
      items.map((item) => item.sourceId),
    );
    const changed = items.flatMap((item) => {
      const row = known.get(item.sourceId);
      return row ? [{ item, row }] : [];
    });
    const inserted = await this.insert(
      tx,
      table,
      items.filter((item) => !known.has(item.sourceId)),
      tally,
    );
    const updated = await this.update(tx, table, changed, tally);
    await this.rows.save(tx, of, [...inserted.rows, ...updated]);
    return {
      ids: new Map([...inserted.rows, ...updated].map((row) => [row.sourceId, row.targetId])),
      created: inserted.created,
    };
  }

  private async insert(
    tx: Tx,
    table: TargetTable,
    items: readonly Item[],
    tally: Tally,
  ): Promise<{ rows: ImportedRow[]; created: Set<number> }> {
    if (items.length === 0) {
      return { rows: [], created: new Set() };
    }
    const { ids: idsSql, insert, find } = this.statementsOf(table);
    const ids = (await tx.query<{ id: number }>(idsSql, [items.length])).map((row) => row.id);
    const idBySource = new Map(items.map((item, index) => [item.sourceId, ids[index] as number]));
    const values = items.map((item, index) =>
      item.values(ids[index] as number, (sourceId) => idBySource.get(sourceId)),
    );
    const columns = table.columns.map((_, column) => values.map((row) => row[column]));
    const added = new Map(
      (await tx.query<{ id: number; hash: Buffer }>(insert, [ids, ...columns])).map((row) => [row.id, row.hash]),
    );
    const isThere = added.size < items.length && find !== null;
    const found = isThere ? await tx.query<{ ord: number; id: number }>(find, [ids, ...columns]) : [];
    const idByOrd = new Map(found.map((row) => [row.ord, row.id]));
    const rows: ImportedRow[] = [];
    const created = new Set<number>();
    for (const [index, { sourceId, hash: sourceHash }] of items.entries()) {
      const id = ids[index] as number;
      const targetHash = added.get(id);
      const existing = idByOrd.get(index + 1);
      if (targetHash) {
        tally.created();
        created.add(sourceId);
        rows.push({ sourceId, targetId: id, sourceHash, targetHash });
      } else if (existing !== undefined) {
        tally.merged(sourceId, 'already_here');
        // Without a hash of ours: it was not brought in by this row, so no later import writes it.
        rows.push({ sourceId, targetId: existing, sourceHash, targetHash: null });
      } else {
        tally.skipped(sourceId, 'conflict');
      }
    }
    return { rows, created };
  }

  private async update(
    tx: Tx,
    table: TargetTable,
    changed: readonly { item: Item; row: ImportedRow }[],
    tally: Tally,
  ): Promise<ImportedRow[]> {
    if (changed.length === 0) {
      return [];
    }
    const values = changed.map(({ item, row }) => item.values(row.targetId, () => undefined));
    const updated = new Map(
      (
        await tx.query<{ id: number; hash: Buffer }>(this.statementsOf(table).update, [
          changed.map(({ row }) => row.targetId),
          ...table.columns.map((_, column) => values.map((row) => row[column])),
          changed.map(({ row }) => row.targetHash),
        ])
      ).map((row) => [row.id, row.hash]),
    );
    return changed.map(({ item, row }) => {
      const targetHash = updated.get(row.targetId) ?? null;
      if (targetHash) {
        tally.updated();
      } else {
        tally.kept();
      }
      return { sourceId: item.sourceId, targetId: row.targetId, sourceHash: item.hash, targetHash };
    });
  }

  private statementsOf(table: TargetTable): Statements {
    let statements = this.statements.get(table);
    if (!statements) {
      statements = statementsFor(table);
      this.statements.set(table, statements);
    }
    return statements;
  }
}

function statementsFor(table: TargetTable): Statements {
  const { name, columns, constants = [], insertOnly = [], guard, sameAs, hasUpdatedAt } = table;
  const names = columns.map(([column]) => column);
  const written = names.filter((column) => !insertOnly.includes(column));
  const hash = hashSql('t', guard ?? names);
  const arrays = ['$1::bigint[]', ...columns.map(([, type], index) => `$${index + 2}::${type}[]`)].join(', ');
  const given = `unnest(${arrays}) with ordinality as u (id, ${names.join(', ')}, ord)`;
  return {
    ids: `select nextval(pg_get_serial_sequence('${name}', 'id')) as id from generate_series(1, $1::int)`,
    insert: `insert into ${name} as t (${['id', ...names, ...constants.map(([column]) => column)].join(', ')})
      select ${[...['id', ...names].map((column) => `u.${column}`), ...constants.map(([, sql]) => sql)].join(', ')}
      from ${given} order by u.ord on conflict do nothing returning t.id, ${hash} as hash`,
    find:
      sameAs && `select u.ord::int as ord, min(t.id) as id from ${given} join ${name} t on ${sameAs} group by u.ord`,
    update: `update ${name} t set ${written.map((column) => `${column} = u.${column}`).join(', ')}${hasUpdatedAt ? ', updated_at = now()' : ''}
      from unnest(${arrays}, $${columns.length + 2}::bytea[]) as u (id, ${names.join(', ')}, known_hash)
      where t.id = u.id and ${hash} = u.known_hash returning t.id, ${hash} as hash`,
  };
}
