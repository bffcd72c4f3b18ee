import { eventually, type Answer } from '../support/app.js';
import { PHONE_NUMBER_ID, startJourney, WABA_ID, type Journey } from '../support/journey.js';

interface SignupBody {
  id: number;
  account_id: number;
  signup_id: string;
  display_name: string;
  signup_message: string;
  confirmation_message: string;
  privacy_policy_url: string;
  website_url: string;
  promo_code: string;
  status: string;
  auto_add_to_label: number | null;
  auto_add_to_label_name: string | null;
  subscriber_count: number;
  tos_accepted: boolean;
  deep_link: string | null;
  deep_link_reason: string | null;
  deep_links: { account_id: number; phone_number: string; url: string }[];
  availability: { available: boolean | null; reason: string | null };
  synced_at: string | null;
  signups: SignupBody[];
  next_cursor: string | null;
  code?: string;
  detail?: string;
  what_to_do?: string;
  graph?: { code: number | null; subcode: number | null; details: string };
  errors?: { field: string; code: string }[];
}

interface AtMeta {
  signups: Record<string, string>[];
  accepted_by: string[];
  calls: { method: string; path: string; body: Record<string, unknown> | null; status: number }[];
}

const TERMS = 'https://www.facebook.com/legal/ads-manager-marketing-messages-terms';
const OTHER_WABA = '200000000000055';
let counter = 0;

