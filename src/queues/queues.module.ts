import { BullModule, getQueueToken } from '@nestjs/bull';
import { Global, Inject, Module, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import type { Queue, QueueOptions } from 'bull';
import type { Logger } from 'pino';
import { Config } from '../config/config.js';
import { LOGGER } from '../config/logger.module.js';
import { Enqueue } from './enqueue.js';
import { RedisHealth } from './redis-health.js';
import { RedisLink } from './redis-link.js';
import { createRedisClient } from './redis.js';
import { QUEUE_NAMES } from './queues.js';

const CLOSE_DEADLINE_MS = 2_000;

/** All queues, registered once. Processors live in the worker modules of those who do the work. */
@Global()
@Module({
  imports: [
    ...QUEUE_NAMES.map((name) =>
      BullModule.registerQueueAsync({
        name,
        inject: [Config, LOGGER],
        useFactory: (config: Config, logger: Logger): QueueOptions => ({
          createClient: (type) => createRedisClient(config.redisUrl, type, config.redisIsStandIn, logger),
          settings: { maxStalledCount: 1_000 },
        }),
      }),
    ),
  ],
  providers: [Enqueue, RedisHealth, RedisLink],
  exports: [BullModule, Enqueue, RedisHealth, RedisLink],
})
export class QueuesModule implements OnModuleInit, BeforeApplicationShutdown {
  constructor(
    private readonly moduleRef: ModuleRef,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onModuleInit(): void {
    for (const queue of this.queues()) {
      // An unheard 'error' event would end the process; what is lost here is a hint.
      queue.on('error', (error) => this.logger.debug({ context: 'Bull', reason: error.message }, 'queue error'));
      queue.on('failed', (job, error) =>
        this.logger.warn({ context: 'Bull', queue: queue.name, job: job.id, reason: error.message }, 'job failed'),
      );
    }
  }

  /**
   * All at once, and before Nest closes them one after the other: each waits half a second for a connection that is listening.
   * Bull waits for active jobs without limit, and for Redis when it is away.
   */
  async beforeApplicationShutdown(): Promise<void> {
    const closing = Promise.allSettled(this.queues().map((queue) => queue.close(true)));
    await Promise.race([closing, new Promise((resolve) => setTimeout(resolve, CLOSE_DEADLINE_MS).unref())]);
  }

  private queues(): Queue[] {
    return QUEUE_NAMES.map((name) => this.moduleRef.get<Queue>(getQueueToken(name), { strict: false }));
  }
}
