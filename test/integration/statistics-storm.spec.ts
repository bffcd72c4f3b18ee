import { DataSource } from 'typeorm';
import { Recount } from '../../src/analytics/recount.js';
import { migrate } from '../../src/database/migrate.js';
import { dataSourceOptions } from '../../src/database/options.js';
import { eventually, startTestApp, type TestApp } from '../support/app.js';
import { createTestDatabase } from '../support/database.js';
import { campaignIs, draftWithCsv, startJourney, type Journey } from '../support/journey.js';
import { randomOf } from '../support/random.js';
import {
  envelope,
  newWamid,
  numberChange,
  postWebhook,
  status,
  text,
  type JsonObject,
} from '../support/webhook-payloads.js';

const SEED = Number(process.env.STORM_SEED ?? Date.now() % 1_000_000);
const SIZE = Number(process.env.STORM_SIZE ?? 1);
const ZONES = ['UTC', 'Asia/Kolkata', 'Asia/Kathmandu', 'America/New_York', 'Europe/Berlin', 'Pacific/Auckland'];
const AGENTS = [undefined, 'asha', 'ravi', 'zoë "the" quick'];
const LABELS = ['Storm A', 'Storm B', null];
const QUIET_NUMBER_ID = '300000000000002';
/** Of a storm, in ms: others may be busy too. */
const LONGEST = 60_000 * (1 + SIZE);
const ACTORS = 8;
const PEOPLE = 5;

interface Person {
  phone: string;
  userId: string;
}

/** What the test knows of a message, told to nobody: what figures must come to. */
interface Known {
  direction: 'inbound' | 'outbound';
  at: Date;
  agent: string;
  told: Set<string>;
}

interface Day {
  date: string;
  inbound: { received: number };
  outbound: { sent: number; delivered: number; read: number; failed: number };
  conversations: { opened: number; answered: number; resolved: number };
}

