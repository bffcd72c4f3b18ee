import { createDocument } from '../../src/http/document.js';
import { attemptTokenOf } from '../../src/inbox/evidence.js';
import { eventually, type Answer } from '../support/app.js';
import { addsUp, draftWithCsv, startJourney, type CampaignBody, type Journey } from '../support/journey.js';
import { randomOf } from '../support/random.js';
import type { LedgerRow } from '../support/simulator.js';

const SEED = Number(process.env.MOVES_SEED ?? 1);
const CALLS = Number(process.env.MOVES_CALLS ?? 210);
/** Campaigns at a time; each has a caller of its own, so that its model knows who moved it. */
const LANES = 3;
const PEOPLE = 60;
/** Of the moves, how many are chosen among those that may be made. */
const SENSIBLE = 0.55;
/** How often a caller lets a campaign run for a while, or to its end. */
const PATIENT = 0.25;
const PATIENCE_MS = 2_500;
/** Moves that a walk of this length makes again and again; the others it may miss. */
const COMMON = ['run', 'pause', 'resume', 'retry-failed', 'resend'];
/** Refused by Graph at once, each for a reason of the recipient's. */
const REFUSED_CODES = [130_403, 131_021, 131_030, 131_041, 131_051, 131_062];
const FIRST_PHONE = 9_640_000_000;
const LATER = '2099-01-01T00:00:00.000Z';
/** What was on its way when a campaign was stopped still arrives, on a busy machine some seconds later. */
const ON_THE_WAY_MS = 10_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Statuses that a campaign leaves by itself, and for which. */
const BY_ITSELF: Record<string, string[]> = { running: ['completed', 'failed'] };

interface Move {
  name: string;
  weight: number;
  method: string;
  path: string;
  body?: Record<string, unknown>;
  /** From the contract: where it may start, and where it leads (null: it stays). */
  from: readonly string[];
  to: string | null;
  status: number;
  /** Also refused when there is nobody to do it to. */
  needs?: 'failed_count' | 'unknown_count';
}

const ANYWHERE = ['draft', 'scheduled', 'running', 'paused', 'completed', 'failed', 'cancelled'];
const BEFORE = ['draft', 'scheduled'];

/** The table of moves as the contract has it, written anew: it must not be the code's own. */
const MOVES: readonly Move[] = [
  { name: 'run', weight: 20, method: 'POST', path: '/run', from: [...BEFORE, 'failed'], to: 'running', status: 202 },
  { name: 'pause', weight: 16, method: 'POST', path: '/pause', from: ['running'], to: 'paused', status: 200 },
  { name: 'resume', weight: 20, method: 'POST', path: '/resume', from: ['paused'], to: 'running', status: 200 },
  {
    name: 'cancel',
    weight: 2,
    method: 'POST',
    path: '/cancel',
    from: ['scheduled', 'running', 'paused'],
    to: 'cancelled',
    status: 200,
  },
  {
    name: 'schedule',
    weight: 4,
    method: 'POST',
    path: '/schedule',
    body: { scheduled_at: LATER },
    from: BEFORE,
    to: 'scheduled',
    status: 200,
  },
  {
    name: 'unschedule',
    weight: 4,
    method: 'POST',
    path: '/schedule',
    body: { scheduled_at: null },
    from: BEFORE,
    to: 'draft',
    status: 200,
  },
  {
    name: 'rename',
    weight: 6,
    method: 'PATCH',
    path: '',
    body: { name: 'Renamed' },
    from: ANYWHERE,
    to: null,
    status: 200,
  },
  {
    name: 'edit',
    weight: 6,
    method: 'PATCH',
    path: '',
    body: { on_unknown: 'hold', default_value: 'friend' },
    from: BEFORE,
    to: null,
    status: 200,
  },
  {
    name: 'retry-failed',
    weight: 12,
    method: 'POST',
    path: '/retry-failed',
    from: ['failed', 'completed'],
    to: 'running',
    status: 200,
    needs: 'failed_count',
  },
  {
    name: 'resend',
    weight: 8,
    method: 'POST',
    path: '/resolve-unknown',
    body: { action: 'resend' },
    from: ['running', 'paused', 'completed', 'failed'],
    to: null,
    status: 200,
    needs: 'unknown_count',
  },
  {
    name: 'drop',
    weight: 2,
    method: 'POST',
    path: '/resolve-unknown',
    body: { action: 'drop' },
    from: ['running', 'paused', 'completed', 'failed', 'cancelled'],
    to: null,
    status: 200,
    needs: 'unknown_count',
  },
  {
    name: 'delete',
    weight: 1,
    method: 'DELETE',
    path: '',
    from: ANYWHERE.filter((status) => status !== 'running'),
    to: null,
    status: 204,
  },
];

