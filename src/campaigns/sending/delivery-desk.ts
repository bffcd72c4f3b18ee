import { Injectable } from '@nestjs/common';
import type { Account } from '../../accounts/account.js';
import { phoneFromWaId, type PhoneNumber } from '../../common/phone-number.js';
import { PeopleService } from '../../contacts/people.service.js';
import { Database, type Tx } from '../../database/database.js';
import { DeliveriesService } from '../../inbox/deliveries.service.js';
import { evidenceOfAnswer } from '../../inbox/evidence.js';
import { ThroughputRepository } from '../../inbox/throughput.repository.js';
import { Outbox } from '../../outbox/outbox.js';
import { CampaignProgress } from '../campaign-progress.js';
import { CampaignsRepository, type RunningCampaign } from '../campaigns.repository.js';
import { campaignEvent } from '../outcome/campaign-event.js';
import { CampaignPauses } from '../reactions/campaign-pauses.service.js';
import { RecipientsRepository } from '../recipients.repository.js';
import { CampaignMessages } from './campaign-messages.js';
import type { OpenCircuit } from './circuit.js';
import { TEMPLATE_WIDE_CODES } from './decision.js';
import { LeasesRepository, type Lease } from './leases.repository.js';
import type { Attempt, PreparedRecipient, Settled } from './preparation.js';
import { RecipientPreparer, type Held, type InHand, type WaitingReason } from './recipient-preparer.js';

/** Senders that may die over a campaign, without one message settled in between, before it is paused. */
const MAX_CRASHES = 5;
/** People who are looked at again at once when a limit is another. */
const WAKE_BATCH = 10_000;
/** How often what is left over is offered to the campaigns that have more to send. */
const MAX_ROUNDS = 3;

/** What a campaign that runs may wait for; said when it takes longer than a few seconds. */
const WAITING: Record<WaitingReason | 'trial' | 'put_off', string> = {
  quiet_hours: 'It waits for the end of the quiet hours of its recipients.',
  messaging_limit: 'It waits for Meta’s limit of people in 24 hours.',
  trial: 'The trial of its variants goes on; the others wait for the winner.',
  put_off: 'Its recipients were put off.',
};
const LONG_WAIT_MS = 10_000;

/** What a drain asks of the database: each method is one transaction. */
@Injectable()
export class DeliveryDesk {
  /** Campaigns over which a sender died before this process took its number over. */
  private readonly crashed = new Set<number>();
  /** Why recipients of a campaign were put off last. */
  private readonly putOff = new Map<number, WaitingReason>();
  /** By campaign, Meta's limit under which its people found no place. */
  private readonly limitedBy = new Map<number, string | null>();
  /** By account, the campaign that was looked at last: where a look is for few, the next begins behind it. */
  private readonly lastLookedAt = new Map<number, number>();

  constructor(
    private readonly database: Database,
    private readonly leases: LeasesRepository,
    private readonly campaigns: CampaignsRepository,
    private readonly recipients: RecipientsRepository,
    private readonly progress: CampaignProgress,
    private readonly people: PeopleService,
    private readonly deliveries: DeliveriesService,
    private readonly messages: CampaignMessages,
    private readonly preparer: RecipientPreparer,
    private readonly throughput: ThroughputRepository,
    private readonly outbox: Outbox,
    private readonly pauses: CampaignPauses,
  ) {}

  /** Takes the number, and puts in order what a holder that died left behind. @returns null when another holds it */
  takeOver(accountId: number, holder: string): Promise<Lease | null> {
    return this.database.transaction(async (tx) => {
      const lease = await this.leases.acquire(tx, accountId, holder);
      if (lease) {
        const inDoubt = await this.recipients.recover(tx, lease);
        await this.deliveries.markUnknown(
          tx,
          inDoubt.map(({ attemptToken }) => attemptToken),
        );
        await this.progress.adoptEarlier(tx, inDoubt);
        await this.countCrash(tx, accountId, [...new Set(inDoubt.map(({ campaignId }) => campaignId))]);
      }
      return lease;
    });
  }

  renew(lease: Lease): Promise<boolean> {
    return this.leases.renew(this.database, lease);
  }

