import { randomUUID } from 'node:crypto';
import { AccountsService } from '../../src/accounts/accounts.service.js';
import { Recount } from '../../src/analytics/recount.js';
import { DJANGO_COMMANDS } from '../../src/cli/django-commands.js';
import { decryptFernet, fernetKeysOf, looksLikeFernet } from '../../src/django/fernet.js';
import { ImportLock } from '../../src/django/import-lock.js';
import { KINDS, type ImportReport } from '../../src/django/import-report.js';
import { testEnvironment } from '../support/app.js';
import {
  DJANGO_SECRET_KEY,
  djangoAccount,
  fernetToken,
  spellings,
  type DjangoDatabase,
} from '../support/django-database.js';
import {
  countsOf,
  expectUnchanged,
  heardOf,
  startMove,
  startNewHome,
  type Move,
  type NewHome,
} from '../support/django-move.js';

const DAY = 86_400_000;

/** A moment of October 2026. */
function at(days: number): Date {
  return new Date(Date.UTC(2026, 9, 1) + days * DAY);
}

interface Contact {
  id: number;
  phone: string;
  name: string;
  opted_out: boolean;
  labels: { name: string }[];
}

describe('importing a Django database', () => {
  let home: NewHome;
  let move: Move;
  let django: DjangoDatabase;
  let accountNo = 0;
  const newAccount = async (overrides: Record<string, unknown> = {}): Promise<number> =>
    (
      await django.insert(
        'whatsappaccount',
        djangoAccount({ phone_number_id: String(300_000_000_000 + (accountNo += 1)), ...overrides }),
      )
    )[0] as number;
  const contactsFor = async (digits: string): Promise<Contact[]> =>
    (await home.api.call<{ contacts: Contact[] }>('GET', `/contacts?q=${digits}`)).body.contacts;
  /** Our account that one of theirs became. */
  const ourAccount = async (sourceId: number): Promise<number> => {
    const [row] = await home.api.db.query<{ id: number }>(
      `select target_id as id from imported_rows where model = 'account' and source_id = $1 order by import_id desc limit 1`,
      [sourceId],
    );
    return row?.id as number;
  };

  beforeAll(async () => {
    home = await startNewHome();
  });
  afterAll(() => home.close());
  beforeEach(async () => {
    move = await startMove(home);
    ({ django } = move);
  });
  afterEach(() => move.close());

  it('makes one person and one thread of three spellings, as the dry run said, and runs again without doing anything', async () => {
    const account = await newAccount();
    const [vip, late] = await django.insert('whatsapplabel', { name: 'VIP', color: 'amber' }, { name: 'late' });
    const [typed, metas, bare] = spellings('9876500001');
    const contacts = await django.insert(
      'whatsappcontact',
      { phone: typed, name: 'Asha', notes: 'Prefers mornings', updated_at: at(1), created_at: at(0) },
      { phone: metas, opted_out: true, email: 'asha@example.com', updated_at: at(2), created_at: at(1) },
      { phone: bare, name: 'Asha Rao', updated_at: at(3), created_at: at(2) },
    );
    await django.insert(
      'whatsappcontact_labels',
      { whatsappcontact_id: contacts[0], whatsapplabel_id: vip },
      { whatsappcontact_id: contacts[2], whatsapplabel_id: late },
    );
    const [first, second] = await django.insert(
      'whatsappconversation',
      { account_id: account, phone_number: metas, unread_count: 2, last_message_at: at(5), assigned_to: 'mira' },
      {
        ...{ account_id: account, phone_number: typed, unread_count: 1, last_message_at: at(4) },
        ...{ label_id: vip, is_resolved: true },
      },
    );
    await django.insert(
      'whatsappmessage',
      ...[
        { conversation_id: first, phone_number: metas, direction: 'inbound', status: 'delivered' },
        { conversation_id: second, phone_number: typed, direction: 'outbound', status: 'read' },
        { conversation_id: first, phone_number: metas, direction: 'inbound', status: 'delivered' },
      ].map((message, day) => ({
        ...{ ...message, account_id: account, message_id: `wamid.${day}` },
        ...{ message_body: `message ${day}`, timestamp: at(3 + day) },
      })),
    );

    const empty = await countsOf(home);
    const dry = await move.run({ isDry: true });
    expect(await countsOf(home)).toEqual(empty);
    const report = await move.run();
    expect(withoutIds(dry)).toEqual(withoutIds({ ...report, dry_run: true }));
    expect(report.kinds).toMatchObject({
      accounts: { read: 1, created: 1 },
      contacts: { read: 3, created: 1, merged: 2, merged_because: { same_phone: { count: 2, source_ids: [2, 1] } } },
      conversations: { read: 2, created: 1, merged: 1 },
      messages: { read: 3, created: 3 },
    });

    expect(await contactsFor('9876500001')).toEqual([
      expect.objectContaining({
        phone: '+919876500001',
        name: 'Asha Rao',
        email: 'asha@example.com',
        notes: 'Prefers mornings',
        opted_out: true,
        created_at: at(0).toISOString(),
        labels: [expect.objectContaining({ name: 'late' }), expect.objectContaining({ name: 'VIP' })],
      }),
    ]);
    const accountId = await ourAccount(account);
    const chats = await home.api.call<{ conversations: unknown[] }>('GET', '/chats', { accountId });
    expect(chats.body.conversations).toEqual([
      expect.objectContaining({
        phone_number: '+919876500001',
        unread_count: 3,
        label_name: 'VIP',
        assigned_to: 'mira',
        is_resolved: false,
        last_message_at: at(5).toISOString(),
        last_message: expect.objectContaining({ message_body: 'message 2' }) as unknown,
      }),
    ]);
    const thread = await home.api.call<{ messages: { message_body: string }[] }>('GET', `/chats/${bare}/messages`, {
      accountId,
    });
    expect(thread.body.messages.map((message) => message.message_body)).toEqual([
      'message 2',
      'message 1',
      'message 0',
    ]);

    const before = await countsOf(home);
    expectUnchanged(await move.run());
    expect(await countsOf(home)).toEqual(before);
  });

  it('says nothing to anybody: no event, no request to Graph, and nothing is left to be sent', async () => {
    const account = await newAccount();
    const [template] = await django.insert('whatsapptemplate', {
      ...{ account_id: account, name: 'hello', body_text: 'Hello {{1}}', status: 'APPROVED' },
    });
    const [running, scheduled] = await django.insert(
      'whatsappcampaign',
      { account_id: account, name: 'Was running', template_id: template, status: 'running', started_at: at(1) },
      { account_id: account, name: 'For later', template_id: template, status: 'scheduled', scheduled_at: at(2) },
    );
    await django.insert(
      'whatsappcampaignrecipient',
      { campaign_id: running, phone_number: '919876500011', status: 'sent', message_id: 'wamid.r1', sent_at: at(1) },
      { campaign_id: running, phone_number: '919876500012' },
      { campaign_id: scheduled, phone_number: '919876500013' },
    );
    await django.insert('whatsappmessage', {
      ...{ account_id: account, phone_number: '919876500011', direction: 'inbound', message_type: 'image' },
      ...{ media_id: '777', message_id: 'wamid.image', raw_payload: null },
    });
    await django.insert('whatsappblockeduser', { account_id: account, phone_number: '919876500014' });
    await django.insert('whatsappcontact', { phone: '919876500011', opted_out: true });
    const before = await heardOf(home);
    await move.run();
    // The worker runs beside: its sweepers look every second for what is due.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await heardOf(home)).toEqual(before);
    expect(before.graph).toEqual([]);
    const accountId = await ourAccount(account);
    const { body } = await home.api.call<{ campaigns: Record<string, unknown>[] }>('GET', '/campaigns', { accountId });
    expect(body.campaigns).toEqual([
      expect.objectContaining({ name: 'For later', status: 'draft', scheduled_at: null, pending_count: 1 }),
      expect.objectContaining({
        name: 'Was running',
        status: 'paused',
        status_reason: expect.objectContaining({ code: 'imported_running' }) as unknown,
        ...{ total_count: 2, sent_count: 1, unknown_count: 1, pending_count: 0 },
      }),
    ]);
    const [audit] = await home.api.db.query<{ action: string; changes: Record<string, unknown> }>(
      `select action, changes from audit_log where action = 'import.django' order by id desc limit 1`,
    );
    expect(audit?.changes).toMatchObject({ campaigns: { created: 2 }, recipients: { created: 3 } });
  });

  it('lets the keys of integrators go on working, and keeps nothing of them but a hash', async () => {
    const [key, revoked] = [randomUUID(), randomUUID()];
    await newAccount();
    await django.insert(
      'whatsappapikey',
      { name: 'Shop backend', key },
      { name: 'Old', key: revoked, is_active: false },
    );
    expect((await home.api.call('GET', '/chats', { key })).status).toBe(401);
    const report = await move.run();
    expect(report.kinds.api_keys).toMatchObject({ read: 2, created: 2 });
    expect((await home.api.call('GET', '/chats', { key })).status).toBe(200);
    expect((await home.api.call('GET', '/chats', { key: revoked })).status).toBe(401);
    const kept = JSON.stringify(await home.api.db.query('select * from api_keys, django_imports, imported_rows'));
    expect(kept).not.toContain(key);
    expect(kept).not.toContain(key.slice(5));

    await django.query('update @whatsappapikey set is_active = false where key = $1', [key]);
    expect((await move.run()).kinds.api_keys).toMatchObject({ updated: 1, unchanged: 1 });
    await home.api.call('GET', '/chats', { key: randomUUID() });
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect((await home.api.call('GET', '/chats', { key })).status).toBe(401);
  });

  it('reads tokens that Django encrypted, plain ones of before, and names those whose key is missing', async () => {
    const verifyToken = randomUUID();
    const [own, plain, foreign, none] = [
      await newAccount({ access_token: fernetToken('EAAencrypted'), verify_token: verifyToken }),
      await newAccount({ access_token: 'EAAplain' }),
      await newAccount({ access_token: fernetToken('EAAforeign', 'another key, with a comma') }),
      await newAccount({ access_token: '' }),
    ];
    const report = await move.run();
    expect(report.kinds.accounts).toMatchObject({
      created: 4,
      cleaned: { token_not_readable: { count: 1, source_ids: [foreign] }, no_token: { count: 1, source_ids: [none] } },
    });
    const tokenOf = async (sourceId: number): Promise<string | undefined> => {
      const account = await home.api.app.get(AccountsService).find(await ourAccount(sourceId));
      return account?.accessToken.reveal();
    };
    expect([await tokenOf(own), await tokenOf(plain), await tokenOf(foreign)]).toEqual([
      'EAAencrypted',
      'EAAplain',
      undefined,
    ]);
    const stored = JSON.stringify(await home.api.db.query('select * from accounts'));
    expect(stored).not.toMatch(/EAAencrypted|EAAplain|gAAAA/);
    const challenge = await fetch(
      `${home.api.url}/whatsapp/webhook/?hub.mode=subscribe&hub.challenge=42&hub.verify_token=${verifyToken}`,
    );
    expect(await challenge.text()).toBe('42');

    const again = await move.run({ fernetKeys: ['another key, with a comma'] });
    expect(again.kinds.accounts).toMatchObject({ updated: 1, unchanged: 3, cleaned: {} });
    expect(await tokenOf(foreign)).toBe('EAAforeign');
  });

  it('brings what changed there since, unless it was changed or deleted here', async () => {
    const account = await newAccount();
    await django.insert(
      'whatsappcontact',
      { phone: '+919876500021', name: 'There' },
      { phone: '+919876500022', name: 'Here' },
      { phone: '+919876500023', name: 'Gone' },
    );
    const [chat] = await django.insert('whatsappconversation', { account_id: account, phone_number: '919876500021' });
    await django.insert('whatsappmessage', {
      ...{ account_id: account, conversation_id: chat, phone_number: '919876500021', message_id: 'wamid.late' },
      ...{ direction: 'outbound', message_body: 'Hi' },
    });
    await move.run();
    const [[here], [gone]] = [await contactsFor('9876500022'), await contactsFor('9876500023')];
    await home.api.call('PATCH', `/contacts/${here?.id}`, { body: { name: 'Changed here' } });
    await home.api.call('DELETE', `/contacts/${gone?.id}`);
    await django.query(`update @whatsappcontact set name = 'New ' || name, updated_at = now()`);
    await django.query(`update @whatsappmessage set status = 'read'`);
    await django.query('update @whatsappconversation set unread_count = 4');
    await django.insert('whatsappcontact', { phone: '919876500021', opted_out: true });
    const report = await move.run();
    expect(report.kinds).toMatchObject({
      contacts: { read: 4, updated: 1, kept: 2, merged: 1 },
      conversations: { updated: 1 },
      messages: { updated: 1 },
    });
    expect(await contactsFor('9876500021')).toMatchObject([{ name: 'New There', opted_out: true }]);
    expect(await contactsFor('9876500022')).toMatchObject([{ name: 'Changed here' }]);
    expect(await contactsFor('9876500023')).toEqual([]);
    const { body } = await home.api.call<{ conversations: unknown[] }>('GET', '/chats', {
      accountId: await ourAccount(account),
    });
    expect(body.conversations).toMatchObject([{ unread_count: 4, last_message: { status: 'read' } }]);
    expectUnchanged(await move.run());
  });

  it('leaves alone who is here already, and their wish when it is newer', async () => {
    const phone = '+919876500031';
    await home.api.call('POST', '/accounts', {
      body: { name: 'Ours', access_token: 'EAAours', phone_number_id: '300009999999' },
    });
    home.graphCalls.length = 0;
    const { body: ours } = await home.api.call<Contact>('POST', '/contacts', { body: { phone, name: 'Ours' } });
    await home.api.call('POST', `/contacts/${ours.id}/opt-out`, { body: {} });
    await home.api.call('POST', `/contacts/${ours.id}/opt-in`, { body: {} });
    await newAccount();
    await django.insert('whatsappcontact', {
      ...{ phone, name: 'Theirs', email: 'a@example.com', opted_out: true, updated_at: at(0) },
    });
    const report = await move.run();
    expect(report.kinds.contacts).toMatchObject({
      created: 0,
      merged: 1,
      merged_because: { already_here: { count: 1 } },
    });
    expect(await contactsFor('9876500031')).toMatchObject([
      { id: ours.id, name: 'Ours', email: 'a@example.com', opted_out: false },
    ]);
  });

  it('goes on where it was when it was killed', async () => {
    const account = await newAccount();
    const phones = Array.from({ length: 40 }, (_, index) => `91987651${String(index).padStart(4, '0')}`);
    await django.insert('whatsappcontact', ...phones.map((phone) => ({ phone })));
    await django.insert(
      'whatsappmessage',
      ...phones.map((phone) => ({
        account_id: account,
        phone_number: phone,
        direction: 'inbound',
        message_id: `m${phone}`,
      })),
    );
    const kill = (kind: string): void => {
      if (kind === 'campaigns') {
        throw new Error('killed');
      }
    };
    await expect(move.run({ onProgress: kill })).rejects.toThrow('killed');
    const half = await countsOf(home);
    const report = await move.run();
    expect(report.kinds).toMatchObject({ contacts: { unchanged: 40 }, messages: { unchanged: 40 } });
    expect(await countsOf(home)).toMatchObject({ contacts: half.contacts, messages: half.messages });
  });

  it('takes nobody’s ten digits from Meta for a number of the home country', async () => {
    const account = await newAccount();
    // Meta writes Singapore's +65 8123 4567 so; typed by people, ten digits are Indian.
    await django.insert('whatsappcontact', { phone: '6581234567', name: 'Wei' }, { phone: '9876500041', name: 'Ravi' });
    await django.insert('whatsappmessage', {
      ...{ account_id: account, phone_number: '6581234567', direction: 'inbound', message_id: 'wamid.sg' },
    });
    await move.run();
    expect(await contactsFor('81234567')).toMatchObject([{ phone: '+6581234567', name: 'Wei' }]);
    expect(await contactsFor('9876500041')).toMatchObject([{ phone: '+919876500041', name: 'Ravi' }]);
  });

  it('is stopped by no row: what cannot be read is skipped or cleaned, and named with its id', async () => {
    const account = await newAccount();
    const [nobody] = await django.insert('whatsappaccount', djangoAccount({ phone_number_id: ' ' }));
    await django.query('alter table @whatsappcontact alter name drop not null, alter name type text');
    await django.query('alter table @whatsappcampaign alter audience_filters type json');
    await django.insert(
      'whatsappcontact',
      { phone: 'garbage' },
      { phone: '+919876500051', name: null, email: 'no email', created_at: '0001-01-01' },
      { phone: '+919876500052', name: 'x'.repeat(5_000) },
      { phone: '+919876500053', name: 'Fine' },
    );
    await django.insert(
      'whatsappconversation',
      { phone_number: 'nobody', account_id: account },
      { phone_number: '919876500053', account_id: nobody },
    );
    await django.insert(
      'whatsappmessage',
      { phone_number: '()', direction: 'outbound', account_id: account },
      { phone_number: '919876500053', direction: 'sideways', account_id: account },
      {
        phone_number: '919876500053',
        direction: 'outbound',
        status: 'warning',
        message_type: 'hologram',
        account_id: account,
      },
    );
    await django.query(
      `insert into @whatsappcampaign (account_id, name, status, audience_filters)
       values ($1, 'odd', 'sleeping', '"{\\"a\\": \\"\\u0000b\\"}"'), ($1, '', 'draft', '[1]')`,
      [account],
    );
    await django.insert('whatsapptemplate', { account_id: account, name: ' ', body_text: '' });
    await django.insert('whatsapplabel', { name: 'twice' }, { name: 'TWICE', color: 'no colour' });
    const report = await move.run();
    expect(report.kinds).toMatchObject({
      accounts: { created: 1, skipped_because: { no_phone_number_id: { source_ids: [nobody] } } },
      labels: { created: 1, merged: 1, cleaned: { color_unknown: { source_ids: [2] } } },
      templates: { skipped_because: { no_name: { count: 1 } } },
      contacts: {
        created: 3,
        skipped_because: { invalid_phone_number: { source_ids: [1] } },
        cleaned: {
          created_at_no_time: { source_ids: [2] },
          email_invalid: { source_ids: [2] },
          name_too_long: { source_ids: [3] },
        },
      },
      conversations: { created: 0, skipped_because: { invalid_phone_number: { count: 1 }, no_account: { count: 1 } } },
      messages: {
        created: 1,
        skipped_because: { invalid_phone_number: { source_ids: [1] }, direction_unknown: { source_ids: [2] } },
        cleaned: { status_unknown: { source_ids: [3] }, message_type_unknown: { source_ids: [3] } },
      },
      campaigns: { created: 2, cleaned: { status_unknown: { count: 1 }, audience_filters_no_object: { count: 1 } } },
    });
    for (const kind of Object.values(report.kinds)) {
      const { read, created, updated, unchanged, merged, kept, skipped } = kind;
      expect(created + updated + unchanged + merged + kept + skipped).toBe(read);
    }
  });

  it('loses of a batch only the row that the database refuses', async () => {
    const account = await newAccount();
    const named = (name: string): Record<string, unknown> => ({
      ...{ account_id: account, name, body_text: name, meta_template_id: `meta-${name}` },
    });
    await django.insert('whatsapptemplate', named('one'), named('two'), named('three'));
    await move.run();
    await django.query(`update @whatsapptemplate set body_text = 'changed'`);
    await django.query(`update @whatsapptemplate set meta_template_id = 'meta-two' where name = 'one'`);
    const report = await move.run();
    expect(report.kinds.templates).toMatchObject({
      updated: 2,
      skipped_because: { refused_23505: { source_ids: [1] } },
    });
    const { body } = await home.api.call<{ templates: { name: string; body_text: string }[] }>('GET', '/templates', {
      accountId: await ourAccount(account),
    });
    expect(new Map(body.templates.map((template) => [template.name, template.body_text]))).toEqual(
      new Map([
        ['one', 'one'],
        ['two', 'changed'],
        ['three', 'changed'],
      ]),
    );
  });

  it('reads databases of earlier versions, in which tables and columns are missing, and other table prefixes', async () => {
    await newAccount();
    await django.insert('whatsappcontact', { phone: '919876500061', name: 'Early' });
    for (const table of ['flowresponse', 'flow', 'blockeduser', 'contact_labels', 'webhooklog']) {
      await django.query(`drop table @whatsapp${table}`);
    }
    await django.query(
      'alter table @whatsappcontact drop column updated_at, drop column is_blocked, drop column notes',
    );
    const { rows } = await django.client.query<{ name: string }>(
      `select relname as name from pg_class where relkind = 'r' and relname like 'django\\_meta\\_%'`,
    );
    for (const { name } of rows) {
      await django.client.query(`alter table "${name}" rename to "crm_${name.split('_').slice(3).join('_')}"`);
    }
    await expect(move.run()).rejects.toThrow('There are no tables django_meta_whatsapp_… in that database');
    const report = await move.run({ tablePrefix: 'crm_' });
    expect(report.kinds).toMatchObject({ contacts: { created: 1 }, flows: { read: 0 }, block_flags: { read: 0 } });
  });

  it('brings in some kinds only, one import at a time, and says in a sentence what is wrong', async () => {
    await newAccount();
    await django.insert('whatsappcontact', { phone: '919876500071' });
    expect(Object.keys((await move.run({ only: ['accounts'] })).kinds)).toEqual(['accounts']);
    await home.api.app
      .get(ImportLock, { strict: false })
      .alone(() => expect(move.run()).rejects.toThrow('Another import is running.'));
    await expect(move.run({ accountId: 999_999 })).rejects.toThrow('There is no account 999999 here.');
    const refused = move.run({ databaseUrl: 'postgres://someone:secret@127.0.0.1:1/none' });
    await expect(refused).rejects.toThrow(/^The Django database cannot be opened: ECONNREFUSED\.$/);
    await expect(move.run({ databaseUrl: 'mysql://x' })).rejects.toThrow(/Only PostgreSQL/);
  });

  it('makes 1,000 people of 3,000 contacts and threads; dry run, import and second import agree', async () => {
    const account = await newAccount();
    await django.query(
      `insert into @whatsappcontact (phone, name, opted_out, updated_at)
       select s || lpad(n::text, 8, '0'), 'Person ' || n, p = 2 and n % 10 = 0, timestamptz '2026-10-01' + make_interval(secs => n * 3 + p)
       from generate_series(1, 1000) n, unnest(array['+9181', '9181', '81']) with ordinality as u (s, p)`,
    );
    await django.query(
      `insert into @whatsappconversation (account_id, phone_number, unread_count, last_message_at)
       select $1, phone, 1, updated_at from @whatsappcontact`,
      [account],
    );
    await django.query(
      `insert into @whatsappmessage (account_id, conversation_id, phone_number, message_id, direction, timestamp)
       select $1, id, phone_number, 'wamid.' || id, 'outbound', last_message_at from @whatsappconversation`,
      [account],
    );
    const before = await countsOf(home);
    const dry = await move.run({ isDry: true });
    const first = await move.run();
    expect(withoutIds(dry)).toEqual(withoutIds({ ...first, dry_run: true }));
    expect(first.kinds).toMatchObject({
      contacts: { read: 3_000, created: 1_000, merged: 2_000, skipped: 0 },
      conversations: { read: 3_000, created: 1_000, merged: 2_000, skipped: 0 },
      messages: { read: 3_000, created: 3_000, skipped: 0 },
    });
    const after = await countsOf(home);
    const added = (table: string): number => (after[table] ?? 0) - (before[table] ?? 0);
    expect([added('contacts'), added('contact_identities'), added('conversations'), added('messages')]).toEqual([
      ...[1_000, 1_000, 1_000, 3_000],
    ]);
    const [sums] = await home.api.db.query<{ unread: number; opted_out: number; ordered: boolean }>(
      `select sum(c.unread_count)::int as unread, count(*) filter (where p.opted_out)::int as opted_out,
         bool_and(c.last_message_at = (select max(m.timestamp) from messages m where m.conversation_id = c.id)) as ordered
       from conversations c join contacts p on p.id = c.contact_id where c.account_id = $1`,
      [await ourAccount(account)],
    );
    expect(sums).toEqual({ unread: 3_000, opted_out: 100, ordered: true });
    // What came in is in the figures, once.
    const recount = home.api.app.get(Recount, { strict: false });
    expect(await recount.run({})).toMatchObject({ isEqual: true });
    expectUnchanged(await move.run());
    expect(await countsOf(home)).toEqual(after);
    expect(await recount.run({})).toMatchObject({ isEqual: true });
  });

  it('is a command, with a table for people and the report as JSON', async () => {
    await newAccount();
    await django.insert('whatsappcontact', { phone: '+919876500081' }, { phone: 'nonsense' });
    await django.insert('whatsappwebhooklog', { payload: {} });
    const command = DJANGO_COMMANDS['import django'];
    const given = { ...process.env };
    Object.assign(process.env, testEnvironment(home.api.databaseUrl), { DJANGO_SECRET_KEY });
    try {
      const output = await command?.run({ 'database-url': django.url, 'dry-run': true }, []);
      expect(output?.text).toMatch(/^A dry run: nothing was kept\.\n/);
      expect(output?.text).toMatch(/^contacts +2 +1 +0 +0 +0 +0 +1$/m);
      expect(output?.text).toContain('contacts skipped: invalid_phone_number 1 (ids there: 2)');
      expect(output?.text).toContain('1 webhook logs are not imported.');
      expect(output?.json).toMatchObject({ dry_run: true, kinds: { contacts: { read: 2, created: 1, skipped: 1 } } });
      expect(JSON.stringify(output)).not.toMatch(/9876500081|nonsense|EAAdjango/);
      await expect(command?.run({}, [])).rejects.toThrow('DJANGO_DATABASE_URL');
      await expect(command?.run({ 'database-url': django.url, only: 'contacts,cats' }, [])).rejects.toThrow(
        `Unknown: cats. There are: ${KINDS.join(', ')}`,
      );
    } finally {
      process.env = given;
    }
  });
});

