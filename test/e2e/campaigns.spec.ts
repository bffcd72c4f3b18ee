import { TurnSettings } from '../../src/inbox/sending/number-turns.js';
import { eventually, type Answer } from '../support/app.js';
import { bestPace, measureStarvation, shareToReach } from '../support/pace.js';
import {
  addsUp,
  audienceCsv,
  campaignIs,
  draftWithCsv,
  getCampaign,
  startJourney,
  WABA_ID,
  type CampaignBody,
  type Journey,
} from '../support/journey.js';
import type { LedgerRow } from '../support/simulator.js';

interface Recipient {
  id: number;
  line: number | null;
  phone_number: string | null;
  contact_id: number | null;
  name: string;
  status: string;
  skip_reason: string | null;
  error_code: number | null;
  error_message: string | null;
  attempt: number;
  message_id: string | null;
}
interface ProblemBody {
  code: string;
  errors?: { field: string; code: string }[];
}

const SLOW_NUMBER_ID = '300000000000080';
/** Messages per second of the slow account. */
const SLOW = 80;
/** A group that a sender marks at once has no more than this. */
const MOST_MARKED = 30;

/** Every test has people of its own. */
let nextPhone = 9_900_000_000;
const people = (count: number): number => (nextPhone += count) - count + 1;
const somebody = (): string => `+91${people(1)}`;

