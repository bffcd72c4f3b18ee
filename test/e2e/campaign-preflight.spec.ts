import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { estimate, type Load } from '../../src/campaigns/preflight/estimate.js';
import { ADMIN_KEY, type Answer } from '../support/app.js';
import { campaignIs, startJourney, WABA_ID, type CampaignBody, type Journey } from '../support/journey.js';

interface PreflightBody {
  code?: string;
  can_run: boolean;
  audience_size: number;
  is_estimate: boolean;
  will_be_sent: number;
  done: number;
  skipped: Record<string, number>;
  missing_variables: { name: string; count: number }[];
  templates: { name: string; share: number; status: string }[];
  problems: { code: string; severity: string; message: string; field?: string }[];
  samples: {
    phone_number: string | null;
    user_id: string | null;
    name: string;
    line: number | null;
    will_be_sent: boolean;
    preview: { body: string; missing: string[] };
  }[];
  estimate: { messages_per_second: number; seconds: number; start_at: string; finish_at: string };
  cost: {
    currency: string | null;
    total: number;
    unpriced_count: number;
    lines: { country: string | null; category: string; count: number; price: number | null; cost: number | null }[];
  };
  budget: { limit: number | null; used_24h: number; remaining: number | null };
}
interface SentBody {
  status: string;
  code?: string;
  errors?: { field: string; code: string }[];
  message: { id: number; message_body: string; sent_by: string | null; status: string };
}

const AUDIENCES = `export const audiences = {
  friends: {
    people: () => [
      { phone: '+919844000001', name: 'Asha', params: { Order_ID: 'F-1' } },
      { phone: '+919844000001', name: 'Asha again' },
      { phone: 'nowhere' },
      { user_id: 'IN.700001', name: 'Bo', params: { order_id: 'F-2' } },
      { phone: '+919844000002', name: 'Chitra' },
    ],
  },
  everybody: {
    async *people() {
      for (let index = 1; ; index += 1) {
        yield { user_id: 'IN.8' + index, name: 'Person', params: { order_id: 'E' } };
      }
    },
  },
  broken: { people: () => { throw new Error('no secrets please'); } },
};`;

/** Every test has people of its own. */
let nextPhone = 9_855_000_000;
const somebody = (): string => `+91${(nextPhone += 1)}`;

