import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseEnv } from 'node:util';
import { completeEnvironment, readEnvironment, writeRuntimeFile } from '../../src/embedded/environment.js';
import { findFreePort } from '../../src/embedded/ports.js';
import { processIdentity, type RunRecord } from '../../src/embedded/process.js';
import { State } from '../../src/embedded/state.js';
import { until } from '../support/webhook-receiver.js';

const root = process.cwd();
const built = (file: string): string => JSON.stringify(`file://${join(root, 'dist/src', file)}`);

/** Small programs with the manners of the real ones. They talk to the real servers. */
const STUBS = {
  migrate: `
    import pg from 'pg';
    const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
    await client.connect();
    await client.query('CREATE TABLE IF NOT EXISTS starts (id int)');
    await client.query('INSERT INTO starts VALUES (1)');
    await client.end();`,
  simulator: `
    import { exitWhenParentDies } from ${built('common/parent-exit.js')};
    exitWhenParentDies(() => {});
    setInterval(() => {}, 1000);
    console.log(JSON.stringify({ event: 'listening', port: Number(process.env.SIMULATOR_PORT) }));`,
  api: `
    import { createServer } from 'node:http';
    import { exitWhenParentDies } from ${built('common/parent-exit.js')};
    const server = createServer((request, response) => response.end()).listen(Number(process.env.PORT));
    exitWhenParentDies(() => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }));`,
  worker: `
    import { Redis } from 'ioredis';
    import { exitWhenParentDies } from ${built('common/parent-exit.js')};
    const redis = new Redis(process.env.REDIS_URL);
    exitWhenParentDies(() => redis.disconnect());
    await redis.set('worker', 'here');
    process.send({ event: 'ready' });`,
  demo: `
    import pg from 'pg';
    const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
    await client.connect();
    const { rows } = await client.query('SELECT count(*)::int AS starts FROM starts');
    await client.end();
    console.log('a line of something else');
    const account = { id: 1, name: 'Demo', phone_number_id: '1', display_phone_number: '+1 555' };
    console.log(JSON.stringify({ account, template: { id: 1, name: 'hello', language: 'en' }, contacts: rows[0].starts, created: true }));`,
};

type Stubs = typeof STUBS;

/** One `npm start`, without the installing and building, on stubs and a data directory of its own. */
class Launch {
  output = '';
  readonly process: ChildProcess;
  readonly ended: Promise<number | null>;

