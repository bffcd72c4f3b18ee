import { Injectable } from '@nestjs/common';
import { counter } from '../common/metrics.js';
import type { Tx } from '../database/database.js';
import { DeliveriesService, type FoldedMessage, type RecipientAttempt } from '../inbox/deliveries.service.js';
import { CampaignReactions } from './reactions/campaign-reactions.service.js';
import { RecipientsRepository } from './recipients.repository.js';

/** A message of a campaign. */
type CampaignMessage = FoldedMessage & { campaignRecipientId: number };

const ACCEPTED = ['sent', 'delivered', 'read'];

const provenDuplicates = counter(
  'parley_campaign_proven_duplicates_total',
  'Campaign messages that Meta took for somebody whom another attempt has reached',
);

/** Keeps recipients in step with their messages: whatever a message became, by answer or by webhook, they become. */
@Injectable()
export class CampaignProgress {
  constructor(
    private readonly recipients: RecipientsRepository,
    private readonly deliveries: DeliveriesService,
    private readonly reactions: CampaignReactions,
  ) {}

  /** Applies changed messages in the transaction that changed them; those of no campaign are passed over. */
  async applyDeliveries(tx: Tx, messages: readonly FoldedMessage[]): Promise<void> {
    await this.applyToRecipients(tx, messages);
    await this.reactions.applyFailures(tx, messages);
  }

  private async applyToRecipients(tx: Tx, messages: readonly FoldedMessage[]): Promise<void> {
    const ours = messages.filter(isOfCampaign);
    if (ours.length === 0) {
      return;
    }
    const retried = await this.recipients.follow(tx, ours);
    const again = ours.filter((message) => retried.has(message.campaignRecipientId));
    if (again.length > 0) {
      await this.considerOthers(tx, again);
    }
  }

  /**
   * Recipients that were tried more than once. They are locked by now: what another transaction knows of one of their
   * attempts is committed, or it waits for us and sees what we wrote.
   */
  private async considerOthers(tx: Tx, ours: readonly CampaignMessage[]): Promise<void> {
    const unreached = ours.filter(({ status }) => status === 'failed' || status === 'unknown');
    const reached = ours.filter(({ status, wasAccepted }) => ACCEPTED.includes(status) && !wasAccepted);
    const beside = (await this.deliveries.acceptedBeside(tx, [...unreached, ...reached])).filter(isOfCampaign);
    const unreachedIds = new Set(unreached.map((message) => message.campaignRecipientId));
    await this.follow(
      tx,
      beside.filter((message) => unreachedIds.has(message.campaignRecipientId)),
    );
    const count = countDuplicates(reached, beside);
    tx.afterCommit(() => provenDuplicates.inc(count));
  }

  /**
   * Of recipients that wait again, or whose outcome is not known: an earlier attempt may have reached them meanwhile, and
   * then they are not tried any more.
   */
  async adoptEarlier(tx: Tx, attempts: readonly RecipientAttempt[]): Promise<void> {
    if (attempts.length === 0) {
      return;
    }
    const ids = attempts.map((attempt) => attempt.campaignRecipientId);
    const retried = await this.recipients.findRetried(tx, ids);
    const again = attempts.filter((attempt) => retried.has(attempt.campaignRecipientId));
    await this.follow(tx, await this.deliveries.acceptedBeside(tx, again));
  }

  private async follow(tx: Tx, messages: readonly FoldedMessage[]): Promise<void> {
    if (messages.length > 0) {
      await this.recipients.follow(tx, messages);
    }
  }
}

function isOfCampaign(message: FoldedMessage): message is CampaignMessage {
  return message.campaignRecipientId !== null;
}

/** Of each recipient one message was meant to arrive: every further one that Meta took is a duplicate. */
function countDuplicates(reached: readonly CampaignMessage[], beside: readonly CampaignMessage[]): number {
  const news = new Set(reached.map((message) => message.id));
  const known = new Set(
    beside.filter((message) => !news.has(message.id)).map((message) => message.campaignRecipientId),
  );
  let count = 0;
  for (const { campaignRecipientId } of reached) {
    count += known.has(campaignRecipientId) ? 1 : 0;
    known.add(campaignRecipientId);
  }
  return count;
}
