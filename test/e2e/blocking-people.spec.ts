import { eventually } from '../support/app.js';
import {
  blockOf,
  flagged,
  forgetEverybody,
  listBlocked,
  startBlockingJourney,
  type BlockingJourney,
} from './blocking-journey.js';

let journey: BlockingJourney;

beforeAll(async () => {
  journey = await startBlockingJourney({ worker: true });
});

afterAll(() => journey.close());

async function block(body: Record<string, unknown>): Promise<void> {
  expect((await journey.api.call('POST', '/block/', { body })).status).toBe(200);
}

/** Somebody writes whose phone and user id Meta shows beside each other: two contacts turn out to be one. */
async function writes(phone: string, userId: string): Promise<void> {
  const text = `Hello from ${phone}`;
  // As a body of Meta's, for the simulator lets nobody write whom it has met under another name.
  await journey.simulator.call('POST', 'inbound', { from: phone, user_id: userId, text });
  await eventually(
    async () => (await journey.api.call('GET', `/chats/${encodeURIComponent(phone)}/messages`)).body,
    (body) => JSON.stringify(body).includes(text),
  );
}

async function twoPeople(index: number): Promise<{ phone: string; userId: string }> {
  const [phone, userId] = [`+91987650010${index}`, `IN.8000000000000000000${index}`];
  await journey.simulator.call('PUT', `people/${userId}`, {});
  await journey.api.call('POST', '/contacts', { body: { phone } });
  await journey.api.call('POST', '/contacts', { body: { user_id: userId } });
  return { phone, userId };
}

describe('two people who turn out to be one', () => {
  beforeAll(() => forgetEverybody(journey));

  it('are blocked when the one that goes was, and keep one row', async () => {
    const { phone, userId } = await twoPeople(1);
    await block({ user_id: userId, reason: 'spam', blocked_by: 'meera' });
    await writes(phone, userId);

    expect(await blockOf(journey, phone)).toMatchObject({
      is_active: true,
      user_id: userId,
      reason: 'spam',
      blocked_by: 'meera',
    });
    expect(await flagged(journey)).toContain(phone);
    expect(await listBlocked(journey, '&history=true')).toHaveLength(1);
  });

  it('have one row of two, blocked when either was, with both histories', async () => {
    const { phone, userId } = await twoPeople(2);
    await block({ phone, reason: 'old' });
    await journey.api.call('DELETE', '/unblock/', { body: { phone } });
    await block({ user_id: userId, reason: 'new' });
    const before = await listBlocked(journey, '&history=true');
    await writes(phone, userId);

    expect(await listBlocked(journey, '&history=true')).toHaveLength(before.length - 1);
    const row = await blockOf(journey, phone);
    expect(row).toMatchObject({
      is_active: true,
      reason: 'new',
      unblocked_at: null,
      phone_number: phone,
      user_id: userId,
    });
    expect(row?.events.map(({ action }) => action)).toEqual(['blocked', 'unblocked', 'blocked']);
    expect(await flagged(journey)).toContain(phone);
  });
});

describe('a person who is forgotten', () => {
  it('leaves no row and no history', async () => {
    const phone = '+919876500190';
    await block({ phone, reason: 'spam' });
    const row = await blockOf(journey, phone);
    const erased = await journey.api.call('DELETE', `/contacts/${row?.contact_id}?erase=true`);

    expect(erased.status).toBe(204);
    expect(await blockOf(journey, phone)).toBeNull();
    const events = await journey.api.db.queryDynamic('select 1 from block_events where blocked_user_id = $1', [
      row?.id,
    ]);
    expect(events).toEqual([]);
  });
});
