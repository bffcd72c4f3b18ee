import { EndpointSettings } from '../../src/events/endpoints/endpoint-settings.js';
import { Outbox, type OutboxEvent } from '../../src/outbox/outbox.js';
import { eventually, startTestApp, type TestApp } from '../support/app.js';
import { answer, EndpointReceiver, isSigned } from '../support/endpoint-receiver.js';

const NUMBER = '300000000000001';
/** An hour takes six seconds. */
const HOUR_MS = 6_000;
const COMPRESSED = HOUR_MS / 3_600_000;
const CONVERSATIONS = 20;
/** Events of the hour. */
const EVENTS = 300;
const STEP = 5;
const MANY = process.env.SHOW_FIGURES ? 10_000 : 1_500;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const show = (line: string): void => {
  if (process.env.SHOW_FIGURES) {
    process.stdout.write(`${line}\n`);
  }
};
const quantile = (values: readonly number[], part: number): number =>
  Math.round([...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * part)] ?? 0);

describe('endpoints that are not well', () => {
  let api: TestApp;
  let accountId: number;
  let settings: EndpointSettings;
  const receivers: EndpointReceiver[] = [];

  const receiver = async (): Promise<EndpointReceiver> => {
    const started = await new EndpointReceiver().start();
    receivers.push(started);
    return started;
  };
  const create = async (url: string): Promise<{ id: number; secret: string }> => {
    const created = await api.call<{ id: number; secret: string }>('POST', '/webhook-endpoints', {
      body: { url, types: ['message.received'] },
    });
    expect(created.status).toBe(201);
    return created.body;
  };
  const counts = async (id: number): Promise<Record<string, number>> =>
    Object.fromEntries(
      (
        await api.db.query<{ status: string; n: number }>(
          'select status, count(*) as n from webhook_deliveries where endpoint_id = $1 group by status',
          [id],
        )
      ).map(({ status, n }) => [status, n]),
    );
  const attemptsOf = async (id: number): Promise<Map<string, number>> =>
    new Map(
      (
        await api.db.query<{ seq: number; n: number }>(
          'select event_seq as seq, jsonb_array_length(history) as n from webhook_deliveries where endpoint_id = $1',
          [id],
        )
      ).map(({ seq, n }) => [String(seq), n]),
    );
  const allDelivered = (id: number, n: number, timeoutMs = 30_000): Promise<unknown> =>
    eventually(
      () => counts(id),
      (seen) => seen.delivered === n && Object.keys(seen).length === 1,
      timeoutMs,
    );
  const append = (events: OutboxEvent[]): Promise<void> =>
    api.db.transaction((tx) => api.app.get(Outbox).append(tx, events));
  const event = (n: number): OutboxEvent => ({
    type: 'message.received',
    accountId,
    subjectId: n % CONVERSATIONS,
    payload: { n, conversation: n % CONVERSATIONS, appended: performance.now() },
  });
  const wellWithin = (there: EndpointReceiver): number[] =>
    there.received.map(({ at, body }) => at - (body.data.appended as number));
  /** Events that came after a later one of their conversation. */
  const late = (there: EndpointReceiver): string[] => {
    const newest = new Map<unknown, number>();
    return there.received.flatMap(({ body }) => {
      const { n, conversation } = body.data as { n: number; conversation: number };
      const isLate = n < (newest.get(conversation) ?? -1);
      newest.set(conversation, Math.max(n, newest.get(conversation) ?? -1));
      return isLate ? [body.id] : [];
    });
  };

  beforeAll(async () => {
    api = await startTestApp({ worker: true, env: { ALLOW_PRIVATE_NETWORK_TARGETS: 'true' } });
    const account = await api.call<{ id: number }>('POST', '/accounts', {
      body: { name: 'x', phone_number_id: NUMBER, access_token: 'EAAtest' },
    });
    accountId = account.body.id;
    settings = api.worker!.get(EndpointSettings, { strict: false });
  });
  beforeEach(() => {
    Object.assign(settings, new EndpointSettings());
  });
  afterEach(async () => {
    const { body } = await api.call<{ webhook_endpoints: { id: number }[] }>('GET', '/webhook-endpoints');
    for (const { id } of body.webhook_endpoints) {
      await api.call('DELETE', `/webhook-endpoints/${id}`);
    }
    await Promise.all(receivers.splice(0).map((started) => started.stop()));
  });
  afterAll(() => api.close());

  it('for an hour get everything when they are back, and delay nobody', async () => {
    const standard = new EndpointSettings();
    Object.assign(settings, {
      scheduleMs: standard.scheduleMs.map((ms) => ms * COMPRESSED),
      restMinMs: standard.restMinMs * COMPRESSED,
      restMaxMs: standard.restMaxMs * COMPRESSED,
      heartbeatMs: 50,
      timeoutMs: 15_000,
    });
    const [down, gone, moved, slow, well] = [
      await receiver(),
      await receiver(),
      await receiver(),
      await receiver(),
      await receiver(),
    ];
    const elsewhere = await receiver();
    gone.answering = (response) => answer(response, 410);
    moved.answering = (response) => answer(response, 301, '', { location: elsewhere.url });
    slow.answering = (response) => void setTimeout(() => answer(response, 200), 200);
    const [toDown, toGone, toMoved, toSlow, toWell] = [
      await create(down.url),
      await create(gone.url),
      await create(moved.url),
      await create(slow.url),
      await create(well.url),
    ];

    await down.stop();
    const begun = performance.now();
    for (let n = 0; n < EVENTS; n += STEP) {
      await append(Array.from({ length: STEP }, (_, i) => event(n + i)));
      await wait(Math.max(begun + ((n + STEP) / EVENTS) * HOUR_MS - performance.now(), 0));
    }
    await allDelivered(toWell.id, EVENTS);
    const meanwhile = wellWithin(well);
    const triedInVain = [...(await attemptsOf(toDown.id)).values()].reduce((sum, n) => sum + n, 0);
    expect((await counts(toDown.id)).delivered).toBeUndefined();

    const recovered = performance.now();
    await down.start();
    await allDelivered(toDown.id, EVENTS);
    show(
      `down for an hour (at ${1 / COMPRESSED}×): ${triedInVain} attempts in vain; all ${EVENTS} delivered ` +
        `${Math.round(performance.now() - recovered)} ms after it was back, ${down.received.length} requests, ${late(down).length} out of order`,
    );
    show(
      `the healthy one meanwhile: p50 ${quantile(meanwhile, 0.5)} ms, p95 ${quantile(meanwhile, 0.95)} ms, max ${quantile(meanwhile, 1)} ms`,
    );
    // Once each where nothing went wrong, in order, and soon.
    expect(well.numbers.length).toBe(EVENTS);
    expect(late(well)).toEqual([]);
    expect(quantile(meanwhile, 0.95)).toBeLessThan(5_000);
    // All of them at least once; out of order are at most those that were tried twice while it was down.
    expect(new Set(down.numbers).size).toBe(EVENTS);
    const attempts = await attemptsOf(toDown.id);
    expect(late(down).filter((id) => (attempts.get(id) ?? 0) < 3)).toEqual([]);
    // It was asked with one now and then, not with all of them.
    expect(triedInVain).toBeLessThan(EVENTS);
    expect([...down.received].every((one) => isSigned(one, toDown.secret))).toBe(true);

    await allDelivered(toSlow.id, EVENTS);
    expect(late(slow)).toEqual([]);

    const ofGone = await api.call('GET', `/webhook-endpoints/${toGone.id}`);
    expect(ofGone.body).toMatchObject({ is_active: false, disabled_reason: 'gone' });
    expect(gone.received.length).toBeLessThanOrEqual(settings.concurrency);
    // What was being handed out at that moment is cancelled a little later.
    await eventually(
      async () => Object.keys(await counts(toGone.id)),
      (statuses) => statuses.join() === 'cancelled',
    );

    expect((await counts(toMoved.id)).delivered).toBeUndefined();
    expect((await api.call('GET', `/webhook-endpoints/${toMoved.id}`)).body.failing_since).not.toBeNull();
    expect(elsewhere.received).toEqual([]);
    show(`410: ${gone.received.length} requests; 301: ${moved.received.length} requests, none followed`);
  }, 120_000);

  it('for a moment are told by whoever takes over from a worker that died, and by nobody else', async () => {
    Object.assign(settings, { leaseMs: 1_000, heartbeatMs: 10_000, timeoutMs: 10_000 });
    const there = await receiver();
    const hanging: (() => void)[] = [];
    there.answering = (response, _event, count) =>
      count === 1 ? void hanging.push(() => answer(response, 200)) : answer(response, 200);
    const { id } = await create(there.url);
    await append([event(1)]);
    await eventually(
      async () => there.received.length,
      (n) => n === 1,
    );
    // As if the one that asks had died: somebody else has its lease.
    await api.db.query(
      `update webhook_endpoints set lease_epoch = lease_epoch + 1, lease_until = now() + interval '1 hour' where id = $1`,
      [id],
    );
    // The dead one lives after all, and its answer comes: what it writes is not its to write any more.
    hanging.forEach((let_go) => let_go());
    await wait(300);
    expect(await counts(id)).toEqual({ pending: 1 });
    await api.db.query('update webhook_endpoints set lease_until = now() where id = $1', [id]);
    await allDelivered(id, 1);
    expect(there.received).toHaveLength(2);
    expect(new Set(there.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  });

  it('are no reason to hurry less with those that are: many events to three of them', async () => {
    const there = [await receiver(), await receiver(), await receiver()];
    const made = [];
    for (const { url } of there) {
      made.push(await create(url));
    }
    const before = process.memoryUsage().rss;
    let peak = before;
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 50);
    const begun = performance.now();
    for (let n = 0; n < MANY; n += 500) {
      await append(Array.from({ length: 500 }, (_, i) => ({ ...event(n + i), subjectId: n + i })));
    }
    for (const { id } of made) {
      await allDelivered(id, MANY, 100_000);
    }
    clearInterval(watch);
    const seconds = (performance.now() - begun) / 1_000;
    show(
      `${MANY} events to 3 endpoints: ${seconds.toFixed(1)} s, ${Math.round((3 * MANY) / seconds)} deliveries/s, ` +
        `memory +${Math.round((peak - before) / 1024 / 1024)} MB (with the receivers and what they keep)`,
    );
    for (const { received, numbers } of there) {
      expect(received.length).toBe(MANY);
      expect(new Set(numbers).size).toBe(MANY);
    }
  }, 120_000);
});
