/**
 * A campaign to a million people: how long a file of them takes to upload and an audience of contacts to be brought in, at
 * what pace they are then written to and how evenly, what it costs in memory, and how soon a cancel is felt. Run by hand:
 *
 *   npm run build
 *   TEST_DATABASE_URL=postgres://… TEST_REDIS_URL=redis://… node test/bench/campaign-million.mjs [recipients=1000000]
 *
 * Makes a database of its own on that server and drops it (BENCH_KEEP=1 keeps it); uses Redis database 9, and its memory is
 * the server's. RATE (1000 a second), SECONDS (60, of each run), LATENCY_MS (50), STATUSES (0: Meta sends none), ONLY (csv or
 * contacts) and DIST change what the names say.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Redis } from 'ioredis';
import pg from 'pg';

const RECIPIENTS = Number(process.argv[2] ?? 1_000_000);
const RATE = Number(process.env.RATE ?? 1_000);
const SECONDS = Number(process.env.SECONDS ?? 60);
const LATENCY_MS = Number(process.env.LATENCY_MS ?? 50);
const HAS_STATUSES = process.env.STATUSES !== '0';
const DIST = resolve(process.env.DIST ?? 'dist/src');
const KEY = 'bench-key-0123456789abcdef0123456789';
const NUMBER = '300000000000001';
/** Of files and of contacts: nobody is in both. */
const FIRST_OF_FILE = 8_000_000_000;
const FIRST_CONTACT = 7_000_000_000;
const FILL_BATCH = 50_000;
/** A campaign is looked at this often, as a page that shows its progress does. */
const LOOK_MS = 500;
/** What was on its way when a campaign was cancelled has arrived after this long. */
const SETTLE_MS = 3_000;
const MB = 2 ** 20;
const TICKS_PER_S = 100;

const name = `parley_bench_${randomBytes(4).toString('hex')}`;
const databaseUrl = Object.assign(new URL(required('TEST_DATABASE_URL')), { pathname: `/${name}` }).toString();
const redisUrl = `${required('TEST_REDIS_URL').replace(/\/\d*$/, '')}/9`;
const [port, simulatorPort] = [await freePort(), await freePort()];
const apiUrl = `http://127.0.0.1:${port}/whatsapp/api`;
const simulatorUrl = `http://127.0.0.1:${simulatorPort}/__simulate`;
const appSecret = randomBytes(16).toString('hex');
const env = {
  ...process.env,
  NODE_ENV: 'production',
  PORT: String(port),
  HOST: '127.0.0.1',
  DATABASE_URL: databaseUrl,
  REDIS_URL: redisUrl,
  ENCRYPTION_KEYS: `bench:${randomBytes(32).toString('base64')}`,
  BOOTSTRAP_API_KEY: KEY,
  WHATSAPP_APP_SECRET: appSecret,
  GRAPH_API_BASE_URL: `http://127.0.0.1:${simulatorPort}`,
  SIMULATOR_PORT: String(simulatorPort),
  SIMULATOR_CALLBACK_URL: `http://127.0.0.1:${port}/whatsapp/webhook/`,
  RATE_LIMIT_PER_KEY: '0',
  LOG_LEVEL: 'error',
};

const children = new Map();
const redis = new Redis(redisUrl, { lazyConnect: true });
await asAdmin(
  `create database ${name} template template0 encoding 'UTF8' locale_provider builtin builtin_locale 'C.UTF-8' locale 'C'`,
);
await asAdmin(`alter database ${name} set jit = off`);
try {
  await redis.connect();
  await ended(launch('migration', 'cli.js', 'migrate'));
  await start();
  const templateId = await prepare();
  print('before', await footprint());
  if (process.env.ONLY !== 'contacts') {
    await measureFile(templateId);
  }
  if (process.env.ONLY !== 'csv') {
    await measureContacts(templateId);
  }
} finally {
  await Promise.all([...children.values()].map((child) => (child.kill('SIGKILL'), ended(child))));
  redis.disconnect();
  if (!process.env.BENCH_KEEP) {
    await asAdmin(`drop database if exists ${name} with (force)`);
  }
}

async function start() {
  launch('simulator', 'simulator/main.js');
  launch('api', 'main.js');
  launch('worker', 'worker.js');
  await until(async () => (await fetch(`http://127.0.0.1:${port}/health/ready`)).ok);
  await until(async () => (await fetch(`${simulatorUrl}/ledger`)).ok);
}

/** One account that may send at the rate, and its templates. @returns the template to send */
async function prepare() {
  await simulate('PUT', 'config', {
    messages_per_second: RATE,
    latency_ms: LATENCY_MS,
    webhooks: { enabled: HAS_STATUSES },
  });
  await call('POST', '/accounts', {
    name: 'Bench',
    phone_number_id: NUMBER,
    waba_id: '200000000000001',
    access_token: 'EAAbench',
    messages_per_second: RATE,
  });
  await call('POST', '/templates/sync', {});
  const { templates } = await call('GET', '/templates?limit=200');
  return templates.find((template) => template.name === 'order_update').id;
}

