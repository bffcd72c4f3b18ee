import { randomBytes } from 'node:crypto';
import { fingerprint, Secret } from '../../src/common/secret.js';
import { WEBHOOK_COMMANDS } from '../../src/cli/webhook-commands.js';
import type { Command, Output } from '../../src/cli/command.js';
import { APP_SECRET, eventually, testEnvironment, type Answer } from '../support/app.js';
import { PHONE_NUMBER_ID, startJourney, type Journey } from '../support/journey.js';
import {
  envelope,
  messagesBody,
  postWebhook,
  profile,
  text,
  toWire,
  type JsonObject,
} from '../support/webhook-payloads.js';

interface Log {
  id: number;
  received_at: string;
  processed: boolean;
  error: string | null;
  attempts: number;
  next_attempt_at: string | null;
  fields: string[];
  account_ids: number[];
  payload: unknown;
}

interface Page {
  webhook_logs: Log[];
  next_cursor: string | null;
}

interface ReplayResult {
  replay_id: number | null;
  dry_run: boolean;
  count: number;
  has_more: boolean;
  fields: Record<string, number>;
  oldest: string | null;
  newest: string | null;
}

interface StoredBody {
  body: unknown;
  processed?: boolean;
  error?: string | null;
  fields?: string[];
  accountIds?: number[];
  nextAttemptAt?: string;
  receivedAt?: string;
}

/** By which the log knows who signed a body. */
const SIGNED = fingerprint(new Secret(APP_SECRET));
const NUMBER_OF_B = '300000000000555';

