import { Body, Controller, Get, Module, Post, Query, type DynamicModule } from '@nestjs/common';
import { AccountResolver } from '../../src/accounts/account-resolver.js';
import { AppModule } from '../../src/app.module.js';
import { Config } from '../../src/config/config.js';
import { createLogger } from '../../src/config/log.js';
import { AccountScopedDto } from '../../src/http/common.dto.js';
import { createApp } from '../../src/http/create-app.js';
import { PUBLIC, RequireScope } from '../../src/http/principal.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { callApi, testEnvironment, type Answer, type CallOptions } from '../support/app.js';

/** Routes as any feature has them, so that what guards all of them is tested on its own. */
@Controller('api/probe')
class ProbeController {
  constructor(private readonly accounts: AccountResolver) {}

  @Get()
  @RequireScope('inbox:read')
  async get(@Query() _query: AccountScopedDto): Promise<object> {
    return { account_id: (await this.accounts.current()).id, key: this.accounts.principal.keyName };
  }

  @Post()
  @RequireScope('inbox:read')
  async post(@Body() _body: AccountScopedDto): Promise<object> {
    return { account_id: (await this.accounts.current()).id };
  }

  @Get('forgotten')
  forgotten(): object {
    return { secret: 'nobody said who may see this' };
  }

  @Get('public')
  @RequireScope(PUBLIC)
  public(): object {
    return { ok: true };
  }
}

@Module({})
class ProbeModule {
  static forRoot(app: DynamicModule): DynamicModule {
    return { module: ProbeModule, imports: [app], controllers: [ProbeController] };
  }
}

const MISSING = 999_999;

