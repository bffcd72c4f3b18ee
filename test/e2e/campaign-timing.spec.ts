import { eventually, type Answer } from '../support/app.js';
import {
  audienceCsv,
  campaignIs,
  draftWithCsv,
  getCampaign,
  startJourney,
  type CampaignBody,
  type Journey,
} from '../support/journey.js';

interface Body extends CampaignBody {
  scheduled_at: string | null;
  time_zone: string | null;
  expires_at: string | null;
  winner_variant_id: number | null;
  variants: (CampaignBody & { id: number; name: string })[];
  code: string;
  errors?: { field: string; code: string }[];
}
interface Recipient {
  phone_number: string;
  status: string;
  skip_reason: string | null;
  attempt: number;
}

const NO_FAULTS = { swallow_ratio: 0, hang_ratio: 0, error_windows: [] };
const FOREVER = 600_000;
const HOUR = 3_600_000;

/** Every test has people of its own. */
let nextPhone = 9_600_000_000;
const people = (count: number): number => (nextPhone += count) - count + 1;
const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();

describe('a campaign and the clock', () => {
  let journey: Journey;

  const call = <T = Body>(method: string, path: string, body?: unknown): Promise<Answer<T>> =>
    journey.api.call<T>(method, path, body === undefined ? {} : { body });
  const draft = (count: number, body: object = {}, first = people(count)): Promise<number> =>
    draftWithCsv(journey, audienceCsv(count, first), body as Record<string, unknown>);
  const move = async (id: number, name: string, body?: unknown): Promise<Body> => {
    const answer = await call('POST', `/campaigns/${id}/${name}`, body);
    expect([200, 202]).toContain(answer.status);
    return answer.body;
  };
  const refused = async (id: number, name: string, body?: unknown): Promise<unknown[]> => {
    const answer = await call('POST', `/campaigns/${id}/${name}`, body);
    return [
      answer.status,
      answer.body.code,
      ...(answer.body.errors ?? []).map(({ field, code }) => `${field} ${code}`),
    ];
  };
  const recipients = async (id: number): Promise<Recipient[]> =>
    (await call<{ recipients: Recipient[] }>('GET', `/campaigns/${id}/recipients?limit=200`)).body.recipients;
  const sent = async (): Promise<number> => (await journey.simulator.ledger()).accepted;
  const sql = (text: string, values: unknown[] = []): Promise<unknown> => journey.api.db.query(text, values);

  /** Behind the back of the API: processes read accounts anew each second. */
  const setAccount = async (assignment: string): Promise<void> => {
    await sql(`update accounts set ${assignment} where id = $1`, [journey.accountId]);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
  };

  beforeAll(async () => {
    journey = await startJourney({
      simulator: { latency_ms: 10, webhooks: { sent_ms: 20, delivered_ms: 40, read_ms: 60 }, faults: { hang_ms: 300 } },
    });
  });
  afterAll(() => journey.close());
  beforeEach(async () => {
    await journey.simulator.configure({ faults: NO_FAULTS, webhooks: { enabled: true } });
    await journey.simulator.call('DELETE', 'ledger');
  });

  describe('on a schedule', () => {
    it('starts by itself, once', async () => {
      const id = await draft(5);
      expect(await move(id, 'schedule', { scheduled_at: inMs(HOUR) })).toMatchObject({ status: 'scheduled' });
      expect(await getCampaign(journey, id)).toMatchObject({ status: 'scheduled', sent_count: 0 });
      await sql('update campaigns set scheduled_at = now() where id = $1', [id]);
      expect(await campaignIs(journey, id, 'completed')).toMatchObject({ sent_count: 5 });
      expect(await sent()).toBe(5);
    });

    it('is scheduled as it is made, and by PATCH, and comes off the schedule again', async () => {
      const made = await call('POST', '/campaigns', {
        name: 'Later',
        template_id: journey.templates.order_update,
        scheduled_at: inMs(HOUR),
      });
      expect(made).toMatchObject({ status: 201, body: { status: 'scheduled' } });
      const { id } = made.body;
      expect(await move(id, 'schedule', { scheduled_at: null })).toMatchObject({ status: 'draft', scheduled_at: null });
      const at = inMs(2 * HOUR);
      expect((await call('PATCH', `/campaigns/${id}`, { scheduled_at: at })).body).toMatchObject({
        status: 'scheduled',
        scheduled_at: at,
      });
      expect((await call('PATCH', `/campaigns/${id}`, { scheduled_at: null })).body).toMatchObject({ status: 'draft' });
      expect(await move(id, 'schedule', { scheduled_at: at })).toMatchObject({ status: 'scheduled' });
      expect(await move(id, 'cancel')).toMatchObject({ status: 'cancelled' });
      expect(await refused(id, 'schedule', { scheduled_at: at })).toEqual([409, 'campaign_cancelled']);
    });

    it('takes a time without an offset for one of its time zone', async () => {
      const id = await draft(1);
      const day = new Date(Date.now() + 24 * HOUR).toISOString().slice(0, 10);
      expect(await move(id, 'schedule', { scheduled_at: `${day}T09:30:00`, time_zone: 'Asia/Kolkata' })).toMatchObject({
        scheduled_at: `${day}T04:00:00.000Z`,
        time_zone: 'Asia/Kolkata',
      });
    });

    it.each([
      [{ scheduled_at: '2020-01-01T00:00:00Z' }, 'scheduled_at in_the_past'],
      [{ scheduled_at: 'tomorrow' }, 'scheduled_at'],
      [{ scheduled_at: '2099-01-01T00:00:00Z', time_zone: 'Mars/Olympus' }, 'time_zone unknown_time_zone'],
      [{ scheduled_at: '2099-01-02T00:00:00Z', expires_at: '2099-01-01T00:00:00Z' }, 'expires_at before_start'],
      [{}, 'scheduled_at'],
    ])('%j is refused by name', async (body, error) => {
      const [status, code, first] = await refused(await draft(1), 'schedule', body);
      expect([status, code]).toEqual([400, 'validation_failed']);
      expect(first).toContain(error);
    });

    it('has failed when it cannot start, and says why', async () => {
      const id = await draft(3, { template_id: journey.templates.order_update });
      await move(id, 'schedule', { scheduled_at: inMs(HOUR) });
      await sql(`update templates set status = 'PAUSED' where id = $1`, [journey.templates.order_update]);
      await sql('update campaigns set scheduled_at = now() where id = $1', [id]);
      const failed = await campaignIs(journey, id, 'failed');
      await sql(`update templates set status = 'APPROVED' where id = $1`, [journey.templates.order_update]);
      expect(failed).toMatchObject({ status_reason: { code: 'template_not_approved' }, sent_count: 0 });
      await move(id, 'run');
      expect(await campaignIs(journey, id, 'completed')).toMatchObject({ sent_count: 3 });
    });
  });

  describe('that expires', () => {
    it('before it could start has failed', async () => {
      const id = await draft(3);
      await move(id, 'schedule', { scheduled_at: inMs(HOUR), expires_at: inMs(2 * HOUR) });
      await sql(
        `update campaigns set scheduled_at = now() - interval '1 minute', expires_at = now() - interval '1 second' where id = $1`,
        [id],
      );
      expect(await campaignIs(journey, id, 'failed')).toMatchObject({ status_reason: { code: 'campaign_expired' } });
      expect(await sent()).toBe(0);
    });

    it('while it runs sends nothing after, and skips who is left', async () => {
      await setAccount('messages_per_second = 20');
      const id = await draft(150);
      expect((await call('PATCH', `/campaigns/${id}`, { expires_at: inMs(HOUR) })).status).toBe(200);
      await move(id, 'run');
      await eventually(
        () => getCampaign(journey, id),
        ({ sent_count }) => sent_count > 0,
      );
      await sql(`update campaigns set expires_at = now() + interval '1 s' where id = $1`, [id]);
      const done = await campaignIs(journey, id, 'completed');
      await setAccount('messages_per_second = 1000');
      expect(done.sent_count + done.skipped_count).toBe(150);
      expect(done.skipped_count).toBeGreaterThan(20);
      expect((await recipients(id)).find(({ status }) => status === 'skipped')?.skip_reason).toBe('expired');
      expect(await sent()).toBe(done.sent_count);
    });
  });

  it('writes to nobody in the quiet hours of their country, and goes on in the morning', async () => {
    // A clock that is quiet in India now, and not in Brazil's first hours of the day.
    const minuteOf = (ms: number): string =>
      new Intl.DateTimeFormat('en-GB', { timeZone: 'Asia/Kolkata', hour: '2-digit', minute: '2-digit' }).format(
        Date.now() + ms,
      );
    const quiet_hours = { start: minuteOf(-HOUR), end: minuteOf(HOUR) };
    const csv = `phone,name,order_id\n+91${people(1)},Asha,A\n+4915112345678,Ben,B`;
    const id = await draftWithCsv(journey, csv, { quiet_hours });
    await move(id, 'run');
    const waiting = await eventually(
      () => getCampaign(journey, id),
      ({ sent_count, pending_count }) => sent_count === 1 && pending_count === 1,
    );
    expect(waiting.status).toBe('running');
    expect((await journey.simulator.rows()).map(({ to }) => to)).toEqual(['4915112345678']);
    const said = await eventually(
      () => getCampaign(journey, id),
      ({ status_reason }) => status_reason !== null,
    );
    expect(said.status_reason?.code).toBe('quiet_hours');
    const [row] = await journey.api.db.query<{ minutes: number }>(
      `select (extract(epoch from not_before - now()) / 60)::float8 as minutes from campaign_recipients
       where campaign_id = $1 and status = 'pending'`,
      [id],
    );
    expect(row?.minutes).toBeGreaterThan(55);
    expect(row?.minutes).toBeLessThanOrEqual(61);
    await sql(`update campaigns set quiet_hours = null where id = $1`, [id]);
    // Again and again, for the sender may have looked at the campaign before, and put them off once more.
    const done = await eventually(
      async () => {
        await sql(`update campaign_recipients set not_before = now() where campaign_id = $1 and status = 'pending'`, [
          id,
        ]);
        return getCampaign(journey, id);
      },
      ({ status }) => status === 'completed',
    );
    expect(done).toMatchObject({ sent_count: 2, status_reason: null });
  });

  describe('tried again', () => {
    it('retry-failed sends to those who failed, and to nobody else', async () => {
      await journey.simulator.configure({ faults: { error_windows: [{ code: 131026, from_ms: 0, to_ms: FOREVER }] } });
      const id = await draft(6);
      await move(id, 'run');
      const first = await campaignIs(journey, id, 'completed');
      expect(first).toMatchObject({ failed_count: 6, sent_count: 0 });
      await journey.simulator.configure({ faults: NO_FAULTS });
      await move(id, 'retry-failed');
      expect(await campaignIs(journey, id, 'completed')).toMatchObject({ failed_count: 0, sent_count: 6 });
      expect(await refused(id, 'retry-failed')).toEqual([409, 'nothing_to_retry']);
      expect((await getCampaign(journey, id)).status).toBe('completed');
      expect(await journey.simulator.ledger()).toMatchObject({ accepted: 6, recipients_messaged_more_than_once: 0 });
      // Both attempts stand in the inbox.
      const [{ n } = { n: 0 }] = await journey.api.db.query<{ n: number }>(
        'select count(*) as n from messages where campaign_id = $1',
        [id],
      );
      expect(n).toBe(12);
    });

    it('not before it has ended', async () => {
      expect(await refused(await draft(1), 'retry-failed')).toEqual([409, 'campaign_draft']);
    });

    it('resolve-unknown resends, or gives up, those whose answer was lost', async () => {
      await journey.simulator.configure({ faults: { swallow_ratio: 1 }, webhooks: { enabled: false } });
      const ids = await Promise.all([draft(2), draft(2)]);
      for (const id of ids) {
        await move(id, 'run');
      }
      for (const id of ids) {
        expect(await campaignIs(journey, id, 'completed')).toMatchObject({ unknown_count: 2 });
      }
      const [again, given] = ids as [number, number];
      await journey.simulator.configure({ faults: NO_FAULTS });
      expect(await move(given, 'resolve-unknown', { action: 'drop' })).toMatchObject({
        status: 'completed',
        unknown_count: 0,
        failed_count: 2,
      });
      // They may have been reached after all.
      expect(await refused(given, 'retry-failed')).toEqual([409, 'nothing_to_retry']);
      await move(again, 'resolve-unknown', { action: 'resend' });
      expect(await campaignIs(journey, again, 'completed')).toMatchObject({ unknown_count: 0, sent_count: 2 });
      expect(await refused(again, 'resolve-unknown', { action: 'drop' })).toEqual([409, 'nothing_to_retry']);
    });
  });

  describe('in doubt', () => {
    /** Swallows the answers of a first campaign without any webhook. */
    const inDoubt = async (body: object): Promise<number> => {
      await journey.simulator.configure({ faults: { swallow_ratio: 1 }, webhooks: { enabled: false } });
      const id = await draft(3, body);
      await move(id, 'run');
      await eventually(
        () => getCampaign(journey, id),
        ({ unknown_count }) => unknown_count === 3,
      );
      await journey.simulator.configure({ faults: NO_FAULTS, webhooks: { enabled: true } });
      return id;
    };

    it('drop gives up after a minute', async () => {
      const id = await inDoubt({ on_unknown: 'drop' });
      expect(await campaignIs(journey, id, 'completed')).toMatchObject({ unknown_count: 3 });
      await sql(`update campaign_recipients set unknown_at = now() - interval '61 s' where campaign_id = $1`, [id]);
      expect(
        await eventually(
          () => getCampaign(journey, id),
          ({ unknown_count }) => unknown_count === 0,
        ),
      ).toMatchObject({ failed_count: 3 });
      expect(await refused(id, 'retry-failed')).toEqual([409, 'nothing_to_retry']);
      expect(await sent()).toBe(3);
    });

    it('resend waits for evidence: a status of a message that was posted later, by as much as it is to be silent', async () => {
      const id = await inDoubt({ on_unknown: 'resend', resend_after_s: 60 });
      // Time alone is no evidence.
      await sql(`update messages set created_at = created_at - interval '30 s' where campaign_id = $1`, [id]);
      const other = await draft(2);
      await move(other, 'run');
      await campaignIs(journey, other, 'completed');
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      expect(await getCampaign(journey, id)).toMatchObject({ status: 'running', unknown_count: 3 });
      // The other campaign's statuses are of a minute later now.
      await sql(`update messages set created_at = created_at - interval '5 minutes' where campaign_id = $1`, [id]);
      const later = await draft(2);
      await move(later, 'run');
      expect(await campaignIs(journey, id, 'completed')).toMatchObject({ unknown_count: 0, sent_count: 3 });
      expect((await recipients(id)).every(({ attempt }) => attempt === 2)).toBe(true);
    });

    it('a status that comes for the first attempt calls the second off', async () => {
      const id = await inDoubt({ on_unknown: 'hold' });
      await campaignIs(journey, id, 'completed');
      const accepted = await sent();
      await sql(`update campaigns set status = 'paused' where id = $1`, [id]);
      const tokens = await journey.api.db.query<{ attempt_token: string }>(
        'select attempt_token from campaign_recipients where campaign_id = $1 order by id',
        [id],
      );
      await move(id, 'resolve-unknown', { action: 'resend' });
      expect(await getCampaign(journey, id)).toMatchObject({ status: 'paused', pending_count: 3 });
      await sql(
        `insert into message_statuses (account_id, message_id, status, occurred_at, attempt_token)
         select $1, 'wamid.late' || n, 'delivered', now(), t from unnest($2::uuid[]) with ordinality as u (t, n)`,
        [journey.accountId, tokens.slice(0, 2).map(({ attempt_token }) => attempt_token)],
      );
      await sql(
        `update messages m set message_id = s.message_id from message_statuses s where s.attempt_token = m.attempt_token`,
      );
      await eventually(
        () => getCampaign(journey, id),
        ({ delivered_count }) => delivered_count === 2,
      );
      await move(id, 'resume');
      expect(await campaignIs(journey, id, 'completed')).toMatchObject({ sent_count: 3, unknown_count: 0 });
      expect(await sent()).toBe(accepted + 1);
    });
  });

  describe('and how often people hear of us', () => {
    it('a frequency cap counts across campaigns', async () => {
      const first = people(4);
      const cap = { frequency_cap: { messages: 2, hours: 24 } };
      for (const expected of [4, 4, 0]) {
        const id = await draft(4, cap, first);
        await move(id, 'run');
        const done = await campaignIs(journey, id, 'completed');
        expect(done).toMatchObject({ sent_count: expected, skipped_count: 4 - expected });
      }
      const free = await draft(4, {}, first);
      await move(free, 'run');
      expect(await campaignIs(journey, free, 'completed')).toMatchObject({ sent_count: 4 });
    });

    it('and so does one that is run beside another', async () => {
      const first = people(30);
      const cap = { frequency_cap: { messages: 1, hours: 24 } };
      const ids = await Promise.all([draft(30, cap, first), draft(30, cap, first)]);
      for (const id of ids) {
        await move(id, 'run');
      }
      const done = await Promise.all(ids.map((id) => campaignIs(journey, id, 'completed')));
      expect(done.reduce((sum, { sent_count }) => sum + sent_count, 0)).toBe(30);
      expect(await journey.simulator.ledger()).toMatchObject({ accepted: 30, recipients_messaged_more_than_once: 0 });
    });

    it('Meta’s limit of people in 24 hours leaves the others waiting', async () => {
      await setAccount(`messaging_limit = '5'`);
      const id = await draft(8);
      await move(id, 'run');
      const seen = await eventually(
        () => getCampaign(journey, id),
        ({ status_reason, sent_count }) => status_reason !== null && sent_count === 5,
      ).finally(() => setAccount(`messaging_limit = 'TIER_UNLIMITED'`));
      expect(seen).toMatchObject({ status: 'running', sent_count: 5, pending_count: 3 });
      expect(seen.status_reason?.code).toBe('messaging_limit');
      // Their minute is over; again and again, for the sender may know the limit of two seconds ago and put them off once more.
      const done = await eventually(
        async () => {
          await sql(`update campaign_recipients set not_before = now() where campaign_id = $1`, [id]);
          return getCampaign(journey, id);
        },
        ({ status }) => status === 'completed',
      );
      expect(done).toMatchObject({ sent_count: 8, status_reason: null });
    });
  });

  describe('on trial', () => {
    const variants = (): object[] => [
      { name: 'A', template_id: journey.templates.order_update },
      {
        name: 'B',
        template_id: journey.templates.named_offer,
        parameter_mappings: { first_name: 'name', offer_code: 'order_id' },
      },
    ];

    it('splits a share of its people over the variants and holds the others for the winner', async () => {
      await journey.simulator.configure({ webhooks: { enabled: false } });
      const id = await draft(100, {
        template_id: null,
        variants: variants(),
        ab_test: { share: 40, wait_minutes: 60, metric: 'read' },
      });
      await move(id, 'run');
      const trial = await eventually(
        async () => (await call('GET', `/campaigns/${id}`)).body,
        ({ sent_count, pending_count }) => sent_count + pending_count === 100 && sent_count > 20 && pending_count < 80,
      );
      expect(trial.status).toBe('running');
      const settled = await eventually(
        async () => (await call('GET', `/campaigns/${id}`)).body,
        ({ variants: of, sent_count }) => of.every(({ pending_count }) => pending_count === 0) && sent_count > 0,
      );
      expect(settled.sent_count).toBeGreaterThan(20);
      expect(settled.sent_count).toBeLessThan(60);
      expect(settled.variants.map(({ sent_count }) => sent_count).reduce((a, b) => a + b)).toBe(settled.sent_count);
      expect(settled.variants.every(({ sent_count }) => sent_count > 5)).toBe(true);
      // Everybody read B, nobody A.
      const [a, b] = settled.variants;
      if (!a || !b) {
        throw new Error('no variants');
      }
      await sql(`update campaign_recipients set status = 'sent' where variant_id = $1 and phase = 2`, [a.id]);
      await sql(`update campaign_recipients set status = 'read' where variant_id = $1 and phase = 2`, [b.id]);
      await eventually(
        () => journey.api.db.query('select 1 from campaigns where id = $1 and trial_sent_at is not null', [id]),
        (rows) => rows.length === 1,
      );
      await sql(`update campaigns set trial_sent_at = now() - interval '61 minutes' where id = $1`, [id]);
      const done = await campaignIs(journey, id, 'completed');
      expect(done).toMatchObject({ sent_count: 100, winner_variant_id: b.id });
      const after = (await call('GET', `/campaigns/${id}`)).body.variants;
      expect(after.find(({ id: of }) => of === b.id)?.sent_count).toBe(100 - a.sent_count);
      expect(await journey.simulator.ledger()).toMatchObject({ accepted: 100, recipients_messaged_more_than_once: 0 });
    });

    it('a person may choose the winner', async () => {
      const id = await draft(40, {
        variants: variants(),
        ab_test: { share: 50, wait_minutes: 60, metric: 'delivered' },
      });
      await move(id, 'run');
      const { variants: of } = (await call('GET', `/campaigns/${id}`)).body;
      expect(await move(id, 'winner', { variant_id: of[0]?.id })).toMatchObject({ winner_variant_id: of[0]?.id });
      expect(await campaignIs(journey, id, 'completed')).toMatchObject({ sent_count: 40 });
      expect(await refused(id, 'winner', { variant_id: of[1]?.id })).toEqual([409, 'conflict']);
    });

    it('needs two variants with templates of the account', async () => {
      const create = async (body: object): Promise<string | undefined> => {
        const { errors } = (await call('POST', '/campaigns', { name: 'x', ...body })).body;
        return errors?.[0]?.field;
      };
      expect(await create({ ab_test: { share: 10, wait_minutes: 1, metric: 'read' } })).toBe('ab_test');
      expect(await create({ variants: variants().slice(1) })).toBe('variants');
      expect(await create({ variants: [{ name: 'A', template_id: 999_999 }, variants()[1]] })).toBe(
        'variants.0.template_id',
      );
      expect(await create({ variants: [variants()[1], variants()[1]] })).toBe('variants.1.name');
    });
  });

  it('run?wait=true answers when it has ended, as the seeds do', async () => {
    const id = await draft(7);
    const answer = await call<{ sent: number; failed: number }>('POST', `/campaigns/${id}/run?wait=true`);
    expect([answer.status, answer.body]).toEqual([200, { sent: 7, failed: 0 }]);
  });

  it('lets go of whom it has in hand while Meta is away for long, so that a cancel then is a cancel', async () => {
    await journey.simulator.configure({ faults: { error_windows: [{ code: 131_057, from_ms: 0, to_ms: FOREVER }] } });
    const id = await draft(200);
    await move(id, 'run');
    const inHand = (): Promise<unknown[]> =>
      journey.api.db.query(`select 1 from campaign_recipients where campaign_id = $1 and status = 'sending'`, [id]);
    const refusals = async (): Promise<number> => (await journey.simulator.ledger()).refused;
    await eventually(refusals, (count) => count > 0);
    await eventually(inHand, (rows) => rows.length === 0);
    const asked = await refusals();
    await journey.simulator.configure({ faults: NO_FAULTS });
    await move(id, 'cancel');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await refusals()).toBe(asked);
    expect(await sent()).toBe(0);
    expect(await getCampaign(journey, id)).toMatchObject({ status: 'cancelled', sent_count: 0, unknown_count: 0 });
  });
});
