import { PeoplePorts, type Erasure } from '../../src/contacts/people-ports.js';
import { PeopleService } from '../../src/contacts/people.service.js';
import type { PhoneNumber } from '../../src/common/phone-number.js';
import { answerContext } from '../../src/http/idempotency.repository.js';
import { startTestApp, type Answer, type TestApp } from '../support/app.js';

interface ContactBody {
  id: number;
  phone: string | null;
  wa_id: string | null;
  user_id: string | null;
  name: string;
  display_name: string;
  email: string;
  notes: string;
  labels: { id: number; name: string; color: string }[];
  opted_out: boolean;
  opted_out_at: string | null;
  opted_out_source: string | null;
  code?: string;
  contact_id?: number;
  errors?: { field: string; code: string }[];
}

let nextPhone = 9_700_000_000;
const newPhone = (): string => `+91${(nextPhone += 1)}`;

describe('contacts', () => {
  let api: TestApp;
  let accountId: number;
  let otherAccountId: number;
  /** Tied to the first and to the second account. */
  let key: string;
  let otherKey: string;

  const post = (body: object, options: { key?: string; accountId?: number } = {}): Promise<Answer<ContactBody>> =>
    api.call<ContactBody>('POST', '/contacts', { body, ...options });
  const create = async (
    body: object = {},
    options: { key?: string; accountId?: number } = {},
  ): Promise<ContactBody> => {
    const answer = await post({ phone: newPhone(), ...body }, options);
    expect([answer.status, answer.body]).toEqual([201, expect.anything()]);
    return answer.body;
  };
  const patch = (id: number, body: object, options: { key?: string } = {}): Promise<Answer<ContactBody>> =>
    api.call<ContactBody>('PATCH', `/contacts/${id}`, { body, ...options });
  const list = async (query: string, options: { key?: string } = {}): Promise<ContactBody[]> => {
    const answer = await api.call<{ contacts: ContactBody[] }>('GET', `/contacts?${query}`, options);
    expect(answer.status).toBe(200);
    return answer.body.contacts;
  };
  const ids = (contacts: ContactBody[]): number[] => contacts.map((contact) => contact.id);

  beforeAll(async () => {
    api = await startTestApp();
    const account = async (phoneNumberId: string): Promise<number> =>
      (
        await api.call<{ id: number }>('POST', '/accounts', {
          body: {
            name: phoneNumberId,
            access_token: 'EAAtest',
            phone_number_id: phoneNumberId,
            waba_id: phoneNumberId,
          },
        })
      ).body.id;
    accountId = await account('5001');
    otherAccountId = await account('5002');
    const tied = async (id: number): Promise<string> =>
      (
        await api.call<{ key: string }>('POST', '/api-keys', {
          body: { name: 'Tied', scopes: ['contacts:read', 'contacts:write'], account_ids: [id] },
        })
      ).body.key;
    key = await tied(accountId);
    otherKey = await tied(otherAccountId);
  });
  afterAll(() => api.close());

  describe('creating', () => {
    it('answers every field', async () => {
      const answer = await post({
        phone: '98111 22233',
        user_id: 'IN.13491208655302741918',
        name: 'Asha Rao',
        email: 'asha@example.com',
        notes: 'Prefers mornings',
        labels: ['VIP', 'vip', 'New'],
      });
      expect(answer.status).toBe(201);
      expect(answer.body).toEqual({
        id: expect.any(Number),
        phone: '+919811122233',
        normalized_phone: '919811122233',
        wa_id: '919811122233',
        user_id: 'IN.13491208655302741918',
        parent_user_id: null,
        username: null,
        name: 'Asha Rao',
        display_name: 'Asha Rao',
        email: 'asha@example.com',
        labels: [
          { id: expect.any(Number), name: 'New', color: 'gray' },
          { id: expect.any(Number), name: 'VIP', color: 'gray' },
        ],
        notes: 'Prefers mornings',
        opted_out: false,
        opted_out_at: null,
        opted_out_source: null,
        is_blocked: false,
        subscribed_via_signup: null,
        subscribed_at: null,
        created_at: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
        updated_at: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
      });
      expect((await api.call('GET', `/contacts/${answer.body.id}/`)).body).toEqual(answer.body);
    });

    it.each(['9822233344', '+91 98222-33344', '919822233344', '0091 9822233344'])(
      'knows %s as the contact that exists',
      async (spelling) => {
        await post({ phone: '+919822233344' });
        const answer = await post({ phone: spelling });
        expect(answer.status).toBe(409);
        expect(answer.body).toMatchObject({ code: 'contact_exists', contact_id: expect.any(Number) });
      },
    );

    it('creates one person once, however many ask at the same moment', async () => {
      const phone = newPhone();
      const answers = await Promise.all(Array.from({ length: 12 }, () => post({ phone })));
      expect(answers.map((answer) => answer.status).sort()).toEqual([201, ...new Array<number>(11).fill(409)]);
    });

    it('takes a user id in the place of a phone', async () => {
      const made = await create({ phone: null, user_id: 'IN.777' });
      expect(made).toMatchObject({ phone: null, wa_id: null, user_id: 'IN.777', display_name: 'IN.777' });
      expect((await post({ user_id: 'IN.777' })).body).toMatchObject({ code: 'contact_exists', contact_id: made.id });
      const [elsewhere] = await list(`account_id=${otherAccountId}&limit=1`);
      expect(elsewhere).toMatchObject({ id: made.id, user_id: null });
    });

    it('changes nothing of a contact that exists', async () => {
      const made = await create({ name: 'Before' });
      await post({ phone: made.phone, name: 'After', user_id: 'IN.778', opted_out: true, labels: ['Unwanted'] });
      expect((await api.call('GET', `/contacts/${made.id}`)).body).toEqual(made);
      expect(await list('label=Unwanted')).toEqual([]);
    });

    it.each([
      [{}, 'phone'],
      [{ phone: null }, 'phone'],
      [{ phone: '12' }, 'phone'],
      [{ phone: 'asha' }, 'phone'],
      [{ user_id: 'not an id' }, 'user_id'],
      [{ phone: '+919800000001', email: 'nobody' }, 'email'],
      [{ phone: '+919800000001', labels: 'VIP' }, 'labels'],
      [{ phone: '+919800000001', labels: [''] }, 'labels.0'],
      [{ phone: '+919800000001', labels: ['ok', 999_999] }, 'labels.1'],
      [{ phone: '+919800000001', labels: [{}] }, 'labels.0'],
      [{ phone: '+919800000001', is_blocked: true }, 'is_blocked'],
      [{ phone: '+919800000001', name: 'a\u0000b' }, 'name'],
    ])('refuses %j by field', async (body, field) => {
      const answer = await post(body);
      expect([answer.status, answer.body.code]).toEqual([400, 'validation_failed']);
      expect(answer.body.errors?.map((error) => error.field)).toEqual([field]);
      expect(await list('q=%2B919800000001')).toEqual([]);
    });
  });

  describe('changing', () => {
    it('merges the given fields only, and replaces labels', async () => {
      const made = await create({ name: 'Asha', email: 'a@example.com', labels: ['One', 'Two'] });
      const [one] = made.labels;
      const { status, body } = await patch(made.id, { notes: 'Called', labels: [one?.id, 'Three'] });
      expect(status).toBe(200);
      expect(body).toMatchObject({ name: 'Asha', email: 'a@example.com', notes: 'Called' });
      expect(body.labels.map((label) => label.name)).toEqual(['One', 'Three']);
      expect((await patch(made.id, { labels: [], email: '' })).body).toMatchObject({ labels: [], email: '' });
    });

    it('opts out once, with an event, and back in', async () => {
      const { id, phone } = await create();
      const events = (): Promise<{ payload: object; account_id: number }[]> =>
        api.db.query(
          `select payload, account_id from outbox_events where type = 'contact.opted_out' and subject_id = $1`,
          [id],
        );
      const { body } = await patch(id, { opted_out: true });
      expect(body).toMatchObject({ opted_out: true, opted_out_source: 'api', opted_out_at: expect.any(String) });
      expect((await patch(id, { opted_out: true })).body.opted_out_at).toBe(body.opted_out_at);
      expect(await events()).toEqual([
        {
          account_id: accountId,
          payload: { contact_id: id, phone, opted_out_at: body.opted_out_at, opted_out_source: 'api' },
        },
      ]);
      expect(ids(await list('opted_out=true'))).toContain(id);
      expect((await patch(id, { opted_out: false })).body).toMatchObject({
        opted_out: false,
        opted_out_source: null,
        opted_out_at: null,
      });
      expect(ids(await list('opted_out=true'))).not.toContain(id);
      expect(await events()).toHaveLength(1);
    });

    it('moves to another phone, and the old one is free', async () => {
      const [old, fresh] = [newPhone(), newPhone()];
      const made = await create({ phone: old });
      expect((await patch(made.id, { phone: fresh })).body).toMatchObject({ phone: fresh, wa_id: fresh.slice(1) });
      const successor = await create({ phone: old });
      expect(successor.id).not.toBe(made.id);
      expect((await post({ phone: fresh })).body).toMatchObject({ contact_id: made.id });
      const taken = await patch(successor.id, { phone: fresh });
      expect([taken.status, taken.body.contact_id]).toEqual([409, made.id]);
      expect((await patch(successor.id, { user_id: 'IN.880' })).body).toMatchObject({ user_id: 'IN.880' });
      expect((await patch(made.id, { user_id: 'IN.880' })).status).toBe(409);
    });

    it('lets go of a phone only when there is a user id', async () => {
      const made = await create();
      expect((await patch(made.id, { phone: null })).status).toBe(400);
      await patch(made.id, { user_id: 'IN.881' });
      expect((await patch(made.id, { phone: null })).body).toMatchObject({ phone: null, user_id: 'IN.881' });
      expect((await create({ phone: made.phone })).id).not.toBe(made.id);
    });

    it('shows the number as WhatsApp writes it', async () => {
      const made = await create({ phone: '+5511987654321' });
      await api.app
        .get(PeopleService, { strict: false })
        .linkPhones(api.db, [{ contactId: made.id, phone: '+551187654321' as PhoneNumber }]);
      expect((await api.call('GET', `/contacts/${made.id}`)).body).toMatchObject({
        phone: '+5511987654321',
        normalized_phone: '5511987654321',
        wa_id: '551187654321',
      });
      expect((await post({ phone: '+551187654321' })).body).toMatchObject({ contact_id: made.id });
    });
  });

  describe('listing', () => {
    it('pages by key, the newest first', async () => {
      const made = [];
      for (let index = 0; index < 5; index += 1) {
        made.push((await create({ name: `Paged ${index}` })).id);
      }
      const seen: number[] = [];
      let cursor: string | null = null;
      do {
        const answer: Answer<{ contacts: ContactBody[]; next_cursor: string | null }> = await api.call(
          'GET',
          `/contacts?q=Paged&limit=2${cursor === null ? '' : `&cursor=${cursor}`}`,
        );
        expect(answer.body.contacts.length).toBeLessThanOrEqual(2);
        seen.push(...ids(answer.body.contacts));
        cursor = answer.body.next_cursor;
      } while (cursor !== null);
      expect(seen).toEqual(made.reverse());
      expect((await api.call('GET', '/contacts?cursor=nonsense')).body).toMatchObject({ code: 'bad_cursor' });
      expect((await api.call('GET', '/contacts?limit=201')).status).toBe(400);
    });

    it('looks in name, phone and email', async () => {
      const made = await create({ phone: '+919855566677', name: 'Meera 50%', email: 'Meera@Example.com' });
      for (const q of ['meer', '50%25', '985 556', '%2B91-98555-66677', 'a@example', 'MEERA%20']) {
        expect([q, ids(await list(`q=${q}`))]).toEqual([q, expect.arrayContaining([made.id])]);
      }
      for (const q of ['M__ra', '5%25%25', 'x@example', '98555666771']) {
        expect([q, ids(await list(`q=${q}`))]).toEqual([q, expect.not.arrayContaining([made.id])]);
      }
    });

    it('finds a whole phone in any spelling, by any number of the person', async () => {
      const made = await create({ phone: '+5521987654321' });
      const indian = await create({ phone: '+919855577788' });
      await api.app
        .get(PeopleService, { strict: false })
        .linkPhones(api.db, [{ contactId: made.id, phone: '+552187654321' as PhoneNumber }]);
      for (const q of ['005521987654321', '%2B55 (21) 98765-4321', '552187654321', '%2B552187654321']) {
        expect([q, ids(await list(`q=${q}`))]).toEqual([q, [made.id]]);
      }
      for (const q of ['09855577788', '0091 98555 77788', '98555-77788']) {
        expect([q, ids(await list(`q=${q}`))]).toEqual([q, [indian.id]]);
      }
    });

    it('finds a part of a username and a whole user id, as the account knows them', async () => {
      const people = api.app.get(PeopleService, { strict: false });
      const [person] = await api.db.transaction((tx) =>
        people.ensure(tx, { id: accountId, portfolio: '5001' }, [
          { phone: null, userId: 'IN.9988776655', parentUserId: 'IN.ENT.5544', username: 'Asha.Rao_7' },
        ]),
      );
      const id = person?.contactId;
      for (const q of ['asha.rao', '@Asha.R', 'rao_7', '_7', 'IN.9988776655', ' IN.ENT.5544 ']) {
        expect([q, ids(await list(`q=${encodeURIComponent(q)}`))]).toEqual([q, expect.arrayContaining([id])]);
      }
      for (const q of ['asha?rao', 'rao%7', 'IN.99887766', 'asha.rao_77']) {
        expect([q, await list(`q=${encodeURIComponent(q)}`)]).toEqual([q, []]);
      }
      expect(await list(`q=asha.rao&account_id=${otherAccountId}`)).toEqual([]);
      expect(await list('q=asha.rao', { key: otherKey })).toEqual([]);
    });

    it('filters by label: digits are an id, then a name', async () => {
      const made = await create({ labels: ['Wholesale', '20260'] });
      const id = made.labels.find((label) => label.name === 'Wholesale')?.id;
      expect(ids(await list(`label=${id}`))).toEqual([made.id]);
      expect(ids(await list('label=wholesale'))).toEqual([made.id]);
      expect(ids(await list('label=20260'))).toEqual([made.id]);
      expect(await list('label=none-such')).toEqual([]);
      expect(await list('is_blocked=true')).toEqual([]);
      expect(ids(await list('is_blocked=false&label=wholesale'))).toEqual([made.id]);
    });
  });

  describe('whose they are', () => {
    it('are seen by keys of their accounts only', async () => {
      const made = await create({ name: 'Mine' }, { key });
      const path = `/contacts/${made.id}`;
      expect(ids(await list('q=Mine', { key }))).toEqual([made.id]);
      expect(ids(await list('q=Mine'))).toEqual([made.id]);
      expect(await list('q=Mine', { key: otherKey })).toEqual([]);
      for (const [method, body] of [['GET'], ['PATCH', { name: 'Stolen' }], ['DELETE']] as const) {
        const answer = await api.call(method, path, { key: otherKey, ...(body ? { body } : {}) });
        expect([method, answer.status, answer.body]).toEqual([
          method,
          404,
          expect.objectContaining({ code: 'not_found' }),
        ]);
      }
      expect((await api.call('GET', path, { key })).body).toMatchObject({ name: 'Mine' });
    });

    it('become another account’s too when its key creates them, without a word of who knew them', async () => {
      const made = await create({ name: 'Shared', email: 'first@example.com' }, { key });
      const again = await post(
        {
          phone: made.phone,
          name: 'Other name',
          email: 'second@example.com',
          notes: 'N',
          labels: ['Second'],
          opted_out: true,
        },
        { key: otherKey },
      );
      expect([again.status, again.body]).toEqual([
        201,
        expect.objectContaining({
          id: made.id,
          name: 'Shared',
          email: 'first@example.com',
          notes: 'N',
          opted_out: true,
        }),
      ]);
      expect((await post({ phone: made.phone }, { key: otherKey })).body).toMatchObject({
        code: 'contact_exists',
        contact_id: made.id,
      });
      const inUse = await api.call('DELETE', `/contacts/${made.id}`, { key });
      expect([inUse.status, inUse.body]).toEqual([409, expect.objectContaining({ code: 'contact_in_use' })]);
    });

    it('do not tell a tied key the id of somebody it cannot see', async () => {
      const theirs = await create({}, { key: otherKey });
      const mine = await create({}, { key });
      const answer = await patch(mine.id, { phone: theirs.phone }, { key });
      expect(answer.status).toBe(409);
      expect(answer.body).not.toHaveProperty('contact_id');
    });

    it('need the scope', async () => {
      const { body } = await api.call<{ key: string }>('POST', '/api-keys', {
        body: { name: 'Reader', scopes: ['contacts:read'] },
      });
      expect((await post({ phone: newPhone() }, { key: body.key })).status).toBe(403);
      expect((await api.call('GET', '/contacts', { key: body.key })).status).toBe(200);
    });
  });

  describe('deleting', () => {
    it('removes a contact and frees its phone', async () => {
      const made = await create({ labels: ['VIP'] });
      expect((await api.call('DELETE', `/contacts/${made.id}`)).status).toBe(204);
      expect((await api.call('DELETE', `/contacts/${made.id}`)).status).toBe(404);
      expect((await create({ phone: made.phone })).id).not.toBe(made.id);
    });

    it('refuses while there are conversations', async () => {
      const made = await create();
      await api.db.query('insert into conversations (account_id, contact_id) values ($1, $2)', [accountId, made.id]);
      const answer = await api.call('DELETE', `/contacts/${made.id}`);
      expect([answer.status, answer.body]).toEqual([409, expect.objectContaining({ code: 'contact_in_use' })]);
      expect((await api.call('GET', `/contacts/${made.id}`)).status).toBe(200);
    });
  });

  describe('erasing', () => {
    /** Every table with a row that has the text, also in bytes. */
    const tablesWith = async (text: string): Promise<string[]> => {
      const tables = await api.db.query<{ name: string }>(
        `select relname as name from pg_class
         where relnamespace = 'public'::regnamespace and relkind = 'r' order by relname`,
      );
      const found: string[] = [];
      for (const { name } of tables) {
        const [row] = await api.db.queryDynamic<{ there: boolean }>(
          `select exists (select 1 from ${name} t where t::text like $1 or t::text like $2) as there`,
          [`%${text}%`, `%${Buffer.from(text).toString('hex')}%`],
        );
        found.push(...(row?.there ? [name] : []));
      }
      return found;
    };
    const answersWith = async (text: string): Promise<string[]> => {
      const rows = await api.db.query<{ scope: string; key: string; body: string }>(
        `select scope, key, body #>> '{}' as body from idempotency_keys where body is not null`,
      );
      return rows.flatMap(({ scope, key, body }) =>
        api.config.keyring.decrypt(body, answerContext(scope, key)).reveal().includes(text) ? [key] : [],
      );
    };
    const erase = (id: number, options: { key?: string } = {}): Promise<Answer<ContactBody>> =>
      api.call<ContactBody>('DELETE', `/contacts/${id}?erase=true`, options);

    it('leaves nothing of the person, wherever it was', async () => {
      const phone = newPhone();
      const digits = phone.slice(1);
      const idempotent = (key: string, body: object): Promise<Answer<ContactBody>> =>
        api.call<ContactBody>('POST', '/contacts', { body, headers: { 'idempotency-key': key } });
      const body = {
        phone,
        user_id: 'IN.4455667788',
        name: 'Erased Person',
        email: 'erased@example.com',
        notes: `Also ${phone}`,
        labels: ['Erasable'],
        opted_out: true,
      };
      const { id } = (await idempotent('erase-1', body)).body;
      await idempotent('erase-2', { phone: newPhone(), name: 'Stays' });
      const form = new FormData();
      form.append('file', new Blob([`phone,opted_out\n${newPhone()},ask ${digits}\n`]), 'c.csv');
      expect((await api.call('POST', '/contacts/import', { body: form })).status).toBe(200);
      await api.db.query(
        `insert into contact_imports (account_id, portfolio, status, total_count) values ($1, '5001', 'waiting', 2)`,
        [accountId],
      );
      await api.db.query(
        `insert into contact_import_lines (import_id, line, phone, name) select max(id), 2, $1, 'Erased Person' from contact_imports`,
        [phone],
      );
      await api.db.query(
        `insert into outbox_events (type, account_id, subject_id, payload) values ('message.received', $1, 77, $2)`,
        [accountId, JSON.stringify({ contact_id: id, message_body: 'Hello' })],
      );
      expect(await tablesWith(digits)).toEqual(
        expect.arrayContaining(['contact_identities', 'contact_import_lines', 'contact_imports', 'contacts']),
      );
      expect(await answersWith(digits)).toEqual(['erase-1']);

      expect([(await erase(id)).status, (await erase(id)).status]).toEqual([204, 404]);
      for (const text of [digits, '4455667788', 'erased@example.com', 'Erased Person']) {
        expect([text, await tablesWith(text), await answersWith(text)]).toEqual([text, [], []]);
      }
      const events = await api.db.query(
        `select 1 from outbox_events where payload ->> 'contact_id' = $1::text or (type like 'contact.%' and subject_id = $2)`,
        [String(id), id],
      );
      expect(events).toEqual([]);
      expect(await answersWith('Stays')).toEqual(['erase-2']);
      const [waiting] = await api.db.query(
        'select processed_count, skipped_count from contact_imports order by id desc limit 1',
      );
      expect(waiting).toEqual({ processed_count: 1, skipped_count: 1 });
      await api.db.query(`delete from contact_imports where status = 'waiting'`);

      const again = await idempotent('erase-1', body);
      expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
      expect(again.body).toBeNull();
      expect(await list(`q=${digits}`)).toEqual([]);
    });

    it('keeps those who had opted out opted out when they come back, by any name, until they opt in', async () => {
      const phone = newPhone();
      const { id } = await create({ phone, user_id: 'IN.600600600', opted_out: true });
      await erase(id);
      const byUser = await create({ phone: null, user_id: 'IN.600600600' });
      expect(byUser).toMatchObject({ opted_out: true, opted_out_source: 'erased', opted_out_at: expect.any(String) });
      const byPhone = await create({ phone });
      expect(byPhone).toMatchObject({ opted_out: true, opted_out_source: 'erased' });
      const moved = await create();
      await erase(byPhone.id);
      expect((await patch(moved.id, { phone })).body).toMatchObject({ opted_out: true, opted_out_source: 'erased' });
      await patch(moved.id, { opted_out: false });
      await erase(moved.id);
      expect(await create({ phone })).toMatchObject({ opted_out: false, opted_out_source: null });
    });

    it('says at once that who comes back is opted out, so that nobody writes to them meanwhile', async () => {
      const phone = newPhone();
      await erase((await create({ phone, opted_out: true })).id);
      const people = api.app.get(PeopleService, { strict: false });
      const back = await api.db.transaction((tx) =>
        people.ensure(tx, { id: accountId, portfolio: '5001' }, [
          { phone: phone as PhoneNumber },
          { phone: newPhone() as PhoneNumber },
        ]),
      );
      expect(back.map((person) => [person.isNew, person.optedOut])).toEqual([
        [true, true],
        [true, false],
      ]);
    });

    it('keeps nothing of those who had not opted out', async () => {
      const phone = newPhone();
      await erase((await create({ phone })).id);
      expect(await create({ phone })).toMatchObject({ opted_out: false });
    });

    it('asks every module that knows the person, in one transaction', async () => {
      const made = await create({ phone: '+5531987654321', user_id: 'IN.700700700' });
      const ports = api.app.get(PeoplePorts, { strict: false });
      await api.app
        .get(PeopleService, { strict: false })
        .linkPhones(api.db, [{ contactId: made.id, phone: '+553187654321' as PhoneNumber }]);
      const acts: Erasure[] = [];
      let isBroken = true;
      ports.onErase(async (tx, act) => {
        acts.push({ ...act, phones: [...act.phones].sort() });
        await tx.query('delete from conversations where contact_id = $1', [act.contactId]);
        if (isBroken) {
          throw new Error('a module that cannot erase');
        }
      });
      await api.db.query('insert into conversations (account_id, contact_id) values ($1, $2)', [accountId, made.id]);
      expect((await erase(made.id)).status).toBe(500);
      expect((await api.call('GET', `/contacts/${made.id}`)).status).toBe(200);
      expect(await api.db.query('select 1 from conversations where contact_id = $1', [made.id])).toHaveLength(1);
      isBroken = false;
      expect((await erase(made.id)).status).toBe(204);
      expect(acts.at(-1)).toEqual({
        contactId: made.id,
        phones: ['+553187654321', '+5531987654321'],
        userIds: ['IN.700700700'],
      });
      expect(await api.db.query('select 1 from conversations where contact_id = $1', [made.id])).toEqual([]);
    });

    it('is refused for people of others', async () => {
      const theirs = await create({}, { key: otherKey });
      expect((await erase(theirs.id, { key })).status).toBe(404);
      await post({ phone: theirs.phone }, { key });
      const shared = await erase(theirs.id, { key });
      expect([shared.status, shared.body.code]).toEqual([409, 'contact_in_use']);
      expect((await api.call('DELETE', `/contacts/${theirs.id}?erase=maybe`)).status).toBe(400);
      expect((await erase(theirs.id)).status).toBe(204);
    });
  });
});