async function measureFile(templateId) {
  const { id } = await create(templateId, { audience_type: 'csv', parameter_mappings: { 1: 'name', 2: 'order_id' } });
  const file = new Blob(csvLines(), { type: 'text/csv' });
  const form = new FormData();
  form.append('file', file, 'audience.csv');
  const [upload, uploadS] = await timed(() => call('POST', `/campaigns/${id}/csv`, form));
  print('file', {
    recipients: upload.accepted,
    mb: file.size / MB,
    upload_s: uploadS,
    lines_per_s: upload.total / uploadS,
    ...(await footprint()),
  });
  await measureRun(id, 'run of the file');
}

async function measureContacts(templateId) {
  const [, fillS] = await timed(fillContacts);
  const { id } = await create(templateId, {
    audience_type: 'contacts',
    audience_filters: { name__startswith: 'Contact ' },
    parameter_mappings: { 1: 'name', 2: { field: 'email', default: 'none' } },
  });
  print('contacts', { people: RECIPIENTS, fill_s: fillS });
  await measureRun(id, 'run of the contacts');
}

/** Runs it for a while, cancels it if it is not through, and deletes it. */
async function measureRun(id, title) {
  await simulate('DELETE', 'ledger');
  const before = cpuS();
  const [, runS] = await timed(() => call('POST', `/campaigns/${id}/run`));
  const startedAt = performance.now();
  const seen = await watch(id, startedAt);
  const cpu = cpuS();
  const isOver = seen.last.status !== 'running';
  const cancelledAt = now();
  const [, cancelS] = isOver ? [null, 0] : await timed(() => call('POST', `/campaigns/${id}/cancel`));
  const sentAtCancel = (await simulate('GET', 'ledger')).accepted;
  await wait(SETTLE_MS);
  const ledger = await simulate('GET', 'ledger');
  const number = ledger.numbers[NUMBER];
  const after = await call('GET', `/campaigns/${id}`);
  print(title, {
    run_answered_s: runS,
    first_message_s: (number.first_arrival_ms - seen.startedAt) / 1_000,
    audience_s: seen.resolvedS,
    total: after.total_count,
    sent: after.sent_count,
    accepted: ledger.accepted,
    twice: ledger.recipients_messaged_more_than_once,
    refused: ledger.refused,
    unknown: after.unknown_count,
    average_per_s: number.average_per_second,
    share: number.average_per_second / RATE,
    highest_in_any_second: number.highest_in_any_second,
    look_p50_ms: at(seen.looks, 0.5),
    look_p99_ms: at(seen.looks, 0.99),
    looks_that_do_not_add_up: seen.wrong,
    api_cpu_us_per_message: ((cpu.api - before.api) * 1e6) / Math.max(1, ledger.accepted),
    worker_cpu_us_per_message: ((cpu.worker - before.worker) * 1e6) / Math.max(1, ledger.accepted),
    redis_highest_mb: seen.redisMb,
    ...(await footprint()),
    status: after.status,
    ...(isOver
      ? {}
      : {
          cancel_s: cancelS,
          arrived_after_cancel: ledger.accepted - sentAtCancel,
          last_arrival_after_cancel_s: Math.max(0, (number.last_arrival_ms - cancelledAt) / 1_000),
        }),
  });
  const [answer, deleteS] = await timed(() => request('DELETE', `/campaigns/${id}`));
  print('its deletion', { status: answer.status, s: deleteS, ...(await footprint()) });
}

/** Looks at it as a person would, until it ends or the time is over. */
async function watch(id, startedAt) {
  const seen = { startedAt: now(), looks: [], wrong: 0, redisMb: 0, resolvedS: null, last: { status: 'running' } };
  for (let next = startedAt; performance.now() - startedAt < SECONDS * 1_000;) {
    const [campaign, seconds] = await timed(() => call('GET', `/campaigns/${id}`));
    seen.looks.push(seconds * 1_000);
    seen.wrong += addsUp(campaign) ? 0 : 1;
    seen.redisMb = Math.max(seen.redisMb, await redisMb());
    seen.last = campaign;
    if (campaign.audience_state === 'resolved') {
      seen.resolvedS ??= (performance.now() - startedAt) / 1_000;
    }
    if (campaign.status !== 'running') {
      break;
    }
    next += LOOK_MS;
    await wait(Math.max(0, next - performance.now()));
  }
  seen.looks.sort((a, b) => a - b);
  return seen;
}

