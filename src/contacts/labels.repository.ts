import { Injectable } from '@nestjs/common';
import { containing } from '../common/like.js';
import type { Queryable, Tx } from '../database/database.js';

/** A label as it is answered. */
export interface LabelRow {
  id: number;
  name: string;
  color: string;
  created_at: Date;
  /** Contacts and conversations that have it, of those the viewer may see. */
  usage_count: number;
  /** By which lists are ordered. */
  sort_key: string;
}

export interface LabelFilter {
  /** Whose contacts and conversations count; empty: everybody's. */
  accountIds: readonly number[];
  /** Part of the name. */
  q?: string | undefined;
  after: { sortKey: string; id: number } | null;
}

/** What the viewer sees of a label's use: `$1` are the viewer's accounts, empty for all. */
const USAGE = `
  (select count(*) from contact_labels k
   where k.label_id = l.id and (cardinality($1::bigint[]) = 0
     or exists (select 1 from contact_accounts v where v.contact_id = k.contact_id and v.account_id = any($1::bigint[]))))
  + (select count(*) from conversations v
     where v.label_id = l.id and (cardinality($1::bigint[]) = 0 or v.account_id = any($1::bigint[])))`;

const COLUMNS = `l.id, l.name, l.color, l.created_at, lower(l.name) as sort_key, ${USAGE} as usage_count`;

@Injectable()
export class LabelsRepository {
  /** By name: one statement for a page with what uses each. */
  async list(q: Queryable, filter: LabelFilter, limit: number): Promise<LabelRow[]> {
    const values: unknown[] = [filter.accountIds, limit];
    const bind = (value: unknown): string => `$${values.push(value)}`;
    const where: string[] = [];
    if (filter.q) {
      where.push(`l.name ilike ${bind(containing(filter.q))}`);
    }
    if (filter.after) {
      where.push(`(lower(l.name), l.id) > (${bind(filter.after.sortKey)}, ${bind(filter.after.id)}::bigint)`);
    }
    return q.queryDynamic<LabelRow>(
      `select ${COLUMNS}
       from (select * from labels l ${where.length > 0 ? `where ${where.join(' and ')}` : ''}
             order by lower(l.name), l.id limit $2) l
       order by sort_key, l.id`,
      values,
    );
  }

  async find(q: Queryable, id: number, accountIds: readonly number[]): Promise<LabelRow | null> {
    const [row] = await q.query<LabelRow>(`select ${COLUMNS} from labels l where l.id = $2`, [accountIds, id]);
    return row ?? null;
  }

  /** @returns the new label's id; null when a label has the name */
  async create(q: Queryable, name: string, color: string): Promise<number | null> {
    const [row] = await q.query<{ id: number }>(
      'insert into labels (name, color) values ($1, $2) on conflict (lower(name)) do nothing returning id',
      [name, color],
    );
    return row?.id ?? null;
  }

  /**
   * Changes what is not null.
   * @throws the unique key's violation when another label has the name
   */
  async update(q: Queryable, id: number, change: { name: string | null; color: string | null }): Promise<boolean> {
    const rows = await q.query(
      'update labels set name = coalesce($2, name), color = coalesce($3, color) where id = $1 returning id',
      [id, change.name, change.color],
    );
    return rows.length > 0;
  }

  async remove(q: Queryable, id: number): Promise<boolean> {
    return (await q.query('delete from labels where id = $1 returning id', [id])).length > 0;
  }

  async lock(tx: Tx, id: number): Promise<boolean> {
    return (await tx.query('select id from labels where id = $1 for update', [id])).length > 0;
  }

  /** Does a contact or a conversation have the label that is none of these accounts'? */
  async isUsedBeyond(q: Queryable, id: number, accountIds: readonly number[]): Promise<boolean> {
    const [row] = await q.query<{ is_used: boolean }>(
      `select exists (select 1 from conversations v where v.label_id = $1 and v.account_id <> all($2::bigint[]))
         or exists (
           select 1 from contact_labels k where k.label_id = $1
             and exists (select 1 from contact_accounts v where v.contact_id = k.contact_id and v.account_id <> all($2::bigint[]))
         ) as is_used`,
      [id, accountIds],
    );
    return row?.is_used ?? false;
  }

  /** Creates the names that no label has, whatever their case; of several spellings the first. */
  async createMissing(tx: Tx, names: readonly string[]): Promise<void> {
    await tx.query(
      `insert into labels (name)
       select name from unnest($1::text[]) with ordinality as u (name, ord)
       where not exists (select 1 from labels l where lower(l.name) = lower(u.name))
       order by lower(name), ord
       on conflict do nothing`,
      [names],
    );
  }

  /** Ids of the labels with these ids or names; they stay until the transaction ends. */
  async hold(tx: Tx, ids: readonly number[], names: readonly string[]): Promise<number[]> {
    const rows = await tx.query<{ id: number }>(
      `select l.id from labels l
       where l.id = any($1::bigint[]) or lower(l.name) in (select lower(name) from unnest($2::text[]) as u (name))
       order by l.id for key share`,
      [ids, names],
    );
    return rows.map((row) => row.id);
  }

  /** The label with this id, else the one with this name. */
  async findByQuery(q: Queryable, id: number | null, name: string): Promise<number | null> {
    const [row] = await q.query<{ id: number }>(
      `select id from (
         select l.id, 1 as rank from labels l where l.id = $1
         union all
         select l.id, 2 from labels l where lower(l.name) = lower($2)
       ) found order by rank limit 1`,
      [id, name],
    );
    return row?.id ?? null;
  }

  async addToContact(tx: Tx, contactId: number, labelIds: readonly number[]): Promise<void> {
    await tx.query(
      `insert into contact_labels (contact_id, label_id)
       select $1, label_id from unnest($2::bigint[]) as u (label_id) order by label_id
       on conflict do nothing`,
      [contactId, labelIds],
    );
  }

  async removeOthersFromContact(tx: Tx, contactId: number, labelIds: readonly number[]): Promise<void> {
    await tx.query('delete from contact_labels where contact_id = $1 and label_id <> all($2::bigint[])', [
      contactId,
      labelIds,
    ]);
  }
}
