import { eventually, startTestApp } from '../support/app.js';
import { Doorway } from '../support/doorway.js';
import { audienceCsv, campaignIs, draftWithCsv, getCampaign, setUp, type Journey } from '../support/journey.js';
import { startTestSimulator } from '../support/simulator.js';

/** Longer than a message is kept ready, and marked, before it goes out. */
const LONG_READY_MS = 5_000;

/** Every test has people of its own. */
let nextPhone = 9_670_000_000;
const people = (count: number): number => (nextPhone += count) - count + 1;

describe('what holds of a campaign when its message goes out', () => {
  let journey: Journey;
  /** The way to Graph. */
  let graph: Doorway;

  const move = async (id: number, name: string): Promise<void> => {
    const answer = await journey.api.call('POST', `/campaigns/${id}/${name}`);
    expect([200, 202]).toContain(answer.status);
  };
  const start = async (count: number, body: Record<string, unknown> = {}): Promise<number> => {
    const id = await draftWithCsv(journey, audienceCsv(count, people(count)), body);
    await move(id, 'run');
    return id;
  };
  /** Behind the back of the API: processes read accounts anew each second. */
  const setRate = async (perSecond: number): Promise<void> => {
    await journey.api.db.query('update accounts set messages_per_second = $2 where id = $1', [
      journey.accountId,
      perSecond,
    ]);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
  };
  const accepted = async (): Promise<{ to: string; arrived_at: number }[]> =>
    (await journey.simulator.rows()).filter(({ outcome }) => outcome === 'accepted');
  const isSending = (): Promise<unknown> => eventually(accepted, (rows) => rows.length > 0);
  const senderIsGone = (): Promise<unknown> =>
    eventually(
      () => journey.api.db.query('select 1 from sending_leases where not is_released'),
      (held) => held.length === 0,
      60_000,
    );
  const statusesOf = async (id: number): Promise<string[]> => {
    const rows = await journey.api.db.query<{ status: string }>(
      'select distinct status from campaign_recipients where campaign_id = $1 order by 1',
      [id],
    );
    return rows.map(({ status }) => status);
  };

  beforeAll(async () => {
    const simulator = await startTestSimulator({ latency_ms: 20 });
    graph = new Doorway(Number(new URL(simulator.url).port));
    await graph.open();
    const api = await startTestApp({ worker: true, env: { GRAPH_API_BASE_URL: graph.url } });
    await simulator.configure({ callback_url: `${api.url}/whatsapp/webhook/` });
    journey = {
      api,
      simulator,
      ...(await setUp(api)),
      close: async () => {
        await api.close();
        await graph.close();
        await simulator.close();
      },
    };
  });
  afterAll(() => journey.close());
  beforeEach(() => journey.simulator.call('DELETE', 'ledger'));

  it('who opts out while the number pauses gets no message', async () => {
    await setRate(80);
    const id = await start(600);
    await isSending();
    await graph.close();
    // Those whose message may be made: only they are known as contacts.
    const known = await journey.api.db.query<{ contact_id: number; phone: string }>(
      `select i.contact_id, r.phone from campaign_recipients r
         join contact_identities i on i.kind = 'phone' and i.value = r.phone
       where r.campaign_id = $1 and r.status = 'pending'`,
      [id],
    );
    expect(known.length).toBeGreaterThan(0);
    for (const { contact_id } of known) {
      expect((await journey.api.call('POST', `/contacts/${contact_id}/opt-out`, { body: {} })).status).toBe(200);
    }
    await new Promise((resolve) => setTimeout(resolve, LONG_READY_MS));
    const before = (await accepted()).length;
    await graph.open();
    const done = await campaignIs(journey, id, 'completed', 60_000);
    const optedOut = new Set(known.map(({ phone }) => phone.replace('+', '')));
    const after = (await accepted()).slice(before);
    expect(after.map(({ to }) => to).filter((to) => optedOut.has(to))).toEqual([]);
    expect(after.length).toBeGreaterThan(0);
    expect(done).toMatchObject({ skipped_count: known.length, failed_count: 0 });
    expect(await journey.simulator.ledger()).toMatchObject({ recipients_messaged_more_than_once: 0 });
  }, 120_000);

  it('a campaign that is cancelled while Graph is away sends nothing when it is back', async () => {
    await setRate(80);
    const id = await start(600);
    await isSending();
    await graph.close();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await move(id, 'cancel');
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const before = (await accepted()).length;
    await graph.open();
    await senderIsGone();
    expect((await accepted()).length).toBe(before);
    expect(await statusesOf(id)).not.toContain('sending');
    const messages = await journey.api.db.query(
      `select m.id from messages m join campaign_recipients r on r.id = m.campaign_recipient_id
       where r.campaign_id = $1 and r.status = 'pending'`,
      [id],
    );
    expect(messages).toEqual([]);
  }, 90_000);

  it.each(['cancel', 'pause'])(
    'at one message a second, %s stops the next but one',
    async (name) => {
      await setRate(1);
      const id = await start(30);
      await isSending();
      await move(id, name);
      const before = (await accepted()).length;
      await senderIsGone();
      expect((await accepted()).length - before).toBeLessThanOrEqual(1);
      expect(await statusesOf(id)).toEqual(expect.arrayContaining(['pending']));
      expect(await getCampaign(journey, id)).toMatchObject({ unknown_count: 0, failed_count: 0 });
    },
    90_000,
  );

  it('at one message a second, nothing goes out after the campaign’s time', async () => {
    await setRate(1);
    const expiresAt = Date.now() + 8_000;
    const id = await start(40, { expires_at: new Date(expiresAt).toISOString() });
    const done = await campaignIs(journey, id, 'completed', 60_000);
    const rows = await accepted();
    // One may be on its way when the time is over.
    expect(rows.filter(({ arrived_at }) => arrived_at > expiresAt).length).toBeLessThanOrEqual(1);
    expect(done).toMatchObject({ sent_count: rows.length, skipped_count: 40 - rows.length, unknown_count: 0 });
  }, 90_000);

  it('at one message a second, many campaigns take turns, and nobody is left out', async () => {
    await setRate(1);
    const ids: number[] = [];
    for (let n = 0; n < 5; n += 1) {
      ids.push(await start(60));
    }
    await eventually(
      () => Promise.all(ids.map((id) => getCampaign(journey, id))),
      (campaigns) => campaigns.every(({ sent_count }) => sent_count >= 1),
      40_000,
    );
    await Promise.all(ids.map((id) => journey.api.call('POST', `/campaigns/${id}/cancel`)));
    await senderIsGone();
    expect(await journey.simulator.ledger()).toMatchObject({ recipients_messaged_more_than_once: 0 });
  }, 90_000);
});
