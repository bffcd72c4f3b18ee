import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { BackgroundLoop } from '../common/background-loop.js';
import { LOGGER } from '../config/logger.module.js';
import { Database } from './database.js';

const EVERY_MS = 3_600_000;

/** Makes the partitions of the coming months in time; a row that finds none goes to the default one. */
@Injectable()
export class PartitionKeeper implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly loop: BackgroundLoop;

  constructor(database: Database, @Inject(LOGGER) logger: Logger) {
    this.loop = new BackgroundLoop({
      everyMs: EVERY_MS,
      round: () => database.query('select ensure_month_partitions()'),
      onError: (error) => logger.error({ context: 'PartitionKeeper', err: error }, 'making partitions failed'),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }
}
