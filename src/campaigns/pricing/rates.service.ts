import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../../audit/audit-trail.js';
import { Database, type Queryable } from '../../database/database.js';
import { RateTable, type Rate } from './rate-table.js';
import { RatesRepository, type StoredRates } from './rates.repository.js';

/** The rate table of the installation. */
@Injectable()
export class RatesService {
  private kept: { version: number; table: RateTable } | null = null;

  constructor(
    private readonly database: Database,
    private readonly repository: RatesRepository,
    private readonly audit: AuditTrail,
  ) {}

  get(): Promise<StoredRates | null> {
    return this.repository.find(this.database);
  }

  /** Puts these in place of what was there. Costs of messages that were priced before stay as they are. */
  async replace(currency: string, rates: readonly Rate[]): Promise<StoredRates> {
    return this.database.transaction(async (tx) => {
      await this.repository.replace(tx, currency, rates);
      await this.audit.append(tx, [
        {
          action: 'rate_table.replaced',
          objectType: 'rate_table',
          objectId: null,
          accountId: null,
          changes: { currency, rates: rates.length },
        },
      ]);
      return this.repository.get(tx);
    });
  }

  /** To price by; null when there is none. It is read once for every version, so that asking costs one small row. */
  async current(q: Queryable): Promise<RateTable | null> {
    const version = await this.repository.findVersion(q);
    if (version === null) {
      return null;
    }
    if (this.kept?.version !== version) {
      const stored = await this.repository.get(q);
      this.kept = { version: stored.version, table: new RateTable(stored.currency, stored.rates) };
    }
    return this.kept.table;
  }
}
