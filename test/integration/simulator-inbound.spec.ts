import { createHash } from 'node:crypto';
import { DOUBLE_CUSTOMER, GraphDouble } from '../support/graph-double.js';
import { until, type ReceivedChange, type ReceivedMessage } from '../support/webhook-receiver.js';

const WA_ID = DOUBLE_CUSTOMER.slice(1);

let double: GraphDouble;

beforeEach(async () => {
  double = await GraphDouble.start();
});

afterEach(() => double.close());

function inbound(body: Record<string, unknown>): Promise<ReceivedChange> {
  return double.webhook('inbound', { from: DOUBLE_CUSTOMER, ...body });
}

async function message(body: Record<string, unknown>): Promise<ReceivedMessage> {
  const { value } = await inbound(body);
  return value.messages?.[0] as ReceivedMessage;
}

interface WireMedia {
  id: string;
  mime_type: string;
  sha256: string;
  url: string;
  [key: string]: unknown;
}

async function file(body: Record<string, unknown>): Promise<{ type: string; facts: WireMedia; bytes: Buffer }> {
  const received = await message(body);
  const facts = received[received.type] as WireMedia;
  const { status, bytes } = await double.download(facts.url);
  expect(status).toBe(200);
  return { type: received.type, facts, bytes };
}

describe('what a customer writes', () => {
  it('comes in the envelope of Meta', async () => {
    const wamid = await double.inbound({ text: 'Namaste', name: 'Asha', timestamp: 1_790_000_000 });
    await until(() => double.receiver.posts.length === 1);
    const body = JSON.parse(double.receiver.posts[0]?.bytes.toString() ?? '') as { entry: Record<string, unknown>[] };

    expect(body.entry[0]).not.toHaveProperty('time');
    expect(double.receiver.changes).toEqual([
      {
        field: 'messages',
        value: {
          messaging_product: 'whatsapp',
          metadata: { display_phone_number: expect.any(String), phone_number_id: '300000000000001' },
          contacts: [{ profile: { name: 'Asha' }, wa_id: WA_ID, user_id: expect.any(String) }],
          messages: [
            {
              from: WA_ID,
              from_user_id: expect.any(String),
              id: wamid,
              timestamp: '1790000000',
              type: 'text',
              text: { body: 'Namaste' },
            },
          ],
        },
      },
    ]);
  });

  it('may quote the business, or the customer, and says whom', async () => {
    const sending = double.text();
    await double.statusesOf(sending, 3);
    const [, { messages }] = await sending;
    const mine = await double.inbound();
    await until(() => double.receiver.messages.length === 1);
    const ofBusiness = await message({ reply_to: messages?.[0]?.id });
    const ofSelf = await message({ reply_to: mine });
    const business = (double.receiver.changes[0]?.value.metadata as { display_phone_number: string })
      .display_phone_number;

    expect(ofBusiness.context).toEqual({ from: business, id: messages?.[0]?.id });
    expect(ofSelf.context).toEqual({ from: WA_ID, id: mine });
  });

  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['forwarded', { forwarded: true }, { context: { forwarded: true } }],
    ['often forwarded', { frequently_forwarded: true }, { context: { frequently_forwarded: true } }],
    [
      'about a product',
      { referred_product: { product_retailer_id: 'A-1' } },
      {
        context: {
          from: expect.any(String),
          referred_product: { catalog_id: '500000000000009', product_retailer_id: 'A-1' },
        },
      },
    ],
    ['from an ad', { referral: 'ad' }, { referral: { source_type: 'ad', ctwa_clid: expect.any(String) } }],
    [
      'from a video ad',
      { referral: { media_type: 'video', image_url: null, video_url: 'https://v', headline: 'Tea' } },
      {
        referral: { source_type: 'ad', media_type: 'video', video_url: 'https://v', headline: 'Tea' },
      },
    ],
    ['in a group', { group_id: 'group-1' }, { group_id: 'group-1', from: WA_ID }],
    ['with a preview', { text: 'https://example.com', preview: true }, { text: { preview_url: true } }],
  ])('may be %s', async (_, fields, expected) => {
    expect(await message(fields)).toMatchObject(expected);
  });

  it('from a post has no click id, and a null takes a key of the ad away', async () => {
    const post = await message({ referral: 'post' });
    const status = await message({ referral: { ctwa_clid: null } });

    expect(post.referral).toMatchObject({ source_type: 'post' });
    expect(post.referral).not.toHaveProperty('ctwa_clid');
    expect(status.referral).toMatchObject({ source_type: 'ad' });
    expect(status.referral).not.toHaveProperty('ctwa_clid');
  });

  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    [
      'location',
      { location: { latitude: 1.5, longitude: 2.5, name: 'Shop', url: 'https://example.com' } },
      {
        type: 'location',
        location: { latitude: 1.5, longitude: 2.5, name: 'Shop', url: 'https://example.com' },
      },
    ],
    [
      'contacts',
      { vcard: true },
      {
        type: 'contacts',
        contacts: [
          { name: { formatted_name: 'Ravi Menon' }, vcard: expect.stringContaining('TEL;type=CELL:+91 98765') },
        ],
      },
    ],
    ['reaction', { reply_to: 'wamid.x', emoji: '😀' }, { reaction: { message_id: 'wamid.x', emoji: '😀' } }],
    ['reaction', { reply_to: 'wamid.x', emoji: '' }, { reaction: { message_id: 'wamid.x', emoji: '' } }],
    ['button', { text: 'Stop', payload: 'opt-out' }, { type: 'button', button: { text: 'Stop', payload: 'opt-out' } }],
    ['button', { text: 'Stop' }, { type: 'button', button: { text: 'Stop', payload: 'Stop' } }],
    [
      'button',
      { did_not_request_code: true },
      {
        button: { payload: 'DID_NOT_REQUEST_CODE', text: "I didn't request a code" },
        from_logical_id: expect.any(String),
      },
    ],
    [
      'button_reply',
      { button_reply: { id: 'a', title: 'A' } },
      {
        type: 'interactive',
        interactive: { type: 'button_reply', button_reply: { id: 'a', title: 'A' } },
      },
    ],
    [
      'interactive',
      { list_reply: { id: 'a', title: 'A', description: 'B' } },
      {
        type: 'interactive',
        interactive: { type: 'list_reply', list_reply: { id: 'a', title: 'A', description: 'B' } },
      },
    ],
    [
      'flow_reply',
      { flow_token: 'token-1', response: { rating: '4' } },
      {
        interactive: {
          type: 'nfm_reply',
          nfm_reply: { name: 'flow', body: 'Sent', response_json: '{"flow_token":"token-1","rating":"4"}' },
        },
      },
    ],
    [
      'nfm_reply',
      { nfm_reply: { response_json: { a: 1 } } },
      {
        interactive: { nfm_reply: { name: 'flow', response_json: '{"a":1}' } },
      },
    ],
    [
      'address_reply',
      { response: { city: 'Pune' } },
      {
        interactive: {
          type: 'nfm_reply',
          nfm_reply: { name: 'address_message', response_json: expect.stringContaining('"city":"Pune"') },
        },
      },
    ],
    [
      'call_permission_reply',
      { response: 'accept' },
      {
        interactive: {
          type: 'call_permission_reply',
          call_permission_reply: { response: 'accept', is_permanent: false, expiration_timestamp: expect.any(Number) },
        },
      },
    ],
    [
      'call_permission_reply',
      { response: 'reject' },
      {
        interactive: { call_permission_reply: { response: 'reject', response_source: 'user_action' } },
      },
    ],
    [
      'order',
      { order: { text: 'Wrap it' } },
      {
        type: 'order',
        order: { text: 'Wrap it', catalog_id: expect.any(String), product_items: [{ item_price: 149.5, quantity: 2 }] },
      },
    ],
    ['unsupported', { unsupported: 'poll' }, { errors: [{ code: 131051 }], unsupported: { type: 'poll' } }],
    ['unsupported', { too_large: true }, { type: 'unsupported', errors: [{ code: 131052 }] }],
    [
      'edit',
      { original_message_id: 'wamid.x', text: 'Better' },
      {
        edit: { original_message_id: 'wamid.x', message: { type: 'text', text: { body: 'Better' } } },
      },
    ],
    ['revoke', { original_message_id: 'wamid.x' }, { type: 'revoke', revoke: { original_message_id: 'wamid.x' } }],
    ['request_welcome', {}, { type: 'request_welcome' }],
  ])('may be of type %s with %j', async (type, fields, expected) => {
    expect(await message({ type, ...fields })).toMatchObject(expected);
  });

  it('may be a reaction taken back without an emoji', async () => {
    const { reaction } = await message({ type: 'reaction', reply_to: 'wamid.x', remove: true });

    expect(reaction).toEqual({ message_id: 'wamid.x' });
  });

  it('may be the phone number that was asked for, which is no secret any more', async () => {
    await double.tell('PUT', `people/${WA_ID}`, { hides_phone: true });
    const shared = await message({ type: 'contacts', origin: 'contact_request' });
    const next = await message({});

    expect(shared).toMatchObject({
      origin: 'contact_request',
      contacts: [
        { phones: [{ phone: DOUBLE_CUSTOMER, wa_id: WA_ID }], vcard: expect.stringContaining(DOUBLE_CUSTOMER) },
      ],
    });
    expect(shared).not.toHaveProperty('from');
    expect(next.from).toBe(WA_ID);
  });

  it('may be anything, given raw', async () => {
    const raw = { type: 'hologram', hologram: { id: '7' }, from: '12025550171' };

    expect(await message({ message: raw })).toMatchObject(raw);
  });

  it('may come with errors beside it, and then without what it says', async () => {
    const { value } = await inbound({ type: 'interactive', value_errors: [131_051] });

    expect(value.errors).toMatchObject([{ code: 131_051, title: 'Unsupported message type' }]);
    expect(value.messages?.[0]?.type).toBe('interactive');
    expect(value.messages?.[0]).not.toHaveProperty('interactive');
  });

  it('may be trouble of the number, or a click, and then is no message', async () => {
    const errors = await inbound({ type: 'errors', code: 131_031 });
    const click = await inbound({ type: 'user_actions', user_actions: { timestamp: '1790000000' } });

    expect(errors.value).toMatchObject({ errors: [{ code: 131_031, title: 'Account has been locked' }] });
    expect(click.value).toMatchObject({
      user_actions: [{ action_type: 'marketing_messages_link_click', timestamp: '1790000000' }],
    });
    for (const { value } of [errors, click]) {
      expect(value).not.toHaveProperty('messages');
      expect(value).not.toHaveProperty('contacts');
    }
  });
});

