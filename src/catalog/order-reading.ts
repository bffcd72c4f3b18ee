/** A line of an order as far as it can be read. */
export interface ReadItem {
  retailerId: string;
  quantity: number | null;
  /** A decimal with a point. */
  itemPrice: string | null;
  currency: string | null;
}

/** What a message of type `order` says. */
export interface ReadOrder {
  catalogId: string;
  text: string;
  items: ReadItem[];
}

const MAX_ID = 255;
/** More pieces of one thing nobody orders in a chat. */
const MAX_QUANTITY = 1_000_000;
const MAX_PRICE = 100_000_000_000;
const DECIMAL = /^\d+(\.\d+)?(e[+-]?\d{1,2})?$/i;

/**
 * Reads Meta's `order {catalog_id, text, product_items[{product_retailer_id, quantity, item_price, currency}]}`. What of it
 * cannot be read is null or empty, and costs nothing else: the customer did order.
 */
export function readOrder(raw: Record<string, unknown>): ReadOrder {
  const order = objectOf(raw.order);
  const items = Array.isArray(order.product_items) ? order.product_items : [];
  return {
    catalogId: text(order.catalog_id).slice(0, MAX_ID).toWellFormed(),
    text: text(order.text),
    items: items.map((item) => readItem(objectOf(item))),
  };
}

function readItem(item: Record<string, unknown>): ReadItem {
  return {
    retailerId: text(item.product_retailer_id).slice(0, MAX_ID).toWellFormed(),
    quantity: quantityOf(item.quantity),
    itemPrice: priceOf(item.item_price),
    currency: currencyOf(item.currency),
  };
}

function quantityOf(value: unknown): number | null {
  const count = typeof value === 'string' && /^\d{1,7}$/.test(value.trim()) ? Number(value) : value;
  return typeof count === 'number' && Number.isInteger(count) && count > 0 && count <= MAX_QUANTITY ? count : null;
}

/** The digits as Meta wrote them, so that 0.1 stays 0.1. */
function priceOf(value: unknown): string | null {
  const written = text(value).trim();
  return DECIMAL.test(written) && Number(written) < MAX_PRICE ? written : null;
}

function currencyOf(value: unknown): string | null {
  const code = text(value).trim().toUpperCase();
  return /^[A-Z]{3}$/.test(code) ? code : null;
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** What PostgreSQL takes as text. */
function text(value: unknown): string {
  if (typeof value === 'number' && Number.isFinite(value)) {
    return String(value);
  }
  return typeof value === 'string' ? value.replaceAll('\u0000', '').toWellFormed() : '';
}
