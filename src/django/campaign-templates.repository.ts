import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';

/** The template that a campaign names over there. */
export interface CampaignTemplate {
  sourceId: number;
  accountId: number;
  /** Row of templates; null: it was not brought in. */
  imported: number | null;
  name: unknown;
  language: unknown;
}

/** Templates of campaigns: over there any account's could be chosen, here only its own. */
@Injectable()
export class CampaignTemplatesRepository {
  /** The template itself where it is the account's, else the account's own of that name and language. */
  async find(tx: Tx, wanted: readonly CampaignTemplate[]): Promise<Map<number, number>> {
    if (wanted.length === 0) {
      return new Map();
    }
    const rows = await tx.query<{ source_id: number; id: number }>(
      `select distinct on (u.source_id) u.source_id, t.id
       from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[]) as u (source_id, account_id, imported, name, language)
       join templates t on t.account_id = u.account_id and (t.id = u.imported or (t.name = u.name and t.language = u.language))
       order by u.source_id, (t.id = u.imported) desc nulls last`,
      columnsOf(
        wanted,
        (one) => one.sourceId,
        (one) => one.accountId,
        (one) => one.imported,
        (one) => (typeof one.name === 'string' ? one.name : null),
        (one) => (typeof one.language === 'string' ? one.language : null),
      ),
    );
    return new Map(rows.map((row) => [row.source_id, row.id]));
  }
}
