import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { AccountsService } from '../../accounts/accounts.service.js';
import { AppError } from '../../common/app-error.js';
import { BackgroundLoop } from '../../common/background-loop.js';
import { LOGGER } from '../../config/logger.module.js';
import { Database } from '../../database/database.js';
import { CampaignMoves } from '../campaign-moves.service.js';
import { TimingRepository, type DueCampaign } from './timing.repository.js';

const EVERY_MS = 1_000;
const BATCH = 100;
/** Started at once; each may have to ask somebody else's server for its first page of people. */
const AT_ONCE = 4;
const RETRY_MS = 15_000;
/** So long after its time a campaign is still tried to start. */
const PATIENCE_MS = 30 * 60_000;

/**
 * Starts campaigns whose time has come. The schedule is the table: nothing of it is lost with Redis or with a process, and
 * of many schedulers that see the same campaign one moves it.
 */
@Injectable()
export class CampaignScheduler implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly loop: BackgroundLoop;
  /** When those that could not start for no fault of theirs are tried again. */
  private readonly retryAt = new Map<number, number>();

  constructor(
    private readonly database: Database,
    private readonly timing: TimingRepository,
    private readonly moves: CampaignMoves,
    private readonly accounts: AccountsService,
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

  onApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  private async startDue(signal: AbortSignal): Promise<void> {
    const now = Date.now();
    const due = await this.timing.findDue(this.database, BATCH);
    const ready = due.filter(({ id }) => (this.retryAt.get(id) ?? 0) <= now);
    ready.forEach(({ id }) => this.retryAt.delete(id));
    const next = ready.values();
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (const campaign of next) {
          if (signal.aborted) {
            return;
          }
          await this.start(campaign);
        }
      }),
    );
  }

  /**
   * What keeps it from starting is its own fate; what is wrong with us, or with the server that knows its audience, it
   * survives for a while.
   */
  private async start({ id, accountId, scheduledAt }: DueCampaign): Promise<void> {
    try {
      const account = await this.accounts.find(accountId);
      if (account) {
        await this.moves.run(account, undefined, id, scheduledAt);
      } else {
        const gone = new AppError('account_inactive', 'The account is inactive.');
        await this.moves.failToStart(accountId, id, scheduledAt, gone);
      }
    } catch (error) {
      const isOurs = !(error instanceof AppError) || error.status >= 500;
      if (isOurs && Date.now() - scheduledAt.getTime() < PATIENCE_MS) {
        this.retryAt.set(id, Date.now() + RETRY_MS);
        this.logger.warn({ context: 'CampaignScheduler', campaign_id: id, err: error }, 'starting a campaign failed');
        return;
      }
      // Somebody else was faster: it runs, or it is off the schedule.
      const reason = error instanceof AppError ? error : new AppError('internal_error', 'The log says what is wrong.');
      await this.moves.failToStart(accountId, id, scheduledAt, reason);
    }
  }
}
