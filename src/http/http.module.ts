import { Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { ActorInterceptor } from './actor.interceptor.js';
import { BodyTypeInterceptor } from './body-type.interceptor.js';
import { HealthController } from './health.controller.js';
import { IdempotencyInterceptor } from './idempotency.interceptor.js';
import { IdempotencyRepository } from './idempotency.repository.js';
import { IdempotencySettings } from './idempotency-settings.js';
import { IdempotencySweeper } from './idempotency-sweeper.js';
import { Readiness } from './readiness.js';

/** What every route has in common: importing it makes every POST with an Idempotency-Key happen once. */
@Module({
  controllers: [HealthController],
  providers: [
    Readiness,
    IdempotencyRepository,
    IdempotencySettings,
    IdempotencySweeper,
    { provide: APP_INTERCEPTOR, useClass: ActorInterceptor },
    { provide: APP_INTERCEPTOR, useClass: BodyTypeInterceptor },
    { provide: APP_INTERCEPTOR, useClass: IdempotencyInterceptor },
  ],
})
export class HttpModule {}
