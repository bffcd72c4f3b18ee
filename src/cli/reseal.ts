import { AuditTrail } from '../audit/audit-trail.js';
import { Secret, type Keyring } from '../common/secret.js';
import type { Database, Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';
import type { SealedColumn, SealedRow } from './sealed-columns.js';

const BATCH = 200;

/** What became of the values of one column. */
export interface Resealed {
  column: string;
  /** Encrypted anew. */
  resealed: number;
  /** Values that none of the keys opens; left as they are. */
  unreadable: number[];
}

/** The id of the key that encrypts. */
export function newestKeyId(keyring: Keyring): string {
  return keyring.encrypt(new Secret(''), 'newest').split(':')[1] ?? '';
}

/** How many values wait to be encrypted anew, in all columns. */
export async function countStale(database: Database, columns: readonly SealedColumn[], keyId: string): Promise<number> {
  let count = 0;
  for (const { table, column } of columns) {
    const [row] = await database.query<{ n: number }>(
      `select count(*) as n from ${table} where ${column} <> '' and not starts_with(${column}, $1)`,
      [`v1:${keyId}:`],
    );
    count += row?.n ?? 0;
  }
  return count;
}

/**
 * Encrypts every value of a column anew that an older key encrypted, in batches, each its own transaction: it may be killed
 * and run again. A value that somebody changed meanwhile is left alone, for it is new already.
 */
export async function resealColumn(
  database: Database,
  audit: AuditTrail,
  keyring: Keyring,
  place: SealedColumn,
  onDone: (count: number) => void,
): Promise<Resealed> {
  const keyId = newestKeyId(keyring);
  const result: Resealed = { column: `${place.table}.${place.column}`, resealed: 0, unreadable: [] };
  for (let afterId = 0; ;) {
    const batch = await database.transaction((tx) => resealBatch(tx, audit, keyring, place, keyId, afterId));
    result.resealed += batch.resealed;
    result.unreadable.push(...batch.unreadable);
    onDone(batch.seen);
    if (batch.lastId === null) {
      return result;
    }
    afterId = batch.lastId;
  }
}

async function resealBatch(
  tx: Tx,
  audit: AuditTrail,
  keyring: Keyring,
  place: SealedColumn,
  keyId: string,
  afterId: number,
): Promise<{ seen: number; resealed: number; unreadable: number[]; lastId: number | null }> {
  const { table, column } = place;
  const rows = await tx.query<SealedRow>(
    `select id, ${[...place.with, `${column} as sealed`].join(', ')} from ${table}
     where id > $1 and ${column} <> '' and not starts_with(${column}, $2)
     order by id limit ${BATCH} for update`,
    [afterId, `v1:${keyId}:`],
  );
  const unreadable: number[] = [];
  const fresh = rows.flatMap((row) => {
    try {
      const context = place.contextOf(row);
      return [{ id: row.id, sealed: keyring.encrypt(keyring.decrypt(row.sealed, context), context) }];
    } catch {
      unreadable.push(row.id);
      return [];
    }
  });
  if (fresh.length > 0) {
    await tx.query(
      `update ${table} t set ${column} = u.sealed from unnest($1::bigint[], $2::text[]) as u (id, sealed) where t.id = u.id`,
      columnsOf(
        fresh,
        (row) => row.id,
        (row) => row.sealed,
      ),
    );
    await audit.append(tx, [
      {
        action: 'encryption.rotated',
        objectType: 'installation',
        objectId: null,
        accountId: null,
        changes: { column: `${table}.${column}`, count: fresh.length },
      },
    ]);
  }
  return {
    seen: rows.length,
    resealed: fresh.length,
    unreadable,
    lastId: rows.length === BATCH ? (rows.at(-1)?.id ?? null) : null,
  };
}
