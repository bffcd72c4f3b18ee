import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { PhoneNumber } from '../../src/common/phone-number.js';
import { PeoplePorts } from '../../src/contacts/people-ports.js';
import { PeopleService } from '../../src/contacts/people.service.js';
import type {
  AccountScope,
  EnsuredPerson,
  IdentityChange,
  PersonFact,
  PersonInput,
} from '../../src/contacts/person.js';
import type { Tx } from '../../src/database/database.js';
import { ConversationsRepository } from '../../src/inbox/conversations.repository.js';
import { eventually, startTestApp, type TestApp } from '../support/app.js';

let nextNumber = 9_700_000_000;
const newPhone = (): PhoneNumber => `+91${(nextNumber += 1)}` as PhoneNumber;
const newUserId = (): string => `IN.${(nextNumber += 1)}000000`;
const T0 = Date.parse('2026-11-01T10:00:00Z');
/** Hours after the beginning of these tests' time. */
const hour = (hours: number): Date => new Date(T0 + hours * 3_600_000);

/** A message of a customer, and when they wrote it. */
interface Written {
  by: PersonInput;
  at?: Date;
  wamid?: string;
}

interface Thread {
  id: number;
  account_id: number;
  contact_id: number;
  unread_count: number;
  is_resolved: boolean;
  assigned_to: string | null;
  label_id: number | null;
  last_message_id: number | null;
  last_message_at: Date | null;
  last_inbound_at: Date | null;
}

interface StoredContact {
  id: number;
  identity_key: string;
  phone: string | null;
  name: string;
  email: string;
  notes: string;
  opted_out: boolean;
  opted_out_at: Date | null;
  consent_changed_at: Date | null;
  subscribed_at: Date | null;
}

