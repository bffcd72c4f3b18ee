import { Injectable } from '@nestjs/common';
import type { Account } from '../../accounts/account.js';
import { phoneFromWaId, type PhoneNumber } from '../../common/phone-number.js';
import { PeopleService } from '../../contacts/people.service.js';
import { Database, type Tx } from '../../database/database.js';
import { ConversationsRepository } from '../../inbox/conversations.repository.js';
import { DeliveriesService } from '../../inbox/deliveries.service.js';
import { evidenceOfAnswer } from '../../inbox/evidence.js';
import type { GraphFailure } from '../../meta/graph-error.js';
import { Outbox } from '../../outbox/outbox.js';
import { TemplatesService } from '../../templates/templates.service.js';
import { CampaignProgress } from '../campaign-progress.js';
import { CampaignsRepository } from '../campaigns.repository.js';
import { RecipientsRepository, type ClaimedRecipient } from '../recipients.repository.js';
import { TEMPLATE_WIDE_CODES } from './decision.js';
import { LeasesRepository, type Lease } from './leases.repository.js';
import {
  composeMessage,
  type Attempt,
  type PreparedRecipient,
  type SendingCampaign,
  type Settled,
} from './preparation.js';

interface Rejection {
  id: number;
  skipReason: string | null;
  errorMessage: string | null;
}

/** What a drain asks of the database: each method is one transaction. */
@Injectable()
export class DeliveryDesk {
  constructor(
    private readonly database: Database,
    private readonly leases: LeasesRepository,
    private readonly campaigns: CampaignsRepository,
    private readonly recipients: RecipientsRepository,
    private readonly progress: CampaignProgress,
    private readonly people: PeopleService,
    private readonly conversations: ConversationsRepository,
    private readonly deliveries: DeliveriesService,
    private readonly templates: TemplatesService,
    private readonly outbox: Outbox,
  ) {}

  /** Takes the number, and puts in order what a holder that died left behind. @returns null when another holds it */
  takeOver(accountId: number, holder: string): Promise<Lease | null> {
    return this.database.transaction(async (tx) => {
      const lease = await this.leases.acquire(tx, accountId, holder);
      if (lease) {
        await this.deliveries.markUnknown(tx, await this.recipients.recover(tx, lease));
      }
      return lease;
    });
  }

  renew(lease: Lease): Promise<boolean> {
    return this.leases.renew(this.database, lease);
  }

  /** Gives back what was claimed and lets the number go. */
  async leave(lease: Lease, unpostedIds: readonly number[]): Promise<void> {
    await this.database.transaction(async (tx) => {
      await this.recipients.unclaim(tx, lease, unpostedIds);
      await this.leases.release(tx, lease);
    });
  }

  unclaim(lease: Lease, ids: readonly number[]): Promise<void> {
    return this.recipients.unclaim(this.database, lease, ids);
  }

  async runningIds(accountId: number): Promise<Set<number>> {
    return new Set((await this.campaigns.findRunning(this.database, accountId)).map((campaign) => campaign.id));
  }

  /**
   * Claims about `want` recipients, evenly from all running campaigns of the number, and makes their messages. Campaigns of
   * which nothing is left are ended.
   * @returns hasWork false when no campaign of the number runs any more
   */
  async claim(
    account: Account,
    lease: Lease,
    want: number,
  ): Promise<{ recipients: PreparedRecipient[]; hasWork: boolean }> {
    const running = await this.campaigns.findRunning(this.database, account.id);
    if (running.length === 0) {
      return { recipients: [], hasWork: false };
    }
    const recipients: PreparedRecipient[] = [];
    const share = Math.max(1, Math.ceil(want / running.length));
    let endedCount = 0;
    for (const { id, templateId, parameterMappings } of running) {
      const template = await this.templates.get(this.database, account.id, templateId);
      if (!template) {
        continue;
      }
      const campaign = { id, template, parameterMappings };
      const { prepared, claimedCount } = await this.claimFrom(account, lease, campaign, share);
      recipients.push(...prepared);
      if (claimedCount === 0 && (await this.endIfDone(account.id, id))) {
        endedCount += 1;
      }
    }
    // Round robin: with one campaign after the other the second would wait until the first is through.
    return { recipients: interleave(recipients), hasWork: endedCount < running.length };
  }

