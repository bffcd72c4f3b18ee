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

describe('a campaign', () => {
  let journey: Journey;

  beforeAll(async () => {
    journey = await startJourney();
  });
  afterAll(() => journey.close());
  beforeEach(() => journey.simulator.call('DELETE', 'ledger'));

  it('goes out to every person of a file once, and its counts follow the webhooks', async () => {
    const id = await draftWithCsv(journey, audienceCsv(300));
    const run = await journey.api.call<{ queued: boolean; campaign: CampaignBody }>('POST', `/campaigns/${id}/run`);
    expect(run.status).toBe(202);
    expect(run.body).toMatchObject({ queued: true, campaign: { status: 'running', total_count: 300 } });
    const done = await campaignIs(journey, id, 'completed');
    expect(done).toMatchObject({
      total_count: 300,
      sent_count: 300,
      failed_count: 0,
      unknown_count: 0,
      pending_count: 0,
    });
    const ledger = await journey.simulator.ledger();
    expect(ledger).toMatchObject({ accepted: 300, recipients_messaged: 300, recipients_messaged_more_than_once: 0 });
    const followed = await eventually(
      () => getCampaign(journey, id),
      (campaign) => campaign.delivered_count === 300 && campaign.read_count > 0,
    );
    expect(followed.read_count).toBeLessThanOrEqual(300);
  });
});
