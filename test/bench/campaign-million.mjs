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
import { performance } from 'node:perf_hooks';
import pg from 'pg';
import { at, MB, now, NUMBER, print, startProduct, timed, wait } from './product.mjs';

const RECIPIENTS = Number(process.argv[2] ?? 1_000_000);
const RATE = Number(process.env.RATE ?? 1_000);
const SECONDS = Number(process.env.SECONDS ?? 60);
const LATENCY_MS = Number(process.env.LATENCY_MS ?? 50);
const HAS_STATUSES = process.env.STATUSES !== '0';
/** Of files and of contacts: nobody is in both. */
const FIRST_OF_FILE = 8_000_000_000;
const FIRST_CONTACT = 7_000_000_000;
const FILL_BATCH = 50_000;
/** A campaign is looked at this often, as a page that shows its progress does. */
const LOOK_MS = 500;
/** How long processes that were just started take to compile themselves: the pace is told with and without that. */
const WARM_UP_MS = 10_000;
/** What was on its way when a campaign was cancelled has arrived after this long. */
const SETTLE_MS = 3_000;

const product = await startProduct({ rate: RATE, latencyMs: LATENCY_MS, hasStatuses: HAS_STATUSES });
const { call, request, simulate, cpuS, footprint, redisMb } = product;
try {
  const { templates } = await call('GET', '/templates?limit=200');
  const templateId = templates.find((template) => template.name === 'order_update').id;
  print('before', await footprint());
  if (process.env.ONLY !== 'contacts') {
    await measureFile(templateId);
  }
  if (process.env.ONLY !== 'csv') {
    await measureContacts(templateId);
  }
} finally {
  await product.close();
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
    share_once_warm: paceOf(seen.warm) / RATE,
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
  const seen = {
    startedAt: now(),
    looks: [],
    warm: [],
    wrong: 0,
    redisMb: 0,
    resolvedS: null,
    last: { status: 'running' },
  };
  for (let next = startedAt; performance.now() - startedAt < SECONDS * 1_000;) {
    const [campaign, seconds] = await timed(() => call('GET', `/campaigns/${id}`));
    seen.looks.push(seconds * 1_000);
    seen.wrong += addsUp(campaign) ? 0 : 1;
    seen.redisMb = Math.max(seen.redisMb, await redisMb());
    if (campaign.status === 'running' && performance.now() - startedAt >= WARM_UP_MS) {
      seen.warm.push({ ms: performance.now(), accepted: (await simulate('GET', 'ledger')).accepted });
    }
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

/** Messages per second from the first to the last of these looks. */
function paceOf(looks) {
  const [first, last] = [looks[0], looks.at(-1)];
  return first && last !== first ? ((last.accepted - first.accepted) / (last.ms - first.ms)) * 1_000 : NaN;
}

/** Contacts as an import makes them, only faster. */
async function fillContacts() {
  const client = new pg.Client({ connectionString: product.databaseUrl });
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
