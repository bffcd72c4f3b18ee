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

const ASHA = '+919876500001';
const RAVI = '+919876500002';
const USER_ID = 'IN.13491208655302741918';

let journey: BlockingJourney;

let second: number;

beforeAll(async () => {
  journey = await startBlockingJourney();
  second = await secondAccount();
});

beforeEach(() => forgetEverybody(journey));

afterAll(() => journey.close());

function call(method: string, path: string, body?: Json, accountId?: number): Promise<{ status: number; body: Json }> {
  return journey.api.call(method, path, { body, accountId });
}

async function secondAccount(): Promise<number> {
  const { body } = await journey.api.call<{ id: number }>('POST', '/accounts', {
    body: { name: 'Second', phone_number_id: '300000000000002', waba_id: '200000000000002', access_token: 'token' },
  });
  return body.id;
}

describe('POST /block/', () => {
  it('asks Graph with the plus, answers with its body, and keeps who did it, why, and the flag', async () => {
    const answer = await call('POST', '/block/', { phone: '98765 00001', reason: 'spam', blocked_by: 'meera' });

    expect(journey.calls).toEqual([
      {
        method: 'POST',
        path: '/v23.0/300000000000001/block_users',
        query: {},
        body: { messaging_product: 'whatsapp', block_users: [{ user: ASHA }] },
      },
    ]);
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        status: 'success',
        meta_response: {
          messaging_product: 'whatsapp',
          block_users: { added_users: [{ input: ASHA, wa_id: '919876500001' }] },
        },
      },
    ]);
    expect(await blockOf(journey, ASHA)).toMatchObject({
      phone_number: ASHA,
      wa_id: '919876500001',
      status: 'blocked',
      is_active: true,
      blocked_by: 'meera',
      reason: 'spam',
      unblocked_at: null,
      meta_error: '',
      events: [{ action: 'blocked', source: 'api', actor: 'meera', reason: 'spam', error: null }],
    });
    expect(await flagged(journey)).toEqual([ASHA]);
  });

  it('needs somebody: neither, a wrong number, a parent user id are 400 and never reach Graph', async () => {
    const answers = await Promise.all([
      call('POST', '/block/', {}),
      call('POST', '/block/', { phone: 'nobody' }),
      call('POST', '/block/', { user_id: 'IN.ENT.1349120865530274' }),
      call('POST', '/block/', { phone: ASHA, who: 'me' }),
    ]);

    expect(
      answers.map(({ status, body }) => [status, (body as { errors: { field: string; code: string }[] }).errors[0]]),
    ).toEqual([
      [400, expect.objectContaining({ field: 'phone', code: 'required' })],
      [400, expect.objectContaining({ field: 'phone', code: 'invalid_phone_number' })],
      [400, expect.objectContaining({ field: 'user_id', code: 'invalid_user_id' })],
      [400, expect.objectContaining({ field: 'who', code: 'unknown_field' })],
    ]);
    expect(journey.calls).toEqual([]);
  });

  it('blocks by user id whose phone nobody knows', async () => {
    await journey.simulator.call('PUT', `people/${USER_ID}`, {});
    const { status } = await call('POST', '/block/', { user_id: USER_ID });

    expect(status).toBe(200);
    expect(journey.calls[0]?.body?.block_users).toEqual([{ user_id: USER_ID }]);
    expect(await blockOf(journey, USER_ID)).toMatchObject({ phone_number: null, user_id: USER_ID, is_active: true });
    expect(await flagged(journey)).toEqual([USER_ID]);
  });

  it('keeps one row for a person, by whichever name and however often', async () => {
    const phone = '+919876500003';
    const userId = 'IN.90000000000000000003';
    await journey.simulator.call('PUT', 'people/919876500003', { user_id: userId });
    await call('POST', '/block/', { phone, reason: 'spam', blocked_by: 'meera' });
    const first = await blockOf(journey, phone);
    await call('POST', '/block/', { user_id: userId });
    const again = await blockOf(journey, userId);

    expect(await listBlocked(journey)).toHaveLength(1);
    expect(again).toMatchObject({
      id: first?.id,
      phone_number: phone,
      user_id: userId,
      blocked_at: first?.blocked_at,
      blocked_by: 'meera',
      reason: 'spam',
    });
    expect(again?.events.map(({ action }) => action)).toEqual(['blocked', 'blocked']);
  });

  it('knows a person again whose wa_id differs from the number', async () => {
    await call('POST', '/block/', { phone: '+5551998765432' });

    expect(await blockOf(journey, '+5551998765432')).toMatchObject({ wa_id: '555198765432' });
    expect(await blockOf(journey, '+555198765432')).toMatchObject({ phone_number: '+5551998765432' });
  });

  it('is another account’s own affair', async () => {
    await call('POST', '/block/', { phone: ASHA });
    await call('POST', '/block/', { phone: ASHA }, second);
    await call('DELETE', '/unblock/', { phone: ASHA }, second);

    expect(await blockOf(journey, ASHA)).toMatchObject({ is_active: true });
    expect(await blockOf(journey, ASHA, second)).toMatchObject({ is_active: false });
    expect([await flagged(journey), await flagged(journey, second)]).toEqual([[ASHA], []]);
  });
});

