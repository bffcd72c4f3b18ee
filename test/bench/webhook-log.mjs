/**
 * The webhook log with a million bodies of three months: how long lists, filters, deep pages, a search, a replay of 10,000
 * and a dropped month take, and what its indexes cost whoever inserts. Run by hand after `npm run build`:
 *
 *   TEST_DATABASE_URL=postgres://…/postgres TEST_REDIS_URL=redis://… node test/bench/webhook-log.mjs
 *
 * Makes a database of its own and drops it. ROWS, DIST change what the names say.
 */
import { fork } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { join, resolve } from 'node:path';
import pg from 'pg';

const ROWS = Number(process.env.ROWS ?? 1_000_000);
const DIST = resolve(process.env.DIST ?? join(process.cwd(), 'dist/src'));
const DAYS = 92;
const KEY = 'bench-key-0123456789abcdef0123456789';
const SECRET = '0123456789abcdef0123456789abcdef';
const NAME = 'bench_webhook_log';
const NUMBER = '300000000000001';

const load = (file) => import(join(DIST, file));
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const urlOf = (database) =>
  Object.assign(new URL(process.env.TEST_DATABASE_URL), { pathname: `/${database}` }).toString();
const env = {
  ...process.env,
  NODE_ENV: 'test',
  DATABASE_URL: urlOf(NAME),
  REDIS_URL: `${process.env.TEST_REDIS_URL.replace(/\/\d*$/, '')}/9`,
  ENCRYPTION_KEYS: `bench:${Buffer.alloc(32, 7).toString('base64')}`,
  BOOTSTRAP_API_KEY: KEY,
  WHATSAPP_APP_SECRET: SECRET,
  GRAPH_API_BASE_URL: 'http://127.0.0.1:9',
  RATE_LIMIT_PER_KEY: '0',
  LOG_LEVEL: 'silent',
  RETENTION_WEBHOOK_LOG_DAYS: '365',
};

if (process.send) {
  await serve(process.argv[2]);
} else {
  await main();
  process.exit(0);
}

/** A process of the product. */
async function serve(role) {
  await import('reflect-metadata');
  const { Config } = await load('config/config.js');
  const { createLogger } = await load('config/log.js');
  const config = Config.fromEnvironment();
  const logger = createLogger('silent', role);
  if (role === 'worker') {
    const { NestFactory } = await import('@nestjs/core');
    const { WorkerModule } = await load('worker.module.js');
    await NestFactory.createApplicationContext(WorkerModule.forRoot(config, logger), { logger: false });
    process.send({});
    return;
  }
  const { AppModule } = await load('app.module.js');
  const { createApp } = await load('http/create-app.js');
  const app = await createApp(AppModule.forRoot(config, logger), config, logger);
  await app.listen({ port: 0, host: '127.0.0.1' });
  process.send({ url: (await app.getUrl()).replace('[::1]', '127.0.0.1') });
}

async function start(role, more = {}) {
  const child = fork(process.argv[1], [role], { env: { ...env, ...more }, stdio: 'inherit' });
  const [message] = await new Promise((done) => child.once('message', (...given) => done(given)));
  return { ...message, kill: () => new Promise((done) => (child.once('exit', done), child.kill('SIGKILL'))) };
}

async function main() {
  const admin = new pg.Client({ connectionString: urlOf('postgres') });
  await admin.connect();
  await admin.query(`drop database if exists ${NAME} with (force)`);
  await admin.query(`create database ${NAME}`);
  const { migrate } = await load('database/migrate.js');
  await migrate(env.DATABASE_URL);
  const db = new pg.Client({ connectionString: env.DATABASE_URL });
  await db.connect();
  const children = [];
  try {
    await insertCost(db);
    await fill(db);
    const api = await start('api');
    children.push(api);
    const call = async (method, path, body) => {
      const answer = await fetch(`${api.url}/whatsapp/api${path}`, {
        method,
        headers: { 'x-api-key': KEY, ...(body ? { 'content-type': 'application/json' } : {}) },
        body: body && JSON.stringify(body),
      });
      if (!answer.ok) {
        throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
      }
      return answer.json();
    };
    const { id: account } = await call('POST', '/accounts', {
      name: 'Bench',
      phone_number_id: NUMBER,
      waba_id: '200000000000001',
      access_token: 'EAAbench',
    });
    for (const id of [2, 3]) {
      await call('POST', '/accounts', {
        name: `Bench ${id}`,
        phone_number_id: `30000000000000${id}`,
        access_token: 'EAAx',
      });
    }
    console.log(`account ${account}`);
    await reads(call);
    const worker = await start('worker');
    children.push(worker);
    await replays(db, call, api.url);
    await worker.kill();
    await dropped(db, api.url);
  } finally {
    await Promise.all(children.map((child) => child.kill().catch(() => undefined)));
    await db.end();
    await admin.query(`drop database if exists ${NAME} with (force)`);
    await admin.end();
  }
}

