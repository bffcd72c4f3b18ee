import { invalid } from '../graph/graph-error.js';
import { objectAt, objectsAt, onlyKeys, optionalObjectAt, textAt, unique, wordAt, type Json } from './check.js';
import { refuseUnknown, type ProductRules } from './interactive-products.js';
import type { CheckMedia } from './media.js';

const CARD_BODY = 160;

/** Meta: 2–10 cards of one kind; media cards share the header type, product cards the catalogue. */
export function checkCarousel(
  action: Json,
  products: ProductRules,
  checkMedia: CheckMedia,
  checkUrlButton: (action: Json) => void,
): void {
  onlyKeys(action, 'action', ['cards']);
  const cards = objectsAt(action, 'cards', "action['cards']", 2, 10);
  const seen = cards.map((card, index) => {
    const path = `action['cards'][${index}]`;
    onlyKeys(card, path, ['card_index', 'type', 'header', 'body', 'action']);
    const position = card.card_index;
    if (typeof position !== 'number' || !Number.isInteger(position) || position < 0 || position > 9) {
      throw invalid(`${path}['card_index'] must be a whole number from 0 to 9`);
    }
    const type = wordAt(card, 'type', `${path}['type']`, ['cta_url', 'product']);
    const group =
      type === 'product'
        ? checkProductCard(card, path, products)
        : checkUrlCard(card, path, checkMedia, checkUrlButton);
    return { position: String(position), group: `${type}/${group}` };
  });
  unique(
    seen.map(({ position }) => position),
    'card_index',
  );
  if (new Set(seen.map(({ group }) => group)).size > 1) {
    throw invalid("action['cards'] must all have the same type, header type and catalog");
  }
}

function checkUrlCard(
  card: Json,
  path: string,
  checkMedia: CheckMedia,
  checkUrlButton: (action: Json) => void,
): string {
  const header = objectAt(card, 'header', `${path}['header']`);
  const format = wordAt(header, 'type', `${path}['header']['type']`, ['image', 'video']);
  const mediaPath = `${path}['header']['${format}']`;
  checkMedia(objectAt(header, format, mediaPath), format, mediaPath);
  const body = optionalObjectAt(card, 'body', `${path}['body']`);
  const text = body === undefined ? '' : textAt(body, 'text', `${path}['body']['text']`, CARD_BODY);
  if (text.split('\n').length > 3) {
    throw invalid(`${path}['body']['text'] must have at most 2 line breaks`);
  }
  checkUrlButton(objectAt(card, 'action', `${path}['action']`));
  return format;
}

function checkProductCard(card: Json, path: string, products: ProductRules): string {
  onlyKeys(card, path, ['card_index', 'type', 'action']);
  const action = objectAt(card, 'action', `${path}['action']`);
  onlyKeys(action, `${path}['action']`, ['product_retailer_id', 'catalog_id']);
  const id = textAt(action, 'product_retailer_id', `${path}['action']['product_retailer_id']`, 100);
  const catalogId = textAt(action, 'catalog_id', `${path}['action']['catalog_id']`, 255);
  refuseUnknown(products, catalogId, [id], 'all');
  return catalogId;
}