describe('a refusal of Meta’s', () => {
  it('is 422 with the person’s own error and what can be done; the row keeps it, and nobody is flagged', async () => {
    await journey.simulator.configure({ enforce_window: true });
    const { status, body } = await call('POST', '/block/', { phone: ASHA, reason: 'spam', blocked_by: 'meera' });

    expect([status, body]).toEqual([
      422,
      expect.objectContaining({
        code: 'graph_error',
        graph: expect.objectContaining({
          code: 131047,
          kind: 'recipient',
          fbtrace_id: expect.any(String) as string,
        }) as Json,
        what_to_do: expect.stringContaining('24 hours') as string,
        meta_response: expect.objectContaining({ error: expect.objectContaining({ code: 139100 }) as Json }) as Json,
      }),
    ]);
    expect(await blockOf(journey, ASHA)).toMatchObject({
      status: 'failed',
      is_active: false,
      meta_error: expect.stringContaining('131047') as string,
      events: [{ action: 'block_failed', actor: 'meera', reason: 'spam', error: { code: 131047 } }],
    });
    expect(await flagged(journey)).toEqual([]);
    expect(await listBlocked(journey)).toEqual([]);
    expect(await listBlocked(journey, '&history=true')).toHaveLength(1);
  });

  it('takes nothing from a block that is there', async () => {
    await call('POST', '/block/', { phone: ASHA, reason: 'spam', blocked_by: 'meera' });
    await journey.simulator.configure({ enforce_window: true });
    const { status } = await call('POST', '/block/', { phone: ASHA, reason: 'again' });

    expect(status).toBe(422);
    expect(await blockOf(journey, ASHA)).toMatchObject({
      is_active: true,
      reason: 'spam',
      meta_error: expect.stringContaining('131047') as string,
    });
    expect(await flagged(journey)).toEqual([ASHA]);
  });

  it('is forgotten when the next attempt goes well', async () => {
    await journey.simulator.configure({ enforce_window: true });
    await call('POST', '/block/', { phone: ASHA });
    await journey.simulator.configure({ enforce_window: false });
    await call('POST', '/block/', { phone: ASHA });

    expect(await blockOf(journey, ASHA)).toMatchObject({ status: 'blocked', meta_error: '' });
  });

  it('is read too where Meta prints the errors beside the people, and where it prints none', async () => {
    const error = { message: '(#139100) Failed to block/unblock users', type: 'OAuthException', code: 139100 };
    const user = { input: ASHA, wa_id: '919876500001' };
    const errors = [{ message: 'Re-engagement message', code: 131047, error_data: { details: 'no' } }];
    journey.script.push(
      { status: 400, body: { messaging_product: 'whatsapp', block_users: { failed_users: [user], errors }, error } },
      { status: 400, body: { messaging_product: 'whatsapp', block_users: { failed_users: [user] }, error } },
    );
    const answers = [await call('POST', '/block/', { phone: ASHA }), await call('POST', '/block/', { phone: ASHA })];

    expect(answers.map(({ status, body }) => [status, (body.graph as { code: number }).code])).toEqual([
      [422, 131047],
      [422, 139100],
    ]);
  });

  it('to unblock leaves the block as it is', async () => {
    await call('POST', '/block/', { phone: ASHA });
    const failed = { input: ASHA, wa_id: '919876500001', errors: [{ message: 'Internal error', code: 139103 }] };
    journey.script.push({ status: 400, body: { block_users: { failed_users: [failed] }, error: { code: 139100 } } });
    const { status } = await call('DELETE', '/unblock/', { phone: ASHA, unblocked_by: 'ravi' });

    expect(status).toBe(502);
    expect(await blockOf(journey, ASHA)).toMatchObject({
      is_active: true,
      meta_error: expect.stringContaining('139103') as string,
      events: [{ action: 'unblock_failed', actor: 'ravi' }, { action: 'blocked' }],
    });
    expect(await flagged(journey)).toEqual([ASHA]);
  });
});

