import { randomBytes } from 'node:crypto';
import { jest } from '@jest/globals';
import { sleep } from '../../src/common/sleep.js';
import { MessagesApi } from '../../src/meta/api/messages.js';
import { APP_SECRET, eventually, type Answer } from '../support/app.js';
import {
  audienceCsv,
  campaignIs,
  draftWithCsv,
  getCampaign,
  PHONE_NUMBER_ID,
  startJourney,
  WABA_ID,
  type Journey,
} from '../support/journey.js';
import {
  envelope,
  messagesBody,
  newWamid,
  numberChange,
  postWebhook,
  profile,
  secondsAgo,
  sign,
  status,
  text,
  toWire,
  type JsonObject,
} from '../support/webhook-payloads.js';
import { SHAPES } from './webhook-fixtures.js';

interface Log {
  id: number;
  processed: boolean;
  error: string | null;
  attempts: number;
  fields: string[];
  account_ids: number[];
  payload: unknown;
}

interface Message {
  id: number;
  message_id: string | null;
  message_type: string;
  message_body: string;
  direction: string;
  status: string;
  contact_id: number;
  reply_to: number | null;
  error: { code: number | null; title: string; details: string } | null;
  timestamp: string;
  sent_at: string | null;
  delivered_at: string | null;
  read_at: string | null;
  failed_at: string | null;
}

interface Chat {
  unread_count: number;
  contact_id: number;
  contact_name: string;
  last_message_at: string | null;
  last_message: Message | null;
}

const SECRET_OF_B = 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb';
const NUMBER_OF_B = '300000000000777';
const WABA_OF_B = '200000000000777';
const VERIFY_TOKEN = 'verify-token-of-the-environment';
const URL_OF_CHALLENGE = '/whatsapp/webhook/?hub.mode=subscribe&hub.challenge=';
/** What a process knows of accounts may be a second old. */
const ACCOUNTS_ARE_KNOWN_MS = 1_100;

