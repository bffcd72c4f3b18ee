import { Injectable } from '@nestjs/common';
import type { Account } from '../../accounts/account.js';
import { AuditTrail } from '../../audit/audit-trail.js';
import { AppError, invalidField } from '../../common/app-error.js';
import { Database, type Tx } from '../../database/database.js';
import { Outbox } from '../../outbox/outbox.js';
import type { AbTest } from '../campaign.entity.js';
import { sourcesOf, wrongMove } from '../campaign-status.js';
import { CampaignsRepository, type CampaignRow, type VariantRow } from '../campaigns.repository.js';
import { campaignEvent } from '../outcome/campaign-event.js';
import { RecipientsRepository } from '../recipients.repository.js';
import { TimingRepository } from './timing.repository.js';

const RELEASE_BATCH = 20_000;

/** Trials of variants: which of them the rest of an audience gets. */
@Injectable()
export class Trials {
  constructor(
    private readonly database: Database,
    private readonly campaigns: CampaignsRepository,
    private readonly recipients: RecipientsRepository,
    private readonly timing: TimingRepository,
    private readonly outbox: Outbox,
    private readonly audit: AuditTrail,
  ) {}

  /** Chooses the winners whose time has come, and lets go those who waited for one. @returns numbers with work */
  async sweep(): Promise<number[]> {
    await this.timing.noteTrialsSent(this.database);
    for (const { id, accountId, abTest } of await this.timing.findTrialsOver(this.database)) {
      const winner = bestOf(await this.campaigns.findVariants(this.database, id), abTest.metric);
      if (winner) {
        await this.database.transaction((tx) => this.choose(tx, accountId, id, winner, reasonFor(winner, abTest)));
      }
    }
    const held = await this.timing.findWithHeld(this.database);
    for (const { id, winnerId } of held) {
      await this.recipients.release(this.database, id, winnerId, RELEASE_BATCH);
    }
    return held.map(({ accountId }) => accountId);
  }

  /**
   * A person decides, before the trial is over.
   * @throws `not_found`, 400, `conflict` when there is a winner, `campaign_<status>` when it neither runs nor is paused
   */
  pick(account: Account, id: number, variantId: number): Promise<CampaignRow> {
    return this.database.transaction(async (tx) => {
      const campaign = await this.campaigns.lock(tx, account.id, id);
      if (!campaign) {
        throw new AppError('not_found', 'There is no such campaign.');
      }
      const variant = (await this.campaigns.findVariants(tx, id)).find((one) => one.id === variantId);
      if (!variant || campaign.ab_test === null) {
        throw invalidField('variant_id', 'not_found', 'variant_id is no variant on trial in this campaign.');
      }
      if (campaign.winner_variant_id !== null) {
        throw new AppError('conflict', 'The campaign has a winner already.');
      }
      if (!(await this.choose(tx, account.id, id, variant, 'Chosen by a caller.'))) {
        throw wrongMove('pick-winner', campaign.status);
      }
      return (await this.campaigns.find(tx, account.id, id)) ?? campaign;
    });
  }

  /** @returns false when it has a winner, or neither runs nor is paused */
  private async choose(tx: Tx, accountId: number, id: number, winner: VariantRow, message: string): Promise<boolean> {
    if (!(await this.timing.setWinner(tx, id, winner.id, sourcesOf('pick-winner')))) {
      return false;
    }
    await this.recipients.giveWinner(tx, id, winner.id);
    const row = await this.campaigns.find(tx, accountId, id);
    if (row) {
      const told = { variant_id: winner.id, name: winner.name, message };
      await this.outbox.append(tx, [campaignEvent('campaign.progress', row, { winner: told })]);
      await this.audit.append(tx, [
        { action: 'campaign.winner_chosen', objectType: 'campaign', objectId: id, accountId, changes: told },
      ]);
    }
    return true;
  }
}

function reasonFor(winner: VariantRow, { metric }: AbTest): string {
  return winner[`${metric}_count`] > 0
    ? `It has the best share of ${metric}.`
    : `No variant has any ${metric}; this is the first of them.`;
}

/** By the share of accepted messages that got so far; of equals the first. */
export function bestOf(variants: readonly VariantRow[], metric: AbTest['metric']): VariantRow | null {
  const share = (variant: VariantRow): number =>
    variant.sent_count === 0 ? 0 : variant[`${metric}_count`] / variant.sent_count;
  return variants.reduce<VariantRow | null>(
    (best, variant) => (best && share(best) >= share(variant) ? best : variant),
    null,
  );
}
