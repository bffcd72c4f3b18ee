import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';

@Injectable()
export class LabelsRepository {
  /** Creates the names that no label has, whatever their case. */
  async createMissing(tx: Tx, names: readonly string[]): Promise<void> {
    await tx.query(
      `insert into labels (name)
       select name from unnest($1::text[]) as u (name)
       where not exists (select 1 from labels l where lower(l.name) = lower(u.name))
       order by lower(name)
       on conflict do nothing`,
      [names],
    );
  }

  /** Ids of the labels with these ids or names; they stay until the transaction ends. */
  async find(tx: Tx, ids: readonly number[], names: readonly string[]): Promise<number[]> {
    const rows = await tx.query<{ id: number }>(
      `select l.id from labels l
       where l.id = any($1::bigint[]) or lower(l.name) in (select lower(name) from unnest($2::text[]) as u (name))
       order by l.id for key share`,
      [ids, names],
    );
    return rows.map((row) => row.id);
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
