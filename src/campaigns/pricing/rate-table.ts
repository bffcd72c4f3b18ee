/** Categories that Meta has prices for. Source: Meta's pricing page and the `pricing` object of statuses. */
export const RATE_CATEGORIES = [
  'marketing',
  'utility',
  'authentication',
  'authentication-international',
  'service',
  'marketing_lite',
  'group_marketing',
  'group_utility',
  'group_service',
] as const;
export type RateCategory = (typeof RATE_CATEGORIES)[number];

/** Stands for every country that has no price of its own. */
export const REST_OF_WORLD = '*';
export const MICROS = 1_000_000;

export interface Rate {
  /** ISO 3166, or {@link REST_OF_WORLD}. */
  country: string;
  category: RateCategory;
  /** Millionths of the table's currency. */
  priceMicros: number;
}

/** What a category costs that has no price of its own. */
const PRICED_AS: Readonly<Record<string, RateCategory>> = {
  'authentication-international': 'authentication',
  marketing_lite: 'marketing',
  group_marketing: 'marketing',
  group_utility: 'utility',
  group_service: 'service',
};
/** Messages that Meta asks nothing for, whatever their category. */
const FREE_TYPES = ['free_customer_service', 'free_entry_point'];

/** Prices by country and category. */
export class RateTable {
  private readonly prices: ReadonlyMap<string, number>;

  constructor(
    readonly currency: string,
    rates: readonly Rate[],
  ) {
    this.prices = new Map(rates.map(({ country, category, priceMicros }) => [`${country} ${category}`, priceMicros]));
  }

  /** In millionths of the currency; null when the table has no price for it. */
  priceOf(country: string | null, category: string): number | null {
    const categories = [category, ...(Object.hasOwn(PRICED_AS, category) ? [PRICED_AS[category]] : [])];
    for (const place of country === null ? [REST_OF_WORLD] : [country, REST_OF_WORLD]) {
      for (const each of categories) {
        const price = this.prices.get(`${place} ${each}`);
        if (price !== undefined) {
          return price;
        }
      }
    }
    return null;
  }

  /**
   * What Meta asks for a message by its `pricing` object; null when that cannot be told. `type` and `category` decide,
   * `billable` only where there is no type: Meta has announced to take it away.
   */
  chargeOf(country: string | null, pricing: Readonly<Record<string, unknown>>): number | null {
    const { type, billable, category } = pricing;
    const isFree = type === undefined ? billable === false : FREE_TYPES.includes(String(type));
    if (isFree || category === 'referral_conversion') {
      return 0;
    }
    return typeof category === 'string'
      ? this.priceOf(country, category.replace('authentication_', 'authentication-'))
      : null;
  }
}
