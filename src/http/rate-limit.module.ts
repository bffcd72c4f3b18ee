import { Module } from '@nestjs/common';
import { RateLimiter } from './rate-limiter.js';

/** Counts the requests of keys: who finds out whose a request is asks it. */
@Module({ providers: [RateLimiter], exports: [RateLimiter] })
export class RateLimitModule {}
