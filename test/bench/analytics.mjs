/**
 * What the figures cost, and how fast they are read. Run by hand after `npm run build`:
 *
 *   BENCH_DATABASE_URL=postgres://…/postgres BENCH_REDIS_URL=redis://… node test/bench/analytics.mjs [messages]
 *
 * Fills a database with messages (1,000,000) of campaigns, agents and customers over 400 days, counts them by the CLI's recount,
 * and asks every endpoint. Then what a message's life costs in PostgreSQL, in statements of 10, 25 and 1,000 rows; with
 * BENCH_BEFORE=<folder of another build> both, taking turns, and the difference. BENCH_DIST names the folder of the build (dist).
 * BENCH_ONLY=reads or costs runs one of the two. With BENCH_KEEP=1 the filled database stays, and is used again.
 */
import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { Client } from 'undici';

pg.defaults.parseInt8 = true;
const ADMIN_URL = required('BENCH_DATABASE_URL');
const REDIS_URL = required('BENCH_REDIS_URL');
const DIST = resolve(process.env.BENCH_DIST ?? 'dist');
const BEFORE = process.env.BENCH_BEFORE ? resolve(process.env.BENCH_BEFORE) : null;
const MESSAGES = Number(process.argv[2] ?? 1_000_000);
const ONLY = process.env.BENCH_ONLY;
const KEY = 'bench-key-0123456789abcdef';
const REQUESTS = 40;
const ENVIRONMENT = {
  ...process.env,
  NODE_ENV: 'production',
  REDIS_URL,
  ENCRYPTION_KEYS: `bench:${Buffer.alloc(32, 7).toString('base64')}`,
  BOOTSTRAP_API_KEY: KEY,
  WHATSAPP_APP_SECRET: randomBytes(16).toString('hex'),
  GRAPH_API_BASE_URL: 'http://127.0.0.1:9',
  RATE_LIMIT_PER_KEY: '0',
  LOG_LEVEL: 'error',
  HOST: '127.0.0.1',
};

if (ONLY !== 'costs') {
  await measureReads();
}
if (ONLY !== 'reads') {
  await measureCosts();
}

async function measureReads() {
  const database = await createDatabase('bench_analytics', DIST);
  const server = await startServer(database.url);
  try {
    if (!database.isOld) {
      await fill(database, server);
      const start = performance.now();
      await cli(database.url, ['analytics', 'recount', '--fix']);
      console.log(`recount --fix of ${MESSAGES} messages: ${seconds(start)} s`);
    }
    // The first look is at what was appended only; then as a worker leaves it.
    const unfolded = await measure(server, '/analytics/daily');
    const folding = performance.now();
    await fold(database.url);
    console.log(`folding it: ${seconds(folding)} s`);
    const { rows } = await database.client.query('select count(*) as n from message_statistics');
    console.log(`${rows[0].n} rows of message statistics; daily before it was folded: p50 ${unfolded.p50} ms`);
    for (const table of [
      'message_statistics',
      'charge_statistics',
      'conversation_statistics',
      'conversations',
      'contacts',
    ]) {
      await database.client.query(`vacuum (analyze) ${table}`);
    }
    const year = `from=${daysAgo(398)}&time_zone=Asia/Kolkata`;
    for (const path of [
      '/dashboard?time_zone=Asia/Kolkata',
      '/analytics/overview?time_zone=Asia/Kolkata',
      `/analytics/overview?${year}`,
      '/analytics/overview?compare=previous',
      '/analytics/daily?time_zone=Asia/Kolkata',
      `/analytics/daily?${year}`,
      '/analytics/campaigns',
      `/analytics/campaigns?${year}`,
      '/analytics/templates',
      `/analytics/templates?${year}`,
      '/analytics/agents',
      `/analytics/agents?${year}`,
      '/analytics/labels',
      `/analytics/labels?${year}`,
      '/analytics/costs',
      `/analytics/costs?${year}`,
      `/analytics/daily/export?${year}`,
    ]) {
      const { p50, p95, n } = await measure(server, path);
      console.log(`${path.padEnd(70)} p50 ${String(p50).padStart(7)} ms  p95 ${String(p95).padStart(7)} ms  n=${n}`);
    }
  } finally {
    await server.stop();
    await database.drop();
  }
}

