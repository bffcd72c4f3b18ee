import { blockOf, forgetEverybody, startBlockingJourney, type BlockingJourney, type Json } from './blocking-journey.js';

const ASHA = '+919876500001';
/** The number of the account, and of another business. */
const OWN = '+919000012345';
const BUSINESS = '+919000054321';

let journey: BlockingJourney;

beforeAll(async () => {
  journey = await startBlockingJourney();
  const numbers = { '300000000000001': OWN, '300000000000009': BUSINESS };
  for (const [id, display_phone_number] of Object.entries(numbers)) {
    await journey.simulator.call('PUT', `numbers/${id}`, { display_phone_number });
  }
});

beforeEach(() => forgetEverybody(journey));

afterAll(() => journey.close());

interface Shown {
  status: number;
  code: number;
  retryable: boolean;
  advice: string;
  retryAfter: string | null;
}

async function shown(method: string, path: string, body: Json): Promise<Shown> {
  const answer = await journey.api.call(method, path, { body });
  const graph = answer.body.graph as { code: number; retryable: boolean };
  return {
    status: answer.status,
    code: graph.code,
    retryable: graph.retryable,
    advice: String(answer.body.what_to_do ?? ''),
    retryAfter: answer.headers.get('retry-after'),
  };
}

describe('each error that Meta documents for blocking', () => {
  it.each([
    ['131047: no message within 24 hours, or not on WhatsApp', '+919999131047', 131047, 'within the last 24 hours'],
    ['131021: the number itself', OWN, 131021, 'the number itself'],
    ['139100: another business', BUSINESS, 139100, 'its own reason'],
  ])('%s: 422 with the reason, kept in the row', async (_name, phone, code, advice) => {
    expect(await shown('POST', '/block/', { phone })).toEqual({
      status: 422,
      code,
      retryable: false,
      advice: expect.stringContaining(advice) as string,
      retryAfter: null,
    });
    expect(await blockOf(journey, phone)).toMatchObject({
      status: 'failed',
      meta_error: expect.stringContaining(`(#${code})`) as string,
    });
  });

  it.each([
    ['139101: 64,000 people are blocked', 139101, 422, false, '64,000'],
    ['139103: internal error', 139103, 502, true, 'Try again'],
    ['139102: the list is being changed', 139102, 502, true, 'from its beginning'],
    ['130429: too many requests', 130429, 429, true, 'Wait a moment'],
    ['131031: the account is locked', 131031, 502, false, ''],
  ])('%s, of the whole call', async (_name, code, status, retryable, advice) => {
    await journey.simulator.configure({ blocking: { refuse_with: code } });
    const retryAfter = status === 429 ? '5' : null;
    const expected = { status, code, retryable, advice: expect.stringContaining(advice) as string, retryAfter };

    expect(await shown('POST', '/block/', { phone: ASHA })).toEqual(expected);
    expect(await shown('POST', '/block/bulk', { phones: [ASHA] })).toEqual(expected);
    expect(await shown('DELETE', '/unblock/', { phone: ASHA })).toEqual(expected);
    expect(await blockOf(journey, ASHA)).toBeNull();
  });

  it('139101 is what the number’s 64,001st block comes to', async () => {
    await journey.simulator.configure({ blocking: { max_entries: 2 } });
    const { status } = await journey.api.call('POST', '/block/bulk', { body: { phones: [ASHA, '+919876500002'] } });

    expect(status).toBe(200);
    expect(await shown('POST', '/block/', { phone: '+919876500003' })).toMatchObject({ status: 422, code: 139101 });
    expect((await journey.api.call('POST', '/block/', { body: { phone: ASHA } })).status).toBe(200);
  });

  it('a message to somebody blocked is refused by Meta with 130403 when it is asked', async () => {
    await journey.simulator.call('PUT', 'blocks', { add: [ASHA] });
    const { status, body } = await journey.api.call('POST', '/send-template/', {
      body: { phone: ASHA, template_name: 'hello_world', language: 'en_US' },
    });

    expect([status, (body.graph as { code: number }).code]).toEqual([422, 130403]);
  });

  it('a passing trouble of Meta’s is 502, to be tried again', async () => {
    journey.script.push({ status: 503, body: { error: { message: 'Unavailable', code: 2, is_transient: true } } });

    expect(await shown('POST', '/block/', { phone: ASHA })).toMatchObject({ status: 502, code: 2, retryable: true });
  });
});
