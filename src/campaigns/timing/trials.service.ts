import { Injectable } from '@nestjs/common';
import type { Account } from '../../accounts/account.js';
import { AppError, invalidField } from '../../common/app-error.js';
import { Database } from '../../database/database.js';
import { Outbox } from '../../outbox/outbox.js';
import type { AbTest } from '../campaign.entity.js';
import { CampaignsRepository, type CampaignRow, type VariantRow } from '../campaigns.repository.js';
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
  ) {}

  /** Chooses the winners whose time has come, and lets go those who waited for one. @returns numbers with work */
  async sweep(): Promise<number[]> {
    for (const { id, accountId, abTest } of await this.timing.findTrialsOver(this.database)) {
      const winner = bestOf(await this.campaigns.findVariants(this.database, id), abTest.metric);
      if (winner) {
        await this.choose(accountId, id, winner, `It has the best share of ${abTest.metric}.`);
      }
    }
    const held = await this.timing.findWithHeld(this.database);
    for (const { id, winnerId } of held) {
      await this.recipients.release(this.database, id, winnerId, RELEASE_BATCH);
    }
    return held.map(({ accountId }) => accountId);
  }

  /** A person decides, before the trial is over. @throws `not_found`, 400, `conflict` when there is a winner */
  async pick(account: Account, id: number, variantId: number): Promise<CampaignRow> {
    const campaign = await this.campaigns.find(this.database, account.id, id);
    if (!campaign) {
      throw new AppError('not_found', 'There is no such campaign.');
    }
    const variant = (await this.campaigns.findVariants(this.database, id)).find((one) => one.id === variantId);
    if (!variant || campaign.ab_test === null) {
      throw invalidField('variant_id', 'not_found', 'variant_id is no variant on trial in this campaign.');
    }
    if (!(await this.choose(account.id, id, variant, 'Chosen by a caller.'))) {
      throw new AppError('conflict', 'The campaign has a winner already.');
    }
    return (await this.campaigns.find(this.database, account.id, id)) ?? campaign;
  }

  private choose(accountId: number, id: number, winner: VariantRow, message: string): Promise<boolean> {
    return this.database.transaction(async (tx) => {
      if (!(await this.timing.setWinner(tx, id, winner.id))) {
        return false;
      }
      const payload = { id, winner: { variant_id: winner.id, name: winner.name, message } };
      await this.outbox.append(tx, [{ type: 'campaign.progress', accountId, subjectId: id, payload }]);
      return true;
    });
  }
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
