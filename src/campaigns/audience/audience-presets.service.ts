import { Injectable } from '@nestjs/common';
import type { Account } from '../../accounts/account.js';
import { AppError, invalidField } from '../../common/app-error.js';
import { decodeCursor, toPage, type Page } from '../../common/page.js';
import { Database } from '../../database/database.js';
import { AudiencePresetsRepository, type PresetRow } from './audience-presets.repository.js';
import type { CreateAudiencePresetDto } from './audience.dto.js';
import { CampaignAudience, type Visibility } from './campaign-audience.js';

const LIST = 'audience_presets';

/** Audiences that an account keeps by name; a campaign copies what a preset says. */
@Injectable()
export class AudiencePresetsService {
  constructor(
    private readonly database: Database,
    private readonly repository: AudiencePresetsRepository,
    private readonly audience: CampaignAudience,
  ) {}

  async list(account: Account, { limit, cursor }: { limit: number; cursor?: string }): Promise<Page<PresetRow>> {
    const rows = await this.repository.list(this.database, account.id, {
      after: readCursor(cursor),
      limit: limit + 1,
    });
    return toPage(LIST, rows, limit, (row) => [row.sort_key, row.id]);
  }

  /** @throws `400 validation_failed` for an audience or filters that there are not; `audience_preset_exists` */
  async create(account: Account, visible: Visibility, body: CreateAudiencePresetDto): Promise<PresetRow> {
    const name = body.name.trim();
    if (name === '') {
      throw invalidField('name', 'required', 'name must not be blank');
    }
    const { audience_type, audience_filters = {} } = body;
    this.audience.check(account, visible, { audience_type, audience_filters });
    const row = await this.repository.insert(this.database, account.id, { name, audience_type, audience_filters });
    if (!row) {
      throw new AppError('audience_preset_exists', 'The account has a preset with this name.');
    }
    return row;
  }

  /** @throws `not_found` */
  async delete(account: Account, id: number): Promise<void> {
    if (!(await this.repository.delete(this.database, account.id, id))) {
      throw new AppError('not_found', 'There is no such preset.');
    }
  }
}

function readCursor(cursor: string | undefined): { sortKey: string; id: number } | null {
  if (cursor === undefined) {
    return null;
  }
  const [sortKey, id] = decodeCursor(LIST, cursor, 2);
  if (typeof sortKey !== 'string' || typeof id !== 'number' || /[\u0000\p{Surrogate}]/u.test(sortKey)) {
    throw new AppError('bad_cursor', 'Take the cursor from next_cursor of the previous page, unchanged.');
  }
  return { sortKey, id };
}
