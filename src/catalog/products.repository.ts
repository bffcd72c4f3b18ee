import { Injectable } from '@nestjs/common';
import { containing } from '../common/like.js';
import type { Queryable, Tx } from '../database/database.js';

export interface ProductRow {
  id: number;
  catalog_id: string;
  retailer_id: string;
  /** Null: made here, and never seen at Meta. */
  meta_product_id: string | null;
  name: string;
  description: string;
  price: string;
  /** numeric: a decimal as text. */
  amount: string | null;
  currency: string | null;
  sale_price: string;
  image_url: string;
  url: string;
  brand: string;
  availability: string;
  condition: string;
  visibility: string;
  review_status: string;
  inventory: number | null;
  is_active: boolean;
  gone_at: Date | null;
  synced_at: Date | null;
  created_at: Date;
  updated_at: Date;
}

/** What a caller may say of a product; only what is given is written. */
export type ProductValues = Partial<
  Pick<
    ProductRow,
    | 'catalog_id'
    | 'retailer_id'
    | 'name'
    | 'description'
    | 'price'
    | 'amount'
    | 'currency'
    | 'sale_price'
    | 'image_url'
    | 'url'
    | 'brand'
    | 'availability'
    | 'condition'
    | 'inventory'
  > & { is_hidden: boolean }
>;

export interface ProductFilter {
  accountId: number;
  /** Part of the name or of the retailer id. */
  q?: string | undefined;
  catalogId?: string | undefined;
  isActive?: boolean | undefined;
  availability?: string | undefined;
  beforeId: number | null;
}

export interface CatalogFacts {
  productCount: number;
  activeCount: number;
  /** When the last complete sync began. */
  syncedAt: Date | null;
}

/** The last complete sync saw every product of Meta's that is not gone; it writes only to those that changed. */
const LAST_SYNC = `select max(s.started_at) from catalog_syncs s
  where s.account_id = p.account_id and s.catalog_id = p.catalog_id and s.status = 'completed'`;

const COLUMNS = `p.id, p.catalog_id, p.retailer_id, p.meta_product_id, p.name, p.description, p.price, p.amount, p.currency,
  p.sale_price, p.image_url, p.url, p.brand, p.availability, p.condition, p.visibility, p.review_status, p.inventory,
  p.is_active, p.gone_at, p.created_at, p.updated_at,
  case when p.meta_product_id is null or p.gone_at is not null then p.synced_at
    else greatest(p.synced_at, (${LAST_SYNC})) end as synced_at`;

const WRITABLE: readonly (keyof ProductValues)[] = [
  'catalog_id',
  'retailer_id',
  'name',
  'description',
  'price',
  'amount',
  'currency',
  'sale_price',
  'image_url',
  'url',
  'brand',
  'availability',
  'condition',
  'inventory',
  'is_hidden',
];

@Injectable()
export class ProductsRepository {
  async find(q: Queryable, accountId: number, id: number): Promise<ProductRow | null> {
    const [row] = await q.query<ProductRow>(
      `select ${COLUMNS} from catalog_products p where p.account_id = $1 and p.id = $2`,
      [accountId, id],
    );
    return row ?? null;
  }

  async lock(tx: Tx, accountId: number, id: number): Promise<ProductRow | null> {
    const [row] = await tx.query<ProductRow>(
      `select ${COLUMNS} from catalog_products p where p.account_id = $1 and p.id = $2 for no key update of p`,
      [accountId, id],
    );
    return row ?? null;
  }

  /** The newest first. */
  async list(q: Queryable, filter: ProductFilter, limit: number): Promise<ProductRow[]> {
    const values: unknown[] = [filter.accountId, limit];
    const bind = (value: unknown): string => `$${values.push(value)}`;
    const where = ['p.account_id = $1'];
    if (filter.q) {
      const pattern = bind(containing(filter.q));
      where.push(`(p.name ilike ${pattern} or p.retailer_id ilike ${pattern})`);
    }
    if (filter.catalogId !== undefined) {
      where.push(`p.catalog_id = ${bind(filter.catalogId)}`);
    }
    if (filter.isActive !== undefined) {
      where.push(`p.is_active = ${bind(filter.isActive)}`);
    }
    if (filter.availability !== undefined) {
      where.push(`lower(p.availability) = lower(${bind(filter.availability)})`);
    }
    if (filter.beforeId !== null) {
      where.push(`p.id < ${bind(filter.beforeId)}`);
    }
    return q.queryDynamic<ProductRow>(
      `select ${COLUMNS} from catalog_products p where ${where.join(' and ')} order by p.id desc limit $2`,
      values,
    );
  }

  /** @returns its id */
  async insert(q: Queryable, accountId: number, given: ProductValues): Promise<number> {
    const columns = columnsIn(given);
    const [row] = await q.queryDynamic<{ id: number }>(
      `insert into catalog_products (account_id, ${columns.join(', ')})
       values ($1, ${columns.map((_, index) => `$${index + 2}`).join(', ')}) returning id`,
      [accountId, ...columns.map((column) => given[column])],
    );
    return (row as { id: number }).id;
  }

  async update(q: Queryable, accountId: number, id: number, given: ProductValues): Promise<void> {
    const columns = columnsIn(given);
    await q.queryDynamic(
      `update catalog_products set ${columns.map((column, index) => `${column} = $${index + 3}, `).join('')}updated_at = now()
       where account_id = $1 and id = $2`,
      [accountId, id, ...columns.map((column) => given[column])],
    );
  }

  /** Lines of orders forget which product they were. @returns false when there is none */
  async delete(q: Queryable, accountId: number, id: number): Promise<boolean> {
    const rows = await q.query('delete from catalog_products where account_id = $1 and id = $2 returning id', [
      accountId,
      id,
    ]);
    return rows.length > 0;
  }

  async countByCatalog(
    q: Queryable,
    accountId: number,
    catalogIds: readonly string[],
  ): Promise<Map<string, CatalogFacts>> {
    const rows = await q.query<CatalogFacts & { catalogId: string }>(
      `select u.catalog_id as "catalogId", count(p.id)::int as "productCount",
         count(p.id) filter (where p.is_active)::int as "activeCount", (
           select max(s.started_at) from catalog_syncs s
           where s.account_id = $1 and s.catalog_id = u.catalog_id and s.status = 'completed') as "syncedAt"
       from unnest($2::text[]) u (catalog_id)
       left join catalog_products p on p.account_id = $1 and p.catalog_id = u.catalog_id
       group by u.catalog_id`,
      [accountId, catalogIds],
    );
    return new Map(rows.map(({ catalogId, ...facts }) => [catalogId, facts]));
  }
}

/** Which are given, of the closed list of those that may be written: no text of a statement comes from input. */
function columnsIn(given: ProductValues): (keyof ProductValues)[] {
  return WRITABLE.filter((column) => given[column] !== undefined);
}
