import { Injectable } from '@nestjs/common';
import { readPrice } from '../../catalog/price.js';
import type { Tx } from '../../database/database.js';
import { Cells, type DjangoRow } from '../django-row.js';
import { accountOf, modelOf, type ImportKind, type ImportRun } from '../import-kind.js';
import type { Tally } from '../import-report.js';
import { RowWriter, type Item, type TargetTable } from '../row-writer.js';

const TABLE: TargetTable = {
  name: 'catalog_products',
  columns: [
    ['account_id', 'bigint'],
    ['catalog_id', 'text'],
    ['retailer_id', 'text'],
    ['meta_product_id', 'text'],
    ['name', 'text'],
    ['price', 'text'],
    ['amount', 'numeric'],
    ['currency', 'text'],
    ['image_url', 'text'],
    ['is_hidden', 'boolean'],
    ['synced_at', 'timestamptz'],
    ['created_at', 'timestamptz'],
  ],
  sameAs: 't.account_id = u.account_id and t.catalog_id = u.catalog_id and t.retailer_id = u.retailer_id',
  hasUpdatedAt: true,
};
/** The package's sync wrote Meta's node into `retailer_id`: nothing but digits, and many. */
const META_NODE = /^\d{14,}$/;

/**
 * Products. Where the retailer's id is Meta's node, that is told as such: the first sync of the catalog here brings the product
 * under its own id, and marks this row as gone.
 */
@Injectable()
export class ProductImport implements ImportKind {
  readonly name = 'products';
  readonly selection = { model: 'whatsappcatalogproduct' };

  constructor(private readonly writer: RowWriter) {}

  async take(tx: Tx, run: ImportRun, rows: readonly DjangoRow[], tally: Tally): Promise<void> {
    const news = await this.writer.news(tx, modelOf(run, 'product'), rows, tally);
    const items = news.flatMap(({ row, hash }): Item[] => {
      const cells = new Cells(row, tally);
      const account = accountOf(run, row.account_id);
      const catalogId = cells.optional('catalog_id', 255);
      const retailerId = cells.optional('retailer_id', 255);
      if (!account || catalogId === null || retailerId === null) {
        tally.skipped(row.id, account ? 'no_id' : 'no_account');
        return [];
      }
      const isNode = META_NODE.test(retailerId);
      if (isNode) {
        tally.cleaned(row.id, 'retailer_id_is_metas_node');
      }
      const price = cells.text('price', 100);
      const { amount, currency } = readPrice(price, null);
      const syncedAt = cells.time('synced_at') ?? run.startedAt;
      const values = [
        account.id,
        catalogId,
        retailerId,
        isNode ? retailerId : null,
        cells.text('name', 255).trim() || retailerId,
        price,
        amount,
        currency,
        cells.text('image_url', 2_000),
        row.is_active === false,
        isNode ? syncedAt : null,
        syncedAt,
      ];
      return [{ sourceId: row.id, hash, values: () => values }];
    });
    await this.writer.write(tx, modelOf(run, 'product'), TABLE, items, tally);
  }
}
