import type { INestApplicationContext } from '@nestjs/common';
import { SendingLimitsRepository } from '../../src/campaigns/sending/sending-limits.repository.js';
import { eventually } from '../support/app.js';
import {
  audienceCsv,
  campaignIs,
  draftWithCsv,
  getCampaign,
  startJourney,
  type CampaignBody,
  type Journey,
} from '../support/journey.js';

const MINUTE_MS = 60_000;
/** Two and a half hours of the day in India, now among them, when it is another time in Britain. */
const INDIAN_NIGHT = { start: indianClock(-30), end: indianClock(120) };

/** Every test has people of its own. */
let nextPhone = 9_680_000_000;
const people = (count: number): number => (nextPhone += count) - count + 1;

describe('a campaign that may not write to everybody now', () => {
  let journey: Journey;

  const sql = <T = unknown>(text: string, values: unknown[] = []): Promise<T[]> =>
    journey.api.db.query<T>(text, values);
  /** Behind the back of the API: processes read accounts anew each second. */
  const setAccount = async (assignment: string): Promise<void> => {
    await sql(`update accounts set ${assignment} where id = $1`, [journey.accountId]);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
  };
  const run = async (csv: string, body: Record<string, unknown> = {}): Promise<number> => {
    const id = await draftWithCsv(journey, csv, body);
    expect((await journey.api.call('POST', `/campaigns/${id}/run`)).status).toBe(202);
    return id;
  };
  const settles = (id: number, holds: (campaign: CampaignBody) => boolean, ms?: number): Promise<CampaignBody> =>
    eventually(() => getCampaign(journey, id), holds, ms);
  /** When those who wait are looked at again, in minutes from now. */
  const waits = async (id: number): Promise<number[]> => {
    const rows = await sql<{ minutes: number }>(
      `select (extract(epoch from not_before - now()) / 60)::float8 as minutes from campaign_recipients
       where campaign_id = $1 and phase = 0 order by not_before`,
      [id],
    );
    return rows.map(({ minutes }) => minutes);
  };
  const places = async (): Promise<number> =>
    (await sql<{ n: number }>('select count(*) as n from contacted_people'))[0]?.n ?? 0;

  beforeAll(async () => {
    journey = await startJourney({ simulator: { latency_ms: 10 } });
  });
  afterAll(() => journey.close());
  beforeEach(() => sql('delete from contacted_people'));

  describe('for Meta’s limit of people in 24 hours', () => {
    beforeEach(() => setAccount(`messaging_limit = 'TIER_10'`));
    afterAll(() => setAccount(`messaging_limit = 'TIER_UNLIMITED'`));

    it('leaves the places to those who get a message', async () => {
      const first = people(20);
      const lines = Array.from({ length: 20 }, (_, index) => `+91${first + index},P,${index < 10 ? '' : 'O'}`);
      const id = await run(['phone,name,order_id', ...lines].join('\n'), { missing_variables: 'skip' });
      const done = await campaignIs(journey, id, 'completed');
      expect(done).toMatchObject({ sent_count: 10, skipped_count: 10 });
      expect(await places()).toBe(10);
    });

    it('looks again at those who wait when there is place for them, and at once when the limit is raised', async () => {
      const id = await run(audienceCsv(30, people(30)));
      await settles(id, (campaign) => campaign.sent_count === 10 && campaign.status_reason !== null);
      const waiting = await waits(id);
      expect(waiting).toHaveLength(20);
      // The first place comes free in a day.
      expect(Math.min(...waiting)).toBeGreaterThan(50);
      await setAccount(`messaging_limit = 'TIER_1K'`);
      expect(await campaignIs(journey, id, 'completed')).toMatchObject({ sent_count: 30 });
    });

    it('knows when places come free', async () => {
      const id = await run(audienceCsv(16, people(16)));
      // As the campaign's own row has them, which is where it looks.
      await eventually(
        () => sql<{ n: number }>('select pending_count as n from campaigns where id = $1', [id]),
        ([row]) => row?.n === 6,
      );
      const limits = (journey.api.worker as INestApplicationContext).get(SendingLimitsRepository, { strict: false });
      const [account] = await sql<{ portfolio: string }>('select distinct portfolio from contacted_people');
      const minutesUntil = async (freeEveryMinutes: number): Promise<number> => {
        await sql(
          `update contacted_people p set last_at = now() - interval '24 hours' + n * make_interval(secs => $1::float8 * 60)
           from (select contact_id, row_number() over (order by contact_id) as n from contacted_people) u
           where p.contact_id = u.contact_id`,
          [freeEveryMinutes],
        );
        const place = { portfolio: account?.portfolio as string, limit: 10 };
        const until = await journey.api.db.transaction((tx) => limits.whenPlacesFor(tx, place, id));
        return (until.getTime() - Date.now()) / MINUTE_MS;
      };
      expect(await minutesUntil(5)).toBeCloseTo(30, 0);
      expect(await minutesUntil(0.01)).toBeCloseTo(1, 0);
      expect(await minutesUntil(20)).toBeCloseTo(60, 0);
      await journey.api.call('POST', `/campaigns/${id}/cancel`);
    });
  });

  it('gets past thousands who sleep quickly, however slow the number', async () => {
    await setAccount('messages_per_second = 5');
    const awake = `+4479111${20_000 + Math.floor(Math.random() * 70_000)}`;
    const csv = `${audienceCsv(6_000, people(6_000))}\n${awake},P,O`;
    const id = await run(csv, { quiet_hours: INDIAN_NIGHT });
    // In steps of twenty, with a rest after each, it takes minutes.
    await settles(id, ({ sent_count }) => sent_count === 1, 30_000);
    expect(await getCampaign(journey, id)).toMatchObject({ pending_count: 6_000 });
    await journey.api.call('POST', `/campaigns/${id}/cancel`);
  });
});

function indianClock(offsetMinutes: number): string {
  return new Date(Date.now() + (offsetMinutes + 330) * MINUTE_MS).toISOString().slice(11, 16);
}
