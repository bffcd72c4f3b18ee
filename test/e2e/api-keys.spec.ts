import pg from 'pg';
import { ApiKeysService } from '../../src/api-keys/api-keys.service.js';
import { generateKey, hasChecksum, KEY_PATTERN } from '../../src/api-keys/api-key-format.js';
import { AppModule } from '../../src/app.module.js';
import { Config } from '../../src/config/config.js';
import { createLogger } from '../../src/config/log.js';
import { migrate } from '../../src/database/migrate.js';
import { createApp } from '../../src/http/create-app.js';
import { ADMIN_KEY, callApi, eventually, startTestApp, testEnvironment, type TestApp } from '../support/app.js';
import { createTestDatabase } from '../support/database.js';

interface KeyBody {
  id: number;
  key: string;
  prefix: string;
  scopes: string[];
  account_ids: number[];
  default_account_id: number | null;
  is_active: boolean;
  last_used_at: string | null;
  expires_at: string | null;
}

describe('API keys', () => {
  let api: TestApp;
  let accountId: number;
  let otherAccountId: number;

  const create = async (body: object, key?: string): Promise<KeyBody> => {
    const answer = await api.call<KeyBody>('POST', '/api-keys', { body, key });
    expect(answer.status).toBe(201);
    return answer.body;
  };
  const statusWith = async (key: string | null): Promise<number> =>
    (await api.call('GET', '/accounts', { key })).status;
  const newAccount = async (phoneNumberId: string): Promise<number> =>
    (
      await api.call<{ id: number }>('POST', '/accounts', {
        body: { name: 'A', access_token: 'EAAtest', phone_number_id: phoneNumberId },
      })
    ).body.id;
  /** Another process on the same database. */
  const startAnother = async (env: Record<string, string> = {}): Promise<{ url: string; close(): Promise<void> }> => {
    const config = Config.fromEnvironment(testEnvironment(api.databaseUrl, env));
    const logger = createLogger(config.logLevel, 'test');
    const app = await createApp(AppModule.forRoot(config, logger), config, logger);
    await app.listen({ port: 0, host: '127.0.0.1' });
    return { url: `${await app.getUrl()}/whatsapp/api`, close: () => app.close() };
  };

  beforeAll(async () => {
    api = await startTestApp();
    accountId = await newAccount('1001');
    otherAccountId = await newAccount('1002');
  });
  afterAll(() => api.close());

  describe('creating', () => {
    it('shows the key once, and stores its hash only', async () => {
      const made = await create({ name: 'Backend', scopes: ['inbox:read', 'inbox:read'], account_ids: [accountId] });
      expect(made.key).toMatch(/^wak_live_[0-9A-Za-z]{10}_[0-9A-Za-z]{49}$/);
      expect(made.key).toMatch(KEY_PATTERN);
      expect(hasChecksum(made.key)).toBe(true);
      expect(made).toMatchObject({
        name: 'Backend',
        prefix: made.key.slice(0, 19),
        is_active: true,
        scopes: ['inbox:read'],
        account_ids: [accountId],
        default_account_id: null,
        expires_at: null,
        last_used_at: null,
        created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      });
      const listed = await api.call<{ api_keys: KeyBody[] }>('GET', '/api-keys');
      const { key: _key, ...shown } = made;
      expect(listed.body.api_keys.find((row) => row.id === made.id)).toEqual(shown);
      const [stored] = await api.db.query<{ text: string }>(
        `select (select string_agg(k::text, ' ') from api_keys k) || (select string_agg(s::text, ' ') from api_key_secrets s) as text`,
      );
      expect(JSON.stringify(listed.body)).not.toContain(made.key.slice(20));
      expect(stored?.text).not.toContain(made.key.slice(20));
      expect(stored?.text).not.toContain(ADMIN_KEY);
    });

    it('makes a key with all scopes when none are named, as the predecessor did', async () => {
      expect(await create({ name: 'All' })).toMatchObject({ scopes: ['*'], account_ids: [] });
    });

    it.each([
      [{ name: 'x', scopes: ['inbox:everything'] }, 'scopes', 'not_in'],
      [{ name: 'x', scopes: [] }, 'scopes', 'empty'],
      [{ name: '' }, 'name', 'min_length'],
      [{}, 'name', 'required'],
      [{ name: 'x', expires_at: '2020-01-01T00:00:00Z' }, 'expires_at', 'not_in_future'],
      [{ name: 'x', expires_at: 'tomorrow' }, 'expires_at', undefined],
      [{ name: 'x', account_ids: [999_999] }, 'account_ids', 'account_not_found'],
      [{ name: 'x', default_account_id: 999_999 }, 'default_account_id', 'account_not_found'],
      [{ name: 'x', key: 'mine' }, 'key', 'unknown_field'],
    ])('refuses %j', async (body, field, code) => {
      const answer = await api.call<{ code: string; errors: object[] }>('POST', '/api-keys', { body });
      expect(answer.status).toBe(400);
      expect(answer.body).toMatchObject({ code: 'validation_failed', errors: [{ field, ...(code ? { code } : {}) }] });
    });

    it('takes a default account only out of the accounts of the key', async () => {
      const body = { name: 'x', account_ids: [accountId], default_account_id: otherAccountId };
      expect((await api.call('POST', '/api-keys', { body })).body).toMatchObject({
        errors: [{ field: 'default_account_id', code: 'not_in_account_ids' }],
      });
    });

    it('does not know an account that was deleted', async () => {
      const gone = await newAccount('1003');
      await api.call('DELETE', `/accounts/${gone}`);
      const answer = await api.call('POST', '/api-keys', { body: { name: 'x', account_ids: [gone] } });
      expect(answer.body).toMatchObject({ errors: [{ field: 'account_ids', code: 'account_not_found' }] });
    });
  });

  describe('asking with a key', () => {
    it('answers 401 the same, whatever was wrong with it', async () => {
      const disabled = await create({ name: 'x' });
      await api.call('PATCH', `/api-keys/${disabled.id}`, { body: { is_active: false } });
      const expired = await create({ name: 'x' });
      await api.db.query(`update api_keys set expires_at = now() - interval '1 second' where id = $1`, [expired.id]);
      const revoked = await create({ name: 'x' });
      await api.call('DELETE', `/api-keys/${revoked.id}`);
      const answers = await Promise.all(
        [null, '', 'nonsense', generateKey(), disabled.key, expired.key, revoked.key].map((key) =>
          api.call('GET', '/accounts', { key }),
        ),
      );
      for (const { status, body } of answers) {
        expect(status).toBe(401);
        expect({ ...body, request_id: '' }).toEqual({ ...answers[0]!.body, request_id: '' });
      }
      expect(answers[0]!.body).toMatchObject({ code: 'unauthorized', error: 'Unauthorized' });
    });

    it('stops working in every process within two seconds', async () => {
      const another = await startAnother();
      const { id, key } = await create({ name: 'x', scopes: ['accounts:read'] });
      try {
        const statusThere = async (): Promise<number> =>
          (await callApi(another.url, 'GET', '/accounts', { key })).status;
        expect(await statusThere()).toBe(200);
        await api.call('DELETE', `/api-keys/${id}`);
        const deletedAt = performance.now();
        expect(await statusWith(key)).toBe(401);
        const seen = await eventually(
          async () => ({ begunAfterMs: performance.now() - deletedAt, status: await statusThere() }),
          ({ begunAfterMs, status }) => status === 401 || begunAfterMs > 2_000,
        );
        expect(seen.status).toBe(401);
      } finally {
        await another.close();
      }
    });

    it('names the scope that a key lacks', async () => {
      const { key } = await create({ name: 'x', scopes: ['inbox:read'] });
      const answer = await api.call('GET', '/accounts', { key });
      expect(answer.status).toBe(403);
      expect(answer.body).toMatchObject({
        code: 'insufficient_scope',
        detail: expect.stringContaining('accounts:read'),
      });
    });

    it('takes the key from the query too, where that is allowed, and the header first', async () => {
      expect((await api.call('GET', `/accounts/?limit=1&api_key=${ADMIN_KEY}`, { key: null })).status).toBe(200);
      expect((await api.call('GET', `/accounts/?api_key=${ADMIN_KEY}`, { key: 'nonsense' })).status).toBe(401);
      expect((await api.call('GET', `/accounts/?api_key=a&api_key=b`, { key: null })).status).toBe(401);
      const strict = await startAnother({ ALLOW_API_KEY_IN_QUERY: 'false' });
      try {
        expect((await callApi(strict.url, 'GET', `/accounts?api_key=${ADMIN_KEY}`, { key: null })).status).toBe(401);
      } finally {
        await strict.close();
      }
    });

    it('notes when a key was used and from where, and not more than once a minute', async () => {
      const { id, key } = await create({ name: 'x', scopes: ['accounts:read'] });
      const used = async (): Promise<string | null> => {
        const [row] = await api.db.query<{ at: string | null }>(
          `select last_used_at::text || ' ' || last_used_ip as at from api_keys where id = $1`,
          [id],
        );
        return row!.at;
      };
      expect(await used()).toBeNull();
      await statusWith(key);
      const first = await eventually(used, (at) => at !== null);
      expect(first).toMatch(/ 127\.0\.0\.1$/);
      await statusWith(key);
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(await used()).toBe(first);
    });
  });

  describe('changing', () => {
    it('changes what is given and nothing else', async () => {
      const {
        id,
        key: _key,
        ...made
      } = await create({
        name: 'x',
        scopes: ['inbox:read'],
        account_ids: [accountId],
        default_account_id: accountId,
      });
      const same = await api.call<KeyBody>('PATCH', `/api-keys/${id}`, { body: {} });
      expect(same.body).toMatchObject({ ...made, updated_at: expect.any(String) });
      const changed = await api.call<KeyBody>('PATCH', `/api-keys/${id}`, {
        body: { name: 'y', account_ids: [accountId, otherAccountId], expires_at: '2099-01-01T00:00:00Z' },
      });
      expect(changed.body).toMatchObject({
        name: 'y',
        account_ids: [accountId, otherAccountId],
        scopes: ['inbox:read'],
        default_account_id: accountId,
        expires_at: '2099-01-01T00:00:00.000Z',
      });
      const orphaned = await api.call('PATCH', `/api-keys/${id}`, { body: { account_ids: [otherAccountId] } });
      expect(orphaned.body).toMatchObject({ errors: [{ field: 'default_account_id' }] });
      const cleared = await api.call<KeyBody>('PATCH', `/api-keys/${id}`, {
        body: { account_ids: [], default_account_id: null, expires_at: null },
      });
      expect(cleared.body).toMatchObject({ account_ids: [], default_account_id: null, expires_at: null });
    });

    it('takes effect at once in the process that was asked', async () => {
      const { id, key } = await create({ name: 'x', scopes: ['accounts:read'] });
      expect(await statusWith(key)).toBe(200);
      await api.call('PATCH', `/api-keys/${id}`, { body: { scopes: ['inbox:read'] } });
      expect(await statusWith(key)).toBe(403);
    });

    it('answers 404 for a key that is not there', async () => {
      for (const [method, path] of [
        ['PATCH', '/api-keys/999999'],
        ['DELETE', '/api-keys/999999'],
        ['POST', '/api-keys/999999/rotate'],
      ] as const) {
        const answer = await api.call(method, path, { body: {} });
        expect([answer.status, answer.body.code]).toEqual([404, 'not_found']);
      }
      expect((await api.call('DELETE', '/api-keys/abc')).status).toBe(400);
    });
  });

  describe('rotating', () => {
    it('lets the old value work for the overlap, and no longer', async () => {
      const { id, key, prefix } = await create({ name: 'x', scopes: ['accounts:read'] });
      const rotated = await api.call<KeyBody>('POST', `/api-keys/${id}/rotate`, { body: { overlap_s: 3_600 } });
      expect(rotated.status).toBe(200);
      expect(rotated.body).toMatchObject({ id, prefix });
      expect(rotated.body.key).not.toBe(key);
      expect([await statusWith(key), await statusWith(rotated.body.key)]).toEqual([200, 200]);
      // The overlap is over.
      const old = await api.db.query<{ seconds: number }>(
        `update api_key_secrets s set expires_at = now() - interval '1 ms' from api_key_secrets was
         where s.api_key_id = $1 and s.expires_at is not null and was.id = s.id
         returning extract(epoch from was.expires_at - now())::float8 as seconds`,
        [id],
      );
      expect(old).toEqual([{ seconds: expect.closeTo(3_570, -2) }]);
      await eventually(
        () => statusWith(key),
        (status) => status === 401,
        15_000,
      );
      expect(await statusWith(rotated.body.key)).toBe(200);
    });

    it('gives a day when nothing is said, and nothing when 0 is', async () => {
      const { id, key } = await create({ name: 'x', scopes: ['accounts:read'] });
      const day = await api.call<KeyBody>('POST', `/api-keys/${id}/rotate`);
      const [row] = await api.db.query<{ hours: number }>(
        `select (extract(epoch from expires_at - now()) / 3600)::float8 as hours from api_key_secrets where api_key_id = $1 and expires_at is not null`,
        [id],
      );
      expect(row?.hours).toBeCloseTo(24, 1);
      const now = await api.call<KeyBody>('POST', `/api-keys/${id}/rotate`, { body: { overlap_s: 0 } });
      expect(await Promise.all([key, day.body.key, now.body.key].map(statusWith))).toEqual([401, 401, 200]);
    });

    it('does not lengthen an overlap that is shorter already', async () => {
      const { id, key } = await create({ name: 'x', scopes: ['accounts:read'] });
      await api.call('POST', `/api-keys/${id}/rotate`, { body: { overlap_s: 1 } });
      await api.call('POST', `/api-keys/${id}/rotate`, { body: { overlap_s: 3_600 } });
      await eventually(
        () => statusWith(key),
        (status) => status === 401,
        15_000,
      );
    });
  });

  describe('giving away', () => {
    let manager: KeyBody;
    let tied: KeyBody;

    beforeAll(async () => {
      manager = await create({ name: 'manager', scopes: ['api_keys:write', 'accounts:read'] });
      tied = await create({ name: 'tied', scopes: ['api_keys:write', 'accounts:read'], account_ids: [accountId] });
    });

    it('gives no scope that the asking key lacks', async () => {
      for (const scopes of [['messages:send'], ['*'], undefined]) {
        const answer = await api.call('POST', '/api-keys', { key: manager.key, body: { name: 'x', scopes } });
        expect([answer.status, answer.body.code]).toEqual([403, 'insufficient_scope']);
      }
      await create({ name: 'x', scopes: ['accounts:read'] }, manager.key);
    });

    it('lets a lesser key neither learn, nor change, nor remove a greater one', async () => {
      const greater = await create({ name: 'greater' });
      for (const [method, path, body] of [
        ['POST', `/api-keys/${greater.id}/rotate`, {}],
        ['PATCH', `/api-keys/${greater.id}`, { is_active: false }],
        ['DELETE', `/api-keys/${greater.id}`, undefined],
      ] as const) {
        const answer = await api.call(method, path, { key: manager.key, body });
        expect([answer.status, answer.body.code]).toEqual([403, 'insufficient_scope']);
      }
      const widened = await api.call('PATCH', `/api-keys/${manager.id}`, { key: manager.key, body: { scopes: ['*'] } });
      expect(widened.status).toBe(403);
    });

    it('keeps a tied key within its accounts', async () => {
      const inherits = await create({ name: 'x', scopes: ['accounts:read'] }, tied.key);
      expect(inherits.account_ids).toEqual([accountId]);
      const refused = async (body: object): Promise<unknown> =>
        (
          await api.call('POST', '/api-keys', {
            key: tied.key,
            body: { name: 'x', scopes: ['accounts:read'], ...body },
          })
        ).body;
      expect(await refused({ account_ids: [] })).toMatchObject({ code: 'forbidden' });
      const others = await refused({ account_ids: [otherAccountId] });
      const missing = await refused({ account_ids: [999_999] });
      expect(others).toMatchObject({ code: 'validation_failed', errors: [{ code: 'account_not_found' }] });
      expect(JSON.stringify({ ...(others as object), request_id: '' }).replaceAll(String(otherAccountId), 'N')).toBe(
        JSON.stringify({ ...(missing as object), request_id: '' }).replaceAll('999999', 'N'),
      );
      expect(await refused({ account_ids: [accountId], default_account_id: otherAccountId })).toMatchObject({
        errors: [{ field: 'default_account_id', code: 'account_not_found' }],
      });
    });

    it('hides from a tied key the keys of other accounts and of all', async () => {
      const both = await create({ name: 'both', scopes: ['accounts:read'], account_ids: [accountId, otherAccountId] });
      const listed = await api.call<{ api_keys: KeyBody[] }>('GET', '/api-keys?limit=200', { key: tied.key });
      expect(listed.body.api_keys.map((row) => row.id)).toContain(tied.id);
      expect(listed.body.api_keys.filter((row) => row.account_ids.join() !== String(accountId))).toEqual([]);
      for (const id of [both.id, manager.id]) {
        expect((await api.call('DELETE', `/api-keys/${id}`, { key: tied.key })).status).toBe(404);
      }
      const widened = await api.call('PATCH', `/api-keys/${tied.id}`, { key: tied.key, body: { account_ids: [] } });
      expect([widened.status, widened.body.code]).toEqual([403, 'forbidden']);
    });
  });

  it('lists in pages', async () => {
    const seen: number[] = [];
    let cursor: string | null = null;
    do {
      const page: { body: { api_keys: KeyBody[]; next_cursor: string | null } } = await api.call(
        'GET',
        `/api-keys?limit=5${cursor ? `&cursor=${cursor}` : ''}`,
      );
      expect(page.body.api_keys.length).toBeLessThanOrEqual(5);
      seen.push(...page.body.api_keys.map((row) => row.id));
      cursor = page.body.next_cursor;
    } while (cursor);
    const [count] = await api.db.query<{ n: number }>('select count(*) as n from api_keys');
    expect(seen).toHaveLength(count!.n);
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
    expect((await api.call('GET', '/api-keys?cursor=xyz')).body).toMatchObject({ code: 'bad_cursor' });
    expect((await api.call('GET', '/api-keys?limit=201')).status).toBe(400);
  });

  it('makes keys for the operator, who may do all', async () => {
    const issued = await api.app
      .get(ApiKeysService)
      .create({ name: 'cli', scopes: ['accounts:read'], accountIds: [accountId] });
    expect(await statusWith(issued.key)).toBe(200);
    expect(issued).toMatchObject({ accountIds: [accountId], scopes: ['accounts:read'] });
  });

  describe('the bootstrap key', () => {
    const count = async (): Promise<number> =>
      (
        await api.db.query<{ n: number }>(
          `select count(*) as n from api_key_secrets where secret_hash = sha256($1::text::bytea)`,
          ['one-key-for-many-starts'],
        )
      )[0]!.n;

    it('is made once, however many processes start at once', async () => {
      const env = { BOOTSTRAP_API_KEY: 'one-key-for-many-starts' };
      const apps = await Promise.all([startAnother(env), startAnother(env), startAnother(env), startAnother(env)]);
      try {
        expect(await count()).toBe(1);
        const listed = await api.call<{ api_keys: (KeyBody & { name: string })[] }>('GET', '/api-keys?limit=200');
        expect(listed.body.api_keys.filter((row) => row.prefix === 'one-…')).toHaveLength(1);
        expect(await statusWith('one-key-for-many-starts')).toBe(200);
      } finally {
        await Promise.all(apps.map((app) => app.close()));
      }
    });

    it('is whole again after the next start', async () => {
      const listed = await api.call<{ api_keys: KeyBody[] }>('GET', '/api-keys?limit=200');
      const { id } = listed.body.api_keys.find((row) => row.prefix === 'one-…')!;
      const body = { is_active: false, scopes: ['inbox:read'], account_ids: [accountId] };
      expect((await api.call('PATCH', `/api-keys/${id}`, { body })).status).toBe(200);
      expect(await statusWith('one-key-for-many-starts')).toBe(401);
      const again = await startAnother({ BOOTSTRAP_API_KEY: 'one-key-for-many-starts' });
      await again.close();
      expect(await statusWith('one-key-for-many-starts')).toBe(200);
      expect(await count()).toBe(1);
    });
  });

  it('starts before the database is migrated, says so, and works once it is', async () => {
    const database = await createTestDatabase();
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query('drop schema public cascade; create schema public');
    await client.end();
    const config = Config.fromEnvironment(testEnvironment(database.url));
    const logger = createLogger(config.logLevel, 'test');
    const app = await createApp(AppModule.forRoot(config, logger), config, logger);
    try {
      await app.listen({ port: 0, host: '127.0.0.1' });
      const url = await app.getUrl();
      expect((await fetch(`${url}/health/ready`)).status).toBe(503);
      await migrate(database.url);
      expect((await fetch(`${url}/health/ready`)).status).toBe(200);
      expect((await callApi(`${url}/whatsapp/api`, 'GET', '/accounts')).status).toBe(200);
    } finally {
      await app.close();
      await database.drop();
    }
  });

  describe('the last admin key', () => {
    let own: TestApp;
    let adminId: number;

    beforeAll(async () => {
      own = await startTestApp();
      const { body } = await own.call<{ api_keys: KeyBody[] }>('GET', '/api-keys');
      adminId = body.api_keys[0]!.id;
    });
    afterAll(() => own.close());

    it('can be neither removed, nor disabled, nor narrowed, but renamed and rotated', async () => {
      const account = await own.call<{ id: number }>('POST', '/accounts', {
        body: { name: 'A', access_token: 'EAAtest', phone_number_id: '1' },
      });
      for (const body of [
        { is_active: false },
        { scopes: ['api_keys:write'] },
        { account_ids: [account.body.id] },
        { expires_at: '2099-01-01T00:00:00Z' },
      ]) {
        const answer = await own.call('PATCH', `/api-keys/${adminId}`, { body });
        expect([answer.status, answer.body.code]).toEqual([409, 'last_admin_key']);
      }
      expect((await own.call('DELETE', `/api-keys/${adminId}`)).body).toMatchObject({ code: 'last_admin_key' });
      expect((await own.call('PATCH', `/api-keys/${adminId}`, { body: { name: 'Root' } })).status).toBe(200);
      expect((await own.call('POST', `/api-keys/${adminId}/rotate`)).status).toBe(200);
    });

    it('is not replaced by one that is tied, disabled, lesser or will expire', async () => {
      for (const body of [
        { name: 'tied', account_ids: [1] },
        { name: 'disabled', is_active: false },
        { name: 'lesser', scopes: ['api_keys:write'] },
        { name: 'expiring', expires_at: '2099-01-01T00:00:00Z' },
      ]) {
        expect((await own.call('POST', '/api-keys', { body })).status).toBe(201);
      }
      expect((await own.call('DELETE', `/api-keys/${adminId}`)).status).toBe(409);
    });

    it('survives two that remove each other at once', async () => {
      for (let round = 0; round < 8; round += 1) {
        const pair = await Promise.all(
          ['a', 'b'].map(async (name) => (await own.call<KeyBody>('POST', '/api-keys', { body: { name } })).body),
        );
        const rest = await own.db.query<{ id: number }>(
          `update api_keys set is_active = false where id <> all($1::bigint[]) returning id`,
          [pair.map((key) => key.id)],
        );
        const [a, b] = pair as [KeyBody, KeyBody];
        const answers = await Promise.all([
          round % 2
            ? own.call('DELETE', `/api-keys/${b.id}`, { key: a.key })
            : own.call('PATCH', `/api-keys/${b.id}`, { key: a.key, body: { is_active: false } }),
          own.call('DELETE', `/api-keys/${a.id}`, { key: b.key }),
        ]);
        expect(answers.filter(({ status }) => status < 300)).toHaveLength(1);
        const [left] = await own.db.query<{ n: number }>(
          `select count(*) as n from api_keys where is_active and '*' = any(scopes)`,
        );
        expect(left!.n).toBe(1);
        await own.db.query(`update api_keys set is_active = true where id = any($1::bigint[])`, [
          rest.map((row) => row.id),
        ]);
        await new Promise((resolve) => setTimeout(resolve, 1_100));
      }
    });
  });
});