describe('tenancy', () => {
  let database: TestDatabase;
  let close: () => Promise<void>;
  let call: <T = Record<string, unknown>>(method: string, path: string, options?: CallOptions) => Promise<Answer<T>>;
  let a: number;
  let b: number;
  let inactive: number;
  let keyOfA: string;

  const createKey = async (body: object): Promise<string> => {
    const answer = await call<{ key: string }>('POST', '/api-keys', { body: { name: 'x', ...body } });
    expect(answer.status).toBe(201);
    return answer.body.key;
  };
  const createAccount = async (body: object): Promise<number> => {
    const answer = await call<{ id: number }>('POST', '/accounts', {
      body: { name: 'x', access_token: 'EAAtest', ...body },
    });
    expect(answer.status).toBe(201);
    return answer.body.id;
  };
  const withoutRequestId = ({ status, body }: Answer): object => ({ status, ...body, request_id: '' });

  beforeAll(async () => {
    database = await createTestDatabase();
    const config = Config.fromEnvironment(testEnvironment(database.url));
    const logger = createLogger(config.logLevel, 'test');
    const app = await createApp(ProbeModule.forRoot(AppModule.forRoot(config, logger)), config, logger);
    await app.listen({ port: 0, host: '127.0.0.1' });
    const base = `${await app.getUrl()}/whatsapp/api`;
    call = (method, path, options) => callApi(base, method, path, options);
    close = () => app.close();
    inactive = await createAccount({ phone_number_id: '1', is_active: false });
    a = await createAccount({ phone_number_id: '2' });
    b = await createAccount({ phone_number_id: '3' });
    keyOfA = await createKey({ account_ids: [a, inactive] });
  });
  afterAll(async () => {
    await close();
    await database.drop();
  });

  describe('a key tied to one account', () => {
    it.each<[string, (id: number) => Promise<Answer>]>([
      ['path', (id) => call('GET', `/accounts/${id}`, { key: keyOfA })],
      ['path of a change', (id) => call('PATCH', `/accounts/${id}`, { key: keyOfA, body: { name: 'mine' } })],
      ['path of a removal', (id) => call('DELETE', `/accounts/${id}`, { key: keyOfA })],
      ['path of an action', (id) => call('POST', `/accounts/${id}/rotate-verify-token`, { key: keyOfA })],
      ['path of a question to Meta', (id) => call('GET', `/accounts/${id}/health`, { key: keyOfA })],
      ['header', (id) => call('GET', '/probe', { key: keyOfA, accountId: id })],
      ['header of the current account', (id) => call('GET', '/accounts/current', { key: keyOfA, accountId: id })],
      ['body', (id) => call('POST', '/probe', { key: keyOfA, body: { account_id: id } })],
      ['query', (id) => call('GET', `/probe?account_id=${id}`, { key: keyOfA })],
    ])('cannot tell a foreign account from a missing one, by %s', async (_by, ask) => {
      const [foreign, missing] = [await ask(b), await ask(MISSING)];
      expect(foreign.status).toBe(404);
      expect(foreign.body).toMatchObject({ code: 'account_not_found' });
      expect(withoutRequestId(foreign)).toEqual(withoutRequestId(missing));
    });

    it('changed nothing of the other by trying', async () => {
      expect((await call('GET', `/accounts/${b}`)).body).toMatchObject({ name: 'x', is_active: true });
    });

    it('lists its own accounts only', async () => {
      const { body } = await call<{ accounts: { id: number }[] }>('GET', '/accounts', { key: keyOfA });
      expect(body.accounts.map((account) => account.id)).toEqual([inactive, a]);
      const page = await call<{ accounts: { id: number }[]; next_cursor: string }>('GET', '/accounts?limit=1', {
        key: keyOfA,
      });
      const next = await call<{ accounts: { id: number }[] }>('GET', `/accounts?cursor=${page.body.next_cursor}`, {
        key: keyOfA,
      });
      expect(next.body.accounts.map((account) => account.id)).toEqual([a]);
    });

    it('adds none', async () => {
      const answer = await call('POST', '/accounts', {
        key: keyOfA,
        body: { name: 'x', access_token: 'x', phone_number_id: '77' },
      });
      expect([answer.status, answer.body.code]).toEqual([403, 'forbidden']);
    });

    it('acts for its first active account when it names none', async () => {
      expect((await call('GET', '/probe', { key: keyOfA })).body).toMatchObject({ account_id: a });
    });
  });

  describe('which account a request means', () => {
    it('is that of the header, else of the body or the query, else the default of the key, else the first active', async () => {
      const key = await createKey({ default_account_id: b });
      const seen = [
        await call('POST', '/probe', { key, accountId: a, body: { account_id: b } }),
        await call('POST', '/probe', { key, body: { account_id: a } }),
        await call('POST', '/probe', { key, body: { account_id: String(a) } }),
        await call('GET', `/probe?account_id=${a}`, { key }),
        await call('GET', '/probe', { key }),
        await call('GET', '/probe'),
      ];
      expect(seen.map(({ body }) => body.account_id)).toEqual([a, a, a, a, b, a]);
    });

    it('is never another than the one that was named', async () => {
      for (const answer of [
        await call('GET', '/probe', { accountId: inactive }),
        await call('GET', '/probe', { accountId: MISSING }),
        await call('POST', '/probe', { body: { account_id: inactive } }),
        await call('GET', `/probe?account_id=${MISSING}`),
      ]) {
        expect([answer.status, answer.body.code]).toEqual([404, 'account_not_found']);
      }
    });

    it('is not guessed when the default of the key is gone', async () => {
      const gone = await createAccount({ phone_number_id: '4' });
      const [key, tied] = [await createKey({ default_account_id: gone }), await createKey({ account_ids: [gone] })];
      await call('DELETE', `/accounts/${gone}`);
      for (const answer of [await call('GET', '/probe', { key }), await call('GET', '/probe', { key: tied })]) {
        expect([answer.status, answer.body.code]).toEqual([404, 'account_not_found']);
      }
    });

    it.each(['abc', '', '0', '-1', '1.5', '1 2', '99999999999999999999'])(
      'is named by an id, not by "%s"',
      async (header) => {
        const answer = await call('GET', '/probe', { headers: { 'x-account-id': header } });
        expect(answer.status).toBe(400);
        expect(answer.body).toMatchObject({ code: 'validation_failed', errors: [{ field: 'X-Account-Id' }] });
      },
    );

    it('is asked for only when it matters: lists of keys and accounts need none', async () => {
      expect((await call('GET', '/accounts', { headers: { 'x-account-id': String(MISSING) } })).status).toBe(200);
    });
  });

  describe('routes', () => {
    it('are refused to everyone when nobody said who may call them', async () => {
      for (const key of [undefined, null]) {
        const answer = await call('GET', '/probe/forgotten', { key });
        expect([answer.status, answer.body.code]).toEqual([403, 'forbidden']);
      }
    });

    it('ask for no key when they are public', async () => {
      expect((await call('GET', '/probe/public', { key: null })).status).toBe(200);
    });
  });
});
