import {
  blockOf,
  flagged,
  forgetEverybody,
  listBlocked,
  startBlockingJourney,
  type BlockingJourney,
  type Json,
} from './blocking-journey.js';

let journey: BlockingJourney;

beforeAll(async () => {
  journey = await startBlockingJourney();
});

beforeEach(() => forgetEverybody(journey));

afterAll(() => journey.close());

function phones(count: number, first = 9_000_000_000): string[] {
  return Array.from({ length: count }, (_, index) => `+91${first + index}`);
}

async function block(list: string[]): Promise<void> {
  const { status } = await journey.api.call('POST', '/block/bulk', { body: { phones: list, reason: 'spam' } });
  expect(status).toBe(200);
  journey.calls.length = 0;
}

async function sync(): Promise<{ status: number; body: Json }> {
  return journey.api.call('POST', '/blocked/sync', { body: {} });
}

/** What somebody does on Meta's side. */
function atMeta(change: Json): Promise<unknown> {
  return journey.simulator.call('PUT', 'blocks', change);
}

/** Runs before the n-th page of the list is asked for. */
function beforePage(n: number, action: () => Promise<unknown>): void {
  let pages = 0;
  journey.meanwhile.before = async ({ method }) => {
    pages += method === 'GET' ? 1 : 0;
    if (method === 'GET' && pages === n) {
      await action();
    }
  };
}

