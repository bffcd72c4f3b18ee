/**
 * The built product in processes of its own, with the simulator behind it and one account, for benches: on a database that is
 * dropped afterwards (BENCH_KEEP=1 keeps it) and Redis database 9. DIST names another build of it.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Redis } from 'ioredis';
import pg from 'pg';

export const KEY = 'bench-key-0123456789abcdef0123456789';
export const NUMBER = '300000000000001';
const DIST = resolve(process.env.DIST ?? 'dist/src');
export const MB = 2 ** 20;
const TICKS_PER_S = 100;

/**
 * @param rate messages per second that the account and the simulator allow
 * @param latencyMs of Graph's answers
 * @param hasStatuses whether Meta sends statuses
 */
export async function startProduct({ rate, latencyMs, hasStatuses }) {
  const name = `parley_bench_${randomBytes(4).toString('hex')}`;
  const databaseUrl = Object.assign(new URL(required('TEST_DATABASE_URL')), { pathname: `/${name}` }).toString();
  const redisUrl = `${required('TEST_REDIS_URL').replace(/\/\d*$/, '')}/9`;
  const [port, simulatorPort] = [await freePort(), await freePort()];
  const apiUrl = `http://127.0.0.1:${port}/whatsapp/api`;
  const simulatorUrl = `http://127.0.0.1:${simulatorPort}/__simulate`;
  const env = {
    ...process.env,
    NODE_ENV: 'production',
    PORT: String(port),
    HOST: '127.0.0.1',
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    ENCRYPTION_KEYS: `bench:${randomBytes(32).toString('base64')}`,
    BOOTSTRAP_API_KEY: KEY,
    WHATSAPP_APP_SECRET: randomBytes(16).toString('hex'),
    GRAPH_API_BASE_URL: `http://127.0.0.1:${simulatorPort}`,
    SIMULATOR_PORT: String(simulatorPort),
    SIMULATOR_CALLBACK_URL: `http://127.0.0.1:${port}/whatsapp/webhook/`,
    RATE_LIMIT_PER_KEY: '0',
    LOG_LEVEL: 'error',
  };
  const children = new Map();
  const redis = new Redis(redisUrl, { lazyConnect: true });
  const launch = (role, script, ...args) => {
    const child = spawn(process.execPath, [join(DIST, script), ...args], {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    children.set(role, child);
    return child;
  };
  const close = async () => {
    await Promise.all([...children.values()].map((child) => (child.kill('SIGKILL'), ended(child))));
    redis.disconnect();
    if (!process.env.BENCH_KEEP) {
      await asAdmin(`drop database if exists ${name} with (force)`);
    }
  };

  async function request(method, path, body) {
    const isForm = body instanceof FormData;
    const answer = await fetch(apiUrl + path, {
      method,
      headers: { 'x-api-key': KEY, ...(body && !isForm ? { 'content-type': 'application/json' } : {}) },
      body: isForm || body === undefined ? body : JSON.stringify(body),
    });
    return { status: answer.status, text: await answer.text() };
  }

  async function call(method, path, body) {
    const { status, text } = await request(method, path, body);
    if (status >= 300) {
      throw new Error(`${method} ${path}: ${status} ${text.slice(0, 500)}`);
    }
    return text === '' ? null : JSON.parse(text);
  }

  async function simulate(method, path, body) {
    const answer = await fetch(`${simulatorUrl}/${path}`, { method, body: body && JSON.stringify(body) });
    if (!answer.ok) {
      throw new Error(`simulator ${method} ${path}: ${answer.status} ${await answer.text()}`);
    }
    const text = await answer.text();
    return text === '' ? null : JSON.parse(text);
  }

  async function redisMb() {
    return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]) / MB;
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

  await asAdmin(
    `create database ${name} template template0 encoding 'UTF8' locale_provider builtin builtin_locale 'C.UTF-8' locale 'C'`,
  );
  try {
    await asAdmin(`alter database ${name} set jit = off`);
    await redis.connect();
    await ended(launch('migration', 'cli.js', 'migrate'));
    launch('simulator', 'simulator/main.js');
    launch('api', 'main.js');
    launch('worker', 'worker.js');
    await until(async () => (await fetch(`http://127.0.0.1:${port}/health/ready`)).ok);
    await until(async () => (await fetch(`${simulatorUrl}/ledger`)).ok);
    await simulate('PUT', 'config', {
      messages_per_second: rate,
      latency_ms: latencyMs,
      webhooks: { enabled: hasStatuses },
    });
    await call('POST', '/accounts', {
      name: 'Bench',
      phone_number_id: NUMBER,
      waba_id: '200000000000001',
      access_token: 'EAAbench',
      messages_per_second: rate,
    });
    await call('POST', '/templates/sync', {});
  } catch (error) {
    await close();
    throw error;
  }
  return { apiUrl, databaseUrl, request, call, simulate, redisMb, footprint, cpuS, close };
}

export async function timed(work) {
  const begun = performance.now();
  const result = await work();
  return [result, (performance.now() - begun) / 1_000];
}

export function at(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

export function print(title, figures) {
  const shown = Object.entries(figures).map(([key, value]) =>
    typeof value === 'number' ? `${key} ${Math.round(value * 1_000) / 1_000}` : `${key} ${value}`,
  );
  console.log(`${title}\n  ${shown.join('\n  ')}`);
}

/** As the simulator's clock. */
export function now() {
  return performance.timeOrigin + performance.now();
}

export function wait(ms) {
  return new Promise((done) => setTimeout(done, ms));
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
    throw new Error(`Set ${variable}; see the head of the bench.`);
  }
  return value;
}
