import { eventually } from '../support/app.js';
import { newWamid, postWebhook, messagesBody, secondsAgo, text } from '../support/webhook-payloads.js';
import { addAccount, startInbox, type Bubble, type Chat, type InboxJourney } from './inbox-journey.js';

const OTHER_NUMBER_ID = '300000000000002';
/** The simulator refuses this one at once. */
const REFUSED = '+919999131045';

describe('organising chats', () => {
  let inbox: InboxJourney;
  let otherAccount: number;
  let last = 9_861_000_000;

  const newPhone = (): string => `+91${(last += 1)}`;
  const patch = (
    phone: string,
    body: unknown,
    options: { accountId?: number; key?: string } = {},
  ): Promise<{ status: number; body: Chat & { code?: string; errors?: { field: string; code: string }[] } }> =>
    inbox.call('PATCH', `/chats/${encodeURIComponent(phone)}`, { body, ...options });
  /** Somebody who wrote. */
  const newChat = async (...texts: string[]): Promise<string> => {
    const phone = newPhone();
    for (const [index, body] of (texts.length > 0 ? texts : ['Hello']).entries()) {
      await inbox.say(phone, body, { secondsAgo: 300 - index });
    }
    return phone;
  };
  const send = async (body: object): Promise<Bubble> => {
    const answer = await inbox.call<{ message: Bubble }>('POST', '/send-message', { body });
    expect([200, 202]).toContain(answer.status);
    return answer.body.message;
  };

  beforeAll(async () => {
    inbox = await startInbox();
    otherAccount = await addAccount(inbox, OTHER_NUMBER_ID);
  });
  afterAll(() => inbox.close());

  describe('PATCH /chats/{phone}', () => {
    it('labels by a name, which becomes a label, and by an id; an empty name and null take the label away', async () => {
      const phone = await newChat();
      const named = await patch(phone, { label: ' Waiting ' });
      expect(named).toMatchObject({ status: 200, body: { label_name: 'Waiting', label_color: 'gray' } });
      const id = named.body.label;
      expect((await patch(phone, { label: '' })).body).toMatchObject({
        label: null,
        label_name: null,
        label_color: null,
      });
      expect((await patch(phone, { label: id })).body).toMatchObject({ label: id, label_name: 'Waiting' });
      expect((await patch(phone, { label: null })).body).toMatchObject({ label: null });
      expect((await patch(phone, { label: 'WAITING' })).body).toMatchObject({ label: id });
      expect(await inbox.chat(phone)).toMatchObject({ label: id, label_name: 'Waiting' });
    });

    it('takes a name of digits as a name', async () => {
      const phone = await newChat();
      expect((await patch(phone, { label: '2027' })).body).toMatchObject({ label_name: '2027' });
      expect(await inbox.phones('label=2027')).toEqual([phone]);
    });

    it('resolves and assigns, and changes only what it is given', async () => {
      const phone = await newChat();
      await patch(phone, { label: 'Kept', assigned_to: 'asha@example.com' });
      expect((await patch(phone, { is_resolved: true })).body).toMatchObject({
        is_resolved: true,
        label_name: 'Kept',
        assigned_to: 'asha@example.com',
        unread_count: 1,
      });
      expect((await patch(phone, {})).body).toMatchObject({ is_resolved: true, label_name: 'Kept' });
      expect((await patch(phone, { assigned_to: null })).body).toMatchObject({ assigned_to: null, is_resolved: true });
      expect((await patch(phone, { assigned_to: '  ravi  ' })).body).toMatchObject({ assigned_to: 'ravi' });
      expect((await patch(phone, { assigned_to: '' })).body).toMatchObject({ assigned_to: null });
    });

    it.each<[string, unknown, string, string]>([
      ['an unknown field', { priority: 1 }, 'priority', 'unknown_field'],
      ['a label that is no id', { label: 1.5 }, 'label', 'invalid_label'],
      ['a label that is a list', { label: ['VIP'] }, 'label', 'invalid_label'],
      ['a label that is true', { label: true }, 'label', 'invalid_label'],
      ['an id no label has', { label: 999_999 }, 'label', 'not_found'],
      ['a name that is too long', { label: 'x'.repeat(51) }, 'label', 'invalid_label'],
      ['a name with NUL', { label: 'a\u0000b' }, 'label', 'invalid_label'],
      ['is_resolved as a word', { is_resolved: 'yes' }, 'is_resolved', 'not_boolean'],
      ['is_resolved as null', { is_resolved: null }, 'is_resolved', 'required'],
      ['a number as agent', { assigned_to: 7 }, 'assigned_to', 'not_string'],
      ['an agent with too long a name', { assigned_to: 'x'.repeat(256) }, 'assigned_to', 'max_length'],
      ['an agent called none', { assigned_to: 'none' }, 'assigned_to', 'reserved'],
    ])('refuses %s and changes nothing', async (_what, body, field, code) => {
      const phone = await newChat();
      const answer = await patch(phone, { ...(body as object), ...(field === 'label' ? { is_resolved: true } : {}) });
      expect([answer.status, answer.body.errors?.[0]?.field, answer.body.errors?.[0]?.code]).toEqual([
        400,
        field,
        code,
      ]);
      expect(await inbox.chat(phone)).toMatchObject({ label: null, is_resolved: false, assigned_to: null });
    });

    it('answers 404 for somebody without a conversation, here or with another account', async () => {
      const phone = await newChat();
      for (const [address, accountId] of [
        ['+919899999999', undefined],
        ['IN.13491208655302749999', undefined],
        [phone, otherAccount],
      ] as const) {
        const answer = await patch(address, { is_resolved: true }, accountId === undefined ? {} : { accountId });
        expect([answer.status, answer.body.code]).toEqual([404, 'not_found']);
      }
      expect(await inbox.chat(phone)).toMatchObject({ is_resolved: false });
    });

    it('needs the right to write', async () => {
      const phone = await newChat();
      const { body } = await inbox.call<{ key: string }>('POST', '/api-keys', {
        body: { name: 'r', scopes: ['inbox:read'] },
      });
      const { status } = await patch(phone, { is_resolved: true }, { key: body.key });
      expect(status).toBe(403);
    });

    it('tells of what changed, once, with the conversation as it is now', async () => {
      const phone = await newChat();
      const { id, contact_id } = await inbox.chat(phone);
      const labelled = await patch(phone, { label: 'Told', is_resolved: true });
      await patch(phone, { label: 'Told', is_resolved: true });
      await patch(phone, { assigned_to: 'asha' });
      await patch(phone, {});
      expect(await inbox.updates(id)).toEqual([
        {
          id,
          contact_id,
          phone_number: phone,
          user_id: null,
          label: labelled.body.label,
          is_resolved: true,
          assigned_to: null,
          unread_count: 1,
          is_blocked: false,
          changed: ['label', 'is_resolved'],
        },
        expect.objectContaining({ assigned_to: 'asha', is_resolved: true, changed: ['assigned_to'] }),
      ]);
    });

    it('many at once: each field has its change, and an equal change is told once', async () => {
      const phone = await newChat();
      const { id } = await inbox.chat(phone);
      const answers = await Promise.all([
        ...Array.from({ length: 5 }, () => patch(phone, { is_resolved: true })),
        ...Array.from({ length: 5 }, () => patch(phone, { assigned_to: 'asha' })),
        ...Array.from({ length: 5 }, () => patch(phone, { label: 'At once' })),
      ]);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      expect(await inbox.chat(phone)).toMatchObject({ is_resolved: true, assigned_to: 'asha', label_name: 'At once' });
      const changed = (await inbox.updates(id)).map((update) => update.changed);
      expect([...changed].sort()).toEqual([['assigned_to'], ['is_resolved'], ['label']]);
    });

    it('a resolved conversation is open again when the customer writes, and only then', async () => {
      const phone = await newChat();
      await patch(phone, { is_resolved: true });
      await send({ phone, message: 'Anything else?' });
      expect(await inbox.chat(phone)).toMatchObject({ is_resolved: true });
      await inbox.say(phone, 'Yes!', { secondsAgo: 1 });
      expect(await inbox.chat(phone)).toMatchObject({ is_resolved: false, assigned_to: null });
    });
  });

  it('lists by state, agent and unread messages, in any combination', async () => {
    const [a, b, c] = [await newChat(), await newChat(), await newChat()];
    await patch(a, { label: 'Combined', assigned_to: 'kavya' });
    await patch(b, { label: 'Combined', assigned_to: 'kavya', is_resolved: true });
    await patch(c, { label: 'Combined' });
    await inbox.call('POST', `/chats/${a}/read`, { body: {} });
    const listed = async (query: string): Promise<string[]> =>
      (await inbox.phones(`label=combined&${query}`)).map((phone) => String(phone)).sort();
    expect(await listed('')).toEqual([a, b, c]);
    expect(await listed('assigned_to=kavya')).toEqual([a, b]);
    expect(await listed('assigned_to=Kavya')).toEqual([]);
    expect(await listed('assigned_to=none')).toEqual([c]);
    expect(await listed('assigned_to=kavya&status=open')).toEqual([a]);
    expect(await listed('assigned_to=kavya&status=resolved&unread=true')).toEqual([b]);
    expect(await listed('unread=true')).toEqual([b, c]);
    expect(await listed('unread=false')).toEqual([a]);
    expect(await listed('status=all&limit=1')).toEqual([a, b, c]);
  });

  describe('the last message', () => {
    it('is no reaction', async () => {
      const phone = await newChat();
      const wamid = await inbox.say(phone, 'Look at this', { secondsAgo: 60 });
      const before = await inbox.chat(phone);
      await inbox.receive([
        {
          from: phone.slice(1),
          id: newWamid(),
          timestamp: secondsAgo(1),
          type: 'reaction',
          reaction: { message_id: wamid, emoji: '👍' },
        },
      ]);
      await inbox.call('POST', '/send-reaction', { body: { phone, message_id: wamid, emoji: '🎉' } });
      expect(await inbox.chat(phone)).toMatchObject({
        last_message: { message_body: 'Look at this' },
        last_message_at: before.last_message_at,
      });
      const { rows } = await inbox.thread(phone);
      expect(rows.map(({ message_type, message_body }) => [message_type, message_body])).toEqual([
        ['text', 'Look at this'],
        ['text', 'Hello'],
      ]);
    });

    it('is the one before, when the last one is deleted; the conversation keeps its place', async () => {
      const phone = await newChat('first', 'second', 'third');
      const later = newPhone();
      await inbox.say(later, 'Hello', { secondsAgo: 10 });
      const before = await inbox.chat(phone);
      const remove = async (): Promise<number> =>
        (await inbox.call('DELETE', `/messages/${(await inbox.chat(phone)).last_message?.id}`)).status;
      expect(await remove()).toBe(204);
      const after = await inbox.chat(phone);
      expect(after).toMatchObject({
        last_message: { message_body: 'second' },
        last_message_at: before.last_message_at,
      });
      expect(after.unread_count).toBe(before.unread_count);
      const ours = (await inbox.phones('')).filter((listed) => listed === phone || listed === later);
      expect(ours).toEqual([later, phone]);
      await remove();
      await remove();
      expect(await inbox.chat(phone)).toMatchObject({ last_message: null });
      expect(await inbox.phones('')).toContain(phone);
    });

    it('is none that the customer took back; the thread shows that it was', async () => {
      const phone = await newChat('stays');
      const wamid = await inbox.say(phone, 'a secret', { secondsAgo: 60 });
      await inbox.receive([
        {
          from: phone.slice(1),
          id: newWamid(),
          timestamp: secondsAgo(1),
          type: 'revoke',
          revoke: { original_message_id: wamid },
        },
      ]);
      expect((await inbox.chat(phone)).last_message).toMatchObject({ message_body: 'stays' });
      expect((await inbox.thread(phone)).rows).toMatchObject([
        { message_id: wamid, is_deleted: true, deleted_by: 'customer' },
        { message_body: 'stays', is_deleted: false },
      ]);
    });

    it('may be one that failed, and a chat with nothing else is listed and found', async () => {
      await inbox.simulator.configure({ enforce_window: false });
      const answer = await inbox.call<{ message: Bubble }>('POST', '/send-message?force=true', {
        body: { phone: REFUSED, message: 'Anybody there?', sent_by: 'asha' },
      });
      expect(answer.status).not.toBe(200);
      const chat = await eventually(
        () => inbox.chat(REFUSED),
        ({ last_message: message }) => message?.status === 'failed',
      );
      expect(chat).toMatchObject({
        last_message: { message_body: 'Anybody there?', sent_by: 'asha', error: { code: expect.any(Number) } },
        service_window_expires_at: null,
        is_service_window_open: false,
        last_message_at: chat.last_message?.timestamp,
      });
      expect((await inbox.chats()).rows.map(({ id }) => id)).toContain(chat.id);
      expect(await inbox.phones('q=9999131045')).toEqual([REFUSED]);
      expect(await inbox.phones('q=anybody')).toEqual([REFUSED]);
    });

    it('is none that is still to be sent; taking that one back leaves nothing of it in the thread', async () => {
      const phone = await newChat('Please write tomorrow');
      const tomorrow = new Date(Date.now() + 3_600_000).toISOString();
      const scheduled = await send({ phone, message: 'Good morning', send_at: tomorrow });
      expect((await inbox.chat(phone)).last_message).toMatchObject({ message_body: 'Please write tomorrow' });
      expect((await inbox.thread(phone)).rows).toContainEqual(
        expect.objectContaining({ id: scheduled.id, status: 'scheduled' }),
      );
      for (let time = 1; time <= 2; time += 1) {
        expect((await inbox.call('DELETE', `/messages/${scheduled.id}`)).status).toBe(204);
        const { body } = await inbox.call<Bubble>('GET', `/messages/${scheduled.id}`);
        expect(body).toMatchObject({ status: 'cancelled', is_deleted: false });
      }
      expect((await inbox.thread(phone)).rows.map(({ message_body }) => message_body)).toEqual([
        'Please write tomorrow',
      ]);
      expect((await inbox.call('GET', '/messages?q=good%20morning')).body).toEqual({ messages: [], next_cursor: null });
    });

    it('lists a chat in which nothing but a scheduled message is', async () => {
      const phone = newPhone();
      const send_at = new Date(Date.now() + 3_600_000).toISOString();
      await inbox.call('POST', '/send-template', {
        body: { phone, template_name: 'hello_world', language: 'en_US', send_at },
      });
      expect((await inbox.chats()).rows[0]).toMatchObject({ phone_number: phone, last_message: null });
    });

    it('shows at most 200 characters of a text, and never half of one', async () => {
      const phone = await newChat('🙏'.repeat(300));
      expect((await inbox.chat(phone)).last_message?.message_body).toBe('🙏'.repeat(200));
    });

    it('names the file of a message that has one', async () => {
      const phone = newPhone();
      const document = {
        id: '661000000000001',
        mime_type: 'application/pdf',
        filename: 'invoice.pdf',
        caption: 'Here',
      };
      await inbox.receive([
        { from: phone.slice(1), id: newWamid(), timestamp: secondsAgo(5), type: 'document', document },
      ]);
      expect((await inbox.chat(phone)).last_message).toMatchObject({
        message_type: 'document',
        message_body: 'Here',
        media_mime_type: 'application/pdf',
        media_filename: 'invoice.pdf',
      });
    });
  });

  it('a conversation in which nothing ever was is not shown', async () => {
    const phone = newPhone();
    await newChat();
    await inbox.api.db.queryDynamic(
      `with k as (insert into contacts (identity_key, phone) values ('phone:' || $1::text, $1) returning id)
       insert into conversations (account_id, contact_id) select $2, id from k`,
      [phone, inbox.accountId],
    );
    expect(await inbox.phones('')).not.toContain(phone);
  });

  describe('what is unread', () => {
    const unread = async (phone: string): Promise<number> => (await inbox.chat(phone)).unread_count;
    const post = async (messages: object[]): Promise<number> =>
      (await postWebhook(inbox.api.url, messagesBody({ messages }))).status;
    const isQuiet = (): Promise<unknown> =>
      eventually(
        () => inbox.call<{ webhook_logs: unknown[] }>('GET', '/webhook-logs?processed=false'),
        ({ body }) => body.webhook_logs.length === 0,
      );

    it('is counted to the message, when many come at once, twice, and are read meanwhile', async () => {
      const phone = newPhone();
      const messages = Array.from({ length: 60 }, (_, index) => text(phone.slice(1), `message ${index}`));
      const [first, second] = [messages.slice(0, 20), messages.slice(20)];
      const twice = (list: object[]): Promise<number>[] =>
        list.flatMap((message) => [post([message]), post([message])]);
      await Promise.all(twice(first));
      await isQuiet();
      expect(await unread(phone)).toBe(20);

      const reads: Promise<{ status: number; body: Chat }>[] = [];
      const posts = twice(second);
      for (let read = 0; read < 8; read += 1) {
        reads.push(inbox.call<Chat>('POST', `/chats/${phone}/read`, { body: {} }));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await Promise.all(posts);
      expect(new Set((await Promise.all(reads)).map(({ status }) => status))).toEqual(new Set([200]));
      await isQuiet();
      const left = await unread(phone);
      expect(left).toBeGreaterThanOrEqual(0);
      expect(left).toBeLessThanOrEqual(40);
      const { body } = await inbox.call<Chat>('POST', `/chats/${phone}/read`, { body: {} });
      expect(body.unread_count).toBe(0);
      await inbox.say(phone, 'one more');
      expect(await unread(phone)).toBe(1);
    });

    it('no GET changes anything', async () => {
      const phone = await newChat('one', 'two');
      const { id } = await inbox.chat(phone);
      const state = async (): Promise<unknown[]> =>
        inbox.api.db.queryDynamic(
          `select c.*, (select count(*) from outbox_events) as events, (select max(updated_at) from messages) as messages
           from conversations c where c.id = $1`,
          [id],
        );
      const before = await state();
      const bubble = (await inbox.thread(phone)).rows[0] as Bubble;
      for (const path of [
        `/chats/${phone}`,
        `/chats/${phone}/messages`,
        '/chats?unread=true',
        `/messages/${bubble.id}`,
      ]) {
        expect((await inbox.call('GET', path)).status).toBe(200);
      }
      expect(await state()).toEqual(before);
      expect(await unread(phone)).toBe(2);
    });

    it('reading clears the conversation of this account only', async () => {
      const phone = await newChat();
      await inbox.say(phone, 'to the other shop', { phoneNumberId: OTHER_NUMBER_ID });
      await inbox.call('POST', `/chats/${phone}/read`, { body: {} });
      expect(await unread(phone)).toBe(0);
      expect((await inbox.chat(phone, otherAccount)).unread_count).toBe(1);
    });
  });

  describe('DELETE /messages/{id}', () => {
    it('hides a message here, tells of it once, and keeps it for who asks by id', async () => {
      const phone = await newChat('kept', 'hidden');
      const { id, contact_id } = await inbox.chat(phone);
      const hidden = (await inbox.thread(phone)).rows[0] as Bubble;
      for (let time = 1; time <= 3; time += 1) {
        const answer = await inbox.call('DELETE', `/messages/${hidden.id}`);
        expect([answer.status, answer.body]).toEqual([204, null]);
      }
      expect((await inbox.thread(phone)).rows.map(({ message_body }) => message_body)).toEqual(['kept']);
      const { body } = await inbox.call<Bubble>('GET', `/messages/${hidden.id}`);
      expect(body).toMatchObject({
        message_body: 'hidden',
        is_deleted: true,
        deleted_by: 'agent',
        deleted_at: expect.stringMatching(/Z$/),
      });
      expect(await inbox.updates(id)).toEqual([
        expect.objectContaining({ id, contact_id, changed: ['messages'], deleted_message_id: hidden.id }),
      ]);
    });

    it('many at once are one deletion', async () => {
      const phone = await newChat();
      const { id } = await inbox.chat(phone);
      const [bubble] = (await inbox.thread(phone)).rows;
      const answers = await Promise.all(
        Array.from({ length: 6 }, () => inbox.call('DELETE', `/messages/${bubble?.id}`)),
      );
      expect(answers.map(({ status }) => status)).toEqual([204, 204, 204, 204, 204, 204]);
      expect(await inbox.updates(id)).toHaveLength(1);
    });

    it('hides one that the customer took back, too', async () => {
      const phone = await newChat('stays');
      const wamid = await inbox.say(phone, 'taken back', { secondsAgo: 60 });
      await inbox.receive([
        {
          from: phone.slice(1),
          id: newWamid(),
          timestamp: secondsAgo(1),
          type: 'revoke',
          revoke: { original_message_id: wamid },
        },
      ]);
      const [bubble] = (await inbox.thread(phone)).rows;
      expect((await inbox.call('DELETE', `/messages/${bubble?.id}`)).status).toBe(204);
      expect((await inbox.thread(phone)).rows.map(({ message_body }) => message_body)).toEqual(['stays']);
    });

    it('knows only messages of the account, and asks for the right to write', async () => {
      const phone = await newChat();
      const [bubble] = (await inbox.thread(phone)).rows;
      for (const [id, accountId] of [
        [999_999, undefined],
        [bubble?.id, otherAccount],
      ] as const) {
        const answer = await inbox.call('DELETE', `/messages/${id}`, accountId === undefined ? {} : { accountId });
        expect([answer.status, answer.body.code]).toEqual([404, 'not_found']);
      }
      const { body } = await inbox.call<{ key: string }>('POST', '/api-keys', {
        body: { name: 'r', scopes: ['inbox:read'] },
      });
      expect((await inbox.call('DELETE', `/messages/${bubble?.id}`, { key: body.key })).status).toBe(403);
      expect((await inbox.thread(phone)).rows).toHaveLength(1);
    });
  });
});
