import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tx } from '../../src/database/database.js';
import { eventually, type Answer } from '../support/app.js';
import { startRecordedJourney, type RecordedJourney, type SentJson } from '../support/graph-recorder.js';

interface MessageBody {
  id: number;
  message_id: string | null;
  status: string;
  message_type: string;
  message_body: string;
  conversation_id: number;
  media_id: string | null;
  client_ref: string | null;
  sent_by: string | null;
}
interface SendBody {
  status: string;
  result: object | null;
  message: MessageBody;
}
interface ProblemBody {
  code: string;
  errors?: { field: string; code: string }[];
}
interface ReadBody {
  id: number;
  unread_count: number;
  read_receipt: { status: string; error: { code: number } | null };
}
interface Receipt {
  message_id: string;
  typing_indicator: unknown;
}
type Part = [name: string, value: string | Blob, filename?: string];

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const MP3 = Buffer.concat([Buffer.from('ID3\u0003\u0000\u0000\u0000\u0000\u0000\u0000'), Buffer.alloc(2_000, 0xff)]);
const PDF = Buffer.from('%PDF-1.4\n1 0 obj\n');
const blob = (bytes: Buffer, type: string): Blob => new Blob([new Uint8Array(bytes)], { type });
const LINK = 'https://example.com/file';

let nextPhone = 9_840_000_000;
const somebody = (): string => `+91${(nextPhone += 1)}`;

