/**
 * Moving from the Django package: people in three spellings each, their conversations and messages, brought in by the command
 * line; dry, then for good, then again. Prints the reports, the rows of our tables, how long each run took and its highest
 * memory.
 *
 *   npm run build
 *   TEST_DATABASE_URL=postgres://… TEST_REDIS_URL=redis://… node test/bench/django-import.mjs [people=10000] [messages=100000]
 *
 * Makes two databases of its own on that server, and drops them.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

const PEOPLE = Number(process.argv[2] ?? 10_000);
const MESSAGES = Number(process.argv[3] ?? 100_000);
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const dist = process.env.DIST ?? join(root, 'dist');
const suffix = randomBytes(4).toString('hex');
const ours = urlOf(`parley_bench_${suffix}`);
const django = urlOf(`parley_bench_django_${suffix}`);
const P = 'django_meta_whatsapp_';

const env = {
  ...process.env,
  NODE_ENV: 'test',
  DATABASE_URL: ours,
  REDIS_URL: `${required('TEST_REDIS_URL').replace(/\/\d*$/, '')}/9`,
  ENCRYPTION_KEYS: `bench:${randomBytes(32).toString('base64')}`,
  GRAPH_API_BASE_URL: 'http://127.0.0.1:9',
  LOG_LEVEL: 'error',
};

await query(required('TEST_DATABASE_URL'), `create database parley_bench_${suffix}`);
await query(required('TEST_DATABASE_URL'), `create database parley_bench_django_${suffix} template template0`);
try {
  await query(django, schema());
  await query(django, data());
  await query(django, 'analyze');
  await cli('migrate');
  const dry = await importing('--dry-run');
  const first = await importing();
  const counts = await countsOf();
  const second = await importing();
  const same = (a, b) => JSON.stringify(comparable(a.report)) === JSON.stringify(comparable(b.report));
  console.log(JSON.stringify({ people: PEOPLE, messages: MESSAGES }, null, 2));
  for (const [name, run] of Object.entries({ dry, first, second })) {
    const { seconds, ...report } = run.report;
    console.log(`\n${name}: ${seconds} s, ${run.peakMb} MB at most, default account ${report.default_account_id}`);
    console.table(
      Object.fromEntries(
        Object.entries(report.kinds)
          .filter(([, kind]) => kind.read > 0)
          .map(([kind, { skipped_because: _s, cleaned: _c, merged_because: _m, ...counts }]) => [kind, counts]),
      ),
    );
  }
  console.log('\nour tables after the first import', counts);
  const verdicts = {
    dry_run_said_so: same(dry, first),
    second_changed_nothing: JSON.stringify(counts) === JSON.stringify(await countsOf()),
  };
  console.log(verdicts);
  process.exitCode = Object.values(verdicts).every(Boolean) ? 0 : 1;
} finally {
  await query(required('TEST_DATABASE_URL'), `drop database if exists parley_bench_${suffix} with (force)`);
  await query(required('TEST_DATABASE_URL'), `drop database if exists parley_bench_django_${suffix} with (force)`);
}

async function importing(...options) {
  const { stdout, peakMb } = await cli('import', 'django', '--database-url', django, '--json', ...options);
  return { report: JSON.parse(stdout), peakMb };
}

/** What two runs must agree in: ids of ours go on, also after a dry run. */
function comparable({ seconds: _seconds, dry_run: _dry, default_account_id: _id, ...report }) {
  return report;
}

async function countsOf() {
  const tables = ['contacts', 'contact_identities', 'contact_accounts', 'conversations', 'messages', 'imported_rows'];
  const sums = tables.map((table) => `(select count(*) from ${table})::int as ${table}`).join(', ');
  const [row] = await query(
    ours,
    `select ${sums}, (select count(*) from contacts where opted_out)::int as opted_out,
       (select sum(unread_count) from conversations)::int as unread, (select count(*) from outbox_events)::int as outbox_events,
       (select count(*) from conversations c where c.last_message_at is distinct from
         (select max(timestamp) from messages m where m.conversation_id = c.id))::int as threads_out_of_order`,
  );
  return row;
}

