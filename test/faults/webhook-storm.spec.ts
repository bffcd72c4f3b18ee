import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { Pool } from 'undici';
import { eventually, testEnvironment } from '../support/app.js';
import {
  audienceCsv,
  campaignIs,
  draftWithCsv,
  getCampaign,
  PHONE_NUMBER_ID,
  setUp,
  type CampaignBody,
  type Journey,
} from '../support/journey.js';
import { kill, startProcesses, type Processes } from '../support/processes.js';
import { numberChange, sign, toWire, type JsonObject } from '../support/webhook-payloads.js';

/** Bodies of a storm; the full run has 20,000. */
const BODIES = Number(process.env.STORM_WEBHOOKS ?? 4_000);
const SEED = Number(process.env.STORM_SEED ?? 1);
const CONNECTIONS = 64;
const MAX_ITEMS = 50;
const DUPLICATE_RATIO = 0.2;
const KILLS = [0.3, 0.6, 0.85];
const SECOND_NUMBER = '300000000000002';
const FIRST_PHONE = 9_810_000_000;
const API_SENDS = 20;
const LATEST_MS = Date.now() - 60_000;
const MINUTES = Math.max(5, BODIES / 1_000);

/** One thing that happened, whose place in a body does not matter. */
interface Event {
  number: string;
  kind: 'messages' | 'statuses';
  item: JsonObject;
}

/** A message of ours, before the storm. */
interface Sent {
  id: number;
  wamid: string;
  token: string;
  phone: string;
  campaignId: number | null;
  timestamp: number;
  sentAt: number;
}

interface ExpectedMessage {
  status: string;
  sent_at: number | null;
  delivered_at: number | null;
  read_at: number | null;
  failed_at: number | null;
}

interface ExpectedConversation {
  unread_count: number;
  /** Null: there were reactions only. */
  last_message_at: number | null;
  last_inbound_at: number | null;
}

/** What must be true after all events, whatever their order and number: written from the contract, not from the code. */
interface Expected {
  messages: Map<number, ExpectedMessage>;
  /** By number and phone. */
  conversations: Map<string, ExpectedConversation>;
  campaign: Pick<CampaignBody, 'sent_count' | 'delivered_count' | 'read_count' | 'failed_count'>;
  inbound: number;
  reactions: number;
  statuses: number;
}

interface Storm {
  processes: Processes;
  journey: Journey<Processes>;
  campaignId: number;
  sent: Sent[];
  database: pg.Client;
  close(): Promise<void>;
}

/** mulberry32: the same storm for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffle<T>(items: T[], random: () => number): T[] {
  for (let index = items.length - 1; index > 0; index -= 1) {
    const other = Math.floor(random() * (index + 1));
    [items[index], items[other]] = [items[other] as T, items[index] as T];
  }
  return items;
}

/** The whole product, two numbers, a campaign that is through and single messages, all without a status. */
async function prepare(): Promise<Storm> {
  const processes = await startProcesses();
  await processes.simulator.configure({ webhooks: { enabled: false } });
  const journey = {
    api: processes,
    simulator: processes.simulator,
    ...(await setUp(processes)),
    close: () => processes.close(),
  };
  await processes.call('POST', '/accounts', {
    body: { name: 'Second', phone_number_id: SECOND_NUMBER, waba_id: '200000000000002', access_token: 'EAAsecond' },
  });
  await processes.startWorker();
  const campaignId = await draftWithCsv(journey, audienceCsv(Math.ceil(BODIES / 2), FIRST_PHONE));
  await processes.call('POST', `/campaigns/${campaignId}/run`);
  await campaignIs(journey, campaignId, 'completed', 120_000);
  for (let index = 0; index < API_SENDS; index += 1) {
    const answer = await processes.call('POST', '/send-message?force=true', {
      body: { phone: `+91${FIRST_PHONE + index * 7}`, message: `Hello ${index}` },
    });
    expect(answer.status).toBe(200);
  }
  const database = new pg.Client({ connectionString: processes.database.url });
  await database.connect();
  const { rows } = await database.query<{
    id: string;
    message_id: string;
    attempt_token: string;
    phone: string;
    campaign_id: string | null;
    timestamp: Date;
    sent_at: Date;
  }>(
    `select m.id, m.message_id, m.attempt_token, k.phone, m.campaign_id, m.timestamp, m.sent_at
     from messages m join contacts k on k.id = m.contact_id where m.status = 'sent' order by m.id`,
  );
  expect(rows).toHaveLength(Math.ceil(BODIES / 2) + API_SENDS);
  return {
    processes,
    journey,
    campaignId,
    database,
    sent: rows.map((row) => ({
      id: Number(row.id),
      wamid: row.message_id,
      token: row.attempt_token,
      phone: row.phone.slice(1),
      campaignId: row.campaign_id === null ? null : Number(row.campaign_id),
      timestamp: row.timestamp.getTime(),
      sentAt: row.sent_at.getTime(),
    })),
    close: async () => {
      await database.end();
      await processes.close();
    },
  };
}

