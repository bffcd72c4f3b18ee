import { DOUBLE_PHONE, GraphDouble } from '../support/graph-double.js';
import { until } from '../support/webhook-receiver.js';

type Json = Record<string, unknown>;

const WABA = '200000000000031';
const TERMS = 'https://www.facebook.com/legal/ads-manager-marketing-messages-terms';
const POLICY = { tos: TERMS, accepted: true };

describe('the simulator’s signups', () => {
  let double: GraphDouble;

  const input = (more: Json = {}): Json => ({
    signup_message: 'Get our offers.',
    confirmation_message: 'Welcome!',
    privacy_policy_url: 'https://example.com/privacy',
    ...more,
  });
  const create = (more: Json = {}): ReturnType<GraphDouble['graph']> =>
    double.graph('POST', `${WABA}/signups`, input(more));
  const created = async (more: Json = {}): Promise<string> => {
    const [status, body] = await create(more);
    expect([status, body]).toEqual([200, { id: expect.stringMatching(/^\d{16}$/) }]);
    return String(body.id);
  };
  const codeOf = async (call: ReturnType<GraphDouble['graph']>): Promise<unknown[]> => {
    const [status, body] = await call;
    return [status, body.error?.code];
  };

  beforeAll(async () => {
    double = await GraphDouble.start();
    await double.tell('PUT', `numbers/${DOUBLE_PHONE}`, { waba_id: WABA });
  });
  afterAll(() => double.close());

  it('take the terms with the first one of the business alone, and only the right ones', async () => {
    expect(await codeOf(create())).toEqual([400, 2_494_168]);
    expect(await codeOf(create({ policy: { ...POLICY, accepted: false } }))).toEqual([400, 2_494_168]);
    expect(await codeOf(create({ policy: { ...POLICY, tos: 'https://example.com' } }))).toEqual([400, 2_494_177]);
    await created({ policy: POLICY });
    expect(await codeOf(create({ policy: POLICY }))).toEqual([400, 2_494_176]);
    await created();
    await double.tell('PUT', 'signups/tos', { accepted: false });
    expect(await codeOf(create())).toEqual([400, 2_494_168]);
    await double.tell('PUT', 'signups/tos', { accepted: true });
  });

  it.each<[number, Json]>([
    [2_494_166, { confirmation_message: 'Hi {{name}}' }],
    [2_494_167, { confirmation_message: 'Take {{promo_code}}' }],
    [2_494_179, { website_url: 'http://example.com' }],
    [100, { signup_message: '' }],
    [100, { signup_message: 'x'.repeat(301) }],
    [100, { confirmation_message: undefined }],
    [100, { confirmation_message: 'x'.repeat(301) }],
    [100, { privacy_policy_url: 'example.com' }],
    [100, { promo_code: 'TEN %' }],
    [100, { promo_code: 'x'.repeat(51) }],
    [100, { display_name: 'x'.repeat(257) }],
    [100, { status: 'ACTIVE' }],
  ])('are refused with %s for %j', async (code, more) => {
    expect(await codeOf(create(more))).toEqual([400, code]);
  });

  it('are not offered everywhere', async () => {
    await double.tell('PUT', `numbers/${DOUBLE_PHONE}`, { country_code: '55' });
    expect(await codeOf(create())).toEqual([400, 2_494_165]);
    await double.tell('PUT', `numbers/${DOUBLE_PHONE}`, { country_code: '91' });
    await double.configure({ signups: { available: false } });
    expect(await codeOf(create())).toEqual([400, 2_494_165]);
    await double.configure({ signups: { available: true } });
  });

  it('are read and changed one by one, but for the privacy policy', async () => {
    const id = await created({ promo_code: 'A1', display_name: 'Fair' });
    expect(await double.graph('POST', `signups/${id}`, { status: 'DISABLED', promo_code: 'B2' })).toEqual([
      200,
      { success: true },
    ]);
    expect(await double.graph('GET', `signups/${id}`)).toEqual([
      200,
      {
        id,
        waba_id: WABA,
        signup_message: 'Get our offers.',
        confirmation_message: 'Welcome!',
        privacy_policy_url: 'https://example.com/privacy',
        promo_code: 'B2',
        status: 'DISABLED',
        display_name: 'Fair',
      },
    ]);
    expect(await codeOf(double.graph('POST', `signups/${id}`, { status: 'GONE' }))).toEqual([400, 100]);
    expect(await codeOf(double.graph('POST', `signups/${id}`, { privacy_policy_url: 'https://a.example' }))).toEqual([
      400, 100,
    ]);
    expect(
      await codeOf(double.graph('POST', `signups/${id}`, { promo_code: '', confirmation_message: '{{promo_code}}' })),
    ).toEqual([400, 2_494_167]);
    expect(await codeOf(double.graph('GET', 'signups/1'))).toEqual([400, 2_494_164]);
    expect(await codeOf(double.graph('POST', 'signups/1', { status: 'ACTIVE' }))).toEqual([400, 2_494_164]);
  });

  it('are listed in pages, with three facts each', async () => {
    await double.tell('POST', 'signups', { waba_id: WABA, count: 30 });
    const [, page] = await double.graph('GET', `${WABA}/signups?limit=25`);
    const data = page.data as Json[];
    expect(data).toHaveLength(25);
    expect(Object.keys(data[0] as Json).sort()).toEqual(['id', 'signup_message', 'status']);
    expect(page.paging).toMatchObject({ next: expect.stringContaining('after='), cursors: expect.anything() });
  });

  it('tell of subscribers in either form', async () => {
    const id = await created();
    const fieldsOf = (waId: string): string[] =>
      double.receiver.changes.filter(({ value }) => JSON.stringify(value).includes(waId)).map(({ field }) => field);
    await double.tell('POST', 'signup', { from: '919700000001', signup_id: id, form: 'both', times: 2, timestamp: 7 });
    await double.tell('POST', 'signup', {
      from: '919700000002',
      signup_id: id,
      form: 'preferences',
      timestamp: 1_790_000_000,
    });
    await double.tell('POST', 'signup', { from: '919700000003', signup_id: id, form: 'in_app', shape: 'flat' });
    // In any order, and a webhook whose answer is late comes again.
    await until(() => fieldsOf('919700000001').length >= 4);
    await until(() => fieldsOf('919700000002').length >= 1 && fieldsOf('919700000003').length >= 1);
    expect([...new Set(fieldsOf('919700000001'))].sort()).toEqual(['in_app_signup', 'user_preferences']);
    expect(new Set(fieldsOf('919700000002'))).toEqual(new Set(['user_preferences']));
    expect(new Set(fieldsOf('919700000003'))).toEqual(new Set(['in_app_signup']));
    const told = double.receiver.changes.map(({ field, value }) => ({ field, value: value as unknown as Json }));
    expect(told).toContainEqual({
      field: 'user_preferences',
      value: expect.objectContaining({
        user_preferences: [
          expect.objectContaining({ value: 'signup', signup_id: id, wa_id: '919700000002', timestamp: 1_790_000_000 }),
        ],
      }),
    });
    expect(told.filter(({ field }) => field === 'in_app_signup').map(({ value }) => value)).toContainEqual(
      expect.objectContaining({ in_app_signup: expect.objectContaining({ wa_id: '919700000001', signup_id: id }) }),
    );
  });

  it('let nobody in when they are disabled', async () => {
    const id = await created();
    await double.graph('POST', `signups/${id}`, { status: 'DISABLED' });
    expect(await double.tell('POST', 'signup', { signup_id: id })).toMatchObject({ subscribed: 0 });
  });
});
