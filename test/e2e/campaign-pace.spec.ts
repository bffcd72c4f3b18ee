import { CampaignsRepository } from '../../src/campaigns/campaigns.repository.js';
import type { CampaignStatus } from '../../src/campaigns/campaign-status.js';
import { ReactionsRepository } from '../../src/campaigns/reactions/reactions.repository.js';
import { audienceCsv, draftWithCsv, startJourney, type CampaignBody, type Journey } from '../support/journey.js';

interface Paced extends CampaignBody {
  progress: { rate_per_second: number };
}

const DAY_S = 86_400;

describe('the average pace of a campaign', () => {
  let journey: Journey;
  let nextPhone = 9_870_000_000;

  beforeAll(async () => {
    journey = await startJourney({ worker: false });
  });
  afterAll(() => journey.close());

  async function running(): Promise<number> {
    const id = await draftWithCsv(journey, audienceCsv(1, nextPhone++));
    await act(id, 'run');
    return id;
  }

  async function act(id: number, move: 'run' | 'pause' | 'resume' | 'cancel'): Promise<void> {
    const { status } = await journey.api.call('POST', `/campaigns/${id}/${move}`, { body: {} });
    expect([200, 202]).toContain(status);
  }

  /** Ends, or begins again, as the worker and retry-failed let it. */
  const become = (id: number, to: CampaignStatus, from: CampaignStatus): Promise<boolean> =>
    journey.api.app.get(CampaignsRepository).move(journey.api.db, { accountId: journey.accountId, id }, to, [from]);

  /** Lets it be as it is for so long: all that it has gone through lies so much further back. */
  const pass = (id: number, seconds: number): Promise<unknown> =>
    journey.api.db.query(
      `update campaigns set started_at = started_at - make_interval(secs => $2),
         completed_at = completed_at - make_interval(secs => $2), running_since = running_since - make_interval(secs => $2)
       where id = $1`,
      [id, seconds],
    );

  /** So many people of it were written to. */
  const send = (id: number, count: number): Promise<unknown> =>
    journey.api.db.query(
      'update campaigns set total_count = total_count + $2, sent_count = sent_count + $2 where id = $1',
      [id, count],
    );

  const paceOf = async (id: number): Promise<number> =>
    (await journey.api.call<Paced>('GET', `/campaigns/${id}`)).body.progress.rate_per_second;

  it('is that of the time it ran: a retry a day later does not lower it', async () => {
    const id = await running();
    await pass(id, 1_000);
    await send(id, 10_000);
    expect(await paceOf(id)).toBeCloseTo(10, 0);
    await become(id, 'completed', 'running');
    await pass(id, DAY_S);
    expect(await paceOf(id)).toBeCloseTo(10, 0);
    await become(id, 'running', 'completed');
    await pass(id, 1_000);
    expect(await paceOf(id)).toBeCloseTo(5, 0);
    await send(id, 10_000);
    await become(id, 'completed', 'running');
    expect(await paceOf(id)).toBeCloseTo(10, 0);
  });

  it('leaves out how long it was paused, by a person or by what Meta said', async () => {
    const id = await running();
    await pass(id, 1_000);
    await send(id, 10_000);
    await act(id, 'pause');
    await pass(id, DAY_S);
    expect(await paceOf(id)).toBeCloseTo(10, 0);
    await act(id, 'resume');
    await pass(id, 1_000);
    await send(id, 30_000);
    const reactions = journey.api.app.get(ReactionsRepository);
    const target = { accountId: journey.accountId, campaignId: id, templateId: null };
    const reason = { code: 'account_disabled', message: 'Meta said so.' };
    await journey.api.db.transaction(async (tx) => {
      expect(await reactions.pause(tx, target, reason)).toEqual([id]);
    });
    await pass(id, DAY_S);
    expect(await paceOf(id)).toBeCloseTo(20, 0);
    await journey.api.db.transaction((tx) => reactions.resume(tx, [id]));
    await pass(id, 2_000);
    expect(await paceOf(id)).toBeCloseTo(10, 0);
    await act(id, 'cancel');
    await pass(id, DAY_S);
    expect(await paceOf(id)).toBeCloseTo(10, 0);
  });

  it('is that since the start for one of which it is not known when it ran', async () => {
    const id = await running();
    await journey.api.db.query('update campaigns set ran_s = null, running_since = null where id = $1', [id]);
    await pass(id, 1_000);
    await send(id, 20_000);
    await act(id, 'pause');
    await act(id, 'resume');
    await pass(id, 1_000);
    expect(await paceOf(id)).toBeCloseTo(10, 0);
    await act(id, 'cancel');
    await pass(id, DAY_S);
    expect(await paceOf(id)).toBeCloseTo(10, 0);
  });

  it('is nothing before it starts, and what it rests on is nobody else’s business', async () => {
    const id = await draftWithCsv(journey, audienceCsv(1, nextPhone++));
    const { body } = await journey.api.call<Paced>('GET', `/campaigns/${id}`);
    expect(body.progress.rate_per_second).toBe(0);
    expect(Object.keys(body).filter((field) => ['ran_s', 'running_since'].includes(field))).toEqual([]);
  });
});
