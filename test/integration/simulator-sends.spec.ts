import { DOUBLE_CUSTOMER, DOUBLE_PHONE, GraphDouble, type GraphAnswer } from '../support/graph-double.js';
import { until } from '../support/webhook-receiver.js';

const WA_ID = DOUBLE_CUSTOMER.slice(1);

let double: GraphDouble;

beforeEach(async () => {
  double = await GraphDouble.start();
});

afterEach(() => double.close());

type Json = Record<string, unknown>;

function read(message_id: string, extras: Json = {}): Promise<[number, GraphAnswer]> {
  const body = { messaging_product: 'whatsapp', status: 'read', message_id, ...extras };
  return double.graph('POST', `${DOUBLE_PHONE}/messages`, body);
}

function reads(): Promise<{ reads: Json[] }> {
  return double.tell('GET', 'ledger/reads');
}

function react(message_id: string): Promise<[number, GraphAnswer]> {
  return double.send({ type: 'reaction', reaction: { message_id, emoji: '👍' } });
}

describe('a read receipt', () => {
  it('is kept with its typing indicator, and told in the order it came', async () => {
    const first = await double.inbound();
    const second = await double.inbound({ from: undefined, user_id: 'IN.77' });

    expect(await read(first)).toEqual([200, { success: true }]);
    expect(await read(second, { typing_indicator: { type: 'text' } })).toEqual([200, { success: true }]);
    expect((await reads()).reads).toEqual([
      {
        message_id: first,
        phone_number_id: DOUBLE_PHONE,
        from: WA_ID,
        user_id: expect.any(String),
        typing_indicator: false,
        at: expect.any(Number),
      },
      expect.objectContaining({ message_id: second, from: null, user_id: 'IN.77', typing_indicator: true }),
    ]);
    expect(await double.tell('GET', 'ledger')).toMatchObject({ marked_read: 2, rows: 0 });
    await double.tell('DELETE', 'ledger');
    expect((await reads()).reads).toEqual([]);
  });

  it('is refused for what no customer wrote to this number', async () => {
    const [, { messages }] = await double.text();
    const elsewhere = await double.inbound({ phone_number_id: '300000000000002' });
    const ids = [messages?.[0]?.id ?? '', elsewhere, 'wamid.HBgLMTIwMjU1NTAxNzE=', 'hello'];
    const codes = await Promise.all(ids.map((id) => double.codeOf(read(id))));
    await double.configure({ check_message_ids: false });

    expect(codes).toEqual([131009, 131009, 131009, 131009]);
    expect((await reads()).reads).toEqual([]);
    expect(await double.codeOf(read('wamid.HBgLMTIwMjU1NTAxNzE='))).toBeUndefined();
  });

  it('is taken for a message that came by a relayed webhook', async () => {
    const metadata = { phone_number_id: DOUBLE_PHONE, display_phone_number: '1' };
    const message = { id: 'wamid.relayed', from: WA_ID, type: 'text', timestamp: '1', text: { body: 'Hi' } };
    await double.tell('POST', 'webhook', { field: 'messages', value: { metadata, messages: [message] } });

    expect(await double.codeOf(read('wamid.relayed'))).toBeUndefined();
  });
});

describe('a reaction', () => {
  it('gets a sent status only, and that without a price', async () => {
    const [sent] = await double.statusesOf(react(await double.inbound()), 1);
    await new Promise((resolve) => setTimeout(resolve, 150));

    expect(sent?.value.statuses?.[0]?.status).toBe('sent');
    expect(sent?.value.statuses?.[0]).not.toHaveProperty('pricing');
    expect(double.receiver.statuses).toHaveLength(1);
  });

  it('to a message that does not exist is accepted, and fails', async () => {
    const [failed] = await double.statusesOf(react('wamid.none'), 1);
    const [, own] = await double.text();
    const [toOwn] = await double.statusesOf(react(own.messages?.[0]?.id ?? ''), 1);

    expect(failed?.value.statuses).toMatchObject([{ status: 'failed', errors: [{ code: 131009 }] }]);
    expect(toOwn?.value.statuses?.[0]?.status).toBe('sent');
  });
});