/** `count` different events: statuses of our messages and of foreign ones, and what customers wrote to two numbers. */
function eventsOf(sent: readonly Sent[], count: number, random: () => number): Event[] {
  const events: Event[] = [];
  const seconds = (): number => Math.floor(LATEST_MS / 1_000 - random() * 70_000);
  for (const message of sent) {
    const names = ['sent', 'delivered', 'read', 'failed'].filter((name) => random() < (name === 'failed' ? 0.1 : 0.6));
    for (const name of names) {
      events.push({
        number: PHONE_NUMBER_ID,
        kind: 'statuses',
        item: {
          id: message.wamid,
          status: name,
          timestamp: String(seconds()),
          recipient_id: message.phone,
          ...(random() < 0.5 ? { biz_opaque_callback_data: `parley:${message.token}` } : {}),
          ...(name === 'failed' ? { errors: [{ code: 131_026, title: 'Message undeliverable' }] } : {}),
        },
      });
    }
  }
  for (let index = 0; index < count / 100; index += 1) {
    events.push({
      number: PHONE_NUMBER_ID,
      kind: 'statuses',
      item: { id: `wamid.foreign-${index}`, status: 'read', timestamp: String(seconds()), recipient_id: '1' },
    });
  }
  const people = Math.ceil(BODIES / 4);
  for (let index = 0; events.length < count; index += 1) {
    const isReaction = random() < 0.1;
    events.push({
      number: random() < 0.8 ? PHONE_NUMBER_ID : SECOND_NUMBER,
      kind: 'messages',
      item: {
        // Half of them were in the campaign.
        from: `91${FIRST_PHONE + Math.ceil(BODIES / 2) - Math.floor(people / 2) + Math.floor(random() * people)}`,
        id: `wamid.inbound-${index}`,
        timestamp: String(seconds()),
        ...(isReaction
          ? { type: 'reaction', reaction: { message_id: 'wamid.x', emoji: '👍' } }
          : { type: 'text', text: { body: `Nachricht ${index} / ü 🙏` } }),
      },
    });
  }
  return shuffle(events, random).slice(0, count);
}

/** Mostly alone, sometimes up to fifty together, each fifth a second time, in any order. */
function bodiesOf(sent: readonly Sent[], random: () => number): { events: Event[]; bodies: Buffer[] } {
  const sizes = Array.from({ length: BODIES }, () => (random() < 0.6 ? 1 : 1 + Math.floor(random() ** 3 * MAX_ITEMS)));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const events = eventsOf(sent, Math.floor(total * (1 - DUPLICATE_RATIO)), random);
  const items = [...events];
  while (items.length < total) {
    items.push(events[Math.floor(random() * events.length)] as Event);
  }
  shuffle(items, random);
  let start = 0;
  const bodies = sizes.map((size) => Buffer.from(toWire(bodyOf(items.slice(start, (start += size))))));
  return { events, bodies };
}

function bodyOf(events: readonly Event[]): JsonObject {
  const changes = [PHONE_NUMBER_ID, SECOND_NUMBER].flatMap((number) => {
    const ofNumber = events.filter((event) => event.number === number);
    const of = (kind: Event['kind']): JsonObject[] =>
      ofNumber.filter((event) => event.kind === kind).map((event) => event.item);
    const [messages, statuses] = [of('messages'), of('statuses')];
    return [
      ...(messages.length > 0 ? [numberChange('messages', { messages }, number)] : []),
      ...(statuses.length > 0 ? [numberChange('messages', { statuses }, number)] : []),
    ];
  });
  return { object: 'whatsapp_business_account', entry: [{ id: '2', changes }] };
}

