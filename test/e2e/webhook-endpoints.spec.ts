import type { TestApp } from '../support/app.js';
import { eventually, startTestApp } from '../support/app.js';
import { answer, EndpointReceiver, isSigned } from '../support/endpoint-receiver.js';
import { EndpointSettings } from '../../src/events/endpoints/endpoint-settings.js';
import { EVENT_TYPES, Outbox, type OutboxEvent } from '../../src/outbox/outbox.js';
import { messagesBody, postWebhook, profile, text } from '../support/webhook-payloads.js';

const NUMBER = '300000000000001';
const OTHER_NUMBER = '300000000000002';

interface Endpoint {
  id: number;
  secret: string;
  account_id: number | null;
  types: string[];
  receives: string[];
  is_active: boolean;
  disabled_reason: string | null;
  failing_since: string | null;
  last_success_at: string | null;
  previous_secret_until: string | null;
}

interface Delivery {
  id: number;
  event_id: string;
  message_id: string;
  status: string;
  attempts: number;
  next_attempt_at: string | null;
  answer_status: number | null;
  error: string | null;
}

interface DeliveryDetail extends Delivery {
  request_body: { id: string; data: Record<string, unknown> } | null;
  attempt_log: {
    request_headers: Record<string, string>;
    status: number | null;
    error: string | null;
    ms: number | null;
    body: string;
  }[];
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('webhook endpoints', () => {
  let api: TestApp;
  let accountId: number;
  let otherAccountId: number;
  let settings: EndpointSettings;
  const receivers: EndpointReceiver[] = [];
  const made: number[] = [];

  const receiver = async (): Promise<EndpointReceiver> => {
    const started = await new EndpointReceiver().start();
    receivers.push(started);
    return started;
  };
  const create = async (body: object, options: { key?: string; accountId?: number } = {}): Promise<Endpoint> => {
    const created = await api.call<Endpoint>('POST', '/webhook-endpoints', { body, ...options });
    expect([created.status, created.body]).toEqual([201, expect.anything()]);
    made.push(created.body.id);
    return created.body;
  };
  const get = async (id: number): Promise<Endpoint> =>
    (await api.call<Endpoint>('GET', `/webhook-endpoints/${id}`)).body;
  const deliveries = async (id: number, query = ''): Promise<Delivery[]> =>
    (await api.call<{ deliveries: Delivery[] }>('GET', `/webhook-endpoints/${id}/deliveries${query}`)).body.deliveries;
  const delivery = async (id: number, key?: string): Promise<DeliveryDetail> =>
    (await api.call<DeliveryDetail>('GET', `/deliveries/${id}`, key === undefined ? {} : { key })).body;
  const event = (n: number, more: Partial<OutboxEvent> = {}): OutboxEvent => ({
    type: 'message.received',
    accountId,
    subjectId: 1,
    payload: { n },
    ...more,
  });
  const append = (...events: OutboxEvent[]): Promise<void> =>
    api.db.transaction((tx) => api.app.get(Outbox).append(tx, events));
  const numbered = (): Promise<unknown> =>
    eventually(
      () => api.db.query<{ n: number }>('select count(*) as n from outbox_events where seq is null'),
      ([row]) => row?.n === 0,
    );
  const createKey = async (body: object): Promise<string> => {
    const created = await api.call<{ key: string }>('POST', '/api-keys', { body: { name: 'x', ...body } });
    expect(created.status).toBe(201);
    return created.body.key;
  };
  const createAccount = async (phoneNumberId: string): Promise<number> => {
    const created = await api.call<{ id: number }>('POST', '/accounts', {
      body: { name: phoneNumberId, phone_number_id: phoneNumberId, access_token: 'EAAtest' },
    });
    expect(created.status).toBe(201);
    return created.body.id;
  };
  const settled = (id: number, statuses: string[]): Promise<Delivery[]> =>
    eventually(
      () => deliveries(id),
      (list) =>
        list
          .map(({ status }) => status)
          .sort()
          .join() === [...statuses].sort().join(),
    );

  beforeAll(async () => {
    api = await startTestApp({ worker: true, env: { ALLOW_PRIVATE_NETWORK_TARGETS: 'true' } });
    accountId = await createAccount(NUMBER);
    otherAccountId = await createAccount(OTHER_NUMBER);
    settings = api.worker!.get(EndpointSettings, { strict: false });
  });
  beforeEach(() => {
    Object.assign(settings, new EndpointSettings(), { heartbeatMs: 100 });
  });
  afterEach(async () => {
    for (const id of made.splice(0)) {
      await api.call('DELETE', `/webhook-endpoints/${id}`);
    }
    await Promise.all(receivers.splice(0).map((started) => started.stop()));
  });
  afterAll(() => api.close());

  describe('are told of events', () => {
    it('in the form of the live stream, signed so that the public library verifies it', async () => {
      const there = await receiver();
      const { id, secret } = await create({ url: there.url, types: ['message.received'] });
      await postWebhook(
        api.url,
        messagesBody({ contacts: [profile('919811111111', 'Asha')], messages: [text('919811111111', 'hello')] }),
      );
      await eventually(
        async () => there.received.length,
        (n) => n === 1,
      );
      const [first] = there.received;
      expect(first!.body).toEqual({
        id: expect.stringMatching(/^\d+$/),
        type: 'message.received',
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        account_id: accountId,
        data: expect.objectContaining({ message_body: 'hello', phone_number: '+919811111111' }),
      });
      expect(first!.headers).toMatchObject({
        'content-type': 'application/json',
        'user-agent': 'Parley-Webhooks/1',
        'webhook-id': `evt_${first!.body.id}`,
      });
      expect(isSigned(first!, secret)).toBe(true);
      expect(isSigned({ ...first!, text: first!.text.replace('hello', 'hullo') }, secret)).toBe(false);
      const pulled = await api.call<{ events: unknown[] }>('GET', '/events?poll=1&from=start&types=message.received');
      expect(pulled.body.events).toContainEqual(first!.body);
      const [told] = await settled(id, ['delivered']);
      expect(told).toMatchObject({ event_id: first!.body.id, attempts: 1, answer_status: 200, error: null });
      expect((await get(id)).last_success_at).not.toBeNull();
    });

    it('of their account and their types, from their creation on', async () => {
      await append(event(1));
      await numbered();
      const [all, one, other] = [await receiver(), await receiver(), await receiver()];
      await create({ url: all.url });
      await create({ url: one.url, types: ['campaign.progress'] }, { accountId });
      await create({ url: other.url }, { accountId: otherAccountId });
      await append(
        event(2),
        event(3, { type: 'campaign.progress' }),
        event(4, { type: 'campaign.progress', accountId: otherAccountId }),
        event(5, { type: 'contact.opted_out', accountId: null }),
      );
      await eventually(
        async () => [all, one, other].map(({ received }) => received.length),
        (lengths) => lengths.join() === '4,1,1',
      );
      expect(new Set(all.numbers)).toEqual(new Set([2, 3, 4, 5]));
      expect([one.numbers, other.numbers]).toEqual([[3], [4]]);
    });

    it('of one conversation in order and one at a time, of several at once', async () => {
      const there = await receiver();
      let [now, most] = [0, 0];
      const busy = new Map<unknown, number>();
      const overlaps: unknown[] = [];
      there.answering = (response, { body }) => {
        now += 1;
        most = Math.max(most, now);
        const { conversation } = body.data;
        busy.set(conversation, (busy.get(conversation) ?? 0) + 1);
        if (busy.get(conversation)! > 1) {
          overlaps.push(body.data);
        }
        setTimeout(() => {
          now -= 1;
          busy.set(conversation, busy.get(conversation)! - 1);
          answer(response, 200);
        }, 5);
      };
      const { id } = await create({ url: there.url });
      const events = Array.from({ length: 60 }, (_, n) =>
        event(n, {
          type: n % 2 ? 'message.received' : 'conversation.updated',
          subjectId: n % 4,
          payload: { n, conversation: n % 4 },
        }),
      );
      await append(...events);
      await settled(
        id,
        events.slice(0, 50).map(() => 'delivered'),
      );
      await eventually(
        async () => there.received.length,
        (n) => n === 60,
      );
      for (const conversation of [0, 1, 2, 3]) {
        const numbers = there.received.filter(({ body }) => body.data.conversation === conversation);
        expect(numbers.map(({ body }) => body.data.n)).toEqual(
          Array.from({ length: 15 }, (_, i) => i * 4 + conversation),
        );
      }
      expect(overlaps).toEqual([]);
      expect(most).toBeGreaterThan(1);
    });
  });

  describe('that fail', () => {
    it('are told again under the same id, and hold back what follows of the same subject until the second attempt', async () => {
      settings.scheduleMs = [0, 300, 400, 60_000];
      const there = await receiver();
      const failures = new Map([
        [1, 3],
        [2, 1],
      ]);
      there.answering = (response, { body }) => {
        const n = body.data.n as number;
        const left = failures.get(n) ?? 0;
        failures.set(n, left - 1);
        answer(response, left > 0 ? 500 : 204, left > 0 ? 'no whsec_x EAAabcdefghijklmnop\u0000' : '');
      };
      const { id, secret } = await create({ url: there.url });
      await append(event(1), event(2), event(3), event(4, { subjectId: 2 }));
      await settled(id, ['failed', 'delivered', 'delivered', 'delivered']);
      // 4 waits for nobody; 2 and 3 wait until 1 has failed twice, and 3 until 2 is through.
      const numbers = there.numbers;
      expect(numbers.filter((n) => n !== 4).slice(0, 2)).toEqual([1, 1]);
      expect(numbers.filter((n) => n === 2 || n === 3)).toEqual([2, 2, 3]);
      expect(numbers.indexOf(4)).toBeLessThan(numbers.lastIndexOf(1));
      const ofFirst = there.received.filter(({ body }) => body.data.n === 1);
      expect(new Set(ofFirst.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
      expect(ofFirst.every((one) => isSigned(one, secret))).toBe(true);

      const failed = (await deliveries(id, '?status=failed'))[0]!;
      const { attempt_log: log, request_body: body } = await eventually(
        () => delivery(failed.id),
        (one) => one.attempt_log.length === 3,
      );
      expect(log.map(({ status }) => status)).toEqual([500, 500, 500]);
      expect(log[0]).toMatchObject({ error: null, ms: expect.any(Number), body: 'no whsec_x EAA[secret]\uFFFD' });
      expect(log[0]!.request_headers['webhook-signature']).toBe(ofFirst[0]!.headers['webhook-signature']);
      expect(body).toEqual(ofFirst[0]!.body);
    });

    it('are not followed to where they redirect', async () => {
      settings.scheduleMs = [0, 60_000];
      const [there, elsewhere] = [await receiver(), await receiver()];
      there.answering = (response) => answer(response, 301, '', { location: elsewhere.url });
      const { id } = await create({ url: there.url });
      await append(event(1));
      const [failed] = await settled(id, ['failed']);
      expect(failed).toMatchObject({ answer_status: 301, next_attempt_at: expect.any(String) });
      expect((await get(id)).failing_since).not.toBeNull();
      expect(elsewhere.received).toEqual([]);
    });

    it('with 410 are disabled at once, what waits is cancelled, and people are told', async () => {
      const [gone, watching] = [await receiver(), await receiver()];
      gone.answering = (response) => answer(response, 410);
      await create({ url: watching.url, types: ['account.alert'] });
      const { id } = await create({ url: gone.url, types: ['message.received'] });
      await append(event(1), event(2), event(3));
      await eventually(
        () => get(id),
        (endpoint) => !endpoint.is_active,
      );
      expect(await get(id)).toMatchObject({ disabled_reason: 'gone' });
      await settled(id, ['cancelled', 'cancelled', 'cancelled']);
      expect(gone.received).toHaveLength(1);
      const [alert] = await eventually(
        async () => watching.received,
        (received) => received.length > 0,
      );
      expect(alert!.body).toMatchObject({
        type: 'account.alert',
        account_id: null,
        data: { code: 'webhook_endpoint_disabled', endpoint_id: id, reason: 'gone', scope: 'endpoint' },
      });

      // Put right: what was cancelled is told by request, in order.
      gone.answering = (response) => answer(response, 200);
      expect((await api.call('POST', `/webhook-endpoints/${id}/retry`, { body: {} })).body).toMatchObject({
        code: 'webhook_endpoint_disabled',
      });
      await api.call('PATCH', `/webhook-endpoints/${id}`, { body: { is_active: true } });
      const retried = await api.call('POST', `/webhook-endpoints/${id}/retry`, { body: { status: ['cancelled'] } });
      expect(retried.body).toEqual({ count: 3 });
      await settled(id, ['delivered', 'delivered', 'delivered']);
      expect(gone.numbers).toEqual([1, 1, 2, 3]);
    });

    it('with 429 are left alone for as long as they say', async () => {
      const there = await receiver();
      there.answering = (response, _event, count) =>
        count === 1 ? answer(response, 429, '', { 'retry-after': '2' }) : answer(response, 200);
      settings.scheduleMs = [0, 10, 10];
      const { id } = await create({ url: there.url });
      await append(event(1));
      await eventually(
        async () => there.received.length,
        (n) => n === 1,
      );
      await append(event(2, { subjectId: 2 }));
      await settled(id, ['delivered', 'delivered']);
      expect(there.received[1]!.at - there.received[0]!.at).toBeGreaterThan(1_900);
    });

    it('with one byte now and then are cut off; what they said is not told', async () => {
      Object.assign(settings, { timeoutMs: 400, scheduleMs: [0, 60_000] });
      const there = await receiver();
      const drips: NodeJS.Timeout[] = [];
      there.answering = (response) => {
        response.writeHead(200);
        drips.push(setInterval(() => response.write('.'), 50));
      };
      const { id } = await create({ url: there.url });
      await append(event(1));
      const [failed] = await settled(id, ['failed']);
      drips.forEach((drip) => clearInterval(drip));
      expect(failed).toMatchObject({ answer_status: null, error: 'no_answer' });
      expect((await delivery(failed!.id)).attempt_log).toEqual([
        expect.objectContaining({ status: null, error: 'no_answer', ms: null, body: '' }),
      ]);
    });

    it('are read 16 kB far and no further', async () => {
      const there = await receiver();
      there.answering = (response) => answer(response, 200, 'x'.repeat(1_000_000));
      const { id } = await create({ url: there.url });
      await append(event(1));
      const [told] = await settled(id, ['delivered']);
      expect((await delivery(told!.id)).attempt_log[0]!.body).toHaveLength(16 * 1024);
    });

    it('exhaust what they are told after the last attempt, and people are told of it once', async () => {
      settings.scheduleMs = [0, 20, 20];
      const [there, watching] = [await receiver(), await receiver()];
      there.answering = (response) => answer(response, 503, 'down');
      await create({ url: watching.url, types: ['account.alert'] });
      const { id } = await create({ url: there.url, types: ['message.received'] });
      await append(event(1), event(2, { subjectId: 2 }));
      await settled(id, ['exhausted', 'exhausted']);
      expect(there.received).toHaveLength(6);
      const [alert] = await eventually(
        async () => watching.received,
        (received) => received.length > 0,
      );
      expect(alert!.body.data).toMatchObject({ code: 'webhook_delivery_exhausted', endpoint_id: id });
      await wait(300);
      expect(watching.received).toHaveLength(1);

      there.answering = (response) => answer(response, 200);
      const [first] = await deliveries(id, '?status=exhausted');
      const again = await api.call<DeliveryDetail>('POST', `/deliveries/${first!.id}/retry`);
      expect([again.status, again.body.status]).toEqual([200, 'pending']);
      await settled(id, ['delivered', 'exhausted']);
      expect((await delivery(first!.id)).attempt_log).toHaveLength(4);
    });

    it('for days without one success are disabled, and what waits is cancelled', async () => {
      Object.assign(settings, {
        scheduleMs: [0, ...Array.from({ length: 200 }, () => 20)],
        downAfter: 3,
        restMinMs: 10,
        restMaxMs: 50,
        disableAfterMs: 1_500,
      });
      const there = await receiver();
      there.answering = (response) => answer(response, 500);
      const { id } = await create({ url: there.url, types: ['message.received'] });
      await append(event(1), event(2));
      await eventually(
        () => get(id),
        ({ is_active }) => !is_active,
      );
      expect(await get(id)).toMatchObject({ disabled_reason: 'failing' });
      await settled(id, ['cancelled', 'cancelled']);
      const count = there.received.length;
      await append(event(3));
      await numbered();
      await wait(500);
      expect(there.received).toHaveLength(count);
      // Events of that time are not put by.
      there.answering = (response) => answer(response, 200);
      await api.call('PATCH', `/webhook-endpoints/${id}`, { body: { is_active: true } });
      await append(event(4));
      await eventually(
        async () => there.received.length,
        (n) => n === count + 1,
      );
      expect(there.numbers.at(-1)).toBe(4);
    });
  });

  describe('are managed', () => {
    it('with a secret that is shown once and stored encrypted', async () => {
      const { id, secret } = await create({ url: 'http://127.0.0.1:9/x' });
      expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]+=*$/);
      expect(Buffer.from(secret.slice(6), 'base64').length).toBeGreaterThanOrEqual(24);
      const seen = [await get(id), (await api.call('GET', '/webhook-endpoints')).body];
      expect(JSON.stringify(seen)).not.toContain('whsec_');
      const [row] = await api.db.query<{ row: string }>(
        'select to_jsonb(e)::text as row from webhook_endpoints e where id = $1',
        [id],
      );
      expect(row!.row).not.toContain(secret.slice(6));
    });

    it('with two secrets while one replaces the other', async () => {
      const there = await receiver();
      const { id, secret: old } = await create({ url: there.url });
      const rotated = await api.call<Endpoint>('POST', `/webhook-endpoints/${id}/rotate-secret`, { body: {} });
      expect([rotated.status, rotated.body.previous_secret_until]).toEqual([200, expect.any(String)]);
      await append(event(1));
      await settled(id, ['delivered']);
      expect([isSigned(there.received[0]!, old), isSigned(there.received[0]!, rotated.body.secret)]).toEqual([
        true,
        true,
      ]);
      const last = await api.call<Endpoint>('POST', `/webhook-endpoints/${id}/rotate-secret`, {
        body: { overlap_s: 0 },
      });
      expect(last.body.previous_secret_until).toBeNull();
      await append(event(2));
      await settled(id, ['delivered', 'delivered']);
      const second = there.received[1]!;
      expect([old, rotated.body.secret, last.body.secret].map((secret) => isSigned(second, secret))).toEqual([
        false,
        false,
        true,
      ]);
    });

    it('with a test that is signed, answered at once and no delivery', async () => {
      const there = await receiver();
      there.answering = (response) => answer(response, 418, 'short and stout');
      const { id, secret } = await create({ url: there.url });
      const tested = await api.call('POST', `/webhook-endpoints/${id}/test`, { body: { type: 'template.status' } });
      expect(tested.body).toEqual({
        ok: false,
        status: 418,
        error: null,
        ms: expect.any(Number),
        answer_body: 'short and stout',
        request_body: there.received[0]!.text,
      });
      expect(there.received[0]!.body.type).toBe('template.status');
      expect(there.received[0]!.headers['webhook-id']).toMatch(/^test_/);
      expect(isSigned(there.received[0]!, secret)).toBe(true);
      expect(await deliveries(id)).toEqual([]);
      await there.stop();
      expect((await api.call('POST', `/webhook-endpoints/${id}/test`, { body: {} })).body).toMatchObject({
        ok: false,
        status: null,
        error: 'no_answer',
        ms: null,
      });
    });

    it('by everybody who reads the audit log', async () => {
      const { id } = await create({ url: 'http://127.0.0.1:9/x?token=abc' });
      await api.call('PATCH', `/webhook-endpoints/${id}`, { body: { description: 'new', is_active: false } });
      await api.call('POST', `/webhook-endpoints/${id}/rotate-secret`, { body: {} });
      await api.call('DELETE', `/webhook-endpoints/${id}`);
      const rows = await api.db.query<{ action: string; changes: object }>(
        `select action, changes from audit_log where object_type = 'webhook_endpoint' and object_id = $1 order by id`,
        [String(id)],
      );
      expect(rows.map(({ action }) => action)).toEqual([
        'webhook_endpoint.created',
        'webhook_endpoint.updated',
        'webhook_endpoint.secret_rotated',
        'webhook_endpoint.deleted',
      ]);
      expect(rows[1]!.changes).toEqual({
        description: { from: '', to: 'new' },
        isActive: { from: true, to: false },
      });
      expect(JSON.stringify(rows)).not.toMatch(/whsec_|abc/);
      expect((await api.call('GET', `/webhook-endpoints/${id}`)).status).toBe(404);
    });

    it('in pages, with deliveries by status, type and time', async () => {
      const there = await receiver();
      const { id } = await create({ url: there.url });
      await create({ url: there.url, types: ['account.alert'] });
      const first = await api.call<{ webhook_endpoints: Endpoint[]; next_cursor: string }>(
        'GET',
        '/webhook-endpoints?limit=1',
      );
      const second = await api.call<{ webhook_endpoints: Endpoint[]; next_cursor: null }>(
        'GET',
        `/webhook-endpoints?limit=1&cursor=${first.body.next_cursor}`,
      );
      expect([first.body.webhook_endpoints[0]!.id, second.body.webhook_endpoints[0]!.id]).toEqual(made.slice(-2));
      expect(second.body.next_cursor).toBeNull();

      const types = ['message.received', 'message.sent', 'message.status'] as const;
      await append(...types.map((type, n) => event(n, { type })));
      await settled(id, ['delivered', 'delivered', 'delivered']);
      const all = await deliveries(id);
      expect(all.map(({ event_id }) => Number(event_id))).toEqual(
        [...all.map(({ event_id }) => Number(event_id))].sort((a, b) => b - a),
      );
      const page = await api.call<{ deliveries: Delivery[]; next_cursor: string }>(
        'GET',
        `/webhook-endpoints/${id}/deliveries?limit=2`,
      );
      const rest = await api.call<{ deliveries: Delivery[]; next_cursor: null }>(
        'GET',
        `/webhook-endpoints/${id}/deliveries?limit=2&cursor=${page.body.next_cursor}`,
      );
      expect([...page.body.deliveries, ...rest.body.deliveries]).toEqual(all);
      expect(await deliveries(id, '?type=message.sent')).toHaveLength(1);
      expect(await deliveries(id, '?status=failed')).toEqual([]);
      expect(await deliveries(id, `?from=${new Date(Date.now() + 60_000).toISOString()}`)).toEqual([]);
      expect(await deliveries(id, `?to=${new Date(Date.now() + 60_000).toISOString()}`)).toHaveLength(3);
    });

    it.each([
      ['an address that is none', { url: 'nonsense' }],
      ['another scheme', { url: 'ftp://example.com/' }],
      ['a password', { url: 'https://a:b@example.com/' }],
      ['a type that there is not', { url: 'https://example.com/', types: ['message.lost'] }],
      ['a field that there is not', { url: 'https://example.com/', colour: 'red' }],
    ])('not with %s', async (_what, body) => {
      const refused = await api.call('POST', '/webhook-endpoints', { body });
      expect([refused.status, refused.body.code]).toEqual([400, 'validation_failed']);
    });

    it.each([
      '/webhook-endpoints/1/deliveries?from=2026-W01-1',
      '/webhook-endpoints/1/deliveries?status=lost',
      '/webhook-endpoints?cursor=x',
      `/webhook-endpoints?cursor=${Buffer.from('["webhook_endpoints","x"]').toString('base64url')}`,
    ])('and never break on %s', async (path) => {
      const refused = await api.call('GET', path);
      expect(refused.status).toBe(400);
    });

    it('and a cursor of a day that there is not is refused', async () => {
      const { id } = await create({ url: 'http://127.0.0.1:9/x' });
      for (const moment of ['2026-02-31T00:00:00.000Z', '+010000-01-01T00:00:00.000Z', 'x']) {
        const cursor = Buffer.from(JSON.stringify(['deliveries', moment, 1])).toString('base64url');
        const refused = await api.call('GET', `/webhook-endpoints/${id}/deliveries?cursor=${cursor}`);
        expect([refused.status, refused.body.code]).toEqual([400, 'bad_cursor']);
      }
    });
  });

  describe('are told no more than the key that made them may read', () => {
    it('of types: what it has no scope for is not sent, and naming it is refused', async () => {
      const there = await receiver();
      const key = await createKey({ scopes: ['webhooks:read', 'webhooks:write', 'campaigns:read'] });
      const { id, receives } = await create({ url: there.url }, { key });
      expect(receives).toEqual(['campaign.progress', 'campaign.completed']);
      await append(event(1), event(2, { type: 'campaign.progress' }));
      await settled(id, ['delivered']);
      expect(there.numbers).toEqual([2]);
      for (const body of [{ url: there.url, types: ['message.received'] }]) {
        const refused = await api.call('POST', '/webhook-endpoints', { key, body });
        expect([refused.status, refused.body.code]).toEqual([403, 'insufficient_scope']);
      }
      const bare = await createKey({ scopes: ['webhooks:write'] });
      expect((await api.call('POST', '/webhook-endpoints', { key: bare, body: { url: there.url } })).status).toBe(403);
    });

    it('so nobody turns an endpoint to themselves that is told more, nor widens one', async () => {
      const there = await receiver();
      const key = await createKey({ scopes: ['webhooks:read', 'webhooks:write', 'campaigns:read'] });
      const { id } = await create({ url: 'http://127.0.0.1:9/x' });
      for (const [method, path, body] of [
        ['PATCH', '', { url: there.url }],
        ['DELETE', '', undefined],
        ['POST', '/rotate-secret', {}],
        ['POST', '/test', {}],
      ] as const) {
        const refused = await api.call('' + method, `/webhook-endpoints/${id}${path}`, { key, body });
        expect([method, path, refused.status, refused.body.code]).toEqual([method, path, 403, 'insufficient_scope']);
      }
      const own = await create({ url: there.url }, { key });
      const widened = await api.call('PATCH', `/webhook-endpoints/${own.id}`, {
        key,
        body: { types: ['message.received'] },
      });
      expect(widened.status).toBe(403);
    });

    it('and who may not read a type does not read it in a delivery', async () => {
      const there = await receiver();
      there.answering = (response, { text: body }) => answer(response, 200, body);
      const { id } = await create({ url: there.url });
      await append(event(1, { payload: { secret: 'canary' } }));
      const [told] = await settled(id, ['delivered']);
      expect(JSON.stringify(await delivery(told!.id))).toContain('canary');
      const key = await createKey({ scopes: ['webhooks:read', 'webhooks:write', 'campaigns:read'] });
      const seen = await delivery(told!.id, key);
      expect(seen.request_body).toBeNull();
      const retried = await api.call('POST', `/deliveries/${told!.id}/retry`, { key });
      expect(retried.status).toBe(200);
      expect(JSON.stringify([seen, retried.body])).not.toContain('canary');
    });

    it('of accounts: a key tied to accounts makes, sees and changes those of its accounts only', async () => {
      const there = await receiver();
      const key = await createKey({ scopes: ['*'], account_ids: [accountId], default_account_id: accountId });
      const own = await create({ url: there.url }, { key });
      expect(own.account_id).toBe(accountId);
      const everybodys = await create({ url: 'http://127.0.0.1:9/x' });
      const foreign = await create({ url: 'http://127.0.0.1:9/x' }, { accountId: otherAccountId });
      await append(event(1), event(2, { accountId: otherAccountId }), event(3, { accountId: null }));
      await settled(own.id, ['delivered']);
      expect(there.numbers).toEqual([1]);
      const listed = await api.call<{ webhook_endpoints: Endpoint[] }>('GET', '/webhook-endpoints', { key });
      expect(listed.body.webhook_endpoints.map(({ id }) => id)).toEqual([own.id]);
      const [ofForeign] = await deliveries(foreign.id);
      const missing = await api.call('GET', '/webhook-endpoints/999999', { key });
      for (const path of [foreign, everybodys].flatMap(({ id }) => [
        `/webhook-endpoints/${id}`,
        `/webhook-endpoints/${id}/deliveries`,
      ])) {
        const refused = await api.call('GET', path, { key });
        expect([refused.status, { ...refused.body, request_id: '' }]).toEqual([
          404,
          { ...missing.body, request_id: '' },
        ]);
      }
      const calls: [string, string, object | undefined][] = [
        ['PATCH', `/webhook-endpoints/${foreign.id}`, { url: there.url }],
        ['DELETE', `/webhook-endpoints/${foreign.id}`, undefined],
        ['POST', `/webhook-endpoints/${foreign.id}/test`, {}],
        ['POST', `/webhook-endpoints/${foreign.id}/rotate-secret`, {}],
        ['POST', `/webhook-endpoints/${foreign.id}/retry`, {}],
        ['GET', `/deliveries/${ofForeign!.id}`, undefined],
        ['POST', `/deliveries/${ofForeign!.id}/retry`, undefined],
      ];
      for (const [method, path, body] of calls) {
        const refused = await api.call(method, path, { key, body });
        expect([method, path, refused.status]).toEqual([method, path, 404]);
      }
      const named = await api.call('POST', '/webhook-endpoints', {
        key,
        body: { url: there.url, account_id: otherAccountId },
      });
      expect([named.status, named.body.code]).toEqual([404, 'account_not_found']);
    });
  });

  it('forget with whoever is forgotten: events are cancelled, and what was answered is emptied', async () => {
    settings.scheduleMs = [0, 10, 10];
    const there = await receiver();
    let letGo = (): void => undefined;
    there.answering = (response, { text: body }, count) => {
      if (count === 1) {
        answer(response, 200, body);
      } else {
        letGo = () => answer(response, 500, body);
      }
    };
    const { id } = await create({ url: there.url });
    await append(event(1, { payload: { name: 'Asha canary' } }), event(2, { payload: { name: 'Asha canary' } }));
    await settled(id, ['delivered', 'pending']);
    await eventually(
      async () => there.received.length,
      (n) => n === 2,
    );
    await api.db.query(`delete from outbox_events where payload::text like '%canary%'`);
    letGo();
    await settled(id, ['delivered', 'cancelled']);
    expect(there.received).toHaveLength(2);
    const rows = await api.db.query('select * from webhook_deliveries where endpoint_id = $1', [id]);
    expect(JSON.stringify(rows)).not.toContain('canary');
    const [cancelled] = await deliveries(id, '?status=cancelled');
    expect(cancelled).toMatchObject({ error: 'event_gone' });
    const again = await api.call('POST', `/deliveries/${cancelled!.id}/retry`);
    expect([again.status, again.body.code]).toEqual([410, 'event_gone']);
    expect((await api.call('POST', `/webhook-endpoints/${id}/retry`, { body: {} })).body).toEqual({ count: 0 });
  });

  it('know every type there is', async () => {
    const { receives } = await create({ url: 'http://127.0.0.1:9/x' });
    expect(receives).toEqual([...EVENT_TYPES]);
  });
});
