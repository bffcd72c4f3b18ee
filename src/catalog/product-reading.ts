import type { MetaProduct } from '../meta/api/catalog.js';
import { readPrice } from './price.js';

/** A product as Meta has it, in our words. */
export interface SyncedProduct {
  metaProductId: string;
  retailerId: string;
  name: string;
  description: string;
  price: string;
  amount: string | null;
  currency: string | null;
  salePrice: string;
  imageUrl: string;
  url: string;
  brand: string;
  availability: string;
  condition: string;
  visibility: string;
  reviewStatus: string;
  inventory: number | null;
}

export const MAX_RETAILER_ID = 255;
export const MAX_NAME = 500;
const MAX_INVENTORY = 2_147_483_647;

/** Reads what Meta gives; null without an id, or without a retailer id that could be kept: no message could name it. */
export function readProduct(product: MetaProduct): SyncedProduct | null {
  const metaProductId = text(product.id);
  const retailerId = text(product.retailer_id);
  if (metaProductId === '' || retailerId === '' || retailerId.length > MAX_RETAILER_ID) {
    return null;
  }
  const price = text(product.price);
  return {
    metaProductId,
    retailerId,
    // The predecessor called a product without a name so.
    name: text(product.name).slice(0, MAX_NAME).toWellFormed() || 'Unknown Product',
    description: text(product.description),
    price,
    ...readPrice(price, text(product.currency) || null),
    salePrice: text(product.sale_price),
    imageUrl: text(product.image_url),
    url: text(product.url),
    brand: text(product.brand),
    availability: text(product.availability),
    condition: text(product.condition),
    visibility: text(product.visibility),
    reviewStatus: text(product.review_status),
    inventory: inventoryOf(product.inventory),
  };
}

/** What PostgreSQL takes as text; numbers too, for Meta writes ids both ways. */
function text(value: unknown): string {
  if (typeof value === 'number' && Number.isFinite(value)) {
    return String(value);
  }
  return typeof value === 'string' ? value.replaceAll('\u0000', '').toWellFormed() : '';
}

function inventoryOf(value: unknown): number | null {
  const count = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  return typeof count === 'number' && Number.isInteger(count) && Math.abs(count) <= MAX_INVENTORY ? count : null;
}
