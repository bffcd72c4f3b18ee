import { DOUBLE_CUSTOMER, DOUBLE_PHONE, GraphDouble } from '../support/graph-double.js';
import { until, type ReceivedChange } from '../support/webhook-receiver.js';

const WA_ID = DOUBLE_CUSTOMER.slice(1);
const OTHER_PHONE = '300000000000002';

let double: GraphDouble;

beforeEach(async () => {
  double = await GraphDouble.start();
});

afterEach(() => double.close());

function person(phone = WA_ID): Promise<{ user_id: string; [key: string]: unknown }> {
  return double.tell('PUT', `people/${phone}`, {});
}

function inbound(body: Record<string, unknown> = {}): Promise<ReceivedChange> {
  return double.webhook('inbound', { from: DOUBLE_CUSTOMER, ...body });
}

describe('a person', () => {
  it('has a user id of the country that stays the same, and another one in another portfolio', async () => {
    await double.tell('PUT', `numbers/${OTHER_PHONE}`, { portfolio_id: 'other' });
    const here = await person();
    const again = await person();
    const there = await double.tell('PUT', `people/${WA_ID}?phone_number_id=${OTHER_PHONE}`, {});

    expect(here.user_id).toMatch(/^IN\.\d{20}$/);
    expect(again.user_id).toBe(here.user_id);
    expect(there.user_id).not.toBe(here.user_id);
    expect((await person('12025550171')).user_id).toMatch(/^US\./);
  });

  it('is remembered as told, and loses what is taken away', async () => {
    const facts = { user_id: 'IN.77', parent_user_id: 'IN.ENT.7', username: '@asha', name: 'Asha', hides_phone: true };
    await double.tell('PUT', `people/${encodeURIComponent(DOUBLE_CUSTOMER)}`, facts);
    const { people } = await double.tell<{ people: unknown[] }>('GET', 'people');
    const cleared = await double.tell('PUT', `people/${WA_ID}`, { user_id: null, username: null, hides_phone: null });

    expect(people).toEqual([
      { ...facts, phone: DOUBLE_CUSTOMER, wa_id: WA_ID, username: 'asha', identity_key_hash: null },
    ]);
    expect(cleared).toMatchObject({ username: null, hides_phone: false, name: 'Asha' });
    expect(cleared.user_id).toMatch(/^IN\.\d{20}$/);
  });

  it('is one person once a phone comes with the user id that was met alone', async () => {
    await inbound({ from: undefined, user_id: 'IN.77', name: 'Asha' });
    await inbound({ user_id: 'IN.77' });
    const { people } = await double.tell<{ people: unknown[] }>('GET', 'people');

    expect(people).toMatchObject([{ phone: DOUBLE_CUSTOMER, user_id: 'IN.77', name: 'Asha' }]);
  });

  it('is not changed when anything about the change is wrong', async () => {
    const [status, { problems }] = await double.control('PUT', `people/${WA_ID}`, { user_id: 'asha', colour: 'red' });

    expect(status).toBe(400);
    expect(problems).toEqual(['user_id must look like IN.1234567890', 'unknown key colour']);
    expect((await double.tell<{ people: unknown[] }>('GET', 'people')).people).toEqual([]);
  });
});

describe('inbound webhooks', () => {
  it('name phone and user id, and the username of who has one', async () => {
    const { user_id } = await person();
    await double.tell('PUT', `people/${WA_ID}`, { username: 'asha', parent_user_id: 'IN.ENT.7', name: 'Asha' });
    const { value } = await inbound();

    expect(value.contacts).toEqual([
      { profile: { name: 'Asha', username: 'asha' }, wa_id: WA_ID, user_id, parent_user_id: 'IN.ENT.7' },
    ]);
    expect(value.messages).toMatchObject([{ from: WA_ID, from_user_id: user_id, from_parent_user_id: 'IN.ENT.7' }]);
  });

  it.each([
    ['off', true, false],
    ['with_phone', true, true],
    ['only', false, true],
  ])('with bsuid %s show the phone: %s, the user id: %s', async (bsuid, hasPhone, hasUserId) => {
    await double.configure({ bsuid });
    const { value } = await inbound();
    const [contact] = value.contacts as Record<string, unknown>[];
    const [message] = value.messages as unknown as Record<string, unknown>[];

    expect([contact?.wa_id !== undefined, message?.from !== undefined]).toEqual([hasPhone, hasPhone]);
    expect([contact?.user_id !== undefined, message?.from_user_id !== undefined]).toEqual([hasUserId, hasUserId]);
  });

  it('leave out the phone of who hides it, and of who is called by user id alone', async () => {
    await double.tell('PUT', `people/${WA_ID}`, { hides_phone: true });
    const hidden = await inbound();
    const unknown = await inbound({ from: undefined, user_id: 'IN.88' });

    for (const { value } of [hidden, unknown]) {
      expect(value.messages?.[0]).not.toHaveProperty('from');
      expect(value.contacts?.[0]).not.toHaveProperty('wa_id');
    }
    expect(unknown.value.messages?.[0]?.from_user_id).toBe('IN.88');
  });
});

