import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { BackgroundLoop } from '../common/background-loop.js';
import { gauge } from '../common/metrics.js';
import { LOGGER } from '../config/logger.module.js';
import { Database } from '../database/database.js';
import { MediaRepository } from './media.repository.js';

const EVERY_MS = 15_000;

const pending = gauge('parley_media_pending', 'Files of customers that are not fetched yet');

/** Counts the files that wait, in every process: /metrics is asked of those that fetch nothing. */
@Injectable()
export class MediaGauge implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly loop: BackgroundLoop;

  constructor(database: Database, repository: MediaRepository, @Inject(LOGGER) logger: Logger) {
    this.loop = new BackgroundLoop({
      everyMs: EVERY_MS,
      round: async () => pending.set(await repository.countPending(database)),
      onError: (error) => logger.debug({ context: 'MediaGauge', err: error }, 'counting files failed'),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }
}