/** 100,000 people with ten messages each: two fifths are theirs, of ours half is of campaigns and half of twenty agents. */
async function fill({ client }, server) {
  const account = await server.request('POST', '/accounts', {
    name: 'B',
    phone_number_id: '1',
    access_token: 'EAAbench',
  });
  const { id } = JSON.parse(account);
  const people = Math.max(1, Math.round(MESSAGES / 10));
  const start = performance.now();
  // Words are of no interest here, and would be most of the time.
  await client.query('drop index messages_words_idx, contacts_words_idx');
  await client.query(
    `insert into contacts (identity_key, phone, name) select 'phone:+91' || (9000000000 + n), '+91' || (9000000000 + n), 'P' || n
     from generate_series(1, $1::bigint) n`,
    [people],
  );
  await client.query(`insert into labels (name) values ('VIP'), ('Lead'), ('Complaint')`);
  await client.query(
    `insert into conversations (account_id, contact_id, is_resolved, label_id, assigned_to, unread_count, last_message_at)
     select $1, id, id % 3 = 0, case when id % 4 = 0 then 1 + id % 3 end, case when id % 5 = 0 then 'agent' || id % 20 end,
       case when id % 50 = 0 then 2 else 0 end, now() - make_interval(secs => id % 1000000)
     from contacts`,
    [id],
  );
  await client.query(
    'insert into contact_accounts (account_id, contact_id) select account_id, contact_id from conversations',
  );
  await client.query(
    `insert into campaigns (account_id, name) select $1, 'Campaign ' || n from generate_series(1, 200) n`,
    [id],
  );
  await client.query(
    `insert into messages (account_id, conversation_id, contact_id, direction, message_type, status, message_id, timestamp,
       sent_at, template_name, template_language, campaign_id, sent_by, charge)
     select $1, c.id, c.contact_id, case when k.kind < 4 then 'inbound' else 'outbound' end, 'text',
       case when k.kind < 4 then 'delivered' when n % 20 = 0 then 'failed' when n % 3 = 0 then 'delivered' else 'read' end,
       'wamid.' || n, k.at, k.at, case when k.kind >= 7 then 'template_' || n % 10 end, case when k.kind >= 7 then 'en' end,
       case when k.kind >= 7 then 1 + least(199, 200 * n / $2) end,
       case when k.kind between 4 and 6 then 'agent' || floor(random() * 20) end,
       case when k.kind >= 7 and n % 20 > 0 then jsonb_build_object('category', 'marketing', 'type', 'regular', 'country', 'IN',
         'currency', 'USD', 'cost_micros', 10700) end
     from (select n, n % 10 as kind, date_trunc('milliseconds', now() - make_interval(secs => (1 - n::float8 / $2) * 400 * 86400)) as at
           from generate_series(1, $2::bigint) n) k
     join conversations c on c.id = 1 + (n * 7919) % $3`,
    [id, MESSAGES, people],
  );
  await client.query(
    `insert into conversation_marks (at, account_id, conversation_id, kind, duration_ms, agent, label_id)
     select m.timestamp, m.account_id, m.conversation_id, k.kind, case when k.kind <> 'opened' then exp(random() * 12)::bigint * 1000 end,
       coalesce(m.sent_by, ''), 0
     from messages m cross join (values ('opened'), ('answered'), ('resolved')) k (kind)
     where m.sent_by is not null and m.id % 3 = 0`,
  );
  for (const table of ['messages', 'conversations', 'contacts', 'contact_accounts', 'conversation_marks']) {
    await client.query(`vacuum (analyze) ${table}`);
  }
  console.log(`filled ${MESSAGES} messages of ${people} people in ${seconds(start)} s`);
}

async function fold(url) {
  const { Database } = await load(DIST, 'database/database.js');
  const { dataSourceOptions } = await load(DIST, 'database/options.js');
  const { StatisticsRepository } = await load(DIST, 'inbox/statistics/statistics.repository.js');
  const { DataSource } = await import('typeorm');
  const dataSource = await new DataSource(
    dataSourceOptions({ url, applicationName: 'bench', poolSize: 1 }),
  ).initialize();
  const repository = new StatisticsRepository();
  while ((await new Database(dataSource).transaction((tx) => repository.fold(tx, 20_000))) > 0) {
    // Until nothing is left.
  }
  await dataSource.destroy();
}

