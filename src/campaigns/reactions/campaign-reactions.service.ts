import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AccountPorts, type AccountOccasion, type OccasionOutcome } from '../../accounts/account-ports.js';
import type { Tx } from '../../database/database.js';
import type { FoldedMessage } from '../../inbox/deliveries.service.js';
import { meaningOf } from '../../meta/graph-error.js';
import { TemplateNews, type NewStatus } from '../../templates/template-news.js';
import { CooldownsRepository } from '../cooldowns.repository.js';
import { CampaignPauses } from './campaign-pauses.service.js';
import { INACTIVE, refusalReason, standingReason, templateReason, type Refusal } from './pause-reason.js';

/** Meta's code for "not now, this person has had enough marketing"; it asks to wait for a day. */
const NOT_NOW = 131_049;
const COOLDOWN_MS = 86_400_000;

/** A message that failed with a code of Meta's. */
interface Failure {
  accountId: number;
  contactId: number;
  campaignId: number | null;
  failedAt: Date;
  error: Refusal & { code: number };
}

/** What campaigns do about what Meta tells of templates, accounts and people. */
@Injectable()
export class CampaignReactions implements OnModuleInit {
  constructor(
    private readonly pauses: CampaignPauses,
    private readonly cooldowns: CooldownsRepository,
    private readonly templateNews: TemplateNews,
    private readonly accountPorts: AccountPorts,
  ) {}

  onModuleInit(): void {
    this.templateNews.onStatus((tx, templates) => this.onTemplates(tx, templates));
    this.accountPorts.onOccasion((tx, accountId, occasion) => this.onAccount(tx, accountId, occasion));
  }

  /**
   * Failures say more than that one message failed: of the person (131049: no marketing for a day), or of the template or the
   * account, which Meta often tells only after it took the message.
   */
  async applyFailures(tx: Tx, messages: readonly FoldedMessage[]): Promise<void> {
    const failures = messages.flatMap(toFailure);
    const cooldowns = failures
      .filter(({ error }) => error.code === NOT_NOW)
      .map(({ accountId, contactId, failedAt }) => ({
        accountId,
        contactId,
        until: new Date(failedAt.getTime() + COOLDOWN_MS),
        code: NOT_NOW,
      }));
    if (cooldowns.length > 0) {
      await this.cooldowns.add(tx, cooldowns);
    }
    await this.pauseRefused(tx, failures);
  }

  /** Of each account and campaign the latest refusal. Only campaigns that did not change since: they may have been resumed. */
  private async pauseRefused(tx: Tx, failures: readonly Failure[]): Promise<void> {
    const latest = new Map<string, Failure & { ofCampaign: number | null }>();
    for (const failure of failures) {
      const kind = meaningOf(failure.error.code)?.kind;
      const ofCampaign = kind === 'template' ? failure.campaignId : null;
      const key = `${failure.accountId} ${ofCampaign}`;
      const known = latest.get(key);
      if ((kind === 'account' || ofCampaign !== null) && (!known || known.failedAt < failure.failedAt)) {
        latest.set(key, { ...failure, ofCampaign });
      }
    }
    for (const { accountId, ofCampaign, error, failedAt } of latest.values()) {
      await this.pauses.pause(
        tx,
        { accountId, campaignId: ofCampaign, templateId: null, unchangedSince: failedAt },
        refusalReason(ofCampaign === null ? 'account_refused' : 'template_refused', error, null),
      );
    }
  }

  private async onTemplates(tx: Tx, templates: readonly NewStatus[]): Promise<void> {
    for (const template of [...templates].sort((a, b) => a.id - b.id)) {
      const { accountId, id } = template;
      if (template.status === 'APPROVED') {
        await this.pauses.resume(tx, accountId, 'template', id);
      } else {
        await this.pauses.pause(tx, { accountId, campaignId: null, templateId: id }, templateReason(template));
      }
    }
  }

  private async onAccount(tx: Tx, accountId: number, occasion: AccountOccasion): Promise<OccasionOutcome> {
    switch (occasion.kind) {
      case 'credentials':
        return { pausedIds: [], resumedIds: await this.pauses.resume(tx, accountId, 'credentials') };
      case 'name_approved':
        return { pausedIds: [], resumedIds: await this.pauses.resume(tx, accountId, 'display_name') };
      case 'deactivated':
        return {
          pausedIds: await this.pauses.pause(tx, { accountId, campaignId: null, templateId: null }, INACTIVE),
          resumedIds: [],
        };
      case 'standing':
        return occasion.standing === 'ok'
          ? { pausedIds: [], resumedIds: await this.pauses.resume(tx, accountId, 'account') }
          : {
              pausedIds: await this.pauses.pause(
                tx,
                { accountId, campaignId: null, templateId: null },
                standingReason(occasion, occasion.message),
                true,
              ),
              resumedIds: [],
            };
    }
  }
}

function toFailure({ accountId, contactId, campaignId, status, error, failedAt }: FoldedMessage): Failure[] {
  const code = error?.code ?? null;
  return status !== 'failed' || !error || code === null || !failedAt
    ? []
    : [{ accountId, contactId, campaignId, failedAt, error: { ...error, code } }];
}
