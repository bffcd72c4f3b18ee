import { AccountDirectory } from '../../src/accounts/account-directory.js';
import { eventually, type Answer } from '../support/app.js';
import { startJourney, WABA_ID, type Journey } from '../support/journey.js';
import { envelope, postWebhook, type JsonObject } from '../support/webhook-payloads.js';

interface Health {
  standing: string;
  standing_until: string | null;
  events: { code: string; severity: string; message: string; what_to_do: string; occurred_at: string }[];
}

interface Alert extends JsonObject {
  code: string;
  severity: string;
  scope: string;
}

interface AccountBody {
  id: number;
  messages_per_second: number;
  messaging_limit: string | null;
  profile_name: string | null;
  display_phone_number: string;
}

const SECRET_OF_STRANGER = 'cccccccccccccccccccccccccccccccc';
/** Every test has an account and a WABA of its own. */
let nextId = 500_000_000_000_000;
/** Meta's clock: each event is a second after the one before. */
let clock = Math.floor(Date.now() / 1_000) - 10_000;
const tick = (): number => (clock += 1);

describe('what Meta tells of accounts', () => {
  let journey: Journey;
  let account: AccountBody;
  let wabaId: string;

  const newAccount = async (more: JsonObject = {}): Promise<AccountBody> => {
    const answer = await journey.api.call<AccountBody>('POST', '/accounts', {
      body: { name: 'A', phone_number_id: String((nextId += 1)), access_token: 'EAAx', waba_id: wabaId, ...more },
    });
    expect([answer.status, answer.body]).toEqual([201, expect.anything()]);
    return answer.body;
  };
  const read = async (id = account.id): Promise<AccountBody> =>
    (await journey.api.call<AccountBody>('GET', `/accounts/${id}`)).body;
  const health = async (id = account.id): Promise<Health> =>
    (await journey.api.call<Health>('GET', `/accounts/${id}/health`)).body;
  const alertsOf = (id = account.id): Promise<Alert[]> =>
    journey.api.db
      .query<{ payload: Alert }>(
        `select payload from outbox_events where type = 'account.alert' and account_id = $1 order by id`,
        [id],
      )
      .then((rows) => rows.map((row) => row.payload));
  const change = (field: string, value: JsonObject): JsonObject => ({ field, value });
  /** Posts changes of one entry, and waits until they had their effect. @returns what the log says */
  const deliver = async (
    changes: JsonObject[],
    { time = tick(), entry = wabaId, secret }: { time?: number | null; entry?: string; secret?: string } = {},
  ): Promise<{ processed: boolean; error: string | null }> => {
    const newest = async (): Promise<{ id: number; processed: boolean; error: string | null }> =>
      (
        await journey.api.call<{ webhook_logs: { id: number; processed: boolean; error: string | null }[] }>(
          'GET',
          '/webhook-logs?limit=1',
        )
      ).body.webhook_logs[0] ?? { id: 0, processed: false, error: null };
    const before = (await newest()).id;
    const body = envelope(changes, entry, time === null ? {} : { time });
    const answer: Pick<Answer, 'status'> = await postWebhook(journey.api.url, body, { secret });
    expect(answer.status).toBe(200);
    return eventually(newest, (log) => log.id > before && (log.processed || log.error !== null));
  };
  const ofNumber = (value: JsonObject, of = account): JsonObject => ({
    display_phone_number: of.display_phone_number.replace(/\D/g, ''),
    ...value,
  });
  const upgrade = (): JsonObject =>
    change('phone_number_quality_update', ofNumber({ event: 'THROUGHPUT_UPGRADE', current_limit: 'TIER_UNLIMITED' }));
  const ban = (state: string): JsonObject =>
    change('account_update', { event: 'DISABLED_UPDATE', ban_info: { waba_ban_state: state } });

  /** What the worker knows of accounts may be a second old. */
  const readAccountsAnew = (): void => journey.api.worker?.get(AccountDirectory, { strict: false }).forget();

  beforeAll(async () => {
    journey = await startJourney();
  });
  afterAll(() => journey.close());
  beforeEach(async () => {
    wabaId = String((nextId += 1));
    account = await newAccount();
    expect(account.display_phone_number).toMatch(/\d/);
    readAccountsAnew();
  });

  describe('throughput', () => {
    it('an upgrade raises the rate of a number that had Meta’s default', async () => {
      expect(account.messages_per_second).toBe(80);
      await deliver([upgrade()]);
      expect(await read()).toMatchObject({ messages_per_second: 1_000, messaging_limit: 'TIER_UNLIMITED' });
      expect(await alertsOf()).toEqual([
        expect.objectContaining({
          account_id: account.id,
          code: 'number_throughput_upgrade',
          severity: 'info',
          scope: 'number',
          messages_per_second: 1_000,
          previous_messages_per_second: 80,
          messaging_limit: 'TIER_UNLIMITED',
          field: 'phone_number_quality_update',
        }),
      ]);
    });

    it('leaves a rate that somebody chose', async () => {
      await journey.api.call('PATCH', `/accounts/${account.id}`, { body: { messages_per_second: 250 } });
      await deliver([upgrade()]);
      expect(await read()).toMatchObject({ messages_per_second: 250 });
      expect(await alertsOf()).toMatchObject([{ messages_per_second: 250, previous_messages_per_second: 250 }]);
    });

    it('comes again days later, and does not undo what was chosen since', async () => {
      const time = tick();
      await deliver([upgrade()], { time });
      await journey.api.call('PATCH', `/accounts/${account.id}`, { body: { messages_per_second: 80 } });
      await deliver([upgrade(), upgrade()], { time });
      expect(await read()).toMatchObject({ messages_per_second: 80 });
      expect(await alertsOf()).toHaveLength(1);
    });
  });

  describe('the messaging limit', () => {
    it.each([
      ['TIER_10K', 'TIER_10K'],
      [2_000, 'TIER_2K'],
      ['250', 'TIER_250'],
      [100_000, 'TIER_100K'],
      [-1, 'TIER_UNLIMITED'],
    ])('of the business: %p is %s', async (given, limit) => {
      await deliver([change('business_capability_update', { max_daily_conversations_per_business: given })]);
      expect(await read()).toMatchObject({ messaging_limit: limit });
    });

    it('is the newest by Meta’s clock, in whatever order they come', async () => {
      const limit = (value: string): JsonObject =>
        change('business_capability_update', { max_daily_conversations_per_business: value });
      await deliver([limit('TIER_100K')], { time: 1_790_000_300 });
      await deliver([limit('TIER_2K')], { time: 1_790_000_100 });
      await deliver([limit('TIER_10K')], { time: 1_790_000_200 });
      expect(await read()).toMatchObject({ messaging_limit: 'TIER_100K' });
    });

    it('holds for every number of the WABA', async () => {
      const other = await newAccount();
      readAccountsAnew();
      await deliver([change('business_capability_update', { max_daily_conversations_per_business: 'TIER_2K' })]);
      expect(await read()).toMatchObject({ messaging_limit: 'TIER_2K' });
      expect(await read(other.id)).toMatchObject({ messaging_limit: 'TIER_2K' });
    });
  });

  describe('whom it is about', () => {
    it('another number of the same WABA: nothing of this one', async () => {
      const other = await newAccount();
      readAccountsAnew();
      const value = ofNumber({ event: 'THROUGHPUT_UPGRADE' }, other);
      expect(await deliver([change('phone_number_quality_update', value)])).toMatchObject({ error: null });
      expect(await read(other.id)).toMatchObject({ messages_per_second: 1_000 });
      expect(await read()).toMatchObject({ messages_per_second: 80 });
      expect(await alertsOf()).toEqual([]);
    });

    it('an account that was added without its WABA is found by its number', async () => {
      const without = await newAccount({ waba_id: null });
      readAccountsAnew();
      await deliver([change('phone_number_quality_update', ofNumber({ event: 'THROUGHPUT_UPGRADE' }, without))]);
      expect(await read(without.id)).toMatchObject({ messages_per_second: 1_000 });
    });

    it('under the id of a partner’s portfolio: by the WABA that it names', async () => {
      const value = { event: 'PARTNER_REMOVED', waba_info: { waba_id: wabaId, owner_business_id: '41' } };
      await deliver([change('account_update', value)], { entry: '400000000000009' });
      expect(await alertsOf()).toMatchObject([{ code: 'partner_removed', severity: 'critical' }]);
    });

    it('signed by somebody else: nobody', async () => {
      await newAccount({ waba_id: String((nextId += 1)), app_secret: SECRET_OF_STRANGER });
      readAccountsAnew();
      const log = await deliver([ban('DISABLE')], { secret: SECRET_OF_STRANGER });
      expect(log.error).toMatch(/secret of another account/);
      expect(await health()).toMatchObject({ standing: 'ok', events: [] });
    });
  });

  describe('bans and restrictions', () => {
    it('show in the health of the account, with what to do', async () => {
      await deliver([ban('DISABLE')]);
      expect(await health()).toMatchObject({
        standing: 'disabled',
        events: [{ code: 'account_disabled', severity: 'critical', what_to_do: expect.stringMatching(/appeal/i) }],
      });
      await deliver([ban('REINSTATE')]);
      expect(await health()).toMatchObject({
        standing: 'ok',
        events: [{ code: 'account_reinstated' }, { code: 'account_disabled' }],
      });
      expect((await alertsOf()).map((alert) => alert.code)).toEqual(['account_disabled', 'account_reinstated']);
    });

    it('that come late, after they were lifted, stop nothing and alarm nobody', async () => {
      const [banned, lifted] = [tick(), tick()];
      await deliver([ban('REINSTATE')], { time: lifted });
      await deliver([ban('DISABLE')], { time: banned });
      expect(await health()).toMatchObject({ standing: 'ok' });
      expect((await alertsOf()).map((alert) => alert.code)).toEqual(['account_reinstated']);
    });

    it('that are only announced stop nothing', async () => {
      await deliver([ban('SCHEDULE_FOR_DISABLE')]);
      expect(await health()).toMatchObject({ standing: 'ok', events: [{ code: 'account_disabled_soon' }] });
    });

    it('a restriction of what the business begins stops it until its end', async () => {
      const expiration = Math.floor(Date.now() / 1_000) + 86_400;
      const restriction_info = [{ restriction_type: 'RESTRICTED_BIZ_INITIATED_MESSAGING', expiration }];
      await deliver([change('account_update', { event: 'ACCOUNT_RESTRICTION', restriction_info })]);
      expect(await health()).toMatchObject({
        standing: 'restricted',
        standing_until: new Date(expiration * 1_000).toISOString(),
      });
    });

    it('a restriction of something else does not', async () => {
      const restriction_info = [{ restriction_type: 'RESTRICTED_ADD_PHONE_NUMBER_ACTION', expiration: 1 }];
      await deliver([change('account_update', { event: 'ACCOUNT_RESTRICTION', restriction_info })]);
      expect(await health()).toMatchObject({ standing: 'ok', events: [{ severity: 'warning' }] });
    });

    it('are forgotten when the account becomes another number', async () => {
      await deliver([ban('DISABLE')]);
      await journey.api.call('PATCH', `/accounts/${account.id}`, { body: { phone_number_id: String((nextId += 1)) } });
      expect(await health()).toMatchObject({ standing: 'ok', events: [] });
    });
  });

  describe('of what else it tells', () => {
    it.each([
      [
        'account_alerts',
        { alert_info: { alert_severity: 'WARNING', alert_type: 'A_TYPE', alert_description: 'd' } },
        'a_type',
        'warning',
      ],
      ['account_review_update', { decision: 'REJECTED' }, 'account_review_rejected', 'critical'],
      [
        'account_update',
        { event: 'ACCOUNT_VIOLATION', violation_info: { violation_type: 'ADULT' } },
        'account_violation',
        'warning',
      ],
      ['account_update', { event: 'ACCOUNT_DELETED' }, 'account_deleted', 'critical'],
      ['account_update', { event: 'SOMETHING_OF_TOMORROW' }, 'something_of_tomorrow', 'info'],
      [
        'payment_configuration_update',
        { configuration_name: 'c', status: 'Active' },
        'payment_configuration_changed',
        'info',
      ],
    ])('%s %j is an alert: %s, %s', async (field, value, code, severity) => {
      expect(await deliver([change(field, value)])).toMatchObject({ processed: true, error: null });
      expect(await alertsOf()).toEqual([
        expect.objectContaining({ code, severity, message: expect.stringMatching(/./) as string, campaign_ids: [] }),
      ]);
    });

    it('a name that was approved is the account’s name', async () => {
      const value = ofNumber({ decision: 'APPROVED', requested_verified_name: 'Example Plants' });
      await deliver([change('phone_number_name_update', value)]);
      expect(await read()).toMatchObject({ profile_name: 'Example Plants' });
      expect(await alertsOf()).toMatchObject([{ code: 'number_name_approved' }]);
    });

    it('security of the number is a warning', async () => {
      await deliver([change('security', ofNumber({ event: 'PIN_RESET_REQUEST', requester: '61' }))]);
      expect(await alertsOf()).toMatchObject([
        { code: 'number_pin_reset_request', severity: 'warning', scope: 'number' },
      ]);
    });
  });

  describe('whatever it looks like', () => {
    it('what cannot be read is noted, and its neighbours are applied', async () => {
      const log = await deliver([
        change('account_update', { anything: 1 }),
        change('business_capability_update', { max_daily_conversations_per_business: 'TIER_2K' }),
      ]);
      expect(log).toMatchObject({ processed: true, error: expect.stringMatching(/account_update/) });
      expect(await read()).toMatchObject({ messaging_limit: 'TIER_2K' });
    });

    it.each([
      ['account_update', { event: 'x'.repeat(60_000), violation_info: 'y'.repeat(60_000) }],
      ['account_update', { event: 'ACCOUNT_RESTRICTION', restriction_info: [null, 1, { expiration: 'soon' }] }],
      ['account_update', { event: 'DISABLED_UPDATE', ban_info: { waba_ban_state: 7 } }],
      ['business_capability_update', { max_daily_conversations_per_business: { a: 1 } }],
      ['business_capability_update', { max_daily_conversations_per_business: '1e400' }],
      ['phone_number_quality_update', { display_phone_number: {}, event: 'FLAGGED' }],
      ['account_alerts', { alert_info: { alert_type: 'T', alert_description: 'd'.repeat(60_000) } }],
      ['phone_number_name_update', { decision: 'APPROVED', requested_verified_name: 'n'.repeat(5_000) }],
    ])('%s with strange values is processed', async (field, value) => {
      expect(await deliver([change(field, value)])).toMatchObject({ processed: true });
    });

    it('an event without a time counts from when it came', async () => {
      await deliver([ban('DISABLE')], { time: null });
      expect(await health()).toMatchObject({ standing: 'disabled' });
    });
  });

  it('the simulator tells of its own changes', async () => {
    const [{ id: phoneNumberId }] = (
      await journey.simulator.call<{ numbers: { id: string; waba_id: string }[] }>('GET', 'numbers')
    ).numbers.filter(({ waba_id }) => waba_id === WABA_ID) as unknown as [{ id: string }];
    await journey.simulator.call('POST', 'account-event', {
      event: 'violation',
      phone_number_id: phoneNumberId,
      duplicate: 3,
    });
    const alerts = await eventually(
      () => alertsOf(journey.accountId),
      (seen) => seen.length > 0,
    );
    expect(alerts).toMatchObject([{ code: 'account_violation' }]);
  });
});
