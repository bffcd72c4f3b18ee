import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, type Answer } from '../support/app.js';
import { startRecordedJourney, type RecordedJourney, type SentJson } from '../support/graph-recorder.js';

interface MessageBody {
  id: number;
  account_id: number;
  message_id: string | null;
  status: string;
  message_type: string;
  message_body: string;
  client_ref: string | null;
  sent_by: string | null;
  reply_to: number | null;
  error: { code: number | null } | null;
}
interface SendBody {
  status: string;
  result: { messages: { id: string }[] } | null;
  message: MessageBody;
}
interface ProblemBody {
  code: string;
  detail: string;
  errors?: { field: string; code: string; message: string }[];
  graph?: { code: number; details: string };
  message?: { id: number };
  what_to_do?: string;
}

const CATALOG = '194836987003835';
const OWN_DIGITS = '16315555555';
const x = (count: number): string => 'x'.repeat(count);
const skus = (count: number, from = 0): string[] => Array.from({ length: count }, (_, index) => `SKU-${from + index}`);
const items = (count: number, from = 0): object[] =>
  skus(count, from).map((product_retailer_id) => ({ product_retailer_id }));

const PRODUCT = { catalog_id: CATALOG, retailer_id: 'SKU-1' };
const LIST = { catalog_id: CATALOG, header: 'Bestsellers', body: 'Look', sections: [{ product_items: items(1) }] };
const CATALOG_MESSAGE = { body: 'All we have' };
const CAROUSEL = { catalog_id: CATALOG, retailer_ids: ['SKU-1', 'SKU-2'], body: 'Pick one' };
const LINK = { wa_number: OWN_DIGITS };

/** One of each. */
const KINDS: [path: string, fields: object, type: string][] = [
  ['/send-product', PRODUCT, 'interactive'],
  ['/send-product-list', LIST, 'interactive'],
  ['/send-catalog', CATALOG_MESSAGE, 'interactive'],
  ['/send-product-carousel', CAROUSEL, 'interactive'],
  ['/send-catalog-link', LINK, 'text'],
];
const ABOUT_A_CATALOG = KINDS.filter(([, fields]) => 'catalog_id' in fields);

let nextPhone = 9_840_000_000;
const somebody = (): string => `+91${(nextPhone += 1)}`;
/** The simulator does to these what their last six digits say. */
const magic = (digits: string): string => `+919999${digits}`;

