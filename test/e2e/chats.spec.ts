import { eventually } from '../support/app.js';
import { PHONE_NUMBER_ID, startJourney, type Journey } from '../support/journey.js';

interface Conversation {
  id: number;
  phone_number: string | null;
  label: number | null;
  label_name: string | null;
  label_color: string | null;
  unread_count: number;
  last_message_at: string;
  contact_id: number;
  contact_name: string;
  is_resolved: boolean;
  assigned_to: string | null;
  is_blocked: boolean;
  last_message: Record<string, unknown> | null;
  service_window_expires_at: string | null;
  is_service_window_open: boolean;
}
interface ChatPage {
  conversations: Conversation[];
  next_cursor: string | null;
}
interface MessagePage {
  messages: { id: number; message_body: string; direction: string; timestamp: string }[];
  next_cursor: string | null;
  prev_cursor: string | null;
}

const OTHER_NUMBER_ID = '300000000000002';
const ASHA = '+919830000001';

describe('chats', () => {
  let journey: Journey;
  let otherAccount: number;

  const chats = async (query = '', accountId?: number): Promise<ChatPage> => {
    const answer = await journey.api.call<ChatPage>('GET', `/chats/?${query}`, accountId ? { accountId } : {});
    expect(answer.status).toBe(200);
    return answer.body;
  };
  const allChats = async (query = ''): Promise<Conversation[]> => (await chats(`limit=200&${query}`)).conversations;
  const inbound = (body: object): Promise<{ wamid: string }> =>
    journey.simulator.call('POST', 'inbound', { phone_number_id: PHONE_NUMBER_ID, ...body });
  const chat = async (address: string): Promise<Conversation> => {
    const answer = await journey.api.call<Conversation>('GET', `/chats/${encodeURIComponent(address)}`);
    expect(answer.status).toBe(200);
    return answer.body;
  };
  const hasUnread = (address: string, count: number): Promise<unknown> =>
    eventually(
      () => journey.api.call<Conversation>('GET', `/chats/${address}`),
      ({ status, body }) => status === 200 && body.unread_count === count,
    );
  const messages = async (address: string, query = ''): Promise<MessagePage> =>
    (await journey.api.call<MessagePage>('GET', `/chats/${address}/messages?${query}`)).body;

  beforeAll(async () => {
    journey = await startJourney();
    const other = await journey.api.call<{ id: number }>('POST', '/accounts', {
      body: { name: 'Other', phone_number_id: OTHER_NUMBER_ID, waba_id: '200000000000002', access_token: 'EAAother' },
    });
    otherAccount = other.body.id;
    // Meta's double knows a number once something was asked of it.
    await journey.simulator.call('PUT', `numbers/${OTHER_NUMBER_ID}`, { waba_id: '200000000000002' });
  });
  afterAll(() => journey.close());

  it('shows a conversation as the seeds do, with its last message and the end of its service window', async () => {
    await inbound({ from: ASHA, name: 'Asha', text: 'Namaste!' });
    await inbound({ from: ASHA, text: 'Are you there?' });
    await hasUnread(ASHA, 2);
    const [shown] = (await chats()).conversations;
    expect(shown).toEqual({
      id: expect.any(Number),
      phone_number: ASHA,
      label: null,
      label_name: null,
      label_color: null,
      unread_count: 2,
      last_message_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      contact_id: expect.any(Number),
      contact_name: 'Asha',
      is_resolved: false,
      assigned_to: null,
      is_blocked: false,
      last_message: {
        id: expect.any(Number),
        message_type: 'text',
        message_body: 'Are you there?',
        direction: 'inbound',
        status: 'delivered',
        timestamp: shown?.last_message_at,
      },
      service_window_expires_at: new Date(Date.parse(shown?.last_message_at ?? '') + 86_400_000).toISOString(),
      is_service_window_open: true,
    });
    const sent = await journey.api.call('POST', '/send-message', { body: { phone: ASHA, message: 'Yes' } });
    expect(sent.status).toBe(200);
    expect(await chat(ASHA)).toMatchObject({
      unread_count: 2,
      last_message: { message_body: 'Yes', direction: 'outbound' },
    });
  });

  it('finds a chat by phone in any spelling and by user id', async () => {
    const { id } = await chat(ASHA);
    for (const spelling of ['919830000001', '9830000001', '+91 98300-00001', '00919830000001']) {
      expect((await chat(spelling)).id).toBe(id);
    }
    const [identity] = await journey.api.db.query<{ value: string }>(
      `select value from contact_identities where kind = 'user_id' and contact_id = (select id from contacts where phone = $1)`,
      [ASHA],
    );
    expect((await chat(identity?.value as string)).id).toBe(id);
    const { status, body } = await journey.api.call('GET', '/chats/+919830999999');
    expect([status, body.code]).toEqual([404, 'not_found']);
    expect((await journey.api.call('GET', '/chats/12')).status).toBe(400);
  });

  it('keeps somebody who is known by user id only', async () => {
    await inbound({ user_id: 'IN.13491208655302741999', name: 'Ravi', text: 'Hidden number' });
    await eventually(
      async () => (await journey.api.call('GET', '/chats/IN.13491208655302741999')).status,
      (status) => status === 200,
    );
    expect(await chat('IN.13491208655302741999')).toMatchObject({ phone_number: null, contact_name: 'Ravi' });
    const answer = await journey.api.call('POST', '/send-message', {
      body: { user_id: 'IN.13491208655302741999', message: 'Hello' },
    });
    expect(answer.status).toBe(200);
  });

  it('another account’s conversation with the same person is another one, and out of sight', async () => {
    await inbound({ from: ASHA, text: 'To the other shop', phone_number_id: OTHER_NUMBER_ID });
    const there = await eventually(
      () => chats('', otherAccount),
      (page) => page.conversations.length === 1,
    );
    const here = await chat(ASHA);
    expect(there.conversations[0]?.id).not.toBe(here.id);
    expect(there.conversations[0]?.contact_id).toBe(here.contact_id);
    expect(here.last_message).toMatchObject({ message_body: 'Yes' });
    expect((await messages(ASHA)).messages.map((message) => message.message_body)).not.toContain('To the other shop');
    const hidden = await journey.api.call('GET', '/chats/IN.13491208655302741999', { accountId: otherAccount });
    expect(hidden.status).toBe(404);
    const query = await journey.api.call<ChatPage>('GET', `/chats?account_id=${otherAccount}&q=Ravi`);
    expect(query.body.conversations).toEqual([]);
  });

  describe('with 120 conversations', () => {
    const FIRST = 9_840_000_000;
    const PEOPLE = 120;

    beforeAll(async () => {
      await inbound({ from: `+91${FIRST}`, senders: PEOPLE, count: PEOPLE, text: 'Hello' });
      await eventually(
        () => allChats('q=+919840'.replace('+', '%2B')),
        (list) => list.length === PEOPLE,
      );
    });

    it('pages give each once, the most recent first, also where times are equal', async () => {
      const seen: Conversation[] = [];
      let cursor: string | null = null;
      do {
        const page: ChatPage = await chats(`limit=7${cursor ? `&cursor=${cursor}` : ''}`);
        expect(page.conversations.length).toBeLessThanOrEqual(7);
        seen.push(...page.conversations);
        cursor = page.next_cursor;
      } while (cursor);
      expect(seen).toHaveLength(PEOPLE + 2);
      expect(new Set(seen.map(({ id }) => id)).size).toBe(PEOPLE + 2);
      const keys = seen.map(({ last_message_at, id }) => `${last_message_at}#${String(id).padStart(12, '0')}`);
      expect(keys).toEqual([...keys].sort().reverse());
    });

    it('pages stay whole while messages arrive: who did not write is seen once, who wrote is on top of a new list', async () => {
      // Meta tells times in seconds: whoever writes in a later one is above all who wrote before.
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      const seen: number[] = [];
      const wrote = new Set<string>();
      let cursor: string | null = null;
      let round = 0;
      do {
        const page: ChatPage = await chats(`limit=10${cursor ? `&cursor=${cursor}` : ''}`);
        seen.push(...page.conversations.map(({ id }) => id));
        cursor = page.next_cursor;
        const from = `+91${FIRST + ((round * 13) % PEOPLE)}`;
        wrote.add(from);
        await inbound({ from, text: `Once more ${round}` });
        await eventually(
          async () => (await chat(from)).last_message,
          (last) => last?.message_body === `Once more ${round}`,
        );
        round += 1;
      } while (cursor);
      expect(new Set(seen).size).toBe(seen.length);
      const list = await allChats();
      const quiet = list.filter(({ phone_number }) => !wrote.has(phone_number ?? ''));
      expect(quiet.filter(({ id }) => !seen.includes(id))).toEqual([]);
      expect(new Set(list.slice(0, wrote.size).map(({ phone_number }) => phone_number))).toEqual(wrote);
    });

    it('filters by text, by state, by what is unread, by agent and by label', async () => {
      const [a, b, c] = [`+91${FIRST + 100}`, `+91${FIRST + 101}`, `+91${FIRST + 102}`];
      const contact = async (phone: string, body: object): Promise<void> => {
        const { contact_id } = await chat(phone);
        const answer = await journey.api.call('PATCH', `/contacts/${contact_id}`, { body });
        expect(answer.status).toBe(200);
      };
      await contact(a, { name: 'Zubin 100%_sure', labels: ['VIP'] });
      const [vip] = await journey.api.db.query<{ id: number }>(`select id from labels where name = 'VIP'`);
      const labelId = vip?.id as number;
      const set = (
        phone: string,
        column: 'label_id' | 'is_resolved' | 'assigned_to',
        value: unknown,
      ): Promise<unknown> =>
        journey.api.db.queryDynamic(
          `update conversations set ${column} = $2 where contact_id = (select id from contacts where phone = $1) and account_id = $3`,
          [phone, value, journey.accountId],
        );
      await set(a, 'label_id', labelId);
      await set(b, 'is_resolved', true);
      await set(c, 'assigned_to', 'asha@example.com');
      await journey.api.db.queryDynamic('update conversations set unread_count = 0 where id = $1', [
        (await chat(b)).id,
      ]);

      const phones = async (query: string): Promise<(string | null)[]> =>
        (await allChats(query)).map(({ phone_number }) => phone_number);
      expect(await phones('q=zubin')).toEqual([a]);
      expect(await phones('q=100%25_')).toEqual([a]);
      expect(await phones('q=%25')).toEqual([]);
      expect(await phones(`q=${FIRST + 101}`)).toEqual([b]);
      expect(await phones('label=vip')).toEqual([a]);
      expect(await phones(`label=${labelId}`)).toEqual([a]);
      expect(await phones('label=nobody')).toEqual([]);
      expect(await phones('status=resolved')).toEqual([b]);
      expect(await phones('status=open')).not.toContain(b);
      expect(await phones('status=all')).toHaveLength(PEOPLE + 2);
      expect(await phones('assigned_to=asha%40example.com')).toEqual([c]);
      expect(await phones('unread=true')).not.toContain(b);
      expect(await phones('unread=true&status=resolved')).toEqual([]);
      expect((await chats('label=vip')).conversations[0]).toMatchObject({
        label: labelId,
        label_name: 'VIP',
        label_color: 'gray',
      });
    });

    it.each(['status=closed', 'limit=0', 'limit=201', 'limit=x', 'unread=maybe', 'page=2', 'q=a&q=b'])(
      'refuses ?%s',
      async (query) => {
        const { status, body } = await journey.api.call('GET', `/chats?${query}`);
        expect([status, body.code]).toEqual([400, 'validation_failed']);
      },
    );

    it.each([
      'nonsense',
      Buffer.from('["chats","x",1]').toString('base64url'),
      Buffer.from('["campaigns",1]').toString('base64url'),
    ])('refuses the cursor %s', async (cursor) => {
      const { status, body } = await journey.api.call('GET', `/chats?cursor=${cursor}`);
      expect([status, body.code]).toEqual([400, 'bad_cursor']);
    });
  });

  describe('messages of a chat', () => {
    const RAVI = '+919850000001';
    const COUNT = 25;

    beforeAll(async () => {
      for (let index = 1; index <= COUNT; index += 1) {
        await inbound({ from: RAVI, text: `message ${index}` });
      }
      await hasUnread(RAVI, COUNT);
    });

    it('come the newest first; cursors go back in time and forward again', async () => {
      const pages: MessagePage[] = [await messages(RAVI, 'limit=10')];
      while (pages.at(-1)?.next_cursor) {
        pages.push(await messages(RAVI, `limit=10&cursor=${pages.at(-1)?.next_cursor}`));
      }
      expect(pages.map((page) => page.messages.length)).toEqual([10, 10, 5]);
      const ids = pages.flatMap((page) => page.messages.map(({ id }) => id));
      expect(new Set(ids).size).toBe(COUNT);
      const keys = pages.flatMap((page) =>
        page.messages.map(({ timestamp, id }) => `${timestamp}#${String(id).padStart(12, '0')}`),
      );
      expect(keys).toEqual([...keys].sort().reverse());
      const forward = await messages(RAVI, `limit=10&cursor=${pages[2]?.prev_cursor}`);
      expect(forward.messages).toEqual(pages[1]?.messages);
      const back = await messages(RAVI, `limit=10&cursor=${forward.next_cursor}`);
      expect(back.messages).toEqual(pages[2]?.messages);
    });

    it('the forward cursor of the newest page finds what came since', async () => {
      const first = await messages(RAVI, 'limit=5');
      const nothing = await messages(RAVI, `cursor=${first.prev_cursor}`);
      expect(nothing).toMatchObject({ messages: [], prev_cursor: first.prev_cursor });
      await journey.api.call('POST', '/send-message', { body: { phone: RAVI, message: 'Answer' } });
      const news = await messages(RAVI, `cursor=${nothing.prev_cursor}`);
      expect(news.messages.map(({ message_body }) => message_body)).toEqual(['Answer']);
    });

    it('lead forward from the oldest message to the newest, and leave nothing out', async () => {
      const all = (await messages(RAVI, 'limit=200')).messages.map(({ id }) => id);
      const last = await messages(RAVI, `limit=${all.length - 1}`);
      const oldest = await messages(RAVI, `cursor=${last.next_cursor}`);
      expect(oldest).toMatchObject({ messages: [{ id: all.at(-1) }], next_cursor: null });
      const seen: number[] = [];
      let page = await messages(RAVI, `limit=4&cursor=${oldest.prev_cursor}`);
      while (page.messages.length > 0) {
        seen.unshift(...page.messages.map(({ id }) => id));
        page = await messages(RAVI, `limit=4&cursor=${page.prev_cursor}`);
      }
      expect(seen).toEqual(all.slice(0, -1));
    });

    it('are the same by every name of the person', async () => {
      // Statuses of what was sent may still be on their way.
      const said = async (of: string): Promise<object[]> =>
        (await messages(of, 'limit=200')).messages.map(({ id, message_body, direction }) => ({
          id,
          message_body,
          direction,
        }));
      const all = await said(RAVI);
      const [identity] = await journey.api.db.query<{ value: string }>(
        `select value from contact_identities where kind = 'user_id' and contact_id = (select id from contacts where phone = $1)`,
        [RAVI],
      );
      for (const spelling of ['9850000001', '00919850000001', '%2B91%2098500-00001', identity?.value as string]) {
        expect(await said(spelling)).toEqual(all);
      }
    });

    it('that WhatsApp delivers late stand where they belong, and are met on the way back', async () => {
      const first = await messages(RAVI, 'limit=5');
      const longAgo = Math.floor(Date.now() / 1_000) - 7_200;
      await inbound({ from: RAVI, text: 'delivered late', timestamp: longAgo });
      const rest = await eventually(
        () => messages(RAVI, `limit=200&cursor=${first.next_cursor}`),
        (page) => page.messages.length === COUNT + 1 - 4,
      );
      expect(rest.messages.at(-1)).toMatchObject({ message_body: 'delivered late' });
      expect((await chat(RAVI)).last_message).not.toMatchObject({ message_body: 'delivered late' });
      expect((await messages(RAVI, `cursor=${first.prev_cursor}`)).messages).toEqual([]);
    });

    it('a wrong cursor is told', async () => {
      const { status, body } = await journey.api.call('GET', `/chats/${RAVI}/messages?cursor=abc`);
      expect([status, body.code]).toEqual([400, 'bad_cursor']);
    });
  });
});