describe('signups and Meta', () => {
  let journey: Journey;
  let accountId: number;

  const call = (method: string, path: string, body?: unknown, account = accountId): Promise<Answer<SignupBody>> =>
    journey.api.call<SignupBody>(method, path, { accountId: account, ...(body === undefined ? {} : { body }) });
  const input = (more: object = {}): Record<string, unknown> => ({
    display_name: `Fair ${(counter += 1)}`,
    signup_message: 'Get our offers on WhatsApp.',
    confirmation_message: 'Welcome!',
    privacy_policy_url: 'https://example.com/privacy',
    tos_accepted: true,
    ...more,
  });
  const create = async (more: object = {}, account = accountId): Promise<SignupBody> => {
    const answer = await call('POST', '/signups', input(more), account);
    expect([answer.status, answer.body]).toEqual([201, expect.anything()]);
    return answer.body;
  };
  const atMeta = (): Promise<AtMeta> => journey.simulator.call<AtMeta>('GET', 'signups');
  const metasOf = async (signupId: string): Promise<Record<string, string> | undefined> =>
    (await atMeta()).signups.find(({ id }) => id === signupId);
  const configure = (signups: object): Promise<void> => journey.simulator.configure({ signups });
  /** What Meta was asked by the work, without what was only read. */
  const written = async (work: () => Promise<unknown>): Promise<AtMeta['calls']> => {
    const before = (await atMeta()).calls.length;
    await work();
    return (await atMeta()).calls.slice(before).filter(({ method }) => method === 'POST');
  };
  const account = async (phoneNumberId: string, wabaId: string): Promise<number> => {
    const answer = await journey.api.call<{ id: number }>('POST', '/accounts', {
      body: {
        name: phoneNumberId,
        phone_number_id: phoneNumberId,
        waba_id: wabaId,
        access_token: `EAA${phoneNumberId}`,
      },
    });
    expect([answer.status, answer.body]).toEqual([201, expect.anything()]);
    return answer.body.id;
  };

  beforeAll(async () => {
    journey = await startJourney({ worker: false });
    accountId = journey.accountId;
  });
  afterAll(() => journey.close());
  afterEach(() =>
    configure({
      available: true,
      refuse_next: 0,
      codes: 'code',
      lose_answers: 0,
      lose_requests: 0,
      omit_ids: 0,
      bad_cursors: 0,
    }),
  );

  describe('the terms of service', () => {
    it('must be accepted on the first signup of the business, before Meta is asked', async () => {
      const calls = await written(async () => {
        for (const more of [{ tos_accepted: undefined }, { tos_accepted: false }]) {
          const answer = await call('POST', '/signups', input(more));
          expect([answer.status, answer.body.errors]).toEqual([
            400,
            [expect.objectContaining({ field: 'tos_accepted', code: 'required' })],
          ]);
        }
      });
      expect(calls).toEqual([]);
    });

    it('go out with the first signup alone', async () => {
      const calls = await written(async () => {
        expect(await create()).toMatchObject({ tos_accepted: true });
        await create({ tos_accepted: undefined });
        await create({ tos_accepted: true });
      });
      expect(calls.map(({ path, body }) => [path.replace(/^\/v[\d.]+/, ''), body?.policy])).toEqual([
        [`/${WABA_ID}/signups`, { tos: TERMS, accepted: true }],
        [`/${WABA_ID}/signups`, undefined],
        [`/${WABA_ID}/signups`, undefined],
      ]);
    });

    it('are left out by itself when Meta says that the business accepted them elsewhere', async () => {
      const other = await account('300000000000056', '200000000000056');
      const calls = await written(async () => {
        expect(await create({}, other)).toMatchObject({ tos_accepted: true });
      });
      expect(calls.map(({ status, body }) => [status, body?.policy !== undefined])).toEqual([
        [400, true],
        [200, false],
      ]);
    });

    it('are asked for when Meta says that they are not accepted, whatever we thought', async () => {
      await journey.simulator.call('PUT', 'signups/tos', { accepted: false });
      const refused = await call('POST', '/signups', input({ tos_accepted: undefined }));
      expect([refused.status, refused.body]).toEqual([
        422,
        expect.objectContaining({
          code: 'graph_error',
          graph: expect.objectContaining({ code: 2_494_168 }),
          what_to_do: expect.stringContaining('tos_accepted: true'),
        }),
      ]);
      expect(await create({ tos_accepted: true })).toMatchObject({ status: 'ACTIVE' });
    });
  });

  describe('a new signup', () => {
    it('is at Meta as it was asked for, and here with its links', async () => {
      const signup = await create({
        display_name: ' Spring fair ',
        signup_message: 'Get our offers.',
        confirmation_message: 'Take {{promo_code}}.',
        promo_code: 'SPRING10',
        website_url: 'https://example.com',
        auto_add_to_label: 'Fair guests',
      });
      expect(signup).toEqual(
        expect.objectContaining({
          id: expect.any(Number),
          account_id: accountId,
          signup_id: expect.stringMatching(/^\d+$/),
          display_name: 'Spring fair',
          signup_message: 'Get our offers.',
          confirmation_message: 'Take {{promo_code}}.',
          promo_code: 'SPRING10',
          website_url: 'https://example.com',
          privacy_policy_url: 'https://example.com/privacy',
          status: 'ACTIVE',
          auto_add_to_label: expect.any(Number),
          auto_add_to_label_name: 'Fair guests',
          subscriber_count: 0,
          tos_accepted: true,
          availability: { available: true, reason: null },
          deep_link_reason: null,
        }),
      );
      expect(signup.deep_link).toMatch(new RegExp(`^https://wa\\.me/91\\d{10}/signup/${signup.signup_id}$`));
      expect(signup.deep_links[0]).toEqual({
        account_id: accountId,
        phone_number: expect.stringMatching(/^\+91\d{10}$/),
        url: signup.deep_link,
      });
      expect(await metasOf(signup.signup_id)).toMatchObject({
        waba_id: WABA_ID,
        display_name: 'Spring fair',
        promo_code: 'SPRING10',
        website_url: 'https://example.com',
      });
      expect((await call('GET', `/signups/${signup.id}`)).body).toEqual(signup);
    });

    it('sends Meta nothing that was not given', async () => {
      const [request] = await written(() =>
        create({ display_name: undefined, website_url: '', promo_code: '', tos_accepted: undefined }),
      );
      expect(request?.body).toEqual({
        signup_message: 'Get our offers on WhatsApp.',
        confirmation_message: 'Welcome!',
        privacy_policy_url: 'https://example.com/privacy',
      });
    });

    it.each([
      ['signup_message', { signup_message: ' ' }],
      ['signup_message', { signup_message: 'x'.repeat(301) }],
      ['confirmation_message', { confirmation_message: 'x'.repeat(301) }],
      ['confirmation_message', { confirmation_message: 'Hi {{name}}, take {{promo_code}}', promo_code: 'A1' }],
      ['confirmation_message', { confirmation_message: 'Take {{ promo_code }}', promo_code: 'A1' }],
      ['promo_code', { confirmation_message: 'Take {{promo_code}}' }],
      ['promo_code', { promo_code: 'TEN %' }],
      ['promo_code', { promo_code: 'x'.repeat(51) }],
      ['website_url', { website_url: 'http://example.com' }],
      ['website_url', { website_url: 'example.com' }],
      ['privacy_policy_url', { privacy_policy_url: 'ftp://example.com' }],
      ['privacy_policy_url', { privacy_policy_url: 'no url' }],
      ['display_name', { display_name: 'x'.repeat(257) }],
      ['auto_add_to_label', { auto_add_to_label: 999_999 }],
      ['auto_add_to_label', { auto_add_to_label: 'x'.repeat(51) }],
      ['auto_add_to_label', { auto_add_to_label: { id: 1 } }],
      ['colour', { colour: 'red' }],
    ])('is refused before Meta is asked, naming %s: %j', async (field, more) => {
      const calls = await written(async () => {
        const answer = await call('POST', '/signups', input(more));
        expect([answer.status, answer.body.errors]).toEqual([400, [expect.objectContaining({ field })]]);
      });
      expect(calls).toEqual([]);
    });

    it('takes 300 characters as people count them, and a code without a placeholder', async () => {
      expect(await create({ signup_message: '🎉'.repeat(300), promo_code: 'A1' })).toMatchObject({ promo_code: 'A1' });
    });

    it('needs an account with a WABA', async () => {
      const answer = await journey.api.call<{ id: number }>('POST', '/accounts', {
        body: { name: 'No WABA', phone_number_id: '300000000000077', access_token: 'EAAnone' },
      });
      expect(await call('POST', '/signups', input(), answer.body.id)).toMatchObject({
        status: 409,
        body: { code: 'account_credentials_missing' },
      });
    });

    it('warns where Meta does not offer signups, and explains the refusal', async () => {
      await journey.simulator.call('PUT', 'numbers/300000000000058', {
        waba_id: '200000000000058',
        country_code: '49',
        display_phone_number: '+49 30 901820',
      });
      const german = await account('300000000000058', '200000000000058');
      expect(await call('POST', '/signups', input(), german)).toMatchObject({
        status: 422,
        body: {
          code: 'graph_error',
          graph: { code: 2_494_165 },
          what_to_do: expect.stringContaining('European Economic Area'),
        },
      });
      await journey.simulator.call('POST', 'signups', { waba_id: '200000000000058' });
      await call('POST', '/signups/sync', {}, german);
      const { body } = await call('GET', '/signups', undefined, german);
      expect(body.signups[0]?.availability).toEqual({
        available: false,
        reason: expect.stringContaining('European Economic Area'),
      });
    });
  });

  describe('a creation without an answer', () => {
    it.each([
      ['lost on its way back', { lose_answers: 1 }],
      ['without an id', { omit_ids: 1 }],
    ])('(%s) is found by creating the same again, once', async (_name, fault) => {
      await configure(fault);
      const more = { display_name: `Lost ${(counter += 1)}`, auto_add_to_label: 'Lost and found' };
      const lost = await call('POST', '/signups', input(more));
      expect([lost.status, lost.body.code]).toEqual([504, 'graph_outcome_unknown']);
      const found = await create(more);
      expect(found.auto_add_to_label_name).toBe('Lost and found');
      expect((await atMeta()).signups.filter(({ display_name }) => display_name === more.display_name)).toHaveLength(1);
      // Whoever wants a second one that says the same gets it.
      expect((await create(more)).id).not.toBe(found.id);
      expect((await atMeta()).signups.filter(({ display_name }) => display_name === more.display_name)).toHaveLength(2);
    });

    it('is found by a sync, with its label', async () => {
      await configure({ lose_answers: 1 });
      const more = { display_name: `Synced ${(counter += 1)}`, auto_add_to_label: 'Later' };
      expect((await call('POST', '/signups', input(more))).status).toBe(504);
      expect((await call('POST', '/signups/sync', {})).body).toMatchObject({ created: 1 });
      const { body } = await call('GET', `/signups?q=${encodeURIComponent(more.display_name)}`);
      expect(body.signups).toEqual([expect.objectContaining({ auto_add_to_label_name: 'Later', tos_accepted: true })]);
    });

    it('that never came to Meta is made by creating it again', async () => {
      await configure({ lose_requests: 1 });
      const more = { display_name: `Never ${(counter += 1)}` };
      expect((await call('POST', '/signups', input(more))).status).toBe(504);
      await create(more);
      expect((await atMeta()).signups.filter(({ display_name }) => display_name === more.display_name)).toHaveLength(1);
    });

    it('leaves nothing behind when Meta refuses', async () => {
      await configure({ refuse_next: 1, refuse_code: 2_494_165 });
      const more = { display_name: `Refused ${(counter += 1)}` };
      expect((await call('POST', '/signups', input(more))).status).toBe(422);
      expect(await create(more)).toMatchObject({ status: 'ACTIVE' });
    });
  });

  describe('a change', () => {
    it('tells Meta what is different, and nothing else', async () => {
      const signup = await create({ promo_code: 'A1', confirmation_message: 'Take {{promo_code}}.' });
      let answer: Answer<SignupBody> | undefined;
      const calls = await written(async () => {
        answer = await call('PATCH', `/signups/${signup.id}`, {
          display_name: signup.display_name,
          promo_code: 'B2',
          privacy_policy_url: signup.privacy_policy_url,
        });
      });
      expect([answer?.status, answer?.body.promo_code]).toEqual([200, 'B2']);
      expect(calls.map(({ path, body }) => [path.replace(/^\/v[\d.]+/, ''), body])).toEqual([
        [`/signups/${signup.signup_id}`, { promo_code: 'B2' }],
      ]);
      expect(await metasOf(signup.signup_id)).toMatchObject({ promo_code: 'B2' });
    });

    it('changes everything that can be changed', async () => {
      const signup = await create();
      const changes = {
        display_name: 'Renamed',
        signup_message: 'Now with cake.',
        confirmation_message: 'Hello!',
        website_url: 'https://cake.example.com',
        promo_code: 'CAKE',
      };
      expect((await call('PATCH', `/signups/${signup.id}`, changes)).body).toMatchObject(changes);
      expect(await metasOf(signup.signup_id)).toMatchObject(changes);
    });

    it('of the label is ours alone, by name, id, and none', async () => {
      const signup = await create();
      const calls = await written(async () => {
        const named = await call('PATCH', `/signups/${signup.id}`, { auto_add_to_label: 'By name' });
        expect(named.body.auto_add_to_label_name).toBe('By name');
        const id = named.body.auto_add_to_label;
        for (const none of [null, '']) {
          const cleared = await call('PATCH', `/signups/${signup.id}`, { auto_add_to_label: none });
          expect(cleared.body.auto_add_to_label).toBeNull();
          const again = await call('PATCH', `/signups/${signup.id}`, { auto_add_to_label: id });
          expect(again.body.auto_add_to_label_name).toBe('By name');
        }
        expect((await journey.api.call('DELETE', `/labels/${id}`)).status).toBe(204);
      });
      expect(calls).toEqual([]);
      expect((await call('GET', `/signups/${signup.id}`)).body).toMatchObject({
        auto_add_to_label: null,
        auto_add_to_label_name: null,
      });
    });

    it('never reaches the privacy policy', async () => {
      const signup = await create();
      const calls = await written(async () => {
        const answer = await call('PATCH', `/signups/${signup.id}`, {
          privacy_policy_url: 'https://example.com/other',
          promo_code: 'X1',
        });
        expect([answer.status, answer.body.code]).toEqual([409, 'signup_privacy_policy_fixed']);
      });
      expect(calls).toEqual([]);
      expect((await call('GET', `/signups/${signup.id}`)).body).toMatchObject({ promo_code: '' });
    });

    it('is checked together with what stays', async () => {
      const signup = await create({ promo_code: 'A1', confirmation_message: 'Take {{promo_code}}.' });
      expect((await call('PATCH', `/signups/${signup.id}`, { promo_code: '' })).body.errors).toEqual([
        expect.objectContaining({ field: 'promo_code', code: 'required' }),
      ]);
      expect((await call('PATCH', `/signups/${signup.id}`, { signup_message: '' })).status).toBe(400);
      expect(
        (await call('PATCH', `/signups/${signup.id}`, { promo_code: '', confirmation_message: 'Welcome!' })).body,
      ).toMatchObject({ promo_code: '', confirmation_message: 'Welcome!' });
    });

    it('that Meta refuses changes nothing here', async () => {
      const signup = await create();
      await configure({ refuse_next: 1, refuse_code: 2_494_166 });
      expect((await call('PATCH', `/signups/${signup.id}`, { promo_code: 'NEW' })).status).toBe(422);
      expect((await call('GET', `/signups/${signup.id}`)).body.promo_code).toBe('');
    });

    it('whose answer was lost is known from what Meta has', async () => {
      const signup = await create();
      await configure({ lose_answers: 1 });
      expect((await call('PATCH', `/signups/${signup.id}`, { promo_code: 'DONE' })).body).toMatchObject({
        promo_code: 'DONE',
      });
      await configure({ lose_requests: 1 });
      const lost = await call('PATCH', `/signups/${signup.id}`, { promo_code: 'NEVER' });
      expect([lost.status, lost.body.code]).toEqual([504, 'graph_outcome_unknown']);
      expect((await call('GET', `/signups/${signup.id}`)).body.promo_code).toBe('DONE');
    });

    it('disables and enables, any number of times', async () => {
      const signup = await create();
      for (const [act, status] of [
        ['disable', 'DISABLED'],
        ['disable', 'DISABLED'],
        ['enable', 'ACTIVE'],
        ['disable', 'DISABLED'],
      ] as const) {
        const calls = await written(async () => {
          expect(await call('POST', `/signups/${signup.id}/${act}`, {})).toMatchObject({
            status: 200,
            body: { status },
          });
        });
        expect(calls.map(({ body }) => body)).toEqual([{ status }]);
        expect(await metasOf(signup.signup_id)).toMatchObject({ status });
      }
      const { body } = await call('GET', '/signups?status=DISABLED');
      expect(body.signups.map(({ id }) => id)).toContain(signup.id);
    });

    it('by one at a time', async () => {
      const signup = await create();
      let asked: ReturnType<typeof call>[] = [];
      await journey.api.db.transaction(async (tx) => {
        // Whoever reads a signup reads its label: so nobody is through before all three have asked whose turn it is.
        await tx.query('lock table labels in access exclusive mode');
        asked = ['ONE', 'TWO', 'THREE'].map((promo_code) => call('PATCH', `/signups/${signup.id}`, { promo_code }));
        await eventually(
          () =>
            journey.api.db.query(
              `select 1 from pg_stat_activity
               where datname = current_database() and wait_event_type = 'Lock' and query like '%from signups s%'`,
            ),
          (rows) => rows.length === 3,
        );
      });
      const answers = await Promise.all(asked);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
      const { body } = await call('GET', `/signups/${signup.id}`);
      expect((await metasOf(signup.signup_id))?.promo_code).toBe(body.promo_code);
    });
  });

  describe('a sync', () => {
    it('brings all pages, keeps what only we know, and takes over what changed', async () => {
      const own = await create({ auto_add_to_label: 'Kept' });
      const { signups } = await journey.simulator.call<AtMeta>('POST', 'signups', {
        waba_id: WABA_ID,
        count: 230,
        confirmation_message: 'From elsewhere: {{promo_code}}',
        promo_code: 'ELSE1',
      });
      await journey.simulator.call('PUT', `signups/${own.signup_id}`, { status: 'DISABLED', promo_code: 'THEIRS' });
      const { status, body } = await call('POST', '/signups/sync', {});
      expect([status, body]).toEqual([200, { synced: expect.any(Number), created: 230, updated: 1, skipped: 0 }]);
      expect((body as unknown as { synced: number }).synced).toBe(
        (await atMeta()).signups.filter(({ waba_id }) => waba_id === WABA_ID).length,
      );
      expect((await call('GET', `/signups/${own.id}`)).body).toMatchObject({
        status: 'DISABLED',
        promo_code: 'THEIRS',
        auto_add_to_label_name: 'Kept',
        tos_accepted: true,
      });
      const found = await call('GET', '/signups?limit=1&q=Elsewhere%20230');
      expect(found.body.signups).toEqual([
        expect.objectContaining({
          signup_id: signups[229]?.id,
          confirmation_message: 'From elsewhere: {{promo_code}}',
          promo_code: 'ELSE1',
          privacy_policy_url: 'https://example.com/privacy',
        }),
      ]);
      expect((await call('POST', '/signups/sync', {})).body).toMatchObject({ created: 0, updated: 0, skipped: 0 });
    });

    it('begins again when Meta forgets its cursor', async () => {
      await configure({ bad_cursors: 1 });
      expect(await call('POST', '/signups/sync', {})).toMatchObject({ status: 200, body: { created: 0, skipped: 0 } });
    });

    it('reads one by itself when it is asked for live', async () => {
      const signup = await create();
      await journey.simulator.call('PUT', `signups/${signup.signup_id}`, { display_name: 'Renamed elsewhere' });
      expect((await call('GET', `/signups/${signup.id}`)).body.display_name).toBe(signup.display_name);
      expect((await call('GET', `/signups/${signup.id}?live=true`)).body.display_name).toBe('Renamed elsewhere');
    });
  });

  it('asks Meta for what each function of the predecessor asked, and answers what it has', async () => {
    const before = (await atMeta()).calls.length;
    const created = await create({ promo_code: 'A1', tos_accepted: undefined });
    const { signup_id: metaId } = created;
    const answers = [
      await call('POST', '/signups/sync', {}),
      await call('GET', `/signups/${created.id}?live=true`),
      await call('PATCH', `/signups/${created.id}`, { promo_code: 'B2', confirmation_message: 'Take {{promo_code}}.' }),
      await call('POST', `/signups/${created.id}/disable`, {}),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(answers[3]?.body).toMatchObject({
      signup_id: metaId,
      promo_code: 'B2',
      confirmation_message: 'Take {{promo_code}}.',
      status: 'DISABLED',
    });
    const calls = (await atMeta()).calls.slice(before).map(({ method, path, body }) => ({
      call: `${method} ${path.replace(/^\/v[\d.]+/, '')}`,
      body,
    }));
    const one = `/signups/${metaId}`;
    expect(calls).toEqual(
      expect.arrayContaining([
        {
          call: `POST /${WABA_ID}/signups`,
          body: {
            display_name: created.display_name,
            signup_message: 'Get our offers on WhatsApp.',
            confirmation_message: 'Welcome!',
            privacy_policy_url: 'https://example.com/privacy',
            promo_code: 'A1',
          },
        },
        { call: `GET /${WABA_ID}/signups?limit=100`, body: null },
        { call: `GET ${one}`, body: null },
        { call: `POST ${one}`, body: { promo_code: 'B2', confirmation_message: 'Take {{promo_code}}.' } },
        { call: `POST ${one}`, body: { status: 'DISABLED' } },
      ]),
    );
  });

  describe('the list', () => {
    it('goes page by page, the newest first, each once', async () => {
      const seen: number[] = [];
      let cursor: string | null = '';
      do {
        const query: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
        const { body }: Answer<SignupBody> = await call('GET', `/signups?limit=60${query}`);
        seen.push(...body.signups.map(({ id }) => id));
        cursor = body.next_cursor;
      } while (cursor !== null);
      expect(seen).toEqual([...new Set(seen)].sort((a, b) => b - a));
      expect(seen.length).toBeGreaterThan(230);
      expect((await call('GET', '/signups?cursor=bad')).body.code).toBe('bad_cursor');
    });

    it('and all else are the account’s own', async () => {
      const signup = await create();
      const other = await account('300000000000055', OTHER_WABA);
      expect((await call('GET', '/signups', undefined, other)).body.signups).toEqual([]);
      for (const [method, path, body] of [
        ['GET', `/signups/${signup.id}`, undefined],
        ['GET', `/signups/${signup.id}?live=true`, undefined],
        ['PATCH', `/signups/${signup.id}`, { promo_code: 'THEFT' }],
        ['POST', `/signups/${signup.id}/disable`, {}],
        ['POST', `/signups/${signup.id}/enable`, {}],
        ['GET', `/signups/${signup.id}/subscribers`, undefined],
      ] as const) {
        const theirs = await call(method, path, body, other);
        const missing = await call(method, path.replace(String(signup.id), '99999999'), body, other);
        expect([path, theirs.status, theirs.body.code, theirs.body.detail]).toEqual([
          path,
          404,
          'not_found',
          missing.body.detail,
        ]);
      }
    });

    it('asks for the scopes of signups', async () => {
      const { body } = await journey.api.call<{ key: string }>('POST', '/api-keys', {
        body: { name: 'Reader', scopes: ['signups:read'] },
      });
      expect((await journey.api.call('GET', '/signups', { key: body.key })).status).toBe(200);
      expect((await journey.api.call('POST', '/signups', { key: body.key, body: input() })).status).toBe(403);
      expect((await journey.api.call('POST', '/signups/sync', { key: body.key })).status).toBe(403);
    });
  });

  describe('the deep links', () => {
    it('lead through every number of the WABA that the key may use, the account’s own first', async () => {
      const second = await account('300000000000088', WABA_ID);
      const signup = await create();
      expect(signup.deep_links.map(({ account_id }) => account_id)).toEqual([accountId, second]);
      expect(new Set(signup.deep_links.map(({ url }) => url)).size).toBe(2);
      const { body: key } = await journey.api.call<{ key: string }>('POST', '/api-keys', {
        body: { name: 'Tied', scopes: ['signups:read'], account_ids: [accountId] },
      });
      const tied = await journey.api.call<SignupBody>('GET', `/signups/${signup.id}`, { key: key.key });
      expect(tied.body.deep_links.map(({ account_id }) => account_id)).toEqual([accountId]);
    });

    it('say why there is none while the number is not known', async () => {
      const signup = await create();
      await journey.api.db.query('update accounts set display_phone_number = null where phone_number_id = $1', [
        PHONE_NUMBER_ID,
      ]);
      // Accounts are read anew after a second.
      const { body } = await eventually(
        () => call('GET', `/signups/${signup.id}`),
        (answer) => answer.body.deep_link === null,
      );
      expect([body.deep_link_reason, body.availability.available]).toEqual([
        expect.stringContaining('refresh-profile'),
        null,
      ]);
      await journey.api.call('POST', `/accounts/${accountId}/refresh-profile`, { body: {} });
      expect((await call('GET', `/signups/${signup.id}`)).body.deep_link).toBe(signup.deep_link);
    });
  });

  describe('each refusal of Meta’s', () => {
    it.each([
      [2_494_164, 422, 'Meta does not know this signup'],
      [2_494_165, 422, 'South Africa'],
      [2_494_166, 422, 'only placeholder'],
      [2_494_167, 422, 'give a promo_code'],
      [2_494_177, 422, 'has to be updated'],
      [2_494_179, 422, 'https://'],
      [200, 502, 'whatsapp_business_management'],
    ])('%s is a %s that says what can be done', async (code, status, advice) => {
      for (const codes of ['code', 'subcode'] as const) {
        await configure({ refuse_next: 1, refuse_code: code, codes });
        const answer = await call('POST', '/signups', input());
        const graph = codes === 'subcode' && code > 1_000 ? { code: 100, subcode: code } : { code, subcode: null };
        expect([answer.status, answer.body]).toEqual([
          status,
          expect.objectContaining({
            code: 'graph_error',
            graph: expect.objectContaining(graph),
            what_to_do: expect.stringContaining(advice),
          }),
        ]);
      }
    });

    it('of one that Meta does not have is explained', async () => {
      const signup = await create();
      await journey.api.db.query(`update signups set signup_id = '404' where id = $1`, [signup.id]);
      for (const [method, path, body] of [
        ['GET', `/signups/${signup.id}?live=true`, undefined],
        ['POST', `/signups/${signup.id}/disable`, {}],
        ['PATCH', `/signups/${signup.id}`, { promo_code: 'X' }],
      ] as const) {
        expect(await call(method, path, body)).toMatchObject({
          status: 422,
          body: { graph: { code: 2_494_164 }, what_to_do: expect.stringContaining('sync the signups') },
        });
      }
    });
  });
});
