import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { djangoAccount, type DjangoDatabase } from '../support/django-database.js';
import { expectUnchanged, startMove, startNewHome, type Move, type NewHome } from '../support/django-move.js';

const PHONE = '+919876600001';
const [TYPED, METAS, BARE] = [PHONE, '919876600001', '9876600001'];

interface Message {
  id: number;
  message_type: string;
  message_body: string;
  message_id: string | null;
  [more: string]: unknown;
}

/** What Meta sent, as the package keeps it: the message object alone. */
function metas(id: string, type: string, part: unknown, more: object = {}): Record<string, unknown> {
  return { id, from: METAS, timestamp: '1790000000', type, [type]: part, ...more };
}

describe('of a Django database come in', () => {
  let home: NewHome;
  let move: Move;
  let django: DjangoDatabase;
  let account: number;
  let accountId: number;
  const get = async <T>(path: string): Promise<T> => {
    const answer = await home.api.call<T>('GET', path, { accountId });
    expect(answer.status).toBe(200);
    return answer.body;
  };
  /** Brings everything in, twice: the second time nothing happens. */
  const bringIn = async (options: Parameters<Move['run']>[0] = {}): ReturnType<Move['run']> => {
    const report = await move.run(options);
    expectUnchanged(await move.run(options));
    const [row] = await home.api.db.query<{ id: number }>(
      `select target_id as id from imported_rows where model = 'account' and source_id = $1 order by import_id desc limit 1`,
      [account],
    );
    accountId = row?.id as number;
    return report;
  };
  const received = (id: string, raw: Record<string, unknown>, columns: object = {}): Record<string, unknown> => ({
    ...{ account_id: account, phone_number: METAS, direction: 'inbound', status: 'delivered', message_id: id },
    ...{ message_type: raw.type, raw_payload: raw, ...columns },
  });

  beforeAll(async () => {
    home = await startNewHome();
  });
  afterAll(() => home.close());
  let accountNo = 0;
  beforeEach(async () => {
    move = await startMove(home);
    ({ django } = move);
    const [id] = await django.insert(
      'whatsappaccount',
      djangoAccount({ phone_number_id: String(310_000_000_000 + (accountNo += 1)) }),
    );
    account = id as number;
  });
  afterEach(() => move.close());

  it('messages with all that Meta had sent: file names, cards, places, quotes, reactions and what was taken back', async () => {
    const minutes = (n: number): Date => new Date(Date.UTC(2026, 9, 1, 12, n));
    const [asked] = await django.insert('whatsappmessage', {
      ...{ account_id: account, phone_number: TYPED, direction: 'outbound', message_id: 'wamid.asked', status: 'read' },
      ...{ message_body: 'Where are you?', timestamp: minutes(0) },
    });
    await django.insert(
      'whatsappmessage',
      received('wamid.place', metas('wamid.place', 'location', { latitude: 19.07, longitude: 72.87, name: 'Home' }), {
        timestamp: minutes(1),
        reply_to_id: asked,
        location_latitude: 19.07,
        location_longitude: 72.87,
      }),
      received(
        'wamid.file',
        metas('wamid.file', 'document', { id: '4711', mime_type: 'application/pdf', filename: 'bill.pdf' }),
        { timestamp: minutes(2), media_id: '4711', media_mime_type: 'application/pdf' },
      ),
      received('wamid.like', metas('wamid.like', 'reaction', { message_id: 'wamid.asked', emoji: '👍' }), {
        ...{ timestamp: minutes(3), message_body: '👍' },
      }),
      received('wamid.oops', metas('wamid.oops', 'text', { body: 'Oops' }), { timestamp: minutes(4) }),
      received('wamid.revoke', metas('wamid.revoke', 'revoke', { original_message_id: 'wamid.oops' }), {
        ...{ timestamp: minutes(5), message_body: '[Revoke]' },
      }),
      received('wamid.cards', metas('wamid.cards', 'contacts', [{ name: { formatted_name: 'Ravi' } }]), {
        ...{ timestamp: minutes(6), message_body: '[Contacts]' },
      }),
      // Of before 1.0: no payload, no wamid, hidden by an agent.
      {
        ...{ account_id: account, phone_number: BARE, direction: 'outbound', status: 'failed', timestamp: minutes(7) },
        ...{ message_body: 'Never mind', is_deleted: true },
      },
    );
    const report = await bringIn();
    expect(report.kinds.messages).toMatchObject({ read: 8, created: 8, skipped: 0 });
    const { messages } = await get<{ messages: Message[] }>(`/chats/${METAS}/messages?limit=200`);
    const byId = new Map(messages.map((message) => [message.message_id, message]));
    expect(messages.map((message) => message.message_id)).toEqual([
      ...['wamid.cards', 'wamid.oops', 'wamid.file', 'wamid.place', 'wamid.asked'],
    ]);
    const asking = byId.get('wamid.asked') as Message;
    expect(asking).toMatchObject({
      ...{ status: 'read', direction: 'outbound', sent_at: minutes(0).toISOString() },
      reactions: [{ emoji: '👍', actor: 'customer', timestamp: minutes(3).toISOString() }],
    });
    expect(byId.get('wamid.place')).toMatchObject({
      ...{ message_type: 'location', message_body: 'Home', location_latitude: 19.07, reply_to: asking.id },
    });
    expect(byId.get('wamid.file')).toMatchObject({
      ...{ media_filename: 'bill.pdf', media_state: 'failed', media_id: '4711' },
    });
    expect(byId.get('wamid.oops')).toMatchObject({ is_deleted: true, deleted_by: 'customer' });
    expect(byId.get('wamid.cards')).toMatchObject({ message_type: 'contacts', message_body: 'Ravi' });
    const { conversations } = await get<{ conversations: Record<string, unknown>[] }>('/chats');
    expect(conversations).toMatchObject([{ phone_number: PHONE, last_message_at: minutes(7).toISOString() }]);
    const [hidden] = await home.api.db.query<{ status: string; is_deleted: boolean; deleted_by: string }>(
      `select status, is_deleted, deleted_by from messages where account_id = $1 and message_id is null`,
      [accountId],
    );
    expect(hidden).toEqual({ status: 'failed', is_deleted: true, deleted_by: 'agent' });
  });

  it('messages that the webhook of this installation has received already, once', async () => {
    await django.insert('whatsappmessage', received('wamid.both', metas('wamid.both', 'text', { body: 'Hi' })));
    await move.run({ only: ['accounts'] });
    const [row] = await home.api.db.query<{ id: number; conversation: number }>(
      `with account as (select id from accounts order by id desc limit 1),
       contact as (insert into contacts (identity_key, phone) values ('phone:+4915100000001', '+4915100000001') returning id),
       thread as (insert into conversations (account_id, contact_id) select account.id, contact.id from account, contact returning *)
       insert into messages (account_id, conversation_id, contact_id, direction, message_type, status, message_id, message_body)
       select account_id, id, contact_id, 'inbound', 'text', 'delivered', 'wamid.both', 'here first' from thread
       returning id, conversation_id as conversation`,
    );
    const report = await bringIn();
    expect(report.kinds.messages).toMatchObject({ read: 1, merged: 1, created: 0 });
    expect(await get(`/messages/${row?.id}`)).toMatchObject({ message_body: 'here first' });
  });

  it('files from MEDIA_ROOT, and none from beside it', async () => {
    const root = await mkdtemp(join(tmpdir(), 'django-media-'));
    try {
      const png = Buffer.from(
        'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
        'base64',
      );
      await mkdir(join(root, 'media/whatsapp_media'), { recursive: true });
      await writeFile(join(root, 'media/whatsapp_media/cat.png'), png);
      await writeFile(join(root, 'secret.txt'), 'secret');
      await symlink(join(root, 'secret.txt'), join(root, 'media/whatsapp_media/link.txt'));
      const sent = (file: string, id: string): Record<string, unknown> => ({
        ...{ account_id: account, phone_number: METAS, direction: 'outbound', message_type: 'image', media_id: id },
        ...{ media_file: `whatsapp_media/${file}`, message_id: `wamid.${id}` },
      });
      await django.insert(
        'whatsappmessage',
        sent('cat.png', '1'),
        sent('../../secret.txt', '2'),
        sent('link.txt', '3'),
      );
      await django.insert('whatsappmedia', {
        ...{ account_id: account, file: 'whatsapp_media/cat.png', media_type: 'image', original_filename: 'cat.png' },
      });
      const report = await bringIn({ mediaRoot: join(root, 'media') });
      expect(report.kinds.messages).toMatchObject({ created: 3, cleaned: { file_not_copied: { source_ids: [2, 3] } } });
      const { messages } = await get<{ messages: Message[] }>(`/chats/${METAS}/messages`);
      const cat = messages.find((message) => message.message_id === 'wamid.1') as Message;
      expect(cat).toMatchObject({ media_state: 'stored', media_size: png.length });
      const bytes = await fetch(`${home.api.url}/whatsapp/api/messages/${cat.id}/media`, {
        headers: { 'x-api-key': 'test-admin-key-0123456789abcdef', 'x-account-id': String(accountId) },
      });
      expect(Buffer.from(await bytes.arrayBuffer())).toEqual(png);
      const { media } = await get<{ media: Record<string, unknown>[] }>('/media');
      expect(media).toMatchObject([{ original_filename: 'cat.png', mime_type: 'image/png', file_size: png.length }]);
    } finally {
      await rm(root, { recursive: true });
    }
  });

  it('campaigns whose counts follow from their recipients, each person once and by what went furthest', async () => {
    const [other] = await django.insert('whatsappaccount', djangoAccount({ phone_number_id: `other${accountNo}` }));
    const [own, theirs, twin] = await django.insert(
      'whatsapptemplate',
      { account_id: account, name: 'offer', body_text: 'Hi {{1}}', status: 'APPROVED', meta_template_id: 'm1' },
      { account_id: other, name: 'theirs', body_text: 'Hi' },
      { account_id: other, name: 'offer', body_text: 'Hi' },
    );
    const [done] = await django.insert(
      'whatsappcampaign',
      {
        ...{ account_id: account, name: 'Done', template_id: own, status: 'completed', total_count: 6, sent_count: 9 },
        ...{ parameter_mappings: { '1': 'name' }, audience_filters: { labels__name: 'VIP' }, started_at: new Date() },
      },
      { account_id: account, name: 'Of another', template_id: theirs, status: 'failed' },
      { account_id: account, name: 'Of a twin', template_id: twin, status: 'paused' },
      { account_id: account, name: 'From a file', audience_type: 'csv', csv_file: 'whatsapp_campaign_csv/a.csv' },
    );
    const sent = (phone_number: string, status: string, more: object = {}): Record<string, unknown> => ({
      ...{ campaign_id: done, phone_number, status, sent_at: new Date(), ...more },
    });
    await django.insert(
      'whatsappcampaignrecipient',
      sent(TYPED, 'failed', { error_message: 'No', name: 'Asha' }),
      sent(METAS, 'delivered', { message_id: 'wamid.d' }),
      sent(BARE, 'sent', { message_id: 'wamid.s' }),
      sent('+919876600002', 'warning', { message_id: 'wamid.w', name: 'None', parameters: { order_id: 'A1' } }),
      sent('+919876600003', 'pending', { sent_at: null }),
      sent('no number', 'failed', { error_message: 'Invalid' }),
    );
    const report = await bringIn();
    expect(report.kinds.recipients).toMatchObject({
      ...{ read: 6, created: 4, merged: 2, cleaned: { invalid_phone_number: { source_ids: [6] } } },
    });
    expect(report.kinds.campaigns).toMatchObject({
      cleaned: { template_of_another_account: { source_ids: [2] }, csv_to_upload_again: { source_ids: [4] } },
    });
    const { campaigns } = await get<{ campaigns: (Record<string, unknown> & { id: number; name: string })[] }>(
      '/campaigns',
    );
    const byName = new Map(campaigns.map((campaign) => [campaign.name, campaign]));
    expect(byName.get('Done')).toMatchObject({
      ...{ status: 'completed', total_count: 4, sent_count: 2, delivered_count: 1, failed_count: 1, unknown_count: 1 },
      ...{ pending_count: 0, parameter_mappings: { '1': 'name' }, audience_filters: { labels__name: 'VIP' } },
    });
    expect(byName.get('Of another')).toMatchObject({ status: 'failed', template_id: null });
    expect(byName.get('Of a twin')).toMatchObject({ status: 'paused', template_id: byName.get('Done')?.template_id });
    const { recipients } = await get<{ recipients: Record<string, unknown>[] }>(
      `/campaigns/${byName.get('Done')?.id}/recipients`,
    );
    expect(recipients).toMatchObject([
      { phone_number: PHONE, status: 'delivered', message_id: 'wamid.d', name: 'Asha', error_message: null },
      { phone_number: '+919876600002', status: 'sent', name: '', parameters: { order_id: 'A1' } },
      { phone_number: '+919876600003', status: 'unknown' },
      { phone_number: null, status: 'failed', error_message: 'Invalid' },
    ]);
  });

  it('templates, as far as Django knew them', async () => {
    await django.insert('whatsapptemplate', {
      ...{ account_id: account, name: 'odd', body_text: 'Hi {{1}}', status: 'in_appeal', category: 'utility' },
      header: { type: 'TEXT', text: 'News' },
      ...{ footer_text: 'Bye', buttons: [{ type: 'URL', text: 'Shop', url: 'https://example.com' }, 'nonsense'] },
    });
    await bringIn();
    const { templates } = await get<{ templates: Record<string, unknown>[] }>('/templates');
    expect(templates).toMatchObject([
      {
        ...{
          name: 'odd',
          status: 'IN_APPEAL',
          category: 'UTILITY',
          footer_text: 'Bye',
          header: { type: 'TEXT', text: 'News' },
        },
        buttons: [{ type: 'URL', text: 'Shop', url: 'https://example.com' }],
      },
    ]);
  });

  it('signups with their counts and those who came by them', async () => {
    const [label] = await django.insert('whatsapplabel', { name: `joined ${accountNo}` });
    const [signup] = await django.insert(
      'whatsappsignup',
      {
        ...{ account_id: account, signup_id: `s${accountNo}`, display_name: 'Deals', subscriber_count: 7 },
        auto_add_to_label_id: label,
      },
      { account_id: account, signup_id: '', display_name: 'Never made' },
    );
    const came = new Date(Date.UTC(2026, 8, 1));
    await django.insert(
      'whatsappcontact',
      { phone: '+919876600011', subscribed_via_signup_id: signup, subscribed_at: came },
      { phone: '919876600011', subscribed_via_signup_id: signup, subscribed_at: new Date() },
    );
    const report = await bringIn();
    expect(report.kinds.signups).toMatchObject({ created: 1, skipped_because: { no_signup_id: { source_ids: [2] } } });
    const { signups } = await get<{ signups: { id: number }[] }>('/signups');
    expect(signups).toMatchObject([{ signup_id: `s${accountNo}`, subscriber_count: 7, display_name: 'Deals' }]);
    const { subscribers } = await get<{ subscribers: unknown[] }>(`/signups/${signups[0]?.id}/subscribers`);
    expect(subscribers).toHaveLength(1);
  });

  it('products, blocked people and flows with their answers', async () => {
    await django.insert(
      'whatsappcatalogproduct',
      { account_id: account, catalog_id: 'c', retailer_id: 'mug', name: 'Mug', price: '29.99 USD', is_active: false },
      { account_id: account, catalog_id: 'c', retailer_id: '7000000000000001', name: 'Cup', price: '₹1,299.00 INR' },
    );
    await django.insert(
      'whatsappblockeduser',
      { account_id: account, phone_number: '919876600021', is_active: false, unblocked_at: new Date() },
      { account_id: account, phone_number: '+919876600021', reason: 'spam' },
      { account_id: account, phone_number: '+919876600022', is_active: false },
    );
    await django.insert(
      'whatsappcontact',
      { phone: '9876600021', is_blocked: true },
      { phone: '9876600023', is_blocked: true },
    );
    const [flow] = await django.insert('whatsappflow', {
      ...{
        account_id: account,
        name: 'Feedback',
        meta_flow_id: `f${accountNo}`,
        status: 'PUBLISHED',
        completion_count: 3,
      },
      ...{ categories: ['SURVEY'], flow_json: { version: '7.2', screens: [] } },
    });
    const answer = { flow_id: flow, phone_number: '919876600024', response_data: { rating: '5' }, flow_token: 't' };
    await django.insert(
      'whatsappflowresponse',
      { ...answer, raw_payload: { id: 'wamid.answer' }, processed: true },
      { ...answer, raw_payload: { id: 'wamid.answer' } },
      { ...answer, raw_payload: null },
    );
    const report = await bringIn();
    expect(report.kinds).toMatchObject({
      products: { created: 2, cleaned: { retailer_id_is_metas_node: { source_ids: [2] } } },
      blocked: { read: 3, created: 2, merged: 1 },
      block_flags: { read: 2, created: 1, merged: 1 },
      flow_responses: { read: 3, created: 2, merged: 1 },
    });
    const { products } = await get<{ products: Record<string, unknown>[] }>('/catalog/products');
    expect(products).toMatchObject([
      { name: 'Cup', is_active: true },
      { name: 'Mug', is_active: false },
    ]);
    const { blocked_users: blocked } = await get<{ blocked_users: { phone_number: string }[] }>('/blocked');
    expect(blocked.map((row) => row.phone_number).sort()).toEqual(['+919876600021', '+919876600023']);
    const { contacts } = await get<{ contacts: { phone: string }[] }>('/contacts?is_blocked=true');
    expect(contacts.map((contact) => contact.phone).sort()).toEqual(['+919876600021', '+919876600023']);
    const { flows } = await get<{ flows: { id: number }[] }>('/flows');
    expect(flows).toMatchObject([{ name: 'Feedback', status: 'PUBLISHED', completion_count: 3 }]);
    const { responses } = await get<{ responses: Record<string, unknown>[] }>(`/flows/${flows[0]?.id}/responses`);
    expect(responses).toHaveLength(2);
    expect(responses).toContainEqual(
      expect.objectContaining({ message_id: 'wamid.answer', response_data: { rating: '5' }, processed: true }),
    );
  });

  it('rows that name no account, for the account that is named or the first active one, and people whom nobody knows', async () => {
    await django.query('update @whatsappaccount set is_active = false');
    const [active] = await django.insert('whatsappaccount', djangoAccount({ phone_number_id: `active${accountNo}` }));
    await django.insert('whatsappcontact', { phone: '9876600031', name: 'Nobody’s' });
    const [chat] = await django.insert('whatsappconversation', { phone_number: '919876600032' });
    await django.insert(
      'whatsappmessage',
      { conversation_id: chat, phone_number: '919876600032', direction: 'inbound', message_id: 'wamid.null' },
      { account_id: account, phone_number: '919876600033', direction: 'inbound', message_id: 'wamid.named' },
    );
    const report = await bringIn();
    const [row] = await home.api.db.query<{ id: number }>('select id from accounts where phone_number_id = $1', [
      `active${accountNo}`,
    ]);
    expect([active, report.default_account_id, report.contacts_linked]).toEqual([active, row?.id, 1]);
    const key = await home.api.call<{ key: string }>('POST', '/api-keys', {
      body: { name: 'tied', account_ids: [row?.id] },
    });
    const seen = await home.api.call<{ contacts: { phone: string }[] }>('GET', '/contacts', { key: key.body.key });
    expect(seen.body.contacts.map((contact) => contact.phone).sort()).toEqual(['+919876600031', '+919876600032']);
  });

  it('nothing of rows that name no account, where there is none', async () => {
    await django.query('delete from @whatsappaccount');
    await django.insert('whatsappmessage', { phone_number: '919876600041', direction: 'inbound' });
    await django.insert('whatsappcontact', { phone: '919876600041' });
    const report = await move.run();
    expect(report).toMatchObject({
      default_account_id: null,
      kinds: { messages: { skipped_because: { no_account: { count: 1 } } }, contacts: { created: 1 } },
    });
  });
});
