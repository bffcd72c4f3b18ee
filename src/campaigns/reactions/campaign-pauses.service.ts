import { Injectable } from '@nestjs/common';
import { accountAlertEvent } from '../../accounts/account-alert.js';
import type { Account } from '../../accounts/account.js';
import { AccountsService } from '../../accounts/accounts.service.js';
import { AuditTrail } from '../../audit/audit-trail.js';
import type { Tx } from '../../database/database.js';
import { Outbox } from '../../outbox/outbox.js';
import { Enqueue } from '../../queues/enqueue.js';
import { TemplatesService } from '../../templates/templates.service.js';
import { CampaignsRepository } from '../campaigns.repository.js';
import { campaignEvent } from '../outcome/campaign-event.js';
import {
  refusalReason,
  standingReason,
  templateReason,
  type PauseReason,
  type Refusal,
  type WaitsFor,
} from './pause-reason.js';
import { ReactionsRepository, type PauseTarget, type WaitingCampaign } from './reactions.repository.js';

/** Pauses campaigns for what Meta refuses or tells, and lets them go on when it has passed. */
@Injectable()
export class CampaignPauses {
  constructor(
    private readonly repository: ReactionsRepository,
    private readonly campaigns: CampaignsRepository,
    private readonly accounts: AccountsService,
    private readonly templates: TemplatesService,
    private readonly outbox: Outbox,
    private readonly enqueue: Enqueue,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * Pauses running campaigns, and tells of it: `campaign.progress` of each and one `account.alert`.
   * @param isAlertedElsewhere whoever calls tells of it in an alert of its own
   * @returns their ids
   */
  async pause(tx: Tx, target: PauseTarget, reason: PauseReason, isAlertedElsewhere = false): Promise<number[]> {
    const paused = await this.repository.pause(tx, target, reason);
    if (paused.length === 0) {
      return [];
    }
    await this.tellProgress(tx, target.accountId, paused, 'paused', reason);
    if (!isAlertedElsewhere) {
      const { code, message, what_to_do: whatToDo = '', scope = 'campaign', ...details } = reason;
      const severity = scope === 'campaign' || scope === 'template' ? 'warning' : 'critical';
      await this.outbox.append(tx, [
        accountAlertEvent({
          accountId: target.accountId,
          code,
          severity,
          scope,
          message,
          whatToDo,
          campaignIds: paused,
          details,
        }),
      ]);
    }
    return paused;
  }

  /**
   * Meta refused a message for a reason that is not the recipient's: pauses what that stops. A refusal of a token that the
   * account no longer has stops nothing.
   * @param account as it was when the message was posted
   * @returns the ids of the campaigns that paused
   */
  async refuse(tx: Tx, account: Account, target: PauseTarget, code: string, refusal: Refusal): Promise<number[]> {
    const reason = refusalReason(code, refusal, target.templateId);
    if (reason.scope === 'credentials' && !(await this.accounts.hasCurrentToken(tx, account))) {
      return [];
    }
    return this.pause(tx, target, reason);
  }

  /**
   * What campaigns waited for has happened: those go on that nothing else stops; the others wait for that from now on.
   * @param templateId only those that send this template
   * @returns the ids of those that go on
   */
  async resume(tx: Tx, accountId: number, waitsFor: WaitsFor, templateId: number | null = null): Promise<number[]> {
    const waiting = await this.repository.lockWaiting(tx, accountId, waitsFor, templateId);
    if (waiting.length === 0) {
      return [];
    }
    const stopped = await this.accounts.findStanding(tx, accountId);
    const obstacles = await this.findObstacles(tx, accountId, waiting);
    const resumed: number[] = [];
    const restated: { id: number; reason: PauseReason }[] = [];
    for (const { id, templateIds } of waiting) {
      const reason = stopped
        ? standingReason(stopped, `Meta has stopped the account (${stopped.standing}).`)
        : templateIds.map((each) => obstacles.get(each)).find((found) => found !== undefined);
      if (reason) {
        restated.push({ id, reason });
      } else {
        resumed.push(id);
      }
    }
    if (restated.length > 0) {
      await this.repository.restate(tx, restated);
    }
    if (resumed.length > 0) {
      await this.repository.resume(tx, resumed);
      await this.tellProgress(tx, accountId, resumed, 'running', null, waitsFor);
      // A hint: the sweeper finds them too.
      tx.afterCommit(() => void this.enqueue.enqueue('campaign-drain', { accountId }, { key: `account-${accountId}` }));
    }
    return resumed;
  }

  /** Templates that Meta does not send, and what campaigns that send them wait for. */
  private async findObstacles(
    tx: Tx,
    accountId: number,
    campaigns: readonly WaitingCampaign[],
  ): Promise<Map<number, PauseReason>> {
    const obstacles = new Map<number, PauseReason>();
    for (const id of new Set(campaigns.flatMap((campaign) => campaign.templateIds))) {
      const template = await this.templates.get(tx, accountId, id);
      if (template && template.status !== 'APPROVED') {
        obstacles.set(id, templateReason(template));
      }
    }
    return obstacles;
  }

  private async tellProgress(
    tx: Tx,
    accountId: number,
    ids: readonly number[],
    status: 'paused' | 'running',
    reason: PauseReason | null,
    resumedBy?: WaitsFor,
  ): Promise<void> {
    const rows = await this.campaigns.findMany(tx, accountId, ids);
    await this.outbox.append(
      tx,
      rows.map((row) => campaignEvent('campaign.progress', row, resumedBy ? { resumed_by: resumedBy } : {})),
    );
    const [action, from] = status === 'paused' ? ['campaign.paused', 'running'] : ['campaign.resumed', 'paused'];
    const changes = {
      status: { from, to: status },
      ...(reason ? { code: reason.code } : {}),
      ...(resumedBy ? { resumed_by: resumedBy } : {}),
    };
    await this.audit.append(
      tx,
      ids.map((id) => ({ action, objectType: 'campaign', objectId: id, accountId, changes })),
    );
  }
}
