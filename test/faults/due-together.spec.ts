import type { ChildProcess } from 'node:child_process';
import pg from 'pg';
import { eventually } from '../support/app.js';
import { addsUp, audienceCsv, draftWithCsv, type CampaignBody } from '../support/journey.js';
import { addNumbers, type NumberJourney } from '../support/numbers.js';
import { listenToOutput, startProcesses, type Processes } from '../support/processes.js';

const CAMPAIGNS = 50;
const NUMBERS = 5;
const WORKERS = 4;
const RECIPIENTS = 20;
/** So far ahead that nothing is due before a test says so, however slow the machine is. */
const AHEAD_MS = 3_600_000;
/** A scheduler looks every second; the rest is what a machine that others use takes to start them all. */
const LATEST_START_MS = 20_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Campaign {
  id: number;
  number: NumberJourney;
  firstPhone: number;
}

interface Started extends CampaignBody {
  scheduled_at: string;
  started_at: string | null;
  completed_at: string | null;
}

describe('campaigns that are due at the same moment', () => {
  let processes: Processes;
  let numbers: NumberJourney[];
  let db: pg.Client;
  let workers: ChildProcess[];
  let output = '';
  let nextPhone = 9_820_000_000;

  beforeAll(async () => {
    listenToOutput((text) => {
      output += text;
    });
    processes = await startProcesses({ LOG_LEVEL: 'warn' });
    await processes.simulator.configure({ latency_ms: 20, webhooks: { delivered_ratio: 0.3, read_ratio: 0.3 } });
    numbers = await addNumbers(processes, processes.simulator, NUMBERS, { messages_per_second: 200 });
    db = new pg.Client({ connectionString: processes.database.url });
    await db.connect();
    await startWorkers();
  }, 120_000);
  afterAll(async () => {
    await db.end();
    await processes.close();
  });
  beforeEach(async () => {
    await processes.simulator.call('DELETE', 'ledger');
    output = '';
  });

  async function startWorkers(): Promise<void> {
    workers = await Promise.all(Array.from({ length: WORKERS }, () => processes.startWorker()));
  }

  /** Drafts, one number after the other. */
  async function draft(count: number): Promise<Campaign[]> {
    const drafts: Campaign[] = [];
    for (let index = 0; index < count; index += 1) {
      const number = numbers[index % numbers.length] as NumberJourney;
      const firstPhone = nextPhone;
      nextPhone += RECIPIENTS;
      drafts.push({ id: await draftWithCsv(number, audienceCsv(RECIPIENTS, firstPhone)), number, firstPhone });
    }
    return drafts;
  }

  async function schedule({ id, number }: Campaign, at: Date, expiresAt: Date | null = null): Promise<void> {
    const { status } = await number.api.call('POST', `/campaigns/${id}/schedule`, {
      body: { scheduled_at: at.toISOString(), expires_at: expiresAt?.toISOString() ?? null },
    });
    expect(status).toBe(200);
  }

  /** Lets time pass for them: they are due at this moment, which it returns. */
  async function makeDue(campaigns: readonly Campaign[]): Promise<Date> {
    const { rows } = await db.query<{ now: Date }>(
      `with due as (update campaigns set scheduled_at = now() where id = any($1::bigint[]) and status = 'scheduled')
       select now()`,
      [campaigns.map(({ id }) => id)],
    );
    return (rows[0] as { now: Date }).now;
  }

  async function look(campaigns: readonly Campaign[]): Promise<Started[]> {
    const seen = await Promise.all(campaigns.map(({ id, number }) => get(number, id)));
    expect(seen.filter((campaign) => !addsUp(campaign))).toEqual([]);
    return seen;
  }

  function ended(campaigns: readonly Campaign[]): Promise<Started[]> {
    return eventually(
      () => look(campaigns),
      (seen) => seen.every(({ status }) => status === 'completed' || status === 'failed'),
      60_000,
    );
  }

  async function runsOf(campaigns: readonly Campaign[]): Promise<number[]> {
    const { rows } = await db.query<{ run_no: number }>(
      'select run_no from campaigns where id = any($1::bigint[]) order by id',
      [campaigns.map(({ id }) => id)],
    );
    return rows.map((row) => row.run_no);
  }

  /** By the ledger: all of these got one message, and nobody else got any. */
  async function expectOnce(campaigns: readonly Campaign[]): Promise<void> {
    const rows = await processes.simulator.rows();
    const expected = campaigns.flatMap(({ firstPhone }) =>
      Array.from({ length: RECIPIENTS }, (_, index) => `91${firstPhone + index}`),
    );
    expect(rows.map(({ to }) => to).sort()).toEqual(expected.sort());
  }

  /** What a person who watches the log would be woken by. */
  function errors(): string[] {
    return output.split('\n').filter((line) => /"level":(50|60)/.test(line));
  }

  it(`${CAMPAIGNS} of them make ${CAMPAIGNS} runs, whoever of ${WORKERS} workers is first: everyone is messaged once`, async () => {
    const campaigns = await draft(CAMPAIGNS);
    await Promise.all(campaigns.map((campaign) => schedule(campaign, new Date(Date.now() + AHEAD_MS))));
    expect((await look(campaigns)).map(({ status }) => status)).toEqual(campaigns.map(() => 'scheduled'));
    const dueAt = await makeDue(campaigns);
    const seen = await ended(campaigns);
    expect(seen.map(({ status, sent_count }) => [status, sent_count])).toEqual(
      campaigns.map(() => ['completed', RECIPIENTS]),
    );
    expect(await runsOf(campaigns)).toEqual(campaigns.map(() => 1));
    await expectOnce(campaigns);
    const late = seen.map((campaign) => Date.parse(String(campaign.started_at)) - dueAt.getTime());
    process.stdout.write(`${JSON.stringify({ started_late_ms: [Math.min(...late), Math.max(...late)] })}\n`);
    expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...late)).toBeLessThanOrEqual(LATEST_START_MS);
    expect(errors()).toEqual([]);
  }, 180_000);

  it('while nothing of the product lives: those that still may start once after the boot, the others say that they expired', async () => {
    const campaigns = await draft(20);
    const isLate = (index: number): boolean => index % 4 === 0;
    const [late, inTime] = [
      campaigns.filter((_, index) => isLate(index)),
      campaigns.filter((_, index) => !isLate(index)),
    ];
    const at = new Date(Date.now() + AHEAD_MS);
    const expiresAt = new Date(at.getTime() + 600_000);
    await Promise.all(campaigns.map((campaign) => schedule(campaign, at, expiresAt)));
    await processes.killAll();
    await makeDue(campaigns);
    await db.query(`update campaigns set expires_at = now() + interval '1 millisecond' where id = any($1::bigint[])`, [
      late.map(({ id }) => id),
    ]);
    output = '';
    await processes.startApi();
    await startWorkers();
    await ended(campaigns);
    // Time for whoever would start one of them again.
    await sleep(2_500);
    expect((await look(inTime)).map(({ status, sent_count }) => [status, sent_count])).toEqual(
      inTime.map(() => ['completed', RECIPIENTS]),
    );
    expect(await runsOf(inTime)).toEqual(inTime.map(() => 1));
    const expired = await look(late);
    expect(expired.map(({ status, status_reason }) => [status, status_reason?.code])).toEqual(
      late.map(() => ['failed', 'campaign_expired']),
    );
    expect(expired.map(({ sent_count, pending_count, started_at }) => [sent_count, pending_count, started_at])).toEqual(
      late.map(() => [0, RECIPIENTS, null]),
    );
    expect(await runsOf(late)).toEqual(late.map(() => 0));
    await expectOnce(inTime);
    expect(errors()).toEqual([]);
  }, 180_000);

  it.each([
    ['takes it off the schedule', `status = 'draft', scheduled_at = null`, 'draft'],
    ['moves it to later', `scheduled_at = now() + interval '1 hour'`, 'scheduled'],
  ])('whose owner %s at that very moment do not start: what they read of it is old', async (_, change, status) => {
    const [campaign] = (await draft(1)) as [Campaign];
    await schedule(campaign, new Date(Date.now() + AHEAD_MS));
    // The owner's transaction, only slower: it has the row from before a scheduler looks until they wait for it.
    workers.forEach((worker) => worker.kill('SIGSTOP'));
    await makeDue([campaign]);
    await db.query('begin');
    await db.query('select 1 from campaigns where id = $1 for update', [campaign.id]);
    workers.forEach((worker) => worker.kill('SIGCONT'));
    const observer = new pg.Client({ connectionString: processes.database.url });
    await observer.connect();
    await eventually(
      () =>
        observer.query(
          `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
             and query like '%from campaigns%for update%'`,
        ),
      ({ rowCount }) => (rowCount ?? 0) > 0,
    );
    await observer.end();
    await db.query(`update campaigns set ${change} where id = $1`, [campaign.id]);
    await db.query('commit');
    await sleep(2_500);
    expect(await look([campaign])).toMatchObject([{ status, sent_count: 0, pending_count: RECIPIENTS }]);
    expect(await runsOf([campaign])).toEqual([0]);
    await expectOnce([]);
  });
});

async function get(number: NumberJourney, id: number): Promise<Started> {
  const { body } = await number.api.call<Started>('GET', `/campaigns/${id}`);
  return body;
}
