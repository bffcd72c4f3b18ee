import { Inject, Injectable, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { BackgroundLoop } from '../common/background-loop.js';
import { LOGGER } from '../config/logger.module.js';
import { Database } from '../database/database.js';
import { DeliveriesService } from './deliveries.service.js';
import { InboxModule } from './inbox.module.js';
import { ScheduledSender } from './sending/scheduled-sender.js';
import { StatisticsFolder } from './statistics/statistics-folder.js';

const EVERY_MS = 5_000;
/** Longer than any call of Graph may take. */
const ABANDONED_AFTER_S = 60;
const BATCH = 500;

/** Finds single sends whose process died before Meta's answer: nobody knows, and `unknown` says so. */
@Injectable()
export class InboxSweeper implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly loop: BackgroundLoop;

  constructor(database: Database, deliveries: DeliveriesService, @Inject(LOGGER) logger: Logger) {
    this.loop = new BackgroundLoop({
      everyMs: EVERY_MS,
      round: () => database.transaction((tx) => deliveries.abandon(tx, ABANDONED_AFTER_S, BATCH)),
      onError: (error) => logger.error({ context: 'InboxSweeper', err: error }, 'sweeping the inbox failed'),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }
}

@Module({ imports: [InboxModule], providers: [InboxSweeper, ScheduledSender, StatisticsFolder] })
export class InboxWorkerModule {}