describe('the webhook log', () => {
  let journey: Journey;
  let b: number;
  let keyOfB: string;
  let nextPhone = 919_840_000_000;

  const newPhone = (): string => String((nextPhone += 1));
  const call = <T = JsonObject>(method: string, path: string, options = {}): Promise<Answer<T>> =>
    journey.api.call<T>(method, path, options);
  const list = async (query: string, options = {}): Promise<Page> => {
    const answer = await call<Page>('GET', `/webhook-logs?limit=200&${query}`, options);
    expect(answer.status).toBe(200);
    return answer.body;
  };
  const idsOf = async (query: string, options = {}): Promise<number[]> =>
    (await list(query, options)).webhook_logs.map(({ id }) => id);
  /** As if Meta had posted it and a worker had processed it. */
  const store = async (bodies: readonly StoredBody[]): Promise<number[]> => {
    const ids: number[] = [];
    for (const item of bodies) {
      const bytes = typeof item.body === 'string' ? Buffer.from(item.body) : Buffer.from(toWire(item.body));
      const [row] = await journey.api.db.queryDynamic<{ id: number }>(
        `insert into webhook_logs (body, processed, error, fields, account_ids, next_attempt_at, received_at, secret_fingerprint)
         values ($1, $2, $3, $4, $5, $6, $7, $8) returning id`,
        [
          bytes,
          item.processed ?? true,
          item.error ?? null,
          item.fields ?? ['messages'],
          item.accountIds ?? [journey.accountId],
          item.nextAttemptAt ?? new Date(),
          item.receivedAt ?? new Date(),
          SIGNED,
        ],
      );
      ids.push((row as { id: number }).id);
    }
    return ids;
  };
  const replay = async (body: JsonObject, options = {}): Promise<ReplayResult> => {
    const answer = await call<ReplayResult>('POST', '/webhook-logs/replay', { body, ...options });
    expect([answer.status, answer.body]).toEqual([202, expect.anything()]);
    return answer.body;
  };
  const isDone = (id: number | null): Promise<{ queued: number; waiting: number }> =>
    eventually(
      async () => (await call<{ queued: number; waiting: number }>('GET', `/webhook-replays/${id}`)).body,
      ({ waiting }) => waiting === 0,
      60_000,
    );
  const messagesWith = async (phone: string): Promise<unknown[]> =>
    (await call<{ messages?: unknown[] }>('GET', `/chats/+${phone}/messages`)).body.messages ?? [];

  beforeAll(async () => {
    journey = await startJourney();
    await journey.simulator.configure({ webhooks: { enabled: false } });
    b = (
      await call<{ id: number }>('POST', '/accounts', {
        body: { name: 'B', phone_number_id: NUMBER_OF_B, access_token: 'EAAb' },
      })
    ).body.id;
    keyOfB = (
      await call<{ key: string }>('POST', '/api-keys', {
        body: { name: 'B only', account_ids: [b], scopes: ['webhooks:read', 'webhooks:write'] },
      })
    ).body.key;
  });
  afterAll(() => journey.close());

  describe('is searched', () => {
    it('by account: named by header, by account_id or by Meta’s id of the number, also where a body speaks of several', async () => {
      const [ofA, ofB, ofBoth] = await store([
        { body: 'a' },
        { body: 'b', accountIds: [b] },
        { body: 'both', accountIds: [journey.accountId, b] },
      ]);
      for (const [query, options] of [
        [`account_id=${b}`, {}],
        [`phone_number_id=${NUMBER_OF_B}`, {}],
        ['', { accountId: b }],
      ] as const) {
        const ids = await idsOf(query, options);
        expect(ids).toEqual(expect.arrayContaining([ofB, ofBoth]));
        expect(ids).not.toContain(ofA);
      }
      const ofKey = await idsOf('', { key: keyOfB });
      expect([ofA, ofB, ofBoth].map((id) => ofKey.includes(id as number))).toEqual([false, true, false]);
    });

    it('not by an account that is missing or not the key’s: both look the same', async () => {
      for (const [query, key] of [
        ['account_id=999999', undefined],
        [`account_id=${journey.accountId}`, keyOfB],
        ['phone_number_id=1', undefined],
        [`phone_number_id=${PHONE_NUMBER_ID}`, keyOfB],
      ]) {
        const answer = await call('GET', `/webhook-logs?${query}`, { key });
        expect([answer.status, answer.body.code, answer.body.detail]).toEqual([
          404,
          'account_not_found',
          'There is no such account.',
        ]);
      }
    });

    it('by words of the error, in whatever case', async () => {
      const [id, other] = await store([
        { body: 'x', error: 'Column "nonsense" does not exist' },
        { body: 'x', error: 'no account' },
      ]);
      expect(await idsOf('error=NONSENSE')).toEqual([id]);
      expect(await idsOf('error=no%20account')).toContain(other);
    });

    it('by what stands in the body, as Meta wrote it on the wire or not', async () => {
      const [wire, plain] = await store([
        { body: { text: 'Zażółć / gęślą' } },
        { body: JSON.stringify({ text: 'Zażółć / gęślą' }) },
      ]);
      expect(await idsOf(`q=${encodeURIComponent('Zażółć / gęś')}`)).toEqual([plain, wire]);
      expect(await idsOf(`q=${encodeURIComponent('Zażółć / gęś')}&account_id=${b}`)).toEqual([]);
      expect((await call('GET', '/webhook-logs?q=ab')).body.code).toBe('validation_failed');
    });

    it('by what stands in the body, page by page, until all were looked through', async () => {
      const marker = randomBytes(8).toString('hex');
      const stored = await store(Array.from({ length: 5 }, () => ({ body: marker })));
      const found: number[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const page: Answer<Page> = await call(
          'GET',
          `/webhook-logs?limit=2&q=${marker}${cursor ? `&cursor=${cursor}` : ''}`,
        );
        found.push(...page.body.webhook_logs.map(({ id }) => id));
        cursor = page.body.next_cursor;
      }
      expect(found).toEqual(stored.reverse());
    });

    it('goes on from a page of a search that found nothing', async () => {
      const marker = randomBytes(8).toString('hex');
      const [hidden] = await store([{ body: marker, receivedAt: new Date(Date.now() - 3_600_000).toISOString() }]);
      // More than a page looks through.
      await journey.api.db.queryDynamic(
        `insert into webhook_logs (body, processed, received_at)
         select 'x', true, now() - interval '30 minutes' from generate_series(1, 5100)`,
      );
      const first = await list(`q=${marker}`);
      expect(first).toEqual({ webhook_logs: [], next_cursor: expect.any(String) as unknown });
      const second = await list(`q=${marker}&cursor=${first.next_cursor}`);
      expect(second.webhook_logs.map(({ id }) => id)).toEqual([hidden]);
      expect(second.next_cursor).toBeNull();
    });
  });

  describe('shows a body', () => {
    const secrets = {
      access_token: 'EAAGm0PX4ZCpsBAKZCrealtoken',
      nested: [{ verify_token: 'hush', note: 'Bearer abc.def and EAAGm0PX4ZCpsBAKZCrealtoken' }],
      link: 'https://x.test/?hub.verify_token=hush&access_token=EAAGm0PX4ZCpsBAKZCrealtoken',
      signature: `sha256=${'ab'.repeat(32)}`,
      key: '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----',
    };

    it('without secrets, whatever they are called, and with everything else', async () => {
      const [id, text] = await store([
        { body: envelope([{ field: 'x', value: { ...secrets, count: 3, name: 'Asha' } }]) },
        { body: `not JSON, with EAAGm0PX4ZCpsBAKZCrealtoken` },
      ]);
      const { payload } = (await call<Log>('GET', `/webhook-logs/${id}`)).body;
      const shown = JSON.stringify(payload);
      for (const secret of ['realtoken', 'hush', 'abc.def', 'ab'.repeat(32), 'MIIEvQ']) {
        expect(shown).not.toContain(secret);
      }
      expect(payload).toMatchObject({ entry: [{ changes: [{ field: 'x', value: { count: 3, name: 'Asha' } }] }] });
      const bare = (await call<Log>('GET', `/webhook-logs/${text}`)).body.payload;
      expect(bare).toBe('not JSON, with EAA[secret]');
    });

    it('and says when it is tried again, or that nobody will', async () => {
      const [waits, dead, done] = await store([
        { body: '{}', processed: false, nextAttemptAt: '2099-01-01T00:00:00Z', error: 'later' },
        { body: '{}', processed: false, nextAttemptAt: 'infinity', error: 'given up' },
        { body: '{}' },
      ]);
      const at = async (id?: number): Promise<string | null> =>
        (await call<Log>('GET', `/webhook-logs/${id}`)).body.next_attempt_at;
      expect([await at(waits), await at(dead), await at(done)]).toEqual(['2099-01-01T00:00:00.000Z', null, null]);
      const letters = await idsOf('has_error=true&processed=false');
      expect(letters).toEqual(expect.arrayContaining([waits, dead]));
      expect(letters).not.toContain(done);
    });
  });

  describe('is replayed by filter', () => {
    it('only says which bodies it would be, when asked to', async () => {
      const from = '2026-11-01T00:00:00.000Z';
      const [first] = await store([
        { body: '{}', receivedAt: '2026-11-01T10:00:00.000Z', fields: ['flows'] },
        { body: '{}', receivedAt: '2026-11-01T11:00:00.000Z', fields: ['flows', 'messages'] },
        { body: '{}', receivedAt: '2026-11-01T12:00:00.000Z', fields: ['messages'] },
      ]);
      const seen = await replay({ from, to: '2026-11-02T00:00:00Z', field: 'flows', dry_run: true });
      expect(seen).toEqual({
        replay_id: null,
        dry_run: true,
        count: 2,
        has_more: false,
        fields: { flows: 2, messages: 1 },
        oldest: '2026-11-01T10:00:00.000Z',
        newest: '2026-11-01T11:00:00.000Z',
      });
      expect((await call<Log>('GET', `/webhook-logs/${first}`)).body.processed).toBe(true);
    });

    it('gives bodies their effects that had none, and those that had theirs no second ones', async () => {
      const [lost, kept] = [newPhone(), newPhone()];
      const bodies = [lost, kept].map((phone) => messagesBody({ messages: [text(phone, 'Hello')] }));
      await postWebhook(journey.api.url, bodies[1] as JsonObject);
      await eventually(
        () => messagesWith(kept),
        (messages) => messages.length === 1,
      );
      const [dead] = await store([
        { body: bodies[0], processed: false, nextAttemptAt: 'infinity', error: 'was broken' },
      ]);
      const newest = (await list('')).webhook_logs.filter(({ received_at }) => received_at > '2026-11-02');
      const started = await replay({ ids: newest.map(({ id }) => id) });
      expect(started).toMatchObject({ dry_run: false, replay_id: expect.any(Number) as unknown, has_more: false });
      expect(started.count).toBeGreaterThan(1);
      expect(await isDone(started.replay_id)).toMatchObject({ queued: started.count, waiting: 0 });
      expect(await messagesWith(lost)).toHaveLength(1);
      expect(await messagesWith(kept)).toHaveLength(1);
      expect((await call<Log>('GET', `/webhook-logs/${dead}`)).body).toMatchObject({ processed: true, error: null });
    });

    it('finds what was nobody’s by its error, once the account is there', async () => {
      const phone = newPhone();
      const number = '300000000000556';
      await postWebhook(journey.api.url, messagesBody({ messages: [text(phone, 'early')] }, number));
      await eventually(
        () => list('error=no%20account'),
        ({ webhook_logs: logs }) => logs.some(({ processed, account_ids }) => processed && account_ids.length === 0),
      );
      const late = await call<{ id: number }>('POST', '/accounts', {
        body: { name: 'Late', phone_number_id: number, access_token: 'EAAlate' },
      });
      const { replay_id: id } = await replay({ error: 'no account' });
      await isDone(id);
      const chat = await call<{ messages: unknown[] }>('GET', `/chats/+${phone}/messages`, { accountId: late.body.id });
      expect(chat.body.messages).toHaveLength(1);
    });

    it('leaves what waits for its first attempt where it is', async () => {
      const [fresh] = await store([{ body: '{}', processed: false, nextAttemptAt: '2099-01-01T00:00:00Z' }]);
      expect(await replay({ ids: [fresh as number] })).toMatchObject({ count: 0, replay_id: null });
    });

    it('touches only bodies all of whose accounts the key may use', async () => {
      const receivedAt = '2026-10-05T10:00:00.000Z';
      await store([
        { body: '{}', receivedAt },
        { body: '{}', receivedAt, accountIds: [b] },
        { body: '{}', receivedAt, accountIds: [journey.accountId, b] },
        { body: '{', receivedAt, accountIds: [] },
      ]);
      const filter = { from: '2026-10-05T00:00:00Z', to: '2026-10-06T00:00:00Z' };
      expect(await replay({ ...filter, dry_run: true })).toMatchObject({ count: 4 });
      const ofB = await replay(filter, { key: keyOfB });
      expect(ofB).toMatchObject({ count: 1 });
      expect((await call('GET', `/webhook-replays/${ofB.replay_id}`, { key: keyOfB })).status).toBe(200);
      const all = await replay(filter);
      expect((await call('GET', `/webhook-replays/${all.replay_id}`, { key: keyOfB })).status).toBe(404);
    });

    it('asks which bodies are meant, and knows its fields', async () => {
      expect(await call('POST', '/webhook-logs/replay', { body: {} })).toMatchObject({
        status: 400,
        body: { code: 'validation_failed' },
      });
      expect((await call('POST', '/webhook-logs/replay', { body: { ids: [1], every: true } })).status).toBe(400);
    });

    it('is in the audit log with how many and which, by whom', async () => {
      const [id] = await store([{ body: '{}' }]);
      const { replay_id } = await replay({ ids: [id as number] });
      await call('POST', `/webhook-logs/${id}/replay`);
      const entries = await journey.api.db.queryDynamic(
        `select actor_type, object_type, object_id, changes from audit_log where action = 'webhook_log.replayed'
         order by created_at desc, id desc limit 2`,
      );
      expect(entries).toEqual([
        { actor_type: 'api_key', object_type: 'webhook_log', object_id: String(id), changes: {} },
        {
          actor_type: 'api_key',
          object_type: 'webhook_replay',
          object_id: String(replay_id),
          changes: { count: 1, filter: { ids: [id] } },
        },
      ]);
    });
  });

  it('lets live messages pass thousands that are replayed', async () => {
    // Who works off bodies holds this; while we do, they gather. What has waited for a second needs it no more.
    const DRAIN_LOCK = 7_251_921;
    const bodies = 3_000;
    const sample = toWire(messagesBody({ messages: [text(newPhone(), 'again')] }));
    await journey.api.db.queryDynamic(
      `insert into webhook_logs (body, processed, fields, account_ids, secret_fingerprint, received_at)
       select convert_to($1, 'UTF8'), true, '{messages}', array[$2::bigint], $3, '2026-09-05T10:00:00Z'
       from generate_series(1, ${bodies})`,
      [sample, journey.accountId, SIGNED],
    );
    const phone = newPhone();
    const { replay_id, count } = await journey.api.db.transaction(async (tx) => {
      await tx.query('select pg_advisory_xact_lock($1)', [DRAIN_LOCK]);
      const begun = await replay({ from: '2026-09-05T00:00:00Z', to: '2026-09-06T00:00:00Z' });
      await postWebhook(journey.api.url, messagesBody({ messages: [text(phone, 'now')] }));
      return begun;
    });
    expect(count).toBe(bodies);
    await eventually(
      () => messagesWith(phone),
      (messages) => messages.length === 1,
      60_000,
    );
    expect(await isDone(replay_id)).toMatchObject({ queued: bodies, waiting: 0 });
    const [row] = await journey.api.db.queryDynamic<{ passed: number }>(
      `select count(*)::int as passed from webhook_logs
       where received_at = '2026-09-05T10:00:00Z' and processed_at > (
         select processed_at from webhook_logs where position($1 in convert_from(body, 'UTF8')) > 0)`,
      [phone],
    );
    expect(row?.passed).toBeGreaterThan(0);
  });
});

