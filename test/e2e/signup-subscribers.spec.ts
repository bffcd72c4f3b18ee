import { eventually, type Answer } from '../support/app.js';
import { PHONE_NUMBER_ID, startJourney, WABA_ID, type Journey } from '../support/journey.js';
import { envelope, numberChange, postWebhook, toWire, type JsonObject } from '../support/webhook-payloads.js';
import { PeopleService } from '../../src/contacts/people.service.js';

interface SignupBody {
  id: number;
  signup_id: string;
  display_name: string;
  subscriber_count: number;
  auto_add_to_label: number | null;
  synced_at: string | null;
}

interface Subscriber {
  contact_id: number;
  phone: string | null;
  user_id: string | null;
  name: string;
  subscribed_at: string;
  last_subscribed_at: string;
  label: number | null;
  label_name: string | null;
}

interface ContactBody {
  id: number;
  phone: string | null;
  name: string;
  opted_out: boolean;
  opted_out_source: string | null;
  subscribed_via_signup: number | null;
  subscribed_at: string | null;
  labels: { id: number; name: string }[];
}

interface EventRow {
  type: string;
  account_id: number | null;
  payload: { contact_id: number; source: string; subscribed_at: string; signup?: Record<string, unknown> };
}

const SECOND_PHONE_ID = '300000000000002';
const FOREIGN_PHONE_ID = '300000000000009';
const FOREIGN_WABA = '200000000000009';
const FOREIGN_SECRET = 'a-secret-of-its-own-0123456789abcdef';
const T0 = Date.parse('2026-11-20T10:00:00.000Z') / 1_000;

let nextPhone = 919_710_000_000;
const newWaId = (): string => String((nextPhone += 1));
let nextUser = 5_000_000_000_000_000;
const newUserId = (): string => `IN.${(nextUser += 1)}`;
const iso = (seconds: number): string => new Date(seconds * 1_000).toISOString();