describe('the customer service window', () => {
  it('closes sends by a failed status or at once, as configured, and templates never', async () => {
    const hello = { type: 'template', template: { name: 'hello_world', language: { code: 'en_US' } } };
    await double.configure({ enforce_window: true });
    const [failed] = await double.statusesOf(double.text(), 1);
    await double.configure({ window_refusal: 'answer' });
    const refused = await double.codeOf(double.text());
    const template = await double.statusesOf(double.send(hello), 3);
    await double.inbound({ type: 'button', text: 'Yes' });
    const inside = await double.codeOf(double.text());

    expect(failed?.value.statuses).toMatchObject([{ status: 'failed', errors: [{ code: 131047 }] }]);
    expect(refused).toBe(131047);
    expect(template).toHaveLength(3);
    expect(inside).toBeUndefined();
  });

  it('is open for the number that was written to, and for no other', async () => {
    await double.configure({ enforce_window: true, window_refusal: 'answer' });
    await double.inbound({ phone_number_id: '300000000000002' });

    expect(await double.codeOf(double.text())).toBe(131047);
  });
});

describe('the limits of messages', () => {
  const text = (length: number): string => 'x'.repeat(length);
  const link = 'https://example.com/a';
  const button = (id: string, title: string): Json => ({ type: 'reply', reply: { id, title } });
  const url = (display_text: string): Json => ({ name: 'cta_url', parameters: { display_text, url: link } });
  const urlCard = (card_index: number, body: string, format = 'image'): Json => ({
    card_index,
    type: 'cta_url',
    header: { type: format, [format]: { link } },
    body: { text: body },
    action: url('Go'),
  });
  const productCard = (card_index: number, catalog_id = '1'): Json => ({
    card_index,
    type: 'product',
    action: { product_retailer_id: 'A', catalog_id },
  });
  const rows = (count: number, prefix = 'r'): Json[] =>
    Array.from({ length: count }, (_, index) => ({ id: `${prefix}${index}`, title: 'Row' }));
  const list = (sections: Json[], label = 'Open'): Json => ({
    type: 'list',
    action: { button: label, sections },
  });
  const products = (count: number): Json[] =>
    Array.from({ length: count }, (_, index) => ({ product_retailer_id: `A-${index}` }));
  const header = { header: { type: 'text', text: 'Shop' } };
  const flow = (parameters: Json): Json => ({
    type: 'flow',
    action: {
      name: 'flow',
      parameters: { flow_message_version: '3', flow_id: '1', flow_cta: 'Go', ...parameters },
    },
  });
  const address = (parameters: Json): Json => ({
    type: 'address_message',
    action: { name: 'address_message', parameters },
  });

  it.each<[string, number | undefined, Json]>([
    ['a caption of 1024', undefined, { type: 'video', video: { link, caption: text(1024) } }],
    ['a caption of 1025', 131009, { type: 'video', video: { link, caption: text(1025) } }],
    [
      'a document with caption and name',
      undefined,
      { type: 'document', document: { link, caption: 'a', filename: 'a.pdf' } },
    ],
    ['an image with a name', 100, { type: 'image', image: { link, filename: 'a.png' } }],
    ['a voice message', undefined, { type: 'audio', audio: { link, voice: true } }],
    ['a sticker with a caption', 100, { type: 'sticker', sticker: { link, caption: 'a' } }],
    ['id and link at once', 100, { type: 'image', image: { id: '1', link } }],
    ['257 contacts', undefined, { type: 'contacts', contacts: Array(257).fill({ name: { formatted_name: 'A' } }) }],
    ['258 contacts', 131009, { type: 'contacts', contacts: Array(258).fill({ name: { formatted_name: 'A' } }) }],
    ['a birthday', 131009, { type: 'contacts', contacts: [{ name: { formatted_name: 'A' }, birthday: '1.2.1990' }] }],
    ['a vcard of our own', 100, { type: 'contacts', contacts: [{ name: { formatted_name: 'A' }, vcard: 'x' }] }],
    ['words as a reaction', 131009, { type: 'reaction', reaction: { message_id: 'wamid.x', emoji: 'ok' } }],
  ])('decide over %s', async (_, expected, message) => {
    expect(await double.codeOf(double.send(message))).toBe(expected);
  });

  it.each<[string, number | undefined, Json]>([
    ['a footer of 60', undefined, { ...list([{ rows: rows(1) }]), footer: { text: text(60) } }],
    ['a footer of 61', 131009, { ...list([{ rows: rows(1) }]), footer: { text: text(61) } }],
    ['a header of 61', 131009, { ...list([{ rows: rows(1) }]), header: { type: 'text', text: text(61) } }],
    ['a picture above a list', 131009, { ...list([{ rows: rows(1) }]), header: { type: 'image', image: { link } } }],
    ['a list body of 4096', undefined, { ...list([{ rows: rows(1) }]), body: { text: text(4096) } }],
    ['a list body of 4097', 131009, { ...list([{ rows: rows(1) }]), body: { text: text(4097) } }],
    ['a list button of 21', 131009, list([{ rows: rows(1) }], text(21))],
    ['a row id of 201', 131009, list([{ rows: [{ id: text(201), title: 'A' }] }])],
    ['a row title of 25', 131009, list([{ rows: [{ id: 'a', title: text(25) }] }])],
    ['a row description of 73', 131009, list([{ rows: [{ id: 'a', title: 'A', description: text(73) }] }])],
    ['a section title of 25', 131009, list([{ title: text(25), rows: rows(1) }])],
    ['eleven sections', 131009, list(Array.from({ length: 11 }, (_, i) => ({ title: 'A', rows: rows(1, `s${i}`) })))],
    [
      'equal row ids',
      131009,
      list([
        { title: 'A', rows: rows(1) },
        { title: 'B', rows: rows(1) },
      ]),
    ],
    ['a button id of 256', undefined, { type: 'button', action: { buttons: [button(text(256), 'A')] } }],
    ['a button id of 257', 131009, { type: 'button', action: { buttons: [button(text(257), 'A')] } }],
    ['a button id with a space', 131009, { type: 'button', action: { buttons: [button('a ', 'A')] } }],
    ['equal button titles', 131009, { type: 'button', action: { buttons: [button('a', 'A'), button('b', 'A')] } }],
    ['a body of 1025', 131009, { type: 'button', body: { text: text(1025) }, action: { buttons: [button('a', 'A')] } }],
    [
      'a document above buttons',
      undefined,
      {
        type: 'button',
        header: { type: 'document', document: { link } },
        action: { buttons: [button('a', 'A')] },
      },
    ],
    ['a link button of 21', 131009, { type: 'cta_url', action: url(text(21)) }],
    [
      'a link that is none',
      100,
      { type: 'cta_url', action: { name: 'cta_url', parameters: { display_text: 'Go', url: 'x' } } },
    ],
    [
      'a header above a location request',
      131009,
      { type: 'location_request_message', ...header, action: { name: 'send_location' } },
    ],
    ['a flow', undefined, flow({ flow_action: 'navigate', flow_action_payload: { screen: 'ONE', data: { a: 1 } } })],
    ['a flow of both names', 100, flow({ flow_name: 'x' })],
    ['a flow button of 31', 131009, flow({ flow_cta: text(31) })],
    ['a flow of version 2', 131009, flow({ flow_message_version: '2' })],
    ['empty data of a flow', 131009, flow({ flow_action_payload: { screen: 'ONE', data: {} } })],
    ['a product', undefined, { type: 'product', action: { catalog_id: '1', product_retailer_id: 'A' } }],
    [
      'a header above a product',
      131009,
      { type: 'product', ...header, action: { catalog_id: '1', product_retailer_id: 'A' } },
    ],
    [
      '30 products',
      undefined,
      {
        type: 'product_list',
        ...header,
        action: { catalog_id: '1', sections: [{ title: 'A', product_items: products(30) }] },
      },
    ],
    [
      '31 products in two sections',
      131009,
      {
        type: 'product_list',
        ...header,
        action: {
          catalog_id: '1',
          sections: [
            { title: 'A', product_items: products(30) },
            { title: 'B', product_items: products(1) },
          ],
        },
      },
    ],
    [
      'products without a header',
      131008,
      { type: 'product_list', action: { catalog_id: '1', sections: [{ product_items: products(1) }] } },
    ],
    [
      'two sections of products, one without a title',
      131008,
      {
        type: 'product_list',
        ...header,
        action: {
          catalog_id: '1',
          sections: [{ title: 'A', product_items: products(1) }, { product_items: products(1) }],
        },
      },
    ],
    [
      'rows instead of products',
      100,
      {
        type: 'product_list',
        ...header,
        action: { catalog_id: '1', sections: [{ title: 'A', product_items: products(1), rows: rows(1) }] },
      },
    ],
    [
      'a catalogue',
      undefined,
      {
        type: 'catalog_message',
        action: { name: 'catalog_message', parameters: { thumbnail_product_retailer_id: 'A' } },
      },
    ],
    ['a catalogue without parameters', undefined, { type: 'catalog_message', action: { name: 'catalog_message' } }],
    [
      'a catalogue with a wrong one',
      100,
      { type: 'catalog_message', action: { name: 'catalog_message', parameters: { product: 'A' } } },
    ],
    ['two cards', undefined, { type: 'carousel', action: { cards: [urlCard(0, 'A'), urlCard(1, 'B')] } }],
    [
      'eleven cards',
      131009,
      { type: 'carousel', action: { cards: Array.from({ length: 11 }, (_, i) => urlCard(i % 10, 'A')) } },
    ],
    ['cards of one place', 131009, { type: 'carousel', action: { cards: [urlCard(0, 'A'), urlCard(0, 'B')] } }],
    [
      'cards of two formats',
      131009,
      { type: 'carousel', action: { cards: [urlCard(0, 'A'), urlCard(1, 'B', 'video')] } },
    ],
    ['a card body of 161', 131009, { type: 'carousel', action: { cards: [urlCard(0, text(161)), urlCard(1, 'B')] } }],
    [
      'a card of four lines',
      131009,
      { type: 'carousel', action: { cards: [urlCard(0, 'a\nb\nc\nd'), urlCard(1, 'B')] } },
    ],
    [
      'a footer below cards',
      131009,
      { type: 'carousel', footer: { text: 'A' }, action: { cards: [urlCard(0, 'A'), urlCard(1, 'B')] } },
    ],
    ['product cards', undefined, { type: 'carousel', action: { cards: [productCard(0), productCard(1)] } }],
    ['one product card', 131009, { type: 'carousel', action: { cards: [productCard(0)] } }],
    [
      'a product card with a text',
      100,
      { type: 'carousel', action: { cards: [productCard(0), { ...productCard(1), body: { text: 'A' } }] } },
    ],
    [
      'a header above product cards',
      131009,
      { type: 'carousel', ...header, action: { cards: [productCard(0), productCard(1)] } },
    ],
    [
      'a list of products in the predecessor’s form',
      131009,
      { type: 'product_carousel', action: { catalog_id: '1', sections: [{ product_retailer_id: 'A' }] } },
    ],
    [
      'product cards of two catalogues',
      131009,
      { type: 'carousel', action: { cards: [productCard(0), productCard(1, '2')] } },
    ],
    ['an Indian address', undefined, address({ country: 'IN', values: { in_pin_code: '110001' } })],
    ['a pin of seven', 131009, address({ country: 'IN', values: { in_pin_code: '1100011' } })],
    ['an address without country', 131008, address({})],
    ['a request for the number', undefined, { type: 'request_contact_info' }],
  ])('decide over an interactive message with %s', async (_, expected, interactive) => {
    const message = { type: 'interactive', interactive: { body: { text: 'Choose' }, ...interactive } };

    expect(await double.codeOf(double.send(message))).toBe(expected);
  });

  it('allow one request to call within a day', async () => {
    const ask = (to = DOUBLE_CUSTOMER): Promise<[number, GraphAnswer]> =>
      double.send(
        {
          type: 'interactive',
          interactive: { type: 'call_permission_request', action: { name: 'call_permission_request' } },
        },
        { to },
      );

    expect(await double.codeOf(ask())).toBeUndefined();
    expect(await double.codeOf(ask())).toBe(138009);
    expect(await double.codeOf(ask('+919876500077'))).toBeUndefined();
  });
});

it('reports every status of a burst of sends once', async () => {
  await double.configure({ messages_per_second: 100_000 });
  for (let batch = 0; batch < 20; batch++) {
    await Promise.all(
      Array.from({ length: 100 }, (_, index) => double.text('Hi', { to: `+9198${batch + 10}${index + 100_000}` })),
    );
  }
  await until(() => double.receiver.statuses.length >= 6000, 20_000);

  expect(double.receiver.statuses).toHaveLength(6000);
  expect(new Set(double.receiver.statuses.map(({ id, status }) => id + status)).size).toBe(6000);
});
