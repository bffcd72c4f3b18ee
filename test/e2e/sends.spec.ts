import { eventually, type Answer } from '../support/app.js';
import { startJourney, type Journey } from '../support/journey.js';

interface MessageBody {
  id: number;
  message_id: string | null;
  conversation_id: number;
  phone_number: string | null;
  status: string;
  error: { code: number; title: string; details: string } | null;
  reply_to: number | null;
  message_body: string;
}
interface SendBody {
  status: string;
  result: { messages: { id: string }[] };
  message: MessageBody;
}
interface ProblemBody {
  code: string;
  message?: { id: number };
  graph?: Record<string, unknown>;
  errors?: { field: string; code: string }[];
  templates?: string[];
  service_window_expires_at?: string | null;
}

/** Every test has people of its own. */
let nextPhone = 9_820_000_000;
const somebody = (): string => `+91${(nextPhone += 1)}`;
/** The simulator does to these what their last six digits say. */
const magic = (digits: string): string => `+919999${digits}`;

describe('single sends', () => {
  let journey: Journey;

  const post = <T = SendBody>(path: string, body: object, options: object = {}): Promise<Answer<T>> =>
    journey.api.call<T>('POST', path, { body, ...options });
  const sendText = <T = SendBody>(body: object, query = '?force=true'): Promise<Answer<T>> =>
    post<T>(`/send-message/${query}`, { message: 'Hello!', ...body });
  const getMessage = async (id: number): Promise<MessageBody> =>
    (await journey.api.call<MessageBody>('GET', `/messages/${id}`)).body;
  const inLedger = (phone: string): ReturnType<Journey['simulator']['rows']> =>
    journey.simulator.rows(`&to=${phone.replace('+', '')}`);
  /** A customer writes, and it has arrived. */
  const writes = async (from: string, text = 'Hi'): Promise<{ wamid: string; id: number }> => {
    const { wamid } = await journey.simulator.call<{ wamid: string }>('POST', 'inbound', {
      from,
      text,
      phone_number_id: PHONE_NUMBER,
    });
    const messages = await eventually(
      async () =>
        (await journey.api.call<{ messages?: MessageBody[] }>('GET', `/chats/${from}/messages`)).body.messages ?? [],
      (seen) => seen.some((message) => message.message_id === wamid),
    );
    return { wamid, id: messages.find((message) => message.message_id === wamid)?.id as number };
  };
  const PHONE_NUMBER = '300000000000001';

  beforeAll(async () => {
    journey = await startJourney({ simulator: { faults: { hang_ms: 300 }, webhooks: { read_ratio: 1 } } });
  });
  afterAll(() => journey.close());

  describe('what is sent', () => {
    it('text: Meta’s answer and the stored message come back, and statuses are kept', async () => {
      const phone = somebody();
      await writes(phone);
      const sent = await post('/send-message/', { phone, message: 'Hello Asha', sent_by: 'ravi@example.com' });
      expect(sent.status).toBe(200);
      expect(sent.body).toMatchObject({
        status: 'sent',
        result: { messaging_product: 'whatsapp', contacts: [{ input: phone }] },
        message: {
          message_id: sent.body.result.messages[0]?.id,
          account_id: journey.accountId,
          phone_number: phone,
          direction: 'outbound',
          message_type: 'text',
          message_body: 'Hello Asha',
          // Statuses may be here before the answer is.
          status: expect.stringMatching(/^(sent|delivered|read)$/),
          sent_by: 'ravi@example.com',
          client_ref: null,
          error: null,
        },
      });
      expect(await inLedger(phone)).toMatchObject([{ type: 'text', wamid: sent.body.message.message_id }]);
      const read = await eventually(
        () => getMessage(sent.body.message.id),
        (message) => message.status === 'read',
      );
      expect(read).toMatchObject({
        sent_at: expect.stringMatching(/Z$/),
        delivered_at: expect.stringMatching(/Z$/),
        read_at: expect.stringMatching(/Z$/),
      });
      const history = await journey.api.db.query<{ status: string }>(
        'select status from message_statuses where message_id = $1 order by status',
        [sent.body.message.message_id],
      );
      expect(history.map((row) => row.status)).toEqual(['delivered', 'read', 'sent']);
    });

    it('a location, with coordinates as numbers or as the text that older clients send', async () => {
      const phone = somebody();
      const sent = await post('/send-location/?force=true', {
        phone,
        latitude: '28.6139',
        longitude: 77.209,
        name: 'Office',
        address: 'Connaught Place',
      });
      expect(sent.body.message).toMatchObject({
        message_type: 'location',
        location_latitude: 28.6139,
        location_longitude: 77.209,
        location_name: 'Office',
        location_address: 'Connaught Place',
      });
      expect(await inLedger(phone)).toMatchObject([{ type: 'location', outcome: 'accepted' }]);
    });

    it('a template with positional variables, rendered for the inbox, without an open window', async () => {
      const phone = somebody();
      const sent = await post('/send-template/', { phone, template_name: 'order_update', body_params: ['Asha', 42] });
      expect(sent.status).toBe(200);
      expect(sent.body.message).toMatchObject({
        message_type: 'template',
        message_body: 'Hi Asha, your order 42 is on its way to you.',
        template_name: 'order_update',
        template_language: 'en',
      });
      expect(await inLedger(phone)).toMatchObject([{ type: 'template', template: 'order_update' }]);
    });

    it('a template with named variables, by name', async () => {
      const sent = await post('/send-template/', {
        phone: somebody(),
        template_name: 'named_offer',
        body_params: { offer_code: 'SPRING', first_name: 'Asha' },
      });
      expect(sent.status).toBe(200);
      expect(sent.body.message.message_body).toBe('Hi Asha, the code SPRING is yours until Sunday.');
    });

    it('a template with Meta’s own components, instead of the simple fields and never beside them', async () => {
      const components = [
        {
          type: 'body',
          parameters: [
            { type: 'text', text: 'Asha' },
            { type: 'text', text: 'A-1' },
          ],
        },
      ];
      const raw = { phone: somebody(), template_name: 'order_update', components };
      expect((await post('/send-template/', raw)).status).toBe(200);
      const both = await post<ProblemBody>('/send-template/', { ...raw, body_params: ['Asha', 'A-1'] });
      expect([both.status, both.body.errors]).toMatchObject([400, [{ field: 'components', code: 'exclusive' }]]);
    });

    it('a template of which there is no local copy: Meta knows best', async () => {
      const refused = await post<ProblemBody>('/send-template/', {
        phone: somebody(),
        template_name: 'nobody_made_it',
      });
      expect([refused.status, refused.body.graph]).toMatchObject([422, { code: 132001, kind: 'template' }]);
    });
  });

  describe('to whom', () => {
    it('is one person and one thread in any spelling, and Graph always gets the plus', async () => {
      const phone = somebody();
      const digits = phone.slice(1);
      const spellings = [phone, digits, digits.slice(2), `+91 ${digits.slice(2, 7)}-${digits.slice(7)}`, `00${digits}`];
      const sent = [];
      for (const spelling of spellings) {
        sent.push(await sendText({ phone: spelling }));
      }
      expect(sent.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
      expect(new Set(sent.map(({ body }) => body.message.conversation_id)).size).toBe(1);
      expect(
        sent.map(({ body }) => (body.result as never as { contacts: { input: string }[] }).contacts[0]?.input),
      ).toEqual(spellings.map(() => phone));
      expect(await inLedger(phone)).toHaveLength(5);
    });

    it('is a user id where no phone is known', async () => {
      const sent = await sendText({ user_id: 'IN.13491208655302741918' });
      expect(sent.status).toBe(200);
      expect(sent.body.message.phone_number).toBeNull();
      expect(await journey.simulator.rows('&to=IN.13491208655302741918')).toMatchObject([
        { to: null, user_id: 'IN.13491208655302741918' },
      ]);
      const again = await sendText({ user_id: 'IN.13491208655302741918' });
      expect(again.body.message.conversation_id).toBe(sent.body.message.conversation_id);
    });

    it('must be said, and readable', async () => {
      const wrong = [
        await sendText<ProblemBody>({}),
        await sendText<ProblemBody>({ phone: '12' }),
        await sendText<ProblemBody>({ user_id: 'asha' }),
      ];
      expect(wrong.map(({ status }) => status)).toEqual([400, 400, 400]);
      expect(wrong[0]?.body.errors).toMatchObject([{ field: 'phone', code: 'required' }]);
      expect(wrong[2]?.body.errors).toMatchObject([{ field: 'user_id', code: 'invalid_user_id' }]);
    });
  });

  describe('a reply', () => {
    it('quotes a message by wamid or by local id', async () => {
      const phone = somebody();
      const { wamid, id } = await writes(phone, 'Where is my order?');
      for (const reply_message_id of [wamid, String(id)]) {
        const sent = await sendText({ phone, reply_message_id }, '');
        expect([sent.status, sent.body.message.reply_to]).toEqual([200, id]);
      }
    });

    it('may quote a wamid that is only known to Meta, and nothing that is not there', async () => {
      const phone = somebody();
      const foreign = await sendText({ phone, reply_message_id: 'wamid.HBgMOTE5ODc2NTAwMDAxFQIAERgSRUY' });
      expect([foreign.status, foreign.body.message.reply_to]).toEqual([200, null]);
      for (const reply_message_id of ['999999', 'nonsense']) {
        const { status, body } = await sendText<ProblemBody>({ phone, reply_message_id });
        expect([status, body.errors]).toMatchObject([400, [{ field: 'reply_message_id', code: 'not_found' }]]);
      }
    });
  });

  describe('a client_ref', () => {
    it('is echoed and taken once, also by ten requests at the same moment', async () => {
      const phone = somebody();
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => sendText<SendBody & ProblemBody>({ phone, client_ref: 'order-42' })),
      );
      const accepted = answers.filter(({ status }) => status === 200);
      expect(accepted).toHaveLength(1);
      expect(accepted[0]?.body.message).toMatchObject({ client_ref: 'order-42' });
      expect(answers.filter(({ status, body }) => status === 409 && body.code === 'client_ref_taken')).toHaveLength(9);
      expect(await inLedger(phone)).toHaveLength(1);
    });

    it('belongs to the account: another account may use the same', async () => {
      const other = await journey.api.call<{ id: number }>('POST', '/accounts', {
        body: { name: 'Other', phone_number_id: '300000000000002', access_token: 'EAAother' },
      });
      const phone = somebody();
      const both = [
        await sendText({ phone, client_ref: 'shared' }),
        await post(
          '/send-message?force=true',
          { phone, message: 'x', client_ref: 'shared' },
          { accountId: other.body.id },
        ),
      ];
      expect(both.map(({ status }) => status)).toEqual([200, 200]);
    });
  });

  describe('many at the same moment', () => {
    const COUNT = 60;

    /** All at once; what each is follows from its place. */
    const together = (bodyOf: (index: number) => object, queryOf: (index: number) => string): Promise<Answer[]> =>
      Promise.all(
        Array.from({ length: COUNT }, (_, index) =>
          post<Record<string, unknown>>(`/send-message/${queryOf(index)}`, bodyOf(index)),
        ),
      );

    it('each gets the answer to its own, and goes out once', async () => {
      const phones = Array.from({ length: COUNT }, somebody);
      const answers = (await together(
        (index) => ({ phone: phones[index], message: `This is ${index}`, client_ref: `together-${index}` }),
        () => '?force=true',
      )) as unknown as Answer<SendBody>[];
      expect(answers.map(({ body }) => [body.message.phone_number, body.message.message_body])).toEqual(
        phones.map((phone, index) => [phone, `This is ${index}`]),
      );
      expect(new Set(answers.map(({ body }) => body.message.conversation_id)).size).toBe(COUNT);
      for (const [index, { body }] of answers.entries()) {
        const rows = await inLedger(phones[index] as string);
        expect(rows).toMatchObject([{ wamid: body.message.message_id }]);
        expect(body.result.messages).toMatchObject([{ id: body.message.message_id }]);
      }
    });

    it('those that may not go are told so one by one, leave nobody behind and hold up nobody', async () => {
      const isStranger = (index: number): boolean => index % 4 === 0;
      const refs = (index: number): string => (index === 1 || index === 2 ? 'together-twice' : `mixed-${index}`);
      const phones = Array.from({ length: COUNT }, somebody);
      const answers = await together(
        (index) => ({ phone: phones[index], message: 'Hello', client_ref: refs(index) }),
        (index) => (isStranger(index) ? '' : '?force=true'),
      );
      const codes = answers.map(({ status, body }) => (status === 200 ? 'sent' : (body as { code: string }).code));
      const twice = [codes[1], codes[2]];
      expect(twice.sort()).toEqual(['client_ref_taken', 'sent']);
      expect(codes.filter((_code, index) => isStranger(index))).toEqual(
        Array.from({ length: COUNT / 4 }, () => 'outside_service_window'),
      );
      expect(codes.filter((code, index) => index > 2 && !isStranger(index) && code !== 'sent')).toEqual([]);
      const known = await journey.api.db.query<{ phone: string }>('select phone from contacts where phone = any($1)', [
        phones,
      ]);
      expect(known).toHaveLength(codes.filter((code) => code === 'sent').length);
      const sent = await journey.api.db.query('select 1 from messages where client_ref like $1', ['mixed-%']);
      expect(sent).toHaveLength(codes.filter((code) => code === 'sent').length - 1);
    });

    it('to one person they are one thread, in any spelling', async () => {
      const phone = somebody();
      const answers = (await together(
        (index) => ({ phone: index % 2 === 0 ? phone : phone.replace('+91', '0091'), message: `${index}` }),
        () => '?force=true',
      )) as unknown as Answer<SendBody>[];
      expect(new Set(answers.map(({ body }) => body.message.conversation_id)).size).toBe(1);
      expect(new Set(answers.map(({ body }) => body.message.message_id)).size).toBe(COUNT);
      expect(await inLedger(phone)).toHaveLength(COUNT);
    });
  });

  describe('what Meta refuses', () => {
    it.each([
      ['131021', 422, 'recipient', false],
      ['132000', 422, 'recipient', false],
      ['132015', 422, 'template', false],
      ['130429', 429, 'throttled', true],
      ['131056', 429, 'pair_limit', true],
      ['131000', 502, 'transient', true],
      ['131042', 502, 'account', false],
      ['000190', 502, 'account', false],
    ])('%s is %i with Meta’s words, and the failed message is kept', async (digits, status, kind, retryable) => {
      const refused = await sendText<ProblemBody>({ phone: magic(digits) });
      expect(refused.status).toBe(status);
      expect(refused.headers.get('content-type')).toContain('application/problem+json');
      expect(refused.body).toMatchObject({
        code: 'graph_error',
        graph: {
          code: Number(digits),
          title: expect.any(String),
          details: expect.any(String),
          kind,
          retryable,
          fbtrace_id: expect.any(String),
        },
      });
      expect(refused.headers.has('retry-after')).toBe(status === 429);
      const message = await getMessage(refused.body.message?.id as number);
      expect(message).toMatchObject({
        status: 'failed',
        message_id: null,
        error: { code: Number(digits), details: refused.body.graph?.details },
        failed_at: expect.any(String),
      });
    });

    it('only after it had accepted it: the message fails by webhook', async () => {
      const sent = await sendText({ phone: magic('131049') });
      expect(sent.status).toBe(200);
      const failed = await eventually(
        () => getMessage(sent.body.message.id),
        (message) => message.status === 'failed',
      );
      expect(failed.error).toMatchObject({ code: 131049 });
    });

    it('tells no token', async () => {
      const refused = await sendText<ProblemBody>({ phone: magic('000190') });
      expect(JSON.stringify(refused.body)).not.toContain('EAAtesttoken');
    });
  });

  describe('an answer that was lost', () => {
    it.each([
      ['000503', 'HTML instead of an answer, accepted'],
      ['000504', 'no answer, accepted'],
      ['000506', 'an answer that is not JSON, accepted'],
    ])('%s (%s): 504 with the message, which the webhook settles', async (digits) => {
      const lost = await sendText<ProblemBody>({ phone: magic(digits) });
      expect([lost.status, lost.body.code]).toEqual([504, 'graph_outcome_unknown']);
      const settled = await eventually(
        () => getMessage(lost.body.message?.id as number),
        (message) => message.status === 'read',
      );
      expect(settled.message_id).toMatch(/^wamid\./);
      expect(await inLedger(magic(digits))).toHaveLength(1);
    });

    it.each([
      ['000500', 'an empty 500'],
      ['000502', 'HTML'],
      ['000505', 'no answer'],
      ['000507', 'a reset connection'],
    ])('%s (%s, not accepted): 504, and it stays unknown and is not sent again', async (digits) => {
      const lost = await sendText<ProblemBody>({ phone: magic(digits) });
      expect([lost.status, lost.body.code]).toEqual([504, 'graph_outcome_unknown']);
      expect(await getMessage(lost.body.message?.id as number)).toMatchObject({ status: 'unknown', message_id: null });
      expect(await inLedger(magic(digits))).toHaveLength(1);
    });

    it('statuses in the wrong order or twice end the same', async () => {
      const phones = ['000601', '000602', '000606', '000607'];
      const sent = await Promise.all(phones.map((digits) => sendText({ phone: magic(digits) })));
      const expected = ['read', 'delivered', 'read', 'read'];
      for (const [index, { body }] of sent.entries()) {
        await eventually(
          () => getMessage(body.message.id),
          (message) => message.status === expected[index],
        );
      }
    });
  });

  describe('the service window', () => {
    it('closed: refused before Meta is asked, with the templates that could be sent', async () => {
      const phone = somebody();
      for (const [path, body] of [
        ['/send-message', { phone, message: 'Hi' }],
        ['/send-location', { phone, latitude: 1, longitude: 2 }],
      ] as const) {
        const refused = await post<ProblemBody>(path, body);
        expect([refused.status, refused.body.code]).toEqual([422, 'outside_service_window']);
        expect(JSON.stringify(refused.body.templates)).toContain('order_update');
        expect(refused.body.service_window_expires_at).toBeNull();
      }
      expect(await inLedger(phone)).toHaveLength(0);
      expect((await journey.api.call('GET', `/chats/${phone}`)).status).toBe(404);
    });

    it('closed, but ?force=true: Meta is asked', async () => {
      const phone = somebody();
      expect((await sendText({ phone }, '?force=true')).status).toBe(200);
      expect(await inLedger(phone)).toHaveLength(1);
    });

    it('opens with the customer’s message and closes a day later', async () => {
      const phone = somebody();
      await writes(phone);
      expect((await sendText({ phone }, '')).status).toBe(200);
      await journey.api.db.query(
        `update conversations set last_inbound_at = now() - interval '24 hours 1 second'
         where contact_id = (select id from contacts where phone = $1)`,
        [phone],
      );
      const late = await sendText<ProblemBody>({ phone }, '');
      expect([late.status, late.body.code]).toEqual([422, 'outside_service_window']);
      expect(Date.parse(late.body.service_window_expires_at ?? '')).toBeLessThan(Date.now());
    });
  });

  describe('wrong requests', () => {
    it('unknown fields are refused by name', async () => {
      const { status, body } = await sendText<ProblemBody>({ phone: somebody(), mesage: 'x', urgent: true });
      expect([status, body.code]).toEqual([400, 'validation_failed']);
      expect(body.errors).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ field: 'mesage', code: 'unknown_field' }),
          expect.objectContaining({ field: 'urgent', code: 'unknown_field' }),
        ]),
      );
    });

    it.each<[string, object, string]>([
      ['/send-message', { message: 5 }, 'message'],
      ['/send-message', { message: '' }, 'message'],
      ['/send-message', {}, 'message'],
      ['/send-message', { message: 'x'.repeat(4_097) }, 'message'],
      ['/send-message', { message: 'a\u0000b' }, 'message'],
      ['/send-message', { message: 'a', preview_url: 'maybe' }, 'preview_url'],
      ['/send-message', { message: 'a', client_ref: 'x'.repeat(101) }, 'client_ref'],
      ['/send-message', { message: 'a', phone: 919_820_000_001 }, 'phone'],
      ['/send-location', { latitude: 91, longitude: 0 }, 'latitude'],
      ['/send-location', { latitude: 'north', longitude: 0 }, 'latitude'],
      ['/send-template', { template_name: 'No Such Name' }, 'template_name'],
      ['/send-template', { template_name: 'order_update', body_params: 'Asha' }, 'body_params'],
      ['/send-template', { template_name: 'order_update', body_params: [{}] }, 'body_params.0'],
      ['/send-template', { template_name: 'order_update', body_params: ['a\nb', 'c'] }, 'body_params.1'],
      ['/send-template', { template_name: 'order_update', components: {} }, 'components'],
      ['/send-template', { template_name: 'order_update', buttons: [{ index: 12 }] }, 'buttons.0.index'],
    ])('%s case %#: 400 naming the field', async (path, body, field) => {
      const { status, body: problem } = await post<ProblemBody>(path, { phone: somebody(), ...body });
      expect([status, problem.code]).toEqual([400, 'validation_failed']);
      expect(problem.errors?.map((error) => error.field)).toContain(field);
    });

    it('4,096 characters are not too long', async () => {
      expect((await sendText({ phone: somebody(), message: 'x'.repeat(4_096) })).status).toBe(200);
    });

    it('no key: 401 with exactly the word the old clients read; no scope: 403; foreign account: 404', async () => {
      const none = await post<ProblemBody & { error: string }>(
        '/send-message',
        { phone: somebody(), message: 'x' },
        { key: null },
      );
      expect([none.status, none.body.error]).toEqual([401, 'Unauthorized']);
      const reader = await journey.api.call<{ key: string }>('POST', '/api-keys', {
        body: { name: 'reader', scopes: ['inbox:read'] },
      });
      const scopeless = await post<ProblemBody>(
        '/send-message',
        { phone: somebody(), message: 'x' },
        { key: reader.body.key },
      );
      expect([scopeless.status, scopeless.body.code]).toEqual([403, 'insufficient_scope']);
      const tied = await journey.api.call<{ key: string }>('POST', '/api-keys', {
        body: { name: 'tied', scopes: ['*'], account_ids: [journey.accountId] },
      });
      const other = await journey.api.call<{ accounts: { id: number }[] }>('GET', '/accounts');
      const foreign = other.body.accounts.map((account) => account.id).find((id) => id !== journey.accountId) ?? 999;
      for (const accountId of [foreign, 999_999]) {
        const answer = await post<ProblemBody>(
          '/send-message',
          { phone: somebody(), message: 'x' },
          { key: tied.body.key, accountId },
        );
        expect([answer.status, answer.body.code]).toEqual([404, 'account_not_found']);
      }
    });

    it('a message of another account is not there', async () => {
      const other = await journey.api.call<{ id: number }>('POST', '/accounts', {
        body: { name: 'Third', phone_number_id: '300000000000003', access_token: 'EAAthird' },
      });
      const sent = await sendText({ phone: somebody() });
      const look = await journey.api.call('GET', `/messages/${sent.body.message.id}`, { accountId: other.body.id });
      expect([look.status, look.body.code]).toEqual([404, 'not_found']);
      const quote = await post<ProblemBody>(
        '/send-message?force=true',
        { phone: somebody(), message: 'x', reply_message_id: String(sent.body.message.id) },
        { accountId: other.body.id },
      );
      expect(quote.status).toBe(400);
    });
  });

  describe('an Idempotency-Key', () => {
    const withKey = (
      key: string,
      body: object,
      options: { accountId?: number; key?: string } = {},
    ): Promise<Answer<SendBody & ProblemBody>> =>
      post(
        '/send-message?force=true',
        { message: 'Once', ...body },
        { ...options, headers: { 'idempotency-key': key } },
      );

    it('makes 250 posts with 50 keys 50 messages', async () => {
      await journey.simulator.call('DELETE', 'ledger');
      const phones = Array.from({ length: 50 }, somebody);
      const answers = await Promise.all(
        phones.flatMap((phone, index) => Array.from({ length: 5 }, () => withKey(`many-${index}`, { phone }))),
      );
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 409]));
      for (const { status, body, headers } of answers) {
        if (status === 409) {
          expect([body.code, headers.get('retry-after')]).toEqual(['idempotency_in_progress', '1']);
        }
      }
      const ledger = await journey.simulator.ledger();
      expect(ledger).toMatchObject({ accepted: 50, recipients_messaged: 50, recipients_messaged_more_than_once: 0 });
    });

    it('answers the same request again with the stored answer, however its JSON is written', async () => {
      const phone = somebody();
      const first = await withKey('same', { phone, preview_url: false }, { accountId: journey.accountId });
      const again = await withKey('same', { preview_url: false, phone, account_id: journey.accountId });
      expect(first.headers.get('idempotency-replayed')).toBeNull();
      expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
      expect(again.body).toEqual(first.body);
      expect(JSON.stringify(again.body)).toBe(JSON.stringify(first.body));
      expect(await inLedger(phone)).toHaveLength(1);
    });

    it('refuses another request under the same key', async () => {
      const phone = somebody();
      await withKey('other-body', { phone });
      const other = await withKey('other-body', { phone, message: 'Twice' });
      expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
      const elsewhere = await journey.api.call<ProblemBody>('POST', '/send-location?force=true', {
        body: { phone, latitude: 1, longitude: 1 },
        headers: { 'idempotency-key': 'other-body' },
      });
      expect([elsewhere.status, elsewhere.body.code]).toEqual([422, 'idempotency_key_reused']);
    });

    it('keeps refusals of Meta and lost answers, so that a retry never sends again', async () => {
      for (const [digits, status] of [
        ['131021', 422],
        ['131042', 502],
        ['000507', 504],
      ] as const) {
        const first = await withKey(`kept-${digits}`, { phone: magic(digits) });
        const before = (await inLedger(magic(digits))).length;
        const again = await withKey(`kept-${digits}`, { phone: magic(digits) });
        expect([first.status, again.status]).toEqual([status, status]);
        expect(again.headers.get('idempotency-replayed')).toBe('true');
        expect(again.headers.get('content-type')).toContain('application/problem+json');
        expect(again.body).toEqual(first.body);
        expect(await inLedger(magic(digits))).toHaveLength(before);
      }
    });

    it('keeps nothing of a request that did nothing: put right, it goes through', async () => {
      const phone = somebody();
      expect((await withKey('wrong-first', { phone, message: '' })).status).toBe(400);
      expect((await withKey('wrong-first', { phone })).status).toBe(200);
      const throttled = await withKey('throttled', { phone: magic('130429') });
      const again = await withKey('throttled', { phone: magic('130429') });
      expect([throttled.status, again.status, again.headers.get('idempotency-replayed')]).toEqual([429, 429, null]);
      await withKey('ref-1', { phone, client_ref: 'taken-ref' });
      expect((await withKey('ref-2', { phone, client_ref: 'taken-ref' })).status).toBe(409);
      expect((await withKey('ref-2', { phone, client_ref: 'free-ref' })).status).toBe(200);
    });

    it('belongs to the account, not to the key that asks', async () => {
      const phone = somebody();
      const other = await journey.api.call<{ id: number }>('POST', '/accounts', {
        body: { name: 'Fourth', phone_number_id: '300000000000004', access_token: 'EAAfourth' },
      });
      const twin = await journey.api.call<{ key: string }>('POST', '/api-keys', {
        body: { name: 'twin', scopes: ['messages:send'], account_ids: [journey.accountId] },
      });
      const first = await withKey('scoped', { phone }, { accountId: journey.accountId });
      const byTwin = await withKey('scoped', { phone }, { accountId: journey.accountId, key: twin.body.key });
      expect(byTwin.body.message.id).toBe(first.body.message.id);
      const elsewhere = await withKey('scoped', { phone }, { accountId: other.body.id });
      expect([elsewhere.status, elsewhere.headers.get('idempotency-replayed')]).toEqual([200, null]);
      const foreign = await withKey('scoped', { phone }, { accountId: other.body.id, key: twin.body.key });
      expect([foreign.status, foreign.body.code]).toEqual([404, 'account_not_found']);
    });

    it('is let go two minutes after its request died, and the message that was sent is not sent again', async () => {
      const phone = somebody();
      await withKey('died', { phone });
      const died = (age: string): Promise<unknown> =>
        journey.api.db.queryDynamic(
          `update idempotency_keys set status = null, body = null, completed_at = null, created_at = now() - $1::interval
           where key = 'died'`,
          [age],
        );
      await died('110 seconds');
      expect((await withKey('died', { phone })).body.code).toBe('idempotency_in_progress');
      await died('121 seconds');
      expect((await withKey('died', { phone, message: 'Another' })).body.code).toBe('idempotency_key_reused');
      const both = await Promise.all([withKey('died', { phone }), withKey('died', { phone })]);
      expect(both.filter(({ status, headers }) => status === 200 && !headers.has('idempotency-replayed'))).toHaveLength(
        1,
      );
      expect(await inLedger(phone)).toHaveLength(1);
    });

    it('replays the secret of a new API key, which is stored encrypted and for the key that asked only', async () => {
      const create = (key?: string): Promise<Answer<{ id: number; key: string }>> =>
        journey.api.call('POST', '/api-keys', {
          body: { name: 'Once', scopes: ['inbox:read'] },
          headers: { 'idempotency-key': 'new-key' },
          ...(key === undefined ? {} : { key }),
        });
      const first = await create();
      const again = await create();
      expect([first.status, again.status]).toEqual([201, 201]);
      expect(again.body).toEqual(first.body);
      const admin = await journey.api.call<{ key: string }>('POST', '/api-keys', {
        body: { name: 'admin', scopes: ['*'] },
      });
      const byOther = await create(admin.body.key);
      expect(byOther.body.id).not.toBe(first.body.id);
      const rows = await journey.api.db.query<{ body: unknown }>('select body from idempotency_keys');
      const stored = JSON.stringify(rows);
      expect(stored).toContain('v1:test:');
      expect(stored).not.toContain(first.body.key);
    });

    it('must be printable and at most 255 long', async () => {
      for (const key of ['x'.repeat(256), 'clé']) {
        const { status, body } = await withKey(key, { phone: somebody() });
        expect([status, body.errors]).toMatchObject([400, [{ field: 'Idempotency-Key' }]]);
      }
    });
  });
});
