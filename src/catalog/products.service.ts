import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AccountsService } from '../accounts/accounts.service.js';
import { AppError, invalidField } from '../common/app-error.js';
import { decodeIdCursor, toPage, type Page } from '../common/page.js';
import { Database } from '../database/database.js';
import { violatedUniqueKey } from '../database/pg-error.js';
import { readPrice } from './price.js';
import { ProductsRepository, type ProductFilter, type ProductRow, type ProductValues } from './products.repository.js';

const LIST = 'products';

/** What a caller says of a product; the amount is read from the price. */
export type ProductInput = Omit<ProductValues, 'amount' | 'currency' | 'is_hidden'> & {
  currency?: string | undefined;
  is_active?: boolean | undefined;
};

/** Products as they are here. Meta hears nothing of what is changed. */
@Injectable()
export class ProductsService {
  constructor(
    private readonly database: Database,
    private readonly repository: ProductsRepository,
    private readonly accounts: AccountsService,
  ) {}

  async list(
    accountId: number,
    query: Omit<ProductFilter, 'accountId' | 'beforeId'> & { limit: number; cursor?: string | undefined },
  ): Promise<Page<ProductRow>> {
    const { limit, cursor, ...filter } = query;
    const rows = await this.repository.list(
      this.database,
      { ...filter, accountId, beforeId: decodeIdCursor(LIST, cursor) },
      limit + 1,
    );
    return toPage(LIST, rows, limit, (row) => [row.id]);
  }

  /** @throws `not_found` */
  async get(accountId: number, id: number): Promise<ProductRow> {
    return found(await this.repository.find(this.database, accountId, id));
  }

  /**
   * Makes a product here; a sync that finds its retailer id at Meta makes it Meta's.
   * @throws `product_exists`; `400 validation_failed` of `catalog_id` when the account has no default
   */
  async create(account: Account, input: ProductInput): Promise<ProductRow> {
    const catalogId = input.catalog_id ?? (await this.accounts.get(account.id, null)).defaultCatalogId;
    if (!catalogId) {
      throw invalidField('catalog_id', 'required', 'Name the catalog, or set default_catalog_id of the account.');
    }
    const id = await writing(() =>
      this.repository.insert(this.database, account.id, { ...toValues(input, null), catalog_id: catalogId }),
    );
    return this.get(account.id, id);
  }

  /**
   * Changes what is given. What Meta has of it comes back with the next sync that finds a difference; that a person took it
   * out of use stays.
   * @throws `not_found`; `product_exists`; `conflict` for what only Meta can change
   */
  async update(accountId: number, id: number, input: ProductInput): Promise<ProductRow> {
    await writing(() =>
      this.database.transaction(async (tx) => {
        const product = found(await this.repository.lock(tx, accountId, id));
        assertAllowed(product, input);
        await this.repository.update(tx, accountId, id, toValues(input, product));
      }),
    );
    return this.get(accountId, id);
  }

  /** Removes it here; one that Meta has comes back with the next sync. @throws `not_found` */
  async delete(accountId: number, id: number): Promise<void> {
    if (!(await this.repository.delete(this.database, accountId, id))) {
      throw noSuchProduct();
    }
  }
}

function toValues({ is_active: isActive, ...given }: ProductInput, before: ProductRow | null): ProductValues {
  return {
    ...given,
    ...(given.price === undefined && given.currency === undefined ? {} : pricedAs(given, before)),
    ...(isActive === undefined ? {} : { is_hidden: !isActive }),
  };
}

/** Price and currency are read together, whichever of them is given. A new price that names no currency is in the old one. */
function pricedAs({ price, currency }: ProductInput, before: ProductRow | null): ProductValues {
  const text = price ?? before?.price ?? '';
  const read = readPrice(text, currency ?? null);
  if (currency !== undefined && read.currency !== currency) {
    throw invalidField(
      'currency',
      'invalid_currency',
      'currency must be an ISO 4217 code, and the one that price names.',
    );
  }
  return read.currency === null ? readPrice(text, before?.currency ?? null) : read;
}

function assertAllowed(product: ProductRow, { catalog_id, retailer_id, is_active }: ProductInput): void {
  const isMoved =
    (catalog_id !== undefined && catalog_id !== product.catalog_id) ||
    (retailer_id !== undefined && retailer_id !== product.retailer_id);
  if (product.meta_product_id !== null && isMoved) {
    throw new AppError('conflict', 'Meta has this product: its catalog_id and retailer_id are changed there.');
  }
  if (is_active === true && product.gone_at !== null) {
    throw new AppError('conflict', 'Meta has this product no longer. It is active again when a sync finds it there.');
  }
}

function found(row: ProductRow | null): ProductRow {
  if (!row) {
    throw noSuchProduct();
  }
  return row;
}

function noSuchProduct(): AppError {
  return new AppError('not_found', 'There is no such product.');
}

async function writing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (violatedUniqueKey(error) === 'catalog_products_account_id_catalog_id_retailer_id_key') {
      throw new AppError('product_exists', 'The catalog has a product with this retailer_id.');
    }
    throw error;
  }
}
