import { Injectable } from '@nestjs/common';
import type { Tx } from '../../database/database.js';

/** What Meta charges a message as. Kept with the message as it is here. */
export interface Charge {
  /** `marketing`, `utility` …, in Meta's word. */
  category: string;
  /** `regular`, `free_customer_service` …; '' where Meta says none. */
  type: string;
  /** ISO 3166; null: not known. */
  country: string | null;
  /** Of the rate table; null: there was none, or none of its prices fits. */
  currency: string | null;
  cost_micros: number | null;
}

/** A message that Meta delivered, and its word on what that is. */
export interface PricedMessage {
  phone: string | null;
  userId: string | null;
  pricing: Readonly<Record<string, unknown>>;
}

/** Says what messages cost, in their order: once each, in the transaction that stores it. */
export type Pricer = (
  tx: Tx,
  messages: readonly PricedMessage[],
) => Promise<Pick<Charge, 'country' | 'currency' | 'cost_micros'>[]>;

const MAX_LENGTH = 100;

/** What messages cost is known further up: whoever has the prices says so here. */
@Injectable()
export class MessagePrices {
  private pricer: Pricer | null = null;

  /** There is one who knows. */
  use(pricer: Pricer): void {
    this.pricer = pricer;
  }

  async chargesOf(tx: Tx, messages: readonly PricedMessage[]): Promise<Charge[]> {
    const costs = messages.length > 0 && this.pricer ? await this.pricer(tx, messages) : [];
    return messages.map(({ pricing }, index) => ({
      category: nameOf(pricing.category),
      type: nameOf(pricing.type),
      country: costs[index]?.country ?? null,
      currency: costs[index]?.currency ?? null,
      cost_micros: costs[index]?.cost_micros ?? null,
    }));
  }
}

/** Meta spells the international one in two ways. */
function nameOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, MAX_LENGTH).replace('authentication_', 'authentication-') : '';
}