describe('a campaign before it starts', () => {
  let journey: Journey;
  let folder: string;

  const call = <T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    options: { key?: string; accountId?: number } = {},
  ): Promise<Answer<T>> => journey.api.call<T>(method, path, { ...options, ...(body === undefined ? {} : { body }) });
  const draft = async (body: object = {}, csv?: string): Promise<number> => {
    const made = await call<CampaignBody>('POST', '/campaigns', {
      name: 'Draft',
      template_id: journey.templates.order_update,
      parameter_mappings: { '1': 'name', '2': 'order_id' },
      audience_type: 'csv',
      ...body,
    });
    expect([made.status, made.body]).toMatchObject([201, {}]);
    if (csv !== undefined) {
      const form = new FormData();
      form.append('file', new Blob([csv], { type: 'text/csv' }), 'audience.csv');
      expect((await call('POST', `/campaigns/${made.body.id}/csv`, form)).status).toBe(200);
    }
    return made.body.id;
  };
  const lines = (...rows: string[]): string => ['phone,name,order_id', ...rows].join('\n');
  const preflight = async (id: number, options: { key?: string } = {}): Promise<PreflightBody> => {
    const answer = await call<PreflightBody>('GET', `/campaigns/${id}/preflight`, undefined, options);
    expect([answer.status, answer.body]).toMatchObject([200, {}]);
    return answer.body;
  };
  const codes = ({ problems }: PreflightBody, severity?: string): string[] =>
    problems.filter((problem) => severity === undefined || problem.severity === severity).map(({ code }) => code);
  const createContact = async (body: object): Promise<number> => {
    const answer = await call<{ id: number }>('POST', '/contacts', body);
    expect(answer.status).toBe(201);
    return answer.body.id;
  };
  const sql = (text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> =>
    journey.api.db.queryDynamic(text, values);
  const run = async (id: number): Promise<CampaignBody> => {
    expect((await call('POST', `/campaigns/${id}/run`)).status).toBe(202);
    return campaignIs(journey, id, 'completed');
  };
  const cool = (contactId: number): Promise<unknown> =>
    sql(
      `insert into contact_cooldowns (account_id, contact_id, until, code) values ($1, $2, now() + interval '1 day', 131049)`,
      [journey.accountId, contactId],
    );
  /** The account as Meta has it, for the time of a test. */
  const withAccount = async (columns: string, work: () => Promise<void>): Promise<void> => {
    await sql(`update accounts set ${columns} where id = $1`, [journey.accountId]);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    try {
      await work();
    } finally {
      await sql(
        'update accounts set messaging_limit = null, quality_rating = null, messages_per_second = 1000 where id = $1',
        [journey.accountId],
      );
      await new Promise((resolve) => setTimeout(resolve, 1_100));
    }
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'parley-audiences-'));
    const path = join(folder, 'audiences.mjs');
    await writeFile(path, AUDIENCES);
    journey = await startJourney({ env: { AUDIENCES_MODULE: path } });
  });
  afterAll(async () => {
    await journey.close();
    await rm(folder, { recursive: true });
  });

  describe('of a file', () => {
    it('counts everybody once, under the reason that keeps them from it, as the run then does', async () => {
      const [plain, optedOut, cooling, capped, lacking] = [somebody(), somebody(), somebody(), somebody(), somebody()];
      await createContact({ phone: optedOut, opted_out: true });
      await cool(await createContact({ phone: cooling }));
      await run(await draft({ name: 'Earlier' }, lines(`${capped},Dev,O-0`)));
      const body = {
        template_id: journey.templates.named_offer,
        parameter_mappings: { first_name: 'name', offer_code: 'order_id' },
        frequency_cap: { messages: 1, hours: 24 },
      };
      const csv = lines(
        `${plain},Asha,O-1`,
        `${plain},Asha,O-2`,
        '12,Nobody,O-3',
        `${optedOut},Chitra,O-4`,
        `${cooling},Bo,O-5`,
        `${capped},Dev,O-6`,
        `${lacking},Esha,`,
      );
      const id = await draft(body, csv);
      const seen = await preflight(id);
      expect(seen).toMatchObject({
        can_run: true,
        audience_size: 7,
        will_be_sent: 1,
        done: 0,
        is_estimate: false,
        skipped: {
          opted_out: 1,
          blocked: 0,
          invalid: 1,
          duplicate: 1,
          cooldown: 1,
          frequency_cap: 1,
          missing_variable: 1,
          other: 0,
        },
        missing_variables: [{ name: 'offer_code', count: 1 }],
      });
      const ran = await run(id);
      expect(ran).toMatchObject({ total_count: 7, sent_count: seen.will_be_sent, skipped_count: 6 });
      const reasons = await sql(
        'select skip_reason, count(*) as n from campaign_recipients where campaign_id = $1 and skip_reason is not null group by 1',
        [id],
      );
      expect(Object.fromEntries(reasons.map(({ skip_reason, n }) => [skip_reason, n]))).toEqual(
        Object.fromEntries(Object.entries(seen.skipped).filter(([, count]) => count > 0)),
      );
      expect(await preflight(id)).toMatchObject({ audience_size: 7, will_be_sent: 0, done: 1 });
    });

    it('shows messages as their recipients would see them, those that can be sent first', async () => {
      const [first, second] = [somebody(), somebody()];
      const id = await draft({}, lines(`${first},,O-1`, `${second},Bo,O-2`));
      expect((await preflight(id)).samples).toMatchObject([
        {
          phone_number: second,
          name: 'Bo',
          line: 3,
          will_be_sent: true,
          preview: { body: 'Hi Bo, your order O-2 is on its way to you.', missing: [] },
        },
        {
          phone_number: first,
          line: 2,
          will_be_sent: false,
          preview: { body: 'Hi {{1}}, your order O-1 is on its way to you.', missing: ['body.1'] },
        },
      ]);
    });

    it('sends nothing and changes nothing', async () => {
      const id = await draft({}, lines(`${somebody()},Asha,O-1`, `${somebody()},Bo,O-2`));
      const state = (): Promise<unknown> =>
        sql(
          `select (select jsonb_agg(to_jsonb(r) order by r.id) from campaign_recipients r where campaign_id = $1) as recipients,
             (select updated_at from campaigns where id = $1) as updated_at,
             (select count(*) from contacts) as contacts, (select count(*) from conversations) as conversations,
             (select count(*) from messages) as messages, (select count(*) from contacted_people) as places`,
          [id],
        );
      const before = await state();
      const { accepted } = await journey.simulator.ledger();
      await preflight(id);
      expect((await journey.simulator.ledger()).accepted).toBe(accepted);
      expect(await state()).toEqual(before);
    });

    it('is empty without one', async () => {
      const seen = await preflight(await draft());
      expect(seen).toMatchObject({ can_run: false, audience_size: 0, will_be_sent: 0, samples: [] });
      expect(codes(seen, 'error')).toEqual(['audience_empty']);
      expect(seen.estimate.seconds).toBe(0);
    });
  });

  describe('of values', () => {
    it('takes the default value where it may stand in, and still says who lacks what', async () => {
      const id = await draft(
        { missing_variables: 'default', default_value: 'friend' },
        lines(`${somebody()},,O-1`, `${somebody()},Bo,`, `${somebody()},,`),
      );
      expect(await preflight(id)).toMatchObject({
        will_be_sent: 3,
        skipped: { missing_variable: 0 },
        missing_variables: [
          { name: '1', count: 2 },
          { name: '2', count: 2 },
        ],
      });
    });

    it('knows words of names, defaults of mappings and fields in any case, as sending does', async () => {
      const id = await draft(
        { parameter_mappings: { '1': 'last_name', '2': { field: 'Order_ID', default: 'soon' } } },
        lines(`${somebody()},Asha Rao,`, `${somebody()},Bo,O-2`),
      );
      const seen = await preflight(id);
      expect(seen).toMatchObject({ will_be_sent: 1, missing_variables: [{ name: '1', count: 1 }] });
      expect(seen.samples[0]?.preview.body).toBe('Hi Rao, your order soon is on its way to you.');
    });

    it('finds nothing in a column of a file that is none', async () => {
      const id = await draft(
        { parameter_mappings: { '1': 'name', '2': 'constructor' } },
        lines(`${somebody()},Asha,O-1`),
      );
      expect(await preflight(id)).toMatchObject({ audience_size: 1, missing_variables: [{ name: '2', count: 1 }] });
    });

    it('names a variable that nothing is mapped to as a problem of the mappings', async () => {
      const id = await draft({ parameter_mappings: { '1': 'name' } }, lines(`${somebody()},Asha,O-1`));
      const seen = await preflight(id);
      expect(seen.can_run).toBe(false);
      expect(seen.problems).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ code: 'missing_mapping', severity: 'error', field: 'parameter_mappings.2' }),
          expect.objectContaining({ code: 'audience_empty', severity: 'error' }),
        ]),
      );
    });
  });

  describe('of contacts', () => {
    it('goes by the filters, and by what the caller may see', async () => {
      const [asha, bo, chitra] = [somebody(), somebody(), somebody()];
      await createContact({ phone: asha, name: 'Asha', email: 'a@example.com', labels: ['Preflight'] });
      await createContact({ phone: bo, name: 'Bo', labels: ['Preflight'] });
      await createContact({
        phone: chitra,
        name: 'Chitra',
        email: 'c@example.com',
        labels: ['Preflight'],
        opted_out: true,
      });
      const id = await draft({
        audience_type: 'contacts',
        audience_filters: { labels__name: 'preflight' },
        parameter_mappings: { '1': 'name', '2': 'email' },
      });
      expect(await preflight(id)).toMatchObject({
        audience_size: 3,
        will_be_sent: 1,
        skipped: { opted_out: 1, missing_variable: 1 },
        missing_variables: [{ name: '2', count: 1 }],
        samples: [
          { phone_number: asha, preview: { body: 'Hi Asha, your order a@example.com is on its way to you.' } },
          {},
        ],
      });
      const other = await call<{ id: number }>('POST', '/accounts', {
        name: 'Elsewhere',
        phone_number_id: '300000000000076',
        waba_id: WABA_ID,
        access_token: 'EAAelsewhere',
      });
      const body = { phone: somebody(), name: 'Dev', email: 'd@example.com', labels: ['Preflight'] };
      await call('POST', '/contacts', body, { accountId: other.body.id });
      const tied = await call<{ key: string }>('POST', '/api-keys', {
        name: 'Tied',
        scopes: ['campaigns:read'],
        account_ids: [journey.accountId],
      });
      expect(await preflight(id)).toMatchObject({ audience_size: 4 });
      expect(await preflight(id, { key: tied.body.key })).toMatchObject({ audience_size: 3 });
    });
  });

  describe('of a named audience', () => {
    it('counts people who are in no table', async () => {
      const seen = await preflight(await draft({ audience_type: 'friends' }));
      expect(seen).toMatchObject({
        audience_size: 5,
        will_be_sent: 2,
        is_estimate: false,
        skipped: { invalid: 1, duplicate: 1, missing_variable: 1 },
        missing_variables: [{ name: '2', count: 1 }],
      });
      expect(seen.samples.slice(0, 2)).toMatchObject([
        { phone_number: '+919844000001', preview: { body: 'Hi Asha, your order F-1 is on its way to you.' } },
        { user_id: 'IN.700001', preview: { body: 'Hi Bo, your order F-2 is on its way to you.' } },
      ]);
    });

    it('reads one without an end only so far, and says so', async () => {
      const seen = await preflight(await draft({ audience_type: 'everybody' }));
      expect(seen).toMatchObject({ audience_size: 100_000, will_be_sent: 100_000, is_estimate: true });
    });

    it('tells of one that fails, without what it said', async () => {
      const seen = await preflight(await draft({ audience_type: 'broken' }));
      expect(codes(seen, 'error')).toEqual(['audience_failed']);
      expect(JSON.stringify(seen)).not.toContain('secrets');
    });
  });

  describe('of its templates', () => {
    it('names a template that is missing, not approved, paused, rated low or of another category', async () => {
      const csv = lines(`${somebody()},Asha,O-1`);
      expect(codes(await preflight(await draft({ template_id: null }, csv)), 'error')).toEqual(['template_missing']);
      const made = await call<{ id: number }>('POST', '/templates', {
        name: 'preflight_draft',
        language: 'en',
        category: 'UTILITY',
        body_text: 'Hi {{1}}, your order {{2}} is here.',
        examples: { body: ['Asha', 'O-1'] },
      });
      expect(made.status).toBe(201);
      const id = await draft({ template_id: made.body.id }, csv);
      expect((await preflight(id)).problems).toMatchObject([
        { code: 'template_not_approved', severity: 'error', field: 'template_id' },
      ]);
      await sql(
        `update templates set status = 'PAUSED', quality_score = 'RED', correct_category = 'MARKETING' where id = $1`,
        [made.body.id],
      );
      const seen = await preflight(id);
      expect([codes(seen, 'error'), codes(seen, 'warning')]).toEqual([
        ['template_paused'],
        ['template_quality_red', 'category_mismatch'],
      ]);
      expect(seen.templates).toMatchObject([{ name: 'preflight_draft', status: 'PAUSED', share: 1 }]);
    });

    it('says to whom an authentication template cannot go, and what Meta thinks of the number', async () => {
      const id = await draft({
        template_id: journey.templates.login_code,
        audience_type: 'friends',
        parameter_mappings: { '1': 'order_id' },
      });
      expect((await preflight(id)).problems).toContainEqual(
        expect.objectContaining({ code: 'authentication_needs_phone', severity: 'warning' }),
      );
      await withAccount(`quality_rating = 'RED'`, async () => {
        expect(codes(await preflight(id))).toContain('number_quality_red');
      });
    });

    it('divides people among variants, each with its own values and price', async () => {
      await call('PUT', '/rate-table', {
        currency: 'USD',
        rates: [
          { country: 'IN', category: 'utility', price: 0.001 },
          { country: 'IN', category: 'marketing', price: 0.01 },
        ],
      });
      const people = Array.from({ length: 100 }, () => `${somebody()},Asha,O-1`);
      const id = await draft(
        {
          template_id: null,
          variants: [
            { name: 'A', template_id: journey.templates.order_update, weight: 3 },
            {
              name: 'B',
              template_id: journey.templates.seasonal_offer,
              weight: 1,
              parameter_mappings: { '1': 'nickname' },
            },
          ],
        },
        lines(...people),
      );
      const seen = await preflight(id);
      expect(seen).toMatchObject({ will_be_sent: 75, is_estimate: true, skipped: { missing_variable: 25 } });
      expect(seen.templates.map(({ share }) => share)).toEqual([0.75, 0.25]);
      expect(seen.cost.lines).toEqual([{ country: 'IN', category: 'utility', count: 75, price: 0.001, cost: 0.075 }]);
      expect(codes(seen, 'warning')).toContain('category_mismatch');
    });
  });

  describe('of money and limits', () => {
    beforeAll(() =>
      call('PUT', '/rate-table', {
        currency: 'USD',
        rates: [
          { country: 'IN', category: 'marketing', price: 0.0107 },
          { country: '*', category: 'marketing', price: 0.0604 },
          { country: 'DE', category: 'utility', price: 0.05 },
        ],
      }),
    );

    it('prices by country and category, without those to whom Meta delivers nothing', async () => {
      const id = await draft(
        { template_id: journey.templates.seasonal_offer },
        lines(`${somebody()},A,1`, `${somebody()},B,1`, '+4915112345670,C,1', '+12025550171,D,1', '+14165550171,E,1'),
      );
      const seen = await preflight(id);
      expect(seen.cost.currency).toBe('USD');
      expect(seen.cost.unpriced_count).toBe(0);
      expect(seen.cost.total).toBeCloseTo(2 * 0.0107 + 2 * 0.0604, 6);
      expect(seen.cost.lines.map(({ country, count }) => [country, count]).sort()).toEqual([
        ['CA', 1],
        ['DE', 1],
        ['IN', 2],
      ]);
      expect(seen.problems).toMatchObject([{ code: 'us_numbers', severity: 'warning' }]);
      const utility = await preflight(await draft({}, lines(`${somebody()},A,1`, '+4915112345670,C,1')));
      expect(utility.cost).toMatchObject({ total: 0.05, unpriced_count: 1 });
      expect(codes(utility)).toEqual(['unpriced']);
    });

    it('tells what Meta’s messaging limit leaves, and when that is too little', async () => {
      const id = await draft({}, lines(...Array.from({ length: 300 }, () => `${somebody()},A,1`)));
      expect((await preflight(id)).budget).toEqual({
        limit: null,
        used_24h: expect.any(Number) as number,
        remaining: null,
      });
      await withAccount(`messaging_limit = 'TIER_250'`, async () => {
        const seen = await preflight(id);
        const { limit, used_24h, remaining } = seen.budget;
        expect([limit, remaining]).toEqual([250, 250 - used_24h]);
        expect(codes(seen, 'warning')).toContain('budget_too_small');
        expect(seen.estimate.seconds).toBe(86_400);
      });
    });
  });

  describe('of time', () => {
    it('tells how long it takes beside what runs already, from when it is scheduled', async () => {
      await withAccount('messages_per_second = 10', async () => {
        const people = lines(...Array.from({ length: 197 }, () => `${somebody()},A,1`));
        const id = await draft({}, people);
        const alone = await preflight(id);
        expect(alone.estimate).toMatchObject({ messages_per_second: 9.9, seconds: 20 });
        const other = await draft({}, people);
        // Before it runs: nobody of it is to be sent to.
        await sql(`update campaign_recipients set not_before = 'infinity' where campaign_id = $1`, [other]);
        await sql(`update campaigns set status = 'running', audience_state = 'resolving' where id = $1`, [other]);
        const beside = await preflight(id);
        await sql(`update campaigns set status = 'cancelled' where id = $1`, [other]);
        expect(beside.estimate).toMatchObject({ messages_per_second: 4.9, seconds: 40 });
        const at = new Date(Date.now() + 3_600_000).toISOString();
        await call('PATCH', `/campaigns/${id}`, { scheduled_at: at });
        expect((await preflight(id)).estimate).toMatchObject({
          start_at: at,
          finish_at: new Date(Date.parse(at) + 20_000).toISOString(),
        });
      });
    });

    it('warns when it expires before it is through, and when quiet hours hold it up', async () => {
      const now = new Date();
      const clock = (hours: number): string => {
        const indian = new Date(now.getTime() + 5.5 * 3_600_000 + hours * 3_600_000);
        return indian.toISOString().slice(11, 16);
      };
      const id = await draft(
        {
          quiet_hours: { start: clock(-1), end: clock(2) },
          expires_at: new Date(now.getTime() + 3_600_000).toISOString(),
        },
        lines(`${somebody()},A,1`),
      );
      const seen = await preflight(id);
      expect(codes(seen, 'warning')).toEqual(expect.arrayContaining(['expires_too_early', 'quiet_hours_delay']));
      expect(seen.estimate.seconds).toBeGreaterThan(7_000);
      expect(seen.estimate.seconds).toBeLessThan(7_300);
    });
  });

  it('is nobody else’s to see', async () => {
    const id = await draft();
    const other = await call<{ id: number }>('POST', '/accounts', {
      name: 'Other',
      phone_number_id: '300000000000077',
      waba_id: WABA_ID,
      access_token: 'EAAother',
    });
    const elsewhere = { accountId: other.body.id };
    expect((await call('GET', `/campaigns/${id}/preflight`, undefined, elsewhere)).status).toBe(404);
    expect((await call('GET', '/campaigns/999999999/preflight')).status).toBe(404);
    expect((await call('POST', `/campaigns/${id}/test`, { phone: somebody() }, elsewhere)).status).toBe(404);
  });

  describe('tried on one person', () => {
    const test = (id: number, body: object, headers: Record<string, string> = {}): Promise<Answer<SentBody>> =>
      journey.api.call('POST', `/campaigns/${id}/test`, { body, headers });

    it('sends one message that is in the inbox and none of the campaign’s', async () => {
      const tester = somebody();
      const id = await draft({}, lines(`${somebody()},Asha,O-1`));
      const sent = await test(id, { phone: tester, sent_by: 'agent@example.com' });
      expect(sent.status).toBe(200);
      expect(sent.body).toMatchObject({
        status: 'sent',
        message: { message_body: 'Hi Asha, your order O-1 is on its way to you.', sent_by: 'agent@example.com' },
      });
      const chat = await call<{ messages: { id: number }[] }>('GET', `/chats/${tester}/messages`);
      expect(chat.body.messages.map((message) => message.id)).toEqual([sent.body.message.id]);
      expect((await call<CampaignBody>('GET', `/campaigns/${id}`)).body).toMatchObject({
        status: 'draft',
        total_count: 1,
        sent_count: 0,
      });
      expect(await journey.simulator.rows(`&to=${tester.slice(1)}`)).toHaveLength(1);
    });

    it('takes given values before those of the first recipient', async () => {
      const id = await draft({}, lines(`${somebody()},Asha,O-1`));
      const sent = await test(id, { phone: somebody(), parameters: { Order_ID: 77 } });
      expect(sent.body.message.message_body).toBe('Hi Asha, your order 77 is on its way to you.');
    });

    it('names what has no value', async () => {
      const id = await draft();
      const refused = await test(id, { phone: somebody(), parameters: { name: 'Asha' } });
      expect([refused.status, refused.body.errors]).toMatchObject([
        400,
        [{ field: 'parameters.order_id', code: 'missing_variable' }],
      ]);
      const wrong = await test(id, { phone: somebody(), parameters: { name: ['Asha'] } });
      expect([wrong.status, wrong.body.errors]).toMatchObject([400, [{ field: 'parameters.name', code: 'not_text' }]]);
      expect((await test(id, {})).body.errors).toMatchObject([{ field: 'phone', code: 'required' }]);
    });

    it('takes the variant it is asked for', async () => {
      const id = await draft(
        {
          template_id: null,
          variants: [
            { name: 'A', template_id: journey.templates.order_update },
            { name: 'B', template_id: journey.templates.seasonal_offer },
          ],
        },
        lines(`${somebody()},Asha,O-1`),
      );
      const { variants } = (await call<{ variants: { id: number }[] }>('GET', `/campaigns/${id}`)).body;
      const sent = await test(id, { phone: somebody(), variant_id: variants[1]?.id });
      expect(sent.body.message.message_body).toBe('Hi Asha, this week everything in our shop costs a fifth less.');
      const wrong = await test(id, { phone: somebody(), variant_id: 999_999_999 });
      expect([wrong.status, wrong.body.errors]).toMatchObject([400, [{ field: 'variant_id', code: 'not_found' }]]);
    });

    it('is refused for a template that Meta has not approved', async () => {
      const made = await call<{ id: number }>('POST', '/templates', {
        name: 'preflight_untested',
        language: 'en',
        category: 'UTILITY',
        body_text: 'Nothing to fill in here.',
      });
      const id = await draft({ template_id: made.body.id }, lines(`${somebody()},Asha,O-1`));
      const refused = await test(id, { phone: somebody() });
      expect([refused.status, refused.body.code]).toEqual([409, 'template_not_approved']);
    });

    it('happens once for an Idempotency-Key, and needs campaigns:write', async () => {
      const tester = somebody();
      const id = await draft({}, lines(`${somebody()},Asha,O-1`));
      const headers = { 'idempotency-key': `test-${id}` };
      const [first, second] = [await test(id, { phone: tester }, headers), await test(id, { phone: tester }, headers)];
      expect(second.body.message.id).toBe(first.body.message.id);
      expect(await journey.simulator.rows(`&to=${tester.slice(1)}`)).toHaveLength(1);
      const reader = await call<{ key: string }>('POST', '/api-keys', { name: 'R', scopes: ['campaigns:read'] });
      expect((await call('POST', `/campaigns/${id}/test`, { phone: tester }, { key: reader.body.key })).status).toBe(
        403,
      );
      expect((await call('POST', `/campaigns/${id}/test`, { phone: tester }, { key: ADMIN_KEY })).status).toBe(200);
    });
  });
});

