import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PhoneNumber } from '../../src/common/phone-number.js';
import { PeopleService } from '../../src/contacts/people.service.js';
import type { AccountScope, EnsuredPerson, PersonInput } from '../../src/contacts/person.js';
import { APP_SECRET, eventually, type Answer } from '../support/app.js';
import { answerJson, AudienceServer } from '../support/audience-server.js';
import { startRecordedJourney, type RecordedJourney } from '../support/graph-recorder.js';
import { campaignIs, draftWithCsv, PHONE_NUMBER_ID, WABA_ID, type CampaignBody } from '../support/journey.js';
import type { LedgerRow } from '../support/simulator.js';

interface Problem {
  code: string;
  detail: string;
  contact_id?: number;
}
interface MessageBody {
  id: number;
  message_id: string | null;
  status: string;
  error: { code: number | null; title: string; details: string } | null;
}
interface SendBody extends Problem {
  status: string;
  message: MessageBody;
}
interface ContactBody {
  id: number;
  phone: string | null;
  is_blocked: boolean;
}
interface ChatBody {
  phone_number: string;
  is_blocked: boolean;
}
interface RecipientBody {
  phone_number: string | null;
  user_id: string | null;
  status: string;
  skip_reason: string | null;
  error_code: number | null;
  error_message: string | null;
}
interface PreflightBody {
  audience_size: number;
  will_be_sent: number;
  skipped: Record<string, number>;
  samples: { phone_number: string | null }[];
}

const OTHER_NUMBER_ID = '300000000000002';
const TEMPLATE = { template_name: 'order_update', body_params: ['Asha', 'ORD-1'] };
/** Fails, as for somebody who is not on WhatsApp. */
const UNREACHABLE = '+919999131026';

/** Audiences of whoever runs Parley: the people that the campaign's filters name, from code, a resolver and an endpoint. */
const modules = (url: string, secret: string): string => `
const people = (filters) => filters.phones.map((phone) => ({ phone, name: 'P', params: { order_id: '1' } }));
export const audiences = {
  listed: { people },
  crm: { url: '${url}', secret: '${secret}' },
};
export default ({ campaign }) => (campaign.audience_type === 'ours' ? people(campaign.audience_filters) : undefined);
`;

