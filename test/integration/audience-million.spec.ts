import { AudienceIntake } from '../../src/campaigns/audience/audience-intake.js';
import { AccountsService } from '../../src/accounts/accounts.service.js';
import { eventually, startTestApp, type TestApp } from '../support/app.js';
import { addsUp, getCampaign, startJourney, type CampaignBody, type Journey } from '../support/journey.js';

/** 1,000,000 by hand; fewer in CI, where the shape is the same. */
const SIZE = Number(process.env.AUDIENCE_SIZE ?? 50_000);
const MAX_GROWTH_MB = 250;

/** Every fiftieth has opted out, every tenth is a VIP, and every hundredth, none of those, is blocked. */
const PEOPLE = `
  with made as (
    insert into contacts (identity_key, phone, name, email, opted_out)
    select 'phone:+91' || (6000000000 + i), '+91' || (6000000000 + i), 'Person ' || i, 'p' || i || '@example.com', i % 50 = 0
    from generate_series(1, $1::int) i
    returning id, phone
  ), known as (
    insert into contact_identities (contact_id, kind, value) select id, 'phone', phone from made
  ), linked as (
    insert into contact_accounts (account_id, contact_id, is_blocked)
    select a.id, made.id, made.id % 100 = 1 from made, accounts a
  ), label as (
    insert into labels (name) values ('VIP') returning id
  )
  insert into contact_labels (contact_id, label_id) select made.id, label.id from made, label where made.id % 10 = 0`;

describe(`an audience of ${SIZE} contacts`, () => {
  let journey: Journey;
  let worker: TestApp | null = null;

  const runPaused = async (
    audience_filters: Record<string, unknown>,
  ): Promise<{ id: number; ms: number; answer: unknown }> => {
    const made = await journey.api.call<CampaignBody>('POST', '/campaigns', {
      body: { name: 'Everybody', template_id: journey.templates.order_update, audience_filters },
    });
    const startedAt = performance.now();
    const { body } = await journey.api.call<{ campaign: unknown }>('POST', `/campaigns/${made.body.id}/run`, {
      body: {},
    });
    const ms = performance.now() - startedAt;
    await journey.api.call('POST', `/campaigns/${made.body.id}/pause`, { body: {} });
    return { id: made.body.id, ms, answer: body.campaign };
  };
  const resolved = (id: number): Promise<CampaignBody & { audience_state: string }> =>
    eventually(
      async () => {
        const campaign = (await getCampaign(journey, id)) as CampaignBody & { audience_state: string };
        if (!addsUp(campaign)) {
          throw new Error(`counts do not add up: ${JSON.stringify(campaign)}`);
        }
        return campaign;
      },
      ({ audience_state }) => audience_state === 'resolved',
      150_000,
    );

  beforeAll(async () => {
    journey = await startJourney({ worker: false });
    await journey.api.db.transaction(async (tx) => {
      await tx.queryDynamic('set local statement_timeout = 0');
      await tx.query(PEOPLE, [SIZE]);
    });
    await journey.api.db.queryDynamic('analyze');
  }, 170_000);

  afterAll(async () => {
    await worker?.close();
    await journey.close();
  });

  it('is begun in the request and finished by the worker, in pages, everybody once', async () => {
    const { id, ms, answer } = await runPaused({});
    expect(answer).toMatchObject({ audience_state: 'resolving', total_count: 5_000, skipped_count: 150 });
    expect(ms).toBeLessThan(20_000);

    const before = process.memoryUsage.rss();
    let most = before;
    const watch = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 50);
    const startedAt = performance.now();
    worker = await startTestApp({
      worker: true,
      databaseUrl: journey.api.databaseUrl,
      env: { GRAPH_API_BASE_URL: journey.simulator.url },
    });
    const done = await resolved(id);
    clearInterval(watch);
    const seconds = (performance.now() - startedAt) / 1_000;
    const skipped = SIZE / 50 + SIZE / 100;
    expect(done).toMatchObject({ total_count: SIZE, skipped_count: skipped, pending_count: SIZE - skipped });
    const growthMb = (most - before) / 1024 / 1024;
    expect(growthMb).toBeLessThan(MAX_GROWTH_MB);
    const [row] = await journey.api.db.query<{ people: number; missing: number }>(
      `select count(distinct r.contact_id) as people, (select count(*) from contacts) - count(distinct r.contact_id) as missing
       from campaign_recipients r where r.campaign_id = $1`,
      [id],
    );
    expect(row).toEqual({ people: SIZE, missing: 0 });
    process.stdout.write(
      `audience of ${SIZE}: answered in ${Math.round(ms)} ms, all in ${seconds.toFixed(1)} s, memory +${Math.round(growthMb)} MB\n`,
    );
  }, 180_000);

  it('that filters narrow takes those alone', async () => {
    const { id } = await runPaused({ labels__name: 'vip', exclude: { opted_out: true } });
    const done = await resolved(id);
    const [row] = await journey.api.db.query<{ n: number }>(
      `select count(*) as n from contacts c join contact_labels k on k.contact_id = c.id where not c.opted_out`,
    );
    expect(done).toMatchObject({ total_count: row?.n, skipped_count: 0 });
  }, 180_000);

  it('is read along the key, a page at a time', async () => {
    const account = await journey.api.app.get(AccountsService).find(journey.accountId);
    const { sql, values } = journey.api.app.get(AudienceIntake).compile(account as never, null, {}, 1);
    const plan = await journey.api.db.queryDynamic<{ 'QUERY PLAN': string }>(
      `explain select * from (${sql}) a where a.contact_id > ${SIZE / 2} and a.contact_id <= 999999999 order by a.contact_id limit 20000`,
      values,
    );
    const text = plan.map((line) => line['QUERY PLAN']).join('\n');
    expect(text).toContain('Index Scan using contacts_pkey');
    expect(text).not.toMatch(/Sort|Seq Scan/);
  });
});
