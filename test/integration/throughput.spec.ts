import type { Queryable } from '../../src/database/database.js';
import { ThroughputRepository } from '../../src/inbox/throughput.repository.js';
import { startTestApp, type TestApp } from '../support/app.js';

interface Message {
  direction?: 'inbound' | 'outbound';
  status: string;
  /** How long ago it was stored, in ms. */
  storedAgo: number;
  /** How long ago it was sent, by whoever says so; null: nobody yet. */
  sentAgo: number | null;
  campaignId?: number;
}

describe('what passes through a number beside its campaigns', () => {
  let api: TestApp;
  let accountId: number;
  let conversationId: number;
  let contactId: number;
  const throughput = new ThroughputRepository();

  beforeAll(async () => {
    api = await startTestApp();
    const account = await api.call<{ id: number }>('POST', '/accounts', {
      body: { name: 'A', phone_number_id: '1001', access_token: 'EAAx' },
    });
    accountId = account.body.id;
    const contact = await api.call<{ id: number }>('POST', '/contacts', { body: { phone: '+919810000001' } });
    contactId = contact.body.id;
    const [thread] = await api.db.query<{ id: number }>(
      'insert into conversations (account_id, contact_id) values ($1, $2) returning id',
      [accountId, contactId],
    );
    conversationId = thread!.id;
  });
  afterAll(() => api.close());
  afterEach(() => api.db.query('delete from messages'));

  const store = (
    db: Queryable,
    { direction = 'outbound', status, storedAgo, sentAgo, campaignId }: Message,
  ): Promise<unknown> =>
    db.query(
      `insert into messages (account_id, conversation_id, contact_id, direction, message_type, status, campaign_id, created_at, sent_at)
       values ($1, $2, $3, $4, 'text', $5, $6, now() - make_interval(secs => $7), now() - make_interval(secs => $8))`,
      [
        accountId,
        conversationId,
        contactId,
        direction,
        status,
        campaignId ?? null,
        storedAgo / 1_000,
        sentAgo === null ? null : sentAgo / 1_000,
      ],
    );

  it.each<[string, Message, number]>([
    [
      'one that waits for its answer may arrive at any moment',
      { status: 'pending', storedAgo: 5_000, sentAgo: null },
      1,
    ],
    ['one that was sent within the second counts', { status: 'sent', storedAgo: 800, sentAgo: 500 }, 1],
    [
      'Meta tells whole seconds, so one looks sent before it was stored: it counts from when it was',
      { status: 'delivered', storedAgo: 900, sentAgo: 1_700 },
      1,
    ],
    ['and no longer than that', { status: 'delivered', storedAgo: 1_400, sentAgo: 1_700 }, 0],
    [
      'one that was stored long before it went out counts from then',
      { status: 'sent', storedAgo: 3_000, sentAgo: 400 },
      1,
    ],
    [
      'what a customer wrote counts too',
      { direction: 'inbound', status: 'delivered', storedAgo: 300, sentAgo: null },
      1,
    ],
    ['a campaign’s own does not', { status: 'pending', storedAgo: 300, sentAgo: null, campaignId: 7 }, 0],
  ])('%s', async (_what, message, expected) => {
    const other = message.direction === 'inbound' ? 'outbound' : 'inbound';
    // In one transaction it is the same moment for all three.
    const counts = await api.db.transaction(async (tx) => {
      await store(tx, message);
      return [
        await throughput.countOthers(tx, accountId, ['inbound', 'outbound']),
        await throughput.countOthers(tx, accountId, [other]),
      ];
    });
    expect(counts).toEqual([expected, 0]);
  });

  it('counts those of the account alone', async () => {
    await store(api.db, { status: 'pending', storedAgo: 100, sentAgo: null });
    expect(await throughput.countOthers(api.db, accountId + 1, ['outbound'])).toBe(0);
  });
});
