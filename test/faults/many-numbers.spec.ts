import type { ChildProcess } from 'node:child_process';
import pg from 'pg';
import { eventually } from '../support/app.js';
import { addsUp, audienceCsv, draftWithCsv, type CampaignBody } from '../support/journey.js';
import { addNumbers, type NumberJourney } from '../support/numbers.js';
import { bestPace, measureStarvation, shareToReach } from '../support/pace.js';
import { startProcesses, type Processes } from '../support/processes.js';
import type { Ledger, LedgerRow } from '../support/simulator.js';

/** The real thing, for a machine of its own. What runs beside other tests is smaller, and its pace is that of its best seconds. */
const FULL = process.env.FAULTS_FULL === '1';
const RATE = Number(process.env.FAULTS_RATE ?? (FULL ? 80 : 50));
const RECIPIENTS = Number(process.env.FAULTS_RECIPIENTS ?? (FULL ? 1_000 : 240));
/** Of the permitted rate; less on a machine that has no time for us. */
const LEAST_SHARE = FULL ? 0.97 : 0.9;
/** Over how long the pace is measured; with others on the machine, the best such span counts. */
const SPAN_MS = FULL ? Number.POSITIVE_INFINITY : 2_000;
/** Left out at both ends: while the first are looked for and the processes, just started, compile themselves; and the last few. */
const EDGE_MS = FULL ? Number(process.env.FAULTS_EDGE_S ?? 2) * 1_000 : 0;
/** Between two single sends of one number. */
const SINGLE_EVERY_MS = Number(process.env.FAULTS_SINGLE_EVERY_S ?? 1) * 1_000;
const NUMBERS = Number(process.env.FAULTS_NUMBERS ?? 5);
const CAMPAIGNS_EACH = 2;
const WORKERS = 4;
const LOOK_EVERY_MS = FULL ? 500 : 200;
const TOTAL = NUMBERS * CAMPAIGNS_EACH * RECIPIENTS;
const FIRST_PHONE = 9_810_000_000;
const FIRST_SINGLE = 9_890_000_000;
const TOO_MANY = 130_429;
/** Of a campaign's size, how far apart two of one number may be when half of both is done. */
const MOST_SPREAD = 0.15;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Campaign {
  id: number;
  number: NumberJourney;
  firstPhone: number;
}

/** What a caller saw while it ran. */
interface Seen {
  looks: number;
  /** Answers that did not add up, or in which a count went back. */
  wrong: CampaignBody[];
  last: Map<number, CampaignBody>;
}

interface Single {
  phone: number;
  status: number;
  waitedMs: number;
}