async function timed(label, work) {
  const begin = performance.now();
  const answer = await work();
  console.log(`${label.padEnd(58)} ${(performance.now() - begin).toFixed(0).padStart(7)} ms`);
  return answer;
}

function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

/** What a body costs with the two indexes of before and with those of now: interleaved, at the database alone. */
async function insertCost(db) {
  await db.query(`
    create table before_logs (like webhook_logs including defaults including identity) partition by range (received_at);
    alter table before_logs drop column replay_id, add primary key (id, received_at);
    create index on before_logs (next_attempt_at, id) where not processed;
    create index on before_logs (received_at desc, id desc);
    create table before_logs_1 partition of before_logs default`);
  const body = Buffer.from('x'.repeat(900));
  const bodies = Array.from({ length: 20 }, () => body);
  const fingerprints = bodies.map(() => 'abc');
  const cost = { before_logs: { insert: 0, settle: 0 }, webhook_logs: { insert: 0, settle: 0 } };
  const rounds = 400;
  for (let round = 0; round < 2 * rounds; round += 1) {
    const table = round % 2 === 0 ? 'before_logs' : 'webhook_logs';
    let begin = performance.now();
    const { rows } = await db.query({
      name: `insert_${table}`,
      text: `insert into ${table} (body, secret_fingerprint) select * from unnest($1::bytea[], $2::text[]) returning id, received_at`,
      values: [bodies, fingerprints],
    });
    cost[table].insert += performance.now() - begin;
    begin = performance.now();
    await db.query({
      name: `settle_${table}`,
      text: `update ${table} w set processed = true, processed_at = now(), fields = '{messages}', account_ids = '{1}'
             from unnest($1::bigint[], $2::timestamptz[]) u (id, received_at) where w.id = u.id and w.received_at = u.received_at`,
      values: [rows.map((row) => row.id), rows.map((row) => row.received_at)],
    });
    cost[table].settle += performance.now() - begin;
  }
  for (const what of ['insert', 'settle']) {
    const [before, now] = ['before_logs', 'webhook_logs'].map((table) => (1_000 * cost[table][what]) / (rounds * 20));
    console.log(
      `${what} of a body: ${before.toFixed(1)} µs before, ${now.toFixed(1)} µs now (${((now / before - 1) * 100).toFixed(0)} %)`,
    );
  }
  await db.query('drop table before_logs; truncate webhook_logs');
}

async function fill(db) {
  await db.query(`do $$ declare d date; begin
    for i in 1..${DAYS} loop
      d := (now() at time zone 'UTC')::date - i;
      execute format('create table %I partition of webhook_logs for values from (%L) to (%L)',
        'webhook_logs' || to_char(d, '_YYYY_MM_DD'), d::text || ' 00:00+00', (d + 1)::text || ' 00:00+00');
    end loop; end $$`);
  const { fingerprint, Secret } = await load('common/secret.js');
  const message = JSON.stringify({
    object: 'whatsapp_business_account',
    entry: [
      {
        id: '200000000000001',
        changes: [
          {
            field: 'messages',
            value: {
              messaging_product: 'whatsapp',
              metadata: { display_phone_number: '919800000001', phone_number_id: NUMBER },
              contacts: [{ profile: { name: 'Asha' }, wa_id: '91987650000PERSON' }],
              messages: [
                {
                  from: '91987650000PERSON',
                  id: 'wamid.NUMBER',
                  timestamp: '1790000000',
                  type: 'text',
                  text: { body: 'Where is my order? '.repeat(12) },
                },
              ],
            },
          },
        ],
      },
    ],
  });
  await timed(`${ROWS.toLocaleString()} bodies over ${DAYS} days`, () =>
    db.query(
      `insert into webhook_logs (body, received_at, processed, processed_at, error, attempts, next_attempt_at, fields, account_ids, secret_fingerprint)
       select convert_to(replace(replace($1, 'NUMBER', i::text), 'PERSON', (i % 100)::text), 'UTF8'),
         now() - i * (interval '${DAYS - 1} days' / ${ROWS}), i % 10007 <> 0, now(),
         case when i % 10007 = 0 then 'given up' when i % 1009 = 0 then 'no account' end, case when i % 10007 = 0 then 5 else 0 end,
         case when i % 10007 = 0 then 'infinity' else now() end,
         case when i % 20011 = 0 then '{flows}'::text[] when i % 53 = 0 then '{message_template_status_update}' else '{messages}' end,
         case when i % 1009 = 0 then '{}'::bigint[] when i % 30011 = 0 then '{3}' when i % 5 = 0 then '{2}' when i % 4001 = 0 then '{1,2}' else '{1}' end, $2
       from generate_series(1, ${ROWS}) i`,
      [message, fingerprint(new Secret(SECRET))],
    ),
  );
  await db.query('vacuum analyze webhook_logs');
}

