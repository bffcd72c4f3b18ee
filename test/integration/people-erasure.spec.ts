import { randomUUID } from 'node:crypto';
import type { PhoneNumber } from '../../src/common/phone-number.js';
import { PeopleService } from '../../src/contacts/people.service.js';
import type { AccountScope } from '../../src/contacts/person.js';
import { startTestApp, type TestApp } from '../support/app.js';
import {
  envelope,
  messagesBody,
  newWamid,
  numberChange,
  profile,
  status,
  text,
  toWire,
} from '../support/webhook-payloads.js';

const NUMBER = '300000000000021';

/** What is left of a person who asked to be forgotten, in the inbox, in campaigns and in the log of webhooks. */
describe('a person who is erased', () => {
  let api: TestApp;
  let account: AccountScope;
  let nextPhone = 9_600_000_000;
  const newPhone = (): PhoneNumber => `+91${(nextPhone += 1)}` as PhoneNumber;

  const ensure = async (phone: PhoneNumber | null, userId?: string): Promise<number> => {
    const people = api.app.get(PeopleService, { strict: false });
    const [person] = await api.db.transaction((tx) =>
      people.ensure(tx, account, [{ phone, userId: userId ?? null, name: 'Asha' }]),
    );
    return person?.contactId as number;
  };
  const erase = async (id: number): Promise<number> =>
    (await api.call('DELETE', `/contacts/${id}?erase=true`, { accountId: account.id })).status;
  const count = async (table: string, where: string, values: unknown[]): Promise<number> =>
    (await api.db.queryDynamic<{ n: number }>(`select count(*)::int as n from ${table} where ${where}`, values))[0]
      ?.n ?? -1;

  beforeAll(async () => {
    api = await startTestApp();
    const answer = await api.call<{ id: number }>('POST', '/accounts', {
      body: { name: 'A', phone_number_id: NUMBER, waba_id: 'waba', access_token: 'EAAx' },
    });
    account = { id: answer.body.id, portfolio: 'waba' };
  });
  afterAll(() => api.close());

  describe('in the inbox', () => {
    const write = async (contactId: number, fileId: number | null = null): Promise<{ id: number; wamid: string }> => {
      const wamid = newWamid();
      const [row] = await api.db.query<{ id: number }>(
        `with thread as (
           insert into conversations (account_id, contact_id) values ($1, $2)
           on conflict (account_id, contact_id) do update set updated_at = now() returning id
         )
         insert into messages (account_id, conversation_id, contact_id, direction, message_type, message_body, status, message_id, media_file_id)
         select $1, id, $2, 'inbound', 'text', 'hello', 'delivered', $3, $4 from thread returning id`,
        [account.id, contactId, wamid, fileId],
      );
      await api.db.query(
        `insert into message_statuses (account_id, message_id, status, occurred_at) values ($1, $2, 'read', now())`,
        [account.id, wamid],
      );
      return { id: row?.id as number, wamid };
    };
    const newFile = async (origin: string): Promise<number> =>
      (
        await api.db.query<{ id: number }>(
          `insert into media (account_id, origin, media_type, state) values ($1, $2, 'image', 'stored') returning id`,
          [account.id, origin],
        )
      )[0]?.id as number;

    it('leaves no thread, no message and no trace of one, and the neighbours theirs', async () => {
      const [asha, ravi] = [await ensure(newPhone()), await ensure(newPhone())];
      const [hers, his] = [await write(asha), await write(ravi)];
      const react = (target: string, contactId: number): Promise<unknown> =>
        api.db.query(
          `insert into message_changes (account_id, change_id, target_id, contact_id, kind, actor, occurred_at)
           values ($1, $2, $3, $4, 'reaction', 'customer', now())`,
          [account.id, newWamid(), target, contactId],
        );
      await react(hers.wamid, asha);
      await react(his.wamid, asha);
      await react(his.wamid, ravi);
      expect(await erase(asha)).toBe(204);
      for (const table of ['messages', 'conversations', 'message_changes']) {
        expect(await count(table, 'contact_id = $1', [asha])).toBe(0);
        expect(await count(table, 'contact_id = $1', [ravi])).toBe(1);
      }
      expect(await count('message_statuses', 'message_id = $1', [hers.wamid])).toBe(0);
      expect(await count('message_statuses', 'message_id = $1', [his.wamid])).toBe(1);
    });

    it('takes the files along that are only theirs', async () => {
      const [asha, ravi] = [await ensure(newPhone()), await ensure(newPhone())];
      const [own, shared, library] = [await newFile('inbound'), await newFile('outbound'), await newFile('library')];
      for (const fileId of [own, shared, library]) {
        await write(asha, fileId);
      }
      await write(ravi, shared);
      expect(await erase(asha)).toBe(204);
      const rows = await api.db.query('select id, state from media where id = any($1) order by id', [
        [own, shared, library],
      ]);
      expect(rows).toEqual([
        { id: own, state: 'deleted' },
        { id: shared, state: 'stored' },
        { id: library, state: 'stored' },
      ]);
    });
  });

  describe('in campaigns', () => {
    interface Recipient {
      identity: string;
      phone: string | null;
      user_id: string | null;
      name: string;
      parameters: Record<string, string>;
      contact_id: number | null;
      status: string;
      skip_reason: string | null;
    }
    const newCampaign = async (): Promise<number> =>
      (
        await api.db.query<{ id: number }>(
          `insert into campaigns (account_id, name, status) values ($1, 'C', 'paused') returning id`,
          [account.id],
        )
      )[0]?.id as number;
    const add = async (campaignId: number, recipient: Partial<Recipient>): Promise<number> =>
      (
        await api.db.query<{ id: number }>(
          `insert into campaign_recipients (account_id, campaign_id, identity, phone, user_id, name, parameters, contact_id, status, skip_reason)
           values ($1, $2, $3, $4, $5, 'Asha', '{"name": "Asha"}', $6, $7, $8) returning id`,
          [
            account.id,
            campaignId,
            recipient.identity ?? `phone:${recipient.phone}`,
            recipient.phone ?? null,
            recipient.user_id ?? null,
            recipient.contact_id ?? null,
            recipient.status ?? 'pending',
            recipient.skip_reason ?? null,
          ],
        )
      )[0]?.id as number;
    const recipients = (campaignId: number): Promise<(Recipient & { id: number })[]> =>
      api.db.query(
        `select id, identity, phone, user_id, name, parameters, contact_id, status, skip_reason
         from campaign_recipients where campaign_id = $1 order by id`,
        [campaignId],
      );

    it('is a line without a name in each, and every count is what it was', async () => {
      const [phone, userId] = [newPhone(), `IN.${randomUUID().replaceAll('-', '')}`];
      const asha = await ensure(phone, userId);
      const ravi = newPhone();
      const campaignId = await newCampaign();
      const ids = [
        await add(campaignId, { phone, contact_id: asha, status: 'delivered' }),
        await add(campaignId, { identity: `user:${userId}`, user_id: userId, status: 'failed' }),
        await add(campaignId, { identity: 'line:7', phone, status: 'skipped', skip_reason: 'duplicate' }),
      ];
      const his = await add(campaignId, { phone: ravi });
      const counts = async (): Promise<unknown> => {
        const { body } = await api.call('GET', `/campaigns/${campaignId}`, { accountId: account.id });
        return Object.fromEntries(Object.entries(body).filter(([key]) => key.endsWith('_count')));
      };
      const before = await counts();
      expect(await erase(asha)).toBe(204);
      expect(await counts()).toEqual(before);
      const rows = await recipients(campaignId);
      expect(rows.slice(0, 3)).toEqual(
        ['delivered', 'failed', 'skipped'].map((status, index) => ({
          id: ids[index],
          identity: `erased:${ids[index]}`,
          phone: null,
          user_id: null,
          name: '',
          parameters: {},
          contact_id: null,
          status,
          skip_reason: index === 2 ? 'duplicate' : null,
        })),
      );
      expect(rows[3]).toMatchObject({ id: his, phone: ravi, name: 'Asha', status: 'pending' });
    });

    it('is skipped where it waits to be sent to', async () => {
      const phone = newPhone();
      const asha = await ensure(phone);
      const campaignId = await newCampaign();
      await add(campaignId, { phone });
      expect(await erase(asha)).toBe(204);
      expect(await recipients(campaignId)).toMatchObject([{ status: 'skipped', skip_reason: 'erased', phone: null }]);
      const { body } = await api.call('GET', `/campaigns/${campaignId}`, { accountId: account.id });
      expect(body).toMatchObject({ total_count: 1, pending_count: 0, skipped_count: 1 });
    });
  });

  describe('in the log of webhooks', () => {
    const log = async (body: unknown, receivedAt = new Date()): Promise<number> =>
      (
        await api.db.query<{ id: number }>(
          `insert into webhook_logs (body, received_at, processed, next_attempt_at) values ($1, $2, true, 'infinity') returning id`,
          [Buffer.from(typeof body === 'string' ? body : toWire(body)), receivedAt],
        )
      )[0]?.id as number;
    const read = async (id: number): Promise<string> =>
      (await api.db.query<{ body: Buffer }>('select body from webhook_logs where id = $1', [id]))[0]?.body.toString() ??
      '';

    it('is in no body, and the neighbours are in all of theirs', async () => {
      const [phone, userId] = [newPhone(), `IN.${Date.now()}`];
      const asha = await ensure(phone, userId);
      const [hers, his] = [phone.slice(1), newPhone().slice(1)];
      const quoting = text(his, `call ${hers}`, { context: { from: hers, id: 'wamid.quoted' } });
      const ids = await Promise.all([
        log(
          messagesBody(
            {
              contacts: [profile(hers, 'Asha Q'), profile(his, 'Ravi Q', { user_id: 'IN.1' })],
              messages: [
                text(hers, 'secret one'),
                quoting,
                { ...text('', 'secret two'), from: undefined, from_user_id: userId },
              ],
              statuses: [
                status('wamid.a', 'read', { recipient_id: hers }),
                status('wamid.b', 'read', { recipient_id: his }),
              ],
            },
            NUMBER,
          ),
        ),
        log(
          envelope([
            numberChange('user_preferences', {
              user_preferences: [
                { wa_id: hers, value: 'stop' },
                { wa_id: his, value: 'stop' },
              ],
            }),
            numberChange('history', {
              history: [
                {
                  threads: [
                    { id: hers, messages: [text(hers, 'secret three')] },
                    { id: his, messages: [text(his, 'kept')] },
                  ],
                },
              ],
            }),
          ]),
        ),
        log(`{"entry": [${hers}`),
        log(messagesBody({ messages: [text(his, 'nothing of hers', { amount: 12345678901234567 })] })),
      ]);
      const untouched = await read(ids[3]);
      expect(await erase(asha)).toBe(204);
      const [first, second, broken] = await Promise.all(ids.map(read));
      const value = (JSON.parse(first as string) as { entry: { changes: { value: Record<string, unknown> }[] }[] })
        .entry[0]?.changes[0]?.value;
      expect(value).toEqual({
        messaging_product: 'whatsapp',
        metadata: { display_phone_number: '919800000001', phone_number_id: NUMBER },
        contacts: [{ profile: { name: 'Ravi Q' }, wa_id: his, user_id: 'IN.1' }],
        messages: [{ ...quoting, context: { id: 'wamid.quoted' } }],
        statuses: [expect.objectContaining({ id: 'wamid.b', recipient_id: his })],
      });
      expect(second).toContain('kept');
      expect(second).toContain(his);
      expect(second).not.toContain(hers);
      expect(second).not.toContain('secret');
      expect(broken).toBe('{"erased":true}');
      expect(await read(ids[3])).toBe(untouched);
    });

    it('is found however long the log is', async () => {
      const phone = newPhone();
      const asha = await ensure(phone);
      const other = newPhone().slice(1);
      await api.db.query(
        `insert into webhook_logs (body, received_at, processed)
         select convert_to(replace($1, 'N', n::text), 'UTF8'), date_trunc('second', now()) - n / 3 * interval '1 second', true
         from generate_series(1, 4500) n`,
        [JSON.stringify(messagesBody({ messages: [{ from: other, id: 'wamid.N' }] }))],
      );
      const old = new Date(Date.now() - 40 * 86_400_000);
      const ids = [await log(messagesBody({ messages: [text(phone.slice(1), 'first')] }), old)];
      ids.push(await log(messagesBody({ messages: [text(phone.slice(1), 'last')] })));
      expect(await erase(asha)).toBe(204);
      for (const id of ids) {
        expect(await read(id)).not.toContain(phone.slice(1));
      }
      expect(await count('webhook_logs', `convert_from(body, 'UTF8') like $1`, [`%${other}%`])).toBe(4_500);
    });

    it('leaves a body that can be replayed', async () => {
      const phone = newPhone();
      const asha = await ensure(phone);
      const ravi = newPhone();
      const id = await log(messagesBody({ messages: [text(phone.slice(1), 'a'), text(ravi.slice(1), 'b')] }, NUMBER));
      expect(await erase(asha)).toBe(204);
      const answer = await api.call('GET', `/webhook-logs/${id}`);
      expect(answer.status).toBe(200);
      expect(JSON.stringify(answer.body)).toContain(ravi.slice(1));
      expect(JSON.stringify(answer.body)).not.toContain(phone.slice(1));
    });
  });
});
