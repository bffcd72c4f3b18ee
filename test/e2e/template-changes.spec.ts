import { randomBytes } from 'node:crypto';
import { eventually, type Answer } from '../support/app.js';
import { startJourney, WABA_ID, type Journey } from '../support/journey.js';
import { SAMPLES } from './media-graph.js';

interface TemplateBody {
  id: number;
  name: string;
  status: string;
  header: object | null;
  footer_text: string;
  message_send_ttl_seconds: number | null;
  code?: string;
  errors?: { field: string; code: string }[];
}

let counter = 0;

describe('changes of templates', () => {
  let journey: Journey;
  let accountId: number;

  const call = (method: string, path: string, body?: unknown): Promise<Answer<TemplateBody>> =>
    journey.api.call<TemplateBody>(method, path, { accountId, ...(body === undefined ? {} : { body }) });
  const create = async (body: object = {}): Promise<TemplateBody> => {
    const answer = await call('POST', '/templates', {
      name: `changed_${(counter += 1)}`,
      category: 'UTILITY',
      body_text: 'Hi {{1}}, your parcel is with us and waits for you.',
      examples: { body: ['Asha'] },
      ...body,
    });
    expect([answer.status, answer.body]).toEqual([201, expect.anything()]);
    return answer.body;
  };
  const read = async (id: number): Promise<TemplateBody> => (await call('GET', `/templates/${id}`)).body;
  const sync = (): Promise<unknown> => call('POST', '/templates/sync', {});
  const atMeta = (name: string, more: object): Promise<unknown> =>
    journey.simulator.call('PUT', `templates/${name}`, { waba_id: WABA_ID, notify: false, ...more });
  /** One that Meta has approved, and that is known here by a sync. */
  const synced = async (more: object): Promise<TemplateBody> => {
    const name = `synced_${(counter += 1)}`;
    await atMeta(name, { status: 'APPROVED', language: 'en', ...more });
    await sync();
    const list = await journey.api.call<{ templates: TemplateBody[] }>('GET', `/templates?q=${name}`, { accountId });
    return list.body.templates[0] as TemplateBody;
  };
  const upload = async (): Promise<number> => {
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(Buffer.concat([SAMPLES.png, randomBytes(500)]))]), 'a.png');
    return (await journey.api.call<{ id: number }>('POST', '/media', { accountId, body: form })).body.id;
  };

  beforeAll(async () => {
    journey = await startJourney({ worker: false, simulator: { template_approval_ms: 3_600_000 } });
    accountId = journey.accountId;
  });
  afterAll(() => journey.close());

  it('of one draft at the same time all stay', async () => {
    const { id } = await create();
    const { db } = journey.api;
    const answers = await db.transaction(async (tx) => {
      await tx.query('select 1 from templates where id = $1 for update', [id]);
      const asked = [{ footer_text: 'Bye' }, { message_send_ttl_seconds: 3_600 }].map((change) =>
        call('PATCH', `/templates/${id}`, change),
      );
      // Both are at the row.
      await eventually(
        () =>
          db.query(`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`),
        (waiting) => waiting.length === 2,
      );
      return asked;
    });
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200]);
    expect(await read(id)).toMatchObject({ footer_text: 'Bye', message_send_ttl_seconds: 3_600 });
    expect((await call('PATCH', '/templates/999999', { footer_text: 'x' })).body.code).toBe('template_not_found');
  });

  it('cannot take a lifetime away that Meta has', async () => {
    const { id, name } = await create({ message_send_ttl_seconds: 3_600 });
    expect((await call('POST', `/templates/${id}/push`)).status).toBe(200);
    await atMeta(name, { status: 'APPROVED' });
    await sync();
    for (const more of [{}, { footer_text: 'Bye' }]) {
      const answer = await call('PATCH', `/templates/${id}`, { message_send_ttl_seconds: null, ...more });
      expect([answer.status, answer.body.errors]).toEqual([
        400,
        [expect.objectContaining({ field: 'message_send_ttl_seconds', code: 'immutable' })],
      ]);
    }
    expect(await read(id)).toMatchObject({ message_send_ttl_seconds: 3_600, footer_text: '', status: 'APPROVED' });
    const without = await synced({ components: [{ type: 'BODY', text: 'We have news for you today.' }] });
    expect((await call('PATCH', `/templates/${without.id}`, { message_send_ttl_seconds: null })).status).toBe(200);
  });

  it('that stay here are not measured by rules for what Meta reviews', async () => {
    const template = await synced({
      components: [
        { type: 'HEADER', format: 'IMAGE' },
        { type: 'BODY', text: '{{1}}, your order is ready for you.' },
        { type: 'BUTTONS', buttons: [{ type: 'QUICK_REPLY', text: 'OK 👍' }] },
      ],
    });
    const header = { type: 'IMAGE', media_id: await upload() };
    const answer = await call('PATCH', `/templates/${template.id}`, { header });
    expect([answer.status, answer.body]).toEqual([200, expect.objectContaining({ header, status: 'APPROVED' })]);
    const missing = await call('PATCH', `/templates/${template.id}`, { header: { type: 'IMAGE', media_id: 999_999 } });
    expect([missing.status, missing.body.errors]).toEqual([
      400,
      [expect.objectContaining({ field: 'header.media_id', code: 'not_found' })],
    ]);
    // What Meta would be told is.
    const told = await call('PATCH', `/templates/${template.id}`, { header, footer_text: 'Bye' });
    expect(told.body.errors).toContainEqual(expect.objectContaining({ field: 'body_text', code: 'leading_variable' }));
  });

  it('by deletion of all languages, which Meta refuses for one of them, say so', async () => {
    const hindi = await synced({ language: 'hi', components: [{ type: 'BODY', text: 'Namaste, dear friend.' }] });
    await atMeta(hindi.name, { language: 'hi', status: 'DISABLED' });
    const english = await create({ name: hindi.name });
    const answer = await call('DELETE', `/templates/${english.id}?on_meta=true&all_languages=true`);
    expect([answer.status, answer.body.code]).toEqual([422, 'graph_error']);
    expect([(await read(english.id)).status, (await read(hindi.id)).status]).toEqual(['DRAFT', 'APPROVED']);
  });
});
