import type { Answer, CallOptions } from '../support/app.js';
import { awayFromMidnight } from '../support/clock.js';
import { campaignIs, draftWithCsv } from '../support/journey.js';
import {
  envelope,
  messagesBody,
  newWamid,
  numberChange,
  postWebhook,
  status,
  text,
  type JsonObject,
} from '../support/webhook-payloads.js';
import { addAccount, startInbox, type InboxJourney } from './inbox-journey.js';

interface Outbound {
  attempted: number;
  sent: number;
  delivered: number;
  read: number;
  failed: number;
  delivery_rate: number | null;
  read_rate: number | null;
  failure_rate: number | null;
}
interface Durations {
  count: number;
  average_s: number | null;
  median_s: number | null;
  p90_s: number | null;
}
interface Figures {
  from: string;
  to: string;
  account_ids: number[];
  inbound: { received: number };
  outbound: Outbound;
  conversations: { opened: number; answered: number; resolved: number };
  first_response: Durations;
  resolution: Durations;
  costs: { currency: string; cost: number }[];
  previous: Figures | null;
}
interface Day {
  date: string;
  inbound: { received: number };
  outbound: Outbound;
  conversations: { opened: number };
}
interface Sent {
  message: { id: number; message_id: string };
}

const NOTHING = {
  attempted: 0,
  sent: 0,
  delivered: 0,
  read: 0,
  failed: 0,
  delivery_rate: null,
  read_rate: null,
  failure_rate: null,
};

/** A time zone where no day begins while a test runs. */
function zoneAtNoon(): string {
  const ahead = 12 - new Date().getUTCHours();
  // POSIX counts westward.
  return ahead === 0 ? 'UTC' : `Etc/GMT${ahead > 0 ? '-' : '%2B'}${Math.abs(ahead)}`;
}

