import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, type Answer } from '../support/app.js';
import { startRecordedJourney, type RecordedJourney, type SentJson } from '../support/graph-recorder.js';
import { messagesBody, postWebhook, status as statusOf } from '../support/webhook-payloads.js';

interface MessageBody {
  id: number;
  message_id: string | null;
  status: string;
  message_type: string;
  message_body: string;
  reply_to: number | null;
  reply_to_message_id: string | null;
  quoted_message: { id: number; message_body: string } | null;
  reactions: { emoji: string; actor: string }[];
  error: { code: number | null; title: string } | null;
}
interface SendBody {
  status: string;
  result: { messages: { id: string }[] } | null;
  message: MessageBody;
}
interface ProblemBody {
  code: string;
  detail: string;
  errors?: { field: string; code: string; message: string }[];
}
interface Event {
  type: string;
  subject_id: number;
  payload: Record<string, unknown>;
}

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const LINK = 'https://example.com/file';
const x = (count: number): string => 'x'.repeat(count);

let nextPhone = 9_830_000_000;
const somebody = (): string => `+91${(nextPhone += 1)}`;

describe('sends of every type', () => {
  let journey: RecordedJourney;
  const mediaDir = mkdtempSync(join(tmpdir(), 'parley-media-'));

  const post = <T = SendBody>(path: string, body: object, options: object = {}): Promise<Answer<T>> =>
    journey.api.call<T>('POST', path, { body, ...options });
  /** Sends to somebody new, window or not. */
  const send = <T = SendBody>(path: string, body: object): Promise<Answer<T>> =>
    post<T>(`${path}/?force=true`, { phone: somebody(), ...body });
  const getMessage = async (id: number): Promise<MessageBody> =>
    (await journey.api.call<MessageBody>('GET', `/messages/${id}`)).body;
  const lastSent = (): SentJson => journey.recorder.sent.at(-1) as SentJson;
  const writes = async (from: string, text = 'Hi'): Promise<{ wamid: string; id: number }> => {
    const { wamid } = await journey.simulator.call<{ wamid: string }>('POST', 'inbound', { from, text });
    const [row] = await eventually(
      () => journey.api.db.query<{ id: number }>('select id from messages where message_id = $1', [wamid]),
      (rows) => rows.length === 1,
    );
    return { wamid, id: row?.id as number };
  };
  const library = async (bytes: Buffer, type: string, name: string): Promise<{ id: number; media_id: string }> => {
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(bytes)], { type }), name);
    const { status, body } = await journey.api.call<{ id: number; media_id: string }>('POST', '/media', { body: form });
    expect(status).toBe(201);
    return body;
  };

  beforeAll(async () => {
    journey = await startRecordedJourney({
      env: { MEDIA_DIR: mediaDir },
      simulator: { webhooks: { read_ratio: 1 }, check_flow_ids: false },
    });
  });
  afterAll(async () => {
    await journey.close();
    rmSync(mediaDir, { recursive: true, force: true });
  });

  describe('media', () => {
    it.each([
      ['image', { caption: 'Our menu' }, { link: LINK, caption: 'Our menu' }],
      ['video', { caption: 'Look' }, { link: LINK, caption: 'Look' }],
      ['document', { caption: 'Bill', filename: 'bill.pdf' }, { link: LINK, caption: 'Bill', filename: 'bill.pdf' }],
      ['audio', { voice: true }, { link: LINK, voice: true }],
      ['audio', {}, { link: LINK }],
      ['sticker', {}, { link: LINK }],
    ])('%s by link: what is typed reaches the customer', async (type, fields, content) => {
      const { status, body } = await send('/send-media', { type, link: LINK, ...fields });
      expect([status, body.status]).toEqual([200, 'sent']);
      expect(lastSent()).toMatchObject({ type, [type]: content });
      expect(lastSent()[type]).toEqual(content);
      expect(body.result?.messages[0]?.id).toBe(body.message.message_id);
      expect(body.message).toMatchObject({
        message_type: type,
        message_body: 'caption' in fields ? fields.caption : '',
        media_url: LINK,
        media_id: null,
        media_file: null,
        content: { type, [type]: content },
      });
    });

    it('a file of the library, which stays linked to the message', async () => {
      const file = await library(PNG, 'image/png', 'dot.png');
      const { status, body } = await send('/send-media', { type: 'image', media_id: file.media_id, caption: 'A dot' });
      expect(status).toBe(200);
      expect(lastSent()).toMatchObject({ type: 'image', image: { id: file.media_id, caption: 'A dot' } });
      expect(body.message).toMatchObject({
        media_id: file.media_id,
        media_mime_type: 'image/png',
        media_filename: 'dot.png',
        media_state: 'stored',
        media_file: `/messages/${body.message.id}/media`,
      });
    });

    it('a document of the library goes under its own name', async () => {
      const file = await library(Buffer.from('%PDF-1.4\n1 0 obj\n'), 'application/pdf', 'bill.pdf');
      await send('/send-media', { type: 'document', media_id: file.media_id });
      expect(lastSent().document).toEqual({ id: file.media_id, filename: 'bill.pdf' });
      await send('/send-media', { type: 'document', media_id: file.media_id, filename: 'March.pdf' });
      expect(lastSent().document).toEqual({ id: file.media_id, filename: 'March.pdf' });
    });

    it('a file whose id is known to have expired is given to Meta again before it is sent', async () => {
      const file = await library(Buffer.concat([PNG, Buffer.from('1')]), 'image/png', 'expired.png');
      await journey.api.db.queryDynamic(
        `update media set media_id_expires_at = now() - interval '1 day' where id = $1`,
        [file.id],
      );
      const { status, body } = await send('/send-media', { type: 'image', media_id: file.media_id });
      expect(status).toBe(200);
      const { id } = lastSent().image as { id: string };
      expect(id).not.toBe(file.media_id);
      expect(body.message).toMatchObject({ media_id: id, content: { image: { id } } });
    });

    it('a file that Meta has dropped too soon is given to it again, and the message goes out once', async () => {
      const file = await library(Buffer.concat([PNG, Buffer.from('2')]), 'image/png', 'dropped.png');
      await journey.simulator.call('POST', 'media/expire', { id: file.media_id });
      const phone = somebody();
      const { status, body } = await send('/send-media', { phone, type: 'image', media_id: file.media_id });
      expect(status).toBe(200);
      // Meta's statuses may be quicker than our answer.
      expect(['sent', 'delivered', 'read']).toContain(body.message.status);
      const { id } = lastSent().image as { id: string };
      expect(id).not.toBe(file.media_id);
      expect(await getMessage(body.message.id)).toMatchObject({ media_id: id });
      const rows = await journey.simulator.rows(`&to=${phone.slice(1)}&outcome=any_accepted`);
      expect(rows).toHaveLength(1);
    });

    it('an id nobody knows is Meta’s to refuse', async () => {
      const { status, body } = await send<ProblemBody & { message: { id: number } }>('/send-media', {
        type: 'image',
        media_id: '999999999999',
      });
      expect([status, body.code]).toEqual([422, 'graph_error']);
      expect(await getMessage(body.message.id)).toMatchObject({ status: 'failed', error: { code: 100 } });
    });

    it.each<[string, object, string, string]>([
      ['neither file nor link', { type: 'image' }, 'media_id', 'required'],
      ['both', { type: 'image', media_id: '1', link: LINK }, 'media_id', 'exclusive'],
      ['a link without TLS', { type: 'image', link: 'http://example.com/a.png' }, 'link', 'not_https'],
      ['no link at all', { type: 'image', link: 'https://' }, 'link', 'not_https'],
      ['an unknown type', { type: 'gif', link: LINK }, 'type', 'not_in'],
      ['a long caption', { type: 'image', link: LINK, caption: x(1_025) }, 'caption', 'max_length'],
      ['an audio with a caption', { type: 'audio', link: LINK, caption: 'x' }, 'caption', 'not_allowed'],
      ['a sticker with a caption', { type: 'sticker', link: LINK, caption: 'x' }, 'caption', 'not_allowed'],
      ['a file name for an image', { type: 'image', link: LINK, filename: 'a.png' }, 'filename', 'not_allowed'],
      ['a voice message of a video', { type: 'video', link: LINK, voice: true }, 'voice', 'not_allowed'],
    ])('%s: 400 that names the field, before Meta is asked', async (_what, fields, field, code) => {
      const before = journey.recorder.sent.length;
      const { status, body } = await send<ProblemBody>('/send-media', fields);
      expect([status, body.errors]).toMatchObject([400, [{ field, code }]]);
      expect(journey.recorder.sent).toHaveLength(before);
    });

    it('a caption of 1,024 characters is not too long', async () => {
      expect((await send('/send-media', { type: 'image', link: LINK, caption: x(1_024) })).status).toBe(200);
    });
  });

  describe('a reaction', () => {
    it('is shown at the message it is for, and taken back; it is nobody’s last message', async () => {
      const phone = somebody();
      const { wamid, id } = await writes(phone, 'Thanks!');
      const { status, body } = await post('/send-reaction/', { phone, message_id: id, emoji: '👍🏽' });
      expect(status).toBe(200);
      expect(lastSent()).toMatchObject({ type: 'reaction', reaction: { message_id: wamid, emoji: '👍🏽' } });
      expect(lastSent()).not.toHaveProperty('context');
      expect(body.message).toMatchObject({
        message_type: 'reaction',
        reaction_emoji: '👍🏽',
        reaction_to_message_id: wamid,
      });
      expect((await getMessage(id)).reactions).toMatchObject([{ emoji: '👍🏽', actor: 'business' }]);
      const chat = await journey.api.call<{ last_message: { id: number } }>('GET', `/chats/${phone}`);
      expect(chat.body.last_message.id).toBe(id);

      const removed = await post('/send-reaction/', { phone, message_id: wamid, emoji: '' });
      expect(removed.status).toBe(200);
      expect(lastSent()).toMatchObject({ reaction: { message_id: wamid, emoji: '' } });
      expect((await getMessage(id)).reactions).toEqual([]);
    });

    it.each(['❤️', '❤', '👨‍👩‍👧‍👦', '🇮🇳', '1️⃣', '🏴󠁧󠁢󠁳󠁣󠁴󠁿'])('takes %s for one emoji', async (emoji) => {
      const phone = somebody();
      const { id } = await writes(phone);
      expect((await post('/send-reaction/', { phone, message_id: String(id), emoji })).status).toBe(200);
    });

    it.each([
      ['two emojis', '👍👍'],
      ['a letter', 'a'],
      ['a digit', '1'],
      ['a text', 'ok 👍'],
      ['a space', ' '],
    ])('is not %s', async (_what, emoji) => {
      const { status, body } = await send<ProblemBody>('/send-reaction', { message_id: 'wamid.x', emoji });
      expect([status, body.errors]).toMatchObject([400, [{ field: 'emoji', code: 'not_emoji' }]]);
    });

    it('is for a message that is there, and of this conversation', async () => {
      const [asha, ravi] = [somebody(), somebody()];
      const { id } = await writes(asha);
      await writes(ravi);
      const elsewhere = await post<ProblemBody>('/send-reaction/', { phone: ravi, message_id: id, emoji: '👍' });
      expect([elsewhere.status, elsewhere.body.errors]).toMatchObject([
        400,
        [{ field: 'message_id', code: 'other_conversation' }],
      ]);
      const nowhere = await post<ProblemBody>('/send-reaction/', { phone: ravi, message_id: 999_999, emoji: '👍' });
      expect([nowhere.status, nowhere.body.errors]).toMatchObject([400, [{ field: 'message_id', code: 'not_found' }]]);
      const without = await post<ProblemBody>('/send-reaction/', { phone: ravi, message_id: 'wamid.x' });
      expect([without.status, without.body.errors]).toMatchObject([400, [{ field: 'emoji', code: 'required' }]]);
    });
  });

  describe('contact cards', () => {
    const card = { name: { formatted_name: 'Asha Rao', first_name: 'Asha', last_name: '' } };

    it('go out as they are, but for what is empty', async () => {
      const contacts = [
        {
          ...card,
          phones: [{ phone: '+91 98765 00001', type: 'WORK', wa_id: '919876500001' }],
          emails: [{ email: 'asha@example.com' }],
          urls: [],
          org: { company: 'Example Ltd', title: '' },
          addresses: [{ city: 'Pune', country: 'India' }],
          birthday: '1990-04-30',
        },
        { name: { formatted_name: 'Ravi' } },
      ];
      const { status, body } = await send('/send-contacts', { contacts });
      expect([status, body.message.message_type, body.message.message_body]).toEqual([
        200,
        'contacts',
        'Asha Rao, Ravi',
      ]);
      expect(lastSent().contacts).toEqual([
        {
          name: { formatted_name: 'Asha Rao', first_name: 'Asha' },
          phones: [{ phone: '+91 98765 00001', type: 'WORK', wa_id: '919876500001' }],
          emails: [{ email: 'asha@example.com' }],
          org: { company: 'Example Ltd' },
          addresses: [{ city: 'Pune', country: 'India' }],
          birthday: '1990-04-30',
        },
        { name: { formatted_name: 'Ravi' } },
      ]);
    });

    it('may be 257', async () => {
      expect((await send('/send-contacts', { contacts: Array.from({ length: 257 }, () => card) })).status).toBe(200);
    });

    it.each<[string, unknown, string]>([
      ['258', Array.from({ length: 258 }, () => card), 'contacts'],
      ['none', [], 'contacts'],
      ['no list', card, 'contacts'],
      ['no name', [{}], 'contacts.0.name'],
      ['no formatted name', [card, { name: { first_name: 'A' } }], 'contacts.1.name.formatted_name'],
      ['a birthday in another form', [{ ...card, birthday: '30.04.1990' }], 'contacts.0.birthday'],
      ['a birthday that is no day', [{ ...card, birthday: '1990-13-01' }], 'contacts.0.birthday'],
      ['an unknown field', [{ ...card, phones: [{ number: '1' }] }], 'contacts.0.phones.0.number'],
    ])('%s: 400 that names the field', async (_what, contacts, field) => {
      const { status, body } = await send<ProblemBody>('/send-contacts', { contacts });
      expect(status).toBe(400);
      expect(body.errors?.map((error) => error.field)).toContain(field);
    });
  });

  describe('interactive messages', () => {
    const BUTTONS = { type: 'buttons', body: 'Tomorrow?', buttons: [{ id: 'y', title: 'Yes' }] };
    const LIST = {
      type: 'list',
      body: 'When?',
      button: 'Choose',
      sections: [{ rows: [{ id: '1', title: 'Monday' }] }],
    };
    const URL_BUTTON = { type: 'cta_url', body: 'On its way', display_text: 'Track', url: 'https://example.com/42' };
    const FLOW = { type: 'flow', body: 'Book', flow_id: '77', flow_cta: 'Book now' };
    const rows = (count: number, from = 0): object[] =>
      Array.from({ length: count }, (_, index) => ({ id: `r${from + index}`, title: `Row ${from + index}` }));

    it('buttons, with header and footer', async () => {
      const { status, body } = await send('/send-interactive', {
        ...BUTTONS,
        header: 'Your order',
        footer: 'Reply soon',
        buttons: [
          { id: 'y', title: 'Yes' },
          { id: 'n', title: 'No' },
        ],
      });
      expect([status, body.message.message_type, body.message.message_body]).toEqual([200, 'interactive', 'Tomorrow?']);
      expect(lastSent()).toMatchObject({ type: 'interactive' });
      expect(lastSent().interactive).toEqual({
        type: 'button',
        header: { type: 'text', text: 'Your order' },
        body: { text: 'Tomorrow?' },
        footer: { text: 'Reply soon' },
        action: {
          buttons: [
            { type: 'reply', reply: { id: 'y', title: 'Yes' } },
            { type: 'reply', reply: { id: 'n', title: 'No' } },
          ],
        },
      });
    });

    it('a list', async () => {
      const { status } = await send('/send-interactive', {
        ...LIST,
        header: { type: 'text', text: 'Slots' },
        sections: [
          { title: 'This week', rows: [{ id: '1', title: 'Monday', description: '10:00' }] },
          { title: 'Next week', rows: [{ id: '2', title: 'Tuesday', description: '' }] },
        ],
      });
      expect(status).toBe(200);
      expect(lastSent().interactive).toEqual({
        type: 'list',
        header: { type: 'text', text: 'Slots' },
        body: { text: 'When?' },
        action: {
          button: 'Choose',
          sections: [
            { title: 'This week', rows: [{ id: '1', title: 'Monday', description: '10:00' }] },
            { title: 'Next week', rows: [{ id: '2', title: 'Tuesday' }] },
          ],
        },
      });
    });

    it('a link button with a picture', async () => {
      const { status } = await send('/send-interactive', { ...URL_BUTTON, header: { type: 'image', link: LINK } });
      expect(status).toBe(200);
      expect(lastSent().interactive).toEqual({
        type: 'cta_url',
        header: { type: 'image', image: { link: LINK } },
        body: { text: 'On its way' },
        action: { name: 'cta_url', parameters: { display_text: 'Track', url: 'https://example.com/42' } },
      });
    });

    it('a header with a document of the library, which stays linked to the message', async () => {
      const file = await library(Buffer.from('%PDF-1.4\n2 0 obj\n'), 'application/pdf', 'offer.pdf');
      const { body } = await send('/send-interactive', {
        ...BUTTONS,
        header: { type: 'document', media_id: file.media_id },
      });
      expect((lastSent().interactive as SentJson).header).toEqual({
        type: 'document',
        document: { id: file.media_id, filename: 'offer.pdf' },
      });
      expect(body.message).toMatchObject({ media_id: file.media_id, media_file: `/messages/${body.message.id}/media` });
    });

    it('a location request', async () => {
      expect((await send('/send-interactive', { type: 'location_request', body: 'Where?' })).status).toBe(200);
      expect(lastSent().interactive).toEqual({
        type: 'location_request_message',
        body: { text: 'Where?' },
        action: { name: 'send_location' },
      });
    });

    it('a flow, with a token of its own', async () => {
      const { status } = await send('/send-interactive', { ...FLOW, flow_screen: 'WELCOME', flow_data: { a: 1 } });
      expect(status).toBe(200);
      expect(lastSent().interactive).toEqual({
        type: 'flow',
        body: { text: 'Book' },
        action: {
          name: 'flow',
          parameters: {
            flow_message_version: '3',
            flow_id: '77',
            flow_cta: 'Book now',
            flow_token: expect.stringMatching(/^[0-9a-f-]{36}$/),
            mode: 'published',
            flow_action: 'navigate',
            flow_action_payload: { screen: 'WELCOME', data: { a: 1 } },
          },
        },
      });
      await send('/send-interactive', {
        type: 'flow',
        body: 'Book',
        flow_name: 'book',
        flow_cta: 'Go',
        flow_token: 'mine',
        flow_mode: 'draft',
        flow_action: 'data_exchange',
      });
      expect((lastSent().interactive as { action: SentJson }).action.parameters).toEqual({
        flow_message_version: '3',
        flow_name: 'book',
        flow_cta: 'Go',
        flow_token: 'mine',
        mode: 'draft',
        flow_action: 'data_exchange',
      });
    });

    it('Meta’s own object goes out untouched, instead of the friendly fields and never beside them', async () => {
      const interactive = {
        type: 'button',
        header: { type: 'video', video: { link: LINK } },
        body: { text: 'Raw' },
        action: { buttons: [{ type: 'reply', reply: { id: '1', title: 'One' } }] },
      };
      const { status, body } = await send('/send-interactive', { interactive });
      expect([status, body.message.message_body]).toEqual([200, 'Raw']);
      expect(lastSent().interactive).toEqual(interactive);
      const both = await send<ProblemBody>('/send-interactive', { interactive, body: 'Both' });
      expect([both.status, both.body.errors]).toMatchObject([400, [{ field: 'body', code: 'exclusive' }]]);
    });

    it('the limits themselves are allowed', async () => {
      const buttons = ['a', 'b', 'c'].map((letter) => ({ id: letter + x(255), title: letter + x(19) }));
      const sections = [
        { title: x(24), rows: [{ id: x(200), title: x(24), description: x(72) }] },
        ...Array.from({ length: 9 }, (_, index) => ({ title: `S${index}`, rows: rows(1, index) })),
      ];
      const answers = [
        await send('/send-interactive', { type: 'buttons', body: x(1_024), header: x(60), footer: x(60), buttons }),
        await send('/send-interactive', { ...LIST, body: x(4_096), button: x(20), sections }),
        await send('/send-interactive', { ...URL_BUTTON, display_text: x(20) }),
        await send('/send-interactive', { ...FLOW, flow_cta: x(30) }),
      ];
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    });

    it.each<[string, object, string, string]>([
      ['no type', { body: 'x' }, 'type', 'required'],
      ['an unknown type', { type: 'poll', body: 'x' }, 'type', 'not_in'],
      ['no body', { ...BUTTONS, body: undefined }, 'body', 'required'],
      ['a long body', { ...BUTTONS, body: x(1_025) }, 'body', 'max_length'],
      ['a long body of a list', { ...LIST, body: x(4_097) }, 'body', 'max_length'],
      ['a long footer', { ...BUTTONS, footer: x(61) }, 'footer', 'max_length'],
      ['a long header', { ...BUTTONS, header: x(61) }, 'header.text', 'max_length'],
      ['a header of no kind', { ...BUTTONS, header: { type: 'sticker', link: LINK } }, 'header.type', 'not_in'],
      ['a header without its file', { ...BUTTONS, header: { type: 'image' } }, 'header.media_id', 'required'],
      [
        'a header by plain http',
        { ...BUTTONS, header: { type: 'image', link: 'http://x.com' } },
        'header.link',
        'not_https',
      ],
      [
        'a header with a typing mistake',
        { ...BUTTONS, header: { type: 'image', url: LINK } },
        'header.url',
        'unknown_field',
      ],
      ['a header that is a number', { ...BUTTONS, header: 5 }, 'header', 'not_object'],
      ['a picture over a list', { ...LIST, header: { type: 'image', link: LINK } }, 'header.type', 'not_in'],
      [
        'a header over a location request',
        { type: 'location_request', body: 'x', header: 'x' },
        'header',
        'not_allowed',
      ],
      ['no buttons', { ...BUTTONS, buttons: [] }, 'buttons', 'array_not_empty'],
      ['buttons left out', { ...BUTTONS, buttons: undefined }, 'action.buttons', 'required'],
      [
        'four buttons',
        { ...BUTTONS, buttons: ['1', '2', '3', '4'].map((id) => ({ id, title: id })) },
        'buttons',
        'array_max_size',
      ],
      ['a long button id', { ...BUTTONS, buttons: [{ id: x(257), title: 'a' }] }, 'buttons.0.id', 'max_length'],
      ['a long button title', { ...BUTTONS, buttons: [{ id: 'a', title: x(21) }] }, 'buttons.0.title', 'max_length'],
      [
        'a title of 11 characters of two code points each',
        { ...BUTTONS, buttons: [{ id: 'a', title: '❤️'.repeat(11) }] },
        'buttons.0.title',
        'max_length',
      ],
      [
        'two equal button ids',
        { ...BUTTONS, buttons: ['a', 'b'].map((title) => ({ id: '1', title })) },
        'buttons.1.id',
        'not_unique',
      ],
      [
        'two equal button titles',
        { ...BUTTONS, buttons: ['a', 'b'].map((id) => ({ id, title: 'Same' })) },
        'buttons.1.title',
        'not_unique',
      ],
      ['no button of a list', { ...LIST, button: undefined }, 'button', 'required'],
      ['a long button of a list', { ...LIST, button: x(21) }, 'button', 'max_length'],
      ['no sections', { ...LIST, sections: [] }, 'sections', 'array_not_empty'],
      [
        '11 sections',
        { ...LIST, sections: Array.from({ length: 11 }, (_, index) => ({ title: 'S', rows: rows(1, index) })) },
        'sections',
        'array_max_size',
      ],
      ['11 rows in one section', { ...LIST, sections: [{ rows: rows(11) }] }, 'sections.0.rows', 'array_max_size'],
      [
        '11 rows in two sections',
        {
          ...LIST,
          sections: [
            { title: 'A', rows: rows(6) },
            { title: 'B', rows: rows(5, 6) },
          ],
        },
        'sections',
        'too_many_rows',
      ],
      ['a section without rows', { ...LIST, sections: [{ rows: [] }] }, 'sections.0.rows', 'array_not_empty'],
      [
        'two sections, one without a title',
        { ...LIST, sections: [{ title: 'A', rows: rows(1) }, { rows: rows(1, 1) }] },
        'sections.1.title',
        'required',
      ],
      [
        'a long section title',
        { ...LIST, sections: [{ title: x(25), rows: rows(1) }] },
        'sections.0.title',
        'max_length',
      ],
      [
        'a long row id',
        { ...LIST, sections: [{ rows: [{ id: x(201), title: 'a' }] }] },
        'sections.0.rows.0.id',
        'max_length',
      ],
      [
        'a long row title',
        { ...LIST, sections: [{ rows: [{ id: 'a', title: x(25) }] }] },
        'sections.0.rows.0.title',
        'max_length',
      ],
      [
        'a long row description',
        { ...LIST, sections: [{ rows: [{ id: 'a', title: 'a', description: x(73) }] }] },
        'sections.0.rows.0.description',
        'max_length',
      ],
      [
        'equal row ids in two sections',
        {
          ...LIST,
          sections: [
            { title: 'A', rows: rows(1) },
            { title: 'B', rows: rows(1) },
          ],
        },
        'sections.1.rows.0.id',
        'not_unique',
      ],
      ['no display text', { ...URL_BUTTON, display_text: undefined }, 'display_text', 'required'],
      ['a long display text', { ...URL_BUTTON, display_text: x(21) }, 'display_text', 'max_length'],
      ['no address', { ...URL_BUTTON, url: 'tel:+91' }, 'url', 'not_url'],
      ['a flow of no id', { ...FLOW, flow_id: undefined }, 'flow_id', 'exclusive'],
      ['a flow by id and name', { ...FLOW, flow_name: 'x' }, 'flow_id', 'exclusive'],
      ['a long flow button', { ...FLOW, flow_cta: x(31) }, 'flow_cta', 'max_length'],
      ['data of no screen', { ...FLOW, flow_data: { a: 1 } }, 'flow_screen', 'required'],
      [
        'a screen of a flow that asks a server',
        { ...FLOW, flow_action: 'data_exchange', flow_screen: 'A' },
        'flow_data',
        'not_allowed',
      ],
      ['a field of another type', { ...BUTTONS, url: 'https://example.com' }, 'url', 'exclusive'],
      [
        'Meta’s own object with four buttons',
        {
          interactive: {
            type: 'button',
            body: { text: 'x' },
            action: { buttons: ['1', '2', '3', '4'].map((id) => ({ type: 'reply', reply: { id, title: id } })) },
          },
        },
        'interactive.action.buttons',
        'array_max_size',
      ],
      [
        'Meta’s own object with a long title',
        {
          interactive: {
            type: 'button',
            body: { text: 'x' },
            action: { buttons: [{ type: 'reply', reply: { id: '1', title: x(21) } }] },
          },
        },
        'interactive.action.buttons.0.reply.title',
        'max_length',
      ],
      ['Meta’s own object of no type', { interactive: { body: {} } }, 'interactive.type', 'required'],
      ['Meta’s own object of a made-up type', { interactive: { type: 'poll' } }, 'interactive.type', 'not_in'],
      [
        'Meta’s own object without an action',
        { interactive: { type: 'flow', body: { text: 'x' } } },
        'interactive.action',
        'required',
      ],
    ])('%s: 400 that names the field, before Meta is asked', async (_what, fields, field, code) => {
      const before = journey.recorder.sent.length;
      const { status, body } = await send<ProblemBody>('/send-interactive', fields);
      expect([status, body.code]).toEqual([400, 'validation_failed']);
      const error = body.errors?.find((each) => each.field === field.replace(/^action\./, ''));
      expect(error ?? body.errors).toMatchObject({ code });
      expect(error?.message).toContain(error?.field);
      expect(journey.recorder.sent).toHaveLength(before);
    });
  });

  describe('replies', () => {
    const TYPES: [string, string, object][] = [
      ['text', '/send-message/', { message: 'Soon' }],
      ['location', '/send-location/', { latitude: 1, longitude: 2 }],
      ['image', '/send-media/', { type: 'image', link: LINK }],
      ['sticker', '/send-media/', { type: 'sticker', link: LINK }],
      ['contacts', '/send-contacts/', { contacts: [{ name: { formatted_name: 'A' } }] }],
      ['interactive', '/send-interactive/', { type: 'location_request', body: 'Where?' }],
    ];

    it.each(TYPES)('%s quotes a message, by local id or wamid', async (_type, path, body) => {
      const phone = somebody();
      const { wamid, id } = await writes(phone, 'Where is it?');
      for (const reply_message_id of [id, String(id), wamid]) {
        const sent = await post(path, { phone, ...body, reply_message_id });
        expect(sent.status).toBe(200);
        expect(lastSent().context).toEqual({ message_id: wamid });
        expect(sent.body.message).toMatchObject({
          reply_to: id,
          reply_to_message_id: wamid,
          quoted_message: { id, message_body: 'Where is it?' },
        });
      }
    });

    it.each([
      ['/send-template/', { template_name: 'order_update', body_params: ['A', 'B'] }],
      ['/send-reaction/', { message_id: 'wamid.x', emoji: '👍' }],
    ])('%s cannot quote', async (path, body) => {
      const { status, body: problem } = await post<ProblemBody>(path, {
        phone: somebody(),
        ...body,
        reply_message_id: 'wamid.x',
      });
      expect([status, problem.errors]).toMatchObject([400, [{ field: 'reply_message_id', code: 'unknown_field' }]]);
    });

    it('a message that never reached WhatsApp, or of another conversation, cannot be quoted', async () => {
      const phone = somebody();
      const refused = await post<{ message: { id: number } }>('/send-message/?force=true', {
        phone: '+919999131021',
        message: 'x',
      });
      const { id } = await writes(phone);
      for (const [reference, to, code] of [
        [refused.body.message.id, '+919999131021', 'not_sent'],
        [id, somebody(), 'other_conversation'],
      ] as const) {
        const answer = await send<ProblemBody>('/send-message', {
          phone: to,
          message: 'x',
          reply_message_id: reference,
        });
        expect([answer.status, answer.body.errors]).toMatchObject([400, [{ field: 'reply_message_id', code }]]);
      }
    });
  });

  describe('the service window', () => {
    const FREE_FORM: [string, object][] = [
      ['/send-media/', { type: 'image', link: LINK }],
      ['/send-reaction/', { message_id: 'wamid.x', emoji: '👍' }],
      ['/send-contacts/', { contacts: [{ name: { formatted_name: 'A' } }] }],
      ['/send-interactive/', { type: 'location_request', body: 'Where?' }],
    ];

    it.each(FREE_FORM)(
      '%s is refused outside of it, before Meta is asked, with the templates to use',
      async (path, body) => {
        const before = journey.recorder.sent.length;
        const answer = await post<ProblemBody & { templates: string[] }>(path, { phone: somebody(), ...body });
        expect([answer.status, answer.body.code]).toEqual([422, 'outside_service_window']);
        expect(answer.body.templates).toContain('order_update');
        expect(journey.recorder.sent).toHaveLength(before);
      },
    );

    it('Meta’s late refusal stays at the message', async () => {
      const sent = await post('/send-message/?force=true', { phone: '+919999131047', message: 'x' });
      expect(sent.status).toBe(200);
      const failed = await eventually(
        () => getMessage(sent.body.message.id),
        (message) => message.status === 'failed',
      );
      expect(failed.error).toMatchObject({ code: 131047 });
    });
  });

  describe('a person without a phone', () => {
    it.each([
      ['/send-media', { type: 'image', link: LINK }],
      ['/send-contacts', { contacts: [{ name: { formatted_name: 'A' } }] }],
      ['/send-interactive', { type: 'location_request', body: 'Where?' }],
      ['/send-reaction', { message_id: 'wamid.x', emoji: '👍' }],
    ])('%s goes to the user id', async (path, body) => {
      await journey.simulator.configure({ check_message_ids: false }).catch(() => undefined);
      const user_id = 'IN.13491208655302741999';
      await post(`${path}/?force=true`, { user_id, ...body });
      expect(lastSent()).toMatchObject({ recipient: user_id });
      expect(lastSent()).not.toHaveProperty('to');
    });
  });

  describe('what the answer tells of the person', () => {
    it('another spelling of the phone (Brazil) is the same person and thread', async () => {
      const { status, body } = await send('/send-message', { phone: '+5531987654321', message: 'Oi' });
      expect(status).toBe(200);
      const answer = body.result as unknown as { contacts: { input: string; wa_id: string }[] };
      expect(answer.contacts[0]).toMatchObject({ input: '+5531987654321', wa_id: '553187654321' });
      const alias = await journey.api.call<{ last_message: { id: number } }>('GET', '/chats/+553187654321');
      expect([alias.status, alias.body.last_message.id]).toEqual([200, body.message.id]);
    });
  });

  describe('what the world is told', () => {
    it('is enough for a chat screen, from the send to the last status', async () => {
      const phone = somebody();
      // Meta's statuses come when the send is over.
      await journey.simulator.configure({ webhooks: { enabled: false } });
      const { body } = await send('/send-media', {
        phone,
        type: 'image',
        link: LINK,
        caption: 'Our menu',
        client_ref: 'told-1',
      });
      const wamid = body.message.message_id as string;
      for (const name of ['sent', 'delivered', 'read']) {
        await postWebhook(journey.api.url, messagesBody({ statuses: [statusOf(wamid, name)] }));
      }
      const events = await eventually(
        () =>
          journey.api.db.query<Event>(
            `select type, subject_id, payload from outbox_events where (payload->>'id')::bigint = $1 order by id`,
            [body.message.id],
          ),
        (seen) => seen.some(({ payload }) => payload.status === 'read'),
      );
      await journey.simulator.configure({ webhooks: { enabled: true } });
      const told = events.map(({ type, payload }) => [type, payload.status]);
      expect(told[0]).toEqual(['message.sent', 'sent']);
      expect(told.at(-1)).toEqual(['message.status', 'read']);
      for (const { subject_id, payload } of events) {
        expect(subject_id).toBe(payload.conversation_id);
        expect(payload).toMatchObject({
          id: body.message.id,
          message_id: body.message.message_id,
          phone_number: phone,
          message_type: 'image',
          message_body: 'Our menu',
          direction: 'outbound',
          client_ref: 'told-1',
          timestamp: expect.stringMatching(/Z$/),
          error: null,
        });
        expect(payload).toHaveProperty('user_id');
      }
    });
  });
});
