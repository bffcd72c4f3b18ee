import { AccountScopedDto, NextCursor, PageQuery } from '../http/common.dto.js';
import { Bool, Decimal, Id, Int, ListOf, OptionalText, Text, Timestamp } from '../http/fields.js';
import { MAX_NAME, MAX_RETAILER_ID } from './product-reading.js';
import type { ProductRow } from './products.repository.js';
import type { ProductInput } from './products.service.js';

const MAX_CATALOG_ID = 255;
const MAX_TEXT = 10_000;
const MAX_URL = 8_000;
const MAX_WORD = 100;
const MAX_INVENTORY = 2_147_483_647;

/** Meta's ids of catalogs, as text. */
export const CatalogId = (options: { optional?: boolean; description?: string } = {}): PropertyDecorator =>
  Text({ ...options, max: MAX_CATALOG_ID, example: '500000000000001' });

const RetailerId = (options: { optional?: boolean } = {}): PropertyDecorator =>
  Text({
    ...options,
    max: MAX_RETAILER_ID,
    description: 'The retailer’s own id (SKU): what messages name a product by.',
    example: 'SKU-0001',
  });

const Name = (options: { optional?: boolean } = {}): PropertyDecorator =>
  Text({ ...options, max: MAX_NAME, example: 'Assam tea, 250 g' });

/** What can be said of a product besides what it is called. */
class ProductFieldsDto extends AccountScopedDto {
  @OptionalText({
    max: MAX_WORD,
    description: 'As it is shown; `amount` and `currency` are read from it where that is certain.',
    example: '99.99 USD',
  })
  price?: string;

  @Text({
    max: 3,
    optional: true,
    pattern: /^[A-Z]{3}$/,
    patternHint: 'must be an ISO 4217 code such as USD',
    description: 'ISO 4217 code; needed when the price does not name it for certain (`$`).',
    example: 'USD',
  })
  currency?: string;

  @OptionalText({ max: MAX_WORD, example: '' })
  sale_price?: string;

  @OptionalText({ max: MAX_TEXT, example: 'Strong and malty.' })
  description?: string;

  @OptionalText({ max: MAX_URL, example: 'https://shop.example/tea.jpg' })
  image_url?: string;

  @OptionalText({ max: MAX_URL, example: 'https://shop.example/tea' })
  url?: string;

  @OptionalText({ max: MAX_WORD, example: 'Parley Tea' })
  brand?: string;

  @OptionalText({
    max: MAX_WORD,
    description: 'Meta’s words: `in stock`, `out of stock`, `preorder`, `available for order`, `discontinued`.',
    example: 'in stock',
  })
  availability?: string;

  @OptionalText({ max: MAX_WORD, example: 'new' })
  condition?: string;

  @Int({ optional: true, nullable: true, max: MAX_INVENTORY, example: 12 })
  inventory?: number | null;

  @Bool({ optional: true, description: 'False takes it out of use, and no sync brings it back.', example: true })
  is_active?: boolean;
}

export class CreateProductDto extends ProductFieldsDto {
  @CatalogId({ optional: true, description: 'Default: `default_catalog_id` of the account.' })
  catalog_id?: string;

  @RetailerId()
  retailer_id: string;

  @Name()
  name: string;
}

export class UpdateProductDto extends ProductFieldsDto {
  @CatalogId({ optional: true, description: 'Cannot be changed of a product that Meta has.' })
  catalog_id?: string;

  @RetailerId({ optional: true })
  retailer_id?: string;

  @Name({ optional: true })
  name?: string;
}

export class ListProductsQuery extends PageQuery {
  @OptionalText({ max: 200, description: 'Part of the name or of the retailer_id.', example: 'shirt' })
  q?: string;

  @CatalogId({ optional: true, description: 'Only those of this catalog.' })
  catalog_id?: string;

  @Bool({ optional: true, description: 'Only those that Meta has, or only those that are gone.' })
  is_active?: boolean;

  @OptionalText({ max: MAX_WORD, description: 'As Meta names it, in any case.', example: 'in stock' })
  availability?: string;
}

export class ProductDto {
  @Id()
  id: number;

  @CatalogId()
  catalog_id: string;

  @RetailerId()
  retailer_id: string;

  @Text({
    max: MAX_WORD,
    nullable: true,
    description: 'Meta’s own id of it. Null: made here, and not seen at Meta.',
    example: '600000000000001',
  })
  meta_product_id: string | null;

  @Name()
  name: string;

  @Text({ min: 0, max: MAX_TEXT, example: 'Strong and malty.' })
  description: string;

  @Text({ min: 0, max: MAX_WORD, description: 'As Meta formats it.', example: '₹1,299.00' })
  price: string;

  @Decimal({
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    nullable: true,
    description: 'The number in the price; null where it could be read in two ways.',
    example: 1299,
  })
  amount: number | null;

  @Text({ max: 3, nullable: true, description: 'ISO 4217 code.', example: 'INR' })
  currency: string | null;

  @Text({ min: 0, max: MAX_WORD, example: '' })
  sale_price: string;

  @Text({ min: 0, max: MAX_URL, example: 'https://shop.example/tea.jpg' })
  image_url: string;

  @Text({ min: 0, max: MAX_URL, example: 'https://shop.example/tea' })
  url: string;

  @Text({ min: 0, max: MAX_WORD, example: 'Parley Tea' })
  brand: string;

  @Text({ min: 0, max: MAX_WORD, example: 'in stock' })
  availability: string;

  @Text({ min: 0, max: MAX_WORD, example: 'new' })
  condition: string;

  @Text({ min: 0, max: MAX_WORD, description: '`published`, `hidden` or `staging`, at Meta.', example: 'published' })
  visibility: string;

  @Text({ min: 0, max: MAX_WORD, description: 'What Meta’s review made of it.', example: 'approved' })
  review_status: string;

  @Int({ nullable: true, example: 12 })
  inventory: number | null;

  @Bool({ description: 'Meta has it (or it was made here), and nobody took it out of use.', example: true })
  is_active: boolean;

  @Timestamp({ nullable: true, description: 'Since when no sync finds it at Meta.', example: null })
  gone_at: string | null;

  @Timestamp({ nullable: true, description: 'When a sync last saw it at Meta.' })
  synced_at: string | null;

  @Timestamp()
  created_at: string;

  @Timestamp()
  updated_at: string;
}

export class ProductListDto {
  @ListOf(() => ProductDto)
  products: ProductDto[];

  @NextCursor()
  next_cursor: string | null;
}

export function toProductInput({ account_id: _account, ...input }: CreateProductDto | UpdateProductDto): ProductInput {
  return input;
}

export function toProductDto(row: ProductRow): ProductDto {
  return {
    ...row,
    amount: row.amount === null ? null : Number(row.amount),
    gone_at: row.gone_at?.toISOString() ?? null,
    synced_at: row.synced_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}