/** Runs the command line; watches its memory. */
function cli(...args) {
  const child = spawn(process.execPath, [join(dist, 'src/cli.js'), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  let peakMb = 0;
  child.stdout.on('data', (chunk) => (stdout += chunk));
  const watch = setInterval(() => {
    try {
      const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1_024;
      // A process that ends has no memory to tell of any more.
      peakMb = Math.max(peakMb, Math.round(peak) || 0);
    } catch {
      // Linux only, and gone when it has ended.
    }
  }, 100);
  return new Promise((resolve, reject) =>
    child.once('close', (code) => {
      clearInterval(watch);
      if (code === 0) {
        resolve({ stdout, peakMb });
      } else {
        reject(new Error(`${args.slice(0, 2).join(' ')} ended with ${code}: ${stdout}`));
      }
    }),
  );
}

/** The tables that are read here, with the columns that matter; the test suite has them whole. */
function schema() {
  const id = 'id bigint generated by default as identity primary key';
  return `
create table django_migrations (${id}, app text, name text, applied timestamptz);
insert into django_migrations (app, name, applied) values ('django_meta_whatsapp', '0001_initial', clock_timestamp());
create table ${P}whatsappaccount (${id}, name text, access_token text, phone_number_id text, waba_id text, verify_token text,
  is_active boolean default true, created_at timestamptz default now());
create table ${P}whatsapplabel (${id}, name text, color text, created_at timestamptz default now());
create table ${P}whatsappcontact (${id}, phone text unique, name text default '', email text default '', notes text default '',
  opted_out boolean default false, is_blocked boolean default false, subscribed_via_signup_id bigint, subscribed_at timestamptz,
  created_at timestamptz default now(), updated_at timestamptz default now());
create table ${P}whatsappcontact_labels (${id}, whatsappcontact_id bigint, whatsapplabel_id bigint);
create index on ${P}whatsappcontact_labels (whatsappcontact_id);
create table ${P}whatsappconversation (${id}, account_id bigint, phone_number text, label_id bigint, is_resolved boolean default false,
  assigned_to text default '', last_message_at timestamptz, unread_count int default 0, created_at timestamptz default now());
create table ${P}whatsappmessage (${id}, conversation_id bigint, account_id bigint, phone_number text, message_id text unique,
  message_type text default 'text', message_body text default '', direction text, status text default 'sent', media_file text,
  media_id text, media_mime_type text, location_latitude float8, location_longitude float8, location_name text default '',
  location_address text default '', reply_to_id bigint, timestamp timestamptz, is_deleted boolean default false, raw_payload jsonb);`;
}

function data() {
  return `
insert into ${P}whatsappaccount (name, access_token, phone_number_id, waba_id, verify_token) values ('Bench', 'EAAbench', '1', '2', 'v');
insert into ${P}whatsapplabel (name, color) select 'L' || n, 'amber' from generate_series(1, 10) n;
insert into ${P}whatsappcontact (phone, name, opted_out, updated_at)
  select spelling || '98' || lpad(n::text, 8, '0'), 'Person ' || n || ' of ' || kind, kind = 2 and n % 50 = 0,
    timestamptz '2026-10-01' + make_interval(secs => n * 3 + kind)
  from generate_series(1, ${PEOPLE}) n, unnest(array['+91', '91', '']) with ordinality as u (spelling, kind);
insert into ${P}whatsappcontact_labels (whatsappcontact_id, whatsapplabel_id) select id, 1 + id % 10 from ${P}whatsappcontact;
insert into ${P}whatsappconversation (account_id, phone_number, unread_count, last_message_at)
  select 1, phone, 1, updated_at from ${P}whatsappcontact;
insert into ${P}whatsappmessage (conversation_id, account_id, phone_number, message_id, direction, status, message_body, timestamp, reply_to_id, raw_payload)
  select c.id, 1, case when isin then '91' || right(c.phone_number, 10) else c.phone_number end, 'wamid.' || n,
    case when isin then 'inbound' else 'outbound' end, case when isin then 'delivered' else 'read' end,
    'Message number ' || n || ' about order ' || n % 1000, timestamptz '2026-01-01' + make_interval(secs => n * 10),
    case when n % 20 = 0 then n - 1 end,
    case when isin then jsonb_build_object('id', 'wamid.' || n, 'type', 'text', 'text', jsonb_build_object('body', 'Message number ' || n || ' about order ' || n % 1000)) end
  from (select n, n % 2 = 0 as isin, 1 + (n::bigint * 7919) % ${PEOPLE * 3} as conversation from generate_series(1, ${MESSAGES}) n) m
  join ${P}whatsappconversation c on c.id = m.conversation order by n;`;
}

async function query(url, text) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const result = await client.query(text);
    return Array.isArray(result) ? [] : result.rows;
  } finally {
    await client.end();
  }
}

function urlOf(name) {
  return Object.assign(new URL(required('TEST_DATABASE_URL')), { pathname: `/${name}` }).toString();
}

function required(variable) {
  const value = process.env[variable];
  if (!value) {
    throw new Error(`Set ${variable}.`);
  }
  return value;
}