describe('POST /blocked/sync', () => {
  it('finds 300 changes on Meta’s side, in both directions, and the flags follow', async () => {
    await block(phones(963));
    const added = phones(150, 9_200_000_000);
    const removed = phones(150);
    await atMeta({ add: added, remove: removed });
    const startedAt = performance.now();
    const { status, body } = await sync();
    const elapsedS = (performance.now() - startedAt) / 1_000;

    const stay = phones(813, 9_000_000_150);
    expect([status, body]).toEqual([200, { synced: 963, added: 150, removed: 150, restarts: 0 }]);
    expect((await listBlocked(journey)).map((row) => row.phone_number).sort()).toEqual([...stay, ...added]);
    expect(await flagged(journey)).toEqual([...stay, ...added]);
    expect(await blockOf(journey, removed[0] as string)).toMatchObject({
      status: 'unblocked',
      reason: 'spam',
      unblocked_at: expect.any(String) as string,
      events: [
        { action: 'unblocked', source: 'sync' },
        { action: 'blocked', source: 'api' },
      ],
    });
    expect(await blockOf(journey, added[0] as string)).toMatchObject({
      status: 'blocked',
      wa_id: '919200000000',
      events: [{ action: 'blocked', source: 'sync' }],
    });
    expect((await sync()).body).toEqual({ synced: 963, added: 0, removed: 0, restarts: 0 });
    if (process.env.SHOW_FIGURES) {
      process.stderr.write(`963 at Meta, 300 changed: ${elapsedS.toFixed(2)} s\n`);
    }
  });

  it.each([
    ['nested as in the guide', { list_form: 'nested', omit_next: true }],
    ['flat as in the reference', { list_form: 'flat', omit_next: false }],
  ])('reads every page of a list that is %s', async (_form, blocking) => {
    await journey.simulator.configure({ blocking });
    await atMeta({ add: phones(250) });

    expect((await sync()).body).toMatchObject({ synced: 250, added: 250 });
    expect(await flagged(journey)).toHaveLength(250);
  });

  it('begins again when the list changes while it is read (139102)', async () => {
    await block(phones(250));
    beforePage(2, () => atMeta({ add: phones(1, 9_300_000_000), remove: phones(1) }));
    const { status, body } = await sync();

    expect([status, body]).toEqual([200, { synced: 250, added: 1, removed: 1, restarts: 1 }]);
    expect(await blockOf(journey, '+919000000000')).toMatchObject({ is_active: false });
  });

  it('gives up on a list that never stands still, says so, and has changed nothing', async () => {
    await block(phones(150));
    await journey.simulator.configure({ blocking: { concurrent_updates: 1_000 } });
    await atMeta({ remove: phones(10) });
    const { status, body } = await sync();

    expect([status, (body.graph as Json).code, body.what_to_do]).toEqual([
      502,
      139102,
      expect.stringContaining('from its beginning'),
    ]);
    expect(await flagged(journey)).toHaveLength(150);
    await journey.simulator.configure({ blocking: { concurrent_updates: 0 } });
    expect((await sync()).body).toMatchObject({ removed: 10 });
  });

  it('unblocks nobody when the list could not be read to its end', async () => {
    await block(phones(150));
    await atMeta({ remove: phones(10) });
    beforePage(2, async () => {
      journey.script.push({ status: 500, body: { error: { message: 'Internal error', code: 139103 } } });
      return Promise.resolve();
    });
    const { status } = await sync();

    expect(status).toBe(502);
    expect(await flagged(journey)).toHaveLength(150);
  });

  it('does not undo what a call did since Meta was asked', async () => {
    const [before, meanwhile] = ['+919000000001', '+919000000002'];
    await block([before]);
    beforePage(1, async () => {
      await journey.api.call('POST', '/block/', { body: { phone: meanwhile } });
      await journey.api.call('DELETE', '/unblock/', { body: { phone: before } });
      journey.script.push({ status: 200, body: { data: [{ messaging_product: 'whatsapp', wa_id: '919000000001' }] } });
    });
    const { body } = await sync();

    expect(body).toEqual({ synced: 1, added: 0, removed: 0, restarts: 0 });
    expect(await flagged(journey)).toEqual([meanwhile]);
    journey.meanwhile.before = null;
    expect((await sync()).body).toEqual({ synced: 1, added: 0, removed: 0, restarts: 0 });
  });

  it('is refused while another one of the account runs', async () => {
    await atMeta({ add: phones(3) });
    let second: { status: number; body: Json } | null = null;
    beforePage(1, async () => {
      second = await sync();
    });
    const first = await sync();

    expect([first.status, second]).toEqual([
      200,
      expect.objectContaining({ status: 409, body: expect.objectContaining({ code: 'conflict' }) as Json }),
    ]);
    expect((await sync()).status).toBe(200);
  });

  it('heals what a lost answer left', async () => {
    await journey.simulator.configure({ blocking: { lose_answers: 1 } });
    const { status } = await journey.api.call('POST', '/block/', { body: { phone: '+919000000001' } });

    expect([status, await flagged(journey)]).toEqual([504, []]);
    expect((await sync()).body).toMatchObject({ added: 1 });
    expect(await flagged(journey)).toEqual(['+919000000001']);
  });

  it('knows a person again whom Meta lists under another name than they were blocked by', async () => {
    const [phone, userId] = ['+919000000007', 'IN.70000000000000000009'];
    await journey.simulator.call('PUT', `people/${userId}`, {});
    const contact = await journey.api.call('POST', '/contacts', { body: { phone, user_id: userId } });
    expect([contact.status, contact.body]).toEqual([201, expect.objectContaining({ phone, user_id: userId })]);
    await journey.api.call('POST', '/block/', { body: { user_id: userId, reason: 'spam' } });
    const page = { data: [{ messaging_product: 'whatsapp', wa_id: '919000000007' }] };
    journey.script.push({ status: 200, body: page });

    expect((await sync()).body).toEqual({ synced: 1, added: 0, removed: 0, restarts: 0 });
    expect(await listBlocked(journey)).toEqual([
      expect.objectContaining({ phone_number: phone, user_id: userId, reason: 'spam' }),
    ]);
  });

  it('leaves other accounts alone', async () => {
    const { body } = await journey.api.call<{ id: number }>('POST', '/accounts', {
      body: { name: 'Second', phone_number_id: '300000000000002', waba_id: '200000000000002', access_token: 'token' },
    });
    await journey.api.call('POST', '/block/', { accountId: body.id, body: { phone: '+919000000001' } });

    expect((await sync()).body).toEqual({ synced: 0, added: 0, removed: 0, restarts: 0 });
    expect(await flagged(journey, body.id)).toEqual(['+919000000001']);
  });
});
