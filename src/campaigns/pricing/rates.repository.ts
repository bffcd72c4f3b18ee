import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../../database/database.js';
import { columnsOf } from '../../database/unnest.js';
import type { Rate } from './rate-table.js';

/** The table as it is stored. */
export interface StoredRates {
  currency: string;
  version: number;
  updatedAt: Date;
  rates: Rate[];
}

@Injectable()
export class RatesRepository {
  async findVersion(q: Queryable): Promise<number | null> {
    const [row] = await q.query<{ version: number }>('select version from rate_table');
    return row?.version ?? null;
  }

  /** In one statement, so that the currency belongs to the rates. */
  async find(q: Queryable): Promise<StoredRates | null> {
    const [row] = await q.query<StoredRates>(
      `select currency, version, updated_at as "updatedAt", coalesce(
         (select jsonb_agg(jsonb_build_object('country', country, 'category', category, 'priceMicros', price_micros)
            order by country, category) from rates), '[]') as rates
       from rate_table`,
    );
    return row ?? null;
  }

  /** As {@link find}, where there is one. */
  async get(q: Queryable): Promise<StoredRates> {
    const stored = await this.find(q);
    if (!stored) {
      throw new Error('There is no rate table.');
    }
    return stored;
  }

  /** Puts these in place of what was there. */
  async replace(tx: Tx, currency: string, rates: readonly Rate[]): Promise<void> {
    // First, for its row is the lock: of two at once the second replaces what the first has written.
    await tx.query(
      `insert into rate_table (currency) values ($1)
       on conflict (id) do update set currency = excluded.currency, version = rate_table.version + 1, updated_at = now()`,
      [currency],
    );
    await tx.query('delete from rates');
    await tx.query(
      `insert into rates (country, category, price_micros)
       select * from unnest($1::text[], $2::text[], $3::bigint[])`,
      columnsOf(
        rates,
        (rate) => rate.country,
        (rate) => rate.category,
        (rate) => rate.priceMicros,
      ),
    );
  }
}
