import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { AppError } from '../common/app-error.js';
import { Config } from '../config/config.js';
import { LOGGER } from '../config/logger.module.js';

const WINDOW_S = 1;
/** Name of the policy in the headers; there is one. */
const POLICY = 'default';
const PREFIX = 'parley:rate';
/** No request waits longer for Redis; then this process counts by itself, and asks again after a while. */
const WAIT_MS = 50;
const ALONE_FOR_MS = 1_000;

/** Where the headers go. */
export interface HeaderTarget {
  header(name: string, value: string): unknown;
}

/**
 * How many requests a key may make in a second (`RATE_LIMIT_PER_KEY`), counted in Redis by all processes together. While
 * Redis is away or hangs, each process counts by itself: a key may then make as many requests at each of them.
 */
@Injectable()
export class RateLimiter implements OnApplicationShutdown {
  private readonly limit: number;
  private readonly alone: RateLimiterMemory;
  private redis: Redis | null = null;
  private shared: RateLimiterRedis | null = null;
  private aloneUntil = 0;

  constructor(
    private readonly config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.limit = config.http.rateLimitPerKey;
    this.alone = new RateLimiterMemory({ points: this.limit, duration: WINDOW_S, keyPrefix: PREFIX });
    if (this.limit > 0) {
      this.connect();
    }
  }

  /**
   * Counts a request of the key, and says in its answer's headers what is left.
   * @throws `429 rate_limited` when nothing is
   */
  async admit(keyId: number, reply: HeaderTarget): Promise<void> {
    if (this.limit === 0) {
      return;
    }
    const { isOver, left, resetS } = await this.count(keyId);
    reply.header('ratelimit-policy', `"${POLICY}";q=${this.limit};w=${WINDOW_S}`);
    reply.header('ratelimit', `"${POLICY}";r=${left};t=${resetS}`);
    if (isOver) {
      throw new AppError('rate_limited', `This key may make ${this.limit} requests a second.`, { retryAfterS: resetS });
    }
  }

  onApplicationShutdown(): void {
    this.redis?.disconnect();
  }

  private async count(keyId: number): Promise<{ isOver: boolean; left: number; resetS: number }> {
    try {
      return { isOver: false, ...read(await this.consume(keyId)) };
    } catch (thrown) {
      if (!(thrown instanceof RateLimiterRes)) {
        throw thrown;
      }
      return { isOver: true, ...read(thrown), left: 0 };
    }
  }

  private async consume(keyId: number): Promise<RateLimiterRes> {
    if (!this.shared || this.redis?.status !== 'ready' || performance.now() < this.aloneUntil) {
      return this.alone.consume(keyId);
    }
    try {
      return await this.shared.consume(keyId);
    } catch (thrown) {
      if (thrown instanceof RateLimiterRes) {
        throw thrown;
      }
      this.aloneUntil = performance.now() + ALONE_FOR_MS;
      this.logger.debug({ context: 'RateLimiter', reason: (thrown as Error).message }, 'Redis does not count');
      return this.alone.consume(keyId);
    }
  }

  private connect(): void {
    this.redis = new Redis(this.config.redisUrl, {
      enableReadyCheck: false,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      connectTimeout: 2_000,
      commandTimeout: WAIT_MS,
      retryStrategy: (attempt) => Math.min(100 * attempt, 2_000),
    });
    // An unheard 'error' event would end the process; the queues say that Redis is away.
    this.redis.on('error', () => undefined);
    this.shared = new RateLimiterRedis({
      storeClient: this.redis,
      points: this.limit,
      duration: WINDOW_S,
      keyPrefix: PREFIX,
      // Who is over is refused until the second is over without asking Redis.
      inMemoryBlockOnConsumed: this.limit,
    });
  }
}

function read({ remainingPoints, msBeforeNext }: RateLimiterRes): { left: number; resetS: number } {
  return { left: Math.max(0, remainingPoints), resetS: Math.max(1, Math.ceil(msBeforeNext / 1_000)) };
}
