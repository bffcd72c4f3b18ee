import { startSimulator } from '../../src/simulator/start-simulator.js';
import { APP_SECRET, eventually } from '../support/app.js';
import {
  audienceCsv,
  campaignIs,
  draftWithCsv,
  getCampaign,
  startJourney,
  WABA_ID,
  type CampaignBody,
  type Journey,
} from '../support/journey.js';
import { connectSimulator, type Ledger } from '../support/simulator.js';

const NO_FAULTS = {
  swallow_ratio: 0,
  http_500_ratio: 0,
  http_502_html_ratio: 0,
  http_502_accepted_ratio: 0,
  reset_before_ratio: 0,
  hang_ratio: 0,
  garbage_200_ratio: 0,
  error_windows: [],
};
const PER_SECOND = 250;
const FOREVER = 600_000;

/** Every test has people of its own. */
let nextPhone = 9_700_000_000;
const people = (count: number): number => (nextPhone += count) - count + 1;

interface Reason {
  code: string;
  message: string;
  graph: { code: number };
}

describe('a campaign that Meta makes trouble for', () => {
  let journey: Journey;

  const fail = (faults: object): Promise<void> => journey.simulator.configure({ faults });
  /** Refuses every send with this code, from now on or for a span of time. */
  const refuseWith = (code: number, from_ms = 0, to_ms = FOREVER): Promise<void> =>
    fail({ error_windows: [{ code, from_ms, to_ms }] });
  const draft = (count: number, body: object = {}): Promise<number> =>
    draftWithCsv(journey, audienceCsv(count, people(count)), body as Record<string, unknown>);
  const start = async (count: number, body: object = {}): Promise<number> => {
    const id = await draft(count, body);
    await move(id, 'run');
    return id;
  };
  const move = async (id: number, name: string): Promise<void> => {
    const answer = await journey.api.call('POST', `/campaigns/${id}/${name}`);
    expect([200, 202]).toContain(answer.status);
  };
  const reasonOf = async (id: number): Promise<Reason> =>
    (await getCampaign(journey, id)).status_reason as unknown as Reason;
  const settles = (id: number, holds: (campaign: CampaignBody) => boolean): Promise<CampaignBody> =>
    eventually(() => getCampaign(journey, id), holds);
  /** Of a campaign that is paused: when what was on its way is answered and stored, its sender lets the number go. */
  const answered = async (id: number): Promise<CampaignBody> => {
    await eventually(
      () => journey.api.db.query('select 1 from sending_leases where not is_released'),
      (held) => held.length === 0,
    );
    return campaignIs(journey, id, 'paused');
  };
  /** By the ledger: each of them was accepted once, and nobody twice. */
  const everybodyOnce = async (count: number): Promise<void> => {
    expect(await journey.simulator.ledger()).toMatchObject({
      accepted: count,
      recipients_messaged: count,
      recipients_messaged_more_than_once: 0,
    } satisfies Partial<Ledger>);
  };

  beforeAll(async () => {
    journey = await startJourney({
      simulator: { latency_ms: 20, webhooks: { sent_ms: 20, delivered_ms: 40, read_ms: 60 }, faults: { hang_ms: 300 } },
      account: { messages_per_second: PER_SECOND },
    });
  });
  afterAll(() => journey.close());
  beforeEach(async () => {
    await journey.simulator.configure({ faults: NO_FAULTS });
    await journey.simulator.call('DELETE', 'ledger');
  });

  describe('by throttling', () => {
    it('130429: slows down, loses nobody, and blames no recipient', async () => {
      await refuseWith(130429);
      const id = await start(300);
      await eventually(
        () => journey.simulator.ledger(),
        ({ refused }) => refused > 0,
      );
      await fail(NO_FAULTS);
      expect(await campaignIs(journey, id, 'completed', 40_000)).toMatchObject({ sent_count: 300, failed_count: 0 });
      await everybodyOnce(300);
      const { refused } = await journey.simulator.ledger();
      expect(refused).toBeGreaterThan(0);
      expect(refused).toBeLessThan(60);
      const rows = await journey.api.db.query<{ highest: number }>(
        'select max(attempt) as highest from campaign_recipients where campaign_id = $1',
        [id],
      );
      expect(rows[0]?.highest).toBe(1);
    });

    it('131056: only the pair waits, the others go on', async () => {
      await refuseWith(131056);
      const id = await start(300);
      // A number that slows down for refusals, as for 130429, does not come to so many within a minute.
      await eventually(
        () => journey.simulator.ledger(),
        ({ refused }) => refused > 150,
      );
      await fail(NO_FAULTS);
      expect(await campaignIs(journey, id, 'completed', 40_000)).toMatchObject({ sent_count: 300, failed_count: 0 });
      await everybodyOnce(300);
    });
  });

  describe('by refusing the account', () => {
    it.each([
      [190, 'a dead token'],
      [131042, 'a payment problem'],
    ])('%i (%s): all its campaigns pause with the reason; resumed, they finish', async (code) => {
      const ids = [await draft(500), await draft(500)];
      for (const id of ids) {
        await move(id, 'run');
      }
      for (const id of ids) {
        await settles(id, ({ sent_count }) => sent_count > 10);
      }
      await refuseWith(code);
      for (const id of ids) {
        expect(await campaignIs(journey, id, 'paused')).toMatchObject({ failed_count: 0 });
        expect(await reasonOf(id)).toMatchObject({ code: 'account_refused', graph: { code } });
      }
      const alerts = await journey.api.db.query(
        `select 1 from outbox_events where type = 'account.alert' and payload -> 'campaign_ids' @> $1::jsonb`,
        [JSON.stringify(ids)],
      );
      expect(alerts.length).toBeGreaterThan(0);
      const { accepted } = await journey.simulator.ledger();
      expect(accepted).toBeLessThan(1_000);
      await fail(NO_FAULTS);
      for (const id of ids) {
        await move(id, 'resume');
      }
      for (const id of ids) {
        expect(await campaignIs(journey, id, 'completed')).toMatchObject({ sent_count: 500, failed_count: 0 });
      }
      await everybodyOnce(1_000);
    });

    it('190, and the token is put right: it goes on by itself and finishes with the new one', async () => {
      const setToken = (access_token: string): Promise<unknown> =>
        journey.api.call('PATCH', `/accounts/${journey.accountId}`, { body: { access_token } });
      await setToken('EXPIREDtoken');
      // A worker knows of it within a second.
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      const id = await start(100);
      await campaignIs(journey, id, 'paused');
      expect(await reasonOf(id)).toMatchObject({ code: 'account_refused', graph: { code: 190 } });
      // It goes on by itself.
      await setToken('EAAnewtoken');
      await eventually(
        () => getCampaign(journey, id),
        ({ status }) => {
          if (status === 'paused') {
            throw new Error('paused again, for the token of before');
          }
          return status === 'completed';
        },
      );
      await everybodyOnce(100);
    });
  });

  describe('by refusing the template', () => {
    it('132015: campaigns of that template pause, others go on; resumed, they finish', async () => {
      const setStatus = (status: string): Promise<unknown> =>
        journey.simulator.call('PUT', 'templates/order_update', { waba_id: WABA_ID, status, notify: false });
      await setStatus('PAUSED');
      const id = await start(100);
      const other = await start(100, {
        template_id: journey.templates.named_offer,
        parameter_mappings: { first_name: 'name', offer_code: 'order_id' },
      });
      expect(await campaignIs(journey, id, 'paused')).toMatchObject({
        failed_count: 0,
        sent_count: 0,
        pending_count: 100,
      });
      expect(await reasonOf(id)).toMatchObject({ code: 'template_refused', graph: { code: 132015 } });
      expect(await campaignIs(journey, other, 'completed')).toMatchObject({ sent_count: 100 });
      await setStatus('APPROVED');
      await move(id, 'resume');
      await campaignIs(journey, id, 'completed');
      await everybodyOnce(200);
    });

    it('20 times in a row for its parameters: it pauses; resumed, it goes on with the rest', async () => {
      await refuseWith(132000);
      const id = await start(200);
      await campaignIs(journey, id, 'paused');
      const paused = await answered(id);
      expect(await reasonOf(id)).toMatchObject({ code: 'too_many_equal_failures', graph: { code: 132000 } });
      expect(paused.failed_count).toBeGreaterThanOrEqual(20);
      expect(paused.failed_count).toBeLessThan(60);
      await fail(NO_FAULTS);
      await move(id, 'resume');
      const done = await campaignIs(journey, id, 'completed');
      expect(done.sent_count + done.failed_count).toBe(200);
      expect(done.failed_count).toBe(paused.failed_count);
      await everybodyOnce(done.sent_count);
    });

    it('once resumed it takes 20 in a row again to pause it', async () => {
      await refuseWith(132012);
      const id = await start(300);
      await campaignIs(journey, id, 'paused');
      const first = await answered(id);
      await move(id, 'resume');
      const again = await eventually(
        () => getCampaign(journey, id),
        ({ status, failed_count }) => status === 'paused' && failed_count > first.failed_count,
      );
      expect(again.failed_count - first.failed_count).toBeGreaterThanOrEqual(20);
    });

    it('for everyone of a short list: it has failed, and says why', async () => {
      await refuseWith(132000);
      const id = await start(5);
      expect(await campaignIs(journey, id, 'failed')).toMatchObject({ failed_count: 5, sent_count: 0 });
      expect(await reasonOf(id)).toMatchObject({ code: 'every_send_failed', graph: { code: 132000 } });
    });
  });

  describe('by refusing recipients', () => {
    it('each fails with Meta’s code, at once or by webhook, and the campaign is completed', async () => {
      const id = await draftWithCsv(
        journey,
        `phone,name,order_id\n+919999131021,A,1\n+919999131026,B,2\n+91${people(1)},C,3`,
      );
      await move(id, 'run');
      await campaignIs(journey, id, 'completed');
      await settles(id, (campaign) => campaign.failed_count === 2 && campaign.delivered_count === 1);
      const { body } = await journey.api.call<{ recipients: { error_code: number; error_message: string }[] }>(
        'GET',
        `/campaigns/${id}/recipients?status=failed`,
      );
      expect(body.recipients.map(({ error_code }) => error_code)).toEqual([131021, 131026]);
      expect(body.recipients.every(({ error_message }) => error_message.length > 10)).toBe(true);
    });

    it('131000 again and again: five attempts, then it fails', async () => {
      const id = await draftWithCsv(journey, 'phone,name,order_id\n+919999131000,A,1');
      await move(id, 'run');
      // The waits between attempts grow to seconds; the database's clock is helped along.
      const done = await eventually(
        async () => {
          await journey.api.db.query(
            `update campaign_recipients set not_before = now() where campaign_id = $1 and status = 'pending'`,
            [id],
          );
          return getCampaign(journey, id);
        },
        ({ status }) => status !== 'running',
        50_000,
      );
      expect(done).toMatchObject({ failed_count: 1, sent_count: 0 });
      expect(await journey.simulator.rows('&to=919999131000')).toHaveLength(5);
    });

    it('131000 now and then: retried, and nobody fails', async () => {
      await fail({ http_500_ratio: 0.15 });
      const id = await start(60);
      await eventually(
        () => journey.simulator.ledger(),
        ({ accepted }) => accepted > 40,
      );
      await fail(NO_FAULTS);
      expect(await campaignIs(journey, id, 'completed')).toMatchObject({
        sent_count: 60,
        failed_count: 0,
        unknown_count: 0,
      });
      await everybodyOnce(60);
    });
  });

  describe('by not answering', () => {
    it.each([
      ['HTML instead of an answer, not accepted', { http_502_html_ratio: 0.1 }],
      ['resets, not accepted', { reset_before_ratio: 0.1 }],
    ])('%s: unknown, told, and never sent again', async (_name, faults) => {
      await fail(faults);
      const id = await start(200);
      const done = await campaignIs(journey, id, 'completed');
      expect(done.unknown_count).toBeGreaterThan(0);
      expect(done.sent_count + done.unknown_count).toBe(200);
      await everybodyOnce(done.sent_count);
      const rows = await journey.simulator.rows();
      expect(new Set(rows.map(({ to }) => to)).size).toBe(rows.length);
    });

    it.each([
      ['HTML instead of an answer, accepted', { http_502_accepted_ratio: 0.1 }],
      ['closed connections, accepted', { swallow_ratio: 0.1 }],
      ['200 with garbage, accepted', { garbage_200_ratio: 0.1 }],
      ['answers that come too late, accepted', { hang_ratio: 0.1 }],
    ])('%s: unknown at most until the status comes, and nobody twice', async (_name, faults) => {
      await fail(faults);
      const id = await start(200);
      await campaignIs(journey, id, 'completed');
      expect(await settles(id, (campaign) => campaign.delivered_count === 200)).toMatchObject({
        sent_count: 200,
        unknown_count: 0,
        failed_count: 0,
      });
      await everybodyOnce(200);
    });

    it('nobody listens: nothing fails, nothing is unknown, and it goes on when Meta is back', async () => {
      const { port } = new URL(journey.simulator.url);
      const id = await start(1_000);
      await eventually(
        () => journey.simulator.ledger(),
        ({ accepted }) => accepted > 60,
      );
      await move(id, 'pause');
      await answered(id);
      await eventually(
        () => journey.simulator.ledger(),
        ({ webhooks }) => webhooks.waiting === 0 && webhooks.queued === 0,
      );
      const before = await journey.simulator.ledger();
      await journey.simulator.close();
      await move(id, 'resume');
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      const meanwhile = await getCampaign(journey, id);
      expect(meanwhile).toMatchObject({
        status: 'running',
        failed_count: 0,
        unknown_count: 0,
        sent_count: before.accepted,
      });
      const back = await startSimulator({
        port: Number(port),
        config: { app_secret: APP_SECRET, callback_url: `${journey.api.url}/whatsapp/webhook/` } as never,
      });
      journey.simulator = connectSimulator(back.url, () => back.close());
      expect(await campaignIs(journey, id, 'completed', 40_000)).toMatchObject({
        sent_count: 1_000,
        failed_count: 0,
        unknown_count: 0,
      });
      await everybodyOnce(1_000 - before.accepted);
    });
  });
});