  constructor(dataDir: string, env: Record<string, string>, stubs: Partial<Stubs> = {}) {
    const folder = join(dataDir, 'stubs');
    mkdirSync(folder, { recursive: true });
    const entryPoints = Object.fromEntries(
      Object.entries({ ...STUBS, ...stubs }).map(([name, source]) => {
        writeFileSync(join(folder, `${name}.mjs`), source);
        return [name, [join(folder, `${name}.mjs`)]];
      }),
    );
    const launcher = join(folder, 'launcher.mjs');
    writeFileSync(
      launcher,
      `import { start } from ${built('embedded/start.js')};
       const options = ${JSON.stringify({ root, dataDir, verbose: false, startedAt: 0, entryPoints })};
       process.exit(await start(options));`,
    );
    this.process = spawn(process.execPath, [launcher], {
      env: { PATH: process.env.PATH, PARLEY_NO_APT: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const collect = (chunk: Buffer): void => void (this.output += chunk.toString());
    this.process.stdout?.on('data', collect);
    this.process.stderr?.on('data', collect);
    this.ended = new Promise((resolve) => this.process.once('close', resolve));
  }

  async until(text: string): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (!this.output.includes(text)) {
      if (this.process.exitCode !== null || Date.now() > deadline) {
        throw new Error(`"${text}" never came:\n${this.output}`);
      }
      await sleep(20);
    }
  }

  async stop(): Promise<number | null> {
    this.process.kill('SIGTERM');
    return this.ended;
  }
}

function runRecords(dataDir: string): Record<string, RunRecord> {
  const folder = join(dataDir, 'run');
  return Object.fromEntries(
    readdirSync(folder).map((file) => [
      file.replace('.json', ''),
      JSON.parse(readFileSync(join(folder, file), 'utf8')) as RunRecord,
    ]),
  );
}

function everyProcess(dataDir: string): { pid: number; identity: string }[] {
  return Object.values(runRecords(dataDir)).flatMap(({ child, server }) => (server ? [child, server] : [child]));
}

function alive(processes: { pid: number; identity: string }[]): number[] {
  return processes.filter(({ pid, identity }) => processIdentity(pid) === identity).map(({ pid }) => pid);
}

async function untilGone(processes: { pid: number; identity: string }[]): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (alive(processes).length > 0 && Date.now() < deadline) {
    await sleep(50);
  }
  expect(alive(processes)).toEqual([]);
}

/** For a test's launches: a first one makes a database and starts seven processes. */
const LAUNCHES_MS = 180_000;

describe('the launcher', () => {
  let dataDir: string;
  let env: Record<string, string>;
  const launches: Launch[] = [];

  const launch = (stubs?: Partial<Stubs>, more: Record<string, string> = {}): Launch => {
    const started = new Launch(dataDir, { ...env, ...more }, stubs);
    launches.push(started);
    return started;
  };

  beforeAll(async () => {
    // Inside the project, so that the stubs find its packages.
    mkdirSync(join(root, '.data'), { recursive: true });
    dataDir = mkdtempSync(join(root, '.data', 'embedded-spec-'));
    env = { PORT: String(await findFreePort()), SIMULATOR_PORT: String(await findFreePort()) };
    const hasRedis = ['redis-server', 'valkey-server'].some((name) => spawnSync(name, ['--version']).status === 0);
    if (!hasRedis && process.env.TEST_REDIS_URL) {
      env.REDIS_URL = process.env.TEST_REDIS_URL;
    }
  });

  afterEach(async () => {
    await Promise.all(launches.splice(0).map((started) => started.stop()));
  });

  afterAll(() => {
    rmSync(dataDir, { recursive: true, force: true });
  });

  it(
    'starts everything, shows the key once, and stops without a trace',
    async () => {
      const first = launch();
      await first.until('send-message');
      const key = /PARLEY_API_KEY=(parley_\S+)/.exec(first.output)?.[1];
      const runtimeFile = join(dataDir, 'runtime.env');
      const processes = everyProcess(dataDir);

      expect(first.output).toContain(`http://localhost:${env.PORT}/whatsapp/api`);
      expect(parseEnv(readFileSync(runtimeFile, 'utf8'))).toMatchObject({ BOOTSTRAP_API_KEY: key, PORT: env.PORT });
      expect(statSync(runtimeFile).mode & 0o777).toBe(0o600);
      expect(statSync(join(dataDir, 'secrets.json')).mode & 0o777).toBe(0o600);
      expect(await first.stop()).toBe(0);
      expect(alive(processes)).toEqual([]);
      expect(readdirSync(dataDir)).not.toContain('runtime.env');

      const second = launch();
      await second.until('send-message');
      expect(second.output).toContain('2 contacts');
      expect(second.output).toContain('shown at the first start');
      expect(second.output).not.toContain(key);
    },
    LAUNCHES_MS,
  );

  it(
    'leaves no process behind when it is killed, and starts again on the same ports and data',
    async () => {
      const first = launch();
      await first.until('is ready');
      const processes = everyProcess(dataDir);
      first.process.kill('SIGKILL');
      await untilGone(processes);

      const second = launch();
      await second.until('is ready');
      expect(await second.stop()).toBe(0);
    },
    LAUNCHES_MS,
  );

  it(
    'takes over from servers whose guards were killed too',
    async () => {
      const first = launch();
      await first.until('is ready');
      const processes = everyProcess(dataDir);
      const { postgres } = runRecords(dataDir);
      first.process.kill('SIGKILL');
      process.kill(postgres?.child.pid ?? 0, 'SIGKILL');
      await first.ended;

      const second = launch();
      await second.until('is ready');
      expect(alive(processes)).toEqual([]);
    },
    LAUNCHES_MS,
  );

  it(
    'starts a crashed child again',
    async () => {
      const running = launch();
      await running.until('is ready');
      const before = runRecords(dataDir).worker?.child.pid ?? 0;
      process.kill(before, 'SIGKILL');
      await running.until('The worker ended by SIGKILL; starting it again');
      await until(() => {
        const after = runRecords(dataDir).worker?.child;
        return after !== undefined && after.pid !== before && alive([after]).length === 1;
      });
    },
    LAUNCHES_MS,
  );

  it(
    'gives up on a child that crashes again and again',
    async () => {
      const crashing = launch({
        worker: `process.send({ event: 'ready' }); setTimeout(() => { console.log('no luck'); process.exit(7); }, 1_500);`,
      });
      expect(await crashing.ended).toBe(1);
      expect(crashing.output).toContain('The worker ended with code 7, 5 times within 30 s');
      expect(crashing.output).toContain('no luck');
    },
    LAUNCHES_MS,
  );

  it(
    'shows why a child did not start',
    async () => {
      const failing = launch({ api: `console.error('the setting X is missing'); process.exit(2);` });
      expect(await failing.ended).toBe(1);
      expect(failing.output).toContain('The API ended with code 2 while it started.');
      expect(failing.output).toContain('the setting X is missing');
    },
    LAUNCHES_MS,
  );

  it(
    'names the port that is taken',
    async () => {
      const server = createServer().listen(Number(env.PORT));
      const refused = launch();
      expect(await refused.ended).toBe(1);
      expect(refused.output).toContain(`Port ${env.PORT} (PORT) is already in use. Choose another one`);
      server.close();
    },
    LAUNCHES_MS,
  );

  it(
    'starts no simulator and makes no demo when Graph is elsewhere',
    async () => {
      const running = launch(
        { simulator: 'process.exit(1)', demo: 'process.exit(1)' },
        { GRAPH_API_BASE_URL: 'http://127.0.0.1:9' },
      );
      await running.until('is ready');
      expect(Object.keys(runRecords(dataDir))).toEqual(expect.arrayContaining(['api', 'worker']));
      expect(Object.keys(runRecords(dataDir))).not.toContain('simulator');
      expect(running.output).not.toContain('emo account');
    },
    LAUNCHES_MS,
  );
});

describe('the environment for the children', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'parley-environment-'));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it('prefers the shell to .env, and completes what is missing with secrets that stay', () => {
    writeFileSync(join(folder, '.env'), 'DEFAULT_COUNTRY=US\nLOG_LEVEL=debug\n');
    const env = readEnvironment(folder, { LOG_LEVEL: 'warn', PORT: '' });
    expect(env).toEqual({ DEFAULT_COUNTRY: 'US', LOG_LEVEL: 'warn' });

    const derived = {
      databaseUrl: 'postgres://d',
      redisUrl: 'redis://r',
      redisIsStandIn: true,
      port: 3001,
      simulatorPort: 4011,
    };
    const complete = (): NodeJS.ProcessEnv =>
      completeEnvironment(env, derived, new State(join(folder, 'secrets.json')));
    const first = complete();
    expect(first).toMatchObject({
      DATABASE_URL: 'postgres://d',
      REDIS_STAND_IN: '1',
      PUBLIC_BASE_URL: 'http://localhost:3001',
      GRAPH_API_BASE_URL: 'http://127.0.0.1:4011',
    });
    expect(Buffer.from(first.ENCRYPTION_KEYS?.replace('k1:', '') ?? '', 'base64')).toHaveLength(32);
    expect(complete()).toEqual(first);
  });

  it('writes values that are read back unchanged', () => {
    const file = join(folder, 'runtime.env');
    writeFileSync(join(folder, '.env.example'), '# OPT_OUT_KEYWORDS=stop\nHOST=\n');
    const env = {
      OPT_OUT_KEYWORDS: `stop, "don't" # here`,
      HOST: '::',
      UNRELATED: 'x',
      DATABASE_URL: 'postgres://a:b@c/d',
    };
    writeRuntimeFile(file, folder, env);
    expect(parseEnv(readFileSync(file, 'utf8'))).toEqual({
      OPT_OUT_KEYWORDS: env.OPT_OUT_KEYWORDS,
      HOST: '::',
      DATABASE_URL: env.DATABASE_URL,
    });
  });
});

describe('the lock of a checkout', () => {
  it('is held by one process, and a stale one counts for nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'parley-lock-'));
    const file = join(folder, 'start.lock');
    const modulePath: string = join(root, 'scripts/lock.mjs');
    const { takeLock } = (await import(modulePath)) as {
      takeLock: (path: string) => { held: boolean; release: () => void; owner: { pid: number } };
    };

    writeFileSync(file, JSON.stringify({ pid: process.pid, identity: 'an earlier process with our number' }));
    const mine = takeLock(file);
    expect(mine.held).toBe(true);
    expect(takeLock(file)).toMatchObject({ held: false, owner: { pid: process.pid } });
    mine.release();
    expect(readdirSync(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
  });
});
