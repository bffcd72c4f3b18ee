import { getQueueToken } from '@nestjs/bull';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import type { Queue } from 'bull';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { Config } from '../config/config.js';
import { LOGGER } from '../config/logger.module.js';
import { createRedisClient } from './redis.js';

/** Redis, for what is told in passing and kept nowhere. */
@Injectable()
export class RedisLink implements OnApplicationShutdown {
  private listening: Redis | null = null;

  constructor(
    private readonly config: Config,
    private readonly moduleRef: ModuleRef,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** The connection that adds jobs: what is asked of it fails at once when Redis is away. */
  get client(): Redis {
    return this.moduleRef.get<Queue>(getQueueToken('campaign-drain'), { strict: false }).client as unknown as Redis;
  }

  /** A connection that does nothing but hear what is published, made when it is first asked for. */
  get subscriber(): Redis {
    const { redisUrl, redisIsStandIn } = this.config;
    this.listening ??= createRedisClient(redisUrl, 'subscriber', redisIsStandIn, this.logger);
    return this.listening;
  }

  onApplicationShutdown(): void {
    this.listening?.disconnect();
  }
}
