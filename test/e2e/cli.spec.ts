import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { problemOf } from '../../src/cli/problem.js';
import { SEALED_COLUMNS } from '../../src/cli/sealed-columns.js';
import { testEnvironment } from '../support/app.js';
import { inShell, runCommand } from '../support/cli.js';
import { campaignIs, draftWithCsv, audienceCsv, startJourney, type Journey } from '../support/journey.js';

let journey: Journey;
let env: NodeJS.ProcessEnv;
let dir: string;
const run = <T = Record<string, unknown>>(...args: string[]): Promise<{ text: string; json: T; exitCode: number }> =>
  runCommand<T>(env, ...args);
/** What a command that does not work tells. */
const refused = (...args: string[]): Promise<unknown> =>
  run(...args).then(
    () => 'nothing was wrong',
    (error: unknown) => problemOf(error),
  );

beforeAll(async () => {
  journey = await startJourney();
  env = testEnvironment(journey.api.databaseUrl, { GRAPH_API_BASE_URL: journey.simulator.url });
  dir = await mkdtemp(join(tmpdir(), 'parley-cli-'));
});
afterAll(async () => {
  await journey.close();
  await rm(dir, { recursive: true });
});

describe('the command line as a process', () => {
  it('prints a table for people, without colours where nobody looks', async () => {
    const { code, stdout, stderr } = await inShell('parley accounts list', env);
    const [titles, first] = stdout.split('\n');
    expect([code, stderr]).toEqual([0, '']);
    expect(titles).toMatch(/^ID +NAME +NUMBER +PHONE_NUMBER_ID/);
    expect(first).toMatch(/^ *\d+ +Test /);
    expect(stdout).not.toContain('\u001b');
  });

  it('answers 2 to what it does not understand and 1 to what cannot be done, in a line or as JSON', async () => {
    const { stdout, stderr } = await inShell(
      'parley campaigns rnu 7; echo $?; parley campaigns show 999999 --json; echo $?',
      env,
    );
    expect(stderr).toBe('There is no command "campaigns rnu". Did you mean "campaigns run"? "help" lists all.\n');
    const [misused, problem, failed] = stdout.trimEnd().split('\n');
    expect([misused, failed]).toEqual(['2', '1']);
    expect(JSON.parse(problem as string)).toEqual({ error: 'There is no such campaign.', code: 'not_found' });
  });

  it('tells in one line that the database is away, and never its password', async () => {
    const away = { ...env, DATABASE_URL: 'postgres://parley:hunter2@127.0.0.1:9/nowhere' };
    const { code, stdout, stderr } = await inShell('parley accounts list', away);
    expect([code, stdout, stderr]).toEqual([
      1,
      '',
      'The database does not answer: nothing listens there. It is looked for at 127.0.0.1:9/nowhere.\n',
    ]);
  });
});

describe('health', () => {
  it('is well when all is there, and says what each account may do', async () => {
    const { text, json, exitCode } = await run('health');
    expect(json).toMatchObject({
      status: 'ok',
      database: 'up',
      redis: 'up',
      accounts: [{ account_id: journey.accountId, credentials: 'ok', standing: 'ok' }],
      backlog: { webhooks_waiting: expect.any(Number) as number, webhooks_given_up: 0 },
      problems: [],
    });
    expect(exitCode).toBe(0);
    expect(text).toMatch(/^status +ok\ndatabase +up\n/);
  });

  it('names what is wrong and ends with 1: a token that Meta refuses, a webhook that was given up, no database', async () => {
    const { db } = journey.api;
    await db.query(
      `insert into webhook_logs (body, error, attempts, next_attempt_at) values ('{}', 'cannot be read', 5, 'infinity')`,
    );
    const bad = await runCommand<{ id: number }>(
      { ...env, ACCESS_TOKEN: 'EXPIREDtoken' },
      ...['accounts', 'add', '--name', 'Bad', '--phone-number-id', '300000000000666'],
    );
    const { json, text, exitCode } = await run<{ status: string; problems: string[] }>('health');
    await db.query('delete from webhook_logs where attempts = 5');
    await run('accounts', 'deactivate', String(bad.json.id));
    expect([json.status, exitCode]).toEqual(['trouble', 1]);
    expect(json.problems).toEqual([
      expect.stringMatching(/^Account \d+ \(Bad\): credentials rejected: /),
      expect.stringMatching(/^1 webhooks were given up/),
    ]);
    expect(text).toContain('! 1 webhooks were given up');

    const away = await runCommand<{ database: string; problems: string[] }>(
      { ...env, DATABASE_URL: 'postgres://parley@127.0.0.1:9/nowhere' },
      'health',
    );
    expect(away).toMatchObject({ exitCode: 1, json: { database: 'down', accounts: [] } });
    expect(away.json.problems).toEqual([expect.stringContaining('nothing listens there')]);
  });
});