  /** Lets the number go. */
  leave(lease: Lease): Promise<void> {
    return this.leases.release(this.database, lease);
  }

  /**
   * The number's other messages of the last second: they share its throughput.
   * @param known haveAsked: those that were sent have asked for their turn, and are counted already
   */
  countOthers(accountId: number, known: { haveAsked: boolean }): Promise<number> {
    return this.throughput.countOthers(
      this.database,
      accountId,
      known.haveAsked ? ['inbound'] : ['inbound', 'outbound'],
    );
  }

  async runningIds(accountId: number): Promise<Set<number>> {
    return new Set((await this.campaigns.findRunning(this.database, accountId)).map((campaign) => campaign.id));
  }

  /**
   * Makes about `want` messages, evenly from all running campaigns of the number; what one has no use for now the others
   * get. Campaigns of which nothing is left are ended.
   * @param held what the drain has in hand already; those who are prepared are added
   * @returns foundCount: how many were looked at, also those who get no message now; hasWork false when no campaign of the
   *   number runs any more
   */
  async prepare(
    account: Account,
    lease: Lease,
    want: number,
    held: Map<number, InHand>,
  ): Promise<{ recipients: PreparedRecipient[]; foundCount: number; hasWork: boolean }> {
    const running = await this.campaigns.findRunning(this.database, account.id);
    const recipients: PreparedRecipient[] = [];
    let hungry = startingAfter(running, this.lastLookedAt.get(account.id) ?? 0);
    let foundInAll = 0;
    let endedCount = 0;
    for (let round = 0; round < MAX_ROUNDS && hungry.length > 0 && recipients.length < want; round += 1) {
      const share = Math.ceil((want - recipients.length) / hungry.length);
      const next: RunningCampaign[] = [];
      for (const campaign of hungry) {
        if (recipients.length >= want) {
          break;
        }
        const { prepared, foundCount } = await this.prepareFrom(account, lease, campaign, share, held);
        this.lastLookedAt.set(account.id, campaign.id);
        foundInAll += Math.max(0, foundCount);
        recipients.push(...prepared);
        prepared.forEach((recipient) => held.set(recipient.id, recipient));
        if (foundCount >= share) {
          next.push(campaign);
        } else if (foundCount === 0 && round === 0) {
          endedCount += (await this.endOrExplain(account.id, campaign)) ? 1 : 0;
        }
      }
      hungry = next;
    }
    // Taking turns: with one campaign after the other the second would wait until the first is through.
    return { recipients: interleave(recipients), foundCount: foundInAll, hasWork: endedCount < running.length };
  }

  /** Durable before the request is written: the recipients are `sending` and their messages are in the inbox. */
  mark(account: Account, lease: Lease, attempts: readonly Attempt[]): Promise<Attempt[]> {
    return this.database.transactionByKey(async (tx) => {
      const marked = await this.recipients.markSending(tx, lease, attempts);
      const ours = attempts.filter((attempt) => marked.has(attempt.id));
      if (ours.length > 0) {
        const messageIds = await this.deliveries.begin(
          tx,
          ours.map((attempt) => ({
            accountId: account.id,
            conversationId: attempt.conversationId,
            contactId: attempt.contactId,
            messageType: 'template',
            messageBody: attempt.messageBody,
            attemptToken: attempt.attemptToken,
            content: attempt.content,
            templateName: attempt.templateName,
            templateLanguage: attempt.templateLanguage,
            campaignId: attempt.campaignId,
            campaignRecipientId: attempt.id,
          })),
        );
        return ours.map((attempt, index) => ({ ...attempt, messageId: messageIds[index] as number }));
      }
      return ours;
    });
  }

