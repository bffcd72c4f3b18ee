import { jest } from '@jest/globals';
import { CampaignsRepository } from '../../src/campaigns/campaigns.repository.js';
import { Trials } from '../../src/campaigns/timing/trials.service.js';
import { eventually } from '../support/app.js';
import { audienceCsv, draftWithCsv, getCampaign, startJourney, type Journey } from '../support/journey.js';

describe('the sweep of campaigns', () => {
  let journey: Journey;

  const waitingDeltas = async (id: number): Promise<number> => {
    const rows = await journey.api.db.query<{ n: number }>(
      'select count(*) as n from campaign_count_deltas where campaign_id = $1',
      [id],
    );
    return rows[0]?.n ?? 0;
  };
  const folded = async (id: number): Promise<number> => {
    const rows = await journey.api.db.query<{ total_count: number }>(
      'select total_count from campaigns where id = $1',
      [id],
    );
    return rows[0]?.total_count ?? 0;
  };

  describe('without a worker', () => {
    beforeAll(async () => {
      journey = await startJourney({ worker: false });
    });
    afterAll(() => journey.close());

    it('folds the counts of all campaigns but those that somebody holds, and theirs later', async () => {
      const campaigns = journey.api.app.get(CampaignsRepository, { strict: false });
      const { db } = journey.api;
      const held = await draftWithCsv(journey, audienceCsv(2, 9_621_000_000));
      const free = await draftWithCsv(journey, audienceCsv(3, 9_621_000_000));
      const gone = await draftWithCsv(journey, audienceCsv(4, 9_621_000_000));
      expect((await journey.api.call('DELETE', `/campaigns/${gone}`)).status).toBe(204);
      expect(await waitingDeltas(gone)).toBeGreaterThan(0);
      await db.once(async (tx) => {
        await campaigns.lock(tx, journey.accountId, held);
        await campaigns.foldCounts(db, 1_000);
        expect([await waitingDeltas(held), await folded(held)]).toEqual([1, 0]);
        expect([await waitingDeltas(free), await folded(free)]).toEqual([0, 3]);
        expect(await waitingDeltas(gone)).toBe(0);
        expect(await getCampaign(journey, held)).toMatchObject({ total_count: 2 });
      });
      await campaigns.foldCounts(db, 1_000);
      expect([await waitingDeltas(held), await folded(held)]).toEqual([0, 2]);
    });

    it('folds those of one campaign though the oldest of all are of another that somebody holds', async () => {
      const campaigns = journey.api.app.get(CampaignsRepository, { strict: false });
      const { db } = journey.api;
      const held = await draftWithCsv(journey, audienceCsv(1, 9_622_000_000));
      await db.query(
        `insert into campaign_count_deltas (campaign_id, total_count, pending_count, sent_count, delivered_count, read_count,
           failed_count, skipped_count, unknown_count)
         select $1, 0, 0, 0, 0, 0, 0, 0, 0 from generate_series(1, 50)`,
        [held],
      );
      const free = await draftWithCsv(journey, audienceCsv(3, 9_622_000_000));
      await db.once(async (tx) => {
        await campaigns.lock(tx, journey.accountId, held);
        expect(await campaigns.foldCounts(db, 10)).toBe(1);
        expect(await folded(free)).toBe(3);
      });
    });
  });

  describe('with a worker', () => {
    beforeAll(async () => {
      journey = await startJourney();
    });
    afterEach(() => jest.restoreAllMocks());
    afterAll(() => journey.close());

    it('does each of its steps though others fail', async () => {
      const { worker, db } = journey.api;
      const [campaigns, trials] = [CampaignsRepository, Trials].map((type) =>
        worker?.get<object>(type, { strict: false }),
      );
      const fold = jest
        .spyOn(campaigns as CampaignsRepository, 'foldCounts')
        .mockRejectedValue(new Error('It stumbles.'));
      const decide = jest.spyOn(trials as Trials, 'sweep').mockRejectedValue(new Error('It stumbles too.'));
      const lateId = await draftWithCsv(journey, audienceCsv(1, 9_623_000_000));
      const inDoubt = await draftWithCsv(journey, audienceCsv(1, 9_623_000_100), { on_unknown: 'drop' });
      await db.query(
        `update campaign_recipients set status = 'unknown', attempt = 1, unknown_at = now() - interval '30 days' where campaign_id = $1`,
        [inDoubt],
      );
      await db.query(`update campaigns set status = 'running', started_at = now() where id = $1`, [inDoubt]);
      await db.query(
        `update campaigns set status = 'running', started_at = now(), expires_at = now() - interval '1 minute' where id = $1`,
        [lateId],
      );
      await eventually(
        () => getCampaign(journey, lateId),
        ({ skipped_count }) => skipped_count === 1,
      );
      expect(fold).toHaveBeenCalled();
      // Who is in doubt is looked for where a count says that there are some.
      fold.mockRestore();
      await eventually(
        () => getCampaign(journey, inDoubt),
        ({ failed_count }) => failed_count === 1,
      );
      expect(decide).toHaveBeenCalled();
    });
  });
});
