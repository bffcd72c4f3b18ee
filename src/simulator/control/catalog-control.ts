import { Fields } from '../fields.js';
import { respondJson } from '../graph/respond.js';
import type { Catalog, ProductFields } from '../state/catalogs.js';
import type { Json } from '../validation/check.js';
import type { World } from '../world.js';
import { bodyOf, refuse, type ControlCall } from './call.js';

const MAX_GENERATED = 1_000_000;
const ANY_CODE = 9_999_999;

/** `GET /__simulate/catalogs`. */
export function getCatalogs({ world, response }: ControlCall): void {
  respondJson(response, { catalogs: world.catalogs.all().map(factsOf) });
}

/** `PUT /__simulate/catalogs/{id}`: its products, and what goes wrong with them. */
export function putCatalog(call: ControlCall): void {
  const body = bodyOf(call);
  if (body === undefined) {
    return;
  }
  const { world, response, name } = call;
  const fields = new Fields(body);
  const change = readChange(fields);
  if (!/^\d{5,20}$/.test(name)) {
    fields.problem('the catalog id must be digits');
  }
  const problems = fields.faults();
  if (problems.length > 0) {
    refuse(response, problems);
    return;
  }
  const catalog = world.catalogs.ensure(name);
  change(world, catalog);
  respondJson(response, factsOf(catalog));
}

type Change = (world: World, catalog: Catalog) => void;

function readChange(fields: Fields): Change {
  const wabaId = fields.text('waba_id');
  const name = fields.text('name');
  const clear = fields.flag('clear') ?? false;
  const generated = fields.whole('generate', 0, 0, MAX_GENERATED);
  const changed = fields.whole('change', 0, 0, MAX_GENERATED);
  const removed = fields.whole('remove_last', 0, 0, MAX_GENERATED);
  const products = fields.objects('products') ?? [];
  const gone = fields.value('remove') ?? [];
  if (products.some((product) => typeof product.retailer_id !== 'string')) {
    fields.problem('each product needs a retailer_id');
  }
  if (!Array.isArray(gone)) {
    fields.problem('remove must be a list of retailer ids');
  }
  const faults = readFaults(fields);
  return (world, catalog) => {
    catalog.wabaId = wabaId ?? catalog.wabaId;
    catalog.name = name ?? catalog.name;
    if (clear) {
      catalog.products.clear();
    }
    for (let index = 1; index <= generated; index += 1) {
      world.catalogs.put(catalog, made(index));
    }
    products.forEach((product) => world.catalogs.put(catalog, product as ProductFields));
    const ids = [...catalog.products.keys()];
    ids.slice(0, changed).forEach((id, index) => world.catalogs.put(catalog, { retailer_id: id, ...news(index) }));
    [...(gone as unknown[]).map(String), ...ids.slice(ids.length - removed)].forEach((id) =>
      catalog.products.delete(id),
    );
    faults(catalog);
  };
}

function readFaults(fields: Fields): (catalog: Catalog) => void {
  const code = fields.whole('fail_code', 0, 0, ANY_CODE);
  const times = fields.whole('fail_pages', 0, 0, MAX_GENERATED);
  const afterPages = fields.whole('fail_after_pages', 0, 0, MAX_GENERATED);
  const badCursors = fields.whole('bad_cursors', 0, 0, MAX_GENERATED);
  const maxPage = fields.whole('max_page', 0, 0, MAX_GENERATED);
  const delayMs = fields.whole('delay_ms', 0, 0, 60_000);
  const endless = fields.flag('endless') ?? false;
  return (catalog) => {
    catalog.faults = {
      failures: times > 0 ? { code, times, afterPages } : null,
      badCursors,
      maxPage,
      delayMs,
      endless,
    };
    catalog.pages = 0;
  };
}

function made(index: number): ProductFields {
  const number = String(index).padStart(6, '0');
  return {
    retailer_id: `SKU-${number}`,
    name: `Product ${number}`,
    description: `What product ${number} is good for, in a sentence or two, as shops write them.`,
    price: `$${(index % 1_000) + 1}.99`,
    image_url: `https://shop.example/images/${number}.jpg?${'w'.repeat(250)}`,
    url: `https://shop.example/products/${number}`,
    brand: 'Parley',
    inventory: index % 100,
  };
}

function news(index: number): Json {
  return { price: `$${(index % 1_000) + 2}.49`, availability: 'out of stock' };
}

function factsOf({ id, wabaId, name, products, pages }: Catalog): Json {
  return { id, waba_id: wabaId, name, products: products.size, pages };
}
