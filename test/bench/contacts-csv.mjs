/**
 * A file of contacts there and back: import, export, import of the export, export again. Prints how long each took, the
 * highest memory of the API and of the worker, and whether the second export is the first to the byte.
 *
 *   npm run build
 *   TEST_DATABASE_URL=postgres://… TEST_REDIS_URL=redis://… node test/bench/contacts-csv.mjs [contacts=20000]
 *
 * Makes a database of its own on that server, and drops it.
 */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

const COUNT = Number(process.argv[2] ?? 20_000);
const PORT = Number(process.env.PORT ?? 39_117);
const KEY = 'bench-admin-key-0123456789';
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const api = `http://127.0.0.1:${PORT}/whatsapp/api`;
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
  GRAPH_API_BASE_URL: 'http://127.0.0.1:9',
  RATE_LIMIT_PER_KEY: '0',
  LOG_LEVEL: 'error',
};

const children = [];
await asAdmin(`create database ${name}`);
try {
  await ended(launch('cli.js', 'migrate'));
  const server = launch('main.js');
  const worker = launch('worker.js');
  await until(() => fetch(`http://127.0.0.1:${PORT}/health/ready`).then((answer) => answer.ok));
  await call('POST', '/accounts', { name: 'Bench', access_token: 'EAAbench', phone_number_id: '1' });

  const file = Buffer.from(
    [
      'phone,name,email,labels,notes,opted_out',
      ...Array.from(
        { length: COUNT },
        (_, index) =>
          `+9198${String(index).padStart(8, '0')},Person ${index},p${index}@example.com,"L${index % 20},VIP","=note ${index}",${index % 50 === 0}`,
      ),
    ].join('\n'),
  );
  const report = { contacts: COUNT, file_mb: round(file.length / 2 ** 20) };
  report.api_idle_mb = peakMb(server);
  report.worker_idle_mb = peakMb(worker);
  report.import_s = await timed(() => importOf(file));
  const first = { bytes: null };
  report.export_s = await timed(async () => (first.bytes = await download()));
  report.import_again_s = await timed(() => importOf(first.bytes));
  const second = await download();
  report.export_mb = round(second.length / 2 ** 20);
  report.is_identical = hash(first.bytes) === hash(second);
  report.api_peak_mb = peakMb(server);
  report.worker_peak_mb = peakMb(worker);
  console.log(JSON.stringify(report, null, 2));
} finally {
  await Promise.all(
    children.filter((child) => child.exitCode === null).map((child) => (child.kill('SIGTERM'), ended(child))),
  );
  await asAdmin(`drop database if exists ${name} with (force)`);
}

/** Until the last line is in. */
async function importOf(bytes) {
  const form = new FormData();
  form.append('file', new Blob([bytes], { type: 'text/csv' }), 'contacts.csv');
  const { import: started, ...done } = await call('POST', '/contacts/import', form);
  if (!started) {
    return done;
  }
  for (;;) {
    const look = await call('GET', `/contact-imports/${started.id}`);
    if (look.status === 'completed') {
      return look;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function download() {
  const answer = await fetch(`${api}/contacts/export`, { headers: { 'x-api-key': KEY } });
  return Buffer.from(await answer.arrayBuffer());
}

async function call(method, path, body) {
  const isForm = body instanceof FormData;
  const answer = await fetch(api + path, {
    method,
    headers: { 'x-api-key': KEY, ...(body && !isForm ? { 'content-type': 'application/json' } : {}) },
    body: isForm ? body : JSON.stringify(body),
  });
  if (!answer.ok) {
    throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  }
  return answer.json();
}

function launch(script, ...args) {
  const child = spawn(process.execPath, [join(root, 'dist/src', script), ...args], {
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  children.push(child);
  return child;
}

function ended(child) {
  return new Promise((resolve) => child.once('exit', resolve));
}

async function until(look) {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    if (await look().catch(() => false)) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('The API does not answer');
}

async function timed(work) {
  const begun = performance.now();
  await work();
  return round((performance.now() - begun) / 1_000);
}

/** Highest resident memory of a process there ever was; Linux only. */
function peakMb(child) {
  try {
    return round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1_024);
  } catch {
    return null;
  }
}

async function asAdmin(statement) {
  const client = new pg.Client({ connectionString: required('TEST_DATABASE_URL') });
  await client.connect();
  await client.query(statement);
  await client.end();
}

function hash(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
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
