import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccountDirectory } from './account-directory.js';
import { AccountEventsRepository } from './account-events.repository.js';
import { AccountPorts } from './account-ports.js';
import { AccountProfiles } from './account-profiles.js';
import { AccountResolver } from './account-resolver.js';
import { AccountVault } from './account-vault.js';
import { AccountRecord } from './account.entity.js';
import { AccountsController, CurrentAccountController } from './accounts.controller.js';
import { AccountsRepository } from './accounts.repository.js';
import { AccountsService } from './accounts.service.js';
import { AccountsWebhook } from './accounts.webhook.js';
import { EnvironmentAccount } from './environment-account.js';

/** The sending numbers: their credentials, their profile at Meta, and which one a request means. */
@Global()
@Module({
  imports: [TypeOrmModule.forFeature([AccountRecord])],
  controllers: [CurrentAccountController, AccountsController],
  providers: [
    AccountDirectory,
    AccountEventsRepository,
    AccountPorts,
    AccountProfiles,
    AccountResolver,
    AccountsRepository,
    AccountsService,
    AccountsWebhook,
    AccountVault,
    EnvironmentAccount,
  ],
  exports: [AccountPorts, AccountResolver, AccountsService, AccountsWebhook],
})
export class AccountsModule {}
