import { addAccount, startInbox, type Chat, type InboxJourney, type Page } from './inbox-journey.js';

const OTHER_NUMBER_ID = '300000000000002';

describe('searching chats', () => {
  let inbox: InboxJourney;
  let otherAccount: number;

  const found = async (q: string, more = ''): Promise<(string | null)[]> =>
    (await inbox.phones(`q=${encodeURIComponent(q)}${more}`)).sort();

  beforeAll(async () => {
    inbox = await startInbox();
    otherAccount = await addAccount(inbox, OTHER_NUMBER_ID);
  });
  afterAll(() => inbox.close());

  describe('finds', () => {
    const [ASHA, RAM, ZOE, OMAR, MEI] = [
      '+919871000001',
      '+919871000002',
      '+33612345678',
      '+971501234567',
      '+85291234567',
    ];

    beforeAll(async () => {
      await inbox.say(ASHA, 'Where is my order ORD-4711? 100% sure it left', { name: 'Asha Rao_Nair' });
      await inbox.say(RAM, 'नमस्ते। मेरा ऑर्डर कहाँ है', { name: 'राम कुमार' });
      await inbox.say(ZOE, 'Un CAFÉ, s’il vous plaît', { name: 'Zoë Lefèvre' });
      await inbox.say(OMAR, 'مرحبا، كم السعر؟', { name: 'عمر سالم' });
      await inbox.say(MEI, '請問香港有店嗎', { name: '美玲' });
      await inbox.api.db.query(
        `insert into contact_identities (contact_id, kind, scope, value)
         select contact_id, 'username', (select waba_id from accounts where id = $1), 'asha.shops'
         from conversations where account_id = $1 and contact_id = (select id from contacts where phone = $2)`,
        [inbox.accountId, ASHA],
      );
    });

    it.each<[string, string, string[]]>([
      ['a part of a name', 'sha ra', [ASHA]],
      ['a name in another case', 'ASHA', [ASHA]],
      ['words of a name in any order', 'nair asha', [ASHA]],
      ['a name in Hindi', 'राम', [RAM]],
      ['the beginning of a last name in Hindi', 'कुम', [RAM]],
      ['a name with accents', 'zoë lef', [ZOE]],
      ['a name with accents in capitals', 'LEFÈ', [ZOE]],
      ['a name in Arabic', 'عمر', [OMAR]],
      ['a name in Chinese', '玲', [MEI]],
      ['two letters a name begins with', 'as', [ASHA]],
      ['a phone with spaces', '+91 98710-00001', [ASHA]],
      ['a phone without its country code', '9871000001', [ASHA]],
      ['a phone with a zero in front', '09871000002', [RAM]],
      ['some digits of a phone', '71000', [ASHA, RAM]],
      ['a foreign phone', '(+33) 6 12 34 56 78', [ZOE]],
      ['a username', 'asha.sh', [ASHA]],
      ['a username as it is shown', '@asha.shops', [ASHA]],
      ['a word of a message', 'order', [ASHA]],
      ['the number of an order', '4711', [ASHA]],
      ['the whole number of an order', 'ORD-4711', [ASHA]],
      ['the beginning of a word', 'ord', [ASHA]],
      ['a word before a danda in Hindi', 'नमस्ते', [RAM]],
      ['two words in Hindi', 'है ऑर्डर', [RAM]],
      ['a word with accents in small letters', 'café', [ZOE]],
      ['a word in Arabic before a comma', 'مرحبا', [OMAR]],
      ['any part of a Chinese text', '香港', [MEI]],
      ['a percent sign with its number', '100%', [ASHA]],
      ['a name with an underscore', 'rao_nair', [ASHA]],
    ])('%s: %s', async (_what, q, expected) => {
      expect(await found(q)).toEqual([...expected].sort());
    });

    it.each<[string, string]>([
      ['a wildcard of LIKE', '%'],
      ['another wildcard', '_'],
      ['wildcards between letters', 'o%er'],
      ['a wildcard in a name', 'as_a'],
      ['a backslash', '\\'],
      ['characters of a Chinese text in another order', '港香'],
      ['the middle of a word', 'rder'],
      ['words of two conversations', 'order café'],
      ['an emoji', '🙏'],
      ['operators', '& | ! <-> ( :*'],
      ['SQL', `'; drop table messages; --`],
    ])('nothing by %s: %s', async (_what, q) => {
      expect(await found(q)).toEqual([]);
    });

    it('everybody by spaces only', async () => {
      expect(await found('')).toHaveLength(5);
    });

    it('one letter: names that begin with it, and texts with that word', async () => {
      await inbox.say('+919871000009', 'plan b is better');
      expect(await found('a')).toEqual([ASHA]);
      expect(await found('b')).toEqual(['+919871000009']);
      await inbox.api.db.query('delete from messages where contact_id = (select id from contacts where phone = $1)', [
        '+919871000009',
      ]);
      await inbox.api.db.query(
        'delete from conversations where contact_id = (select id from contacts where phone = $1)',
        ['+919871000009'],
      );
    });

    it('takes a hundred characters, and no more', async () => {
      expect(await found('x'.repeat(100))).toEqual([]);
      expect(await found('🙏'.repeat(50))).toEqual([]);
      expect(await found('a '.repeat(49))).toEqual([]);
      const { status, body } = await inbox.call('GET', `/chats?q=${'x'.repeat(101)}`);
      expect([status, body.code]).toEqual([400, 'validation_failed']);
      expect((await inbox.call('GET', '/chats?q=%00')).status).toBe(400);
      expect([200, 400]).toContain((await inbox.call('GET', '/chats?q=%ED%A0%80%FF')).status);
    });

    it('what was written, not what was taken back or only reacted', async () => {
      const { rows } = await inbox.thread(ASHA);
      await inbox.call('POST', '/send-message', { body: { phone: ASHA, message: 'We look into the xylophone' } });
      expect(await found('xylophone')).toEqual([ASHA]);
      const sent = (await inbox.thread(ASHA)).rows[0];
      await inbox.call('DELETE', `/messages/${sent?.id}`);
      expect(await found('xylophone')).toEqual([]);
      expect((await inbox.thread(ASHA)).rows).toEqual(rows);
    });

    it('finds an edited text by what it says now', async () => {
      await inbox.api.db.query(
        `update messages set message_body = 'Now it is a gazebo' where message_body like '%4711%'`,
      );
      expect(await found('gazebo')).toEqual([ASHA]);
      expect(await found('4711')).toEqual([]);
    });

    it('together with the other filters', async () => {
      expect((await inbox.call('PATCH', `/chats/${RAM}`, { body: { label: 'VIP', is_resolved: true } })).status).toBe(
        200,
      );
      expect(await found('71000', '&label=vip')).toEqual([RAM]);
      expect(await found('71000', '&status=open')).toEqual([ASHA]);
      expect(await found('71000', '&label=nobody-has-it')).toEqual([]);
      expect(await found('नमस्ते', '&status=open')).toEqual([]);
    });

    it('only conversations of the account, though people and labels are shared', async () => {
      await inbox.say(ASHA, 'a question about gramophones', { phoneNumberId: OTHER_NUMBER_ID });
      expect(await found('gramophones')).toEqual([]);
      expect(await found('asha')).toEqual([ASHA]);
      const of = (query: string): Promise<(string | null)[]> => inbox.phones(query, otherAccount);
      expect(await of('q=gramophones')).toEqual([ASHA]);
      expect(await of('q=asha')).toEqual([ASHA]);
      expect(await of('q=gazebo')).toEqual([]);
      expect(await of(`q=${encodeURIComponent('राम')}`)).toEqual([]);
      expect(await of('label=vip')).toEqual([]);
      expect(await of('q=asha.shops')).toEqual([]);
    });
  });

  /**
   * The ways a search goes (by index, along the list, along the list and then by index after all) must find the same. The
   * sizes are beyond the limits of `ChatFinder`: 2,000 people named, 5 of the newest 500 texts, 3,000 walked.
   */
  describe('in a large inbox', () => {
    const PEOPLE = 4_500;
    const account = (): number => inbox.accountId;

    beforeAll(async () => {
      // By recency: 1 is the newest. "Everyone" is in every name; "usual" in each third text; "ancient" in texts of the
      // oldest 500; "sparse" in every 90th; "recent" in the newest 40.
      await inbox.api.db.query(
        `with people as (
           insert into contacts (identity_key, phone, name)
           select 'phone:+9177' || n, '+9177' || n, 'Everyone ' || case when n % 1000 = 7 then 'Rarely' else 'Often' end || ' P' || n
           from generate_series(10000001, 10000000 + $2::int) n
           returning id, phone, (right(phone, 7))::int as n
         ), known as (
           insert into contact_identities (contact_id, kind, value) select id, 'phone', phone from people
         ), chats as (
           insert into conversations (account_id, contact_id, last_message_at, last_inbound_at, is_resolved, last_message_id)
           select $1, id, date_trunc('second', now()) - make_interval(mins => n), now(), n % 50 = 0, 0 from people
           returning id, contact_id
         )
         insert into messages (account_id, conversation_id, contact_id, direction, message_type, message_body, status, timestamp)
         select $1, chats.id, people.id, 'inbound', 'text',
           concat_ws(' ', 'text', n, case when n % 3 = 0 then 'usual' end, case when n > $2::int - 500 then 'ancient' end,
             case when n % 90 = 0 then 'sparse' end, case when n <= 40 then 'recent' end),
           'delivered', date_trunc('second', now()) - make_interval(mins => n)
         from chats join people on people.id = chats.contact_id order by n`,
        [account(), PEOPLE],
      );
      await inbox.api.db.query('analyze');
    });

    const expected = (test: (n: number) => boolean): string[] =>
      Array.from({ length: PEOPLE }, (_, index) => index + 1)
        .filter(test)
        .map((n) => `+9177${10_000_000 + n}`);
    const listed = async (query: string): Promise<(string | null)[]> =>
      (await inbox.phones(`limit=200&${query}`)).filter((phone) => phone?.startsWith('+9177'));

    it.each<[string, string, (n: number) => boolean]>([
      ['a name everybody has', 'q=everyone', () => true],
      ['a name everybody has, and a state', 'q=everyone&status=resolved', (n) => n % 50 === 0],
      ['a rare name', 'q=rarely', (n) => n % 1000 === 7],
      ['a name and a rare name', 'q=everyone%20rarely', (n) => n % 1000 === 7],
      ['a common word', 'q=usual', (n) => n % 3 === 0],
      ['a common word, and a state', 'q=usual&status=resolved', (n) => n % 150 === 0],
      ['a word of the newest only', 'q=recent', (n) => n <= 40],
      ['a word of the oldest only', 'q=ancient', (n) => n > PEOPLE - 500],
      ['a word here and there', 'q=sparse', (n) => n % 90 === 0],
      ['two words', 'q=usual%20sparse', (n) => n % 90 === 0],
      ['a part of a phone', 'q=7710000', (n) => n < 1_000],
      ['a phone everybody begins with', 'q=91771', () => true],
    ])('%s: all of them, each once, the newest first', async (_what, query, test) => {
      expect(await listed(query)).toEqual(expected(test));
    });

    it('reads no table from end to end, whatever is asked', async () => {
      const reads = async (): Promise<unknown> => {
        // A connection tells what it did when it is used again a second later.
        await new Promise((resolve) => setTimeout(resolve, 1_100));
        await Promise.all(Array.from({ length: 12 }, () => inbox.api.db.query('select pg_sleep(0.05)')));
        return inbox.api.db.query(
          `select relname, seq_scan from pg_stat_user_tables
           where relname in ('messages', 'conversations') order by relname`,
        );
      };
      const before = await reads();
      for (const query of [
        'limit=50',
        'status=resolved',
        'status=open',
        'unread=true',
        'assigned_to=nobody-has-this-name',
        'label=vip',
        'label=vip&status=open&unread=true',
        'q=everyone',
        'q=rarely',
        'q=usual',
        'q=ancient',
        'q=gazebo',
        'q=zzz',
        'q=7710000',
      ]) {
        expect((await inbox.call('GET', `/chats?${query}`)).status).toBe(200);
      }
      for (const query of ['q=usual', 'q=ancient', 'q=zzz', 'q=usual&type=image', `q=text&phone=%2B917710000001`]) {
        expect((await inbox.call('GET', `/messages?${query}`)).status).toBe(200);
      }
      expect(await reads()).toEqual(before);
    });

    it('pages of a search stay whole while messages arrive', async () => {
      const seen: (string | null)[] = [];
      const wrote: string[] = [];
      let cursor: string | null = null;
      for (let round = 0; round < 20 && (round === 0 || cursor); round += 1) {
        const page: Page<Chat> = await inbox.chats(`q=usual&limit=40${cursor ? `&cursor=${cursor}` : ''}`);
        seen.push(...page.rows.map((row) => row.phone_number));
        cursor = page.next;
        const phone = `+9177${10_000_000 + 3 * (150 + round * 40)}`;
        wrote.push(phone);
        await inbox.say(phone, 'once more', { secondsAgo: 0 });
      }
      expect(new Set(seen).size).toBe(seen.length);
      const all = expected((n) => n % 3 === 0).slice(0, 700);
      const quiet = all.filter((phone) => !wrote.includes(phone));
      expect(quiet.filter((phone) => !seen.includes(phone))).toEqual([]);
      const top = (await inbox.chats('q=usual&limit=50')).rows.map((row) => row.phone_number);
      expect(wrote.filter((phone) => !top.includes(phone))).toEqual([]);
    });
  });
});
