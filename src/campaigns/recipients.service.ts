import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { AppError } from '../common/app-error.js';
import { decodeIdCursor, toPage, type Page } from '../common/page.js';
import { parsePhoneNumber } from '../common/phone-number.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { CampaignsRepository, type CampaignRow } from './campaigns.repository.js';
import type { RecipientStatus } from './campaign-status.js';
import {
  RecipientListRepository,
  type RecipientFilter,
  type RecipientRow,
} from './outcome/recipient-list.repository.js';

/** Which of a campaign's recipients. */
export type RecipientQuery = Omit<RecipientFilter, 'accountId' | 'campaignId' | 'phone'>;

/** What an export begins with, and its rows, page by page. */
export interface RecipientExport {
  parameterNames: string[];
  variantNames: Map<number, string>;
  pages: AsyncGenerator<RecipientRow[]>;
}

const RECIPIENTS = 'recipients';
const EXPORT_PAGE = 1_000;
/** Fewer digits may be the beginning or the end of a number. */
const WHOLE_PHONE_DIGITS = 10;

/** Who a campaign was for, and what became of each. */
@Injectable()
export class RecipientsService {
  constructor(
    private readonly database: Database,
    private readonly campaigns: CampaignsRepository,
    private readonly recipients: RecipientListRepository,
    private readonly config: Config,
    private readonly audit: AuditTrail,
  ) {}

  async list(
    account: Account,
    id: number,
    query: RecipientQuery,
    page: { limit: number; cursor?: string | undefined },
  ): Promise<Page<RecipientRow>> {
    const campaign = await this.find(account, id);
    const afterId = decodeIdCursor(RECIPIENTS, page.cursor) ?? 0;
    // To find nobody would take a look at everybody.
    const rows = isNobody(campaign, query)
      ? []
      : await this.recipients.list(this.database, this.filterOf(campaign, query), { afterId, limit: page.limit + 1 });
    return toPage(RECIPIENTS, rows, page.limit, (row) => [row.id]);
  }

  /** All of them, in their order: whoever reads slowly holds up nobody, and no more than a page waits in memory. */
  async export(account: Account, id: number, query: RecipientQuery): Promise<RecipientExport> {
    const filter = this.filterOf(await this.find(account, id), query);
    const variants = await this.campaigns.findVariants(this.database, id);
    // Before the first row is out.
    await this.audit.append(this.database, [
      { action: 'campaign.recipients_exported', objectType: 'campaign', objectId: id, accountId: account.id },
    ]);
    return {
      parameterNames: await this.recipients.findParameterNames(this.database, filter),
      variantNames: new Map(variants.map((variant) => [variant.id, variant.name])),
      pages: this.each(filter),
    };
  }

  private async *each(filter: RecipientFilter): AsyncGenerator<RecipientRow[]> {
    for (let afterId = 0; ;) {
      const rows = await this.recipients.list(this.database, filter, { afterId, limit: EXPORT_PAGE });
      if (rows.length > 0) {
        yield rows;
      }
      const last = rows[EXPORT_PAGE - 1];
      if (!last) {
        return;
      }
      afterId = last.id;
    }
  }

  private async find(account: Account, id: number): Promise<CampaignRow> {
    const campaign = await this.campaigns.find(this.database, account.id, id);
    if (!campaign) {
      throw new AppError('not_found', 'There is no such campaign.');
    }
    return campaign;
  }

  private filterOf({ account_id: accountId, id }: CampaignRow, query: RecipientQuery): RecipientFilter {
    const isWhole = (query.q ?? '').replace(/\D/g, '').length >= WHOLE_PHONE_DIGITS;
    const phone = isWhole ? parsePhoneNumber(query.q ?? '', this.config.defaultCountry) : null;
    return { ...query, phone, accountId, campaignId: id };
  }
}

/** Do the counts say already that there is nobody like that? */
function isNobody(campaign: CampaignRow, { status, replied, optedOut }: RecipientQuery): boolean {
  return (
    (status !== undefined && countOf(campaign, status) === 0) ||
    (replied === true && campaign.replied_count === 0) ||
    (optedOut === true && campaign.opted_out_count === 0)
  );
}

/** Counts are of sets that hold each other: who has read it was delivered to. */
function countOf(campaign: CampaignRow, status: RecipientStatus): number {
  switch (status) {
    case 'sent':
      return campaign.sent_count - campaign.delivered_count;
    case 'delivered':
      return campaign.delivered_count - campaign.read_count;
    default:
      return campaign[`${status}_count`];
  }
}
