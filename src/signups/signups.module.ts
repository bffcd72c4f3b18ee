import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SignupSubscriber } from './signup-subscriber.entity.js';
import { Signup } from './signup.entity.js';
import { SignupsWebhook } from './signups.webhook.js';

/** Links by which people subscribe inside WhatsApp. */
@Module({
  imports: [TypeOrmModule.forFeature([Signup, SignupSubscriber])],
  providers: [SignupsWebhook],
  exports: [SignupsWebhook],
})
export class SignupsModule {}
