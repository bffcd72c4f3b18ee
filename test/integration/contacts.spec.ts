import { DataSource } from 'typeorm';
import { AppError } from '../../src/common/app-error.js';
import { parsePhoneNumber, type PhoneNumber } from '../../src/common/phone-number.js';
import { Config } from '../../src/config/config.js';
import { ContactAudience } from '../../src/contacts/contact-audience.js';
import { PeopleChanges } from '../../src/contacts/people-changes.js';
import { PeopleMergeRepository } from '../../src/contacts/people-merge.repository.js';
import { PeopleMerger } from '../../src/contacts/people-merger.js';
import { PeoplePorts } from '../../src/contacts/people-ports.js';
import { PeopleSettler } from '../../src/contacts/people-settler.js';
import { PeopleRepository } from '../../src/contacts/people.repository.js';
import { PeopleService } from '../../src/contacts/people.service.js';
import type { EnsuredPerson, PersonInput } from '../../src/contacts/person.js';
import { Database, type Tx } from '../../src/database/database.js';
import { dataSourceOptions } from '../../src/database/options.js';
import { testEnvironment } from '../support/app.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const phone = (text: string): PhoneNumber => {
  const parsed = parsePhoneNumber(text, 'IN');
  if (!parsed) {
    throw new Error(`${text} is no phone`);
  }
  return parsed;
};
/** Phones that nobody else in this file has. */
let nextPhone = 9_800_000_000;
const newPhone = (): PhoneNumber => phone(String((nextPhone += 1)));
let nextUser = 1;
const newUserId = (): string => `IN.${1_000_000_000 + (nextUser += 1)}`;

function peopleService(ports: PeoplePorts): PeopleService {
  const [people, merges] = [new PeopleRepository(), new PeopleMergeRepository()];
  const merger = new PeopleMerger(merges, ports);
  const changes = new PeopleChanges(people, merges, merger, ports);
  return new PeopleService(people, new PeopleSettler(people, merger), merger, changes, ports);
}

