import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { BackgroundLoop } from '../common/background-loop.js';
import { LOGGER } from '../config/logger.module.js';
import { Database } from '../database/database.js';
import { DeliveriesService } from '../inbox/deliveries.service.js';
import { CampaignProgress } from './campaign-progress.js';
import { CampaignsRepository } from './campaigns.repository.js';
import { RecipientsRepository } from './recipients.repository.js';
import { TimingRepository } from './timing/timing.repository.js';
import { Trials } from './timing/trials.service.js';
import { UnknownPolicy } from './timing/unknown-policy.js';
import { CampaignCosts } from './pricing/campaign-costs.js';
import { CampaignSender } from './sending/campaign-sender.js';
import { LeasesRepository } from './sending/leases.repository.js';

const EVERY_MS = 1_000;
const FOLD_BATCH = 10_000;
const WAITING_BATCH = 1_000;
const EXPIRE_BATCH = 20_000;

/**
 * Finds in PostgreSQL whatever a lost hint or a dead process left undone: numbers with running campaigns that nobody sends
 * from, statuses that came before their message, counts to fold, what the clock brings about. Losing all of Redis costs a second.
 */
@Injectable()
export class CampaignSweeper implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly loop: BackgroundLoop;

  constructor(
    private readonly database: Database,
    private readonly leases: LeasesRepository,
    private readonly campaigns: CampaignsRepository,
    private readonly deliveries: DeliveriesService,
    private readonly progress: CampaignProgress,
    private readonly costs: CampaignCosts,
    private readonly recipients: RecipientsRepository,
    private readonly timing: TimingRepository,
    private readonly trials: Trials,
    private readonly unknown: UnknownPolicy,
    private readonly sender: CampaignSender,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.loop = new BackgroundLoop({
      everyMs: EVERY_MS,
      round: () => this.sweep(),
      onError: (error) => logger.error({ context: 'CampaignSweeper', err: error }, 'sweeping campaigns failed'),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  /** Each step by itself: one that fails, for whatever it stumbles over, must not keep the others from theirs. */
  private async sweep(): Promise<void> {
    await this.attempt('find numbers that nobody sends from', async () =>
      this.wake(await this.leases.findUnattended(this.database)),
    );
    await this.attempt('apply statuses that waited', () => this.applyWaiting());
    await this.attempt('fold counts', () => this.campaigns.foldCounts(this.database, FOLD_BATCH));
    await this.attempt('expire', () => this.expire());
    await this.attempt('decide trials', async () => this.wake(await this.trials.sweep()));
    await this.attempt('resend what is silent', async () => this.wake(await this.unknown.apply()));
  }

  private async attempt(step: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.logger.error({ context: 'CampaignSweeper', step, err: error }, 'a step of sweeping campaigns failed');
    }
  }

  private wake(accountIds: readonly number[]): void {
    accountIds.forEach((accountId) => this.sender.wake(accountId));
  }

  private async applyWaiting(): Promise<void> {
    if (!(await this.deliveries.hasWaiting(this.database))) {
      return;
    }
    await this.database.transactionByKey(async (tx) => {
      const { folded, statuses } = await this.deliveries.applyWaiting(tx, WAITING_BATCH);
      await this.progress.applyDeliveries(tx, folded);
      await this.costs.apply(tx, statuses);
    });
  }

  /** Of campaigns whose time is over nothing goes out any more; their drain ends them. */
  private async expire(): Promise<void> {
    for (const id of await this.timing.findExpired(this.database)) {
      await this.recipients.expire(this.database, id, EXPIRE_BATCH);
    }
  }
}
