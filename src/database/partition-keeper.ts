import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { BackgroundLoop } from '../common/background-loop.js';
import { LOGGER } from '../config/logger.module.js';
import { Retention } from './retention.js';

const EVERY_MS = 3_600_000;

/** Makes the partitions of the time to come before it comes, and drops those whose time is over. */
@Injectable()
export class PartitionKeeper implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly loop: BackgroundLoop;

  constructor(retention: Retention, @Inject(LOGGER) logger: Logger) {
    this.loop = new BackgroundLoop({
      everyMs: EVERY_MS,
      round: (signal) => retention.run(signal),
      onError: (error) => logger.error({ context: 'PartitionKeeper', err: error }, 'keeping partitions failed'),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }
}
