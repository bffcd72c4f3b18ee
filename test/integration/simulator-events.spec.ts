import { DOUBLE_CUSTOMER, DOUBLE_PHONE, GraphDouble } from '../support/graph-double.js';
import { until, type ReceivedChange } from '../support/webhook-receiver.js';

const WA_ID = DOUBLE_CUSTOMER.slice(1);

let double: GraphDouble;

beforeEach(async () => {
  double = await GraphDouble.start();
});

afterEach(() => double.close());

interface HistoryThread {
  id?: string;
  context?: Record<string, unknown>;
  messages: { id: string; type: string; from?: string; timestamp: string; history_context: { status: string } }[];
}

interface HistoryChunk {
  metadata: { phase: number; chunk_order: number; progress: number };
  threads: HistoryThread[];
}

function chunks(): HistoryChunk[] {
  return double.receiver.changes
    .filter(({ field }) => field === 'history')
    .flatMap(({ value }) => (value.history as HistoryChunk[] | undefined) ?? []);
}

describe('an echo', () => {
  it('is what the business wrote in its app, to whom', async () => {
    await double.tell('PUT', `people/${WA_ID}`, { username: 'asha' });
    const { field, value } = await double.webhook('echo', { to: DOUBLE_CUSTOMER, text: 'From the phone' });
    const { display_phone_number: own } = value.metadata as { display_phone_number: string };

    expect(field).toBe('smb_message_echoes');
    expect(value.contacts).toEqual([{ profile: { username: 'asha' }, wa_id: WA_ID, user_id: expect.any(String) }]);
    expect(value.message_echoes).toEqual([
      {
        from: own,
        to: WA_ID,
        to_user_id: expect.any(String),
        id: expect.stringMatching(/^wamid\./),
        timestamp: expect.any(String),
        type: 'text',
        text: { body: 'From the phone' },
      },
    ]);
    expect(value).not.toHaveProperty('messages');
  });

  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['image', { caption: 'See' }, { image: { caption: 'See', mime_type: 'image/png' } }],
    ['revoke', { original_message_id: 'wamid.x' }, { revoke: { original_message_id: 'wamid.x' } }],
    ['edit', { original_message_id: 'wamid.x', text: 'B' }, { edit: { message: { text: { body: 'B' } } } }],
  ])('may be of type %s', async (type, fields, expected) => {
    const { value } = await double.webhook('echo', { to: DOUBLE_CUSTOMER, type, ...fields });

    expect(value.message_echoes).toMatchObject([{ type, ...expected }]);
  });

  it('can be quoted by the customer, as written by the business', async () => {
    const { wamid } = await double.tell<{ wamid: string }>('POST', 'echo', { to: DOUBLE_CUSTOMER });
    await until(() => double.receiver.changes.length === 1);
    const { value } = await double.webhook('inbound', { from: DOUBLE_CUSTOMER, reply_to: wamid });
    const { display_phone_number: own } = value.metadata as { display_phone_number: string };

    expect(value.messages?.[0]?.context).toEqual({ from: own, id: wamid });
  });

  it('is of no type that only customers send', async () => {
    expect((await double.control('POST', 'echo', { type: 'order' }))[0]).toBe(400);
  });
});

