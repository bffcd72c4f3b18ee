import { eventually } from '../support/app.js';
import { startJourney, WABA_ID, type Journey } from '../support/journey.js';
import { messagesBody, newWamid, postWebhook, status, text } from '../support/webhook-payloads.js';
import { GapDetector } from '../../src/webhook/gaps/gap-detector.js';
import { WebhookDrain } from '../../src/webhook/webhook-drain.js';
import { SubscriptionCheck } from '../../src/webhook/gaps/subscription-check.js';

interface Alert {
  account_id: number;
  code: string;
  severity: string;
  message: string;
  what_to_do: string;
  [detail: string]: unknown;
}

/** The silence of a channel is told to whoever runs it. The clock is turned in the database: what there is grows old. */
describe('gaps', () => {
  let journey: Journey;
  let quiet: number;

  const sql = <T = Record<string, unknown>>(statement: string, values: unknown[] = []): Promise<T[]> =>
    journey.api.db.queryDynamic<T>(statement, values);
  const look = (): Promise<void> => journey.api.app.get(GapDetector, { strict: false }).run();
  const check = (): Promise<void> =>
    journey.api.app.get(SubscriptionCheck, { strict: false }).run(new AbortController().signal);
  const drain = (): Promise<number> =>
    journey.api.app.get(WebhookDrain, { strict: false }).run(new AbortController().signal);
  const alerts = async (code: string): Promise<Alert[]> =>
    (
      await sql<{ payload: Alert }>(
        `select payload from outbox_events where type = 'account.alert' and payload->>'code' = $1 order by id`,
        [code],
      )
    ).map(({ payload }) => payload);
  const told = async (code: string): Promise<number[]> => (await alerts(code)).map((alert) => alert.account_id);
  const openGaps = async (): Promise<string[]> =>
    (await sql<{ gap: string }>(`select account_id || ' ' || code as gap from account_gaps order by 1`)).map(
      ({ gap }) => gap,
    );
  /** Messages that Meta accepted, so long ago. @returns their wamids */
  const sent = async (count: number, minutesAgo: number): Promise<string[]> => {
    const { body } = await journey.api.call<{ message: { id: number } }>('POST', '/send-message?force=true', {
      body: { phone: '+919860000001', message: 'Hello' },
    });
    const wamids = Array.from({ length: count }, newWamid);
    await sql(
      `insert into messages (account_id, conversation_id, contact_id, direction, message_type, status, message_id, sent_at, created_at, timestamp)
       select m.account_id, m.conversation_id, m.contact_id, 'outbound', 'text', 'sent', wamid, at, at, at
       from messages m, unnest($2::text[]) wamid, (select now() - make_interval(mins => $3) as at) t where m.id = $1`,
      [body.message.id, wamids, minutesAgo],
    );
    return wamids;
  };
  /** Bodies of an account, one every so many hours, the last one so many hours ago. */
  const bodies = (accountId: number, count: number, everyHours: number, lastHoursAgo: number): Promise<unknown> =>
    sql(
      `insert into webhook_logs (body, processed, processed_at, fields, account_ids, received_at)
       select '{}', true, now(), '{messages}', array[$1::bigint], now() - make_interval(hours => $4 + $3 * i)
       from generate_series(0, $2 - 1) i`,
      [accountId, count, everyHours, lastHoursAgo],
    );

  beforeAll(async () => {
    // No worker: what waits waits, until a test drains it.
    journey = await startJourney({ worker: false });
    await journey.simulator.configure({ webhooks: { enabled: false } });
    quiet = (
      await journey.api.call<{ id: number }>('POST', '/accounts', {
        body: { name: 'Quiet', phone_number_id: '300000000000444', access_token: 'EAAq' },
      })
    ).body.id;
  });
  afterAll(() => journey.close());
  beforeEach(async () => {
    await sql('delete from account_gaps');
    await sql('delete from outbox_events');
    await sql('delete from webhook_refusals');
  });

  describe('in statuses', () => {
    beforeEach(() => sql('delete from messages'));

    it('open when twenty messages are ten minutes old and none has a status, once; and close when one has', async () => {
      const [wamid] = await sent(20, 30);
      await look();
      await look();
      expect(await alerts('no_statuses')).toEqual([
        expect.objectContaining({ account_id: journey.accountId, severity: 'critical', messages: 20 }),
      ]);
      const health = await journey.api.call('GET', `/accounts/${journey.accountId}/health`);
      expect(health.body.gaps).toEqual([
        { code: 'no_statuses', opened_at: expect.any(String) as unknown, message: expect.any(String) as unknown },
      ]);
      await postWebhook(journey.api.url, messagesBody({ statuses: [status(wamid as string, 'delivered')] }));
      await drain();
      await look();
      await look();
      expect(await alerts('no_statuses_over')).toEqual([expect.objectContaining({ severity: 'info' })]);
      expect(await openGaps()).toEqual([]);
    });

    it('open for what a campaign sent too', async () => {
      await sent(30, 30);
      const [campaign] = await sql<{ id: number }>(
        `insert into campaigns (account_id, name, status, started_at) values ($1, 'Silent', 'running', now() - interval '2 hours')
         returning id`,
        [journey.accountId],
      );
      await sql('update messages set campaign_id = $1', [campaign?.id]);
      await look();
      expect(await told('no_statuses')).toEqual([journey.accountId]);
    });

    it('do not open for fewer messages, nor for messages that are not due yet or long over', async () => {
      await sent(19, 30);
      await sent(30, 5);
      await sent(30, 180);
      await look();
      expect(await told('no_statuses')).toEqual([]);
    });
  });

  describe('in webhooks', () => {
    beforeEach(() => sql('delete from webhook_logs'));

    it('open when an account that had many has none for a day and far longer than usual; a body closes them', async () => {
      await bodies(journey.accountId, 30, 2, 30);
      // Each of these is as usual: a silence of ten hours, and none that is long enough.
      await bodies(quiet, 30, 10, 30);
      await look();
      await look();
      expect(await alerts('no_webhooks')).toEqual([
        expect.objectContaining({ account_id: journey.accountId, severity: 'warning', usual_silence_s: 7_200 }),
      ]);
      await postWebhook(journey.api.url, messagesBody({ messages: [text('919860000002', 'Hello')] }));
      await drain();
      await look();
      expect(await told('no_webhooks_over')).toEqual([journey.accountId]);
    });

    it('do not close because the last body is not kept any more', async () => {
      await bodies(journey.accountId, 30, 2, 30);
      await look();
      await sql('delete from webhook_logs');
      await look();
      expect(await openGaps()).toEqual([`${journey.accountId} no_webhooks`]);
      expect(await told('no_webhooks_over')).toEqual([]);
    });

    it('do not open for an account that never had many', async () => {
      await bodies(quiet, 5, 1, 60);
      await look();
      expect(await told('no_webhooks')).toEqual([]);
    });
  });

  it('of the app secret open for accounts that get nothing while bodies are refused', async () => {
    await sql('delete from webhook_logs');
    await bodies(quiet, 1, 1, 0);
    for (let count = 0; count < 12; count += 1) {
      expect((await postWebhook(journey.api.url, { entry: [] }, { secret: 'another' })).status).toBe(401);
    }
    await eventually(
      () => sql<{ n: number }>('select sum(refused_count)::int as n from webhook_refusals'),
      ([row]) => row?.n === 12,
    );
    await look();
    expect(await alerts('bad_signatures')).toEqual([
      expect.objectContaining({ account_id: journey.accountId, severity: 'critical', refused: 12 }),
    ]);
    await sql(`update webhook_refusals set minute = minute - interval '20 minutes'`);
    await look();
    expect(await told('bad_signatures_over')).toEqual([journey.accountId]);
  });

  it('of bodies that were given up open once, and are told again when there are more, an hour later', async () => {
    await sql('delete from webhook_logs');
    const giveUp = (): Promise<unknown> =>
      sql(
        `insert into webhook_logs (body, next_attempt_at, attempts, error, fields, account_ids)
         values ('{}', 'infinity', 5, 'broken', '{messages}', array[$1::bigint])`,
        [journey.accountId],
      );
    await giveUp();
    await look();
    await giveUp();
    await look();
    expect(await alerts('webhook_dead_letter')).toEqual([expect.objectContaining({ count: 1 })]);
    await sql(`update account_gaps set alerted_at = alerted_at - interval '2 hours'`);
    await look();
    await sql(`update account_gaps set alerted_at = alerted_at - interval '2 hours'`);
    await look();
    expect(await alerts('webhook_dead_letter')).toMatchObject([{ count: 1 }, { count: 2 }]);
    const replay = await journey.api.call<{ count: number }>('POST', '/webhook-logs/replay', {
      body: { has_error: true, processed: false },
    });
    expect(replay.body.count).toBe(2);
    await sql(`update webhook_logs set processed = true`);
    await look();
    expect(await told('webhook_dead_letter_over')).toEqual([journey.accountId]);
  });

  it('in processing open for all accounts when a live body waits for more than a minute; one that is replayed may wait', async () => {
    await sql('delete from webhook_logs');
    const wait = (replayId: number | null): Promise<unknown> =>
      sql(
        `insert into webhook_logs (body, next_attempt_at, replay_id) values ('{}', now() - interval '2 minutes', $1)`,
        [replayId],
      );
    await wait(1);
    await look();
    expect(await told('webhook_backlog')).toEqual([]);
    await wait(null);
    await look();
    await look();
    expect((await told('webhook_backlog')).sort()).toEqual([journey.accountId, quiet].sort());
    await drain();
    await look();
    expect((await told('webhook_backlog_over')).sort()).toEqual([journey.accountId, quiet].sort());
  });

  describe('in the subscription', () => {
    const subscribe = (method: string): Promise<Response> =>
      fetch(`${journey.simulator.url}/v23.0/${WABA_ID}/subscribed_apps`, {
        method,
        headers: { authorization: 'Bearer EAAtesttoken' },
      });
    const lookAgain = async (): Promise<void> => {
      await sql('delete from subscription_checks');
      await check();
    };

    it('open when no app is subscribed to the WABA any more, once; and close when one is', async () => {
      await lookAgain();
      expect(await openGaps()).toEqual([]);
      await subscribe('DELETE');
      await lookAgain();
      await lookAgain();
      expect(await alerts('subscription_drift')).toEqual([
        expect.objectContaining({ account_id: journey.accountId, severity: 'critical', waba_id: WABA_ID }),
      ]);
      await subscribe('POST');
      await check();
      // Meta is asked every six hours, whoever else looks.
      expect(await openGaps()).toEqual([`${journey.accountId} subscription_drift`]);
      await lookAgain();
      expect(await told('subscription_drift_over')).toEqual([journey.accountId]);
    });

    it('stay as they are when Meta does not answer', async () => {
      await subscribe('DELETE');
      await lookAgain();
      await subscribe('POST');
      await journey.simulator.close();
      await lookAgain();
      expect(await openGaps()).toEqual([`${journey.accountId} subscription_drift`]);
      const [row] = await sql<{ soon: boolean }>(
        `select checked_at < now() - interval '4 hours' as soon from subscription_checks where waba_id = $1`,
        [WABA_ID],
      );
      expect(row?.soon).toBe(true);
    });
  });
});
