import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ApiKeyAuthenticator } from './api-key-authenticator.js';
import { ApiKey, ApiKeyAccount, ApiKeySecret } from './api-key.entity.js';
import { ApiKeyGuard } from './api-key.guard.js';
import { ApiKeysController } from './api-keys.controller.js';
import { ApiKeysRepository } from './api-keys.repository.js';
import { ApiKeysService } from './api-keys.service.js';
import { BootstrapKey } from './bootstrap-key.js';

/** Who may ask, and for what: importing it guards every route of the application. */
@Module({
  imports: [TypeOrmModule.forFeature([ApiKey, ApiKeySecret, ApiKeyAccount])],
  controllers: [ApiKeysController],
  providers: [
    ApiKeyAuthenticator,
    ApiKeysRepository,
    ApiKeysService,
    BootstrapKey,
    { provide: APP_GUARD, useClass: ApiKeyGuard },
  ],
  exports: [ApiKeyAuthenticator, ApiKeysService],
})
export class ApiKeysModule {}