describe('the webhook log at the command line', () => {
  let journey: Journey;
  let previous: NodeJS.ProcessEnv;

  const run = async (verb: string, values: Record<string, string | boolean>, ...rest: string[]): Promise<Output> =>
    (WEBHOOK_COMMANDS[verb] as Command).run(values, rest);

  beforeAll(async () => {
    journey = await startJourney();
    previous = process.env;
    process.env = { ...previous, ...testEnvironment(journey.api.databaseUrl) };
  });
  afterAll(async () => {
    process.env = previous;
    await journey.close();
  });

  it('lists, shows and replays, and follows the replay to its end', async () => {
    await postWebhook(journey.api.url, '{');
    await postWebhook(journey.api.url, messagesBody({ messages: [text('919840000001', 'Hello')] }));
    await eventually(
      async () => (await journey.api.call<Page>('GET', '/webhook-logs')).body.webhook_logs,
      (logs) => logs.length === 2 && logs.every(({ processed, error }) => processed || error !== null),
    );
    const errors = await run('webhooks list', { errors: true });
    const [bad] = (errors.json as Page).webhook_logs as [Log];
    expect(bad).toMatchObject({ processed: false, error: expect.stringMatching(/^not JSON/) as unknown });
    expect(errors.text).toContain('not JSON');
    const shown = await run('webhooks show', {}, String(bad.id));
    expect(shown.json).toMatchObject({ id: bad.id, payload: '{' });

    const dry = await run('webhooks replay', { field: 'messages', 'dry-run': true });
    expect(dry.json).toMatchObject({ dry_run: true, count: 1, fields: { messages: 1 } });
    const done = await run('webhooks replay', { from: '2026-01-01' });
    expect(done.json).toMatchObject({ dry_run: false, count: 2 });
    expect(done.text).toContain('processed again');
    const [entry] = await journey.api.db.queryDynamic(
      `select actor_type from audit_log where action = 'webhook_log.replayed'`,
    );
    expect(entry).toEqual({ actor_type: 'cli' });
  });

  it('asks which webhooks are meant, and when', async () => {
    await expect(run('webhooks replay', {})).rejects.toThrow('Say which');
    await expect(run('webhooks replay', { from: 'yesterday' })).rejects.toThrow('--from must be a time');
  });
});

