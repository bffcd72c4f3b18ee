import { eventually, type Answer } from '../support/app.js';
import { PHONE_NUMBER_ID, WABA_ID } from '../support/journey.js';
import { startRecordedJourney, type RecordedJourney } from '../support/graph-recorder.js';
import { messagesBody, newWamid, postWebhook, secondsAgo, type JsonObject } from '../support/webhook-payloads.js';

interface Flow {
  id: number;
  name: string;
  meta_flow_id: string;
  status: string;
  sent_count: number;
  completion_count: number;
  completion_rate: number | null;
}

interface FlowResponse {
  id: number;
  flow_id: number | null;
  meta_flow_id: string | null;
  contact_id: number;
  conversation_id: number;
  phone_number: string | null;
  message_id: string;
  flow_token: string;
  matched_by: string | null;
  response_data: JsonObject;
  processed: boolean;
  completed_at: string;
}

interface Responses {
  responses: FlowResponse[];
  next_cursor: string | null;
  total: number;
  unprocessed: number;
  sent: number;
  completed: number;
}

interface Sent {
  status: string;
  message: { id: number; message_id: string; contact_id: number; content: JsonObject };
  code?: string;
  errors?: { field: string; code: string }[];
}

let phones = 0;
const newPhone = (): string => `+9197000${String((phones += 1)).padStart(5, '0')}`;
let counter = 0;

