import { ConsentService, type ConsentChange } from '../../src/contacts/consent.service.js';
import { startTestApp, type Answer, type TestApp } from '../support/app.js';

interface ContactBody {
  id: number;
  phone: string | null;
  opted_out: boolean;
  opted_out_at: string | null;
  opted_out_source: string | null;
}

interface EventRow {
  type: string;
  account_id: number | null;
  payload: Record<string, unknown>;
}

let nextPhone = 9_600_000_000;
const newPhone = (): string => `+91${(nextPhone += 1)}`;
const T0 = Date.parse('2026-11-20T10:00:00.000Z');
const at = (second: number): Date => new Date(T0 + second * 1_000);

describe('consent', () => {
  let api: TestApp;
  let accountId: number;
  let tiedKey: string;
  let otherKey: string;

  const create = async (body: object = {}, options: { key?: string } = {}): Promise<ContactBody> =>
    (await api.call<ContactBody>('POST', '/contacts', { body: { phone: newPhone(), ...body }, ...options })).body;
  const get = async (id: number): Promise<ContactBody> => (await api.call<ContactBody>('GET', `/contacts/${id}`)).body;
  const say = (id: number, what: 'opt-out' | 'opt-in', body: object = {}): Promise<Answer<ContactBody>> =>
    api.call<ContactBody>('POST', `/contacts/${id}/${what}`, { body });
  const events = (id: number): Promise<EventRow[]> =>
    api.db.query<EventRow>(
      `select type, account_id, payload from outbox_events where subject_id = $1 and type like 'contact.%' order by id`,
      [id],
    );
  const service = (): ConsentService => api.app.get(ConsentService, { strict: false });
  const apply = (...changes: Omit<ConsentChange, 'accountId'>[]): Promise<unknown> =>
    api.db.transaction((tx) =>
      service().apply(
        tx,
        changes.map((change) => ({ ...change, accountId })),
      ),
    );

  beforeAll(async () => {
    api = await startTestApp({ env: { OPT_OUT_KEYWORDS: 'Raus, genug', OPT_IN_KEYWORDS: 'Rein' } });
    const account = async (phoneNumberId: string): Promise<number> =>
      (
        await api.call<{ id: number }>('POST', '/accounts', {
          body: { name: phoneNumberId, access_token: 'EAAtest', phone_number_id: phoneNumberId },
        })
      ).body.id;
    accountId = await account('5201');
    const tied = async (id: number): Promise<string> =>
      (
        await api.call<{ key: string }>('POST', '/api-keys', {
          body: { name: 'Tied', scopes: ['contacts:read', 'contacts:write'], account_ids: [id] },
        })
      ).body.key;
    tiedKey = await tied(accountId);
    otherKey = await tied(await account('5202'));
  });
  afterAll(() => api.close());

  describe('noted by hand', () => {
    it('opts out once, with how and why, and in again', async () => {
      const { id, phone } = await create();
      const out = await say(id, 'opt-out', { source: 'phone call', reason: 'Too many messages' });
      expect([out.status, out.body]).toEqual([
        200,
        expect.objectContaining({
          id,
          opted_out: true,
          opted_out_source: 'phone call',
          opted_out_at: expect.any(String),
        }),
      ]);
      expect((await say(id, 'opt-out', { source: 'again' })).body).toEqual(out.body);
      const back = await say(id, 'opt-in', { source: 'shop' });
      expect([back.status, back.body]).toEqual([
        200,
        expect.objectContaining({ opted_out: false, opted_out_source: null, opted_out_at: null }),
      ]);
      expect((await say(id, 'opt-in')).body).toMatchObject({ opted_out: false });
      expect(await events(id)).toEqual([
        {
          type: 'contact.opted_out',
          account_id: accountId,
          payload: {
            contact_id: id,
            phone,
            opted_out_at: out.body.opted_out_at,
            opted_out_source: 'phone call',
            reason: 'Too many messages',
          },
        },
        {
          type: 'contact.subscribed',
          account_id: accountId,
          payload: { contact_id: id, phone, subscribed_at: expect.any(String), source: 'shop' },
        },
      ]);
    });

    it('has "api" as its source when nothing is said, with or without a body', async () => {
      const { id } = await create();
      const answer = await api.call<ContactBody>('POST', `/contacts/${id}/opt-out/`, { body: {} });
      expect(answer.body).toMatchObject({ opted_out: true, opted_out_source: 'api' });
    });

    it('counts once however many note it at the same moment', async () => {
      const { id } = await create();
      const answers = await Promise.all(Array.from({ length: 10 }, () => say(id, 'opt-out')));
      expect(new Set(answers.map((answer) => answer.body.opted_out_at)).size).toBe(1);
      expect(await events(id)).toHaveLength(1);
    });

    it('comes after all that is known, also when a clock is fast', async () => {
      const { id } = await create();
      await apply({ contactId: id, optedOut: true, at: new Date(Date.now() + 60_000), source: 'keyword' });
      expect((await say(id, 'opt-in')).body.opted_out).toBe(false);
    });

    it('is not undone by what the person wrote before and what comes late', async () => {
      const { id } = await create();
      const before = new Date(Date.now() - 60_000);
      await say(id, 'opt-in');
      await apply({ contactId: id, optedOut: true, at: before, source: 'keyword' });
      expect(await get(id)).toMatchObject({ opted_out: false });
    });

    it('is nobody else’s business, but holds for all', async () => {
      const { id, phone } = await create({}, { key: tiedKey });
      expect(await api.call('POST', `/contacts/${id}/opt-out`, { body: {}, key: otherKey })).toMatchObject({
        status: 404,
        body: { code: 'not_found' },
      });
      await say(id, 'opt-out');
      const theirs = await api.call<ContactBody>('POST', '/contacts', { body: { phone }, key: otherKey });
      expect(theirs.body).toMatchObject({ id, opted_out: true });
    });

    it.each([
      [{ source: 'x'.repeat(51) }, 'source'],
      [{ reason: 7 }, 'reason'],
      [{ why: 'x' }, 'why'],
    ])('refuses %j by field', async (body, field) => {
      const { id } = await create();
      expect(await say(id, 'opt-out', body)).toMatchObject({ status: 400, body: { errors: [{ field }] } });
    });
  });

  describe('told by events', () => {
    const OUT_1 = { optedOut: true, at: at(1), source: 'keyword' };
    const IN_2 = { optedOut: false, at: at(2), source: 'keyword' };
    const OUT_3 = { optedOut: true, at: at(3), source: 'whatsapp' };
    const IN_3 = { optedOut: false, at: at(3), source: 'whatsapp' };
    const ALSO_OUT_3 = { optedOut: true, at: at(3), source: 'keyword' };

    it.each([
      [[OUT_1, IN_2], false, null, null],
      [[OUT_1, IN_2, OUT_3], true, at(3), 'whatsapp'],
      [[OUT_1, OUT_3], true, at(3), 'whatsapp'],
      [[IN_2, OUT_3, IN_3], true, at(3), 'whatsapp'],
      [[OUT_3, ALSO_OUT_3], true, at(3), 'whatsapp'],
    ])(
      'ends the same in whatever order they come, together or apart, once or twice (%#)',
      async (said, optedOut, when, source) => {
        for (const order of permutations(said)) {
          const [apart, together] = [(await create()).id, (await create()).id];
          for (const change of [...order, ...order]) {
            await apply({ contactId: apart, ...change });
          }
          await apply(...order.map((change) => ({ contactId: together, ...change })));
          for (const id of [apart, together]) {
            expect(await get(id)).toMatchObject({
              opted_out: optedOut,
              opted_out_at: when?.toISOString() ?? null,
              opted_out_source: source,
            });
          }
        }
      },
    );

    it('are told on when they change something, and only then', async () => {
      const { id } = await create();
      await apply({ contactId: id, ...IN_2 });
      expect(await events(id)).toEqual([]);
      await apply({ contactId: id, ...OUT_1 });
      expect(await events(id)).toEqual([]);
      await apply({ contactId: id, ...OUT_3 }, { contactId: id, ...IN_2 });
      await apply({ contactId: id, ...OUT_3 });
      await apply({ contactId: id, optedOut: true, at: at(4), source: 'whatsapp' });
      expect((await events(id)).map((event) => event.type)).toEqual(['contact.opted_out']);
      expect(await get(id)).toMatchObject({ opted_out: true, opted_out_at: at(4).toISOString() });
    });

    it('are applied to many people by a handful of statements, and pass over who is gone', async () => {
      const people = await Promise.all(Array.from({ length: 20 }, () => create()));
      let statements = 0;
      await api.db.transaction(async (tx) => {
        const counting = { query: (...args: Parameters<typeof tx.query>) => ((statements += 1), tx.query(...args)) };
        await service().apply(
          counting as unknown as typeof tx,
          [...people.map(({ id }) => id), 999_999].map((contactId) => ({ contactId, accountId: null, ...OUT_1 })),
        );
      });
      // Lock, write, tell; and campaigns look whom of theirs it was.
      expect(statements).toBe(4);
      for (const { id } of people) {
        expect(await get(id)).toMatchObject({ opted_out: true, opted_out_source: 'keyword' });
        expect(await events(id)).toEqual([expect.objectContaining({ account_id: null })]);
      }
    });

    it('meet no deadlock that anybody sees, when many tell of the same people at once', async () => {
      const ids = (await Promise.all(Array.from({ length: 10 }, () => create()))).map((contact) => contact.id);
      await Promise.all(
        Array.from({ length: 8 }, (_, index) =>
          apply(
            ...(index % 2 ? ids : [...ids].reverse()).map((contactId) => ({
              contactId,
              optedOut: index % 2 === 0,
              at: at(10 + index),
              source: 'keyword',
            })),
          ),
        ),
      );
      for (const id of ids) {
        expect(await get(id)).toMatchObject({ opted_out: false });
      }
    });
  });

  it('reads the keywords of the environment', () => {
    const words = ['RAUS!', 'genug', 'stop', 'rein', 'start'];
    expect(words.map((word) => service().intentOf(word))).toEqual(['opt_out', 'opt_out', null, 'opt_in', null]);
  });
});

function permutations<T>(items: readonly T[]): T[][] {
  return items.length < 2
    ? [[...items]]
    : items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]));
}
