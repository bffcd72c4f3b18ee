import { eventually, type Answer } from '../support/app.js';
import { startRecordedJourney, type RecordedJourney } from '../support/graph-recorder.js';
import { WABA_ID } from '../support/journey.js';

type Json = Record<string, unknown>;

interface FlowBody {
  id: number;
  name: string;
  meta_flow_id: string | null;
  status: string;
  categories: string[];
  flow_json: Json | null;
  validation_errors: Json[];
  is_uploaded: boolean;
  is_dynamic: boolean;
  endpoint_uri: string;
  forward_url: string;
  forward_secret: string | null;
  health: { sending?: { can_send_message: string }; alerts?: Record<string, Json> } | null;
  sent_count: number;
  completion_count: number;
  completion_rate: number | null;
  can_upload: boolean;
  can_publish: boolean;
  can_deprecate: boolean;
  can_delete: boolean;
  code?: string;
  what_to_do?: string;
  graph?: { code: number; title: string; details: string };
  errors?: { field: string; code: string }[];
}

interface MetaFlow {
  id: string;
  name: string;
  status: string;
  categories: string[];
  endpoint_uri: string;
  json: string;
  validation_errors: Json[];
}

const OTHER_WABA = '200000000000002';
const SCREEN = {
  id: 'FIRST',
  title: 'First',
  terminal: true,
  layout: {
    type: 'SingleColumnLayout',
    children: [
      { type: 'TextInput', name: 'city', label: 'City' },
      { type: 'Footer', label: 'Done', 'on-click-action': { name: 'complete', payload: { city: '${form.city}' } } },
    ],
  },
};
const GOOD = { version: '7.2', screens: [SCREEN] };
let counter = 0;
const newName = (): string => `Flow ${(counter += 1)}`;