describe(`the figures after a storm (STORM_SEED=${SEED})`, () => {
  let journey: Journey;
  /** One more process on the same database. */
  let second: TestApp;
  let quietId: number;
  const known = new Map<string, Known>();
  const random = randomOf(SEED);

  const int = (below: number): number => Math.floor(random() * below);
  const pick = <T>(list: readonly T[]): T => list[int(list.length)] as T;
  const app = (): TestApp => pick([journey.api, second]);
  const shuffled = <T>(list: T[]): T[] => list.sort(() => random() - 0.5);
  const post = async (changes: JsonObject[]): Promise<void> => {
    expect((await postWebhook(app().url, envelope(changes))).status).toBe(200);
  };
  /** Within the last seventy days, to the second. */
  const someTime = (): Date => new Date(Math.floor(Date.now() / 1_000 - 60 - int(70 * 86_400)) * 1_000);
  const secondsOf = (at: Date): string => String(at.getTime() / 1_000);
  const idle = (): Promise<unknown> =>
    eventually(
      () =>
        journey.api.db.queryDynamic<{ n: number }>(
          // A status may come before its message, and is applied a little later.
          `select (select count(*) from webhook_logs where not processed)
             + (select count(*) from message_statuses where not is_applied) as n`,
        ),
      ([row]) => row?.n === 0,
      60_000,
    );

  const receive = async (person: Person): Promise<void> => {
    const messages = Array.from({ length: 1 + int(4) }, () => {
      const at = someTime();
      const id = newWamid();
      known.set(id, { direction: 'inbound', at, agent: '', told: new Set() });
      const message = text(person.phone.slice(1), 'in', { id, timestamp: secondsOf(at) });
      const { from: _from, ...nameless } = message;
      return pick([message, { ...message, from_user_id: person.userId }, { ...nameless, from_user_id: person.userId }]);
    });
    const twice = messages.filter(() => random() < 0.3);
    await post([numberChange('messages', { messages: shuffled([...messages, ...twice]) })]);
  };
  const echo = async (person: Person): Promise<void> => {
    const at = someTime();
    const id = newWamid();
    known.set(id, { direction: 'outbound', at, agent: '', told: new Set() });
    const message = {
      from: '919800000001',
      to: person.phone.slice(1),
      id,
      timestamp: secondsOf(at),
      type: 'text',
      text: { body: 'echo' },
    };
    await post([numberChange('smb_message_echoes', { message_echoes: [message] })]);
    await tell(id);
  };
  const tell = async (wamid: string): Promise<void> => {
    const names = shuffled(['sent', 'delivered', 'read', 'failed']).slice(0, int(4));
    const statuses = names.map((name) => {
      known.get(wamid)?.told.add(name);
      const pricing = { billable: true, pricing_model: 'PMP', type: 'regular', category: pick(['utility', 'service']) };
      return status(wamid, name, name === 'failed' ? { errors: [{ code: 131_026, title: 'x' }] } : { pricing });
    });
    for (const one of [...statuses, ...statuses.filter(() => random() < 0.3)]) {
      await post([numberChange('messages', { statuses: [one] })]);
    }
  };
  const send = async (person: Person): Promise<void> => {
    const agent = pick(AGENTS);
    const answer = await app().call<{ message: { message_id: string; timestamp: string } }>(
      'POST',
      '/send-message/?force=true',
      { body: { phone: person.phone, message: 'out', ...(agent === undefined ? {} : { sent_by: agent }) } },
    );
    expect(answer.status).toBe(200);
    const { message_id: wamid, timestamp } = answer.body.message;
    known.set(wamid, { direction: 'outbound', at: new Date(timestamp), agent: agent ?? '', told: new Set() });
    await tell(wamid);
  };
  const change = async (person: Person): Promise<void> => {
    const body = pick<JsonObject>([
      { is_resolved: true },
      { is_resolved: false },
      { label: pick(LABELS) },
      { assigned_to: pick(AGENTS) ?? null },
    ]);
    const answer = await app().call('PATCH', `/chats/${encodeURIComponent(person.phone)}`, { body });
    expect([200, 404]).toContain(answer.status);
  };
  const hide = async (person: Person): Promise<void> => {
    const thread = await app().call<{ messages?: { id: number }[] }>(
      'GET',
      `/chats/${encodeURIComponent(person.phone)}/messages?limit=3`,
    );
    for (const { id } of thread.body.messages ?? []) {
      expect([204, 404]).toContain((await app().call('DELETE', `/messages/${id}`)).status);
    }
  };
  const erase = async (person: Person): Promise<void> => {
    const rows = await journey.api.db.queryDynamic<{ contact_id: number }>(
      'select distinct contact_id from contact_identities where value = any($1::text[])',
      [[person.phone, person.userId]],
    );
    for (const { contact_id: id } of rows) {
      expect((await app().call('DELETE', `/contacts/${id}?erase=true`)).status).toBe(204);
    }
  };
  /** One person talks to few, as a rule, so that most things happen to the same ones at once. */
  const rage = async (people: readonly Person[], steps: number): Promise<void> => {
    await Promise.all(
      Array.from({ length: ACTORS }, async () => {
        for (let step = 0; step < steps * SIZE; step += 1) {
          await pick([receive, receive, send, send, echo, change, change, hide])(pick(people));
        }
      }),
    );
    await idle();
  };
  const peopleFrom = (first: number): Person[] =>
    Array.from({ length: PEOPLE * SIZE }, (_, n) => ({
      phone: `+9198900${10_000 + first + n}`,
      userId: `IN.${first + n}77`,
    }));
  const campaign = async (people: readonly Person[]): Promise<void> => {
    const csv = ['phone,name,order_id', ...people.map(({ phone }, n) => `${phone},P${n},O-${n}`)].join('\n');
    const id = await draftWithCsv(journey, csv);
    await journey.api.call('POST', `/campaigns/${id}/run`);
    await campaignIs(journey, id, 'completed');
    const rows = await journey.api.db.queryDynamic<{ message_id: string; timestamp: Date }>(
      'select message_id, timestamp from messages where campaign_id = $1',
      [id],
    );
    expect(rows).toHaveLength(people.length);
    for (const row of rows) {
      known.set(row.message_id, { direction: 'outbound', at: row.timestamp, agent: '', told: new Set() });
      await tell(row.message_id);
    }
  };

  /** Days of a zone by its clock on the wall, counted by hand. */
  const expected = (zone: string): Map<string, Omit<Day, 'date' | 'conversations'>> => {
    const wall = new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short' });
    const days = new Map<string, Omit<Day, 'date' | 'conversations'>>();
    for (const { direction, at, told } of known.values()) {
      const date = wall.format(at);
      const day = days.get(date) ?? {
        inbound: { received: 0 },
        outbound: { sent: 0, delivered: 0, read: 0, failed: 0 },
      };
      const isDelivered = told.has('delivered') || told.has('read');
      const isFailed = told.has('failed') && !isDelivered;
      const is = (condition: boolean): number => (direction === 'outbound' && condition ? 1 : 0);
      days.set(date, {
        inbound: { received: day.inbound.received + (direction === 'inbound' ? 1 : 0) },
        outbound: {
          sent: day.outbound.sent + is(!isFailed),
          delivered: day.outbound.delivered + is(isDelivered),
          read: day.outbound.read + is(told.has('read')),
          failed: day.outbound.failed + is(isFailed),
        },
      });
    }
    return days;
  };
  const firstDay = (): string => new Date(Date.now() - 75 * 86_400_000).toISOString().slice(0, 10);
  const daily = async (zone: string): Promise<Day[]> => {
    const to = new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10);
    const answer = await app().call<{ days: Day[] }>(
      'GET',
      `/analytics/daily?from=${firstDay()}&to=${to}&time_zone=${zone}`,
    );
    expect(answer.status).toBe(200);
    return answer.body.days;
  };
  const messagesByDay = async (zone: string): Promise<Map<string, Omit<Day, 'date' | 'conversations'>>> =>
    new Map(
      (await daily(zone)).flatMap(({ date, inbound, outbound: { sent, delivered, read, failed } }) =>
        inbound.received + sent + failed > 0 ? [[date, { inbound, outbound: { sent, delivered, read, failed } }]] : [],
      ),
    );
  const expectToAgree = async (): Promise<void> => {
    for (const zone of ZONES) {
      const [seen, right] = [await messagesByDay(zone), expected(zone)];
      expect({ zone, days: [...seen].sort() }).toEqual({ zone, days: [...right].sort() });
    }
    const report = await journey.api.app.get(Recount, { strict: false }).run({});
    expect(report.differences.filter(({ rows }) => rows > 0)).toEqual([]);
  };

  beforeAll(async () => {
    journey = await startJourney({ simulator: { webhooks: { enabled: false }, check_message_ids: false } });
    await journey.simulator.configure({ webhooks: { enabled: false }, check_message_ids: false });
    second = await startTestApp({
      databaseUrl: journey.api.databaseUrl,
      worker: true,
      env: { GRAPH_API_BASE_URL: journey.simulator.url },
    });
    const quiet = await journey.api.call<{ id: number }>('POST', '/accounts', {
      body: { name: 'Quiet', phone_number_id: QUIET_NUMBER_ID, waba_id: '200000000000002', access_token: 'EAAquiet' },
    });
    expect(quiet.status).toBe(201);
    quietId = quiet.body.id;
    await postWebhook(journey.api.url, {
      ...envelope(
        [numberChange('messages', { messages: [text('919890010000', 'to the other')] }, QUIET_NUMBER_ID)],
        '200000000000002',
      ),
    });
    await idle();
  });
  afterAll(async () => {
    await second?.close();
    await journey.close();
  });

  it(
    'are those of a recount, in every time zone, while people merge and messages are hidden',
    async () => {
      const people = peopleFrom(0);
      await rage(people, 15);
      await campaign(people);
      await idle();
      await expectToAgree();
      expect(known.size).toBeGreaterThan(60);
    },
    LONGEST,
  );

  it(
    'stay when people are erased, in the middle of the next storm',
    async () => {
      const people = peopleFrom(1_000);
      await Promise.all([
        rage(people, 10),
        (async () => {
          for (const person of peopleFrom(0).slice(1)) {
            await erase(person);
          }
        })(),
      ]);
      const [left] = await journey.api.db.queryDynamic<{ n: number }>(
        'select count(*) as n from messages where account_id = $1',
        [journey.accountId],
      );
      expect(left?.n).toBeLessThan(known.size);
      await expectToAgree();
    },
    LONGEST,
  );

  it('count what happened to conversations by the day it happened', async () => {
    const marks = await journey.api.db.queryDynamic<{
      kind: 'opened' | 'answered' | 'resolved';
      at: Date;
      duration_ms: number;
    }>('select kind, at, duration_ms from conversation_marks where account_id = $1', [journey.accountId]);
    expect(new Set(marks.map(({ kind }) => kind))).toEqual(new Set(['opened', 'answered', 'resolved', 'labelled']));
    expect(marks.every(({ duration_ms }) => duration_ms === null || duration_ms >= 0)).toBe(true);
    for (const zone of ZONES) {
      const wall = new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short' });
      for (const { date, conversations } of await daily(zone)) {
        const right = { opened: 0, answered: 0, resolved: 0 };
        marks
          .filter(({ at, kind }) => wall.format(at) === date && kind in right)
          .forEach(({ kind }) => (right[kind] += 1));
        expect({ zone, date, ...conversations }).toEqual({ zone, date, ...right });
      }
    }
  });

  it('are by agent what each of them sent', async () => {
    const { body } = await app().call<{ agents: { agent: string | null; outbound: { attempted: number } }[] }>(
      'GET',
      `/analytics/agents?from=${firstDay()}&limit=200`,
    );
    const right = new Map<string | null, number>();
    for (const { direction, agent } of known.values()) {
      if (direction === 'outbound' && agent !== '') {
        right.set(agent, (right.get(agent) ?? 0) + 1);
      }
    }
    const seen = body.agents.flatMap(({ agent, outbound }): [string | null, number][] =>
      agent === null || outbound.attempted === 0 ? [] : [[agent, outbound.attempted]],
    );
    expect(new Map(seen)).toEqual(right);
  });

  it('are by price what was delivered, each message once', async () => {
    const { body } = await app().call<{ costs: { category: string; country: string; messages: number }[] }>(
      'GET',
      `/analytics/costs?from=${firstDay()}`,
    );
    const delivered = [...known.values()].filter(
      ({ direction, told }) => direction === 'outbound' && (told.has('delivered') || told.has('read')),
    );
    expect(body.costs.reduce((sum, { messages }) => sum + messages, 0)).toBe(delivered.length);
    expect(new Set(body.costs.map(({ country }) => country))).toEqual(new Set(['IN']));
  });

  it('of another account have not moved', async () => {
    const { body } = await app().call('GET', `/analytics/overview`, { accountId: quietId });
    expect(body).toMatchObject({
      account_ids: [quietId],
      inbound: { received: 1 },
      outbound: { attempted: 0 },
      conversations: { opened: 1, answered: 0, resolved: 0 },
      costs: [],
    });
  });

  it('are the same before and after what was appended is folded', async () => {
    await eventually(
      () =>
        journey.api.db.queryDynamic<{ n: number }>(
          `select (select count(*) from message_statistic_deltas) + (select count(*) from charge_statistic_deltas)
             + (select count(*) from conversation_statistic_deltas) as n`,
        ),
      ([row]) => row?.n === 0,
    );
    await expectToAgree();
  });

  it('that were lost are found and put right by a recount', async () => {
    const recount = journey.api.app.get(Recount, { strict: false });
    await journey.api.db.query('delete from message_statistics where account_id = $1', [journey.accountId]);
    await journey.api.db.query('update conversation_statistics set n = n + 1 where account_id = $1', [quietId]);
    const found = await recount.run({});
    expect([found.isEqual, found.isFixed]).toEqual([false, false]);
    expect(
      found.differences.map(({ statistics, accounts }) => [statistics, accounts.map((row) => row.account_id)]),
    ).toEqual([
      ['messages', [journey.accountId]],
      ['charges', []],
      ['conversations', [quietId]],
    ]);
    expect((await recount.run({ fix: true })).isFixed).toBe(true);
    expect((await recount.run({})).isEqual).toBe(true);
    await expectToAgree();
  });
});

