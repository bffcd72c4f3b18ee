import type { RateTable } from '../pricing/rate-table.js';
import type { CountryCount } from './preflight-audience.js';
import type { CampaignTemplate } from './preflight-messages.js';
import { isUndelivered } from './preflight-problems.js';

/** Messages of one category to one country. */
export interface CostLine {
  country: string | null;
  category: string;
  count: number;
  /** Millionths of the currency; null when the table has no price. */
  priceMicros: number | null;
}

/** What a campaign costs by the rate table, if everything is delivered. */
export interface Cost {
  currency: string | null;
  totalMicros: number;
  unpricedCount: number;
  lines: CostLine[];
}

/** Messages that Meta delivers to nobody are left out: it charges what it delivers. */
export function costOf(byCountry: readonly CountryCount<CampaignTemplate>[], rates: RateTable | null): Cost {
  const lines = new Map<string, CostLine>();
  for (const { country, message, count } of byCountry) {
    if (count === 0 || isUndelivered(message.template, country)) {
      continue;
    }
    const category = message.template.category.toLowerCase();
    const key = `${country} ${category}`;
    const priceMicros = rates?.priceOf(country, category) ?? null;
    lines.set(key, { country, category, priceMicros, count: (lines.get(key)?.count ?? 0) + count });
  }
  const sorted = [...lines.values()].sort((a, b) => b.count - a.count);
  return {
    currency: rates?.currency ?? null,
    totalMicros: sorted.reduce((sum, { count, priceMicros }) => sum + count * (priceMicros ?? 0), 0),
    unpricedCount: sorted.reduce((sum, { count, priceMicros }) => sum + (priceMicros === null ? count : 0), 0),
    lines: sorted,
  };
}