/** A campaign and what was done to it. */
interface Subject {
  id: number;
  firstPhone: number;
  isDeleted: boolean;
  /** By the database's clock, when its being cancelled or deleted was answered; from then on nothing of it is begun. */
  endedAt: number | null;
  /** Calls since then: a few, to see that each is refused. */
  callsSince: number;
  /** Times that people whose outcome was not known were sent to again, because somebody said so. */
  resends: number;
  /** Somebody gave up those whose outcome was not known: they have failed, and are never tried again. */
  hasDropped: boolean;
}

interface Recipient {
  phone_number: string;
  status: string;
}

interface ApiDocument {
  paths: Record<string, Record<string, { responses: Record<string, { description: string }> }>>;
}

type Body = CampaignBody & { name: string; code?: string; campaign?: CampaignBody };

describe(`${CALLS} random moves of ${LANES} campaigns at a time`, () => {
  let journey: Journey;
  const subjects: Subject[] = [];
  const tally: Record<string, number> = {};
  /** What no move may lead to, with the move that did. */
  const wrong: unknown[] = [];
  let nextPhone = FIRST_PHONE;
  let document: ApiDocument;

  beforeAll(async () => {
    journey = await startJourney({
      simulator: {
        seed: SEED,
        latency_ms: 20,
        webhooks: { sent_ms: 300, delivered_ms: 400, read_ms: 500, duplicate_ratio: 0.1 },
        faults: { swallow_ratio: 0.04, swallow_silent_ratio: 0.03, http_502_html_ratio: 0.03 },
      },
      account: { messages_per_second: 100 },
    });
    document = createDocument(journey.api.app) as unknown as ApiDocument;
    await Promise.all(Array.from({ length: LANES }, (_, lane) => walk(randomOf(SEED * 1_000 + lane))));
    await finishAll();
    process.stdout.write(`${JSON.stringify({ seed: SEED, campaigns: subjects.length, ...tally })}\n`);
  }, 240_000);
  afterAll(() => journey.close());

  async function walk(random: () => number): Promise<void> {
    let subject = await newSubject();
    for (let call = 0; call < CALLS / LANES; call += 1) {
      if (subject.callsSince > 4) {
        subject = await newSubject();
      }
      await move(random, subject);
      await (random() < PATIENT ? letRun(subject) : sleep(random() * 200));
    }
  }

  async function newSubject(): Promise<Subject> {
    const firstPhone = nextPhone;
    nextPhone += PEOPLE;
    const ordinary = Array.from(
      { length: PEOPLE },
      (_, index) => `+91${firstPhone + index},Person ${index},ORD-${index}`,
    );
    const refused = REFUSED_CODES.map((code) => `${refusedPhone(code)},Nobody,ORD-0`);
    // Shuffled by hand: those who are refused stand among the others.
    refused.forEach((line, index) => ordinary.splice(index * 9, 0, line));
    const id = await draftWithCsv(journey, ['phone,name,order_id', ...ordinary].join('\n'));
    const subject = {
      id,
      firstPhone,
      isDeleted: false,
      endedAt: null,
      callsSince: 0,
      resends: 0,
      hasDropped: false,
    };
    subjects.push(subject);
    return subject;
  }

  const call = (method: string, path: string, body?: object): Promise<Answer<Body>> =>
    journey.api.call<Body>(method, path, body === undefined ? {} : { body });

  /** Leaves it alone until it runs no more, or for some seconds. */
  async function letRun({ id }: Subject): Promise<void> {
    for (const until = now() + PATIENCE_MS; now() < until; await sleep(50)) {
      const { body } = await call('GET', `/campaigns/${id}`);
      if (body.status !== 'running') {
        return;
      }
    }
  }

  /** One move, and whether the model agrees with what came of it. */
  async function move(random: () => number, subject: Subject): Promise<void> {
    const path = `/campaigns/${subject.id}`;
    const before = await call('GET', path);
    const move = pick(random, before.body.status);
    const answer = await call(move.method, path + move.path, move.body);
    tally[move.name] = (tally[move.name] ?? 0) + 1;
    const problem =
      (subject.isDeleted ? isMissing(answer) : judge(move, before.body, answer)) ?? undocumented(move, answer);
    if (problem) {
      wrong.push({ move: move.name, problem, before: before.body, status: answer.status, body: answer.body });
    }
    subject.callsSince += subject.endedAt === null ? 0 : 1;
    if (answer.status === move.status) {
      await note(move, subject);
    }
  }

  /** @returns what the API's own document does not know of an answer, or null */
  function undocumented(move: Move, { status, body }: Answer<Body>): string | null {
    const path = Object.keys(document.paths).find((each) => each.endsWith(`/campaigns/{id}${move.path}`)) ?? '';
    const said = document.paths[path]?.[move.method.toLowerCase()]?.responses[status]?.description;
    const isSaid = said !== undefined && (status < 400 || said.includes(`\`${body.code}\``));
    return isSaid ? null : `the document knows no ${status} ${body?.code} of ${move.method} ${path}`;
  }

  async function note({ name }: Move, subject: Subject): Promise<void> {
    subject.isDeleted ||= name === 'delete';
    subject.endedAt ??= name === 'delete' || name === 'cancel' ? await databaseNow() : null;
    subject.hasDropped ||= name === 'drop';
    subject.resends += name === 'resend' ? 1 : 0;
    tally[`${name}: done`] = (tally[`${name}: done`] ?? 0) + 1;
  }

  /** Ends every campaign that is still alive, and waits for the last status. */
  async function finishAll(): Promise<void> {
    for (const { id } of subjects.filter(({ endedAt }) => endedAt === null)) {
      await eventually(
        async () => {
          const { status } = (await call('GET', `/campaigns/${id}`)).body;
          if (status === 'paused') {
            await call('POST', `/campaigns/${id}/resume`);
          } else if (BEFORE.includes(status)) {
            await call('POST', `/campaigns/${id}/run`);
          }
          return status;
        },
        (status) => status === 'completed' || status === 'failed',
        60_000,
      );
    }
    await eventually(
      () => journey.simulator.ledger(),
      ({ webhooks }) => webhooks.waiting === 0 && webhooks.queued === 0,
      30_000,
    );
    await eventually(
      () => journey.api.call<{ webhook_logs: unknown[] }>('GET', '/webhook-logs?processed=false&limit=1'),
      ({ body }) => body.webhook_logs.length === 0,
      30_000,
    );
  }

  it('are answered as the table of moves says, and every count of every answer adds up', () => {
    expect(wrong).toEqual([]);
    expect(Object.keys(tally)).toEqual(expect.arrayContaining(COMMON.map((name) => `${name}: done`)));
  });

  it('message nobody twice, unless somebody said to send again to those whose outcome was not known', async () => {
    const rows = await acceptedRows();
    for (const subject of subjects) {
      for (const [phone, ofPerson] of rowsByPhone(rows, subject)) {
        const [last, ...earlier] = ofPerson.reverse();
        expect(last).toBeDefined();
        // Each but the last was one whose answer never came.
        expect({ phone, earlier: earlier.filter(({ outcome }) => !outcome.startsWith('swallowed')) }).toEqual({
          phone,
          earlier: [],
        });
        expect(earlier.length).toBeLessThanOrEqual(subject.resends);
      }
    }
  });

  it('send nothing of a campaign once it is cancelled or deleted, but what was on its way', async () => {
    const rows = await journey.simulator.rows();
    const begunAt = await beginnings();
    const stopped = subjects.filter(({ endedAt }) => endedAt !== null);
    expect(stopped.length).toBeGreaterThan(0);
    for (const subject of stopped) {
      const endedAt = subject.endedAt as number;
      const late = rows.filter((row) => isOf(row, subject) && row.arrived_at > endedAt);
      // What is sent is marked before: how long it then takes to arrive is the machine's business, for some seconds.
      const begunLate = late.filter((row) => {
        const at = begunAt.get(tokenOf(row));
        // Of what Graph was too busy for, no message is kept.
        return at === undefined ? row.outcome !== 'refused' : at > endedAt;
      });
      expect(begunLate).toEqual([]);
      expect(late.filter((row) => row.arrived_at > endedAt + ON_THE_WAY_MS)).toEqual([]);
    }
  });

  it('lose nobody: the ledger and the recipients tell the same, one by one and in sum', async () => {
    const rows = await acceptedRows();
    for (const subject of subjects.filter(({ isDeleted }) => !isDeleted)) {
      const campaign = (await call('GET', `/campaigns/${subject.id}`)).body;
      const accepted = rowsByPhone(rows, subject);
      const recipients = await recipientsOf(subject);
      const ordinary = recipients.filter(({ phone_number }) => !isRefused(phone_number));
      expect(ordinary).toHaveLength(PEOPLE);
      // Statuses come for all but what was swallowed in silence: who got one of those is known to be reached.
      const known = ordinary.filter(({ phone_number }) =>
        accepted.get(phone_number)?.some(({ outcome }) => outcome !== 'swallowed_silent'),
      );
      const reached = ordinary.filter(({ status }) => ['sent', 'delivered', 'read'].includes(status));
      expect(phones(reached)).toEqual(phones(known));
      expect(campaign).toMatchObject({ total_count: PEOPLE + REFUSED_CODES.length, sent_count: known.length });
      expect(addsUp(campaign)).toBe(true);
      // The others: asked for and given up, in doubt, or never tried because the campaign was cancelled.
      const others = ordinary.filter((recipient) => !reached.includes(recipient)).map(({ status }) => status);
      const allowed = subject.endedAt === null ? ['unknown', 'failed'] : ['unknown', 'failed', 'pending'];
      expect(others.filter((status) => !allowed.includes(status))).toEqual([]);
      const failed = ordinary.filter(({ status }) => status === 'failed');
      expect(failed.length === 0 || subject.hasDropped).toBe(true);
    }
  });

  async function databaseNow(): Promise<number> {
    const [row] = await journey.api.db.query<{ now: Date }>('select clock_timestamp() as now');
    return (row as { now: Date }).now.getTime();
  }

  /** When each attempt was marked, which is before it is posted, by its token and the database's clock. */
  async function beginnings(): Promise<Map<string | null, number>> {
    const messages = await journey.api.db.query<{ attempt_token: string; created_at: Date }>(
      `select attempt_token, created_at from messages where direction = 'outbound'`,
    );
    return new Map(messages.map(({ attempt_token, created_at }) => [attempt_token, created_at.getTime()]));
  }

  async function acceptedRows(): Promise<LedgerRow[]> {
    return journey.simulator.rows('&outcome=any_accepted');
  }

  async function recipientsOf({ id }: Subject): Promise<Recipient[]> {
    const { body } = await journey.api.call<{ recipients: Recipient[] }>(
      'GET',
      `/campaigns/${id}/recipients?limit=200`,
    );
    return body.recipients;
  }
});