describe('people', () => {
  const ports = new PeoplePorts();
  const people = peopleService(ports);
  let testDatabase: TestDatabase;
  let dataSource: DataSource;
  let db: Database;
  let account: { id: number; portfolio: string };
  let other: { id: number; portfolio: string };

  /** Runs of transactions, retries after a deadlock included. */
  let attempts = 0;
  const ensure = (inputs: PersonInput[], scope = account): Promise<EnsuredPerson[]> =>
    db.transaction((tx) => {
      attempts += 1;
      return people.ensure(tx, scope, inputs);
    });
  const ensureOne = async (input: PersonInput, scope = account): Promise<EnsuredPerson> =>
    (await ensure([input], scope))[0] as EnsuredPerson;
  const count = async (table: string, where = 'true', values: unknown[] = []): Promise<number> =>
    (await db.queryDynamic<{ n: number }>(`select count(*)::int as n from ${table} where ${where}`, values))[0]?.n ??
    -1;
  const identitiesOf = async (contactId: number): Promise<string[]> =>
    (
      await db.query<{ text: string }>(
        `select kind || ' ' || value as text from contact_identities where contact_id = $1 order by kind, id`,
        [contactId],
      )
    ).map((row) => row.text);

  beforeAll(async () => {
    testDatabase = await createTestDatabase();
    const options = dataSourceOptions({ url: testDatabase.url, applicationName: 'parley-test', poolSize: 20 });
    // Two hundred wait for twenty connections here.
    dataSource = await new DataSource(Object.assign(options, { connectTimeoutMS: 60_000 })).initialize();
    db = new Database(dataSource);
    const rows = await db.query<{ id: number }>(
      `insert into accounts (name, phone_number_id, verify_token) values ('A', '1', 'a'), ('B', '2', 'b') returning id`,
    );
    [account, other] = rows.map((row, index) => ({ id: row.id, portfolio: `portfolio-${index}` })) as [
      typeof account,
      typeof other,
    ];
  });
  afterAll(async () => {
    await dataSource.destroy();
    await testDatabase.drop();
  });

  describe('finding and creating', () => {
    it('knows one person by every spelling of a phone', async () => {
      const spellings = ['+91 98765-43210', '919876543210', '9876543210', '0091 98765 43210', '098765 43210'];
      const found = await ensure(spellings.map((text) => ({ phone: phone(text) })));
      expect(new Set(found.map((person) => person.contactId)).size).toBe(1);
      expect(found[0]).toMatchObject({ phone: '+919876543210', isNew: true, wasLinked: false, optedOut: false });
      expect(await ensureOne({ phone: phone('98765 43210') })).toMatchObject({ isNew: false, wasLinked: true });
      expect(await count('contacts', 'phone = $1', ['+919876543210'])).toBe(1);
    });

    it('answers in the order and length of the input', async () => {
      const [a, b] = [newPhone(), newPhone()];
      const found = await ensure([{ phone: b }, { phone: a }, { phone: b, name: 'Beena' }]);
      expect(found.map((person) => person.phone)).toEqual([b, a, b]);
      expect(found.map((person) => person.name)).toEqual(['Beena', '', 'Beena']);
      expect(await ensure([])).toEqual([]);
    });

    it('fills a name that is empty and never overwrites one', async () => {
      const input = { phone: newPhone() };
      const { contactId } = await ensureOne(input);
      expect((await ensureOne({ ...input, name: 'Asha' })).name).toBe('Asha');
      expect((await ensureOne({ ...input, name: 'Someone else' })).name).toBe('Asha');
      expect(await count('contacts', `id = $1 and name = 'Asha'`, [contactId])).toBe(1);
    });

    it('takes one statement for people who are known and a constant number for a thousand new ones', async () => {
      const statements = async (inputs: PersonInput[]): Promise<number> =>
        db.transaction(async (tx) => {
          let n = 0;
          const counting = {
            manager: tx.manager,
            query: (...args: Parameters<Tx['query']>) => ((n += 1), tx.query(...args)),
          };
          await people.ensure(counting as unknown as Tx, account, inputs);
          return n;
        });
      const thousand = Array.from({ length: 1_000 }, () => ({ phone: newPhone(), userId: newUserId(), name: 'N' }));
      expect(await statements([{ phone: newPhone(), userId: newUserId(), name: 'N' }])).toBe(5);
      expect(await statements(thousand)).toBe(5);
      expect(await statements(thousand)).toBe(1);
      const found = await ensure(thousand);
      expect(new Set(found.map((person) => person.contactId)).size).toBe(1_000);
      expect(found.map(({ phone, userId }) => ({ phone, userId, name: 'N' }))).toEqual(thousand);
    });

    it('makes everybody one of the account’s people, once', async () => {
      const input = { phone: newPhone() };
      const { contactId } = await ensureOne(input);
      expect(await ensureOne(input, other)).toMatchObject({ contactId, isNew: false, wasLinked: false });
      expect(await ensureOne(input, other)).toMatchObject({ contactId, wasLinked: true });
      expect(await count('contact_accounts', 'contact_id = $1', [contactId])).toBe(2);
    });
  });

  it('knows that somebody who opted out and was erased is opted out, by whatever they come back with', async () => {
    const [erased, userId] = [newPhone(), newUserId()];
    await db.query(
      `insert into opt_out_hashes (identity_hash, opted_out_at, source)
       values (identity_hash('phone', '', $1), now(), ''), (identity_hash('user_id', $2, $3), now(), '')`,
      [erased, account.portfolio, userId],
    );
    expect(await ensureOne({ phone: erased })).toMatchObject({ isNew: true, optedOut: true });
    const another = newPhone();
    expect(await ensureOne({ phone: another })).toMatchObject({ optedOut: false });
    expect(await ensureOne({ phone: another, userId })).toMatchObject({ isNew: false, optedOut: true });
  });

  describe('user ids', () => {
    it('creates a person by user id, and gives them their phone when it is known later', async () => {
      const userId = newUserId();
      const known = newPhone();
      const first = await ensureOne({ phone: null, userId, name: 'Ravindra', username: 'ravi' });
      expect(first).toMatchObject({ phone: null, userId, isNew: true });
      const second = await ensureOne({ phone: known, userId });
      expect(second).toMatchObject({ contactId: first.contactId, phone: known, userId, isNew: false });
      expect(await ensureOne({ phone: known })).toMatchObject({ contactId: first.contactId, userId });
      expect(await identitiesOf(first.contactId)).toEqual([`phone ${known}`, `user_id ${userId}`, 'username ravi']);
    });

    it('are unique within a portfolio only', async () => {
      const userId = newUserId();
      const here = await ensureOne({ phone: null, userId });
      const there = await ensureOne({ phone: null, userId }, other);
      expect(there.contactId).not.toBe(here.contactId);
      const both = newPhone();
      await ensureOne({ phone: both, userId });
      expect(await ensureOne({ phone: both, userId: newUserId() }, other)).toMatchObject({ contactId: here.contactId });
    });

    it('answers the newest, and still finds by the older one', async () => {
      const mine = newPhone();
      const [older, newer] = [newUserId(), newUserId()];
      const { contactId } = await ensureOne({ phone: mine, userId: older });
      await ensureOne({ phone: mine, userId: newer });
      expect(await ensureOne({ phone: mine })).toMatchObject({ contactId, userId: newer });
      expect(await people.findByAddress(db, account, { userId: older })).toMatchObject({ contactId, userId: newer });
    });

    it('lets the phone win when phone and user id are two people, and merges nothing', async () => {
      const [mine, userId] = [newPhone(), newUserId()];
      const byPhone = await ensureOne({ phone: mine });
      const byUser = await ensureOne({ phone: null, userId });
      const both = await ensureOne({ phone: mine, userId });
      expect(both).toMatchObject({ contactId: byPhone.contactId, userId: null });
      expect(await people.findByAddress(db, account, { userId })).toMatchObject({ contactId: byUser.contactId });
    });

    it('does not care in which order a batch tells', async () => {
      const [mine, userId] = [newPhone(), newUserId()];
      const found = await ensure([{ phone: null, userId }, { phone: mine }, { phone: mine, userId }]);
      expect(new Set(found.map((person) => person.contactId)).size).toBe(1);
      expect(found[0]).toMatchObject({ phone: mine, userId });
    });

    it('finds by the parent id of a portfolio too', async () => {
      const [userId, parentUserId] = [newUserId(), `IN.ENT.${nextUser}77`];
      const { contactId } = await ensureOne({ phone: null, userId, parentUserId });
      expect(await ensureOne({ phone: null, userId: newUserId(), parentUserId })).toMatchObject({ contactId });
      expect(await people.findByAddress(db, account, { userId: parentUserId })).toMatchObject({ contactId });
      expect(await ensureOne({ phone: null, userId: parentUserId })).toMatchObject({ contactId });
    });

    it('refuses a person without any', async () => {
      await expect(ensureOne({ phone: null })).rejects.toThrow('needs a phone or a user id');
    });
  });

  it('moves a username to whoever was last seen with it', async () => {
    const [one, two] = [newPhone(), newPhone()];
    const first = await ensureOne({ phone: one, username: 'asha' });
    const second = await ensureOne({ phone: two, username: 'asha' });
    await ensureOne({ phone: one, username: 'asha.rao' });
    await ensureOne({ phone: one, username: 'asha.rao' });
    expect(await identitiesOf(first.contactId)).toEqual([`phone ${one}`, 'username asha.rao']);
    expect(await identitiesOf(second.contactId)).toEqual([`phone ${two}`, 'username asha']);
  });

  it('remembers another phone of a person, and leaves somebody else’s with them', async () => {
    const [mine, alias, theirs] = [newPhone(), newPhone(), newPhone()];
    const me = await ensureOne({ phone: mine });
    const them = await ensureOne({ phone: theirs });
    await people.linkPhones(db, [
      { contactId: me.contactId, phone: alias },
      { contactId: me.contactId, phone: theirs },
      { contactId: me.contactId, phone: mine },
    ]);
    expect(await ensureOne({ phone: alias })).toMatchObject({ contactId: me.contactId, phone: mine });
    expect(await people.findByAddress(db, account, { phone: theirs })).toMatchObject({ contactId: them.contactId });
    const byUser = await ensureOne({ phone: null, userId: newUserId() });
    const later = newPhone();
    await people.linkPhones(db, [{ contactId: byUser.contactId, phone: later }]);
    expect(await ensureOne({ phone: later })).toMatchObject({ contactId: byUser.contactId, phone: later });
  });

  it('finds nobody without creating anybody', async () => {
    const before = await count('contacts');
    expect(await people.findByAddress(db, account, { phone: newPhone() })).toBeNull();
    expect(await people.findByAddress(db, account, { userId: newUserId() })).toBeNull();
    expect(await count('contacts')).toBe(before);
  });

  describe('at once', () => {
    beforeEach(() => {
      attempts = 0;
    });

    it('creates 20 people once in 200 transactions, and nobody has to try again', async () => {
      const before = await count('contacts');
      const inputs = Array.from({ length: 20 }, () => ({
        phone: newPhone(),
        userId: newUserId(),
        username: `u${nextUser}`,
      }));
      const shuffled = (seed: number): PersonInput[] =>
        [...inputs].sort((a, b) => ((a.phone.charCodeAt(11) * seed) % 7) - ((b.phone.charCodeAt(11) * seed) % 7));
      const all = await Promise.all(Array.from({ length: 200 }, (_, index) => ensure(shuffled(index + 1))));
      expect(await count('contacts')).toBe(before + 20);
      expect(all.flat().filter((person) => person.isNew)).toHaveLength(20);
      expect(attempts).toBe(200);
      const idOf = new Map(all[0]?.map((person) => [person.phone, person.contactId]));
      for (const person of all.flat()) {
        expect(person.contactId).toBe(idOf.get(person.phone));
      }
    });

    it('agrees on people who are told by phone, by user id and by both, in overlapping batches', async () => {
      const before = await count('contacts');
      const crowd = Array.from({ length: 30 }, () => ({ phone: newPhone(), userId: newUserId() }));
      // Everybody is first seen with both by someone, so nobody can end as two people for want of knowledge.
      const batches = Array.from({ length: 60 }, (_, batch) =>
        crowd
          .filter((_person, index) => (index + batch) % 3 !== 0)
          .map((person, index): PersonInput => {
            switch ((batch + index) % 4) {
              case 0:
                return { phone: null, userId: person.userId };
              default:
                return person;
            }
          }),
      );
      const found = await Promise.all(batches.map((batch) => ensure(batch)));
      expect(attempts).toBe(batches.length);
      expect(await count('contacts')).toBe(before + 30);
      const settled = await ensure(crowd);
      const idOf = new Map(settled.map((person, index) => [crowd[index]?.userId, person.contactId]));
      found.forEach((answers, batch) =>
        answers.forEach((person, index) => {
          expect(person.contactId).toBe(idOf.get(batches[batch]?.[index]?.userId ?? ''));
        }),
      );
      expect(
        await count('contacts c', 'not exists (select 1 from contact_identities i where i.contact_id = c.id)'),
      ).toBe(0);
    });

    it('leaves nothing behind when a creator fails', async () => {
      const input = { phone: newPhone() };
      const failing = db.transaction(async (tx) => {
        await people.ensure(tx, account, [input]);
        throw new Error('thought better of it');
      });
      await expect(failing).rejects.toThrow('thought better of it');
      expect(await people.findByAddress(db, account, input)).toBeNull();
    });
  });

  describe('audiences', () => {
    const audience = new ContactAudience(Config.fromEnvironment(testEnvironment('postgres://x@localhost/x')));
    let asha: number;
    let ravi: number;
    let nobody: number;

    const select = async (filters: Record<string, unknown>, accountIds: number[] | null = null): Promise<number[]> => {
      const scope = { accountIds, accountId: account.id, portfolio: 'portfolio-0', firstParameter: 2 };
      const { sql, values } = audience.compile(filters, scope);
      const rows = await db.queryDynamic<{ contact_id: number }>(
        `select a.contact_id from (${sql}) a where a.contact_id >= $1 order by a.contact_id`,
        [Math.min(asha, ravi, nobody), ...values],
      );
      return rows.map((row) => row.contact_id);
    };
    const errorsOf = (filters: Record<string, unknown>): string[] => {
      try {
        audience.compile(filters, { accountIds: null });
      } catch (error) {
        return (error as AppError).options.errors?.map(({ field }) => field) ?? [];
      }
      return [];
    };

    beforeAll(async () => {
      const found = await ensure([
        { phone: phone('+919811110001'), userId: 'IN.555', name: 'Asha 100%_\\ sure' },
        { phone: phone('+14155550100'), name: 'Ravi' },
        { phone: null, userId: 'IN.556' },
      ]);
      [asha, ravi, nobody] = found.map((person) => person.contactId) as [number, number, number];
      await db.query(
        `update contacts set email = 'asha@example.com', created_at = '2026-01-02T00:00:00Z' where id = $1`,
        [asha],
      );
      await db.query(`update contacts set opted_out = true, subscribed_at = '2026-03-01T00:00:00Z' where id = $1`, [
        ravi,
      ]);
      await db.query(`insert into labels (name) values ('VIP'), ('vip gold'), ('New')`);
      await db.query(
        `insert into contact_labels select $1::bigint, id from labels union all select $2::bigint, id from labels where name = 'New'`,
        [asha, ravi],
      );
      await db.query(`update contacts set notes = 'A late payer' where id = $1`, [ravi]);
      await db.query(
        `insert into contact_identities (contact_id, kind, scope, value) values ($1, 'username', 'portfolio-0', 'ravi.k')`,
        [ravi],
      );
      await db.query(
        `insert into conversations (account_id, contact_id, label_id, is_resolved, assigned_to, unread_count, last_inbound_at)
         values ($1, $2, (select id from labels where name = 'VIP'), true, null, 0, '2026-06-01'),
           ($1, $3, null, false, 'Meera', 3, null)`,
        [account.id, asha, ravi],
      );
    });

    it.each<[string, Record<string, unknown>, string[]]>([
      ['nothing', {}, ['asha', 'ravi', 'nobody']],
      ['a label by name, whatever its case', { labels__name: 'vip' }, ['asha']],
      ['several matching labels, each person once', { labels__name__icontains: 'vip' }, ['asha']],
      ['a list of labels', { labels__name__in: ['VIP', 'new'] }, ['asha', 'ravi']],
      ['conditions on one label together', { labels__name: 'VIP', labels__name__istartswith: 'new' }, []],
      ['no label', { labels__name__isnull: true }, ['nobody']],
      ['any label', { labels__id__isnull: false }, ['asha', 'ravi']],
      ['a name', { name: 'Ravi' }, ['ravi']],
      ['a part of a name', { name__icontains: 'RAV' }, ['ravi']],
      ['wildcards taken at their word', { name__icontains: '%_\\' }, ['asha']],
      ['wildcards that match nothing else', { name__icontains: '_avi' }, []],
      ['no name', { name__isnull: true }, ['nobody']],
      ['a phone in any spelling', { phone: '98111 10001' }, ['asha']],
      ['phones in any spelling', { phone__in: ['+1 (415) 555-0100', '919811110001'] }, ['asha', 'ravi']],
      ['the start of a phone', { phone__istartswith: '91' }, ['asha']],
      ['a part of a phone', { phone__icontains: '5550' }, ['ravi']],
      ['no phone', { phone__isnull: true }, ['nobody']],
      ['an email', { email__istartswith: 'asha@' }, ['asha']],
      ['opted in', { opted_out: false }, ['asha', 'nobody']],
      ['times', { created_at__gte: '2026-01-01', created_at__lt: '2026-02-01T00:00:00+05:30' }, ['asha']],
      ['subscribed', { subscribed_at__isnull: false }, ['ravi']],
      ['an empty list', { name__in: [] }, []],
      ['an id', { id__gte: 1, name__iexact: 'ravi' }, ['ravi']],
      ['capitals that matter', { name__contains: 'rav' }, []],
      ['capitals that matter and match', { name__startswith: 'Rav', name__endswith: 'vi' }, ['ravi']],
      ['the end of a name', { name__iendswith: 'SURE' }, ['asha']],
      ['an email whatever its case', { email__iexact: 'ASHA@example.com' }, ['asha']],
      ['notes', { notes__icontains: 'late payer' }, ['ravi']],
      ['the end of a phone', { phone__endswith: '0001' }, ['asha']],
      ['a range, its ends in it', { created_at__range: ['2026-01-02', '2026-01-03'] }, ['asha']],
      ['a user id', { user_id: 'IN.555' }, ['asha']],
      ['user ids', { user_id__in: ['IN.555', 'IN.556'] }, ['asha', 'nobody']],
      ['no user id', { user_id__isnull: true }, ['ravi']],
      ['a username, with or without its @', { username__istartswith: '@Ravi' }, ['ravi']],
      ['labels by their ids’ other name', { labels__isnull: true }, ['nobody']],
      ['a conversation', { has_conversation: true }, ['asha', 'ravi']],
      ['no conversation', { has_conversation: false }, ['nobody']],
      ['when they last wrote', { last_inbound_at__gte: '2026-05-01' }, ['asha']],
      ['never having written', { last_inbound_at__isnull: true }, ['ravi', 'nobody']],
      ['their conversation’s label', { conversation__label: 'vip' }, ['asha']],
      ['their conversation’s labels', { conversation__label__in: ['VIP', 'none'] }, ['asha']],
      ['facts of one and the same conversation', { conversation__label: 'vip', conversation__is_resolved: false }, []],
      ['who looks after them', { conversation__assigned_to__icontains: 'MEERA' }, ['ravi']],
      ['unread messages', { conversation__unread_count__gt: 2 }, ['ravi']],
      ['what they are not', { exclude: { labels__name: 'VIP' } }, ['ravi', 'nobody']],
      ['what they are not, all together', { exclude: { labels__name: 'New', name: 'Ravi' } }, ['asha', 'nobody']],
      ['not having done it, if ever', { exclude: { subscribed_at__gte: '2026-01-01' } }, ['asha', 'nobody']],
      ['both ways', { labels__name: 'New', exclude: { last_inbound_at__gte: '2026-05-01' } }, ['ravi']],
      ['excluding nothing', { exclude: {} }, ['asha', 'ravi', 'nobody']],
    ])('select by %s', async (_what, filters, expected) => {
      const ids = { asha, ravi, nobody } as Record<string, number>;
      expect(await select(filters)).toEqual(
        expected.map((name) => ids[name]).sort((a, b) => (a as number) - (b as number)),
      );
    });

    it('select by label ids, and answer the columns promised', async () => {
      const [label] = await db.query<{ id: number }>(`select id from labels where name = 'New'`);
      expect(await select({ labels__id: label?.id })).toEqual([asha, ravi]);
      expect(await select({ labels__id__in: [label?.id, String(label?.id)] })).toEqual([asha, ravi]);
      const { sql, values } = audience.compile(
        { name: 'Ravi' },
        { accountIds: [account.id], portfolio: 'portfolio-0' },
      );
      expect(await db.queryDynamic(sql, values)).toEqual([
        {
          contact_id: ravi,
          phone: '+14155550100',
          name: 'Ravi',
          email: '',
          opted_out: true,
          is_blocked: false,
          user_id: null,
        },
      ]);
      const named = audience.compile({ phone: '+919811110001' }, { accountIds: null, portfolio: 'portfolio-0' });
      expect(await db.queryDynamic(named.sql, named.values)).toMatchObject([{ contact_id: asha, user_id: 'IN.555' }]);
    });

    it('are limited to the people of the accounts', async () => {
      expect(await select({}, [other.id])).toEqual([]);
      await ensureOne({ phone: phone('+14155550100') }, other);
      expect(await select({}, [other.id])).toEqual([ravi]);
      expect(await select({}, [account.id, other.id])).toHaveLength(3);
    });

    it('refuse by name what is not on the list', () => {
      expect(
        errorsOf({ password: 'x', identity_key__icontains: 'y', labels__color: 'z', name__regex: '.*', __proto: 1 }),
      ).toEqual([
        'audience_filters.password',
        'audience_filters.identity_key__icontains',
        'audience_filters.labels__color',
        'audience_filters.name__regex',
        'audience_filters.__proto',
      ]);
    });

    it('refuse by name what is excluded and not on the list', () => {
      expect(errorsOf({ exclude: { name: 'x', secret: 1, exclude: {} } })).toEqual([
        'audience_filters.exclude.secret',
        'audience_filters.exclude.exclude',
      ]);
    });

    it('know conversations of an account only', () => {
      expect(errorsOf({ has_conversation: true, conversation__label: 'VIP' })).toEqual([
        'audience_filters.has_conversation',
        'audience_filters.conversation__label',
      ]);
    });

    it('refuse what is too long', () => {
      expect(errorsOf({ name__icontains: 'a'.repeat(256) })).toHaveLength(1);
      expect(errorsOf({ name__in: new Array(1_001).fill('a') })).toHaveLength(1);
      expect(errorsOf(Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`x${at}`, 1])))).toEqual([
        'audience_filters',
      ]);
    });

    it.each([
      [{ opted_out: 'yes' }],
      [{ opted_out__in: [true] }],
      [{ name: { a: 1 } }],
      [{ name: 'a\u0000b' }],
      [{ name__in: 'a' }],
      [{ phone: 'abc' }],
      [{ phone__icontains: '%' }],
      [{ created_at__gte: 'yesterday' }],
      [{ created_at__isnull: true }],
      [{ labels__id: 'VIP' }],
      [{ labels__id__in: [1.5] }],
      [{ subscribed_at__isnull: 1 }],
      [{ created_at__range: ['2026-01-01'] }],
      [{ id__range: [1, 'x'] }],
      [{ has_conversation: 'yes' }],
      [{ has_conversation__isnull: true }],
      [{ conversation__unread_count__gt: '2' }],
      [{ exclude: ['name'] }],
    ])('refuse values that make no sense: %j', (filters) => {
      expect(errorsOf(filters)).toEqual([`audience_filters.${Object.keys(filters)[0]}`]);
    });
  });
});
