import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { readOrder } from './order-reading.js';
import { PlacedOrdersRepository } from './placed-orders.repository.js';

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
  constructor(private readonly repository: PlacedOrdersRepository) {}

  /** In the transaction that stored the messages. A message that comes again is no second order. */
  async receive(tx: Tx, messages: readonly OrderMessage[]): Promise<void> {
    if (messages.length === 0) {
      return;
    }
    await this.repository.insert(
      tx,
      messages.map(({ raw, ...message }) => ({ ...message, ...readOrder(raw) })),
    );
  }
}