describe('product messages', () => {
  let journey: RecordedJourney;
  const mediaDir = mkdtempSync(join(tmpdir(), 'parley-media-'));

  const post = <T = SendBody>(path: string, body: object, options: object = {}): Promise<Answer<T>> =>
    journey.api.call<T>('POST', path, { body, ...options });
  /** Sends to somebody new, window or not. */
  const send = <T = SendBody>(path: string, body: object): Promise<Answer<T>> =>
    post<T>(`${path}/?force=true`, { phone: somebody(), ...body });
  const getMessage = async (id: number): Promise<MessageBody> =>
    (await journey.api.call<MessageBody>('GET', `/messages/${id}`)).body;
  const lastSent = (): SentJson => journey.recorder.sent.at(-1) as SentJson;
  const sentTo = (phone: string): SentJson[] => journey.recorder.sent.filter(({ to }) => to === phone);
  const setAccount = async (fields: object): Promise<void> => {
    const { status } = await journey.api.call('PATCH', `/accounts/${journey.accountId}`, { body: fields });
    expect(status).toBe(200);
  };
  const writes = async (from: string): Promise<{ wamid: string; id: number }> => {
    const { wamid } = await journey.simulator.call<{ wamid: string }>('POST', 'inbound', { from, text: 'Hi' });
    const [row] = await eventually(
      () => journey.api.db.query<{ id: number }>('select id from messages where message_id = $1', [wamid]),
      (rows) => rows.length === 1,
    );
    return { wamid, id: row?.id as number };
  };

  beforeAll(async () => {
    journey = await startRecordedJourney({
      env: { MEDIA_DIR: mediaDir },
      simulator: { faults: { hang_ms: 300 }, webhooks: { read_ratio: 1 } },
    });
  });
  afterAll(async () => {
    await journey.close();
    rmSync(mediaDir, { recursive: true, force: true });
  });

  describe('as Meta gets them', () => {
    it('one product, with a text or without', async () => {
      const action = { catalog_id: CATALOG, product_retailer_id: 'SKU-1' };
      const { status, body } = await send('/send-product', { ...PRODUCT, body: 'It is back', footer: 'Till Sunday' });
      expect([status, body.status]).toEqual([200, 'sent']);
      expect(lastSent()).toMatchObject({ type: 'interactive', recipient_type: 'individual' });
      expect(lastSent().interactive).toEqual({
        type: 'product',
        body: { text: 'It is back' },
        footer: { text: 'Till Sunday' },
        action,
      });
      expect(body.result?.messages[0]?.id).toBe(body.message.message_id);
      expect(body.message).toMatchObject({
        message_type: 'interactive',
        message_body: 'It is back',
        content: { type: 'interactive', interactive: { type: 'product', action } },
      });

      const bare = await send('/send-product', { ...PRODUCT, body: '', footer: '' });
      expect(lastSent().interactive).toEqual({ type: 'product', action });
      expect(bare.body.message.message_body).toBe('[Product: SKU-1]');
    });

    it('a list of products in sections', async () => {
      const sections = [
        { title: 'Shoes', product_items: items(2) },
        { title: 'Hats', product_items: items(1, 2) },
      ];
      const { status, body } = await send('/send-product-list', { ...LIST, footer: 'Free delivery', sections });
      expect(status).toBe(200);
      expect(lastSent().interactive).toEqual({
        type: 'product_list',
        header: { type: 'text', text: 'Bestsellers' },
        body: { text: 'Look' },
        footer: { text: 'Free delivery' },
        action: { catalog_id: CATALOG, sections },
      });
      expect(body.message.message_body).toBe('Look');

      await send('/send-product-list', { ...LIST, sections: [{ title: '', product_items: items(1) }] });
      expect((lastSent().interactive as { action: SentJson }).action.sections).toEqual([{ product_items: items(1) }]);
    });

    it('the catalog, with the picture of a product or one that Meta chooses', async () => {
      const { status } = await send('/send-catalog', { ...CATALOG_MESSAGE, thumbnail_retailer_id: 'SKU-1' });
      expect(status).toBe(200);
      expect(lastSent().interactive).toEqual({
        type: 'catalog_message',
        body: { text: 'All we have' },
        action: { name: 'catalog_message', parameters: { thumbnail_product_retailer_id: 'SKU-1' } },
      });
      await send('/send-catalog', { ...CATALOG_MESSAGE, footer: 'Shop', thumbnail_retailer_id: '' });
      expect(lastSent().interactive).toEqual({
        type: 'catalog_message',
        body: { text: 'All we have' },
        footer: { text: 'Shop' },
        action: { name: 'catalog_message' },
      });
    });

    it('a carousel: one card for each product, in their order, all of one catalog', async () => {
      const { status } = await send('/send-product-carousel', { ...CAROUSEL, retailer_ids: ['B', 'A', 'C'] });
      expect(status).toBe(200);
      expect(lastSent().interactive).toEqual({
        type: 'carousel',
        body: { text: 'Pick one' },
        action: {
          cards: ['B', 'A', 'C'].map((product_retailer_id, card_index) => ({
            card_index,
            type: 'product',
            action: { product_retailer_id, catalog_id: CATALOG },
          })),
        },
      });
    });

    it('the link to a catalog, as a plain text', async () => {
      const { status, body } = await send('/send-catalog-link', { wa_number: '+91 98765-00001' });
      expect(status).toBe(200);
      const link = 'https://wa.me/c/919876500001';
      expect(lastSent()).toMatchObject({ type: 'text', text: { body: link, preview_url: false } });
      expect(body.message).toMatchObject({ message_type: 'text', message_body: link });

      await send('/send-catalog-link', { wa_number: '919876500001', message: 'Our shop', preview_url: true });
      expect(lastSent().text).toEqual({ body: `Our shop\n${link}`, preview_url: true });
      await send('/send-catalog-link', { wa_number: '9876500001', message: 'See {{link}} for all' });
      expect(lastSent().text).toEqual({ body: `See ${link} for all`, preview_url: false });
    });

    it('the link to the account’s own catalog, when its number is known', async () => {
      await journey.api.db.query('update accounts set display_phone_number = null where id = $1', [journey.accountId]);
      const unknown = await eventually(
        () => send<ProblemBody>('/send-catalog-link', {}),
        ({ status }) => status === 400,
      );
      expect(unknown.body.errors).toMatchObject([{ field: 'wa_number', code: 'required' }]);
      await journey.api.call('POST', `/accounts/${journey.accountId}/refresh-profile`, { body: {} });
      const account = await journey.api.call<{ display_phone_number: string }>('GET', `/accounts/${journey.accountId}`);
      const digits = account.body.display_phone_number.replace(/\D/g, '');
      expect(digits).not.toBe('');
      expect((await send('/send-catalog-link', {})).status).toBe(200);
      expect(lastSent().text).toMatchObject({ body: `https://wa.me/c/${digits}` });
    });
  });

  describe('the catalog', () => {
    afterEach(() => setAccount({ default_catalog_id: null }));

    it.each(ABOUT_A_CATALOG)('%s is about the account’s own when none is named', async (path, fields) => {
      await setAccount({ default_catalog_id: '4711' });
      const { status } = await send(path, { ...fields, catalog_id: undefined });
      expect(status).toBe(200);
      expect(JSON.stringify(lastSent().interactive)).toContain('"catalog_id":"4711"');

      await send(path, fields);
      expect(JSON.stringify(lastSent().interactive)).toContain(`"catalog_id":"${CATALOG}"`);
      expect(JSON.stringify(lastSent().interactive)).not.toContain('4711');
    });

    it.each(ABOUT_A_CATALOG)('%s needs one', async (path, fields) => {
      const before = journey.recorder.sent.length;
      const { status, body } = await send<ProblemBody>(path, { ...fields, catalog_id: undefined });
      expect([status, body.code]).toEqual([400, 'validation_failed']);
      expect(body.errors).toMatchObject([{ field: 'catalog_id', code: 'required' }]);
      expect(body.detail).toContain('default_catalog_id');
      expect(journey.recorder.sent).toHaveLength(before);
    });

    it('of another account is not taken', async () => {
      const other = await journey.api.call<{ id: number }>('POST', '/accounts', {
        body: {
          name: 'Other',
          phone_number_id: '300000000000002',
          waba_id: '200000000000001',
          access_token: 'EAAother',
          default_catalog_id: '815',
        },
      });
      expect(other.status).toBe(201);
      const mine = await send<ProblemBody>('/send-product', { retailer_id: 'SKU-1' });
      expect(mine.status).toBe(400);
      const theirs = await post('/send-product/?force=true', {
        phone: somebody(),
        retailer_id: 'SKU-1',
        account_id: other.body.id,
      });
      expect([theirs.status, theirs.body.message.account_id]).toEqual([200, other.body.id]);
      expect((lastSent().interactive as { action: SentJson }).action.catalog_id).toBe('815');
    });
  });

  describe('limits', () => {
    it('are allowed themselves', async () => {
      const around = { body: x(1_024), footer: x(60) };
      const sections = Array.from({ length: 10 }, (_, index) => ({
        title: x(24),
        product_items: items(3, index * 3),
      }));
      const answers = [
        await send('/send-product', { ...PRODUCT, ...around, retailer_id: x(100) }),
        await send('/send-product-list', { ...LIST, ...around, header: x(60), sections }),
        await send('/send-product-list', { ...LIST, sections: [{ product_items: items(30) }] }),
        await send('/send-catalog', { ...around, thumbnail_retailer_id: x(100) }),
        await send('/send-product-carousel', { ...CAROUSEL, body: x(1_024), retailer_ids: skus(10) }),
        await send('/send-catalog-link', { ...LINK, message: x(4_096 - `\nhttps://wa.me/c/${OWN_DIGITS}`.length) }),
      ];
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
    });

    it('are counted in characters, of which an emoji may have two', async () => {
      expect((await send('/send-product', { ...PRODUCT, body: '🌱'.repeat(512) })).status).toBe(200);
      const { body } = await send<ProblemBody>('/send-product', { ...PRODUCT, body: '❤️'.repeat(513) });
      expect(body.errors).toMatchObject([{ field: 'body', code: 'max_length' }]);
    });

    it.each<[string, string, object, string, string]>([
      ['no product', '/send-product', { ...PRODUCT, retailer_id: undefined }, 'retailer_id', 'required'],
      ['a product without an id', '/send-product', { ...PRODUCT, retailer_id: ' ' }, 'retailer_id', 'required'],
      ['a long id', '/send-product', { ...PRODUCT, retailer_id: x(101) }, 'retailer_id', 'max_length'],
      ['an id that is a number', '/send-product', { ...PRODUCT, retailer_id: 5 }, 'retailer_id', 'not_string'],
      ['an id with a NUL', '/send-product', { ...PRODUCT, retailer_id: 'a\u0000' }, 'retailer_id', 'matches'],
      [
        'an id with half a character',
        '/send-product',
        { ...PRODUCT, retailer_id: 'a\ud83c' },
        'retailer_id',
        'not_allowed_characters',
      ],
      [
        'a body with half a character',
        '/send-product',
        { ...PRODUCT, body: 'x\ud83c' },
        'body',
        'not_allowed_characters',
      ],
      ['a list for a section', '/send-product-list', { ...LIST, sections: [[]] }, 'sections', 'not_object'],
      [
        'a list for a product',
        '/send-product-list',
        { ...LIST, sections: [{ product_items: [[]] }] },
        'sections.0.product_items',
        'not_object',
      ],
      ['nothing for a section', '/send-product-list', { ...LIST, sections: [null] }, 'sections', 'not_object'],
      ['a long body', '/send-product', { ...PRODUCT, body: x(1_025) }, 'body', 'max_length'],
      ['a long footer', '/send-product', { ...PRODUCT, footer: x(61) }, 'footer', 'max_length'],
      ['a header over a product', '/send-product', { ...PRODUCT, header: 'Hi' }, 'header', 'unknown_field'],
      ['no header', '/send-product-list', { ...LIST, header: undefined }, 'header', 'required'],
      ['an empty header', '/send-product-list', { ...LIST, header: '' }, 'header', 'min_length'],
      ['a long header', '/send-product-list', { ...LIST, header: x(61) }, 'header', 'max_length'],
      ['no body of a list', '/send-product-list', { ...LIST, body: undefined }, 'body', 'required'],
      ['no sections', '/send-product-list', { ...LIST, sections: [] }, 'sections', 'array_not_empty'],
      ['sections left out', '/send-product-list', { ...LIST, sections: undefined }, 'sections', 'required'],
      [
        '11 sections',
        '/send-product-list',
        { ...LIST, sections: Array.from({ length: 11 }, () => ({ title: 'A', product_items: items(1) })) },
        'sections',
        'array_max_size',
      ],
      [
        'two sections, one without a title',
        '/send-product-list',
        { ...LIST, sections: [{ title: 'A', product_items: items(1) }, { product_items: items(1) }] },
        'sections.1.title',
        'required',
      ],
      [
        'a long title',
        '/send-product-list',
        { ...LIST, sections: [{ title: x(25), product_items: items(1) }] },
        'sections.0.title',
        'max_length',
      ],
      [
        'a section without products',
        '/send-product-list',
        { ...LIST, sections: [{ product_items: [] }] },
        'sections.0.product_items',
        'array_not_empty',
      ],
      [
        '31 products in one section',
        '/send-product-list',
        { ...LIST, sections: [{ product_items: items(31) }] },
        'sections.0.product_items',
        'array_max_size',
      ],
      [
        '31 products in two sections',
        '/send-product-list',
        {
          ...LIST,
          sections: [
            { title: 'A', product_items: items(30) },
            { title: 'B', product_items: items(1) },
          ],
        },
        'sections',
        'too_many_products',
      ],
      [
        'a product of a list without an id',
        '/send-product-list',
        { ...LIST, sections: [{ product_items: [{}] }] },
        'sections.0.product_items.0.product_retailer_id',
        'required',
      ],
      [
        'a product of a list by another name',
        '/send-product-list',
        { ...LIST, sections: [{ product_items: [{ product_retailer_id: 'A', sku: 'A' }] }] },
        'sections.0.product_items.0.sku',
        'unknown_field',
      ],
      ['no body of a catalog', '/send-catalog', {}, 'body', 'required'],
      [
        'a long thumbnail',
        '/send-catalog',
        { ...CATALOG_MESSAGE, thumbnail_retailer_id: x(101) },
        'thumbnail_retailer_id',
        'max_length',
      ],
      ['no cards', '/send-product-carousel', { ...CAROUSEL, retailer_ids: [] }, 'retailer_ids', 'array_min_size'],
      ['one card', '/send-product-carousel', { ...CAROUSEL, retailer_ids: ['A'] }, 'retailer_ids', 'array_min_size'],
      ['11 cards', '/send-product-carousel', { ...CAROUSEL, retailer_ids: skus(11) }, 'retailer_ids', 'array_max_size'],
      [
        'a card of nothing',
        '/send-product-carousel',
        { ...CAROUSEL, retailer_ids: ['A', ''] },
        'retailer_ids.1',
        'required',
      ],
      [
        'a card with a NUL',
        '/send-product-carousel',
        { ...CAROUSEL, retailer_ids: ['A', '\u0000B'] },
        'retailer_ids.1',
        'not_allowed_characters',
      ],
      ['no body of a carousel', '/send-product-carousel', { ...CAROUSEL, body: undefined }, 'body', 'required'],
      ['a footer of a carousel', '/send-product-carousel', { ...CAROUSEL, footer: 'x' }, 'footer', 'unknown_field'],
      ['a text too long with its link', '/send-catalog-link', { ...LINK, message: x(4_090) }, 'message', 'max_length'],
    ])('%s: 400 that names the field, before Meta is asked', async (_what, path, fields, field, code) => {
      const before = journey.recorder.sent.length;
      const { status, body } = await send<ProblemBody>(path, fields);
      expect([status, body.code]).toEqual([400, 'validation_failed']);
      expect(body.errors?.find((error) => error.field === field) ?? body.errors).toMatchObject({ code });
      expect(body.errors?.every((error) => error.message.includes(error.field))).toBe(true);
      expect(journey.recorder.sent).toHaveLength(before);
    });

    it('a number that is none is no link', async () => {
      const { status, body } = await send<ProblemBody>('/send-catalog-link', { wa_number: 'shop' });
      expect([status, body.errors]).toMatchObject([400, [{ field: 'wa_number', code: 'invalid_phone_number' }]]);
    });

    it('every fault is named at once', async () => {
      const sections = [{ product_items: [] }, { title: x(24), product_items: [{ product_retailer_id: ' ' }] }];
      const { body } = await send<ProblemBody>('/send-product-list', { ...LIST, sections });
      expect(body.errors?.map(({ field }) => field)).toEqual([
        'sections.0.title',
        'sections.0.product_items',
        'sections.1.product_items.0.product_retailer_id',
      ]);
    });
  });

  describe('products that Meta does not have', () => {
    const known = '600000000000042';
    const unknown = { catalog_id: known, retailer_id: 'GONE' };

    beforeAll(() =>
      journey.simulator.call('PUT', `catalogs/${known}`, {
        waba_id: '200000000000001',
        products: [{ retailer_id: 'SKU-1' }, { retailer_id: 'SKU-2' }],
      }),
    );
    // Without its WABA it says nothing of what other tests send.
    afterAll(() => journey.simulator.call('PUT', `catalogs/${known}`, { waba_id: '0' }));

    it.each<[string, string, object]>([
      ['a product', '/send-product', unknown],
      [
        'all of a list',
        '/send-product-list',
        { ...LIST, catalog_id: known, sections: [{ product_items: items(2, 7) }] },
      ],
      ['the picture of a catalog', '/send-catalog', { ...CATALOG_MESSAGE, thumbnail_retailer_id: 'GONE' }],
      ['a card', '/send-product-carousel', { ...CAROUSEL, catalog_id: known, retailer_ids: ['SKU-1', 'GONE'] }],
    ])('%s: Meta’s words, what to do, and the failed message', async (_what, path, fields) => {
      const { status, body } = await send<ProblemBody>(path, fields);
      expect([status, body.code]).toEqual([422, 'graph_error']);
      expect(body.graph).toMatchObject({ code: 131009, details: 'Products not found in FB Catalog' });
      expect(body.what_to_do).toContain('/catalog/sync');
      expect(await getMessage(body.message?.id as number)).toMatchObject({ status: 'failed', error: { code: 131009 } });
    });

    it('some of a list: Meta sends the others', async () => {
      const sections = [{ product_items: items(3) }];
      const { status, body } = await send('/send-product-list', { ...LIST, catalog_id: known, sections });
      // Statuses may be here before the answer is.
      expect([status, body.message.status]).toEqual([200, expect.stringMatching(/^(sent|delivered|read)$/)]);
    });

    it('all others go out', async () => {
      const answers = [
        await send('/send-product', { ...unknown, retailer_id: 'SKU-2' }),
        await send('/send-catalog', { ...CATALOG_MESSAGE, thumbnail_retailer_id: 'SKU-1' }),
        await send('/send-product-carousel', { ...CAROUSEL, catalog_id: known }),
      ];
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    });
  });

  describe.each(KINDS)('%s does what every send does', (path, fields, type) => {
    it('is refused when the window is closed, and goes out when the customer has written', async () => {
      const phone = somebody();
      const before = journey.recorder.sent.length;
      const closed = await post<ProblemBody>(`${path}/`, { phone, ...fields });
      expect([closed.status, closed.body.code]).toEqual([422, 'outside_service_window']);
      expect(journey.recorder.sent).toHaveLength(before);

      const { wamid, id } = await writes(phone);
      const open = await post(path, {
        phone: phone.slice(1),
        ...fields,
        reply_message_id: wamid,
        client_ref: `ref-${path}`,
        sent_by: 'asha@example.com',
      });
      expect(open.status).toBe(200);
      expect(sentTo(phone)).toMatchObject([{ type, context: { message_id: wamid } }]);
      expect(open.body.message).toMatchObject({
        message_type: type,
        client_ref: `ref-${path}`,
        sent_by: 'asha@example.com',
        reply_to: id,
      });
      const read = await eventually(
        () => getMessage(open.body.message.id),
        ({ status }) => status === 'read',
      );
      expect(read).toMatchObject({ message_id: open.body.message.message_id, error: null });
      const history = await journey.api.db.query<{ status: string }>(
        'select distinct status from message_statuses where message_id = $1',
        [read.message_id],
      );
      expect(history.map(({ status }) => status)).toEqual(expect.arrayContaining(['delivered', 'read']));
    });

    it('is refused to a person who is blocked, unless Meta is to be asked', async () => {
      const phone = somebody();
      await writes(phone);
      expect((await post('/block/', { phone })).status).toBe(200);
      const { status, body } = await post<ProblemBody>(path, { phone, ...fields });
      expect([status, body.code]).toEqual([422, 'contact_blocked']);
      expect(sentTo(phone)).toEqual([]);

      const forced = await post<ProblemBody>(`${path}?force=true`, { phone, ...fields });
      expect([forced.status, forced.body.graph?.code]).toEqual([422, 130403]);
      expect(sentTo(phone)).toHaveLength(1);
    });

    it('refuses a client_ref twice', async () => {
      await send(path, { ...fields, client_ref: `twice-${path}` });
      const { status, body } = await send<ProblemBody>(path, { ...fields, client_ref: `twice-${path}` });
      expect([status, body.code]).toEqual([409, 'client_ref_taken']);
    });

    it('is sent once with one Idempotency-Key', async () => {
      const phone = somebody();
      const options = { headers: { 'idempotency-key': `key-${path}` } };
      const first = await post(`${path}/?force=true`, { phone, ...fields }, options);
      const again = await post(`${path}/?force=true`, { phone, ...fields }, options);
      expect([first.status, again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 200, 'true']);
      expect(again.body.message.id).toBe(first.body.message.id);
      expect(sentTo(phone)).toHaveLength(1);
    });

    it('waits for send_at, and goes out then', async () => {
      const phone = somebody();
      await writes(phone);
      const send_at = new Date(Date.now() + 60_000).toISOString();
      const { status, body } = await post(path, { phone, ...fields, send_at, valid_for_s: 60 });
      expect([status, body.status, body.result, body.message.status]).toEqual([202, 'scheduled', null, 'scheduled']);
      expect(sentTo(phone)).toEqual([]);
      await journey.api.db.query(`update messages set due_at = now() - interval '1 ms' where id = $1`, [
        body.message.id,
      ]);
      const sent = await eventually(
        () => getMessage(body.message.id),
        ({ message_id }) => message_id !== null,
      );
      expect(sent.message_type).toBe(type);
      expect(sentTo(phone)).toMatchObject([{ type }]);
    });

    it('answers 504 with the message when Meta’s answer is lost', async () => {
      const before = journey.recorder.sent.length;
      const { status, body } = await send<ProblemBody>(path, { ...fields, phone: magic('000507') });
      expect([status, body.code]).toEqual([504, 'graph_outcome_unknown']);
      expect((await getMessage(body.message?.id as number)).status).toBe('unknown');
      expect(journey.recorder.sent).toHaveLength(before + 1);
    });

    it('shows Meta’s refusal, and keeps the failed message', async () => {
      const { status, body } = await send<ProblemBody>(path, { ...fields, phone: magic('131009') });
      expect([status, body.code, body.graph?.code]).toEqual([422, 'graph_error', 131009]);
      expect(await getMessage(body.message?.id as number)).toMatchObject({
        status: 'failed',
        message_type: type,
        error: { code: 131009 },
      });
    });

    it('goes to a person whose phone is not known', async () => {
      const user_id = `IN.77${String((nextPhone += 1))}`;
      const { status } = await post(`${path}/?force=true`, { user_id, ...fields });
      expect(status).toBe(200);
      expect(lastSent()).toMatchObject({ recipient: user_id, type });
      expect(lastSent()).not.toHaveProperty('to');
    });

    it('needs somebody to go to, and the scope', async () => {
      const nobody = await post<ProblemBody>(path, fields);
      expect([nobody.status, nobody.body.errors]).toMatchObject([400, [{ field: 'phone', code: 'required' }]]);
      const key = await journey.api.call<{ key: string }>('POST', '/api-keys', {
        body: { name: `no sends ${path}`, scopes: ['catalog:write', 'inbox:write'] },
      });
      const forbidden = await post<ProblemBody>(path, { phone: somebody(), ...fields }, { key: key.body.key });
      expect([forbidden.status, forbidden.body.code]).toEqual([403, 'insufficient_scope']);
    });
  });
});
