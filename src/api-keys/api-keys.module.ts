import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { RateLimitModule } from '../http/rate-limit.module.js';
import { ApiKeyAuthenticator } from './api-key-authenticator.js';
import { ApiKey, ApiKeyAccount, ApiKeySecret } from './api-key.entity.js';
import { ApiKeyGuard } from './api-key.guard.js';
import { ApiKeysController } from './api-keys.controller.js';
import { ApiKeysRepository } from './api-keys.repository.js';
import { ApiKeysService } from './api-keys.service.js';
import { BootstrapKey } from './bootstrap-key.js';
import { KeyGuesses } from './key-guesses.js';

/** Who may ask, and for what: importing it guards every route of the application. */
@Module({
  imports: [RateLimitModule, TypeOrmModule.forFeature([ApiKey, ApiKeySecret, ApiKeyAccount])],
  controllers: [ApiKeysController],
  providers: [
    ApiKeyAuthenticator,
    ApiKeysRepository,
    ApiKeysService,
    BootstrapKey,
    KeyGuesses,
    { provide: APP_GUARD, useClass: ApiKeyGuard },
  ],
  exports: [ApiKeyAuthenticator, ApiKeysService],
})
export class ApiKeysModule {}