describe('a send to a user id', () => {
  it('answers with the user id, and its statuses name the phone of a person who does not hide it', async () => {
    const { user_id } = await person();
    const sending = double.text('Hi', { recipient: user_id });
    const changes = await double.statusesOf(sending, 3);

    expect((await sending)[1].contacts).toEqual([{ input: user_id, user_id }]);
    for (const { value } of changes) {
      expect(value.statuses).toMatchObject([{ recipient_id: WA_ID, recipient_user_id: user_id }]);
      expect(value.contacts).toMatchObject([{ wa_id: WA_ID, user_id }]);
    }
  });

  it('leaves the phone of a person who hides it out of the statuses', async () => {
    const { user_id } = await double.tell<{ user_id: string }>('PUT', `people/${WA_ID}`, { hides_phone: true });
    const changes = await double.statusesOf(double.text('Hi', { recipient: user_id }), 3);

    for (const { value } of changes) {
      expect(value.statuses?.[0]?.recipient_user_id).toBe(user_id);
      expect(value.statuses?.[0]).not.toHaveProperty('recipient_id');
      expect(value.contacts?.[0]).not.toHaveProperty('wa_id');
    }
  });

  it('may go to the parent id, which the statuses then carry beside the user id', async () => {
    await double.tell('PUT', `people/${WA_ID}`, { user_id: 'IN.77', parent_user_id: 'IN.ENT.7' });
    const sending = double.text('Hi', { recipient: 'IN.ENT.7' });
    const [{ value }] = (await double.statusesOf(sending, 1)) as [ReceivedChange];

    expect((await sending)[1].contacts).toEqual([{ input: 'IN.ENT.7', user_id: 'IN.ENT.7' }]);
    expect(value.statuses).toMatchObject([{ recipient_user_id: 'IN.77', recipient_parent_user_id: 'IN.ENT.7' }]);
  });

  it('goes to the phone when both are given, and the answer names both', async () => {
    const { user_id } = await person();
    const [, { contacts }] = await double.text('Hi', { to: DOUBLE_CUSTOMER, recipient: user_id });

    expect(contacts).toEqual([{ input: DOUBLE_CUSTOMER, wa_id: WA_ID, user_id }]);
  });

  it('fails when nobody has the user id, and is refused or delivered when so configured', async () => {
    const stranger = { recipient: 'IN.13491208655302741918' };
    const [failed] = await double.statusesOf(double.text('Hi', stranger), 1);
    await double.configure({ unknown_user_id_code: 131009 });
    const refused = await double.codeOf(double.text('Hi', stranger));
    await double.configure({ unknown_user_id_code: 0 });
    const delivered = await double.statusesOf(double.text('Hi', stranger), 3);

    expect(failed?.value.statuses).toMatchObject([{ status: 'failed', errors: [{ code: 131026 }] }]);
    expect(refused).toBe(131009);
    expect(delivered.map(({ value }) => value.statuses?.[0]?.status)).toEqual(['sent', 'delivered', 'read']);
  });

  it('fails from a number of another portfolio, where the user id means nobody', async () => {
    await double.tell('PUT', `numbers/${OTHER_PHONE}`, { portfolio_id: 'other' });
    const { user_id } = await person();
    const body = { messaging_product: 'whatsapp', recipient: user_id, type: 'text', text: { body: 'Hi' } };
    const [failed] = await double.statusesOf(double.graph('POST', `${OTHER_PHONE}/messages`, body), 1);

    expect(failed?.value.statuses?.[0]?.errors?.[0]?.code).toBe(131026);
  });

  it('is inside the window of the person who wrote, whatever they are called', async () => {
    await double.configure({ enforce_window: true, window_refusal: 'answer' });
    const { user_id } = await person();
    const before = await double.codeOf(double.text('Hi', { recipient: user_id }));
    await double.inbound();
    const after = await double.codeOf(double.text('Hi', { recipient: user_id }));

    expect([before, after]).toEqual([131047, undefined]);
  });

  it('is refused when the business has blocked the person by phone', async () => {
    const { user_id } = await person();
    const users = { messaging_product: 'whatsapp', block_users: [{ user: DOUBLE_CUSTOMER }] };
    await double.graph('POST', `${DOUBLE_PHONE}/block_users`, users);

    expect(await double.codeOf(double.text('Hi', { recipient: user_id }))).toBe(130403);
  });
});