/** @returns what the model has against an answer, or null */
function judge(move: Move, before: Body, answer: Answer<Body>): string | null {
  const counted = answer.body?.campaign ?? answer.body;
  if (answer.status < 300 && answer.status !== 204 && !addsUp(counted)) {
    return 'the counts do not add up';
  }
  // Between our look and our move it may have ended.
  const possible = [before.status, ...(BY_ITSELF[before.status] ?? [])];
  const allowed = possible.filter((status) => move.from.includes(status));
  if (answer.status === move.status) {
    const ends = move.to === null ? landings(move, allowed) : [move.to];
    const isThere = answer.status === 204 || ends.includes(counted.status);
    return allowed.length > 0 && isThere ? null : `done from ${before.status}, and now it is ${counted?.status}`;
  }
  if (answer.status !== 409) {
    return 'no answer of this move';
  }
  if (answer.body.code === 'nothing_to_retry') {
    return move.needs && allowed.length > 0 && mayBeEmpty(before, move.needs) ? null : 'there was something to do';
  }
  const refusals = possible.filter((status) => !move.from.includes(status)).map((status) => `campaign_${status}`);
  return refusals.includes(String(answer.body.code)) ? null : `refused from ${before.status}`;
}

/** Where a move leads that does not say so: nowhere, but for a resend, which wakes what had ended. */
function landings(move: Move, from: readonly string[]): string[] {
  return move.name === 'resend'
    ? from.map((status) => (status === 'paused' ? 'paused' : 'running'))
    : from.flatMap((status) => [status, ...(BY_ITSELF[status] ?? [])]);
}

