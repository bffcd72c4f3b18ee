import { invalid } from '../graph/graph-error.js';
import { objectsAt, onlyKeys, optionalObjectAt, optionalTextAt, textAt, wordAt, type Json } from './check.js';

/** What is known of the products of catalogs. */
export interface ProductRules {
  /**
   * Undefined when the catalog is not known here, so that anything may be in it.
   * @param catalogId null: the catalogs that are connected to the number's WABA
   */
  has: (catalogId: string | null, retailerId: string) => boolean | undefined;
}

const MAX_SECTIONS = 10;
const MAX_PRODUCTS = 30;
const MAX_CATALOG_ID = 255;
/** Meta: a content id (SKU) has at most 100 characters. */
const MAX_RETAILER_ID = 100;

/** Meta: one product, by the retailer's id. */
export function checkProduct(action: Json, products: ProductRules): void {
  onlyKeys(action, 'action', ['catalog_id', 'product_retailer_id']);
  const catalogId = textAt(action, 'catalog_id', "action['catalog_id']", MAX_CATALOG_ID);
  const id = textAt(action, 'product_retailer_id', "action['product_retailer_id']", MAX_RETAILER_ID);
  refuseUnknown(products, catalogId, [id], 'all');
}

/** Meta: the whole catalog; a product may be named whose picture is shown. */
export function checkCatalogMessage(action: Json, products: ProductRules): void {
  onlyKeys(action, 'action', ['name', 'parameters']);
  wordAt(action, 'name', "action['name']", ['catalog_message']);
  const parameters = optionalObjectAt(action, 'parameters', "action['parameters']");
  if (parameters !== undefined) {
    onlyKeys(parameters, "action['parameters']", ['thumbnail_product_retailer_id']);
    const key = 'thumbnail_product_retailer_id';
    const id = optionalTextAt(parameters, key, key, MAX_RETAILER_ID);
    refuseUnknown(products, null, id === undefined ? [] : [id], 'all');
  }
}

/** Meta: up to 30 products in up to 10 sections; of several sections each has a title. Unknown ones are left out. */
export function checkProductList(action: Json, products: ProductRules): void {
  onlyKeys(action, 'action', ['catalog_id', 'sections']);
  const catalogId = textAt(action, 'catalog_id', "action['catalog_id']", MAX_CATALOG_ID);
  const sections = objectsAt(action, 'sections', "action['sections']", 1, MAX_SECTIONS);
  const ids = sections.flatMap((section, index) => {
    const path = `action['sections'][${index}]`;
    onlyKeys(section, path, ['title', 'product_items']);
    checkTitle(section, path, sections.length > 1);
    return itemsOf(section, `${path}['product_items']`);
  });
  if (ids.length > MAX_PRODUCTS) {
    throw invalid(`Total product count exceed max allowed count: ${MAX_PRODUCTS}`);
  }
  refuseUnknown(products, catalogId, ids, 'some');
}

/**
 * Meta: the words are from production reports. Of a carousel no page says what becomes of an unknown product among known
 * ones; a card cannot be empty, so the message is refused.
 * @param need how many of the products must be there
 */
export function refuseUnknown(
  products: ProductRules,
  catalogId: string | null,
  ids: readonly string[],
  need: 'all' | 'some',
): void {
  const unknown = ids.filter((id) => products.has(catalogId, id) === false);
  if (unknown.length > 0 && (need === 'all' || unknown.length === ids.length)) {
    throw invalid('Products not found in FB Catalog');
  }
}

function checkTitle(section: Json, path: string, isRequired: boolean): void {
  const check = isRequired ? textAt : optionalTextAt;
  check(section, 'title', `${path}['title']`, 24);
}

function itemsOf(section: Json, path: string): string[] {
  return objectsAt(section, 'product_items', path, 1, MAX_PRODUCTS).map((item) => {
    onlyKeys(item, path, ['product_retailer_id']);
    return textAt(item, 'product_retailer_id', `${path}['product_retailer_id']`, MAX_RETAILER_ID);
  });
}
