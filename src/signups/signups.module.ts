import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccountsModule } from '../accounts/accounts.module.js';
import { ContactsModule } from '../contacts/contacts.module.js';
import { SignupAttemptsRepository } from './signup-attempts.repository.js';
import { SignupCreation } from './signup-creation.service.js';
import { SignupNumbers } from './signup-numbers.js';
import { SignupPeople } from './signup-people.js';
import { SignupSubscriber } from './signup-subscriber.entity.js';
import { SignupSyncRepository } from './signup-sync.repository.js';
import { SignupSync } from './signup-sync.js';
import { Signup } from './signup.entity.js';
import { SignupsController } from './signups.controller.js';
import { SignupsRepository } from './signups.repository.js';
import { SignupsService } from './signups.service.js';
import { SignupsWebhook } from './signups.webhook.js';
import { SubscribersRepository } from './subscribers.repository.js';
import { SubscribingService } from './subscribing.js';

/** Links by which people subscribe inside WhatsApp. */
@Module({
  imports: [TypeOrmModule.forFeature([Signup, SignupSubscriber]), AccountsModule, ContactsModule],
  controllers: [SignupsController],
  providers: [
    SignupAttemptsRepository,
    SignupCreation,
    SignupNumbers,
    SignupPeople,
    SignupsRepository,
    SignupsService,
    SignupSync,
    SignupSyncRepository,
    SignupsWebhook,
    SubscribersRepository,
    SubscribingService,
  ],
  exports: [SignupsWebhook],
})
export class SignupsModule {}
