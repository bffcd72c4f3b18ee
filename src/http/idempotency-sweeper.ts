import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { BackgroundLoop } from '../common/background-loop.js';
import { LOGGER } from '../config/logger.module.js';
import { Database } from '../database/database.js';
import { IdempotencyRepository } from './idempotency.repository.js';

const EVERY_MS = 15 * 60_000;
const BATCH = 5_000;
/** As long as the contract promises. */
const KEEP_DAYS = 7;

/** Forgets keys that nobody may repeat any more. */
@Injectable()
export class IdempotencySweeper implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly loop: BackgroundLoop;

  constructor(
    private readonly database: Database,
    private readonly repository: IdempotencyRepository,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.loop = new BackgroundLoop({
      everyMs: EVERY_MS,
      round: (signal) => this.sweep(signal),
      onError: (error) => logger.error({ context: 'IdempotencySweeper', err: error }, 'forgetting old keys failed'),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  private async sweep(signal: AbortSignal): Promise<void> {
    let count = BATCH;
    while (count === BATCH && !signal.aborted) {
      count = await this.repository.prune(this.database, KEEP_DAYS, BATCH);
    }
  }
}
