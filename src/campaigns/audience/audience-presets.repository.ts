import { Injectable } from '@nestjs/common';
import type { Queryable } from '../../database/database.js';

export interface PresetRow {
  id: number;
  name: string;
  audience_type: string;
  audience_filters: Record<string, unknown>;
  created_at: Date;
  /** By which lists are ordered. */
  sort_key: string;
}

const COLUMNS = 'id, name, audience_type, audience_filters, created_at, lower(name) as sort_key';

@Injectable()
export class AudiencePresetsRepository {
  /** By name. */
  async list(
    q: Queryable,
    accountId: number,
    page: { after: { sortKey: string; id: number } | null; limit: number },
  ): Promise<PresetRow[]> {
    return q.query<PresetRow>(
      `select ${COLUMNS} from audience_presets
       where account_id = $1 and ($2::text is null or (lower(name), id) > ($2, $3::bigint))
       order by lower(name), id limit $4`,
      [accountId, page.after?.sortKey ?? null, page.after?.id ?? null, page.limit],
    );
  }

  /** @returns null when the account has one of this name */
  async insert(
    q: Queryable,
    accountId: number,
    preset: Pick<PresetRow, 'name' | 'audience_type' | 'audience_filters'>,
  ): Promise<PresetRow | null> {
    const [row] = await q.query<PresetRow>(
      `insert into audience_presets (account_id, name, audience_type, audience_filters) values ($1, $2, $3, $4)
       on conflict (account_id, lower(name)) do nothing
       returning ${COLUMNS}`,
      [accountId, preset.name, preset.audience_type, JSON.stringify(preset.audience_filters)],
    );
    return row ?? null;
  }

  async delete(q: Queryable, accountId: number, id: number): Promise<boolean> {
    const rows = await q.query('delete from audience_presets where account_id = $1 and id = $2 returning id', [
      accountId,
      id,
    ]);
    return rows.length > 0;
  }
}
