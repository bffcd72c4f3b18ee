import { RateTable } from '../../src/campaigns/pricing/rate-table.js';
import { countryOfPerson, countryOfPhone } from '../../src/campaigns/pricing/phone-country.js';
import { ADMIN_KEY, eventually, type Answer } from '../support/app.js';
import {
  campaignIs,
  draftWithCsv,
  getCampaign,
  startJourney,
  type CampaignBody,
  type Journey,
} from '../support/journey.js';
import { messagesBody, postWebhook, secondsAgo, status } from '../support/webhook-payloads.js';

interface RateTableBody {
  currency: string | null;
  rates: { country: string; category: string; price: number }[];
  updated_at: string | null;
}
interface ProblemBody {
  code: string;
  errors?: { field: string; code: string; message: string }[];
}
type Costing = CampaignBody & { cost: number };

const RATES = [
  { country: 'IN', category: 'utility', price: 0.0014 },
  { country: 'IN', category: 'marketing', price: 0.0107 },
  { country: 'us', category: 'utility', price: 0.004 },
  { country: '*', category: 'utility', price: 0.0077 },
];
const REGULAR = { billable: true, pricing_model: 'PMP', type: 'regular', category: 'utility' };

describe('the rate table', () => {
  let journey: Journey;

  const get = async (): Promise<RateTableBody> => (await journey.api.call<RateTableBody>('GET', '/rate-table')).body;
  const put = (body: unknown, key = ADMIN_KEY): Promise<Answer<RateTableBody & ProblemBody>> =>
    journey.api.call('PUT', '/rate-table', { body, key });
  const putFile = (csv: string, fields: Record<string, string> = {}): Promise<Answer<RateTableBody & ProblemBody>> => {
    const form = new FormData();
    Object.entries(fields).forEach(([name, value]) => form.append(name, value));
    form.append('file', new Blob([csv], { type: 'text/csv' }), 'rates.csv');
    return put(form);
  };

  /** Nothing is delivered but what a test says. */
  const deliverNothing = (): Promise<void> =>
    journey.simulator.configure({ webhooks: { sent_ms: 10, delivered_ms: 3_600_000, read_ms: 3_600_000 } });
  const campaignTo = async (...phones: string[]): Promise<{ id: number; wamids: string[] }> => {
    const csv = ['phone,name,order_id', ...phones.map((phone, index) => `${phone},Person,O-${index}`)].join('\n');
    const id = await draftWithCsv(journey, csv);
    await journey.api.call('POST', `/campaigns/${id}/run`);
    await campaignIs(journey, id, 'completed');
    const list = await journey.api.call<{ recipients: { phone_number: string; message_id: string }[] }>(
      'GET',
      `/campaigns/${id}/recipients`,
    );
    const wamidOf = new Map(list.body.recipients.map((row) => [row.phone_number, row.message_id]));
    return { id, wamids: phones.map((phone) => wamidOf.get(phone) as string) };
  };
  const tell = (...statuses: object[]): Promise<unknown> =>
    postWebhook(journey.api.url, messagesBody({ statuses: statuses as never }));
  const costs = async (id: number): Promise<(number | null)[]> => {
    const rows = await journey.api.db.queryDynamic<{ cost_micros: number | null }>(
      'select cost_micros from campaign_recipients where campaign_id = $1 order by id',
      [id],
    );
    return rows.map((row) => row.cost_micros);
  };
  const costOf = async (id: number): Promise<number> => ((await getCampaign(journey, id)) as Costing).cost;
  /** Everything that came so far is applied. */
  const webhooksAreApplied = (): Promise<unknown> =>
    eventually(
      () => journey.api.db.queryDynamic<{ n: number }>('select count(*) as n from webhook_logs where not processed'),
      ([row]) => row?.n === 0,
    );

  beforeAll(async () => {
    journey = await startJourney({ simulator: { webhooks: { sent_ms: 10, delivered_ms: 20, read_ms: 30 } } });
  });
  afterAll(() => journey.close());

  it('is empty at first', async () => {
    expect(await get()).toEqual({ currency: null, rates: [], updated_at: null });
  });

  it('prices nothing while it is empty', async () => {
    const id = await draftWithCsv(journey, 'phone,name,order_id\n+919833000001,Asha,O-1');
    await journey.api.call('POST', `/campaigns/${id}/run`);
    await eventually(
      () => getCampaign(journey, id),
      (campaign) => campaign.delivered_count === 1,
    );
    expect(await costs(id)).toEqual([null]);
    expect(await costOf(id)).toBe(0);
  });

  it('is replaced whole, and read back by country and category', async () => {
    const first = await put({ currency: 'EUR', rates: [{ country: 'DE', category: 'service', price: 0.01 }] });
    expect(first.status).toBe(200);
    const second = await put({ currency: 'USD', rates: RATES });
    expect(second.status).toBe(200);
    expect(second.body).toEqual({
      currency: 'USD',
      rates: [
        { country: '*', category: 'utility', price: 0.0077 },
        { country: 'IN', category: 'marketing', price: 0.0107 },
        { country: 'IN', category: 'utility', price: 0.0014 },
        { country: 'US', category: 'utility', price: 0.004 },
      ],
      updated_at: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/) as string,
    });
    expect(await get()).toEqual(second.body);
  });

  it.each([
    [
      'a country that is none',
      [{ country: 'ZZ', category: 'utility', price: 1 }],
      'rates.0.country',
      'unknown_country',
    ],
    ['a category that is none', [{ country: 'IN', category: 'gossip', price: 1 }], 'rates.0.category', 'not_in'],
    ['a price below nothing', [{ country: 'IN', category: 'utility', price: -1 }], 'rates.0.price', 'min'],
    [
      'a price given twice',
      [
        { country: 'IN', category: 'utility', price: 1 },
        { country: 'in', category: 'utility', price: 2 },
      ],
      'rates.1',
      'duplicate',
    ],
  ])('refuses %s by name, and stays as it was', async (_what, rates, field, code) => {
    const before = await get();
    const refused = await put({ currency: 'USD', rates });
    expect([refused.status, refused.body.errors?.map((error) => [error.field, error.code])]).toEqual([
      400,
      [[field, code]],
    ]);
    expect(await get()).toEqual(before);
  });

  it('is written with campaigns:write only', async () => {
    const made = await journey.api.call<{ key: string }>('POST', '/api-keys', {
      body: { name: 'Reader', scopes: ['campaigns:read'] },
    });
    const reader = made.body.key;
    expect((await journey.api.call('GET', '/rate-table', { key: reader })).status).toBe(200);
    expect((await put({ currency: 'USD', rates: RATES }, reader)).status).toBe(403);
  });

  describe('from a file', () => {
    it('takes a line for each country with a column for each category, countries by code or name', async () => {
      const csv = [
        'Market,Currency,Marketing,Utility,Authentication,Authentication-International,Service',
        'India,USD,$0.0107,0.0014,0.0014,0.028,n/a',
        'br,USD,0.0625,0.0068,0.0068,,',
        "Cote d'Ivoire,USD,0.0225,0.004,0.004,,",
        'Other,USD,0.0604,0.0077,0.0077,,',
      ].join('\n');
      const answer = await putFile(csv);
      expect(answer.status).toBe(200);
      expect(answer.body.currency).toBe('USD');
      expect(answer.body.rates).toHaveLength(13);
      expect(answer.body.rates).toEqual(
        expect.arrayContaining([
          { country: 'IN', category: 'authentication-international', price: 0.028 },
          { country: 'BR', category: 'marketing', price: 0.0625 },
          { country: 'CI', category: 'utility', price: 0.004 },
          { country: '*', category: 'marketing', price: 0.0604 },
        ]),
      );
    });

    it('takes country, category and price, with decimal commas, and the currency from the form', async () => {
      const answer = await putFile('country;category;price\nIN;utility;0,0014\n*;marketing;0,06', { currency: 'EUR' });
      expect(answer.body).toMatchObject({
        currency: 'EUR',
        rates: [
          { country: '*', category: 'marketing', price: 0.06 },
          { country: 'IN', category: 'utility', price: 0.0014 },
        ],
      });
    });

    it('names the lines that cannot be read, and stays as it was', async () => {
      const before = await get();
      const csv =
        'country,category,price\nAtlantis,utility,1\nIN,gossip,1\nIN,utility,cheap\nIN,utility,1\nIN,utility,2';
      const refused = await putFile(csv, { currency: 'USD' });
      expect(refused.status).toBe(400);
      expect(refused.body.errors?.map(({ code, message }) => [code, message.split(':')[0]])).toEqual([
        ['unknown_country', 'Line 2'],
        ['unknown_category', 'Line 3'],
        ['not_a_number', 'Line 4'],
        ['duplicate', 'Line 6'],
      ]);
      expect((await putFile('a,b\n1,2')).body.errors?.[0]).toMatchObject({ field: 'file', code: 'wrong_columns' });
      expect((await putFile('country,category,price\nIN,utility,1')).body.errors?.[0]).toMatchObject({
        field: 'currency',
        code: 'required',
      });
      expect(await get()).toEqual(before);
    });
  });

  describe('prices what Meta has delivered', () => {
    beforeAll(() => put({ currency: 'USD', rates: RATES }));

    it('by the country of the number, once, and the campaign adds up', async () => {
      await journey.simulator.configure({ webhooks: { sent_ms: 10, delivered_ms: 20, read_ms: 30 } });
      const { id } = await campaignTo('+919833000002', '+12025550123', '+4915112345678', '+919833000003');
      const cost = await eventually(
        () => costOf(id),
        (sum) => sum > 0.0144,
      );
      expect(cost).toBeCloseTo(0.0014 * 2 + 0.004 + 0.0077, 6);
      expect((await costs(id)).sort()).toEqual([1_400, 1_400, 4_000, 7_700]);
    });

    it('not what was only sent, and nothing a second time however often it is told', async () => {
      await deliverNothing();
      const { id, wamids } = await campaignTo('+919833000004', '+919833000005');
      const [first = '', second = ''] = wamids;
      await tell(status(first, 'sent', { pricing: REGULAR }), status(second, 'sent', { pricing: REGULAR }));
      await webhooksAreApplied();
      expect(await costs(id)).toEqual([null, null]);
      const delivered = status(first, 'delivered', { pricing: REGULAR });
      await tell(delivered);
      await tell(delivered, status(first, 'read', { pricing: REGULAR, timestamp: secondsAgo(1) }));
      await tell(status(second, 'failed', { errors: [{ code: 131026, title: 'Undeliverable' }] }));
      await webhooksAreApplied();
      expect(await costs(id)).toEqual([1_400, null]);
      expect(await costOf(id)).toBe(0.0014);
    });

    it('at nothing inside free windows, and at the price of the category that Meta has charged', async () => {
      await deliverNothing();
      const { id, wamids } = await campaignTo('+919833000006', '+919833000007', '+919833000008');
      const [free = '', marketing = '', unknown = ''] = wamids;
      await tell(
        status(free, 'delivered', { pricing: { ...REGULAR, billable: false, type: 'free_customer_service' } }),
        status(marketing, 'delivered', { pricing: { ...REGULAR, category: 'marketing_lite' } }),
        status(unknown, 'delivered', { pricing: { ...REGULAR, category: 'service' } }),
      );
      await webhooksAreApplied();
      expect(await costs(id)).toEqual([0, 10_700, null]);
    });

    it('also when the status came before its message was known', async () => {
      await deliverNothing();
      const { id, wamids } = await campaignTo('+919833000009');
      const [wamid = ''] = wamids;
      await journey.api.db.queryDynamic('update messages set message_id = $2 where message_id = $1', [
        wamid,
        'wamid.gone',
      ]);
      await tell(status(wamid, 'delivered', { pricing: REGULAR }));
      await webhooksAreApplied();
      expect(await costs(id)).toEqual([null]);
      await journey.api.db.queryDynamic('update messages set message_id = $1 where message_id = $2', [
        wamid,
        'wamid.gone',
      ]);
      expect(
        await eventually(
          () => costs(id),
          ([cost]) => cost !== null,
        ),
      ).toEqual([1_400]);
    });
  });
});

