import { eventually } from '../support/app.js';
import { newWamid, postWebhook, messagesBody, secondsAgo } from '../support/webhook-payloads.js';
import { addAccount, startInbox, type Bubble, type InboxJourney } from './inbox-journey.js';

const OTHER_NUMBER_ID = '300000000000002';

interface Found {
  messages: Bubble[];
  next_cursor: string | null;
}

describe('messages', () => {
  let inbox: InboxJourney;
  let otherAccount: number;

  const search = async (query: string, accountId?: number): Promise<Found> => {
    const answer = await inbox.call<Found>('GET', `/messages?${query}`, accountId === undefined ? {} : { accountId });
    expect([answer.status, query]).toEqual([200, query]);
    return answer.body;
  };
  const texts = async (query: string, accountId?: number): Promise<string[]> =>
    (await search(query, accountId)).messages.map(({ message_body }) => message_body);

  beforeAll(async () => {
    inbox = await startInbox();
    otherAccount = await addAccount(inbox, OTHER_NUMBER_ID);
  });
  afterAll(() => inbox.close());

  describe('GET /messages?q=', () => {
    const [ASHA, RAVI] = ['+919881000001', '+919881000002'];
    let from: string;

    beforeAll(async () => {
      await inbox.say(ASHA, 'The parcel has arrived', { secondsAgo: 500 });
      await inbox.say(RAVI, 'My Parcel is late', { secondsAgo: 400 });
      from = new Date(Date.now() - 350_000).toISOString();
      await inbox.say(ASHA, 'another parcel, please', { secondsAgo: 300 });
      await inbox.call('POST', '/send-message', {
        body: { phone: ASHA, message: 'Parcel number ORD-88 is on its way' },
      });
      await inbox.receive([
        {
          from: RAVI.slice(1),
          id: newWamid(),
          timestamp: secondsAgo(100),
          type: 'image',
          image: { id: '662000000000001', mime_type: 'image/jpeg', caption: 'this parcel is broken' },
        },
      ]);
      await inbox.say(ASHA, 'parcel of the other shop', { phoneNumberId: OTHER_NUMBER_ID });
    });

    it('finds words in all conversations of the account, the newest first', async () => {
      expect(await texts('q=parcel')).toEqual([
        'Parcel number ORD-88 is on its way',
        'this parcel is broken',
        'another parcel, please',
        'My Parcel is late',
        'The parcel has arrived',
      ]);
      expect(await texts('q=PARC%20number')).toEqual([]);
      expect(await texts('q=number%20parc')).toEqual(['Parcel number ORD-88 is on its way']);
      expect(await texts('q=88')).toEqual(['Parcel number ORD-88 is on its way']);
      expect(await texts('q=parcel', otherAccount)).toEqual(['parcel of the other shop']);
    });

    it('answers whole messages', async () => {
      const [message] = (await search('q=broken')).messages;
      expect(message).toMatchObject({
        message_type: 'image',
        direction: 'inbound',
        phone_number: RAVI,
        media_mime_type: 'image/jpeg',
        is_deleted: false,
        reactions: [],
      });
    });

    it('takes filters', async () => {
      expect(await texts('q=parcel&direction=outbound')).toEqual(['Parcel number ORD-88 is on its way']);
      expect(await texts('q=parcel&type=image')).toEqual(['this parcel is broken']);
      expect(await texts(`q=parcel&phone=${RAVI.slice(3)}`)).toEqual(['this parcel is broken', 'My Parcel is late']);
      expect(await texts(`q=parcel&phone=${RAVI.slice(3)}&direction=outbound`)).toEqual([]);
      expect(await texts(`q=parcel&to=${from}`)).toEqual(['My Parcel is late', 'The parcel has arrived']);
      expect(await texts(`q=parcel&from=${from}&direction=inbound`)).toEqual([
        'this parcel is broken',
        'another parcel, please',
      ]);
    });

    it('pages give each message once', async () => {
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const page: Found = await search(`q=parcel&limit=2${cursor ? `&cursor=${cursor}` : ''}`);
        seen.push(...page.messages.map(({ message_body }) => message_body));
        cursor = page.next_cursor;
      } while (cursor);
      expect(seen).toEqual(await texts('q=parcel'));
      expect(seen).toHaveLength(5);
    });

    it('common words page as rare ones do: each once, in order, with what came before and after', async () => {
      await inbox.api.db.query(
        `insert into messages (account_id, conversation_id, contact_id, direction, message_type, message_body, status, timestamp)
         select c.account_id, c.id, c.contact_id, 'inbound', 'text', case when n % 2 = 0 then 'thanks ' else 'no ' end || n, 'delivered',
           date_trunc('second', now()) - make_interval(secs => n / 7)
         from conversations c, generate_series(1, 1500) n
         where c.account_id = $1 and c.contact_id = (select id from contacts where phone = $2)`,
        [inbox.accountId, RAVI],
      );
      const pageThrough = async (query: string): Promise<Bubble[]> => {
        const seen: Bubble[] = [];
        let cursor: string | null = null;
        do {
          const page: Found = await search(`${query}&limit=150${cursor ? `&cursor=${cursor}` : ''}`);
          seen.push(...page.messages);
          cursor = page.next_cursor;
        } while (cursor);
        return seen;
      };
      const [everywhere, inThread] = [
        await pageThrough('q=thanks'),
        await pageThrough(`q=thanks&phone=${RAVI.slice(3)}`),
      ];
      expect(everywhere).toHaveLength(750);
      expect(new Set(everywhere.map(({ id }) => id)).size).toBe(750);
      const keys = everywhere.map(({ timestamp, id }) => `${timestamp}#${String(id).padStart(9, '0')}`);
      expect(keys).toEqual([...keys].sort().reverse());
      expect(inThread).toEqual(everywhere);
    });

    it('finds neither reactions nor what was deleted', async () => {
      const wamid = await inbox.say(ASHA, 'a parakeet, if you have one', { secondsAgo: 50 });
      await inbox.receive([
        {
          from: ASHA.slice(1),
          id: newWamid(),
          timestamp: secondsAgo(1),
          type: 'reaction',
          reaction: { message_id: wamid, emoji: '👍' },
        },
      ]);
      const [message] = (await search('q=parakeet')).messages;
      expect(message).toMatchObject({ message_id: wamid, reactions: [{ emoji: '👍', actor: 'customer' }] });
      await inbox.call('DELETE', `/messages/${message?.id}`);
      expect(await texts('q=parakeet')).toEqual([]);
    });

    it.each(['q=%25', 'q=%20', 'q=%F0%9F%99%8F', 'q=zzz', `q=${'x'.repeat(200)}`, 'q=%5C', `q=%27%20or%201%3D1`])(
      'finds nothing by %s',
      async (query) => {
        expect(await search(query)).toEqual({ messages: [], next_cursor: null });
      },
    );

    it.each([
      ['', 'q'],
      ['q=', 'q'],
      [`q=${'x'.repeat(201)}`, 'q'],
      ['q=%00', 'q'],
      ['q=a&q=b', 'q'],
      ['q=a&direction=sideways', 'direction'],
      ['q=a&type=telegram', 'type'],
      ['q=a&from=yesterday', 'from'],
      ['q=a&phone=12', 'phone'],
      ['q=a&sort=old', 'sort'],
    ])('refuses ?%s, naming %s', async (query, field) => {
      const { status, body } = await inbox.call<{ code: string; errors: { field: string }[] }>(
        'GET',
        `/messages?${query}`,
      );
      expect([status, body.code, body.errors[0]?.field]).toEqual([400, 'validation_failed', field]);
    });

    it('tells a wrong cursor, and a person without a conversation', async () => {
      const other = Buffer.from('["chats","2026-11-21T09:30:00.000Z",1]').toString('base64url');
      const odd = Buffer.from('["message-search","+012026-11-21T09:30:00.000Z",1]').toString('base64url');
      for (const cursor of ['abc', other, odd]) {
        const { status, body } = await inbox.call('GET', `/messages?q=parcel&cursor=${cursor}`);
        expect([status, body.code]).toEqual([400, 'bad_cursor']);
      }
      const { status, body } = await inbox.call('GET', '/messages?q=parcel&phone=%2B919899999999');
      expect([status, body.code]).toEqual([404, 'not_found']);
    });
  });

  describe('GET /messages/{id}', () => {
    it('tells the history of a sent message: every status, its price and its errors', async () => {
      const phone = '+919882000001';
      await inbox.say(phone, 'Hello');
      const sent = await inbox.call<{ message: Bubble }>('POST', '/send-message', { body: { phone, message: 'Hi' } });
      const { id, message_id } = sent.body.message;
      const status = (name: string, ago: number, more: object = {}): object => ({
        id: message_id,
        status: name,
        timestamp: secondsAgo(ago),
        recipient_id: phone.slice(1),
        ...more,
      });
      const pricing = { billable: true, pricing_model: 'PMP', category: 'service', type: 'regular' };
      const failure = { code: 131026, title: 'Undeliverable', error_data: { details: 'Not on this device.' } };
      for (const item of [
        status('delivered', 20, { pricing }),
        status('sent', 30, { pricing }),
        status('failed', 10, { errors: [failure] }),
        status('delivered', 20, { pricing }),
      ]) {
        expect((await postWebhook(inbox.api.url, messagesBody({ statuses: [item] }))).status).toBe(200);
      }
      await inbox.receive([]);
      const { body } = await inbox.call<Record<string, unknown>>('GET', `/messages/${id}`);
      expect(body).toMatchObject({
        id,
        status: 'delivered',
        error: { code: 131026, title: 'Undeliverable', details: 'Not on this device.' },
        raw_payload: null,
        statuses: [
          { status: 'sent', error: null, pricing, timestamp: expect.stringMatching(/\.\d{3}Z$/) },
          { status: 'delivered', error: null, pricing },
          { status: 'failed', error: { code: 131026 }, pricing: null },
        ],
      });
      expect(body.statuses).toHaveLength(3);
    });

    it('keeps the message object of the webhook', async () => {
      const phone = '+919882000002';
      const wamid = await inbox.say(phone, 'As it came');
      const [bubble] = (await inbox.thread(phone)).rows;
      const { body } = await inbox.call('GET', `/messages/${bubble?.id}`);
      expect(body).toMatchObject({
        message_id: wamid,
        raw_payload: { id: wamid, from: phone.slice(1), type: 'text', text: { body: 'As it came' } },
        statuses: [],
      });
    });

    it('knows only messages of the account', async () => {
      const phone = '+919882000003';
      await inbox.say(phone, 'Ours');
      const [bubble] = (await inbox.thread(phone)).rows;
      const foreign = await inbox.call('GET', `/messages/${bubble?.id}`, { accountId: otherAccount });
      const missing = await inbox.call('GET', '/messages/999999', { accountId: otherAccount });
      expect({ ...foreign.body, request_id: '' }).toEqual({ ...missing.body, request_id: '' });
      expect([foreign.status, foreign.body.code]).toEqual([404, 'not_found']);
      expect((await inbox.call('GET', '/messages/none')).status).toBe(400);
    });
  });

  describe('GET /messages/{id}/media', () => {
    const bytesOf = (
      id: number | undefined,
      headers: Record<string, string> = {},
      accountId?: number,
    ): Promise<Response> =>
      fetch(`${inbox.api.url}/whatsapp/api/messages/${id}/media`, {
        headers: {
          'x-api-key': 'test-admin-key-0123456789abcdef',
          ...(accountId === undefined ? {} : { 'x-account-id': String(accountId) }),
          ...headers,
        },
      });

    it('gives the file that a customer sent, whole or in part', async () => {
      const phone = '+919883000001';
      const bytes = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex');
      await inbox.simulator.configure({ webhooks: { enabled: true } });
      const { wamid } = await inbox.simulator.call<{ wamid: string }>('POST', 'inbound', {
        from: phone,
        type: 'image',
        mime_type: 'image/png',
        bytes_base64: bytes.toString('base64'),
        phone_number_id: '300000000000001',
      });
      await eventually(
        () => inbox.api.db.query('select id from messages where message_id = $1', [wamid]),
        (rows) => rows.length === 1,
      );
      await inbox.simulator.configure({ webhooks: { enabled: false } });
      const [bubble] = (await inbox.thread(phone)).rows;
      // 409: the worker is at it.
      const whole = await eventually(
        () => bytesOf(bubble?.id),
        ({ status }) => status !== 409,
      );
      expect([whole.status, whole.headers.get('content-type')]).toEqual([200, 'image/png']);
      expect(Buffer.from(await whole.arrayBuffer())).toEqual(bytes);
      const part = await bytesOf(bubble?.id, { range: 'bytes=1-3' });
      expect([part.status, await part.text()]).toEqual([206, 'PNG']);
      expect((await bytesOf(bubble?.id, {}, otherAccount)).status).toBe(404);
    });

    it('answers 404 for a message without a file, and for none', async () => {
      const phone = '+919883000002';
      await inbox.say(phone, 'Only words');
      const [bubble] = (await inbox.thread(phone)).rows;
      for (const id of [bubble?.id, 999_999]) {
        const answer = await bytesOf(id);
        expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([404, 'not_found']);
      }
    });
  });
});