describe('a history', () => {
  it('comes in as many chunks as asked for, not in their order, every message once', async () => {
    const { threads } = await double.tell<{ threads: { from: string; messages: string[] }[] }>('POST', 'history', {
      threads: 3,
      messages_per_thread: 4,
      chunks: 4,
    });
    await until(() => chunks().length === 4);
    const ids = chunks().flatMap((chunk) => chunk.threads.flatMap((thread) => thread.messages.map(({ id }) => id)));

    expect(chunks()[0]?.metadata).toEqual({ phase: 2, chunk_order: 4, progress: 100 });
    expect(new Set(chunks().map(({ metadata }) => metadata.chunk_order))).toEqual(new Set([1, 2, 3, 4]));
    expect(threads).toHaveLength(3);
    expect([...ids].sort()).toEqual(threads.flatMap(({ messages }) => messages).sort());
  });

  it('names the person of a thread, by user id alone when the phone is hidden', async () => {
    await double.tell('POST', 'history', { from: DOUBLE_CUSTOMER });
    await double.tell('POST', 'history', { threads: [{ user_id: 'IN.77', username: 'asha' }] });
    await until(() => chunks().length === 2);
    const [known, hidden] = chunks().map((chunk) => chunk.threads[0]);

    expect(known).toMatchObject({ id: WA_ID, context: { wa_id: WA_ID, user_id: expect.any(String) } });
    expect(hidden).not.toHaveProperty('id');
    expect(hidden?.context).toEqual({ user_id: 'IN.77', username: 'asha' });
    expect(known?.messages.map(({ from }) => from === WA_ID)).toEqual([true, false, true, false]);
    expect(known?.messages.map(({ history_context }) => history_context.status)).toEqual([
      'READ',
      'READ',
      'READ',
      'DELIVERED',
    ]);
  });

  it('has placeholders for files, which follow in webhooks of their own, by who wrote them', async () => {
    const { media } = await double.tell<{ media: string[] }>('POST', 'history', { media: 2, media_after_ms: 50 });
    await until(() => double.receiver.changes.length === 3);
    const placeholders = chunks()[0]?.threads[0]?.messages.filter(({ type }) => type === 'media_placeholder');
    const follow = double.receiver.changes.filter(({ value }) => value.history === undefined);
    const byKey = (key: string): unknown[] =>
      follow.flatMap(({ value }) => (value[key] as unknown[] | undefined) ?? []);

    expect(placeholders?.map(({ id }) => id)).toEqual(media);
    expect(byKey('messages')).toMatchObject([
      { id: media[0], type: 'image', image: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) } },
    ]);
    expect(byKey('message_echoes')).toMatchObject([{ id: media[1], type: 'image' }]);
  });

  it('may hold given messages, and may be declined', async () => {
    const messages = [{ id: 'wamid.old', type: 'location', location: { latitude: 1, longitude: 2 } }];
    const given = await double.webhook('history', { threads: [{ from: DOUBLE_CUSTOMER, messages }] });
    const declined = await double.webhook('history', { declined: true });

    expect(given.value.history).toMatchObject([{ threads: [{ id: WA_ID, messages }] }]);
    expect(declined.value.history).toMatchObject([{ errors: [{ code: 2593109 }] }]);
  });
});

describe('a preference', () => {
  it.each([
    ['stop', 'User requested to stop marketing messages'],
    ['resume', 'User requested to resume marketing messages'],
  ])('of %s is told with a number as its time', async (value, detail) => {
    const change = await double.webhook('preference', { from: DOUBLE_CUSTOMER, value, timestamp: 1_790_000_000 });

    expect(change.field).toBe('user_preferences');
    expect(change.value.user_preferences).toEqual([
      {
        wa_id: WA_ID,
        user_id: expect.any(String),
        detail,
        category: 'marketing_messages',
        value,
        timestamp: 1_790_000_000,
      },
    ]);
    expect(change.value.contacts).toMatchObject([{ wa_id: WA_ID }]);
  });

  it('of signup names the signup', async () => {
    const { value } = await double.webhook('preference', { value: 'signup', signup_id: '13000000000000001' });

    expect(value.user_preferences).toMatchObject([{ value: 'signup', signup_id: '13000000000000001' }]);
  });

  it('of somebody who hides the phone has the user id only', async () => {
    const { value } = await double.webhook('preference', { user_id: 'IN.77', value: 'stop' });

    expect((value.user_preferences as object[])[0]).not.toHaveProperty('wa_id');
    expect(value.user_preferences).toMatchObject([{ user_id: 'IN.77' }]);
  });

  it('is kept to: marketing fails after a stop, everything else does not, and a resume ends it', async () => {
    const offer = (): ReturnType<GraphDouble['send']> =>
      double.send({
        type: 'template',
        template: {
          name: 'seasonal_offer',
          language: { code: 'en' },
          components: [{ type: 'body', parameters: [{ type: 'text', text: 'Asha' }] }],
        },
      });
    await double.webhook('preference', { from: DOUBLE_CUSTOMER, value: 'stop' });
    const [stopped] = await double.statusesOf(offer(), 1);
    const text = await double.statusesOf(double.text(), 3);
    await double.tell('POST', 'preference', { from: DOUBLE_CUSTOMER, value: 'resume' });
    const resumed = await double.statusesOf(offer(), 3);

    expect(stopped?.value.statuses?.[0]?.errors?.[0]?.code).toBe(131050);
    expect(text).toHaveLength(3);
    expect(resumed).toHaveLength(3);
  });
});