describe('the estimate', () => {
  const startsAt = new Date('2026-11-21T12:00:00Z');
  const load = (more: Partial<Load>): Load => ({
    startsAt,
    byCountry: [{ country: 'IN', count: 3_600 }],
    ratePerSecond: 1,
    neighbours: [],
    quietHours: null,
    limit: null,
    ...more,
  });
  const never = (): null => null;
  const hour = 3_600;

  it('is the number of messages by the rate', () => {
    expect(estimate(load({}), never)).toEqual({
      messagesPerSecond: 1,
      seconds: hour,
      finishAt: new Date('2026-11-21T13:00:00Z'),
      quietSeconds: 0,
    });
  });

  it('shares with larger campaigns evenly, and with smaller ones until they are through', () => {
    expect(estimate(load({ neighbours: [1_000_000] }), never).seconds).toBe(2 * hour);
    expect(estimate(load({ neighbours: [1_000_000, 1_800] }), never).seconds).toBe(2.5 * hour);
  });

  it('lets those wait whose country sleeps, while others get theirs', () => {
    const quietHours = { start: '21:00', end: '08:00' };
    const morning = new Date('2026-11-21T18:00:00Z');
    const indiaSleeps = (country: string | null, at: Date): Date | null =>
      country === 'IN' && at < morning ? morning : null;
    const both = [
      { country: 'IN', count: 3_600 },
      { country: 'BR', count: 7_200 },
    ];
    const seen = estimate(load({ quietHours, byCountry: both }), indiaSleeps);
    expect(seen.seconds).toBe(7 * hour);
    expect(seen.quietSeconds).toBe(4 * hour);
    const awake = estimate(load({ quietHours, byCountry: [{ country: 'BR', count: 7_200 }] }), indiaSleeps);
    expect([awake.seconds, awake.quietSeconds]).toEqual([2 * hour, 0]);
  });

  it('ends somewhere even when a country never wakes', () => {
    const quietHours = { start: '00:00', end: '23:59' };
    const seen = estimate(load({ quietHours }), (_country, at) => new Date(at.getTime() + hour * 1_000));
    expect(seen.seconds).toBeGreaterThan(24 * hour);
  });

  it('takes as many days as the messaging limit needs', () => {
    expect(estimate(load({ limit: { perDay: 1_000, free: 100 } }), never).seconds).toBe(4 * 24 * hour);
    expect(estimate(load({ limit: { perDay: 1_000, free: 3_600 } }), never).seconds).toBe(hour);
  });
});
