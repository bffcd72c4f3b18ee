/**
 * How soon an appended event is out at the wire, and what 500 clients cost of which a tenth never reads.
 *
 *   npm run build
 *   TEST_DATABASE_URL=postgres://… TEST_REDIS_URL=redis://… node test/bench/events-latency.mjs
 *
 * Three processes of the built product: an API with all the streams, a writer that appends as a worker does, and this one,
 * which is the clients. Takes about a minute. CLIENTS, SILENT, DIST change what the names say.
 */
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { join } from 'node:path';
import pg from 'pg';

const DIST = process.env.DIST ?? join(process.cwd(), 'dist/src');
const CLIENTS = Number(process.env.CLIENTS ?? 500);
const SILENT = Number(process.env.SILENT ?? CLIENTS / 10);
const KEY = 'bench-key-0123456789abcdef0123456789';
/** However things go, it ends. */
const DEADLINE_MS = 150_000;

const now = () => performance.timeOrigin + performance.now();
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

if (process.send) {
  await serve(process.argv[2]);
} else {
  setTimeout(() => process.exit(1), DEADLINE_MS).unref();
  await main();
  process.exit(0);
}

/** A process of the product, told by messages what to do. */
async function serve(role) {
  const load = (file) => import(join(DIST, file));
  await import('reflect-metadata');
  const { AppModule } = await load('app.module.js');
  const { Config } = await load('config/config.js');
  const { createLogger } = await load('config/log.js');
  const { createApp } = await load('http/create-app.js');
  const { Database } = await load('database/database.js');
  const { Outbox } = await load('outbox/outbox.js');
  const config = Config.fromEnvironment();
  const logger = createLogger('warn', role);
  const app = await createApp(AppModule.forRoot(config, logger), config, logger);
  await (role === 'api' ? app.listen({ port: 0, host: '127.0.0.1' }) : app.init());
  const [database, outbox] = [app.get(Database), app.get(Outbox)];
  const append = (events) => database.transaction((tx) => outbox.append(tx, events));
  const event = (size) => ({
    type: 'message.status',
    accountId: null,
    subjectId: 1,
    payload: { at: now(), text: 'x'.repeat(size) },
  });
  const tasks = {
    /** So many transactions a second with so many events each. */
    append: async ({ perSecond, each, size, forMs }) => {
      const begin = performance.now();
      let appended = 0;
      let commits = 0;
      const running = new Set();
      while (performance.now() - begin < forMs) {
        const due = Math.floor(((performance.now() - begin) / 1_000) * perSecond) - commits;
        for (let i = 0; i < due && running.size < 8; i += 1) {
          const work = append(Array.from({ length: each }, () => event(size))).then(() => running.delete(work));
          running.add(work);
          commits += 1;
          appended += each;
        }
        await wait(1);
      }
      await Promise.all(running);
      return { appended };
    },
    memory: async () => {
      globalThis.gc?.();
      return { rssMb: process.memoryUsage().rss / 2 ** 20, cpuS: process.cpuUsage().user / 1e6 };
    },
    close: async () => {
      const begin = performance.now();
      await app.close();
      return { ms: performance.now() - begin };
    },
  };
  process.on('message', async ({ id, task, options }) => process.send({ id, answer: await tasks[task](options) }));
  process.send({ url: role === 'api' ? (await app.getUrl()).replace('[::1]', '127.0.0.1') : null });
}

async function start(role, env) {
  const child = fork(import.meta.filename, [role], { env, execArgv: ['--expose-gc'] });
  const [{ url }] = await new Promise((resolve) => child.once('message', (message) => resolve([message])));
  let last = 0;
  const waiting = new Map();
  child.on('message', ({ id, answer }) => waiting.get(id)?.(answer));
  const call = (task, options) =>
    new Promise((resolve) => {
      last += 1;
      waiting.set(last, resolve);
      child.send({ id: last, task, options });
    });
  return { url, call, kill: () => child.kill('SIGKILL') };
}