describe('a lost answer', () => {
  it('is 504 and changes nothing here; to ask again heals it', async () => {
    await journey.simulator.configure({ blocking: { lose_answers: 1 } });
    const lost = await call('POST', '/block/', { phone: ASHA });
    const between = [await blockOf(journey, ASHA), await flagged(journey), await blockedAtMeta(journey)];
    const again = await call('POST', '/block/', { phone: ASHA });

    expect([lost.status, lost.body.code]).toEqual([504, 'graph_outcome_unknown']);
    expect(lost.body.detail).toContain('POST /blocked/sync');
    expect(between).toEqual([null, [], ['919876500001']]);
    expect(again.status).toBe(200);
    expect(await flagged(journey)).toEqual([ASHA]);
  });

  it('is what a 200 without lists, or without the person, comes to', async () => {
    journey.script.push(
      { status: 200, body: { success: true } },
      { status: 200, body: { block_users: { added_users: [] } } },
    );
    const answers = [await call('POST', '/block/', { phone: ASHA }), await call('POST', '/block/', { phone: ASHA })];

    expect(answers.map(({ status }) => status)).toEqual([504, 504]);
    expect(await blockOf(journey, ASHA)).toBeNull();
  });
});

describe('DELETE /unblock/', () => {
  it('takes the person from the body, and keeps when and who', async () => {
    await call('POST', '/block/', { phone: ASHA, blocked_by: 'meera', reason: 'spam' });
    const answer = await call('DELETE', '/unblock/', { phone: ASHA, unblocked_by: 'ravi' });

    expect(journey.calls[1]).toEqual({
      method: 'DELETE',
      path: '/v23.0/300000000000001/block_users',
      query: {},
      body: { messaging_product: 'whatsapp', block_users: [{ user: ASHA }] },
    });
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        status: 'success',
        meta_response: {
          messaging_product: 'whatsapp',
          block_users: { removed_users: [{ input: ASHA, wa_id: '919876500001' }] },
        },
      },
    ]);
    expect(await blockOf(journey, ASHA)).toMatchObject({
      status: 'unblocked',
      is_active: false,
      blocked_by: 'meera',
      reason: 'spam',
      unblocked_at: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/) as string,
      unblocked_by: 'ravi',
    });
    expect(await flagged(journey)).toEqual([]);
    expect(await listBlocked(journey)).toEqual([]);
  });

  it('takes the person from the query, and the answer with the key of Meta’s old guide', async () => {
    await call('POST', '/block/', { phone: ASHA });
    journey.script.push({
      status: 200,
      body: { block_users: { added_users: [{ input: ASHA, wa_id: '919876500001' }] } },
    });
    const { status } = await call('DELETE', `/unblock/?phone=${encodeURIComponent(ASHA)}&unblocked_by=ravi`);

    expect(status).toBe(200);
    expect(await blockOf(journey, ASHA)).toMatchObject({ is_active: false, unblocked_by: 'ravi' });
  });

  it('of somebody who was never blocked is Meta’s to answer, and leaves no row', async () => {
    expect((await call('DELETE', '/unblock/', { phone: RAVI })).status).toBe(200);
    expect(await blockOf(journey, RAVI)).toBeNull();
  });

  it('begins a new block afresh', async () => {
    await call('POST', '/block/', { phone: ASHA, reason: 'spam', blocked_by: 'meera' });
    const first = await blockOf(journey, ASHA);
    await call('DELETE', '/unblock/', { phone: ASHA });
    await call('POST', '/block/', { phone: ASHA, reason: 'abuse' });
    const second = await blockOf(journey, ASHA);

    expect(second).toMatchObject({ reason: 'abuse', blocked_by: '', unblocked_at: null, unblocked_by: '' });
    expect(Date.parse(second?.blocked_at ?? '')).toBeGreaterThan(Date.parse(first?.blocked_at ?? ''));
    expect(second?.events.map(({ action }) => action)).toEqual(['blocked', 'unblocked', 'blocked']);
  });
});