describe('status webhooks', () => {
  it('name the user id of everybody, with contacts beside all but a failure, and the username not yet when sent', async () => {
    await double.tell('PUT', `people/${WA_ID}`, { username: 'asha', name: 'Asha' });
    const { user_id } = await person();
    const [sent, delivered] = await double.statusesOf(double.text(), 3);
    const [failed] = await double.statusesOf(double.text('Hi', { to: '+919999131026' }), 1);

    expect(sent?.value.contacts).toEqual([{ profile: { name: 'Asha' }, wa_id: WA_ID, user_id }]);
    expect(delivered?.value.contacts).toEqual([{ profile: { name: 'Asha', username: 'asha' }, wa_id: WA_ID, user_id }]);
    expect(failed?.value).not.toHaveProperty('contacts');
    expect(failed?.value.statuses?.[0]?.recipient_user_id).toMatch(/^IN\./);
  });

  it('name no user id with bsuid off, and the phone a message was sent to even if it is hidden', async () => {
    await double.configure({ bsuid: 'off' });
    const [off] = await double.statusesOf(double.text(), 1);
    await double.configure({ bsuid: 'only' });
    const [only] = await double.statusesOf(double.text(), 1);

    expect(off?.value).not.toHaveProperty('contacts');
    expect(off?.value.statuses?.[0]).not.toHaveProperty('recipient_user_id');
    expect(only?.value.statuses?.[0]).toMatchObject({ recipient_id: WA_ID, recipient_user_id: expect.any(String) });
  });
});

describe('a change of who somebody is', () => {
  it('of the number comes without contacts from the old one, and brings a new user id', async () => {
    const { user_id: before } = await person();
    const { value } = await inbound({ type: 'user_changed_number', new_phone: '+919876599999', name: 'Asha' });
    const { user_id: after } = await person('919876599999');

    expect(value).not.toHaveProperty('contacts');
    expect(value.messages).toMatchObject([
      {
        from: WA_ID,
        from_user_id: before,
        type: 'system',
        system: {
          type: 'user_changed_number',
          body: `User Asha changed from ${WA_ID} to 919876599999`,
          wa_id: '919876599999',
          user_id: after,
          previous_user_id: before,
        },
      },
    ]);
    expect(after).not.toBe(before);
  });

  it('leaves nobody behind: the old phone and the old user id cannot be reached', async () => {
    const { user_id } = await person();
    await inbound({ type: 'system', system: 'user_changed_number', new_phone: '+919876599999' });
    const gone = [
      await double.statusesOf(double.text(), 1),
      await double.statusesOf(double.text('Hi', { recipient: user_id }), 1),
    ];
    const reached = await double.statusesOf(double.text('Hi', { to: '+919876599999' }), 3);

    expect(gone.map(([change]) => change?.value.statuses?.[0]?.errors?.[0]?.code)).toEqual([131026, 131026]);
    expect(reached).toHaveLength(3);
  });

  it('of the user id keeps the phone, and the new id is the one that is known', async () => {
    const { user_id: before } = await person();
    const ids = { new_user_id: 'IN.99', new_parent_user_id: 'IN.ENT.9' };
    const { value } = await inbound({ type: 'user_changed_user_id', ...ids });
    const next = await inbound();

    expect(value.messages?.[0]).toMatchObject({
      from: WA_ID,
      system: { wa_id: WA_ID, user_id: 'IN.99', parent_user_id: 'IN.ENT.9', previous_user_id: before },
    });
    expect(next.value.messages?.[0]).toMatchObject({ from: WA_ID, from_user_id: 'IN.99' });
    expect(await double.statusesOf(double.text('Hi', { recipient: before }), 1)).toMatchObject([
      { value: { statuses: [{ errors: [{ code: 131026 }] }] } },
    ]);
  });

  it('of the identity shows the new hash, which a send must then name', async () => {
    const { value } = await inbound({ type: 'customer_identity_changed', identity_key_hash: 'newHash=' });
    const next = await inbound();
    const named = (hash: string): ReturnType<GraphDouble['send']> =>
      double.send({ type: 'text', text: { body: 'Hi' }, recipient_identity_key_hash: hash });
    const [wrong] = await double.statusesOf(named('oldHash='), 1);

    expect(value.messages?.[0]).toMatchObject({
      identity: { hash: 'newHash=' },
      system: { type: 'customer_identity_changed' },
    });
    expect(value.contacts).toHaveLength(1);
    expect(next.value.contacts).toMatchObject([{ identity_key_hash: 'newHash=' }]);
    expect(wrong?.value.statuses?.[0]?.errors?.[0]?.code).toBe(137000);
    expect(await double.statusesOf(named('newHash='), 3)).toHaveLength(3);
  });

  it('opens no window, since WhatsApp wrote it', async () => {
    await double.configure({ enforce_window: true, window_refusal: 'answer' });
    await inbound({ type: 'customer_identity_changed' });
    const afterSystem = await double.codeOf(double.text());
    await double.inbound();
    await until(() => double.receiver.messages.length === 2);

    expect([afterSystem, await double.codeOf(double.text())]).toEqual([131047, undefined]);
  });
});