describe('files from a customer', () => {
  it.each<[string, Record<string, unknown>, string, string]>([
    ['image', {}, 'image/png', '89504e47'],
    ['image', { mime_type: 'image/jpeg' }, 'image/jpeg', 'ffd8ff'],
    ['video', { size: 5000 }, 'video/mp4', '0000001866747970'],
    ['video', { mime_type: 'video/3gpp' }, 'video/3gpp', '0000001466747970336770'],
    ['audio', {}, 'audio/mpeg', '494433'],
    ['voice', {}, 'audio/ogg; codecs=opus', '4f676753'],
    ['audio', { mime_type: 'audio/amr' }, 'audio/amr', '2321414d52'],
    ['document', { filename: 'bill.pdf' }, 'application/pdf', '25504446'],
    [
      'document',
      { filename: 'a.docx' },
      'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
      '504b0304',
    ],
    ['sticker', {}, 'image/webp', '52494646'],
  ])('of type %s with %j are %s and begin with %s', async (type, fields, mime, magic) => {
    const { facts, bytes } = await file({ type, ...fields });

    expect(facts.mime_type).toBe(mime);
    expect(bytes.toString('hex').startsWith(magic)).toBe(true);
    expect(bytes).toHaveLength((fields.size as number | undefined) ?? bytes.length);
    expect(facts.sha256).toBe(createHash('sha256').update(bytes).digest('base64'));
  });

  it('carry the bytes that were given, and what else belongs to their type', async () => {
    const bytes_base64 = Buffer.from('a picture').toString('base64');
    const image = await file({ type: 'image', bytes_base64, caption: 'See' });
    const document = await file({ type: 'document', bytes_base64, filename: 'see.txt', caption: 'See' });
    const audio = await file({ type: 'audio', caption: 'ignored' });
    const voice = await file({ type: 'voice' });
    const sticker = await file({ type: 'sticker', animated: true });

    expect(image.bytes.toString()).toBe('a picture');
    expect(image.facts).toMatchObject({ caption: 'See' });
    expect(document.facts).toMatchObject({ filename: 'see.txt', caption: 'See' });
    expect([audio.type, audio.facts.voice, audio.facts.caption]).toEqual(['audio', false, undefined]);
    expect([voice.type, voice.facts.voice]).toEqual(['audio', true]);
    expect([sticker.facts.animated, sticker.bytes[20]]).toEqual([true, 2]);
  });

  it('differ from message to message when their bytes are made up, and are told in the answer', async () => {
    const { messages } = await double.tell<{ messages: { media: { id: string; sha256: string; size: number } }[] }>(
      'POST',
      'inbound',
      { type: 'image', size: 1000, count: 3 },
    );
    await until(() => double.receiver.messages.length === 3);

    expect(new Set(messages.map(({ media }) => media.sha256)).size).toBe(3);
    expect(messages.map(({ media }) => media.size)).toEqual([1000, 1000, 1000]);
    expect(double.receiver.messages.map(({ image }) => (image as WireMedia).id)).toEqual(
      messages.map(({ media }) => media.id),
    );
  });

  it('come without a URL where Meta does not give one yet', async () => {
    const { image } = await message({ type: 'image', without_url: true });

    expect(image).not.toHaveProperty('url');
  });

  it('keep their file when their caption is edited', async () => {
    const first = await message({ type: 'video', caption: 'Befor' });
    const edit = await message({ type: 'edit', original_message_id: first.id, caption: 'Before' });
    const { id } = first.video as WireMedia;

    expect(edit.edit).toMatchObject({ message: { type: 'video', video: { id, caption: 'Before' } } });
  });
});

