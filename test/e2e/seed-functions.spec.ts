import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, type Answer } from '../support/app.js';
import { startRecordedJourney, type GraphCallRecord, type RecordedJourney } from '../support/graph-recorder.js';
import { PHONE_NUMBER_ID, WABA_ID } from '../support/journey.js';

/**
 * The functions of the seeds (utils: catalog, blocked users, in-app signups), one test each: what is called here instead,
 * what Graph received, what comes back. With SHOW_SEED_FUNCTIONS set, they are printed as a table.
 */

type Json = Record<string, unknown>;

/** A line of the table. */
interface Shown {
  seed: string;
  promise: string;
  call: string;
  status: number;
  answer: unknown;
  graph: GraphCallRecord[];
}

const CATALOG = '194836987003835';
const PHONE = '+919850000001';
const PRODUCTS = 1_203;
const MESSAGES = `/v23.0/${PHONE_NUMBER_ID}/messages`;
const BLOCK_USERS = `/v23.0/${PHONE_NUMBER_ID}/block_users`;
const SIGNUPS = `/v23.0/${WABA_ID}/signups`;
const TERMS = 'https://www.facebook.com/legal/ads-manager-marketing-messages-terms';

describe('the functions of the seeds', () => {
  let journey: RecordedJourney;
  const table: Shown[] = [];
  const mediaDir = mkdtempSync(join(tmpdir(), 'parley-media-'));

  /** Calls the API for a function of the seeds, and remembers what Graph got of it. */
  const called = async <T = Json>(
    seed: string,
    promise: string,
    method: string,
    path: string,
    body?: object,
  ): Promise<{ answer: Answer<T>; graph: GraphCallRecord[] }> => {
    const before = journey.recorder.calls.length;
    const answer = await journey.api.call<T>(method, path, { body });
    const graph = journey.recorder.calls.slice(before);
    table.push({
      seed,
      promise,
      call: `${method} ${path}${body === undefined ? '' : ` ${JSON.stringify(body)}`}`,
      status: answer.status,
      answer: answer.body,
      graph,
    });
    return { answer, graph };
  };
  /** A message of the seeds' catalog functions: Graph's body of it, and the proof that its answer came back. */
  const sent = async (seed: string, promise: string, path: string, body: object): Promise<Json> => {
    const { answer, graph } = await called<{ status: string; result: Json; message: { message_id: string } }>(
      seed,
      promise,
      'POST',
      path,
      body,
    );
    expect([answer.status, answer.body.status, graph.length]).toEqual([200, 'sent', 1]);
    const [call] = graph as [GraphCallRecord];
    expect(call).toMatchObject({ method: 'POST', path: MESSAGES, status: 200 });
    expect(call.body).toMatchObject({ messaging_product: 'whatsapp', recipient_type: 'individual', to: PHONE });
    // "Returns: Meta API response dict."
    expect(answer.body.result).toEqual(call.answer);
    expect(answer.body.result).toMatchObject({ messages: [{ id: answer.body.message.message_id }] });
    return call.body as Json;
  };

  const get = async <T>(path: string): Promise<T> => {
    const { status, body } = await journey.api.call<T>('GET', path);
    expect(status).toBe(200);
    return body;
  };
  const isBlocked = async (phone: string): Promise<boolean> => {
    const { contacts } = await get<{ contacts: Json[] }>(`/contacts?q=${phone.slice(1)}`);
    return contacts.some((contact) => contact.phone === phone && contact.is_blocked === true);
  };

  beforeAll(async () => {
    journey = await startRecordedJourney({ env: { MEDIA_DIR: mediaDir } });
    // Opens the service window of the person whom all of them write to.
    const { wamid } = await journey.simulator.call<{ wamid: string }>('POST', 'inbound', { from: PHONE, text: 'Hi' });
    await eventually(
      () => journey.api.db.query('select 1 from messages where message_id = $1', [wamid]),
      (rows) => rows.length === 1,
    );
  });
  afterAll(async () => {
    await journey.close();
    rmSync(mediaDir, { recursive: true, force: true });
    if (process.env.SHOW_SEED_FUNCTIONS) {
      process.stdout.write(toMarkdown(table));
    }
  });

  describe('catalog', () => {
    it('sync_catalog_products', async () => {
      await journey.simulator.call('PUT', `catalogs/${CATALOG}`, {
        waba_id: WABA_ID,
        generate: PRODUCTS - 3,
        products: ['SKU-1', 'SKU-2', 'SKU-3'].map((retailer_id) => ({ retailer_id, name: `Thing ${retailer_id}` })),
      });
      const { answer, graph } = await called(
        'sync_catalog_products(catalog_id)',
        'Fetches all products from Meta and upserts them, all pages. Returns {"synced": N}.',
        'POST',
        '/catalog/sync',
        { catalog_id: CATALOG },
      );
      expect([answer.status, answer.body]).toEqual([200, expect.objectContaining({ synced: PRODUCTS })]);
      const pages = graph.filter(({ path }) => path.startsWith(`/v23.0/${CATALOG}/products?`));
      expect(pages.length).toBeGreaterThan(1);
      expect(pages.every(({ method, status }) => method === 'GET' && status === 200)).toBe(true);
      const listed = pages.flatMap(({ answer: page }) => (page as { data: Json[] }).data);
      expect(listed).toHaveLength(PRODUCTS);
      const found = await get<{ products: Json[] }>(`/catalog/products?q=SKU-2&catalog_id=${CATALOG}`);
      const [product] = found.products.filter(({ retailer_id }) => retailer_id === 'SKU-2');
      // The predecessor stored Meta's id in the place of the retailer's (predecessor P1).
      expect(product).toMatchObject({ name: 'Thing SKU-2', is_active: true });
    });

    it('send_single_product_message', async () => {
      const body = await sent(
        'send_single_product_message(phone_number, catalog_id, retailer_id, body, footer)',
        'Sends an interactive single-product card from a catalog.',
        '/send-product/',
        { phone: PHONE, catalog_id: CATALOG, retailer_id: 'SKU-1', body: 'It is back', footer: 'Till Sunday' },
      );
      expect(body).toMatchObject({ type: 'interactive' });
      expect(body.interactive).toEqual({
        type: 'product',
        body: { text: 'It is back' },
        footer: { text: 'Till Sunday' },
        action: { catalog_id: CATALOG, product_retailer_id: 'SKU-1' },
      });
    });

    it('send_multi_product_message', async () => {
      const sections = [
        { title: 'Shoes', product_items: [{ product_retailer_id: 'SKU-1' }, { product_retailer_id: 'SKU-2' }] },
        { title: 'Hats', product_items: [{ product_retailer_id: 'SKU-3' }] },
      ];
      const body = await sent(
        'send_multi_product_message(phone_number, catalog_id, sections, header, body, footer)',
        'Sends an interactive product list grouped into sections.',
        '/send-product-list/',
        { phone: PHONE, catalog_id: CATALOG, sections, header: 'Bestsellers', body: 'Look', footer: '' },
      );
      expect(body.interactive).toEqual({
        type: 'product_list',
        header: { type: 'text', text: 'Bestsellers' },
        body: { text: 'Look' },
        action: { catalog_id: CATALOG, sections },
      });
    });

    it('send_catalog_message', async () => {
      const body = await sent(
        'send_catalog_message(phone_number, thumbnail_retailer_id, body, footer)',
        'Sends a catalog message showing the full business catalog, with one product used as the thumbnail.',
        '/send-catalog/',
        { phone: PHONE, thumbnail_retailer_id: 'SKU-1', body: 'All we have', footer: 'Shop' },
      );
      expect(body.interactive).toEqual({
        type: 'catalog_message',
        body: { text: 'All we have' },
        footer: { text: 'Shop' },
        action: { name: 'catalog_message', parameters: { thumbnail_product_retailer_id: 'SKU-1' } },
      });
    });

    it('send_product_carousel_message', async () => {
      const body = await sent(
        'send_product_carousel_message(phone_number, catalog_id, retailer_ids, body)',
        'Sends a horizontally scrollable product carousel.',
        '/send-product-carousel/',
        { phone: PHONE, catalog_id: CATALOG, retailer_ids: ['SKU-1', 'SKU-2'], body: 'Pick one' },
      );
      // The predecessor's `product_carousel` is no type of Meta's (predecessor P4).
      expect(body.interactive).toEqual({
        type: 'carousel',
        body: { text: 'Pick one' },
        action: {
          cards: ['SKU-1', 'SKU-2'].map((product_retailer_id, card_index) => ({
            card_index,
            type: 'product',
            action: { product_retailer_id, catalog_id: CATALOG },
          })),
        },
      });
    });

    it('send_catalog_link_message', async () => {
      const body = await sent(
        'send_catalog_link_message(phone_number, wa_number)',
        'Sends a plain text message containing https://wa.me/c/<wa_number>.',
        '/send-catalog-link/',
        { phone: PHONE, wa_number: '919876500001' },
      );
      expect(body).toMatchObject({
        type: 'text',
        text: { body: 'https://wa.me/c/919876500001', preview_url: false },
      });
    });
  });

  describe('blocked users', () => {
    const [ASHA, RAVI, LENA] = ['+919850000011', '+919850000012', '+919850000013'] as const;

    it('block_users', async () => {
      const { display_phone_number: own } = await get<{ display_phone_number: string }>('/accounts/current');
      const business = `+${own.replace(/\D/g, '')}`;
      const { answer, graph } = await called<Json & { results: Json[] }>(
        'block_users(phone_numbers)',
        'Blocks up to 1,000 users in one call; updates the records of successes and failures; sets is_blocked.',
        'POST',
        '/block/bulk',
        { phones: [ASHA, RAVI, business], reason: 'spam', blocked_by: 'asha@example.com' },
      );
      expect(graph).toMatchObject([
        {
          method: 'POST',
          path: BLOCK_USERS,
          body: { messaging_product: 'whatsapp', block_users: [{ user: ASHA }, { user: RAVI }, { user: business }] },
          // Meta: one refusal makes the whole answer a 400.
          status: 400,
        },
      ]);
      expect(answer.status).toBe(200);
      expect(answer.body.results).toMatchObject([
        { phone: ASHA, status: 'blocked' },
        { phone: RAVI, status: 'blocked' },
        { phone: business, status: 'failed', error: { code: 131021 } },
      ]);
      // "Returns: Meta response dict with block_users.added_users and block_users.failed_users."
      expect(answer.body.meta_response).toMatchObject({
        block_users: {
          added_users: [{ input: ASHA }, { input: RAVI }],
          failed_users: [{ input: business }],
        },
      });
      const { blocked_users } = await get<{ blocked_users: Json[] }>('/blocked/?history=true');
      expect(blocked_users).toHaveLength(3);
      expect(blocked_users).toEqual(
        expect.arrayContaining([
          expect.objectContaining({
            phone_number: ASHA,
            is_active: true,
            reason: 'spam',
            blocked_by: 'asha@example.com',
          }),
          expect.objectContaining({ phone_number: RAVI, is_active: true }),
          expect.objectContaining({
            phone_number: business,
            is_active: false,
            meta_error: expect.stringContaining('131021'),
          }),
        ]),
      );
      expect(await Promise.all([ASHA, RAVI, business].map(isBlocked))).toEqual([true, true, false]);
    });

    it('get_blocked_users', async () => {
      const first = await called<{ blocked_users: Json[]; next_cursor: string | null; meta_response: Json }>(
        'get_blocked_users(limit, after_cursor)',
        'Fetches a paginated page of blocked users from Meta. Returns the raw Meta response with data[] and paging cursors.',
        'GET',
        '/blocked/?live=true&limit=1',
      );
      expect(first.graph).toMatchObject([{ method: 'GET', path: `${BLOCK_USERS}?limit=1`, status: 200 }]);
      expect(first.answer.status).toBe(200);
      // But for the links to other pages, which carry the access token.
      const { paging, ...raw } = first.graph[0]?.answer as Json & { paging: { cursors: Json } };
      expect(first.answer.body.meta_response).toEqual({ ...raw, paging: { cursors: paging.cursors } });
      expect(first.answer.body.meta_response).toMatchObject({
        data: [{ wa_id: ASHA.slice(1) }],
        paging: { cursors: { after: first.answer.body.next_cursor } },
      });
      // A last page that is full may promise one more, which is empty.
      const others: Json[] = [];
      for (let cursor = first.answer.body.next_cursor; cursor !== null && others.length < 3;) {
        const page: { blocked_users: Json[]; next_cursor: string | null } = await get(
          `/blocked/?live=true&limit=1&cursor=${encodeURIComponent(cursor)}`,
        );
        others.push(...page.blocked_users);
        cursor = page.next_cursor;
      }
      expect(others).toMatchObject([{ phone_number: RAVI }]);
    });

    it('unblock_users', async () => {
      const { answer, graph } = await called<Json & { results: Json[] }>(
        'unblock_users(phone_numbers)',
        'Unblocks a list of users: is_active = False, unblocked_at, is_blocked = False.',
        'POST',
        '/unblock/bulk',
        { phones: [ASHA], unblocked_by: 'ravi@example.com' },
      );
      expect(graph).toMatchObject([
        {
          method: 'DELETE',
          path: BLOCK_USERS,
          body: { messaging_product: 'whatsapp', block_users: [{ user: ASHA }] },
          status: 200,
        },
      ]);
      expect([answer.status, answer.body.results]).toMatchObject([200, [{ phone: ASHA, status: 'unblocked' }]]);
      // "Returns: Meta response dict with block_users.removed_users."
      expect(answer.body.meta_response).toEqual(graph[0]?.answer);
      expect(answer.body.meta_response).toMatchObject({ block_users: { removed_users: [{ input: ASHA }] } });
      const { blocked_users } = await get<{ blocked_users: Json[] }>('/blocked/?history=true');
      expect(blocked_users.find(({ phone_number }) => phone_number === ASHA)).toMatchObject({
        is_active: false,
        unblocked_by: 'ravi@example.com',
        unblocked_at: expect.stringMatching(/Z$/),
      });
      expect(await isBlocked(ASHA)).toBe(false);
    });

    it('sync_blocked_users_from_meta', async () => {
      // Somebody blocks Lena elsewhere.
      const elsewhere = await fetch(`${journey.simulator.url}${BLOCK_USERS}`, {
        method: 'POST',
        headers: { authorization: 'Bearer EAAtesttoken', 'content-type': 'application/json' },
        body: JSON.stringify({ messaging_product: 'whatsapp', block_users: [{ user: LENA }] }),
      });
      expect(elsewhere.status).toBe(200);
      const { answer, graph } = await called(
        'sync_blocked_users_from_meta()',
        'Paginates through all blocked users on Meta, updates the records and is_blocked. Returns the count synced.',
        'POST',
        '/blocked/sync',
        {},
      );
      expect(graph.every(({ method, path }) => method === 'GET' && path.startsWith(`${BLOCK_USERS}?limit=`))).toBe(
        true,
      );
      expect(graph.length).toBeGreaterThan(0);
      expect([answer.status, answer.body]).toMatchObject([200, { synced: 2, added: 1, removed: 0 }]);
      expect(await Promise.all([ASHA, RAVI, LENA].map(isBlocked))).toEqual([false, true, true]);
    });
  });

  describe('in-app signups', () => {
    const TEXTS = {
      display_name: 'Spring fair',
      signup_message: 'Offers and news, twice a month.',
      confirmation_message: 'Welcome! {{promo_code}} takes 10 % off.',
      privacy_policy_url: 'https://example.com/privacy',
      website_url: 'https://example.com',
      promo_code: 'SPRING10',
    };
    let id = 0;
    let signupId = '';

    it('create_signup', async () => {
      const { answer, graph } = await called<Json & { id: number; signup_id: string }>(
        'create_signup(display_name, signup_message, confirmation_message, privacy_policy_url, website_url, promo_code)',
        'Creates a new In-App Signup link via the Meta Graph API. Returns the response including the id.',
        'POST',
        '/signups',
        { ...TEXTS, tos_accepted: true },
      );
      expect(answer.status).toBe(201);
      const call = graph.find(({ method, path }) => method === 'POST' && path === SIGNUPS);
      expect(call).toMatchObject({ status: 200, body: { ...TEXTS, policy: { tos: TERMS, accepted: true } } });
      expect(answer.body).toMatchObject({ ...TEXTS, signup_id: (call?.answer as Json).id, status: 'ACTIVE' });
      expect(answer.body.deep_link).toMatch(new RegExp(`^https://wa\\.me/\\d+/signup/${answer.body.signup_id}$`));
      ({ id, signup_id: signupId } = answer.body);
    });

    it('create_signup "requires … waba_id set"', async () => {
      const account = await journey.api.call<{ id: number }>('POST', '/accounts', {
        body: { name: 'No WABA', phone_number_id: '300000000000009', access_token: 'EAAtesttoken' },
      });
      const { status, body } = await journey.api.call('POST', '/signups', {
        body: { ...TEXTS, tos_accepted: true },
        accountId: account.body.id,
      });
      expect([status, body.code]).toEqual([409, 'account_credentials_missing']);
      expect(String(body.detail)).toContain('waba_id');
    });

    it('list_signups', async () => {
      const { answer, graph } = await called(
        'list_signups()',
        'Lists all In-App Signup links for the account’s WABA.',
        'POST',
        '/signups/sync',
        {},
      );
      expect([answer.status, answer.body]).toMatchObject([200, { synced: 1 }]);
      expect(graph[0]).toMatchObject({ method: 'GET', status: 200, answer: { data: [{ id: signupId }] } });
      expect(graph[0]?.path.split('?')[0]).toBe(SIGNUPS);
      const { signups } = await get<{ signups: Json[] }>('/signups');
      expect(signups).toMatchObject([{ id, signup_id: signupId, ...TEXTS }]);
    });

    it('get_signup', async () => {
      const { answer, graph } = await called(
        'get_signup(signup_id)',
        'Fetches full details of a specific signup link from Meta.',
        'GET',
        `/signups/${id}?live=true`,
      );
      expect(graph).toMatchObject([{ method: 'GET', status: 200, answer: { id: signupId, waba_id: WABA_ID } }]);
      expect(graph[0]?.path.split('?')[0]).toBe(`/v23.0/signups/${signupId}`);
      expect([answer.status, answer.body]).toMatchObject([200, { id, signup_id: signupId, ...TEXTS }]);
    });

    it('update_signup', async () => {
      const changes = { promo_code: 'SUMMER20', confirmation_message: 'Hello! {{promo_code}} is yours.' };
      const { answer, graph } = await called(
        'update_signup(signup_id, promo_code, confirmation_message)',
        'Updates mutable fields of a signup link.',
        'PATCH',
        `/signups/${id}`,
        changes,
      );
      const update = graph.filter(({ method }) => method === 'POST');
      expect(update).toMatchObject([{ path: `/v23.0/signups/${signupId}`, status: 200 }]);
      expect(update[0]?.body).toEqual(changes);
      expect([answer.status, answer.body]).toMatchObject([200, { ...TEXTS, ...changes }]);
      const immutable = await journey.api.call('PATCH', `/signups/${id}`, {
        body: { privacy_policy_url: 'https://example.com/other' },
      });
      expect(immutable.status).toBe(409);
    });

    it('disable_signup', async () => {
      const { answer, graph } = await called(
        'disable_signup(signup_id)',
        'Disables a signup link by setting its status to DISABLED on Meta.',
        'POST',
        `/signups/${id}/disable`,
        {},
      );
      const update = graph.filter(({ method }) => method === 'POST');
      expect(update).toMatchObject([{ path: `/v23.0/signups/${signupId}`, body: { status: 'DISABLED' }, status: 200 }]);
      expect([answer.status, answer.body]).toMatchObject([200, { id, status: 'DISABLED' }]);
    });
  });
});

const MAX_CELL = 900;

/** For people: one row for each function. */
function toMarkdown(rows: readonly Shown[]): string {
  // The stored message says again what Graph received.
  const withoutMessage = (key: string, value: unknown): unknown => (key === 'message' ? undefined : value);
  const cell = (value: unknown): string => {
    const text = typeof value === 'string' ? value : JSON.stringify(value, withoutMessage);
    return `\`${text.replaceAll('|', '\\|').slice(0, MAX_CELL)}\``;
  };
  const lines = rows.map(({ seed, promise, call, status, answer, graph }) =>
    [
      cell(seed),
      promise,
      cell(call),
      graph
        .map(({ method, path, body, status: code }) =>
          cell(`${method} ${path}${body === null ? '' : ` ${JSON.stringify(body)}`} → ${code}`),
        )
        .join('<br>') || 'nothing',
      `${status} ${cell(answer)}`,
    ].join(' | '),
  );
  const head = ['function of the seeds', 'what it promises', 'call', 'what Graph received', 'answer'];
  return `\n| ${head.join(' | ')} |\n|${' --- |'.repeat(head.length)}\n${lines.map((line) => `| ${line} |\n`).join('')}`;
}
