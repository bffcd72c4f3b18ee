import { eventually, type Answer } from '../support/app.js';
import { startJourney, type Journey } from '../support/journey.js';
import {
  BUSINESS_PHONE,
  envelope,
  messagesBody,
  newWamid,
  numberChange,
  postWebhook,
  profile,
  secondsAgo,
  status,
  text,
  type JsonObject,
} from '../support/webhook-payloads.js';

interface Message {
  id: number;
  message_id: string;
  message_type: string;
  message_body: string;
  direction: string;
  status: string;
  content: JsonObject | null;
  context: JsonObject | null;
  media_id: string | null;
  media_mime_type: string | null;
  media_filename: string | null;
  media_file: string | null;
  media_state: string | null;
  location_latitude: number | null;
  location_longitude: number | null;
  reactions: { emoji: string; actor: string }[];
  reaction_emoji: string | null;
  edits: { message_body: string }[];
  edited_at: string | null;
  is_deleted: boolean;
  deleted_by: string | null;
  reply_to: number | null;
  reply_to_message_id: string | null;
  quoted_message: { id: number; message_body: string } | null;
  error: { code: number } | null;
  timestamp: string;
}

interface Chat {
  id: number;
  unread_count: number;
  contact_id: number;
  contact_name: string;
  is_resolved: boolean;
  last_message: { message_body: string } | null;
  service_window_expires_at: string | null;
}