describe('people who subscribe by a signup', () => {
  let journey: Journey;
  let accountId: number;
  let counter = 0;

  const call = <T = SignupBody>(
    method: string,
    path: string,
    body?: unknown,
    account = accountId,
  ): Promise<Answer<T>> =>
    journey.api.call<T>(method, path, { accountId: account, ...(body === undefined ? {} : { body }) });
  const create = async (more: object = {}): Promise<SignupBody> => {
    const answer = await call('POST', '/signups', {
      display_name: `Fair ${(counter += 1)}`,
      signup_message: 'Get our offers.',
      confirmation_message: 'Welcome!',
      privacy_policy_url: 'https://example.com/privacy',
      tos_accepted: true,
      ...more,
    });
    expect([answer.status, answer.body]).toEqual([201, expect.anything()]);
    return answer.body;
  };
  const get = async (id: number, account = accountId): Promise<SignupBody> =>
    (await call('GET', `/signups/${id}`, undefined, account)).body;
  const subscribers = async (id: number, query = '', account = accountId): Promise<Subscriber[]> =>
    (await call<{ subscribers: Subscriber[] }>('GET', `/signups/${id}/subscribers${query}`, undefined, account)).body
      .subscribers;
  const findContact = async (waId: string): Promise<ContactBody | undefined> =>
    (await call<{ contacts: ContactBody[] }>('GET', `/contacts?q=%2B${waId}`)).body.contacts[0];
  const contact = async (waId: string): Promise<ContactBody> => (await findContact(waId)) as ContactBody;
  const events = (contactId: number): Promise<EventRow[]> =>
    journey.api.db.query<EventRow>(
      `select type, account_id, payload from outbox_events where subject_id = $1 and type like 'contact.%' order by id`,
      [contactId],
    );
  /** Waits until all that was posted is processed. */
  const settled = (): Promise<unknown> =>
    eventually(
      () => journey.api.db.query<{ n: number }>('select count(*)::int as n from webhook_logs where not processed'),
      ([row]) => row?.n === 0,
      60_000,
    );
  const post = async (changes: JsonObject[], wabaId: string | null = WABA_ID, secret?: string): Promise<void> => {
    const answer = await postWebhook(
      journey.api.url,
      envelope(changes, wabaId),
      secret === undefined ? {} : { secret },
    );
    expect(answer.status).toBe(200);
  };
  const process = async (changes: JsonObject[], wabaId: string | null = WABA_ID, secret?: string): Promise<void> => {
    await post(changes, wabaId, secret);
    await settled();
  };
  const preference = (value: string, who: JsonObject, at: number, more: JsonObject = {}): JsonObject => ({
    ...who,
    detail: 'told',
    category: 'marketing_messages',
    value,
    timestamp: at,
    ...more,
  });
  const signup = (signupId: string, who: JsonObject, at: number, phoneNumberId = PHONE_NUMBER_ID): JsonObject =>
    numberChange(
      'user_preferences',
      { user_preferences: [preference('signup', who, at, { signup_id: signupId })] },
      phoneNumberId,
    );
  const stop = (who: JsonObject, at: number, value = 'stop'): JsonObject =>
    numberChange('user_preferences', { user_preferences: [preference(value, who, at)] });
  const older = (signupId: string, who: JsonObject, field = 'in_app_signup'): JsonObject => ({
    value: { in_app_signup: { ...who, signup_id: signupId } },
    field,
  });
  const lastLog = async (): Promise<{ processed: boolean; error: string | null }> => {
    const [row] = await journey.api.db.query<{ processed: boolean; error: string | null }>(
      'select processed, error from webhook_logs order by id desc limit 1',
    );
    return row as { processed: boolean; error: string | null };
  };
  const account = async (phoneNumberId: string, wabaId: string, more: object = {}): Promise<number> => {
    const answer = await journey.api.call<{ id: number }>('POST', '/accounts', {
      body: { name: phoneNumberId, phone_number_id: phoneNumberId, waba_id: wabaId, access_token: 'EAA', ...more },
    });
    expect([answer.status, answer.body]).toEqual([201, expect.anything()]);
    return answer.body.id;
  };

  beforeAll(async () => {
    journey = await startJourney();
    accountId = journey.accountId;
  });
  afterAll(() => journey.close());

  describe('one person', () => {
    it('becomes a contact with the label, who subscribed, and the world hears of it', async () => {
      const fair = await create({ auto_add_to_label: 'Fair' });
      const waId = newWaId();
      const userId = newUserId();
      await process([
        numberChange('user_preferences', {
          contacts: [{ profile: { name: 'Alex Doe' }, wa_id: waId, user_id: userId }],
          user_preferences: [preference('signup', { wa_id: waId, user_id: userId }, T0, { signup_id: fair.signup_id })],
        }),
      ]);
      const person = await contact(waId);
      expect(person).toMatchObject({
        phone: `+${waId}`,
        name: 'Alex Doe',
        opted_out: false,
        subscribed_via_signup: fair.id,
        subscribed_at: iso(T0),
        labels: [{ id: fair.auto_add_to_label, name: 'Fair' }],
      });
      expect(await get(fair.id)).toMatchObject({ subscriber_count: 1 });
      expect(await subscribers(fair.id)).toEqual([
        {
          contact_id: person.id,
          phone: `+${waId}`,
          user_id: userId,
          name: 'Alex Doe',
          subscribed_at: iso(T0),
          last_subscribed_at: iso(T0),
          label: fair.auto_add_to_label,
          label_name: 'Fair',
        },
      ]);
      expect(await events(person.id)).toEqual([
        {
          type: 'contact.subscribed',
          account_id: accountId,
          payload: {
            contact_id: person.id,
            phone: `+${waId}`,
            subscribed_at: iso(T0),
            source: 'signup',
            signup: { id: fair.id, signup_id: fair.signup_id, display_name: fair.display_name },
          },
        },
      ]);
    });

    it('may be known by user id alone', async () => {
      const fair = await create();
      const userId = newUserId();
      await process([signup(fair.signup_id, { user_id: userId }, T0)]);
      expect(await subscribers(fair.id)).toEqual([expect.objectContaining({ phone: null, user_id: userId })]);
    });

    it('is told in any shape of the older form', async () => {
      const fair = await create();
      const people = [newWaId(), newWaId(), newWaId(), newWaId()] as [string, string, string, string];
      await process([
        older(fair.signup_id, { wa_id: people[0] }),
        { field: 'in_app_signup', value: { wa_id: people[1], signup_id: fair.signup_id } },
        older(fair.signup_id, { wa_id: people[2] }, 'something_new'),
        numberChange('messages', { in_app_signup: { wa_id: `+${people[3]}`, signup_id: fair.signup_id } }),
      ]);
      const phones = (await subscribers(fair.id)).map(({ phone }) => phone).sort();
      expect(phones).toEqual(people.map((waId) => `+${waId}`).sort());
      expect(await get(fair.id)).toMatchObject({ subscriber_count: 4 });
    });

    it('may be told with the signup as a number, however long', async () => {
      const fair = await create();
      const body = toWire(envelope([older(fair.signup_id, { wa_id: newWaId() })]));
      await postWebhook(journey.api.url, body.replace(`"${fair.signup_id}"`, fair.signup_id));
      await settled();
      expect(await get(fair.id)).toMatchObject({ subscriber_count: 1 });
    });

    it('counts once, told by both forms three times each, in any order and at once', async () => {
      const fair = await create({ auto_add_to_label: 'Once' });
      const waId = newWaId();
      const changes = [1, 2, 3].flatMap(() => [
        signup(fair.signup_id, { wa_id: waId }, T0),
        older(fair.signup_id, { wa_id: waId }),
      ]);
      await Promise.all([...changes, ...changes.slice().reverse()].map((change) => post([change])));
      await settled();
      expect(await get(fair.id)).toMatchObject({ subscriber_count: 1 });
      // The time that Meta told takes the place of the time of receipt, whichever came first.
      expect(await subscribers(fair.id)).toEqual([
        expect.objectContaining({ subscribed_at: iso(T0), last_subscribed_at: iso(T0), label_name: 'Once' }),
      ]);
      const person = await contact(waId);
      expect(person).toMatchObject({ subscribed_at: iso(T0), labels: [{ name: 'Once' }] });
      expect(await events(person.id)).toHaveLength(1);
    });

    it('who subscribes to another signup counts there too, and the newest one is where they came from', async () => {
      const [first, second] = [await create(), await create()];
      const waId = newWaId();
      await process([signup(second.signup_id, { wa_id: waId }, T0 + 60)]);
      await process([signup(first.signup_id, { wa_id: waId }, T0)]);
      const person = await contact(waId);
      expect(person).toMatchObject({ subscribed_via_signup: second.id, subscribed_at: iso(T0 + 60) });
      expect([await get(first.id), await get(second.id)].map((one) => one.subscriber_count)).toEqual([1, 1]);
      expect((await events(person.id)).map(({ payload }) => payload.signup?.id)).toEqual([second.id, first.id]);
    });

    it('who comes again is the same subscriber, with the first and the last time', async () => {
      const fair = await create({ auto_add_to_label: 'Again' });
      const waId = newWaId();
      await process([signup(fair.signup_id, { wa_id: waId }, T0 + 100)]);
      const { id } = await contact(waId);
      await call('PATCH', `/contacts/${id}`, { labels: [] });
      await process([signup(fair.signup_id, { wa_id: waId }, T0 + 300), signup(fair.signup_id, { wa_id: waId }, T0)]);
      expect(await subscribers(fair.id)).toEqual([
        expect.objectContaining({ subscribed_at: iso(T0), last_subscribed_at: iso(T0 + 300) }),
      ]);
      // A label that somebody took away stays away.
      expect(await contact(waId)).toMatchObject({ subscribed_at: iso(T0 + 300), labels: [] });
      expect(await events(id)).toHaveLength(1);
    });
  });

  describe('consent', () => {
    it('is given again by subscribing, and the one event tells by which signup', async () => {
      const fair = await create();
      const waId = newWaId();
      await process([stop({ wa_id: waId }, T0)]);
      expect(await contact(waId)).toMatchObject({ opted_out: true });
      await process([signup(fair.signup_id, { wa_id: waId }, T0 + 60)]);
      const person = await contact(waId);
      expect(person).toMatchObject({ opted_out: false, opted_out_source: null });
      expect((await events(person.id)).map(({ type, payload }) => [type, payload.source, payload.signup])).toEqual([
        ['contact.opted_out', undefined, undefined],
        ['contact.subscribed', 'signup', { id: fair.id, signup_id: fair.signup_id, display_name: fair.display_name }],
      ]);
    });

    it('is given again by the older form, which tells no time', async () => {
      const fair = await create();
      const waId = newWaId();
      const { body } = await call<ContactBody>('POST', '/contacts', { phone: `+${waId}` });
      await call('POST', `/contacts/${body.id}/opt-out`, {});
      await process([older(fair.signup_id, { wa_id: waId })]);
      expect(await contact(waId)).toMatchObject({ opted_out: false });
      expect((await events(body.id)).map(({ type }) => type)).toEqual(['contact.opted_out', 'contact.subscribed']);
    });

    it('taken back later stays taken back, whatever comes again and in whatever order', async () => {
      const fair = await create();
      const [one, two] = [newWaId(), newWaId()];
      await process([signup(fair.signup_id, { wa_id: one }, T0), older(fair.signup_id, { wa_id: one })]);
      await process([stop({ wa_id: one }, Math.floor(Date.now() / 1_000) + 2)]);
      await process([stop({ wa_id: two }, T0 + 60)]);
      for (const waId of [one, two]) {
        await process([signup(fair.signup_id, { wa_id: waId }, T0)]);
        await process([older(fair.signup_id, { wa_id: waId })]);
        expect(await contact(waId)).toMatchObject({ opted_out: true, opted_out_source: 'whatsapp' });
      }
      expect(await get(fair.id)).toMatchObject({ subscriber_count: 2 });
      // Both subscribed once, and that is told; who had stopped already is told of as a subscriber, not as one who is back.
      expect((await events((await contact(one)).id)).map(({ type }) => type)).toEqual([
        'contact.subscribed',
        'contact.opted_out',
      ]);
      expect((await events((await contact(two)).id)).map(({ type }) => type)).toEqual([
        'contact.opted_out',
        'contact.subscribed',
      ]);
    });

    it('of who stopped and subscribed again is told again, and counted no more', async () => {
      const fair = await create();
      const waId = newWaId();
      await process([signup(fair.signup_id, { wa_id: waId }, T0)]);
      await process([stop({ wa_id: waId }, T0 + 60)]);
      await process([signup(fair.signup_id, { wa_id: waId }, T0 + 120)]);
      await process([signup(fair.signup_id, { wa_id: waId }, T0 + 120)]);
      const person = await contact(waId);
      expect(person).toMatchObject({ opted_out: false });
      expect((await events(person.id)).map(({ type }) => type)).toEqual([
        'contact.subscribed',
        'contact.opted_out',
        'contact.subscribed',
      ]);
      expect(await get(fair.id)).toMatchObject({ subscriber_count: 1 });
    });

    it('of other people in the same body is not touched', async () => {
      const fair = await create();
      const [subscriber, stopper] = [newWaId(), newWaId()];
      await process([
        numberChange('user_preferences', {
          user_preferences: [
            preference('signup', { wa_id: subscriber }, T0, { signup_id: fair.signup_id }),
            preference('stop', { wa_id: stopper }, T0),
          ],
        }),
      ]);
      expect(await contact(subscriber)).toMatchObject({ opted_out: false, subscribed_via_signup: fair.id });
      expect(await contact(stopper)).toMatchObject({ opted_out: true, subscribed_via_signup: null });
    });
  });

  describe('a signup', () => {
    it('that we do not know yet loses nobody, and is completed by a sync', async () => {
      const { signups } = await journey.simulator.call<{ signups: { id: string }[] }>('POST', 'signups', {
        waba_id: WABA_ID,
        display_name: 'From elsewhere',
      });
      const metaId = signups[0]?.id as string;
      const [one, two] = [newWaId(), newWaId()];
      await process([signup(metaId, { wa_id: one }, T0), older(metaId, { wa_id: one }), older(metaId, { wa_id: two })]);
      const { body } = await call<{ signups: SignupBody[] }>('GET', `/signups?q=${metaId}`);
      expect(body.signups).toEqual([
        expect.objectContaining({ signup_id: metaId, display_name: '', subscriber_count: 2, synced_at: null }),
      ]);
      const [row] = body.signups as [SignupBody];
      expect((await call('PATCH', `/signups/${row.id}`, { promo_code: 'X1' })).status).toBe(409);
      expect((await call('POST', '/signups/sync', {})).status).toBe(200);
      expect(await get(row.id)).toMatchObject({ display_name: 'From elsewhere', subscriber_count: 2 });
      expect(await contact(one)).toMatchObject({ subscribed_via_signup: row.id });
    });

    it('belongs to the WABA: who came through another number of it counts in the row there is', async () => {
      const fair = await create();
      const second = await account(SECOND_PHONE_ID, WABA_ID);
      const waId = newWaId();
      await process([
        signup(fair.signup_id, { wa_id: waId }, T0, SECOND_PHONE_ID),
        older(fair.signup_id, { wa_id: waId }),
      ]);
      expect(await get(fair.id)).toMatchObject({ subscriber_count: 1 });
      const none = await call<{ signups: SignupBody[] }>('GET', `/signups?q=${fair.signup_id}`, undefined, second);
      expect(none.body.signups).toEqual([]);
      // Once the other account has the signup too, people count in both rows, and are told of once.
      await call('POST', '/signups/sync', {}, second);
      const { body } = await call<{ signups: SignupBody[] }>('GET', `/signups?q=${fair.signup_id}`, undefined, second);
      const [theirs] = body.signups as [SignupBody];
      const other = newWaId();
      await Promise.all([
        post([signup(fair.signup_id, { wa_id: other }, T0, SECOND_PHONE_ID)]),
        post([older(fair.signup_id, { wa_id: other })]),
        post([signup(fair.signup_id, { wa_id: other }, T0, SECOND_PHONE_ID)]),
      ]);
      await settled();
      expect(await get(fair.id)).toMatchObject({ subscriber_count: 2 });
      expect(await get(theirs.id, second)).toMatchObject({ subscriber_count: 1 });
      expect(await subscribers(theirs.id, '', second)).toHaveLength(1);
      expect(await events((await contact(other)).id)).toHaveLength(1);
    });

    it('that two numbers of a WABA hear of at once gets one row', async () => {
      for (let round = 0; round < 5; round += 1) {
        const metaId = `77000000000${round}`;
        const people = Array.from({ length: 6 }, newWaId);
        await Promise.all(
          people.map((waId, index) =>
            post([signup(metaId, { wa_id: waId }, T0, index % 2 === 0 ? PHONE_NUMBER_ID : SECOND_PHONE_ID)]),
          ),
        );
        await settled();
        const rows = await journey.api.db.query('select subscriber_count from signups where signup_id = $1', [metaId]);
        expect(rows).toEqual([{ subscriber_count: people.length }]);
      }
    });

    it('of a number of its WABA that is no account here counts all the same', async () => {
      const fair = await create();
      const waId = newWaId();
      await process([signup(fair.signup_id, { wa_id: waId }, T0, '399999999999999')]);
      expect(await get(fair.id)).toMatchObject({ subscriber_count: 1 });
      expect(await lastLog()).toEqual({ processed: true, error: null });
    });

    it('is out of reach for whoever signs with another secret', async () => {
      const fair = await create();
      const foreign = await account(FOREIGN_PHONE_ID, FOREIGN_WABA, { app_secret: FOREIGN_SECRET });
      const waId = newWaId();
      await process([signup(fair.signup_id, { wa_id: waId }, T0)], WABA_ID, FOREIGN_SECRET);
      expect(await lastLog()).toMatchObject({ processed: true, error: 'signed with the secret of another account' });
      await process([older(fair.signup_id, { wa_id: waId })], WABA_ID, FOREIGN_SECRET);
      // Its own WABA and number: a row of its own.
      await process([signup(fair.signup_id, { wa_id: waId }, T0, FOREIGN_PHONE_ID)], FOREIGN_WABA, FOREIGN_SECRET);
      expect(await get(fair.id)).toMatchObject({ subscriber_count: 0 });
      const { body } = await call<{ signups: SignupBody[] }>('GET', '/signups', undefined, foreign);
      expect(body.signups).toEqual([expect.objectContaining({ signup_id: fair.signup_id, subscriber_count: 1 })]);
    });

    it('of nobody’s WABA waits in the log', async () => {
      await process([older('123', { wa_id: newWaId() })], '200000000000777');
      expect(await lastLog()).toEqual({ processed: true, error: 'no account' });
    });

    it.each([
      ['whose it is', { user_preferences: [{ value: 'signup', signup_id: '1' }] }],
      ['which', { user_preferences: [{ value: 'signup', wa_id: '919700000001' }] }],
      ['which', { in_app_signup: { wa_id: '919700000001', signup_id: 'x'.repeat(101) } }],
      ['whose it is', { in_app_signup: [] as unknown[] }],
      ['whose it is', { in_app_signup: 'yes' }],
    ])('that does not say %s is noted, and costs its neighbours nothing', async (what, value) => {
      const fair = await create();
      const waId = newWaId();
      await process([
        numberChange('in_app_signup' in value ? 'in_app_signup' : 'user_preferences', value as JsonObject),
        signup(fair.signup_id, { wa_id: waId }, T0),
      ]);
      if (!Array.isArray((value as { in_app_signup?: unknown }).in_app_signup)) {
        expect((await lastLog()).error).toContain(`a signup that does not say ${what}`);
      }
      expect((await lastLog()).processed).toBe(true);
      expect(await get(fair.id)).toMatchObject({ subscriber_count: 1 });
    });
  });

  describe('its subscribers', () => {
    it('are listed page by page, and found by name, phone and user id', async () => {
      const fair = await create();
      const people = Array.from({ length: 7 }, (_, index) => ({
        wa_id: newWaId(),
        user_id: newUserId(),
        name: `Visitor ${index}`,
      }));
      await process([
        numberChange('user_preferences', {
          contacts: people.map(({ name, ...ids }) => ({ profile: { name }, ...ids })),
          user_preferences: people.map(({ wa_id, user_id }, index) =>
            // Two at one moment: the order is by id then.
            preference('signup', { wa_id, user_id }, T0 + Math.floor(index / 2), { signup_id: fair.signup_id }),
          ),
        }),
      ]);
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
        const { body }: Answer<{ subscribers: Subscriber[]; next_cursor: string | null }> = await call(
          'GET',
          `/signups/${fair.id}/subscribers?limit=2${query}`,
        );
        expect(body.subscribers.length).toBeLessThanOrEqual(2);
        seen.push(...body.subscribers.map(({ name }) => name));
        cursor = body.next_cursor;
      } while (cursor !== null);
      expect(seen).toHaveLength(7);
      expect(new Set(seen).size).toBe(7);
      expect(seen[0]).toBe('Visitor 6');
      for (const q of ['visitor 3', people[3]?.wa_id, people[3]?.user_id] as string[]) {
        const found = await subscribers(fair.id, `?q=${encodeURIComponent(q)}`);
        expect(found.map(({ name }) => name)).toEqual(['Visitor 3']);
      }
      expect(await subscribers(fair.id, '?q=%25')).toEqual([]);
      for (const bad of ['bad', 'WyJzaWdudXBfc3Vic2NyaWJlcnMiLDllOTksMV0']) {
        expect((await call('GET', `/signups/${fair.id}/subscribers?cursor=${bad}`)).body).toMatchObject({
          code: 'bad_cursor',
        });
      }
    });

    it('are one less when two turn out to be one person', async () => {
      const [fair, other] = [await create(), await create()];
      const waId = newWaId();
      const userId = newUserId();
      await process([
        signup(fair.signup_id, { wa_id: waId }, T0 + 50),
        signup(fair.signup_id, { user_id: userId }, T0),
        signup(other.signup_id, { user_id: userId }, T0 + 100),
      ]);
      expect(await get(fair.id)).toMatchObject({ subscriber_count: 2 });
      // An event that names both proves that they are one.
      await process([stop({ wa_id: waId, user_id: userId }, T0 + 200, 'resume')]);
      expect(await get(fair.id)).toMatchObject({ subscriber_count: 1 });
      expect(await get(other.id)).toMatchObject({ subscriber_count: 1 });
      expect(await subscribers(fair.id)).toEqual([
        expect.objectContaining({
          phone: `+${waId}`,
          user_id: userId,
          subscribed_at: iso(T0),
          last_subscribed_at: iso(T0 + 50),
        }),
      ]);
      expect(await contact(waId)).toMatchObject({ subscribed_via_signup: other.id, subscribed_at: iso(T0 + 100) });
    });

    it('are moved when somebody merges them by hand', async () => {
      const fair = await create();
      const [one, two] = [newWaId(), newWaId()];
      await process([signup(fair.signup_id, { wa_id: one }, T0)]);
      await call('POST', '/contacts', { phone: `+${two}` });
      const [gone, survivor] = [await contact(one), await contact(two)];
      const people = journey.api.app.get(PeopleService, { strict: false });
      await journey.api.db.transaction((tx) => people.merge(tx, { survivorId: survivor.id, goneId: gone.id }));
      expect(await subscribers(fair.id)).toEqual([expect.objectContaining({ contact_id: survivor.id })]);
      expect(await get(fair.id)).toMatchObject({ subscriber_count: 1 });
    });

    it('are one less when somebody is forgotten, and cannot be lost by accident', async () => {
      const fair = await create();
      const waId = newWaId();
      await process([signup(fair.signup_id, { wa_id: waId }, T0), signup(fair.signup_id, { wa_id: newWaId() }, T0)]);
      const { id } = await contact(waId);
      expect((await call<{ code: string }>('DELETE', `/contacts/${id}`)).body).toMatchObject({
        code: 'contact_in_use',
      });
      expect((await call('DELETE', `/contacts/${id}?erase=true`)).status).toBe(204);
      expect(await get(fair.id)).toMatchObject({ subscriber_count: 1 });
      expect(await subscribers(fair.id)).toHaveLength(1);
    });

    it('keep their place when their label goes', async () => {
      const fair = await create({ auto_add_to_label: 'Gone soon' });
      await process([signup(fair.signup_id, { wa_id: newWaId() }, T0)]);
      await journey.api.call('DELETE', `/labels/${fair.auto_add_to_label}`);
      expect(await subscribers(fair.id)).toEqual([expect.objectContaining({ label: null, label_name: null })]);
      await process([signup(fair.signup_id, { wa_id: newWaId() }, T0)]);
      expect(await get(fair.id)).toMatchObject({ subscriber_count: 2, auto_add_to_label: null });
    });
  });

  describe('a thousand at once', () => {
    it('each told three times by both forms, in any order, are a thousand with a label each', async () => {
      const fair = await create({ auto_add_to_label: 'Thousand' });
      const people = 1_000;
      const first = 919_720_000_000;
      await journey.simulator.call('POST', 'signup', {
        signup_id: fair.signup_id,
        from: String(first),
        count: people,
        times: 3,
        form: 'both',
        shuffle: true,
        per_post: 20,
        timestamp: T0,
      });
      await eventually(
        async () => {
          const { queued } = (await journey.simulator.ledger()).webhooks;
          const [row] = await journey.api.db.query<{ done: number; waiting: number }>(
            `select count(*) filter (where processed)::int as done, count(*) filter (where not processed)::int as waiting
             from webhook_logs where convert_from(body, 'UTF8') like $1`,
            [`%${fair.signup_id}%`],
          );
          return { queued, waiting: row?.waiting, done: row?.done ?? 0 };
        },
        // There are more where a busy machine answered late, for then the simulator posts again.
        ({ queued, waiting, done }) => queued === 0 && waiting === 0 && done >= (people * 6) / 20,
        120_000,
      );
      expect(await get(fair.id)).toMatchObject({ subscriber_count: people });
      const [counts] = await journey.api.db.query(
        `select
           (select count(*)::int from signup_subscribers where signup_id = $1 and label_id = $2) as subscribers,
           (select count(*)::int from contact_labels where label_id = $2) as labels,
           (select count(*)::int from contacts where subscribed_via_signup_id = $1) as contacts,
           (select count(*)::int from signup_subscribers b join contacts c on c.id = b.contact_id
            where b.signup_id = $1 and b.is_dated and b.subscribed_at = b.last_subscribed_at and c.subscribed_at = b.subscribed_at
              and extract(epoch from b.subscribed_at)::bigint - $3::bigint = replace(c.phone, '+', '')::bigint - $4::bigint) as dated,
           (select count(*)::int from outbox_events where type = 'contact.subscribed'
            and (payload->'signup'->>'id')::bigint = $1) as events,
           (select count(distinct subject_id)::int from outbox_events where type = 'contact.subscribed'
            and (payload->'signup'->>'id')::bigint = $1) as people_told`,
        [fair.id, fair.auto_add_to_label, T0, first],
      );
      expect(counts).toEqual({
        subscribers: people,
        labels: people,
        contacts: people,
        dated: people,
        events: people,
        people_told: people,
      });
      const { body } = await call<{ labels: { name: string; usage_count: number }[] }>('GET', '/labels?q=Thousand');
      expect(body.labels).toEqual([expect.objectContaining({ usage_count: people })]);
    }, 180_000);
  });
});