describe('analytics', () => {
  let inbox: InboxJourney;
  let nextPhone = 9_820_000_000;
  /** Each story has an account of its own, so that nobody else moves its figures. */
  let nextNumber = 300_000_000_100;

  const newPhone = (): string => `+91${(nextPhone += 1)}`;
  const get = async <T>(path: string, options: CallOptions = {}): Promise<T> => {
    const answer = await inbox.call<T>('GET', path, options);
    expect({ path, status: answer.status, body: answer.status === 200 ? null : answer.body }).toEqual({
      path,
      status: 200,
      body: null,
    });
    return answer.body;
  };
  const overview = (accountId: number, query = ''): Promise<Figures> =>
    get(`/analytics/overview?${query}`, { accountId });
  const newAccount = async (): Promise<{ id: number; numberId: string }> => {
    const numberId = `300${(nextNumber += 1)}`;
    return { id: await addAccount(inbox, numberId), numberId };
  };
  const send = async (accountId: number, phone: string, more: JsonObject = {}): Promise<string> => {
    const answer = await inbox.call<Sent>('POST', '/send-message/?force=true', {
      accountId,
      body: { phone, message: 'hello', ...more },
    });
    expect(answer.status).toBe(200);
    return answer.body.message.message_id;
  };
  const applied = async (body: JsonObject): Promise<void> => {
    expect((await postWebhook(inbox.api.url, body)).status).toBe(200);
    await inbox.receive([]);
  };
  const tell = (numberId: string, ...statuses: JsonObject[]): Promise<void> =>
    applied(messagesBody({ statuses }, numberId));
  /** Somebody of the business answers in the WhatsApp app. */
  const echo = (numberId: string, phone: string, at: Date): Promise<void> =>
    applied(
      envelope([
        numberChange(
          'smb_message_echoes',
          {
            message_echoes: [
              {
                from: '919800000001',
                to: phone.slice(1),
                id: newWamid(),
                timestamp: String(at.getTime() / 1_000),
                type: 'text',
                text: { body: 'answer' },
              },
            ],
          },
          numberId,
        ),
      ]),
    );
  const say = (numberId: string, phone: string, at: Date): Promise<void> =>
    inbox.receive([text(phone.slice(1), 'question', { timestamp: String(at.getTime() / 1_000) })], {}, numberId);
  const patchChat = async (accountId: number, phone: string, body: JsonObject): Promise<void> => {
    const answer = await inbox.call('PATCH', `/chats/${encodeURIComponent(phone)}`, { accountId, body });
    expect(answer.status).toBe(200);
  };
  const newKey = async (body: JsonObject): Promise<string> => {
    const answer = await inbox.call<{ key: string }>('POST', '/api-keys', { body: { name: 'k', ...body } });
    expect(answer.status).toBe(201);
    return answer.body.key;
  };

  beforeAll(async () => {
    inbox = await startInbox();
  });
  afterAll(() => inbox.close());

  describe('the overview', () => {
    it('is all zeros and nulls where nothing happened', async () => {
      const { id } = await newAccount();
      const body = await overview(id);
      expect(body).toMatchObject({
        account_ids: [id],
        inbound: { received: 0 },
        outbound: NOTHING,
        conversations: { opened: 0, answered: 0, resolved: 0 },
        first_response: { count: 0, average_s: null, median_s: null, p90_s: null },
        costs: [],
        previous: null,
      });
    });

    it('keeps inbound and outbound apart; delivered includes read, also where Meta left delivered out', async () => {
      const { id, numberId } = await newAccount();
      const phone = newPhone();
      await say(numberId, phone, new Date(Date.now() - 60_000));
      const wamids = [];
      for (let n = 0; n < 4; n += 1) {
        wamids.push(await send(id, phone));
      }
      const [delivered, read, failed] = wamids as [string, string, string];
      const failure = { errors: [{ code: 131_026, title: 'Message undeliverable' }] };
      // Twice, and out of order.
      for (let n = 0; n < 2; n += 1) {
        await tell(numberId, status(read, 'read'), status(failed, 'failed', failure), status(read, 'sent'));
        await tell(numberId, status(delivered, 'delivered'), status(delivered, 'sent'));
      }
      expect(await overview(id)).toMatchObject({
        inbound: { received: 1 },
        outbound: {
          attempted: 4,
          sent: 3,
          delivered: 2,
          read: 1,
          failed: 1,
          delivery_rate: 0.5,
          read_rate: 0.5,
          failure_rate: 0.25,
        },
      });
    });

    it('counts a message once, however often Meta sends it, and nothing that WhatsApp wrote itself', async () => {
      const { id, numberId } = await newAccount();
      const message = text(newPhone().slice(1), 'twice');
      await inbox.receive([message, message], {}, numberId);
      await inbox.receive([message], {}, numberId);
      const { text: _text, ...bare } = message;
      await inbox.receive([{ ...bare, id: newWamid(), type: 'request_welcome' }], {}, numberId);
      expect((await overview(id)).inbound).toEqual({ received: 1 });
    });

    it('sets the period before beside it when asked', async () => {
      const { id, numberId } = await newAccount();
      const phone = newPhone();
      await say(numberId, phone, new Date('2026-03-02T12:00:00Z'));
      await say(numberId, phone, new Date('2026-03-03T12:00:00Z'));
      await say(numberId, phone, new Date('2026-03-04T12:00:00Z'));
      const body = await overview(id, 'from=2026-03-04&to=2026-03-05&compare=previous');
      expect([body.from, body.to]).toEqual(['2026-03-04T00:00:00.000Z', '2026-03-06T00:00:00.000Z']);
      expect(body.inbound.received).toBe(1);
      expect(body.previous).toMatchObject({
        from: '2026-03-02T00:00:00.000Z',
        to: '2026-03-04T00:00:00.000Z',
        inbound: { received: 2 },
      });
    });
  });

  describe('every day', () => {
    const daily = async (accountId: number, query: string): Promise<Day[]> =>
      (await get<{ days: Day[] }>(`/analytics/daily?${query}`, { accountId })).days;

    it('is there, the last thirty by default, today the last', async () => {
      await awayFromMidnight();
      const { id } = await newAccount();
      const days = await daily(id, '');
      expect(days).toHaveLength(30);
      expect(days.at(-1)?.date).toBe(new Date().toISOString().slice(0, 10));
      expect(days.every(({ outbound }) => outbound.attempted === 0)).toBe(true);
    });

    it('is a day of the time zone: the same message stands under two dates', async () => {
      const { id, numberId } = await newAccount();
      await say(numberId, newPhone(), new Date('2026-02-10T20:00:00Z'));
      const datesOf = async (zone: string): Promise<string[]> =>
        (await daily(id, `from=2026-02-08&to=2026-02-13&time_zone=${zone}`))
          .filter(({ inbound }) => inbound.received > 0)
          .map(({ date }) => date);
      expect(await datesOf('UTC')).toEqual(['2026-02-10']);
      expect(await datesOf('Asia/Kolkata')).toEqual(['2026-02-11']);
      expect(await datesOf('Asia/Kathmandu')).toEqual(['2026-02-11']);
      expect(await datesOf('America/Los_Angeles')).toEqual(['2026-02-10']);
      expect(await datesOf('Pacific/Kiritimati')).toEqual(['2026-02-11']);
    });

    it('is also one of 23 or 25 hours, and loses nothing at its edges', async () => {
      const { id, numberId } = await newAccount();
      const phone = newPhone();
      // Berlin: 29 March has 23 hours (UTC+1 to UTC+2 at 01:00 UTC), 25 October 25.
      for (const at of [
        '2026-03-28T22:59:59Z',
        '2026-03-28T23:00:00Z',
        '2026-03-29T21:59:59Z',
        '2026-03-29T22:00:00Z',
      ]) {
        await say(numberId, phone, new Date(at));
      }
      for (const at of ['2026-10-24T22:00:00Z', '2026-10-25T22:59:59Z', '2026-10-25T23:00:00Z']) {
        await say(numberId, phone, new Date(at));
      }
      const counts = async (query: string): Promise<[string, number][]> =>
        (await daily(id, `${query}&time_zone=Europe/Berlin`)).map(({ date, inbound }) => [date, inbound.received]);
      expect(await counts('from=2026-03-27&to=2026-03-31')).toEqual([
        ['2026-03-27', 0],
        ['2026-03-28', 1],
        ['2026-03-29', 2],
        ['2026-03-30', 1],
        ['2026-03-31', 0],
      ]);
      expect(await counts('from=2026-10-25&to=2026-10-26')).toEqual([
        ['2026-10-25', 2],
        ['2026-10-26', 1],
      ]);
    });

    it('counts a message when it was sent, whenever its status comes', async () => {
      const { id, numberId } = await newAccount();
      const phone = newPhone();
      const wamid = await send(id, phone);
      await inbox.api.db.query(
        `with moved as (
           update messages set timestamp = '2026-05-05T10:07:00Z' where account_id = $1 and message_id = $2 returning account_id
         ), at_first as (
           insert into message_statistic_deltas (account_id, bucket, template_name, template_language, campaign_id, sent_by, sent)
           select account_id, unnest(array[timestamptz '2026-05-05T10:00:00Z', date_bin('15 minutes', timestamp, timestamptz 'epoch')]),
             '', '', 0, '', unnest(array[1, -1]) from messages where account_id = $1 and message_id = $2
         ) select from moved`,
        [id, wamid],
      );
      await tell(numberId, status(wamid, 'read'));
      const days = await daily(id, 'from=2026-05-04&to=2026-05-06');
      expect(days.map(({ outbound }) => [outbound.sent, outbound.read])).toEqual([
        [0, 0],
        [1, 1],
        [0, 0],
      ]);
      expect((await overview(id)).outbound).toEqual(NOTHING);
    });

    it('may be asked for by moments too, which are widened to quarters of an hour', async () => {
      const { id, numberId } = await newAccount();
      await say(numberId, newPhone(), new Date('2026-02-10T10:14:00Z'));
      const body = await overview(id, 'from=2026-02-10T10:05:00Z&to=2026-02-10T10:10:00Z');
      expect([body.from, body.to, body.inbound.received]).toEqual([
        '2026-02-10T10:00:00.000Z',
        '2026-02-10T10:15:00.000Z',
        1,
      ]);
    });

    it.each([
      ['time_zone=Mars/Olympus', 'time_zone', 'unknown_time_zone'],
      ['time_zone=%2B05:30', 'time_zone', 'unknown_time_zone'],
      ['from=yesterday', 'from', 'not_date'],
      ['to=2026-02-30', 'to', 'not_date'],
      ['from=2026-02-10&to=2026-02-09', 'from', 'not_before_to'],
      ['from=2025-01-01&to=2026-02-10', 'from', 'period_too_long'],
    ])('refuses ?%s by name', async (query, field, code) => {
      const answer = await inbox.call<{ errors: { field: string; code: string }[] }>(
        'GET',
        `/analytics/daily?${query}`,
      );
      expect(answer.status).toBe(400);
      expect(answer.body.errors.map((error) => [error.field, error.code])).toEqual([[field, code]]);
    });
  });

  describe('response times', () => {
    const at = (minute: number): Date => new Date(Date.UTC(2026, 5, 1, 10, minute));
    const PERIOD = 'from=2026-06-01&to=2026-06-01';

    it('run from the first message nobody had answered to the answer of a person', async () => {
      const { id, numberId } = await newAccount();
      const phone = newPhone();
      await say(numberId, phone, at(0));
      await say(numberId, phone, at(3));
      await echo(numberId, phone, at(10));
      // Nobody waits: this answers nothing.
      await echo(numberId, phone, at(11));
      await say(numberId, phone, at(20));
      await echo(numberId, phone, at(22));
      const body = await overview(id, PERIOD);
      expect(body.conversations).toEqual({ opened: 1, answered: 2, resolved: 0 });
      expect(body.first_response).toMatchObject({ count: 2, average_s: 360 });
      expect(body.first_response.median_s).toBeGreaterThan(120 * 0.95);
      expect(body.first_response.median_s).toBeLessThan(120 * 1.05);
    });

    it('do not begin with what came late: the answer was there already', async () => {
      const { id, numberId } = await newAccount();
      const phone = newPhone();
      await say(numberId, phone, at(0));
      await echo(numberId, phone, at(10));
      await say(numberId, phone, at(5));
      await echo(numberId, phone, at(40));
      expect((await overview(id, PERIOD)).first_response).toMatchObject({ count: 1, average_s: 600 });
    });

    it('end with a single send, by whose name it is, and not with a campaign’s', async () => {
      const phone = newPhone();
      const { accountId: id } = inbox;
      const before = await overview(id);
      await inbox.receive([text(phone.slice(1), 'hi', { timestamp: String(Math.floor(Date.now() / 1_000) - 90) })]);
      const campaign = await draftWithCsv(inbox, `phone,name,order_id\n${phone},Asha,O-1`);
      await inbox.call('POST', `/campaigns/${campaign}/run`);
      await campaignIs(inbox, campaign, 'completed');
      expect((await overview(id)).conversations.answered).toBe(before.conversations.answered);
      await send(id, phone, { sent_by: 'asha@example.com' });
      expect((await overview(id)).conversations.answered).toBe(before.conversations.answered + 1);
      const { agents } = await get<{ agents: { agent: string; first_response: Durations; outbound: Outbound }[] }>(
        '/analytics/agents',
      );
      const asha = agents.find(({ agent }) => agent === 'asha@example.com');
      expect(asha?.outbound.sent).toBe(1);
      expect(asha?.first_response.count).toBe(1);
      expect(asha?.first_response.average_s).toBeGreaterThanOrEqual(89);
      expect(asha?.first_response.average_s).toBeLessThan(150);
    });

    it('of resolving run from when the customer opened it, and anew when they come back', async () => {
      const { id, numberId } = await newAccount();
      const phone = newPhone();
      await say(numberId, phone, new Date(Math.floor(Date.now() / 1_000) * 1_000 - 600_000));
      await patchChat(id, phone, { assigned_to: 'ravi' });
      await patchChat(id, phone, { is_resolved: true });
      await patchChat(id, phone, { is_resolved: true });
      const once = await overview(id);
      expect(once.conversations).toEqual({ opened: 1, answered: 0, resolved: 1 });
      expect(once.resolution.average_s).toBeGreaterThanOrEqual(599);
      expect(once.resolution.average_s).toBeLessThan(660);
      await say(numberId, phone, new Date(Math.floor(Date.now() / 1_000) * 1_000));
      await patchChat(id, phone, { is_resolved: true });
      const twice = await overview(id);
      expect(twice.conversations).toEqual({ opened: 2, answered: 0, resolved: 2 });
      expect(twice.resolution.average_s).toBeLessThan(400);
      const { agents } = await get<{ agents: { agent: string; resolved: number; open_conversations: number }[] }>(
        '/analytics/agents',
        { accountId: id },
      );
      expect(agents).toMatchObject([{ agent: 'ravi', resolved: 2, open_conversations: 0 }]);
    });
  });

  describe('campaigns and templates', () => {
    it('are compared by what they sent; a deleted campaign keeps its figures and loses its name', async () => {
      const [first, second] = [newPhone(), newPhone()];
      const id = await draftWithCsv(inbox, `phone,name,order_id\n${first},A,O-1\n${second},B,O-2`, { name: 'Diwali' });
      await inbox.call('POST', `/campaigns/${id}/run`);
      await campaignIs(inbox, id, 'completed');
      type Row = { campaign_id: number; name: string | null; status: string | null; outbound: Outbound };
      const rowOf = async (): Promise<Row | undefined> =>
        (await get<{ campaigns: Row[] }>('/analytics/campaigns')).campaigns.find((row) => row.campaign_id === id);
      expect(await rowOf()).toMatchObject({
        name: 'Diwali',
        status: 'completed',
        outbound: { attempted: 2, sent: 2, delivered: 0, failed: 0 },
      });
      const { templates } = await get<{ templates: { name: string; language: string; outbound: Outbound }[] }>(
        '/analytics/templates',
      );
      const ofTemplate = templates.find(({ name }) => name === 'order_update');
      expect(ofTemplate?.outbound.sent).toBeGreaterThanOrEqual(2);
      expect((await inbox.call('DELETE', `/campaigns/${id}`)).status).toBe(204);
      expect(await rowOf()).toMatchObject({ name: null, status: null, outbound: { sent: 2 } });
    });
  });

  describe('labels', () => {
    it('show how conversations stand now and what happened to them under the label', async () => {
      const { id, numberId } = await newAccount();
      const [first, second] = [newPhone(), newPhone()];
      const before = new Date(Math.floor(Date.now() / 1_000) * 1_000 - 60_000);
      await say(numberId, first, before);
      await say(numberId, second, before);
      await patchChat(id, first, { label: 'Analytics VIP' });
      await patchChat(id, second, { label: 'Analytics VIP' });
      await patchChat(id, second, { is_resolved: true });
      const { labels } = await get<{ labels: JsonObject[] }>('/analytics/labels', { accountId: id });
      expect(labels.find(({ name }) => name === 'Analytics VIP')).toMatchObject({
        conversations: 2,
        open_conversations: 1,
        unread_conversations: 2,
        labelled: 2,
        opened: 0,
        resolved: 1,
        resolution: { count: 1 },
      });
      const other = await get<{ labels: JsonObject[] }>('/analytics/labels');
      expect(other.labels.find(({ name }) => name === 'Analytics VIP')).toMatchObject({
        conversations: 0,
        labelled: 0,
      });
    });
  });

  describe('costs', () => {
    const REGULAR = { billable: true, pricing_model: 'PMP', type: 'regular', category: 'utility' };

    it('count each delivered message once, by Meta’s word and the rate table, of single sends too', async () => {
      const { id, numberId } = await newAccount();
      const [unpriced, priced, free, undelivered] = [
        await send(id, newPhone()),
        await send(id, newPhone()),
        await send(id, newPhone()),
        await send(id, newPhone()),
      ];
      await tell(numberId, status(unpriced, 'delivered', { pricing: REGULAR }));
      const table = await inbox.call('PUT', '/rate-table', {
        body: { currency: 'USD', rates: [{ country: 'IN', category: 'utility', price: 0.0014 }] },
      });
      expect(table.status).toBe(200);
      for (let n = 0; n < 2; n += 1) {
        await tell(
          numberId,
          status(priced, 'read', { pricing: REGULAR }),
          status(priced, 'delivered', { pricing: REGULAR }),
          status(free, 'delivered', { pricing: { ...REGULAR, billable: false, type: 'free_customer_service' } }),
          status(undelivered, 'sent', { pricing: REGULAR }),
        );
      }
      const body = await get<{ totals: JsonObject[]; costs: JsonObject[] }>('/analytics/costs', { accountId: id });
      expect(body.totals).toEqual([{ currency: 'USD', cost: 0.0014 }]);
      expect(body.costs).toHaveLength(3);
      expect(body.costs).toEqual(
        expect.arrayContaining([
          { currency: null, category: 'utility', type: 'regular', country: 'IN', messages: 1, cost: null },
          { currency: 'USD', category: 'utility', type: 'regular', country: 'IN', messages: 1, cost: 0.0014 },
          { currency: 'USD', category: 'utility', type: 'free_customer_service', country: 'IN', messages: 1, cost: 0 },
        ]),
      );
      expect((await overview(id)).costs).toEqual([{ currency: 'USD', cost: 0.0014 }]);
    });
  });

  describe('lists', () => {
    it('come in pages, those with most first, and each row once', async () => {
      const { id } = await newAccount();
      const phone = newPhone();
      for (const agent of ['b', 'c', 'c', 'a', '=1+1']) {
        await send(id, phone, { sent_by: agent });
      }
      const seen: string[] = [];
      let cursor = '';
      do {
        const page: { agents: { agent: string }[]; next_cursor: string | null } = await get(
          `/analytics/agents?limit=1${cursor}`,
          { accountId: id },
        );
        seen.push(...page.agents.map(({ agent }) => agent));
        cursor = page.next_cursor === null ? '' : `&cursor=${page.next_cursor}`;
      } while (cursor !== '');
      expect(seen).toEqual(['c', '=1+1', 'a', 'b']);
      const bad = await inbox.call('GET', '/analytics/templates?cursor=nonsense');
      expect([bad.status, bad.body.code]).toEqual([400, 'bad_cursor']);

      const file = await inbox.call<string>('GET', '/analytics/agents/export', { accountId: id });
      expect(file.headers.get('content-type')).toBe('text/csv; charset=utf-8');
      expect(file.headers.get('content-disposition')).toBe('attachment; filename="analytics_agents.csv"');
      const lines = file.body.trimEnd().split('\r\n');
      expect(lines).toHaveLength(5);
      expect(lines[0]).toMatch(/^agent,outbound\.attempted,outbound\.sent,/);
      expect(lines[1]).toMatch(/^c,2,2,0,0,0,0,,0,/);
      expect(lines[2]).toMatch(/^'=1\+1,1,1,/);
    });

    it.each(['overview', 'daily', 'campaigns', 'templates', 'labels', 'costs'])(
      'can be had as a file: %s',
      async (report) => {
        const file = await inbox.call<string>('GET', `/analytics/${report}/export?from=2026-01-01&to=2026-01-02`);
        expect(file.status).toBe(200);
        const [head, ...lines] = file.body.trimEnd().split('\r\n');
        expect(head?.split(',').length).toBeGreaterThan(5);
        expect(lines.every((line) => line.split(',').length === head?.split(',').length)).toBe(true);
        expect(report === 'daily' ? lines : lines.slice(0, 1)).toHaveLength(
          { overview: 1, daily: 2, labels: 1 }[report] ?? 0,
        );
      },
    );

    it('that do not exist are no files', async () => {
      const answer = await inbox.call('GET', '/analytics/secrets/export');
      expect([answer.status, answer.body.code]).toEqual([400, 'validation_failed']);
    });
  });

  describe('whose figures', () => {
    it('are the account’s, or of all that the key may use; never another’s', async () => {
      const [a, b, c] = [await newAccount(), await newAccount(), await newAccount()];
      const at = new Date('2026-07-01T10:00:00Z');
      for (const { numberId } of [a, a, b, c]) {
        await say(numberId, newPhone(), at);
      }
      const key = await newKey({ scopes: ['analytics:read'], account_ids: [a.id, b.id] });
      const ask = (query: string, accountId?: number): Promise<Answer<Figures>> =>
        inbox.call<Figures>('GET', `/analytics/overview?from=2026-07-01&to=2026-07-01&${query}`, {
          key,
          ...(accountId === undefined ? {} : { accountId }),
        });
      expect((await ask('', b.id)).body.inbound.received).toBe(1);
      const all = (await ask('all_accounts=true')).body;
      expect([all.account_ids, all.inbound.received]).toEqual([[a.id, b.id], 3]);
      for (const foreign of [
        await ask('', c.id),
        await ask(`account_id=${c.id}`),
        await ask('all_accounts=true', c.id),
      ]) {
        expect([foreign.status, foreign.body]).toMatchObject([404, { code: 'account_not_found' }]);
      }
    });

    it('are for keys with the scope', async () => {
      const key = await newKey({ scopes: ['inbox:read', 'campaigns:read'] });
      for (const path of ['/analytics/overview', '/analytics/daily', '/analytics/daily/export', '/dashboard']) {
        const answer = await inbox.call('GET', path, { key });
        expect([path, answer.status, answer.body.code]).toEqual([path, 403, 'insufficient_scope']);
      }
    });
  });

  describe('the dashboard', () => {
    interface Dashboard {
      contacts: { total: number };
      conversations: { total: number; unread: number };
      campaigns: { total: number; running: number };
      messages_today: { total: number; inbound: number; outbound: number };
      recent_conversations: { phone_number: string; unread_count: number }[] | null;
      recent_campaigns: { name: string; status: string }[] | null;
    }

    it('shows the tiles, the latest conversations and the newest campaigns of the account', async () => {
      const { id, numberId } = await newAccount();
      const phones = Array.from({ length: 6 }, newPhone);
      for (const [n, phone] of phones.entries()) {
        await say(numberId, phone, new Date(Math.floor(Date.now() / 1_000) * 1_000 - (10 - n) * 1_000));
      }
      await send(id, phones[0] as string);
      await inbox.call('POST', `/chats/${encodeURIComponent(phones[1] as string)}/read`, { accountId: id, body: {} });
      await inbox.call('POST', '/campaigns', { accountId: id, body: { name: 'Draft', audience_type: 'contacts' } });
      const key = await newKey({ scopes: ['*'], account_ids: [id] });
      const body = await get<Dashboard>(`/dashboard?time_zone=${zoneAtNoon()}`, { key });
      expect(body).toMatchObject({
        account_id: id,
        contacts: { total: 6 },
        conversations: { total: 6, unread: 5 },
        campaigns: { total: 1, running: 0 },
        recent_campaigns: [{ name: 'Draft', status: 'draft', total_count: 0 }],
      });
      expect(body.recent_conversations?.map(({ phone_number }) => phone_number)).toEqual([
        phones[0],
        phones[5],
        phones[4],
        phones[3],
        phones[2],
      ]);
      expect(body.messages_today).toEqual({ total: 7, inbound: 6, outbound: 1 });
      const untied = await get<Dashboard>('/dashboard', { accountId: id });
      expect(untied.contacts.total).toBeGreaterThan(6);
    });

    it('tells names and phones only to keys that may read them', async () => {
      const key = await newKey({ scopes: ['analytics:read'] });
      expect(await get<Dashboard>('/dashboard', { key })).toMatchObject({
        recent_conversations: null,
        recent_campaigns: null,
      });
      const reader = await newKey({ scopes: ['analytics:read', 'inbox:read'] });
      const body = await get<Dashboard>('/dashboard', { key: reader });
      expect(body.recent_conversations).not.toBeNull();
      expect(body.recent_campaigns).toBeNull();
    });

    it('refuses a time zone that is none', async () => {
      expect((await inbox.call('GET', '/dashboard?time_zone=Nowhere')).status).toBe(400);
    });
  });
});
