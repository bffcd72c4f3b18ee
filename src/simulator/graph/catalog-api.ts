import type { Catalog } from '../state/catalogs.js';
import { paramsOf, picked, type GraphCall } from './call.js';
import { badParam, GraphError, unknownObject } from './graph-error.js';
import { numberOf, wabaOf } from './numbers-api.js';
import { pageOf } from './paging.js';
import { respondJson } from './respond.js';

const DEFAULT_PRODUCT_FIELDS = 'id,name,retailer_id';
/** Meta: README §B.5. */
const PRODUCT_FIELDS = new Set(
  (
    'id retailer_id name description price currency availability image_url url brand condition inventory visibility ' +
    'review_status sale_price product_group'
  ).split(' '),
);
const SETTINGS = ['is_cart_enabled', 'is_catalog_visible'] as const;

/** `GET /{WABA}/product_catalogs`. */
export function handleProductCatalogs(call: GraphCall): void {
  const { world, query, url, response } = call;
  const catalogs = world.catalogs.of(wabaOf(call)).map(({ id, name }) => ({ id, name }));
  respondJson(response, pageOf(catalogs, query, url));
}

/** `GET /{CATALOG}/products`. */
export function handleProducts(call: GraphCall): void {
  const { world, id, query, url, response, method } = call;
  const catalog = world.catalogs.find(id);
  if (catalog === undefined) {
    throw unknownObject(method, id);
  }
  const fields = fieldsOf(query);
  const isBroken = fail(call, catalog);
  if (isBroken) {
    call.request.socket.destroy();
    return;
  }
  const page = pageOf([...catalog.products.values()], query, url);
  const data = (page.data as Record<string, unknown>[]).map((product) => picked(product, fields));
  const answer = { ...page, ...(catalog.faults.endless ? anew(page, url) : {}), data };
  if (catalog.faults.delayMs === 0) {
    respondJson(response, answer);
    return;
  }
  world.later(catalog.faults.delayMs, () => respondJson(response, answer));
}

/** `GET /{CATALOG}` and `GET /{PRODUCT}`; false when the id is neither's. */
export function handleCatalogNode(call: GraphCall): boolean {
  const { world, id, query, method, response } = call;
  const catalog = world.catalogs.find(id);
  if (catalog !== undefined && method === 'GET') {
    const facts = { id, name: catalog.name, product_count: catalog.products.size, vertical: 'commerce' };
    respondJson(response, picked(facts, query.get('fields') ?? 'id,name'));
    return true;
  }
  const product = world.catalogs.all().flatMap(({ products }) => {
    const found = [...products.values()].find((one) => one.id === id);
    return found ? [found] : [];
  })[0];
  if (product === undefined || method !== 'GET') {
    return false;
  }
  respondJson(response, picked(product, fieldsOf(query)));
  return true;
}

/** `GET|POST /{PHONE}/whatsapp_commerce_settings`. */
export function handleCommerceSettings(call: GraphCall): void {
  const { world, id, method, response } = call;
  numberOf(call);
  const settings = world.catalogs.settingsOf(id);
  if (method === 'GET') {
    respondJson(response, { data: [{ id, ...settings }] });
    return;
  }
  const params = paramsOf(call);
  const changes = SETTINGS.filter((name) => params[name] !== undefined);
  if (changes.length === 0) {
    throw badParam(`One of the parameters ${SETTINGS.join(', ')} is required.`);
  }
  const wrong = changes.find((name) => !['true', 'false'].includes(String(params[name])));
  if (wrong !== undefined) {
    throw badParam(`Param ${wrong} must be a boolean.`);
  }
  changes.forEach((name) => (settings[name] = String(params[name]) === 'true'));
  respondJson(response, { success: true });
}

function fieldsOf(query: URLSearchParams): string {
  const fields = query.get('fields') ?? DEFAULT_PRODUCT_FIELDS;
  const unknown = fields.split(',').find((field) => !PRODUCT_FIELDS.has(field.trim()));
  if (unknown !== undefined) {
    throw badParam(`Tried accessing nonexisting field (${unknown}) on node type (ProductItem)`);
  }
  return fields;
}

/** Refuses the page, if that is what was asked for. @returns true: the connection is to break off */
function fail({ query }: GraphCall, catalog: Catalog): boolean {
  const { faults } = catalog;
  catalog.pages += 1;
  if (faults.maxPage > 0 && Number(query.get('limit') ?? 0) > faults.maxPage) {
    // Meta: any Graph list, when a page is too much for one answer.
    throw new GraphError(1, '', {
      http: 500,
      message: 'Please reduce the amount of data you’re asking for, then retry your request',
      withoutData: true,
    });
  }
  if (faults.badCursors > 0 && query.has('after')) {
    faults.badCursors -= 1;
    throw new GraphError(131059);
  }
  const { failures } = faults;
  if (failures === null || failures.times === 0) {
    return false;
  }
  if (failures.afterPages > 0) {
    failures.afterPages -= 1;
    return false;
  }
  failures.times -= 1;
  if (failures.code !== 0) {
    throw new GraphError(failures.code);
  }
  return true;
}

/** Instead of ending, the list goes back to its beginning. */
function anew(page: Record<string, unknown>, url: string): Record<string, unknown> {
  const { next, ...paging } = (page.paging ?? {}) as Record<string, unknown>;
  const after = Buffer.from('page:0').toString('base64url');
  return next === undefined ? { paging: { ...paging, cursors: { after }, next: `${url}&after=${after}` } } : {};
}
