import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, startTestApp, type Answer } from '../support/app.js';
import { answerJson, AudienceServer } from '../support/audience-server.js';
import { campaignIs, getCampaign, startJourney, WABA_ID, type CampaignBody, type Journey } from '../support/journey.js';

interface Campaign extends CampaignBody {
  audience_type: string;
  audience_state: string;
  status_reason: { code: string; message: string } | null;
}

interface Recipient {
  id: number;
  line: number | null;
  phone_number: string | null;
  user_id: string | null;
  name: string;
  parameters: Record<string, string>;
  status: string;
  skip_reason: string | null;
}

interface Problem {
  code: string;
  detail: string;
  errors?: { field: string; code: string }[];
}

/** What the module of audiences below does, told by the tests: both run in one process. */
interface Stage {
  contexts: unknown[];
  isBroken: boolean;
  /** Whoever brings them in waits for this behind the first 7,000. */
  gate: Promise<void> | null;
  closed: number;
}

const stage: Stage = { contexts: [], isBroken: false, gate: null, closed: 0 };
(globalThis as unknown as { stage: Stage }).stage = stage;

/** Audiences of whoever runs Parley. */
const modules = (url: string, secret: string): string => `
const { stage } = globalThis;
export const audiences = {
  regulars: {
    description: 'People who come often',
    async *people(filters, context) {
      stage.contexts.push({ filters, context });
      yield* filters.people ?? [];
    },
  },
  many: {
    // As many as asked for; waits or breaks behind the first 7,000 when the test says so.
    async *people({ first, count }) {
      try {
        for (let at = 0; at < count; at += 1) {
          if (at === 7000) await stage.gate;
          if (at === 7000 && stage.isBroken) throw new Error('postgres://user:password@crm');
          yield { phone: '+' + (first + at), name: 'Person ' + at, params: { order_id: 'O-' + at } };
        }
      } finally {
        stage.closed += 1;
      }
    },
  },
  crm: { description: 'Our CRM', url: '${url}', secret: '${secret}' },
};
export default ({ campaign, account }) =>
  campaign.audience_type === 'ours' || campaign.name.startsWith('Resolved')
    ? [{ phone: '+' + campaign.audience_filters.phone, name: account.name, params: { order_id: 'R' } }]
    : undefined;
`;