describe('sending from a chat', () => {
  let journey: RecordedJourney;
  const mediaDir = mkdtempSync(join(tmpdir(), 'parley-media-'));
  /** Of this process alone, so that what is left behind is its own. */
  const formsDir = mkdtempSync(join(tmpdir(), 'parley-forms-'));
  const usualTmpdir = process.env.TMPDIR;

  const chat = <T = SendBody>(phone: string, body: unknown, options: object = {}): Promise<Answer<T>> =>
    journey.api.call<T>('POST', `/chats/${encodeURIComponent(phone)}/send/?force=true`, { body, ...options });
  const form = (...parts: Part[]): FormData => {
    const data = new FormData();
    for (const [name, value, filename] of parts) {
      if (typeof value === 'string') {
        data.append(name, value);
      } else {
        data.append(name, value, filename ?? 'file');
      }
    }
    return data;
  };
  const lastSent = (): SentJson => journey.recorder.sent.at(-1) as SentJson;
  const getMessage = async (id: number): Promise<MessageBody> =>
    (await journey.api.call<MessageBody>('GET', `/messages/${id}`)).body;
  const writes = async (from: string, fields: object = {}): Promise<{ wamid: string; id: number }> => {
    const { wamid } = await journey.simulator.call<{ wamid: string }>('POST', 'inbound', {
      from,
      text: 'Hi',
      ...fields,
    });
    const [row] = await eventually(
      () => journey.api.db.query<{ id: number }>('select id from messages where message_id = $1', [wamid]),
      (rows) => rows.length === 1,
    );
    return { wamid, id: row?.id as number };
  };

  beforeAll(async () => {
    process.env.TMPDIR = formsDir;
    journey = await startRecordedJourney({ env: { MEDIA_DIR: mediaDir } });
  });
  afterAll(async () => {
    await journey.close();
    if (usualTmpdir === undefined) {
      delete process.env.TMPDIR;
    } else {
      process.env.TMPDIR = usualTmpdir;
    }
    rmSync(mediaDir, { recursive: true, force: true });
    rmSync(formsDir, { recursive: true, force: true });
  });

  describe('as JSON', () => {
    it('a text', async () => {
      const phone = somebody();
      const { status, body } = await chat(phone, {
        body: 'Hello',
        preview_url: true,
        client_ref: 'chat-1',
        sent_by: 'asha',
      });
      expect([status, body.status]).toEqual([200, 'sent']);
      expect(body.message).toMatchObject({
        message_type: 'text',
        message_body: 'Hello',
        client_ref: 'chat-1',
        sent_by: 'asha',
      });
      expect(lastSent()).toMatchObject({ to: phone, type: 'text', text: { body: 'Hello', preview_url: true } });
    });

    it('a location wins over everything else that is there', async () => {
      const { body } = await chat(somebody(), {
        latitude: 28.6,
        longitude: '77.2',
        location_name: 'Office',
        location_address: 'Connaught Place',
        body: 'typed before',
        link: LINK,
        type: 'image',
      });
      expect(body.message.message_type).toBe('location');
      expect(lastSent().location).toEqual({
        latitude: 28.6,
        longitude: 77.2,
        name: 'Office',
        address: 'Connaught Place',
      });
    });

    it('a file by link, with the text as its caption', async () => {
      const { body } = await chat(somebody(), { link: LINK, type: 'video', body: 'Look' });
      expect(body.message).toMatchObject({ message_type: 'video', message_body: 'Look' });
      expect(lastSent().video).toEqual({ link: LINK, caption: 'Look' });
    });

    it('a reply, by local id or wamid', async () => {
      const phone = somebody();
      const { wamid, id } = await writes(phone);
      for (const reply_to_id of [id, String(id), wamid]) {
        await chat(phone, { body: 'Soon', reply_to_id });
        expect(lastSent().context).toEqual({ message_id: wamid });
      }
      await chat(phone, { latitude: 1, longitude: 1, reply_to_id: id });
      expect(lastSent()).toMatchObject({ type: 'location', context: { message_id: wamid } });
      const lost = await chat<ProblemBody>(phone, { body: 'x', reply_to_id: 999_999 });
      expect([lost.status, lost.body.errors]).toMatchObject([400, [{ field: 'reply_to_id', code: 'not_found' }]]);
    });

    it('any spelling of the phone is the same thread, and a user id is an address too', async () => {
      const phone = somebody();
      const digits = phone.slice(1);
      const sent = [];
      for (const spelling of [phone, digits, digits.slice(2)]) {
        sent.push((await chat(spelling, { body: 'x' })).body.message.conversation_id);
      }
      expect(new Set(sent).size).toBe(1);
      expect((await chat('IN.13491208655302742000', { body: 'x' })).status).toBe(200);
      expect(lastSent()).toMatchObject({ recipient: 'IN.13491208655302742000' });
    });

    it.each<[string, object, string, string]>([
      ['nothing', {}, 'body', 'required'],
      ['an empty text', { body: '' }, 'body', 'required'],
      ['a long text', { body: 'x'.repeat(4_097) }, 'body', 'max_length'],
      ['half a location', { latitude: 1, body: 'x' }, 'longitude', 'required'],
      ['the other half', { longitude: 1 }, 'latitude', 'required'],
      ['no place on earth', { latitude: 91, longitude: 0 }, 'latitude', 'max'],
      ['a file of no type', { media_id: '1' }, 'type', 'required'],
      ['a file twice', { media_id: '1', link: LINK, type: 'image' }, 'media_id', 'exclusive'],
      ['a caption twice', { link: LINK, type: 'image', body: 'a', caption: 'b' }, 'caption', 'exclusive'],
      ['a text with an audio', { link: LINK, type: 'audio', body: 'listen' }, 'body', 'not_allowed'],
      ['a caption with a sticker', { link: LINK, type: 'sticker', caption: 'ha' }, 'caption', 'not_allowed'],
      ['an unknown field', { body: 'x', urgent: true }, 'urgent', 'unknown_field'],
    ])('%s: 400 that names the field', async (_what, body, field, code) => {
      const before = journey.recorder.sent.length;
      const { status, body: problem } = await chat<ProblemBody>(somebody(), body);
      expect([status, problem.errors]).toMatchObject([400, [{ field, code }]]);
      expect(journey.recorder.sent).toHaveLength(before);
    });

    it.each(['"Hello"', '5', '[]', '[{"body":"x"}]', 'null', '', '{'])(
      'a body that is no object (%s): 400',
      async (text) => {
        const { status } = await journey.api.call('POST', `/chats/${somebody()}/send?force=true`, {
          body: text,
          headers: { 'content-type': 'application/json' },
        });
        expect(status).toBe(400);
      },
    );

    it('a body of another type: 415', async () => {
      const { status } = await journey.api.call('POST', `/chats/${somebody()}/send?force=true`, {
        body: 'body=x',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      });
      expect(status).toBe(415);
    });

    it('outside the service window: 422, unless it is forced, in the body or in the query', async () => {
      const phone = somebody();
      const closed = await journey.api.call<ProblemBody>('POST', `/chats/${phone}/send`, { body: { body: 'x' } });
      expect([closed.status, closed.body.code]).toEqual([422, 'outside_service_window']);
      const forced = await journey.api.call('POST', `/chats/${phone}/send`, { body: { body: 'x', force: true } });
      expect(forced.status).toBe(200);
    });

    it('needs a phone that can be read, the scope, and an account of the key', async () => {
      const unreadable = await chat<ProblemBody>('nobody', { body: 'x' });
      expect([unreadable.status, unreadable.body.errors]).toMatchObject([400, [{ field: 'phone' }]]);
      const reader = await journey.api.call<{ key: string }>('POST', '/api-keys', {
        body: { name: 'reader', scopes: ['inbox:read', 'inbox:write'] },
      });
      expect((await chat(somebody(), { body: 'x' }, { key: reader.body.key })).status).toBe(403);
      expect((await chat(somebody(), { body: 'x' }, { key: null })).status).toBe(401);
      expect((await chat(somebody(), { body: 'x', account_id: 999_999 })).status).toBe(404);
    });
  });

  describe('as a form', () => {
    it.each<[string, Part[]]>([
      [
        'after the file',
        [
          ['file', blob(PNG, 'image/png'), 'dot.png'],
          ['body', 'Our menu'],
          ['client_ref', 'after'],
        ],
      ],
      [
        'before the file',
        [
          ['body', 'Our menu'],
          ['client_ref', 'before'],
          ['file', blob(PNG, 'image/png'), 'dot.png'],
        ],
      ],
      [
        'around the file, and a caption field for the text',
        [
          ['client_ref', 'around'],
          ['file', blob(PNG, 'image/png'), 'dot.png'],
          ['caption', 'Our menu'],
          ['body', ''],
          ['latitude', ''],
          ['longitude', ''],
        ],
      ],
    ])('fields %s: the text reaches the customer as the caption', async (_where, parts) => {
      const { status, body } = await chat(somebody(), form(...parts));
      expect(status).toBe(200);
      expect(body.message).toMatchObject({
        message_type: 'image',
        message_body: 'Our menu',
        media_mime_type: 'image/png',
        media_filename: 'dot.png',
        media_file: `/messages/${body.message.id}/media`,
        client_ref: parts.find(([name]) => name === 'client_ref')?.[1],
      });
      expect(lastSent().image).toEqual({ id: body.message.media_id, caption: 'Our menu' });
    });

    it.each<[string, Buffer, string, string, string]>([
      ['an image that calls itself nothing', PNG, 'application/octet-stream', 'photo', 'image'],
      ['an audio', MP3, 'audio/mpeg', 'song.mp3', 'audio'],
      ['a document', PDF, 'application/pdf', 'bill.pdf', 'document'],
    ])('%s is sent as what its bytes are', async (_what, bytes, type, name, expected) => {
      const { status, body } = await chat(somebody(), form(['file', blob(bytes, type), name]));
      expect([status, body.message.message_type]).toEqual([200, expected]);
    });

    it('a document goes under its own name, or under the one that is given', async () => {
      const file: Part = ['file', blob(PDF, 'application/pdf'), 'März.pdf'];
      await chat(somebody(), form(file));
      expect(lastSent().document).toMatchObject({ filename: 'März.pdf' });
      await chat(somebody(), form(file, ['filename', 'Invoice.pdf']));
      expect(lastSent().document).toMatchObject({ filename: 'Invoice.pdf' });
    });

    it('a text or a location without a file', async () => {
      expect((await chat(somebody(), form(['body', 'Hello']))).body.message.message_type).toBe('text');
      const place = await chat(
        somebody(),
        form(['latitude', '1.5'], ['longitude', '2'], ['file', blob(PNG, 'image/png'), 'a.png']),
      );
      expect(place.body.message.message_type).toBe('location');
      expect(lastSent().location).toEqual({ latitude: 1.5, longitude: 2 });
    });

    it('a browser’s empty file field is no file', async () => {
      const body =
        '--B\r\ncontent-disposition: form-data; name="file"; filename=""\r\ncontent-type: application/octet-stream\r\n\r\n\r\n--B\r\ncontent-disposition: form-data; name="body"\r\n\r\nHello\r\n--B--\r\n';
      const { status, body: sent } = await chat(somebody(), body, {
        headers: { 'content-type': 'multipart/form-data; boundary=B' },
      });
      expect([status, sent.message.message_type]).toEqual([200, 'text']);
    });

    it('the account may stand in the form', async () => {
      const other = await journey.api.call<{ id: number }>('POST', '/accounts', {
        body: { name: 'Other', phone_number_id: '300000000000002', access_token: 'EAAother' },
      });
      const { body } = await chat(somebody(), form(['account_id', String(other.body.id)], ['body', 'x']));
      expect(body.message).toMatchObject({ account_id: other.body.id });
      expect((await chat(somebody(), form(['account_id', '999999'], ['body', 'x']))).status).toBe(404);
    });

    it.each<[string, Part[], number, string, string]>([
      [
        'two files',
        [
          ['file', blob(PNG, 'image/png')],
          ['file', blob(PNG, 'image/png')],
        ],
        400,
        'file',
        'given_twice',
      ],
      ['a file in another field', [['media_file', blob(PNG, 'image/png')]], 400, 'media_file', 'unknown_field'],
      ['an empty file', [['file', blob(Buffer.alloc(0), 'image/png'), 'a.png']], 400, 'file', 'empty'],
      [
        'a field twice',
        [
          ['body', 'a'],
          ['body', 'b'],
        ],
        400,
        'body',
        'given_twice',
      ],
      [
        'an unknown field',
        [
          ['urgent', '1'],
          ['body', 'b'],
        ],
        400,
        'urgent',
        'unknown_field',
      ],
      [
        'an audio with a text',
        [
          ['file', blob(MP3, 'audio/mpeg'), 'a.mp3'],
          ['body', 'x'],
        ],
        400,
        'body',
        'not_allowed',
      ],
      [
        'a file and a link',
        [
          ['file', blob(PNG, 'image/png')],
          ['link', LINK],
        ],
        400,
        'link',
        'exclusive',
      ],
      [
        'a number that is none',
        [
          ['latitude', 'north'],
          ['longitude', '1'],
        ],
        400,
        'latitude',
        'not_number',
      ],
      ['a field as long as a book', [['body', 'x'.repeat(70_000)]], 400, 'body', 'max_length'],
    ])('%s: refused by name, and no file is left behind', async (_what, parts, status, field, code) => {
      const before = journey.recorder.sent.length;
      const answer = await chat<ProblemBody>(somebody(), form(...parts));
      expect([answer.status, answer.body.errors]).toMatchObject([status, [{ field, code }]]);
      expect(journey.recorder.sent).toHaveLength(before);
      expect(readdirSync(formsDir)).toEqual([]);
    });

    it('what WhatsApp takes as nothing at all is refused, and nothing is sent', async () => {
      const before = journey.recorder.sent.length;
      const page = blob(Buffer.from('<!doctype html><script>1</script>'), 'image/png');
      const { status } = await chat<ProblemBody>(somebody(), form(['file', page, 'photo.png']));
      expect(status).toBe(415);
      expect(journey.recorder.sent).toHaveLength(before);
    });

    it('a file of more than 100 MB: 413, and nothing is left behind', async () => {
      const huge = new Blob(Array.from({ length: 101 }, () => new Uint8Array(1024 * 1024)));
      const { status, body } = await chat<ProblemBody>(somebody(), form(['file', huge, 'huge.bin'], ['body', 'x']));
      expect([status, body.code]).toEqual([413, 'payload_too_large']);
      expect(readdirSync(formsDir)).toEqual([]);
    });

    it('a form that is cut off, or none: 400', async () => {
      for (const body of ['--B\r\ncontent-disposition: form-data; name="body"\r\n\r\nHel', 'nonsense']) {
        const { status } = await chat(somebody(), body, {
          headers: { 'content-type': 'multipart/form-data; boundary=B' },
        });
        expect(status).toBe(400);
      }
    });

    it('outside the service window nothing is uploaded', async () => {
      const files = await journey.simulator.call<{ media: unknown[] }>('GET', 'media');
      const closed = await journey.api.call<ProblemBody>('POST', `/chats/${somebody()}/send`, {
        body: form(['file', blob(PNG, 'image/png'), 'a.png']),
      });
      expect([closed.status, closed.body.code]).toEqual([422, 'outside_service_window']);
      expect((await journey.simulator.call<{ media: unknown[] }>('GET', 'media')).media).toHaveLength(
        files.media.length,
      );
    });
  });

  describe('once', () => {
    const withKey = <T = SendBody & ProblemBody>(phone: string, body: unknown, key: string): Promise<Answer<T>> =>
      chat<T>(phone, body, { headers: { 'idempotency-key': key } });
    const picture = (text: string): FormData => form(['file', blob(PNG, 'image/png'), 'a.png'], ['body', text]);

    it('a form with the same Idempotency-Key is sent once, also at the same moment', async () => {
      const phone = somebody();
      const answers = await Promise.all(Array.from({ length: 5 }, () => withKey(phone, picture('Once'), 'form-1')));
      const accepted = answers.filter(({ status }) => status === 200);
      expect(accepted.length).toBeGreaterThan(0);
      expect(new Set(accepted.map(({ body }) => body.message.id)).size).toBe(1);
      const again = await withKey(phone, picture('Once'), 'form-1');
      expect([again.status, again.body.message.id]).toEqual([200, accepted[0]?.body.message.id]);
      expect(await journey.simulator.rows(`&to=${phone.slice(1)}`)).toHaveLength(1);
    });

    it('another form with that key is refused', async () => {
      const phone = somebody();
      await withKey(phone, picture('First'), 'form-2');
      for (const [to, body] of [
        [phone, picture('Second')],
        [phone, form(['body', 'First'])],
        [somebody(), picture('First')],
      ] as const) {
        const other = await withKey(to, body, 'form-2');
        expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
      }
      expect(await journey.simulator.rows(`&to=${phone.slice(1)}`)).toHaveLength(1);
    });

    it('a form’s key must be printable and at most 255 long, as any', async () => {
      const { status, body } = await withKey(somebody(), picture('x'), 'k'.repeat(256));
      expect([status, body.errors]).toMatchObject([400, [{ field: 'Idempotency-Key' }]]);
    });

    it('JSON is replayed word for word', async () => {
      const phone = somebody();
      const first = await withKey(phone, { body: 'x' }, 'json-1');
      const again = await withKey(phone, { body: 'x' }, 'json-1');
      expect(again.headers.get('idempotency-replayed')).toBe('true');
      expect(again.body).toEqual(first.body);
    });

    it('a client_ref is taken once, also by ten forms at the same moment', async () => {
      const phone = somebody();
      const answers = await Promise.all(
        Array.from({ length: 10 }, () =>
          chat<ProblemBody>(phone, form(['file', blob(PNG, 'image/png'), 'a.png'], ['client_ref', 'ref-10'])),
        ),
      );
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      expect(answers.filter(({ body }) => body.code === 'client_ref_taken')).toHaveLength(9);
      expect(await journey.simulator.rows(`&to=${phone.slice(1)}`)).toHaveLength(1);
    });
  });

  describe('reading', () => {
    const read = (phone: string, body: object = {}, options: object = {}): Promise<Answer<ReadBody>> =>
      journey.api.call<ReadBody>('POST', `/chats/${encodeURIComponent(phone)}/read`, { body, ...options });
    const receipts = async (wamid: string): Promise<Receipt[]> =>
      (await journey.simulator.call<{ reads: Receipt[] }>('GET', 'ledger/reads')).reads.filter(
        (receipt) => receipt.message_id === wamid,
      );

    it('clears what is unread and tells Meta of the newest message', async () => {
      const phone = somebody();
      const first = await writes(phone);
      const newest = await writes(phone);
      const { status, body } = await read(phone);
      expect(status).toBe(200);
      expect(body).toMatchObject({ unread_count: 0, read_receipt: { status: 'sent', error: null } });
      expect(await receipts(newest.wamid)).toHaveLength(1);
      expect(await receipts(first.wamid)).toHaveLength(0);
      expect(lastSent()).toEqual({ messaging_product: 'whatsapp', status: 'read', message_id: newest.wamid });
      const events = await journey.api.db.query<{ payload: { unread_count: number } }>(
        `select payload from outbox_events where type = 'conversation.updated' and subject_id = $1`,
        [body.id],
      );
      expect(events.map(({ payload }) => payload.unread_count)).toEqual([0]);
      await read(phone);
      const after = await journey.api.db.query(
        `select 1 from outbox_events where type = 'conversation.updated' and subject_id = $1`,
        [body.id],
      );
      expect(after).toHaveLength(1);
    });

    it('shows that somebody is typing', async () => {
      const phone = somebody();
      const { wamid } = await writes(phone);
      await read(phone, { typing: true });
      expect(lastSent()).toMatchObject({ status: 'read', message_id: wamid, typing_indicator: { type: 'text' } });
    });

    it('a receipt that Meta refuses is no error of ours: nothing is unread any more', async () => {
      const phone = somebody();
      await writes(phone);
      await journey.api.db.queryDynamic(
        `update messages set message_id = 'wamid.unknown-to-meta' where contact_id = (select id from contacts where phone = $1)`,
        [phone],
      );
      const { status, body } = await read(phone);
      expect(status).toBe(200);
      expect(body).toMatchObject({ unread_count: 0, read_receipt: { status: 'failed', error: { code: 131009 } } });
    });

    it('has nothing to tell Meta where the customer never wrote', async () => {
      const phone = somebody();
      await chat(phone, { body: 'Hello' });
      const { body } = await read(phone);
      expect(body.read_receipt).toEqual({ status: 'none', error: null });
    });

    describe('while a message comes in', () => {
      /** As a webhook does: the message first, then its conversation, in one transaction. */
      const insert = async (tx: Tx, phone: string, wamid: string): Promise<number> => {
        const [row] = await tx.query<{ conversation_id: number }>(
          `insert into messages (account_id, conversation_id, contact_id, direction, message_id, message_type, message_body, status)
           select c.account_id, c.id, c.contact_id, 'inbound', $2, 'text', 'Late', 'delivered'
           from conversations c join contacts k on k.id = c.contact_id where k.phone = $1 returning conversation_id`,
          [phone, wamid],
        );
        return row?.conversation_id as number;
      };
      const touch = (tx: Tx, id: number): Promise<unknown> =>
        tx.query('update conversations set unread_count = unread_count + 1 where id = $1', [id]);

      it('waits for it and reads it', async () => {
        const phone = somebody();
        await writes(phone);
        let reading: Promise<Answer<ReadBody>> | null = null;
        await journey.api.db.transaction(async (tx) => {
          await touch(tx, await insert(tx, phone, 'wamid.in-time'));
          reading = read(phone);
          await new Promise((resolve) => setTimeout(resolve, 300));
        });
        const { body } = (await reading) as unknown as Answer<ReadBody>;
        expect(body.unread_count).toBe(0);
        expect(lastSent()).toMatchObject({ status: 'read', message_id: 'wamid.in-time' });
      });

      it('or leaves it unread, and tells Meta only of what was there', async () => {
        const phone = somebody();
        const { wamid } = await writes(phone);
        await journey.api.db.transaction(async (tx) => {
          const id = await insert(tx, phone, 'wamid.too-late');
          expect((await read(phone)).body.unread_count).toBe(0);
          expect(lastSent()).toMatchObject({ status: 'read', message_id: wamid });
          await touch(tx, id);
        });
        expect((await journey.api.call<ReadBody>('GET', `/chats/${phone}`)).body.unread_count).toBe(1);
      });
    });

    it('is of the account that asks: another account’s chat is not there', async () => {
      const phone = somebody();
      await writes(phone);
      const other = await journey.api.call<{ id: number }>('POST', '/accounts', {
        body: { name: 'Third', phone_number_id: '300000000000003', access_token: 'EAAthird' },
      });
      expect((await read(phone, {}, { accountId: other.body.id })).status).toBe(404);
      expect((await read(somebody())).status).toBe(404);
      const reader = await journey.api.call<{ key: string }>('POST', '/api-keys', {
        body: { name: 'only reads', scopes: ['inbox:read'] },
      });
      expect((await read(phone, {}, { key: reader.body.key })).status).toBe(403);
    });

    it('a send of a chat is the message of the inbox', async () => {
      const { body } = await chat(somebody(), { body: 'kept' });
      expect(await getMessage(body.message.id)).toMatchObject({ message_body: 'kept', status: expect.any(String) });
    });
  });
});