async function reads(call) {
  const day = (ago) => new Date(Date.now() - ago * 86_400_000).toISOString();
  let deep = (await call('GET', '/webhook-logs?limit=200')).next_cursor;
  for (let page = 0; page < 50; page += 1) {
    deep = (await call('GET', `/webhook-logs?limit=200&cursor=${deep}`)).next_cursor;
  }
  const old = (await call('GET', `/webhook-logs?limit=1&to=${day(80)}`)).next_cursor;
  const cases = {
    list: '',
    'deep cursor (10,000 rows in)': `&cursor=${deep}`,
    'cursor 80 days back': `&cursor=${old}`,
    'from, to (a day, 60 days ago)': `&from=${day(60)}&to=${day(59)}`,
    'processed=true': '&processed=true',
    'processed=false (100)': '&processed=false',
    'has_error=true (1,100)': '&has_error=true',
    'dead letters': '&has_error=true&processed=false',
    'error=given up': '&error=given%20up',
    'field=messages': '&field=messages',
    'field=message_template_status_update (2 %)': '&field=message_template_status_update',
    'field=flows (50)': '&field=flows',
    'field=nothing (0)': '&field=nothing',
    'account 1 (80 %)': '&account_id=1',
    'account 3 (33)': '&account_id=3',
    'account 3, field=flows': '&account_id=3&field=flows',
    'account 3, has_error': '&account_id=3&has_error=true',
    'account 2, field=flows, 10 days': `&account_id=2&field=flows&from=${day(10)}`,
    'q=wamid.4000 (looks through 5,000)': '&q=wamid.4000',
  };
  console.log('GET /webhook-logs?limit=50 …'.padEnd(46) + '   rows  p50 ms  p95 ms');
  for (const [label, query] of Object.entries(cases)) {
    const times = [];
    let rows = 0;
    for (let i = 0; i < 25; i += 1) {
      const begin = performance.now();
      rows = (await call('GET', `/webhook-logs?limit=50${query}`)).webhook_logs.length;
      times.push(performance.now() - begin);
    }
    console.log(
      `  ${label.padEnd(44)} ${String(rows).padStart(6)} ${percentile(times, 0.5).toFixed(1).padStart(7)} ${percentile(times, 0.95).toFixed(1).padStart(7)}`,
    );
  }
}

/** Live bodies, twenty a second. @returns a function that ends it and tells how long each took to its effect and its 200 */
function live(url) {
  const answers = [];
  let isOver = false;
  let count = 0;
  const loop = (async () => {
    while (!isOver) {
      const body = Buffer.from(
        JSON.stringify({
          entry: [
            {
              id: '200000000000001',
              changes: [
                {
                  field: 'messages',
                  value: {
                    messaging_product: 'whatsapp',
                    metadata: { phone_number_id: NUMBER },
                    messages: [
                      {
                        from: '919876500000',
                        id: `wamid.live${Date.now()}.${(count += 1)}`,
                        timestamp: String(Math.floor(Date.now() / 1_000)),
                        type: 'text',
                        text: { body: 'live' },
                      },
                    ],
                  },
                },
              ],
            },
          ],
        }),
      );
      const begin = performance.now();
      const answer = await fetch(`${url}/whatsapp/webhook/`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'x-hub-signature-256': `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`,
        },
        body,
      });
      answers.push({ status: answer.status, ms: performance.now() - begin });
      await wait(Math.max(0, 50 - (performance.now() - begin)));
    }
  })();
  return async () => {
    isOver = true;
    await loop;
    return answers;
  };
}