function expectedOf(sent: readonly Sent[], events: readonly Event[]): Expected {
  const times = new Map<string, Record<string, number>>();
  const conversations = new Map<string, ExpectedConversation>();
  let inbound = 0;
  let reactions = 0;
  let statuses = 0;
  const touch = (key: string, at: number, unread: number, isInbound: boolean, isMessage = true): void => {
    const { unread_count, last_message_at, last_inbound_at } = conversations.get(key) ?? {
      unread_count: 0,
      last_message_at: null,
      last_inbound_at: null,
    };
    conversations.set(key, {
      unread_count: unread_count + unread,
      last_message_at: isMessage ? Math.max(last_message_at ?? 0, at) : last_message_at,
      last_inbound_at: isInbound ? Math.max(last_inbound_at ?? 0, at) : last_inbound_at,
    });
  };
  for (const { kind, number, item } of events) {
    const at = Number(item.timestamp) * 1_000;
    if (kind === 'messages') {
      const isMessage = item.type === 'text';
      inbound += isMessage ? 1 : 0;
      reactions += isMessage ? 0 : 1;
      touch(`${number}/${item.from as string}`, at, isMessage ? 1 : 0, true, isMessage);
    } else {
      statuses += 1;
      times.set(item.id as string, { ...times.get(item.id as string), [item.status as string]: at });
    }
  }
  const messages = new Map(
    sent.map((message) => {
      touch(`${PHONE_NUMBER_ID}/${message.phone}`, message.timestamp, 0, false);
      const told = times.get(message.wamid) ?? {};
      const delivered = [told.delivered, told.read].filter((time) => time !== undefined);
      const sentAt = Math.min(message.sentAt, ...delivered, ...(told.sent === undefined ? [] : [told.sent]));
      const status = told.read ? 'read' : told.delivered ? 'delivered' : told.failed ? 'failed' : 'sent';
      return [
        message.id,
        {
          status,
          sent_at: sentAt,
          delivered_at: delivered.length > 0 ? Math.min(...delivered) : null,
          read_at: told.read ?? null,
          failed_at: told.failed ?? null,
        },
      ];
    }),
  );
  const count = (...names: string[]): number =>
    sent.filter((message) => message.campaignId !== null && names.includes(messages.get(message.id)?.status ?? ''))
      .length;
  return {
    messages,
    conversations,
    campaign: {
      sent_count: count('sent', 'delivered', 'read'),
      delivered_count: count('delivered', 'read'),
      read_count: count('read'),
      failed_count: count('failed'),
    },
    inbound,
    reactions,
    statuses,
  };
}

interface Sending {
  /** Time of each acknowledged answer, in ms. */
  answers: number[];
  /** Whatever was not 200, how often. */
  others: Map<string, number>;
  ms: number;
}

/** Posts as Meta does: many connections at once, and again whatever was not acknowledged. */
async function post(url: string, bodies: readonly Buffer[], onAcknowledged: (count: number) => void): Promise<Sending> {
  const pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1 });
  const answers: number[] = [];
  const others = new Map<string, number>();
  const startedAt = performance.now();
  let next = 0;
  const attempt = async (body: Buffer): Promise<string> => {
    try {
      const response = await pool.request({
        method: 'POST',
        path: '/whatsapp/webhook/',
        headers: { 'content-type': 'application/json', 'x-hub-signature-256': sign(body) },
        body,
      });
      await response.body.dump();
      return String(response.statusCode);
    } catch (error) {
      return (error as { code?: string }).code ?? String(error);
    }
  };
  const connection = async (): Promise<void> => {
    for (let body = bodies[next++]; body !== undefined; body = bodies[next++]) {
      for (;;) {
        const sentAt = performance.now();
        const outcome = await attempt(body);
        if (outcome === '200') {
          answers.push(performance.now() - sentAt);
          onAcknowledged(answers.length);
          break;
        }
        others.set(outcome, (others.get(outcome) ?? 0) + 1);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, connection));
  const ms = performance.now() - startedAt;
  await pool.close();
  return { answers: answers.sort((a, b) => a - b), others, ms };
}