describe('the webhook log without words of people', () => {
  let journey: Journey;

  beforeAll(async () => {
    journey = await startJourney({ env: { WEBHOOK_LOG_REDACT_TEXT: 'true' } });
  });
  afterAll(() => journey.close());

  it('keeps what a body is made of: kinds, ids and times, but neither text, captions nor names', async () => {
    const phone = '919840999999';
    const words = ['Meet me at seven', 'My cat, asleep', 'Asha Rao', 'Blue house', '17.38'];
    const message = text(phone, words[0] as string);
    const body = messagesBody({
      contacts: [profile(phone, words[2] as string)],
      messages: [
        message,
        {
          from: phone,
          id: 'wamid.2',
          timestamp: '1',
          type: 'image',
          image: { id: '9', mime_type: 'image/jpeg', caption: words[1] },
        },
        { from: phone, id: 'wamid.3', timestamp: '1', type: 'location', location: { latitude: 17.38, name: words[3] } },
      ],
      statuses: [{ id: 'wamid.4', status: 'failed', errors: [{ code: 131026, title: 'Message undeliverable' }] }],
    });
    await postWebhook(journey.api.url, body);
    const log = await eventually(
      async () => (await journey.api.call<Page>('GET', '/webhook-logs?limit=1')).body.webhook_logs[0],
      (seen) => seen?.processed === true,
    );
    const { payload } = (await journey.api.call<Log>('GET', `/webhook-logs/${log?.id}`)).body;
    const shown = JSON.stringify(payload);
    for (const word of words) {
      expect(shown).not.toContain(word);
    }
    expect(payload).toMatchObject({
      entry: [
        {
          changes: [
            {
              field: 'messages',
              value: {
                metadata: { phone_number_id: PHONE_NUMBER_ID },
                contacts: [{ profile: { name: '[8 characters]' }, wa_id: phone }],
                messages: [
                  { from: phone, id: message.id, type: 'text', text: { body: '[16 characters]' } },
                  { type: 'image', image: { id: '9', mime_type: 'image/jpeg', caption: '[14 characters]' } },
                  { type: 'location' },
                ],
                statuses: [{ id: 'wamid.4', errors: [{ code: 131026, title: 'Message undeliverable' }] }],
              },
            },
          ],
        },
      ],
    });
    // What was stored is what Meta posted: it can be replayed.
    const [row] = await journey.api.db.queryDynamic<{ body: Buffer }>('select body from webhook_logs where id = $1', [
      log?.id,
    ]);
    expect(row?.body.toString()).toContain('Meet me at seven');
  });

  it('says of a body that is no JSON only how long it is', async () => {
    await postWebhook(journey.api.url, 'Asha wrote this');
    const log = await eventually(
      async () => (await journey.api.call<Page>('GET', '/webhook-logs?limit=1')).body.webhook_logs[0],
      (seen) => seen?.error?.startsWith('not JSON') === true,
    );
    expect((await journey.api.call<Log>('GET', `/webhook-logs/${log?.id}`)).body.payload).toBe('[15 characters]');
  });
});
