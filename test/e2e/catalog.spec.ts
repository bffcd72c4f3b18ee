import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
import { CatalogSyncsRepository } from '../../src/catalog/catalog-syncs.repository.js';
import { startTestApp, eventually } from '../support/app.js';
import { startJourney, WABA_ID, type Journey } from '../support/journey.js';

interface Product {
  id: number;
  catalog_id: string;
  retailer_id: string;
  meta_product_id: string | null;
  name: string;
  price: string;
  amount: number | null;
  currency: string | null;
  image_url: string;
  is_active: boolean;
  gone_at: string | null;
  synced_at: string | null;
  updated_at: string;
}

interface Sync {
  id: number;
  status: string;
  synced: number;
  created: number;
  updated: number;
  removed: number;
  skipped: number;
  expected: number | null;
  error: { message: string; graph: { code: number; details: string } | null } | null;
}

interface Problem {
  code: string;
  status: number;
  detail: string;
  sync_id: number;
  what_to_do?: string;
  graph: { code: number; subcode: number | null; details: string };
  errors?: { field: string; code: string }[];
}

let catalogs = 500_000_000_000_100;

describe('the catalog', () => {
  let journey: Journey;
  let catalogId: string;

  beforeAll(async () => {
    journey = await startJourney();
  });
  afterAll(() => journey?.close());

  beforeEach(() => {
    catalogId = String((catalogs += 1));
  });

  const atMeta = (body: Record<string, unknown>): Promise<{ pages: number }> =>
    journey.simulator.call('PUT', `catalogs/${catalogId}`, body);

  const sync = async (): Promise<Sync> => {
    const answer = await journey.api.call<Sync>('POST', '/catalog/sync', { body: { catalog_id: catalogId } });
    expect([answer.status, answer.body]).toEqual([200, expect.objectContaining({ status: 'completed' })]);
    return answer.body;
  };

  const failedSync = async (): Promise<Problem & { httpStatus: number }> => {
    const answer = await journey.api.call<Problem>('POST', '/catalog/sync', { body: { catalog_id: catalogId } });
    return { ...answer.body, httpStatus: answer.status };
  };

  const products = async (query = ''): Promise<Product[]> => {
    const answer = await journey.api.call<{ products: Product[] }>(
      'GET',
      `/catalog/products?catalog_id=${catalogId}&limit=200${query}`,
    );
    expect(answer.status).toBe(200);
    return answer.body.products;
  };

  const product = async (retailerId: string): Promise<Product> => {
    const found = (await products(`&q=${retailerId}`)).find((one) => one.retailer_id === retailerId);
    if (!found) {
      throw new Error(`no product ${retailerId}`);
    }
    return found;
  };

  const create = (body: Record<string, unknown>): Promise<{ status: number; body: Product }> =>
    journey.api.call<Product>('POST', '/catalog/products', { body: { catalog_id: catalogId, name: 'Local', ...body } });

  describe('a sync', () => {
    it('brings every page, by the retailer’s own id and with Meta’s words, whatever their length', async () => {
      const longUrl = `https://shop.example/${'x'.repeat(4_000)}.jpg`;
      await atMeta({
        generate: 1_200,
        products: [{ retailer_id: 'TEA', name: 'Tea', price: '₹1,299.00', currency: 'INR', image_url: longUrl }],
      });
      expect(await sync()).toMatchObject({ synced: 1_201, created: 1_201, updated: 0, removed: 0, skipped: 0 });

      const [tea] = await products('&q=TEA');
      expect(tea).toMatchObject({
        retailer_id: 'TEA',
        name: 'Tea',
        price: '₹1,299.00',
        amount: 1299,
        currency: 'INR',
        image_url: longUrl,
        is_active: true,
        gone_at: null,
      });
      expect(tea?.meta_product_id).toMatch(/^\d+$/);
      expect(tea?.synced_at).not.toBeNull();
    });

    it('writes only what differs, and says when it saw the rest', async () => {
      await atMeta({ generate: 300 });
      await sync();
      const before = await product('SKU-000200');
      await atMeta({ change: 3 });
      expect(await sync()).toMatchObject({ synced: 300, created: 0, updated: 3, removed: 0 });

      const after = await product('SKU-000200');
      expect(after.updated_at).toBe(before.updated_at);
      expect(Date.parse(after.synced_at as string)).toBeGreaterThan(Date.parse(before.synced_at as string));
      expect(await product('SKU-000001')).toMatchObject({ price: '$2.49', amount: 2.49 });
    });

    it('takes what Meta has no longer out of use, until it is there again', async () => {
      await atMeta({ generate: 5 });
      await sync();
      await atMeta({ remove: ['SKU-000002', 'SKU-000004'] });
      expect(await sync()).toMatchObject({ synced: 3, updated: 0, removed: 2 });
      expect((await products('&is_active=false')).map((one) => one.retailer_id).sort()).toEqual([
        'SKU-000002',
        'SKU-000004',
      ]);
      expect((await product('SKU-000002')).gone_at).not.toBeNull();
      expect(await sync()).toMatchObject({ removed: 0 });

      await atMeta({ products: [{ retailer_id: 'SKU-000002', name: 'Again' }] });
      expect(await sync()).toMatchObject({ synced: 4, created: 0, updated: 1, removed: 0 });
      expect(await product('SKU-000002')).toMatchObject({ name: 'Again', is_active: true, gone_at: null });
    });

    it('leaves alone what a person took out of use', async () => {
      await atMeta({ generate: 2 });
      await sync();
      const { id } = await product('SKU-000001');
      const patch = await journey.api.call<Product>('PATCH', `/catalog/products/${id}`, { body: { is_active: false } });
      expect([patch.status, patch.body.is_active]).toEqual([200, false]);
      await atMeta({ change: 2 });
      await sync();
      expect(await product('SKU-000001')).toMatchObject({ price: '$2.49', is_active: false, gone_at: null });

      await journey.api.call('PATCH', `/catalog/products/${id}`, { body: { is_active: true } });
      expect(await product('SKU-000001')).toMatchObject({ is_active: true });
    });

    it('never takes a product made here for gone, and makes it Meta’s when Meta has it', async () => {
      await atMeta({ generate: 1 });
      await create({ retailer_id: 'OWN-1', price: '10.00 USD' });
      expect(await sync()).toMatchObject({ synced: 1, removed: 0 });
      expect(await product('OWN-1')).toMatchObject({ is_active: true, meta_product_id: null, synced_at: null });

      await atMeta({ products: [{ retailer_id: 'OWN-1', name: 'Meta’s', price: '$12.00' }] });
      expect(await sync()).toMatchObject({ synced: 2, created: 0, updated: 1 });
      expect(await product('OWN-1')).toMatchObject({ name: 'Meta’s', amount: 12, is_active: true });
      await atMeta({ remove: ['OWN-1'] });
      expect(await sync()).toMatchObject({ removed: 1 });
    });

    it('keeps what can be read, and counts what no message could name', async () => {
      await atMeta({
        products: [
          { retailer_id: 'A', name: null, price: null, currency: 7, inventory: 'many', description: 'a\u0000b\ud800' },
          { retailer_id: '', name: 'No id' },
          { retailer_id: 'x'.repeat(300), name: 'Too long an id' },
          { retailer_id: 'B', name: 'n'.repeat(900), price: 'ask us', inventory: 3 },
        ],
      });
      expect(await sync()).toMatchObject({ synced: 2, skipped: 2 });
      expect(await product('A')).toMatchObject({ name: 'Unknown Product', price: '', amount: null, currency: null });
      expect(await product('B')).toMatchObject({ name: 'n'.repeat(500), amount: null, currency: 'USD', inventory: 3 });
    });

    it('reads a page again that failed, and waits out a rate', async () => {
      await atMeta({ generate: 700, fail_code: 80008, fail_pages: 1, fail_after_pages: 1 });
      expect(await sync()).toMatchObject({ synced: 700, created: 700 });
      await atMeta({ fail_code: 0, fail_pages: 2, fail_after_pages: 1 });
      expect(await sync()).toMatchObject({ synced: 700, removed: 0 });
    });

    it('asks for smaller pages when Meta wants to be asked for less', async () => {
      await atMeta({ generate: 300, max_page: 130 });
      expect(await sync()).toMatchObject({ synced: 300 });
    });

    it('begins anew when Meta knows its cursor no longer, and counts each product once', async () => {
      await atMeta({ generate: 1_100, bad_cursors: 2 });
      expect(await sync()).toMatchObject({ synced: 1_100, created: 1_100, updated: 0 });
      await atMeta({ bad_cursors: 1_000 });
      expect(await failedSync()).toMatchObject({ httpStatus: 422, graph: { code: 131059 } });
      expect(await products('&is_active=false')).toEqual([]);
    });

    it('ends when Meta’s list does not, and takes nothing for gone', async () => {
      await atMeta({ generate: 600 });
      await sync();
      await atMeta({ remove_last: 10, endless: true });
      expect(await failedSync()).toMatchObject({
        httpStatus: 502,
        code: 'graph_error',
        detail: 'Meta’s list of products does not end.',
      });
      expect(await products('&is_active=false')).toEqual([]);
    });

    it('that fails half way keeps what it read, takes nothing for gone, and says why', async () => {
      await atMeta({ generate: 1_200 });
      await sync();
      await atMeta({ change: 1_000, remove_last: 5, fail_code: 100, fail_pages: 1, fail_after_pages: 1 });
      const problem = await failedSync();
      expect(problem).toMatchObject({ httpStatus: 422, code: 'graph_error', graph: { code: 100 } });

      const kept = await journey.api.call<Sync>('GET', `/catalog/syncs/${problem.sync_id}`);
      expect(kept.body).toMatchObject({
        status: 'failed',
        synced: 500,
        updated: 500,
        removed: 0,
        error: { graph: { code: 100 } },
      });
      expect(await products('&is_active=false')).toEqual([]);
      expect(await product('SKU-001196')).toMatchObject({ is_active: true });
    });

    it('of a catalog that Meta does not show says so', async () => {
      expect(await failedSync()).toMatchObject({
        httpStatus: 422,
        code: 'graph_error',
        graph: { code: 100, subcode: 33 },
      });
    });

    it.each([
      [200, 502],
      [190, 502],
    ])('tells of Meta’s refusal %i as %i, without trying again', async (code, status) => {
      await atMeta({ generate: 1, fail_code: code, fail_pages: 1 });
      expect(await failedSync()).toMatchObject({ httpStatus: status, code: 'graph_error', graph: { code } });
    });

    it('that is asked for while one runs is that one', async () => {
      // Meta refuses until all have asked: none is over before another begins.
      await atMeta({ generate: 2_000, fail_code: 80008, fail_pages: 1_000 });
      const begin = jest.spyOn(journey.api.app.get(CatalogSyncsRepository, { strict: false }), 'begin');
      const asked = [sync(), sync(), sync()];
      await eventually(
        () => Promise.all(begin.mock.results.map(({ value }) => value)),
        (begun) => begun.length === 3,
      );
      begin.mockRestore();
      await atMeta({});
      const both = await Promise.all(asked);
      expect(new Set(both.map(({ id }) => id)).size).toBe(1);
      expect(both[0]).toMatchObject({ synced: 2_000, created: 2_000 });
    });

    /** Two pages of three are read, and the third is refused until Meta is told something else. */
    const RATED = { generate: 1_500, fail_code: 80008, fail_pages: 1_000, fail_after_pages: 2 };
    const twoPagesRead = async (): Promise<number> => {
      const [row] = await eventually(
        () =>
          journey.api.db.query<{ id: number; synced: number }>(
            `select id, synced from catalog_syncs where catalog_id = $1`,
            [catalogId],
          ),
        ([one]) => one?.synced === 1_000,
      );
      return row?.id as number;
    };
    /** That were asked for since Meta was told something. */
    const pagesAsked = async (): Promise<number | undefined> => {
      const { catalogs: known } = await journey.simulator.call<{ catalogs: { id: string; pages: number }[] }>(
        'GET',
        'catalogs',
      );
      return known.find((one) => one.id === catalogId)?.pages;
    };

    it('goes on where it was when the process that read it is gone', async () => {
      await atMeta(RATED);
      const asked = sync();
      const id = await twoPagesRead();
      await atMeta({});
      expect(await asked).toMatchObject({ id, synced: 1_500, created: 1_500, removed: 0 });
      // The third: none was read again.
      expect(await pagesAsked()).toBe(1);
    });

    it('counts no page twice when who read it was only slow, and comes back', async () => {
      await atMeta(RATED);
      const asked = sync();
      const id = await twoPagesRead();
      await atMeta({ delay_ms: 2_000 });
      await eventually(pagesAsked, (pages) => pages === 1);
      await atMeta({});
      // As others find it once the lease of who reads it is over.
      await journey.api.db.query(`update catalog_syncs set lease_until = now() where id = $1`, [id]);
      expect(await asked).toMatchObject({ synced: 1_500, created: 1_500, updated: 0, removed: 0 });
      // The slow one’s page comes in after all.
      await new Promise((resolve) => setTimeout(resolve, 2_100));
      const list = await journey.api.call<{ syncs: Sync[] }>('GET', `/catalog/syncs?catalog_id=${catalogId}`);
      expect(list.body.syncs).toEqual([
        expect.objectContaining({ status: 'completed', synced: 1_500, created: 1_500 }),
      ]);
    });

    it('leaves no trace of what it saw, and is listed', async () => {
      await atMeta({ generate: 3 });
      const first = await sync();
      const second = await sync();
      expect(await journey.api.db.query('select * from catalog_sync_products where sync_id = $1', [second.id])).toEqual(
        [],
      );
      const list = await journey.api.call<{ syncs: Sync[]; next_cursor: string | null }>(
        'GET',
        `/catalog/syncs?catalog_id=${catalogId}&limit=1`,
      );
      expect(list.body.syncs.map(({ id }) => id)).toEqual([second.id]);
      const rest = await journey.api.call<{ syncs: Sync[] }>(
        'GET',
        `/catalog/syncs?catalog_id=${catalogId}&limit=1&cursor=${list.body.next_cursor}`,
      );
      expect(rest.body.syncs.map(({ id }) => id)).toEqual([first.id]);
    });

    it('without a catalog takes the account’s default, else the one of its WABA', async () => {
      const { accountId } = journey;
      const wabas = await journey.api.call<Sync & { catalog_id: string }>('POST', '/catalog/sync');
      expect([wabas.status, wabas.body.catalog_id, wabas.body.synced]).toEqual([200, `5${WABA_ID.slice(1)}`, 3]);

      await atMeta({ generate: 2 });
      await journey.api.call('PATCH', `/accounts/${accountId}`, { body: { default_catalog_id: catalogId } });
      const defaults = await journey.api.call<Sync & { catalog_id: string }>('POST', '/catalog/sync', { body: {} });
      expect([defaults.body.catalog_id, defaults.body.synced]).toEqual([catalogId, 2]);

      const list = await journey.api.call<{ catalogs: Record<string, unknown>[] }>('GET', '/catalog/catalogs');
      expect(list.body.catalogs).toEqual([
        expect.objectContaining({ catalog_id: `5${WABA_ID.slice(1)}`, is_default: false, product_count: 3 }),
      ]);
      await journey.api.call('PATCH', `/accounts/${accountId}`, { body: { default_catalog_id: null } });
    });
  });

  it('asks Graph for all fields, page by page, also when only the link to the next page has the cursor', async () => {
    const asked: { path: string; query: Record<string, string>; authorization: string }[] = [];
    const graph = createServer((request, response) => {
      const url = new URL(request.url ?? '', 'http://graph.test');
      if (url.pathname.endsWith('/products')) {
        const query = Object.fromEntries(url.searchParams);
        asked.push({ path: url.pathname, query, authorization: request.headers.authorization ?? '' });
        const next = `https://graph.facebook.com/v23.0/1/products?access_token=x&after=c%2B1`;
        const page = query.after === undefined ? { paging: { next } } : { paging: { cursors: { after: 'end' } } };
        const data = [
          { id: 7 + asked.length, retailer_id: `R${asked.length}`, name: 'N', price: '$1.00', currency: 'USD' },
        ];
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data, ...page }));
        return;
      }
      response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":{"code":100,"message":"no"}}');
    });
    await new Promise<void>((resolve) => graph.listen(0, '127.0.0.1', resolve));
    const { port } = graph.address() as AddressInfo;
    const api = await startTestApp({ worker: true, env: { GRAPH_API_BASE_URL: `http://127.0.0.1:${port}` } });
    try {
      await api.call('POST', '/accounts', {
        body: { name: 'A', access_token: 'the-token', phone_number_id: '300000000000099' },
      });
      const answer = await api.call<Sync>('POST', '/catalog/sync', { body: { catalog_id: '123' } });
      expect([answer.status, answer.body]).toEqual([200, expect.objectContaining({ synced: 2, created: 2 })]);
      const first = {
        path: '/v23.0/123/products',
        query: {
          fields:
            'id,retailer_id,name,description,price,currency,sale_price,availability,image_url,url,brand,condition,' +
            'inventory,visibility,review_status',
          limit: '500',
        },
        authorization: 'Bearer the-token',
      };
      expect(asked).toEqual([first, { ...first, query: { ...first.query, after: 'c+1' } }]);
    } finally {
      await api.close();
      graph.closeAllConnections();
      graph.close();
    }
  }, 60_000);

  describe('products', () => {
    it('can be made, found, changed and deleted here', async () => {
      const made = await create({
        retailer_id: 'Mug-1',
        name: 'Blue mug',
        price: '99.99 USD',
        availability: 'in stock',
      });
      expect([made.status, made.body]).toEqual([
        201,
        expect.objectContaining({ retailer_id: 'Mug-1', amount: 99.99, currency: 'USD', is_active: true }),
      ]);
      await create({ retailer_id: 'MUG-2', name: '100% red_mug' });
      expect((await products('&q=mug')).length).toBe(2);
      expect((await products('&q=%25')).map((one) => one.retailer_id)).toEqual(['MUG-2']);
      expect((await products('&q=mug-1')).map((one) => one.retailer_id)).toEqual(['Mug-1']);
      expect((await products('&availability=IN%20STOCK')).map((one) => one.retailer_id)).toEqual(['Mug-1']);

      const path = `/catalog/products/${made.body.id}`;
      const changed = await journey.api.call<Product>('PATCH', path, { body: { price: '1.299,00 €', name: 'Mug' } });
      expect(changed.body).toMatchObject({ name: 'Mug', price: '1.299,00 €', amount: 1299, currency: 'EUR' });
      expect((await journey.api.call<Product>('GET', path)).body).toEqual(changed.body);
      expect((await journey.api.call('DELETE', path)).status).toBe(204);
      expect((await journey.api.call('GET', path)).status).toBe(404);
      expect((await journey.api.call('DELETE', path)).status).toBe(404);
    });

    it('are listed page by page, the newest first', async () => {
      for (const retailer_id of ['1', '2', '3']) {
        await create({ retailer_id });
      }
      const path = `/catalog/products?catalog_id=${catalogId}&limit=2`;
      const first = await journey.api.call<{ products: Product[]; next_cursor: string }>('GET', path);
      const second = await journey.api.call<{ products: Product[]; next_cursor: string | null }>(
        'GET',
        `${path}&cursor=${first.body.next_cursor}`,
      );
      expect([...first.body.products, ...second.body.products].map((one) => one.retailer_id)).toEqual(['3', '2', '1']);
      expect(second.body.next_cursor).toBeNull();
      expect((await journey.api.call<Problem>('GET', `${path}&cursor=nonsense`)).body.code).toBe('bad_cursor');
    });

    it('are one per catalog and retailer id', async () => {
      await create({ retailer_id: 'A' });
      const again = await journey.api.call<Problem>('POST', '/catalog/products', {
        body: { catalog_id: catalogId, retailer_id: 'A', name: 'Again' },
      });
      expect([again.status, again.body.code]).toEqual([409, 'product_exists']);
      const other = await create({ retailer_id: 'B' });
      const moved = await journey.api.call<Problem>('PATCH', `/catalog/products/${other.body.id}`, {
        body: { retailer_id: 'A' },
      });
      expect([moved.status, moved.body.code]).toEqual([409, 'product_exists']);
    });

    it('have a price in the currency that is said, and no other', async () => {
      const dollars = await create({ retailer_id: 'D', price: '$5.00' });
      expect(dollars.body).toMatchObject({ amount: 5, currency: null });
      const path = `/catalog/products/${dollars.body.id}`;
      const named = await journey.api.call<Product>('PATCH', path, { body: { currency: 'AUD' } });
      expect(named.body).toMatchObject({ price: '$5.00', amount: 5, currency: 'AUD' });
      const raised = await journey.api.call<Product>('PATCH', path, { body: { price: '$6.00' } });
      expect(raised.body).toMatchObject({ amount: 6, currency: 'AUD' });
      const wrong = await journey.api.call<Problem>('PATCH', path, { body: { price: '€7.00', currency: 'AUD' } });
      expect([wrong.status, wrong.body.errors?.[0]]).toEqual([
        400,
        expect.objectContaining({ field: 'currency', code: 'invalid_currency' }),
      ]);
    });

    it('of Meta’s keep their id and catalog, and come back only from Meta', async () => {
      await atMeta({ generate: 2 });
      await sync();
      await atMeta({ remove: ['SKU-000001'] });
      await sync();
      const [gone, there] = [await product('SKU-000001'), await product('SKU-000002')];
      const revived = await journey.api.call<Problem>('PATCH', `/catalog/products/${gone.id}`, {
        body: { is_active: true },
      });
      expect([revived.status, revived.body.code]).toEqual([409, 'conflict']);
      const renamed = await journey.api.call<Problem>('PATCH', `/catalog/products/${there.id}`, {
        body: { retailer_id: 'OTHER' },
      });
      expect([renamed.status, renamed.body.code]).toEqual([409, 'conflict']);
      const same = await journey.api.call<Product>('PATCH', `/catalog/products/${there.id}`, {
        body: { retailer_id: 'SKU-000002', name: 'Ours' },
      });
      expect([same.status, same.body.name]).toEqual([200, 'Ours']);
      await sync();
      expect((await product('SKU-000002')).name).toBe('Product 000002');
    });

    it.each([
      [{}, 'retailer_id'],
      [{ retailer_id: 'x'.repeat(256) }, 'retailer_id'],
      [{ retailer_id: 'A', name: '' }, 'name'],
      [{ retailer_id: 'A', name: 'a\u0000' }, 'name'],
      [{ retailer_id: 'A', inventory: 3_000_000_000 }, 'inventory'],
      [{ retailer_id: 'A', currency: 'dollars' }, 'currency'],
      [{ retailer_id: 'A', is_active: 'perhaps' }, 'is_active'],
      [{ retailer_id: 'A', meta_product_id: '1' }, 'meta_product_id'],
    ])('are refused with the field named: %j', async (body, field) => {
      const answer = await journey.api.call<Problem>('POST', '/catalog/products', {
        body: { catalog_id: catalogId, name: 'Tea', ...body },
      });
      expect([answer.status, answer.body.errors?.map((error) => error.field)]).toEqual([400, [field]]);
    });

    it('and syncs of another account are not there', async () => {
      const other = await journey.api.call<{ id: number }>('POST', '/accounts', {
        body: { name: 'Other', access_token: 'other-token', phone_number_id: '300000000000077' },
      });
      const made = await create({ retailer_id: 'MINE' });
      await atMeta({ generate: 1 });
      const mine = await sync();
      const accountId = other.body.id;
      const path = `/catalog/products/${made.body.id}`;
      for (const [method, body] of [['GET'], ['DELETE'], ['PATCH', { name: 'Yours' }]] as const) {
        expect((await journey.api.call(method, path, { accountId, body })).status).toBe(404);
      }
      expect((await journey.api.call('GET', `/catalog/syncs/${mine.id}`, { accountId })).status).toBe(404);
      const list = await journey.api.call<{ products: Product[] }>('GET', '/catalog/products', { accountId });
      expect(list.body.products).toEqual([]);
      const nowhere = await journey.api.call<Problem>('POST', '/catalog/sync', { accountId, body: {} });
      expect([nowhere.status, nowhere.body.errors?.[0]?.field]).toEqual([400, 'catalog_id']);
      const catalogsOf = await journey.api.call<Problem>('GET', '/catalog/catalogs', { accountId });
      expect([catalogsOf.status, catalogsOf.body.code]).toEqual([409, 'account_credentials_missing']);
    });
  });

  it('says where to look when no worker lives, and the next one does it', async () => {
    const api = await startTestApp({ env: { GRAPH_API_BASE_URL: journey.simulator.url } });
    try {
      await api.call('POST', '/accounts', {
        body: { name: 'Lonely', access_token: 'a-token', phone_number_id: '300000000000088' },
      });
      await atMeta({ generate: 4 });
      const asked = await api.call<Sync>('POST', '/catalog/sync', { body: { catalog_id: catalogId } });
      expect([asked.status, asked.body]).toEqual([202, expect.objectContaining({ status: 'running', synced: 0 })]);
      const worker = await startTestApp({
        databaseUrl: api.databaseUrl,
        worker: true,
        env: { GRAPH_API_BASE_URL: journey.simulator.url },
      });
      try {
        await eventually(
          () => api.call<Sync>('GET', `/catalog/syncs/${asked.body.id}`),
          ({ body }) => body.status === 'completed' && body.synced === 4,
        );
      } finally {
        await worker.close();
      }
    } finally {
      await api.close();
    }
  }, 60_000);
});