/** Waits until every body had its effect. @returns when that was, by the database's clock */
async function processedAt(database: pg.Client): Promise<{ receivedFirst: Date; processedLast: Date; bodies: number }> {
  await eventually(
    async () => (await database.query('select 1 from webhook_logs where not processed limit 1')).rowCount,
    (waiting) => waiting === 0,
    MINUTES * 60_000,
  );
  const { rows } = await database.query<{ first: Date; last: Date; bodies: number; failed: number }>(
    `select min(received_at) as first, max(processed_at) as last, count(*)::int as bodies,
       count(*) filter (where error is not null or attempts > 0)::int as failed from webhook_logs`,
  );
  const [row] = rows;
  expect(row?.failed).toBe(0);
  return { receivedFirst: row?.first as Date, processedLast: row?.last as Date, bodies: row?.bodies as number };
}

const ms = (time: Date | null): number | null => time?.getTime() ?? null;

/** Compares everything with the model; a difference fails with the first few of its kind. */
async function expectState(storm: Storm, expected: Expected): Promise<void> {
  const { database, journey, processes } = storm;
  const messages = await database.query<{
    id: string;
    status: string;
    sent_at: Date;
    delivered_at: Date;
    read_at: Date;
    failed_at: Date;
  }>(`select id, status, sent_at, delivered_at, read_at, failed_at from messages where direction = 'outbound'`);
  expect(messages.rowCount).toBe(expected.messages.size);
  const wrongMessages = messages.rows
    .map((row) => ({
      id: Number(row.id),
      seen: {
        status: row.status,
        sent_at: ms(row.sent_at),
        delivered_at: ms(row.delivered_at),
        read_at: ms(row.read_at),
        failed_at: ms(row.failed_at),
      },
    }))
    .map(({ id, seen }) => ({ id, seen, expected: expected.messages.get(id) }))
    .filter((row) => JSON.stringify(row.seen) !== JSON.stringify(row.expected));
  expect(wrongMessages.slice(0, 5)).toEqual([]);

  const conversations = await database.query<{
    key: string;
    unread_count: number;
    last_message_at: Date | null;
    last_inbound_at: Date | null;
    messages: number;
    newest: Date | null;
  }>(
    `select a.phone_number_id || '/' || substr(k.phone, 2) as key, c.unread_count, c.last_message_at, c.last_inbound_at,
       count(m.id)::int as messages, max(m.timestamp) as newest
     from conversations c
     join accounts a on a.id = c.account_id join contacts k on k.id = c.contact_id
     left join messages m on m.conversation_id = c.id
     group by a.id, k.id, c.id`,
  );
  expect(conversations.rowCount).toBe(expected.conversations.size);
  const wrongConversations = conversations.rows
    .map((row) => ({
      key: row.key,
      seen: {
        unread_count: row.unread_count,
        last_message_at: ms(row.last_message_at),
        last_inbound_at: ms(row.last_inbound_at),
      },
      expected: expected.conversations.get(row.key),
    }))
    .filter((row) => JSON.stringify(row.seen) !== JSON.stringify(row.expected));
  expect(wrongConversations.slice(0, 5)).toEqual([]);
  expect(conversations.rows.filter((row) => ms(row.newest) !== ms(row.last_message_at))).toEqual([]);

  const { rows: counts } = await database.query(
    `select (select count(*)::int from messages where direction = 'inbound') as inbound,
       (select count(*)::int from outbox_events where type = 'message.received') as received_events,
       (select count(*)::int from message_changes) as reactions,
       (select count(*)::int from message_statuses) as statuses,
       (select count(*)::int from contacts) as contacts`,
  );
  const phones = new Set([...expected.conversations.keys()].map((key) => key.split('/')[1]));
  expect(counts[0]).toEqual({
    inbound: expected.inbound,
    received_events: expected.inbound,
    reactions: expected.reactions,
    statuses: expected.statuses,
    contacts: phones.size,
  });

  expect(await getCampaign(journey, storm.campaignId)).toMatchObject({
    ...expected.campaign,
    pending_count: 0,
    unknown_count: 0,
  });
  for (const [key, conversation] of [...expected.conversations]
    .filter(([name, { last_message_at: at }]) => name.startsWith(PHONE_NUMBER_ID) && at !== null)
    .slice(0, 20)) {
    const { body } = await processes.call('GET', `/chats/+${key.split('/')[1]}`, { accountId: journey.accountId });
    expect(body).toMatchObject({
      unread_count: conversation.unread_count,
      last_message_at: new Date(conversation.last_message_at ?? 0).toISOString(),
    });
  }
}