describe('a campaign', () => {
  let journey: Journey;
  /** The same, for an account that may send 80 messages a second. */
  let slow: Journey;

  const call = <T = CampaignBody & ProblemBody>(method: string, path: string, body?: unknown): Promise<Answer<T>> =>
    journey.api.call<T>(method, path, body === undefined ? {} : { body });
  const run = (id: number, at = journey): Promise<Answer<{ queued: boolean; campaign: CampaignBody } & ProblemBody>> =>
    at.api.call('POST', `/campaigns/${id}/run`);
  const draft = async (body: object = {}): Promise<number> => {
    const answer = await call('POST', '/campaigns', {
      name: 'Draft',
      template_id: journey.templates.order_update,
      parameter_mappings: { '1': 'name', '2': 'email' },
      ...body,
    });
    expect(answer.status).toBe(201);
    return answer.body.id;
  };
  const upload = <T>(id: number, csv: string | Uint8Array<ArrayBuffer>): Promise<Answer<T>> => {
    const form = new FormData();
    form.append('file', new Blob([csv], { type: 'text/csv' }), 'audience.csv');
    return journey.api.call<T>('POST', `/campaigns/${id}/csv`, { body: form });
  };
  const recipients = async (id: number, query = 'limit=200', at = journey): Promise<Recipient[]> =>
    (await at.api.call<{ recipients: Recipient[] }>('GET', `/campaigns/${id}/recipients?${query}`)).body.recipients;
  const createContact = async (body: object): Promise<number> => {
    const answer = await call<{ id: number }>('POST', '/contacts', body);
    expect(answer.status).toBe(201);
    return answer.body.id;
  };
  const sentTo = async (phone: string): Promise<number> =>
    (await journey.simulator.rows(`&to=${phone.slice(1)}`)).length;
  /** One of its people, the last of its file, waits until {@link letGo}: the campaign cannot be over before. */
  const holdBack = (id: number): Promise<unknown> =>
    journey.api.db.query(
      `update campaign_recipients set not_before = now() + interval '1 hour'
       where id = (select max(id) from campaign_recipients where campaign_id = $1)`,
      [id],
    );
  const letGo = (id: number): Promise<unknown> =>
    journey.api.db.query(
      `update campaign_recipients set not_before = '-infinity'
       where id = (select max(id) from campaign_recipients where campaign_id = $1)`,
      [id],
    );
  /** The slow number's sender is gone: what it had under way is answered, and stored. */
  const senderIsGone = (): Promise<unknown> =>
    eventually(
      () =>
        journey.api.db.query<{ is_released: boolean }>('select is_released from sending_leases where account_id = $1', [
          slow.accountId,
        ]),
      ([lease]) => lease?.is_released === true,
    );
  /** How many of a campaign were sent to, or are being. */
  const begunOf = async (id: number): Promise<number> => {
    const [row] = await journey.api.db.query<{ n: number }>(
      'select count(*)::int as n from campaign_recipients where campaign_id = $1 and attempt > 0',
      [id],
    );
    return row?.n as number;
  };
  const startSlow = async (): Promise<Journey> => {
    const account = await call<{ id: number }>('POST', '/accounts', {
      name: 'Slow',
      phone_number_id: SLOW_NUMBER_ID,
      waba_id: WABA_ID,
      access_token: 'EAAslow',
      messages_per_second: SLOW,
    });
    const accountId = account.body.id;
    const api = {
      ...journey.api,
      call: ((method, path, options) =>
        journey.api.call(method, path, { accountId, ...options })) as Journey['api']['call'],
    };
    await api.call('POST', '/templates/sync', { body: {} });
    const list = await api.call<{ templates: { id: number; name: string }[] }>('GET', '/templates?limit=200');
    const templates = Object.fromEntries(list.body.templates.map(({ id, name }) => [name, id]));
    return { ...journey, api, accountId, templates };
  };

  beforeAll(async () => {
    journey = await startJourney({ simulator: { webhooks: { sent_ms: 20, delivered_ms: 40, read_ms: 60 } } });
    slow = await startSlow();
  });
  afterAll(() => journey.close());
  beforeEach(() => journey.simulator.call('DELETE', 'ledger'));

  it('goes out to every person of a file once, and its counts follow the webhooks', async () => {
    const id = await draftWithCsv(journey, audienceCsv(300));
    const started = await run(id);
    expect(started.status).toBe(202);
    expect(started.body).toMatchObject({ queued: true, campaign: { status: 'running', total_count: 300 } });
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

  describe('of a file', () => {
    it('counts every line: duplicates, unreadable ones and people who opted out, each with its reason', async () => {
      const first = people(5);
      const phone = (index: number): string => `+91${first + index}`;
      await createContact({ phone: phone(2), opted_out: true });
      const id = await draft({ audience_type: 'csv', parameter_mappings: { '1': 'name', '2': 'order_id' } });
      const csv = [
        '\uFEFFName;Phone;Order_ID',
        `Asha;${phone(0)};A-1`,
        `"Bo; the second";${phone(1).slice(3)};A-2`,
        `Asha again;00${phone(0).slice(1)};A-3`,
        'Nobody;12;A-4',
        'Empty;;A-5',
        `Chitra;${phone(2)};A-6`,
        '',
        `Dev;${phone(3)};A-7`,
      ].join('\r\n');
      const uploaded = await upload<object>(id, csv);
      expect(uploaded.status).toBe(200);
      expect(uploaded.body).toEqual({
        total: 7,
        accepted: 4,
        duplicates: 1,
        invalid: 2,
        errors: [
          { line: 5, field: 'phone', code: 'invalid_phone_number', value: '12' },
          { line: 6, field: 'phone', code: 'required', value: '' },
        ],
      });
      expect(await getCampaign(journey, id)).toMatchObject({ total_count: 7, pending_count: 4, skipped_count: 3 });
      await run(id);
      const done = await campaignIs(journey, id, 'completed');
      expect(done).toMatchObject({ total_count: 7, sent_count: 3, skipped_count: 4, failed_count: 0 });
      const rows = (await recipients(id)).map(({ line, skip_reason, status }) => [
        line,
        skip_reason ?? (status === 'pending' ? status : 'reached'),
      ]);
      expect(rows.sort(([a], [b]) => Number(a) - Number(b))).toEqual([
        [2, 'reached'],
        [3, 'reached'],
        [4, 'duplicate'],
        [5, 'invalid'],
        [6, 'invalid'],
        [7, 'opted_out'],
        [9, 'reached'],
      ]);
      expect(await sentTo(phone(2))).toBe(0);
    });

    it('replaces the one before, and a file that breaks off or has no phones changes nothing', async () => {
      const id = await draftWithCsv(journey, audienceCsv(10, people(10)));
      expect((await upload(id, audienceCsv(3, people(3)))).status).toBe(200);
      expect(await getCampaign(journey, id)).toMatchObject({ total_count: 3, pending_count: 3 });
      const bad = await upload<ProblemBody>(id, 'name,email\nAsha,a@b.c');
      expect([bad.status, bad.body.errors]).toMatchObject([400, [{ field: 'file', code: 'no_phone_column' }]]);
      expect(await getCampaign(journey, id)).toMatchObject({ total_count: 3 });
      const json = await call('POST', `/campaigns/${id}/csv`, {});
      expect([json.status, json.body.code]).toEqual([415, 'unsupported_media_type']);
    });

    it('that arrives while it is started is waited for: nobody else is written to', async () => {
      const stranger = somebody();
      await createContact({ phone: stranger, name: 'Stranger', email: 's@example.com' });
      const id = await draft();
      const lastLine = somebody();
      let started: ReturnType<typeof run> | undefined;
      await journey.api.db.transaction(async (tx) => {
        // A long upload, seen from the database.
        await tx.queryDynamic(`update campaigns set audience_type = 'csv' where id = $1`, [id]);
        started = run(id);
        await new Promise((resolve) => setTimeout(resolve, 300));
        await tx.queryDynamic(
          `insert into campaign_recipients (account_id, campaign_id, identity, phone, name, parameters)
           values ($1, $2, 'phone:' || $3, $3, 'Last', '{"email": "x"}')`,
          [journey.accountId, id, lastLine],
        );
      });
      expect((await started)?.status).toBe(202);
      const done = await campaignIs(journey, id, 'completed');
      expect([done.total_count, done.sent_count]).toEqual([1, 1]);
      expect([await sentTo(lastLine), await sentTo(stranger)]).toEqual([1, 0]);
    });
  });

  describe('of contacts', () => {
    it('goes to those whom the filters find, without those who opted out', async () => {
      const [asha, bo, chitra, dev] = [somebody(), somebody(), somebody(), somebody()];
      await createContact({ phone: asha, name: 'Asha', email: 'a@example.com', labels: ['Gold'] });
      await createContact({ phone: bo, name: 'Bo', email: 'b@example.com', labels: ['gold', 'Other'] });
      await createContact({ phone: chitra, name: 'Chitra', email: 'c@example.com', labels: ['Gold'], opted_out: true });
      await createContact({ phone: dev, name: 'Dev', email: 'd@example.com' });
      const id = await draft({ audience_filters: { labels__name: 'Gold' } });
      expect((await run(id)).body.campaign).toMatchObject({ total_count: 3, skipped_count: 1 });
      expect(await campaignIs(journey, id, 'completed')).toMatchObject({ sent_count: 2, skipped_count: 1 });
      expect(await Promise.all([asha, bo, chitra, dev].map(sentTo))).toEqual([1, 1, 0, 0]);
    });

    it.each([
      [{ secret: 'x' }, 'audience_filters.secret'],
      [{ labels__name__regex: 'x' }, 'audience_filters.labels__name__regex'],
      [{ opted_out: 'no' }, 'audience_filters.opted_out'],
    ])('refuses the filters %j by name', async (audience_filters, field) => {
      const { status, body } = await call('POST', '/campaigns', { name: 'x', audience_filters });
      expect([status, body.errors]).toMatchObject([400, [{ field }]]);
    });
  });

  describe('its variables', () => {
    const contents = async (id: number): Promise<Record<string, unknown>> => {
      const rows = await journey.api.db.query<{ phone: string; message_body: string; content: object }>(
        `select r.phone, m.message_body, m.content from messages m join campaign_recipients r on r.id = m.campaign_recipient_id
         where m.campaign_id = $1`,
        [id],
      );
      return Object.fromEntries(rows.map(({ phone, ...row }) => [phone, row]));
    };

    it('come from any column, header and body apart, with defaults', async () => {
      await journey.simulator.call('PUT', 'templates/with_header', {
        waba_id: WABA_ID,
        language: 'en',
        status: 'APPROVED',
        category: 'UTILITY',
        parameter_format: 'POSITIONAL',
        components: [
          { type: 'HEADER', format: 'TEXT', text: 'Order {{1}}', example: { header_text: ['A-1'] } },
          { type: 'BODY', text: 'Hi {{1}}, {{2}}', example: { body_text: [['Asha', 'hello']] } },
        ],
      });
      await call('POST', '/templates/sync', {});
      const list = await call<{ templates: { id: number; name: string }[] }>('GET', '/templates?q=with_header');
      const template_id = list.body.templates.find(({ name }) => name === 'with_header')?.id;
      const [a, b] = [somebody(), somebody()];
      const id = await draftWithCsv(
        journey,
        `phone,First Name,ORDER_ID,greeting\n${a},Asha,A-1,welcome\n${b},,A-2,hello`,
        {
          template_id,
          parameter_mappings: {
            '1': { field: 'first name', default: 'friend' },
            '2': 'Greeting',
            'header.1': 'order_id',
          },
        },
      );
      await run(id);
      await campaignIs(journey, id, 'completed');
      const text = (value: string): object => ({ type: 'text', text: value });
      expect(await contents(id)).toMatchObject({
        [a]: {
          message_body: 'Hi Asha, welcome',
          content: {
            template: {
              name: 'with_header',
              components: [
                { type: 'header', parameters: [text('A-1')] },
                { type: 'body', parameters: [text('Asha'), text('welcome')] },
              ],
            },
          },
        },
        [b]: { message_body: 'Hi friend, hello' },
      });
    });

    it('that have no value skip their recipient, and those Meta would refuse fail it, without asking Meta', async () => {
      const [a, b, c] = [somebody(), somebody(), somebody()];
      const id = await draftWithCsv(journey, `phone,name,order_id\n${a},Asha,A-1\n${b},,A-2\n${c},"Two\nlines",A-3`);
      await run(id);
      expect(await campaignIs(journey, id, 'completed')).toMatchObject({
        sent_count: 1,
        skipped_count: 1,
        failed_count: 1,
      });
      const [skipped] = await recipients(id, 'status=skipped');
      expect(skipped).toMatchObject({ phone_number: b, skip_reason: 'missing_variable' });
      expect(skipped?.error_message).toContain('variable 1');
      expect((await recipients(id, 'status=failed')).map(({ phone_number }) => phone_number)).toEqual([c]);
      expect((await journey.simulator.rows()).map(({ to }) => to)).toEqual([a.slice(1)]);
    });

    it.each([
      [{ '1 ': 'name' }, 'parameter_mappings.1 '],
      [{ '1': 5 }, 'parameter_mappings.1'],
      [{ '1': { fild: 'name' } }, 'parameter_mappings.1'],
      [{ '1': {} }, 'parameter_mappings.1'],
    ])('mapped as %j are refused by name', async (parameter_mappings, field) => {
      const { status, body } = await call('POST', '/campaigns', { name: 'x', parameter_mappings });
      expect([status, body.errors]).toMatchObject([400, [{ field }]]);
    });
  });

  describe('cannot run', () => {
    it('twice: of five at once one wins', async () => {
      const id = await draftWithCsv(journey, audienceCsv(20, people(20)));
      const answers = await Promise.all(Array.from({ length: 5 }, () => run(id)));
      expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
      const refused = answers.filter(({ status }) => status === 409);
      expect(refused).toHaveLength(4);
      expect(refused.every(({ body }) => ['campaign_running', 'campaign_completed'].includes(body.code))).toBe(true);
      await campaignIs(journey, id, 'completed');
      expect((await run(id)).body.code).toBe('campaign_completed');
      expect(await journey.simulator.ledger()).toMatchObject({ accepted: 20, recipients_messaged_more_than_once: 0 });
    });

    it('for nobody: it stays a draft', async () => {
      const empty = [
        await draft({ audience_type: 'csv' }),
        await draft({ audience_filters: { labels__name: 'nobody has it' } }),
        await draftWithCsv(journey, 'phone,name\n12,Nobody'),
      ];
      for (const id of empty) {
        const answer = await run(id);
        expect([answer.status, answer.body.code]).toEqual([409, 'audience_empty']);
        expect((await getCampaign(journey, id)).status).toBe('draft');
      }
    });

    it('without an approved template', async () => {
      const none = await run(await draft({ template_id: null }));
      expect([none.status, none.body.errors]).toMatchObject([400, [{ field: 'template_id' }]]);
      await journey.api.db.query(`update templates set status = 'PAUSED' where id = $1`, [
        journey.templates.seasonal_offer,
      ]);
      const id = await draftWithCsv(journey, audienceCsv(1, people(1)), {
        template_id: journey.templates.seasonal_offer,
      });
      const paused = await run(id);
      expect([paused.status, paused.body.code]).toEqual([409, 'template_not_approved']);
      expect((await getCampaign(journey, id)).status).toBe('draft');
    });

    it('with the template of another account', async () => {
      const { status, body } = await call('POST', '/campaigns', {
        name: 'x',
        template_id: slow.templates.order_update,
      });
      expect([status, body.errors]).toMatchObject([400, [{ field: 'template_id', code: 'not_found' }]]);
    });
  });

  describe('at a pace', () => {
    it('of 80 a second never exceeds 80 in any second and reaches 97 % of it', async () => {
      const id = await draftWithCsv(slow, audienceCsv(800, people(800)));
      const isOver = { now: false };
      const starving = measureStarvation(isOver);
      await run(id, slow);
      await campaignIs(slow, id, 'completed', 30_000);
      isOver.now = true;
      const { [SLOW_NUMBER_ID]: pace } = (await journey.simulator.ledger()).numbers;
      expect(pace?.total).toBe(800);
      expect(pace?.highest_in_any_second).toBeLessThanOrEqual(SLOW);
      const arrivals = (await journey.simulator.rows()).map((row) => row.arrived_at);
      expect(bestPace(arrivals, 3_000)).toBeGreaterThanOrEqual(shareToReach(0.97, await starving) * SLOW);
    });

    it('that two campaigns of one number share, taking turns', async () => {
      const [a, b] = [people(150), people(150)];
      const ids = [await draftWithCsv(slow, audienceCsv(150, a)), await draftWithCsv(slow, audienceCsv(150, b))];
      await Promise.all(ids.map((id) => run(id, slow)));
      await Promise.all(ids.map((id) => campaignIs(slow, id, 'completed')));
      const ledger = await journey.simulator.ledger();
      expect(ledger).toMatchObject({ accepted: 300, recipients_messaged_more_than_once: 0 });
      expect(ledger.numbers[SLOW_NUMBER_ID]?.highest_in_any_second).toBeLessThanOrEqual(SLOW);
      const firstHalf = (await journey.simulator.rows()).slice(0, 200);
      const ofFirst = firstHalf.filter(({ to }) => Number(to.slice(2)) < b).length;
      expect(Math.min(ofFirst, 200 - ofFirst)).toBeGreaterThanOrEqual(40);
    });

    it('makes room for single messages, though they come all at once: Meta gets no more than it takes', async () => {
      // Who gets no turn in time goes out without one, on purpose: what a busy machine delays is no part of this.
      const settings = [journey.api.app, journey.api.worker].map((context) =>
        context?.get(TurnSettings, { strict: false }),
      );
      settings.forEach((of) => Object.assign(of as TurnSettings, { deadlineMs: 20_000, mostWaitMs: 30_000 }));
      const first = people(400);
      const id = await draftWithCsv(slow, audienceCsv(400, first));
      await run(id, slow);
      await eventually(
        () => getCampaign(slow, id),
        ({ sent_count }) => sent_count >= 100,
      );
      const singles = await Promise.all(
        Array.from({ length: 40 }, () =>
          slow.api.call('POST', '/send-template', {
            body: { phone: somebody(), template_name: 'order_update', body_params: ['Asha', 'A-1'] },
          }),
        ),
      );
      expect(new Set(singles.map(({ status }) => status))).toEqual(new Set([200]));
      await campaignIs(slow, id, 'completed', 30_000);
      const isSingle = ({ to }: LedgerRow): boolean => Number(to.slice(2)) >= first + 400;
      const rows = await journey.simulator.rows();
      expect(rows.findIndex(isSingle)).toBeLessThan(rows.findLastIndex((row) => !isSingle(row)));
      const { [SLOW_NUMBER_ID]: pace } = (await journey.simulator.ledger()).numbers;
      expect(pace?.total).toBe(440);
      expect(pace?.highest_in_any_second).toBeLessThanOrEqual(SLOW);
      settings.forEach((of) => Object.assign(of as TurnSettings, new TurnSettings()));
    });
  });

  describe('pause and resume', () => {
    it('lose nobody and repeat nobody, however fast and often, beside another campaign', async () => {
      const [id, beside] = [
        await draftWithCsv(slow, audienceCsv(200, people(200))),
        await draftWithCsv(slow, audienceCsv(160, people(160))),
      ];
      await holdBack(id);
      await run(beside, slow);
      await run(id, slow);
      for (let round = 0; round < 6; round += 1) {
        await new Promise((resolve) => setTimeout(resolve, 60 + round * 110));
        const paused = await slow.api.call<CampaignBody & ProblemBody>('POST', `/campaigns/${id}/pause`);
        expect([paused.status, paused.body.status]).toEqual([200, 'paused']);
        const twice = await slow.api.call<ProblemBody>('POST', `/campaigns/${id}/pause`);
        expect([twice.status, twice.body.code]).toEqual([409, 'campaign_paused']);
        await new Promise((resolve) => setTimeout(resolve, round * 150));
        const resumed = await slow.api.call<CampaignBody>('POST', `/campaigns/${id}/resume`);
        expect([resumed.status, resumed.body.status, addsUp(resumed.body)]).toEqual([200, 'running', true]);
      }
      await letGo(id);
      const done = await campaignIs(slow, id, 'completed', 30_000);
      expect(done).toMatchObject({ sent_count: 200, pending_count: 0, unknown_count: 0, failed_count: 0 });
      await campaignIs(slow, beside, 'completed');
      const ledger = await journey.simulator.ledger();
      expect(ledger).toMatchObject({ accepted: 360, recipients_messaged: 360, recipients_messaged_more_than_once: 0 });
    });

    it('a paused one sends nothing', async () => {
      const id = await draftWithCsv(slow, audienceCsv(200, people(200)));
      await holdBack(id);
      await run(id, slow);
      await eventually(
        () => journey.simulator.ledger(),
        ({ accepted }) => accepted > 20,
      );
      await slow.api.call('POST', `/campaigns/${id}/pause`);
      const begun = await begunOf(id);
      await senderIsGone();
      const { accepted } = await journey.simulator.ledger();
      // One group may just have been on its way into the database.
      expect(accepted).toBeLessThanOrEqual(begun + MOST_MARKED);
      await letGo(id);
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      expect((await journey.simulator.ledger()).accepted).toBe(accepted);
      expect(await getCampaign(slow, id)).toMatchObject({
        status: 'paused',
        sent_count: accepted,
        pending_count: 200 - accepted,
      });
      await slow.api.call('POST', `/campaigns/${id}/cancel`);
    });

    it('stands still while its account is switched off, and goes on after when it is resumed', async () => {
      const id = await draftWithCsv(slow, audienceCsv(300, people(300)));
      await holdBack(id);
      await run(id, slow);
      await eventually(
        () => journey.simulator.ledger(),
        ({ accepted }) => accepted > 20,
      );
      const setActive = (is_active: boolean): Promise<unknown> =>
        journey.api.call('PATCH', `/accounts/${slow.accountId}`, { body: { is_active } });
      await setActive(false);
      await senderIsGone();
      const { accepted } = await journey.simulator.ledger();
      expect(await journey.api.db.query('select status from campaigns where id = $1', [id])).toEqual([
        { status: 'paused' },
      ]);
      // Somebody waits now, however many went out before it stood still.
      await letGo(id);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      expect((await journey.simulator.ledger()).accepted).toBe(accepted);
      await setActive(true);
      await slow.api.call('POST', `/campaigns/${id}/resume`);
      expect(await campaignIs(slow, id, 'completed')).toMatchObject({ sent_count: 300 });
      expect(await journey.simulator.ledger()).toMatchObject({ accepted: 300, recipients_messaged_more_than_once: 0 });
    });

    it('cancel is final', async () => {
      const id = await draftWithCsv(slow, audienceCsv(200, people(200)));
      await holdBack(id);
      await run(id, slow);
      await eventually(
        () => journey.simulator.ledger(),
        ({ accepted }) => accepted > 20,
      );
      const cancelled = await slow.api.call<CampaignBody>('POST', `/campaigns/${id}/cancel`);
      expect(cancelled.body).toMatchObject({ status: 'cancelled', status_reason: { code: 'cancelled_by_user' } });
      const begun = await begunOf(id);
      await senderIsGone();
      const { accepted } = await journey.simulator.ledger();
      expect(accepted).toBeLessThanOrEqual(begun + MOST_MARKED);
      await letGo(id);
      for (const move of ['run', 'resume', 'pause', 'cancel']) {
        const answer = await slow.api.call<ProblemBody>('POST', `/campaigns/${id}/${move}`);
        expect([answer.status, answer.body.code]).toEqual([409, 'campaign_cancelled']);
      }
      await new Promise((resolve) => setTimeout(resolve, 800));
      expect((await journey.simulator.ledger()).accepted).toBe(accepted);
      const campaign = await getCampaign(slow, id);
      expect([campaign.sent_count, campaign.pending_count]).toEqual([accepted, 200 - accepted]);
    });
  });

  it('while it runs: its name may change, nothing else; no file, no deletion', async () => {
    const id = await draftWithCsv(slow, audienceCsv(200, people(200)));
    await holdBack(id);
    await run(id, slow);
    const patch = (body: object): Promise<Answer<CampaignBody & ProblemBody & { name: string }>> =>
      slow.api.call('PATCH', `/campaigns/${id}`, { body });
    expect((await patch({ name: 'Renamed' })).body).toMatchObject({
      name: 'Renamed',
      status: 'running',
      total_count: 200,
    });
    const form = new FormData();
    form.append('file', new Blob(['phone\n+919876500001']), 'a.csv');
    const refused = [
      await patch({ name: 'x', audience_filters: {} }),
      await patch({ template_id: null }),
      await slow.api.call<ProblemBody>('POST', `/campaigns/${id}/csv`, { body: form }),
      await slow.api.call<ProblemBody>('DELETE', `/campaigns/${id}`),
    ];
    expect(refused.map(({ status, body }) => [status, body.code])).toEqual(
      refused.map(() => [409, 'campaign_running']),
    );
    await slow.api.call('POST', `/campaigns/${id}/cancel`);
    expect((await slow.api.call('DELETE', `/campaigns/${id}`)).status).toBe(204);
    expect((await slow.api.call('GET', `/campaigns/${id}`)).status).toBe(404);
  });

  it('two changes of a draft at once are both kept', async () => {
    const id = await draft({ audience_type: 'csv' });
    await Promise.all([
      call('PATCH', `/campaigns/${id}`, { name: 'New name' }),
      call('PATCH', `/campaigns/${id}`, { parameter_mappings: { '1': 'email' } }),
      call('PATCH', `/campaigns/${id}`, { audience_filters: { opted_out: false } }),
    ]);
    expect(await getCampaign(journey, id)).toMatchObject({
      name: 'New name',
      parameter_mappings: { '1': 'email' },
      audience_filters: { opted_out: false },
    });
  });

  it('leaves in peace who opts out while it runs', async () => {
    const first = people(100);
    const last = `+91${first + 99}`;
    const contact = await createContact({ phone: last, name: 'Last' });
    const id = await draftWithCsv(slow, audienceCsv(100, first));
    await holdBack(id);
    await run(id, slow);
    await eventually(
      () => journey.simulator.ledger(),
      ({ accepted }) => accepted > 20,
    );
    expect((await call('PATCH', `/contacts/${contact}`, { opted_out: true })).status).toBe(200);
    await letGo(id);
    expect(await campaignIs(slow, id, 'completed')).toMatchObject({ sent_count: 99, skipped_count: 1 });
    expect(await recipients(id, 'status=skipped', slow)).toMatchObject([
      { phone_number: last, skip_reason: 'opted_out' },
    ]);
    expect(await sentTo(last)).toBe(0);
  });

  it('of another account is not there, whatever is asked of it', async () => {
    const id = await draftWithCsv(slow, audienceCsv(2, people(2)));
    const asked = [
      await call('GET', `/campaigns/${id}`),
      await call('PATCH', `/campaigns/${id}`, { name: 'mine' }),
      await call('DELETE', `/campaigns/${id}`),
      await call('GET', `/campaigns/${id}/recipients`),
      await upload<ProblemBody>(id, audienceCsv(1)),
      ...(await Promise.all(
        ['run', 'pause', 'resume', 'cancel'].map((move) => call('POST', `/campaigns/${id}/${move}`)),
      )),
    ];
    expect(asked.map(({ status, body }) => [status, body.code])).toEqual(asked.map(() => [404, 'not_found']));
    expect(await getCampaign(slow, id)).toMatchObject({ status: 'draft', total_count: 2 });
  });

  it('lists its recipients by page, status and text', async () => {
    const first = people(25);
    const id = await draftWithCsv(journey, `${audienceCsv(25, first)}\nnonsense,Broken,x`);
    const seen: Recipient[] = [];
    let cursor: string | null = null;
    do {
      const page: Answer<{ recipients: Recipient[]; next_cursor: string | null }> = await journey.api.call(
        'GET',
        `/campaigns/${id}/recipients?limit=10${cursor ? `&cursor=${cursor}` : ''}`,
      );
      seen.push(...page.body.recipients);
      cursor = page.body.next_cursor;
    } while (cursor);
    expect(seen.map(({ line }) => line)).toEqual(Array.from({ length: 26 }, (_, index) => index + 2));
    expect(await recipients(id, 'status=skipped')).toMatchObject([{ skip_reason: 'invalid', phone_number: null }]);
    expect(await recipients(id, 'status=pending&limit=200')).toHaveLength(25);
    expect(await recipients(id, `q=${first + 7}`)).toMatchObject([{ name: 'Person 7' }]);
    expect(await recipients(id, 'q=person%2024')).toMatchObject([{ name: 'Person 24' }]);
    const bad = await call('GET', `/campaigns/${id}/recipients?cursor=xyz`);
    expect([bad.status, bad.body.code]).toEqual([400, 'bad_cursor']);
    const status = await call('GET', `/campaigns/${id}/recipients?status=claimed`);
    expect(status.status).toBe(400);
  });

  it('is listed by page, text, status and template', async () => {
    const names = ['Diwali one', 'Diwali two', 'Diwali three'];
    for (const name of names) {
      await draft({ name, template_id: journey.templates.hello_world, parameter_mappings: {} });
    }
    const list = async (query: string): Promise<{ campaigns: { name: string }[]; next_cursor: string | null }> =>
      (await call<{ campaigns: { name: string }[]; next_cursor: string | null }>('GET', `/campaigns/?${query}`)).body;
    const page = await list('q=diwali&limit=2');
    expect(page.campaigns.map(({ name }) => name)).toEqual(['Diwali three', 'Diwali two']);
    expect((await list(`q=diwali&limit=2&cursor=${page.next_cursor}`)).campaigns.map(({ name }) => name)).toEqual([
      'Diwali one',
    ]);
    expect((await list('q=diwali&status=running')).campaigns).toEqual([]);
    expect((await list(`template_id=${journey.templates.hello_world}`)).campaigns).toHaveLength(3);
  });
});
