import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { BackgroundLoop } from '../../common/background-loop.js';
import { LOGGER } from '../../config/logger.module.js';
import { Database } from '../../database/database.js';
import { Outbox } from '../../outbox/outbox.js';
import { CampaignsRepository, type CampaignRow } from '../campaigns.repository.js';
import { campaignEvent } from './campaign-event.js';
import { ProgressRepository } from './progress.repository.js';
import { RateMeter } from './rate-meter.js';

const EVERY_MS = 2_000;
/** Two workers look at different moments: what one told less than this ago is not told again. */
const GUARD_MS = 1_500;
const WINDOW_MS = 10_000;

/**
 * Measures how fast running campaigns are of late, and tells of their progress: every two seconds at most, and only when
 * something changed.
 */
@Injectable()
export class CampaignProgressTicker implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly loop: BackgroundLoop;
  private readonly meter = new RateMeter(WINDOW_MS);
  /** What was told of each campaign last. */
  private told = new Map<number, string>();

  constructor(
    private readonly database: Database,
    private readonly campaigns: CampaignsRepository,
    private readonly progress: ProgressRepository,
    private readonly outbox: Outbox,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.loop = new BackgroundLoop({
      everyMs: EVERY_MS,
      round: () => this.tick(),
      onError: (error) => logger.error({ context: 'CampaignProgressTicker', err: error }, 'measuring progress failed'),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  private async tick(): Promise<void> {
    const rows = await this.campaigns.findAllRunning(this.database);
    this.meter.see(new Map(rows.map((row) => [row.id, attempted(row)])), performance.now());
    const measured = rows.map((row) => ({ ...row, rate_per_second: this.meter.rateOf(row.id) ?? row.rate_per_second }));
    const news = measured.filter((row) => this.told.get(row.id) !== factsOf(row));
    const ours = news.length === 0 ? [] : await this.tell(news);
    this.told = new Map([
      ...[...this.told].filter(([id]) => rows.some((row) => row.id === id)),
      ...ours.map((row): [number, string] => [row.id, factsOf(row)]),
    ]);
  }

  private tell(rows: readonly CampaignRow[]): Promise<CampaignRow[]> {
    return this.database.transaction(async (tx) => {
      const rates = rows.map((row) => ({ id: row.id, ratePerSecond: row.rate_per_second }));
      const ids = new Set(await this.progress.record(tx, rates, GUARD_MS));
      const ours = rows.filter((row) => ids.has(row.id));
      await this.outbox.append(
        tx,
        ours.map((row) => campaignEvent('campaign.progress', row)),
      );
      return ours;
    });
  }
}

function attempted(row: CampaignRow): number {
  return row.sent_count + row.failed_count + row.unknown_count;
}

/** What is worth telling: that it goes a little faster or slower is not. */
function factsOf(row: CampaignRow): string {
  return JSON.stringify([
    row.total_count,
    row.pending_count,
    row.sent_count,
    row.delivered_count,
    row.read_count,
    row.failed_count,
    row.skipped_count,
    row.unknown_count,
    row.replied_count,
    row.opted_out_count,
    row.cost_micros,
    (row.rate_per_second ?? 0) > 0,
  ]);
}
