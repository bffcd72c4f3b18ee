import { Redis } from 'ioredis';
import { sleep } from '../../src/common/sleep.js';
import { eventually } from '../support/app.js';
import { testRedisUrl } from '../support/database.js';
import { audienceCsv, campaignIs, draftWithCsv, getCampaign, setUp, type Journey } from '../support/journey.js';
import { startProcesses, type Processes } from '../support/processes.js';

const RECIPIENTS = Number(process.env.FAULTS_RECIPIENTS ?? 1_500);
const FLUSHES = 3;

describe('a Redis that loses everything in the middle of a campaign', () => {
  let processes: Processes;
  let journey: Journey<Processes>;
  let redis: Redis;

  beforeAll(async () => {
    redis = new Redis(testRedisUrl());
    processes = await startProcesses();
    journey = {
      api: processes,
      simulator: processes.simulator,
      ...(await setUp(processes)),
      close: () => processes.close(),
    };
    await processes.startWorker();
    await processes.simulator.configure({
      latency_ms: 20,
      messages_per_second: 1_000,
      webhooks: { sent_ms: 50, delivered_ms: 100, read_ms: 150 },
    });
    await processes.call('PATCH', `/accounts/${journey.accountId}`, { body: { messages_per_second: 400 } });
  });
  afterAll(async () => {
    redis.disconnect();
    await processes.close();
  });

  it('costs nothing: the campaign ends by itself, nobody is messaged twice and nobody is lost', async () => {
    const id = await draftWithCsv(journey, audienceCsv(RECIPIENTS));
    await redis.flushdb();
    await processes.call('POST', `/campaigns/${id}/run`);
    for (let flushed = 1; flushed <= FLUSHES; flushed += 1) {
      const target = Math.floor((RECIPIENTS * flushed) / (FLUSHES + 1));
      await eventually(
        () => processes.simulator.ledger(),
        ({ accepted }) => accepted >= target,
        60_000,
      );
      await redis.flushdb();
    }
    expect(await campaignIs(journey, id, 'completed', 60_000)).toMatchObject({
      total_count: RECIPIENTS,
      sent_count: RECIPIENTS,
      unknown_count: 0,
      failed_count: 0,
    });
    expect(await processes.simulator.ledger()).toMatchObject({
      accepted: RECIPIENTS,
      recipients_messaged: RECIPIENTS,
      recipients_messaged_more_than_once: 0,
    });
    await eventually(
      () => getCampaign(journey, id),
      ({ delivered_count }) => delivered_count === RECIPIENTS,
      30_000,
    );
  }, 180_000);

  it('costs a moment when the hint itself is lost: the sweeper finds the campaign', async () => {
    const id = await draftWithCsv(journey, audienceCsv(10, 9_812_000_000));
    const stop = { now: false };
    const flushing = (async () => {
      while (!stop.now) {
        await redis.flushdb();
        await sleep(2);
      }
    })();
    try {
      await processes.call('POST', `/campaigns/${id}/run`);
      await campaignIs(journey, id, 'completed', 30_000);
    } finally {
      stop.now = true;
      await flushing;
    }
  }, 60_000);
});
