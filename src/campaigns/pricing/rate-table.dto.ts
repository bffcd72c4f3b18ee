import { Decimal, ListOf, OneOf, Text, Timestamp } from '../../http/fields.js';
import { MICROS, RATE_CATEGORIES, type RateCategory } from './rate-table.js';
import type { StoredRates } from './rates.repository.js';

const MAX_RATES = 2_000;
const MAX_PRICE = 10_000;

export class RateDto {
  @Text({
    max: 2,
    pattern: /^([A-Za-z]{2}|\*)$/,
    patternHint: 'must be an ISO 3166 code of two letters, or * for the rest of the world',
    description: 'ISO 3166 code of two letters; `*` is the rest of the world.',
    example: 'IN',
  })
  country: string;

  @OneOf(RATE_CATEGORIES, {
    description:
      'As Meta names it in the `pricing` of a status. `authentication-international` without a price costs what ' +
      '`authentication` does; `marketing_lite` and those of groups likewise.',
  })
  category: RateCategory;

  @Decimal({
    min: 0,
    max: MAX_PRICE,
    description: 'Of one delivered message; kept to the millionth.',
    example: 0.0107,
  })
  price: number;
}

export class PutRateTableDto {
  @Text({
    max: 3,
    pattern: /^[A-Z]{3}$/,
    patternHint: 'must be an ISO 4217 code such as USD',
    description: 'ISO 4217 code.',
    example: 'USD',
  })
  currency: string;

  @ListOf(() => RateDto, { maxItems: MAX_RATES, description: 'Each country and category once.' })
  rates: RateDto[];
}

/** What goes with a file. */
export class RateCardFormDto {
  @Text({
    max: 3,
    optional: true,
    pattern: /^[A-Z]{3}$/,
    patternHint: 'must be an ISO 4217 code such as USD',
  })
  currency?: string;
}

/** What Meta charges for a message, by country and category. */
export class RateTableDto {
  @Text({ max: 3, nullable: true, description: 'ISO 4217 code; null while there is no table.', example: 'USD' })
  currency: string | null;

  @ListOf(() => RateDto, { maxItems: MAX_RATES })
  rates: RateDto[];

  @Timestamp({ nullable: true })
  updated_at: string | null;
}

export function toRateTableDto(stored: StoredRates | null): RateTableDto {
  return {
    currency: stored?.currency ?? null,
    rates: (stored?.rates ?? []).map(({ country, category, priceMicros }) => ({
      country,
      category,
      price: priceMicros / MICROS,
    })),
    updated_at: stored?.updatedAt.toISOString() ?? null,
  };
}
