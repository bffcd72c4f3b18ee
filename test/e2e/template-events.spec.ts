import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { applyEvent, type EventState, type TemplateFact } from '../../src/templates/template-events.js';
import { eventually } from '../support/app.js';
import { startJourney, WABA_ID, type Journey } from '../support/journey.js';
import { envelope, postWebhook, type JsonObject } from '../support/webhook-payloads.js';

const T0 = Math.floor(Date.now() / 1_000) + 60;
const STATUS = 'message_template_status_update';
const QUALITY = 'message_template_quality_update';
const CATEGORY = 'template_category_update';
const DETECTION = 'template_correct_category_detection';
const COMPONENTS = 'message_template_components_update';

describe('what Meta tells of templates', () => {
  let journey: Journey;
  let counter = 0;

  type Template = JsonObject & { id: number; name: string; meta_template_id: string };

  const read = async (id: number): Promise<Template> =>
    (await journey.api.call<Template>('GET', `/templates/${id}`, { accountId: journey.accountId })).body;
  /** A template that Meta and we know. */
  const known = async (more: object = {}): Promise<Template> => {
    const name = `told_${(counter += 1)}`;
    await journey.simulator.call('PUT', `templates/${name}`, { waba_id: WABA_ID, notify: false, ...more });
    await journey.api.call('POST', '/templates/sync', { accountId: journey.accountId });
    const list = await journey.api.call<{ templates: Template[] }>('GET', `/templates?q=${name}`);
    return list.body.templates.find((template) => template.name === name) as Template;
  };
  const body = (template: Template, field: string, value: JsonObject, time = T0, waba = WABA_ID): JsonObject =>
    envelope(
      [
        {
          field,
          value: {
            message_template_id: Number(template.meta_template_id),
            message_template_name: template.name,
            message_template_language: template.language,
            ...value,
          },
        },
      ],
      waba,
      { time },
    );
  /** Posts bodies one after the other and waits until all are processed. */
  const deliver = async (...bodies: JsonObject[]): Promise<void> => {
    for (const each of bodies) {
      expect((await postWebhook(journey.api.url, each)).status).toBe(200);
    }
    await eventually(
      () => journey.api.db.query(`select id from webhook_logs where not processed`),
      (waiting) => waiting.length === 0,
    );
    expect(await journey.api.db.query(`select error from webhook_logs where error is not null`)).toEqual([]);
  };
  const eventsOf = async (id: number): Promise<JsonObject[]> =>
    (
      await journey.api.db.query<{ payload: JsonObject }>(
        `select payload from outbox_events where type = 'template.status' and subject_id = $1 order by id`,
        [id],
      )
    ).map(({ payload }) => payload);

  beforeAll(async () => {
    journey = await startJourney();
  });
  afterAll(() => journey.close());

  it('of a rejection: why, and what to do', async () => {
    const template = await known();
    const rejection_info = { reason: 'Parameters stand beside each other.', recommendation: 'Put words between them.' };
    await deliver(body(template, STATUS, { event: 'REJECTED', reason: 'INVALID_FORMAT', rejection_info }));
    expect(await read(template.id)).toMatchObject({
      status: 'REJECTED',
      rejected_reason: 'INVALID_FORMAT',
      rejection_info,
    });
    expect(await eventsOf(template.id)).toEqual([
      expect.objectContaining({ id: template.id, status: 'REJECTED', rejection_info, changed: ['status'] }),
    ]);
    await deliver(body(template, STATUS, { event: 'APPROVED', reason: 'NONE' }, T0 + 1));
    expect(await read(template.id)).toMatchObject({ status: 'APPROVED', rejected_reason: null, rejection_info: null });
  });

  it('of a pause and a warning: Meta’s words', async () => {
    const template = await known();
    const other_info = { title: 'FIRST_PAUSE', description: 'Paused for 3 hours.' };
    await deliver(body(template, STATUS, { event: 'FLAGGED', disable_info: { disable_date: T0 + 100 } }, T0));
    expect(await read(template.id)).toMatchObject({
      status: 'APPROVED',
      rejection_info: { disable_date: String(T0 + 100) },
    });
    await deliver(body(template, STATUS, { event: 'PAUSED', reason: 'NONE', other_info }, T0 + 1));
    expect(await read(template.id)).toMatchObject({ status: 'PAUSED', rejection_info: other_info });
  });

  it('of quality, also under the name that Meta’s page prints', async () => {
    const template = await known();
    await deliver(body(template, QUALITY, { previous_quality_score: 'UNKNOWN', new_quality_score: 'GREEN' }));
    expect(await read(template.id)).toMatchObject({ quality_score: 'GREEN', status: 'APPROVED' });
    await deliver(body(template, STATUS, { previous_quality_score: 'GREEN', new_quality_score: 'RED' }, T0 + 1));
    expect(await read(template.id)).toMatchObject({ quality_score: 'RED', status: 'APPROVED' });
    expect((await eventsOf(template.id)).map(({ quality_score, changed }) => [quality_score, changed])).toEqual([
      ['GREEN', ['quality']],
      ['RED', ['quality']],
    ]);
  });

  it('of a category that will change, and has changed', async () => {
    const template = await known();
    const at = T0 + 30 * 86_400;
    await deliver(body(template, DETECTION, { category: 'UTILITY', correct_category: 'MARKETING' }));
    expect(await read(template.id)).toMatchObject({ category: 'UTILITY', correct_category: 'MARKETING' });
    await deliver(
      body(
        template,
        CATEGORY,
        { new_category: 'UTILITY', correct_category: 'MARKETING', category_update_timestamp: at },
        T0 + 1,
      ),
    );
    expect(await read(template.id)).toMatchObject({
      category: 'UTILITY',
      correct_category: 'MARKETING',
      category_changes_at: new Date(at * 1_000).toISOString(),
    });
    await deliver(body(template, CATEGORY, { previous_category: 'UTILITY', new_category: 'MARKETING' }, T0 + 2));
    expect(await read(template.id)).toMatchObject({
      category: 'MARKETING',
      previous_category: 'UTILITY',
      correct_category: null,
      category_changes_at: null,
    });
  });

  it('of its texts and buttons, and keeps what it does not tell', async () => {
    const template = await known({
      components: [
        { type: 'HEADER', format: 'IMAGE', example: { header_handle: ['https://example.com/a.png'] } },
        { type: 'BODY', text: 'Hi {{1}}, we have news.', example: { body_text: [['Asha']] } },
        { type: 'FOOTER', text: 'Old' },
        {
          type: 'BUTTONS',
          buttons: [
            { type: 'QUICK_REPLY', text: 'Stop' },
            { type: 'URL', text: 'Go', url: 'https://example.com/{{1}}', example: ['https://example.com/x'] },
            { type: 'PHONE_NUMBER', text: 'Call', phone_number: '+12025550100' },
          ],
        },
      ],
    });
    await deliver(
      body(template, COMPONENTS, {
        message_template_element: 'Dear {{1}}, we have news for you.',
        message_template_buttons: [
          {
            message_template_button_type: 'URL',
            message_template_button_text: 'Look',
            message_template_button_url: 'https://example.com/new/{{1}}',
          },
        ],
      }),
    );
    const buttons = [
      { type: 'QUICK_REPLY', text: 'Stop' },
      { type: 'URL', text: 'Look', url: 'https://example.com/new/{{1}}', example: ['https://example.com/x'] },
    ];
    expect(await read(template.id)).toMatchObject({
      header: { type: 'IMAGE' },
      body_text: 'Dear {{1}}, we have news for you.',
      footer_text: '',
      buttons,
      components: [
        { type: 'HEADER', format: 'IMAGE', example: { header_handle: ['https://example.com/a.png'] } },
        { type: 'BODY', text: 'Dear {{1}}, we have news for you.', example: { body_text: [['Asha']] } },
        { type: 'BUTTONS', buttons },
      ],
    });
    await deliver(
      body(
        template,
        COMPONENTS,
        { message_template_element: 'Without a variable.', message_template_footer: 'New' },
        T0 + 1,
      ),
    );
    expect(await read(template.id)).toMatchObject({
      footer_text: 'New',
      buttons: [{ type: 'QUICK_REPLY', text: 'Stop' }],
      components: [
        { type: 'HEADER' },
        { type: 'BODY', text: 'Without a variable.' },
        { type: 'FOOTER', text: 'New' },
        { type: 'BUTTONS', buttons: [{ type: 'QUICK_REPLY', text: 'Stop' }] },
      ],
    });
  });

  it('of an authentication template: its button, which Meta lists as the URL it made of it, stays one', async () => {
    const url = 'https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp{{1}}';
    const template = await known({
      category: 'AUTHENTICATION',
      components: [
        { type: 'BODY', add_security_recommendation: true, text: '*{{1}}* is your code.' },
        { type: 'BUTTONS', buttons: [{ type: 'URL', text: 'Copy', url, example: [url.replace('{{1}}', '123456')] }] },
      ],
    });
    const listed = {
      message_template_button_type: 'URL',
      message_template_button_text: 'Copy code',
      message_template_button_url: url,
    };
    const element = { message_template_element: '*{{1}}* is your verification code.' };
    await deliver(body(template, COMPONENTS, { ...element, message_template_buttons: [listed] }));
    const told = {
      body_text: '*{{1}}* is your verification code.',
      buttons: [{ type: 'OTP', otp_type: 'COPY_CODE', text: 'Copy code' }],
      components: [
        { type: 'BODY' },
        { type: 'BUTTONS', buttons: [{ type: 'URL', text: 'Copy code', url, example: [expect.any(String)] }] },
      ],
    };
    expect(await read(template.id)).toMatchObject(told);
    // It always has its button, listed or not.
    await deliver(body(template, COMPONENTS, element, T0 + 1));
    expect(await read(template.id)).toMatchObject(told);
  });

  it('of texts with other variables: samples of those before do not stay', async () => {
    const template = await known({
      components: [
        { type: 'HEADER', format: 'TEXT', text: 'For {{1}}', example: { header_text: ['Asha'] } },
        { type: 'BODY', text: 'Hi {{1}}, we have {{2}} for you.', example: { body_text: [['Asha', 'news']] } },
      ],
    });
    expect(template.examples).toEqual({ header: ['Asha'], body: ['Asha', 'news'] });
    const title = { message_template_title: 'Only for {{1}}' };
    await deliver(
      body(template, COMPONENTS, { ...title, message_template_element: 'Hi {{1}}, we have news for you.' }),
    );
    expect((await read(template.id)).examples).toEqual({ header: ['Asha'] });
    await deliver(body(template, COMPONENTS, { ...title, message_template_element: 'We have news for you.' }, T0 + 1));
    const changed = await journey.api.call('PATCH', `/templates/${template.id}`, { body: { footer_text: 'Bye' } });
    expect([changed.status, changed.body.errors]).toEqual([200, undefined]);
  });

  it('ends the same in any order and any number', async () => {
    const seed = 7;
    const history = (template: Template): JsonObject[] => [
      body(template, STATUS, { event: 'PENDING', reason: 'NONE' }, T0),
      body(template, STATUS, { event: 'REJECTED', reason: 'SCAM', rejection_info: { reason: 'x' } }, T0 + 1),
      body(template, STATUS, { event: 'PAUSED', other_info: { title: 'SECOND_PAUSE' } }, T0 + 5),
      body(template, QUALITY, { new_quality_score: 'YELLOW' }, T0 + 2),
      body(template, QUALITY, { new_quality_score: 'RED' }, T0 + 4),
      body(template, CATEGORY, { new_category: 'UTILITY', correct_category: 'MARKETING' }, T0 + 2),
      body(template, CATEGORY, { previous_category: 'UTILITY', new_category: 'MARKETING' }, T0 + 3),
      body(template, COMPONENTS, { message_template_element: 'First', message_template_title: 'Old' }, T0 + 1),
      body(template, COMPONENTS, { message_template_element: 'Second', message_template_footer: 'F' }, T0 + 2),
    ];
    for (let round = 0; round < 4; round += 1) {
      const template = await known();
      const all = [...history(template), ...history(template)];
      const order = (item: JsonObject, index: number): string =>
        createHash('sha256')
          .update(`${seed}/${round}/${index}/${JSON.stringify(item)}`)
          .digest('hex');
      const keys = new Map(all.map((item, index) => [item, order(item, index)]));
      await deliver(...all.sort((a, b) => ((keys.get(a) as string) < (keys.get(b) as string) ? -1 : 1)));
      expect(await read(template.id)).toMatchObject({
        status: 'PAUSED',
        rejected_reason: null,
        rejection_info: { title: 'SECOND_PAUSE' },
        quality_score: 'RED',
        category: 'MARKETING',
        correct_category: null,
        header: null,
        body_text: 'Second',
        footer_text: 'F',
      });
      const told = (await eventsOf(template.id)).length;
      await deliver(...history(template));
      expect(await eventsOf(template.id)).toHaveLength(told);
    }
  });

  it('is no older than what a sync has read since', async () => {
    const template = await known({ status: 'PAUSED' });
    await deliver(body(template, STATUS, { event: 'APPROVED', reason: 'NONE' }, T0 - 3_600));
    expect(await read(template.id)).toMatchObject({ status: 'PAUSED' });
    await deliver(body(template, STATUS, { event: 'APPROVED', reason: 'NONE' }, T0));
    expect(await read(template.id)).toMatchObject({ status: 'APPROVED' });
    // Meta's list still has the old status, and is older than the event.
    await journey.api.call('POST', '/templates/sync', { accountId: journey.accountId });
    expect(await read(template.id)).toMatchObject({ status: 'APPROVED' });
  });

  it('changes the template of its own account only, and passes over those that nobody has', async () => {
    const other = await journey.api.call<{ id: number }>('POST', '/accounts', {
      body: {
        name: 'Other',
        access_token: 'EAAother',
        phone_number_id: '300000000000044',
        waba_id: '200000000000044',
      },
    });
    await journey.api.call('POST', '/templates/sync', { accountId: other.body.id });
    const template = await known();
    const before = await read(template.id);
    await deliver(
      body(template, STATUS, { event: 'DISABLED' }, T0, '200000000000044'),
      body({ ...template, meta_template_id: '99', name: 'nobody_has_it' }, STATUS, { event: 'DISABLED' }),
    );
    expect(await read(template.id)).toEqual(before);
    expect(
      await journey.api.db.query(`select id from templates where status = 'DISABLED' or name = 'nobody_has_it'`),
    ).toEqual([]);
  });

  it('that says nothing readable costs nothing else of the body', async () => {
    const template = await known();
    const good = body(template, QUALITY, { new_quality_score: 'GREEN' });
    const [entry] = good.entry as { changes: unknown[] }[];
    entry?.changes.unshift({ field: QUALITY, value: { new_quality_score: 7 } }, { field: CATEGORY, value: {} });
    expect((await postWebhook(journey.api.url, good)).status).toBe(200);
    await eventually(
      () => read(template.id),
      ({ quality_score }) => quality_score === 'GREEN',
    );
    const logs = await journey.api.db.query<{ error: string; processed: boolean }>(
      `update webhook_logs set error = null where error is not null returning processed, error`,
    );
    expect(logs).toEqual([{ processed: true, error: null }]);
  });

  it('folds to the same whatever the order', () => {
    const state: EventState = {
      status: 'APPROVED',
      rejectedReason: null,
      rejectionInfo: null,
      statusAt: null,
      qualityScore: null,
      qualityAt: null,
      category: 'UTILITY',
      previousCategory: null,
      correctCategory: null,
      categoryChangesAt: null,
      categoryAt: null,
      header: null,
      bodyText: 'x',
      footerText: '',
      buttons: [],
      components: [],
      examples: {},
      componentsAt: null,
    };
    const fact = fc.oneof(
      fc.record({
        kind: fc.constant('status' as const),
        event: fc.constantFrom('PENDING', 'APPROVED', 'REJECTED', 'PAUSED', 'DISABLED', 'REINSTATED', 'ARCHIVED'),
        reason: fc.constantFrom('NONE', 'SCAM'),
        info: fc.constantFrom(null, { title: 'a' }),
      }),
      fc.record({ kind: fc.constant('quality' as const), score: fc.constantFrom('GREEN', 'YELLOW', 'RED') }),
      fc.record({
        kind: fc.constant('category' as const),
        category: fc.constantFrom('UTILITY', 'MARKETING'),
        previous: fc.constantFrom('UTILITY', 'MARKETING'),
      }),
      fc.record({
        kind: fc.constant('components' as const),
        texts: fc.record({
          header: fc.constantFrom(null, 'H'),
          body: fc.constantFrom('one', 'two {{1}}'),
          footer: fc.constantFrom('', 'F'),
          buttons: fc.constantFrom([], [{ type: 'URL', text: 'Go', url: 'https://example.com' }]),
        }),
      }),
    );
    const fold = (events: { at: Date; fact: TemplateFact }[]): EventState =>
      events.reduce((template, event) => applyEvent(template, event), state);
    fc.assert(
      fc.property(fc.array(fact, { maxLength: 8 }), fc.infiniteStream(fc.nat()), (facts, numbers) => {
        const events = facts.map((each, index) => ({ at: new Date(1_000 * index), fact: each as TemplateFact }));
        const shuffled = [...events, ...events]
          .map((event) => ({ event, key: numbers.next().value }))
          .sort((a, b) => a.key - b.key)
          .map(({ event }) => event);
        expect(shown(fold(shuffled))).toEqual(shown(fold(events)));
      }),
    );
  });
});

/** `previous_category` is what the newest change says; of an older one that comes late nothing is kept. */
function shown(state: EventState): unknown {
  const { components, buttons, ...rest } = state;
  return { ...rest, parts: components.length, kinds: buttons.map(({ type }) => type) };
}