/** Contacts as an import makes them, only faster. */
async function fillContacts() {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  for (let from = 0; from < RECIPIENTS; from += FILL_BATCH) {
    await client.query(
      `with made as (
         insert into contacts (identity_key, phone, name, email)
         select 'phone:' || phone, phone, 'Contact ' || n, 'c' || n || '@example.com'
         from (select n, '+91' || ($1::bigint + n) as phone from generate_series($2::int, $3::int) as n) as wanted
         returning id, phone
       )
       insert into contact_identities (contact_id, kind, value) select id, 'phone', phone from made`,
      [FIRST_CONTACT, from, Math.min(from + FILL_BATCH, RECIPIENTS) - 1],
    );
  }
  await client.query('analyze contacts, contact_identities');
  await client.end();
}

function csvLines() {
  const parts = ['phone,name,order_id\n'];
  for (let from = 0; from < RECIPIENTS; from += FILL_BATCH) {
    const count = Math.min(FILL_BATCH, RECIPIENTS - from);
    const lines = Array.from({ length: count }, (_, index) => lineOf(from + index));
    parts.push(lines.join(''));
  }
  return parts;
}

function lineOf(index) {
  return `+91${FIRST_OF_FILE + index},Person ${index},ORD-${index}\n`;
}

function create(templateId, body) {
  return call('POST', '/campaigns', { name: 'A million', template_id: templateId, ...body });
}

function addsUp(campaign) {
  const { total_count, pending_count, sent_count, failed_count, skipped_count, unknown_count } = campaign;
  return total_count === pending_count + sent_count + failed_count + skipped_count + unknown_count;
}

async function call(method, path, body) {
  const { status, text } = await request(method, path, body);
  if (status >= 300) {
    throw new Error(`${method} ${path}: ${status} ${text.slice(0, 500)}`);
  }
  return text === '' ? null : JSON.parse(text);
}

async function request(method, path, body) {
  const isForm = body instanceof FormData;
  const answer = await fetch(apiUrl + path, {
    method,
    headers: { 'x-api-key': KEY, ...(body && !isForm ? { 'content-type': 'application/json' } : {}) },
    body: isForm || body === undefined ? body : JSON.stringify(body),
  });
  return { status: answer.status, text: await answer.text() };
}

async function simulate(method, path, body) {
  const answer = await fetch(`${simulatorUrl}/${path}`, { method, body: body && JSON.stringify(body) });
  if (!answer.ok) {
    throw new Error(`simulator ${method} ${path}: ${answer.status} ${await answer.text()}`);
  }
  const text = await answer.text();
  return text === '' ? null : JSON.parse(text);
}

/** Resident memory of the processes, now and at its highest; Linux only. */
async function footprint() {
  const memory = {};
  for (const role of ['api', 'worker']) {
    const status = readFileSync(`/proc/${children.get(role).pid}/status`, 'utf8');
    memory[`${role}_mb`] = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024;
    memory[`${role}_peak_mb`] = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1_024;
  }
  return { ...memory, redis_mb: await redisMb() };
}

async function redisMb() {
  return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]) / MB;
}

/** CPU seconds the processes have used so far; Linux only. */
function cpuS() {
  const of = (role) => {
    const fields = readFileSync(`/proc/${children.get(role).pid}/stat`, 'utf8')
      .split(') ')[1]
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
  };
  return { api: of('api'), worker: of('worker') };
}

function launch(role, script, ...args) {
  const child = spawn(process.execPath, [join(DIST, script), ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  children.set(role, child);
  return child;
}

function ended(child) {
  return child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((done) => child.once('exit', done));
}

async function until(look) {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await wait(100)) {
    if (await look().catch(() => false)) {
      return;
    }
  }
  throw new Error('A process did not come up.');
}

async function timed(work) {
  const begun = performance.now();
  const result = await work();
  return [result, (performance.now() - begun) / 1_000];
}

function at(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

function print(title, figures) {
  const shown = Object.entries(figures).map(([key, value]) =>
    typeof value === 'number' ? `${key} ${Math.round(value * 1_000) / 1_000}` : `${key} ${value}`,
  );
  console.log(`${title}\n  ${shown.join('\n  ')}`);
}

/** As the simulator's clock. */
function now() {
  return performance.timeOrigin + performance.now();
}

function wait(ms) {
  return new Promise((done) => setTimeout(done, ms));
}

async function asAdmin(statement) {
  const client = new pg.Client({ connectionString: required('TEST_DATABASE_URL') });
  await client.connect();
  await client.query(statement);
  await client.end();
}

function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = server.address();
      server.close(() => done(free));
    });
  });
}

function required(variable) {
  const value = process.env[variable];
  if (!value) {
    throw new Error(`Set ${variable}; see the head of this file.`);
  }
  return value;
}
