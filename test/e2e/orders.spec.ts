import { eventually, startTestApp, type TestApp } from '../support/app.js';
import { PHONE_NUMBER_ID, WABA_ID } from '../support/journey.js';
import {
  messagesBody,
  newWamid,
  postWebhook,
  profile,
  secondsAgo,
  text,
  type JsonObject,
} from '../support/webhook-payloads.js';

interface OrderItem {
  position: number;
  retailer_id: string;
  product_id: number | null;
  product_name: string | null;
  quantity: number | null;
  item_price: number | null;
  total_price: number | null;
  currency: string | null;
}

interface Order {
  id: number;
  conversation_id: number | null;
  contact_id: number | null;
  contact_name: string | null;
  phone: string | null;
  message_id: string | null;
  catalog_id: string;
  text: string;
  status: string;
  notes: string;
  item_count: number;
  total_amount: number | null;
  currency: string | null;
  items: OrderItem[];
  placed_at: string;
}

interface Orders {
  orders: Order[];
  next_cursor: string | null;
}

const CATALOG = '500000000000001';

let phones = 919_844_000_000;

describe('orders', () => {
  let api: TestApp;
  let productId: number;

  const newPhone = (): string => String((phones += 1));

  const line = (retailerId: string, quantity: unknown, price: unknown, currency: unknown = 'INR'): JsonObject => ({
    product_retailer_id: retailerId,
    quantity,
    item_price: price,
    currency,
  });

  const order = (from: string, items: unknown, more: JsonObject = {}): JsonObject => {
    const { text: _text, ...message } = text(from, '');
    return { ...message, type: 'order', order: { catalog_id: CATALOG, text: '', product_items: items }, ...more };
  };

  const post = async (...messages: JsonObject[]): Promise<void> => {
    const { status } = await postWebhook(api.url, messagesBody({ messages }));
    expect(status).toBe(200);
  };

  const list = async (query: string): Promise<Orders> => {
    const answer = await api.call<Orders>('GET', `/orders?${query}`);
    expect(answer.status).toBe(200);
    return answer.body;
  };

  const ordersOf = async (phone: string, count = 1): Promise<Order[]> =>
    (
      await eventually(
        () => list(`phone=%2B${phone}`),
        ({ orders }) => orders.length === count,
      )
    ).orders;

  const orderOf = async (phone: string): Promise<Order> => (await ordersOf(phone))[0] as Order;

  beforeAll(async () => {
    api = await startTestApp({ worker: true });
    await api.call('POST', '/accounts', {
      body: { name: 'A', phone_number_id: PHONE_NUMBER_ID, waba_id: WABA_ID, access_token: 'EAAx' },
    });
    const product = await api.call<{ id: number }>('POST', '/catalog/products', {
      body: { catalog_id: CATALOG, retailer_id: 'TEA-250', name: 'Assam tea' },
    });
    productId = product.body.id;
  });
  afterAll(() => api.close());

  it('are made of messages, with their total to the last digit, and know chat and products', async () => {
    const phone = newPhone();
    const message = order(phone, [line('TEA-250', 3, 149.1), line('MUG', 1, 0.2)]);
    (message.order as JsonObject).text = 'Please gift-wrap it';
    await postWebhook(api.url, messagesBody({ contacts: [profile(phone, 'Asha')], messages: [message] }));

    const placed = await orderOf(phone);
    const chat = await api.call<{ id: number; contact_id: number }>('GET', `/chats/+${phone}`);
    expect(placed).toMatchObject({
      conversation_id: chat.body.id,
      contact_id: chat.body.contact_id,
      contact_name: 'Asha',
      phone: `+${phone}`,
      message_id: message.id,
      catalog_id: CATALOG,
      text: 'Please gift-wrap it',
      status: 'new',
      notes: '',
      item_count: 2,
      // In binary, 3 × 149.1 + 0.2 is 447.49999999999994.
      total_amount: 447.5,
      currency: 'INR',
      placed_at: new Date(Number(message.timestamp) * 1_000).toISOString(),
    });
    expect(placed.items).toEqual([
      expect.objectContaining({
        position: 1,
        retailer_id: 'TEA-250',
        product_id: productId,
        product_name: 'Assam tea',
        quantity: 3,
        item_price: 149.1,
        total_price: 447.3,
      }),
      expect.objectContaining({ position: 2, retailer_id: 'MUG', product_id: null, product_name: null }),
    ]);
    expect((await api.call<Order>('GET', `/orders/${placed.id}`)).body).toEqual(placed);
  });

  it('are one each, however often and however together their messages come', async () => {
    const [one, two] = [newPhone(), newPhone()];
    const messages = [order(one, [line('A', 1, 10)]), order(one, [line('A', 2, 10)]), order(two, [line('A', 3, 10)])];
    await Promise.all([post(...messages), post(...messages), ...messages.map((message) => post(message))]);
    const placed = [...(await ordersOf(one, 2)), ...(await ordersOf(two))];
    expect(placed.map(({ total_amount }) => total_amount).sort()).toEqual([10, 20, 30]);
    await post(...messages, text(two, 'when?'));
    await eventually(
      () => api.call<{ messages: { message_body: string }[] }>('GET', `/chats/+${two}/messages`),
      ({ body }) => body.messages.some((message) => message.message_body === 'when?'),
    );
    expect([...(await ordersOf(one, 2)), ...(await ordersOf(two))]).toEqual(placed);
  });

  it('have no total where currencies differ or a line cannot be read; the rest of them stays', async () => {
    const phone = newPhone();
    const good = newPhone();
    await post(
      order(phone, [line('A', 1, 10, 'INR'), line('B', 1, 10, 'USD')]),
      order(phone, [line('A', -2, 10), line('B', '4', '12.5'), line('C', 1, 'much', 'inr'), 'nonsense', null]),
      order(phone, 'nothing'),
      order(phone, [], { order: 'broken' }),
      order(phone, [line('A', 1_000_000, 99_999_999_999)]),
      order(phone, [line('A', 2_000_000, 1e300, 'RUPEES'), line('x'.repeat(400), 1.5, -1, 7)]),
      order(good, [line('A', 2, 5)]),
    );
    expect(await orderOf(good)).toMatchObject({ total_amount: 10, currency: 'INR' });
    const placed = (await ordersOf(phone, 6)).sort((a, b) => a.id - b.id);
    expect(placed.map(({ item_count, total_amount, currency }) => [item_count, total_amount, currency])).toEqual(
      expect.arrayContaining([
        [2, null, null],
        [5, null, null],
        [0, null, null],
        [0, null, null],
        [1, null, 'INR'],
        [2, null, null],
      ]),
    );
    const broken = placed.find(({ item_count }) => item_count === 5) as Order;
    expect(broken.items.map((item) => [item.retailer_id, item.quantity, item.item_price, item.currency])).toEqual([
      ['A', null, 10, 'INR'],
      ['B', 4, 12.5, 'INR'],
      ['C', 1, null, 'INR'],
      ['', null, null, null],
      ['', null, null, null],
    ]);
  });

  it('are moved along and noted on, by people', async () => {
    const phone = newPhone();
    await post(order(phone, [line('A', 1, 10)]));
    const { id } = await orderOf(phone);
    const moved = await api.call<Order>('PATCH', `/orders/${id}`, { body: { status: 'shipped', notes: 'By courier' } });
    expect([moved.status, moved.body]).toEqual([
      200,
      expect.objectContaining({ status: 'shipped', notes: 'By courier', total_amount: 10 }),
    ]);
    const again = await api.call<Order>('PATCH', `/orders/${id}`, { body: { status: 'completed' } });
    expect(again.body).toMatchObject({ status: 'completed', notes: 'By courier' });
    const cleared = await api.call<Order>('PATCH', `/orders/${id}`, { body: { notes: '' } });
    expect(cleared.body).toMatchObject({ status: 'completed', notes: '' });
    const wrong = await api.call<{ errors: { field: string }[] }>('PATCH', `/orders/${id}`, {
      body: { status: 'eaten' },
    });
    expect([wrong.status, wrong.body.errors[0]?.field]).toEqual([400, 'status']);
    expect((await api.call('PATCH', '/orders/999999', { body: { status: 'new' } })).status).toBe(404);
  });

  it('are found by status, person, time and words, page by page', async () => {
    const phone = newPhone();
    const at = (seconds: number): JsonObject => ({ timestamp: secondsAgo(seconds) });
    await post(
      order(phone, [line('TEA-250', 1, 1)], at(300)),
      order(phone, [line('NEEDLE-7', 1, 2)], at(200)),
      order(phone, [line('A', 1, 3)], at(100)),
    );
    const all = await ordersOf(phone, 3);
    expect(all.map(({ total_amount }) => total_amount)).toEqual([3, 2, 1]);
    const [last, middle, first] = all as [Order, Order, Order];
    await api.call('PATCH', `/orders/${middle.id}`, { body: { status: 'confirmed', notes: 'Under 100% care' } });

    const found = async (query: string): Promise<number[]> =>
      (await list(`contact_id=${first.contact_id}&${query}`)).orders.map(({ id }) => id);
    expect(await found('status=confirmed')).toEqual([middle.id]);
    expect(await found('q=needle')).toEqual([middle.id]);
    expect(await found('q=100%25')).toEqual([middle.id]);
    expect(await found('q=assam')).toEqual([first.id]);
    expect(await found(`from=${middle.placed_at}`)).toEqual([last.id, middle.id]);
    expect(await found(`from=${first.placed_at}&to=${last.placed_at}`)).toEqual([middle.id, first.id]);
    expect(await found('phone=%2B919800000000')).toEqual([]);

    const page = await list(`contact_id=${first.contact_id}&limit=2`);
    const rest = await list(`contact_id=${first.contact_id}&limit=2&cursor=${page.next_cursor}`);
    expect([...page.orders, ...rest.orders]).toEqual((await list(`contact_id=${first.contact_id}`)).orders);
    expect(rest.next_cursor).toBeNull();
  });

  it.each(['cursor=x', 'from=2026-W47', 'from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z', 'phone=12', 'status=x'])(
    'cannot be asked for by %s',
    async (query) => {
      expect((await api.call('GET', `/orders?${query}`)).status).toBe(400);
    },
  );

  it('keep their lines when a product is deleted', async () => {
    const phone = newPhone();
    const product = await api.call<{ id: number }>('POST', '/catalog/products', {
      body: { catalog_id: CATALOG, retailer_id: 'GOING', name: 'Going' },
    });
    await post(order(phone, [line('GOING', 1, 10)]));
    expect((await orderOf(phone)).items[0]).toMatchObject({ product_id: product.body.id, product_name: 'Going' });
    expect((await api.call('DELETE', `/catalog/products/${product.body.id}`)).status).toBe(204);
    expect((await orderOf(phone)).items[0]).toMatchObject({ retailer_id: 'GOING', product_id: null, item_price: 10 });
  });

  it('know a product that is known only later', async () => {
    const phone = newPhone();
    await post(order(phone, [line('LATER', 1, 10)]));
    expect((await orderOf(phone)).items[0]).toMatchObject({ product_id: null });
    const product = await api.call<{ id: number }>('POST', '/catalog/products', {
      body: { catalog_id: CATALOG, retailer_id: 'LATER', name: 'Known at last' },
    });
    expect((await orderOf(phone)).items[0]).toMatchObject({
      product_id: product.body.id,
      product_name: 'Known at last',
    });
    expect((await list(`phone=%2B${phone}&q=at+last`)).orders.length).toBe(1);
  });

  it('of two people who turn out to be one are that one’s, in the chat that stays', async () => {
    const phone = newPhone();
    const userId = `IN.${phone}`;
    await post(order(phone, [line('A', 1, 1)]));
    const { from: _from, ...byUser } = order('', [line('A', 1, 2)]);
    await post({ ...byUser, from_user_id: userId });
    await eventually(
      () => list(`user_id=${userId}`),
      ({ orders }) => orders.length === 1,
    );
    await post(text(phone, 'both', { from_user_id: userId }));
    const both = await ordersOf(phone, 2);
    const chat = await api.call<{ id: number; contact_id: number }>('GET', `/chats/+${phone}`);
    for (const one of both) {
      expect(one).toMatchObject({ conversation_id: chat.body.id, contact_id: chat.body.contact_id });
    }
    expect((await list(`user_id=${userId}`)).orders.length).toBe(2);
  });

  it('of a person who only gets another name stay in their chat', async () => {
    const [before, after] = [newPhone(), newPhone()];
    const [userId, newUserId] = [`IN.${before}`, `IN.${after}`];
    await post(order(before, [line('A', 1, 1)], { from_user_id: userId }));
    const placed = await orderOf(before);
    await post(order(after, [line('A', 1, 2)], { from_user_id: newUserId }));
    await orderOf(after);
    await post({
      from: before,
      from_user_id: userId,
      id: newWamid(),
      timestamp: secondsAgo(1),
      type: 'system',
      system: {
        type: 'user_changed_number',
        body: 'changed',
        wa_id: after,
        user_id: newUserId,
        previous_user_id: userId,
      },
    });
    const both = await ordersOf(after, 2);
    expect(new Set(both.map(({ conversation_id }) => conversation_id))).toEqual(new Set([placed.conversation_id]));
  });

  it('of somebody who is erased keep what was sold, and nothing of the person', async () => {
    const phone = newPhone();
    const message = order(phone, [line('TEA-250', 2, 10)]);
    (message.order as JsonObject).text = 'For my sister Rani';
    await postWebhook(api.url, messagesBody({ contacts: [profile(phone, 'Meera')], messages: [message] }));
    const placed = await orderOf(phone);
    await api.call('PATCH', `/orders/${placed.id}`, { body: { notes: 'Meera, second floor' } });
    expect((await api.call('DELETE', `/contacts/${placed.contact_id}?erase=true`)).status).toBe(204);

    const kept = await api.call<Order>('GET', `/orders/${placed.id}`);
    expect(kept.body).toMatchObject({
      contact_id: null,
      conversation_id: null,
      contact_name: null,
      phone: null,
      message_id: null,
      text: '',
      notes: '',
      total_amount: 20,
      items: [expect.objectContaining({ retailer_id: 'TEA-250', quantity: 2 })],
    });
    const rows = await api.db.query<{ row: string }>(`select o::text as row from orders o where id = $1`, [placed.id]);
    expect(rows[0]?.row).not.toMatch(new RegExp(`Rani|Meera|${phone}|${message.id as string}`.replace(/[.+=/]/g, '.')));
  });

  it('of another account are not there', async () => {
    const phone = newPhone();
    await post(order(phone, [line('A', 1, 10)]));
    const { id, contact_id } = await orderOf(phone);
    const other = await api.call<{ id: number }>('POST', '/accounts', {
      body: { name: 'B', phone_number_id: '300000000000002', access_token: 'EAAy' },
    });
    const accountId = other.body.id;
    expect((await api.call('GET', `/orders/${id}`, { accountId })).status).toBe(404);
    expect((await api.call('PATCH', `/orders/${id}`, { accountId, body: { status: 'new' } })).status).toBe(404);
    const theirs = await api.call<Orders>('GET', `/orders?contact_id=${contact_id}`, { accountId });
    expect(theirs.body.orders).toEqual([]);
  });

  it('need the scopes of the catalog', async () => {
    const key = await api.call<{ key: string }>('POST', '/api-keys', { body: { name: 'K', scopes: ['catalog:read'] } });
    expect((await api.call('GET', '/orders', { key: key.body.key })).status).toBe(200);
    const patch = await api.call('PATCH', '/orders/1', { key: key.body.key, body: { status: 'new' } });
    expect(patch.status).toBe(403);
  });
});