describe('audiences', () => {
  let folder: string;
  let server: AudienceServer;
  let journey: Journey;
  let nextPhone = 919_850_000_000;

  const phones = (count: number): number => (nextPhone += count) - count;
  const call = <T = Campaign>(method: string, path: string, body?: unknown, key?: string): Promise<Answer<T>> =>
    journey.api.call<T>(method, path, { body, ...(key ? { key } : {}) });

  const draft = async (body: Record<string, unknown>): Promise<number> => {
    const { status, body: made } = await call('POST', '/campaigns', {
      name: 'Audience',
      template_id: journey.templates.order_update,
      parameter_mappings: { '1': { field: 'name', default: 'friend' }, '2': { field: 'order_id', default: '-' } },
      ...body,
    });
    expect(status).toBe(201);
    return made.id;
  };
  const run = <T = { campaign: Campaign }>(id: number): Promise<Answer<T>> =>
    call<T>('POST', `/campaigns/${id}/run`, {});
  const recipients = async (id: number): Promise<Recipient[]> =>
    (await call<{ recipients: Recipient[] }>('GET', `/campaigns/${id}/recipients?limit=200`)).body.recipients;
  const campaign = async (id: number): Promise<Campaign> => (await getCampaign(journey, id)) as Campaign;
  const resolved = (id: number, ms = 40_000): Promise<Campaign> =>
    eventually(
      () => campaign(id),
      ({ audience_state }) => audience_state === 'resolved',
      ms,
    );
  const pausedAtOnce = async (body: Record<string, unknown>): Promise<number> => {
    const id = await draft(body);
    expect((await run(id)).status).toBe(202);
    expect((await call('POST', `/campaigns/${id}/pause`, {})).status).toBe(200);
    return id;
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'parley-e2e-audiences-'));
    server = await new AudienceServer().start();
    writeFileSync(join(folder, 'audiences.mjs'), modules(server.url, server.secret));
    journey = await startJourney({
      env: { AUDIENCES_MODULE: join(folder, 'audiences.mjs'), ALLOW_PRIVATE_NETWORK_TARGETS: 'true' },
    });
  });

  beforeEach(() => {
    Object.assign(stage, { contexts: [], isBroken: false, gate: null, closed: 0 });
    server.questions.length = 0;
  });

  afterAll(async () => {
    await journey.close();
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  it('are listed by name, page by page', async () => {
    const { status, body } = await call<{ audiences: { name: string }[]; next_cursor: string }>('GET', '/audiences');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      audiences: [
        { name: 'contacts', kind: 'contacts' },
        { name: 'crm', kind: 'endpoint', description: 'Our CRM' },
        { name: 'csv', kind: 'csv' },
        { name: 'many', kind: 'code', description: '' },
        { name: 'regulars', kind: 'code', description: 'People who come often' },
      ],
      next_cursor: null,
    });
    expect(JSON.stringify(body)).not.toContain('whsec_');
    const page = await call<typeof body>('GET', '/audiences?limit=3');
    const rest = await call<typeof body>('GET', `/audiences?limit=3&cursor=${page.body.next_cursor}`);
    expect(rest.body.audiences.map(({ name }) => name)).toEqual(['many', 'regulars']);
    expect((await call<Problem>('GET', '/audiences?cursor=x')).body.code).toBe('bad_cursor');
  });

  it('that nobody knows are refused by name, when a campaign is made and when it is changed', async () => {
    const made = await call<Problem>('POST', '/campaigns', { name: 'x', audience_type: 'regular' });
    expect([made.status, made.body.errors?.[0]?.field]).toEqual([400, 'audience_type']);
    expect(made.body.detail).toContain('"regular"');
    const id = await draft({});
    const changed = await call<Problem>('PATCH', `/campaigns/${id}`, { audience_type: 'Contacts' });
    expect([changed.status, changed.body.errors?.[0]?.code]).toEqual([400, 'unknown_audience']);
    expect((await call('PATCH', `/campaigns/${id}`, { audience_type: 'regulars' })).status).toBe(200);
  });

  describe('of code', () => {
    it('bring each person in once, with the reason of those who are skipped', async () => {
      const [asha, ravi, gone] = [phones(1), phones(1), phones(1)];
      await call('POST', '/contacts', { phone: `+${gone}`, name: 'Gone', opted_out: true });
      const audience_filters = {
        people: [
          { phone: `+${asha}`, name: 'Asha', params: { order_id: 'A-1' } },
          { phone: 'nonsense', name: 'Broken' },
          { phone: `+${ravi}`, email: 'ravi@example.com' },
          { phone: `${asha}`, name: 'Asha again' },
          { phone: `+${gone}` },
          null,
          { user_id: 'IN.13491208655302741918', name: 'No phone' },
        ],
      };
      const id = await draft({ audience_type: 'regulars', audience_filters });
      const started = await run(id);
      expect([started.status, started.body.campaign.audience_state]).toEqual([202, 'resolved']);
      expect(started.body.campaign).toMatchObject({ total_count: 7, pending_count: 3, skipped_count: 4 });
      expect(stage.contexts).toEqual([
        {
          filters: audience_filters,
          context: {
            account: { id: journey.accountId, name: 'Test', phone_number_id: '300000000000001' },
            campaign: { id, name: 'Audience', audience_type: 'regulars', audience_filters },
          },
        },
      ]);
      await campaignIs(journey, id, 'completed');
      const rows = await recipients(id);
      expect(rows.map(({ line, skip_reason }) => [line, skip_reason])).toEqual([
        [1, null],
        [2, 'invalid'],
        [3, null],
        [5, 'opted_out'],
        [6, 'invalid'],
        [7, null],
        [4, 'duplicate'],
      ]);
      expect(rows[0]).toMatchObject({ name: 'Asha', parameters: { name: 'Asha', order_id: 'A-1' } });
      expect(rows[2]).toMatchObject({ phone_number: `+${ravi}`, parameters: { email: 'ravi@example.com' } });
      expect(rows[5]).toMatchObject({ phone_number: null, user_id: 'IN.13491208655302741918' });
    });

    it('of nobody leave the campaign a draft', async () => {
      const gone = phones(1);
      await call('POST', '/contacts', { phone: `+${gone}`, opted_out: true });
      for (const people of [[], [{ phone: 'x' }], [{ phone: `+${gone}` }]]) {
        const id = await draft({ audience_type: 'regulars', audience_filters: { people } });
        const answer = await run<Problem>(id);
        expect([answer.status, answer.body.code]).toEqual([409, 'audience_empty']);
        expect(await campaign(id)).toMatchObject({ status: 'draft', audience_state: 'none', total_count: 0 });
      }
    });

    it('that fail before the first person leave the campaign a draft, and tell no secret', async () => {
      const id = await draft({ audience_type: 'regulars', audience_filters: { people: 5 } });
      const answer = await run<Problem>(id);
      expect([answer.status, answer.body.code]).toEqual([502, 'audience_failed']);
      expect(await campaign(id)).toMatchObject({ status: 'draft', total_count: 0 });
    });

    it('come in page by page behind the first, while the campaign sends', async () => {
      const id = await draft({ audience_type: 'many', audience_filters: { first: phones(6_000), count: 6_000 } });
      const started = await run(id);
      expect(started.body.campaign).toMatchObject({ audience_state: 'resolving', total_count: 5_000 });
      expect(await resolved(id)).toMatchObject({ total_count: 6_000, skipped_count: 0 });
      await eventually(
        () => campaign(id),
        ({ sent_count, failed_count }) => sent_count > 0 && failed_count === 0,
      );
      await call('POST', `/campaigns/${id}/cancel`, {});
      // Both who asked let it go: the request for its first people, and the worker.
      await eventually(
        () => Promise.resolve(stage.closed),
        (closed) => closed === 2,
      );
    });

    it('come in while the campaign is paused', async () => {
      const id = await pausedAtOnce({
        audience_type: 'many',
        audience_filters: { first: phones(12_000), count: 12_000 },
      });
      expect(await resolved(id)).toMatchObject({ status: 'paused', total_count: 12_000, skipped_count: 0 });
      await call('POST', `/campaigns/${id}/cancel`, {});
    });

    it('that break off pause the campaign with the reason, and go on when it is resumed', async () => {
      stage.isBroken = true;
      // Not before the test has paused the campaign: they would pause it first.
      let open = (): void => undefined;
      stage.gate = new Promise((resolve) => (open = resolve));
      const id = await pausedAtOnce({
        audience_type: 'many',
        audience_filters: { first: phones(9_000), count: 9_000 },
      });
      open();
      const failed = await eventually(
        () => campaign(id),
        ({ status_reason }) => status_reason?.code === 'audience_failed',
      );
      expect(failed).toMatchObject({ status: 'paused', audience_state: 'resolving', total_count: 5_000 });
      expect(JSON.stringify(failed)).not.toContain('password');
      stage.isBroken = false;
      await call('POST', `/campaigns/${id}/resume`, {});
      await call('POST', `/campaigns/${id}/pause`, {});
      expect(await resolved(id)).toMatchObject({ total_count: 9_000, skipped_count: 0 });
      await call('POST', `/campaigns/${id}/cancel`, {});
    });

    it('are not waited for once the campaign is cancelled', async () => {
      stage.gate = new Promise(() => undefined);
      const id = await pausedAtOnce({
        audience_type: 'many',
        audience_filters: { first: phones(9_000), count: 9_000 },
      });
      await call('POST', `/campaigns/${id}/cancel`, {});
      expect(await resolved(id)).toMatchObject({ status: 'cancelled', total_count: 5_000 });
    });

    it('are gone on with by another worker, which loses nobody and repeats nobody', async () => {
      const id = await pausedAtOnce({
        audience_type: 'many',
        audience_filters: { first: phones(11_000), count: 11_000 },
      });
      // As a worker leaves it that died behind its second page; at once, or another goes on before they are gone.
      await journey.api.db.transaction(async (tx) => {
        await tx.query(
          `update campaigns set audience_state = 'resolving', audience_lease_until = now() + interval '3 s',
             audience_cursor = '{"giver":"audience","index":10000,"cursor":null}' where id = $1`,
          [id],
        );
        await tx.query(
          `delete from campaign_recipients where id in (
             select id from campaign_recipients where campaign_id = $1 order by id desc limit 1500)`,
          [id],
        );
      });
      expect(await resolved(id)).toMatchObject({ total_count: 11_000, skipped_count: 0 });
      await call('POST', `/campaigns/${id}/cancel`, {});
    });
  });

  describe('of an endpoint', () => {
    const person = (at: number, first: number): unknown => ({ phone: `+${first + at}`, name: `P${at}` });

    it('are asked for page by page, by signed questions', async () => {
      const first = phones(3);
      server.answering = ({ cursor }, response) =>
        answerJson(response, {
          recipients: cursor === null ? [person(0, first), person(1, first)] : [person(2, first), person(0, first)],
          next_cursor: cursor === null ? 'two' : null,
        });
      const id = await draft({ audience_type: 'crm', audience_filters: { city: 'Delhi' } });
      expect((await run(id)).body.campaign).toMatchObject({
        total_count: 4,
        skipped_count: 1,
        audience_state: 'resolved',
      });
      expect(server.questions).toMatchObject([
        {
          audience: 'crm',
          filters: { city: 'Delhi' },
          campaign_id: id,
          account_id: journey.accountId,
          cursor: null,
          isSigned: true,
        },
        { cursor: 'two', isSigned: true },
      ]);
      expect(await campaignIs(journey, id, 'completed')).toMatchObject({ sent_count: 3 });
    });

    it('that refuse leave the campaign a draft', async () => {
      server.answering = (_question, response) => answerJson(response, { secret: 'x' }, 404);
      const id = await draft({ audience_type: 'crm' });
      const answer = await run<Problem>(id);
      expect([answer.status, answer.body.code]).toEqual([502, 'audience_failed']);
      expect(await campaign(id)).toMatchObject({ status: 'draft', total_count: 0 });
    });

    it('that fail for good on a later page pause the campaign, and are asked for that page when it is resumed', async () => {
      const first = phones(6_000);
      let isBroken = true;
      server.answering = ({ cursor }, response, count) => {
        if (cursor === 'second' && isBroken) {
          // Once in passing, then for good.
          answerJson(response, {}, count === 2 ? 503 : 410);
          return;
        }
        const [from, to] = cursor === null ? [0, 5_000] : [5_000, 6_000];
        const page = Array.from({ length: to - from }, (_, at) => person(from + at, first));
        answerJson(response, { recipients: page, next_cursor: cursor === null ? 'second' : null });
      };
      const id = await draft({ audience_type: 'crm' });
      expect((await run(id)).body.campaign).toMatchObject({ audience_state: 'resolving', total_count: 5_000 });
      const failed = await campaignIs(journey, id, 'paused');
      expect(failed.status_reason).toEqual({
        code: 'audience_failed',
        message: expect.stringContaining('410') as string,
      });
      isBroken = false;
      server.questions.length = 0;
      await call('POST', `/campaigns/${id}/resume`, {});
      expect(await resolved(id)).toMatchObject({ total_count: 6_000, skipped_count: 0 });
      expect(server.questions.map(({ cursor }) => cursor)).toEqual(['second']);
      await call('POST', `/campaigns/${id}/cancel`, {});
    });
  });

  describe('of contacts', () => {
    it('know what the account knows of people', async () => {
      const [vip, other] = [phones(1), phones(1)];
      for (const phone of [vip, other]) {
        await journey.simulator.call('POST', 'inbound', { from: String(phone), text: 'hello' });
        await eventually(
          () => call<{ conversations: unknown[] }>('GET', `/chats/?q=${phone}`),
          ({ body }) => body.conversations.length === 1,
        );
      }
      await call('PATCH', `/chats/${vip}`, { label: 'Very important' });
      const id = await draft({
        audience_filters: {
          conversation__label: 'very important',
          last_inbound_at__gte: '2026-01-01',
          phone__in: [vip, other],
        },
      });
      expect((await run(id)).body.campaign).toMatchObject({ total_count: 1, audience_state: 'resolved' });
    });

    it('of a key that is tied to accounts are its accounts’ people, whoever runs the campaign later', async () => {
      const [ours, theirs] = [phones(1), phones(1)];
      const second = await call<{ id: number }>('POST', '/accounts', {
        name: 'Second',
        phone_number_id: '300000000000002',
        waba_id: WABA_ID,
        access_token: 'EAAsecond',
      });
      const key = await call<{ key: string }>('POST', '/api-keys', {
        name: 'tied',
        scopes: ['campaigns:write', 'campaigns:read', 'contacts:write'],
        account_ids: [journey.accountId],
      });
      await call('POST', '/contacts', { phone: `+${ours}`, name: 'Tied person' }, key.body.key);
      const { status } = await journey.api.call('POST', '/contacts', {
        accountId: second.body.id,
        body: { phone: `+${theirs}`, name: 'Tied person' },
      });
      expect(status).toBe(201);
      const body = {
        name: 'Tied',
        template_id: journey.templates.order_update,
        parameter_mappings: { '1': 'name', '2': 'phone' },
        audience_filters: { name: 'Tied person' },
      };
      const tied = await call('POST', '/campaigns', body, key.body.key);
      expect(
        (await call<{ campaign: Campaign }>('POST', `/campaigns/${tied.body.id}/run`, {}, key.body.key)).body.campaign
          .total_count,
      ).toBe(1);
      expect((await recipients(tied.body.id)).map(({ phone_number }) => phone_number)).toEqual([`+${ours}`]);
      const free = await draft({ audience_filters: { name: 'Tied person' } });
      expect((await run(free)).body.campaign.total_count).toBe(2);
    });

    it('without a phone or a user id that the account knows are counted, and skipped', async () => {
      const name = `Nobody ${phones(1)}`;
      await journey.api.db.query(`insert into contacts (identity_key, name) values ($1, $2), ($3, $2)`, [
        `user:elsewhere:IN.${phones(1)}`,
        name,
        `phone:+${phones(1)}`,
      ]);
      const phone = `+${phones(1)}`;
      await journey.api.db.query('insert into contacts (identity_key, phone, name) values ($1, $2, $3)', [
        `phone:${phone}`,
        phone,
        name,
      ]);
      const id = await draft({ audience_filters: { name } });
      expect((await run(id)).body.campaign).toMatchObject({ total_count: 3, skipped_count: 2, pending_count: 1 });
    });
  });

  describe('asked of a resolver first', () => {
    let resolving: Journey;
    const at = async (body: Record<string, unknown>): Promise<Answer<{ campaign: Campaign } & Problem>> => {
      const made = await resolving.api.call<Campaign>('POST', '/campaigns', {
        body: {
          name: 'Plain',
          template_id: resolving.templates.order_update,
          parameter_mappings: { '1': 'name', '2': 'order_id' },
          ...body,
        },
      });
      expect(made.status).toBe(201);
      return resolving.api.call('POST', `/campaigns/${made.body.id}/run`, { body: {} });
    };

    beforeAll(async () => {
      const path = join(folder, 'audiences.mjs');
      resolving = await startJourney({
        worker: false,
        env: { AUDIENCES_MODULE: path, CAMPAIGN_RESOLVER: path, ALLOW_PRIVATE_NETWORK_TARGETS: 'true' },
      });
    });

    afterAll(() => resolving.close());

    it('are its own, whatever the campaign names', async () => {
      const ours = await at({ audience_type: 'ours', audience_filters: { phone: String(phones(1)) } });
      expect(ours.body.campaign).toMatchObject({ total_count: 1, audience_state: 'resolved' });
      const audience_filters = {
        phone: String(phones(1)),
        people: [{ phone: `+${phones(1)}` }, { phone: `+${phones(1)}` }],
      };
      const taken = await at({ name: 'Resolved', audience_type: 'regulars', audience_filters });
      expect(taken.body.campaign.total_count).toBe(1);
    });

    it('are those of the others, when it has nothing to say', async () => {
      const people = [{ phone: `+${phones(1)}` }, { phone: `+${phones(1)}` }];
      expect((await at({ audience_type: 'regulars', audience_filters: { people } })).body.campaign.total_count).toBe(2);
      expect((await at({ audience_filters: { name: 'nobody' } })).body.code).toBe('audience_empty');
    });

    it('are refused by name when nobody knows them after all', async () => {
      const answer = await at({ audience_type: 'typo' });
      expect([answer.status, answer.body.errors?.[0]?.field]).toEqual([400, 'audience_type']);
    });

    it('may be those of an endpoint, which says 204 to what is none of its business', async () => {
      const asked = await startJourney({
        worker: false,
        env: {
          CAMPAIGN_RESOLVER: server.url,
          CAMPAIGN_RESOLVER_SECRET: server.secret,
          ALLOW_PRIVATE_NETWORK_TARGETS: 'true',
        },
      });
      try {
        const first = phones(2);
        server.answering = ({ audience }, response) =>
          audience === 'shop'
            ? answerJson(response, { recipients: [{ phone: `+${first}` }, { phone: `+${first + 1}` }] })
            : void response.writeHead(204).end();
        const make = async (audience_type: string): Promise<Answer<{ campaign: Campaign } & Problem>> => {
          const made = await asked.api.call<Campaign>('POST', '/campaigns', {
            body: { name: 'x', template_id: asked.templates.order_update, audience_type },
          });
          return asked.api.call('POST', `/campaigns/${made.body.id}/run`, { body: {} });
        };
        expect((await make('shop')).body.campaign.total_count).toBe(2);
        expect((await make('contacts')).body.code).toBe('audience_empty');
        expect(server.questions).toMatchObject([{ isSigned: true }, { isSigned: true }]);
      } finally {
        await asked.close();
      }
    });
  });

  it('that cannot be loaded keep the process from starting, in clear words', async () => {
    const path = join(folder, 'broken.mjs');
    writeFileSync(path, 'export const audiences = { csv: { people() {} } };');
    await expect(
      startTestApp({ databaseUrl: journey.api.databaseUrl, env: { AUDIENCES_MODULE: path } }),
    ).rejects.toThrow(/AUDIENCES_MODULE cannot be used[\s\S]*"csv"/);
    await expect(
      startTestApp({ databaseUrl: journey.api.databaseUrl, env: { CAMPAIGN_RESOLVER: 'https://a.example' } }),
    ).rejects.toThrow('CAMPAIGN_RESOLVER_SECRET is required');
  });

  describe('kept as presets', () => {
    const make = (body: unknown, key?: string): Promise<Answer<Record<string, unknown>>> =>
      call<Record<string, unknown>>('POST', '/audience-presets', body, key);

    it('are the account’s own, by name', async () => {
      const vip = await make({ name: ' VIPs ', audience_filters: { labels__name: 'VIP' } });
      expect([vip.status, vip.body]).toMatchObject([
        201,
        { name: 'VIPs', audience_type: 'contacts', audience_filters: { labels__name: 'VIP' } },
      ]);
      expect((await make({ name: 'all' })).status).toBe(201);
      expect((await make({ name: 'crm', audience_type: 'crm', audience_filters: { city: 'Delhi' } })).status).toBe(201);
      const again = await make({ name: 'vips' });
      expect([again.status, again.body.code]).toEqual([409, 'audience_preset_exists']);

      interface List {
        audience_presets: { id: number; name: string }[];
        next_cursor: string | null;
      }
      const page = await call<List>('GET', '/audience-presets?limit=2');
      expect(page.body.audience_presets.map(({ name }) => name)).toEqual(['all', 'crm']);
      const rest = await call<List>('GET', `/audience-presets?limit=2&cursor=${page.body.next_cursor}`);
      expect(rest.body).toMatchObject({ audience_presets: [{ name: 'VIPs' }], next_cursor: null });

      const second = await call<{ id: number }>('POST', '/accounts', {
        name: 'Third',
        phone_number_id: '300000000000003',
        waba_id: WABA_ID,
        access_token: 'EAAthird',
      });
      const elsewhere = { accountId: second.body.id };
      const list = await journey.api.call<List>('GET', '/audience-presets', elsewhere);
      expect(list.body.audience_presets).toEqual([]);
      const path = `/audience-presets/${String(vip.body.id)}`;
      expect((await journey.api.call('DELETE', path, elsewhere)).status).toBe(404);
      expect(
        (await journey.api.call('POST', '/audience-presets', { ...elsewhere, body: { name: 'VIPs' } })).status,
      ).toBe(201);
      expect((await call('DELETE', path)).status).toBe(204);
      expect((await call('DELETE', path)).status).toBe(404);
    });

    it.each([
      [{ name: 'x', audience_type: 'nowhere' }, 'audience_type'],
      [{ name: 'x', audience_filters: { secret: 1 } }, 'audience_filters.secret'],
      [{ name: '  ' }, 'name'],
      [{ audience_filters: {} }, 'name'],
      [{ name: 'x', color: 'red' }, 'color'],
    ])('are refused by name when %j', async (body, field) => {
      const { status, body: problem } = await make(body);
      expect([status, (problem as unknown as Problem).errors?.[0]?.field]).toEqual([400, field]);
    });

    it('need the scope', async () => {
      const key = await call<{ key: string }>('POST', '/api-keys', { name: 'reader', scopes: ['campaigns:read'] });
      expect((await make({ name: 'y' }, key.body.key)).status).toBe(403);
      expect((await call('GET', '/audience-presets', undefined, key.body.key)).status).toBe(200);
      expect((await call('GET', '/audiences', undefined, key.body.key)).status).toBe(200);
      const other = await call<{ key: string }>('POST', '/api-keys', { name: 'other', scopes: ['inbox:read'] });
      expect((await call('GET', '/audiences', undefined, other.body.key)).status).toBe(403);
    });
  });
});
