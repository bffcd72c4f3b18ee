import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AccountsService } from '../accounts/accounts.service.js';
import { AppError, invalidField } from '../common/app-error.js';
import { decodeIdCursor, toPage, type Page } from '../common/page.js';
import { ContactAudience } from '../contacts/contact-audience.js';
import { Database, type Queryable, type Tx } from '../database/database.js';
import { Outbox } from '../outbox/outbox.js';
import { Enqueue } from '../queues/enqueue.js';
import { TemplatesService } from '../templates/templates.service.js';
import { sourcesOf, wrongMove, type CampaignMove } from './campaign-status.js';
import type { CreateCampaignDto, ListCampaignsQuery, ListRecipientsQuery, UpdateCampaignDto } from './campaign.dto.js';
import { CampaignsRepository, type CampaignRow } from './campaigns.repository.js';
import { checkMappings } from './parameters.js';
import { RecipientsRepository, type RecipientRow } from './recipients.repository.js';

const LIST = 'campaigns';
const RECIPIENTS = 'recipients';
/** Parameters 1 and 2 of the insert are the account and the campaign. */
const FIRST_AUDIENCE_PARAMETER = 3;

/** What a caller may see: null is everything. */
export type Visibility = readonly number[] | null;

/** Campaigns and their moves; sending itself is the worker's. */
@Injectable()
export class CampaignsService implements OnModuleInit {
  constructor(
    private readonly database: Database,
    private readonly campaigns: CampaignsRepository,
    private readonly recipients: RecipientsRepository,
    private readonly templates: TemplatesService,
    private readonly audience: ContactAudience,
    private readonly accounts: AccountsService,
    private readonly outbox: Outbox,
    private readonly enqueue: Enqueue,
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

  get(account: Account, id: number): Promise<CampaignRow> {
    return this.require(this.database, account.id, id);
  }

  async create(account: Account, visible: Visibility, body: CreateCampaignDto): Promise<CampaignRow> {
    const campaign = {
      accountId: account.id,
      name: body.name,
      templateId: body.template_id ?? null,
      audienceType: body.audience_type,
      audienceFilters: body.audience_filters ?? {},
      parameterMappings: checkMappings(body.parameter_mappings ?? {}),
    };
    this.checkFilters(account, visible, campaign.audienceFilters);
    return this.database.transaction(async (tx) => {
      await this.checkTemplate(tx, account.id, campaign.templateId);
      return this.require(tx, account.id, await this.campaigns.insert(tx, campaign));
    });
  }

  async update(account: Account, visible: Visibility, id: number, body: UpdateCampaignDto): Promise<CampaignRow> {
    const isRename = Object.entries(body).every(
      ([field, value]) => ['name', 'account_id'].includes(field) || value === undefined,
    );
    return this.database.transaction(async (tx) => {
      const row = await this.lock(tx, account.id, id);
      // Renaming is harmless at any time; whatever changes who gets what is not.
      if (!isRename && !sourcesOf('edit').includes(row.status)) {
        throw wrongMove('edit', row.status);
      }
      const audienceFilters = body.audience_filters ?? row.audience_filters;
      const templateId = body.template_id === undefined ? row.template_id : body.template_id;
      const audienceType = body.audience_type ?? row.audience_type;
      this.checkFilters(account, visible, audienceFilters);
      await this.checkTemplate(tx, account.id, templateId);
      if (audienceType !== row.audience_type) {
        await this.recipients.clear(tx, id);
      }
      await this.campaigns.update(
        tx,
        { accountId: account.id, id },
        {
          name: body.name ?? row.name,
          templateId,
          audienceType,
          audienceFilters,
          parameterMappings: body.parameter_mappings ? checkMappings(body.parameter_mappings) : row.parameter_mappings,
        },
      );
      return this.require(tx, account.id, id);
    });
  }

  async delete(account: Account, id: number): Promise<void> {
    await this.database.transaction(async (tx) => {
      const row = await this.lock(tx, account.id, id);
      if (!(await this.campaigns.delete(tx, { accountId: account.id, id }, sourcesOf('delete')))) {
        throw wrongMove('delete', row.status);
      }
    });
  }

  /**
   * Starts it: guarded move, checks and the audience in one transaction, so that a campaign that cannot run stays what it
   * was. Recipients already reached are never sent to again: only pending ones are.
   */
  async run(account: Account, visible: Visibility, id: number): Promise<CampaignRow> {
    const row = await this.database.transaction(async (tx) => {
      // Locked, for a file that is being uploaded meanwhile says who is written to.
      const before = await this.lock(tx, account.id, id);
      if (!(await this.campaigns.move(tx, { accountId: account.id, id }, 'running', sourcesOf('run')))) {
        throw wrongMove('run', before.status);
      }
      await this.checkSendable(tx, account, before);
      if (before.run_no === 0 && before.audience_type === 'contacts') {
        await this.recipients.clear(tx, id);
        await this.recipients.insertAudience(
          tx,
          account.id,
          id,
          this.compile(account, visible, before.audience_filters),
        );
      }
      await this.recipients.skipOptedOut(tx, id);
      if (!(await this.recipients.hasPending(tx, id))) {
        throw new AppError('audience_empty', 'There is nobody to send to: upload a file, or widen the filters.');
      }
      return this.moved(tx, account.id, id);
    });
    await this.wake(account.id);
    return row;
  }

  pause(account: Account, id: number): Promise<CampaignRow> {
    return this.move(account, id, 'pause', 'paused', { code: 'paused_by_user', message: 'Paused by a caller.' });
  }

  async resume(account: Account, id: number): Promise<CampaignRow> {
    const row = await this.database.transaction(async (tx) => {
      const before = await this.lock(tx, account.id, id);
      if (!(await this.campaigns.move(tx, { accountId: account.id, id }, 'running', sourcesOf('resume')))) {
        throw wrongMove('resume', before.status);
      }
      await this.checkSendable(tx, account, before);
      return this.moved(tx, account.id, id);
    });
    await this.wake(account.id);
    return row;
  }

  /** Final. What was sent stays sent; the rest stays pending for the record. */
  cancel(account: Account, id: number): Promise<CampaignRow> {
    return this.move(account, id, 'cancel', 'cancelled', {
      code: 'cancelled_by_user',
      message: 'Cancelled by a caller.',
    });
  }

  async listRecipients(account: Account, id: number, query: ListRecipientsQuery): Promise<Page<RecipientRow>> {
    await this.require(this.database, account.id, id);
    const rows = await this.recipients.list(this.database, {
      campaignId: id,
      status: query.status,
      q: query.q,
      afterId: decodeIdCursor(RECIPIENTS, query.cursor),
      limit: query.limit + 1,
    });
    return toPage(RECIPIENTS, rows, query.limit, (row) => [row.id]);
  }

  /** A hint for the worker; its sweeper would find the campaign anyway. */
  private wake(accountId: number): Promise<void> {
    return this.enqueue.enqueue('campaign-drain', { accountId }, { key: `account-${accountId}` });
  }

  private async move(
    account: Account,
    id: number,
    move: CampaignMove,
    to: 'paused' | 'cancelled',
    reason: Record<string, unknown>,
  ): Promise<CampaignRow> {
    return this.database.transaction(async (tx) => {
      const before = await this.lock(tx, account.id, id);
      if (!(await this.campaigns.move(tx, { accountId: account.id, id }, to, sourcesOf(move), reason))) {
        throw wrongMove(move, before.status);
      }
      return this.moved(tx, account.id, id);
    });
  }

  private async moved(tx: Tx, accountId: number, id: number): Promise<CampaignRow> {
    const row = await this.require(tx, accountId, id);
    await this.outbox.append(tx, [
      {
        type: 'campaign.progress',
        accountId,
        subjectId: id,
        payload: { id, status: row.status, status_reason: row.status_reason },
      },
    ]);
    return row;
  }

  private async require(q: Queryable, accountId: number, id: number): Promise<CampaignRow> {
    return found(await this.campaigns.find(q, accountId, id));
  }

  private async lock(tx: Tx, accountId: number, id: number): Promise<CampaignRow> {
    return found(await this.campaigns.lock(tx, accountId, id));
  }

  private async checkTemplate(q: Queryable, accountId: number, templateId: number | null): Promise<void> {
    if (templateId !== null && !(await this.templates.get(q, accountId, templateId))) {
      throw invalidField('template_id', 'not_found', 'There is no such template in this account.');
    }
  }

  private checkFilters(account: Account, visible: Visibility, filters: Record<string, unknown>): void {
    this.compile(account, visible, filters);
  }

  private compile(
    account: Account,
    visible: Visibility,
    filters: Record<string, unknown>,
  ): { sql: string; values: unknown[] } {
    return this.audience.compile(filters, {
      accountIds: visible,
      portfolio: account.portfolio,
      firstParameter: FIRST_AUDIENCE_PARAMETER,
    });
  }

  private async checkSendable(q: Queryable, account: Account, campaign: CampaignRow): Promise<void> {
    if (campaign.template_id === null) {
      throw invalidField('template_id', 'required', 'Choose a template before running the campaign.');
    }
    const template = await this.templates.get(q, account.id, campaign.template_id);
    if (template?.status !== 'APPROVED') {
      throw new AppError(
        'template_not_approved',
        `The template is ${template?.status ?? 'gone'}; Meta sends only approved ones.`,
      );
    }
    if (!account.isActive) {
      throw new AppError('account_inactive', 'The account is inactive.');
    }
  }
}

function found(row: CampaignRow | null): CampaignRow {
  if (!row) {
    throw new AppError('not_found', 'There is no such campaign.');
  }
  return row;
}