describe('flows and Meta', () => {
  let journey: RecordedJourney;
  let accountId: number;

  const call = (method: string, path: string, body?: unknown, account = accountId): Promise<Answer<FlowBody>> =>
    journey.api.call<FlowBody>(method, path, { accountId: account, ...(body === undefined ? {} : { body }) });
  const create = async (body: object = {}): Promise<FlowBody> => {
    const answer = await call('POST', '/flows', { name: newName(), categories: ['SURVEY'], ...body });
    expect([answer.status, answer.body]).toEqual([201, expect.anything()]);
    return answer.body;
  };
  const published = async (body: object = {}): Promise<FlowBody> => {
    const { id } = await create({ flow_json: GOOD, ...body });
    const answer = await call('POST', `/flows/${id}/publish`);
    expect([answer.status, answer.body.status]).toEqual([200, 'PUBLISHED']);
    return answer.body;
  };
  const read = async (id: number): Promise<FlowBody> => (await call('GET', `/flows/${id}`)).body;
  const sync = async (): Promise<Json> => (await journey.api.call('POST', '/flows/sync', { accountId })).body;
  const atMeta = async (name: string): Promise<MetaFlow | undefined> =>
    ((await journey.simulator.call<Record<string, MetaFlow[]>>('GET', 'flows'))[WABA_ID] ?? []).find(
      (flow) => flow.name === name,
    );
  /** What somebody does in Meta's own tools. */
  const elsewhere = (name: string, body: object): Promise<MetaFlow> =>
    journey.simulator.call('PUT', `flows/${encodeURIComponent(name)}`, { waba_id: WABA_ID, notify: false, ...body });
  const tell = (flow: FlowBody, event: string, value: object = {}, time?: number): Promise<unknown> =>
    journey.simulator.call('POST', 'flow-event', {
      flow_id: flow.meta_flow_id,
      event,
      value,
      ...(time === undefined ? {} : { time }),
    });
  const alerts = async (flow: FlowBody): Promise<Json[]> =>
    (
      await journey.api.db.query<{ payload: Json }>(
        `select payload from outbox_events where type = 'account.alert' and payload ->> 'flow_id' = $1 order by id`,
        [String(flow.id)],
      )
    ).map(({ payload }) => payload);
  /** All that Meta told is applied. */
  const settled = async (): Promise<void> => {
    await eventually(
      async () => ({
        queued: (await journey.simulator.ledger()).webhooks.queued,
        open: (await journey.api.call<{ webhook_logs: unknown[] }>('GET', '/webhook-logs?processed=false')).body
          .webhook_logs.length,
      }),
      ({ queued, open }) => queued === 0 && open === 0,
    );
  };
  const configure = (flows: object): Promise<void> => journey.simulator.configure({ flows });

  beforeAll(async () => {
    journey = await startRecordedJourney();
    accountId = journey.accountId;
  });
  afterAll(() => journey.close());
  afterEach(() => configure({ lose_answers: 0, lose_requests: 0, refuse_with: 0 }));

  it('are spoken of with Meta in Meta’s own calls', async () => {
    const { calls } = journey.recorder;
    const from = calls.length;
    const { id, meta_flow_id: metaId, name } = await create({ flow_json: GOOD, endpoint_uri: 'https://example.com/e' });
    await call('PATCH', `/flows/${id}`, { categories: ['OTHER', 'SURVEY'] });
    await journey.api.call('GET', `/flows/${id}/preview`, { accountId });
    await call('POST', `/flows/${id}/publish`);
    const copy = (await call('POST', `/flows/${id}/clone`, { name: `${name} again` })).body;
    await call('POST', `/flows/${id}/deprecate`);
    await call('DELETE', `/flows/${copy.id}`);
    await sync();
    const seen = calls.slice(from).map(({ method, path, body, status, answer }) => {
      const { data, ...rest } = (answer ?? {}) as Json;
      const shown = data === undefined ? rest : { data: expect.anything() };
      return [method, path.replace(/^\/v[\d.]+/, '').replace(/&limit=.*/, ''), body, status, shown];
    });
    if (process.env.SHOW_FIGURES) {
      seen.forEach((line) => process.stdout.write(`${JSON.stringify(line)}\n`));
    }
    const done = { success: true };
    const fields = 'id,name,status,categories,validation_errors,json_version,endpoint_uri,health_status';
    expect(seen).toEqual([
      [
        'POST',
        `/${WABA_ID}/flows`,
        { name, categories: ['SURVEY'], endpoint_uri: 'https://example.com/e' },
        200,
        { id: metaId, success: true },
      ],
      // A form, with the file.
      ['POST', `/${metaId}/assets`, null, 200, { success: true, validation_errors: [] }],
      ['POST', `/${metaId}`, { categories: ['OTHER', 'SURVEY'] }, 200, done],
      [
        'GET',
        `/${metaId}?fields=preview.invalidate(false)`,
        null,
        200,
        { id: metaId, preview: { preview_url: expect.any(String), expires_at: expect.stringMatching(/\+0000$/) } },
      ],
      ['POST', `/${metaId}/publish`, null, 200, done],
      [
        'POST',
        `/${WABA_ID}/flows`,
        {
          name: `${name} again`,
          categories: ['OTHER', 'SURVEY'],
          endpoint_uri: 'https://example.com/e',
          clone_flow_id: metaId,
        },
        200,
        { id: copy.meta_flow_id, success: true },
      ],
      ['POST', `/${metaId}/deprecate`, null, 200, done],
      ['DELETE', `/${copy.meta_flow_id}`, null, 200, done],
      ['GET', `/${WABA_ID}/flows?fields=${encodeURIComponent(fields)}`, null, 200, expect.anything()],
    ]);
  });

  describe('a new flow', () => {
    it('is a draft here and at Meta', async () => {
      const flow = await create({ name: 'Rate us', categories: ['SURVEY', 'OTHER'] });
      expect(flow).toMatchObject({
        name: 'Rate us',
        status: 'DRAFT',
        categories: ['SURVEY', 'OTHER'],
        meta_flow_id: expect.stringMatching(/^\d+$/),
        validation_errors: [],
        is_uploaded: false,
        is_dynamic: false,
        endpoint_uri: '',
        sent_count: 0,
        completion_count: 0,
        completion_rate: null,
        can_upload: true,
        can_publish: true,
        can_deprecate: false,
        can_delete: true,
      });
      expect(await atMeta('Rate us')).toMatchObject({
        id: flow.meta_flow_id,
        categories: ['SURVEY', 'OTHER'],
        json: '',
      });
    });

    it('has the screens that are given, at Meta as the very same JSON', async () => {
      const flow = await create({ flow_json: GOOD });
      expect(flow).toMatchObject({ flow_json: GOOD, is_uploaded: true, validation_errors: [] });
      const { json } = (await atMeta(flow.name)) as MetaFlow;
      // Line by line: faults are told by line.
      expect(json).toBe(JSON.stringify((await read(flow.id)).flow_json, null, 2));
      expect(json).toBe(JSON.stringify(GOOD, null, 2));
    });

    it.each(['feedback', 'lead_generation', 'appointment'])(
      'begins with the starter %s, which can be published',
      async (starter) => {
        const flow = await create({ starter, categories: undefined });
        expect(flow.validation_errors).toEqual([]);
        expect(flow.categories).toHaveLength(1);
        expect(await call('POST', `/flows/${flow.id}/publish`)).toMatchObject({
          status: 200,
          body: { status: 'PUBLISHED' },
        });
      },
    );

    it('lists the three starters', async () => {
      const { body } = await journey.api.call<{
        starters: { name: string; flow_json: { screens: { id: string }[] } }[];
      }>('GET', '/flows/starters');
      expect(body.starters.map(({ name, flow_json }) => [name, flow_json.screens[0]?.id])).toEqual([
        ['feedback', 'FEEDBACK_SCREEN'],
        ['lead_generation', 'LEAD_SCREEN'],
        ['appointment', 'BOOKING_SCREEN'],
      ]);
    });

    it('asks our endpoint when it is dynamic, or the one that is given', async () => {
      const ours = await create({ is_dynamic: true });
      expect(ours.endpoint_uri).toMatch(/\/whatsapp\/flow-data\/[\w-]{32}$/);
      expect((await atMeta(ours.name))?.endpoint_uri).toBe(ours.endpoint_uri);
      const theirs = await create({ endpoint_uri: 'https://example.com/flow' });
      expect(theirs).toMatchObject({ is_dynamic: true, endpoint_uri: 'https://example.com/flow' });
    });

    it('shows the secret of its forward address once', async () => {
      const flow = await create({ is_dynamic: true, forward_url: 'https://example.com/answers' });
      expect(flow).toMatchObject({
        forward_url: 'https://example.com/answers',
        forward_secret: expect.stringMatching(/^whsec_/),
      });
      expect(await read(flow.id)).toMatchObject({ forward_secret: null, has_forward_secret: true });
    });

    it.each([
      ['no name', { name: '' }, 'name'],
      ['no category', { categories: [] }, 'categories'],
      ['a category of nobody', { categories: ['FUN'] }, 'categories'],
      ['a starter of nobody', { starter: 'x' }, 'starter'],
      ['a starter and screens', { starter: 'feedback', flow_json: GOOD }, 'starter'],
      ['an endpoint that is none', { endpoint_uri: 'http://example.com' }, 'endpoint_uri'],
      ['a forward address that is none', { forward_url: 'ftp://example.com' }, 'forward_url'],
      ['screens that are no object', { flow_json: 'x' }, 'flow_json'],
      ['a field of nobody', { colour: 'red' }, 'colour'],
    ])('is refused with %s', async (_what, body, field) => {
      const answer = await call('POST', '/flows', { name: newName(), categories: ['OTHER'], ...body });
      expect([answer.status, answer.body.errors?.map((error) => error.field)]).toEqual([400, [field]]);
    });

    it('has a name of its own', async () => {
      const { name } = await create();
      expect(await call('POST', '/flows', { name, categories: ['OTHER'] })).toMatchObject({
        status: 409,
        body: { code: 'flow_exists' },
      });
      const taken = newName();
      await elsewhere(taken, {});
      const refused = await call('POST', '/flows', { name: taken, categories: ['OTHER'] });
      expect(refused).toMatchObject({
        status: 422,
        body: { code: 'graph_error', graph: { code: 100, title: 'Flow name is not unique' } },
      });
      // Nothing of it stays here.
      expect((await call('GET', `/flows?q=${encodeURIComponent(taken)}`)).body).toMatchObject({ flows: [] });
    });

    it('needs a WABA', async () => {
      const other = await journey.api.call<{ id: number }>('POST', '/accounts', {
        body: { name: 'No WABA', phone_number_id: '300000000000077', access_token: 'EAAx' },
      });
      const answer = await call('POST', '/flows', { name: newName(), categories: ['OTHER'] }, other.body.id);
      expect(answer).toMatchObject({ status: 409, body: { code: 'account_credentials_missing' } });
    });
  });

  describe('when Meta does not answer', () => {
    it('a flow that was created is found by its name, and not created twice', async () => {
      const name = newName();
      await configure({ lose_answers: 1 });
      const lost = await journey.api.call<{ code: string; flow: { id: number } }>('POST', '/flows', {
        accountId,
        body: { name, categories: ['OTHER'], flow_json: GOOD },
      });
      expect(lost).toMatchObject({ status: 504, body: { code: 'graph_outcome_unknown', flow: { name } } });
      const { id } = lost.body.flow;
      expect(await read(id)).toMatchObject({ meta_flow_id: null, can_publish: false });
      expect((await call('POST', `/flows/${id}/upload`, { flow_json: GOOD })).body).toMatchObject({
        meta_flow_id: (await atMeta(name))?.id,
        is_uploaded: true,
      });
    });

    it('a flow that was not created is created by the next upload', async () => {
      const name = newName();
      await configure({ lose_requests: 1 });
      const lost = await journey.api.call<{ flow: { id: number } }>('POST', '/flows', {
        accountId,
        body: { name, categories: ['OTHER'] },
      });
      expect([lost.status, await atMeta(name)]).toEqual([504, undefined]);
      const { body } = await call('POST', `/flows/${lost.body.flow.id}/upload`, { flow_json: GOOD });
      expect(body).toMatchObject({ meta_flow_id: expect.any(String), is_uploaded: true });
      expect((await atMeta(name))?.id).toBe(body.meta_flow_id);
    });

    it('a sync links it too', async () => {
      const name = newName();
      await configure({ lose_answers: 1 });
      const { body } = await journey.api.call<{ flow: { id: number } }>('POST', '/flows', {
        accountId,
        body: { name, categories: ['OTHER'] },
      });
      await sync();
      expect(await read(body.flow.id)).toMatchObject({ name, meta_flow_id: (await atMeta(name))?.id });
      expect((await call('GET', `/flows?q=${encodeURIComponent(name)}`)).body).toMatchObject({
        flows: [{ id: body.flow.id }],
      });
    });

    it('publishing, deprecating and deleting succeed when it was done, and say 504 when it was not', async () => {
      const { id } = await create({ flow_json: GOOD });
      await configure({ lose_requests: 1 });
      expect(await call('POST', `/flows/${id}/publish`)).toMatchObject({ status: 504 });
      await configure({ lose_answers: 1 });
      expect(await call('POST', `/flows/${id}/publish`)).toMatchObject({ status: 200, body: { status: 'PUBLISHED' } });
      await configure({ lose_answers: 1 });
      expect(await call('POST', `/flows/${id}/deprecate`)).toMatchObject({
        status: 200,
        body: { status: 'DEPRECATED' },
      });
      const draft = await create();
      await configure({ lose_answers: 1 });
      expect((await call('DELETE', `/flows/${draft.id}`)).status).toBe(204);
      expect([await atMeta(draft.name), (await call('GET', `/flows/${draft.id}`)).status]).toEqual([undefined, 404]);
    });

    it('an upload is sent again before the flow is published', async () => {
      const flow = await create();
      await configure({ lose_requests: 1 });
      expect((await call('POST', `/flows/${flow.id}/upload`, { flow_json: GOOD })).status).toBe(504);
      expect(await read(flow.id)).toMatchObject({ flow_json: GOOD, is_uploaded: false });
      expect((await call('POST', `/flows/${flow.id}/publish`)).status).toBe(200);
      expect((await atMeta(flow.name))?.json).toBe(JSON.stringify(GOOD, null, 2));
    });
  });

  describe('an upload', () => {
    it('keeps what Meta finds wrong, by line, and is no error', async () => {
      const { id } = await create();
      const bad = {
        ...GOOD,
        screens: [
          {
            ...SCREEN,
            layout: {
              ...SCREEN.layout,
              children: [{ type: 'Slider', 'initial-text': 'x' }, ...SCREEN.layout.children],
            },
          },
        ],
      };
      const { status, body } = await call('POST', `/flows/${id}/upload`, { flow_json: bad });
      expect(status).toBe(200);
      expect(body.validation_errors).toEqual([
        expect.objectContaining({
          error: 'INVALID_PROPERTY_VALUE',
          error_type: 'FLOW_JSON_ERROR',
          message: "Invalid value found for property 'type'.",
          pointers: [expect.objectContaining({ path: 'screens[0].layout.children[0].type' })],
        }),
      ]);
      const line = Number(body.validation_errors[0]?.line_start);
      expect(JSON.stringify(body.flow_json, null, 2).split('\n')[line - 1]).toContain('"Slider"');
      expect(await call('POST', `/flows/${id}/publish`)).toMatchObject({
        status: 422,
        body: {
          graph: { code: 139002, title: 'Publishing Flow with validation errors' },
          what_to_do: expect.stringContaining('validation_errors'),
          validation_errors: body.validation_errors,
        },
      });
      // Mended, it is published.
      expect((await call('POST', `/flows/${id}/upload`, { flow_json: GOOD })).body.validation_errors).toEqual([]);
      expect((await call('POST', `/flows/${id}/publish`)).status).toBe(200);
    });

    it.each([
      ['no version', { screens: [SCREEN] }, 'MISSING_FLOW_JSON_VERSION'],
      ['an old version', { version: '1.0', screens: [SCREEN] }, 'UNSUPPORTED_FLOW_JSON_VERSION'],
      ['no screens', { version: '7.2', screens: [] }, 'MIN_ITEMS_REQUIRED'],
      ['no last screen', { version: '7.2', screens: [{ ...SCREEN, terminal: false }] }, 'INVALID_COMPLETE_ACTION'],
      ['a key of nobody', { ...GOOD, colour: 'red' }, 'INVALID_PROPERTY'],
    ])('with %s is told so', async (_what, flow_json, error) => {
      const { id } = await create();
      const { body } = await call('POST', `/flows/${id}/upload`, { flow_json });
      expect(body.validation_errors.map((fault) => fault.error)).toContain(error);
    });

    it('takes a file', async () => {
      const { id, name } = await create();
      const form = new FormData();
      form.append('file', new Blob([`\ufeff${JSON.stringify(GOOD)}`]), 'flow.json');
      const answer = await journey.api.call<FlowBody>('POST', `/flows/${id}/upload`, { accountId, body: form });
      expect([answer.status, answer.body.flow_json]).toEqual([200, GOOD]);
      expect(JSON.parse((await atMeta(name))?.json ?? '')).toEqual(GOOD);
    });

    it.each([
      ['no JSON', '{"version":', 'not_json'],
      ['no object', '[]', 'not_object'],
    ])('refuses a file that is %s', async (_what, text, code) => {
      const { id } = await create();
      const form = new FormData();
      form.append('file', new Blob([text]), 'flow.json');
      const answer = await journey.api.call<FlowBody>('POST', `/flows/${id}/upload`, { accountId, body: form });
      expect([answer.status, answer.body.errors]).toEqual([400, [expect.objectContaining({ field: 'file', code })]]);
    });
  });

  describe('the lifecycle', () => {
    it('goes from draft over published to deprecated, and what is not allowed is 409 with the status', async () => {
      const flow = await create({ flow_json: GOOD });
      const path = `/flows/${flow.id}`;
      const codes = async (): Promise<(string | undefined)[]> => {
        const moves: [string, string, unknown?][] = [
          ['POST', `${path}/upload`, { flow_json: GOOD }],
          ['POST', `${path}/publish`],
          ['DELETE', path],
        ];
        const answers: Answer<FlowBody>[] = [];
        for (const [method, at, body] of moves) {
          answers.push(await call(method, at, body));
        }
        return answers.map(({ status, body }) => `${status} ${body.code}`);
      };
      expect(await call('POST', `${path}/deprecate`)).toMatchObject({ status: 409, body: { code: 'flow_draft' } });
      expect((await call('POST', `${path}/publish`)).body).toMatchObject({
        status: 'PUBLISHED',
        can_upload: false,
        can_publish: false,
        can_deprecate: true,
        can_delete: false,
      });
      expect(await codes()).toEqual(['409 flow_published', '409 flow_published', '409 flow_published']);
      expect((await call('POST', `${path}/deprecate`)).body).toMatchObject({
        status: 'DEPRECATED',
        can_deprecate: false,
      });
      expect(await codes()).toEqual(['409 flow_deprecated', '409 flow_deprecated', '409 flow_deprecated']);
      expect(await call('PATCH', path, { name: newName() })).toMatchObject({
        status: 409,
        body: { code: 'flow_deprecated' },
      });
      expect((await atMeta(flow.name))?.status).toBe('DEPRECATED');
    });

    it('two who publish at once both find it published', async () => {
      const { id } = await create({ flow_json: GOOD });
      const answers = await Promise.all([1, 2, 3].map(() => call('POST', `/flows/${id}/publish`)));
      expect(answers.map(({ status, body }) => [status, body.status])).toEqual(
        // Who looks after the other was answered is told that it is done.
        expect.arrayContaining([[200, 'PUBLISHED']]),
      );
      expect(answers.every(({ status }) => status === 200 || status === 409)).toBe(true);
      expect((await read(id)).status).toBe('PUBLISHED');
    });

    it('an upload of what was published elsewhere changes nothing here', async () => {
      const flow = await create({ flow_json: GOOD });
      await elsewhere(flow.name, { status: 'PUBLISHED' });
      const other = { ...GOOD, screens: [{ ...SCREEN, title: 'Other' }] };
      expect(await call('POST', `/flows/${flow.id}/upload`, { flow_json: other })).toMatchObject({
        status: 422,
        body: { graph: { code: 139001 }, what_to_do: expect.stringContaining('clone') },
      });
      expect(await read(flow.id)).toMatchObject({ status: 'PUBLISHED', flow_json: GOOD, is_uploaded: true });
    });

    it('a copy of any flow is a draft with its screens, also at Meta', async () => {
      const source = await published();
      await call('POST', `/flows/${source.id}/deprecate`);
      const first = await call('POST', `/flows/${source.id}/clone`, {});
      expect([first.status, first.body]).toEqual([
        201,
        expect.objectContaining({ name: `${source.name} (copy)`, status: 'DRAFT', flow_json: GOOD, is_uploaded: true }),
      ]);
      expect((await atMeta(`${source.name} (copy)`))?.json).toBe((await atMeta(source.name))?.json);
      expect((await call('POST', `/flows/${source.id}/clone`, {})).body.name).toBe(`${source.name} (copy 2)`);
      expect((await call('POST', `/flows/${source.id}/clone`, { name: 'My copy' })).body.name).toBe('My copy');
      expect((await call('POST', `/flows/${first.body.id}/publish`)).status).toBe(200);
    });

    it('a copy has an endpoint of its own', async () => {
      const source = await create({ is_dynamic: true });
      const { body } = await call('POST', `/flows/${source.id}/clone`, {});
      expect(body.is_dynamic).toBe(true);
      expect(body.endpoint_uri).not.toBe(source.endpoint_uri);
      expect((await atMeta(body.name))?.endpoint_uri).toBe(body.endpoint_uri);
    });

    it('a change of name, categories and endpoint is one at Meta too', async () => {
      const flow = await published();
      const name = newName();
      const { body } = await call('PATCH', `/flows/${flow.id}`, { name, categories: ['OTHER'], is_dynamic: true });
      expect(body).toMatchObject({ name, categories: ['OTHER'], is_dynamic: true });
      expect(await atMeta(name)).toMatchObject({
        id: flow.meta_flow_id,
        categories: ['OTHER'],
        endpoint_uri: body.endpoint_uri,
      });
      expect((await call('PATCH', `/flows/${flow.id}`, { is_dynamic: false, endpoint_uri: '' })).body).toMatchObject({
        is_dynamic: false,
        endpoint_uri: '',
      });
      const taken = newName();
      await elsewhere(taken, {});
      expect(await call('PATCH', `/flows/${flow.id}`, { name: taken })).toMatchObject({ status: 422 });
      expect((await read(flow.id)).name).toBe(name);
    });

    it('a draft is deleted here and at Meta, also when Meta has it no more', async () => {
      const flow = await create();
      expect((await call('DELETE', `/flows/${flow.id}`)).status).toBe(204);
      expect([await atMeta(flow.name), (await call('GET', `/flows/${flow.id}`)).body.code]).toEqual([
        undefined,
        'flow_not_found',
      ]);
      const gone = await create();
      await elsewhere(gone.name, { remove: true });
      expect((await call('DELETE', `/flows/${gone.id}`)).status).toBe(204);
    });

    it('a preview has an address that ends', async () => {
      const flow = await create({ flow_json: GOOD });
      const preview = async (query = ''): Promise<{ preview_url: string; expires_at: string }> =>
        (
          await journey.api.call<{ preview_url: string; expires_at: string }>(
            'GET',
            `/flows/${flow.id}/preview${query}`,
            { accountId },
          )
        ).body;
      const first = await preview();
      expect(first.preview_url).toContain(`/flows/${flow.meta_flow_id}/preview/?token=`);
      expect(Date.parse(first.expires_at)).toBeGreaterThan(Date.now());
      expect(await preview()).toEqual(first);
      expect((await preview('?renew=true')).preview_url).not.toBe(first.preview_url);
      expect(await read(flow.id)).toMatchObject({ preview_expires_at: expect.any(String) });
    });

    it('says what to do when Meta lets the account have no flows', async () => {
      await configure({ refuse_with: 139000 });
      expect(await call('POST', '/flows', { name: newName(), categories: ['OTHER'] })).toMatchObject({
        status: 502,
        body: {
          graph: { code: 139000, title: 'Blocked By Integrity' },
          what_to_do: expect.stringContaining('support'),
        },
      });
    });
  });

  describe('a sync', () => {
    it('brings all pages, new ones and changes, and keeps drafts that Meta has no more', async () => {
      await sync();
      for (let index = 0; index < 130; index += 1) {
        await elsewhere(`Bulk ${index}`, { flow_json: GOOD, status: index % 2 ? 'PUBLISHED' : 'DRAFT' });
      }
      const draft = await create({ flow_json: GOOD });
      const live = await published();
      await elsewhere(draft.name, { remove: true });
      await elsewhere(live.name, { status: 'THROTTLED' });
      await settled();
      // What was just done here is newer than a list may be.
      await journey.api.db.query(
        `update flows set status_at = status_at - interval '1 minute', updated_at = updated_at - interval '1 minute',
        created_at = created_at - interval '1 minute' where id = any($1::bigint[])`,
        [[draft.id, live.id]],
      );
      expect(await sync()).toMatchObject({ created: 130, removed: 1 });
      expect(await read(live.id)).toMatchObject({
        status: 'THROTTLED',
        health: { sending: { can_send_message: 'LIMITED' } },
      });
      const gone = await read(draft.id);
      expect(gone).toMatchObject({ meta_flow_id: null, is_uploaded: false, flow_json: GOOD });
      expect(await sync()).toMatchObject({ created: 0, updated: 0, removed: 0 });
      // It is created anew.
      expect(await call('POST', `/flows/${draft.id}/publish`)).toMatchObject({
        status: 200,
        body: { status: 'PUBLISHED' },
      });
      const { body } = await call('GET', '/flows?q=Bulk&status=PUBLISHED&limit=200');
      expect(body).toMatchObject({ next_cursor: null });
      expect((body as unknown as { flows: FlowBody[] }).flows).toHaveLength(65);
    });

    it('brings flows that were made elsewhere, which can be copied with their screens', async () => {
      const name = newName();
      await elsewhere(name, { flow_json: GOOD, status: 'PUBLISHED' });
      await sync();
      const { body } = await call('GET', `/flows?q=${encodeURIComponent(name)}`);
      const [{ id }] = (body as unknown as { flows: [FlowBody] }).flows;
      expect(await read(id)).toMatchObject({ status: 'PUBLISHED', is_uploaded: true });
      const copy = await call('POST', `/flows/${id}/clone`, {});
      expect(copy.body).toMatchObject({ status: 'DRAFT', is_uploaded: true });
      expect((await atMeta(copy.body.name))?.json).toBe(JSON.stringify(GOOD, null, 2));
      expect((await call('POST', `/flows/${copy.body.id}/publish`)).status).toBe(200);
    });
  });

  describe('what Meta tells by webhook', () => {
    const now = (): number => Math.floor(Date.now() / 1_000);
    const becomes = (id: number, holds: (flow: FlowBody) => boolean): Promise<FlowBody> =>
      eventually(() => read(id), holds);

    it('blocks a flow, with an alert that says what to do, and unblocks it', async () => {
      const flow = await published();
      await tell(flow, 'FLOW_STATUS_CHANGE', { old_status: 'PUBLISHED', new_status: 'BLOCKED' }, now() + 1);
      await becomes(flow.id, ({ status }) => status === 'BLOCKED');
      expect(
        await call('POST', `/flows/${flow.id}/send`, { phone: '+919876500009', cta: 'Go', body: 'x' }),
      ).toMatchObject({
        status: 409,
        body: { code: 'flow_blocked' },
      });
      await tell(flow, 'FLOW_STATUS_CHANGE', { old_status: 'BLOCKED', new_status: 'PUBLISHED' }, now() + 2);
      await becomes(flow.id, ({ status }) => status === 'PUBLISHED');
      expect(await alerts(flow)).toMatchObject([
        { code: 'flow_blocked', severity: 'critical', scope: 'flow', what_to_do: expect.stringContaining('endpoint') },
        { code: 'flow_available', severity: 'info' },
      ]);
    });

    it('never goes backwards, however late and however often an event comes', async () => {
      const flow = await published();
      const at = now();
      await tell(flow, 'FLOW_STATUS_CHANGE', { new_status: 'THROTTLED' }, at + 20);
      await becomes(flow.id, ({ status }) => status === 'THROTTLED');
      await journey.simulator.call('POST', 'flow-event', {
        flow_id: flow.meta_flow_id,
        value: { new_status: 'BLOCKED' },
        time: at + 10,
        duplicate: 3,
        unchanged: true,
      });
      await tell(flow, 'ENDPOINT_LATENCY', { alert_state: 'ACTIVATED', p90_latency: 8000, threshold: 7000 }, at + 30);
      const after = await becomes(flow.id, ({ health }) => health?.alerts?.ENDPOINT_LATENCY !== undefined);
      expect(after.status).toBe('THROTTLED');
      expect((await alerts(flow)).map(({ code }) => code)).toEqual(['flow_throttled', 'flow_endpoint_latency']);
    });

    it('does not undo what was read since, though its word comes late', async () => {
      const name = newName();
      await elsewhere(name, { status: 'BLOCKED' });
      await sync();
      const { body } = await call('GET', `/flows?q=${encodeURIComponent(name)}`);
      const [{ id, meta_flow_id: flow_id }] = (body as unknown as { flows: [FlowBody] }).flows;
      for (const new_status of ['DRAFT', 'PUBLISHED']) {
        await journey.simulator.call('POST', 'flow-event', {
          flow_id,
          value: { new_status },
          time: now() - 60,
          unchanged: true,
        });
      }
      await journey.simulator.call('POST', 'flow-event', { flow_id, event: 'ENDPOINT_LATENCY' });
      const after = await becomes(id, ({ health }) => health?.alerts?.ENDPOINT_LATENCY !== undefined);
      expect(after.status).toBe('BLOCKED');
    });

    it('tells how a flow does, the newest of each kind, once each', async () => {
      const flow = await published();
      const at = now();
      const kinds: [string, object][] = [
        [
          'CLIENT_ERROR_RATE',
          { error_rate: 14.28, threshold: 10, alert_state: 'ACTIVATED', errors: [{ error_type: 'X' }] },
        ],
        ['ENDPOINT_ERROR_RATE', { error_rate: 14.28, threshold: 10, alert_state: 'ACTIVATED' }],
        ['ENDPOINT_AVAILABILITY', { availability: 75, threshold: 90, alert_state: 'ACTIVATED' }],
        ['FLOW_VERSION_EXPIRY_WARNING', { warning: 'Your current Flow version will freeze in 21 days.' }],
        ['SOMETHING_NEW', { x: 1 }],
      ];
      for (const [event, value] of kinds) {
        await journey.simulator.call('POST', 'flow-event', {
          flow_id: flow.meta_flow_id,
          event,
          value,
          time: at,
          duplicate: 2,
        });
      }
      await tell(flow, 'ENDPOINT_ERROR_RATE', { error_rate: 1, threshold: 10, alert_state: 'DEACTIVATED' }, at + 5);
      const { health } = await becomes(
        flow.id,
        (seen) =>
          Object.keys(seen.health?.alerts ?? {}).length === 5 &&
          seen.health?.alerts?.ENDPOINT_ERROR_RATE?.alert_state === 'DEACTIVATED',
      );
      expect(health?.alerts?.ENDPOINT_AVAILABILITY).toMatchObject({
        availability: 75,
        at: new Date(at * 1_000).toISOString(),
      });
      expect(health?.alerts?.SOMETHING_NEW).toMatchObject({ x: 1 });
      const told = await alerts(flow);
      expect(
        told
          .map(({ code }) => code)
          .filter((code) => code !== 'flow_endpoint_error_rate')
          .sort(),
      ).toEqual(['flow_client_error_rate', 'flow_endpoint_availability', 'flow_version_expiry']);
      expect(told.filter(({ code }) => code === 'flow_endpoint_error_rate').at(-1)).toMatchObject({
        severity: 'info',
        alert_state: 'DEACTIVATED',
      });
    });

    it('of a flow that nobody here has is passed over', async () => {
      const { id } = await elsewhere(newName(), {});
      await journey.simulator.call('POST', 'flow-event', { flow_id: id, event: 'ENDPOINT_LATENCY' });
      const logs = await eventually(
        () => journey.api.call<{ webhook_logs: unknown[] }>('GET', '/webhook-logs?processed=false'),
        ({ body }) => body.webhook_logs.length === 0,
      );
      expect(logs.body.webhook_logs).toEqual([]);
      expect(
        (await journey.api.call<{ webhook_logs: unknown[] }>('GET', '/webhook-logs?has_error=true')).body.webhook_logs,
      ).toEqual([]);
    });
  });

  describe('whose', () => {
    it('another account’s flow is as one that is not there', async () => {
      const flow = await create({ flow_json: GOOD });
      const other = await journey.api.call<{ id: number }>('POST', '/accounts', {
        body: { name: 'Other', phone_number_id: '300000000000088', waba_id: OTHER_WABA, access_token: 'EAAother' },
      });
      const missing = await call('GET', '/flows/999999', undefined, other.body.id);
      const paths: [string, string, unknown?][] = [
        ['GET', `/flows/${flow.id}`],
        ['PATCH', `/flows/${flow.id}`, { name: 'Mine' }],
        ['DELETE', `/flows/${flow.id}`],
        ['POST', `/flows/${flow.id}/upload`, { flow_json: GOOD }],
        ['POST', `/flows/${flow.id}/publish`],
        ['POST', `/flows/${flow.id}/deprecate`],
        ['POST', `/flows/${flow.id}/clone`, {}],
        ['GET', `/flows/${flow.id}/preview`],
        ['POST', `/flows/${flow.id}/send`, { phone: '+919876500001', cta: 'Go', body: 'x' }],
        ['GET', `/flows/${flow.id}/responses`],
        ['GET', `/flows/${flow.id}/responses/export`],
        ['PATCH', `/flows/${flow.id}/responses/1`, { processed: true }],
      ];
      for (const [method, path, body] of paths) {
        const answer = await call(method, path, body, other.body.id);
        expect([path, answer.status, answer.body.code]).toEqual([path, 404, 'flow_not_found']);
      }
      expect([missing.status, missing.body.code]).toEqual([404, 'flow_not_found']);
      expect((await call('GET', '/flows', undefined, other.body.id)).body).toMatchObject({ flows: [] });
    });

    it('pages the newest first', async () => {
      const made = [await create(), await create(), await create()];
      const first = (await call('GET', '/flows?limit=2')).body as unknown as { flows: FlowBody[]; next_cursor: string };
      expect(first.flows.map(({ id }) => id)).toEqual([made[2]?.id, made[1]?.id]);
      const next = (await call('GET', `/flows?limit=1&cursor=${first.next_cursor}`)).body as unknown as {
        flows: FlowBody[];
      };
      expect(next.flows.map(({ id }) => id)).toEqual([made[0]?.id]);
      expect(first.flows[0]?.flow_json).toBeNull();
      expect((await call('GET', '/flows?cursor=x')).body.code).toBe('bad_cursor');
    });
  });
});