describe('a price', () => {
  const table = new RateTable('USD', [
    { country: 'IN', category: 'authentication', priceMicros: 2 },
    { country: 'ID', category: 'authentication-international', priceMicros: 9 },
    { country: '*', category: 'authentication', priceMicros: 5 },
    { country: '*', category: 'marketing', priceMicros: 7 },
  ]);

  it.each([
    ['IN', 'authentication', 2],
    ['IN', 'authentication-international', 2],
    ['ID', 'authentication-international', 9],
    ['ID', 'authentication', 5],
    ['DE', 'authentication-international', 5],
    ['DE', 'group_marketing', 7],
    [null, 'marketing', 7],
    ['IN', 'service', null],
  ])('of %s, %s is %s', (country, category, price) => {
    expect(table.priceOf(country, category)).toBe(price);
  });

  it('is told by type before billable, which Meta will take away', () => {
    expect(table.chargeOf('IN', { category: 'authentication', type: 'regular', billable: false })).toBe(2);
    expect(table.chargeOf('IN', { category: 'authentication', billable: false })).toBe(0);
    expect(table.chargeOf('IN', { category: 'utility', type: 'free_entry_point' })).toBe(0);
    expect(table.chargeOf('ID', { category: 'authentication_international', type: 'regular' })).toBe(9);
    expect(table.chargeOf('IN', { type: 'regular' })).toBeNull();
  });
});

describe('the country of a person', () => {
  it.each([
    ['+919876543210', 'IN'],
    ['+12025550123', 'US'],
    ['+14165550123', 'CA'],
    ['+17875550123', 'PR'],
    ['+18765550123', 'JM'],
    ['+447400123456', 'GB'],
    ['+77012345678', 'KZ'],
    ['+79161234567', 'RU'],
    ['+8801712345678', 'BD'],
    ['+881612345678', null],
  ])('with %s is %s', (phone, country) => {
    expect(countryOfPhone(phone)).toBe(country);
    // The second time from what is known of its area code.
    expect(countryOfPhone(phone)).toBe(country);
  });

  it('without a phone is told by Meta’s user id', () => {
    expect(countryOfPerson({ phone: null, userId: 'BR.ENT.123' })).toBe('BR');
    expect(countryOfPerson({ phone: null, userId: null })).toBeNull();
  });
});
