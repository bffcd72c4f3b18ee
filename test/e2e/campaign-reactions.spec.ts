import { PeoplePorts } from '../../src/contacts/people-ports.js';
import { eventually } from '../support/app.js';
import {
  audienceCsv,
  campaignIs,
  draftWithCsv,
  getCampaign,
  PHONE_NUMBER_ID,
  startJourney,
  WABA_ID,
  type CampaignBody,
  type Journey,
} from '../support/journey.js';
import { messagesBody, postWebhook, secondsAgo, status, type JsonObject } from '../support/webhook-payloads.js';

interface Reason extends JsonObject {
  code: string;
  auto_resume: boolean;
  waits_for: string | null;
}

const NAMED = { parameter_mappings: { first_name: 'name', offer_code: 'order_id' } };
const PER_SECOND = 100;
const FOREVER = 600_000;

/** Every test has people of its own. */
let nextPhone = 9_600_000_000;
const people = (count: number): number => (nextPhone += count) - count + 1;

describe('campaigns and what Meta tells', () => {
  let journey: Journey;

  const start = async (count: number, body: JsonObject = {}): Promise<number> => {
    const id = await draftWithCsv(journey, audienceCsv(count, people(count)), body);
    await move(id, 'run');
    return id;
  };
  /** As {@link start}, of a campaign that cannot be over before {@link completes} asks for it: one of its people waits. */
  const startOpen = async (count: number, body: JsonObject = {}): Promise<number> => {
    const id = await draftWithCsv(journey, audienceCsv(count, people(count)), body);
    await journey.api.db.query(
      `update campaign_recipients set not_before = now() + interval '1 hour'
       where id = (select max(id) from campaign_recipients where campaign_id = $1)`,
      [id],
    );
    await move(id, 'run');
    return id;
  };
  const move = async (id: number, name: string, expected = [200, 202]): Promise<void> => {
    const answer = await journey.api.call('POST', `/campaigns/${id}/${name}`);
    expect(expected).toContain(answer.status);
  };
  const reasonOf = async (id: number): Promise<Reason> =>
    (await getCampaign(journey, id)).status_reason as unknown as Reason;
  const sending = (id: number): Promise<CampaignBody> =>
    eventually(
      () => getCampaign(journey, id),
      ({ sent_count }) => sent_count > 0,
    );
  /** All that Meta has told so far had its effects. */
  const isHeard = (): Promise<unknown> =>
    eventually(
      async () => [
        (await journey.simulator.ledger()).webhooks.queued,
        (await journey.api.db.query('select 1 from webhook_logs where not processed')).length,
      ],
      (waiting) => waiting.every((count) => count === 0),
    );
  const stays = async (id: number, expected: string, ms = 700): Promise<void> => {
    await isHeard();
    await new Promise((resolve) => setTimeout(resolve, ms));
    expect(await getCampaign(journey, id)).toMatchObject({ status: expected });
  };
  /** Meta changes the template, and tells. */
  const tellTemplate = (event: string, name = 'order_update'): Promise<unknown> =>
    journey.simulator.call('POST', `templates/${name}`, { waba_id: WABA_ID, value: { event } });
  /** Meta changes the template, and does not tell. */
  const changeTemplate = (to: string, name = 'order_update'): Promise<unknown> =>
    journey.simulator.call('PUT', `templates/${name}`, { waba_id: WABA_ID, status: to, notify: false });
  const tellAccount = (event: string, more: JsonObject = {}): Promise<unknown> =>
    journey.simulator.call('POST', 'account-event', { event, phone_number_id: PHONE_NUMBER_ID, ...more });
  const refuseWith = (code: number | null): Promise<void> =>
    journey.simulator.configure({
      faults: { error_windows: code === null ? [] : [{ code, from_ms: 0, to_ms: FOREVER }] },
    });
  const setToken = (access_token: string): Promise<unknown> =>
    journey.api.call('PATCH', `/accounts/${journey.accountId}`, { body: { access_token } });
  const eventsOf = async (type: string, has: object): Promise<JsonObject[]> =>
    (
      await journey.api.db.query<{ payload: JsonObject }>(
        'select payload from outbox_events where type = $1 and payload @> $2::jsonb order by id',
        [type, JSON.stringify(has)],
      )
    ).map((row) => row.payload);
  const completes = async (id: number, count: number): Promise<void> => {
    await journey.api.db.query(
      `update campaign_recipients set not_before = '-infinity'
       where campaign_id = $1 and not_before > now() + interval '30 minutes'`,
      [id],
    );
    expect(await campaignIs(journey, id, 'completed')).toMatchObject({ sent_count: count, failed_count: 0 });
  };
  /** By the ledger: nobody has got the same twice. */
  const nobodyTwice = async (): Promise<void> => {
    expect(await journey.simulator.ledger()).toMatchObject({ recipients_messaged_twice: 0 });
  };

  /** A single message that Meta takes, and then says nothing of. */
  const silentMessage = async (): Promise<{ message_id: string; contact_id: number }> => {
    const { body } = await journey.api.call<{ message: { message_id: string; contact_id: number } }>(
      'POST',
      '/send-message?force=true',
      { body: { phone: '+919999000604', message: `Hello ${people(1)}` } },
    );
    return body.message;
  };
  const tellFailure = async (wamid: string, code: number, timestamp: string): Promise<void> => {
    const errors = [{ code, title: `Error ${code}`, error_data: { details: 'why' } }];
    await postWebhook(journey.api.url, messagesBody({ statuses: [status(wamid, 'failed', { errors, timestamp })] }));
    await eventually(
      () => journey.api.db.query(`select 1 from messages where message_id = $1 and status = 'failed'`, [wamid]),
      (rows) => rows.length === 1,
    );
  };

  beforeAll(async () => {
    journey = await startJourney({
      simulator: { latency_ms: 10, webhooks: { sent_ms: 20, delivered_ms: 40, read_ms: 60 } },
      account: { messages_per_second: PER_SECOND },
    });
  });
  afterAll(() => journey.close());
  afterEach(async () => {
    await refuseWith(null);
    await tellTemplate('APPROVED');
    await isHeard();
    await nobodyTwice();
  });

  describe('of a template', () => {
    it.each([
      ['PAUSED', 'UNPAUSED'],
      ['REJECTED', 'APPROVED'],
      ['DISABLED', 'REINSTATED'],
    ])('%s: its campaigns pause before a send fails, others go on; %s: they go on by themselves', async (bad, good) => {
      const id = await startOpen(150);
      const other = await start(30, { template_id: journey.templates.named_offer, ...NAMED });
      await sending(id);
      const { refused } = await journey.simulator.ledger();
      await journey.simulator.call('POST', 'templates/order_update', {
        waba_id: WABA_ID,
        unchanged: true,
        value: { event: bad },
      });
      expect(await campaignIs(journey, id, 'paused')).toMatchObject({ failed_count: 0 });
      expect(await reasonOf(id)).toMatchObject({
        code: `template_${bad.toLowerCase()}`,
        scope: 'template',
        auto_resume: true,
        waits_for: 'template',
        template_id: journey.templates.order_update,
        template_status: bad,
      });
      await completes(other, 30);
      expect((await journey.simulator.ledger()).refused).toBe(refused);
      expect(await eventsOf('account.alert', { campaign_ids: [id] })).toEqual([
        expect.objectContaining({
          account_id: journey.accountId,
          code: `template_${bad.toLowerCase()}`,
          scope: 'template',
          severity: 'warning',
          message: expect.stringContaining('order_update') as string,
          what_to_do: expect.stringMatching(/./) as string,
        }),
      ]);
      await tellTemplate(good);
      await completes(id, 150);
      expect(await eventsOf('campaign.progress', { id, status: 'running', resumed_by: 'template' })).toHaveLength(1);
    });

    it('a campaign pauses for the template of a variant too, and waits for all of them', async () => {
      const id = await startOpen(150, {
        template_id: null,
        variants: [
          { name: 'A', template_id: journey.templates.order_update },
          { name: 'B', template_id: journey.templates.named_offer, ...NAMED },
        ],
      });
      await sending(id);
      await tellTemplate('PAUSED', 'named_offer');
      await campaignIs(journey, id, 'paused');
      await tellTemplate('PAUSED');
      await tellTemplate('UNPAUSED', 'named_offer');
      await eventually(
        () => reasonOf(id),
        (reason) => reason.template_id === journey.templates.order_update,
      );
      await tellTemplate('UNPAUSED');
      await completes(id, 150);
    });

    it('what a person paused does not go on by itself', async () => {
      const id = await startOpen(150);
      await sending(id);
      await move(id, 'pause');
      await tellTemplate('PAUSED');
      await tellTemplate('UNPAUSED');
      await stays(id, 'paused');
      expect(await reasonOf(id)).toMatchObject({ code: 'paused_by_user' });
      await move(id, 'cancel');
    });

    it('132015 comes before any webhook: it goes on when Meta approves, though that is no news of the template', async () => {
      await changeTemplate('PAUSED');
      const id = await start(40);
      await campaignIs(journey, id, 'paused');
      expect(await reasonOf(id)).toMatchObject({
        code: 'template_refused',
        auto_resume: true,
        waits_for: 'template',
        graph: { code: 132015 },
      });
      // Meta's times have whole seconds: within one, this would be the approval of before once more.
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      await tellTemplate('APPROVED');
      await completes(id, 40);
    });

    it('132016 and 132001 wait for a person', async () => {
      for (const code of [132016, 132001]) {
        await refuseWith(code);
        const id = await start(20);
        await campaignIs(journey, id, 'paused');
        expect(await reasonOf(id)).toMatchObject({ code: 'template_refused', auto_resume: false, waits_for: null });
        await refuseWith(null);
        await tellTemplate('PAUSED');
        await tellTemplate('APPROVED');
        await stays(id, 'paused', 400);
        await move(id, 'resume');
        await completes(id, 20);
      }
    });

    it('a sync that finds it paused pauses too, and one that finds it approved resumes', async () => {
      const sync = async (): Promise<void> => {
        // A sync leaves alone what an event has said just now.
        await journey.api.db.query(`update templates set status_at = status_at - interval '1 minute'`);
        await journey.api.call('POST', '/templates/sync', { body: {} });
      };
      const id = await startOpen(200);
      await sending(id);
      await changeTemplate('PAUSED');
      await sync();
      expect(await getCampaign(journey, id)).toMatchObject({ status: 'paused' });
      await changeTemplate('APPROVED');
      await sync();
      await completes(id, 200);
    });
  });

  describe('of the account', () => {
    it('a ban pauses all its campaigns in one alert; reinstated, they go on', async () => {
      const ids = [await startOpen(150), await startOpen(150)];
      await Promise.all(ids.map(sending));
      await tellAccount('disable', { unchanged: true });
      for (const id of ids) {
        expect(await campaignIs(journey, id, 'paused')).toMatchObject({ failed_count: 0 });
        expect(await reasonOf(id)).toMatchObject({ code: 'account_disabled', auto_resume: true, waits_for: 'account' });
      }
      expect(await eventsOf('account.alert', { campaign_ids: ids })).toEqual([
        expect.objectContaining({ code: 'account_disabled', scope: 'account', severity: 'critical' }),
      ]);
      await tellAccount('reinstate');
      await Promise.all(ids.map((id) => completes(id, 150)));
      expect(await eventsOf('account.alert', { resumed_campaign_ids: ids })).toMatchObject([
        { code: 'account_reinstated' },
      ]);
    });

    it('a ban that Meta tells by refusing ends with the same word', async () => {
      await tellAccount('disable', { value: { event: 'ACCOUNT_VIOLATION' } });
      const id = await start(40);
      await campaignIs(journey, id, 'paused');
      expect(await reasonOf(id)).toMatchObject({ code: 'account_refused', scope: 'account', graph: { code: 131031 } });
      await tellAccount('reinstate');
      await completes(id, 40);
    });

    it('reinstated while the template is paused: it waits for the template from then on', async () => {
      const id = await startOpen(150);
      await sending(id);
      await tellAccount('restriction');
      await campaignIs(journey, id, 'paused');
      await tellTemplate('PAUSED');
      await tellAccount('reinstate');
      await eventually(
        () => reasonOf(id),
        (reason) => reason.waits_for === 'template',
      );
      await tellTemplate('UNPAUSED');
      await completes(id, 150);
    });

    it('the template is approved while the account is banned: it waits for the account from then on', async () => {
      const id = await startOpen(150);
      await sending(id);
      await tellTemplate('PAUSED');
      await campaignIs(journey, id, 'paused');
      await tellAccount('disable');
      await tellTemplate('UNPAUSED');
      await eventually(
        () => reasonOf(id),
        (reason) => reason.waits_for === 'account',
      );
      await tellAccount('reinstate');
      await completes(id, 150);
    });

    it('190: another token lets them go on, the same one does not', async () => {
      await setToken('EXPIREDtoken');
      // A worker knows of it within a second.
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      const id = await start(40);
      await campaignIs(journey, id, 'paused');
      expect(await reasonOf(id)).toMatchObject({ scope: 'credentials', auto_resume: true, waits_for: 'credentials' });
      await setToken('EXPIREDtoken');
      await stays(id, 'paused');
      await setToken('EAAanother');
      await completes(id, 40);
      expect(await eventsOf('account.alert', { resumed_campaign_ids: [id] })).toMatchObject([
        { code: 'credentials_renewed', scope: 'credentials' },
      ]);
    });

    it('131037: it goes on when the display name is approved', async () => {
      await refuseWith(131037);
      const id = await start(40);
      await campaignIs(journey, id, 'paused');
      expect(await reasonOf(id)).toMatchObject({ scope: 'number', waits_for: 'display_name' });
      await refuseWith(null);
      await tellAccount('name');
      await completes(id, 40);
    });

    it.each([
      [131042, 'account'],
      [131048, 'number'],
    ])('%i pauses, says what to do, and waits for a person', async (code, scope) => {
      await refuseWith(code);
      const id = await start(40);
      await campaignIs(journey, id, 'paused');
      expect(await reasonOf(id)).toMatchObject({
        code: 'account_refused',
        scope,
        auto_resume: false,
        waits_for: null,
        what_to_do: expect.stringMatching(/./) as string,
      });
      const [alert] = await eventsOf('account.alert', { campaign_ids: [id] });
      expect(alert).toMatchObject({ scope, severity: 'critical', graph: { code } });
      await refuseWith(null);
      await tellAccount('reinstate');
      await setToken(`EAAafter${code}`);
      await stays(id, 'paused');
      await move(id, 'resume');
      await completes(id, 40);
    });

    it('131042 by a failed status pauses; a status of before it was resumed does not', async () => {
      const [first, second] = [await silentMessage(), await silentMessage()];
      const id = await startOpen(150);
      await sending(id);
      // Meta's times have whole seconds.
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      await tellFailure(first.message_id, 131042, secondsAgo(0));
      await campaignIs(journey, id, 'paused');
      expect(await reasonOf(id)).toMatchObject({ code: 'account_refused', scope: 'account', graph: { code: 131042 } });
      await move(id, 'resume');
      await tellFailure(second.message_id, 131042, secondsAgo(60));
      await completes(id, 150);
    });
  });

  it('codes that nobody knows: the recipients fail at once, and after eleven the campaign pauses', async () => {
    await refuseWith(199_999);
    const id = await start(200);
    await campaignIs(journey, id, 'paused');
    expect(await reasonOf(id)).toMatchObject({
      code: 'unknown_errors',
      scope: 'campaign',
      auto_resume: false,
      graph: { code: 199_999 },
    });
    await refuseWith(null);
    await stays(id, 'paused', 300);
    // What was under way when it paused may fail too.
    await eventually(
      () =>
        journey.api.db.query(`select 1 from campaign_recipients where campaign_id = $1 and status = 'sending'`, [id]),
      (rows) => rows.length === 0,
    );
    const { failed_count: failed } = await getCampaign(journey, id);
    expect(failed).toBeGreaterThan(10);
    expect(failed).toBeLessThan(60);
    await move(id, 'resume');
    expect(await campaignIs(journey, id, 'completed')).toMatchObject({ sent_count: 200 - failed });
  });

  describe('of a person', () => {
    const cooldowns = (): Promise<{ hours: number; contacts: number }[]> =>
      journey.api.db.query(
        `select round(extract(epoch from until - now()) / 3600)::int as hours, count(*)::int as contacts
         from contact_cooldowns where account_id = $1 and code = 131049 group by 1`,
        [journey.accountId],
      );

    it('131049: final for this campaign, and no marketing for a day', async () => {
      const id = await draftWithCsv(journey, 'phone,name,order_id\n+919999131049,A,1');
      await move(id, 'run');
      await eventually(
        () => getCampaign(journey, id),
        ({ failed_count }) => failed_count === 1,
      );
      expect(await cooldowns()).toEqual([{ hours: 24, contacts: 1 }]);
      const marketing = await draftWithCsv(journey, 'phone,name,order_id\n+919999131049,A,1', {
        template_id: journey.templates.named_offer,
        ...NAMED,
      });
      await move(marketing, 'run');
      expect(await campaignIs(journey, marketing, 'completed')).toMatchObject({ skipped_count: 1 });
    });

    it('131049 of long ago keeps nobody from anything', async () => {
      const { message_id, contact_id } = await silentMessage();
      await tellFailure(message_id, 131049, secondsAgo(2 * 86_400));
      expect(await journey.api.db.query('select 1 from contact_cooldowns where contact_id = $1', [contact_id])).toEqual(
        [],
      );
      const another = await silentMessage();
      await tellFailure(another.message_id, 131049, secondsAgo(3_600));
      expect(
        await journey.api.db.query('select 1 from contact_cooldowns where contact_id = $1', [contact_id]),
      ).toHaveLength(1);
    });

    it('who turns out to be one person with another keeps the longer rest', async () => {
      const [one, two] = await Promise.all(
        [`+91${people(1)}`, `+91${people(1)}`].map(async (phone) => {
          const answer = await journey.api.call<{ id: number }>('POST', '/contacts', { body: { phone } });
          return answer.body.id;
        }),
      );
      await journey.api.db.query(
        `insert into contact_cooldowns (account_id, contact_id, until, code)
         values ($1, $2, now() + interval '1 hour', 131049), ($1, $3, now() + interval '5 hours', 131049)`,
        [journey.accountId, one, two],
      );
      await journey.api.db.transaction((tx) =>
        journey.api.app
          .get(PeoplePorts, { strict: false })
          .merge(tx, { survivorId: one as number, goneId: two as number }),
      );
      expect(
        await journey.api.db.query(
          `select contact_id, round(extract(epoch from until - now()) / 3600)::int as hours
           from contact_cooldowns where contact_id = any($1)`,
          [[one, two]],
        ),
      ).toEqual([{ contact_id: one, hours: 5 }]);
    });
  });
});