describe('the figures of messages from before there were figures', () => {
  it('are counted by the migration, with who waited how long', async () => {
    const database = await createTestDatabase();
    const dataSource = new DataSource(
      dataSourceOptions({ url: database.url, applicationName: 'parley-test', poolSize: 1 }),
    );
    await dataSource.initialize();
    let api: TestApp | null = null;
    try {
      const isThere = async (): Promise<boolean> =>
        (
          (await dataSource.query(`select to_regclass('message_statistics') is not null as yes`)) as { yes: boolean }[]
        )[0]?.yes ?? false;
      while (await isThere()) {
        await dataSource.undoLastMigration();
      }
      await dataSource.query(`
        insert into accounts (id, name, phone_number_id, verify_token) overriding system value values (1, 'A', '1', 'v');
        insert into contacts (id, identity_key, phone) overriding system value
          values (1, 'phone:+919890000001', '+919890000001'), (2, 'phone:+919890000002', '+919890000002');
        insert into conversations (id, account_id, contact_id, is_resolved) overriding system value values (1, 1, 1, false), (2, 1, 2, true);
        insert into messages (account_id, conversation_id, contact_id, direction, message_type, status, message_id, timestamp,
          template_name, template_language, campaign_id, sent_by, sent_at)
        values
          (1, 1, 1, 'inbound', 'text', 'delivered', 'a', '2026-05-01T10:01:00Z', null, null, null, null, null),
          (1, 1, 1, 'inbound', 'text', 'delivered', 'b', '2026-05-01T10:02:00Z', null, null, null, null, null),
          (1, 1, 1, 'inbound', 'system', 'delivered', 'c', '2026-05-01T10:02:30Z', null, null, null, null, null),
          (1, 1, 1, 'outbound', 'template', 'read', 'd', '2026-05-01T10:03:00Z', 'promo', 'en', 7, null, '2026-05-01T10:03:00Z'),
          (1, 1, 1, 'outbound', 'text', 'failed', 'e', '2026-05-01T10:04:00Z', null, null, null, 'asha', null),
          (1, 1, 1, 'outbound', 'text', 'delivered', 'f', '2026-05-01T10:11:00Z', null, null, null, 'asha', '2026-05-01T10:11:00Z'),
          (1, 1, 1, 'outbound', 'text', 'pending', 'g', '2026-05-01T10:12:00Z', null, null, null, 'asha', null),
          (1, 1, 1, 'inbound', 'text', 'delivered', 'h', '2026-05-01T10:20:00Z', null, null, null, null, null),
          (1, 2, 2, 'inbound', 'text', 'delivered', 'i', '2026-05-02T10:00:00Z', null, null, null, null, null);
        insert into message_statuses (account_id, message_id, status, occurred_at, pricing)
        values (1, 'd', 'sent', '2026-05-01T10:03:00Z', '{"category":"marketing","type":"regular"}'),
          (1, 'd', 'delivered', '2026-05-01T10:04:00Z', '{"category":"marketing","type":"regular"}'),
          (1, 'd', 'read', '2026-05-01T10:05:00Z', '{"category":"marketing","type":"regular"}')`);
      await migrate(database.url);

      const totals = (await dataSource.query(
        `select sum(received)::int as received, sum(sent)::int as sent, sum(delivered)::int as delivered, sum(read)::int as read,
           sum(failed)::int as failed from message_statistics`,
      )) as object[];
      expect(totals).toEqual([{ received: 4, sent: 2, delivered: 2, read: 1, failed: 1 }]);
      expect(
        await dataSource.query('select category, type, messages, cost_micros, campaign_id from charge_statistics'),
      ).toEqual([{ category: 'marketing', type: 'regular', messages: 1, cost_micros: 0, campaign_id: 7 }]);
      expect(
        await dataSource.query(
          'select conversation_id, kind, at, duration_ms, agent from conversation_marks order by at, kind',
        ),
      ).toEqual([
        { conversation_id: 1, kind: 'opened', at: new Date('2026-05-01T10:01:00Z'), duration_ms: null, agent: '' },
        {
          conversation_id: 1,
          kind: 'answered',
          at: new Date('2026-05-01T10:11:00Z'),
          duration_ms: 600_000,
          agent: 'asha',
        },
        { conversation_id: 2, kind: 'opened', at: new Date('2026-05-02T10:00:00Z'), duration_ms: null, agent: '' },
      ]);
      expect(
        await dataSource.query('select opened_at, waiting_since, answered_at from conversations order by id'),
      ).toEqual([
        {
          opened_at: new Date('2026-05-01T10:01:00Z'),
          waiting_since: new Date('2026-05-01T10:20:00Z'),
          answered_at: new Date('2026-05-01T10:11:00Z'),
        },
        { opened_at: null, waiting_since: null, answered_at: null },
      ]);
      api = await startTestApp({ databaseUrl: database.url });
      expect((await api.app.get(Recount, { strict: false }).run({})).isEqual).toBe(true);
    } finally {
      await api?.close();
      await dataSource.destroy();
      await database.drop();
    }
  });
});
