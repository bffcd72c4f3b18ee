/**
 * How long reading the inbox takes, over HTTP, with a small and a large installation, and whether any of it reads a whole
 * table. Run by hand after `npm run build`:
 *
 *   BENCH_DATABASE_URL=postgres://…/postgres BENCH_REDIS_URL=redis://… node test/bench/inbox-reads.mjs [conversations …]
 *
 * Makes a database of its own for each size (1,000 and 100,000 conversations, ten messages each) and drops it; with
 * BENCH_KEEP=1 it stays, and is used again. BENCH_DIST names the folder of the build (dist).
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import pg from 'pg';
import { Client } from 'undici';
import { COMMON_NAME, COMMON_WORD, fillInbox, MIDDLE_WORD, RARE_NAME, RARE_WORD } from './inbox-data.mjs';

const ADMIN_URL = required('BENCH_DATABASE_URL');
const REDIS_URL = required('BENCH_REDIS_URL');
const DIST = resolve(process.env.BENCH_DIST ?? 'dist');
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
const REQUESTS = 200;
/** Of a slow case fewer are enough. */
const SECONDS_PER_CASE = 4;
const KEY = 'bench-key-0123456789abcdef';
/** The same on every run, for databases that are used again. */
const ENCRYPTION_KEYS = `bench:${Buffer.alloc(32, 7).toString('base64')}`;
const BIG_TABLES = ['conversations', 'messages', 'contacts', 'contact_identities'];

const given = process.argv.slice(2).map(Number);
const installations = [];
try {
  for (const conversations of given.length > 0 ? given : [1_000, 100_000]) {
    installations.push(await open(conversations));
  }
  const measured = [];
  for (const label of installations[0].cases.keys()) {
    measured.push([label, await measureCase(label)]);
  }
  report(measured);
} finally {
  for (const installation of installations) {
    await installation.close();
  }
}

/** A filled database, and a server on it. */
async function open(conversations) {
  const name = `bench_inbox_${conversations}`;
  const url = Object.assign(new URL(ADMIN_URL), { pathname: `/${name}` }).toString();
  if (await createDatabase(name)) {
    await prepare(url, conversations);
  }
  const server = await startServer(url);
  const database = new pg.Client({ connectionString: url });
  await database.connect();
  return {
    conversations,
    database,
    request: server.request,
    cases: await casesOf(server.request, database),
    close: async () => {
      await server.stop();
      await database.end();
      if (!process.env.BENCH_KEEP) {
        await asAdmin((client) => client.query(`drop database if exists ${name} with (force)`));
      }
    },
  };
}

/** As the product's own databases are made; see src/embedded and docker/. */
async function createDatabase(name) {
  return asAdmin(async (client) => {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (rowCount && process.env.BENCH_KEEP) {
      return false;
    }
    await client.query(`drop database if exists ${name} with (force)`);
    await client.query(
      `create database ${name} template template0 encoding 'UTF8' locale_provider builtin builtin_locale 'C.UTF-8' locale 'C'`,
    );
    await client.query(`alter database ${name} set jit = off`);
    return true;
  });
}

async function prepare(url, conversations) {
  const { migrate } = await import(pathToFileURL(`${DIST}/src/database/migrate.js`).href);
  await migrate(url);
  const server = await startServer(url);
  for (const n of [1, 2]) {
    const account = { name: `Bench ${n}`, phone_number_id: `30000000000000${n}`, access_token: 'EAAbench' };
    await server.request('POST', '/accounts', account);
  }
  await server.stop();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`update accounts set portfolio_id = 'bench'`);
  const { rows } = await client.query('select id from accounts order by id');
  const start = performance.now();
  await fillInbox(
    client,
    conversations,
    rows.map((row) => row.id),
  );
  await client.end();
  console.error(`filled ${conversations} conversations in ${Math.round((performance.now() - start) / 1_000)} s`);
}

