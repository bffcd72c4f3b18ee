import { Injectable } from '@nestjs/common';
import type { AccountChange, UnreadableItem } from '../accounts/account-change.js';
import type { Tx } from '../database/database.js';
import { readSignupFacts } from './signup-events.js';
import { SubscribingService } from './subscribing.js';

/** People who subscribed by a signup: `user_preferences` with `value: signup`, and the older form `in_app_signup`. */
@Injectable()
export class SignupsWebhook {
  constructor(private readonly subscribing: SubscribingService) {}

  /** @param changes each once for every account of the WABA, for it is the WABA's */
  async handle(tx: Tx, changes: readonly AccountChange[]): Promise<UnreadableItem[]> {
    const { facts, unreadable } = readSignupFacts(changes);
    await this.subscribing.apply(tx, facts);
    return unreadable;
  }
}
