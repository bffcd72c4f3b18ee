import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';
import type { SyncedProduct } from './product-reading.js';

/** What writing one page came to. */
export interface WrittenPage {
  /** Products that this sync had not seen before. */
  seen: number;
  created: number;
  updated: number;
}

interface MetaColumn {
  type: 'text' | 'numeric' | 'integer';
  of(product: SyncedProduct): unknown;
}

/** What Meta decides; a row is written only when any of it differs. */
const FROM_META: Record<string, MetaColumn> = {
  meta_product_id: { type: 'text', of: (product) => product.metaProductId },
  name: { type: 'text', of: (product) => product.name },
  description: { type: 'text', of: (product) => product.description },
  price: { type: 'text', of: (product) => product.price },
  amount: { type: 'numeric', of: (product) => product.amount },
  currency: { type: 'text', of: (product) => product.currency },
  sale_price: { type: 'text', of: (product) => product.salePrice },
  image_url: { type: 'text', of: (product) => product.imageUrl },
  url: { type: 'text', of: (product) => product.url },
  brand: { type: 'text', of: (product) => product.brand },
  availability: { type: 'text', of: (product) => product.availability },
  condition: { type: 'text', of: (product) => product.condition },
  visibility: { type: 'text', of: (product) => product.visibility },
  review_status: { type: 'text', of: (product) => product.reviewStatus },
  inventory: { type: 'integer', of: (product) => product.inventory },
};

const NAMES = Object.keys(FROM_META);
const prefixed = (alias: string): string => NAMES.map((name) => `${alias}.${name}`).join(', ');

/**
 * Unchanged products are left out before the insert: `on conflict … where` would leave them as they are too, but lock each
 * row, which writes to it.
 */
const WRITE_PAGE = `
  with u as (
    select * from unnest($4::text[], ${NAMES.map((name, index) => `$${index + 5}::${(FROM_META[name] as MetaColumn).type}[]`).join(', ')})
      as u (retailer_id, ${NAMES.join(', ')})
  ), seen as (
    insert into catalog_sync_products (account_id, sync_id, retailer_id) select $1, $3, retailer_id from u
    on conflict do nothing returning retailer_id
  ), news as (
    select u.* from u
    left join catalog_products p on p.account_id = $1 and p.catalog_id = $2 and p.retailer_id = u.retailer_id
    where p.id is null or p.gone_at is not null or (${prefixed('p')}) is distinct from (${prefixed('u')})
  ), written as (
    insert into catalog_products as p (account_id, catalog_id, retailer_id, ${NAMES.join(', ')}, synced_at)
    select $1, $2, retailer_id, ${NAMES.join(', ')}, clock_timestamp() from news order by retailer_id
    on conflict (account_id, catalog_id, retailer_id) do update set
      ${NAMES.map((name) => `${name} = excluded.${name}`).join(', ')},
      gone_at = null, synced_at = excluded.synced_at, updated_at = now()
    returning p.xmax = 0 as is_new
  )
  select (select count(*)::int from seen) as seen,
    count(*) filter (where is_new)::int as created, count(*) filter (where not is_new)::int as updated
  from written`;

/** What a sync writes of products. */
@Injectable()
export class SyncedProductsRepository {
  /** Writes what Meta has. @param products each retailer id at most once */
  async writePage(
    tx: Tx,
    sync: { id: number; accountId: number; catalogId: string },
    products: readonly SyncedProduct[],
  ): Promise<WrittenPage> {
    const [written] = await tx.query<WrittenPage>(WRITE_PAGE, [
      sync.accountId,
      sync.catalogId,
      sync.id,
      ...columnsOf(
        products,
        (product) => product.retailerId,
        ...NAMES.map((name) => (FROM_META[name] as MetaColumn).of),
      ),
    ]);
    return written as WrittenPage;
  }

  /**
   * Marks what Meta had and this sync did not see. What was made here and never seen at Meta is not Meta's to lose.
   * @returns how many
   */
  async markGone(tx: Tx, sync: { id: number; accountId: number; catalogId: string }): Promise<number> {
    const rows = await tx.query(
      `update catalog_products p set gone_at = now(), updated_at = now()
       where p.account_id = $1 and p.catalog_id = $2 and p.meta_product_id is not null and p.gone_at is null
         and not exists (
           select from catalog_sync_products s where s.sync_id = $3 and s.retailer_id = p.retailer_id)
       returning p.id`,
      [sync.accountId, sync.catalogId, sync.id],
    );
    return rows.length;
  }

  /** Forgets what the sync has seen: it is over, or begins anew. */
  async forgetSeen(tx: Tx, syncId: number): Promise<void> {
    await tx.query('delete from catalog_sync_products where sync_id = $1', [syncId]);
  }
}
