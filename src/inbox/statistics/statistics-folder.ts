import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { BackgroundLoop } from '../../common/background-loop.js';
import { LOGGER } from '../../config/logger.module.js';
import { Database } from '../../database/database.js';
import { StatisticsRepository } from './statistics.repository.js';

const EVERY_MS = 2_000;
const BATCH = 20_000;

/** Adds to the statistics what was appended since. Figures are the same before and after: readers add both. */
@Injectable()
export class StatisticsFolder implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly loop: BackgroundLoop;

  constructor(
    private readonly database: Database,
    private readonly statistics: StatisticsRepository,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.loop = new BackgroundLoop({
      everyMs: EVERY_MS,
      round: (signal) => this.fold(signal),
      onError: (error) => logger.error({ context: 'StatisticsFolder', err: error }, 'folding statistics failed'),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  private async fold(signal: AbortSignal): Promise<void> {
    let folded: number;
    do {
      folded = await this.database.transaction((tx) => this.statistics.fold(tx, BATCH));
    } while (folded >= BATCH && !signal.aborted);
  }
}
