import { Injectable } from '@nestjs/common';
import type { AccountChange, UnreadableItem } from '../accounts/account-change.js';
import type { Tx } from '../database/database.js';

/** People who subscribed by a signup: `user_preferences` with `value: signup`, and the older form `in_app_signup`. */
@Injectable()
export class SignupsWebhook {
  async handle(_tx: Tx, _changes: readonly AccountChange[]): Promise<UnreadableItem[]> {
    return [];
  }
}
