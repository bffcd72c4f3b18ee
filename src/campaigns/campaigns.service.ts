import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AccountsService } from '../accounts/accounts.service.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { AppError, invalidField } from '../common/app-error.js';
import { decodeIdCursor, toPage, type Page } from '../common/page.js';
import { sleep } from '../common/sleep.js';
import { Database, type Queryable, type Tx } from '../database/database.js';
import { TemplatesService } from '../templates/templates.service.js';
import { CampaignAudience, type Visibility } from './audience/campaign-audience.js';
import { CampaignMoves } from './campaign-moves.service.js';
import { checkContactFields, checkSplit, readSettings } from './campaign-settings.js';
import { sourcesOf, wrongMove } from './campaign-status.js';
import type { CreateCampaignDto, ListCampaignsQuery, UpdateCampaignDto } from './campaign.dto.js';
import { CampaignsRepository, type CampaignRow, type NewVariant, type VariantRow } from './campaigns.repository.js';
import { RecipientsRepository } from './recipients.repository.js';

const LIST = 'campaigns';
/** How often a blocking run looks. */
const WAIT_MS = 200;
/** What may be changed at any time, for it changes nothing of who gets what. */
const HARMLESS = ['name', 'account_id'];

/** What says who the people are, and what is read of them. */
const CONTACT_SETTINGS = ['audience_type', 'audience_filters', 'parameter_mappings', 'variants'] as const;

/** A campaign with the templates it is split over. */
export interface CampaignWithVariants {
  campaign: CampaignRow;
  variants: VariantRow[];
}

/** Campaigns as their owners write them; starting and stopping them is {@link CampaignMoves}. */
@Injectable()
export class CampaignsService implements OnModuleInit {
  constructor(
    private readonly database: Database,
    private readonly campaigns: CampaignsRepository,
    private readonly recipients: RecipientsRepository,
    private readonly templates: TemplatesService,
    private readonly audience: CampaignAudience,
    private readonly moves: CampaignMoves,
    private readonly accounts: AccountsService,
    private readonly audit: AuditTrail,
  ) {}

  onModuleInit(): void {
    this.accounts.registerDeletionCheck(async (accountId, tx) => {
      if ((await this.campaigns.countRunning(tx, accountId)) > 0) {
        throw new AppError('account_has_running_campaigns', 'Pause or cancel its campaigns first.');
      }
    });
  }

  async list(account: Account, query: ListCampaignsQuery): Promise<Page<CampaignRow>> {
    const rows = await this.campaigns.list(this.database, {
      accountId: account.id,
      q: query.q,
      status: query.status,
      templateId: query.template_id,
      beforeId: decodeIdCursor(LIST, query.cursor),
      limit: query.limit + 1,
    });
    return toPage(LIST, rows, query.limit, (row) => [row.id]);
  }

  get(account: Account, id: number): Promise<CampaignWithVariants> {
    return this.read(this.database, account.id, id);
  }

  variantsOf(id: number): Promise<VariantRow[]> {
    return this.campaigns.findVariants(this.database, id);
  }

  /** With a scheduled_at it is scheduled at once. */
  async create(account: Account, visible: Visibility, body: CreateCampaignDto): Promise<CampaignWithVariants> {
    const { settings, variants = [] } = readSettings(body, null);
    this.audience.check(account, visible, {
      audience_type: settings.audience_type ?? 'contacts',
      audience_filters: settings.audience_filters ?? {},
    });
    checkSplit(settings.ab_test ?? null, variants);
    this.checkFields(
      body,
      { parameter_mappings: {}, audience_filters: {}, audience_type: 'contacts', ...settings },
      variants,
    );
    return this.database.transaction(async (tx) => {
      await this.checkTemplates(tx, account.id, settings.template_id ?? null, variants);
      const { scheduled_at: scheduledAt, ...rest } = settings;
      const id = await this.campaigns.insert(tx, account.id, { ...rest, visible_account_ids: visible && [...visible] });
      await this.campaigns.replaceVariants(tx, { accountId: account.id, id }, variants);
      if (scheduledAt) {
        await this.moves.scheduleIn(tx, account, visible, id, { scheduled_at: scheduledAt });
      }
      return this.read(tx, account.id, id);
    });
  }