describe('accounts', () => {
  it('are added, shown, refreshed, stopped and let go on', async () => {
    const added = await runCommand<{ id: number; verify_token: string }>(
      { ...env, ACCESS_TOKEN: 'EAAsecondtoken', APP_SECRET: 'abcdef' },
      ...['accounts', 'add', '--name', 'Second', '--phone-number-id', '300000000000777', '--messages-per-second', '20'],
    );
    const id = String(added.json.id);
    expect(added.json).toMatchObject({ name: 'Second', messages_per_second: 20, has_app_secret: true });
    expect(JSON.stringify(added)).not.toContain('EAAsecondtoken');
    expect((await run('accounts', 'show', id)).text).toContain(added.json.verify_token);
    expect((await run('accounts', 'refresh', id)).json).toMatchObject({ profile_error: null });
    expect((await run('accounts', 'deactivate', id)).json).toMatchObject({ is_active: false });
    expect((await run('templates', 'list')).json).toMatchObject({ templates: expect.any(Array) as unknown[] });
    expect(await refused('templates', 'list', '--account', id)).toMatchObject({ code: 'account_not_found' });
    expect((await run('accounts', 'activate', id)).json).toMatchObject({ is_active: true });
    await run('accounts', 'deactivate', id);
  });

  it.each([
    [['accounts', 'show', 'x'], { code: 'usage', message: 'ID must be an id, such as 7.', exitCode: 2 }],
    [['accounts', 'show', '999999'], { code: 'account_not_found', exitCode: 1 }],
    [['accounts', 'add', '--name', 'X'], { code: 'usage', exitCode: 2 }],
  ])('%j is refused', async (args, problem) => {
    expect(await refused(...args)).toMatchObject(problem);
  });
});

describe('API keys', () => {
  const status = async (key: string): Promise<number> => (await journey.api.call('GET', '/contacts', { key })).status;

  it('are made with scopes and accounts, listed without their value, rotated and revoked', async () => {
    const made = await run<{ id: number; key: string }>(
      ...['api-keys', 'create', '--name', 'Screens', '--scopes', 'contacts:read,inbox:read'],
      ...['--accounts', String(journey.accountId), '--expires-at', '2099-01-01T00:00:00Z'],
    );
    const { id, key } = made.json;
    expect(made.text).toBe(`${key}\nIt is not shown again.`);
    expect(await status(key)).toBe(200);

    const listed = await run('api-keys', 'list');
    expect(listed.json).toMatchObject({
      api_keys: expect.arrayContaining([
        expect.objectContaining({ id, scopes: ['contacts:read', 'inbox:read'], account_ids: [journey.accountId] }),
      ]) as unknown[],
    });
    expect(listed.text + JSON.stringify(listed.json)).not.toContain(key);

    const rotated = await run<{ key: string }>('api-keys', 'rotate', String(id), '--overlap-s', '3600');
    expect(await Promise.all([status(key), status(rotated.json.key)])).toEqual([200, 200]);
    await run('api-keys', 'revoke', String(id));
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(await Promise.all([status(key), status(rotated.json.key)])).toEqual([401, 401]);
  });

  it.each([
    [['api-keys', 'create'], '--name is required.'],
    [['api-keys', 'create', '--name', 'X', '--scopes', 'everything'], 'Unknown scope: everything.'],
    [['api-keys', 'create', '--name', 'X', '--accounts', 'one'], '--accounts must be an id'],
    [['api-keys', 'create', '--name', 'X', '--expires-at', 'soon'], '--expires-at must be a time'],
    [['api-keys', 'rotate', '1', '--overlap-s', '-1'], "Option '--overlap-s' argument is ambiguous"],
    [['api-keys', 'rotate', '1', '--overlap-s', '1.5'], '--overlap-s must be a whole number'],
  ])('%j is not understood', async (args, words) => {
    const problem = await refused(...args);
    expect(problem).toMatchObject({ exitCode: 2, message: expect.stringContaining(words) as string });
  });
});