/** Statuses settle those in doubt at any time, and with them those who were given up. */
function mayBeEmpty(before: Body, count: 'failed_count' | 'unknown_count'): boolean {
  return count === 'unknown_count' || before[count] < REFUSED_CODES.length;
}

function isMissing({ status, body }: Answer<Body>): string | null {
  return status === 404 && body.code === 'not_found' ? null : 'a deleted campaign answers';
}

/** Any move, more often one that may be made. */
function pick(random: () => number, status: string): Move {
  const candidates = random() < SENSIBLE ? MOVES.filter(({ from }) => from.includes(status)) : MOVES;
  const among = candidates.length > 0 ? candidates : MOVES;
  let left = random() * among.reduce((sum, { weight }) => sum + weight, 0);
  return among.find(({ weight }) => (left -= weight) < 0) as Move;
}

function refusedPhone(code: number): string {
  return `+919999${code}`;
}

function isRefused(phone: string): boolean {
  return phone.startsWith('+919999');
}

function isOf({ to }: LedgerRow, { firstPhone }: Subject): boolean {
  const phone = Number(to.slice(2));
  return phone >= firstPhone && phone < firstPhone + PEOPLE;
}

function tokenOf(row: LedgerRow): string | null {
  return attemptTokenOf(row.biz_opaque_callback_data);
}

function rowsByPhone(rows: readonly LedgerRow[], subject: Subject): Map<string, LedgerRow[]> {
  const byPhone = new Map<string, LedgerRow[]>();
  for (const row of rows.filter((each) => isOf(each, subject))) {
    byPhone.set(`+${row.to}`, [...(byPhone.get(`+${row.to}`) ?? []), row]);
  }
  return byPhone;
}

function phones(recipients: readonly Recipient[]): string[] {
  return recipients.map(({ phone_number }) => phone_number).sort();
}

/** As the simulator's clock. */
function now(): number {
  return performance.timeOrigin + performance.now();
}