async function startServer(url) {
  const port = await freePort();
  const server = spawn(process.execPath, [`${DIST}/src/main.js`], {
    env: {
      ...process.env,
      NODE_ENV: 'production',
      DATABASE_URL: url,
      REDIS_URL,
      ENCRYPTION_KEYS,
      BOOTSTRAP_API_KEY: KEY,
      WHATSAPP_APP_SECRET: randomBytes(16).toString('hex'),
      GRAPH_API_BASE_URL: 'http://127.0.0.1:9',
      RATE_LIMIT_PER_KEY: '0',
      LOG_LEVEL: 'error',
      HOST: '127.0.0.1',
      PORT: String(port),
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const client = new Client(`http://127.0.0.1:${port}`);
  const request = async (method, path, body) => {
    const answer = await client.request({
      method,
      path: `/whatsapp/api${path}`,
      headers: { 'x-api-key': KEY, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 300) {
      throw new Error(`${method} ${path}: ${answer.statusCode} ${text.slice(0, 300)}`);
    }
    return text;
  };
  await untilReady(`http://127.0.0.1:${port}/health/ready`);
  return {
    request,
    stop: async () => {
      await client.destroy();
      server.kill('SIGKILL');
    },
  };
}

/** What is asked for, by what it is called. */
async function casesOf(request, database) {
  const { rows } = await database.query(
    `select k.phone from contacts k where k.id = (
       select contact_id from messages where account_id = (select min(id) from accounts) group by contact_id order by count(*) desc limit 1)`,
  );
  const chat = rows[0].phone;
  const deep = await cursorAfter(request, '/chats?limit=200', 10);
  const deepCommon = await cursorAfter(request, `/chats?limit=200&q=${COMMON_WORD}`, 3);
  return new Map([
    ['chats, first page', '/chats'],
    ['chats, page 41', `/chats?cursor=${deep}`],
    ['chats, label', '/chats?label=VIP'],
    ['chats, rare label', '/chats?label=Complaint'],
    ['chats, unread', '/chats?unread=true'],
    ['chats, open', '/chats?status=open'],
    ['chats, of an agent', '/chats?assigned_to=agent7@example.com'],
    ['chats, of nobody', '/chats?assigned_to=none'],
    ['chats, label + open + unread', '/chats?label=Lead&status=open&unread=true'],
    ['chats, label + open + agent', '/chats?label=Lead&status=open&assigned_to=agent7@example.com'],
    ['chats, common name', `/chats?q=${COMMON_NAME}`],
    ['chats, rare name', `/chats?q=${RARE_NAME}`],
    ['chats, whole name', '/chats?q=priya%20kumar'],
    ['chats, name in Hindi', `/chats?q=${encodeURIComponent('राम')}`],
    ['chats, two letters', '/chats?q=pr'],
    ['chats, one letter', '/chats?q=m'],
    ['chats, part of a phone', '/chats?q=900007'],
    ['chats, whole phone', `/chats?q=${encodeURIComponent(chat)}`],
    ['chats, common username', '/chats?q=user.'],
    ['chats, common word', `/chats?q=${COMMON_WORD}`],
    ['chats, common word, deep', `/chats?q=${COMMON_WORD}&cursor=${deepCommon}`],
    ['chats, common word, label', `/chats?q=${COMMON_WORD}&label=Complaint`],
    ['chats, two common words', '/chats?q=order%20please'],
    ['chats, middle word', `/chats?q=${MIDDLE_WORD}`],
    ['chats, rare word', `/chats?q=${RARE_WORD}`],
    ['chats, number of an order', '/chats?q=ORD-3303'],
    ['chats, no such word', '/chats?q=zzyzx'],
    ['one chat', `/chats/${encodeURIComponent(chat)}`],
    ['messages of a chat', `/chats/${encodeURIComponent(chat)}/messages`],
    ['messages, common word', `/messages?q=${COMMON_WORD}`],
    ['messages, middle word', `/messages?q=${MIDDLE_WORD}`],
    ['messages, rare word', `/messages?q=${RARE_WORD}`],
    ['messages, no such word', '/messages?q=zzyzx'],
    ['messages, common word, image', `/messages?q=${COMMON_WORD}&type=image`],
    ['messages, word in one chat', `/messages?q=${MIDDLE_WORD}&phone=${encodeURIComponent(chat)}`],
  ]);
}

/** The best of several rounds, for the machine is shared; the installations take turns, so that their ratio is fair. */
async function measureCase(label) {
  const before = await Promise.all(installations.map(wholeTableReads));
  const best = installations.map(() => null);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [index, installation] of installations.entries()) {
      const seen = await measureRound(installation, installation.cases.get(label));
      best[index] = best[index] && best[index].p50 <= seen.p50 ? best[index] : seen;
    }
  }
  const after = await Promise.all(installations.map(wholeTableReads));
  return best.map((seen, index) => ({
    ...seen,
    seq: BIG_TABLES.filter((table) => after[index][table] > before[index][table]),
  }));
}

async function measureRound({ request }, path) {
  const times = [];
  let body = '';
  const end = performance.now() + (SECONDS_PER_CASE * 1_000) / ROUNDS;
  for (let n = 0; n < REQUESTS + 10 && performance.now() < end; n += 1) {
    const start = performance.now();
    body = await request('GET', path);
    times.push(performance.now() - start);
  }
  const warm = times.slice(Math.min(10, times.length - 1)).sort((a, b) => a - b);
  return {
    p50: at(warm, 0.5),
    p99: at(warm, 0.99),
    n: warm.length,
    rows: Object.values(JSON.parse(body)).find(Array.isArray)?.length ?? 1,
    bytes: Buffer.byteLength(body),
    gzip: gzipSync(body, { level: 1 }).length,
  };
}

/** Sequential scans so far. A connection tells of its own at its next statement, but at most once a second. */
async function wholeTableReads({ database, request }) {
  await new Promise((wake) => setTimeout(wake, 1_100));
  await request('GET', '/labels');
  const { rows } = await database.query('select relname, seq_scan from pg_stat_user_tables where relname = any($1)', [
    BIG_TABLES,
  ]);
  return Object.fromEntries(rows.map((row) => [row.relname, row.seq_scan]));
}

async function cursorAfter(request, path, pages) {
  let cursor = null;
  for (let page = 0; page < pages; page += 1) {
    const { next_cursor: next } = JSON.parse(await request('GET', cursor ? `${path}&cursor=${cursor}` : path));
    if (!next) {
      break;
    }
    cursor = next;
  }
  return cursor;
}

function report(measured) {
  const heads = installations.map(
    ({ conversations }) => `${conversations} conversations: p50 ms   p99     n rows  bytes   gzip`,
  );
  console.log(['case'.padEnd(30), ...heads, 'ratio'].join(' | '));
  for (const [label, seen] of measured) {
    const cells = seen.map(({ p50, p99, n, rows, bytes, gzip }, index) =>
      [
        p50.toFixed(2).padStart(heads[index].indexOf(' ms') + 3),
        p99.toFixed(1).padStart(6),
        String(n).padStart(6),
        String(rows).padStart(5),
        String(bytes).padStart(7),
        String(gzip).padStart(7),
      ].join(''),
    );
    console.log([label.padEnd(30), ...cells, (seen.at(-1).p50 / seen[0].p50).toFixed(2).padStart(5)].join(' | '));
  }
  // Of a small table the planner rightly reads all.
  const whole = measured.flatMap(([label, seen]) => seen.at(-1).seq.map((table) => `${label}: ${table}`));
  console.log(
    whole.length > 0
      ? `WHOLE TABLES READ: ${whole.join('; ')}`
      : 'No case read a whole table of the largest installation.',
  );
}

function at(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

async function asAdmin(work) {
  const client = new pg.Client({ connectionString: ADMIN_URL });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function untilReady(url) {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline;) {
    const isUp = await fetch(url).then(
      (answer) => answer.ok,
      () => false,
    );
    if (isUp) {
      return;
    }
    await new Promise((wake) => setTimeout(wake, 100));
  }
  throw new Error('The server did not come up.');
}

function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

function required(name) {
  const value = process.env[name];
  if (!value) {
    throw new Error(`Set ${name}; see the head of this file.`);
  }
  return value;
}