/** The life of messages: written down, accepted, delivered with a price, read; and customers' messages. */
async function measureCosts() {
  const builds = [];
  for (const [name, dist] of [['now', DIST], ...(BEFORE ? [['before', BEFORE]] : [])]) {
    builds.push({ name, ...(await lifeOf(name, dist)) });
  }
  try {
    for (const rows of [10, 25, 1_000]) {
      const rounds = Math.ceil(6_000 / rounds0(rows));
      const samples = new Map(builds.map(({ name }) => [name, []]));
      for (let round = 0; round < rounds; round += 1) {
        // In turns, and not always the same first: the machine is shared.
        for (const build of round % 2 ? builds : [...builds].reverse()) {
          samples.get(build.name).push(await build.live(rows));
        }
      }
      const medians = builds.map(({ name }) => medianOf(samples.get(name)));
      const steps = Object.keys(medians[0]);
      for (const step of steps) {
        const us = medians.map((median) => (median[step] / rows) * 1_000);
        console.log(
          `${String(rows).padStart(5)} rows  ${step.padEnd(12)}` +
            builds.map(({ name }, index) => `${name} ${us[index].toFixed(1).padStart(7)} µs/message`).join('  ') +
            (us.length > 1 ? `  difference ${(us[0] - us[1]).toFixed(1).padStart(6)}` : ''),
        );
      }
    }
  } finally {
    for (const build of builds) {
      await build.close();
    }
  }
}

function rounds0(rows) {
  return Math.max(rows, 60);
}

async function lifeOf(name, dist) {
  const database = await createDatabase(`bench_analytics_${name}`, dist);
  const { client } = database;
  const { Tx } = await load(dist, 'database/database.js');
  const { MessagesRepository } = await load(dist, 'inbox/messages.repository.js');
  const { IncomingMessagesRepository } = await load(dist, 'inbox/incoming-messages.repository.js');
  const { ConversationsRepository } = await load(dist, 'inbox/conversations.repository.js');
  const tx = new Tx(client, null);
  const [messages, incoming, conversations] = [
    new MessagesRepository(),
    new IncomingMessagesRepository(),
    new ConversationsRepository(),
  ];
  await client.query(`insert into accounts (name, phone_number_id, verify_token) values ('B', '1', 'v')`);
  await client.query(
    `insert into contacts (identity_key, phone) select 'phone:+91' || n, '+91' || n from generate_series(9000000001, 9000020000) n`,
  );
  await client.query('insert into conversations (account_id, contact_id) select 1, id from contacts');
  await client.query('vacuum (analyze) contacts, conversations');
  const { rows } = await client.query('select pg_backend_pid() as pid');
  const clock = clockOf(rows[0].pid);
  let next = 0;
  const live = async (rows) => {
    const times = {};
    const timed = async (step, work) => {
      const start = clock();
      const result = await work();
      times[step] = clock() - start;
      return result;
    };
    await client.query('begin');
    const people = Array.from({ length: rows }, () => (next = (next % 19_000) + 1));
    const outgoing = people.map((id) => ({
      accountId: 1,
      conversationId: id,
      contactId: id,
      messageType: 'template',
      messageBody: 'Your order ORD-1 is on its way. Thank you for shopping with us!',
      attemptToken: randomUUID(),
      content: {
        type: 'template',
        template: { name: 'order_update', language: { code: 'en' }, components: [{ type: 'body' }] },
      },
      templateName: 'order_update',
      templateLanguage: 'en',
      campaignId: 7,
      campaignRecipientId: id,
    }));
    const ids = await timed('insert', () => messages.insertOutgoing(tx, outgoing));
    const at = new Date();
    let locked = [...(await messages.lock(tx, ids)).values()];
    const move = async (step, fate, charge = null) => {
      const moved = locked.map((message) => ({
        ...message,
        wamid: message.wamid ?? `wamid.${randomUUID()}`,
        was: message.fate.status,
        charge,
        fate: { ...message.fate, ...fate },
      }));
      await timed(step, () => messages.writeFates(tx, moved));
      locked = moved;
    };
    await move('accepted', { status: 'sent', sentAt: at });
    await timed('touched', () =>
      conversations.touch(
        tx,
        locked.map((message) => ({
          conversationId: message.conversationId,
          messageId: message.id,
          at,
          unread: 0,
          isInbound: false,
          answer: null,
        })),
      ),
    );
    const charge = { category: 'utility', type: 'regular', country: 'IN', currency: 'USD', cost_micros: 1_400 };
    await move('delivered', { status: 'delivered', deliveredAt: at }, charge);
    await move('read', { status: 'read', readAt: at });
    await client.query('commit');
    times['outbound'] = ['insert', 'accepted', 'touched', 'delivered', 'read'].reduce(
      (sum, step) => sum + times[step],
      0,
    );
    await client.query('begin');
    const written = people.map((id) => ({
      accountId: 1,
      conversationId: id,
      contactId: id,
      wamid: `wamid.${randomUUID()}`,
      direction: 'inbound',
      status: 'delivered',
      content: {
        messageType: 'text',
        messageBody: 'When will it come?',
        content: null,
        context: null,
        error: null,
        media: null,
        location: null,
        replyToMessageId: null,
      },
      mediaFileId: null,
      timestamp: at,
      rawPayload: { type: 'text' },
    }));
    const inserted = await timed('received', () => incoming.insert(tx, written));
    await timed('reopened', () =>
      conversations.touch(
        tx,
        inserted.map(({ id }, index) => ({
          conversationId: people[index],
          messageId: id,
          at,
          unread: 1,
          isInbound: true,
          reopens: true,
        })),
      ),
    );
    await client.query('commit');
    times['inbound'] = times.received + times.reopened;
    return times;
  };
  for (let n = 0; n < 30; n += 1) {
    await live(25);
  }
  // Plans that were made while the tables were empty are not those of an installation.
  await client.query('vacuum (analyze) messages, conversations');
  await client.query('discard plans');
  for (let n = 0; n < 12; n += 1) {
    await live(25);
  }
  return {
    live: async (rows) => {
      const times = await live(rows);
      // As a worker does meanwhile, outside of what is measured.
      if (name === 'now' && next % 500 < rows) {
        await client.query(
          'delete from message_statistic_deltas; delete from charge_statistic_deltas; delete from conversation_statistic_deltas',
        );
      }
      return times;
    },
    close: () => database.drop(),
  };
}

