import { createHmac } from 'node:crypto';
import { startSimulator, type Simulator } from '../../src/simulator/start-simulator.js';
import { until, WebhookReceiver, type ReceivedChange } from '../support/webhook-receiver.js';

const PHONE = '300000000000001';
const WABA = '200000000000001';
const SECRET = '0123456789abcdef0123456789abcdef';
const CUSTOMER = '+919876512345';

interface GraphFailure {
  message: string;
  type: string;
  code: number;
  error_subcode?: number;
  error_data?: { messaging_product: string; details: string };
  fbtrace_id: string;
}

interface Answer {
  messaging_product?: string;
  contacts?: { input: string; wa_id?: string; user_id?: string }[];
  messages?: { id: string; message_status?: string }[];
  error?: GraphFailure;
  data?: Record<string, unknown>[];
  paging?: { cursors: { after: string }; next?: string };
  [key: string]: unknown;
}

let simulator: Simulator;
let receiver: WebhookReceiver;

/** Delays short enough for a test; everything else as it comes. */
const QUICK = {
  sent_ms: 20,
  delivered_ms: 40,
  read_ms: 60,
  jitter_ms: 0,
  read_ratio: 1,
  tick_ms: 10,
  retry_first_ms: 50,
  // One after the other: what is on its way at once may arrive in any order.
  concurrency: 1,
};

beforeEach(async () => {
  receiver = new WebhookReceiver();
  await receiver.start();
  simulator = await startSimulator({
    config: { callback_url: receiver.url, app_secret: SECRET, webhooks: QUICK, template_approval_ms: 30 },
  });
});

afterEach(async () => {
  await simulator.close();
  await receiver.stop();
});