async function lagsSince(db, since) {
  await wait(1_500);
  const { rows } = await db.query(
    `select extract(epoch from processed_at - received_at) * 1000 as ms from webhook_logs
     where received_at > $1 and replay_id is null and processed`,
    [since],
  );
  return rows.map(({ ms }) => Number(ms));
}

async function nowOf(db) {
  return (await db.query('select now() as at')).rows[0].at;
}

async function replays(db, call, url) {
  await wait(3_000);
  let since = await nowOf(db);
  let stop = live(url);
  await wait(6_000);
  await stop();
  const alone = await lagsSince(db, since);
  console.log(
    `live webhooks alone: p50 ${percentile(alone, 0.5).toFixed(0)} ms, p95 ${percentile(alone, 0.95).toFixed(0)} ms to their effect (${alone.length})`,
  );

  // A stretch of bodies that carries 10,000: so many days back.
  const { rows } = await db.query(
    `select received_at from webhook_logs where received_at < now() - interval '5 days' order by received_at desc offset 9999 limit 1`,
  );
  const { rows: first } = await db.query(`select now() - interval '5 days' as at`);
  const filter = { from: rows[0].received_at.toISOString(), to: first[0].at.toISOString() };
  const preview = await timed('dry run', () => call('POST', '/webhook-logs/replay', { ...filter, dry_run: true }));
  console.log(`  ${JSON.stringify(preview)}`);
  since = await nowOf(db);
  stop = live(url);
  const begin = performance.now();
  const { replay_id: id, count } = await timed('replay by filter: bodies queued', () =>
    call('POST', '/webhook-logs/replay', filter),
  );
  let waiting = count;
  while (waiting > 0) {
    await wait(100);
    ({ waiting } = await call('GET', `/webhook-replays/${id}`));
  }
  const seconds = (performance.now() - begin) / 1_000;
  await stop();
  const beside = await lagsSince(db, since);
  console.log(`replay of ${count}: drained after ${seconds.toFixed(1)} s (${Math.round(count / seconds)}/s)`);
  console.log(
    `live webhooks meanwhile: p50 ${percentile(beside, 0.5).toFixed(0)} ms, p95 ${percentile(beside, 0.95).toFixed(0)} ms, longest ${Math.max(...beside).toFixed(0)} ms to their effect (${beside.length})`,
  );
}

/** All that is older than 60 days, while bodies come in. */
async function dropped(db, url) {
  await import('reflect-metadata');
  const { NestFactory } = await import('@nestjs/core');
  const { Config } = await load('config/config.js');
  const { createLogger } = await load('config/log.js');
  const { WorkerModule } = await load('worker.module.js');
  const { Retention } = await load('database/retention.js');
  const config = Config.fromEnvironment({ ...env, RETENTION_WEBHOOK_LOG_DAYS: '3650' });
  const app = await NestFactory.createApplicationContext(
    WorkerModule.forRoot(config, createLogger('silent', 'bench')),
    { logger: false },
  );
  const retention = app.get(Retention);
  await wait(1_000);
  retention.retained.find(({ table }) => table === 'webhook_logs').days = 60;
  const before = (
    await db.query(
      'select count(*)::int as n, pg_size_pretty(sum(pg_total_relation_size(inhrelid))) as size from pg_inherits where inhparent = $1::regclass',
      ['webhook_logs'],
    )
  ).rows[0];
  const { rows } = await db.query(
    `select count(*)::int as n from webhook_logs where received_at < now() - interval '61 days'`,
  );
  const stop = live(url);
  await wait(2_000);
  const names = await timed(`a month dropped (${rows[0].n} bodies), bodies coming in`, () => retention.run());
  const answers = await stop();
  const times = answers.map(({ ms }) => ms);
  console.log(
    `  ${names.length} days of ${before.n} partitions (${before.size}); webhooks meanwhile: ${answers.length}, refused ${answers.filter(({ status }) => status !== 200).length}, p95 ${percentile(times, 0.95).toFixed(0)} ms, longest ${Math.max(...times).toFixed(0)} ms`,
  );
  await timed('another month deleted row by row, for comparison', () =>
    db.query(`delete from webhook_logs where received_at < now() - interval '30 days'`),
  );
  await app.close();
}