/** What this backend has worked, in ms, where the kernel tells: others' work beside does not count. Else the time of day. */
function clockOf(pid) {
  const file = `/proc/${pid}/schedstat`;
  try {
    readFileSync(file);
    return () => Number(readFileSync(file, 'utf8').split(' ')[0]) / 1e6;
  } catch {
    return () => performance.now();
  }
}

function medianOf(samples) {
  return Object.fromEntries(
    Object.keys(samples[0]).map((step) => [
      step,
      at(
        samples.map((sample) => sample[step]).sort((a, b) => a - b),
        0.5,
      ),
    ]),
  );
}

async function measure({ request }, path) {
  const times = [];
  const end = performance.now() + 6_000;
  for (let n = 0; n < REQUESTS + 3 && performance.now() < end; n += 1) {
    const start = performance.now();
    await request('GET', path);
    times.push(performance.now() - start);
  }
  const warm = times.slice(Math.min(3, times.length - 1)).sort((a, b) => a - b);
  return { p50: at(warm, 0.5).toFixed(1), p95: at(warm, 0.95).toFixed(1), n: warm.length };
}

function at(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

async function createDatabase(name, dist) {
  const isOld = await asAdmin(async (client) => {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (rowCount && process.env.BENCH_KEEP) {
      return true;
    }
    await client.query(`drop database if exists ${name} with (force)`);
    await client.query(
      `create database ${name} template template0 encoding 'UTF8' locale_provider builtin builtin_locale 'C.UTF-8' locale 'C'`,
    );
    await client.query(`alter database ${name} set jit = off`);
    return false;
  });
  const url = Object.assign(new URL(ADMIN_URL), { pathname: `/${name}` }).toString();
  const { migrate } = await load(dist, 'database/migrate.js');
  await migrate(url);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return {
    url,
    client,
    isOld,
    drop: async () => {
      await client.end();
      if (process.env.BENCH_KEEP) {
        return;
      }
      await asAdmin((admin) => admin.query(`drop database if exists ${name} with (force)`));
    },
  };
}

async function startServer(url) {
  const port = await freePort();
  const server = spawn(process.execPath, [`${DIST}/src/main.js`], {
    env: { ...ENVIRONMENT, DATABASE_URL: url, PORT: String(port) },
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
  for (const deadline = Date.now() + 60_000; ; await new Promise((wake) => setTimeout(wake, 100))) {
    const isUp = await fetch(`http://127.0.0.1:${port}/health/ready`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (isUp) {
      break;
    }
    if (Date.now() > deadline) {
      throw new Error('The server did not come up.');
    }
  }
  return {
    request,
    stop: async () => {
      await client.destroy();
      server.kill('SIGKILL');
    },
  };
}

/** @returns what it prints; a recount that differs answers 2 */
function cli(url, args) {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [`${DIST}/src/cli.js`, ...args], {
      env: { ...ENVIRONMENT, DATABASE_URL: url },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.on('exit', (code) => (code === 0 ? done(text) : fail(new Error(`${args.join(' ')}: ${code} ${text}`))));
  });
}

function load(dist, file) {
  return import(pathToFileURL(`${dist}/src/${file}`).href);
}

function daysAgo(days) {
  return new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
}

function seconds(start) {
  return ((performance.now() - start) / 1_000).toFixed(1);
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