describe('people who turn out to be one', () => {
  let api: TestApp;
  let people: PeopleService;
  let conversations: ConversationsRepository;
  let ports: PeoplePorts;
  let account: AccountScope;
  /** Another number of the same business. */
  let sibling: AccountScope;
  /** Another business, with user ids of its own. */
  let stranger: AccountScope;
  /** Runs of transactions, those after a deadlock included. */
  let attempts = 0;

  const run = <T>(work: (tx: Tx) => Promise<T>): Promise<T> =>
    api.db.transaction((tx) => {
      attempts += 1;
      return work(tx);
    });
  const ensure = (inputs: PersonInput[], scope = account): Promise<EnsuredPerson[]> =>
    run((tx) => people.ensure(tx, scope, inputs, { isProof: true }));
  const ensureOne = async (input: PersonInput, scope = account): Promise<EnsuredPerson> =>
    (await ensure([input], scope))[0] as EnsuredPerson;
  /** As the inbox does with messages of a webhook: each is stored once, and is unread. */
  const receiveIn = async (tx: Tx, messages: readonly Written[], scope: AccountScope): Promise<number[]> => {
    const found = await people.ensure(
      tx,
      scope,
      messages.map(({ by }) => by),
      { isProof: true },
    );
    const contactIds = found.map(({ contactId }) => contactId);
    const threadIds = await conversations.ensure(tx, scope.id, contactIds);
    await tx.query(
      `with told as (
         select * from unnest($2::bigint[], $3::bigint[], $4::text[], $5::timestamptz[]) as u (thread_id, contact_id, wamid, at)
       ), added as (
         insert into messages (account_id, conversation_id, contact_id, direction, message_type, status, message_id, timestamp)
         select $1, thread_id, contact_id, 'inbound', 'text', 'delivered', wamid, at from told order by wamid
         on conflict (account_id, message_id) do nothing returning id, conversation_id, timestamp
       ), news as (
         select conversation_id, count(*) as n, max(timestamp) as at, (array_agg(id order by timestamp desc, id desc))[1] as last_id
         from added group by 1
       ), locked as (
         select c.id from conversations c join news on news.conversation_id = c.id order by c.id for no key update of c
       )
       update conversations c set
         unread_count = c.unread_count + news.n,
         last_message_id = case when (c.last_message_at, c.last_message_id) > (news.at, news.last_id)
           then c.last_message_id else news.last_id end,
         last_message_at = greatest(c.last_message_at, news.at),
         last_inbound_at = greatest(c.last_inbound_at, news.at)
       from news join locked on locked.id = news.conversation_id
       where c.id = news.conversation_id`,
      [
        scope.id,
        threadIds,
        contactIds,
        messages.map(({ wamid }) => wamid ?? `wamid.${randomUUID()}`),
        messages.map(({ at }) => at ?? hour(0)),
      ],
    );
    return contactIds;
  };
  const receive = (messages: readonly Written[], scope = account): Promise<number[]> =>
    run((tx) => receiveIn(tx, messages, scope));
  const receiveOne = async (by: PersonInput, scope = account, at = hour(0)): Promise<number> =>
    (await receive([{ by, at }], scope))[0] as number;
  const change = (changes: IdentityChange[], scope = account): Promise<EnsuredPerson[]> =>
    run((tx) => people.applyIdentityChanges(tx, scope, changes));
  const changeOne = async (one: IdentityChange, scope = account): Promise<EnsuredPerson> =>
    (await change([one], scope))[0] as EnsuredPerson;
  const findId = async (
    address: { phone: PhoneNumber } | { userId: string },
    scope = account,
  ): Promise<number | null> => (await people.findByAddress(api.db, scope, address))?.contactId ?? null;
  const contact = async (id: number): Promise<StoredContact | undefined> =>
    (await api.db.query<StoredContact>('select * from contacts where id = $1', [id]))[0];
  const threadsOf = (contactId: number): Promise<Thread[]> =>
    api.db.query<Thread>('select * from conversations where contact_id = $1 order by account_id', [contactId]);
  const messagesOf = async (contactId: number): Promise<number> =>
    (await api.db.query<{ n: number }>('select count(*)::int as n from messages where contact_id = $1', [contactId]))[0]
      ?.n ?? -1;
  const identitiesOf = async (contactId: number): Promise<string[]> =>
    (
      await api.db.query<{ text: string }>(
        `select kind || ' ' || value as text from contact_identities where contact_id = $1 order by kind, id`,
        [contactId],
      )
    ).map((row) => row.text);
  const newAccount = async (phoneNumberId: string, wabaId: string): Promise<AccountScope> => {
    const answer = await api.call<{ id: number }>('POST', '/accounts', {
      body: { name: phoneNumberId, phone_number_id: phoneNumberId, waba_id: wabaId, access_token: 'EAAx' },
    });
    return { id: answer.body.id, portfolio: wabaId };
  };
  /** What is true of every database of ours, whatever happened. */
  const expectOrder = async (): Promise<void> => {
    const problems = await api.db.query(`
      select 'a message is in the thread of somebody else' as problem, m.id
      from messages m join conversations c on c.id = m.conversation_id where m.contact_id <> c.contact_id
      union all
      select 'unread is not what is unread', c.id from conversations c
      where unread_count <> (select count(*) from messages m where m.conversation_id = c.id and m.direction = 'inbound')
      union all
      select 'the last message is not the last', c.id from conversations c
      where last_message_id is distinct from (
        select m.id from messages m where m.conversation_id = c.id order by m.timestamp desc, m.id desc limit 1)
      union all
      select 'a contact goes by a name it does not have', c.id from contacts c
      where not exists (
        select 1 from contact_identities i where i.contact_id = c.id and i.kind <> 'username'
          and case i.kind when 'phone' then 'phone:' || i.value else 'user:' || i.scope || ':' || i.value end = c.identity_key)
      union all
      select 'a contact has a phone that is not its own', c.id from contacts c
      where c.phone is not null and not exists (
        select 1 from contact_identities i where i.contact_id = c.id and i.kind = 'phone' and i.value = c.phone)
      union all
      select 'a contact has phones and goes by none', c.id from contacts c
      where c.phone is null and exists (select 1 from contact_identities i where i.contact_id = c.id and i.kind = 'phone')
      union all
      select 'a contact is talked to by an account that does not know it', c.contact_id from conversations c
      where not exists (
        select 1 from contact_accounts a where a.account_id = c.account_id and a.contact_id = c.contact_id)`);
    expect(problems).toEqual([]);
  };

  beforeAll(async () => {
    api = await startTestApp();
    const get = <T>(type: abstract new (...args: never[]) => T): T => api.app.get<T>(type as never, { strict: false });
    people = get(PeopleService);
    conversations = get(ConversationsRepository);
    ports = get(PeoplePorts);
    account = await newAccount('300000000000011', 'waba-1');
    sibling = await newAccount('300000000000012', 'waba-1');
    stranger = await newAccount('300000000000013', 'waba-2');
  });
  afterAll(() => api.close());
  beforeEach(() => {
    attempts = 0;
  });
  afterEach(() => expectOrder());

  describe('when an event names phone and user id together', () => {
    it('become one: the phone’s contact stays, and has the thread of the other', async () => {
      const [phone, userId] = [newPhone(), newUserId()];
      const byPhone = await receiveOne({ phone, name: 'Asha' });
      const byUser = await receiveOne({ phone: null, userId, username: `u${userId}` }, account, hour(1));
      expect(byUser).not.toBe(byPhone);
      const both = await ensureOne({ phone, userId });
      expect(both).toMatchObject({ contactId: byPhone, phone, userId, name: 'Asha', isNew: false, wasLinked: true });
      expect(await contact(byUser)).toBeUndefined();
      expect(await identitiesOf(byPhone)).toEqual([`phone ${phone}`, `user_id ${userId}`, `username u${userId}`]);
      expect(await threadsOf(byPhone)).toMatchObject([{ unread_count: 2, last_inbound_at: hour(1) }]);
      expect(await messagesOf(byPhone)).toBe(2);
    });

    it('leave the id under which there are conversations, whichever that is', async () => {
      const [phone, userId] = [newPhone(), newUserId()];
      const imported = await ensureOne({ phone, name: 'From a list' });
      const wrote = await receiveOne({ phone: null, userId, name: 'Profile' });
      const both = await ensureOne({ phone, userId });
      expect(both).toMatchObject({ contactId: wrote, phone, userId, name: 'Profile' });
      expect(await contact(imported.contactId)).toBeUndefined();
      expect(await contact(wrote)).toMatchObject({ phone });
    });

    it('leave the phone’s contact when nobody was talked to', async () => {
      const [phone, userId] = [newPhone(), newUserId()];
      const byUser = await ensureOne({ phone: null, userId });
      const byPhone = await ensureOne({ phone });
      expect(await ensureOne({ phone, userId })).toMatchObject({ contactId: byPhone.contactId });
      expect(await contact(byUser.contactId)).toBeUndefined();
    });

    it('stay two when the user id’s contact has a phone of its own: the user id changes hands', async () => {
      const [mine, theirs, userId] = [newPhone(), newPhone(), newUserId()];
      const me = await receiveOne({ phone: mine });
      const them = await receiveOne({ phone: theirs, userId });
      expect(await ensureOne({ phone: mine, userId })).toMatchObject({ contactId: me, userId });
      expect(await identitiesOf(me)).toEqual([`phone ${mine}`, `user_id ${userId}`]);
      expect(await identitiesOf(them)).toEqual([`phone ${theirs}`]);
      expect([await messagesOf(me), await messagesOf(them)]).toEqual([1, 1]);
    });

    it('give a user id to a phone that nobody had, rather than two phones to one person', async () => {
      const [theirs, fresh, userId] = [newPhone(), newPhone(), newUserId()];
      const them = await receiveOne({ phone: theirs, userId });
      const somebody = await ensureOne({ phone: fresh, userId });
      expect(somebody).toMatchObject({ phone: fresh, userId, isNew: true });
      expect(await identitiesOf(them)).toEqual([`phone ${theirs}`]);
      // It goes by its phone now: whoever is created by that user id one day does not meet it.
      expect(await contact(them)).toMatchObject({ identity_key: `phone:${theirs}` });
    });

    it('are one under two spellings of one Brazilian number', async () => {
      const line = String((nextNumber += 1)).slice(-7);
      const [written, waId] = [`+55119 9${line}`.replace(' ', ''), `+55119${line}`] as PhoneNumber[];
      const userId = newUserId();
      const byApi = await ensureOne({ phone: written as PhoneNumber });
      const wrote = await receiveOne({ phone: waId as PhoneNumber, userId });
      expect(wrote).not.toBe(byApi.contactId);
      const told = await ensureOne({ phone: written as PhoneNumber, userId });
      expect(told.contactId).toBe(wrote);
      expect(await findId({ phone: written as PhoneNumber })).toBe(wrote);
      expect(await findId({ phone: waId as PhoneNumber })).toBe(wrote);
    });

    it('are not proven by a parent id, which goes to whoever is first', async () => {
      const [phone, userId, parentUserId] = [newPhone(), newUserId(), `IN.ENT.${(nextNumber += 1)}`];
      const byParent = await receiveOne({ phone: null, userId: parentUserId });
      const byPhone = await receiveOne({ phone });
      const byUser = await receiveOne({ phone: null, userId });
      // Three contacts in one event: two of them are one, the third only might be.
      const found = await ensureOne({ phone, userId, parentUserId });
      expect(found.contactId).toBe(byPhone);
      expect(await contact(byUser)).toBeUndefined();
      expect(await identitiesOf(byParent)).toEqual([`parent_user_id ${parentUserId}`]);
      const free = `IN.ENT.${(nextNumber += 1)}`;
      await ensureOne({ phone, parentUserId: free });
      expect(await identitiesOf(byPhone)).toContain(`parent_user_id ${free}`);
    });

    it('become one wherever the proof stands in a batch, and however many people it proves', async () => {
      const crowd = Array.from({ length: 5 }, () => ({ phone: newPhone(), userId: newUserId() }));
      await receive(crowd.map(({ phone }) => ({ by: { phone } })));
      await receive(crowd.map(({ userId }) => ({ by: { phone: null, userId } })));
      const found = await ensure([
        ...crowd.map(({ userId }) => ({ phone: null, userId })),
        ...crowd,
        ...crowd.map(({ phone }) => ({ phone })),
      ]);
      expect(new Set(found.map(({ contactId }) => contactId)).size).toBe(5);
      for (const [index, { phone, userId }] of crowd.entries()) {
        expect(found[index]).toMatchObject({ phone, userId });
        expect(found[index + 5]?.contactId).toBe(found[index]?.contactId);
        expect(found[index + 10]?.contactId).toBe(found[index]?.contactId);
        expect(await messagesOf(found[index]?.contactId ?? 0)).toBe(2);
      }
    });

    it('become one also when both are new in the same batch', async () => {
      const [phone, userId, parentUserId] = [newPhone(), newUserId(), `IN.ENT.${(nextNumber += 1)}`];
      const found = await ensure([
        { phone, userId: newUserId() },
        { phone: null, userId, parentUserId },
        { phone, userId },
      ]);
      expect(new Set(found.map(({ contactId }) => contactId)).size).toBe(1);
      expect(found.map(({ isNew }) => isNew)).toEqual([true, true, true]);
      expect(await identitiesOf(found[0]?.contactId ?? 0)).toHaveLength(4);
    });

    it('are not taken for somebody whom another business calls by the same user id', async () => {
      const [phone, userId] = [newPhone(), newUserId()];
      const ours = await receiveOne({ phone: null, userId });
      const theirs = await receiveOne({ phone, userId }, stranger);
      expect(theirs).not.toBe(ours);
      expect(await findId({ userId })).toBe(ours);
      expect(await contact(ours)).toMatchObject({ phone: null });
      expect((await threadsOf(theirs)).map(({ account_id }) => account_id)).toEqual([stranger.id]);
    });

    it('stay two without proof', async () => {
      const [phone, userId] = [newPhone(), newUserId()];
      const byPhone = await receiveOne({ phone });
      const byUser = await receiveOne({ phone: null, userId });
      const [said] = await run((tx) => people.ensure(tx, account, [{ phone, userId }]));
      expect(said).toMatchObject({ contactId: byPhone, userId: null });
      expect(await identitiesOf(byUser)).toEqual([`user_id ${userId}`]);
    });

    it('cost one statement when they are known', async () => {
      const crowd = Array.from({ length: 100 }, () => ({ phone: newPhone(), userId: newUserId(), name: 'N' }));
      await ensure(crowd);
      const count = await run(async (tx) => {
        let n = 0;
        const counting = {
          manager: tx.manager,
          query: (...args: Parameters<Tx['query']>) => ((n += 1), tx.query(...args)),
        } as unknown as Tx;
        await people.ensure(counting, account, crowd, { isProof: true });
        return n;
      });
      expect(count).toBe(1);
    });
  });

  describe('when they are merged', () => {
    const merge = (survivorId: number, goneId: number): Promise<void> =>
      run((tx) => people.merge(tx, { survivorId, goneId }));
    const pair = async (): Promise<[number, number]> => [
      await receiveOne({ phone: newPhone() }),
      await receiveOne({ phone: null, userId: newUserId() }, account, hour(1)),
    ];
    const set = (id: number, values: Record<string, unknown>): Promise<unknown> =>
      api.db.queryDynamic(
        `update contacts set ${Object.keys(values)
          .map((column, index) => `${column} = $${index + 2}`)
          .join(', ')} where id = $1`,
        [id, ...Object.values(values)],
      );

    it('keep what is known of either', async () => {
      const [a, b] = await pair();
      await set(a, { notes: 'Likes blue.', subscribed_at: hour(5), created_at: hour(3) });
      await set(b, {
        name: 'Asha',
        email: 'a@example.com',
        notes: 'Pays late.',
        subscribed_at: hour(4),
        created_at: hour(2),
      });
      await merge(a, b);
      expect(await contact(a)).toMatchObject({
        name: 'Asha',
        email: 'a@example.com',
        notes: 'Likes blue.\n\nPays late.',
        subscribed_at: hour(4),
        created_at: hour(2),
      });
    });

    it.each<[string, Record<string, unknown>, Record<string, unknown>, boolean]>([
      ['one opted out', { opted_out: true, opted_out_at: hour(1) }, {}, true],
      ['the other opted out', {}, { opted_out: true, opted_out_at: hour(1) }, true],
      [
        'one opted out and the other came back later',
        { opted_out: true, opted_out_at: hour(1), consent_changed_at: hour(1) },
        { consent_changed_at: hour(2) },
        false,
      ],
      [
        'one came back and the other opted out later',
        { consent_changed_at: hour(1) },
        { opted_out: true, opted_out_at: hour(2), consent_changed_at: hour(2) },
        true,
      ],
      [
        'one came back and the other opted out at the same moment',
        { consent_changed_at: hour(2) },
        { opted_out: true, opted_out_at: hour(2), consent_changed_at: hour(2) },
        true,
      ],
    ])('are opted out or not as they last said: %s', async (_what, ofA, ofB, isOut) => {
      const [a, b] = await pair();
      await set(a, { opted_out: false, ...ofA });
      await set(b, { opted_out: false, ...ofB });
      await merge(a, b);
      expect(await contact(a)).toMatchObject({ opted_out: isOut });
    });

    it('have the labels and accounts of both', async () => {
      const [a, b] = await pair();
      const labels = await api.db.query<{ id: number }>(
        'insert into labels (name) select $1 || n from generate_series(1, 3) n returning id',
        [`L${nextNumber} `],
      );
      await api.db.query(`insert into contact_labels values ($1, $3), ($1, $4), ($2, $4), ($2, $5)`, [
        a,
        b,
        ...labels.map(({ id }) => id),
      ]);
      await api.db.query('insert into contact_accounts (account_id, contact_id) values ($1, $2)', [sibling.id, b]);
      await merge(a, b);
      const rows = await api.db.query<{ n: number; m: number }>(
        `select (select count(*)::int from contact_labels where contact_id = $1) as n,
           (select count(*)::int from contact_accounts where contact_id = $1) as m`,
        [a],
      );
      expect(rows).toEqual([{ n: 3, m: 2 }]);
    });

    it('have one thread: unread adds up, the newest is the last, what was open stays open', async () => {
      const [a, b] = await pair();
      const [label] = await api.db.query<{ id: number }>('insert into labels (name) values ($1) returning id', [
        `T${b}`,
      ]);
      await api.db.query('update conversations set is_resolved = true where contact_id = $1', [a]);
      await api.db.query(`update conversations set assigned_to = 'Ravi', label_id = $2 where contact_id = $1`, [
        b,
        label?.id,
      ]);
      const [kept, gone] = [(await threadsOf(a))[0], (await threadsOf(b))[0]];
      await api.db.query(
        `insert into message_changes (account_id, change_id, target_id, contact_id, kind, actor, occurred_at, text)
         values ($1, $2, 'wamid.target', $3, 'reaction', 'customer', now(), '👍')`,
        [account.id, `wamid.${randomUUID()}`, b],
      );
      await merge(a, b);
      expect(await threadsOf(a)).toMatchObject([
        {
          id: kept?.id,
          unread_count: 2,
          is_resolved: false,
          assigned_to: 'Ravi',
          label_id: label?.id,
          last_message_id: gone?.last_message_id,
          last_message_at: hour(1),
          last_inbound_at: hour(1),
        },
      ]);
      expect(await api.db.query('select 1 from message_changes where contact_id = $1', [a])).toHaveLength(1);
      const events = await api.db.query<{ payload: unknown }>(
        `select payload from outbox_events where type = 'conversation.updated' and subject_id = $1`,
        [kept?.id],
      );
      expect(events).toMatchObject([
        {
          payload: {
            id: kept?.id,
            contact_id: a,
            unread_count: 2,
            changed: ['messages', 'unread_count', 'is_resolved', 'assigned_to', 'label'],
            merged_contact_id: b,
            merged_conversation_id: gone?.id,
          },
        },
      ]);
    });

    it('stay resolved when both were, and keep the agent and label of the one that stays', async () => {
      const [a, b] = await pair();
      await api.db.query(
        `update conversations set is_resolved = true, assigned_to = 'of ' || contact_id where contact_id in ($1, $2)`,
        [a, b],
      );
      await merge(a, b);
      expect(await threadsOf(a)).toMatchObject([{ is_resolved: true, assigned_to: `of ${a}` }]);
    });

    it('keep a thread for each account, of whichever it was', async () => {
      const [phone, userId] = [newPhone(), newUserId()];
      const a = await receiveOne({ phone });
      const b = await receiveOne({ phone: null, userId });
      await receiveOne({ phone: null, userId }, sibling);
      await receiveOne({ phone }, stranger);
      const [handedOver] = (await threadsOf(b)).filter((thread) => thread.account_id === sibling.id);
      expect((await ensureOne({ phone, userId }, sibling)).contactId).toBe(a);
      expect(await threadsOf(a)).toMatchObject([
        { account_id: account.id, unread_count: 2 },
        { account_id: sibling.id, unread_count: 1, id: handedOver?.id },
        { account_id: stranger.id, unread_count: 1 },
      ]);
      const [event] = await api.db.query<{ payload: unknown }>(
        `select payload from outbox_events where type = 'conversation.updated' and subject_id = $1`,
        [handedOver?.id],
      );
      expect(event?.payload).toMatchObject({ contact_id: a, phone_number: phone, changed: ['contact'] });
    });

    it('are sent to once by a campaign that has both', async () => {
      const [a, b] = await pair();
      const [campaign] = await api.db.query<{ id: number }>(
        `insert into campaigns (account_id, name, status) values ($1, 'C', 'running') returning id`,
        [account.id],
      );
      const insert = (contactId: number, status: string): Promise<unknown> =>
        api.db.query(
          `insert into campaign_recipients (account_id, campaign_id, identity, contact_id, status)
           values ($1, $2, $3, $4, $5)`,
          [account.id, campaign?.id, `phone:${randomUUID()}`, contactId, status],
        );
      await insert(a, 'pending');
      await insert(b, 'pending');
      await merge(a, b);
      const rows = await api.db.query(
        'select contact_id, status, skip_reason from campaign_recipients where campaign_id = $1 order by id',
        [campaign?.id],
      );
      expect(rows).toEqual([
        { contact_id: a, status: 'pending', skip_reason: null },
        { contact_id: a, status: 'skipped', skip_reason: 'duplicate' },
      ]);
      const { body } = await api.call<{ pending_count: number; skipped_count: number; total_count: number }>(
        'GET',
        `/campaigns/${campaign?.id}`,
        { accountId: account.id },
      );
      expect(body).toMatchObject({ total_count: 2, pending_count: 1, skipped_count: 1 });
    });

    it('can be merged again, and not with nobody', async () => {
      const [a, b] = await pair();
      await merge(a, b);
      const before = [await contact(a), await threadsOf(a)];
      await merge(a, b);
      expect([await contact(a), await threadsOf(a)]).toEqual(before);
      await expect(merge(b, a)).rejects.toThrow('cannot become one');
    });

    it('are asked of every module that registered, in one transaction', async () => {
      const [a, b] = await pair();
      const seen: unknown[] = [];
      ports.onMerge(async (tx, act) => {
        const left = await tx.query('select 1 from messages where contact_id = $1', [act.goneId]);
        seen.push(act, left.length);
        if (act.goneId === a) {
          throw new Error('not yet');
        }
      });
      await expect(merge(b, a)).rejects.toThrow('not yet');
      expect(await messagesOf(a)).toBe(1);
      await merge(a, b);
      expect(seen).toEqual([{ survivorId: b, goneId: a }, 0, { survivorId: a, goneId: b }, 0]);
    });
  });

  describe('when Meta says that a number changed', () => {
    const era = (): { phone: PhoneNumber; userId: string } => ({ phone: newPhone(), userId: newUserId() });

    it('have the new phone and user id, and their thread', async () => {
      const [before, after] = [era(), era()];
      const id = await receiveOne(before);
      const told = await changeOne({ before, after, at: hour(1) });
      expect(told).toMatchObject({ contactId: id, ...after, isNew: false, wasLinked: true });
      expect(await identitiesOf(id)).toEqual([
        `phone ${after.phone}`,
        `user_id ${before.userId}`,
        `user_id ${after.userId}`,
      ]);
      expect(await contact(id)).toMatchObject({ phone: after.phone, identity_key: `phone:${after.phone}` });
      expect(await receiveOne(after, account, hour(2))).toBe(id);
      expect(await threadsOf(id)).toMatchObject([{ unread_count: 2 }]);
    });

    it.each(['phones only', 'user ids only', 'an old user id that nobody knew'])('are found by %s', async (what) => {
      const [before, after] = [era(), era()];
      const [known, told] = {
        'phones only': [{ phone: before.phone }, { before: { phone: before.phone }, after: { phone: after.phone } }],
        'user ids only': [
          { phone: null, userId: before.userId },
          { before: { phone: null, userId: before.userId }, after: { phone: null, userId: after.userId } },
        ],
        'an old user id that nobody knew': [{ phone: before.phone }, { before, after }],
      }[what] as [PersonInput, Pick<IdentityChange, 'before' | 'after'>];
      const id = await receiveOne(known);
      expect(await changeOne({ ...told, at: hour(1) })).toMatchObject({ contactId: id, ...told.after });
    });

    it('become one with whoever has the new phone, threads and all', async () => {
      const [before, after] = [era(), era()];
      const old = await receiveOne({ ...before, name: 'Asha' });
      const early = await receiveOne(after, account, hour(2));
      expect(await changeOne({ before, after, at: hour(1) })).toMatchObject({ contactId: old, ...after, name: 'Asha' });
      expect(await contact(early)).toBeUndefined();
      expect(await threadsOf(old)).toMatchObject([{ unread_count: 2, last_inbound_at: hour(2) }]);
    });

    it('leave the old phone to whoever writes from it next', async () => {
      const [before, after, next] = [era(), era(), newUserId()];
      const id = await receiveOne(before);
      const said = { before, after, at: hour(1) };
      await changeOne(said);
      // What was under way when they changed is theirs, and does not bring the phone back.
      expect(await receiveOne(before, account, hour(0.5))).toBe(id);
      const newcomer = await receiveOne({ phone: before.phone, userId: next }, account, hour(3));
      expect(newcomer).not.toBe(id);
      // However often it is told again.
      expect((await changeOne(said)).contactId).toBe(id);
      expect(
        (await changeOne({ ...said, before: { phone: before.phone }, after: { phone: after.phone } })).contactId,
      ).toBe(id);
      expect(await identitiesOf(newcomer)).toEqual([`phone ${before.phone}`, `user_id ${next}`]);
      expect(await contact(id)).toMatchObject({ phone: after.phone });
      expect([await messagesOf(id), await messagesOf(newcomer)]).toEqual([2, 1]);
    });

    it('do not take the contact of one who wrote from the old phone later', async () => {
      const [before, after] = [newPhone(), newPhone()];
      const newcomer = await receiveOne({ phone: before }, account, hour(3));
      const told = await changeOne({ before: { phone: before }, after: { phone: after }, at: hour(1) });
      expect(told).toMatchObject({ phone: after, isNew: true });
      expect(told.contactId).not.toBe(newcomer);
      expect(await contact(newcomer)).toMatchObject({ phone: before });
    });

    it('are left alone by a change that is told again, also when only their new user id was told', async () => {
      const [before, after] = [newPhone(), era()];
      const id = await receiveOne({ phone: before });
      const said = { before: { phone: before, userId: after.userId }, after, at: hour(1) };
      expect(await changeOne(said)).toMatchObject({ contactId: id, ...after });
      // A list has the old number still: a contact of whoever has it.
      const [listed] = await run((tx) => people.ensure(tx, account, [{ phone: before, name: 'Listed' }]));
      expect(await changeOne(said)).toMatchObject({ contactId: id, ...after });
      expect(await contact(listed?.contactId ?? 0)).toMatchObject({ phone: before, name: 'Listed' });
    });

    it('begin under the new name when nobody knew them, and are found by the old user id', async () => {
      const [before, after] = [era(), era()];
      const told = await changeOne({ before, after, at: hour(1) });
      expect(told).toMatchObject({ ...after, isNew: true, wasLinked: true });
      expect(await findId({ userId: before.userId })).toBe(told.contactId);
      expect(await findId({ phone: before.phone })).toBeNull();
      expect(await changeOne({ before, after, at: hour(1) })).toMatchObject({
        contactId: told.contactId,
        isNew: false,
      });
    });

    it('follow two changes in one batch in the order of time', async () => {
      const [a, b, c] = [era(), era(), era()];
      const id = await receiveOne(a);
      const found = await change([
        { before: b, after: c, at: hour(2) },
        { before: a, after: b, at: hour(1) },
      ]);
      expect(found).toMatchObject([
        { contactId: id, ...c },
        { contactId: id, ...c },
      ]);
      expect(await contact(id)).toMatchObject({ phone: c.phone });
      expect(await identitiesOf(id)).toEqual([
        `phone ${c.phone}`,
        `user_id ${a.userId}`,
        `user_id ${b.userId}`,
        `user_id ${c.userId}`,
      ]);
    });

    it('end the same when the changes come one by one in the wrong order, and again', async () => {
      const [a, b, c] = [era(), era(), era()];
      const [first, second] = [
        { before: a, after: b, at: hour(1) },
        { before: b, after: c, at: hour(2) },
      ];
      const old = await receiveOne(a);
      const newer = (await changeOne(second)).contactId;
      expect(newer).not.toBe(old);
      expect(await receiveOne(b, account, hour(1.5))).toBe(newer);
      for (const told of [first, second, first]) {
        expect(await changeOne(told)).toMatchObject({ contactId: old, ...c });
      }
      expect(await contact(newer)).toBeUndefined();
      const [phone, ...users] = await identitiesOf(old);
      expect(phone).toBe(`phone ${c.phone}`);
      expect(users.slice(0, 2).sort()).toEqual([a, b].map(({ userId }) => `user_id ${userId}`).sort());
      expect(users.slice(2)).toEqual([`user_id ${c.userId}`]);
      expect(await findId({ userId: a.userId })).toBe(old);
      expect(await messagesOf(old)).toBe(2);
    });

    it('may go back to a phone they had', async () => {
      const [a, b] = [newPhone(), newPhone()];
      const id = await receiveOne({ phone: a });
      const there = { before: { phone: a }, after: { phone: b }, at: hour(1) };
      const back = { before: { phone: b }, after: { phone: a }, at: hour(2) };
      expect(await change([there, back])).toMatchObject([
        { contactId: id, phone: a },
        { contactId: id, phone: a },
      ]);
      expect(await changeOne(there)).toMatchObject({ contactId: id, phone: a });
      expect(await contact(id)).toMatchObject({ phone: a });
    });

    it('keep the newest phone when an older change comes late from another business', async () => {
      const [a, b, c] = [era(), era(), era()];
      const [theirA, theirB] = [newUserId(), newUserId()];
      const id = await receiveOne(a);
      await receiveOne({ phone: a.phone, userId: theirA }, stranger);
      await change([
        { before: a, after: b, at: hour(1) },
        { before: b, after: c, at: hour(2) },
      ]);
      // Somebody else has the phone in between by now.
      const newcomer = await receiveOne({ phone: b.phone, userId: newUserId() }, account, hour(3));
      const told = await changeOne(
        { before: { phone: a.phone, userId: theirA }, after: { phone: b.phone, userId: theirB }, at: hour(1) },
        stranger,
      );
      expect(told).toMatchObject({ contactId: id, phone: c.phone, userId: theirB });
      expect(await contact(newcomer)).toMatchObject({ phone: b.phone });
    });

    it('have another user id at each business', async () => {
      const [before, after] = [era(), era()];
      const [theirOld, theirNew] = [newUserId(), newUserId()];
      const id = await receiveOne(before);
      expect(await receiveOne({ phone: before.phone, userId: theirOld }, stranger)).toBe(id);
      await changeOne({ before, after, at: hour(1) });
      const told = await changeOne(
        {
          before: { phone: before.phone, userId: theirOld },
          after: { phone: after.phone, userId: theirNew },
          at: hour(1),
        },
        stranger,
      );
      expect(told).toMatchObject({ contactId: id, phone: after.phone, userId: theirNew });
      expect(await ensureOne({ phone: after.phone })).toMatchObject({ contactId: id, userId: after.userId });
      expect((await threadsOf(id)).map(({ account_id }) => account_id)).toEqual([account.id, stranger.id]);
    });
  });

  describe('when Meta says that a user id changed', () => {
    it('have the new one and keep the old one, for what comes late', async () => {
      const [phone, before, after] = [newPhone(), newUserId(), newUserId()];
      const id = await receiveOne({ phone, userId: before });
      const said = { before: { phone, userId: before }, after: { phone, userId: after }, at: hour(1) };
      expect(await changeOne(said)).toMatchObject({ contactId: id, phone, userId: after });
      expect(await changeOne(said)).toMatchObject({ contactId: id, phone, userId: after });
      expect(await receiveOne({ phone: null, userId: before })).toBe(id);
      expect(await ensureOne({ phone })).toMatchObject({ contactId: id, userId: after });
    });

    it('become one with whoever has the new one', async () => {
      const [phone, before, after] = [newPhone(), newUserId(), newUserId()];
      const id = await receiveOne({ phone, userId: before });
      const early = await receiveOne({ phone: null, userId: after }, account, hour(2));
      const told = await changeOne({
        before: { phone, userId: before },
        after: { phone, userId: after, parentUserId: `IN.ENT.${after.slice(3)}` },
        at: hour(1),
      });
      expect(told).toMatchObject({ contactId: id, userId: after });
      expect(await contact(early)).toBeUndefined();
      expect(await messagesOf(id)).toBe(2);
      expect(await identitiesOf(id)).toContain(`parent_user_id IN.ENT.${after.slice(3)}`);
    });

    it('know the newest, in whatever order three are told', async () => {
      const [phone, ...ids] = [newPhone(), newUserId(), newUserId(), newUserId(), newUserId()];
      const id = await receiveOne({ phone });
      const steps = ids.slice(1).map((userId, index) => ({
        before: { phone, userId: ids[index] as string },
        after: { phone, userId },
        at: hour(index + 1),
      }));
      for (const index of [2, 0, 1, 0]) {
        await changeOne(steps[index] as IdentityChange);
      }
      expect(await ensureOne({ phone })).toMatchObject({ contactId: id, userId: ids[3] });
    });

    it('leave the phone beside it to whoever has it by now', async () => {
      const [left, present, before, after] = [newPhone(), newPhone(), newUserId(), newUserId()];
      const id = await receiveOne({ phone: present, userId: before });
      const newcomer = await receiveOne({ phone: left, userId: newUserId() }, account, hour(3));
      const said = { before: { phone: left, userId: before }, after: { phone: left, userId: after }, at: hour(1) };
      expect(await changeOne(said)).toMatchObject({ contactId: id, phone: present, userId: after });
      expect(await contact(newcomer)).toMatchObject({ phone: left });
    });

    it('is told by an event to nobody else’s contact', async () => {
      const [phone, theirs, before, after] = [newPhone(), newPhone(), newUserId(), newUserId()];
      const id = await receiveOne({ phone, userId: before });
      const other = await receiveOne({ phone: theirs, userId: after });
      await changeOne({ before: { phone, userId: before }, after: { phone, userId: after }, at: hour(1) });
      expect(await identitiesOf(id)).toContain(`user_id ${after}`);
      expect(await identitiesOf(other)).toEqual([`phone ${theirs}`]);
      expect([await messagesOf(id), await messagesOf(other)]).toEqual([1, 1]);
    });
  });

  describe('when statuses and answers tell of them', () => {
    const learn = (facts: Parameters<PeopleService['learn']>[2], scope = account): Promise<void> =>
      run((tx) => people.learn(tx, scope, facts));

    it('have user id, parent id, username and an empty name from them', async () => {
      const [phone, userId, parentUserId] = [newPhone(), newUserId(), `IN.ENT.${(nextNumber += 1)}`];
      const { contactId } = await ensureOne({ phone });
      const fact = { contactId, phone, userId, parentUserId, username: `n${userId}`, name: 'Asha' };
      await learn([fact, { ...fact, name: 'Late' }]);
      await learn([{ contactId, name: 'Later' }]);
      expect(await identitiesOf(contactId)).toEqual([
        `parent_user_id ${parentUserId}`,
        `phone ${phone}`,
        `user_id ${userId}`,
        `username n${userId}`,
      ]);
      expect(await contact(contactId)).toMatchObject({ name: 'Asha' });
    });

    it('create nobody and pass over who is gone', async () => {
      const before = await api.db.query('select count(*) from contacts');
      await learn([
        { contactId: 2_000_000_000, phone: newPhone(), userId: newUserId(), name: 'Nobody' },
        { contactId: 2_000_000_000, name: 'Nobody' },
      ]);
      expect(await api.db.query('select count(*) from contacts')).toEqual(before);
    });

    it('become one with whoever wrote under the user id', async () => {
      const [phone, userId] = [newPhone(), newUserId()];
      const { contactId } = await ensureOne({ phone });
      await receiveOne({ phone: null, userId });
      await learn([{ contactId, userId }]);
      const id = (await findId({ phone })) as number;
      expect(await findId({ userId })).toBe(id);
      expect(await messagesOf(id)).toBe(1);
    });

    it('become one with the phone to which a message to their user id went', async () => {
      const [phone, userId] = [newPhone(), newUserId()];
      const byPhone = await receiveOne({ phone });
      const { contactId } = await ensureOne({ phone: null, userId });
      await learn([{ contactId, phone }]);
      expect(await findId({ userId })).toBe(byPhone);
    });

    it('have the user id alone from one whose phone is another', async () => {
      const [mine, theirs, userId] = [newPhone(), newPhone(), newUserId()];
      const { contactId } = await ensureOne({ phone: mine });
      const other = await ensureOne({ phone: theirs, userId });
      await learn([{ contactId, userId }]);
      expect(await identitiesOf(contactId)).toEqual([`phone ${mine}`, `user_id ${userId}`]);
      expect(await identitiesOf(other.contactId)).toEqual([`phone ${theirs}`]);
    });

    it('are not told by a late status of a phone they left', async () => {
      const [left, present, userId] = [newPhone(), newPhone(), newUserId()];
      const { contactId } = await ensureOne({ phone: present });
      const newcomer = await ensureOne({ phone: left });
      await learn([{ contactId, phone: left, userId, name: 'Whose?' }]);
      expect(await identitiesOf(contactId)).toEqual([`phone ${present}`]);
      expect(await identitiesOf(newcomer.contactId)).toEqual([`phone ${left}`, `user_id ${userId}`]);
      const free = newPhone();
      await learn([{ contactId, phone: free, name: 'Asha' }]);
      expect(await findId({ phone: free })).toBeNull();
    });

    it('cost one statement when nothing is new', async () => {
      const crowd = Array.from({ length: 50 }, () => ({ phone: newPhone(), userId: newUserId(), name: 'N' }));
      const found = await ensure(crowd);
      const facts = found.map(({ contactId }, index) => ({ contactId, ...crowd[index] }));
      const count = await run(async (tx) => {
        let n = 0;
        const counting = {
          manager: tx.manager,
          query: (...args: Parameters<Tx['query']>) => ((n += 1), tx.query(...args)),
        };
        await people.learn(counting as unknown as Tx, account, facts);
        return n;
      });
      expect(count).toBe(1);
    });
  });

  describe('at once', () => {
    /** Waits until some transaction of this database waits for a lock. */
    const somebodyWaits = async (): Promise<void> => {
      await eventually(
        () =>
          api.db.query(
            `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
          ),
        (rows) => rows.length > 0,
      );
    };
    const door = (): { open: () => void; opened: Promise<void> } => {
      let open = (): void => undefined;
      const opened = new Promise<void>((resolve) => (open = resolve));
      return { open, opened };
    };

    it('are one contact with one thread, every message and exact unread, in 20 transactions and 10 rounds', async () => {
      for (let round = 0; round < 10; round += 1) {
        const [phone, userId] = [newPhone(), newUserId()];
        const inputs = Array.from({ length: 20 }, (_, index): PersonInput => {
          switch (index % 3) {
            case 0:
              return { phone };
            case 1:
              return { phone: null, userId };
            default:
              return { phone, userId };
          }
        });
        await Promise.all(inputs.map((by, index) => receiveOne(by, account, hour(index))));
        const id = (await findId({ phone })) as number;
        expect(await findId({ userId })).toBe(id);
        expect(await threadsOf(id)).toMatchObject([{ unread_count: 20, last_inbound_at: hour(19) }]);
        expect(await messagesOf(id)).toBe(20);
      }
      // Nobody waited for anybody in a circle.
      expect(attempts).toBe(200);
    });

    it('are one contact each in overlapping batches of a crowd, in 20 transactions and 10 rounds', async () => {
      for (let round = 0; round < 10; round += 1) {
        const crowd = Array.from({ length: 12 }, () => ({ phone: newPhone(), userId: newUserId() }));
        // Half of them are two contacts already.
        await receive(
          crowd.slice(0, 6).flatMap(({ phone, userId }) => [{ by: { phone } }, { by: { phone: null, userId } }]),
        );
        const batches = Array.from({ length: 20 }, (_, batch) =>
          crowd
            .map(({ phone, userId }, index) => {
              const which = (batch + index) % 3;
              const by = { phone: which === 1 ? null : phone, userId: which === 0 ? null : userId };
              return { by, order: (index * (batch + 7)) % 13 };
            })
            .sort((a, b) => a.order - b.order),
        );
        await Promise.all(batches.map((batch) => receive(batch)));
        for (const [index, { phone, userId }] of crowd.entries()) {
          const id = (await findId({ phone })) as number;
          expect(await findId({ userId })).toBe(id);
          expect(await threadsOf(id)).toMatchObject([{ unread_count: index < 6 ? 22 : 20 }]);
        }
      }
      // Who waited for a contact that went meanwhile ran again, and nobody for good.
      expect(attempts).toBeLessThan(2 * 210);
    });

    it('keep a message that is written to the thread while it moves', async () => {
      const [phone, userId] = [newPhone(), newUserId()];
      const byPhone = await receiveOne({ phone });
      await receiveOne({ phone: null, userId });
      const { open, opened } = door();
      const { open: tellHeld, opened: held } = door();
      const writing = run(async (tx) => {
        await receiveIn(tx, [{ by: { phone: null, userId } }], account);
        tellHeld();
        await opened;
      });
      await held;
      const merging = ensureOne({ phone, userId });
      await somebodyWaits();
      open();
      await writing;
      expect((await merging).contactId).toBe(byPhone);
      expect(await threadsOf(byPhone)).toMatchObject([{ unread_count: 3 }]);
    });

    it('put a message that waited for the merge into the thread that is left', async () => {
      const [phone, userId] = [newPhone(), newUserId()];
      const byPhone = await receiveOne({ phone });
      await receiveOne({ phone: null, userId });
      const { open, opened } = door();
      const { open: tellHeld, opened: held } = door();
      const merging = run(async (tx) => {
        await people.ensure(tx, account, [{ phone, userId }], { isProof: true });
        tellHeld();
        await opened;
      });
      await held;
      const writing = receiveOne({ phone: null, userId });
      await somebodyWaits();
      open();
      await merging;
      expect(await writing).toBe(byPhone);
      expect(await threadsOf(byPhone)).toMatchObject([{ unread_count: 3 }]);
      expect(attempts).toBe(4);
    });

    it('refuse a message for a contact that was merged away meanwhile, so that its sender asks again', async () => {
      const [phone, userId] = [newPhone(), newUserId()];
      await receiveOne({ phone });
      const gone = await receiveOne({ phone: null, userId });
      const [thread] = await threadsOf(gone);
      await ensureOne({ phone, userId });
      const late = api.db.query(
        `insert into messages (account_id, conversation_id, contact_id, direction, message_type, status)
         values ($1, $2, $3, 'outbound', 'template', 'pending')`,
        [account.id, thread?.id, gone],
      );
      await expect(late).rejects.toMatchObject({ code: '23503' });
      await expect(people.linkPhones(api.db, [{ contactId: gone, phone: newPhone() }])).resolves.toBeUndefined();
    });

    it('change their number once, however many say so', async () => {
      const [before, after] = [
        { phone: newPhone(), userId: newUserId() },
        { phone: newPhone(), userId: newUserId() },
      ];
      const id = await receiveOne(before);
      await Promise.all([
        ...Array.from({ length: 8 }, () => changeOne({ before, after, at: hour(1) })),
        ...Array.from({ length: 6 }, () => receiveOne(after, account, hour(2))),
        ...Array.from({ length: 6 }, () => receiveOne(before, account, hour(0.5))),
      ]);
      expect(await findId({ phone: after.phone })).toBe(id);
      expect(await threadsOf(id)).toMatchObject([{ unread_count: 13 }]);
      expect(await findId({ phone: before.phone })).toBeNull();
    });
  });

  describe('whatever comes, in whatever order and company', () => {
    /** A person and the names they had one after the other. */
    interface Someone {
      eras: { phone: PhoneNumber; userId: string; theirUserId: string }[];
    }
    type Step =
      | { kind: 'message'; era: number; says: 'both' | 'phone' | 'user'; at: Date; where: number }
      | { kind: 'change'; era: number; at: Date; where: number }
      | { kind: 'status'; era: number; where: number };

    const someone = (eraCount: number): Someone => ({
      eras: Array.from({ length: eraCount }, () => ({
        phone: newPhone(),
        userId: newUserId(),
        theirUserId: newUserId(),
      })),
    });
    /** All that is told of one person; a number that was left is always told with its user id, as Meta does. */
    const story = (eraCount: number): fc.Arbitrary<Step[]> => {
      const lastEra = eraCount - 1;
      const message = fc
        .record({
          era: fc.integer({ min: 0, max: lastEra }),
          says: fc.constantFrom('both' as const, 'both' as const, 'phone' as const, 'user' as const),
          minute: fc.integer({ min: 1, max: 50 }),
          where: fc.constantFrom(0, 0, 1),
        })
        .map(({ era, says, minute, where }): Step => ({
          kind: 'message',
          era,
          says: era < lastEra && says === 'phone' ? 'both' : says,
          at: new Date(hour(era).getTime() + minute * 60_000),
          where,
        }));
      const status = fc
        .record({ era: fc.integer({ min: 0, max: lastEra }), where: fc.constantFrom(0, 1) })
        .map((told): Step => ({ kind: 'status', ...told }));
      const changes = Array.from({ length: lastEra }, (_, era): Step[] =>
        [0, 1].map((where) => ({ kind: 'change', era, at: hour(era + 1), where })),
      ).flat();
      return fc
        .tuple(fc.array(message, { minLength: 2, maxLength: 8 }), fc.array(status, { maxLength: 3 }))
        .map(([messages, statuses]) => [
          ...messages,
          ...statuses,
          // Told twice, as after a replay.
          ...changes,
          ...changes,
          // What proves, at each business, that the last names are one person's.
          ...[0, 1].map((where): Step => ({
            kind: 'message',
            era: lastEra,
            says: 'both',
            at: hour(lastEra + 0.9),
            where,
          })),
        ]);
    };

    it('is one contact per person with one thread per account, every message in it and none of anybody else', async () => {
      const stories = fc.array(
        fc.integer({ min: 1, max: 3 }).chain((eraCount) => story(eraCount).map((steps) => ({ eraCount, steps }))),
        { minLength: 2, maxLength: 5 },
      );
      await fc.assert(
        fc.asyncProperty(stories, fc.infiniteStream(fc.nat(1_000_000)), async (told, random) => {
          const draw = (limit: number): number => (random.next().value as number) % limit;
          const crowd = told.map(({ eraCount }) => someone(eraCount));
          let work = told.flatMap(({ steps }, who) =>
            steps.map((step, index) => ({ who, step, key: `${who}.${index}.${nextNumber}` })),
          );
          work = work
            .map((item) => ({ item, order: draw(1_000_000) }))
            .sort((a, b) => a.order - b.order)
            .map(({ item }) => item);
          const scopes = [account, stranger] as const;
          const namesIn = (who: number, era: number, where: number): { phone: PhoneNumber; userId: string } => {
            const { phone, userId, theirUserId } = crowd[who]?.eras[era] as Someone['eras'][number];
            return { phone, userId: where === 0 ? userId : theirUserId };
          };
          /** As the inbox does with a batch: account by account, what statuses tell, then messages, then changes. */
          const apply = async (tx: Tx, batch: typeof work): Promise<void> => {
            for (const [where, scope] of scopes.entries()) {
              const here = batch.filter(({ step }) => step.where === where);
              const facts: PersonFact[] = [];
              const messages: Written[] = [];
              const changes: IdentityChange[] = [];
              for (const { who, step, key } of here) {
                const { phone, userId } = namesIn(who, step.era, where);
                if (step.kind === 'message') {
                  const by = {
                    phone: step.says === 'user' ? null : phone,
                    userId: step.says === 'phone' ? null : userId,
                  };
                  messages.push({ by, at: step.at, wamid: `wamid.${key}` });
                } else if (step.kind === 'change') {
                  changes.push({ before: { phone, userId }, after: namesIn(who, step.era + 1, where), at: step.at });
                } else {
                  // Of a message that we sent to whoever is known by these names.
                  const contactId = (await people.findByAddress(tx, scope, { userId }))?.contactId;
                  facts.push(...(contactId === undefined ? [] : [{ contactId, phone, userId, name: `P${who}` }]));
                }
              }
              await people.learn(tx, scope, facts);
              await receiveIn(tx, messages, scope);
              await people.applyIdentityChanges(tx, scope, changes);
            }
          };
          const all = [...work];
          const lanes = Array.from({ length: 1 + draw(4) }, (): (typeof work)[] => []);
          while (work.length > 0) {
            lanes[draw(lanes.length)]?.push(work.splice(0, 1 + draw(4)));
          }
          await Promise.all(
            lanes.map(async (batches) => {
              for (const batch of batches) {
                try {
                  await run((tx) => apply(tx, batch));
                } catch (error) {
                  // Too many circles: then one by one, as the drain of webhooks does.
                  expect(error).toMatchObject({ code: '40P01' });
                  for (const item of batch) {
                    await run((tx) => apply(tx, [item]));
                  }
                }
              }
            }),
          );
          // Whatever was told is told again, as a replay of the log does.
          await run((tx) => apply(tx, all));
          await expectOrder();
          const owners = new Set<number>();
          for (const [who, { steps }] of told.entries()) {
            const last = crowd[who]?.eras.at(-1) as Someone['eras'][number];
            const id = (await findId({ phone: last.phone })) as number;
            owners.add(id);
            for (const { userId, theirUserId } of crowd[who]?.eras ?? []) {
              for (const found of [await findId({ userId }), await findId({ userId: theirUserId }, stranger)]) {
                expect([null, id]).toContain(found);
              }
            }
            expect(await contact(id)).toMatchObject({ phone: last.phone });
            const messages = steps.filter(({ kind }) => kind === 'message');
            expect(await messagesOf(id)).toBe(messages.length);
            const places = new Set(messages.map(({ where }) => where));
            expect(await threadsOf(id)).toHaveLength(places.size);
          }
          expect(owners.size).toBe(told.length);
        }),
        { numRuns: 15, endOnFailure: true },
      );
    }, 160_000);
  });
});