describe('DELETE /blocked/{phone}', () => {
  it('unblocks at Meta and here, and is 404 for somebody never blocked, or blocked by another account', async () => {
    await call('POST', '/block/', { phone: ASHA });
    const path = `/blocked/${encodeURIComponent(ASHA)}`;

    expect((await call('DELETE', path, undefined, second)).status).toBe(404);
    expect((await call('DELETE', `/blocked/${encodeURIComponent(RAVI)}`)).status).toBe(404);
    expect(journey.calls).toHaveLength(1);
    expect((await call('DELETE', `${path}?unblocked_by=ravi`)).status).toBe(204);
    expect(await blockOf(journey, ASHA)).toMatchObject({ is_active: false, unblocked_by: 'ravi' });
    expect(await blockedAtMeta(journey)).toEqual([]);
  });
});

describe('GET /blocked/', () => {
  it('pages by the last blocked first, and with history shows everybody there was', async () => {
    for (const phone of ['+919876500010', '+919876500011', '+919876500012']) {
      await call('POST', '/block/', { phone });
    }
    await call('DELETE', '/unblock/', { phone: '+919876500011' });
    const first = await call('GET', '/blocked/?limit=1');
    const second = await call('GET', `/blocked/?limit=1&cursor=${String(first.body.next_cursor)}`);
    const history = await listBlocked(journey, '&history=true');

    const phonesOf = (body: Json): unknown[] =>
      (body.blocked_users as { phone_number: string }[]).map((row) => row.phone_number);
    expect([phonesOf(first.body), phonesOf(second.body), second.body.next_cursor]).toEqual([
      ['+919876500012'],
      ['+919876500010'],
      null,
    ]);
    expect(history.map((row) => [row.phone_number, row.status])).toEqual([
      ['+919876500012', 'blocked'],
      ['+919876500011', 'unblocked'],
      ['+919876500010', 'blocked'],
    ]);
    expect((await call('GET', '/blocked/?cursor=x')).body.code).toBe('bad_cursor');
  });

  it('with live=true shows Meta’s own page with Meta’s own cursor, and what is known of each', async () => {
    await call('POST', '/block/', { phone: ASHA, reason: 'spam' });
    await journey.simulator.call('PUT', 'blocks', { add: ['919876500031', USER_ID] });
    journey.calls.length = 0;
    const first = await call('GET', '/blocked?live=true&limit=2');
    const cursor = String(first.body.next_cursor);
    const second = await call('GET', `/blocked?live=true&limit=2&cursor=${encodeURIComponent(cursor)}`);

    expect(first.body.blocked_users).toEqual([
      expect.objectContaining({ phone_number: ASHA, reason: 'spam', id: expect.any(Number) as number }),
      expect.objectContaining({ phone_number: '+919876500031', wa_id: '919876500031', id: null, blocked_at: null }),
    ]);
    // The links to other pages would carry the access token.
    expect(Object.keys((first.body.meta_response as { paging: object }).paging)).toEqual(['cursors']);
    expect(second.body).toMatchObject({ blocked_users: [{ phone_number: null, user_id: USER_ID }], next_cursor: null });
    expect(journey.calls.map(({ query }) => query)).toEqual([{ limit: '2' }, { limit: '2', after: cursor }]);
    expect((await call('GET', '/blocked?live=true&cursor=nonsense')).body.code).toBe('bad_cursor');
  });
});

describe('scopes', () => {
  it('let a key that may only read do nothing', async () => {
    const { body } = await journey.api.call<{ key: string }>('POST', '/api-keys', {
      body: { name: 'reader', scopes: ['blocking:read'] },
    });
    const { key } = body;

    expect((await journey.api.call('GET', '/blocked/', { key })).status).toBe(200);
    expect((await journey.api.call('POST', '/block/', { key, body: { phone: ASHA } })).status).toBe(403);
    expect((await journey.api.call('POST', '/blocked/sync', { key, body: {} })).status).toBe(403);
    expect(journey.calls).toEqual([]);
  });
});
