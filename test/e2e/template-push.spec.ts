import { createHash, randomBytes } from 'node:crypto';
import { jest } from '@jest/globals';
import { TemplatesApi } from '../../src/meta/api/templates.js';
import { eventually, type Answer } from '../support/app.js';
import { startJourney, WABA_ID, type Journey } from '../support/journey.js';
import { SAMPLES } from './media-graph.js';

interface TemplateBody {
  id: number;
  name: string;
  language: string;
  status: string;
  category: string;
  meta_template_id: string | null;
  body_text: string;
  components: Record<string, unknown>[];
  code?: string;
  detail?: string;
  graph?: { code: number | null; subcode: number | null; title: string; details: string };
  errors?: { field: string; code: string }[];
}

interface MetaTemplate {
  id: string;
  name: string;
  language: string;
  status: string;
  category: string;
  components: Record<string, unknown>[];
  message_send_ttl_seconds?: number;
}

const TEXT = 'Hi {{1}}, your parcel {{2}} is with us and waits for you.';
let counter = 0;

describe('templates and Meta', () => {
  let journey: Journey;
  let accountId: number;

  const call = (method: string, path: string, body?: unknown, account = accountId): Promise<Answer<TemplateBody>> =>
    journey.api.call<TemplateBody>(method, path, { accountId: account, ...(body === undefined ? {} : { body }) });
  const create = async (body: object = {}, account = accountId): Promise<TemplateBody> => {
    const answer = await call(
      'POST',
      '/templates',
      {
        name: `pushed_${(counter += 1)}`,
        category: 'UTILITY',
        body_text: TEXT,
        examples: { body: ['Asha', 'A-1'] },
        ...body,
      },
      account,
    );
    expect([answer.status, answer.body]).toEqual([201, expect.anything()]);
    return answer.body;
  };
  const read = async (id: number): Promise<TemplateBody> => (await call('GET', `/templates/${id}`)).body;
  const push = (id: number, account = accountId): Promise<Answer<TemplateBody>> =>
    call('POST', `/templates/${id}/push`, undefined, account);
  const pushed = async (body: object = {}): Promise<TemplateBody> => {
    const answer = await push((await create(body)).id);
    expect([answer.status, answer.body]).toEqual([200, expect.anything()]);
    return answer.body;
  };
  const sync = async (): Promise<Record<string, unknown>> =>
    (await journey.api.call('POST', '/templates/sync', { accountId })).body;
  /** What Meta has of a name. */
  const atMeta = async (name: string): Promise<MetaTemplate[]> => {
    const all = await journey.simulator.call<Record<string, MetaTemplate[]>>('GET', 'templates');
    return (all[WABA_ID] ?? []).filter((template) => template.name === name);
  };
  const configure = (templates: object): Promise<void> => journey.simulator.configure({ templates });
  const decide = (name: string, status: string, more: object = {}): Promise<unknown> =>
    journey.simulator.call('PUT', `templates/${name}`, { waba_id: WABA_ID, status, notify: false, ...more });
  const upload = async (bytes: Buffer, filename: string): Promise<number> => {
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(bytes)]), filename);
    const answer = await journey.api.call<{ id: number }>('POST', '/media', { accountId, body: form });
    expect([answer.status, answer.body]).toEqual([201, expect.anything()]);
    return answer.body.id;
  };
  const samplesAtMeta = async (): Promise<{ sha256: string; size: number; mime_type: string }[]> => {
    const { media } = await journey.simulator.call<{
      media: { source: string; sha256: string; size: number; mime_type: string }[];
    }>('GET', 'media');
    return media.filter(({ source }) => source === 'handle');
  };
  const picture = (size = 2_000_000): Buffer => Buffer.concat([SAMPLES.png, randomBytes(size)]);

  beforeAll(async () => {
    journey = await startJourney({ simulator: { template_approval_ms: 3_600_000 } });
    accountId = journey.accountId;
  });
  afterAll(() => journey.close());
  afterEach(() =>
    journey.simulator.configure({
      media: { break_uploads: 0 },
      templates: { lose_answers: 0, lose_requests: 0, category: '', limit_edits: false, bad_cursors: 0 },
    }),
  );

  describe('a push', () => {
    it('creates the template at Meta as it is here, with its examples', async () => {
      const draft = await create({
        header: { type: 'TEXT', text: 'Parcel {{1}}' },
        footer_text: 'Your post office',
        buttons: [{ type: 'URL', text: 'Track', url: 'https://example.com/{{1}}', example: ['https://example.com/a'] }],
        examples: { header: ['A-1'], body: ['Asha', 'A-1'] },
        message_send_ttl_seconds: 3_600,
      });
      const { status, body } = await push(draft.id);
      expect([status, body]).toEqual([
        200,
        expect.objectContaining({
          id: draft.id,
          status: 'PENDING',
          category: 'UTILITY',
          meta_template_id: expect.stringMatching(/^\d+$/),
          synced_at: expect.any(String),
        }),
      ]);
      expect(await atMeta(draft.name)).toEqual([
        expect.objectContaining({
          id: body.meta_template_id,
          language: 'en',
          category: 'UTILITY',
          parameter_format: 'POSITIONAL',
          message_send_ttl_seconds: 3_600,
          components: body.components,
        }),
      ]);
      expect(body.components).toEqual([
        { type: 'HEADER', format: 'TEXT', text: 'Parcel {{1}}', example: { header_text: ['A-1'] } },
        { type: 'BODY', text: TEXT, example: { body_text: [['Asha', 'A-1']] } },
        { type: 'FOOTER', text: 'Your post office' },
        {
          type: 'BUTTONS',
          buttons: [
            { type: 'URL', text: 'Track', url: 'https://example.com/{{1}}', example: ['https://example.com/a'] },
          ],
        },
      ]);
      expect(await read(draft.id)).toEqual(body);
      expect(await sync()).toMatchObject({ created: 0, skipped: 0 });
      expect(await read(draft.id)).toMatchObject({ components: body.components, status: 'PENDING' });
    });

    it('gives Meta the sample of a media header, byte for byte', async () => {
      const bytes = picture();
      const mediaId = await upload(bytes, 'offer.png');
      const template = await pushed({ header: { type: 'IMAGE', media_id: mediaId } });
      expect(await samplesAtMeta()).toContainEqual(
        expect.objectContaining({
          size: bytes.length,
          sha256: createHash('sha256').update(bytes).digest('hex'),
          mime_type: 'image/png',
        }),
      );
      expect(template.components[0]).toEqual({
        type: 'HEADER',
        format: 'IMAGE',
        example: { header_handle: [expect.stringMatching(/^4::/)] },
      });
      const [known] = await atMeta(template.name);
      expect(known?.components[0]).toEqual(template.components[0]);
      // Meta's address of the sample takes the place of the handle; the file of ours stays known.
      await sync();
      expect(await read(template.id)).toMatchObject({
        header: { type: 'IMAGE', media_id: mediaId },
        components: expect.arrayContaining([
          { type: 'HEADER', format: 'IMAGE', example: { header_handle: [expect.stringMatching(/^http/)] } },
        ]),
      });
    });

    it('goes on where an upload broke off', async () => {
      const bytes = picture(3_000_000);
      const mediaId = await upload(bytes, 'long.png');
      const draft = await create({ header: { type: 'IMAGE', media_id: mediaId } });
      await journey.simulator.configure({ media: { break_uploads: 2 } });
      expect((await push(draft.id)).body).toMatchObject({ status: 'PENDING' });
      expect(await samplesAtMeta()).toContainEqual(
        expect.objectContaining({ size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }),
      );
    });

    it('gives each card of a carousel its sample, and one file once', async () => {
      const [first, second] = [await upload(picture(1_000), 'a.png'), await upload(picture(2_000), 'b.png')];
      const before = (await samplesAtMeta()).length;
      const card = (mediaId: number, index: number): object => ({
        header: { type: 'IMAGE', media_id: mediaId },
        body_text: `Our offer number ${index} of this autumn`,
        buttons: [{ type: 'QUICK_REPLY', text: 'Show me' }],
      });
      const template = await pushed({
        category: 'MARKETING',
        body_text: 'Three offers that we chose for you',
        examples: {},
        carousel: [card(first, 1), card(second, 2), card(first, 3)],
      });
      expect((await samplesAtMeta()).length - before).toBe(2);
      await sync();
      expect(await read(template.id)).toMatchObject({
        carousel: [first, second, first].map((mediaId) => ({ header: { type: 'IMAGE', media_id: mediaId } })),
      });
    });

    it('takes the category that Meta puts it in', async () => {
      await configure({ category: 'MARKETING' });
      expect(await pushed()).toMatchObject({ category: 'MARKETING', status: 'PENDING' });
    });

    it('names what Meta would refuse, and asks nothing', async () => {
      const draft = await create({ examples: {} });
      const answer = await push(draft.id);
      expect([answer.status, answer.body.code]).toEqual([400, 'validation_failed']);
      expect(answer.body.errors).toEqual([expect.objectContaining({ field: 'examples.body' })]);
      expect(await atMeta(draft.name)).toEqual([]);
    });

    it('needs a file of the library that goes with the header', async () => {
      const pdf = await upload(SAMPLES.pdf, 'terms.pdf');
      const wrong = await call('POST', '/templates', {
        name: 'wrong_sample',
        category: 'UTILITY',
        body_text: 'Hello there',
        header: { type: 'IMAGE', media_id: pdf },
      });
      expect([wrong.status, wrong.body.errors]).toEqual([
        400,
        [expect.objectContaining({ field: 'header.media_id', code: 'media_type_mismatch' })],
      ]);
      const missing = await call('POST', '/templates', {
        name: 'no_sample',
        category: 'UTILITY',
        body_text: 'Hello there',
        header: { type: 'IMAGE', media_id: 999_999 },
      });
      expect([missing.status, missing.body.errors]).toEqual([
        400,
        [expect.objectContaining({ field: 'header.media_id', code: 'not_found' })],
      ]);
      const none = await create({ header: { type: 'IMAGE' } });
      expect((await push(none.id)).body.errors).toEqual([expect.objectContaining({ field: 'header.media_id' })]);
    });

    it('that Meta refuses changes nothing and says why', async () => {
      const draft = await create();
      await journey.simulator.call('PUT', `templates/${draft.name}`, {
        waba_id: WABA_ID,
        language: 'en',
        notify: false,
      });
      const answer = await push(draft.id);
      expect([answer.status, answer.body]).toEqual([
        422,
        expect.objectContaining({
          code: 'graph_error',
          graph: expect.objectContaining({
            code: 100,
            subcode: 2_388_024,
            details: expect.stringContaining('already'),
          }),
        }),
      ]);
      expect(await read(draft.id)).toEqual(draft);
      // A draft of ours is not what somebody else made: it stays, and can still be changed.
      expect(await sync()).toMatchObject({ skipped_names: [`${draft.name}/en`] });
      expect((await call('PATCH', `/templates/${draft.id}`, { name: `${draft.name}_b` })).status).toBe(200);
    });

    it('that Meta refuses changes nothing either when Meta tells of the other one while it is asked', async () => {
      const draft = await create();
      await journey.simulator.call('PUT', `templates/${draft.name}`, {
        waba_id: WABA_ID,
        language: 'en',
        notify: false,
      });
      let letAnswer = (): void => undefined;
      const isLet = new Promise<void>((resolve) => (letAnswer = resolve));
      const graph = journey.api.app.get(TemplatesApi, { strict: false });
      const askMeta = graph.create.bind(graph);
      const late = jest.spyOn(graph, 'create').mockImplementationOnce(async (...args) => {
        const refusal = await askMeta(...args);
        await isLet;
        return refusal;
      });
      try {
        const answer = push(draft.id);
        const isAsked = (): Promise<unknown[]> =>
          journey.api.db.query('select 1 from templates where id = $1 and creation_asked_at is not null', [draft.id]);
        await eventually(isAsked, (rows) => rows.length === 1);
        await journey.simulator.call('POST', `templates/${draft.name}`, {
          waba_id: WABA_ID,
          language: 'en',
          value: { event: 'APPROVED' },
        });
        await eventually(
          () => read(draft.id),
          ({ status }) => status === 'APPROVED',
        );
        letAnswer();
        expect((await answer).status).toBe(422);
      } finally {
        letAnswer();
        late.mockRestore();
      }
      const { updated_at: _, ...rest } = draft as TemplateBody & { updated_at: string };
      expect(await read(draft.id)).toMatchObject(rest);
      expect((await call('PATCH', `/templates/${draft.id}`, { name: `${draft.name}_b` })).status).toBe(200);
    });

    it.each<[string, object]>([
      ['answer', { lose_answers: 1 }],
      ['request', { lose_requests: 1 }],
    ])('whose %s was lost is found by the next one', async (_what, fault) => {
      const draft = await create();
      await configure(fault);
      const lost = await push(draft.id);
      expect([lost.status, lost.body.code]).toEqual([504, 'graph_outcome_unknown']);
      expect(await read(draft.id)).toMatchObject({ status: 'DRAFT', meta_template_id: null });
      const change = await call('PATCH', `/templates/${draft.id}`, {
        body_text: 'Dear {{1}}, your {{2}} is something else by now.',
      });
      expect([change.status, change.body.code]).toEqual([409, 'conflict']);
      const { status, body } = await push(draft.id);
      const known = await atMeta(draft.name);
      expect(known).toHaveLength(1);
      expect([status, body]).toEqual([
        200,
        expect.objectContaining({ id: draft.id, status: 'PENDING', meta_template_id: known[0]?.id, body_text: TEXT }),
      ]);
    });

    it('whose answer was lost is found by a sync, or by Meta’s event', async () => {
      const [a, b] = [await create(), await create()];
      await configure({ lose_answers: 2 });
      expect([(await push(a.id)).status, (await push(b.id)).status]).toEqual([504, 504]);
      await journey.simulator.call('POST', `templates/${b.name}`, { value: { event: 'APPROVED' } });
      const byEvent = await eventually(
        () => read(b.id),
        ({ status }) => status === 'APPROVED',
      );
      expect(byEvent.meta_template_id).toBe((await atMeta(b.name))[0]?.id);
      expect((await sync()).skipped_names).not.toContain(`${a.name}/en`);
      expect(await read(a.id)).toMatchObject({ status: 'PENDING', meta_template_id: (await atMeta(a.name))[0]?.id });
    });

    it('of many at once creates one', async () => {
      const draft = await create();
      const answers = await Promise.all(Array.from({ length: 5 }, () => push(draft.id)));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409]);
      expect(await atMeta(draft.name)).toHaveLength(1);
      // Meta looks at it now.
      expect((await push(draft.id)).body).toMatchObject({ code: 'conflict', status: 409 });
    });

    it('that died with its process is taken up when its time is over', async () => {
      const draft = await create();
      await journey.api.db.query(
        `update templates set busy_until = now() + interval '1 minute', creation_asked_at = now() where id = $1`,
        [draft.id],
      );
      for (const answer of [
        await push(draft.id),
        await call('PATCH', `/templates/${draft.id}`, { footer_text: 'Meanwhile' }),
        await call('DELETE', `/templates/${draft.id}`),
        await call('DELETE', `/templates/${draft.id}?on_meta=true`),
      ]) {
        expect([answer.status, answer.body.code]).toEqual([409, 'conflict']);
      }
      await journey.simulator.call('PUT', `templates/${draft.name}`, {
        waba_id: WABA_ID,
        notify: false,
        components: draft.components,
      });
      await journey.api.db.query(`update templates set busy_until = now() where id = $1`, [draft.id]);
      const { body } = await push(draft.id);
      const known = await atMeta(draft.name);
      expect(known).toHaveLength(1);
      expect(body).toMatchObject({ status: 'APPROVED', meta_template_id: known[0]?.id });
    });

    it('needs a WABA and the template of the same account', async () => {
      const other = await journey.api.call<{ id: number }>('POST', '/accounts', {
        body: { name: 'Without', access_token: 'EAAother', phone_number_id: '300000000000099' },
      });
      const mine = await create({}, other.body.id);
      expect((await push(mine.id, other.body.id)).body.code).toBe('account_credentials_missing');
      const foreign = await create();
      for (const [method, path] of [
        ['POST', `/templates/${foreign.id}/push`],
        ['POST', `/templates/${foreign.id}/preview`],
        ['PATCH', `/templates/${foreign.id}`],
        ['DELETE', `/templates/${foreign.id}`],
      ] as const) {
        const answer = await call(method, path, method === 'DELETE' ? undefined : {}, other.body.id);
        expect([path, answer.status]).toEqual([path, method === 'POST' && path.endsWith('push') ? 409 : 404]);
      }
      await journey.api.call('PATCH', `/accounts/${other.body.id}`, { body: { waba_id: '200000000000055' } });
      expect((await push(foreign.id, other.body.id)).status).toBe(404);
      expect((await call('DELETE', `/templates/${foreign.id}?on_meta=true`, undefined, other.body.id)).status).toBe(
        404,
      );
      expect(await read(foreign.id)).toMatchObject({ status: 'DRAFT' });
    });
  });

  describe('a change of what Meta has', () => {
    const approved = async (body: object = {}): Promise<TemplateBody> => {
      const template = await pushed(body);
      await decide(template.name, 'APPROVED');
      await sync();
      return read(template.id);
    };

    it('is made at Meta, which reviews it again', async () => {
      const template = await approved();
      expect(template.status).toBe('APPROVED');
      const answer = await call('PATCH', `/templates/${template.id}`, {
        body_text: 'Hello {{1}}, the parcel {{2}} is here for you.',
        message_send_ttl_seconds: 60,
      });
      expect([answer.status, answer.body]).toEqual([
        200,
        expect.objectContaining({
          status: 'PENDING',
          meta_template_id: template.meta_template_id,
          body_text: 'Hello {{1}}, the parcel {{2}} is here for you.',
        }),
      ]);
      const [known] = await atMeta(template.name);
      expect(known).toMatchObject({ message_send_ttl_seconds: 60, components: answer.body.components });
      const again = await call('PATCH', `/templates/${template.id}`, { body_text: 'And again, something else' });
      expect([again.status, again.body.code]).toEqual([409, 'conflict']);
    });

    it('that is none asks nothing', async () => {
      const template = await approved();
      const answer = await call('PATCH', `/templates/${template.id}`, { body_text: TEXT });
      expect([answer.status, answer.body.status]).toEqual([200, 'APPROVED']);
      expect((await atMeta(template.name))[0]?.status).toBe('APPROVED');
    });

    it('that Meta refuses leaves everything as it was', async () => {
      const template = await approved();
      await configure({ limit_edits: true });
      await call('PATCH', `/templates/${template.id}`, { body_text: 'Hello {{1}}, the parcel {{2}} has come.' });
      await decide(template.name, 'APPROVED');
      await sync();
      const before = await read(template.id);
      const answer = await call('PATCH', `/templates/${template.id}`, {
        body_text: 'Hi {{1}}, come and get {{2}} now.',
      });
      expect([answer.status, answer.body.graph]).toEqual([
        422,
        expect.objectContaining({ code: 100, title: expect.stringContaining('24 hours') }),
      ]);
      expect(await read(template.id)).toEqual(before);
    });

    it('of what Meta has fixed is refused by field', async () => {
      const template = await approved();
      const answer = await call('PATCH', `/templates/${template.id}`, {
        name: 'another_name',
        language: 'de',
        category: 'MARKETING',
      });
      expect([answer.status, answer.body.errors?.map(({ field, code }) => [field, code])]).toEqual([
        400,
        [
          ['name', 'immutable'],
          ['language', 'immutable'],
          ['category', 'immutable'],
        ],
      ]);
    });

    it('puts a rejected one into another category', async () => {
      const template = await pushed();
      await decide(template.name, 'REJECTED', { reason: 'INCORRECT_CATEGORY' });
      await sync();
      expect(await read(template.id)).toMatchObject({ status: 'REJECTED', rejected_reason: 'INCORRECT_CATEGORY' });
      const answer = await call('PATCH', `/templates/${template.id}`, { category: 'MARKETING' });
      expect([answer.status, answer.body]).toEqual([
        200,
        expect.objectContaining({ status: 'PENDING', category: 'MARKETING', rejected_reason: null }),
      ]);
      expect((await atMeta(template.name))[0]).toMatchObject({ category: 'MARKETING', status: 'PENDING' });
    });

    it('submits a rejected one again as it is', async () => {
      const template = await pushed();
      await decide(template.name, 'REJECTED');
      await sync();
      expect((await push(template.id)).body).toMatchObject({ status: 'PENDING', rejected_reason: null });
    });

    it.each<[string, object, number, string]>([
      ['answer', { lose_answers: 1 }, 200, 'Hello {{1}}, parcel {{2}} is here at last.'],
      ['request', { lose_requests: 1 }, 504, TEXT],
    ])('whose %s was lost is what Meta has', async (_what, fault, status, text) => {
      const template = await approved();
      await configure(fault);
      const answer = await call('PATCH', `/templates/${template.id}`, {
        body_text: 'Hello {{1}}, parcel {{2}} is here at last.',
      });
      expect(answer.status).toBe(status);
      expect((await read(template.id)).body_text).toBe(text);
      expect((await atMeta(template.name))[0]?.components).toContainEqual(expect.objectContaining({ text }));
    });

    it('made right after an event says what Meta says now', async () => {
      const template = await pushed();
      await journey.simulator.call('POST', `templates/${template.name}`, { value: { event: 'APPROVED' } });
      await eventually(
        () => read(template.id),
        ({ status }) => status === 'APPROVED',
      );
      const answer = await call('PATCH', `/templates/${template.id}`, {
        body_text: 'Hello {{1}}, parcel {{2}} is here for you.',
      });
      expect([answer.status, answer.body.status]).toEqual([200, 'PENDING']);
    });

    it('ends a pause', async () => {
      const template = await approved();
      const unpause = (): Promise<Answer<TemplateBody>> => call('POST', `/templates/${template.id}/unpause`);
      expect((await unpause()).body).toMatchObject({ code: 'conflict', status: 409 });
      await decide(template.name, 'PAUSED');
      await sync();
      const answer = await unpause();
      expect([answer.status, answer.body.status]).toEqual([200, 'APPROVED']);
      expect((await atMeta(template.name))[0]?.status).toBe('APPROVED');
    });

    it('of nothing but the lifetime leaves the texts that Meta wrote', async () => {
      const name = `code_hi_${(counter += 1)}`;
      const components = [
        { type: 'BODY', text: '*{{1}}* आपका सत्यापन कोड है.', example: { body_text: [['123456']] } },
        {
          type: 'BUTTONS',
          buttons: [
            {
              type: 'URL',
              text: 'कोड कॉपी करें',
              url: 'https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp{{1}}',
              example: ['https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp123456'],
            },
          ],
        },
      ];
      await journey.simulator.call('PUT', `templates/${name}`, {
        waba_id: WABA_ID,
        language: 'hi',
        category: 'AUTHENTICATION',
        notify: false,
        components,
      });
      await sync();
      const list = await journey.api.call<{ templates: TemplateBody[] }>('GET', `/templates?q=${name}`, { accountId });
      const [template] = list.body.templates as [TemplateBody];
      const answer = await call('PATCH', `/templates/${template.id}`, { message_send_ttl_seconds: 120 });
      expect([answer.status, answer.body]).toEqual([
        200,
        expect.objectContaining({ body_text: '*{{1}}* आपका सत्यापन कोड है.', components: template.components }),
      ]);
      expect((await atMeta(name))[0]).toMatchObject({ message_send_ttl_seconds: 120, components });
      const wrong = await call('PATCH', `/templates/${template.id}`, { message_send_ttl_seconds: 5 });
      expect([wrong.status, wrong.body.code]).toEqual([409, 'conflict']);
      await decide(name, 'APPROVED');
      await sync();
      const outside = await call('PATCH', `/templates/${template.id}`, { message_send_ttl_seconds: 5 });
      expect([outside.status, outside.body.errors?.map(({ field }) => field)]).toEqual([
        400,
        ['message_send_ttl_seconds'],
      ]);
    });

    it('of the file that is shown by default is ours alone', async () => {
      const [first, second] = [await upload(picture(600), 'one.png'), await upload(picture(700), 'two.png')];
      const template = await approved({ header: { type: 'IMAGE', media_id: first } });
      const answer = await call('PATCH', `/templates/${template.id}`, { header: { type: 'IMAGE', media_id: second } });
      expect([answer.status, answer.body]).toEqual([
        200,
        expect.objectContaining({ status: 'APPROVED', header: { type: 'IMAGE', media_id: second } }),
      ]);
      expect((await atMeta(template.name))[0]?.status).toBe('APPROVED');
    });

    it('needs the sample of a media header again, which we keep', async () => {
      const mediaId = await upload(picture(5_000), 'kept.png');
      const template = await approved({ header: { type: 'IMAGE', media_id: mediaId } });
      const answer = await call('PATCH', `/templates/${template.id}`, {
        body_text: 'Hello {{1}}, parcel {{2}} is here for you.',
      });
      expect([answer.status, answer.body.status]).toEqual([200, 'PENDING']);
      expect((await atMeta(template.name))[0]?.components[0]).toMatchObject({
        example: { header_handle: [expect.stringMatching(/^4::/)] },
      });
    });
  });

  describe('a deletion', () => {
    const languages = async (name: string): Promise<string[]> =>
      (await atMeta(name)).map(({ language }) => language).sort();
    const inTwo = async (): Promise<[TemplateBody, TemplateBody]> => {
      const english = await pushed();
      return [english, await pushed({ name: english.name, language: 'hi' })];
    };

    it('here alone leaves it at Meta, and the next sync brings it back', async () => {
      const template = await pushed();
      expect((await call('DELETE', `/templates/${template.id}`)).status).toBe(204);
      expect(await languages(template.name)).toEqual(['en']);
      expect(await sync()).toMatchObject({ created: 1 });
    });

    it('at Meta takes one language of two', async () => {
      const [english, hindi] = await inTwo();
      expect((await call('DELETE', `/templates/${english.id}?on_meta=true`)).status).toBe(204);
      expect(await languages(english.name)).toEqual(['hi']);
      expect((await read(english.id)).code).toBe('template_not_found');
      expect(await read(hindi.id)).toMatchObject({ status: 'PENDING' });
    });

    it('of all languages takes the name, but no draft', async () => {
      const [english, hindi] = await inTwo();
      const draft = await create({ name: english.name, language: 'de' });
      const stray = await pushed({ name: `${english.name}_longer` });
      expect((await call('DELETE', `/templates/${english.id}?on_meta=true&all_languages=true`)).status).toBe(204);
      expect(await languages(english.name)).toEqual([]);
      expect((await read(hindi.id)).code).toBe('template_not_found');
      expect(await read(draft.id)).toMatchObject({ status: 'DRAFT' });
      expect(await languages(stray.name)).toEqual(['en']);
      expect((await call('DELETE', `/templates/${draft.id}?all_languages=true`)).body.errors).toEqual([
        expect.objectContaining({ field: 'all_languages' }),
      ]);
    });

    it('keeps the row that a campaign names', async () => {
      const template = await pushed();
      await journey.api.db.query(`insert into campaigns (account_id, name, template_id) values ($1, 'C', $2)`, [
        accountId,
        template.id,
      ]);
      expect((await call('DELETE', `/templates/${template.id}?on_meta=true`)).status).toBe(204);
      expect(await languages(template.name)).toEqual([]);
      expect(await read(template.id)).toMatchObject({ status: 'DELETED' });
      // It can be made anew.
      expect((await push(template.id)).body).toMatchObject({ status: 'PENDING' });
      expect(await languages(template.name)).toEqual(['en']);
    });

    it('that Meta refuses changes nothing', async () => {
      const template = await pushed();
      await decide(template.name, 'DISABLED');
      await sync();
      const answer = await call('DELETE', `/templates/${template.id}?on_meta=true`);
      expect([answer.status, answer.body.code]).toEqual([422, 'graph_error']);
      expect(await read(template.id)).toMatchObject({ status: 'DISABLED' });
    });

    it('whose answer was lost says so, and succeeds when repeated', async () => {
      const template = await pushed();
      await configure({ lose_answers: 1 });
      const lost = await call('DELETE', `/templates/${template.id}?on_meta=true`);
      expect([lost.status, lost.body.code]).toEqual([504, 'graph_outcome_unknown']);
      expect(await read(template.id)).toMatchObject({ status: 'PENDING' });
      expect((await call('DELETE', `/templates/${template.id}?on_meta=true`)).status).toBe(204);
      expect((await read(template.id)).code).toBe('template_not_found');
    });

    it('takes what a lost push has left at Meta, and a draft that never got there', async () => {
      const [lost, draft] = [await create(), await create()];
      await configure({ lose_answers: 1 });
      expect((await push(lost.id)).status).toBe(504);
      expect((await call('DELETE', `/templates/${lost.id}?on_meta=true`)).status).toBe(204);
      expect(await languages(lost.name)).toEqual([]);
      expect((await call('DELETE', `/templates/${draft.id}?on_meta=true`)).status).toBe(204);
      expect((await read(draft.id)).code).toBe('template_not_found');
    });
  });

  describe('a sync', () => {
    it('begins once more when Meta no longer knows its cursor', async () => {
      const waba = '200000000000077';
      const account = await journey.api.call<{ id: number }>('POST', '/accounts', {
        body: { name: 'Pages', access_token: 'EAApages', phone_number_id: '300000000000077', waba_id: waba },
      });
      for (let index = 0; index < 120; index += 1) {
        await journey.simulator.call('PUT', `templates/page_${index}`, { waba_id: waba, notify: false });
      }
      await configure({ bad_cursors: 1 });
      const run = (): Promise<Answer<{ created: number; removed: number; code?: string }>> =>
        journey.api.call('POST', '/templates/sync', { accountId: account.body.id });
      const first = await run();
      expect([first.status, first.body]).toEqual([200, expect.objectContaining({ created: 125, removed: 0 })]);
      await configure({ bad_cursors: 2 });
      expect((await run()).body).toMatchObject({ code: 'graph_error' });
    });

    it('brings what Meta says beside the texts', async () => {
      const template = await pushed({ message_send_ttl_seconds: 120 });
      await decide(template.name, 'PAUSED', { quality_score: 'RED' });
      await journey.simulator.call('POST', `templates/${template.name}`, {
        kind: 'correct_category',
        value: { correct_category: 'MARKETING' },
      });
      await sync();
      expect(await read(template.id)).toMatchObject({
        status: 'PAUSED',
        quality_score: 'RED',
        message_send_ttl_seconds: 120,
        correct_category: 'MARKETING',
      });
    });
  });

  it('a preview shows what a person would get', async () => {
    const draft = await create({
      header: { type: 'TEXT', text: 'Parcel {{1}}' },
      examples: { header: ['A-1'], body: ['Asha', 'A-1'] },
    });
    const answer = await journey.api.call('POST', `/templates/${draft.id}/preview`, {
      accountId,
      body: { params: { body: ['Asha', 'B-7'], header: ['B-7'] } },
    });
    expect([answer.status, answer.body]).toEqual([
      200,
      expect.objectContaining({
        header: { type: 'TEXT', text: 'Parcel B-7' },
        body: 'Hi Asha, your parcel B-7 is with us and waits for you.',
        missing: [],
      }),
    ]);
    const sparse = await journey.api.call('POST', `/templates/${draft.id}/preview`, {
      accountId,
      body: { params: { body_params: { '1': 'Asha' } } },
    });
    expect(sparse.body).toMatchObject({ missing: ['header.1', 'body.2'] });
    const none = await journey.api.call('POST', `/templates/${draft.id}/preview`, { accountId, body: {} });
    expect(none.body).toMatchObject({ body: TEXT, missing: ['header.1', 'body.1', 'body.2'] });
  });

  it('another variant of a language is sent where the one asked for is not there', async () => {
    const send = (language: string): Promise<Answer<{ message?: { template_language?: string }; code?: string }>> =>
      journey.api.call('POST', '/send-template', {
        accountId,
        body: { phone: '+919876512345', template_name: name, language, body_params: ['Asha', 'A-1'] },
      });
    const languageSent = async (): Promise<unknown> =>
      (await journey.api.db.query(`select template_language from messages order by id desc limit 1`))[0];
    const { name } = await pushed({ language: 'en_US' });
    await pushed({ name, language: 'en' });
    await pushed({ name, language: 'hi' });
    await create({ name, language: 'en_GB' });
    await decide(name, 'APPROVED', { language: 'en_US' });
    await sync();
    for (const [asked, sent] of [
      ['en_GB', 'en_US'],
      ['en_AU', 'en_US'],
      ['en_US', 'en_US'],
    ] as const) {
      expect([asked, (await send(asked)).status]).toEqual([asked, 200]);
      expect([asked, await languageSent()]).toEqual([asked, { template_language: sent }]);
    }
    await decide(name, 'APPROVED', { language: 'en' });
    await sync();
    expect((await send('en_GB')).status).toBe(200);
    expect(await languageSent()).toEqual({ template_language: 'en' });
    // A language that is there is the one that is sent, whatever Meta says to it; another language never stands in.
    expect((await send('hi')).status).toBe(422);
    expect((await send('fr')).status).toBe(422);
  });
});
