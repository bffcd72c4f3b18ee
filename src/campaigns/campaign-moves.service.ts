import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { AppError, invalidField } from '../common/app-error.js';
import { Database, type Queryable, type Tx } from '../database/database.js';
import { Outbox } from '../outbox/outbox.js';
import { Enqueue } from '../queues/enqueue.js';
import { TemplatesService } from '../templates/templates.service.js';
import { AudienceChanged, CampaignAudience, type Probe, type Visibility } from './audience/campaign-audience.js';
import { checkContactFields, readTimes } from './campaign-settings.js';
import { sourcesOf, wrongMove, type CampaignMove, type CampaignStatus } from './campaign-status.js';
import type { ScheduleCampaignDto } from './campaign.dto.js';
import { CampaignsRepository, type CampaignRow, type CampaignSettings } from './campaigns.repository.js';
import { campaignEvent } from './outcome/campaign-event.js';
import { RecipientsRepository } from './recipients.repository.js';

interface Move {
  move: CampaignMove;
  to: CampaignStatus;
  reason?: Record<string, unknown>;
}

/** Starting, stopping and going on: each a guarded statement, so that of two at once one wins. */
@Injectable()
export class CampaignMoves {
  constructor(
    private readonly database: Database,
    private readonly campaigns: CampaignsRepository,
    private readonly recipients: RecipientsRepository,
    private readonly templates: TemplatesService,
    private readonly audience: CampaignAudience,
    private readonly outbox: Outbox,
    private readonly enqueue: Enqueue,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * Starts it: guarded move, checks and the audience in one transaction, so that a campaign that cannot run stays what it
   * was. Who was reached is never sent to again; of one that has failed, those who were not are tried again.
   * @param visible whose people the caller may see; undefined: as when it was scheduled
   * @param dueAt of the schedule, when that starts it: nothing happens if somebody was faster, or moved it meanwhile
   */
  async run(account: Account, visible: Visibility | undefined, id: number, dueAt?: Date): Promise<CampaignRow> {
    const planned = await this.require(this.database, account.id, id);
    if (!sourcesOf('run').includes(planned.status)) {
      throw wrongMove('run', planned.status);
    }
    // Somebody else's server may have to be asked: not while anything is locked.
    const first = await this.audience.probe(account, planned);
    const row = await this.start(account, visible, id, first, dueAt).catch(async (error: unknown) => {
      if (!(error instanceof AudienceChanged)) {
        throw error;
      }
      const changed = await this.audience.probe(account, await this.require(this.database, account.id, id));
      return this.start(account, visible, id, changed, dueAt);
    });
    await this.wake(account.id);
    return row;
  }

  private start(
    account: Account,
    visible: Visibility | undefined,
    id: number,
    first: Probe,
    dueAt: Date | undefined,
  ): Promise<CampaignRow> {
    return this.database.transaction(async (tx) => {
      // Locked, for a file that is being uploaded meanwhile says who is written to.
      const before = await this.lock(tx, account.id, id);
      if (dueAt && !isStillDue(before, dueAt)) {
        throw wrongMove('run', before.status);
      }
      if (!(await this.go(tx, before, { move: 'run', to: 'running' }))) {
        throw wrongMove('run', before.status);
      }
      await this.checkSendable(tx, account, before);
      if (before.run_no > 0) {
        await this.recipients.retryFailed(tx, id);
      }
      const visibleIds = visible === undefined ? before.visible_account_ids : visible && [...visible];
      await this.campaigns.update(tx, { accountId: account.id, id }, { visible_account_ids: visibleIds });
      await this.audience.begin(tx, account, { ...before, visible_account_ids: visibleIds }, first);
      if (before.run_no === 0 && before.audience_type === 'contacts' && first.first === null) {
        checkContactFields(before.parameter_mappings, await this.campaigns.findVariants(tx, id));
      }
      await this.recipients.split(tx, id);
      return this.moved(tx, before, 'started');
    });
  }

  /** Puts it on the schedule, moves it there, or takes it off. */
  async schedule(account: Account, visible: Visibility, id: number, body: ScheduleCampaignDto): Promise<CampaignRow> {
    return this.database.transaction(async (tx) => {
      const before = await this.lock(tx, account.id, id);
      return this.scheduleIn(tx, account, visible, id, readTimes(body, { ...before, scheduled_at: null }));
    });
  }

  /** As {@link schedule}, in the caller's transaction, which holds the campaign's lock. */
  async scheduleIn(
    tx: Tx,
    account: Account,
    visible: Visibility,
    id: number,
    times: Partial<Pick<CampaignSettings, 'scheduled_at' | 'time_zone' | 'expires_at'>>,
  ): Promise<CampaignRow> {
    const before = await this.lock(tx, account.id, id);
    const isOff = times.scheduled_at === null;
    if (isOff && before.status === 'draft') {
      return before;
    }
    const move = isOff ? 'unschedule' : 'schedule';
    if (!(await this.go(tx, before, { move, to: isOff ? 'draft' : 'scheduled' }))) {
      throw wrongMove(move, before.status);
    }
    if (!isOff) {
      await this.requireTemplates(tx, before);
    }
    await this.campaigns.update(
      tx,
      { accountId: account.id, id },
      {
        ...times,
        visible_account_ids: visible && [...visible],
      },
    );
    return this.moved(tx, before, isOff ? 'unscheduled' : 'scheduled', {
      scheduled_at: times.scheduled_at?.toISOString() ?? null,
    });
  }

  /** It was due and could not start: it has failed, and says why. Nothing, when it is on the schedule no more. */
  async failToStart(accountId: number, id: number, dueAt: Date, error: AppError): Promise<void> {
    await this.database.transaction(async (tx) => {
      const before = await this.lock(tx, accountId, id);
      const reason = { code: error.code, message: error.message };
      if (!isStillDue(before, dueAt)) {
        return;
      }
      if (await this.campaigns.move(tx, { accountId, id: before.id }, 'failed', ['scheduled'], reason)) {
        await this.moved(tx, before, 'failed', { code: error.code });
      }
    });
  }

  pause(account: Account, id: number): Promise<CampaignRow> {
    const reason = { code: 'paused_by_user', message: 'Paused by a caller.' };
    return this.stop(account, id, { move: 'pause', to: 'paused', reason }, 'paused');
  }

  /** Final. What was sent stays sent; the rest stays pending for the record. */
  cancel(account: Account, id: number): Promise<CampaignRow> {
    const reason = { code: 'cancelled_by_user', message: 'Cancelled by a caller.' };
    return this.stop(account, id, { move: 'cancel', to: 'cancelled', reason }, 'cancelled');
  }

  async resume(account: Account, id: number): Promise<CampaignRow> {
    const row = await this.database.transaction(async (tx) => {
      const before = await this.lock(tx, account.id, id);
      if (!(await this.go(tx, before, { move: 'resume', to: 'running' }))) {
        throw wrongMove('resume', before.status);
      }
      await this.checkSendable(tx, account, before);
      return this.moved(tx, before, 'resumed');
    });
    await this.wake(account.id);
    return row;
  }

  /** Tries those who failed again, each with a message of its own; nobody who was reached. @throws `nothing_to_retry` */
  async retryFailed(account: Account, id: number): Promise<CampaignRow> {
    const row = await this.database.transaction(async (tx) => {
      const before = await this.lock(tx, account.id, id);
      if (!(await this.go(tx, before, { move: 'retry-failed', to: 'running' }))) {
        throw wrongMove('retry-failed', before.status);
      }
      await this.checkSendable(tx, account, before);
      const count = await this.recipients.retryFailed(tx, id);
      if (count === 0) {
        throw new AppError('nothing_to_retry', 'Nobody of this campaign has failed in a way that can be tried again.');
      }
      return this.moved(tx, before, 'retried', { recipients: count });
    });
    await this.wake(account.id);
    return row;
  }

  /**
   * Settles those whose outcome is not known, by the caller's decision: sent again, at the risk of twice, or given up.
   * @throws `nothing_to_retry` when there are none
   */
  async resolveUnknown(account: Account, id: number, action: 'resend' | 'drop'): Promise<CampaignRow> {
    const row = await this.database.transaction(async (tx) => {
      const before = await this.lock(tx, account.id, id);
      const isResend = action === 'resend';
      const move = isResend ? 'resend-unknown' : 'resolve-unknown';
      if (!sourcesOf(move).includes(before.status)) {
        throw wrongMove(move, before.status);
      }
      const count = await (isResend ? this.recipients.resendUnknown(tx, id) : this.recipients.dropUnknown(tx, id));
      if (count === 0) {
        throw new AppError('nothing_to_retry', 'There is nobody in this campaign whose outcome is not known.');
      }
      if (isResend && (before.status === 'completed' || before.status === 'failed')) {
        await this.checkSendable(tx, account, before);
        await this.go(tx, before, { move: 'retry-failed', to: 'running' });
      }
      return this.moved(tx, before, 'unknown_resolved', { recipients: count, action });
    });
    await this.wake(account.id);
    return row;
  }

  /** The templates it sends: its own, or those of its variants; of a trial that is over, its winner's. @throws 400 when there is none */
  async requireTemplates(q: Queryable, campaign: CampaignRow): Promise<number[]> {
    const variants = await this.campaigns.findVariants(q, campaign.id);
    if (variants.length > 0) {
      const winner = variants.filter((variant) => variant.id === campaign.winner_variant_id);
      return (winner.length > 0 ? winner : variants).map((variant) => variant.template_id);
    }
    if (campaign.template_id === null) {
      throw invalidField('template_id', 'required', 'Choose a template before running the campaign.');
    }
    return [campaign.template_id];
  }

  private stop(account: Account, id: number, move: Move, deed: string): Promise<CampaignRow> {
    return this.database.transaction(async (tx) => {
      const before = await this.lock(tx, account.id, id);
      if (!(await this.go(tx, before, move))) {
        throw wrongMove(move.move, before.status);
      }
      return this.moved(tx, before, deed);
    });
  }

  private go(tx: Tx, { account_id, id }: CampaignRow, { move, to, reason }: Move): Promise<boolean> {
    return this.campaigns.move(tx, { accountId: account_id, id }, to, sourcesOf(move), reason);
  }

  /** A hint for the worker; its sweeper would find the campaign anyway. */
  private wake(accountId: number): Promise<void> {
    return this.enqueue.enqueue('campaign-drain', { accountId }, { key: `account-${accountId}` });
  }

  /** Tells everybody of a move, and writes down who made it. */
  private async moved(
    tx: Tx,
    before: CampaignRow,
    deed: string,
    facts: Record<string, unknown> = {},
  ): Promise<CampaignRow> {
    const { account_id: accountId, id } = before;
    const row = await this.require(tx, accountId, id);
    await this.outbox.append(tx, [campaignEvent('campaign.progress', row)]);
    const changes =
      before.status === row.status ? facts : { status: { from: before.status, to: row.status }, ...facts };
    await this.audit.append(tx, [
      { action: `campaign.${deed}`, objectType: 'campaign', objectId: id, accountId, changes },
    ]);
    return row;
  }

  private async require(q: Queryable, accountId: number, id: number): Promise<CampaignRow> {
    return found(await this.campaigns.find(q, accountId, id));
  }

  private async lock(tx: Tx, accountId: number, id: number): Promise<CampaignRow> {
    return found(await this.campaigns.lock(tx, accountId, id));
  }

  private async checkSendable(q: Queryable, account: Account, campaign: CampaignRow): Promise<void> {
    for (const templateId of await this.requireTemplates(q, campaign)) {
      const template = await this.templates.get(q, account.id, templateId);
      if (template?.status !== 'APPROVED') {
        throw new AppError(
          'template_not_approved',
          `The template ${template?.name ?? templateId} is ${template?.status ?? 'gone'}; Meta sends only approved ones.`,
        );
      }
    }
    if (!account.isActive) {
      throw new AppError('account_inactive', 'The account is inactive.');
    }
    if (campaign.expires_at && campaign.expires_at <= new Date()) {
      throw new AppError('campaign_expired', 'Its expires_at has passed: nothing of it goes out any more.');
    }
  }
}

/** On the schedule as the scheduler read it: nobody was faster, and its owner has not moved it. */
function isStillDue(campaign: CampaignRow, dueAt: Date): boolean {
  return campaign.status === 'scheduled' && campaign.scheduled_at?.getTime() === dueAt.getTime();
}

function found(row: CampaignRow | null): CampaignRow {
  if (!row) {
    throw new AppError('not_found', 'There is no such campaign.');
  }
  return row;
}
