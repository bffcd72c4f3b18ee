import { ApiKeysService } from '../../src/api-keys/api-keys.service.js';
import { AuditTrail } from '../../src/audit/audit-trail.js';
import { actAs } from '../../src/common/actor.js';
import { eventually, type Answer, type CallOptions } from '../support/app.js';
import { audienceCsv, campaignIs, draftWithCsv, startJourney, type Journey } from '../support/journey.js';

interface Entry {
  id: number;
  created_at: string;
  actor_type: string;
  actor_key_id: number | null;
  actor_name: string;
  ip: string | null;
  request_id: string | null;
  action: string;
  object_type: string;
  object_id: string | null;
  account_id: number | null;
  changes: Record<string, unknown>;
}

interface Page {
  audit_log: Entry[];
  next_cursor: string | null;
}

/** What must never stand in the log. */
const TOKEN = 'EAAcanarytoken';
const APP_SECRET = 'canaryappsecret0123456789abcdef0';
const PHONE = '9876512345';
const WORDS = 'canary words of a person';

describe('the audit log', () => {
  let journey: Journey;
  let accountId: number;
  let otherId: number;
  let admin: { id: number; key: string };

  const call = <T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    options: CallOptions = {},
  ): Promise<Answer<T>> => journey.api.call<T>(method, path, { key: admin.key, accountId, body, ...options });
  /** As {@link call}, of what has to go well. */
  const done = async <T = { id: number }>(
    method: string,
    path: string,
    body?: unknown,
    options: CallOptions = {},
  ): Promise<T> => {
    const answer = await call<T>(method, path, body, options);
    expect([answer.status < 300, answer.body]).toEqual([true, answer.body]);
    return answer.body;
  };
  const list = async (query = '', options: CallOptions = {}): Promise<Page> => {
    const answer = await journey.api.call<Page>('GET', `/audit-log${query}`, { key: admin.key, ...options });
    expect([answer.status, answer.body]).toEqual([200, answer.body]);
    return answer.body;
  };
  /** What is written of an object, the oldest first. */
  const storyOf = async (type: string, id: number): Promise<Entry[]> =>
    (await list(`?object_type=${type}&object_id=${id}&limit=200`)).audit_log.reverse();
  const actionsOn = async (type: string, id: number): Promise<string[]> =>
    (await storyOf(type, id)).map(({ action }) => action);
  /** A campaign whose people all wait: it runs until it is stopped. */
  const endless = async (first: number): Promise<number> => {
    const id = await draftWithCsv(journey, audienceCsv(40, first));
    await journey.api.db.query(
      `update campaign_recipients set not_before = now() + interval '1 hour' where campaign_id = $1`,
      [id],
    );
    return id;
  };
  const form = (csv: string): FormData => {
    const data = new FormData();
    data.append('file', new Blob([csv], { type: 'text/csv' }), 'file.csv');
    return data;
  };

  beforeAll(async () => {
    journey = await startJourney({ simulator: { template_approval_ms: 3_600_000 } });
    ({ accountId } = journey);
    const made = await journey.api.call<{ id: number; key: string }>('POST', '/api-keys', { body: { name: 'Admin' } });
    admin = made.body;
    const second = await journey.api.call<{ id: number }>('POST', '/accounts', {
      body: { name: 'Second', phone_number_id: '300000000000002', waba_id: '200000000000002', access_token: TOKEN },
    });
    otherId = second.body.id;
  });
  afterAll(() => journey.close());

  it('says who did what, from where, in which request', async () => {
    const { body, headers } = await call<{ id: number }>('POST', '/api-keys', { name: 'Shop', scopes: ['inbox:read'] });
    const [entry] = await storyOf('api_key', body.id);
    expect(entry).toEqual({
      id: expect.any(Number) as number,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      actor_type: 'api_key',
      actor_key_id: admin.id,
      actor_name: 'Admin',
      ip: '127.0.0.1',
      request_id: headers.get('x-request-id'),
      action: 'api_key.created',
      object_type: 'api_key',
      object_id: String(body.id),
      account_id: null,
      changes: {
        name: 'Shop',
        is_active: true,
        scopes: ['inbox:read'],
        account_ids: [],
        default_account_id: null,
        expires_at: null,
      },
    });
  });

  it('tells the life of a key, and what of it changed', async () => {
    const { id } = await done('POST', '/api-keys', { name: 'Short', scopes: ['inbox:read'], account_ids: [accountId] });
    await done('PATCH', `/api-keys/${id}`, { scopes: ['inbox:read', 'messages:send'], name: 'Short' });
    await done('PATCH', `/api-keys/${id}`, { name: 'Short' });
    await done('POST', `/api-keys/${id}/rotate`, { overlap_s: 60 });
    await done('DELETE', `/api-keys/${id}`);
    const story = await storyOf('api_key', id);
    expect(story.map(({ action, account_id, changes }) => [action, account_id, changes])).toEqual([
      ['api_key.created', accountId, expect.objectContaining({ name: 'Short', account_ids: [accountId] })],
      ['api_key.updated', accountId, { scopes: { from: ['inbox:read'], to: ['inbox:read', 'messages:send'] } }],
      ['api_key.rotated', accountId, { overlap_s: 60 }],
      ['api_key.deleted', accountId, expect.objectContaining({ name: 'Short' })],
    ]);
  });

  it('tells the life of an account, and of its secrets only that they changed', async () => {
    const { id } = await done('POST', '/accounts', { name: 'C', phone_number_id: '77', access_token: TOKEN });
    await done('PATCH', `/accounts/${id}`, { name: 'D', access_token: `${TOKEN}2`, app_secret: APP_SECRET });
    await done('POST', `/accounts/${id}/rotate-verify-token`);
    await done('DELETE', `/accounts/${id}`);
    const story = await storyOf('account', id);
    expect(story.map(({ action, account_id, changes }) => [action, account_id, changes])).toEqual([
      ['account.created', id, expect.objectContaining({ name: 'C', access_token: { changed: true } })],
      [
        'account.updated',
        id,
        { name: { from: 'C', to: 'D' }, access_token: { changed: true }, app_secret: { changed: true } },
      ],
      ['account.verify_token_rotated', id, { verify_token: { changed: true } }],
      ['account.deleted', id, expect.objectContaining({ name: 'D', phone_number_id: '77' })],
    ]);
  });

  it('tells every move of a campaign, whoever made it', async () => {
    const id = await draftWithCsv(journey, audienceCsv(3));
    const hour = new Date(Date.now() + 3_600_000).toISOString();
    await done('POST', `/campaigns/${id}/schedule`, { scheduled_at: hour });
    await done('POST', `/campaigns/${id}/schedule`, { scheduled_at: null });
    await done('POST', `/campaigns/${id}/schedule`, { scheduled_at: hour });
    // The hour is over.
    await journey.api.db.query(`update campaigns set scheduled_at = date_trunc('milliseconds', now()) where id = $1`, [
      id,
    ]);
    await campaignIs(journey, id, 'completed');
    await done('GET', `/campaigns/${id}/recipients/export`);
    expect((await call('POST', `/campaigns/${id}/pause`)).status).toBe(409);
    const story = await storyOf('campaign', id);
    expect(story.map(({ action, actor_type, changes }) => [action, actor_type, changes.status])).toEqual([
      ['campaign.scheduled', 'api_key', { from: 'draft', to: 'scheduled' }],
      ['campaign.unscheduled', 'api_key', { from: 'scheduled', to: 'draft' }],
      ['campaign.scheduled', 'api_key', { from: 'draft', to: 'scheduled' }],
      ['campaign.started', 'system', { from: 'scheduled', to: 'running' }],
      ['campaign.recipients_exported', 'api_key', undefined],
    ]);
    expect(story[3]).toMatchObject({ actor_key_id: null, actor_name: 'system', ip: null, request_id: null });

    const stopped = await endless(9_820_000_000);
    await done('POST', `/campaigns/${stopped}/run`);
    await done('POST', `/campaigns/${stopped}/pause`);
    await done('POST', `/campaigns/${stopped}/resume`);
    await done('POST', `/campaigns/${stopped}/cancel`);
    expect(await actionsOn('campaign', stopped)).toEqual([
      'campaign.started',
      'campaign.paused',
      'campaign.resumed',
      'campaign.cancelled',
    ]);
    const draft = await draftWithCsv(journey, audienceCsv(1));
    await done('DELETE', `/campaigns/${draft}`);
    expect(await actionsOn('campaign', draft)).toEqual(['campaign.deleted']);
  });

  it('says that Parley itself paused a campaign for a word of Meta’s, and let it go on', async () => {
    const id = await endless(9_830_000_000);
    await done('POST', `/campaigns/${id}/run`);
    const tell = (status: string): Promise<unknown> =>
      journey.simulator.call('PUT', 'templates/order_update', { waba_id: '200000000000001', status });
    await tell('PAUSED');
    await campaignIs(journey, id, 'paused');
    await tell('APPROVED');
    await eventually(
      () => actionsOn('campaign', id),
      (actions) => actions.includes('campaign.resumed'),
    );
    await done('POST', `/campaigns/${id}/cancel`);
    const story = await storyOf('campaign', id);
    expect(story.map(({ action, actor_type }) => `${actor_type} ${action}`)).toEqual([
      'api_key campaign.started',
      'system campaign.paused',
      'system campaign.resumed',
      'api_key campaign.cancelled',
    ]);
  });

  it('tells what is done to people, without their names and numbers', async () => {
    const { id } = await done('POST', '/contacts', { phone: `+91${PHONE}`, name: WORDS });
    await done('POST', `/contacts/${id}/opt-out`, { reason: WORDS });
    await done('POST', `/contacts/${id}/opt-in`);
    await done('POST', '/block/', { phone: PHONE, reason: WORDS });
    await done('DELETE', '/unblock/', { phone: PHONE });
    await done('DELETE', `/contacts/${id}?erase=true`);
    expect(await actionsOn('contact', id)).toEqual([
      'contact.opted_out',
      'contact.opted_in',
      'contact.blocked',
      'contact.unblocked',
      'contact.erased',
    ]);
    const gone = await done('POST', '/contacts', { phone: `+91${PHONE}` });
    await done('DELETE', `/contacts/${gone.id}`);
    expect(await actionsOn('contact', gone.id)).toEqual(['contact.deleted']);

    await done('GET', '/contacts/export');
    const imported = await done('POST', '/contacts/import', form(`phone,name\n+91${PHONE},${WORDS}\n`));
    const [exported] = (await list('?action=contact.exported')).audit_log;
    expect(exported).toMatchObject({ actor_name: 'Admin', account_id: accountId, object_id: null });
    const [upload] = (await list('?action=contact_import.uploaded')).audit_log;
    expect(upload).toMatchObject({ object_type: 'contact_import', changes: { lines: 1 } });
    expect(imported).toMatchObject({ created: 1 });
  });

  it('tells what is done to messages, templates, flows, signups and rates', async () => {
    await journey.api.call('POST', '/contacts', { body: { phone: `+91${PHONE}` } });
    const { message } = await done<{ message: { id: number } }>('POST', '/send-message/?force=true', {
      phone: PHONE,
      message: WORDS,
    });
    await done('DELETE', `/messages/${message.id}`);
    expect(await actionsOn('message', message.id)).toEqual(['message.deleted']);

    const template = await done('POST', '/templates', {
      name: 'audited',
      language: 'en',
      category: 'UTILITY',
      body_text: 'Hello there, welcome.',
    });
    await done('POST', `/templates/${template.id}/push`);
    await done('DELETE', `/templates/${template.id}?on_meta=true`);
    expect(await actionsOn('template', template.id)).toEqual(['template.pushed', 'template.deleted']);
    const draft = await done('POST', '/templates', {
      name: 'audited_draft',
      language: 'en',
      category: 'UTILITY',
      body_text: 'Hello there, welcome.',
    });
    await done('DELETE', `/templates/${draft.id}`);
    expect(await actionsOn('template', draft.id)).toEqual(['template.deleted']);

    const flow = await done('POST', '/flows', { name: 'Audited', starter: 'feedback' });
    await done('POST', `/flows/${flow.id}/publish`);
    await done('POST', `/flows/${flow.id}/deprecate`);
    await done('GET', `/flows/${flow.id}/responses/export`);
    expect(await actionsOn('flow', flow.id)).toEqual(['flow.published', 'flow.deprecated', 'flow.responses_exported']);
    const unwanted = await done('POST', '/flows', { name: 'Unwanted', categories: ['SURVEY'] });
    await done('DELETE', `/flows/${unwanted.id}`);
    expect(await actionsOn('flow', unwanted.id)).toEqual(['flow.deleted']);
    await done('POST', '/flows/encryption');
    expect((await list('?object_type=flow_key')).audit_log.map(({ action }) => action)).toEqual(['flow_key.rotated']);

    const signup = await done('POST', '/signups', {
      display_name: 'Fair',
      signup_message: 'Get our offers on WhatsApp.',
      confirmation_message: 'Welcome!',
      privacy_policy_url: 'https://example.com/privacy',
      tos_accepted: true,
    });
    await done('POST', `/signups/${signup.id}/disable`);
    expect(await actionsOn('signup', signup.id)).toEqual(['signup.created', 'signup.disabled']);

    await done('PUT', '/rate-table', {
      currency: 'USD',
      rates: [{ country: 'IN', category: 'utility', price: 0.001 }],
    });
    const [rates] = (await list('?action=rate_table.replaced')).audit_log;
    expect(rates).toMatchObject({ account_id: null, object_id: null, changes: { currency: 'USD', rates: 1 } });
  });

  it('knows the operator at the command line, and of a key who made it', async () => {
    const keys = journey.api.app.get(ApiKeysService);
    const made = await actAs({ type: 'cli' }, () => keys.create({ name: 'By hand', scopes: ['inbox:read'] }));
    expect(made).toMatchObject({ createdBy: 'cli', createdByKeyId: null });
    const [entry] = await storyOf('api_key', made.id);
    expect(entry).toMatchObject({ actor_type: 'cli', actor_name: 'cli', actor_key_id: null });
    const [oldest] = (await list('?limit=200&action=api_key.created')).audit_log.slice(-1);
    expect(oldest).toMatchObject({ actor_type: 'system', changes: { name: 'Bootstrap', scopes: ['*'] } });
    const byKey = await done('POST', '/api-keys', { name: 'By key' });
    expect(byKey).toMatchObject({ created_by: 'Admin', created_by_key_id: admin.id });
  });

  it('tells nothing of what did not happen', async () => {
    const count = async (): Promise<number> =>
      (await journey.api.db.query<{ n: number }>('select count(*) as n from audit_log'))[0]!.n;
    const before = await count();
    const answers = await Promise.all([
      call('POST', '/api-keys', { name: 'x', account_ids: [999_999] }),
      call('POST', '/accounts', { name: 'x', phone_number_id: '300000000000002', access_token: TOKEN }),
      call('DELETE', '/contacts/999999'),
      call('POST', '/campaigns/999999/run'),
      call('GET', '/campaigns/999999/recipients/export'),
      call('DELETE', '/messages/999999'),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([400, 409, 404, 404, 404, 404]);
    expect(await count()).toBe(before);
  });

  it('has no secret, no words and no number of a person in it', async () => {
    const rows = await journey.api.db.query<{ text: string }>('select a::text as text from audit_log a');
    const text = rows.map((row) => row.text).join('\n');
    expect(rows.length).toBeGreaterThan(30);
    for (const canary of [TOKEN, APP_SECRET, PHONE, WORDS, admin.key.slice(20)]) {
      expect(text).not.toContain(canary);
    }
  });

  it('is only ever appended to', async () => {
    for (const statement of [`update audit_log set actor_name = 'nobody'`, 'delete from audit_log']) {
      await expect(journey.api.db.query(statement)).rejects.toThrow('only ever appended to');
    }
  });

  describe('as it is read', () => {
    it('comes in pages, the newest first, each entry once', async () => {
      const all = (await list('?limit=200')).audit_log;
      const seen: Entry[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const page: Page = await list(`?limit=7${cursor === '' ? '' : `&cursor=${cursor}`}`);
        seen.push(...page.audit_log);
        cursor = page.next_cursor;
      }
      expect(seen.slice(0, all.length)).toEqual(all);
      expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
      const keys = seen.map(({ created_at, id }) => `${created_at} ${String(id).padStart(12, '0')}`);
      expect(keys).toEqual([...keys].sort().reverse());
    });

    it('is filtered by what, to what, by whom and when', async () => {
      const middle = (await list('?limit=20')).audit_log.at(-1) as Entry;
      const since = (await list(`?from=${middle.created_at}&limit=200`)).audit_log;
      const until = (await list(`?to=${middle.created_at}&limit=200`)).audit_log;
      expect(since.every(({ created_at }) => created_at >= middle.created_at)).toBe(true);
      expect(until.every(({ created_at }) => created_at < middle.created_at)).toBe(true);
      expect(since.map(({ id }) => id)).toContain(middle.id);
      const byAdmin = (await list(`?actor_key_id=${admin.id}&action=campaign.started`)).audit_log;
      expect(byAdmin.length).toBeGreaterThan(0);
      expect(new Set(byAdmin.map((entry) => `${entry.actor_key_id} ${entry.action}`)).size).toBe(1);
      expect((await list('?object_type=nothing')).audit_log).toEqual([]);
    });

    it.each([
      ['?cursor=xyz', 'bad_cursor'],
      [`?cursor=${Buffer.from('["audit_log",1e300,1]').toString('base64url')}`, 'bad_cursor'],
      [`?cursor=${Buffer.from('["audit_log",9007199254740991,1]').toString('base64url')}`, 'bad_cursor'],
      ['?from=2026-W01', 'validation_failed'],
      ['?from=tomorrow', 'validation_failed'],
      ['?limit=201', 'validation_failed'],
      ['?actor_key_id=x', 'validation_failed'],
      ['?wrong=1', 'validation_failed'],
    ])('refuses %s', async (query, code) => {
      const { status, body } = await journey.api.call('GET', `/audit-log${query}`);
      expect([status, body.code]).toEqual([400, code]);
    });

    it('takes times as far away as may be', async () => {
      expect((await list('?from=9999-12-31T23:59:59Z')).audit_log).toEqual([]);
      expect((await list('?to=1000-01-01T00:00:00Z')).audit_log).toEqual([]);
    });

    it('shows a key that is tied to accounts what is theirs, and nothing of the installation', async () => {
      const tied = await done<{ id: number; key: string }>('POST', '/api-keys', {
        name: 'Tied',
        scopes: ['api_keys:write'],
        account_ids: [otherId],
      });
      await done('PATCH', `/accounts/${otherId}`, { name: 'Second again' });
      const { audit_log: seen } = await list('?limit=200', { key: tied.key });
      expect(seen.map(({ account_id }) => account_id)).toEqual(seen.map(() => otherId));
      expect(seen.map(({ action }) => action).sort()).toEqual([
        'account.created',
        'account.updated',
        'api_key.created',
      ]);
      const all = await list(`?limit=200&account_id=${otherId}`);
      expect(all.audit_log).toEqual(seen);
    });

    it('cannot tell a foreign account from a missing one, and wants its scope', async () => {
      const tied = await done<{ key: string }>('POST', '/api-keys', {
        name: 'Tied',
        scopes: ['api_keys:write'],
        account_ids: [otherId],
      });
      const ask = (id: number, by: 'header' | 'query'): Promise<Answer> =>
        journey.api.call('GET', by === 'query' ? `/audit-log?account_id=${id}` : '/audit-log', {
          key: tied.key,
          ...(by === 'header' ? { accountId: id } : {}),
        });
      for (const by of ['header', 'query'] as const) {
        const [foreign, missing] = [await ask(accountId, by), await ask(999_999, by)];
        expect([foreign.status, foreign.body.code]).toEqual([404, 'account_not_found']);
        expect({ ...foreign.body, request_id: '' }).toEqual({ ...missing.body, request_id: '' });
      }
      expect((await journey.api.call('GET', '/audit-log?account_id=999999')).status).toBe(404);
      const reader = await done<{ key: string }>('POST', '/api-keys', { name: 'Reader', scopes: ['inbox:read'] });
      expect((await journey.api.call('GET', '/audit-log', { key: reader.key })).status).toBe(403);
      expect((await journey.api.call('GET', '/audit-log', { key: null })).status).toBe(401);
    });
  });

  it('is written with the change or not at all', async () => {
    const { app, db } = journey.api;
    const trail = app.get(AuditTrail);
    const entry = { action: 'probe.done', objectType: 'probe', objectId: 1, accountId: null };
    const undone = db.transaction(async (tx) => {
      await trail.append(tx, [entry]);
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect((await list('?action=probe.done')).audit_log).toEqual([]);
  });
});
