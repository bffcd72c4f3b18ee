import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';

/** A message of type `order` that came in just now, for the first time. */
export interface OrderMessage {
  accountId: number;
  conversationId: number;
  contactId: number;
  wamid: string;
  at: Date;
  /** The message as Meta sent it. */
  raw: Record<string, unknown>;
}

/** Orders of customers, from the messages that carry them. */
@Injectable()
export class OrdersWebhook {
  /** In the transaction that stored the messages. */
  async receive(_tx: Tx, _messages: readonly OrderMessage[]): Promise<void> {}
}
