import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import type { Account } from '../../accounts/account.js';
import { AccountsService } from '../../accounts/accounts.service.js';
import { BackgroundLoop } from '../../common/background-loop.js';
import { within } from '../../common/within.js';
import { LOGGER } from '../../config/logger.module.js';
import { Database, type Tx } from '../../database/database.js';
import { isDataError } from '../../database/pg-error.js';
import { Outbox } from '../../outbox/outbox.js';
import { Enqueue } from '../../queues/enqueue.js';
import { CampaignSlots, type SlotLimits } from '../campaign-slots.js';
import { CampaignsRepository } from '../campaigns.repository.js';
import { campaignEvent } from '../outcome/campaign-event.js';
import type { Patience } from './audience-endpoint.js';
import { AudienceIntake } from './audience-intake.js';
import { readProgress, writeProgress, type AudienceProgress } from './audience-progress.js';
import { AudienceFailure, type PeopleBatch } from './audience-source.js';
import { AudienceSources, type OpenedAudience } from './audience-sources.js';
import { AudienceRepository, type ResolvingCampaign } from './audience.repository.js';

const EVERY_MS = 1_000;
/** Audiences that one worker brings in at once: contacts, and those that others give, who may take minutes for a page. */
const CONTACTS: SlotLimits = { inAll: 4 };
const OUTSIDE: SlotLimits = { inAll: 8, ofEither: 4, ofBoth: 2 };
const CONTACTS_PAGE = 20_000;
/** A worker that died is followed by another after this long. */
const LEASE_S = 15;
/** While people are waited for: whether they are still wanted. */
const HEARTBEAT_MS = 2_000;
/** Longest one batch of code's people may take. */
const BATCH_DEADLINE_MS = 600_000;
const PATIENCE: Patience = { answerMs: 30_000, retryAfterMs: [1_000, 2_000, 4_000, 8_000, 16_000] };

/** The campaign wants no more people, or another worker has gone on with it: whatever is half done is undone. */
class NotWanted extends Error {}

/**
 * Brings in the people of running campaigns behind the first page, page after page, each in a transaction of its own, so
 * that sending goes on meanwhile and memory holds one page. Where it stands is in PostgreSQL: a worker that dies costs at
 * most its page, and another goes on. Contacts wait for nobody else's people, and no audience for all the others.
 */