describe('templates and campaigns', () => {
  it('templates are synced and listed', async () => {
    const synced = await run<{ account_id: number; synced: number }[]>('templates', 'sync');
    expect(synced).toMatchObject({ exitCode: 0, json: [{ account_id: journey.accountId }] });
    expect(synced.json[0]?.synced).toBeGreaterThan(0);
    const { text, json } = await run('templates', 'list', '--status', 'approved');
    expect(text).toMatch(/order_update +en +UTILITY +APPROVED/);
    expect(json).toMatchObject({
      templates: expect.arrayContaining([expect.objectContaining({ status: 'APPROVED' })]) as [],
    });
  });

  it('a campaign is started, paused, resumed and cancelled', async () => {
    await journey.api.db.query('update accounts set messages_per_second = 5 where id = $1', [journey.accountId]);
    const id = await draftWithCsv(journey, audienceCsv(300, 9_670_000_000));
    const words = [String(id)];
    expect((await run('campaigns', 'run', ...words)).json).toMatchObject({ id, status: 'running' });
    expect(await refused('campaigns', 'run', ...words)).toMatchObject({ code: 'campaign_running', exitCode: 1 });
    expect((await run('campaigns', 'pause', ...words)).json).toMatchObject({ status: 'paused' });
    expect((await run('campaigns', 'list', '--status', 'paused')).text).toMatch(
      new RegExp(`^ *ID +ACCOUNT +NAME.*\\n *${id} +${journey.accountId} +Test campaign +paused`),
    );
    expect((await run('campaigns', 'resume', ...words)).json).toMatchObject({ status: 'running' });
    expect((await run('campaigns', 'cancel', ...words)).json).toMatchObject({ status: 'cancelled' });
    expect((await run('campaigns', 'show', ...words)).text).toMatch(/^Test campaign: cancelled .*\nid +\d+/s);
    expect((await run('campaigns', 'list', '--limit', '1')).json).toMatchObject({ campaigns: [{ id }] });
    expect(await refused('campaigns', 'list', '--status', 'odd')).toMatchObject({ exitCode: 2 });
    await campaignIs(journey, id, 'cancelled');
  });

  it('watching for scripts is a line of JSON for each look', async () => {
    await journey.api.db.query('update accounts set messages_per_second = 80 where id = $1', [journey.accountId]);
    const id = await draftWithCsv(journey, audienceCsv(100, 9_671_000_000));
    await run('campaigns', 'run', String(id));
    const { code, stdout, stderr } = await inShell(`parley campaigns watch ${id} --json`, env);
    const looks = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { id: number; status: string });
    expect([code, stderr]).toEqual([0, '']);
    expect(looks.every((look) => look.id === id)).toBe(true);
    expect(looks.at(-1)).toMatchObject({ status: 'completed', sent_count: 100 });
  });
});

