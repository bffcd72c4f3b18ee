import { eventually, startTestApp, type TestApp } from '../support/app.js';
import { PHONE_NUMBER_ID, WABA_ID } from '../support/journey.js';
import { messagesBody, newWamid, postWebhook, secondsAgo, text, type JsonObject } from '../support/webhook-payloads.js';

interface Chat {
  id: number;
  phone_number: string | null;
  contact_id: number;
  unread_count: number;
}

/** One person under several names, from Meta's door to the inbox. */
describe('people', () => {
  let api: TestApp;

  const post = async (...messages: JsonObject[]): Promise<void> => {
    const { status } = await postWebhook(api.url, messagesBody({ messages }));
    expect(status).toBe(200);
  };
  const fromUser = (userId: string, body: string): JsonObject => {
    const { from: _from, ...message } = text('', body);
    return { ...message, from_user_id: userId };
  };
  const chats = async (): Promise<Chat[]> =>
    (await api.call<{ conversations: Chat[] }>('GET', '/chats?status=all')).body.conversations;
  const chatOf = async (address: string): Promise<Chat> => (await api.call<Chat>('GET', `/chats/${address}`)).body;
  const textsOf = async (address: string): Promise<string[]> => {
    const { body } = await api.call<{ messages: { message_body: string }[] }>('GET', `/chats/${address}/messages`);
    return body.messages.map((message) => message.message_body).sort();
  };

  beforeAll(async () => {
    api = await startTestApp({ worker: true });
    await api.call('POST', '/accounts', {
      body: { name: 'A', phone_number_id: PHONE_NUMBER_ID, waba_id: WABA_ID, access_token: 'EAAx' },
    });
  });
  afterAll(() => api.close());

  it('are one chat as soon as a message says that phone and user id are one person’s', async () => {
    await post(text('919811112222', 'by phone'));
    await post(fromUser('IN.1111', 'by user id'));
    const two = await eventually(chats, (seen) => seen.length === 2);
    expect(two.map(({ unread_count }) => unread_count)).toEqual([1, 1]);
    await post(text('919811112222', 'by both', { from_user_id: 'IN.1111' }));
    const [one] = await eventually(chats, (seen) => seen.length === 1 && seen[0]?.unread_count === 3);
    expect(one).toMatchObject({ phone_number: '+919811112222' });
    expect(await chatOf('IN.1111')).toMatchObject({ id: one?.id, contact_id: one?.contact_id });
    expect(await textsOf('IN.1111')).toEqual(['by both', 'by phone', 'by user id']);
    const contact = await api.call('GET', `/contacts/${one?.contact_id}`);
    expect(contact.body).toMatchObject({ phone: '+919811112222', user_id: 'IN.1111' });
  });

  it('keep their chat under a new number, also when they wrote from it before Meta said so', async () => {
    await post(text('919833334444', 'old number', { from_user_id: 'IN.3333' }));
    await post(text('919855556666', 'new number', { from_user_id: 'IN.5555' }));
    const before = await eventually(
      () => chatOf('+919833334444'),
      (chat) => chat.unread_count === 1,
    );
    await eventually(
      () => chatOf('+919855556666'),
      (chat) => chat.unread_count === 1,
    );
    const changed = {
      from: '919833334444',
      from_user_id: 'IN.3333',
      id: newWamid(),
      timestamp: secondsAgo(1),
      type: 'system',
      system: {
        type: 'user_changed_number',
        body: 'User changed from 919833334444 to 919855556666',
        wa_id: '919855556666',
        user_id: 'IN.5555',
        previous_user_id: 'IN.3333',
      },
    };
    await post(changed);
    const after = await eventually(
      () => chatOf('+919855556666'),
      (chat) => chat.unread_count === 2,
    );
    expect(after).toMatchObject({ id: before.id, contact_id: before.contact_id });
    expect(await textsOf('IN.3333')).toEqual(expect.arrayContaining(['new number', 'old number']));
    expect((await api.call('GET', '/chats/+919833334444')).status).toBe(404);
    // Somebody else has the number one day, and Meta’s message comes once more.
    await post(text('919833334444', 'who are you?', { from_user_id: 'IN.7777' }));
    const stranger = await eventually(
      () => chatOf('+919833334444'),
      (chat) => chat.unread_count === 1,
    );
    expect(stranger.contact_id).not.toBe(after.contact_id);
    await post({ ...changed, id: newWamid() });
    await post(text('919833334444', 'hello?', { from_user_id: 'IN.7777' }));
    await eventually(
      () => chatOf('+919833334444'),
      (chat) => chat.unread_count === 2,
    );
    expect(await chatOf('+919855556666')).toMatchObject({ contact_id: after.contact_id, unread_count: 2 });
  });
});
