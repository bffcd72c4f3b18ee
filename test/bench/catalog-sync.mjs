/**
 * Syncs a catalog of Meta's: all new; again with 1 % changed and 1 % gone; again with nothing changed; then all changed, with
 * the worker killed half way. Prints how long each took, what it came to, and the highest memory of the API and of the worker.
 *
 *   npm run build
 *   TEST_DATABASE_URL=postgres://… TEST_REDIS_URL=redis://… node test/bench/catalog-sync.mjs [products=25000]
 *
 * Makes a database of its own on that server, and drops it. PARLEY_DIST: where the build is, if not in dist.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

const COUNT = Number(process.argv[2] ?? 25_000);
const PORT = Number(process.env.PORT ?? 39_127);
const SIMULATOR_PORT = PORT + 1;
const KEY = 'bench-admin-key-0123456789';
const CATALOG = '500000000000500';
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const dist = process.env.PARLEY_DIST ?? join(root, 'dist');
const api = `http://127.0.0.1:${PORT}/whatsapp/api`;
const simulator = `http://127.0.0.1:${SIMULATOR_PORT}/__simulate`;
const name = `parley_bench_${randomBytes(4).toString('hex')}`;
const databaseUrl = Object.assign(new URL(required('TEST_DATABASE_URL')), { pathname: `/${name}` }).toString();

const env = {
  ...process.env,
  NODE_ENV: 'test',
  PORT: String(PORT),
  HOST: '127.0.0.1',
  DATABASE_URL: databaseUrl,
  REDIS_URL: `${required('TEST_REDIS_URL').replace(/\/\d*$/, '')}/9`,
  ENCRYPTION_KEYS: `bench:${randomBytes(32).toString('base64')}`,
  BOOTSTRAP_API_KEY: KEY,
  GRAPH_API_BASE_URL: `http://127.0.0.1:${SIMULATOR_PORT}`,
  SIMULATOR_PORT: String(SIMULATOR_PORT),
  RATE_LIMIT_PER_KEY: '0',
  LOG_LEVEL: 'error',
};

const children = [];
await asAdmin(`create database ${name}`);
try {
  await ended(launch('cli.js', 'migrate'));
  launch('simulator/main.js');
  const server = launch('main.js');
  const worker = launch('worker.js');
  await until(() => fetch(`http://127.0.0.1:${PORT}/health/ready`).then((answer) => answer.ok));
  await until(() => fetch(`${simulator}/catalogs`).then((answer) => answer.ok));
  await call('POST', '/accounts', { name: 'Bench', access_token: 'EAAbench', phone_number_id: '300000000000001' });
  await tell({ generate: COUNT });
  await call('GET', '/catalog/products?limit=200');

  const percent = Math.round(COUNT / 100);
  const report = { products: COUNT, api_idle_mb: peakMb(server), worker_idle_mb: peakMb(worker) };
  report.first = await sync();
  await tell({ change: percent, remove_last: percent });
  report.second_1_percent_changed_1_percent_gone = await sync();
  await tell({});
  report.third_nothing_changed = await sync();
  report.api_peak_mb = peakMb(server);
  report.worker_peak_mb = peakMb(worker);

  await tell({ change: COUNT - percent });
  const asked = sync();
  await until(async () => {
    const [look] = (await call('GET', '/catalog/syncs?limit=1')).syncs;
    return look.status === 'running' && look.synced > COUNT / 4;
  });
  worker.kill('SIGKILL');
  await ended(worker);
  launch('worker.js');
  report.worker_killed_half_way = await asked;
  report.database = await rows(
    `select count(*)::int as products, count(*) filter (where is_active)::int as active,
       count(*) filter (where availability = 'out of stock')::int as out_of_stock,
       (select count(*)::int from catalog_sync_products) as left_over
     from catalog_products`,
  );
  console.log(JSON.stringify(report, null, 2));
} finally {
  await Promise.all(
    children
      .filter((child) => child.exitCode === null && child.signalCode === null)
      .map((child) => (child.kill('SIGTERM'), ended(child))),
  );
  await asAdmin(`drop database if exists ${name} with (force)`);
}

/** Until it is over, however often one has to look. */
async function sync() {
  const begun = performance.now();
  let look = await call('POST', '/catalog/sync', { catalog_id: CATALOG });
  while (look.status === 'running') {
    await new Promise((resolve) => setTimeout(resolve, 100));
    look = await call('GET', `/catalog/syncs/${look.id}`);
  }
  const { status, synced, created, updated, removed } = look;
  return { seconds: round((performance.now() - begun) / 1_000), status, synced, created, updated, removed };
}

async function tell(body) {
  const answer = await fetch(`${simulator}/catalogs/${CATALOG}`, { method: 'PUT', body: JSON.stringify(body) });
  if (!answer.ok) {
    throw new Error(await answer.text());
  }
}

async function call(method, path, body) {
  const answer = await fetch(api + path, {
    method,
    headers: { 'x-api-key': KEY, ...(body ? { 'content-type': 'application/json' } : {}) },
    body: JSON.stringify(body),
  });
  if (!answer.ok) {
    throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  }
  return answer.json();
}

function launch(script, ...args) {
  const child = spawn(process.execPath, [join(dist, 'src', script), ...args], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  children.push(child);
  return child;
}

function ended(child) {
  return child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once('exit', resolve));
}

async function until(look) {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    if (await look().catch(() => false)) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('Did not come true');
}

/** Highest resident memory of a process there ever was; Linux only. */
function peakMb(child) {
  try {
    return round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1_024);
  } catch {
    return null;
  }
}

async function rows(statement) {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const { rows: found } = await client.query(statement);
  await client.end();
  return found[0];
}

async function asAdmin(statement) {
  const client = new pg.Client({ connectionString: required('TEST_DATABASE_URL') });
  await client.connect();
  await client.query(statement);
  await client.end();
}

function round(value) {
  return Math.round(value * 100) / 100;
}

function required(variable) {
  const value = process.env[variable];
  if (!value) {
    throw new Error(`Set ${variable}.`);
  }
  return value;
}