async function main() {
  const name = `parley_bench_${randomBytes(4).toString('hex')}`;
  const admin = new pg.Client(process.env.TEST_DATABASE_URL);
  await admin.connect();
  await admin.query(`create database ${name}`);
  const databaseUrl = Object.assign(new URL(process.env.TEST_DATABASE_URL), { pathname: `/${name}` }).toString();
  const { migrate } = await import(join(DIST, 'database/migrate.js'));
  await migrate(databaseUrl);
  const env = {
    ...process.env,
    NODE_ENV: 'production',
    DATABASE_URL: databaseUrl,
    REDIS_URL: process.env.TEST_REDIS_URL,
    ENCRYPTION_KEYS: `bench:${randomBytes(32).toString('base64')}`,
    BOOTSTRAP_API_KEY: KEY,
    RATE_LIMIT_PER_KEY: '0',
    GRAPH_API_BASE_URL: 'http://127.0.0.1:9',
  };
  const [api, writer] = await Promise.all([start('api', env), start('writer', env)]);
  try {
    await measure(api, writer);
  } finally {
    writer.kill();
    api.kill();
    await wait(200);
    await admin.query(`drop database ${name} with (force)`);
    await admin.end();
  }
}

async function measure(api, writer) {
  const seen = { count: 0, latencies: [] };
  const idle = await api.call('memory');
  await Promise.all(Array.from({ length: CLIENTS }, (_, i) => (i < SILENT ? ignore(api.url) : follow(api.url, seen))));
  const readers = CLIENTS - SILENT;
  print('clients', { readers, silent: SILENT, rssMb: idle.rssMb, rssMbWithClients: (await api.call('memory')).rssMb });

  const phases = [
    ['quiet: 20 events/s, one each', { perSecond: 20, each: 1, size: 200, forMs: 10_000 }],
    ['steady: 200 events/s, ten each', { perSecond: 20, each: 10, size: 200, forMs: 10_000 }],
    ['heavy events: 40/s of 8 kB, until the silent are gone', { perSecond: 20, each: 2, size: 8_000, forMs: 15_000 }],
    ['after that: 200 events/s, ten each', { perSecond: 20, each: 10, size: 200, forMs: 5_000 }],
  ];
  for (const [title, options] of phases) {
    Object.assign(seen, { count: 0, latencies: [] });
    const before = await api.call('memory');
    const { appended } = await writer.call('append', options);
    for (let i = 0; i < 100 && seen.count < appended * readers; i += 1) {
      await wait(50);
    }
    const after = await api.call('memory');
    print(title, {
      appended,
      missing: appended * readers - seen.count,
      ...percentiles(seen.latencies),
      rssMb: after.rssMb,
      apiCpu: (after.cpuS - before.cpuS) / (options.forMs / 1_000),
      ...(await metrics(api.url)),
    });
  }
  print('close with open streams', await api.call('close'));
}

/** A client that reads as fast as it can. */
async function follow(url, seen) {
  const incoming = await open(url);
  let rest = '';
  incoming.setEncoding('utf8');
  incoming.on('data', (chunk) => {
    const at = now();
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith('data: ')) {
        seen.count += 1;
        seen.latencies.push(
          at - Number(line.slice(line.indexOf('"at":') + 5, line.indexOf('"at":') + 25).split(/[,}]/)[0]),
        );
      }
    }
  });
}

/** A client that takes the headers and nothing else. */
async function ignore(url) {
  (await open(url)).on('error', () => undefined);
}

function open(url) {
  return new Promise((resolve, reject) => {
    const request = http.get(
      `${url}/whatsapp/api/events`,
      { agent: false, headers: { 'x-api-key': KEY } },
      (incoming) =>
        incoming.statusCode === 200 ? resolve(incoming) : reject(new Error(`status ${incoming.statusCode}`)),
    );
    request.on('error', reject);
  });
}

async function metrics(url) {
  const text = await (await fetch(`${url}/metrics`)).text();
  const read = (name) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.split(' ')[1] ?? 0,
    );
  return { open: read('parley_event_streams'), evicted: read('parley_event_streams_ended_total{reason="too_slow"}') };
}

function percentiles(values) {
  const sorted = Float64Array.from(values).sort();
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

function print(title, figures) {
  const rounded = Object.entries(figures).map(([name, value]) => `${name} ${Math.round(value * 100) / 100}`);
  process.stdout.write(`${title}\n  ${rounded.join(', ')}\n`);
}