  async update(
    account: Account,
    visible: Visibility,
    id: number,
    body: UpdateCampaignDto,
  ): Promise<CampaignWithVariants> {
    const given = Object.entries(body).flatMap(([field, value]) => (value === undefined ? [] : [field]));
    const isHarmless = given.every((field) => HARMLESS.includes(field));
    return this.database.transaction(async (tx) => {
      const row = await this.lock(tx, account.id, id);
      if (!isHarmless && !sourcesOf('edit').includes(row.status)) {
        throw wrongMove('edit', row.status);
      }
      const { settings, variants } = readSettings(body, row);
      const { scheduled_at: scheduledAt, ...rest } = settings;
      const after = { ...row, ...rest };
      if (!isHarmless) {
        this.audience.check(account, visible, after);
        const split = variants ?? (await this.campaigns.findVariants(tx, id));
        checkSplit(after.ab_test, split);
        this.checkFields(body, after, split);
        await this.checkTemplates(tx, account.id, after.template_id, variants ?? []);
      }
      if (after.audience_type !== row.audience_type) {
        await this.recipients.clear(tx, id);
      }
      const key = { accountId: account.id, id };
      await this.campaigns.update(tx, key, {
        ...rest,
        ...(isHarmless ? {} : { visible_account_ids: visible && [...visible] }),
      });
      if (variants) {
        await this.campaigns.replaceVariants(tx, key, variants);
      }
      if (scheduledAt !== undefined) {
        await this.moves.scheduleIn(tx, account, visible, id, { scheduled_at: scheduledAt });
      }
      const changed = await this.read(tx, account.id, id);
      if (changed.campaign.status === 'scheduled' && !isHarmless) {
        await this.moves.requireTemplates(tx, changed.campaign);
      }
      return changed;
    });
  }

  /** Waits until it runs no more: ended, paused, or nobody waits for the answer any longer. */
  async ended(account: Account, id: number, isGone: () => boolean): Promise<CampaignRow> {
    for (;;) {
      const campaign = found(await this.campaigns.find(this.database, account.id, id));
      if (campaign.status !== 'running' || isGone()) {
        return campaign;
      }
      await sleep(WAIT_MS);
    }
  }

  async delete(account: Account, id: number): Promise<void> {
    await this.database.transaction(async (tx) => {
      const row = await this.lock(tx, account.id, id);
      if (!(await this.campaigns.delete(tx, { accountId: account.id, id }, sourcesOf('delete')))) {
        throw wrongMove('delete', row.status);
      }
      const changes = { name: row.name, status: row.status };
      await this.audit.append(tx, [
        { action: 'campaign.deleted', objectType: 'campaign', objectId: id, accountId: account.id, changes },
      ]);
    });
  }

  private async read(q: Queryable, accountId: number, id: number): Promise<CampaignWithVariants> {
    const campaign = found(await this.campaigns.find(q, accountId, id));
    return { campaign, variants: await this.campaigns.findVariants(q, id) };
  }

  private async lock(tx: Tx, accountId: number, id: number): Promise<CampaignRow> {
    return found(await this.campaigns.lock(tx, accountId, id));
  }

  /**
   * Of an audience that was chosen: one that nobody chose may be a file yet, which says its columns when it comes. The run
   * asks once more.
   */
  private checkFields(
    body: UpdateCampaignDto,
    after: Pick<CampaignRow, 'audience_type' | 'audience_filters' | 'parameter_mappings'>,
    variants: readonly Pick<NewVariant, 'parameter_mappings'>[],
  ): void {
    const isAsked = CONTACT_SETTINGS.some((field) => body[field] !== undefined);
    const isChosen = body.audience_type !== undefined || Object.keys(after.audience_filters).length > 0;
    if (isAsked && isChosen && this.audience.isOfContacts(after.audience_type)) {
      checkContactFields(after.parameter_mappings, variants);
    }
  }

  private async checkTemplates(
    q: Queryable,
    accountId: number,
    templateId: number | null,
    variants: readonly NewVariant[],
  ): Promise<void> {
    const wanted = [
      ...(templateId === null ? [] : [['template_id', templateId] as const]),
      ...variants.map((variant, index) => [`variants.${index}.template_id`, variant.template_id] as const),
    ];
    for (const [field, id] of wanted) {
      if (!(await this.templates.get(q, accountId, id))) {
        throw invalidField(field, 'not_found', `${field}: there is no such template in this account.`);
      }
    }
  }
}

function found(row: CampaignRow | null): CampaignRow {
  if (!row) {
    throw new AppError('not_found', 'There is no such campaign.');
  }
  return row;
}