  /** Durable before the request is written: the recipients are `sending` and their messages are in the inbox. */
  mark(account: Account, lease: Lease, attempts: readonly Attempt[]): Promise<Attempt[]> {
    return this.database.transaction(async (tx) => {
      const marked = await this.recipients.markSending(tx, lease, attempts);
      const ours = attempts.filter((attempt) => marked.has(attempt.id));
      // Those of a campaign that was paused meanwhile: nobody would take them up again while this lease lives.
      const refused = attempts.filter((attempt) => !marked.has(attempt.id));
      if (refused.length > 0) {
        await this.recipients.unclaim(
          tx,
          lease,
          refused.map((attempt) => attempt.id),
        );
      }
      if (ours.length > 0) {
        await this.deliveries.begin(
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
      }
      return ours;
    });
  }

  /** Stores what became of attempts. A late answer still settles by its token, whoever holds the lease now. */
  async settle(account: Account, batch: readonly Settled[], open: ReadonlyMap<number, GraphFailure>): Promise<void> {
    const at = new Date();
    await this.database.transaction(async (tx) => {
      const returned = batch.flatMap(({ attempt, decision }) =>
        decision.type === 'put_back'
          ? [
              {
                id: attempt.id,
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
      }
      await this.linkAliases(tx, batch);
      await this.pauseRefused(tx, account, batch, open);
    });
  }

  private async claimFrom(
    account: Account,
    lease: Lease,
    campaign: SendingCampaign,
    limit: number,
  ): Promise<{ prepared: PreparedRecipient[]; claimedCount: number }> {
    return this.database.transaction(async (tx) => {
      const claimed = await this.recipients.claim(tx, lease, campaign.id, limit);
      if (claimed.length === 0) {
        return { prepared: [], claimedCount: 0 };
      }
      const people = await this.people.ensure(
        tx,
        account,
        claimed.map(({ phone, userId, name }) => ({ phone, userId, name: name || null })),
      );
      const contactIds = people.map((person) => person.contactId);
      const conversationIds = await this.conversations.ensure(tx, account.id, contactIds);
      const prepared: PreparedRecipient[] = [];
      const rejected: Rejection[] = [];
      for (const [index, recipient] of claimed.entries()) {
        const message = people[index]?.optedOut ? null : composeMessage(campaign, recipient);
        if (message === null) {
          rejected.push({ id: recipient.id, skipReason: 'opted_out', errorMessage: null });
        } else if ('error' in message) {
          rejected.push({ id: recipient.id, skipReason: null, errorMessage: message.error });
        } else {
          prepared.push({
            id: recipient.id,
            campaignId: campaign.id,
            templateId: campaign.template.id,
            contactId: contactIds[index] as number,
            conversationId: conversationIds[index] as number,
            to: addressee(recipient),
            attempt: recipient.attempt,
            ...message,
            templateName: campaign.template.name,
            templateLanguage: campaign.template.language,
          });
        }
      }
      if (rejected.length > 0) {
        await this.recipients.reject(tx, lease, rejected);
      }
      return { prepared, claimedCount: claimed.length };
    });
  }

  private endIfDone(accountId: number, id: number): Promise<boolean> {
    return this.database.transaction(async (tx) => {
      const ended = await this.campaigns.complete(tx, { accountId, id }, TEMPLATE_WIDE_CODES);
      if (ended) {
        const campaign = await this.campaigns.find(tx, accountId, id);
        await this.outbox.append(tx, [
          {
            type: 'campaign.completed',
            accountId,
            subjectId: id,
            payload: {
              id,
              status: ended,
              sent_count: campaign?.sent_count,
              failed_count: campaign?.failed_count,
              total_count: campaign?.total_count,
            },
          },
        ]);
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
    open: ReadonlyMap<number, GraphFailure>,
  ): Promise<void> {
    const accountWide = batch.find(({ decision }) => decision.type === 'put_back' && decision.pause === 'account');
    if (accountWide?.decision.type === 'put_back') {
      await this.pause(
        tx,
        account.id,
        { campaignId: null, templateId: null },
        'account_refused',
        accountWide.decision.failure,
      );
      return;
    }
    const templates = new Map<number, GraphFailure>();
    for (const { attempt, decision } of batch) {
      if (decision.type === 'put_back' && decision.pause === 'template') {
        templates.set(attempt.templateId, decision.failure);
      }
    }
    for (const [templateId, failure] of templates) {
      await this.pause(tx, account.id, { campaignId: null, templateId }, 'template_refused', failure);
    }
    for (const [campaignId, failure] of open) {
      await this.pause(tx, account.id, { campaignId, templateId: null }, 'too_many_equal_failures', failure);
    }
  }

  private async pause(
    tx: Tx,
    accountId: number,
    scope: { campaignId: number | null; templateId: number | null },
    code: string,
    failure: GraphFailure,
  ): Promise<void> {
    const graph = { code: failure.code, title: failure.title, details: failure.details };
    const reason = { code, message: failure.details, graph };
    const paused = await this.campaigns.pauseRunning(tx, { accountId, ...scope }, reason);
    if (paused.length > 0) {
      await this.outbox.append(tx, [
        ...paused.map((id) => ({
          type: 'campaign.progress' as const,
          accountId,
          subjectId: id,
          payload: { id, status: 'paused', status_reason: reason },
        })),
        {
          type: 'account.alert' as const,
          accountId,
          subjectId: accountId,
          payload: { ...reason, campaign_ids: paused },
        },
      ]);
    }
  }
}

function addressee(recipient: ClaimedRecipient): PreparedRecipient['to'] {
  if (recipient.phone) {
    return { phone: recipient.phone };
  }
  return { userId: recipient.userId as string };
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
