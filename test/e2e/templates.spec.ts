import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startSimulator, type Simulator } from '../../src/simulator/start-simulator.js';
import type { TemplateEvent } from '../../src/templates/template-events.js';
import { TemplatesService } from '../../src/templates/templates.service.js';
import { TemplatesWebhook } from '../../src/templates/templates.webhook.js';
import { startTestApp, type Answer, type TestApp } from '../support/app.js';

interface TemplateBody {
  id: number;
  name: string;
  language: string;
  status: string;
  category: string;
  meta_template_id: string | null;
  body_text: string;
  synced_at: string | null;
  code?: string;
  errors?: { field: string; code: string }[];
}

interface SyncBody {
  synced: number;
  created: number;
  updated: number;
  removed: number;
  skipped: number;
  skipped_names: string[];
}

const TOKEN = 'EAAtemplates';
let nextNumber = 600_000_000_000_000;

describe('templates', () => {
  let graph: Simulator;
  let api: TestApp;
  let accountId: number;
  let wabaId: string;

  const newAccount = async (waba: string | null): Promise<number> =>
    (
      await api.call<{ id: number }>('POST', '/accounts', {
        body: { name: 'T', access_token: TOKEN, phone_number_id: String((nextNumber += 1)), waba_id: waba },
      })
    ).body.id;
  const create = async (body: object = {}, account = accountId): Promise<TemplateBody> => {
    const answer = await api.call<TemplateBody>('POST', '/templates', {
      body: { name: `draft_${(nextNumber += 1)}`, category: 'UTILITY', body_text: 'Hello', ...body },
      accountId: account,
    });
    expect([answer.status, answer.body]).toEqual([201, expect.anything()]);
    return answer.body;
  };
  const get = async (id: number, account = accountId): Promise<TemplateBody> =>
    (await api.call<TemplateBody>('GET', `/templates/${id}`, { accountId: account })).body;
  const list = async (query = '', account = accountId): Promise<TemplateBody[]> =>
    (await api.call<{ templates: TemplateBody[] }>('GET', `/templates?${query}`, { accountId: account })).body
      .templates;
  const sync = (account = accountId): Promise<Answer<SyncBody>> =>
    api.call<SyncBody>('POST', '/templates/sync', { accountId: account });
  const named = async (name: string): Promise<TemplateBody> => {
    const found = (await list(`q=${name}&limit=200`)).find((template) => template.name === name);
    if (!found) {
      throw new Error(`no template ${name}`);
    }
    return found;
  };
  const atMeta = async (method: string, path: string, body?: object): Promise<void> => {
    const response = await fetch(`${graph.url}/v23.0/${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const answer = await response.text();
    expect([answer, response.status]).toEqual([answer, 200]);
  };
  const simulate = async (name: string, body: object): Promise<void> => {
    const response = await fetch(`${graph.url}/__simulate/templates/${name}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ notify: false, ...body }),
    });
    expect(response.status).toBe(200);
  };

  beforeAll(async () => {
    graph = await startSimulator({ config: { template_approval_ms: 3_600_000 } });
    api = await startTestApp({ env: { GRAPH_API_BASE_URL: graph.url } });
    wabaId = '200000000000071';
    accountId = await newAccount(wabaId);
  });
  afterAll(async () => {
    await api.close();
    await graph.close();
  });

  describe('drafts', () => {
    it('answer every field', async () => {
      const answer = await api.call<TemplateBody>('POST', '/templates/', {
        accountId,
        body: {
          name: 'order_ready',
          language: 'en_US',
          category: 'UTILITY',
          header: { type: 'TEXT', text: 'Order {{1}}' },
          body_text: 'Hi {{1}}, {{2}} is ready. Bye {{1}}.',
          footer_text: 'Thank you',
          buttons: [
            { type: 'QUICK_REPLY', text: 'Yes' },
            { type: 'URL', text: 'Track', url: 'https://example.com/{{1}}', example: ['https://example.com/1'] },
          ],
        },
      });
      expect(answer.status).toBe(201);
      const buttons = [
        { type: 'QUICK_REPLY', text: 'Yes' },
        { type: 'URL', text: 'Track', url: 'https://example.com/{{1}}', example: ['https://example.com/1'] },
      ];
      expect(answer.body).toEqual({
        id: expect.any(Number),
        account_id: accountId,
        name: 'order_ready',
        meta_template_id: null,
        language: 'en_US',
        category: 'UTILITY',
        status: 'DRAFT',
        parameter_format: 'POSITIONAL',
        header: { type: 'TEXT', text: 'Order {{1}}' },
        body_text: 'Hi {{1}}, {{2}} is ready. Bye {{1}}.',
        footer_text: 'Thank you',
        buttons,
        components: [
          { type: 'HEADER', format: 'TEXT', text: 'Order {{1}}' },
          { type: 'BODY', text: 'Hi {{1}}, {{2}} is ready. Bye {{1}}.' },
          { type: 'FOOTER', text: 'Thank you' },
          { type: 'BUTTONS', buttons },
        ],
        variables: { header: ['1'], body: ['1', '2'] },
        limited_time_offer: null,
        carousel: null,
        authentication: null,
        examples: {},
        message_send_ttl_seconds: null,
        previous_category: null,
        correct_category: null,
        category_changes_at: null,
        rejected_reason: null,
        rejection_info: null,
        quality_score: null,
        synced_at: null,
        created_at: expect.any(String),
        updated_at: expect.any(String),
      });
      expect(await get(answer.body.id)).toEqual(answer.body);
    });

    it('have a name and language of their own', async () => {
      const { name } = await create();
      const again = await api.call<TemplateBody>('POST', '/templates', {
        accountId,
        body: { name, category: 'UTILITY', body_text: 'Hello' },
      });
      expect([again.status, again.body.code]).toEqual([409, 'template_exists']);
      expect((await create({ name, language: 'hi' })).language).toBe('hi');
      const other = await create();
      const answer = await api.call('PATCH', `/templates/${other.id}`, { accountId, body: { name } });
      expect(answer.status).toBe(409);
    });

    it.each<[object, string]>([
      [{ name: 'Has Capitals' }, 'name'],
      [{ language: 'english' }, 'language'],
      [{ category: 'SPAM' }, 'category'],
      [{ body_text: '' }, 'body_text'],
      [{ body_text: 'x'.repeat(1_025) }, 'body_text'],
      [{ footer_text: 'x'.repeat(61) }, 'footer_text'],
      [{ header: { type: 'TEXT' } }, 'header.text'],
      [{ header: { type: 'TEXT', text: 'x'.repeat(61) } }, 'header.text'],
      [{ header: { type: 'TEXT', text: '{{1}} {{2}}' } }, 'header.text'],
      [{ header: { type: 'IMAGE', text: 'x' } }, 'header.text'],
      [{ header: { type: 'GIF' } }, 'header.type'],
      [{ buttons: [{ type: 'QUICK_REPLY' }] }, 'buttons.0.text'],
      [{ buttons: [{ type: 'QUICK_REPLY', text: 'x'.repeat(26) }] }, 'buttons.0.text'],
      [{ buttons: [{ type: 'URL', text: 'Go' }] }, 'buttons.0.url'],
      [{ buttons: [{ type: 'LAUNCH', text: 'Go' }] }, 'buttons.0.type'],
      [{ buttons: new Array(11).fill({ type: 'QUICK_REPLY', text: 'x' }) }, 'buttons'],
      [{ body_text: 'Hi {{2}}' }, 'body_text'],
      [{ body_text: 'Hi {{name}}' }, 'body_text'],
      [{ body_text: 'Hi {{1}}', parameter_format: 'NAMED' }, 'body_text'],
      [{ status: 'APPROVED' }, 'status'],
    ])('refuse %j by field', async (body, field) => {
      const answer = await api.call<TemplateBody>('POST', '/templates', {
        accountId,
        body: { name: 'refused', category: 'UTILITY', body_text: 'Hello', ...body },
      });
      expect([answer.status, answer.body.code]).toEqual([400, 'validation_failed']);
      expect(answer.body.errors?.map((error) => error.field)).toEqual([field]);
    });

    it('change by the given fields, and are deleted', async () => {
      const draft = await create({ header: { type: 'IMAGE' } });
      const changed = await api.call('PATCH', `/templates/${draft.id}`, {
        accountId,
        body: { header: null, body_text: 'Hi {{first_name}}', parameter_format: 'NAMED' },
      });
      expect([changed.status, changed.body]).toEqual([
        200,
        expect.objectContaining({
          name: draft.name,
          header: null,
          components: [{ type: 'BODY', text: 'Hi {{first_name}}' }],
          variables: { header: [], body: ['first_name'] },
        }),
      ]);
      expect((await api.call('DELETE', `/templates/${draft.id}`, { accountId })).status).toBe(204);
      expect(await get(draft.id)).toMatchObject({ code: 'template_not_found', status: 404 });
      expect((await api.call('DELETE', `/templates/${draft.id}`, { accountId })).status).toBe(404);
    });

    it('belong to one account', async () => {
      const other = await newAccount('200000000000072');
      const draft = await create();
      expect(await get(draft.id, other)).toMatchObject({ code: 'template_not_found' });
      for (const method of ['PATCH', 'DELETE']) {
        const body = method === 'PATCH' ? { body: { body_text: 'Mine now' } } : {};
        expect((await api.call(method, `/templates/${draft.id}`, { accountId: other, ...body })).status).toBe(404);
      }
      expect(await list('', other)).toEqual([]);
      expect((await create({ name: draft.name }, other)).id).not.toBe(draft.id);
    });

    it('that a campaign uses stay', async () => {
      const draft = await create();
      await api.db.query(`insert into campaigns (account_id, name, template_id) values ($1, 'C', $2)`, [
        accountId,
        draft.id,
      ]);
      const answer = await api.call('DELETE', `/templates/${draft.id}`, { accountId });
      expect([answer.status, answer.body]).toEqual([409, expect.objectContaining({ code: 'template_in_use' })]);
    });
  });

  it('are listed by page and filter', async () => {
    const account = await newAccount('200000000000073');
    const made = [];
    for (const [index, category] of ['UTILITY', 'MARKETING', 'UTILITY'].entries()) {
      made.push((await create({ name: `listed_${index}`, category, body_text: `Number ${index} 100%` }, account)).id);
    }
    const first = await api.call<{ templates: TemplateBody[]; next_cursor: string }>('GET', '/templates?limit=2', {
      accountId: account,
    });
    expect(first.body.templates.map(({ id }) => id)).toEqual([made[2], made[1]]);
    const ids = async (query: string): Promise<number[]> => (await list(query, account)).map(({ id }) => id);
    expect(await ids(`cursor=${first.body.next_cursor}`)).toEqual([made[0]]);
    expect(await ids('category=marketing')).toEqual([made[1]]);
    expect(await ids('q=number%202')).toEqual([made[2]]);
    expect(await ids('q=%25')).toHaveLength(3);
    expect(await ids('q=_isted')).toEqual([]);
    expect(await ids('status=APPROVED')).toEqual([]);
    expect(await ids('language=en')).toHaveLength(3);
  });

  describe('syncing', () => {
    beforeAll(async () => {
      // More than two of Meta's pages.
      for (let index = 0; index < 230; index += 1) {
        await simulate(`bulk_${index}`, { waba_id: wabaId });
      }
      await atMeta('POST', `${wabaId}/message_templates`, {
        name: 'rich',
        language: 'en_US',
        category: 'MARKETING',
        components: [
          {
            type: 'HEADER',
            format: 'TEXT',
            text: 'A present that is for {{1}} only',
            example: { header_text: ['Asha'] },
          },
          {
            type: 'BODY',
            text: 'Everything in our shop costs {{1}} less for you, from today until the end of {{2}}.',
            example: { body_text: [['10%', 'Sunday']] },
          },
          { type: 'FOOTER', text: 'Answer STOP to hear no more' },
          { type: 'BUTTONS', buttons: [{ type: 'QUICK_REPLY', text: 'Show me' }] },
        ],
      });
    });

    it('brings all pages with every part', async () => {
      const draft = await create({ name: 'only_here' });
      const { status, body } = await sync();
      expect(status).toBe(200);
      expect(body.synced).toBeGreaterThanOrEqual(231);
      expect(body).toEqual({
        synced: body.synced,
        created: body.synced,
        updated: 0,
        removed: 0,
        skipped: 0,
        skipped_names: [],
      });
      expect(await named('rich')).toMatchObject({
        status: expect.stringMatching(/^(PENDING|APPROVED)$/),
        category: 'MARKETING',
        language: 'en_US',
        meta_template_id: expect.stringMatching(/^\d+$/),
        header: { type: 'TEXT', text: 'A present that is for {{1}} only' },
        body_text: 'Everything in our shop costs {{1}} less for you, from today until the end of {{2}}.',
        footer_text: 'Answer STOP to hear no more',
        buttons: [{ type: 'QUICK_REPLY', text: 'Show me' }],
        components: expect.arrayContaining([
          {
            type: 'HEADER',
            format: 'TEXT',
            text: 'A present that is for {{1}} only',
            example: { header_text: ['Asha'] },
          },
        ]),
        variables: { header: ['1'], body: ['1', '2'] },
        rejected_reason: null,
        quality_score: 'UNKNOWN',
        synced_at: expect.any(String),
      });
      expect(await named('named_offer')).toMatchObject({
        parameter_format: 'NAMED',
        variables: { header: [], body: ['first_name', 'offer_code'] },
      });
      expect(await get(draft.id)).toEqual(draft);
      expect((await list('status=approved&limit=200')).length).toBe(200);
    });

    it('updates what changed, marks what is gone and brings it back', async () => {
      await sync();
      const before = await named('bulk_7');
      await simulate('bulk_7', { waba_id: wabaId, status: 'PAUSED' });
      await simulate('bulk_8', { waba_id: wabaId, status: 'REJECTED' });
      await atMeta('DELETE', `${wabaId}/message_templates?name=bulk_9`);
      const gone = await named('bulk_9');
      const first = await sync();
      expect(first.body).toMatchObject({ created: 0, updated: 2, removed: 1, skipped: 0 });
      expect(await named('bulk_7')).toMatchObject({ id: before.id, status: 'PAUSED' });
      expect(await named('bulk_9')).toMatchObject({ id: gone.id, status: 'DELETED' });
      expect((await sync()).body).toMatchObject({ created: 0, updated: 0, removed: 0 });
      await simulate('bulk_9', { waba_id: wabaId });
      expect((await sync()).body).toMatchObject({ created: 0, updated: 1, removed: 0 });
      const back = await named('bulk_9');
      expect(back).toMatchObject({ id: gone.id, status: 'APPROVED' });
    });

    it('tells of what has another status or category, and of nothing else', async () => {
      await sync();
      const [moved, stopped] = [await named('bulk_17'), await named('bulk_18')];
      await simulate('bulk_17', { waba_id: wabaId, category: 'MARKETING' });
      await simulate('bulk_18', { waba_id: wabaId, category: 'MARKETING', status: 'PAUSED' });
      await simulate('bulk_19', { waba_id: wabaId, quality_score: 'YELLOW' });
      const [{ last }] = (await api.db.query<{ last: number }>(
        `select coalesce(max(id), 0) as last from outbox_events`,
      )) as [{ last: number }];
      expect((await sync()).body).toMatchObject({ updated: 3 });
      const told = await api.db.query<{ payload: Record<string, unknown> }>(
        `select payload from outbox_events where id > $1 and type = 'template.status' order by subject_id`,
        [last],
      );
      expect(told.map(({ payload: { id, category, changed } }) => ({ id, category, changed }))).toEqual(
        [
          { id: moved.id, category: 'MARKETING', changed: ['category'] },
          { id: stopped.id, category: 'MARKETING', changed: ['status', 'category'] },
        ].sort((a, b) => a.id - b.id),
      );
    });

    it('leaves a draft that has the name of one of Meta’s, and says so', async () => {
      const account = await newAccount('200000000000074');
      const draft = await create({ name: 'order_update' }, account);
      const { body } = await sync(account);
      expect(body).toMatchObject({ skipped: 1, skipped_names: ['order_update/en'], created: 4, removed: 0 });
      expect(await get(draft.id, account)).toEqual(draft);
    });

    it('may run twice at once', async () => {
      const answers = await Promise.all([sync(), sync(), sync()]);
      expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200]);
      expect(answers.map((answer) => answer.body.removed)).toEqual([0, 0, 0]);
      expect(await list('status=DELETED')).toEqual([]);
    });

    it('needs a WABA, and passes on what Meta says', async () => {
      const without = await newAccount(null);
      expect((await sync(without)).body).toMatchObject({ code: 'account_credentials_missing', status: 409 });
      const refused = await newAccount('not-a-waba');
      const answer = await sync(refused);
      expect(answer.body).toMatchObject({ code: 'graph_error', graph: { code: expect.any(Number) } });
    });
  });

  describe('as Meta tells of them', () => {
    const apply = (events: [string, string, string | null][]): Promise<{ id: number; status: string }[]> =>
      api.db.transaction(async (tx) => {
        const found = await Promise.all(events.map(([name]) => named(name)));
        return api.app.get(TemplatesWebhook, { strict: false }).apply(
          tx,
          events.map(([name, event, reason], index) => ({
            accountId,
            metaTemplateId: found[index]?.meta_template_id ?? '',
            name,
            language: found[index]?.language ?? 'en',
            at: new Date(),
            fact: { kind: 'status', event, reason, info: null },
          })),
        );
      });

    beforeAll(() => sync());

    it.each([
      ['PAUSED', 'PAUSED'],
      ['FLAGGED', 'PAUSED'],
      ['SOMETHING_NEW', 'PAUSED'],
      ['REINSTATED', 'APPROVED'],
      ['FLAGGED', 'APPROVED'],
      ['DISABLED', 'DISABLED'],
      ['IN_APPEAL', 'IN_APPEAL'],
      ['APPROVED', 'APPROVED'],
      ['ARCHIVED', 'ARCHIVED'],
      ['UNARCHIVED', 'APPROVED'],
      ['PENDING_DELETION', 'PENDING_DELETION'],
      ['DELETED', 'DELETED'],
    ])('after %s a template is %s', async (event, status) => {
      const changed = (await named('bulk_20')).status !== status;
      expect(await apply([['bulk_20', event, 'NONE']])).toHaveLength(changed ? 1 : 0);
      expect(await apply([['bulk_20', event, 'NONE']])).toEqual([]);
      expect((await named('bulk_20')).status).toBe(status);
    });

    it('tells the world once, of the last event of a batch', async () => {
      const { id } = await named('bulk_22');
      const batch: [string, string, string | null][] = [
        ['bulk_22', 'PENDING', 'NONE'],
        ['bulk_23', 'FLAGGED', 'NONE'],
        ['bulk_22', 'REJECTED', 'INVALID_FORMAT'],
      ];
      expect(await apply(batch)).toEqual([{ id, accountId, status: 'REJECTED' }]);
      expect(await apply(batch)).toEqual([]);
      const events = await api.db.query(
        `select payload from outbox_events where type = 'template.status' and subject_id = $1`,
        [id],
      );
      expect(events).toEqual([
        {
          payload: {
            id,
            meta_template_id: expect.any(String),
            name: 'bulk_22',
            language: 'en',
            status: 'REJECTED',
            rejected_reason: 'INVALID_FORMAT',
            rejection_info: null,
            category: 'UTILITY',
            previous_category: null,
            correct_category: null,
            category_changes_at: null,
            quality_score: 'UNKNOWN',
            changed: ['status'],
          },
        },
      ]);
      expect(await named('bulk_22')).toMatchObject({ status: 'REJECTED', rejected_reason: 'INVALID_FORMAT' });
    });

    it('passes over templates that nobody has', async () => {
      const event: TemplateEvent = {
        accountId,
        metaTemplateId: '1',
        name: 'draft_x',
        language: 'en',
        at: new Date(),
        fact: { kind: 'status', event: 'APPROVED', reason: null, info: null },
      };
      await create({ name: 'draft_x' });
      const webhook = api.app.get(TemplatesWebhook, { strict: false });
      expect(await api.db.transaction((tx) => webhook.apply(tx, [event]))).toEqual([]);
      expect(await named('draft_x')).toMatchObject({ status: 'DRAFT' });
    });
  });

  it('are found for sending', async () => {
    await sync();
    const service = api.app.get(TemplatesService, { strict: false });
    const found = await service.findByName(api.db, accountId, 'named_offer', 'en');
    expect(found).toMatchObject({ accountId, parameterFormat: 'NAMED', status: 'APPROVED', header: null });
    expect(await service.get(api.db, accountId, found?.id ?? 0)).toMatchObject({ name: 'named_offer' });
    expect(await service.findByName(api.db, accountId, 'named_offer', 'hi')).toBeNull();
    const names = await service.listApprovedNames(accountId, 3);
    expect(names).toHaveLength(3);
    expect(names).toEqual([...names].sort());
  });

  describe('when Meta’s answers are strange', () => {
    let strange: Server;
    let strangeApi: TestApp;
    let answers: unknown[] = [];

    beforeAll(async () => {
      strange = createServer((request, response) => {
        const answer = request.url?.includes('message_templates') ? (answers.shift() ?? { data: [] }) : {};
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify(answer));
      });
      await new Promise<void>((resolve) => strange.listen(0, '127.0.0.1', resolve));
      const { port } = strange.address() as AddressInfo;
      strangeApi = await startTestApp({ env: { GRAPH_API_BASE_URL: `http://127.0.0.1:${port}` } });
      await strangeApi.call('POST', '/accounts', {
        body: { name: 'S', access_token: TOKEN, phone_number_id: '1', waba_id: '2' },
      });
    });
    afterAll(async () => {
      await strangeApi.close();
      strange.close();
    });

    it('takes a template that stands on two pages or twice on one, and one without components', async () => {
      const template = { id: '1', name: 'twice', language: 'en', status: 'APPROVED', category: 'UTILITY' };
      answers = [
        {
          data: [
            template,
            { ...template, category: 'MARKETING' },
            { name: 'no_id' },
            { ...template, id: '3', name: 'x' },
          ],
          paging: { next: 'https://graph.example/next', cursors: { after: 'a' } },
        },
        { data: [{ ...template, category: 'MARKETING' }] },
      ];
      const { status, body } = await strangeApi.call('POST', '/templates/sync');
      expect([status, body]).toEqual([
        200,
        { synced: 3, created: 2, updated: 0, removed: 0, skipped: 0, skipped_names: [] },
      ]);
      // Meta gives an id out anew.
      answers = [{ data: [{ ...template, name: 'renamed' }] }];
      expect((await strangeApi.call('POST', '/templates/sync')).body).toMatchObject({ created: 1, removed: 2 });
    });

    it('does not follow a paging that turns in a circle', async () => {
      const page = { data: [], paging: { next: 'https://graph.example/next', cursors: { after: 'same' } } };
      answers = [page, page, page, page];
      expect((await strangeApi.call('POST', '/templates/sync')).status).toBe(200);
      expect(answers).toHaveLength(2);
    });
  });
});