function quantile(sorted: readonly number[], share: number): number {
  return Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number) * 10) / 10;
}

function report(
  what: string,
  events: readonly Event[],
  bodies: readonly Buffer[],
  sending: Sending,
  done: Awaited<ReturnType<typeof processedAt>>,
): void {
  const seconds = (done.processedLast.getTime() - done.receivedFirst.getTime()) / 1_000;
  const figures = {
    storm: what,
    seed: SEED,
    bodies: bodies.length,
    different_items: events.length,
    megabytes: Math.round(bodies.reduce((sum, body) => sum + body.length, 0) / 1e5) / 10,
    posted_in_s: Math.round(sending.ms / 100) / 10,
    answers_per_s: Math.round(bodies.length / (sending.ms / 1_000)),
    p50_ms: quantile(sending.answers, 0.5),
    p99_ms: quantile(sending.answers, 0.99),
    max_ms: quantile(sending.answers, 1),
    other_answers: Object.fromEntries(sending.others),
    stored: done.bodies,
    processed_in_s: seconds,
    items_per_s: Math.round(events.length / (1 - DUPLICATE_RATIO) / seconds),
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}

/** An API of our own beside that of the installation, on a port that stays when it is killed. */
async function startVictim(
  processes: Processes,
): Promise<{ url: string; kill(): Promise<void>; start(): Promise<void> }> {
  const port = await new Promise<number>((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address() as { port: number };
      server.close(() => resolve(address.port));
    });
  });
  const url = `http://127.0.0.1:${port}`;
  const settings = { PORT: String(port), GRAPH_API_BASE_URL: processes.simulator.url };
  const env = { ...process.env, ...testEnvironment(processes.database.url, settings) };
  let api: ChildProcess;
  const start = async (): Promise<void> => {
    api = spawn(process.execPath, [join(process.cwd(), 'dist/src/main.js')], {
      env,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    await eventually(
      () =>
        fetch(`${url}/health/ready`).then(
          (answer) => answer.ok,
          () => false,
        ),
      Boolean,
    );
  };
  await start();
  return { url, start, kill: () => kill(api) };
}

describe('a storm of webhooks', () => {
  let storm: Storm;

  beforeEach(async () => {
    storm = await prepare();
  }, 180_000);
  afterEach(() => storm.close());

  it(
    'in any order, in any batches, each fifth item twice, on 64 connections: every answer is 200, and all is as if each thing had come once, in order',
    async () => {
      const { events, bodies } = bodiesOf(storm.sent, randomOf(SEED));
      const expected = expectedOf(storm.sent, events);
      const sending = await post(storm.processes.url, bodies, () => undefined);
      const done = await processedAt(storm.database);
      report('calm', events, bodies, sending, done);
      expect([...sending.others]).toEqual([]);
      expect(done.bodies).toBe(BODIES);
      await expectState(storm, expected);
    },
    MINUTES * 60_000,
  );

  it(
    'while the API is killed again and again: nothing that was acknowledged is missing, and all is as if nothing had happened',
    async () => {
      const { events, bodies } = bodiesOf(storm.sent, randomOf(SEED + 1));
      const expected = expectedOf(storm.sent, events);
      const victim = await startVictim(storm.processes);
      const kills = KILLS.map((share) => Math.floor(share * BODIES));
      let deaths = Promise.resolve();
      const sending = await post(victim.url, bodies, (acknowledged) => {
        if (kills.includes(acknowledged)) {
          deaths = deaths.then(() => victim.kill()).then(() => victim.start());
        }
      });
      await deaths;
      const done = await processedAt(storm.database);
      report(`API killed ${KILLS.length} times`, events, bodies, sending, done);
      await victim.kill();
      expect([...sending.others.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
      const { rows } = await storm.database.query<{ digest: string }>(
        `select encode(sha256(body), 'hex') as digest from webhook_logs`,
      );
      const stored = new Set(rows.map((row) => row.digest));
      const missing = bodies.filter((body) => !stored.has(createHash('sha256').update(body).digest('hex')));
      expect(missing.length).toBe(0);
      await expectState(storm, expected);
    },
    MINUTES * 60_000,
  );
});