describe('flows and people', () => {
  let journey: RecordedJourney;
  let accountId: number;
  let rate: Flow;

  const call = <T = JsonObject>(
    method: string,
    path: string,
    body?: unknown,
    account = accountId,
  ): Promise<Answer<T>> =>
    journey.api.call<T>(method, path, { accountId: account, ...(body === undefined ? {} : { body }) });
  const published = async (starter = 'feedback'): Promise<Flow> => {
    const { body } = await call<Flow>('POST', '/flows', { name: `Ask ${(counter += 1)}`, starter });
    return (await call<Flow>('POST', `/flows/${body.id}/publish`)).body;
  };
  const flowOf = async (id: number): Promise<Flow> => (await call<Flow>('GET', `/flows/${id}`)).body;
  const send = (flow: Flow, phone: string, body: object = {}): Promise<Answer<Sent>> =>
    call<Sent>('POST', `/flows/${flow.id}/send?force=true`, { phone, cta: 'Rate us', body: 'How was it?', ...body });
  /** What reached Meta last. */
  const parameters = (): JsonObject => {
    const { interactive } = journey.recorder.sent.at(-1) as unknown as {
      interactive: { action: { parameters: JsonObject } };
    };
    return interactive.action.parameters;
  };
  const sentTo = async (flow: Flow, phone: string, body: object = {}): Promise<{ wamid: string; token: string }> => {
    const answer = await send(flow, phone, body);
    expect([answer.status, answer.body]).toEqual([200, expect.anything()]);
    return { wamid: answer.body.message.message_id, token: String(parameters().flow_token) };
  };
  const complete = async (body: object): Promise<string[]> =>
    (await journey.simulator.call<{ wamids: string[] }>('POST', 'flow-completion', body)).wamids;
  const responsesOf = async (flow: Flow, query = ''): Promise<Responses> =>
    (await call<Responses>('GET', `/flows/${flow.id}/responses?${query}`)).body;
  const unmatched = async (): Promise<FlowResponse[]> =>
    (await call<Responses>('GET', '/flow-responses?unmatched=true')).body.responses;
  const all = async (): Promise<FlowResponse[]> => (await call<Responses>('GET', '/flow-responses')).body.responses;
  const arrived = async (wamid: string): Promise<FlowResponse> => {
    const seen = await eventually(all, (responses) => responses.some(({ message_id }) => message_id === wamid));
    return seen.find(({ message_id }) => message_id === wamid) as FlowResponse;
  };
  const settled = async (): Promise<void> => {
    await eventually(
      () => journey.api.call<{ webhook_logs: unknown[] }>('GET', '/webhook-logs?processed=false'),
      ({ body }) => body.webhook_logs.length === 0,
    );
  };
  const events = async (responseId: number): Promise<JsonObject[]> =>
    (
      await journey.api.db.query<{ payload: JsonObject }>(
        `select payload from outbox_events where type = 'flow.completed' and subject_id = $1`,
        [responseId],
      )
    ).map(({ payload }) => payload);
  /** An answer as Meta posts it, written by the test. */
  const post = async (phone: string, nfm_reply: unknown, more: JsonObject = {}): Promise<string> => {
    const id = newWamid();
    const message = {
      from: phone.replace('+', ''),
      id,
      timestamp: secondsAgo(3),
      type: 'interactive',
      interactive: { type: 'nfm_reply', nfm_reply },
      ...more,
    };
    expect((await postWebhook(journey.api.url, messagesBody({ messages: [message] }))).status).toBe(200);
    return id;
  };

  beforeAll(async () => {
    journey = await startRecordedJourney();
    accountId = journey.accountId;
    rate = await published();
  });
  afterAll(() => journey.close());

  describe('a send', () => {
    it('is a message like all others, with a token that nobody can guess', async () => {
      const answer = await send(rate, newPhone(), {
        header: 'Hello',
        footer: 'Thank you',
        screen: 'FEEDBACK_SCREEN',
        data: { name: 'Asha' },
        client_ref: `ref-${counter}`,
      });
      expect([answer.status, answer.body.status]).toEqual([200, 'sent']);
      expect(journey.recorder.sent.at(-1)).toMatchObject({
        type: 'interactive',
        interactive: {
          type: 'flow',
          header: { type: 'text', text: 'Hello' },
          body: { text: 'How was it?' },
          footer: { text: 'Thank you' },
          action: {
            name: 'flow',
            parameters: {
              flow_message_version: '3',
              flow_id: rate.meta_flow_id,
              flow_cta: 'Rate us',
              flow_token: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f-]{27}$/),
              mode: 'published',
              flow_action: 'navigate',
              flow_action_payload: { screen: 'FEEDBACK_SCREEN', data: { name: 'Asha' } },
            },
          },
        },
      });
      const rows = await journey.api.db.query<{ token: string; meta_flow_id: string }>(
        'select token, meta_flow_id from flow_tokens where message_id = $1',
        [answer.body.message.id],
      );
      expect(rows).toEqual([{ token: parameters().flow_token, meta_flow_id: rate.meta_flow_id }]);
    });

    it('begins with the first screen when only data is given, and with none when nothing is', async () => {
      await sentTo(rate, newPhone(), { data: { name: 'Ravi' } });
      expect(parameters().flow_action_payload).toEqual({ screen: 'FEEDBACK_SCREEN', data: { name: 'Ravi' } });
      await sentTo(rate, newPhone());
      expect(parameters()).not.toHaveProperty('flow_action_payload');
    });

    it('asks the endpoint of a dynamic flow', async () => {
      const { body } = await call<Flow>('POST', '/flows', { name: 'Dynamic', starter: 'feedback', is_dynamic: true });
      await call('POST', `/flows/${body.id}/publish`);
      await sentTo(body, newPhone());
      expect(parameters()).toMatchObject({ flow_action: 'data_exchange' });
      await sentTo(body, newPhone(), { screen: 'FEEDBACK_SCREEN' });
      expect(parameters()).toMatchObject({ flow_action: 'navigate' });
    });

    it('goes out as a draft while the flow is one', async () => {
      const { body } = await call<Flow>('POST', '/flows', { name: 'Draft', starter: 'feedback' });
      await sentTo(body, newPhone());
      expect(parameters().mode).toBe('draft');
    });

    it('keeps the token that the caller gives', async () => {
      const phone = newPhone();
      const { token, wamid } = await sentTo(rate, phone, { flow_token: 'my-own-token' });
      expect(token).toBe('my-own-token');
      const [answer] = await complete({ wamid, response: { rating: '5' } });
      expect(await arrived(answer as string)).toMatchObject({
        flow_id: rate.id,
        flow_token: 'my-own-token',
        matched_by: 'token',
      });
    });

    it.each([
      ['an emoji on the button', { cta: 'Rate 👍' }, 'cta'],
      ['a long button', { cta: 'x'.repeat(31) }, 'cta'],
      ['no text', { body: '' }, 'body'],
      ['nobody', { phone: undefined }, 'phone'],
    ])('is refused with %s', async (_what, body, field) => {
      const { status, body: problem } = await send(rate, newPhone(), body);
      expect([status, problem.errors?.map((error) => error.field)]).toEqual([400, [field]]);
    });

    it('of a deprecated flow is refused, and says what to do', async () => {
      const flow = await published();
      await call('POST', `/flows/${flow.id}/deprecate`);
      expect(await send(flow, newPhone())).toMatchObject({ status: 409, body: { code: 'flow_deprecated' } });
    });

    it('shows Meta’s refusals: blocked, throttled, no such flow', async () => {
      const flow = await published();
      const name = encodeURIComponent(flow.name);
      await journey.simulator.call('PUT', `flows/${name}`, { waba_id: WABA_ID, status: 'BLOCKED', notify: false });
      expect(await send(flow, newPhone())).toMatchObject({
        status: 422,
        body: {
          graph: { code: 132068, title: '(#132068) Flow is blocked' },
          what_to_do: expect.stringContaining('endpoint'),
        },
      });
      await journey.simulator.call('PUT', `flows/${name}`, { waba_id: WABA_ID, status: 'THROTTLED', notify: false });
      for (let count = 0; count < 10; count += 1) {
        await sentTo(flow, newPhone());
      }
      expect(await send(flow, newPhone())).toMatchObject({
        status: 422,
        body: { graph: { code: 132069 }, what_to_do: expect.stringContaining('10 messages an hour') },
      });
      await journey.simulator.call('PUT', `flows/${name}`, { waba_id: WABA_ID, remove: true });
      expect(await send(flow, newPhone())).toMatchObject({ status: 422, body: { graph: { code: 131009 } } });
      // What Meta refused was not sent.
      expect((await flowOf(flow.id)).sent_count).toBe(10);
    });

    it('for later counts once it is sent', async () => {
      const flow = await published();
      const answer = await send(flow, newPhone(), { send_at: new Date(Date.now() + 3_600_000).toISOString() });
      expect([answer.status, (await flowOf(flow.id)).sent_count]).toEqual([202, 0]);
    });
  });

  describe('an answer', () => {
    it('finds its flow by its token, and is linked to the person and the conversation', async () => {
      const phone = newPhone();
      const { wamid, token } = await sentTo(rate, phone);
      const [answer] = await complete({ wamid, response: { rating: '5', comments: 'Lovely ✨' } });
      const response = await arrived(answer as string);
      const chat = (await call<{ id: number; contact_id: number; unread_count: number }>('GET', `/chats/${phone}`))
        .body;
      expect(response).toMatchObject({
        flow_id: rate.id,
        meta_flow_id: rate.meta_flow_id,
        contact_id: chat.contact_id,
        conversation_id: chat.id,
        phone_number: phone,
        flow_token: token,
        matched_by: 'token',
        response_data: { rating: '5', comments: 'Lovely ✨' },
        processed: false,
      });
      expect(chat.unread_count).toBe(1);
      expect(await events(response.id)).toEqual([
        expect.objectContaining({
          id: response.id,
          flow_id: rate.id,
          flow_name: rate.name,
          contact_id: chat.contact_id,
          response_data: { rating: '5', comments: 'Lovely ✨' },
        }),
      ]);
    });

    it('is one, however often it comes', async () => {
      const flow = await published();
      const { wamid } = await sentTo(flow, newPhone());
      const [answer] = await complete({ wamid, response: { rating: '1' }, times: 12, per_post: 1 });
      const { id } = await arrived(answer as string);
      await settled();
      expect(await responsesOf(flow)).toMatchObject({ total: 1, completed: 1, sent: 1 });
      expect(await flowOf(flow.id)).toMatchObject({ sent_count: 1, completion_count: 1, completion_rate: 1 });
      expect(await events(id)).toHaveLength(1);
    });

    it('of somebody else with the same token is kept, and not counted', async () => {
      const flow = await published();
      const [mine, theirs] = [newPhone(), newPhone()];
      const { token } = await sentTo(flow, mine);
      const [stolen] = await complete({ from: theirs, flow_token: token, response: { rating: '1' } });
      expect(await arrived(stolen as string)).toMatchObject({ flow_id: null, matched_by: null, flow_token: token });
      const [answer] = await complete({ from: mine, flow_token: token, response: { rating: '5' } });
      expect(await arrived(answer as string)).toMatchObject({ flow_id: flow.id, matched_by: 'token' });
      expect((await flowOf(flow.id)).completion_count).toBe(1);
    });

    it('without a token finds its flow by the message that it quotes, and never by guessing', async () => {
      const flow = await published();
      const phone = newPhone();
      const { wamid } = await sentTo(flow, phone);
      const [quoting] = await complete({
        from: phone,
        flow_token: 'unused',
        reply_to: wamid,
        response: { rating: '2' },
      });
      expect(await arrived(quoting as string)).toMatchObject({ flow_id: flow.id, matched_by: 'quote' });
      const [lost] = await complete({ from: phone, flow_token: 'unused', response: { rating: '3' } });
      expect(await arrived(lost as string)).toMatchObject({ flow_id: null, matched_by: null });
      const [foreign] = await complete({ from: newPhone(), flow_token: 'unused', reply_to: wamid, response: {} });
      expect(await arrived(foreign as string)).toMatchObject({ flow_id: null });
      expect((await flowOf(flow.id)).completion_count).toBe(1);
    });

    it('to a flow that was sent by /send-interactive, by id or by name, is one to that flow', async () => {
      const flow = await published();
      for (const named of [{ flow_id: flow.meta_flow_id }, { flow_name: flow.name }]) {
        const phone = newPhone();
        const sent = await call<Sent>('POST', '/send-interactive?force=true', {
          phone,
          type: 'flow',
          body: 'Rate',
          flow_cta: 'Rate',
          ...named,
        });
        expect(sent.status).toBe(200);
        const [answer] = await complete({ wamid: sent.body.message.message_id, response: { rating: '4' } });
        expect(await arrived(answer as string)).toMatchObject({ flow_id: flow.id, matched_by: 'token' });
      }
      expect(await flowOf(flow.id)).toMatchObject({ sent_count: 2, completion_count: 2, completion_rate: 1 });
    });

    it('to Meta’s own object without a token gets one', async () => {
      const flow = await published();
      const sent = await call<Sent>('POST', '/send-interactive?force=true', {
        phone: newPhone(),
        interactive: {
          type: 'flow',
          body: { text: 'Rate' },
          action: {
            name: 'flow',
            parameters: { flow_message_version: '3', flow_id: flow.meta_flow_id, flow_cta: 'Rate', mode: 'published' },
          },
        },
      });
      expect(sent.status).toBe(200);
      expect(parameters().flow_token).toMatch(/^[0-9a-f-]{36}$/);
      const [answer] = await complete({ wamid: sent.body.message.message_id, response: {} });
      expect(await arrived(answer as string)).toMatchObject({ flow_id: flow.id });
    });

    it('to the button of a template finds the flow of the template', async () => {
      const flow = await published();
      const name = `with_flow_${(counter += 1)}`;
      await journey.simulator.call('PUT', `templates/${name}`, {
        waba_id: WABA_ID,
        status: 'APPROVED',
        category: 'UTILITY',
        notify: false,
        components: [
          { type: 'BODY', text: 'Please rate us' },
          {
            type: 'BUTTONS',
            buttons: [{ type: 'FLOW', text: 'Rate', flow_id: flow.meta_flow_id, flow_action: 'navigate' }],
          },
        ],
      });
      await call('POST', '/templates/sync');
      const phone = newPhone();
      const sent = await call<Sent>('POST', '/send-template', { phone, template_name: name });
      expect([sent.status, sent.body]).toEqual([200, expect.anything()]);
      const [answer] = await complete({ wamid: sent.body.message.message_id, response: { rating: '5' } });
      expect(await arrived(answer as string)).toMatchObject({
        flow_id: flow.id,
        matched_by: 'token',
        flow_token: expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
      const [quoting] = await complete({ from: phone, flow_token: 'unused', reply_to: sent.body.message.message_id });
      expect(await arrived(quoting as string)).toMatchObject({ flow_id: flow.id, matched_by: 'quote' });
    });

    it('to a flow that is not here yet finds it after the next sync', async () => {
      const name = `Elsewhere ${(counter += 1)}`;
      const flow = await journey.simulator.call<{ id: string }>('PUT', `flows/${name}`, {
        waba_id: WABA_ID,
        status: 'PUBLISHED',
        notify: false,
      });
      const sent = await call<Sent>('POST', '/send-interactive?force=true', {
        phone: newPhone(),
        type: 'flow',
        body: 'Rate',
        flow_cta: 'Rate',
        flow_id: flow.id,
      });
      const [answer] = await complete({ wamid: sent.body.message.message_id, response: { rating: '4' } });
      expect(await arrived(answer as string)).toMatchObject({
        flow_id: null,
        meta_flow_id: flow.id,
        matched_by: 'token',
      });
      await call('POST', '/flows/sync');
      const response = await arrived(answer as string);
      expect(response.flow_id).not.toBeNull();
      expect(await flowOf(response.flow_id as number)).toMatchObject({ name, completion_count: 1, sent_count: 1 });
    });

    it.each([
      ['an object instead of text', { rating: '5' }, { rating: '5' }],
      ['no JSON', '{"rating":', { response_json: '{"rating":' }],
      ['a list', '[1,2]', { response_json: '[1,2]' }],
      ['what PostgreSQL refuses', '{"a":"x\\u0000y","b":"\\ud800"}', { a: 'xy', b: '\ufffd' }],
      ['numbers beyond all bounds', '{"a":1e400}', { a: null }],
      ['nesting without end', '['.repeat(5_000), { response_json: '['.repeat(5_000) }],
      ['nothing', undefined, {}],
    ])('that has %s is kept', async (_what, response_json, data) => {
      const wamid = await post(newPhone(), { name: 'flow', body: 'Sent', response_json });
      const { response_data } = await arrived(wamid);
      if ('a' in data && typeof data.a === 'string') {
        expect(Object.keys(response_data)).toEqual(['a', 'b']);
        expect(String(response_data.a)).not.toContain('\u0000');
      } else {
        expect(response_data).toEqual(data);
      }
    });

    it('with an address is no answer to a flow, and neither is a tap on a button', async () => {
      const wamids = [
        await post(newPhone(), { name: 'address_message', body: 'x', response_json: '{"values":{}}' }),
        await post(newPhone(), null, { interactive: { type: 'button_reply', button_reply: { id: 'a', title: 'A' } } }),
        await post(newPhone(), null, { interactive: undefined }),
      ];
      await settled();
      expect((await all()).filter(({ message_id }) => wamids.includes(message_id))).toEqual([]);
    });
  });

  describe('the list', () => {
    let flow: Flow;
    const people = [newPhone(), newPhone(), newPhone(), newPhone(), newPhone()];

    beforeAll(async () => {
      flow = await published('lead_generation');
      const answers: string[] = [];
      for (const [index, phone] of people.entries()) {
        const { wamid } = await sentTo(flow, phone);
        const timestamp = Math.floor(Date.now() / 1_000) - 1_000 + index;
        answers.push(
          ...(await complete({
            wamid,
            timestamp,
            response: { full_name: `Person ${index}`, 'a;b': '=1+1', list: ['x', 'y'] },
          })),
        );
      }
      await sentTo(flow, newPhone());
      await eventually(
        () => responsesOf(flow),
        ({ total }) => total === answers.length,
      );
    });

    it('has the newest first, in pages, and the numbers of the flow', async () => {
      const first = await responsesOf(flow, 'limit=2');
      expect(first).toMatchObject({ total: 5, unprocessed: 5, sent: 6, completed: 5 });
      const second = await responsesOf(flow, `limit=2&cursor=${first.next_cursor}`);
      const third = await responsesOf(flow, `limit=2&cursor=${second.next_cursor}`);
      expect(
        [first, second, third].flatMap(({ responses }) => responses.map(({ phone_number }) => phone_number)),
      ).toEqual([...people].reverse());
      expect(third.next_cursor).toBeNull();
      expect(await flowOf(flow.id)).toMatchObject({ completion_rate: 0.8333 });
      expect((await call('GET', `/flows/${flow.id}/responses?cursor=x`)).body.code).toBe('bad_cursor');
    });

    it('is filtered by what was answered, phone, time and person', async () => {
      const [, second] = people as [string, string];
      const found = async (query: string): Promise<(string | null)[]> =>
        (await responsesOf(flow, query)).responses.map(({ phone_number }) => phone_number);
      expect(await found('q=person%201')).toEqual([second]);
      expect(await found(`q=${encodeURIComponent(second)}`)).toEqual([second]);
      expect(await found('q=100%25')).toEqual([]);
      const { responses } = await responsesOf(flow);
      const middle = responses[2] as FlowResponse;
      expect(await found(`from=${middle.completed_at}`)).toHaveLength(3);
      expect(await found(`to=${middle.completed_at}`)).toHaveLength(2);
      expect(await found(`contact_id=${middle.contact_id}`)).toEqual([middle.phone_number]);
    });

    it('tells what somebody has dealt with', async () => {
      const [newest] = (await responsesOf(flow)).responses as [FlowResponse];
      const path = `/flows/${flow.id}/responses/${newest.id}`;
      expect(await call('PATCH', path, { processed: true })).toMatchObject({ status: 200, body: { processed: true } });
      expect(await responsesOf(flow, 'processed=false')).toMatchObject({ total: 5, unprocessed: 4 });
      expect((await responsesOf(flow, 'processed=true')).responses.map(({ id }) => id)).toEqual([newest.id]);
      expect(await call('PATCH', path, {})).toMatchObject({ status: 200, body: { processed: true } });
      expect(await call('PATCH', path, { processed: false })).toMatchObject({ body: { processed: false } });
      expect((await call('PATCH', `/flows/${rate.id}/responses/${newest.id}`, { processed: true })).status).toBe(404);
      expect((await call('PATCH', path, { processed: 'maybe' })).status).toBe(400);
    });

    it('of those of no flow is reached too', async () => {
      const wamid = await post(newPhone(), { name: 'flow', body: 'Sent', response_json: '{"x":"1"}' });
      const { id } = await arrived(wamid);
      expect((await unmatched()).map((response) => response.id)).toContain(id);
      expect(await call('PATCH', `/flow-responses/${id}`, { processed: true })).toMatchObject({
        body: { processed: true },
      });
      const [newest] = (await responsesOf(flow)).responses as [FlowResponse];
      expect((await call('PATCH', `/flow-responses/${newest.id}`, { processed: true })).status).toBe(404);
    });

    it('is a CSV file with a column for each thing that was asked, safe for spreadsheets', async () => {
      const response = await fetch(`${journey.api.url}/whatsapp/api/flows/${flow.id}/responses/export`, {
        headers: { 'x-api-key': 'test-admin-key-0123456789abcdef', 'x-account-id': String(accountId) },
      });
      expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/csv; charset=utf-8']);
      const [header, first, ...rest] = (await response.text()).trim().split('\r\n') as [string, string];
      expect(header).toBe(
        'id,completed_at,phone_number,contact_id,conversation_id,processed,flow_token,message_id,"a;b",full_name,list',
      );
      expect(rest).toHaveLength(4);
      expect(first).toContain(`,'${people.at(-1)},`);
      expect(first.endsWith(`,'=1+1,Person 4,"x, y"`)).toBe(true);
    });
  });

  describe('people', () => {
    it('who turn out to be one have the answers of both, and their tokens', async () => {
      const flow = await published();
      const phone = newPhone();
      const userId = 'IN.55500000000000000001';
      // The user id alone, then the phone alone; then an event that has both.
      const byId = await call<Sent>('POST', `/flows/${flow.id}/send?force=true`, {
        user_id: userId,
        cta: 'Go',
        body: 'x',
      });
      expect(byId.status).toBe(200);
      const idToken = String(parameters().flow_token);
      const { wamid } = await sentTo(flow, phone);
      const [first] = await complete({ wamid, response: { rating: '1' } });
      await arrived(first as string);
      const message = (token: string, more: JsonObject): JsonObject => ({
        id: newWamid(),
        timestamp: secondsAgo(1),
        type: 'interactive',
        interactive: {
          type: 'nfm_reply',
          nfm_reply: { name: 'flow', body: 'Sent', response_json: JSON.stringify({ flow_token: token, rating: '2' }) },
        },
        ...more,
      });
      const both = message(idToken, { from: phone.replace('+', ''), from_user_id: userId });
      expect((await postWebhook(journey.api.url, messagesBody({ messages: [both] }, PHONE_NUMBER_ID))).status).toBe(
        200,
      );
      const second = await arrived(String(both.id));
      expect(second).toMatchObject({ flow_id: flow.id, matched_by: 'token' });
      const { responses } = await responsesOf(flow);
      expect(responses.map(({ contact_id }) => contact_id)).toEqual([second.contact_id, second.contact_id]);
      expect(new Set(responses.map(({ conversation_id }) => conversation_id)).size).toBe(1);
    });

    it('who are forgotten take their answers with them; that the flow was completed stays counted', async () => {
      const flow = await published();
      const phone = newPhone();
      const { wamid } = await sentTo(flow, phone);
      const [answer] = await complete({ wamid, response: { rating: '5', comments: 'secret' } });
      const { contact_id } = await arrived(answer as string);
      expect((await journey.api.call('DELETE', `/contacts/${contact_id}?erase=true`)).status).toBe(204);
      expect(await responsesOf(flow)).toMatchObject({ responses: [], total: 0, completed: 1 });
      const rows = await journey.api.db.query<{ n: number }>(
        'select count(*)::int as n from flow_tokens where contact_id = $1',
        [contact_id],
      );
      expect(rows).toEqual([{ n: 0 }]);
    });
  });
});
