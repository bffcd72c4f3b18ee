import { GOOD_TEMPLATES, withMedia, WRONG_TEMPLATES } from '../support/template-corpus.js';
import { eventually, type Answer } from '../support/app.js';
import { PHONE_NUMBER_ID, startJourney, type CampaignBody, type Journey } from '../support/journey.js';

interface TemplateBody {
  id: number;
  name: string;
  status: string;
  meta_template_id: string | null;
  errors?: { field: string; code: string }[];
}

interface SendBody {
  status: string;
  message: { message_body: string; status: string; media_id?: string | null; template_language: string };
  errors?: { field: string; code: string }[];
}

interface RecipientBody {
  phone: string;
  status: string;
  skip_reason: string | null;
  error_message: string | null;
}

type Json = Record<string, unknown>;

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);
const MP4 = Buffer.concat([Buffer.from('000000186674797069736f6d0000020069736f6d6d703432', 'hex'), Buffer.alloc(200)]);
const PDF = Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n');
const GOOD = GOOD_TEMPLATES.map((each) => ({ name: String(each.create.name), ...each }));
const WRONG = WRONG_TEMPLATES.map((each) => ({
  name: String(each.create.name),
  ...each,
  when: each.atPush ? 'when it is pushed' : 'at once',
}));

describe('templates of every kind', () => {
  let journey: Journey;
  const files = { image: 0, video: 0, document: 0 };
  const templates = new Map<string, { created: Answer<TemplateBody>; pushed: Answer<TemplateBody> }>();

  const call = <T>(method: string, path: string, body?: unknown): Promise<Answer<T>> =>
    journey.api.call<T>(method, path, { body });
  let people = 0;
  const somebody = (): string => `+9198700${String((people += 1)).padStart(5, '0')}`;
  const upload = async (bytes: Buffer, name: string, type: string): Promise<number> => {
    const form = new FormData();
    form.append('file', new Blob([bytes], { type }), name);
    const { status, body } = await call<{ id: number }>('POST', '/media', form);
    expect([status, body]).toEqual([201, expect.anything()]);
    return body.id;
  };
  const send = (name: string, given: Json, to: Json = { phone: somebody() }): Promise<Answer<SendBody>> => {
    const { body: body_params, header: header_params, ...rest } = given;
    const create = GOOD.find((each) => each.name === name)?.create;
    return call('POST', '/send-template/', {
      ...to,
      template_name: name,
      language: create?.language ?? 'en',
      body_params,
      header_params,
      ...rest,
    });
  };
  /** What Meta was asked to send, out of our own record of it. */
  const contentSent = async (clientRef: string): Promise<Json> => {
    const [row] = await journey.api.db.query<{ content: { template: Json } }>(
      'select content from messages where client_ref = $1',
      [clientRef],
    );
    return (row as { content: { template: Json } }).content.template;
  };
  const mediaIdOf = async (id: number): Promise<string> =>
    (await call<{ media_id: string }>('GET', `/media/${id}`)).body.media_id;
  const named = (kind: string): string => {
    const found = GOOD.find(({ name }) => name.replace(/^corpus_\d+_/, '') === kind);
    if (!found) {
      throw new Error(`the corpus has no ${kind}`);
    }
    return found.name;
  };
  const sendOf = (name: string): Json => GOOD.find((each) => each.name === name)?.send as Json;

  beforeAll(async () => {
    journey = await startJourney({ simulator: { template_approval_ms: 0, check_media_ids: true } });
    files.image = await upload(PNG, 'shop.png', 'image/png');
    files.video = await upload(MP4, 'film.mp4', 'video/mp4');
    files.document = await upload(PDF, 'menu.pdf', 'application/pdf');
    for (const { name, create } of GOOD) {
      const created = await call<TemplateBody>('POST', '/templates', withMedia(create, files));
      const pushed = await call<TemplateBody>('POST', `/templates/${created.body.id}/push`);
      templates.set(name, { created, pushed });
    }
    // Approved a moment after they came.
    await eventually(
      async () => {
        await call('POST', '/templates/sync');
        const list = await call<{ templates: TemplateBody[] }>('GET', '/templates?limit=200&q=corpus_');
        return list.body.templates.filter(({ status }) => status === 'PENDING').length;
      },
      (pending) => pending === 0,
    );
  }, 120_000);
  afterAll(() => journey.close());

  it('are many', () => {
    expect(GOOD.length).toBeGreaterThanOrEqual(45);
    expect(WRONG.length).toBeGreaterThanOrEqual(45);
  });

  it.each(GOOD)('$name is created, pushed, approved and sent', async ({ name, send: given }) => {
    const { created, pushed } = templates.get(name) as { created: Answer<TemplateBody>; pushed: Answer<TemplateBody> };
    expect([created.status, created.body]).toEqual([201, expect.objectContaining({ status: 'DRAFT' })]);
    expect([pushed.status, pushed.body]).toEqual([200, expect.objectContaining({ name })]);

    const synced = await call<TemplateBody>('GET', `/templates/${created.body.id}`);
    expect(synced.body).toMatchObject({ name, status: 'APPROVED', meta_template_id: expect.any(String) });

    const phone = somebody();
    const sent = await send(name, given, { phone });
    expect([sent.status, sent.body]).toEqual([200, expect.objectContaining({ status: 'sent' })]);
    const rows = await journey.simulator.rows(`&to=${encodeURIComponent(phone)}`);
    expect(rows).toMatchObject([{ type: 'template', outcome: 'accepted' }]);
  });

  it.each(WRONG)('$name is refused $when, by $rule of $field', async ({ create, rule, field, atPush }) => {
    const body = withMedia(create, files);
    const created = await call<TemplateBody>('POST', '/templates', body);
    const refused = atPush ? await call<TemplateBody>('POST', `/templates/${created.body.id}/push`) : created;
    expect(created.status).toBe(atPush ? 201 : 400);
    expect([refused.status, refused.body.errors]).toEqual([
      400,
      expect.arrayContaining([expect.objectContaining({ field, code: rule })]),
    ]);
  });

  describe('are refused before Meta is asked', () => {
    it.each<[string, string, Json, string, string]>([
      ['without a value', 'one_variable', {}, 'body_params.1', 'missing'],
      ['with one value too many', 'one_variable', { body: ['a', 'b'] }, 'body_params.2', 'unknown_variable'],
      [
        'with a line break',
        'named',
        { body: { first_name: 'a\nb', order_number: '1' } },
        'body_params.first_name',
        'not_allowed_characters',
      ],
      ['without the end of a URL', 'url_variable', {}, 'buttons.0', 'missing'],
      [
        'with a value for a button that takes none',
        'url',
        { buttons: [{ index: 0, text: 'x' }] },
        'buttons.0',
        'not_allowed',
      ],
      [
        'with a value for a button of another kind',
        'url_variable',
        { buttons: [{ index: 0, sub_type: 'flow' }] },
        'buttons.0',
        'wrong_sub_type',
      ],
      ['with a header that there is none of', 'plain', { header: ['x'] }, 'header_params', 'not_allowed'],
      ['without a place', 'location_header', { body: ['a'] }, 'header_params.latitude', 'missing'],
      [
        'without a product',
        'spm',
        { body: { code: 'a', percent: '1' } },
        'header_params.product_retailer_id',
        'missing',
      ],
      ['without products', 'mpm', { header: ['a'], body: ['b'] }, 'buttons.0.sections', 'missing'],
      ['without a code', 'code', {}, 'body_params.1', 'missing'],
      ['with a code that is too long', 'code', { body: ['1234567890123456'] }, 'buttons.0', 'too_long'],
      ['with too few cards', 'ten_cards', { cards: [{}] }, 'cards', 'wrong_count'],
      ['with cards that lack a text', 'media_cards', { body: ['a'], cards: [{}, {}] }, 'cards.0.body.1', 'missing'],
      [
        'with a value that is no text',
        'media_cards',
        { body: ['a'], cards: [{ body: [{}] }, {}] },
        'cards.0.body.0',
        'not_string',
      ],
      ['with an unknown field', 'media_cards', { cards: [{ footer: 'x' }, {}] }, 'cards.0.footer', 'unknown_field'],
      ['with a file of another kind', 'image_header', { header: ['FILM'] }, 'header_params', 'media_type_mismatch'],
    ])('%s', async (_what, kind, given, field, code) => {
      const phone = somebody();
      const known = JSON.parse(JSON.stringify(given).replace('FILM', String(files.video))) as Json;
      const refused = await send(named(kind), known, { phone });
      expect([refused.status, refused.body.errors]).toMatchObject([400, [{ field, code }]]);
      expect(await journey.simulator.rows(`&to=${encodeURIComponent(phone)}`)).toEqual([]);
    });

    it.each<[string, unknown, string]>([
      ['none', undefined, 'missing'],
      ['past', '2026-01-01T00:00:00Z', 'not_in_the_future'],
      ['in seconds', Math.floor(Date.now() / 1_000) + 3_600, 'not_in_the_future'],
      ['no time', 'tomorrow', 'not_a_time'],
    ])('with an offer whose end is %s', async (_what, expiration_time_ms, code) => {
      const name = named('offer');
      const offer = expiration_time_ms === undefined ? undefined : { expiration_time_ms };
      const refused = await send(name, { ...sendOf(name), limited_time_offer: offer });
      const field = 'limited_time_offer.expiration_time_ms';
      expect([refused.status, refused.body.errors]).toMatchObject([400, [{ field, code }]]);
    });

    it('with a code to somebody whose phone is not known', async () => {
      const refused = await send(named('code'), { body: ['123456'] }, { user_id: 'IN.13491208655302741918' });
      expect([refused.status, refused.body.errors]).toMatchObject([400, [{ field: 'user_id', code: 'not_allowed' }]]);
    });

    it("with Meta's own components beside ours", async () => {
      const refused = await send(named('media_cards'), { components: [], cards: [] });
      expect([refused.status, refused.body.errors]).toMatchObject([400, [{ field: 'components', code: 'exclusive' }]]);
    });
  });

  describe('show a file', () => {
    it('of their own, where the sender gives none, and the inbox shows it too', async () => {
      const sent = await send(named('image_by_default'), { client_ref: 'own-file' });
      const id = await mediaIdOf(files.image);
      expect((await contentSent('own-file')).components).toEqual([
        { type: 'header', parameters: [{ type: 'image', image: { id } }] },
      ]);
      expect(sent.body.message.media_id).toBe(id);
    });

    it('of the library, by its own id', async () => {
      await send(named('document_header'), { header: [files.document], body: ['Asha'], client_ref: 'by-own-id' });
      expect((await contentSent('by-own-id')).components).toMatchObject([
        {
          type: 'header',
          parameters: [{ document: { id: await mediaIdOf(files.document), filename: 'menu.pdf' } }],
        },
        { type: 'body' },
      ]);
    });

    it('whose id at Meta has expired: it is given to Meta again', async () => {
      const before = await mediaIdOf(files.image);
      await journey.api.db.query(`update media set media_id_expires_at = now() - interval '1 day' where id = $1`, [
        files.image,
      ]);
      const sent = await send(named('image_by_default'), { client_ref: 'renewed' });
      const after = await mediaIdOf(files.image);
      expect([sent.status, after === before]).toEqual([200, false]);
      expect(JSON.stringify(await contentSent('renewed'))).toContain(after);
    });

    it('on each card: their own, or the one that the sender names', async () => {
      const name = named('named_cards');
      const cards = [{ body: { price: '1' } }, { body: { price: '2' }, header: [await mediaIdOf(files.image)] }];
      const sent = await send(name, { ...sendOf(name), cards, client_ref: 'card-files' });
      expect(sent.status).toBe(200);
      const shown = JSON.stringify(await contentSent('card-files')).match(/"image":\{"id":"\d+"\}/g);
      expect(shown).toHaveLength(2);
    });

    it('whose id expires while the message waits for its time', async () => {
      const send_at = new Date(Date.now() + 3_600_000).toISOString();
      const waiting = await send(named('gif_header'), { header: [files.video], client_ref: 'later', send_at });
      expect([waiting.status, waiting.body]).toMatchObject([202, { status: 'scheduled' }]);
      const before = await mediaIdOf(files.video);
      await journey.api.db.query(`update media set media_id_expires_at = now() - interval '1 day' where id = $1`, [
        files.video,
      ]);
      await journey.api.db.query(`update messages set due_at = now() where client_ref = 'later'`);
      await eventually(
        () => journey.api.db.query<{ status: string }>(`select status from messages where client_ref = 'later'`),
        ([row]) => ['sent', 'delivered', 'read'].includes(row?.status ?? ''),
      );
      const after = await mediaIdOf(files.video);
      expect(after).not.toBe(before);
      expect((await contentSent('later')).components).toEqual([
        { type: 'header', parameters: [{ type: 'gif', gif: { id: after } }] },
      ]);
    });

    it('that went missing at Meta: it is given to Meta again, and the message is sent', async () => {
      const before = await mediaIdOf(files.document);
      await fetch(`${journey.simulator.url}/v23.0/${before}`, {
        method: 'DELETE',
        headers: { authorization: 'Bearer EAAtesttoken' },
      });
      const sent = await send(named('document_header'), { header: [files.document], body: ['Asha'] });
      expect([sent.status, (await mediaIdOf(files.document)) === before]).toEqual([200, false]);
    });
  });

  describe('sent by a campaign', () => {
    const run = async (
      kind: string,
      mappings: Json,
      csv: string,
      settings: Json = {},
    ): Promise<{ campaign: CampaignBody; recipients: RecipientBody[] }> => {
      const template_id = templates.get(named(kind))?.created.body.id;
      const { body } = await call<CampaignBody>('POST', '/campaigns', {
        name: kind,
        template_id,
        audience_type: 'csv',
        parameter_mappings: mappings,
        ...settings,
      });
      const form = new FormData();
      form.append('file', new Blob([csv], { type: 'text/csv' }), 'audience.csv');
      expect((await call('POST', `/campaigns/${body.id}/csv`, form)).status).toBe(200);
      expect((await call('POST', `/campaigns/${body.id}/run`)).status).toBe(202);
      const campaign = await eventually(
        async () => (await call<CampaignBody>('GET', `/campaigns/${body.id}`)).body,
        ({ status }) => ['completed', 'failed', 'paused'].includes(status),
      );
      const list = await call<{ recipients: RecipientBody[] }>('GET', `/campaigns/${body.id}/recipients`);
      return { campaign, recipients: list.body.recipients };
    };

    it.each<[string, Json]>([
      ['image_by_default', {}],
      ['image_header', { header: 'picture' }],
      ['document_header', { header: { value: 'DOCUMENT' }, 1: 'first_name' }],
      ['location_header', { 1: 'name', 'header.latitude': 'lat', 'header.longitude': { value: '77.2' } }],
      ['header_variable', { 'header.1': 'order_id' }],
      ['named_header', { sale_start: { value: 'today' } }],
      ['url_variable', { 'buttons.0': 'order_id' }],
      ['coupon', { 'buttons.0': { value: 'SUMMER25' } }],
      ['flow', { 'buttons.0': 'order_id' }],
      ['mpm', { 'header.1': 'name', 1: { value: '10OFF' }, 'buttons.0': { value: 'SKU-1,SKU-2' } }],
      [
        'spm',
        {
          header: { value: 'SKU-1' },
          'header.catalog_id': { value: '1948' },
          code: { value: 'A' },
          percent: { value: '5%' },
        },
      ],
      [
        'offer',
        {
          1: 'name',
          2: { value: 'CARIBE30' },
          'limited_time_offer.expiration': 'ends',
          'buttons.0': { value: 'CARIBE30' },
          'buttons.1': 'order_id',
        },
      ],
      [
        'media_cards',
        {
          1: 'name',
          'cards.0.body.1': { value: 'green' },
          'cards.1.body.1': 'colour',
          'cards.0.buttons.1': 'order_id',
          'cards.1.buttons.1': 'order_id',
        },
      ],
      [
        'product_cards',
        {
          1: 'name',
          'cards.0.header': { value: 'A' },
          'cards.1.header': { value: 'B' },
          'cards.2.header': { value: 'C' },
        },
      ],
      ['code', { 1: 'order_id' }],
    ])('%s', async (kind, mappings) => {
      const known = JSON.parse(JSON.stringify(mappings).replace('DOCUMENT', String(files.document))) as Json;
      const rows = [1, 2, 3].map(
        (n) => `${somebody()},Asha ${n},A-${n},https://example.com/${n}.png,28.${n},red,2030-12-31T18:00:00Z`,
      );
      const csv = ['phone,name,order_id,picture,lat,colour,ends', ...rows].join('\n');
      const { campaign, recipients } = await run(kind, known, csv);
      expect([campaign.status, campaign.status_reason, recipients.map((each) => each.error_message)]).toEqual([
        'completed',
        null,
        [null, null, null],
      ]);
      expect(campaign).toMatchObject({ total_count: 3, sent_count: 3 });
    });

    it('skip who lacks a value, and say which', async () => {
      const csv = `phone,name,order_id\n${somebody()},Asha,A-1\n${somebody()},Ravi,\n`;
      const { campaign, recipients } = await run('url_variable', { 'buttons.0': 'order_id' }, csv);
      expect(campaign).toMatchObject({ status: 'completed', sent_count: 1 });
      expect(recipients).toMatchObject([
        { status: expect.stringMatching(/sent|delivered|read/), skip_reason: null },
        { status: 'skipped', skip_reason: 'missing_variable', error_message: expect.stringContaining('buttons.0') },
      ]);
    });

    it("show the campaign's default to who lacks a value", async () => {
      const csv = `phone,name,nick\n${somebody()},Asha,\n`;
      const settings = { missing_variables: 'default', default_value: 'friend' };
      const { campaign } = await run('one_variable', { 1: 'nick' }, csv, settings);
      expect(campaign).toMatchObject({ status: 'completed', sent_count: 1 });
      const [row] = await journey.api.db.query<{ message_body: string }>(
        'select message_body from messages where campaign_id = $1',
        [campaign.id],
      );
      expect(row?.message_body).toBe('Hello friend, your table is ready for you.');
    });

    it('pause when their file cannot be had, and fail nobody', async () => {
      const gone = await upload(Buffer.concat([PNG, Buffer.from('other')]), 'gone.png', 'image/png');
      expect((await call('DELETE', `/media/${gone}`)).status).toBe(204);
      const csv = `phone,name\n${somebody()},Asha\n`;
      const { campaign, recipients } = await run('image_header', { header: { value: String(gone) } }, csv);
      expect([campaign.status, campaign.status_reason]).toMatchObject([
        'paused',
        { code: 'template_media_unavailable', message: `The media library has no file ${gone}.` },
      ]);
      expect(recipients).toMatchObject([{ status: 'pending' }]);
    });

    it('give their file to Meta again when its id has expired', async () => {
      const before = await mediaIdOf(files.video);
      await journey.api.db.query(`update media set media_id_expires_at = now() - interval '1 day' where id = $1`, [
        files.video,
      ]);
      const { campaign } = await run('video_header', {}, `phone\n${somebody()}\n`);
      expect(campaign).toMatchObject({ status: 'completed', sent_count: 1 });
      expect(await mediaIdOf(files.video)).not.toBe(before);
    });
  });

  it('come from the number of the account', async () => {
    const { numbers } = await journey.simulator.ledger();
    expect(Object.keys(numbers)).toEqual([PHONE_NUMBER_ID]);
  });
});