  /** Stores what became of attempts. A late answer still settles by its token, whoever holds the lease now. */
  async settle(account: Account, batch: readonly Settled[], open: readonly OpenCircuit[]): Promise<void> {
    const at = new Date();
    await this.database.transactionByKey(async (tx) => {
      const returned = batch.flatMap(({ attempt, decision }) =>
        decision.type === 'put_back'
          ? [
              {
                id: attempt.id,
                contactId: attempt.contactId,
                attemptToken: attempt.attemptToken,
                delayMs: decision.delayMs,
                countsAsAttempt: decision.countsAsAttempt,
              },
            ]
          : [],
      );
      const final = batch.filter(({ decision }) => decision.type !== 'put_back');
      const folded = await this.deliveries.apply(
        tx,
        final.map(({ attempt, answer }) => ({
          accountId: account.id,
          messageId: attempt.messageId,
          wamid: answer.ok ? (answer.body.messages[0]?.id ?? null) : null,
          attemptToken: attempt.attemptToken,
          evidence: evidenceOfAnswer(answer, at),
        })),
      );
      await this.progress.applyDeliveries(tx, folded);
      if (returned.length > 0) {
        await this.deliveries.withdraw(
          tx,
          returned.map((recipient) => recipient.attemptToken),
        );
        await this.recipients.putBack(tx, returned);
        await this.progress.adoptEarlier(
          tx,
          returned.map(({ id, contactId, attemptToken }) => ({
            accountId: account.id,
            contactId,
            campaignRecipientId: id,
            attemptToken,
          })),
        );
      }
      await this.forgetCrashes(tx, final);
      await this.linkAliases(tx, batch);
      await this.pauseRefused(tx, account, batch, open);
    });
  }

  private async prepareFrom(
    account: Account,
    lease: Lease,
    campaign: RunningCampaign,
    share: number,
    held: Held,
  ): Promise<{ prepared: PreparedRecipient[]; foundCount: number }> {
    const messages = await this.messages.of(account, campaign);
    if (messages.state === 'refused') {
      const target = { accountId: account.id, campaignId: campaign.id, templateId: null };
      await this.database.transaction((tx) => this.pauses.pause(tx, target, messages.reason));
    }
    if (messages.state !== 'ready') {
      return { prepared: [], foundCount: -1 };
    }
    await this.noticeLimit(account, campaign);
    const made = await this.preparer.prepare(account, lease, campaign, messages.byVariant, share, held);
    if (made.putOff) {
      this.putOff.set(campaign.id, made.putOff);
    }
    if (made.putOff === 'messaging_limit') {
      this.limitedBy.set(campaign.id, account.messagingLimit);
    }
    if (made.prepared.length > 0 && campaign.reasonCode !== null && campaign.reasonCode in WAITING) {
      await this.campaigns.explain(this.database, { accountId: account.id, id: campaign.id }, null);
    }
    return made;
  }

  /** Who waits for Meta's limit may wait for an hour; when the limit is another than it was, they are looked at again. */
  private async noticeLimit(account: Account, campaign: RunningCampaign): Promise<void> {
    const isLimited = campaign.reasonCode === 'messaging_limit' || this.limitedBy.has(campaign.id);
    if (!isLimited || this.limitedBy.get(campaign.id) === account.messagingLimit) {
      return;
    }
    if ((await this.recipients.wake(this.database, campaign.id, WAKE_BATCH)) < WAKE_BATCH) {
      this.limitedBy.set(campaign.id, account.messagingLimit);
    }
  }

  /**
   * Of a campaign that has nobody to send to now: ends it, or says what it waits for.
   * @returns whether it has ended
   */
  private async endOrExplain(accountId: number, campaign: RunningCampaign): Promise<boolean> {
    if (await this.endIfDone(accountId, campaign.id)) {
      this.putOff.delete(campaign.id);
      this.limitedBy.delete(campaign.id);
      return true;
    }
    const { next, isHeld } = await this.recipients.nextWaiting(this.database, campaign.id);
    const isLong = next !== null && next.getTime() - Date.now() > LONG_WAIT_MS;
    const code = isLong ? (this.putOff.get(campaign.id) ?? 'put_off') : next === null && isHeld ? 'trial' : null;
    if (code !== null && code !== campaign.reasonCode) {
      const reason = { code, message: WAITING[code], ...(next ? { until: next.toISOString() } : {}) };
      await this.campaigns.explain(this.database, { accountId, id: campaign.id }, reason);
    }
    return false;
  }

  /** A campaign over which one sender after the other dies is no longer taken up. */
  private async countCrash(tx: Tx, accountId: number, campaignIds: readonly number[]): Promise<void> {
    campaignIds.forEach((id) => this.crashed.add(id));
    for (const campaignId of await this.campaigns.countCrashes(tx, campaignIds, MAX_CRASHES)) {
      await this.pauses.pause(
        tx,
        { accountId, campaignId, templateId: null },
        {
          code: 'sender_crashes',
          message: `${MAX_CRASHES} senders in a row ended over this campaign. Look at the log, then resume it.`,
        },
      );
    }
  }

