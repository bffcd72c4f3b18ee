import { Injectable } from '@nestjs/common';
import type { Tx } from '../../database/database.js';
import type { StatusEvent } from '../../inbox/statuses.repository.js';
import { CostsRepository } from './costs.repository.js';
import { countryOfPerson } from './phone-country.js';
import { RatesService } from './rates.service.js';

/** Meta charges what it has delivered: the `pricing` of `sent` says what it would cost. */
const DELIVERED = ['delivered', 'read', 'played'];

type PricedEvent = StatusEvent & { pricing: Record<string, unknown> };

/** What campaigns cost, by the rate table and what Meta's statuses say of each message. */
@Injectable()
export class CampaignCosts {
  constructor(
    private readonly rates: RatesService,
    private readonly costs: CostsRepository,
  ) {}

  /**
   * Prices the recipients of these statuses, in the transaction that applied them. Each is priced once, by the table of
   * that moment; without a table nothing is done per message.
   */
  async apply(tx: Tx, events: readonly StatusEvent[]): Promise<void> {
    const priced = events.filter(isPriced);
    const table = priced.length > 0 ? await this.rates.current(tx) : null;
    if (!table) {
      return;
    }
    const found = await this.costs.findUnpriced(tx, priced);
    const costs = new Map<number, number>();
    for (const { id, position, ...person } of found) {
      const charge = table.chargeOf(countryOfPerson(person), (priced[position] as PricedEvent).pricing);
      if (charge !== null) {
        costs.set(id, charge);
      }
    }
    if (costs.size > 0) {
      await this.costs.price(
        tx,
        [...costs].map(([id, costMicros]) => ({ id, costMicros })),
      );
    }
  }
}

function isPriced(event: StatusEvent): event is PricedEvent {
  return event.pricing !== null && event.participant === '' && DELIVERED.includes(event.status);
}
