import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AccountsService } from '../../src/accounts/accounts.service.js';
import { AppModule } from '../../src/app.module.js';
import { AppError } from '../../src/common/app-error.js';
import { fingerprint, Secret } from '../../src/common/secret.js';
import { Config } from '../../src/config/config.js';
import { createLogger } from '../../src/config/log.js';
import { createApp } from '../../src/http/create-app.js';
import { startSimulator, type Simulator } from '../../src/simulator/start-simulator.js';
import { callApi, eventually, startTestApp, testEnvironment, type TestApp } from '../support/app.js';

interface AccountBody {
  id: number;
  name: string;
  phone_number_id: string;
  waba_id: string | null;
  verify_token: string;
  access_token_last4: string | null;
  profile_name: string | null;
  profile_error: string | null;
  is_active: boolean;
  managed_by: string;
  updated_at: string;
}

const TOKEN = 'EAAthisIsTheAccessTokenOfTheAccount7Q2z';
const OWN_APP_SECRET = 'fedcba9876543210fedcba9876543210';

let nextPhoneNumberId = 700_000_000;

describe('accounts', () => {
  let graph: Simulator;
  let api: TestApp;

  const create = async (body: object = {}): Promise<AccountBody> => {
    nextPhoneNumberId += 1;
    const answer = await api.call<AccountBody>('POST', '/accounts', {
      body: { name: 'Business A', access_token: TOKEN, phone_number_id: String(nextPhoneNumberId), ...body },
    });
    expect([answer.status, answer.body]).toEqual([201, expect.anything()]);
    return answer.body;
  };
  const get = async (id: number): Promise<AccountBody> => (await api.call<AccountBody>('GET', `/accounts/${id}`)).body;
  const setNumber = async (id: string, facts: object): Promise<void> => {
    await fetch(`${graph.url}/__simulate/numbers/${id}`, { method: 'PUT', body: JSON.stringify(facts) });
  };
  const rowText = async (): Promise<string> =>
    (await api.db.query<{ text: string }>(`select string_agg(a::text, ' ') as text from accounts a`))[0]!.text;

  beforeAll(async () => {
    graph = await startSimulator();
    api = await startTestApp({ env: { GRAPH_API_BASE_URL: graph.url, PUBLIC_BASE_URL: 'https://chat.example.com/' } });
  });
  afterAll(async () => {
    await api.close();
    await graph.close();
  });

  describe('creating', () => {
    it('answers the account with its profile from Meta, and no secret', async () => {
      await setNumber('700111111', { verified_name: 'Jasper’s Market', quality_rating: 'GREEN' });
      const answer = await api.call<AccountBody>('POST', '/accounts/', {
        body: {
          name: 'Business A',
          access_token: TOKEN,
          phone_number_id: '700111111',
          waba_id: '102290129340398',
          app_secret: OWN_APP_SECRET,
          default_catalog_id: 'cat-1',
          messages_per_second: 20,
        },
      });
      expect(answer.status).toBe(201);
      expect(answer.body).toEqual({
        id: expect.any(Number),
        name: 'Business A',
        phone_number_id: '700111111',
        waba_id: '102290129340398',
        verify_token: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
        callback_url: 'https://chat.example.com/whatsapp/webhook/',
        has_access_token: true,
        access_token_last4: '7Q2z',
        has_app_secret: true,
        profile_name: 'Jasper’s Market',
        profile_picture_url: null,
        profile_error: null,
        display_phone_number: expect.stringMatching(/^\+/),
        quality_rating: 'GREEN',
        messaging_limit: 'TIER_UNLIMITED',
        messages_per_second: 20,
        default_catalog_id: 'cat-1',
        is_active: true,
        managed_by: 'api',
        created_at: expect.stringMatching(/\.\d{3}Z$/),
        updated_at: expect.stringMatching(/\.\d{3}Z$/),
      });
      expect(await get(answer.body.id)).toEqual(answer.body);
    });

    it('keeps no secret in clear, and gives none away in any answer', async () => {
      const { id, verify_token } = await create({ app_secret: OWN_APP_SECRET });
      const text = await rowText();
      for (const secret of [TOKEN, OWN_APP_SECRET, verify_token]) {
        expect(text).not.toContain(secret);
      }
      const answers = await Promise.all([
        api.call('GET', `/accounts/${id}`),
        api.call('GET', '/accounts'),
        api.call('GET', '/accounts/current', { accountId: id }),
        api.call('GET', `/accounts/${id}/health`),
        api.call('PATCH', `/accounts/${id}`, { body: { access_token: TOKEN } }),
        api.call('POST', `/accounts/${id}/refresh-profile`),
        api.call('POST', '/accounts', { body: { name: 'x', access_token: TOKEN, phone_number_id: '!' } }),
      ]);
      expect(JSON.stringify(answers.map(({ body }) => body))).not.toMatch(new RegExp(`${TOKEN}|${OWN_APP_SECRET}`));
    });

    it('is no failure when Meta refuses the credentials', async () => {
      const made = await create({ access_token: 'EXPIRED-token' });
      expect(made).toMatchObject({ profile_name: null, profile_error: expect.stringContaining('190') });
      const health = await api.call('GET', `/accounts/${made.id}/health`);
      expect(health.body).toMatchObject({ credentials_ok: false, credentials: 'rejected' });
    });

    it('has one account for one phone number, however many ask at once', async () => {
      const answers = await Promise.all(
        Array.from({ length: 5 }, () =>
          api.call('POST', '/accounts', { body: { name: 'x', access_token: TOKEN, phone_number_id: '700222222' } }),
        ),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409]);
      expect(answers.find(({ status }) => status === 409)?.body).toMatchObject({ code: 'account_exists' });
    });

    it.each([
      [{}, ['name', 'access_token', 'phone_number_id']],
      [{ name: 'x', access_token: 'has spaces', phone_number_id: '1' }, ['access_token']],
      [{ name: 'x', access_token: 'x', phone_number_id: '../me' }, ['phone_number_id']],
      [{ name: 'x', access_token: 'x', phone_number_id: '1', messages_per_second: 0 }, ['messages_per_second']],
      [{ name: 'x', access_token: 'x', phone_number_id: '1', verify_token: 'mine' }, ['verify_token']],
    ])('refuses %j', async (body, fields) => {
      const answer = await api.call<{ errors: { field: string }[] }>('POST', '/accounts', { body });
      expect([answer.status, answer.body.errors.map((error) => error.field).sort()]).toEqual([400, fields.sort()]);
    });
  });

  describe('changing', () => {
    it('changes what is given and nothing else', async () => {
      const made = await create({ waba_id: '42', default_catalog_id: 'cat' });
      const same = await api.call<AccountBody>('PATCH', `/accounts/${made.id}`, { body: {} });
      expect(same).toMatchObject({ status: 200, body: made });
      const changed = await api.call<AccountBody>('PATCH', `/accounts/${made.id}`, {
        body: { name: 'B', is_active: false, waba_id: '' },
      });
      expect(changed.body).toEqual({
        ...made,
        name: 'B',
        is_active: false,
        waba_id: null,
        updated_at: expect.any(String),
      });
      const nulls = await api.call('PATCH', `/accounts/${made.id}`, { body: { name: null, access_token: null } });
      expect(nulls.body).toMatchObject({ errors: [{ field: 'name' }, { field: 'access_token' }] });
      const unknown = await api.call('PATCH', `/accounts/${made.id}`, { body: { managed_by: 'api' } });
      expect(unknown.body).toMatchObject({ errors: [{ field: 'managed_by', code: 'unknown_field' }] });
    });

    it('reads the profile again when the credentials change, and only then', async () => {
      const made = await create({ access_token: 'EXPIRED-token' });
      await setNumber(made.phone_number_id, { verified_name: 'Late Market' });
      const renamed = await api.call('PATCH', `/accounts/${made.id}`, { body: { name: 'C' } });
      expect(renamed.body).toMatchObject({ profile_name: null, profile_error: expect.any(String) });
      const repaired = await api.call('PATCH', `/accounts/${made.id}`, { body: { access_token: TOKEN } });
      expect(repaired.body).toMatchObject({
        profile_name: 'Late Market',
        profile_error: null,
        access_token_last4: '7Q2z',
      });
      await setNumber(made.phone_number_id, { verified_name: 'Later Market' });
      const refreshed = await api.call('POST', `/accounts/${made.id}/refresh-profile`);
      expect(refreshed).toMatchObject({ status: 200, body: { profile_name: 'Later Market' } });
    });

    it('forgets the profile of the number it had before', async () => {
      const made = await create();
      expect(made.profile_name).not.toBeNull();
      const moved = await api.call('PATCH', `/accounts/${made.id}`, {
        body: { phone_number_id: 'unknown-to-meta' },
      });
      expect(moved.body).toMatchObject({ profile_name: null, profile_error: expect.any(String) });
    });

    it('does not take the phone number of another account', async () => {
      const [a, b] = [await create(), await create()];
      const answer = await api.call('PATCH', `/accounts/${a.id}`, { body: { phone_number_id: b.phone_number_id } });
      expect([answer.status, answer.body.code]).toEqual([409, 'account_exists']);
    });

    it('remembers every app secret there was by its fingerprint', async () => {
      const accounts = api.app.get(AccountsService);
      const { id } = await create({ app_secret: OWN_APP_SECRET });
      await api.call('PATCH', `/accounts/${id}`, { body: { app_secret: 'another-secret' } });
      const changed = await accounts.find(id);
      expect(changed?.appSecret?.reveal()).toBe('another-secret');
      expect(changed?.appSecretFingerprints).toEqual(
        [OWN_APP_SECRET, 'another-secret'].map((secret) => fingerprint(new Secret(secret))),
      );
      const cleared = await api.call('PATCH', `/accounts/${id}`, { body: { app_secret: null } });
      expect(cleared.body).toMatchObject({ has_app_secret: false });
      expect(await accounts.find(id)).toMatchObject({ appSecret: null, appSecretFingerprints: { length: 2 } });
    });

    it('makes a new verify token and forgets the old one', async () => {
      const accounts = api.app.get(AccountsService);
      const { id, verify_token } = await create();
      expect(await accounts.acceptsVerifyToken(verify_token)).toBe(true);
      const rotated = await api.call<AccountBody>('POST', `/accounts/${id}/rotate-verify-token`);
      expect(rotated.status).toBe(200);
      expect(rotated.body.verify_token).not.toBe(verify_token);
      expect(await accounts.acceptsVerifyToken(verify_token)).toBe(false);
      expect(await accounts.acceptsVerifyToken(rotated.body.verify_token)).toBe(true);
      await api.call('PATCH', `/accounts/${id}`, { body: { is_active: false } });
      expect(await accounts.acceptsVerifyToken(rotated.body.verify_token)).toBe(false);
    });
  });

  describe('deleting', () => {
    it('wipes the secrets, frees the phone number and answers 404 from then on', async () => {
      const made = await create({ app_secret: OWN_APP_SECRET });
      expect((await api.call('DELETE', `/accounts/${made.id}`)).status).toBe(204);
      const [row] = await api.db.query('select * from accounts where id = $1', [made.id]);
      expect(row).toMatchObject({
        access_token: null,
        access_token_last4: null,
        app_secret: null,
        app_secret_fingerprints: [],
        verify_token: '',
        is_active: false,
        deleted_at: expect.any(Date),
      });
      for (const [method, path] of [
        ['GET', ''],
        ['PATCH', ''],
        ['DELETE', ''],
        ['GET', '/health'],
        ['POST', '/refresh-profile'],
        ['POST', '/rotate-verify-token'],
      ] as const) {
        const answer = await api.call(method, `/accounts/${made.id}${path}`, {
          body: method === 'PATCH' ? {} : undefined,
        });
        expect([answer.status, answer.body.code]).toEqual([404, 'account_not_found']);
      }
      const listed = await api.call<{ accounts: AccountBody[] }>('GET', '/accounts?limit=200');
      expect(listed.body.accounts.map((account) => account.id)).not.toContain(made.id);
      const again = await create({ phone_number_id: made.phone_number_id });
      expect(again.id).not.toBe(made.id);
    });

    it('is refused when a module above has work under way', async () => {
      const { id } = await create();
      api.app.get(AccountsService).registerDeletionCheck(async (accountId, tx) => {
        const [seen] = await tx.query<{ is_active: boolean }>('select is_active from accounts where id = $1', [
          accountId,
        ]);
        if (accountId === id && seen) {
          throw new AppError('account_has_running_campaigns');
        }
      });
      const answer = await api.call('DELETE', `/accounts/${id}`);
      expect([answer.status, answer.body.code]).toEqual([409, 'account_has_running_campaigns']);
      expect(await get(id)).toMatchObject({ is_active: true, has_access_token: true });
    });
  });

  describe('the snapshot', () => {
    it('has the secrets, and follows a change of this process at once', async () => {
      const accounts = api.app.get(AccountsService);
      const { id, phone_number_id } = await create({ waba_id: '77' });
      const found = await accounts.findByPhoneNumberId(phone_number_id);
      expect(found).toMatchObject({
        id,
        phoneNumberId: phone_number_id,
        wabaId: '77',
        portfolio: '77',
        isActive: true,
      });
      expect(found?.accessToken.reveal()).toBe(TOKEN);
      expect(JSON.stringify(found)).not.toContain(TOKEN);
      await api.call('PATCH', `/accounts/${id}`, { body: { waba_id: null, is_active: false } });
      expect(await accounts.find(id)).toMatchObject({ portfolio: phone_number_id, isActive: false });
    });

    it('follows a change of another process within a second or so', async () => {
      const accounts = api.app.get(AccountsService);
      const { id } = await create();
      await accounts.snapshot();
      await api.db.query('update accounts set messages_per_second = 7 where id = $1', [id]);
      await eventually(
        () => accounts.find(id),
        (account) => account?.messagesPerSecond === 7,
        1_500,
      );
    });

    it('leaves out an account with a ciphertext of another row, and no other', async () => {
      const accounts = api.app.get(AccountsService);
      const [a, b] = [await create({ access_token: 'EAAtokenOfA' }), await create({ access_token: 'EAAtokenOfB' })];
      await api.db.query(
        'update accounts set access_token = (select access_token from accounts where id = $1) where id = $2',
        [a.id, b.id],
      );
      await eventually(
        () => accounts.find(b.id),
        (account) => account === null,
        2_000,
      );
      expect((await accounts.find(a.id))?.accessToken.reveal()).toBe('EAAtokenOfA');
      const named = await api.call('GET', '/accounts/current', { accountId: b.id });
      expect([named.status, named.body.code]).toEqual([409, 'account_credentials_missing']);
      expect((await api.call('GET', `/accounts/${b.id}/health`)).body).toMatchObject({ credentials: 'missing' });
      const repaired = await api.call('PATCH', `/accounts/${b.id}`, { body: { access_token: 'EAAtokenOfB' } });
      expect(repaired.status).toBe(200);
      expect((await accounts.find(b.id))?.accessToken.reveal()).toBe('EAAtokenOfB');
    });

    it('refuses a verify token moved from another row', async () => {
      const [a, b] = [await create(), await create()];
      await api.db.query(
        'update accounts set verify_token = (select verify_token from accounts where id = $1) where id = $2',
        [a.id, b.id],
      );
      expect((await get(b.id)).verify_token).toBeNull();
      expect((await get(a.id)).verify_token).toBe(a.verify_token);
      await api.call('POST', `/accounts/${b.id}/rotate-verify-token`);
      expect((await get(b.id)).verify_token).toEqual(expect.any(String));
    });
  });

  it('says whether an account can work', async () => {
    const made = await create();
    const answer = await api.call('GET', `/accounts/${made.id}/health`);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        account_id: made.id,
        is_active: true,
        credentials_ok: true,
        credentials: 'ok',
        credentials_error: null,
        number_status: 'CONNECTED',
        quality_rating: 'GREEN',
        messaging_limit: 'TIER_UNLIMITED',
        throughput_level: expect.stringMatching(/^(STANDARD|HIGH)$/),
        profile_error: null,
        webhook_signature_configured: true,
        callback_url: 'https://chat.example.com/whatsapp/webhook/',
      },
    });
  });

  it('lists in pages', async () => {
    await Promise.all([create(), create(), create()]);
    const seen: number[] = [];
    let cursor: string | null = null;
    do {
      const page: { body: { accounts: AccountBody[]; next_cursor: string | null } } = await api.call(
        'GET',
        `/accounts?limit=4${cursor ? `&cursor=${cursor}` : ''}`,
      );
      seen.push(...page.body.accounts.map((account) => account.id));
      cursor = page.body.next_cursor;
    } while (cursor);
    const [count] = await api.db.query<{ n: number }>('select count(*) as n from accounts where deleted_at is null');
    expect(seen).toHaveLength(count!.n);
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
    await api.call('POST', '/api-keys', { body: { name: 'so that there are two' } });
    const foreign = await api.call<{ next_cursor: string }>('GET', '/api-keys?limit=1');
    expect((await api.call('GET', `/accounts?cursor=${foreign.body.next_cursor}`)).body).toMatchObject({
      code: 'bad_cursor',
    });
  });

  it('needs accounts:read to look and accounts:write to change', async () => {
    const { body } = await api.call<{ key: string }>('POST', '/api-keys', {
      body: { name: 'x', scopes: ['accounts:read'] },
    });
    expect((await api.call('GET', '/accounts', { key: body.key })).status).toBe(200);
    const refused = await api.call('POST', '/accounts', { key: body.key, body: {} });
    expect([refused.status, refused.body.code]).toEqual([403, 'insufficient_scope']);
  });
});