describe('a state sync', () => {
  it('adds contacts with their names, and removes them without', async () => {
    const contacts = [
      { from: DOUBLE_CUSTOMER, full_name: 'Asha Rao' },
      { from: '+919876500002', full_name: 'Ravi Menon', first_name: 'R.' },
    ];
    const added = await double.webhook('state-sync', { contacts, timestamp: 1_790_000_000 });
    const removed = await double.webhook('state-sync', { action: 'remove', from: DOUBLE_CUSTOMER });

    expect(added.field).toBe('smb_app_state_sync');
    expect(added.value.state_sync).toMatchObject([
      {
        type: 'contact',
        action: 'add',
        contact: { full_name: 'Asha Rao', first_name: 'Asha', phone_number: WA_ID },
        metadata: { timestamp: '1790000000' },
      },
      { contact: { full_name: 'Ravi Menon', first_name: 'R.', phone_number: '919876500002' } },
    ]);
    expect(removed.value.state_sync).toMatchObject([{ action: 'remove', contact: { phone_number: WA_ID } }]);
    expect((removed.value.state_sync as { contact: object }[])[0]?.contact).not.toHaveProperty('full_name');
  });

  it('names what is wrong inside a contact', async () => {
    const [status, { problems }] = await double.control('POST', 'state-sync', { contacts: [{ fullname: 'Asha' }] });

    expect([status, problems]).toEqual([400, ['contacts: unknown key fullname']]);
  });
});

describe('standby', () => {
  it.each<[string, Record<string, unknown>, string, Record<string, unknown>]>([
    ['message', { type: 'image' }, 'messages', { type: 'image', from: WA_ID }],
    ['echo', { to: DOUBLE_CUSTOMER, from: undefined }, 'message_echoes', { type: 'text', to: WA_ID }],
    [
      'status',
      { wamid: 'wamid.x', status: 'read' },
      'statuses',
      { id: 'wamid.x', status: 'read', recipient_id: WA_ID },
    ],
  ])('shows a %s of the other app, one level down', async (kind, fields, key, expected) => {
    const { field, value } = await double.webhook('standby', { kind, from: DOUBLE_CUSTOMER, ...fields });

    expect(field).toBe('standby');
    expect(value).not.toHaveProperty(key);
    expect((value.standby as Record<string, unknown>)[key]).toMatchObject([expected]);
  });
});

it('every event goes to the named number, comes again when asked, and needs a receiver', async () => {
  const number = { phone_number_id: '300000000000002' };
  for (const path of ['inbound', 'echo', 'history', 'preference', 'state-sync', 'standby']) {
    await double.tell('POST', path, { ...number, duplicate: 1 });
  }
  await until(() => double.receiver.posts.length === 12);
  const numberIds = double.receiver.changes.map(
    ({ value }: ReceivedChange) => (value.metadata as { phone_number_id: string }).phone_number_id,
  );
  await double.configure({ callback_url: '' });

  expect(new Set(numberIds)).toEqual(new Set([number.phone_number_id]));
  expect((await double.control('POST', 'echo', { phone_number_id: DOUBLE_PHONE }))[0]).toBe(400);
});