describe('Fernet', () => {
  // https://github.com/fernet/spec: generate.json, verify.json and invalid.json
  const key = Buffer.from('cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=', 'base64url');
  const token = 'gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==';

  it('reads the token of its specification', () => {
    expect(decryptFernet(token, key)).toBe('hello');
    expect(
      fernetKeysOf('cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=').map((one) => decryptFernet(token, one)),
    ).toContain('hello');
    expect(looksLikeFernet(token)).toBe(true);
    expect(looksLikeFernet('EAAplain')).toBe(false);
  });

  it.each([
    [
      'another MAC',
      'gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAl1-szkFVzXTuGb4hR8AKtwcaX1YdykQUFBQUFBQUFBQQ==',
    ],
    ['too short', 'gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPA=='],
    [
      'no base64',
      '%%%%%%%%%%%%%AECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAl1-szkFVzXTuGb4hR8AKtwcaX1YdykRtfsH-p1YsUD2Q==',
    ],
    [
      'a payload that is no whole block',
      'gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPOm73QeoCk9uGib28Xe5vz6oxq5nmxbx_v7mrfyudzUm',
    ],
    [
      'wrong padding',
      'gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0ODz4LEpdELGQAad7aNEHbf-JkLPIpuiYRLQ3RtXatOYREu2FWke6CnJNYIbkuKNqOhw==',
    ],
  ])('refuses %s, as its specification says', (_what, invalid) => {
    expect(decryptFernet(invalid, key)).toBeNull();
  });

  it('refuses another key', () => {
    expect(decryptFernet(fernetToken('EAA', 'one'), fernetKeysOf('two')[0] as Buffer)).toBeNull();
  });
});

/** Ids here differ: sequences go on, also after a dry run. */
function withoutIds(report: ImportReport): unknown {
  return { ...report, default_account_id: report.default_account_id === null ? null : 'some' };
}