async function graph(method: string, path: string, body?: unknown, token = 'token'): Promise<[number, Answer]> {
  const response = await fetch(`${simulator.url}/v25.0/${path}`, {
    method,
    headers: { ...(token === '' ? {} : { authorization: `Bearer ${token}` }), 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return [response.status, (await response.json()) as Answer];
}

async function control(method: string, path: string, body?: unknown): Promise<[number, Record<string, unknown>]> {
  const response = await fetch(`${simulator.url}/__simulate/${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return [response.status, (await response.json()) as Record<string, unknown>];
}

/** The simulator knows that so many statuses were taken. */
function untilDelivered(count: number): Promise<void> {
  return until(async () => {
    const [, { webhooks }] = await control('GET', 'ledger');
    return (webhooks as { delivered: number }).delivered === count;
  });
}

function send(message: Record<string, unknown>, to = CUSTOMER): Promise<[number, Answer]> {
  return graph('POST', `${PHONE}/messages`, { messaging_product: 'whatsapp', to, ...message });
}

function text(body: string, to = CUSTOMER): Promise<[number, Answer]> {
  return send({ type: 'text', text: { body } }, to);
}

function template(name: string, parameters: unknown[], language = 'en', to = CUSTOMER): Promise<[number, Answer]> {
  const components = parameters.length === 0 ? [] : [{ type: 'body', parameters }];
  return send({ type: 'template', template: { name, language: { code: language }, components } }, to);
}

function words(...values: string[]): unknown[] {
  return values.map((value) => ({ type: 'text', text: value }));
}

async function code(answer: Promise<[number, Answer]>): Promise<number | undefined> {
  return (await answer)[1].error?.code;
}

function wamidOf(answer: Answer): string {
  return answer.messages?.[0]?.id ?? '';
}

describe('sending', () => {
  it('answers as Meta does and gives every message an id of its own', async () => {
    const [status, first] = await text('Hello');
    const [, second] = await text('Hello');

    expect(status).toBe(200);
    expect(first).toEqual({
      messaging_product: 'whatsapp',
      contacts: [{ input: CUSTOMER, wa_id: '919876512345' }],
      messages: [{ id: expect.stringMatching(/^wamid\.[A-Za-z0-9+/=]+$/) as string }],
    });
    expect(wamidOf(second)).not.toBe(wamidOf(first));
  });

  it('puts the own country code before a number without plus, and rewrites Brazilian and Mexican numbers', async () => {
    const waIds = await Promise.all(
      [
        '98765 12345',
        '919876512345',
        '(631) 555-1234',
        '+55 61 99123-4567',
        '+55 11 95555-0173',
        '+52 55 1234 5678',
      ].map(async (to) => (await text('Hi', to))[1].contacts?.[0]?.wa_id),
    );

    expect(waIds).toEqual([
      '919876512345',
      '919876512345',
      '916315551234',
      '556191234567',
      '5511955550173',
      '5215512345678',
    ]);
  });

  it('sends to a user id when there is no phone, but no authentication template', async () => {
    const body = { messaging_product: 'whatsapp', recipient: 'US.13491208655302741918' };
    const hello = { name: 'hello_world', language: { code: 'en_US' } };
    const login = {
      name: 'login_code',
      language: { code: 'en' },
      components: [
        { type: 'body', parameters: words('123456') },
        { type: 'button', sub_type: 'url', index: 0, parameters: words('123456') },
      ],
    };

    const [, accepted] = await graph('POST', `${PHONE}/messages`, { ...body, type: 'template', template: hello });
    expect(accepted.contacts).toEqual([{ input: 'US.13491208655302741918', user_id: 'US.13491208655302741918' }]);
    expect(await code(graph('POST', `${PHONE}/messages`, { ...body, type: 'template', template: login }))).toBe(131062);
    expect(await code(send({ recipient: body.recipient, type: 'template', template: login }))).toBeUndefined();
  });

  it.each([
    ['no token', '', 401, 200],
    ['an expired token', 'EXPIRED-1', 401, 190],
    ['a token without permission', 'NOPERM-1', 403, 10],
  ])('refuses %s', async (_, token, http, expected) => {
    const message = { messaging_product: 'whatsapp', to: CUSTOMER, type: 'text', text: { body: 'Hi' } };
    const [status, { error }] = await graph('POST', `${PHONE}/messages`, message, token);

    expect([status, error?.code, error?.type]).toEqual([http, expected, 'OAuthException']);
  });

  it('words a refusal in the envelope of Meta', async () => {
    const buttons = [{ type: 'reply', reply: { id: 'a', title: 'a title far too long for it' } }];
    const [status, answer] = await send({
      type: 'interactive',
      interactive: { type: 'button', body: { text: 'Choose' }, action: { buttons } },
    });

    expect(status).toBe(400);
    expect(answer).toEqual({
      error: {
        message: '(#131009) Parameter value is not valid',
        type: 'OAuthException',
        code: 131009,
        error_data: {
          messaging_product: 'whatsapp',
          details: 'Button title length invalid (27). Min length: 1, Max length: 20',
        },
        fbtrace_id: expect.any(String) as string,
      },
    });
  });

  it.each<[string, number | undefined, Record<string, unknown>]>([
    ['text of 4096 characters', undefined, { type: 'text', text: { body: 'a'.repeat(4096) } }],
    ['text of 4097 characters', 100, { type: 'text', text: { body: 'a'.repeat(4097) } }],
    ['text without body', 131008, { type: 'text', text: {} }],
    ['an unknown key', 100, { type: 'text', text: { body: 'a', colour: 'red' } }],
    ['an unknown type', 100, { type: 'telegram', telegram: {} }],
    ['an image by link', undefined, { type: 'image', image: { link: 'https://example.com/a.png', caption: 'a' } }],
    ['an image without source', 131008, { type: 'image', image: { caption: 'a' } }],
    ['an image of an unknown id', 100, { type: 'image', image: { id: '42' } }],
    ['audio with caption', 100, { type: 'audio', audio: { link: 'https://example.com/a.ogg', caption: 'a' } }],
    ['a location', undefined, { type: 'location', location: { latitude: '12.9', longitude: 77.6 } }],
    ['a location off the globe', 131009, { type: 'location', location: { latitude: 91, longitude: 0 } }],
    ['a contact', undefined, { type: 'contacts', contacts: [{ name: { formatted_name: 'Asha' } }] }],
    ['a contact without name', 131008, { type: 'contacts', contacts: [{ phones: [{ phone: '+911' }] }] }],
    ['a reaction', undefined, { type: 'reaction', reaction: { message_id: 'wamid.x', emoji: '👍' } }],
    ['a removed reaction', undefined, { type: 'reaction', reaction: { message_id: 'wamid.x', emoji: '' } }],
    [
      'a quoting reaction',
      131009,
      { type: 'reaction', reaction: { message_id: 'wamid.x', emoji: '👍' }, context: { message_id: 'wamid.y' } },
    ],
    ['long callback data', 100, { type: 'text', text: { body: 'a' }, biz_opaque_callback_data: 'x'.repeat(513) }],
  ])('validates %s', async (_, expected, message) => {
    expect(await code(send(message))).toBe(expected);
  });

  it.each<[string, number | undefined, Record<string, unknown>]>([
    [
      'eleven rows',
      131009,
      {
        type: 'list',
        action: {
          button: 'Open',
          sections: [
            { rows: rows(6), title: 'a' },
            { rows: rows(5, 'x'), title: 'b' },
          ],
        },
      },
    ],
    ['ten rows', undefined, { type: 'list', action: { button: 'Open', sections: [{ rows: rows(10) }] } }],
    [
      'two sections without titles',
      131008,
      { type: 'list', action: { button: 'Open', sections: [{ rows: rows(1) }, { rows: rows(1, 'x') }] } },
    ],
    ['four buttons', 131009, { type: 'button', action: { buttons: buttons(4) } }],
    ['equal button ids', 131009, { type: 'button', action: { buttons: [...buttons(1), ...buttons(1)] } }],
    [
      'a link button',
      undefined,
      { type: 'cta_url', action: { name: 'cta_url', parameters: { display_text: 'Go', url: 'https://example.com' } } },
    ],
    ['a location request', undefined, { type: 'location_request_message', action: { name: 'send_location' } }],
    [
      'a flow without id',
      100,
      { type: 'flow', action: { name: 'flow', parameters: { flow_message_version: '3', flow_cta: 'Go' } } },
    ],
    ['products without header', 131008, { type: 'product_list', action: { catalog_id: '1', sections: [] } }],
    [
      'an address abroad',
      131009,
      { type: 'address_message', action: { name: 'address_message', parameters: { country: 'DE' } } },
    ],
    [
      'a carousel of one card',
      131009,
      { type: 'carousel', action: { cards: [{ card_index: 0, type: 'product', action: {} }] } },
    ],
  ])('validates an interactive message with %s', async (_, expected, interactive) => {
    expect(await code(send({ type: 'interactive', interactive: { body: { text: 'Choose' }, ...interactive } }))).toBe(
      expected,
    );
  });

  it('marks messages as read, with a typing indicator', async () => {
    const [, { messages }] = await control('POST', 'inbound', { phone_number_id: PHONE });
    const { wamid } = (messages as { wamid: string }[])[0] ?? { wamid: '' };
    const read = {
      messaging_product: 'whatsapp',
      status: 'read',
      message_id: wamid,
      typing_indicator: { type: 'text' },
    };

    expect(await graph('POST', `${PHONE}/messages`, read)).toEqual([200, { success: true }]);
    expect(await code(graph('POST', `${PHONE}/messages`, { ...read, message_id: undefined }))).toBe(131008);
  });

  it('refuses what comes faster than the number may send, and does not accept it', async () => {
    await control('PUT', 'config', { messages_per_second: 5, rate_limit_http: 429 });
    const answers = await Promise.all(Array.from({ length: 30 }, () => text('Fast')));
    const [, ledger] = await control('GET', 'ledger');
    const [, { messages }] = await control('GET', 'ledger/messages');
    const accepted = (messages as { outcome: string; arrived_at: number }[]).filter(
      (row) => row.outcome === 'accepted',
    );
    const refused = answers.filter(([status, { error }]) => status === 429 && error?.code === 130429);

    // Five in the first second, and in every second after it if the machine makes a pause.
    expect(accepted.length).toBeGreaterThanOrEqual(5);
    for (const { arrived_at: at } of accepted) {
      expect(accepted.filter((row) => row.arrived_at > at - 1_000 && row.arrived_at <= at).length).toBeLessThanOrEqual(
        5,
      );
    }
    expect(refused.length).toBeGreaterThan(0);
    expect(refused).toHaveLength(30 - accepted.length);
    expect(ledger).toMatchObject({
      accepted: accepted.length,
      refused: refused.length,
      refused_by_code: { 130429: refused.length },
    });
  });

  it('knows no ids but its own when it may not register any', async () => {
    await control('PUT', 'config', { auto_register: false });
    const [status, { error }] = await text('Hi');

    expect([status, error?.code, error?.error_subcode]).toEqual([400, 100, 33]);
  });
});

describe('templates', () => {
  it.each<[string, number | undefined, () => Promise<[number, Answer]>]>([
    ['the right parameters', undefined, () => template('order_update', words('Asha', 'A-1'))],
    ['too few parameters', 132000, () => template('order_update', words('Asha'))],
    ['an unknown name', 132001, () => template('no_such', [])],
    ['another language', 132001, () => template('order_update', words('a', 'b'), 'de')],
    ['another type', 132012, () => template('seasonal_offer', [{ type: 'image', image: { link: 'https://a.b' } }])],
    ['a newline', 132018, () => template('seasonal_offer', words('A\nB'))],
    ['five spaces', 132018, () => template('seasonal_offer', words('A     B'))],
    ['an empty text', 131008, () => template('seasonal_offer', words(''))],
    [
      'names where they are needed',
      undefined,
      () =>
        template('named_offer', [
          { type: 'text', parameter_name: 'offer_code', text: 'X' },
          { type: 'text', parameter_name: 'first_name', text: 'Asha' },
        ]),
    ],
    ['no names where they are needed', 132012, () => template('named_offer', words('a', 'b'))],
    ['no code for the button', 131008, () => template('login_code', words('123456'))],
  ])('are sent with %s', async (_, expected, call) => {
    expect(await code(call())).toBe(expected);
  });

  it('answer with a message status, and 404 when they do not exist', async () => {
    const [, sent] = await template('hello_world', [], 'en_US');
    const [status] = await template('no_such', []);

    expect(sent.messages?.[0]?.message_status).toBe('accepted');
    expect(status).toBe(404);
  });

  it('are refused once paused or disabled, which a webhook also tells', async () => {
    await graph('GET', `${WABA}/message_templates`);
    await control('PUT', 'templates/hello_world', { status: 'PAUSED' });
    expect(await code(template('hello_world', [], 'en_US'))).toBe(132015);
    await control('PUT', 'templates/hello_world', { status: 'DISABLED', notify: false });
    expect(await code(template('hello_world', [], 'en_US'))).toBe(132016);

    await until(() => receiver.changes.length > 0);
    expect(receiver.changes.map(({ field, value }) => [field, value.event, value.message_template_name])).toEqual([
      ['message_template_status_update', 'PAUSED', 'hello_world'],
    ]);
  });

  it('are listed page by page until there is no next, and a bad cursor is refused', async () => {
    const names: unknown[] = [];
    let path = `${WABA}/message_templates?fields=name,status&limit=2`;
    for (;;) {
      const [, { data, paging }] = await graph('GET', path);
      names.push(...(data ?? []).map(({ name }) => name));
      if (paging?.next === undefined) {
        break;
      }
      path = `${WABA}/message_templates?fields=name,status&limit=2&after=${paging.cursors.after}`;
    }

    expect(names).toEqual(['hello_world', 'order_update', 'seasonal_offer', 'named_offer', 'login_code']);
    expect(await code(graph('GET', `${WABA}/message_templates?after=nonsense`))).toBe(131059);
  });

  const INVITATION = {
    name: 'invitation',
    language: 'en',
    category: 'MARKETING',
    components: [{ type: 'BODY', text: 'Dear {{1}}, come and see us.', example: { body_text: [['Asha']] } }],
  };

  it('are not there for messages while they are pending', async () => {
    await control('PUT', 'config', { templates: { verdict: 'PENDING' } });
    const [, created] = await graph('POST', `${WABA}/message_templates`, INVITATION);

    expect(created).toMatchObject({ status: 'PENDING', category: 'MARKETING' });
    expect(await code(template('invitation', words('Asha')))).toBe(132001);
  });

  it('are created pending, approved after a while with a webhook, sent, and deleted', async () => {
    const [, created] = await graph('POST', `${WABA}/message_templates`, INVITATION);
    expect(created).toMatchObject({ status: 'PENDING', category: 'MARKETING' });

    await until(() => receiver.changes.some(({ value }) => value.event === 'APPROVED'));
    expect(await code(template('invitation', words('Asha')))).toBeUndefined();
    expect(await graph('DELETE', `${WABA}/message_templates?name=invitation`)).toEqual([200, { success: true }]);
    expect(await code(template('invitation', words('Asha')))).toBe(132001);
  });

  it('are refused when their definition breaks a limit', async () => {
    const create = async (components: unknown[]): Promise<number | undefined> =>
      (
        await graph('POST', `${WABA}/message_templates`, { name: 'x', language: 'en', category: 'UTILITY', components })
      )[1].error?.error_subcode;

    expect(await create([{ type: 'BODY', text: 'a'.repeat(1025) }])).toBe(2388040);
    expect(await create([{ type: 'BODY', text: '{{1}} is your number', example: { body_text: [['a']] } }])).toBe(
      2388299,
    );
    expect(await create([{ type: 'BODY', text: 'Hi {{1}} ok', example: { body_text: [['a']] } }])).toBeUndefined();
  });
});

describe('numbers and media', () => {
  it('shows any number as connected, formatted here and in digits in webhooks', async () => {
    const [, number] = await graph('GET', `${PHONE}?fields=display_phone_number,status,throughput`);

    expect(number).toEqual({
      id: PHONE,
      display_phone_number: expect.stringMatching(/^\+91 \d{5} \d{5}$/) as string,
      status: 'CONNECTED',
      throughput: { level: 'HIGH' },
    });
  });

  it('keeps an uploaded file, gives it out with a token only, and sends it', async () => {
    const form = new FormData();
    form.set('messaging_product', 'whatsapp');
    form.set('type', 'image/png');
    form.set('file', new Blob([Buffer.from('picture\r\n--bytes')], { type: 'image/png' }), 'a.png');
    const headers = { authorization: 'Bearer token' };
    const upload = await fetch(`${simulator.url}/v25.0/${PHONE}/media`, { method: 'POST', headers, body: form });
    const { id } = (await upload.json()) as { id: string };
    const [, { url, mime_type, file_size }] = await graph('GET', id);

    expect([mime_type, file_size]).toEqual(['image/png', 16]);
    expect((await fetch(String(url))).status).toBe(404);
    expect(await (await fetch(String(url), { headers })).text()).toBe('picture\r\n--bytes');
    expect(await code(send({ type: 'image', image: { id } }))).toBeUndefined();
    expect(await graph('DELETE', id)).toEqual([200, { success: true }]);
    expect((await graph('GET', id))[0]).toBe(400);
  });

  it('blocks and unblocks people, and refuses messages to them', async () => {
    const users = { messaging_product: 'whatsapp', block_users: [{ user: CUSTOMER }] };
    const list = [{ input: CUSTOMER, wa_id: '919876512345' }];

    const [, blocked] = await graph('POST', `${PHONE}/block_users`, users);
    expect(blocked.block_users).toEqual({ added_users: list });
    expect(await code(text('Hi'))).toBe(130403);
    const [, unblocked] = await graph('DELETE', `${PHONE}/block_users`, users);
    expect(unblocked.block_users).toEqual({ removed_users: list });
    expect(await code(text('Hi'))).toBeUndefined();
  });
});

describe('status webhooks', () => {
  it('report sent, delivered and read with the callback data of the send', async () => {
    const [, answer] = await send({ type: 'text', text: { body: 'Hi' }, biz_opaque_callback_data: 'v1.é/42' });
    await until(() => receiver.statusesOf(wamidOf(answer)).length === 3);

    expect(receiver.statusesOf(wamidOf(answer))).toEqual(['sent', 'delivered', 'read']);
    expect(receiver.statuses[0]).toMatchObject({
      recipient_id: '919876512345',
      biz_opaque_callback_data: 'v1.é/42',
      timestamp: expect.stringMatching(/^\d{10}$/) as string,
      pricing: { billable: false, category: 'service' },
    });
    expect(receiver.statuses[2]).not.toHaveProperty('pricing');
  });

  it('name the user id once the person is known by it', async () => {
    await control('POST', 'inbound', { phone_number_id: PHONE, from: CUSTOMER, user_id: 'IN.77', name: 'Asha' });
    const [, answer] = await text('Hi');
    await until(() => receiver.statusesOf(wamidOf(answer)).length === 3);

    const { value } = receiver.changes.find((change) => change.value.statuses !== undefined) as ReceivedChange;
    expect(value.statuses?.[0]?.recipient_user_id).toBe('IN.77');
    expect(value.contacts).toEqual([{ profile: { name: 'Asha' }, wa_id: '919876512345', user_id: 'IN.77' }]);
  });

  it('fail outside the customer service window when that is enforced', async () => {
    await control('PUT', 'config', { enforce_window: true });
    const [status, answer] = await text('Hi');
    await until(() => receiver.statusesOf(wamidOf(answer)).includes('failed'));
    await control('POST', 'inbound', { phone_number_id: PHONE, from: CUSTOMER });
    const [, inside] = await text('Hi');
    await until(() => receiver.statusesOf(wamidOf(inside)).length === 3);

    expect(status).toBe(200);
    expect(receiver.statusesOf(wamidOf(answer))).toEqual(['failed']);
    expect(receiver.statuses[0]?.errors?.[0]?.code).toBe(131047);
  });

  it('are signed over the bytes on the wire, which hold no character beyond ASCII', async () => {
    await control('POST', 'inbound', { phone_number_id: PHONE, name: 'João', text: 'Olá 😊 محمد / <b>' });
    await until(() => receiver.posts.length === 1);
    const [{ bytes, signature }] = receiver.posts as [(typeof receiver.posts)[0]];
    const hmac = (message: Buffer | string): string =>
      `sha256=${createHmac('sha256', SECRET).update(message).digest('hex')}`;

    expect(signature).toBe(hmac(bytes));
    expect(signature).not.toBe(hmac(JSON.stringify(JSON.parse(bytes.toString('utf8')))));
    expect(bytes.toString('latin1')).toContain('Ol\\u00e1 \\ud83d\\ude0a \\u0645\\u062d\\u0645\\u062f \\/ <b>');
    expect(bytes.every((byte) => byte < 128)).toBe(true);
    expect(receiver.changes[0]?.value.messages?.[0]?.text?.body).toBe('Olá 😊 محمد / <b>');
  });

  it('come several in one post, grouped by number', async () => {
    await control('PUT', 'config', { webhooks: { tick_ms: 100 } });
    await Promise.all(Array.from({ length: 40 }, (_, index) => text(`Hi ${index}`, `+9198000000${10 + index}`)));
    await until(() => receiver.statuses.length === 120);

    expect(receiver.posts.length).toBeLessThan(30);
    const largest = Math.max(...receiver.changes.map(({ value }) => value.statuses?.length ?? 0));
    expect(largest).toBeGreaterThan(5);
    expect(largest).toBeLessThanOrEqual(25);
  });

  it('are repeated until the receiver that was down is back; nothing is lost', async () => {
    await receiver.stop();
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => text('Hi', `+9198000000${10 + index}`)));
    await until(() => answers.length === 20);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const [, down] = await control('GET', 'ledger');
    expect(down.webhooks).toMatchObject({ queued: 60, delivered: 0, dropped: 0 });

    receiver.answer = 503;
    await receiver.start();
    await until(() => receiver.posts.length > 0);
    receiver.answer = 200;
    receiver.posts.length = 0;
    await until(() => new Set(receiver.statuses.map(({ id, status }) => id + status)).size === 60);
    await untilDelivered(60);
    expect((await control('GET', 'ledger'))[1].webhooks).toMatchObject({ queued: 0, delivered: 60, dropped: 0 });
  });

  it('come in any order and more than once when the order is hostile, some before the answer to the send', async () => {
    await control('PUT', 'config', { webhooks: { order: 'hostile', duplicate_ratio: 0.3, concurrency: 8 } });
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        const [, answer] = await text('Hi', `+9198000000${10 + index}`);
        return { id: wamidOf(answer), at: performance.now() };
      }),
    );
    await until(() => new Set(receiver.statuses.map(({ id, status }) => id + status)).size === 180);
    await until(() => receiver.statuses.length > 180);

    const orders = new Set(answers.map(({ id }) => [...new Set(receiver.statusesOf(id))].join()));
    expect(orders.size).toBeGreaterThan(2);
    const early = answers.filter(({ id, at }) =>
      receiver.posts.some((post) => post.at < at && post.bytes.includes(JSON.stringify(id).replaceAll('/', '\\/'))),
    );
    expect(early.length).toBeGreaterThan(0);
  });
});

describe('magic numbers', () => {
  it.each([131026, 131047, 131049, 131050, 130472, 131053, 137000])('accepts, then fails with %i', async (failure) => {
    const [status, answer] = await text('Hi', `+919999${failure}`);
    await until(() => receiver.statusesOf(wamidOf(answer)).length > 0);

    expect(status).toBe(200);
    expect(receiver.statuses[0]).toMatchObject({ status: 'failed', errors: [{ code: failure }] });
  });

  it.each([
    [130429, 400],
    [131056, 400],
    [190, 401],
    [131000, 500],
    [131016, 500],
    [368, 403],
    [131031, 403],
    [131042, 400],
    [132015, 400],
  ])('refuses at once with %i and HTTP %i', async (refusal, http) => {
    const [status, { error }] = await text('Hi', `+919999${String(refusal).padStart(6, '0')}`);

    expect([status, error?.code]).toEqual([http, refusal]);
  });

  it.each([
    ['000500', 'http_500_empty', 500],
    ['000502', 'http_502', 502],
    ['000503', 'accepted_502', 502],
    ['000504', 'accepted_unanswered', undefined],
    ['000505', 'unanswered', undefined],
    ['000506', 'accepted_garbage', 200],
    ['000507', 'reset', undefined],
  ])('leaves the sender of %s in doubt, and the ledger knows it was %s', async (digits, outcome, http) => {
    const giveUp = new AbortController();
    const post = fetch(`${simulator.url}/${PHONE}/messages`, {
      method: 'POST',
      signal: giveUp.signal,
      headers: { authorization: 'Bearer token' },
      body: JSON.stringify({
        messaging_product: 'whatsapp',
        to: `+919999${digits}`,
        type: 'text',
        text: { body: 'Hi' },
      }),
    });
    const status = post.then(
      (response) => response.status,
      () => undefined,
    );
    let outcomes: string[] = [];
    await until(async () => {
      const [, { messages }] = await control('GET', `ledger/messages?to=919999${digits}`);
      outcomes = (messages as { outcome: string }[]).map((row) => row.outcome);
      return outcomes.length > 0;
    });
    if (http === undefined) {
      // Nothing comes, for however long one waits.
      await new Promise((resolve) => setTimeout(resolve, 100));
      giveUp.abort();
    }

    expect(await status).toBe(http);
    expect(outcomes).toEqual([outcome]);
  });

  it.each([
    ['000600', ['sent', 'delivered']],
    ['000601', ['sent', 'read']],
    ['000602', ['sent', 'delivered', 'failed']],
    ['000603', ['sent']],
    ['000607', ['read', 'delivered', 'sent']],
  ])('reports %s as %j', async (digits, expected) => {
    const [, answer] = await text('Hi', `+919999${digits}`);
    await until(() => receiver.statusesOf(wamidOf(answer)).length >= expected.length);
    await new Promise((resolve) => setTimeout(resolve, 60));

    expect(receiver.statusesOf(wamidOf(answer)).sort()).toEqual([...expected].sort());
    if (digits === '000607') {
      expect(receiver.statusesOf(wamidOf(answer))).toHaveLength(3);
    }
  });

  it('are listed on the page for people', async () => {
    const page = await (await fetch(simulator.url)).text();

    expect(page).toContain('+91 9999 131026');
    expect(page).toContain('+91 9999 000504');
    expect(page).toContain('/__simulate/inbound');
  });
});

describe('the ledger', () => {
  it('counts the most arrivals in any second, also over the edge of a clock second', async () => {
    const burst = (size: number): Promise<unknown> => Promise.all(Array.from({ length: size }, () => text('Hi')));
    await burst(4);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await burst(5);
    await new Promise((resolve) => setTimeout(resolve, 800));
    await burst(3);
    const [, { numbers }] = await control('GET', 'ledger');
    const [, { messages }] = await control('GET', 'ledger/messages');
    const times = (messages as { arrived_at: number }[]).map((row) => row.arrived_at);
    const highest = Math.max(...times.map((at) => times.filter((other) => other > at - 1_000 && other <= at).length));

    expect((numbers as Record<string, unknown>)[PHONE]).toMatchObject({ total: 12, highest_in_any_second: highest });
    // Nine, unless the machine made longer pauses than the test.
    expect(highest).toBeGreaterThanOrEqual(5);
  });

  it('tells who got the same twice from who got two different messages', async () => {
    await text('One', '+919800000001');
    await text('Two', '+919800000001');
    await text('One', '+919800000002');
    await text('One', '+919800000002');
    await template('order_update', words('a', 'b'), 'en', '+919800000003');
    const [, ledger] = await control('GET', 'ledger');

    expect(ledger).toMatchObject({
      accepted: 5,
      recipients_messaged: 3,
      recipients_messaged_more_than_once: 2,
      recipients_messaged_twice: 1,
    });
  });

  it('gives every row to an oracle, with what the receiver acknowledged', async () => {
    const [, answer] = await send({ type: 'text', text: { body: 'Hi' }, biz_opaque_callback_data: 'token-1' });
    await text('', '+919800000002');
    await untilDelivered(3);
    const lines = await (await fetch(`${simulator.url}/__simulate/ledger/messages?format=ndjson`)).text();
    const rows = lines
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);

    expect(rows).toMatchObject([
      {
        wamid: wamidOf(answer),
        to: '919876512345',
        type: 'text',
        biz_opaque_callback_data: 'token-1',
        outcome: 'accepted',
        statuses_acknowledged: ['sent', 'delivered', 'read'],
      },
      { wamid: null, outcome: 'refused', code: 131008 },
    ]);
  });

  it('knows what was swallowed: accepted and reported, but never answered', async () => {
    await control('PUT', 'config', { faults: { swallow_ratio: 1 } });
    await expect(text('Hi')).rejects.toThrow();
    await until(() => receiver.statuses.length === 3);
    const [, ledger] = await control('GET', 'ledger');

    expect(ledger).toMatchObject({ accepted: 1, swallowed: 1 });
  });

  it('starts anew after a DELETE', async () => {
    await text('Hi');
    await control('DELETE', 'ledger');
    const [, ledger] = await control('GET', 'ledger');

    expect(ledger).toMatchObject({ rows: 0, accepted: 0, recipients_messaged: 0 });
    expect((ledger.numbers as Record<string, unknown>)[PHONE]).toMatchObject({ total: 0, highest_in_any_second: 0 });
  });
});

describe('control', () => {
  it('names every unknown or impossible setting and changes nothing', async () => {
    const [status, { problems }] = await control('PUT', 'config', {
      latency_ms: 5,
      colour: 'red',
      webhooks: { order: 'odd' },
      faults: { swallow_ratio: 2 },
    });
    const [, config] = await control('GET', 'config');

    expect(status).toBe(400);
    expect(problems).toEqual([
      'unknown key colour',
      'webhooks.order must be "realistic" or "hostile"',
      'faults.swallow_ratio must lie between 0 and 1',
    ]);
    expect(config).toMatchObject({ latency_ms: 0, app_secret: '(set)' });
  });

  it('refuses everything during an error window, and not after it', async () => {
    await control('PUT', 'config', { faults: { error_windows: [{ code: 131016, from_ms: 0, to_ms: 60_000 }] } });
    expect(await code(text('Hi'))).toBe(131016);
    await control('PUT', 'config', { faults: { error_windows: [{ code: 131016, from_ms: 0, to_ms: 10 }] } });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await code(text('Hi'))).toBeUndefined();
  });

  it('relays any webhook, signed as asked, and tells what the receiver answered', async () => {
    receiver.answer = 401;
    const change = { field: 'account_update', value: { event: 'DISABLED_UPDATE' } };

    expect(await control('POST', 'webhook?signature=none', change)).toEqual([200, { status: 401, body: '' }]);
    expect(receiver.posts[0]?.signature).toBe('');
    expect(receiver.changes[0]).toEqual({ field: 'account_update', value: { event: 'DISABLED_UPDATE' } });
  });

  it('sends many inbound messages from many people, and names what it cannot send', async () => {
    const [, { messages }] = await control('POST', 'inbound', { phone_number_id: PHONE, count: 30, senders: 3 });
    await until(() => receiver.changes.length === 30);

    expect(new Set((messages as { from: string }[]).map(({ from }) => from)).size).toBe(3);
    expect(new Set(receiver.changes.map(({ value }) => value.messages?.[0]?.id)).size).toBe(30);
    expect((await control('POST', 'inbound', { phone_number_id: PHONE, form: '1' }))[1].problems).toEqual([
      'unknown key form',
    ]);
  });
});

function rows(count: number, prefix = 'row'): unknown[] {
  return Array.from({ length: count }, (_, index) => ({ id: `${prefix}${index}`, title: `Row ${index}` }));
}

function buttons(count: number): unknown[] {
  return Array.from({ length: count }, (_, index) => ({
    type: 'reply',
    reply: { id: `id${index}`, title: `Title ${index}` },
  }));
}