  /** A message that was settled says that the campaign is not what senders die of. */
  private async forgetCrashes(tx: Tx, settled: readonly Settled[]): Promise<void> {
    const ids = [...new Set(settled.map(({ attempt }) => attempt.campaignId))].filter((id) => this.crashed.has(id));
    if (ids.length > 0) {
      await this.campaigns.forgetCrashes(tx, ids);
      tx.afterCommit(() => ids.forEach((id) => this.crashed.delete(id)));
    }
  }

  private endIfDone(accountId: number, id: number): Promise<boolean> {
    return this.database.transaction(async (tx) => {
      const ended = await this.campaigns.complete(tx, { accountId, id }, TEMPLATE_WIDE_CODES);
      const campaign = ended && (await this.campaigns.find(tx, accountId, id));
      if (campaign) {
        await this.outbox.append(tx, [campaignEvent('campaign.completed', campaign)]);
      }
      return ended !== null;
    });
  }

  /** The wa_id in the answer may differ from the phone (Brazil, Mexico): the same person. */
  private async linkAliases(tx: Tx, batch: readonly Settled[]): Promise<void> {
    const links = batch.flatMap(({ attempt, answer }) => {
      const waId = answer.ok ? answer.body.contacts?.[0]?.wa_id : undefined;
      const phone: PhoneNumber | null = waId === undefined ? null : phoneFromWaId(waId);
      const isSame = 'phone' in attempt.to && attempt.to.phone === phone;
      return phone === null || isSame ? [] : [{ contactId: attempt.contactId, phone }];
    });
    if (links.length > 0) {
      await this.people.linkPhones(tx, links);
    }
  }

  private async pauseRefused(
    tx: Tx,
    account: Account,
    batch: readonly Settled[],
    open: readonly OpenCircuit[],
  ): Promise<void> {
    const accountId = account.id;
    const refused = batch
      .flatMap(({ attempt, decision }) =>
        decision.type === 'put_back' && decision.pause !== null
          ? [{ attempt, pause: decision.pause, failure: decision.failure }]
          : [],
      )
      .sort((a, b) => a.attempt.markedAt - b.attempt.markedAt);
    const accountWide = refused.findLast(({ pause }) => pause === 'account');
    if (accountWide) {
      const target = { accountId, campaignId: null, templateId: null, unchangedSince: whenMarked(accountWide.attempt) };
      await this.pauses.refuse(tx, account, target, 'account_refused', accountWide.failure);
      return;
    }
    const byTemplate = new Map(refused.map((refusal) => [refusal.attempt.templateId, refusal]));
    for (const [templateId, { attempt, failure }] of byTemplate) {
      const target = { accountId, campaignId: null, templateId, unchangedSince: whenMarked(attempt) };
      await this.pauses.refuse(tx, account, target, 'template_refused', failure);
    }
    for (const { campaignId, code, failure } of open) {
      await this.pauses.refuse(tx, account, { accountId, campaignId, templateId: null }, code, failure);
    }
  }
}

/** What was refused before a campaign was resumed says nothing of how it goes since. */
function whenMarked({ markedAt }: Attempt): Date {
  return new Date(Date.now() - (performance.now() - markedAt));
}

/** In the order of their ids, those behind this one first. */
function startingAfter(campaigns: readonly RunningCampaign[], id: number): RunningCampaign[] {
  return [...campaigns.filter((campaign) => campaign.id > id), ...campaigns.filter((campaign) => campaign.id <= id)];
}

/** Takes turns between campaigns. */
function interleave(recipients: readonly PreparedRecipient[]): PreparedRecipient[] {
  const turns = new Map<number, number>();
  return recipients
    .map((recipient) => {
      const turn = (turns.get(recipient.campaignId) ?? 0) + 1;
      turns.set(recipient.campaignId, turn);
      return { recipient, turn };
    })
    .sort((a, b) => a.turn - b.turn)
    .map(({ recipient }) => recipient);
}