describe('contacts', () => {
  it('come in from a file, told by the line what could not be read, and go out as one that comes in again', async () => {
    const file = join(dir, 'people.csv');
    await writeFile(file, 'Phone;Name;Labels\n98765 11111;Asha;VIP\n12;Nobody;\n+919876522222;=SUM(1);VIP\n');
    const imported = await run('contacts', 'import', file);
    expect(imported.json).toMatchObject({ status: 'completed', created: 2, updated: 0, skipped: 1 });
    expect(imported.text).toMatch(/^2 created, 0 updated, 1 skipped\n\nLINE +FIELD +PROBLEM +VALUE\n +3 +phone +/);

    const out = join(dir, 'out.csv');
    const exported = await run('contacts', 'export', '--output', out, '--label', 'VIP');
    expect(exported).toMatchObject({ text: `2 contacts in ${out}`, json: { contacts: 2, file: out } });
    expect(await readFile(out, 'utf8')).toMatch(/^phone,name.*\r\n'\+919876511111,Asha,,VIP/);
    expect((await run('contacts', 'import', out)).json).toMatchObject({ created: 0, updated: 2, errors: [] });
  });

  it('a file too large for an answer is brought in all the same, without a worker', async () => {
    const file = join(dir, 'many.csv');
    const lines = Array.from({ length: 10_500 }, (_, index) => `+91${9_500_000_000 + index},Person ${index}`);
    await writeFile(file, ['phone,name', ...lines, ''].join('\n'));
    expect((await run('contacts', 'import', file)).json).toMatchObject({ status: 'completed', created: 10_500 });
  }, 120_000);

  it('whoever reads an export may stop reading', async () => {
    const { code, stdout, stderr } = await inShell('set +o pipefail; parley contacts export | head -n 1', env);
    expect([code, stdout, stderr]).toEqual([0, expect.stringMatching(/^phone,name/) as string, '']);
  });

  it.each([
    [['contacts', 'import', '/'], { code: 'file_not_readable', exitCode: 1 }],
    [['contacts', 'import', '/nowhere/people.csv'], { code: 'file_not_readable', exitCode: 1 }],
    [['contacts', 'export', '--json'], { code: 'usage', exitCode: 2 }],
  ])('%j is refused', async (args, problem) => {
    expect(await refused(...args)).toMatchObject(problem);
  });
});

describe('keys rotate-encryption', () => {
  it('encrypts every secret anew, so that the old key can go; a second time there is nothing to do', async () => {
    const { db } = journey.api;
    const oldKeys = env.ENCRYPTION_KEYS as string;
    const newKey = `next:${randomBytes(32).toString('base64')}`;
    const flow = await journey.api.call<{ id: number }>('POST', '/flows', {
      body: { name: 'Sealed', categories: ['SURVEY'], starter: 'feedback', forward_url: 'https://example.com/flow' },
    });
    expect(flow.status).toBe(201);
    expect((await journey.api.call('POST', '/flows/encryption')).status).toBeLessThan(300);
    const endpoint = { body: { url: 'https://example.com/events' } };
    expect((await journey.api.call('POST', '/webhook-endpoints', endpoint)).status).toBe(201);

    const both = { ...env, ENCRYPTION_KEYS: `${newKey},${oldKeys}` };
    const dry = await runCommand<{ waiting: number }>(both, 'keys', 'rotate-encryption', '--dry-run');
    const done = await runCommand<{ columns: { resealed: number }[] }>(both, 'keys', 'rotate-encryption');
    expect(done).toMatchObject({ exitCode: 0, json: { key_id: 'next' } });
    expect(done.json.columns.reduce((sum, { resealed }) => sum + resealed, 0)).toBe(dry.json.waiting);
    expect(dry.json.waiting).toBeGreaterThanOrEqual(6);
    expect(await sealedWith(oldKeys.split(':')[0] as string)).toEqual([]);

    const onlyNew = { ...env, ENCRYPTION_KEYS: newKey };
    const account = ['accounts', 'show', String(journey.accountId)];
    expect((await runCommand(onlyNew, ...account)).json).toMatchObject({ verify_token: expect.any(String) as string });
    expect(await runCommand(onlyNew, 'health')).toMatchObject({ exitCode: 0 });
    expect((await runCommand(onlyNew, 'keys', 'rotate-encryption', '--dry-run')).json).toMatchObject({ waiting: 0 });
    // The running processes have the old key alone.
    await runCommand({ ...env, ENCRYPTION_KEYS: `${oldKeys},${newKey}` }, 'keys', 'rotate-encryption');
    expect(
      await db.query(`select 1 from audit_log where action = 'encryption.rotated' and actor_type = 'cli'`),
    ).not.toEqual([]);
  });

  it('leaves alone what no key opens, names it and ends with 1', async () => {
    const { db } = journey.api;
    const [account] = await db.query<{ verify_token: string }>('select verify_token from accounts where id = $1', [
      journey.accountId,
    ]);
    const lost = 'v1:lost:AAAA:AAAA:AAAA';
    await db.query('update accounts set verify_token = $2 where id = $1', [journey.accountId, lost]);
    const { text, exitCode } = await run('keys', 'rotate-encryption');
    const [after] = await db.query<{ verify_token: string }>('select verify_token from accounts where id = $1', [
      journey.accountId,
    ]);
    await db.query('update accounts set verify_token = $2 where id = $1', [journey.accountId, account?.verify_token]);
    expect([exitCode, after?.verify_token]).toEqual([1, lost]);
    expect(text).toMatch(new RegExp(`accounts\\.verify_token +0 +${journey.accountId}`));
  });

  /** Columns anywhere in the database that hold a value of that key, beside those that expire by themselves. */
  async function sealedWith(keyId: string): Promise<string[]> {
    const { db } = journey.api;
    const columns = await db.query<{ table: string; column: string }>(
      `select c.table_name as table, c.column_name as column from information_schema.columns c
       join information_schema.tables t using (table_schema, table_name)
       where c.table_schema = 'public' and t.table_type = 'BASE TABLE' and c.data_type = 'text'
         and c.table_name <> 'idempotency_keys'`,
    );
    expect(columns.length).toBeGreaterThan(SEALED_COLUMNS.length);
    const found: string[] = [];
    for (const { table, column } of columns) {
      const rows = await db.queryDynamic(`select 1 from "${table}" where starts_with("${column}", $1) limit 1`, [
        `v1:${keyId}:`,
      ]);
      found.push(...rows.map(() => `${table}.${column}`));
    }
    return found;
  }
});
