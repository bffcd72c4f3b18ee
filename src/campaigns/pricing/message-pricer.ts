import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Tx } from '../../database/database.js';
import { MessagePrices, type Charge, type PricedMessage } from '../../inbox/statistics/message-prices.js';
import { countryOfPerson } from './phone-country.js';
import { RatesService } from './rates.service.js';

/** What any message costs, of a campaign or not, by the rate table of the moment. */
@Injectable()
export class MessagePricer implements OnModuleInit {
  constructor(
    private readonly prices: MessagePrices,
    private readonly rates: RatesService,
  ) {}

  onModuleInit(): void {
    this.prices.use((tx, messages) => this.price(tx, messages));
  }

  private async price(
    tx: Tx,
    messages: readonly PricedMessage[],
  ): Promise<Pick<Charge, 'country' | 'currency' | 'cost_micros'>[]> {
    const table = await this.rates.current(tx);
    return messages.map(({ pricing, ...person }) => {
      const country = countryOfPerson(person);
      const cost = table?.chargeOf(country, pricing) ?? null;
      return { country, currency: cost === null ? null : (table?.currency ?? null), cost_micros: cost };
    });
  }
}