describe(`${WORKERS} workers, ${NUMBERS} numbers, and ${CAMPAIGNS_EACH} campaigns on each`, () => {
  let processes: Processes;
  let numbers: NumberJourney[];
  let campaigns: Campaign[];
  let singles: Single[];
  let holders: number;
  /** Single messages that Redis kept waiting for so long that they went out without a turn: nobody made room for them. */
  let unheard: number;
  /** Of the time, how much this process waited for a processor: all that run here fare alike. */
  let starved = 0;
  let ledger: Ledger & { refused_by_code: Record<string, number> };
  let rows: LedgerRow[];
  const seen: Seen = { looks: 0, wrong: [], last: new Map() };

  beforeAll(async () => {
    processes = await startProcesses();
    await processes.simulator.configure({
      latency_ms: 50,
      messages_per_second: RATE,
      webhooks: FULL ? {} : { delivered_ratio: 0.3, read_ratio: 0.3 },
    });
    numbers = await addNumbers(processes, processes.simulator, NUMBERS, { messages_per_second: RATE });
    const workers: ChildProcess[] = [];
    for (let index = 0; index < WORKERS; index += 1) {
      workers.push(await processes.startWorker());
    }
    campaigns = await draftAll(numbers);
    const isOver = { now: false };
    const starving = measureStarvation(isOver);
    const sending = Promise.all(numbers.map((number, index) => sendSingles(number, index, isOver)));
    try {
      // However long it takes to start the campaigns: all workers see them at once.
      workers.forEach((worker) => worker.kill('SIGSTOP'));
      await Promise.all(campaigns.map(({ id, number }) => number.api.call('POST', `/campaigns/${id}/run`)));
      workers.forEach((worker) => worker.kill('SIGCONT'));
      await watch(numbers, seen, (TOTAL / NUMBERS / RATE) * 4_000 + 30_000);
    } finally {
      isOver.now = true;
    }
    singles = (await sending).flat();
    starved = await starving;
    holders = await countHolders(processes);
    unheard = await countUnheard(processes);
    ledger = await processes.simulator.call('GET', 'ledger');
    rows = await processes.simulator.rows();
    report();
  }, 300_000);
  afterAll(() => processes.close());

  const rowsOf = (number: NumberJourney): LedgerRow[] =>
    rows.filter((row) => row.phone_number_id === number.phoneNumberId);
  const isOf = (row: LedgerRow, { firstPhone }: Campaign): boolean =>
    phoneOf(row) >= firstPhone && phoneOf(row) < firstPhone + RECIPIENTS;
  /** The share of the permitted rate that a number used while its campaigns ran, single sends included. */
  const shareOf = (number: NumberJourney, spanMs: number): number => {
    const all = rowsOf(number);
    const ofCampaigns = all.filter((row) => phoneOf(row) < FIRST_SINGLE).map((row) => row.arrived_at);
    // While there is enough to send: not while the first are looked for, nor when only the last are left.
    const [from, to] = [Math.min(...ofCampaigns) + EDGE_MS, Math.max(...ofCampaigns) - EDGE_MS];
    const times = all.map((row) => row.arrived_at).filter((at) => at >= from && at <= to);
    return bestPace(times, Math.min(spanMs, to - from)) / RATE;
  };
  /** In the half that went out first once both had begun: how far the campaigns of a number were apart, as a share of one. */
  const spreadOf = (number: NumberJourney): number => {
    const beside = campaigns.filter((campaign) => campaign.number === number);
    const ofCampaigns = rowsOf(number).filter((row) => phoneOf(row) < FIRST_SINGLE);
    const begun = Math.max(...beside.map((campaign) => ofCampaigns.findIndex((row) => isOf(row, campaign))));
    const firstHalf = ofCampaigns.slice(begun, begun + Math.floor((ofCampaigns.length - begun) / 2));
    const done = beside.map((campaign) => firstHalf.filter((row) => isOf(row, campaign)).length);
    return (Math.max(...done) - Math.min(...done)) / RECIPIENTS;
  };

  function report(): void {
    const waits = singles.map(({ waitedMs }) => waitedMs).sort((a, b) => a - b);
    const at = (share: number): number => Math.round(waits[Math.floor(share * (waits.length - 1))] ?? 0);
    const figures = {
      shares: numbers.map((number) => Number(shareOf(number, Number.POSITIVE_INFINITY).toFixed(3))),
      best_shares: numbers.map((number) => Number(shareOf(number, SPAN_MS).toFixed(3))),
      highest: Object.values(ledger.numbers).map(({ highest_in_any_second }) => highest_in_any_second),
      spreads: numbers.map((number) => Number(spreadOf(number).toFixed(3))),
      single_wait_ms: { n: waits.length, p50: at(0.5), p99: at(0.99), max: at(1) },
      looks: seen.looks,
      starved: Number(starved.toFixed(3)),
      holders,
      unheard,
    };
    process.stdout.write(`${JSON.stringify(figures)}\n`);
  }

  it('reach everybody once', () => {
    expect([...seen.last.values()].map(({ status, sent_count }) => [status, sent_count])).toEqual(
      campaigns.map(() => ['completed', RECIPIENTS]),
    );
    expect(ledger.recipients_messaged_more_than_once).toBe(0);
    expect(ledger.accepted).toBe(TOTAL + singles.filter(({ status }) => status === 200).length);
    for (const campaign of campaigns) {
      const accepted = rowsOf(campaign.number).filter((row) => isOf(row, campaign) && row.outcome === 'accepted');
      expect(accepted).toHaveLength(RECIPIENTS);
    }
  });

  it('share the numbers out: more than one worker sends', () => {
    expect(holders).toBeGreaterThan(1);
  });

  it('never have a campaign message refused for its pace', () => {
    const tooFast = rows.filter((row) => row.code === TOO_MANY && phoneOf(row) < FIRST_SINGLE);
    expect(tooFast.length).toBeLessThanOrEqual(unheard);
  });

  it('never exceed the limit of a number in any sliding second, single sends included', () => {
    for (const number of numbers) {
      expect(ledger.numbers[number.phoneNumberId]?.highest_in_any_second).toBeLessThanOrEqual(RATE + unheard);
    }
  });

  it(`use at least ${LEAST_SHARE * 100} % of what each number may send`, () => {
    const least = FULL ? LEAST_SHARE : shareToReach(LEAST_SHARE, starved);
    expect(Math.min(...numbers.map((number) => shareOf(number, SPAN_MS)))).toBeGreaterThanOrEqual(least);
  });

  it('let single sends of each number through all the time', () => {
    const least = NUMBERS * Math.floor(((TOTAL / NUMBERS / RATE) * 1_000) / SINGLE_EVERY_MS);
    expect(singles.length).toBeGreaterThanOrEqual(least);
    expect(singles.filter(({ status }) => status !== 200).length).toBeLessThanOrEqual(unheard);
    // Redis is quick enough nearly always, or else the rest of this file says nothing.
    expect(unheard).toBeLessThanOrEqual(singles.length / 10);
  });

  it('count truly at every look, and no count goes back', () => {
    expect(seen.looks).toBeGreaterThan(5);
    expect(seen.wrong).toEqual([]);
  });

  it('move on side by side on each number', () => {
    expect(Math.max(...numbers.map(spreadOf))).toBeLessThanOrEqual(MOST_SPREAD);
  });
});