describe('an account when Meta does not answer', () => {
  let silent: Server;
  let api: TestApp;

  beforeAll(async () => {
    silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    api = await startTestApp({
      env: { GRAPH_API_BASE_URL: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` },
    });
  });
  afterAll(async () => {
    silent.closeAllConnections();
    silent.close();
    await api.close();
  });

  it('is made all the same, without waiting for long', async () => {
    const startedAt = Date.now();
    const answer = await api.call('POST', '/accounts', {
      body: { name: 'x', access_token: TOKEN, phone_number_id: '1' },
    });
    expect(answer.status).toBe(201);
    expect(Date.now() - startedAt).toBeLessThan(9_500);
  });
});

describe('single-account mode', () => {
  const ENV = {
    META_WA_ACCESS_TOKEN: 'EAAtokenOfTheEnvironmentE9v8',
    META_WA_PHONE_NUMBER_ID: '555000111',
    META_WABA_ID: '555000222',
  };
  let api: TestApp;

  /** A start of another process on the same database. */
  const start = async (env: Record<string, string>): Promise<{ url: string; close(): Promise<void> }> => {
    const config = Config.fromEnvironment(testEnvironment(api.databaseUrl, env));
    const logger = createLogger(config.logLevel, 'test');
    const app = await createApp(AppModule.forRoot(config, logger), config, logger);
    await app.listen({ port: 0, host: '127.0.0.1' });
    return { url: `${await app.getUrl()}/whatsapp/api`, close: () => app.close() };
  };

  beforeAll(async () => {
    api = await startTestApp();
  });
  afterAll(() => api.close());

  it('is one account row, however many processes start at once, with the token in the environment only', async () => {
    const apps = await Promise.all([start(ENV), start(ENV), start(ENV), start(ENV)]);
    try {
      const { body } = await callApi<{ accounts: AccountBody[] }>(apps[0]!.url, 'GET', '/accounts');
      expect(body.accounts).toEqual([
        expect.objectContaining({
          phone_number_id: '555000111',
          waba_id: '555000222',
          managed_by: 'environment',
          is_active: true,
          has_access_token: true,
          access_token_last4: 'E9v8',
        }),
      ]);
      const current = await callApi<AccountBody>(apps[1]!.url, 'GET', '/accounts/current');
      expect(current).toMatchObject({ status: 200, body: { id: body.accounts[0]!.id } });
      const [row] = await api.db.query<{ text: string; access_token: string | null }>(
        'select a::text as text, access_token from accounts a',
      );
      expect(row?.access_token).toBeNull();
      expect(row?.text).not.toContain(ENV.META_WA_ACCESS_TOKEN);
    } finally {
      await Promise.all(apps.map((app) => app.close()));
    }
  });

  it('has its profile read from Meta after the start', async () => {
    const graph = await startSimulator();
    const app = await start({ ...ENV, GRAPH_API_BASE_URL: graph.url });
    try {
      const { body } = await eventually(
        () => callApi<AccountBody>(app.url, 'GET', '/accounts/current'),
        (answer) => answer.body.profile_name !== null,
      );
      expect(body.profile_error).toBeNull();
    } finally {
      await app.close();
      await graph.close();
    }
  });

  it('takes its ids and secrets from nowhere else', async () => {
    const app = await start(ENV);
    try {
      const { body } = await callApi<AccountBody>(app.url, 'GET', '/accounts/current');
      for (const change of [{ access_token: TOKEN }, { app_secret: 'x' }, { phone_number_id: '9' }, { waba_id: '9' }]) {
        const answer = await callApi(app.url, 'PATCH', `/accounts/${body.id}`, { body: change });
        expect([answer.status, answer.body.code]).toEqual([409, 'account_managed_by_environment']);
      }
      const removed = await callApi(app.url, 'DELETE', `/accounts/${body.id}`);
      expect([removed.status, removed.body.code]).toEqual([409, 'account_managed_by_environment']);
      const renamed = await callApi(app.url, 'PATCH', `/accounts/${body.id}`, {
        body: { name: 'Ours', messages_per_second: 10 },
      });
      expect(renamed).toMatchObject({ status: 200, body: { name: 'Ours', messages_per_second: 10 } });
    } finally {
      await app.close();
    }
  });

  it('keeps across a restart what the API changed', async () => {
    const app = await start(ENV);
    try {
      const { body } = await callApi(app.url, 'GET', '/accounts/current');
      expect(body).toMatchObject({ name: 'Ours', messages_per_second: 10, is_active: true });
    } finally {
      await app.close();
    }
  });

  it('stops when the environment no longer names it, and goes on when it does again', async () => {
    const other = await start({ ...ENV, META_WA_PHONE_NUMBER_ID: '555000333' });
    try {
      const { body } = await callApi<{ accounts: AccountBody[] }>(other.url, 'GET', '/accounts');
      expect(body.accounts.map((account) => [account.phone_number_id, account.is_active, account.managed_by])).toEqual([
        ['555000111', false, 'api'],
        ['555000333', true, 'environment'],
      ]);
    } finally {
      await other.close();
    }
    const again = await start(ENV);
    try {
      const { body } = await callApi<{ accounts: AccountBody[] }>(again.url, 'GET', '/accounts');
      expect(body.accounts.map((account) => [account.phone_number_id, account.is_active, account.managed_by])).toEqual([
        ['555000111', true, 'environment'],
        ['555000333', false, 'api'],
      ]);
    } finally {
      await again.close();
    }
  });

  it('is what is meant only when there is no other account', async () => {
    const app = await start(ENV);
    try {
      const added = await callApi<AccountBody>(app.url, 'POST', '/accounts', {
        body: { name: 'x', access_token: TOKEN, phone_number_id: '555000444' },
      });
      const current = await callApi<AccountBody>(app.url, 'GET', '/accounts/current');
      expect(current.body.id).toBe(added.body.id);
      await callApi(app.url, 'DELETE', `/accounts/${added.body.id}`);
      const alone = await callApi<AccountBody>(app.url, 'GET', '/accounts/current');
      expect(alone.body.phone_number_id).toBe('555000111');
    } finally {
      await app.close();
    }
  });

  it('can be deleted once the environment has let it go', async () => {
    const none = await start({});
    try {
      const { body } = await callApi<{ accounts: AccountBody[] }>(none.url, 'GET', '/accounts');
      expect(body.accounts.map((account) => account.is_active)).toEqual([false, false]);
      expect((await callApi(none.url, 'GET', '/accounts/current')).body).toMatchObject({ code: 'account_not_found' });
      expect((await callApi(none.url, 'DELETE', `/accounts/${body.accounts[0]!.id}`)).status).toBe(204);
    } finally {
      await none.close();
    }
  });
});