describe('the webhook', () => {
  let journey: Journey;
  let url: string;
  let accountOfB: number;
  let nextPhone = 919_830_000_000;

  const newPhone = (): string => String((nextPhone += 1));
  const call = <T = JsonObject>(method: string, path: string, options = {}): Promise<Answer<T>> =>
    journey.api.call<T>(method, path, options);
  const rows = async (table: string): Promise<number> =>
    (await journey.api.db.queryDynamic<{ n: number }>(`select count(*)::int as n from ${table}`))[0]?.n ?? -1;
  const newestLog = async (): Promise<Log> => {
    const { body } = await call<{ webhook_logs: Log[] }>('GET', '/webhook-logs?limit=1');
    return body.webhook_logs[0] ?? ({ id: 0 } as Log);
  };
  /** Posts a body, which must be taken, and waits until it had its effect or was set aside. */
  const deliver = async (content: JsonObject | string | Buffer, secret?: string): Promise<Log> => {
    const before = (await newestLog()).id;
    const answer = await postWebhook(url, content, { secret });
    expect([answer.status, answer.body]).toEqual([200, { status: 'ok' }]);
    return eventually(newestLog, (log) => log.id > before && (log.processed || log.error !== null));
  };
  const messagesWith = async (phone: string, accountId = journey.accountId): Promise<Message[]> =>
    (await call<{ messages?: Message[] }>('GET', `/chats/+${phone}/messages`, { accountId })).body.messages ?? [];
  const chatWith = async (phone: string): Promise<Chat> => (await call<Chat>('GET', `/chats/+${phone}`)).body;
  const messageById = async (id: number): Promise<Message> => (await call<Message>('GET', `/messages/${id}`)).body;
  const storedBy = (wamid: string): Promise<{ id: number; message_type: string; raw_payload: unknown }[]> =>
    journey.api.db.queryDynamic('select id, message_type, raw_payload from messages where message_id = $1', [wamid]);
  /** A message of ours that Meta accepted. */
  const send = async (phone = newPhone()): Promise<Message & { message_id: string }> => {
    const { status: code, body } = await call<{ message: Message & { message_id: string } }>(
      'POST',
      '/send-message?force=true',
      {
        body: { phone: `+${phone}`, message: 'Hello' },
      },
    );
    expect(code).toBe(200);
    return body.message;
  };

  beforeAll(async () => {
    journey = await startJourney({ env: { WHATSAPP_VERIFY_TOKEN: VERIFY_TOKEN } });
    await journey.simulator.configure({ webhooks: { enabled: false } });
    url = journey.api.url;
    const account = await call<{ id: number }>('POST', '/accounts', {
      body: {
        name: 'B',
        phone_number_id: NUMBER_OF_B,
        waba_id: WABA_OF_B,
        access_token: 'EAAother',
        app_secret: SECRET_OF_B,
      },
    });
    accountOfB = account.body.id;
    await sleep(ACCOUNTS_ARE_KNOWN_MS);
  });
  afterAll(() => journey.close());

  describe('verification by Meta', () => {
    const verify = async (
      query: string,
    ): Promise<{ status: number; type: string | null; body: string; headers: Headers }> => {
      const response = await fetch(`${url}/whatsapp/webhook/?${query}`);
      return {
        status: response.status,
        type: response.headers.get('content-type'),
        body: await response.text(),
        headers: response.headers,
      };
    };

    it('answers the bare challenge as plain text to the token of the environment', async () => {
      const answer = await verify(`hub.mode=subscribe&hub.verify_token=${VERIFY_TOKEN}&hub.challenge=1158201444`);
      expect(answer).toMatchObject({ status: 200, type: 'text/plain; charset=utf-8', body: '1158201444' });
    });

    it('answers it to the token of any active account, and no longer when the account is inactive', async () => {
      const { body } = await call<{ verify_token: string }>('GET', `/accounts/${accountOfB}`);
      const query = `hub.mode=subscribe&hub.challenge=x&hub.verify_token=${encodeURIComponent(body.verify_token)}`;
      expect((await verify(query)).status).toBe(200);
      await call('PATCH', `/accounts/${accountOfB}`, { body: { is_active: false } });
      expect((await verify(query)).status).toBe(403);
      await call('PATCH', `/accounts/${accountOfB}`, { body: { is_active: true } });
      expect((await verify(query)).status).toBe(200);
    });

    it('works without the trailing slash', async () => {
      const response = await fetch(
        `${url}${URL_OF_CHALLENGE.replace('webhook/', 'webhook')}42&hub.verify_token=${VERIFY_TOKEN}`,
      );
      expect([response.status, await response.text()]).toEqual([200, '42']);
    });

    it('hands back a challenge that looks like HTML as text that no browser reads as a page', async () => {
      const challenge = '<script>alert(1)</script>';
      const answer = await verify(
        `hub.mode=subscribe&hub.verify_token=${VERIFY_TOKEN}&hub.challenge=${encodeURIComponent(challenge)}`,
      );
      expect(answer).toMatchObject({ status: 200, type: 'text/plain; charset=utf-8', body: challenge });
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      expect(answer.headers.get('content-security-policy')).toContain("default-src 'self'");
    });

    it.each([
      ['another mode', `hub.mode=unsubscribe&hub.verify_token=${VERIFY_TOKEN}&hub.challenge=1`],
      ['no mode', `hub.verify_token=${VERIFY_TOKEN}&hub.challenge=1`],
      ['no challenge', `hub.mode=subscribe&hub.verify_token=${VERIFY_TOKEN}`],
      ['two challenges', `hub.mode=subscribe&hub.verify_token=${VERIFY_TOKEN}&hub.challenge=1&hub.challenge=2`],
      [
        'a challenge of two lines',
        `hub.mode=subscribe&hub.verify_token=${VERIFY_TOKEN}&hub.challenge=a%0d%0aSet-Cookie:x`,
      ],
      ['nothing', ''],
    ])('refuses %s with 400', async (_what, query) => {
      const answer = await verify(query);
      expect([answer.status, answer.type]).toEqual([400, 'application/problem+json; charset=utf-8']);
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'bad_request', status: 400 });
    });

    it.each([
      ['a wrong token', 'hub.verify_token=wrong'],
      ['an empty token', 'hub.verify_token='],
      ['no token', 'x=1'],
      ['two tokens', `hub.verify_token=${VERIFY_TOKEN}&hub.verify_token=${VERIFY_TOKEN}`],
    ])('refuses %s with 403, and does not echo anything', async (_what, token) => {
      const answer = await verify(`hub.mode=subscribe&hub.challenge=echo-me-not&${token}`);
      expect([answer.status, answer.type]).toEqual([403, 'application/problem+json; charset=utf-8']);
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'verify_token_mismatch' });
      expect(answer.body).not.toContain('echo-me-not');
    });
  });

  describe('the signature', () => {
    const body = toWire(messagesBody({ messages: [text('919830999999', 'Jörg / Zürich')] }));
    const hex = sign(body).slice('sha256='.length);

    it.each<[string, string, string | null]>([
      ['no signature', body, null],
      ['an empty one', body, ''],
      ['one made with another secret', body, sign(body, 'f'.repeat(32))],
      ['one made with an empty secret', body, sign(body, '')],
      ['one of another body', body, sign(`${body} `)],
      ['a body with one character changed', body.replace('"text"', '"tex7"'), sign(body)],
      ['the body written anew from what it says', JSON.stringify(JSON.parse(body)), sign(body)],
      ['SHA-1', body, `sha1=${hex.slice(0, 40)}`],
      ['upper case', body, `sha256=${hex.toUpperCase()}`],
      ['no prefix', body, hex],
      ['one digit too few', body, `sha256=${hex.slice(1)}`],
      ['no body', '', sign(body)],
      ['no JSON', 'x', sign(body)],
    ])('refuses %s with 401 and a problem document, and stores nothing', async (_what, content, signature) => {
      const before = [await rows('webhook_logs'), await rows('messages')];
      const answer = await postWebhook(url, content, { signature });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
      expect(answer.body).toMatchObject({ status: 401, code: 'bad_signature', error: 'Unauthorized' });
      expect(JSON.stringify(answer.body)).not.toContain(APP_SECRET);
      expect([await rows('webhook_logs'), await rows('messages')]).toEqual(before);
    });

    it('is over the bytes as they came: escaped characters and slashes, as Meta writes them', async () => {
      const phone = newPhone();
      const content = toWire(
        messagesBody({ contacts: [profile(phone, 'Zoë')], messages: [text(phone, 'ä/é/مرحبا/🙏🏽')] }),
      );
      expect(content).toMatch(/\\u00e4\\\/\\u00e9.*\\ud83d/);
      expect(await deliver(content)).toMatchObject({ processed: true, error: null });
      expect(await messagesWith(phone)).toMatchObject([{ message_body: 'ä/é/مرحبا/🙏🏽' }]);
    });

    it('is over the bytes as they came: UTF-8 and white space, should Meta write so one day', async () => {
      const phone = newPhone();
      await deliver(JSON.stringify(messagesBody({ messages: [text(phone, 'ä / 🙏')] }), null, 2));
      expect(await messagesWith(phone)).toMatchObject([{ message_body: 'ä / 🙏' }]);
    });
  });

  describe('the body', () => {
    it('is taken up to 3 MB and more', async () => {
      const phone = newPhone();
      const messages = Array.from({ length: 700 }, (_, index) => text(phone, `${index} ${'x'.repeat(4_000)}`));
      const content = toWire(messagesBody({ messages }));
      expect(content.length).toBeGreaterThan(2.7 * 1024 * 1024);
      const padded = content.replace('{', `{"padding":"${'y'.repeat(3 * 1024 * 1024 + 10 - content.length)}",`);
      expect(padded.length).toBeGreaterThan(3 * 1024 * 1024);
      expect(await deliver(padded)).toMatchObject({ processed: true, error: null });
      expect(await chatWith(phone)).toMatchObject({ unread_count: 700 });
    });

    it('is refused with 413 when it has 5 MB, and nothing is stored', async () => {
      const before = await rows('webhook_logs');
      const answer = await postWebhook(url, 'x'.repeat(5 * 1024 * 1024));
      expect(answer.status).toBe(413);
      expect(answer.body).toMatchObject({ code: 'payload_too_large' });
      expect(await rows('webhook_logs')).toBe(before);
    });

    it.each([
      ['application/json; charset=utf-8'],
      ['text/plain'],
      ['application/x-www-form-urlencoded'],
      ['application/octet-stream'],
    ])('is what the signature says, whatever type the header says: %s', async (type) => {
      const phone = newPhone();
      const content = toWire(messagesBody({ messages: [text(phone, type)] }));
      const answer = await postWebhook(url, content, { headers: { 'content-type': type } });
      expect(answer.status).toBe(200);
      await eventually(
        () => messagesWith(phone),
        (messages) => messages.length === 1,
      );
    });

    it('is no form', async () => {
      const content = toWire(messagesBody({ messages: [] }));
      const answer = await postWebhook(url, content, {
        headers: { 'content-type': 'multipart/form-data; boundary=x' },
      });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
    });

    it.each<[string, string | Buffer]>([
      ['half of a body', '{"object":"whatsapp_business_account","entry":[{'],
      ['no JSON', 'hello'],
      ['nothing at all', ''],
      ['bytes that are no text', Buffer.from([0, 255, 254, 0, 128])],
      ['a list', '[]'],
      ['null', 'null'],
      ['JSON of something else', '{"object":"page"}'],
      ['10,000 levels', `{"entry":${'['.repeat(10_000)}${']'.repeat(10_000)}}`],
      ['a million levels that are never closed', '['.repeat(1_000_000)],
    ])(
      'is answered with 200 when it is signed but unreadable (%s): set aside, with the reason, and shown',
      async (_what, content) => {
        const phone = newPhone();
        const log = await deliver(content);
        expect(log).toMatchObject({
          processed: false,
          error: expect.stringMatching(/not JSON|no entry|nested deeper/) as string,
        });
        const detail = await call<Log>('GET', `/webhook-logs/${log.id}`);
        expect(detail.status).toBe(200);
        expect(detail.body.error).toBe(log.error);
        const listed = await call<{ webhook_logs: Log[] }>('GET', '/webhook-logs?has_error=true&limit=1');
        expect(listed.body.webhook_logs[0]?.id).toBe(log.id);
        await deliver(messagesBody({ messages: [text(phone, 'next')] }));
        expect(await messagesWith(phone)).toHaveLength(1);
      },
    );

    it('does not hold up its neighbours when it is unreadable', async () => {
      const phones = Array.from({ length: 20 }, newPhone);
      await Promise.all(
        phones.map(async (phone, index) => {
          await postWebhook(url, index % 2 === 0 ? '{' : '{"entry":[]}');
          await postWebhook(url, messagesBody({ messages: [text(phone, 'good')] }));
        }),
      );
      await eventually(
        async () => Promise.all(phones.map(messagesWithOne)),
        (found) => found.every((count) => count === 1),
      );
    });
    const messagesWithOne = async (phone: string): Promise<number> => (await messagesWith(phone)).length;
  });

  describe('values that break things elsewhere', () => {
    /** Delivers a text message with this content among two sound ones; all must be there. */
    const survives = async (json: (message: JsonObject) => string, wamid = newWamid()): Promise<Message[]> => {
      const phone = newPhone();
      const odd = { from: phone, id: wamid, timestamp: secondsAgo(5), type: 'text', text: { body: 'ODD' } };
      const [before, after] = [text(phone, 'before'), text(phone, 'after')];
      const content = JSON.stringify(
        messagesBody({ contacts: [profile(phone, 'Asha')], messages: [before, 'HERE', after] }),
      ).replace('"HERE"', () => json(odd));
      expect(await deliver(content)).toMatchObject({ processed: true, error: null });
      const messages = await messagesWith(phone);
      expect(messages).toHaveLength(3);
      return messages.filter((message) => !['before', 'after'].includes(message.message_body));
    };

    it.each<[string, string, string]>([
      ['NUL', '"a\\u0000b"', 'a\ufffdb'],
      ['half of a surrogate pair, the first', '"a\\ud83db"', 'a\ufffdb'],
      ['half of a surrogate pair, the second', '"a\\ude00b"', 'a\ufffdb'],
      ['half of a surrogate pair at the end', '"a\\ud83d"', 'a\ufffd'],
      ['a whole surrogate pair', '"\\ud83d\\ude00"', '😀'],
      ['what only looks like an escape', '"\\\\u0000"', '\\u0000'],
      [
        'controls',
        '"\\u0001\\u0008\\u001f\\u007f\\u0085\\u2028\\ufeff\\uffff"',
        '\u0001\b\u001f\u007f\u0085\u2028\ufeff\uffff',
      ],
      ['a number', '42', ''],
      ['null', 'null', ''],
      ['a list', '["x"]', ''],
      ['text longer than any of WhatsApp', `"${'x'.repeat(100_000)}"`, 'x'.repeat(65_536)],
    ])('a text that is %s', async (_what, body, stored) => {
      const messages = await survives((odd) => JSON.stringify(odd).replace('"ODD"', () => body));
      expect(messages).toMatchObject([{ message_body: stored }]);
    });

    it.each<[string, string]>([
      ['NUL in a key', '"k\\u0000":{"\\u0000":"\\u0000"}'],
      ['half of a surrogate pair in a key', '"k\\udfff":1,"\\ud800":[1]'],
      ['__proto__', '"__proto__":{"isAdmin":true},"constructor":{"prototype":{"x":1}},"toString":1'],
      ['1e400', '"big":1e400,"small":-1e400,"huge":1e200000'],
      ['numbers that no column takes', '"a":123456789012345678901234567890,"b":-9223372036854775809,"c":0.1e-400'],
      ['62 levels', `"deep":${'['.repeat(50)}${']'.repeat(50)}`],
      ['text of a megabyte', `"long":"${'z'.repeat(1_000_000)}"`],
      ['10,000 keys', Array.from({ length: 10_000 }, (_, index) => `"k${index}":${index}`).join()],
      ['the same key again', '"from_user_id":null,"type":"text","type":"text"'],
    ])('%s beside what we read', async (_what, more) => {
      const messages = await survives((odd) => JSON.stringify(odd).replace('{', () => `{${more},`));
      expect(messages).toMatchObject([{ message_body: 'ODD' }]);
      expect(({} as JsonObject).isAdmin).toBeUndefined();
    });

    it.each<[string, unknown]>([
      ['in milliseconds', String(Date.now())],
      ['far in the future', '99999999999999'],
      ['of a time before WhatsApp', '1'],
      ['negative', -62_135_596_800],
      ['no number', 'yesterday'],
      ['empty', ''],
      ['null', null],
      ['a list', [1]],
    ])('a timestamp that is %s: the message has that time or the time of receipt', async (_what, timestamp) => {
      const receivedAfter = Date.now() - 10_000;
      const [message] = await survives((odd) => JSON.stringify({ ...odd, timestamp }));
      const time = Date.parse((message as Message).timestamp);
      expect(time).toBeGreaterThan(receivedAfter);
      expect(time).toBeLessThanOrEqual(Date.now());
    });

    it('takes a phone as a number and finds its profile', async () => {
      const phone = newPhone();
      await deliver(
        messagesBody({
          contacts: [{ profile: { name: 'Numeric' }, wa_id: Number(phone) }],
          messages: [text(phone, 'x', { from: Number(phone), timestamp: Number(secondsAgo(1)) })],
        }),
      );
      expect(await chatWith(phone)).toMatchObject({ contact_name: 'Numeric', unread_count: 1 });
    });

    it('cuts names where half of a character would remain', async () => {
      const phone = newPhone();
      await deliver(
        messagesBody({ contacts: [profile(phone, `${'n'.repeat(254)}😀😀`)], messages: [text(phone, 'x')] }),
      );
      expect((await chatWith(phone)).contact_name).toBe('n'.repeat(254));
    });
  });

  describe('one bad item among fifty', () => {
    const phoneOf = newPhone;

    it.each<[string, unknown]>([
      ['null', null],
      ['text', 'x'],
      ['a number', 7],
      ['a list', [[]]],
      ['an empty object', {}],
      ['a message without an id', { from: '919830000000', type: 'text', text: { body: 'x' } }],
      ['a message with an id of 16 kB', text('919830000000', 'x', { id: 'w'.repeat(16_384) })],
      ['a message from nobody', { id: 'wamid.nobody', type: 'text', text: { body: 'x' } }],
      ['a message from a phone that is none', text('not-a-phone', 'x')],
    ])('(%s) costs only itself, and the log says so', async (_what, bad) => {
      const phone = phoneOf();
      const messages = Array.from({ length: 49 }, (_, index) => text(phone, `${index}`));
      const log = await deliver(messagesBody({ messages: [...messages.slice(0, 20), bad, ...messages.slice(20)] }));
      expect(log).toMatchObject({ processed: true, error: expect.stringMatching(/^(a )?message/) as string });
      expect(await chatWith(phone)).toMatchObject({ unread_count: 49 });
      expect(await messagesWith(phone)).toHaveLength(49);
    });

    it('costs only itself among statuses too', async () => {
      const sent = await send();
      const log = await deliver(
        messagesBody({
          statuses: [
            null,
            { status: 'read' },
            { id: sent.message_id },
            status(sent.message_id, 'delivered', { status: 5 }),
            status('w'.repeat(16_384), 'delivered'),
            status(sent.message_id, 'delivered'),
          ],
        }),
      );
      expect(log).toMatchObject({ processed: true, error: 'a status without an id or a status' });
      expect((await messageById(sent.id)).status).toBe('delivered');
    });

    it('costs only itself among changes and entries too', async () => {
      const phone = phoneOf();
      const good = (): JsonObject => numberChange('messages', { messages: [text(phone, 'x')] });
      const body = envelope([good(), null, { field: 'messages', value: 'x' }, { value: {} }, good()]);
      (body.entry as unknown[]).unshift(null, 'x', { id: 7, changes: 'none' });
      const log = await deliver(body);
      expect(log).toMatchObject({
        processed: true,
        error: 'a change without a field or a value',
        fields: ['messages'],
      });
      expect(await messagesWith(phone)).toHaveLength(2);
    });

    it.each<[string, JsonObject]>([
      ['a code beyond any integer', { code: 99_999_999_999, title: 'x' }],
      ['a code with a fraction', { code: 131_026.5, title: 'x' }],
      ['a title cut in the middle of a character', { code: 1, title: `${'t'.repeat(999)}😀` }],
      [
        'details cut in the middle of a character',
        { code: 1, title: 'x', error_data: { details: `${'d'.repeat(999)}😀` } },
      ],
      ['no object', ['x'] as never],
    ])('a failed status with %s is a failed status all the same', async (_what, error) => {
      const [bad, good] = [await send(), await send()];
      const log = await deliver(
        messagesBody({
          statuses: [status(bad.message_id, 'failed', { errors: [error] }), status(good.message_id, 'read')],
        }),
      );
      expect(log).toMatchObject({ processed: true, error: null });
      expect([(await messageById(bad.id)).status, (await messageById(good.id)).status]).toEqual(['failed', 'read']);
    });

    it('reads codes that come as text', async () => {
      const sent = await send();
      await deliver(
        messagesBody({ statuses: [status(sent.message_id, 'failed', { errors: [{ code: '131026', message: 'm' }] })] }),
      );
      expect((await messageById(sent.id)).error).toEqual({ code: 131_026, title: 'm', details: 'm' });
    });

    it('ids that are too long together for an index cost nobody anything', async () => {
      const random = (): string => String.fromCharCode(...[...randomBytes(512)].map((byte) => 0x4e00 + 37 * byte));
      const sent = await send();
      const log = await deliver(
        messagesBody({
          statuses: [
            status(random(), 'delivered', { recipient_participant_id: random() }),
            status(sent.message_id, 'read'),
          ],
        }),
      );
      expect(log).toMatchObject({ processed: true, attempts: 0 });
      expect((await messageById(sent.id)).status).toBe('read');
    });

    it('a code beyond any integer costs a campaign nothing', async () => {
      const id = await draftWithCsv(journey, audienceCsv(2, 9_840_000_000));
      await call('POST', `/campaigns/${id}/run`);
      await campaignIs(journey, id, 'completed');
      const { body } = await call<{ recipients: { message_id: string }[] }>('GET', `/campaigns/${id}/recipients`);
      const [bad, good] = body.recipients.map((recipient) => recipient.message_id) as [string, string];
      const log = await deliver(
        messagesBody({
          statuses: [status(bad, 'failed', { errors: [{ code: 1e12, title: 'x' }] }), status(good, 'delivered')],
        }),
      );
      expect(log).toMatchObject({ processed: true, error: null, attempts: 0 });
      expect(await getCampaign(journey, id)).toMatchObject({ sent_count: 1, delivered_count: 1, failed_count: 1 });
    });

    it('costs only itself when it is the database that refuses it, and is tried again', async () => {
      await journey.api.db.queryDynamic(`
        create function refuse_poison() returns trigger language plpgsql as $fn$
        begin
          if new.message_body = 'poison' then raise exception 'refused by a test'; end if;
          return new;
        end $fn$`);
      await journey.api.db.queryDynamic(
        'create trigger refuse_poison before insert on messages for each row execute function refuse_poison()',
      );
      const [phone, other] = [phoneOf(), phoneOf()];
      const messages = Array.from({ length: 49 }, (_, index) => text(phone, `${index}`));
      messages.splice(20, 0, text(phone, 'poison'));
      const log = await deliver(messagesBody({ messages }));
      expect(log).toMatchObject({
        processed: false,
        error: 'refused by a test',
        account_ids: [journey.accountId],
      });
      expect(log.attempts).toBeGreaterThan(0);
      expect(await messagesWith(phone)).toHaveLength(49);
      // Those behind it go on.
      expect(await deliver(messagesBody({ messages: [text(other, 'x')] }))).toMatchObject({
        processed: true,
        error: null,
      });
      await journey.api.db.queryDynamic('drop function refuse_poison() cascade');
      await journey.api.db.query('update webhook_logs set next_attempt_at = now() where id = $1', [log.id]);
      const settled = await eventually(
        async () => (await call<Log>('GET', `/webhook-logs/${log.id}`)).body,
        (seen) => seen.processed,
      );
      expect(settled.error).toBeNull();
      expect(await chatWith(phone)).toMatchObject({ unread_count: 50 });
    });
  });

  describe('duplicates', () => {
    it('have no effect: the same body again, at once and later', async () => {
      const phone = newPhone();
      const body = messagesBody({ messages: [text(phone, 'once')] });
      await Promise.all(Array.from({ length: 10 }, () => postWebhook(url, body)));
      await deliver(body);
      expect(await messagesWith(phone)).toHaveLength(1);
      expect(await chatWith(phone)).toMatchObject({ unread_count: 1 });
      const events = await journey.api.db.queryDynamic(
        `select 1 from outbox_events where type = 'message.received' and payload->>'message_id' = $1`,
        [((await messagesWith(phone))[0] as Message).message_id],
      );
      expect(events).toHaveLength(1);
    });

    it('have no effect: the same message twice in a change, in a body and in another batch', async () => {
      const phone = newPhone();
      const message = text(phone, 'once');
      const change = numberChange('messages', { messages: [message, message] });
      await deliver(envelope([change, change]));
      await deliver(messagesBody({ messages: [text(phone, 'twice'), message] }));
      expect(await messagesWith(phone)).toHaveLength(2);
      expect(await chatWith(phone)).toMatchObject({ unread_count: 2 });
    });

    it('of statuses have no effect, and the history has each once', async () => {
      const sent = await send();
      const statuses = ['sent', 'delivered', 'delivered', 'read'].map((name) => status(sent.message_id, name));
      await deliver(messagesBody({ statuses }));
      const first = await messageById(sent.id);
      await deliver(messagesBody({ statuses: [...statuses].reverse() }));
      expect(await messageById(sent.id)).toEqual(first);
      const history = await journey.api.db.queryDynamic(
        'select status from message_statuses where message_id = $1 order by 1',
        [sent.message_id],
      );
      expect(history).toEqual([{ status: 'delivered' }, { status: 'read' }, { status: 'sent' }]);
    });
  });

  describe('every shape that Meta documents', () => {
    it('is more than forty', () => expect(SHAPES.length).toBeGreaterThan(40));

    it.each(SHAPES.map((shape) => [shape.name, shape] as const))(
      'is processed without an error: %s',
      async (_name, shape) => {
        const log = await deliver(shape.body);
        expect(log).toMatchObject({ processed: true, error: null });
        if (shape.message) {
          expect(await storedBy(shape.message.id)).toEqual([
            {
              id: expect.any(Number) as number,
              message_type: shape.message.type,
              raw_payload: JSON.parse(JSON.stringify(shape.message.raw)) as unknown,
            },
          ]);
        }
      },
    );

    it('all together in one body too', async () => {
      const entry = SHAPES.flatMap((shape) => shape.body.entry as unknown[]);
      expect(await deliver({ object: 'whatsapp_business_account', entry })).toMatchObject({
        processed: true,
        error: null,
      });
    });

    it('keeps what it does not know as a message of unknown type, unread unless it only announces something', async () => {
      const phone = newPhone();
      await deliver(
        messagesBody({
          messages: [
            text(phone, '', { type: 'hologram', text: undefined, hologram: { id: 1 } }),
            text(phone, '', { type: 'request_welcome', text: undefined }),
            text(phone, '', { type: undefined }),
          ],
        }),
      );
      const types = (await messagesWith(phone)).map((message) => message.message_type);
      expect(types.toSorted()).toEqual(['system', 'unknown', 'unknown']);
      expect(await chatWith(phone)).toMatchObject({ unread_count: 2 });
    });
  });

  describe('people', () => {
    it('have the name of their profile, found by who wrote and not by position', async () => {
      const [asha, ravi] = [newPhone(), newPhone()];
      await deliver(
        messagesBody({
          contacts: [profile(asha, 'Asha'), profile(ravi, 'Ravi')],
          messages: [text(ravi, 'from Ravi'), text(asha, 'from Asha')],
        }),
      );
      const chats = [await chatWith(asha), await chatWith(ravi)];
      expect(chats.map((chat) => [chat.contact_name, chat.last_message?.message_body])).toEqual([
        ['Asha', 'from Asha'],
        ['Ravi', 'from Ravi'],
      ]);
      const contact = await call<{ name: string; phone: string }>('GET', `/contacts/${(chats[0] as Chat).contact_id}`);
      expect(contact.body).toMatchObject({ name: 'Asha', phone: `+${asha}` });
    });

    it('keep the name somebody gave them', async () => {
      const phone = newPhone();
      await call('POST', '/contacts', { body: { phone: `+${phone}`, name: 'Our name' } });
      await deliver(messagesBody({ contacts: [profile(phone, 'Their name')], messages: [text(phone, 'x')] }));
      expect((await chatWith(phone)).contact_name).toBe('Our name');
    });

    it('may have no phone: a user id is enough, and the phone is linked once it is known', async () => {
      const [userId, phone] = [`IN.${newPhone()}`, newPhone()];
      const fromUser = {
        id: newWamid(),
        timestamp: secondsAgo(5),
        type: 'text',
        text: { body: 'no phone' },
        from_user_id: userId,
      };
      await deliver(
        messagesBody({
          contacts: [{ profile: { name: 'Sam', username: '@sam.roe' }, user_id: userId }],
          messages: [fromUser],
        }),
      );
      const { body: chat } = await call<Chat & { phone_number: string | null }>('GET', `/chats/${userId}`);
      expect(chat).toMatchObject({ contact_name: 'Sam', phone_number: null, unread_count: 1 });
      const contact = (): Promise<Answer> => call('GET', `/contacts/${chat.contact_id}`);
      expect((await contact()).body).toMatchObject({ phone: null, user_id: userId, username: 'sam.roe' });
      await deliver(messagesBody({ messages: [text(phone, 'with phone', { from_user_id: userId })] }));
      expect((await contact()).body).toMatchObject({ phone: `+${phone}`, user_id: userId });
      expect(await messagesWith(phone)).toHaveLength(2);
    });

    it('who write for the first time many times at once are one person with one conversation', async () => {
      const phone = newPhone();
      await Promise.all(
        Array.from({ length: 25 }, (_, index) =>
          postWebhook(url, messagesBody({ messages: [text(phone, `${index}`)] })),
        ),
      );
      await eventually(
        () => chatWith(phone),
        (chat) => chat.unread_count === 25,
      );
      expect(await messagesWith(phone)).toHaveLength(25);
    });
  });

  describe('conversations', () => {
    it('are as recent as their newest message, in whatever order the messages come', async () => {
      const phone = newPhone();
      const [old, newest, middle] = [300, 10, 60].map((seconds) =>
        text(phone, `${seconds}`, { timestamp: secondsAgo(seconds) }),
      ) as [JsonObject, JsonObject, JsonObject];
      await deliver(messagesBody({ messages: [newest] }));
      await deliver(messagesBody({ messages: [old, middle] }));
      const chat = await chatWith(phone);
      expect(chat).toMatchObject({ unread_count: 3, last_message: { message_body: '10' } });
      expect(Date.parse(chat.last_message_at as string)).toBe(Number(newest.timestamp) * 1_000);
      expect((await messagesWith(phone)).map((message) => message.message_body)).toEqual(['10', '60', '300']);
    });

    it('show which message is answered', async () => {
      const sent = await send();
      const phone = String(
        (await call<{ phone_number: string }>('GET', `/messages/${sent.id}`)).body.phone_number,
      ).slice(1);
      await deliver(messagesBody({ messages: [text(phone, 'Yes', { context: { from: '91', id: sent.message_id } })] }));
      expect((await messagesWith(phone)).find((message) => message.message_body === 'Yes')?.reply_to).toBe(sent.id);
    });
  });

  describe('statuses', () => {
    const deliverStatuses = (...statuses: JsonObject[]): Promise<Log> => deliver(messagesBody({ statuses }));

    it('move forward only: read before delivered before sent ends as read, with all three times', async () => {
      const sent = await send();
      const at = (seconds: number): JsonObject => ({ timestamp: secondsAgo(seconds) });
      await deliverStatuses(status(sent.message_id, 'read', at(1)));
      await deliverStatuses(status(sent.message_id, 'delivered', at(20)));
      await deliverStatuses(status(sent.message_id, 'sent', at(30)));
      const message = await messageById(sent.id);
      expect(message.status).toBe('read');
      expect(Date.parse(message.read_at as string)).toBeGreaterThan(Date.parse(message.delivered_at as string));
      expect(Date.parse(message.delivered_at as string)).toBeGreaterThan(Date.parse(message.sent_at as string));
    });

    it('read means delivered, for Meta may leave that out', async () => {
      const sent = await send();
      await deliverStatuses(status(sent.message_id, 'read'));
      expect(await messageById(sent.id)).toMatchObject({ status: 'read', delivered_at: expect.any(String) as string });
    });

    it('played means read', async () => {
      const sent = await send();
      await deliverStatuses(status(sent.message_id, 'played'));
      expect((await messageById(sent.id)).status).toBe('read');
    });

    it.each([
      ['failed, then delivered', ['failed', 'delivered']],
      ['delivered, then failed', ['delivered', 'failed']],
    ])('%s: delivery is what is shown, and the failure is kept', async (_what, names) => {
      const sent = await send();
      for (const name of names) {
        await deliverStatuses(
          status(
            sent.message_id,
            name,
            name === 'failed' ? { errors: [{ code: 131_026, title: 'Undeliverable' }] } : {},
          ),
        );
      }
      expect(await messageById(sent.id)).toMatchObject({
        status: 'delivered',
        delivered_at: expect.any(String) as string,
        failed_at: expect.any(String) as string,
        error: { code: 131_026, title: 'Undeliverable' },
      });
    });

    it('of names that Meta has not told us yet are kept and change nothing', async () => {
      const sent = await send();
      const before = await messageById(sent.id);
      await deliverStatuses(status(sent.message_id, 'remembered'));
      expect(await messageById(sent.id)).toEqual({
        ...before,
        statuses: [expect.objectContaining({ status: 'remembered' })],
      });
    });

    it('of a message that we never sent are kept, and no message comes of them', async () => {
      const foreign = newWamid();
      const before = await rows('messages');
      expect(
        await deliverStatuses(
          status(foreign, 'delivered'),
          status(foreign, 'read', { biz_opaque_callback_data: 'parley:00000000-0000-4000-8000-000000000000' }),
          status(foreign, 'sent', { biz_opaque_callback_data: 'parley:not-a-uuid' }),
          status(foreign, 'failed', { biz_opaque_callback_data: { not: 'text' } }),
        ),
      ).toMatchObject({ processed: true, error: null });
      expect(await rows('messages')).toBe(before);
      const kept = await journey.api.db.queryDynamic('select 1 from message_statuses where message_id = $1', [foreign]);
      expect(kept).toHaveLength(4);
    });

    let letAnswer = (): void => undefined;
    afterEach(() => letAnswer());
    /** Begins a send whose answer comes when it is let, and finds what Meta knows of it meanwhile. */
    const sendLate = async (
      phone: string,
    ): Promise<{ answer: Promise<Answer<{ message: Message }>>; wamid: string; token: string }> => {
      const isLet = new Promise<void>((resolve) => (letAnswer = resolve));
      const graph = journey.api.app.get(MessagesApi, { strict: false });
      const askMeta = graph.send.bind(graph);
      const late = jest.spyOn(graph, 'send').mockImplementationOnce(async (...args) => {
        const answered = await askMeta(...args);
        await isLet;
        return answered;
      });
      const answer = call<{ message: Message }>('POST', '/send-message?force=true', {
        body: { phone: `+${phone}`, message: 'Late' },
      });
      const [row] = await eventually(
        () => journey.simulator.rows(`&to=${phone}`),
        (found) => found.length === 1,
      );
      late.mockRestore();
      return { answer, wamid: row?.wamid as string, token: row?.biz_opaque_callback_data as string };
    };

    it('may come before the answer to the send: our token finds the message', async () => {
      const phone = newPhone();
      const { answer, wamid, token } = await sendLate(phone);
      await deliverStatuses(status(wamid, 'delivered', { biz_opaque_callback_data: token }));
      expect(await messagesWith(phone)).toMatchObject([{ status: 'delivered', message_id: wamid }]);
      letAnswer();
      expect((await answer).body.message).toMatchObject({ status: 'delivered', message_id: wamid });
    });

    it('may come before the answer to the send, without our token: they wait for the answer', async () => {
      const phone = newPhone();
      const { answer, wamid } = await sendLate(phone);
      await deliverStatuses(status(wamid, 'read'));
      expect(await messagesWith(phone)).toMatchObject([{ status: 'pending', message_id: null }]);
      letAnswer();
      expect((await answer).body.message).toMatchObject({ message_id: wamid });
      await eventually(
        () => messagesWith(phone),
        ([message]) => message?.status === 'read',
      );
    });

    it('that failed before the answer, and delivery after, move the conversation as any message does', async () => {
      const phone = newPhone();
      const { answer, wamid, token } = await sendLate(phone);
      await deliverStatuses(status(wamid, 'failed', { biz_opaque_callback_data: token, errors: [{ code: 131_000 }] }));
      expect((await chatWith(phone)).last_message).toMatchObject({ status: 'failed' });
      letAnswer();
      await answer;
      await deliverStatuses(status(wamid, 'delivered'));
      const [message] = await messagesWith(phone);
      expect(message).toMatchObject({ status: 'delivered' });
      expect((await chatWith(phone)).last_message_at).toBe(message?.timestamp);
    });

    it('settle a send whose answer never came', async () => {
      const phone = newPhone();
      await journey.simulator.configure({ faults: { swallow_ratio: 1 } });
      const answer = await call('POST', '/send-message?force=true', { body: { phone: `+${phone}`, message: 'Lost' } });
      await journey.simulator.configure({ faults: { swallow_ratio: 0 } });
      expect([answer.status, answer.body.code]).toEqual([504, 'graph_outcome_unknown']);
      const [row] = await journey.simulator.rows(`&to=${phone}`);
      expect((await messagesWith(phone))[0]).toMatchObject({ status: 'unknown', message_id: null });
      await deliverStatuses(
        status(row?.wamid as string, 'delivered', { biz_opaque_callback_data: row?.biz_opaque_callback_data }),
      );
      expect((await messagesWith(phone))[0]).toMatchObject({ status: 'delivered', message_id: row?.wamid });
    });
  });

  describe('templates', () => {
    it('take the status that Meta announces, of their own account only', async () => {
      const id = journey.templates.order_update as number;
      const template = async (): Promise<JsonObject> => (await call('GET', `/templates/${id}`)).body;
      const before = await template();
      const event = (name: string, reason: string | null, waba = WABA_ID): JsonObject =>
        envelope(
          [
            {
              value: {
                event: name,
                message_template_id: Number(before.meta_template_id),
                message_template_name: before.name,
                message_template_language: before.language,
                reason,
              },
              field: 'message_template_status_update',
            },
          ],
          waba,
          { time: Number(secondsAgo(0)) },
        );
      expect(before.status).toBe('APPROVED');
      await deliver(event('REJECTED', 'INVALID_FORMAT'));
      expect(await template()).toMatchObject({ status: 'REJECTED', rejected_reason: 'INVALID_FORMAT' });
      await deliver(event('APPROVED', 'NONE'));
      expect(await template()).toMatchObject({ status: 'APPROVED', rejected_reason: null });
      await deliver(event('FLAGGED', null));
      expect(await template()).toMatchObject({ status: 'APPROVED' });
      await deliver(event('DISABLED', null, WABA_OF_B), SECRET_OF_B);
      expect(await template()).toMatchObject({ status: 'APPROVED' });
    });

    it('are found by ids that no double can hold', async () => {
      const metaId = '12345678901234567';
      const [row] = await journey.api.db.queryDynamic<{ id: number }>(
        `insert into templates (account_id, name, meta_template_id, language, category, status)
         values ($1, 'long_id', $2, 'en', 'UTILITY', 'APPROVED') returning id`,
        [journey.accountId, metaId],
      );
      const body = toWire(
        envelope([
          {
            field: 'message_template_status_update',
            value: {
              event: 'PAUSED',
              message_template_id: 'ID',
              message_template_name: 'x',
              message_template_language: 'en',
            },
          },
        ]),
      ).replace('"ID"', metaId);
      await deliver(body);
      expect((await call('GET', `/templates/${row?.id}`)).body.status).toBe('PAUSED');
    });
  });

  describe('whose it is', () => {
    it('changes nothing of an account when another account signed it, and the log says so', async () => {
      const phone = newPhone();
      const before = [await rows('messages'), await rows('contacts')];
      const log = await deliver(messagesBody({ messages: [text(phone, 'forged')] }), SECRET_OF_B);
      expect(log).toMatchObject({
        processed: true,
        error: 'signed with the secret of another account',
        account_ids: [],
      });
      const reverse = await deliver(messagesBody({ messages: [text(phone, 'forged')] }, NUMBER_OF_B));
      expect(reverse).toMatchObject({
        processed: true,
        error: 'signed with the secret of another account',
        account_ids: [],
      });
      expect([await rows('messages'), await rows('contacts')]).toEqual(before);
    });

    it('does not let one account speak of the messages of another', async () => {
      const sent = await send();
      const log = await deliver(
        messagesBody({ statuses: [status(sent.message_id, 'read')] }, NUMBER_OF_B),
        SECRET_OF_B,
      );
      expect(log).toMatchObject({ processed: true, error: null, account_ids: [accountOfB] });
      expect((await messageById(sent.id)).status).toBe('sent');
    });

    it('applies the part of a body that its secret is good for', async () => {
      const [mine, theirs] = [newPhone(), newPhone()];
      const log = await deliver(
        envelope([
          numberChange('messages', { messages: [text(theirs, 'x')] }),
          numberChange('messages', { messages: [text(mine, 'x')] }, NUMBER_OF_B),
        ]),
        SECRET_OF_B,
      );
      expect(log).toMatchObject({
        processed: true,
        error: 'signed with the secret of another account',
        account_ids: [accountOfB],
      });
      expect(await messagesWith(mine, accountOfB)).toHaveLength(1);
      expect(await messagesWith(theirs)).toHaveLength(0);
    });

    it('is nobody’s when the body names neither a number nor a WABA, not even an account’s that has no WABA', async () => {
      const account = await call<{ id: number }>('POST', '/accounts', {
        body: { name: 'No WABA', phone_number_id: '300000000000888', access_token: 'EAAno' },
      });
      await sleep(ACCOUNTS_ARE_KNOWN_MS);
      const before = await rows('messages');
      const log = await deliver(envelope([{ field: 'messages', value: { messages: [text(newPhone(), 'x')] } }], null));
      expect(log).toMatchObject({ processed: true, error: 'no account', account_ids: [] });
      expect(await rows('messages')).toBe(before);
      await call('DELETE', `/accounts/${account.body.id}`);
    });

    it('waits in the log when its number is of no account, and can be replayed once the account exists', async () => {
      const [phone, number] = [newPhone(), '300000000000999'];
      const log = await deliver(messagesBody({ messages: [text(phone, 'early')] }, number));
      expect(log).toMatchObject({ processed: true, error: 'no account', account_ids: [], fields: ['messages'] });
      const account = await call<{ id: number }>('POST', '/accounts', {
        body: { name: 'Late', phone_number_id: number, access_token: 'EAAlate' },
      });
      await sleep(ACCOUNTS_ARE_KNOWN_MS);
      const replay = await call<Log>('POST', `/webhook-logs/${log.id}/replay`);
      expect(replay.status).toBe(200);
      const replayed = await eventually(
        async () => (await call<Log>('GET', `/webhook-logs/${log.id}`)).body,
        (seen) => seen.processed,
      );
      expect(replayed).toMatchObject({ error: null, account_ids: [account.body.id] });
      expect(await messagesWith(phone, account.body.id)).toMatchObject([{ message_body: 'early' }]);
      // Again, and again nothing changes.
      await call('POST', `/webhook-logs/${log.id}/replay`);
      await eventually(
        async () => (await call<Log>('GET', `/webhook-logs/${log.id}`)).body,
        (seen) => seen.processed,
      );
      expect(await messagesWith(phone, account.body.id)).toHaveLength(1);
    });

    it('is nobody’s while the account is inactive', async () => {
      await call('PATCH', `/accounts/${accountOfB}`, { body: { is_active: false } });
      await sleep(ACCOUNTS_ARE_KNOWN_MS);
      const body = messagesBody({ messages: [text(newPhone(), 'x')] }, NUMBER_OF_B);
      expect((await postWebhook(url, body, { secret: SECRET_OF_B })).status).toBe(401);
      expect(await deliver(body)).toMatchObject({ processed: true, error: 'no account' });
      await call('PATCH', `/accounts/${accountOfB}`, { body: { is_active: true } });
      await sleep(ACCOUNTS_ARE_KNOWN_MS);
    });
  });

  describe('the log', () => {
    let keyOfB: string;
    let ofA: Log;
    let ofB: Log;
    let ofBoth: Log;
    let ofNobody: Log;
    const list = async (query: string, key?: string): Promise<number[]> => {
      const { status: code, body } = await call<{ webhook_logs: Log[] }>('GET', `/webhook-logs?limit=200${query}`, {
        key,
      });
      expect(code).toBe(200);
      return body.webhook_logs.map((log) => log.id);
    };

    beforeAll(async () => {
      // The app's secret signs for both: B falls back to it for a moment.
      keyOfB = (
        await call<{ key: string }>('POST', '/api-keys', {
          body: { name: 'B only', account_ids: [accountOfB], scopes: ['webhooks:read', 'webhooks:write'] },
        })
      ).body.key;
      await call('PATCH', `/accounts/${accountOfB}`, { body: { app_secret: null } });
      await sleep(ACCOUNTS_ARE_KNOWN_MS);
      ofA = await deliver(messagesBody({ messages: [text(newPhone(), 'secret of A')] }));
      ofB = await deliver(messagesBody({ messages: [text(newPhone(), 'secret of B')] }, NUMBER_OF_B));
      ofBoth = await deliver(
        envelope([
          numberChange('messages', { messages: [text(newPhone(), 'secret of A')] }),
          numberChange('messages', { messages: [text(newPhone(), 'secret of B')] }, NUMBER_OF_B),
        ]),
      );
      ofNobody = await deliver('{');
      await call('PATCH', `/accounts/${accountOfB}`, { body: { app_secret: SECRET_OF_B } });
    });

    it('shows a key tied to an account its own bodies, and none that speak of another account or of nobody', async () => {
      expect(ofBoth.account_ids.sort()).toEqual([journey.accountId, accountOfB].sort());
      const seen = await list('', keyOfB);
      expect(seen).toContain(ofB.id);
      for (const hidden of [ofA, ofBoth, ofNobody]) {
        expect(seen).not.toContain(hidden.id);
        for (const [method, path] of [
          ['GET', `/webhook-logs/${hidden.id}`],
          ['POST', `/webhook-logs/${hidden.id}/replay`],
        ] as const) {
          const [foreign, missing] = [
            await call(method, path, { key: keyOfB }),
            await call(method, path.replace(/\d+/, '999999999'), { key: keyOfB }),
          ];
          expect([foreign.status, foreign.body.code, foreign.body.detail]).toEqual([
            404,
            'not_found',
            missing.body.detail,
          ]);
        }
      }
      expect((await call<Log>('GET', `/webhook-logs/${ofB.id}`, { key: keyOfB })).body.payload).toMatchObject({
        object: 'whatsapp_business_account',
      });
    });

    it('shows a key for everything everything', async () => {
      expect(await list('')).toEqual(expect.arrayContaining([ofA.id, ofB.id, ofBoth.id, ofNobody.id]));
    });

    it('is filtered by fate, error, field and time', async () => {
      const template = await deliver(
        envelope([
          { field: 'flows', value: {} },
          { field: 'a,b', value: {} },
          { field: 'a', value: {} },
        ]),
      );
      expect(template.fields).toEqual(['flows', 'a,b', 'a']);
      expect(await list('&field=flows')).toContain(template.id);
      expect(await list('&field=flows')).not.toContain(ofA.id);
      expect(await list('&field=a,b')).toEqual([template.id]);
      expect(await list('&processed=false')).toContain(ofNobody.id);
      expect(await list('&processed=false')).not.toContain(ofA.id);
      expect(await list('&processed=true')).not.toContain(ofNobody.id);
      expect(await list('&has_error=true')).toContain(ofNobody.id);
      expect(await list('&has_error=true')).not.toContain(ofA.id);
      expect(await list('&has_error=false')).not.toContain(ofNobody.id);
      const { body } = await call<{ received_at: string }>('GET', `/webhook-logs/${template.id}`);
      expect(await list(`&from=${body.received_at}`)).toContain(template.id);
      expect(await list(`&to=${body.received_at}`)).not.toContain(template.id);
    });

    it('is paged without gaps and repeats, newest first', async () => {
      const all = await list('');
      const paged: number[] = [];
      let cursor: string | null = null;
      do {
        const answer: Answer<{ webhook_logs: Log[]; next_cursor: string | null }> = await call(
          'GET',
          `/webhook-logs?limit=7${cursor === null ? '' : `&cursor=${cursor}`}`,
        );
        paged.push(...answer.body.webhook_logs.map((log) => log.id));
        cursor = answer.body.next_cursor;
      } while (cursor !== null && paged.length < all.length);
      expect(paged.slice(0, all.length)).toEqual(all);
      expect((await call('GET', '/webhook-logs?cursor=nonsense')).body.code).toBe('bad_cursor');
    });

    it('shows what Meta sent', async () => {
      const detail = await call<Log>('GET', `/webhook-logs/${ofA.id}`);
      expect(detail.body).toMatchObject({
        fields: ['messages'],
        account_ids: [journey.accountId],
        payload: { entry: [{ id: WABA_ID, changes: [{ value: { metadata: { phone_number_id: PHONE_NUMBER_ID } } }] }] },
      });
    });

    it('needs the scope', async () => {
      const { body } = await call<{ key: string }>('POST', '/api-keys', {
        body: { name: 'x', scopes: ['webhooks:read'] },
      });
      expect((await call('GET', '/webhook-logs', { key: null })).status).toBe(401);
      expect((await call('GET', '/webhook-logs', { key: body.key })).status).toBe(200);
      expect((await call('POST', `/webhook-logs/${ofA.id}/replay`, { key: body.key })).status).toBe(403);
    });
  });
});