describe('many messages', () => {
  it('come so many to a post, from several people, a second apart from the given time on', async () => {
    await double.inbound({ count: 6, senders: 2, per_post: 4, timestamp: 1_790_000_000 });
    await until(() => double.receiver.messages.length === 6);

    expect(double.receiver.posts).toHaveLength(2);
    expect(double.receiver.messages.map(({ timestamp }) => Number(timestamp) - 1_790_000_000)).toEqual([
      0, 1, 2, 3, 4, 5,
    ]);
    expect(new Set(double.receiver.messages.map(({ from }) => from)).size).toBe(2);
  });

  it('come again, byte for byte, when they are duplicated', async () => {
    await double.inbound({ duplicate: 2, wamid: 'wamid.mine' });
    await until(() => double.receiver.posts.length === 3);

    expect(new Set(double.receiver.posts.map(({ bytes }) => bytes.toString())).size).toBe(1);
    expect(double.receiver.messages.map(({ id }) => id)).toEqual(['wamid.mine', 'wamid.mine', 'wamid.mine']);
  });

  it('come in any order when they are shuffled, and the answer tells the order they were written in', async () => {
    const { messages } = await double.tell<{ messages: { wamid: string; timestamp: number }[] }>('POST', 'inbound', {
      count: 30,
      shuffle: true,
      per_post: 30,
    });
    await until(() => double.receiver.messages.length === 30);
    const written = messages.map(({ wamid }) => wamid);
    const received = double.receiver.messages.map(({ id }) => id);

    expect(received).not.toEqual(written);
    expect([...received].sort()).toEqual([...written].sort());
    expect(messages.every(({ timestamp }, index) => timestamp === (messages[0]?.timestamp ?? 0) + index)).toBe(true);
  });

  it('come in one change when they are together, with contacts that cannot be matched by their place', async () => {
    await double.inbound({ count: 3, senders: 3, together: true });
    await until(() => double.receiver.changes.length === 1);
    const { value } = double.receiver.changes[0] as ReceivedChange;
    const writers = value.messages?.map(({ from }) => from);
    const contacts = (value.contacts as { wa_id: string }[]).map(({ wa_id }) => wa_id);

    expect(new Set(writers).size).toBe(3);
    expect(contacts).toEqual([...(writers ?? [])].reverse());
  });

  it('never get an id twice, also after the ledger was emptied', async () => {
    const before = await double.inbound();
    await double.tell('DELETE', 'ledger');

    expect(await double.inbound()).not.toBe(before);
  });
});

it.each<[Record<string, unknown>, string]>([
  [{ type: 'hologram' }, 'type must be one of'],
  [{ type: 'text', caption: 'x' }, 'unknown key caption'],
  [{ from: '12' }, 'from must be an international phone number'],
  [{ count: 0 }, 'count must be a whole number from 1 to 100000'],
  [{ count: 2, wamid: 'wamid.x' }, 'wamid goes with a count of 1'],
  [{ type: 'edit', text: 'x' }, 'original_message_id is missing'],
  [{ type: 'reaction' }, 'a reaction needs reply_to'],
  [{ type: 'user_changed_number' }, 'new_phone is missing'],
  [{ type: 'image', size: 200_000_000 }, 'size must be a whole number'],
  [{ referral: 'friend' }, 'referral must be "ad", "post" or an object'],
  [{ phone_number_id: 'x' }, 'phone_number_id is unknown'],
])('the call %j is refused by name and sends nothing', async (body, problem) => {
  const [status, { error }] = await double.control('POST', 'inbound', body);

  expect(status).toBe(400);
  expect(error).toContain(problem);
  expect(await double.tell('GET', 'ledger')).toMatchObject({ inbound: 0 });
});
