import { Injectable } from '@nestjs/common';
import type { Account } from '../../accounts/account.js';
import { AppError } from '../../common/app-error.js';
import { Config } from '../../config/config.js';
import { Database, type Tx } from '../../database/database.js';
import type { SpooledFile } from '../../http/form.js';
import { sourcesOf, wrongMove } from '../campaign-status.js';
import { CampaignsRepository } from '../campaigns.repository.js';
import { asDuplicate } from './audience-person.js';
import { readAudience, type LineError } from './csv-audience.js';
import { RecipientsRepository, type AudienceLine } from '../recipients.repository.js';

const BATCH = 5_000;
const SHOWN_ERRORS = 1_000;

export interface AudienceUpload {
  total: number;
  accepted: number;
  duplicates: number;
  invalid: number;
  errors: LineError[];
}

/** Files of recipients. */
@Injectable()
export class CampaignAudienceService {
  constructor(
    private readonly database: Database,
    private readonly campaigns: CampaignsRepository,
    private readonly recipients: RecipientsRepository,
    private readonly config: Config,
  ) {}

  /**
   * Takes a file as the campaign's audience, in place of one that came before: in batches, in one transaction, which changes
   * everything or nothing and waits for no sender. Every line is counted; duplicates and unreadable lines are skipped
   * recipients with their line number.
   */
  async upload(account: Account, id: number, file: SpooledFile): Promise<AudienceUpload> {
    const result: AudienceUpload = { total: 0, accepted: 0, duplicates: 0, invalid: 0, errors: [] };
    await this.database.once(async (tx) => {
      const campaign = await this.campaigns.lock(tx, account.id, id);
      if (!campaign) {
        throw new AppError('not_found', 'There is no such campaign.');
      }
      if (!sourcesOf('upload').includes(campaign.status)) {
        throw wrongMove('upload', campaign.status);
      }
      await this.recipients.clear(tx, id);
      await this.campaigns.update(tx, { accountId: account.id, id }, { audience_type: 'csv' });
      let batch: AudienceLine[] = [];
      for await (const { line, error } of readAudience(file.open().stream, this.config.defaultCountry)) {
        result.total += 1;
        if (error) {
          result.invalid += 1;
          if (result.errors.length < SHOWN_ERRORS) {
            result.errors.push(error);
          }
        }
        batch.push(line);
        if (batch.length === BATCH) {
          result.duplicates += await this.insert(tx, account.id, id, batch);
          batch = [];
        }
      }
      result.duplicates += await this.insert(tx, account.id, id, batch);
    });
    return { ...result, accepted: result.total - result.duplicates - result.invalid };
  }

  /** @returns how many lines are of people who are there already */
  private async insert(tx: Tx, accountId: number, id: number, lines: AudienceLine[]): Promise<number> {
    if (lines.length === 0) {
      return 0;
    }
    const inserted = await this.recipients.insertLines(tx, accountId, id, lines);
    const duplicates = lines.filter(({ line }) => !inserted.has(line)).map(asDuplicate);
    if (duplicates.length > 0) {
      await this.recipients.insertLines(tx, accountId, id, duplicates);
    }
    return duplicates.length;
  }
}
