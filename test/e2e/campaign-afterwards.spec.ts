import { randomUUID } from 'node:crypto';
import { CampaignsRepository } from '../../src/campaigns/campaigns.repository.js';
import { IdempotencySettings } from '../../src/http/idempotency-settings.js';
import { ADMIN_KEY, eventually, type Answer } from '../support/app.js';
import {
  audienceCsv,
  campaignIs,
  draftWithCsv,
  getCampaign,
  startJourney,
  type CampaignBody,
  type Journey,
} from '../support/journey.js';
import { messagesBody, postWebhook, status as statusOf } from '../support/webhook-payloads.js';

type Split = CampaignBody & { winner_variant_id: number | null; variants: { id: number; pending_count: number }[] };

/** Every test has people of its own. */
let nextPhone = 9_370_000_000;
const people = (count: number): number => (nextPhone += count) - count;

describe('a campaign, when it has begun', () => {
  let journey: Journey;

  const sql = <T = Record<string, unknown>>(statement: string, values: unknown[] = []): Promise<T[]> =>
    journey.api.db.queryDynamic<T>(statement, values);
  const call = <T = Split>(method: string, path: string, body?: object, headers = {}): Promise<Answer<T>> =>
    journey.api.call<T>(method, path, { ...(body ? { body } : {}), headers });
  const move = (id: number, name: string, body?: object): Promise<Answer<Split & { code: string }>> =>
    call('POST', `/campaigns/${id}/${name}`, body);
  /** Nobody of it is sent to before {@link letGo}. */
  const draft = async (count: number, body: Record<string, unknown> = {}): Promise<number> => {
    const id = await draftWithCsv(journey, audienceCsv(count, people(count)), body);
    await sql(`update campaign_recipients set not_before = now() + interval '1 hour' where campaign_id = $1`, [id]);
    return id;
  };
  const letGo = (id: number): Promise<unknown> =>
    sql(
      `update campaign_recipients set not_before = '-infinity'
       where campaign_id = $1 and status = 'pending' and not_before < 'infinity'`,
      [id],
    );
  const eventsOf = async (id: number): Promise<Record<string, unknown>[]> =>
    (
      await sql<{ payload: Record<string, unknown> }>(
        `select payload from outbox_events where type like 'campaign.%' and subject_id = $1 order by id`,
        [id],
      )
    ).map(({ payload }) => payload);

  beforeAll(async () => {
    journey = await startJourney({ simulator: { webhooks: { enabled: false } } });
  });
  afterAll(() => journey.close());

  it('does not end while somebody puts people back: it is looked at again after them', async () => {
    const id = await draft(3);
    await move(id, 'run');
    await sql(`update campaign_recipients set status = 'unknown', unknown_at = now() where campaign_id = $1`, [id]);
    const campaigns = journey.api.app.get(CampaignsRepository, { strict: false });
    let ending!: Promise<string | null>;
    await journey.api.db.transaction(async (tx) => {
      await tx.query('select 1 from campaigns where id = $1 for update', [id]);
      await tx.query(
        `update campaign_recipients set status = 'pending', unknown_at = null, not_before = now() + interval '1 hour'
         where campaign_id = $1`,
        [id],
      );
      ending = journey.api.db.transaction((other) =>
        campaigns.complete(other, { accountId: journey.accountId, id }, []),
      );
      await eventually(
        () => sql(`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`),
        (rows) => rows.length > 0,
      );
    });
    expect(await ending).toBeNull();
    expect(await getCampaign(journey, id)).toMatchObject({ status: 'running', pending_count: 3 });
    await letGo(id);
    expect(await campaignIs(journey, id, 'completed')).toMatchObject({ sent_count: 3, pending_count: 0 });
  });

  it('has reached whom an earlier message reached, though a later turn left them out', async () => {
    const first = people(2);
    const id = await draftWithCsv(journey, audienceCsv(2, first));
    await move(id, 'run');
    await campaignIs(journey, id, 'completed');
    const messages = await sql<{ message_id: string; recipient: number }>(
      'select message_id, campaign_recipient_id as recipient from messages where campaign_id = $1 order by id',
      [id],
    );
    // As after a lost answer: put back, and left out at the next turn, for they had opted out.
    await sql(
      `update campaign_recipients set status = 'skipped', skip_reason = 'opted_out', attempt_token = null, message_id = null,
         sent_at = null, retry_count = 1 where campaign_id = $1`,
      [id],
    );
    expect(await getCampaign(journey, id)).toMatchObject({ sent_count: 0, skipped_count: 2 });
    const statuses = messages.map(({ message_id }, index) =>
      statusOf(message_id, 'delivered', { recipient_id: `91${first + index}` }),
    );
    await postWebhook(journey.api.url, messagesBody({ statuses }));
    const campaign = await eventually(
      () => getCampaign(journey, id),
      ({ delivered_count }) => delivered_count === 2,
    );
    expect(campaign).toMatchObject({ sent_count: 2, skipped_count: 0 });
    expect(await sql('select distinct skip_reason from campaign_recipients where campaign_id = $1', [id])).toEqual([
      { skip_reason: null },
    ]);
  });

  it('is paused with its account, says so with all its counts, and goes on when a person resumes it', async () => {
    const id = await draft(5);
    await move(id, 'run');
    const setActive = (is_active: boolean): Promise<unknown> =>
      call('PATCH', `/accounts/${journey.accountId}`, { is_active });
    await setActive(false);
    expect(await sql(`select status, status_reason ->> 'code' as code from campaigns where id = $1`, [id])).toEqual([
      { status: 'paused', code: 'account_inactive' },
    ]);
    expect((await eventsOf(id)).at(-1)).toMatchObject({ status: 'paused', total_count: 5, pending_count: 5 });
    await setActive(true);
    expect(await getCampaign(journey, id)).toMatchObject({ status: 'paused', pending_count: 5 });
    expect((await move(id, 'resume')).status).toBe(200);
    await letGo(id);
    expect(await campaignIs(journey, id, 'completed')).toMatchObject({ sent_count: 5 });
  });

  it('tries nobody again today of whom Meta said "not now" today', async () => {
    const id = await draft(2);
    await sql(
      `update campaign_recipients r set status = 'failed', error_code = 131049, contact_id = c.id
       from contacts c where r.campaign_id = $1 and c.id = (select min(id) from contacts)`,
      [id],
    );
    await sql(`update campaigns set status = 'completed', run_no = 1 where id = $1`, [id]);
    await sql(
      `insert into contact_cooldowns (account_id, contact_id, until, code)
       select $1, min(id), now() + interval '1 hour', 131049 from contacts`,
      [journey.accountId],
    );
    expect((await move(id, 'retry-failed')).body.code).toBe('nothing_to_retry');
    await sql(`update contact_cooldowns set until = now() - interval '1 second'`);
    expect((await move(id, 'retry-failed')).status).toBe(200);
    await move(id, 'cancel');
  });

  describe('on trial', () => {
    const variants = (): object[] => [
      { name: 'A', template_id: journey.templates.order_update },
      { name: 'B', template_id: journey.templates.named_offer ?? journey.templates.order_update },
    ];
    const trial = (count = 40): Promise<number> =>
      draft(count, {
        template_id: null,
        variants: variants(),
        ab_test: { share: 50, wait_minutes: 60, metric: 'read' },
      });

    it('shows its variants in the answer of every move', async () => {
      const id = await trial();
      expect((await move(id, 'run', {})).body).toMatchObject({
        campaign: { variants: [{ name: 'A' }, { name: 'B' }] },
      });
      for (const name of ['pause', 'resume', 'cancel']) {
        expect((await move(id, name)).body.variants).toHaveLength(2);
      }
    });

    it('has no winner before all of the trial were written to, however long that took', async () => {
      const id = await trial();
      await move(id, 'run');
      await sql(`update campaigns set started_at = now() - interval '3 hours' where id = $1`, [id]);
      // Two looks of the worker.
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      expect((await call('GET', `/campaigns/${id}`)).body.winner_variant_id).toBeNull();
      const isSent = (): Promise<unknown[]> =>
        sql('select 1 from campaigns where id = $1 and trial_sent_at is not null', [id]);
      expect(await isSent()).toEqual([]);
      await letGo(id);
      await eventually(isSent, (rows) => rows.length === 1);
      expect((await call('GET', `/campaigns/${id}`)).body).toMatchObject({ winner_variant_id: null });
      await sql(`update campaigns set trial_sent_at = now() - interval '61 minutes' where id = $1`, [id]);
      // B lacks its variables: whoever was to try it was left out.
      const { sent_count, skipped_count } = await campaignIs(journey, id, 'completed');
      expect(sent_count + skipped_count).toBe(40);
      expect((await eventsOf(id)).find((event) => event.winner)).toMatchObject({
        total_count: 40,
        winner: { name: 'A', message: 'No variant has any read; this is the first of them.' },
      });
    });

    it('needs the template of its winner only: what Meta does with the other stops nothing', async () => {
      const id = await trial();
      await move(id, 'run');
      const { variants: of } = (await call('GET', `/campaigns/${id}`)).body;
      const picked = await move(id, 'winner', { variant_id: of[0]?.id });
      expect(picked.body.winner_variant_id).toBe(of[0]?.id);
      expect(picked.body.variants.map(({ pending_count }) => pending_count > 0)).toEqual([true, false]);
      await sql(`update templates set status = 'DISABLED' where id = $1`, [journey.templates.named_offer]);
      await move(id, 'pause');
      expect((await move(id, 'resume')).status).toBe(200);
      await letGo(id);
      expect(await campaignIs(journey, id, 'completed')).toMatchObject({ sent_count: 40 });
      await sql(`update templates set status = 'APPROVED' where id = $1`, [journey.templates.named_offer]);
    });

    it('gets a winner only while it runs or is paused', async () => {
      const id = await trial();
      const { variants: of } = (await call('GET', `/campaigns/${id}`)).body;
      const pick = (): Promise<Answer<{ code: string }>> => move(id, 'winner', { variant_id: of[0]?.id });
      expect((await pick()).body.code).toBe('campaign_draft');
      await move(id, 'run');
      await move(id, 'cancel');
      expect((await pick()).body.code).toBe('campaign_cancelled');
      expect((await call('GET', `/campaigns/${id}`)).body.winner_variant_id).toBeNull();
    });
  });

  describe('run with wait=true', () => {
    it('answers when it has ended, whatever body came with the request', async () => {
      const id = await draft(3);
      const answer = call<{ sent: number; failed: number }>('POST', `/campaigns/${id}/run?wait=true`, {});
      await campaignIs(journey, id, 'running');
      await letGo(id);
      expect((await answer).body).toEqual({ sent: 3, failed: 0 });
    });

    it('with a key keeps the answer for a caller that was cut off, and holds the key until then', async () => {
      const id = await draft(3);
      const settings = journey.api.app.get(IdempotencySettings, { strict: false });
      Object.assign(settings, { renewEveryMs: 50 });
      const key = randomUUID();
      const giveUp = new AbortController();
      const cutOff = fetch(`${journey.api.url}/whatsapp/api/campaigns/${id}/run?wait=true`, {
        method: 'POST',
        headers: { 'x-api-key': ADMIN_KEY, 'idempotency-key': key },
        signal: giveUp.signal,
      }).catch(() => 'cut off');
      await campaignIs(journey, id, 'running');
      giveUp.abort();
      expect(await cutOff).toBe('cut off');
      Object.assign(settings, new IdempotencySettings());
      const again = (): Promise<Answer<{ code?: string; sent?: number }>> =>
        call('POST', `/campaigns/${id}/run?wait=true`, undefined, { 'idempotency-key': key });
      // The request says that it lives: its key does not grow old.
      const since = (): Promise<{ at: string }[]> =>
        sql('select created_at::text as at from idempotency_keys where key = $1', [key]);
      const [before] = await since();
      await eventually(since, ([now]) => now?.at !== before?.at);
      expect((await again()).body.code).toBe('idempotency_in_progress');
      await letGo(id);
      const kept = await eventually(again, ({ status }) => status === 200);
      expect(kept.body).toEqual({ sent: 3, failed: 0 });
    });
  });

  it.each([
    ['POST', '/campaigns/1/run', { wait: true }, 'wait'],
    ['POST', '/campaigns/1/pause', { foo: 1 }, 'foo'],
    ['DELETE', '/campaigns/1', { foo: 1 }, 'foo'],
  ])('%s %s names the fields that it does not know', async (method, path, body, field) => {
    const answer = await call<{ code: string; errors: { field: string; code: string }[] }>(method, path, body);
    expect([answer.status, answer.body.code]).toEqual([400, 'validation_failed']);
    expect(answer.body.errors).toMatchObject([{ field, code: 'unknown_field' }]);
  });
});
