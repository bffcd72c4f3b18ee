import type { ChildProcess } from 'node:child_process';
import { eventually } from '../support/app.js';
import { audienceCsv, campaignIs, draftWithCsv, getCampaign, setUp, type Journey } from '../support/journey.js';
import { kill, startProcesses, type Processes } from '../support/processes.js';

const RECIPIENTS = Number(process.env.FAULTS_RECIPIENTS ?? 2_400);
const KILLS = Number(process.env.FAULTS_KILLS ?? 3);
/** From when another is up: the rest of a lease, a look of the sweeper, and what a machine that others use takes. */
const TAKE_OVER_MS = 20_000;
/** So slow that most is left at each kill, however late the test looks. */
const RATE = 250;

describe('a worker that is killed in the middle of a campaign', () => {
  let processes: Processes;
  let journey: Journey<Processes>;

  beforeAll(async () => {
    processes = await startProcesses();
    journey = {
      api: processes,
      simulator: processes.simulator,
      ...(await setUp(processes)),
      close: () => processes.close(),
    };
    await processes.simulator.configure({
      latency_ms: 50,
      messages_per_second: 1_000,
      faults: { swallow_ratio: 0.02 },
      webhooks: { retry_max_ms: 2_000 },
    });
    await processes.call('PATCH', `/accounts/${journey.accountId}`, { body: { messages_per_second: RATE } });
  });
  afterAll(() => processes.close());

  it('is followed by another: nobody is messaged twice, nobody is lost, what is in doubt is told', async () => {
    const id = await draftWithCsv(journey, audienceCsv(RECIPIENTS));
    let worker: ChildProcess = await processes.startWorker();
    await processes.call('POST', `/campaigns/${id}/run`);
    const takeOvers: number[] = [];
    for (let killed = 0; killed < KILLS; killed += 1) {
      const before = (await processes.simulator.ledger()).accepted;
      const target = Math.floor((RECIPIENTS * (killed + 0.5)) / (KILLS + 1));
      await eventually(
        () => processes.simulator.ledger(),
        (ledger) => ledger.accepted >= target,
        60_000,
      );
      await kill(worker);
      const atKill = (await processes.simulator.ledger()).accepted;
      expect(atKill).toBeGreaterThan(before);
      worker = await processes.startWorker();
      // From when it is up: starting a process takes long on a machine that is busy with other tests.
      const startedAt = Date.now();
      await eventually(
        () => processes.simulator.ledger(),
        (ledger) => ledger.accepted > atKill,
        30_000,
      );
      takeOvers.push(Date.now() - startedAt);
    }
    await campaignIs(journey, id, 'completed', 120_000);
    // Statuses that are on their way settle most of what was in doubt.
    await eventually(
      () => processes.simulator.ledger(),
      ({ webhooks }) => webhooks.waiting === 0 && webhooks.queued === 0,
      60_000,
    );
    const campaign = await eventually(
      () => getCampaign(journey, id),
      (seen) => seen.delivered_count === seen.sent_count,
      30_000,
    );
    const ledger = await processes.simulator.ledger();
    process.stdout.write(
      `${JSON.stringify({ takeOvers, unknown: campaign.unknown_count, sent: campaign.sent_count, accepted: ledger.accepted })}\n`,
    );
    expect(ledger.recipients_messaged_more_than_once).toBe(0);
    // Lost would be: not sent, and nobody says so. Unknown ones are told; all others were accepted.
    expect(campaign).toMatchObject({ total_count: RECIPIENTS, pending_count: 0, failed_count: 0, skipped_count: 0 });
    expect(campaign.sent_count).toBe(ledger.accepted);
    expect(campaign.sent_count + campaign.unknown_count).toBe(RECIPIENTS);
    expect(campaign.unknown_count).toBeLessThanOrEqual(KILLS * 60);
    expect(Math.max(...takeOvers)).toBeLessThanOrEqual(TAKE_OVER_MS);
  }, 300_000);
});
