import { Injectable } from '@nestjs/common';
import type { AccountChange, UnreadableItem } from '../accounts/account-change.js';
import type { Tx } from '../database/database.js';
import type { ReceivedMessage } from '../inbox/incoming-messages.repository.js';

/** What Meta says of flows, and what people answered in them. */
@Injectable()
export class FlowsWebhook {
  /** The field `flows`: their status, and how they do. */
  async handle(_tx: Tx, _changes: readonly AccountChange[]): Promise<UnreadableItem[]> {
    return [];
  }

  /** Answers among the messages that came in just now, in the transaction that stored them. */
  async receive(_tx: Tx, _messages: readonly ReceivedMessage[]): Promise<void> {}
}
