import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import type { MessagesOutcome } from '../inbox/inbox.webhook.js';
import { CampaignOutcome } from './outcome/campaign-outcome.service.js';
import { CampaignCosts } from './pricing/campaign-costs.js';
import { CampaignProgress } from './campaign-progress.js';
import { UnknownPolicy } from './timing/unknown-policy.js';

/** What the inbox read from webhooks, for campaigns: statuses of their messages, and answers to them. */
@Injectable()
export class CampaignsWebhook {
  constructor(
    private readonly progress: CampaignProgress,
    private readonly unknown: UnknownPolicy,
    private readonly costs: CampaignCosts,
    private readonly outcome: CampaignOutcome,
  ) {}

  /** Applies a batch in the caller's transaction. */
  async handle(tx: Tx, { folded, statuses, received }: MessagesOutcome): Promise<void> {
    await this.progress.applyDeliveries(tx, folded);
    await this.unknown.noteEvidence(tx, folded);
    await this.costs.apply(tx, statuses);
    await this.outcome.applyReplies(tx, received);
  }
}