/** What every kind of message, and of change to one, becomes. */
describe('inbound messages', () => {
  let journey: Journey;
  let nextPhone = 919_840_000_000;

  const newPhone = (): string => String((nextPhone += 1));
  const call = <T = JsonObject>(method: string, path: string, body?: unknown): Promise<Answer<T>> =>
    journey.api.call<T>(method, path, { body });
  const deliver = async (...bodies: JsonObject[]): Promise<void> => {
    for (const body of bodies) {
      expect((await postWebhook(journey.api.url, body)).status).toBe(200);
    }
    await eventually(
      () => call<{ webhook_logs: JsonObject[] }>('GET', '/webhook-logs?processed=false'),
      ({ body }) => body.webhook_logs.length === 0,
    );
  };
  const from = (phone: string, type: string, content: JsonObject, more: JsonObject = {}): JsonObject => ({
    from: phone,
    id: newWamid(),
    timestamp: secondsAgo(5),
    type,
    [type]: content,
    ...more,
  });
  const receive = (...messages: JsonObject[]): Promise<void> => deliver(messagesBody({ messages }));
  const field = (name: string, value: JsonObject): JsonObject => envelope([numberChange(name, value)]);
  const messagesWith = async (phone: string): Promise<Message[]> =>
    (await call<{ messages: Message[] }>('GET', `/chats/+${phone}/messages?limit=200`)).body.messages ?? [];
  const chatWith = async (phone: string): Promise<Chat> => (await call<Chat>('GET', `/chats/+${phone}`)).body;
  const only = async (phone: string): Promise<Message> => {
    const messages = await messagesWith(phone);
    expect(messages).toHaveLength(1);
    return messages[0] as Message;
  };
  const logErrors = async (): Promise<unknown[]> =>
    (await call<{ webhook_logs: unknown[] }>('GET', '/webhook-logs?has_error=true')).body.webhook_logs;

  beforeAll(async () => {
    journey = await startJourney();
    await journey.simulator.configure({ webhooks: { enabled: false } });
  });
  afterAll(() => journey.close());

  describe('become', () => {
    const media = (more: JsonObject = {}): JsonObject => ({
      id: String(660_000_000_000_000 + (nextPhone % 1_000_000)),
      sha256: 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=',
      mime_type: 'image/jpeg',
      ...more,
    });

    it.each<[string, string, () => JsonObject, JsonObject, Partial<Message>]>([
      ['a text', 'text', () => ({ body: 'Hello' }), {}, { message_type: 'text', message_body: 'Hello', content: null }],
      [
        'an image with its caption',
        'image',
        () => media({ caption: 'This one' }),
        {},
        { message_type: 'image', message_body: 'This one', media_mime_type: 'image/jpeg' },
      ],
      ['an image without one', 'image', () => media(), {}, { message_type: 'image', message_body: '[Image]' }],
      [
        'a video',
        'video',
        () => media({ mime_type: 'video/mp4' }),
        {},
        { message_type: 'video', message_body: '[Video]', media_mime_type: 'video/mp4' },
      ],
      [
        'an audio file',
        'audio',
        () => media({ mime_type: 'audio/mpeg', voice: false }),
        {},
        { message_type: 'audio', message_body: '[Audio]' },
      ],
      [
        'a voice message',
        'audio',
        () => media({ mime_type: 'audio/ogg; codecs=opus', voice: true }),
        {},
        { message_type: 'audio', message_body: '[Voice]' },
      ],
      [
        'a document with its name',
        'document',
        () => media({ mime_type: 'application/pdf', filename: 'bill.pdf' }),
        {},
        { message_type: 'document', message_body: '[Document]', media_filename: 'bill.pdf' },
      ],
      [
        'a sticker',
        'sticker',
        () => media({ mime_type: 'image/webp', animated: true }),
        {},
        { message_type: 'sticker', message_body: '[Sticker]' },
      ],
      [
        'a place',
        'location',
        () => ({ latitude: 28.6, longitude: 77.2, name: 'Office', address: 'Delhi' }),
        {},
        { message_type: 'location', message_body: 'Office', location_latitude: 28.6, location_longitude: 77.2 },
      ],
      [
        'a pin',
        'location',
        () => ({ latitude: -0.5, longitude: 10 }),
        {},
        { message_type: 'location', message_body: '📍 -0.5,10' },
      ],
      [
        'a quick reply of a template',
        'button',
        () => ({ payload: 'YES', text: 'Yes please' }),
        {},
        {
          message_type: 'button',
          message_body: 'Yes please',
          content: { type: 'button', button: { payload: 'YES', text: 'Yes please' } },
        },
      ],
      [
        'a reply button',
        'interactive',
        () => ({ type: 'button_reply', button_reply: { id: 'b1', title: 'Book' } }),
        {},
        { message_type: 'interactive', message_body: 'Book' },
      ],
      [
        'a row of a list',
        'interactive',
        () => ({ type: 'list_reply', list_reply: { id: 'r1', title: 'Tuesday' } }),
        {},
        { message_type: 'interactive', message_body: 'Tuesday' },
      ],
      [
        'a completed form',
        'interactive',
        () => ({ type: 'nfm_reply', nfm_reply: { name: 'flow', body: 'Sent', response_json: '{}' } }),
        {},
        { message_type: 'interactive', message_body: 'Sent' },
      ],
      [
        'leave to call',
        'interactive',
        () => ({ type: 'call_permission_reply', call_permission_reply: { response: 'accept' } }),
        {},
        { message_type: 'interactive', message_body: '[Call permission: accept]' },
      ],
      [
        'an order',
        'order',
        () => ({ catalog_id: '5', text: '', product_items: [{ product_retailer_id: 'S', quantity: 2 }] }),
        {},
        { message_type: 'order', message_body: '[Order: 1 product]' },
      ],
      [
        'something WhatsApp does not hand on',
        'unsupported',
        () => ({ type: 'poll' }),
        { errors: [{ code: 131_051, title: 'Message type unknown' }] },
        { message_type: 'unsupported', message_body: '[Unsupported: poll]', error: { code: 131_051 } },
      ],
      ['a type of tomorrow', 'telepathy', () => ({ thought: 1 }), {}, { message_type: 'unknown' }],
    ])('%s: one unread bubble', async (_name, type, content, more, expected) => {
      const phone = newPhone();
      const message = from(phone, type, content(), more);
      await deliver(messagesBody({ messages: [message] }), messagesBody({ messages: [message] }));
      expect(await only(phone)).toMatchObject({ ...expected, direction: 'inbound', status: 'delivered' });
      expect(await chatWith(phone)).toMatchObject({ unread_count: 1 });
    });

    it('contact cards: the names', async () => {
      const phone = newPhone();
      const card = (name: string): JsonObject => ({ name: { formatted_name: name }, phones: [{ phone: '+91 98200' }] });
      await receive({
        from: phone,
        id: newWamid(),
        timestamp: secondsAgo(5),
        type: 'contacts',
        contacts: [card('Ravi'), card('Meera')],
      });
      expect(await only(phone)).toMatchObject({
        message_type: 'contacts',
        message_body: 'Ravi, Meera',
        content: { type: 'contacts', contacts: [card('Ravi'), card('Meera')] },
      });
    });

    it('media that can be asked for, visible at once', async () => {
      const phone = newPhone();
      await receive(from(phone, 'image', media({ id: '661000000000001' })));
      const message = await only(phone);
      expect(message).toMatchObject({ media_id: '661000000000001', media_file: `/messages/${message.id}/media` });
      expect(['pending', 'failed', 'stored']).toContain(message.media_state);
    });

    it('a first opening of the chat and a new device: shown, neither unread nor a reason to answer', async () => {
      const phone = newPhone();
      await receive(
        { from: phone, id: newWamid(), timestamp: secondsAgo(5), type: 'request_welcome' },
        from(phone, 'system', { body: 'User identity changed', type: 'customer_identity_changed' }),
      );
      expect((await messagesWith(phone)).map((message) => [message.message_type, message.message_body])).toEqual(
        expect.arrayContaining([
          ['system', '[Opened the chat]'],
          ['system', 'User identity changed'],
        ]),
      );
      expect(await chatWith(phone)).toMatchObject({ unread_count: 0, service_window_expires_at: null });
    });

    it('what surrounds a message: forwarded, an ad, a product, a group', async () => {
      const phone = newPhone();
      const referral = { source_type: 'ad', source_id: '1', headline: 'Chat with us', ctwa_clid: 'c' };
      await receive(
        text(phone, 'a', { timestamp: secondsAgo(9), context: { forwarded: true } }),
        text(phone, 'b', { timestamp: secondsAgo(8), context: { frequently_forwarded: true } }),
        text(phone, 'c', { timestamp: secondsAgo(7), referral }),
        text(phone, 'd', { timestamp: secondsAgo(6), context: { referred_product: { catalog_id: '5' } } }),
        text(phone, 'e', { timestamp: secondsAgo(5), group_id: 'G' }),
      );
      expect((await messagesWith(phone)).map((message) => message.context).reverse()).toEqual([
        { forwarded: true },
        { frequently_forwarded: true },
        { referral },
        { referred_product: { catalog_id: '5' } },
        { group_id: 'G' },
      ]);
    });
  });

  describe('a reply', () => {
    it('shows what it answers, also when that comes later', async () => {
      const phone = newPhone();
      const question = text(phone, 'Which one?', { timestamp: secondsAgo(20) });
      const answer = text(phone, 'The second', { context: { from: phone, id: question.id as string } });
      await receive(answer);
      expect(await only(phone)).toMatchObject({ reply_to: null, reply_to_message_id: question.id });
      await receive(question);
      const [later, earlier] = await messagesWith(phone);
      expect(later).toMatchObject({
        reply_to: earlier?.id,
        quoted_message: { id: earlier?.id, message_body: 'Which one?' },
      });
    });
  });

  describe('a reaction', () => {
    const reaction = (phone: string, target: string, emoji: string | undefined, at: number): JsonObject =>
      from(
        phone,
        'reaction',
        { message_id: target, ...(emoji === undefined ? {} : { emoji }) },
        { timestamp: secondsAgo(at) },
      );

    it('changes its message and is no bubble; the last one counts, in whatever order they come', async () => {
      const phone = newPhone();
      const message = text(phone, 'Hi', { timestamp: secondsAgo(60) });
      const first = reaction(phone, message.id as string, '👍', 30);
      const second = reaction(phone, message.id as string, '❤️', 20);
      await receive(message, second);
      await receive(first);
      expect(await only(phone)).toMatchObject({
        reactions: [{ emoji: '❤️', actor: 'customer' }],
        reaction_emoji: '❤️',
      });
      expect(await chatWith(phone)).toMatchObject({ unread_count: 1, last_message: { message_body: 'Hi' } });
    });

    it('is taken back by one without an emoji, and an older one that comes late does not bring it back', async () => {
      const phone = newPhone();
      const message = text(phone, 'Hi', { timestamp: secondsAgo(60) });
      await receive(message, reaction(phone, message.id as string, undefined, 10));
      await receive(reaction(phone, message.id as string, '👍', 30));
      expect(await only(phone)).toMatchObject({ reactions: [], reaction_emoji: null });
    });

    it('may come before its message', async () => {
      const phone = newPhone();
      const message = text(phone, 'Hi', { timestamp: secondsAgo(60) });
      await receive(reaction(phone, message.id as string, '🙏', 30));
      expect(await chatWith(phone)).toMatchObject({ unread_count: 0 });
      await receive(message);
      expect(await only(phone)).toMatchObject({ reaction_emoji: '🙏' });
    });
  });

  describe('an edit', () => {
    const edit = (phone: string, target: string, body: string, at: number): JsonObject =>
      from(
        phone,
        'edit',
        { original_message_id: target, message: { type: 'text', text: { body } } },
        { timestamp: secondsAgo(at) },
      );

    it('changes the text and keeps the earlier ones, in whatever order they come', async () => {
      const phone = newPhone();
      const message = text(phone, 'Helo', { timestamp: secondsAgo(60) });
      const [first, second] = [
        edit(phone, message.id as string, 'Hallo', 40),
        edit(phone, message.id as string, 'Hello', 20),
      ];
      await receive(second);
      await receive(message, first, second);
      await receive(first);
      expect(await only(phone)).toMatchObject({
        message_body: 'Hello',
        edits: [{ message_body: 'Helo' }, { message_body: 'Hallo' }],
      });
      expect(await chatWith(phone)).toMatchObject({ unread_count: 1, last_message: { message_body: 'Hello' } });
    });

    it('of a caption changes the caption', async () => {
      const phone = newPhone();
      const image = from(phone, 'image', { id: '662000000000001', mime_type: 'image/jpeg', caption: 'Plant' });
      const corrected = { type: 'image', image: { id: '662000000000001', caption: 'Plants' } };
      await receive(image, from(phone, 'edit', { original_message_id: image.id, message: corrected }));
      expect(await only(phone)).toMatchObject({
        message_type: 'image',
        message_body: 'Plants',
        media_id: '662000000000001',
      });
    });

    it('of a customer does not change what the business wrote', async () => {
      const phone = newPhone();
      const echo = {
        from: BUSINESS_PHONE,
        to: phone,
        id: newWamid(),
        timestamp: secondsAgo(9),
        type: 'text',
        text: { body: 'Ours' },
      };
      await deliver(field('smb_message_echoes', { message_echoes: [echo] }));
      await receive(edit(phone, echo.id, 'Forged', 3));
      expect(await only(phone)).toMatchObject({ message_body: 'Ours', edits: [] });
    });
  });

  describe('a revoke', () => {
    it('marks its message deleted, also when it comes first, and the unread count stays exact', async () => {
      const phone = newPhone();
      const [first, second] = [text(phone, 'Oops'), text(phone, 'Oops again')];
      const revoke = (target: JsonObject): JsonObject => from(phone, 'revoke', { original_message_id: target.id });
      await receive(revoke(second));
      await receive(first, second, revoke(first));
      const messages = await messagesWith(phone);
      expect(messages.map((message) => [message.is_deleted, message.deleted_by])).toEqual([
        [true, 'customer'],
        [true, 'customer'],
      ]);
      expect(await chatWith(phone)).toMatchObject({ unread_count: 2 });
    });
  });

  it('that an agent hid stay hidden when the customer takes them back too', async () => {
    const phone = newPhone();
    const message = text(phone, 'Oops');
    await receive(message);
    await call('DELETE', `/messages/${(await only(phone)).id}`);
    await receive(from(phone, 'revoke', { original_message_id: message.id }));
    expect(await messagesWith(phone)).toEqual([]);
  });

  describe('from the WhatsApp app of the business', () => {
    const echo = (phone: string, type: string, content: JsonObject, more: JsonObject = {}): JsonObject => ({
      from: BUSINESS_PHONE,
      to: phone,
      id: newWamid(),
      timestamp: secondsAgo(5),
      type,
      [type]: content,
      ...more,
    });

    it('messages stand in the thread as sent, unread to nobody', async () => {
      const phone = newPhone();
      const message = echo(phone, 'text', { body: 'The price list' });
      const body = field('smb_message_echoes', { message_echoes: [message] });
      await deliver(body, body);
      expect(await only(phone)).toMatchObject({
        direction: 'outbound',
        status: 'sent',
        message_body: 'The price list',
      });
      expect(await chatWith(phone)).toMatchObject({ unread_count: 0, service_window_expires_at: null });
    });

    it('are revoked there too', async () => {
      const phone = newPhone();
      const message = echo(phone, 'text', { body: 'Wrong chat' });
      const revoke = echo(phone, 'revoke', { original_message_id: message.id });
      await deliver(
        field('smb_message_echoes', { message_echoes: [revoke] }),
        field('smb_message_echoes', { message_echoes: [message] }),
      );
      expect(await only(phone)).toMatchObject({ is_deleted: true, deleted_by: 'business' });
    });

    it('its history fills threads with messages of both sides, none unread and none news', async () => {
      const phone = newPhone();
      const old = (sender: string, body: string, at: number, status: string): JsonObject => ({
        from: sender,
        id: newWamid(),
        timestamp: secondsAgo(at),
        type: 'text',
        text: { body },
        history_context: { status },
      });
      const messages = [old(BUSINESS_PHONE, 'Offer', 90_000, 'READ'), old(phone, 'Thanks!', 89_000, 'READ')];
      const body = field('history', {
        history: [{ metadata: { phase: 0, chunk_order: 1, progress: 55 }, threads: [{ id: phone, messages }] }],
      });
      await deliver(body, body);
      expect(
        (await messagesWith(phone)).map((message) => [message.direction, message.status, message.message_body]),
      ).toEqual([
        ['inbound', 'read', 'Thanks!'],
        ['outbound', 'read', 'Offer'],
      ]);
      expect(await chatWith(phone)).toMatchObject({ unread_count: 0 });
    });

    it('media of the history fills its placeholder, whichever comes first', async () => {
      const phone = newPhone();
      const placeholder = (id: string, at: number): JsonObject => ({
        from: BUSINESS_PHONE,
        id,
        timestamp: secondsAgo(at),
        type: 'media_placeholder',
        history_context: { status: 'PLAYED' },
      });
      const picture = (id: string): JsonObject =>
        from(phone, 'image', { id: `66300000000${id.length}`, mime_type: 'image/jpeg', caption: 'Plant' }, { id });
      const [first, second] = [newWamid(), newWamid()];
      const threads = [{ id: phone, messages: [placeholder(first, 90_000), placeholder(second, 80_000)] }];
      await deliver(
        field('history', {
          messages: [{ ...picture(second), image: { id: '663999', mime_type: 'image/jpeg', caption: 'Rose' } }],
        }),
        field('history', { history: [{ metadata: { chunk_order: 1 }, threads }] }),
        field('history', { messages: [picture(first)] }),
      );
      const messages = await messagesWith(phone);
      expect(messages.map((message) => [message.message_type, message.message_body]).toSorted()).toEqual([
        ['image', 'Plant'],
        ['image', 'Rose'],
      ]);
    });
  });

  it('in standby stand in the thread, unread to nobody', async () => {
    const phone = newPhone();
    await deliver(
      field('standby', { standby: { contacts: [profile(phone, 'Asha')], messages: [text(phone, 'I need help')] } }),
    );
    expect(await only(phone)).toMatchObject({ direction: 'inbound', context: { standby: true } });
    expect(await chatWith(phone)).toMatchObject({ unread_count: 0, contact_name: 'Asha' });
  });

  describe('marketing', () => {
    const optedOut = async (phone: string): Promise<[boolean, string | null]> => {
      const { body } = await call<{ contacts: { opted_out: boolean; opted_out_source: string | null }[] }>(
        'GET',
        `/contacts?q=${phone}`,
      );
      return [body.contacts[0]?.opted_out ?? false, body.contacts[0]?.opted_out_source ?? null];
    };

    it('is stopped and resumed by keywords, and the newest wish counts whenever it comes', async () => {
      const phone = newPhone();
      await receive(text(phone, 'Stop!', { timestamp: secondsAgo(100) }));
      expect(await optedOut(phone)).toEqual([true, 'keyword']);
      await receive(text(phone, 'START', { timestamp: secondsAgo(10) }));
      await receive(text(phone, 'stop', { timestamp: secondsAgo(50) }));
      expect(await optedOut(phone)).toEqual([false, null]);
    });

    it('is stopped by what Meta answers to our marketing', async () => {
      const phone = newPhone();
      const { body } = await call<{ message: { message_id: string } }>('POST', '/send-message?force=true', {
        phone: `+${phone}`,
        message: 'Offer',
      });
      const failed = status(body.message.message_id, 'failed', { errors: [{ code: 131_050, title: 'Opted out' }] });
      await deliver(messagesBody({ statuses: [failed] }));
      expect(await optedOut(phone)).toEqual([true, 'whatsapp']);
    });

    it('is stopped by the switch in WhatsApp, also of somebody without a phone', async () => {
      const phone = newPhone();
      const wish = (value: string, timestamp: number): JsonObject =>
        field('user_preferences', {
          contacts: [{ ...profile(phone, 'Asha'), user_id: `IN.${phone}` }],
          user_preferences: [{ user_id: `IN.${phone}`, category: 'marketing_messages', value, timestamp }],
        });
      await receive(text(phone, 'Hi', { from_user_id: `IN.${phone}` }));
      await deliver(wish('stop', Number(secondsAgo(5))), wish('stop', Number(secondsAgo(5))));
      expect(await optedOut(phone)).toEqual([true, 'whatsapp']);
      await deliver(wish('resume', Number(secondsAgo(1))));
      expect((await optedOut(phone))[0]).toBe(false);
    });
  });

  it('of one second stand in the order they were written', async () => {
    const phone = newPhone();
    const at = secondsAgo(5);
    const words = ['one', 'two', 'three', 'four', 'five', 'six'];
    await receive(...words.map((word) => text(phone, word, { timestamp: at })));
    expect((await messagesWith(phone)).map((message) => message.message_body).reverse()).toEqual(words);
    expect((await chatWith(phone)).last_message).toMatchObject({ message_body: 'six' });
  });

  it('with the card that was asked for tell the phone of somebody known by user id only', async () => {
    const phone = newPhone();
    const userId = `IN.9${phone}`;
    const of = (type: string, content: JsonObject): JsonObject => ({
      from_user_id: userId,
      id: newWamid(),
      timestamp: secondsAgo(5),
      type,
      ...content,
    });
    await receive(of('text', { text: { body: 'Hi' } }));
    const vcard = `BEGIN:VCARD\nVERSION:3.0\nFN:Asha\nTEL;type=CELL;waid=${phone}:+91 98400\nEND:VCARD`;
    await receive(of('contacts', { contacts: [{ origin: 'contact_request', vcard }] }));
    expect(await messagesWith(phone)).toHaveLength(2);
  });

  it('names from the address book of the phone are names of contacts', async () => {
    const phone = newPhone();
    await deliver(
      field('smb_app_state_sync', {
        state_sync: [{ type: 'contact', action: 'add', contact: { full_name: 'Asha Rao', phone_number: phone } }],
      }),
    );
    const { body } = await call<{ contacts: { name: string }[] }>('GET', `/contacts?q=${phone}`);
    expect(body.contacts.map((contact) => contact.name)).toEqual(['Asha Rao']);
  });

  describe('a resolved conversation', () => {
    it('is open again after a new message, not after a reaction or an old one of the history', async () => {
      const phone = newPhone();
      const message = text(phone, 'Hi', { timestamp: secondsAgo(60) });
      await receive(message);
      const resolve = (): Promise<unknown> =>
        journey.api.db.queryDynamic(
          'update conversations set is_resolved = true where contact_id = (select id from contacts where phone = $1)',
          [`+${phone}`],
        );
      await resolve();
      await receive(from(phone, 'reaction', { message_id: message.id, emoji: '👍' }));
      expect(await chatWith(phone)).toMatchObject({ is_resolved: true });
      await receive(text(phone, 'One more thing'));
      expect(await chatWith(phone)).toMatchObject({ is_resolved: false, unread_count: 2 });
    });
  });

  it('left no error in the log', async () => {
    expect(await logErrors()).toEqual([]);
  });
});