function phoneOf({ to }: LedgerRow): number {
  return Number(to.slice(2));
}

async function draftAll(numbers: readonly NumberJourney[]): Promise<Campaign[]> {
  const places = numbers.flatMap((number) => Array.from({ length: CAMPAIGNS_EACH }, () => number));
  const campaigns: Campaign[] = [];
  for (const [index, number] of places.entries()) {
    const firstPhone = FIRST_PHONE + index * RECIPIENTS;
    campaigns.push({ id: await draftWithCsv(number, audienceCsv(RECIPIENTS, firstPhone)), number, firstPhone });
  }
  return campaigns;
}

/** A message now and then from this number, each to somebody else, until it is over. */
async function sendSingles(number: NumberJourney, index: number, isOver: { now: boolean }): Promise<Single[]> {
  const sent: Promise<Single>[] = [];
  const start = performance.now() + index * (SINGLE_EVERY_MS / NUMBERS);
  for (let count = 0; !isOver.now; count += 1) {
    await sleep(Math.max(0, start + count * SINGLE_EVERY_MS - performance.now()));
    sent.push(sendSingle(number, FIRST_SINGLE + index * 10_000 + count));
  }
  return Promise.all(sent);
}

async function sendSingle(number: NumberJourney, phone: number): Promise<Single> {
  const from = performance.now();
  const body = { phone: `+91${phone}`, template_name: 'order_update', body_params: ['Asha', 'A-1'] };
  const status = await number.api.call('POST', '/send-template', { body }).then(
    (answer) => answer.status,
    () => 0,
  );
  return { phone, status, waitedMs: performance.now() - from };
}

/** Looks at all campaigns again and again until they are through. */
async function watch(numbers: readonly NumberJourney[], seen: Seen, timeoutMs: number): Promise<void> {
  await eventually(
    async () => {
      const pause = sleep(LOOK_EVERY_MS);
      const lists = await Promise.all(
        numbers.map(({ api }) => api.call<{ campaigns: CampaignBody[] }>('GET', '/campaigns')),
      );
      const now = lists.flatMap(({ body }) => body.campaigns).sort((a, b) => a.id - b.id);
      seen.looks += 1;
      seen.wrong.push(...now.filter((campaign) => !addsUp(campaign) || wentBack(seen.last.get(campaign.id), campaign)));
      now.forEach((campaign) => seen.last.set(campaign.id, campaign));
      await pause;
      return now.map(({ status, sent_count }) => [status, sent_count]);
    },
    (all) => all.every(([status]) => status === 'completed'),
    timeoutMs,
  );
}

function wentBack(before: CampaignBody | undefined, after: CampaignBody): boolean {
  const counts = ['total_count', 'sent_count', 'delivered_count', 'read_count'] as const;
  return before !== undefined && counts.some((count) => after[count] < before[count]);
}

async function countUnheard({ url }: Processes): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^parley_send_turns_total\{outcome="unheard"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

/** Processes that sent from some number. */
async function countHolders({ database }: Processes): Promise<number> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query<{ n: number }>('select count(distinct holder)::int as n from sending_leases');
  await client.end();
  return rows[0]?.n ?? 0;
}
