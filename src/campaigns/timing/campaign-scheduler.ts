import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { AccountsService } from '../../accounts/accounts.service.js';
import { AppError } from '../../common/app-error.js';
import { BackgroundLoop } from '../../common/background-loop.js';
import { LOGGER } from '../../config/logger.module.js';
import { Database } from '../../database/database.js';
import { AudienceSources } from '../audience/audience-sources.js';
import { CampaignMoves } from '../campaign-moves.service.js';
import { CampaignSlots, type SlotLimits } from '../campaign-slots.js';
import { TimingRepository, type DueCampaign } from './timing.repository.js';

const EVERY_MS = 1_000;
/** Started at once. Of those that ask somebody else for their first people many only wait, for half a minute if need be. */
const OWN: SlotLimits = { inAll: 4 };
const OUTSIDE: SlotLimits = { inAll: 16, ofEither: 8, ofBoth: 4 };
const RETRY_MS = 15_000;
/** So long after its time a campaign is still tried to start. */
const PATIENCE_MS = 30 * 60_000;

/**
 * Starts campaigns whose time has come. The schedule is the table: nothing of it is lost with Redis or with a process, and
 * of many schedulers that see the same campaign one moves it. Those that have to ask somebody else's server wait for each
 * other at most, and the others for none of them.
 */
@Injectable()
export class CampaignScheduler implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly loop: BackgroundLoop;
  private readonly own = new CampaignSlots(OWN);
  private readonly outside = new CampaignSlots(OUTSIDE);
  /** Those that could not start for no fault of theirs, in the order of their last tries, and when these were over. */
  private readonly triedAt = new Map<number, number>();

  constructor(
    private readonly database: Database,
    private readonly timing: TimingRepository,
    private readonly moves: CampaignMoves,
    private readonly accounts: AccountsService,
    private readonly sources: AudienceSources,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.loop = new BackgroundLoop({
      everyMs: EVERY_MS,
      round: (signal) => this.startDue(signal),
      onError: (error) => logger.error({ context: 'CampaignScheduler', err: error }, 'starting campaigns failed'),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  /** Ends when those that are being started have been. */
  async onApplicationShutdown(): Promise<void> {
    await this.loop.stop();
    await Promise.all([this.own.emptied(), this.outside.emptied()]);
  }

  private async startDue(signal: AbortSignal): Promise<void> {
    for (const [id, at] of this.triedAt) {
      if (at < Date.now() - PATIENCE_MS) {
        this.triedAt.delete(id);
      }
    }
    for (const slots of [this.own, this.outside]) {
      // One after the other, for each may be the last that there is room for.
      while (slots.free > 0 && !signal.aborted) {
        const campaign = await this.nextDue(slots);
        if (!campaign) {
          break;
        }
        void slots.take(campaign, this.start(campaign)).then(() => this.loop.wake());
      }
    }
  }

  private nextDue(slots: CampaignSlots): Promise<DueCampaign | null> {
    const tried = [...this.triedAt];
    const waiting = tried.filter(([, at]) => at > Date.now() - RETRY_MS);
    return this.timing.nextDue(this.database, {
      isOutside: slots === this.outside,
      hasResolver: this.sources.hasResolver,
      exceptIds: [...slots.ids, ...waiting.map(([id]) => id)],
      exceptKeys: slots.fullKeys,
      triedIds: tried.map(([id]) => id),
    });
  }

  /** Never throws: what could not be started or told that it failed is tried again. */
  private async start(campaign: DueCampaign): Promise<void> {
    const { id, accountId, scheduledAt } = campaign;
    try {
      const reason = await this.tryToStart(campaign);
      if (reason) {
        await this.moves.failToStart(accountId, id, scheduledAt, reason);
      }
      this.triedAt.delete(id);
    } catch (error) {
      // Behind all others that were tried.
      this.triedAt.delete(id);
      this.triedAt.set(id, Date.now());
      this.logger.warn({ context: 'CampaignScheduler', campaign_id: id, err: error }, 'starting a campaign failed');
    }
  }

  /**
   * What keeps it from starting is its own fate; what is wrong with us, or with the server that knows its audience, it
   * survives for a while.
   * @returns why it cannot start, ever; also when somebody else was faster: it runs, or it is off the schedule
   * @throws what may pass
   */
  private async tryToStart({ id, accountId, scheduledAt }: DueCampaign): Promise<AppError | null> {
    try {
      const account = await this.accounts.find(accountId);
      if (!account) {
        return new AppError('account_inactive', 'The account is inactive.');
      }
      await this.moves.run(account, undefined, id, scheduledAt);
      return null;
    } catch (error) {
      const isOurs = !(error instanceof AppError) || error.status >= 500;
      if (isOurs && Date.now() - scheduledAt.getTime() < PATIENCE_MS) {
        throw error;
      }
      return error instanceof AppError ? error : new AppError('internal_error', 'The log says what is wrong.');
    }
  }
}