describe('people whom an account has blocked', () => {
  let journey: RecordedJourney;
  let server: AudienceServer;
  let folder: string;
  let account: AccountScope;
  let other: AccountScope;
  let last = 9_871_000_000;

  const somebody = (): PhoneNumber => `+91${(last += 1)}` as PhoneNumber;
  const call = <T>(
    method: string,
    path: string,
    body?: unknown,
    options: { accountId?: number; key?: string } = {},
  ): Promise<Answer<T>> => journey.api.call<T>(method, path, { ...options, ...(body === undefined ? {} : { body }) });
  const people = (): PeopleService => journey.api.app.get(PeopleService, { strict: false });
  const ensure = async (input: PersonInput, of = account, isProof = false): Promise<EnsuredPerson> => {
    const [person] = await journey.api.db.transaction((tx) => people().ensure(tx, of, [input], { isProof }));
    return person as EnsuredPerson;
  };
  const setBlocked = (contactIds: number[], isBlocked: boolean, of = account): Promise<void> =>
    journey.api.db.transaction((tx) => people().setBlocked(tx, of.id, contactIds, isBlocked));
  /** Somebody who is in the contacts of the account, and blocked by it. */
  const blocked = async (of = account): Promise<{ phone: PhoneNumber; contactId: number }> => {
    const phone = somebody();
    const { contactId } = await ensure({ phone }, of);
    await setBlocked([contactId], true, of);
    return { phone, contactId };
  };
  const inLedger = (phone: string): Promise<LedgerRow[]> => journey.simulator.rows(`&to=${phone.slice(1)}`);
  /** Bodies of sends to somebody, as Graph received them. */
  const asked = (phone: string): unknown[] => journey.recorder.sent.filter(({ to }) => to === phone);
  const messagesOf = (phone: string): Promise<{ direction: string }[]> =>
    journey.api.db.query(
      'select direction from messages where contact_id = (select id from contacts where phone = $1)',
      [phone],
    );
  const writes = async (from: string, text = 'Hi'): Promise<void> => {
    const { wamid } = await journey.simulator.call<{ wamid: string }>('POST', 'inbound', { from, text });
    await eventually(
      () => journey.api.db.query('select 1 from messages where message_id = $1', [wamid]),
      (rows) => rows.length === 1,
    );
  };
  const events = (contactId: number): Promise<{ account_id: number; is_blocked: boolean; changed: string[] }[]> =>
    journey.api.db.query(
      `select account_id, (payload->>'is_blocked')::boolean as is_blocked, payload->'changed' as changed
       from outbox_events where type = 'conversation.updated' and (payload->>'contact_id')::bigint = $1 order by id`,
      [contactId],
    );

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'parley-e2e-blocked-'));
    server = await new AudienceServer().start();
    writeFileSync(join(folder, 'audiences.mjs'), modules(server.url, server.secret));
    journey = await startRecordedJourney({
      env: {
        AUDIENCES_MODULE: join(folder, 'audiences.mjs'),
        CAMPAIGN_RESOLVER: join(folder, 'audiences.mjs'),
        ALLOW_PRIVATE_NETWORK_TARGETS: 'true',
        MEDIA_DIR: folder,
      },
    });
    const second = await call<{ id: number }>('POST', '/accounts', {
      name: 'Second',
      phone_number_id: OTHER_NUMBER_ID,
      waba_id: WABA_ID,
      access_token: 'EAAtesttoken',
      app_secret: APP_SECRET,
    });
    expect(second.status).toBe(201);
    const scopeOf = async (id: number): Promise<AccountScope> => {
      const [row] = await journey.api.db.query<{ portfolio: string }>(
        'select coalesce(portfolio_id, waba_id, phone_number_id) as portfolio from accounts where id = $1',
        [id],
      );
      return { id, portfolio: (row as { portfolio: string }).portfolio };
    };
    account = await scopeOf(journey.accountId);
    other = await scopeOf(second.body.id);
  });
  afterAll(async () => {
    await journey.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  describe('among the contacts', () => {
    const contact = async (id: number, accountId: number): Promise<ContactBody> =>
      (await call<ContactBody>('GET', `/contacts/${id}`, undefined, { accountId })).body;
    const listed = async (query: string, accountId: number): Promise<(string | null)[]> => {
      const { status, body } = await call<{ contacts: ContactBody[] }>(
        'GET',
        `/contacts?limit=200&${query}`,
        undefined,
        {
          accountId,
        },
      );
      expect(status).toBe(200);
      return body.contacts.map(({ phone }) => phone);
    };

    it('are shown, listed, counted out and exported as such, to that account only', async () => {
      const { phone, contactId } = await blocked();
      const free = somebody();
      await ensure({ phone: free });
      await ensure({ phone }, other);
      expect(await contact(contactId, account.id)).toMatchObject({ is_blocked: true });
      expect(await contact(contactId, other.id)).toMatchObject({ is_blocked: false });
      expect(await listed('is_blocked=true', account.id)).toContain(phone);
      expect(await listed('is_blocked=true', account.id)).not.toContain(free);
      expect(await listed('is_blocked=false', account.id)).toContain(free);
      expect(await listed('is_blocked=false', account.id)).not.toContain(phone);
      expect(await listed('is_blocked=true', other.id)).toEqual([]);
      expect(await listed('is_blocked=false', other.id)).toContain(phone);
      const csv = await call<string>('GET', `/contacts/export?is_blocked=true&account_id=${account.id}`);
      expect(csv.body).toContain(phone);
      expect(csv.body).not.toContain(free);
    });

    it('are known as such by a key that is tied to accounts, as far as it sees them', async () => {
      const { phone } = await blocked();
      const { body } = await call<{ key: string }>('POST', '/api-keys', {
        name: 'Tied',
        scopes: ['contacts:read'],
        account_ids: [other.id],
      });
      const answer = await call<{ contacts: ContactBody[] }>('GET', '/contacts?is_blocked=true&limit=200', undefined, {
        key: body.key,
      });
      expect(answer.body.contacts).toEqual([]);
      await ensure({ phone }, other);
      const found = await call<{ contacts: ContactBody[] }>(
        'GET',
        `/contacts?q=${encodeURIComponent(phone)}`,
        undefined,
        { key: body.key },
      );
      expect(found.body.contacts).toMatchObject([{ phone, is_blocked: false }]);
    });

    it('stay so whatever is learnt of them: a message, another request, a name', async () => {
      const { phone, contactId } = await blocked();
      const userId = `IN.${last}001`;
      expect(await ensure({ phone, userId, name: 'Asha' })).toMatchObject({ contactId, isBlocked: true });
      await call('PATCH', `/contacts/${contactId}`, { name: 'Asha Rao', labels: ['VIP'] });
      await writes(phone);
      expect(await contact(contactId, account.id)).toMatchObject({ is_blocked: true });
      expect(await ensure({ phone: null, userId })).toMatchObject({ contactId, isBlocked: true });
      expect(await people().findByAddress(journey.api.db, account, { userId })).toMatchObject({ isBlocked: true });
    });

    it.each([
      ['the one that goes was blocked', 'user'],
      ['the one that stays was blocked', 'phone'],
    ])('stay so when two contacts turn out to be one, and %s', async (_name, which) => {
      const [phone, userId] = [somebody(), `IN.${last}002`];
      const byPhone = await ensure({ phone });
      const byUser = await ensure({ phone: null, userId });
      await ensure({ phone }, other);
      await call('POST', '/send-template', { phone, ...TEMPLATE });
      await setBlocked([which === 'user' ? byUser.contactId : byPhone.contactId], true);
      const one = await ensure({ phone, userId }, account, true);
      expect(one).toMatchObject({ contactId: byPhone.contactId, isBlocked: true });
      expect(await contact(one.contactId, account.id)).toMatchObject({ is_blocked: true });
      expect(await contact(one.contactId, other.id)).toMatchObject({ is_blocked: false });
      const told = (await events(one.contactId)).filter(({ changed }) => changed.includes('is_blocked'));
      expect(told).toEqual([{ account_id: account.id, is_blocked: true, changed: ['is_blocked'] }]);
    });
  });

  describe('in the inbox', () => {
    it('are shown as such in the list and in their chat, to that account only', async () => {
      const { phone } = await blocked();
      await writes(phone, 'Why do you not answer?');
      await call('POST', '/send-template', { phone, ...TEMPLATE }, { accountId: other.id });
      const chats = async (accountId: number): Promise<ChatBody[]> =>
        (await call<{ conversations: ChatBody[] }>('GET', '/chats?limit=200', undefined, { accountId })).body
          .conversations;
      const chat = async (accountId: number): Promise<ChatBody> =>
        (await call<ChatBody>('GET', `/chats/${phone}`, undefined, { accountId })).body;
      for (const [accountId, is_blocked] of [
        [account.id, true],
        [other.id, false],
      ] as const) {
        expect(await chat(accountId)).toMatchObject({ phone_number: phone, is_blocked });
        expect(await chats(accountId)).toContainEqual(expect.objectContaining({ phone_number: phone, is_blocked }));
      }
      const patched = await call<ChatBody>('PATCH', `/chats/${phone}`, { is_resolved: true });
      expect(patched.body).toMatchObject({ is_blocked: true });
    });

    it('are told of by conversation.updated, once for each change, to those who watch that account', async () => {
      const phone = somebody();
      const { contactId } = await ensure({ phone });
      await writes(phone);
      await call('POST', '/send-template', { phone, ...TEMPLATE }, { accountId: other.id });
      await setBlocked([contactId], true);
      await setBlocked([contactId], true);
      await setBlocked([contactId], false);
      await setBlocked([contactId], false);
      const change = { account_id: account.id, changed: ['is_blocked'] };
      expect(await events(contactId)).toEqual([
        { ...change, is_blocked: true },
        { ...change, is_blocked: false },
      ]);
    });

    it('what they write is kept as ever', async () => {
      const { phone } = await blocked();
      await writes(phone, 'Hello?');
      const { body } = await call<{ messages: { message_body: string; direction: string }[] }>(
        'GET',
        `/chats/${phone}/messages`,
      );
      expect(body.messages).toMatchObject([{ message_body: 'Hello?', direction: 'inbound' }]);
    });
  });

  describe('are not sent to', () => {
    const kinds: [string, object][] = [
      ['/send-message', { message: 'Hi' }],
      ['/send-location', { latitude: 1, longitude: 2 }],
      ['/send-template', TEMPLATE],
      ['/send-media', { type: 'image', link: 'https://example.com/a.png' }],
      ['/send-contacts', { contacts: [{ name: { formatted_name: 'A' } }] }],
      ['/send-interactive', { type: 'location_request', body: 'Where?' }],
      ['/send-reaction', { message_id: 'wamid.unknown', emoji: '👍' }],
    ];

    it.each(kinds)('by %s, and Meta is not asked', async (path, body) => {
      const { phone, contactId } = await blocked();
      await writes(phone);
      const answer = await call<SendBody>('POST', path, { phone, ...body });
      expect([answer.status, answer.body]).toMatchObject([422, { code: 'contact_blocked', contact_id: contactId }]);
      expect(answer.body.detail).toContain('DELETE /unblock/');
      expect(asked(phone)).toEqual([]);
      expect(await messagesOf(phone)).toEqual([{ direction: 'inbound' }]);
    });

    it.each(kinds)('by %s, unless Meta is to be asked all the same', async (path, body) => {
      const { phone } = await blocked();
      await writes(phone);
      const answer = await call<SendBody>('POST', `${path}?force=true`, { phone, ...body });
      expect([answer.status, answer.body.status]).toEqual([200, 'sent']);
      expect(asked(phone)).toHaveLength(1);
    });

    it('by the composer of their chat, and the file stays here', async () => {
      const { phone } = await blocked();
      await writes(phone);
      const form = new FormData();
      form.append('file', new Blob([Buffer.from('%PDF-1.4')], { type: 'application/pdf' }), 'a.pdf');
      const library = (): Promise<{ n: number }[]> => journey.api.db.query('select count(*)::int as n from media');
      const before = await library();
      const refused = await call<Problem>('POST', `/chats/${phone}/send`, form);
      expect([refused.status, refused.body.code]).toEqual([422, 'contact_blocked']);
      expect(await library()).toEqual(before);
      const forced = await call<SendBody>('POST', `/chats/${phone}/send`, { body: 'Last word', force: true });
      expect([forced.status, forced.body.status]).toEqual([200, 'sent']);
    });

    it('under whichever name they are addressed', async () => {
      const { phone } = await blocked();
      const userId = `IN.${last}003`;
      await ensure({ phone, userId });
      const answer = await call<Problem>('POST', '/send-template', { user_id: userId, ...TEMPLATE });
      expect([answer.status, answer.body.code]).toEqual([422, 'contact_blocked']);
    });

    it('by that account; another account writes to them', async () => {
      const { phone } = await blocked();
      const answer = await call<SendBody>('POST', '/send-template', { phone, ...TEMPLATE }, { accountId: other.id });
      expect([answer.status, answer.body.status]).toEqual([200, 'sent']);
      expect(await inLedger(phone)).toMatchObject([{ phone_number_id: OTHER_NUMBER_ID }]);
    });

    it('until they are unblocked', async () => {
      const { phone, contactId } = await blocked();
      await setBlocked([contactId], false);
      const answer = await call<SendBody>('POST', '/send-template', { phone, ...TEMPLATE });
      expect([answer.status, answer.body.status]).toEqual([200, 'sent']);
    });

    it('when Meta knows of a block that is not known here, and says so', async () => {
      const phone = somebody();
      await blockAtMeta(phone);
      const answer = await call<SendBody & { graph: { code: number }; what_to_do: string }>('POST', '/send-template', {
        phone,
        ...TEMPLATE,
      });
      expect([answer.status, answer.body.code, answer.body.graph.code]).toEqual([422, 'graph_error', 130403]);
      expect(answer.body.what_to_do).toContain('DELETE /unblock/');
    });
  });

  describe('are not sent to later', () => {
    const in30s = (): string => new Date(Date.now() + 30_000).toISOString();
    const schedule = async (phone: string, path = '/send-template'): Promise<MessageBody> => {
      const answer = await call<SendBody>('POST', path, { phone, ...TEMPLATE, send_at: in30s() });
      expect([answer.status, answer.body.status]).toEqual([202, 'scheduled']);
      return answer.body.message;
    };
    const isDue = (id: number): Promise<unknown> =>
      journey.api.db.query(`update messages set due_at = now() - interval '1 ms' where id = $1`, [id]);
    const becomes = (id: number, ...statuses: string[]): Promise<MessageBody> =>
      eventually(
        async () => (await call<MessageBody>('GET', `/messages/${id}`)).body,
        ({ status }) => statuses.includes(status),
      );

    it('when they were blocked meanwhile: the message fails, and Meta is not asked', async () => {
      const phone = somebody();
      const { contactId } = await ensure({ phone });
      const { id } = await schedule(phone);
      await setBlocked([contactId], true);
      await isDue(id);
      const failed = await becomes(id, 'failed');
      expect(failed).toMatchObject({ message_id: null, error: { code: null, title: 'contact_blocked' } });
      expect(failed.error?.details).toContain('DELETE /unblock/');
      expect(asked(phone)).toEqual([]);
    });

    it('when they are blocked now: it is refused at once', async () => {
      const { phone } = await blocked();
      const answer = await call<SendBody>('POST', '/send-template', { phone, ...TEMPLATE, send_at: in30s() });
      expect([answer.status, answer.body.code]).toEqual([422, 'contact_blocked']);
      expect(await messagesOf(phone)).toEqual([]);
    });

    it('unless Meta is to be asked all the same', async () => {
      const { phone } = await blocked();
      const { id } = await schedule(phone, '/send-template?force=true');
      await isDue(id);
      await becomes(id, 'sent', 'delivered', 'read');
      expect(asked(phone)).toHaveLength(1);
    });

    it('by another account’s block', async () => {
      const phone = somebody();
      const { contactId } = await ensure({ phone }, other);
      const { id } = await schedule(phone);
      await setBlocked([contactId], true, other);
      await isDue(id);
      await becomes(id, 'sent', 'delivered', 'read');
    });
  });

  describe('get no campaign', () => {
    const draft = async (body: Record<string, unknown>): Promise<number> => {
      const made = await call<CampaignBody>('POST', '/campaigns', {
        name: 'Blocked',
        template_id: journey.templates.order_update,
        parameter_mappings: { '1': { field: 'name', default: 'friend' }, '2': { field: 'order_id', default: '-' } },
        ...body,
      });
      expect(made.status).toBe(201);
      return made.body.id;
    };
    const csvOf = (phones: string[]): string =>
      ['phone,name,order_id', ...phones.map((phone) => `${phone},P,1`)].join('\n');
    const run = async (id: number): Promise<void> => {
      expect((await call('POST', `/campaigns/${id}/run`, {})).status).toBe(202);
    };
    const recipients = async (id: number, query = ''): Promise<RecipientBody[]> =>
      (await call<{ recipients: RecipientBody[] }>('GET', `/campaigns/${id}/recipients?limit=200${query}`)).body
        .recipients;
    const reasons = async (id: number): Promise<Record<string, string | null>> =>
      Object.fromEntries((await recipients(id)).map((row) => [row.phone_number ?? row.user_id, row.skip_reason]));
    const sources: [string, (phones: string[]) => Promise<number>][] = [
      ['a file', (phones) => draftWithCsv(journey, csvOf(phones))],
      [
        'contacts',
        async (phones) => {
          for (const phone of phones) {
            await ensure({ phone: phone as PhoneNumber });
          }
          return draft({ audience_type: 'contacts', audience_filters: { phone__in: phones } });
        },
      ],
      ['code', (phones) => draft({ audience_type: 'listed', audience_filters: { phones } })],
      ['a resolver', (phones) => draft({ audience_type: 'ours', audience_filters: { phones } })],
      [
        'an endpoint',
        (phones) => {
          server.answering = (_question, response) =>
            answerJson(response, { recipients: phones.map((phone) => ({ phone, name: 'P' })), next_cursor: null });
          return draft({ audience_type: 'crm' });
        },
      ],
    ];

    it.each(sources)('from %s: preflight counts them, the run skips them, others get theirs', async (_name, make) => {
      const [free, theirs] = [somebody(), (await blocked(other)).phone];
      const { phone } = await blocked();
      const out = somebody();
      const { contactId } = await ensure({ phone: out });
      await call('POST', `/contacts/${contactId}/opt-out`, {});
      await setBlocked([contactId], true);
      const id = await make([free, phone, theirs, out]);

      const preflight = (await call<PreflightBody>('GET', `/campaigns/${id}/preflight`)).body;
      expect(preflight).toMatchObject({ audience_size: 4, will_be_sent: 2, skipped: { blocked: 1, opted_out: 1 } });
      expect(preflight.samples.map((sample) => sample.phone_number).sort()).toEqual([free, theirs].sort());

      await run(id);
      expect(await campaignIs(journey, id, 'completed')).toMatchObject({ sent_count: 2, skipped_count: 2 });
      expect(await reasons(id)).toEqual({ [free]: null, [phone]: 'blocked', [theirs]: null, [out]: 'opted_out' });
      expect(await recipients(id, '&skip_reason=blocked')).toMatchObject([{ phone_number: phone, status: 'skipped' }]);
      expect([asked(phone), asked(free).length, asked(theirs).length]).toEqual([[], 1, 1]);
    });

    it('is refused when it would be for nobody else', async () => {
      const { phone } = await blocked();
      const id = await draft({ audience_type: 'contacts', audience_filters: { phone } });
      const answer = await call<Problem>('POST', `/campaigns/${id}/run`, {});
      expect([answer.status, answer.body.code]).toEqual([409, 'audience_empty']);
    });

    it('under another of their numbers, or by their user id', async () => {
      const { phone, contactId } = await blocked();
      const [alias, userId] = [somebody(), `IN.${last}004`];
      await ensure({ phone, userId });
      await people().linkPhones(journey.api.db, [{ contactId, phone: alias }]);
      const free = somebody();
      const id = await draft({ audience_type: 'crm' });
      server.answering = (_question, response) =>
        answerJson(response, {
          recipients: [{ phone: alias }, { user_id: userId }, { phone: free }],
          next_cursor: null,
        });
      await run(id);
      await campaignIs(journey, id, 'completed');
      expect(await reasons(id)).toEqual({ [alias]: 'blocked', [userId]: 'blocked', [free]: null });
    });

    it('when they were blocked after it had begun, before it was their turn', async () => {
      const [phone, free] = [somebody(), somebody()];
      const { contactId } = await ensure({ phone });
      const id = await draftWithCsv(journey, csvOf([phone, free]));
      // Put off, as by quiet hours: the campaign runs, and it is nobody's turn.
      await journey.api.db.query(
        `update campaign_recipients set not_before = now() + interval '1 hour' where campaign_id = $1`,
        [id],
      );
      await run(id);
      await setBlocked([contactId], true);
      await journey.api.db.query(`update campaign_recipients set not_before = now() where campaign_id = $1`, [id]);
      await campaignIs(journey, id, 'completed');
      expect(await reasons(id)).toEqual({ [phone]: 'blocked', [free]: null });
      expect(asked(phone)).toEqual([]);
    });

    it('when those who failed are tried again', async () => {
      const free = somebody();
      const id = await draftWithCsv(journey, csvOf([UNREACHABLE, free]));
      await run(id);
      await eventually(
        () => recipients(id, '&status=failed'),
        (failed) => failed.length === 1,
      );
      await campaignIs(journey, id, 'completed');
      expect(asked(UNREACHABLE)).toHaveLength(1);
      const { contactId } = await ensure({ phone: UNREACHABLE as PhoneNumber });
      await setBlocked([contactId], true);
      expect((await call('POST', `/campaigns/${id}/retry-failed`, {})).status).toBe(200);
      await eventually(
        () => reasons(id),
        (seen) => seen[UNREACHABLE] === 'blocked',
      );
      await campaignIs(journey, id, 'completed');
      expect(asked(UNREACHABLE)).toHaveLength(1);
    });

    it('as a test message', async () => {
      const { phone } = await blocked();
      const id = await draftWithCsv(journey, csvOf([somebody()]));
      const answer = await call<Problem>('POST', `/campaigns/${id}/test`, { phone });
      expect([answer.status, answer.body.code]).toEqual([422, 'contact_blocked']);
      expect(asked(phone)).toEqual([]);
    });

    it('fails for who is blocked at Meta and not known here to be, in Meta’s words', async () => {
      const [phone, free] = [somebody(), somebody()];
      await blockAtMeta(phone);
      const id = await draftWithCsv(journey, csvOf([phone, free]));
      await run(id);
      await campaignIs(journey, id, 'completed');
      expect(await recipients(id, '&status=failed')).toMatchObject([
        { phone_number: phone, error_code: 130403, error_message: expect.stringContaining('blocked') },
      ]);
    });

    it('and may be asked for, or left out, by the filter is_blocked', async () => {
      const { phone } = await blocked();
      const free = somebody();
      await ensure({ phone: free });
      const sizes = async (filters: object): Promise<number[]> => {
        const id = await draft({
          audience_type: 'contacts',
          audience_filters: { phone__in: [phone, free], ...filters },
        });
        const { audience_size, will_be_sent } = (await call<PreflightBody>('GET', `/campaigns/${id}/preflight`)).body;
        return [audience_size, will_be_sent];
      };
      expect(await sizes({})).toEqual([2, 1]);
      expect(await sizes({ is_blocked: false })).toEqual([1, 1]);
      expect(await sizes({ is_blocked: false, opted_out: false })).toEqual([1, 1]);
      expect(await sizes({ is_blocked: true })).toEqual([1, 0]);
      expect(await sizes({ exclude: { is_blocked: true } })).toEqual([1, 1]);
      const wrong = await call<{ errors: { field: string }[] }>('POST', '/campaigns', {
        name: 'x',
        audience_type: 'contacts',
        audience_filters: { is_blocked__icontains: 'x' },
      });
      expect([wrong.status, wrong.body.errors[0]?.field]).toEqual([400, 'audience_filters.is_blocked__icontains']);
    });
  });

  /** Somebody did it in another tool. */
  async function blockAtMeta(phone: string): Promise<void> {
    await journey.simulator.call('POST', 'inbound', { from: phone, text: 'Hi' });
    const response = await fetch(`${journey.simulator.url}/v23.0/${PHONE_NUMBER_ID}/block_users`, {
      method: 'POST',
      headers: { authorization: 'Bearer EAAtesttoken', 'content-type': 'application/json' },
      body: JSON.stringify({ messaging_product: 'whatsapp', block_users: [{ user: phone }] }),
    });
    expect(response.status).toBe(200);
  }
});
