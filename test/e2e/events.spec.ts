import pg from 'pg';
import { Database } from '../../src/database/database.js';
import { EventSignals } from '../../src/events/event-signals.js';
import { StreamSettings } from '../../src/events/stream-settings.js';
import { EVENT_TYPES, Outbox, type EventType, type OutboxEvent } from '../../src/outbox/outbox.js';
import { eventually, startTestApp, type TestApp } from '../support/app.js';
import { connect, EventSource, type Frame, type OpenOptions } from '../support/event-source.js';
import { messagesBody, postWebhook, profile, text } from '../support/webhook-payloads.js';
import { until } from '../support/webhook-receiver.js';

const NUMBER = '300000000000001';
const OTHER_NUMBER = '300000000000002';
const MISSING = 999_999;
/** As the sequencer has it: who holds it is the one that numbers. */
const NUMBERING_LOCK = 7_251_910;

interface Page {
  events: Frame['data'][];
  next_cursor: string;
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const payloads = (frames: readonly { data: { data: unknown } }[]): unknown[] => frames.map(({ data }) => data.data);

describe('events', () => {
  let api: TestApp;
  let accountId: number;
  let otherAccountId: number;
  let settings: StreamSettings;
  const open: EventSource[] = [];

  const stream = async (options: OpenOptions = {}, app = api): Promise<EventSource> => {
    const source = await EventSource.open(app.url, options);
    open.push(source);
    return source;
  };
  const event = (payload: Record<string, unknown>, more: Partial<OutboxEvent> = {}): OutboxEvent => ({
    type: 'message.received',
    accountId,
    subjectId: 1,
    payload,
    ...more,
  });
  const append = (events: OutboxEvent[], app = api): Promise<void> =>
    app.db.transaction((tx) => app.app.get(Outbox).append(tx, events));
  const numbered = (): Promise<unknown> =>
    eventually(
      () => api.db.query<{ n: number }>('select count(*) as n from outbox_events where seq is null'),
      ([row]) => row?.n === 0,
    );
  const createKey = async (body: object = {}): Promise<{ id: number; key: string }> => {
    const answer = await api.call<{ id: number; key: string }>('POST', '/api-keys', {
      body: { name: 'x', scopes: ['inbox:read'], ...body },
    });
    expect(answer.status).toBe(201);
    return answer.body;
  };
  const createAccount = async (phoneNumberId: string): Promise<number> => {
    const answer = await api.call<{ id: number }>('POST', '/accounts', {
      body: { name: phoneNumberId, phone_number_id: phoneNumberId, access_token: 'EAAtest' },
    });
    expect(answer.status).toBe(201);
    return answer.body.id;
  };
  const ticketFor = async (key: string): Promise<string> => {
    const answer = await api.call<{ ticket: string }>('POST', '/events/ticket', { key });
    expect(answer.status).toBe(201);
    return answer.body.ticket;
  };
  const has = (source: EventSource, count: number): Promise<unknown> =>
    eventually(
      async () => source.frames.length,
      (length) => length >= count,
    );
  const hasEnded = (source: EventSource, timeoutMs?: number): Promise<unknown> =>
    eventually(async () => source.isEnded, Boolean, timeoutMs);
  const metric = async (name: string): Promise<number> => {
    const lines = (await (await fetch(`${api.url}/metrics`)).text()).split('\n');
    return Number(
      lines
        .find((line) => line.startsWith(`${name} `))
        ?.split(' ')
        .at(-1) ?? 0,
    );
  };

  beforeAll(async () => {
    api = await startTestApp({ worker: true, env: { CORS_ORIGINS: 'https://inbox.example' } });
    accountId = await createAccount(NUMBER);
    otherAccountId = await createAccount(OTHER_NUMBER);
    settings = api.app.get(StreamSettings);
  });
  afterEach(async () => {
    open.splice(0).forEach((source) => source.close());
    Object.assign(settings, new StreamSettings());
    await eventually(
      () => metric('parley_event_streams'),
      (count) => count === 0,
    );
  });
  afterAll(() => api.close());

  describe('as a live stream', () => {
    it('tell of a message that came in', async () => {
      const source = await stream();
      await postWebhook(
        api.url,
        messagesBody({ contacts: [profile('919811111111', 'Asha')], messages: [text('919811111111', 'hello')] }),
      );
      const received = await eventually(
        async () => source.frames.find((frame) => frame.event === 'message.received'),
        Boolean,
      );
      expect(received).toEqual({
        id: expect.stringMatching(/^\d+$/),
        event: 'message.received',
        data: {
          id: received!.id,
          type: 'message.received',
          timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
          account_id: accountId,
          data: expect.objectContaining({ message_type: 'text' }),
        },
      });
    });

    it('come with the headers that streams and their proxies need, and those of every answer', async () => {
      const { incoming } = await stream({
        headers: { origin: 'https://inbox.example', 'x-request-id': 'live-1', accept: 'text/event-stream' },
      });
      expect(incoming.statusCode).toBe(200);
      expect(incoming.headers).toMatchObject({
        'content-type': 'text/event-stream',
        'cache-control': 'no-cache, no-transform',
        'x-accel-buffering': 'no',
        'x-request-id': 'live-1',
        'access-control-allow-origin': 'https://inbox.example',
        'access-control-expose-headers': expect.stringContaining('X-Request-Id'),
        'x-content-type-options': 'nosniff',
      });
      expect(incoming.headers['content-encoding']).toBeUndefined();
    });

    it('begin with a pace and a comment, and a quiet stream says that it lives', async () => {
      settings.heartbeatMs = 30;
      const source = await stream();
      await eventually(
        async () => source.comments.filter((comment) => comment === 'heartbeat').length,
        (count) => count >= 3,
      );
      expect(source.comments[0]).toBe('Parley events');
      expect(source.retryMs).toBe(2_000);
      expect(source.frames).toEqual([]);
    });

    it('answer HEAD without opening a stream', async () => {
      const { incoming } = await connect(api.url, { method: 'HEAD' });
      incoming.resume();
      expect([incoming.statusCode, incoming.headers['content-type']]).toEqual([200, 'text/event-stream']);
      await eventually(async () => incoming.complete, Boolean);
    });

    it('reach the clients of every process, wherever they were appended', async () => {
      const second = await startTestApp({ databaseUrl: api.databaseUrl });
      try {
        const [here, there] = [await stream(), await stream({}, second)];
        await append([event({ n: 1 })]);
        await append([event({ n: 2 })], second);
        await Promise.all([has(here, 2), has(there, 2)]);
        expect(payloads(here.frames)).toEqual([{ n: 1 }, { n: 2 }]);
        expect(there.frames).toEqual(here.frames);
      } finally {
        await second.close();
      }
    });

    it('are told once their transaction is committed, and never when it is not', async () => {
      const source = await stream();
      const outbox = api.app.get(Outbox);
      await expect(
        api.db.transaction(async (tx) => {
          await outbox.append(tx, [event({ n: 'rolled back' })]);
          throw new Error('no');
        }),
      ).rejects.toThrow('no');
      await api.db.transaction(async (tx) => {
        await outbox.append(tx, [event({ n: 'open' })]);
        await wait(150);
        expect(source.frames).toEqual([]);
      });
      await has(source, 1);
      expect(payloads(source.frames)).toEqual([{ n: 'open' }]);
    });

    it('lose no event whose transaction began earlier and was committed later', async () => {
      const source = await stream();
      const outbox = api.app.get(Outbox);
      let lower = 0;
      await api.db.transaction(async (tx) => {
        await outbox.append(tx, [event({ n: 'late' })]);
        [lower] = (await tx.query<{ id: number }>('select max(id) as id from outbox_events')).map(({ id }) => id) as [
          number,
        ];
        await append([event({ n: 'early' })]);
        await has(source, 1);
      });
      await has(source, 2);
      expect(payloads(source.frames)).toEqual([{ n: 'early' }, { n: 'late' }]);
      const rows = await api.db.query<{ n: string; id: number }>(
        `select payload->>'n' as n, id from outbox_events where payload->>'n' in ('late', 'early') order by seq`,
      );
      expect(rows.map(({ n }) => n)).toEqual(['early', 'late']);
      expect(rows[1]?.id).toBe(lower);
      expect(rows[0]!.id).toBeGreaterThan(lower);
    });

    it('come although the connection that listens was cut', async () => {
      const source = await stream();
      const listening = (): Promise<{ pid: number }[]> =>
        api.db.query(
          `select pid from pg_stat_activity where datname = current_database() and application_name = 'parley events'`,
        );
      const [first] = await eventually(listening, (rows) => rows.length > 0);
      await api.db.query('select pg_terminate_backend($1)', [first!.pid]);
      await append([event({ n: 1 })]);
      await has(source, 1);
      const [again] = await eventually(listening, (rows) => rows.length > 0 && rows[0]?.pid !== first!.pid);
      expect(again?.pid).not.toBe(first!.pid);
      await append([event({ n: 2 })]);
      await has(source, 2);
      expect(payloads(source.frames)).toEqual([{ n: 1 }, { n: 2 }]);
    });

    it('come although every connection to the database was cut', async () => {
      const source = await stream();
      const admin = new pg.Client({ connectionString: process.env.TEST_DATABASE_URL });
      await admin.connect();
      await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [
        new URL(api.databaseUrl).pathname.slice(1),
      ]);
      await admin.end();
      await eventually(
        () => append([event({ n: 1 })]).then(() => 'appended', String),
        (outcome) => outcome === 'appended',
      );
      await has(source, 1);
      expect(payloads(source.frames)).toEqual([{ n: 1 }]);
      expect(source.isEnded).toBe(false);
    });

    it('come within a second or two when no signal is heard at all', async () => {
      const deaf = await startTestApp({ databaseUrl: api.databaseUrl });
      try {
        const source = await stream({}, deaf);
        await deaf.app.get(EventSignals).stop();
        await append([event({ n: 1 })]);
        await has(source, 1);
        expect(payloads(source.frames)).toEqual([{ n: 1 }]);
      } finally {
        await deaf.close();
      }
    });

    it('are refused beyond the number of streams that a process bears', async () => {
      settings.maxStreams = 1;
      const first = await stream();
      const refused = await api.call('GET', '/events');
      expect([refused.status, refused.body.code]).toEqual([503, 'unavailable']);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      first.close();
      const next = await eventually(
        () => stream(),
        ({ status }) => status === 200,
      );
      expect(next.frames).toEqual([]);
    });

    it('count open streams and what was told', async () => {
      const before = await metric('parley_event_stream_events_total');
      const [a, b] = [await stream(), await stream()];
      await append([event({ n: 1 })]);
      await Promise.all([has(a, 1), has(b, 1)]);
      expect(await metric('parley_event_streams')).toBe(2);
      expect(await metric('parley_event_stream_events_total')).toBe(before + 2);
      expect(await metric('parley_events_numbered_total')).toBeGreaterThan(0);
      expect(await metric('parley_event_numbering_seconds_count')).toBeGreaterThan(0);
      a.close();
      b.close();
      await eventually(
        () => metric('parley_event_streams'),
        (count) => count === 0,
      );
    });
  });

  describe('numbered', () => {
    it('by one at a time', async () => {
      const source = await stream();
      await api.db.transaction(async (tx) => {
        await tx.query('select pg_advisory_xact_lock($1)', [NUMBERING_LOCK]);
        await append([event({ n: 1 })]);
        await wait(300);
        expect(await api.db.query('select 1 from outbox_events where seq is null')).toHaveLength(1);
      });
      await has(source, 1);
      expect(payloads(source.frames)).toEqual([{ n: 1 }]);
    });

    it('once each, in the order of their subject, by many at once and across a crash in the middle', async () => {
      const outbox = api.app.get(Outbox);
      // Nobody numbers while this one holds the lock.
      const crashing = new pg.Client({ connectionString: api.databaseUrl });
      crashing.on('error', () => undefined);
      await crashing.connect();
      await numbered();
      await crashing.query('begin');
      await crashing.query('select pg_advisory_xact_lock($1)', [NUMBERING_LOCK]);
      const count = 2_500;
      for (let first = 0; first < count; first += 500) {
        await api.db.transaction((tx) =>
          outbox.append(
            tx,
            Array.from({ length: 500 }, (_, i) => event({ crash: first + i })),
          ),
        );
      }
      await crashing.query(
        `update outbox_events set seq = nextval('outbox_events_seq')
         where id in (select id from outbox_events where seq is null order by id limit 700)`,
      );
      const others = await Promise.all([1, 2].map(() => startTestApp({ databaseUrl: api.databaseUrl })));
      const [{ pid }] = (await crashing.query<{ pid: number }>('select pg_backend_pid() as pid')).rows as [
        { pid: number },
      ];
      await api.db.query('select pg_terminate_backend($1)', [pid]);
      await numbered();
      await Promise.all(others.map((app) => app.close()));
      const rows = await api.db.query<{ n: number; seq: number }>(
        `select (payload->>'crash')::int as n, seq from outbox_events where payload ? 'crash' order by seq`,
      );
      expect(rows.map(({ n }) => n)).toEqual(Array.from({ length: count }, (_, i) => i));
      expect(new Set(rows.map(({ seq }) => seq)).size).toBe(count);
    });
  });

  describe('after a break', () => {
    it('go on from the last id, through the past and into the present', async () => {
      const first = await stream();
      await append([event({ n: 1 }), event({ n: 2 }), event({ n: 3 })]);
      await has(first, 3);
      first.close();
      await append([event({ n: 4 })]);
      await numbered();
      const again = await stream({ lastEventId: first.frames[1]!.id });
      const inQuery = await stream({ query: `last_event_id=${first.frames[1]!.id}` });
      await append([event({ n: 5 })]);
      await Promise.all([has(again, 3), has(inQuery, 3)]);
      expect(payloads(again.frames)).toEqual([{ n: 3 }, { n: 4 }, { n: 5 }]);
      expect(inQuery.frames).toEqual(again.frames);
      expect(again.frames[0]).toEqual(first.frames[2]);
    });

    it('go on even for a client that had seen none', async () => {
      const first = await stream();
      await eventually(async () => first.lastEventId, Boolean);
      first.close();
      await append([event({ n: 1 })]);
      const again = await stream({ lastEventId: first.lastEventId });
      await has(again, 1);
      expect(payloads(again.frames)).toEqual([{ n: 1 }]);
    });

    it('go on after events that a narrow filter does not show', async () => {
      settings.heartbeatMs = 30;
      const narrow = await stream({ query: 'types=flow.completed' });
      const wide = await stream();
      await append([event({ n: 1 })]);
      await has(wide, 1);
      await eventually(
        async () => narrow.lastEventId,
        (id) => id === wide.frames[0]!.id,
      );
      expect(narrow.frames).toEqual([]);
    });

    it('lose nothing and repeat nothing while many write and clients come and go', async () => {
      const second = await startTestApp({ databaseUrl: api.databaseUrl });
      const writers = 4;
      const transactions = 200;
      const expected = new Set<string>();
      let isWriting = true;
      /** How often each reader went and came back. */
      const breaks = [0, 0, 0];
      const write = async (writer: number): Promise<void> => {
        const app = writer % 2 ? api : second;
        // On a busy machine the readers may be late: there is something to read until each was away often enough.
        const goesOn = (i: number): boolean => i < 10 * transactions && breaks.some((count) => count <= 3);
        for (let i = 0; i < transactions || goesOn(i); i += 1) {
          const events = [0, 1, 2].map((part) =>
            event({ n: `${writer}-${i * 3 + part}`, writer }, { subjectId: writer }),
          );
          await app.db
            .transaction(async (tx) => {
              await app.app.get(Outbox).append(tx, events);
              // Some stay open for a while, so that ids become visible out of order.
              if (i % 7 === 0) {
                await wait(Math.random() * 20);
              }
              if (i % 13 === 5) {
                throw new Error('rolled back');
              }
            })
            .then(
              () => events.forEach(({ payload }) => expected.add(payload.n as string)),
              () => undefined,
            );
        }
      };
      /** A stream tells at once where it begins; who goes before they have read it has nothing to go on from. */
      const connect = async (options: OpenOptions, app: TestApp): Promise<EventSource> => {
        const source = await stream(options, app);
        await eventually(async () => source.lastEventId, Boolean);
        return source;
      };
      const follow = async (first: EventSource, reader: number): Promise<Frame[]> => {
        const frames: Frame[] = [];
        let count = 0;
        let source = first;
        for (;;) {
          const isLast = !isWriting;
          await wait(isLast ? 300 : 20 + Math.random() * 80);
          if (isLast && new Set(frames.concat(source.frames).map(({ id }) => id)).size >= expected.size) {
            frames.push(...source.frames);
            source.close();
            return frames;
          }
          if (isLast && count > 1_000) {
            throw new Error(`${frames.length} of ${expected.size} events`);
          }
          source.close();
          // Once closed nothing more is taken, so what was taken last is what it goes on from.
          const { lastEventId } = source;
          frames.push(...source.frames.splice(0));
          count += 1;
          breaks[reader] = count;
          source = await connect({ lastEventId }, (reader + count) % 2 ? api : second);
        }
      };
      try {
        const first = await Promise.all(breaks.map((_count, reader) => connect({}, reader % 2 ? api : second)));
        const readers = first.map(follow);
        await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
        isWriting = false;
        await numbered();
        const order = (
          await api.db.query<{ n: string }>(
            `select payload->>'n' as n from outbox_events where payload ? 'writer' order by seq`,
          )
        ).map(({ n }) => n);
        expect(new Set(order)).toEqual(expected);
        expect(order.length).toBeGreaterThan(2_000);
        for (const frames of await Promise.all(readers)) {
          expect(frames.map(({ data }) => data.data.n)).toEqual(order);
        }
        expect(Math.min(...breaks)).toBeGreaterThan(3);
      } finally {
        await second.close();
      }
    });

    it.each([
      ['is none of ours', 'not-an-id', 'unknown_id'],
      ['lies in the future', '999999999', 'unknown_id'],
    ])('begin anew, and say so, when the id %s', async (_case, lastEventId, reason) => {
      const source = await stream({ lastEventId });
      await has(source, 1);
      expect(source.frames[0]).toMatchObject({
        event: 'reset',
        data: { type: 'reset', data: { reason, message: expect.stringContaining('anew') } },
      });
      await append([event({ n: 1 })]);
      await has(source, 2);
      expect(source.frames[1]?.data.data).toEqual({ n: 1 });
      source.close();
      // The reset has an id to go on from.
      const again = await stream({ lastEventId: source.frames[0]!.id });
      await has(again, 1);
      expect(again.frames).toEqual([source.frames[1]]);
    });

    it('begin anew when what followed the id is not kept any more', async () => {
      await append([event({ n: 1 }), event({ n: 2 }), event({ n: 3 })]);
      await numbered();
      const seqs = (await api.db.query<{ seq: number }>('select seq from outbox_events order by seq desc limit 3')).map(
        ({ seq }) => seq,
      );
      const [newest, middle, oldest] = seqs as [number, number, number];
      await api.db.query('delete from outbox_events where seq < $1', [middle]);
      const [tooLate, justInTime] = [
        await stream({ lastEventId: String(oldest - 1) }),
        await stream({ lastEventId: String(oldest) }),
      ];
      await Promise.all([has(tooLate, 1), has(justInTime, 2)]);
      expect(tooLate.frames[0]).toMatchObject({
        event: 'reset',
        id: String(newest),
        data: { data: { reason: 'too_old' } },
      });
      expect(payloads(justInTime.frames)).toEqual([{ n: 2 }, { n: 3 }]);
    });
  });

  describe('for whom', () => {
    const about = (type: EventType, ofAccount: number | null): OutboxEvent =>
      event({ type, of: ofAccount }, { type, accountId: ofAccount });
    const seen = (source: EventSource): unknown[] => source.frames.map(({ data }) => [data.type, data.account_id]);

    it('are shown by the scopes of the key', async () => {
      const [inbox, campaigns, none] = [
        await stream({ key: (await createKey()).key }),
        await stream({ key: (await createKey({ scopes: ['campaigns:read', 'accounts:read'] })).key }),
        await stream({ key: (await createKey({ scopes: ['messages:send'] })).key }),
      ];
      const everything = await stream();
      await append(EVENT_TYPES.map((type) => about(type, accountId)));
      await has(everything, EVENT_TYPES.length);
      const types = (source: EventSource): string[] => source.frames.map((frame) => frame.event);
      expect(types(everything)).toEqual([...EVENT_TYPES]);
      expect(types(inbox)).toEqual(['message.received', 'message.sent', 'message.status', 'conversation.updated']);
      expect(types(campaigns)).toEqual(['campaign.progress', 'campaign.completed', 'account.alert']);
      expect(types(none)).toEqual([]);
      // The past is filtered as the present is.
      const before = String(Number(everything.frames[0]!.id) - 1);
      const resumed = await stream({ key: (await createKey()).key, lastEventId: before });
      await has(resumed, 4);
      expect(resumed.frames).toEqual(inbox.frames);
    });

    it('are shown of the accounts of the key, or of the one that is named', async () => {
      const { key } = await createKey({ scopes: ['*'], account_ids: [accountId] });
      const before = (await api.call<Page>('GET', '/events?poll=1')).body.next_cursor;
      const wish = 'types=message.sent,contact.opted_out';
      const [tied, all, byHeader, byQuery] = [
        await stream({ key, query: wish }),
        await stream({ query: wish }),
        await stream({ query: wish, headers: { 'x-account-id': String(otherAccountId) } }),
        await stream({ query: `${wish}&account_id=${otherAccountId}` }),
      ];
      await append([
        about('message.sent', accountId),
        about('message.sent', otherAccountId),
        about('contact.opted_out', null),
        about('contact.opted_out', accountId),
        about('template.status', accountId),
      ]);
      await has(all, 4);
      expect(seen(all)).toEqual([
        ['message.sent', accountId],
        ['message.sent', otherAccountId],
        ['contact.opted_out', null],
        ['contact.opted_out', accountId],
      ]);
      const own = [
        ['message.sent', accountId],
        ['contact.opted_out', accountId],
      ];
      expect(seen(tied)).toEqual(own);
      expect(seen(byHeader)).toEqual([['message.sent', otherAccountId]]);
      expect(byQuery.frames).toEqual(byHeader.frames);
      const page = await api.call<Page>('GET', `/events?poll=1&cursor=${before}&${wish}`, { key });
      expect(page.body.events.map(({ type, account_id }) => [type, account_id])).toEqual(own);
    });

    it.each([
      ['unknown', () => MISSING],
      ['not permitted', () => otherAccountId],
    ])('are nobody’s when the named account is %s', async (_case, id) => {
      const { key } = await createKey({ account_ids: [accountId] });
      const answers = [
        await api.call('GET', '/events', { key, accountId: id() }),
        await api.call('GET', `/events?account_id=${id()}`, { key }),
        await api.call('GET', `/events?poll=1&account_id=${id()}`, { key }),
      ];
      expect(answers.map(({ status, body }) => [status, body.code])).toEqual(
        answers.map(() => [404, 'account_not_found']),
      );
    });

    it('are those of the types asked for, listed or repeated', async () => {
      const [listed, repeated, all] = [
        await stream({ query: 'types=message.sent,%20flow.completed' }),
        await stream({ query: 'types=message.sent&types=flow.completed' }),
        await stream({ query: 'types=' }),
      ];
      await append(
        (['message.received', 'flow.completed', 'message.sent'] as const).map((type) => about(type, accountId)),
      );
      await Promise.all([has(listed, 2), has(repeated, 2), has(all, 3)]);
      expect(listed.frames.map((frame) => frame.event)).toEqual(['flow.completed', 'message.sent']);
      expect(repeated.frames).toEqual(listed.frames);
    });

    it.each([
      ['types=message.received,message.flown', 'types', 'message.flown'],
      ['cursor=x', 'cursor', 'poll=1'],
      ['from=start', 'from', 'poll=1'],
      ['poll=1&last_event_id=1', 'last_event_id', 'cursor'],
      ['poll=1&cursor=x&from=start', 'from', 'cursor'],
      ['poll=maybe', 'poll', 'poll'],
      ['poll=1&limit=201', 'limit', '200'],
      ['wat=1', 'wat', 'wat'],
    ])('are refused with ?%s, by name', async (query, field, word) => {
      const { status, body } = await api.call<{ errors: { field: string; message: string }[] }>(
        'GET',
        `/events?${query}`,
      );
      expect([status, body.errors[0]?.field]).toEqual([400, field]);
      expect(body.errors[0]?.message).toContain(word);
    });

    it('need a key', async () => {
      const answers = [
        await api.call('GET', '/events', { key: null }),
        await api.call('GET', '/events', { key: 'wrong' }),
        await api.call('GET', '/events?poll=1', { key: null }),
        await api.call('POST', '/events/ticket', { key: null }),
      ];
      expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401]);
    });
  });

  describe('by ticket', () => {
    it('open one stream, with the rights of the key', async () => {
      const { key } = await createKey({ account_ids: [accountId] });
      const issued = await api.call<{ ticket: string; expires_in: number }>('POST', '/events/ticket', { key });
      expect([issued.status, issued.body.expires_in]).toEqual([201, 60]);
      expect(issued.headers.get('cache-control')).toBe('no-store');
      const { ticket } = issued.body;
      const source = await stream({ key: null, query: `ticket=${ticket}&types=message.received,flow.completed` });
      expect(source.status).toBe(200);
      await append([
        event({ n: 1 }, { accountId: otherAccountId }),
        event({ n: 2 }, { type: 'flow.completed' }),
        event({ n: 3 }),
      ]);
      await has(source, 1);
      expect(payloads(source.frames)).toEqual([{ n: 3 }]);
      const again = await api.call('GET', `/events?ticket=${ticket}`, { key: null });
      expect([again.status, again.body.code, again.body.error]).toEqual([401, 'unauthorized', 'Unauthorized']);
    });

    it('open one stream when many try at once', async () => {
      const query = `ticket=${await ticketFor((await createKey()).key)}`;
      const sources = await Promise.all([1, 2, 3, 4, 5].map(() => stream({ key: null, query })));
      expect(sources.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401, 401]);
    });

    it('are known by their hash alone', async () => {
      const ticket = await ticketFor((await createKey()).key);
      const rows = await api.db.query('select * from event_tickets');
      expect(rows.length).toBeGreaterThan(0);
      expect(JSON.stringify(rows)).not.toContain(ticket);
    });

    it('are worth nothing once they expired, or their key does not work', async () => {
      const keys = await Promise.all([1, 2, 3, 4].map(() => createKey()));
      const [expired, disabled, deleted, rotated] = keys as [(typeof keys)[0], ...typeof keys];
      const tickets = await Promise.all(keys.map(({ key }) => ticketFor(key)));
      await api.db.query(`update event_tickets set expires_at = now() - interval '1 ms' where api_key_id = $1`, [
        expired.id,
      ]);
      await api.call('PATCH', `/api-keys/${disabled!.id}`, { body: { is_active: false } });
      await api.call('DELETE', `/api-keys/${deleted!.id}`);
      await api.call('POST', `/api-keys/${rotated!.id}/rotate`, { body: { overlap_s: 0 } });
      const answers = await Promise.all(
        [...tickets, 'unknown', ''].map((ticket) => api.call('GET', `/events?ticket=${ticket}`, { key: null })),
      );
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 401));
    });

    it('have the rights that the key has when they are used', async () => {
      const { id, key } = await createKey();
      const ticket = await ticketFor(key);
      await api.call('PATCH', `/api-keys/${id}`, { body: { scopes: ['flows:read'] } });
      const source = await stream({ key: null, query: `ticket=${ticket}` });
      await append([event({ n: 1 }), event({ n: 2 }, { type: 'flow.completed' })]);
      await has(source, 1);
      expect(payloads(source.frames)).toEqual([{ n: 2 }]);
    });

    it('are swept when nobody used them', async () => {
      await ticketFor((await createKey()).key);
      await api.db.query(`update event_tickets set expires_at = now() - interval '1 s'`);
      const another = await startTestApp({ databaseUrl: api.databaseUrl, worker: true });
      try {
        await eventually(
          () => api.db.query('select 1 from event_tickets'),
          (rows) => rows.length === 0,
        );
      } finally {
        await another.close();
      }
    });
  });

  describe('for clients in trouble', () => {
    it('end for one that never reads, while the others get all of them', async () => {
      const before = await metric('parley_event_streams_ended_total{reason="too_slow"}');
      const fast = await stream();
      const { outgoing, incoming } = await connect(api.url);
      const count = 1_600;
      const text8k = 'x'.repeat(8_000);
      // Few at a time, less than may wait for a client: the fast one has them all before the next come.
      for (let n = 0; n < count; n += 25) {
        await append(Array.from({ length: 25 }, (_, i) => event({ n: n + i, text8k })));
        await until(() => fast.frames.length >= n + 25);
      }
      expect(fast.frames.map(({ data }) => data.data.n)).toEqual(Array.from({ length: count }, (_, i) => i));
      expect(await metric('parley_event_streams_ended_total{reason="too_slow"}')).toBe(before + 1);
      await eventually(
        () => metric('parley_event_streams'),
        (streams) => streams === 1,
      );
      // What it finds when it reads at last is whole as far as it goes, and then the connection is gone.
      let told = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => (told += chunk));
      incoming.on('error', () => undefined);
      await eventually(async () => incoming.closed, Boolean);
      const blocks = told.split('\n\n').slice(1, -1);
      const numbers = blocks
        .filter((block) => block.includes('event: message.received'))
        .map((block) => (JSON.parse(block.slice(block.indexOf('data: ') + 6)) as Frame['data']).data.n);
      expect(numbers.length).toBeLessThan(count);
      expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => i));
      outgoing.destroy();
    });

    it('end within 30 seconds when the key stops working', async () => {
      const keys = await Promise.all([1, 2, 3, 4, 5, 6].map(() => createKey()));
      const sources = await Promise.all(keys.map(({ key }) => stream({ key })));
      const byTicket = await stream({ key: null, query: `ticket=${await ticketFor(keys[4]!.key)}` });
      const admin = await stream();
      const [disabled, deleted, expired, narrowed, rotated] = keys.map(({ id }) => id);
      await api.call('PATCH', `/api-keys/${disabled}`, { body: { is_active: false } });
      await api.call('DELETE', `/api-keys/${deleted}`);
      await api.db.query(`update api_keys set expires_at = now() where id = $1`, [expired]);
      await api.call('PATCH', `/api-keys/${narrowed}`, { body: { account_ids: [accountId] } });
      await api.call('POST', `/api-keys/${rotated}/rotate`, { body: { overlap_s: 0 } });
      await Promise.all([...sources.slice(0, 5), byTicket].map((source) => hasEnded(source, 30_000)));
      expect([sources[5]?.isEnded, admin.isEnded]).toEqual([false, false]);
      await append([event({ n: 1 })]);
      await Promise.all([has(sources[5]!, 1), has(admin, 1)]);
    });

    it('end at once when the process shuts down, with a pace to come back at', async () => {
      const leaving = await startTestApp({ databaseUrl: api.databaseUrl });
      const sources = await Promise.all(Array.from({ length: 20 }, () => stream({}, leaving)));
      const silent = await connect(leaving.url);
      await append([event({ n: 1 })]);
      await Promise.all(sources.map((source) => has(source, 1)));
      const begin = performance.now();
      await leaving.close();
      expect(performance.now() - begin).toBeLessThan(10_000);
      await Promise.all(sources.map((source) => hasEnded(source)));
      const paces = sources.map(({ retryMs }) => retryMs!);
      expect(Math.min(...paces)).toBeGreaterThanOrEqual(2_000);
      expect(new Set(paces).size).toBeGreaterThan(5);
      silent.outgoing.destroy();
      // Elsewhere they go on where they stopped.
      await append([event({ n: 2 })]);
      const again = await stream({ lastEventId: sources[0]!.lastEventId });
      await has(again, 1);
      expect(payloads(again.frames)).toEqual([{ n: 2 }]);
    });
  });

  describe('as pages', () => {
    const pull = (query: string): Promise<{ status: number; body: Page }> =>
      api.call<Page>('GET', `/events?poll=1${query}`);

    it('begin now, and go on from each cursor without a gap', async () => {
      const first = await pull('');
      expect([first.status, first.body.events]).toEqual([200, []]);
      await append(Array.from({ length: 5 }, (_, n) => event({ n })));
      await numbered();
      const seen: unknown[] = [];
      let cursor = first.body.next_cursor;
      const sizes: number[] = [];
      for (let i = 0; i < 4; i += 1) {
        const { body } = await pull(`&limit=2&cursor=${cursor}`);
        seen.push(...body.events.map(({ data }) => data.n));
        sizes.push(body.events.length);
        cursor = body.next_cursor;
      }
      expect(seen).toEqual([0, 1, 2, 3, 4]);
      expect(sizes).toEqual([2, 2, 1, 0]);
      await append([event({ n: 5 })]);
      await numbered();
      expect((await pull(`&cursor=${cursor}`)).body.events).toMatchObject([{ data: { n: 5 } }]);
    });

    it('show what a stream shows', async () => {
      const { next_cursor: cursor } = (await pull('')).body;
      const source = await stream();
      await append([event({ n: 1 }), event({ n: 2 }, { type: 'flow.completed', accountId: null })]);
      await has(source, 2);
      expect((await pull(`&cursor=${cursor}`)).body.events).toEqual(source.frames.map(({ data }) => data));
      const flows = await pull(`&cursor=${cursor}&types=flow.completed`);
      expect(flows.body.events).toEqual([source.frames[1]?.data]);
    });

    it('begin at the oldest event when asked to', async () => {
      await append([event({ n: 1 })]);
      await numbered();
      const [row] = await api.db.query<{ seq: number }>('select min(seq) as seq from outbox_events');
      const { body } = await pull('&from=start&limit=1');
      expect(body.events.map(({ id }) => id)).toEqual([String(row?.seq)]);
    });

    it('find the few that match among many that do not', async () => {
      const { next_cursor: cursor } = (await pull('')).body;
      await append([event({ n: 'first' }, { type: 'flow.completed' })]);
      for (let i = 0; i < 3; i += 1) {
        await append(Array.from({ length: 5_000 }, () => event({})));
      }
      await append([event({ n: 'last' }, { type: 'flow.completed' })]);
      await numbered();
      const { body } = await pull(`&cursor=${cursor}&types=flow.completed`);
      expect(body.events.map(({ data }) => data.n)).toEqual(['first', 'last']);
      expect((await pull(`&cursor=${body.next_cursor}`)).body.events).toEqual([]);
    });

    it('refuse a cursor of something else, and tell one that is too old where to go on', async () => {
      const labels = Buffer.from(JSON.stringify(['labels', 1])).toString('base64url');
      for (const cursor of ['x', labels]) {
        const { status, body } = await api.call('GET', `/events?poll=1&cursor=${cursor}`);
        expect([status, body.code]).toEqual([400, 'bad_cursor']);
      }
      const { next_cursor: old } = (await pull('')).body;
      await append([event({ n: 1 }), event({ n: 2 }), event({ n: 3 })]);
      await numbered();
      await api.db.query('delete from outbox_events where seq < (select max(seq) from outbox_events)');
      const expired = await api.call<{ code: string; next_cursor: string }>('GET', `/events?poll=1&cursor=${old}`);
      expect([expired.status, expired.body.code]).toEqual([410, 'cursor_expired']);
      await append([event({ n: 4 })]);
      await numbered();
      const { body } = await pull(`&cursor=${expired.body.next_cursor}`);
      expect(body.events.map(({ data }) => data.n)).toEqual([4]);
    });
  });

  it('are appended outside a transaction too', async () => {
    const source = await stream();
    await api.app.get(Outbox).append(api.app.get(Database), [event({ n: 1 })]);
    await has(source, 1);
    expect(payloads(source.frames)).toEqual([{ n: 1 }]);
  });
});
