import {
  blockedAtMeta,
  blockOf,
  flagged,
  forgetEverybody,
  listBlocked,
  startBlockingJourney,
  type BlockingJourney,
  type Json,
} from './blocking-journey.js';

const USER_ID = 'IN.70000000000000000001';

interface BulkAnswer {
  blocked?: number;
  unblocked?: number;
  failed: number;
  invalid: number;
  duplicates: number;
  results: { input: string; phone: string | null; user_id: string | null; status: string; error: Json | null }[];
  meta_response: Json | null;
}

let journey: BlockingJourney;

beforeAll(async () => {
  journey = await startBlockingJourney();
});

beforeEach(() => forgetEverybody(journey));

afterAll(() => journey.close());

/** `count` phones from +919000000000 up. */
function phones(count: number, first = 9_000_000_000): string[] {
  return Array.from({ length: count }, (_, index) => `+91${first + index}`);
}

async function bulk(verb: 'block' | 'unblock', body: Json): Promise<{ status: number; body: BulkAnswer }> {
  return journey.api.call<BulkAnswer>('POST', `/${verb}/bulk`, { body });
}

describe('POST /block/bulk', () => {
  it('blocks 1,000 of whom Meta refuses 37: one call, a result for each in the order asked, rows and flags', async () => {
    const all = phones(1_000);
    const strangers = new Set(all.filter((_phone, index) => index % 27 === 5).slice(0, 37));
    const known = all.filter((phone) => !strangers.has(phone));
    await journey.simulator.configure({ webhooks: { enabled: false } });
    await Promise.all(known.map((from) => journey.simulator.call('POST', 'inbound', { from, text: 'Hello' })));
    await journey.simulator.configure({ enforce_window: true, webhooks: { enabled: true } });
    const { status, body } = await bulk('block', { phones: all, reason: 'spam', blocked_by: 'meera' });

    expect(status).toBe(200);
    expect(journey.calls).toHaveLength(1);
    expect((journey.calls[0]?.body?.block_users as Json[]).length).toBe(1_000);
    expect([body.blocked, body.failed, body.invalid, body.duplicates]).toEqual([963, 37, 0, 0]);
    expect(body.results.map(({ phone }) => phone)).toEqual(all);
    expect(body.results.every(({ phone, status }) => (status === 'failed') === strangers.has(phone ?? ''))).toBe(true);
    expect(body.results.find(({ status }) => status === 'failed')?.error).toMatchObject({
      code: 131047,
      what_to_do: expect.stringContaining('24 hours') as string,
    });
    expect((await listBlocked(journey)).map((row) => row.phone_number).sort()).toEqual(known);
    expect(await flagged(journey)).toEqual(known);
    expect(await blockedAtMeta(journey)).toHaveLength(963);
    const history = await listBlocked(journey, '&history=true');
    const failed = history.filter((row) => row.status === 'failed');
    expect(history).toHaveLength(1_000);
    expect(new Set(failed.map((row) => row.phone_number))).toEqual(strangers);
    expect(failed.every((row) => row.meta_error.includes('131047'))).toBe(true);
    expect(await blockOf(journey, known[0] as string)).toMatchObject({ reason: 'spam', blocked_by: 'meera' });
  });

  it('gives what is invalid, or named twice, a line of its own, and asks Meta for the others', async () => {
    await journey.simulator.call('PUT', `people/${USER_ID}`, {});
    const { status, body } = await bulk('block', {
      phones: ['+91 90000 00001', 'nobody', '9000000001', '+919000000002', ''],
      user_ids: [USER_ID, 'IN.ENT.123', USER_ID],
    });

    expect(status).toBe(200);
    expect(journey.calls.map((call) => call.body?.block_users)).toEqual([
      [{ user: '+919000000001' }, { user: '+919000000002' }, { user_id: USER_ID }],
    ]);
    expect(body.results.map(({ input, phone, user_id, status }) => [input, phone, user_id, status])).toEqual([
      ['+91 90000 00001', '+919000000001', null, 'blocked'],
      ['nobody', 'nobody', null, 'invalid'],
      ['9000000001', '+919000000001', null, 'duplicate'],
      ['+919000000002', '+919000000002', null, 'blocked'],
      ['', '', null, 'invalid'],
      [USER_ID, null, USER_ID, 'blocked'],
      ['IN.ENT.123', null, 'IN.ENT.123', 'invalid'],
      [USER_ID, null, USER_ID, 'duplicate'],
    ]);
    expect([body.blocked, body.failed, body.invalid, body.duplicates]).toEqual([3, 0, 3, 2]);
  });

  it('takes one person under two names for one', async () => {
    const userId = 'IN.70000000000000000002';
    await journey.simulator.call('PUT', 'people/919000000005', { user_id: userId });
    const { body } = await bulk('block', { phones: ['+919000000005'], user_ids: [userId] });

    expect(body.results.map(({ status }) => status)).toEqual(['blocked', 'blocked']);
    expect(await listBlocked(journey)).toEqual([
      expect.objectContaining({ phone_number: '+919000000005', user_id: userId }),
    ]);
  });

  it('refuses nobody and more than 1,000 before Meta is asked', async () => {
    const answers = [
      await bulk('block', {}),
      await bulk('block', { phones: [] }),
      await bulk('block', { phones: phones(1_001) }),
      await bulk('block', { phones: phones(999), user_ids: [USER_ID, `${USER_ID}2`] }),
      await bulk('unblock', { phones: phones(1_001) }),
    ];

    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400]);
    expect(journey.calls).toEqual([]);
  });

  it('does not ask Meta when nobody is left to ask for', async () => {
    const { status, body } = await bulk('block', { phones: ['nobody'] });

    expect([status, body.invalid, body.meta_response]).toEqual([200, 1, null]);
    expect(journey.calls).toEqual([]);
  });

  it('changes nothing when Meta refuses the call as a whole', async () => {
    await journey.simulator.configure({ blocking: { max_entries: 1 } });
    const { status, body } = await bulk('block', { phones: phones(2) });

    expect([status, (body as unknown as { graph: Json }).graph.code]).toEqual([422, 139101]);
    expect(await listBlocked(journey, '&history=true')).toEqual([]);
  });

  it('says of whom Meta said nothing, and leaves them as they are', async () => {
    const answered = { input: '+919000000000', wa_id: '919000000000' };
    journey.script.push({ status: 200, body: { block_users: { added_users: [answered] } } });
    const { body } = await bulk('block', { phones: phones(2) });

    expect(body.results.map(({ status, error }) => [status, error?.retryable])).toEqual([
      ['blocked', undefined],
      ['failed', true],
    ]);
    expect(await listBlocked(journey, '&history=true')).toHaveLength(1);
  });

  it('takes 10,000 numbers in ten calls', async () => {
    const all = phones(10_000, 9_100_000_000);
    const startedAt = performance.now();
    for (let from = 0; from < all.length; from += 1_000) {
      expect((await bulk('block', { phones: all.slice(from, from + 1_000) })).body.blocked).toBe(1_000);
    }
    const elapsedS = (performance.now() - startedAt) / 1_000;

    expect(await flagged(journey)).toHaveLength(10_000);
    expect(journey.calls).toHaveLength(10);
    expect(elapsedS).toBeLessThan(60);
    if (process.env.SHOW_FIGURES) {
      process.stderr.write(`10,000 numbers in ten calls: ${elapsedS.toFixed(1)} s\n`);
    }
  });
});

describe('POST /unblock/bulk', () => {
  it('unblocks with one call, and keeps who did it', async () => {
    await bulk('block', { phones: phones(5) });
    journey.calls.length = 0;
    const { status, body } = await bulk('unblock', { phones: [...phones(3), 'x'], unblocked_by: 'ravi' });

    expect([status, body.unblocked, body.invalid]).toEqual([200, 3, 1]);
    expect(journey.calls.map(({ method }) => method)).toEqual(['DELETE']);
    expect(await flagged(journey)).toEqual(phones(2, 9_000_000_003));
    expect(await blockOf(journey, '+919000000000')).toMatchObject({ status: 'unblocked', unblocked_by: 'ravi' });
  });
});