@Injectable()
export class AudienceMaterialiser implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly loop: BackgroundLoop;
  private readonly contacts = new CampaignSlots(CONTACTS);
  private readonly outside = new CampaignSlots(OUTSIDE);
  private readonly stopping = new AbortController();

  constructor(
    private readonly database: Database,
    private readonly repository: AudienceRepository,
    private readonly intake: AudienceIntake,
    private readonly sources: AudienceSources,
    private readonly campaigns: CampaignsRepository,
    private readonly accounts: AccountsService,
    private readonly outbox: Outbox,
    private readonly enqueue: Enqueue,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.loop = new BackgroundLoop({
      everyMs: EVERY_MS,
      round: () => this.sweep(),
      onError: (error) => logger.error({ context: 'AudienceMaterialiser', err: error }, 'looking for audiences failed'),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  /** Ends behind the present page. */
  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.loop.stop();
    await Promise.all([this.contacts.emptied(), this.outside.emptied()]);
  }

  private async sweep(): Promise<void> {
    await this.repository.settleEnded(this.database);
    for (const slots of [this.contacts, this.outside]) {
      // One after the other, for each may be the last that there is room for.
      while (slots.free > 0 && !this.stopping.signal.aborted) {
        const campaign = await this.repository.take(this.database, LEASE_S, {
          isContacts: slots === this.contacts,
          exceptIds: slots.ids,
          exceptKeys: slots.fullKeys,
        });
        if (!campaign) {
          break;
        }
        void slots.take(campaign, this.bringIn(campaign)).then(() => this.loop.wake());
      }
    }
  }

  /** Never throws: what goes wrong is told to the campaign, or tried again when the lease has run out. */
  private async bringIn(campaign: ResolvingCampaign): Promise<void> {
    try {
      const account = await this.accounts.find(campaign.account_id);
      if (account) {
        const progress = readProgress(campaign.audience_cursor);
        await (progress.giver === 'contacts'
          ? this.bringContacts(account, campaign, progress)
          : this.bringPeople(account, campaign, progress));
      }
    } catch (error) {
      if (error instanceof NotWanted) {
        return;
      }
      this.logger.error(
        { context: 'AudienceMaterialiser', campaign_id: campaign.id, err: error },
        'bringing in an audience failed',
      );
      if (error instanceof AudienceFailure || isDataError(error)) {
        await this.giveUp(campaign, error as Error).catch(() => undefined);
      }
    }
  }

  private async bringContacts(
    account: Account,
    campaign: ResolvingCampaign,
    from: AudienceProgress & { giver: 'contacts' },
  ): Promise<void> {
    let at: AudienceProgress | null = from;
    while (at?.giver === 'contacts') {
      if (await this.mustStop(campaign.id)) {
        return;
      }
      const page = at;
      at = await this.page(account, campaign.id, page, (tx) =>
        this.intake.takeContacts(tx, account, campaign, page, CONTACTS_PAGE),
      );
    }
  }

  private async bringPeople(
    account: Account,
    campaign: ResolvingCampaign,
    from: Exclude<AudienceProgress, { giver: 'contacts' }>,
  ): Promise<void> {
    const opened = await this.open(account, campaign, from);
    let at: AudienceProgress | null = from;
    try {
      while (at !== null && at.giver !== 'contacts') {
        if (await this.mustStop(campaign.id)) {
          return;
        }
        const batch = await this.waitFor(campaign.id, at, opened.batches.next());
        if (batch.done) {
          throw new AudienceFailure('The audience has fewer people than before.');
        }
        at = await this.takeBatch(account, campaign.id, opened.giver, batch.value, from, at);
      }
    } finally {
      // Not awaited: what hangs in its next row would hang here too.
      opened.batches.return(undefined).catch(() => undefined);
    }
  }

  private async open(
    account: Account,
    campaign: ResolvingCampaign,
    from: Exclude<AudienceProgress, { giver: 'contacts' }>,
  ): Promise<OpenedAudience> {
    const opening = this.sources.reopen(account, campaign, from.giver, from, PATIENCE);
    const opened = await this.waitFor(campaign.id, from, opening);
    if (!opened) {
      throw new AudienceFailure('Whoever gave the people of this campaign does not know it any more.');
    }
    return opened;
  }

  /** @returns how far it is; people who were there before move it nowhere */
  private takeBatch(
    account: Account,
    campaignId: number,
    giver: OpenedAudience['giver'],
    batch: PeopleBatch,
    from: Exclude<AudienceProgress, { giver: 'contacts' }>,
    at: AudienceProgress,
  ): Promise<AudienceProgress | null> {
    return this.page(account, campaignId, at, async (tx) => {
      const next = await this.intake.takePeople(tx, account, campaignId, batch, giver, from);
      return batch.index < from.index && next !== null ? at : next;
    });
  }

  /** One page, one transaction; afterwards its people may be sent to. */
  private page(
    account: Account,
    campaignId: number,
    at: AudienceProgress,
    take: (tx: Tx) => Promise<AudienceProgress | null>,
  ): Promise<AudienceProgress | null> {
    return this.database.transaction(async (tx) => {
      const next = await take(tx);
      const cursor = { from: writeProgress(at), to: next && writeProgress(next) };
      if (!(await this.repository.advance(tx, campaignId, cursor, LEASE_S))) {
        throw new NotWanted();
      }
      tx.afterCommit(() => {
        void this.enqueue.enqueue('campaign-drain', { accountId: account.id }, { key: `account-${account.id}` });
      });
      return next;
    });
  }

  /** Waits for somebody else's people, keeping the lease; a campaign that is cancelled waits for nobody. */
  private async waitFor<T>(campaignId: number, at: AudienceProgress, work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const unwanted = new Promise<never>((_resolve, reject) => {
      timer = setInterval(() => {
        this.isWanted(campaignId, at).then(
          (isWanted) => (isWanted ? undefined : reject(new NotWanted())),
          // The database is away for a moment; the page will tell.
          () => undefined,
        );
      }, HEARTBEAT_MS);
    });
    try {
      return await within(BATCH_DEADLINE_MS, Promise.race([work, unwanted]), tooSlow);
    } finally {
      clearInterval(timer);
    }
  }

  private async isWanted(campaignId: number, at: AudienceProgress): Promise<boolean> {
    return (
      !(await this.mustStop(campaignId)) &&
      (await this.repository.keep(this.database, campaignId, writeProgress(at), LEASE_S))
    );
  }

  /** On the way out: others go on at once. */
  private async mustStop(campaignId: number): Promise<boolean> {
    if (this.stopping.signal.aborted) {
      await this.repository.release(this.database, campaignId);
    }
    return this.stopping.signal.aborted;
  }

  /** Pauses it with the reason: once a person resumes it, it goes on where it stopped. */
  private async giveUp(campaign: ResolvingCampaign, error: Error): Promise<void> {
    const { id, account_id: accountId } = campaign;
    const message = error instanceof AudienceFailure ? error.message : 'The audience holds what cannot be stored.';
    const reason = { code: 'audience_failed', message };
    await this.database.transaction(async (tx) => {
      if (await this.campaigns.move(tx, { accountId, id }, 'paused', ['running', 'paused'], reason)) {
        const rows = await this.campaigns.findMany(tx, accountId, [id]);
        await this.outbox.append(
          tx,
          rows.map((row) => campaignEvent('campaign.progress', row)),
        );
        await this.repository.release(tx, id);
      }
    });
  }
}

function tooSlow(): AudienceFailure {
  return new AudienceFailure('The audience took too long to answer.');
}
