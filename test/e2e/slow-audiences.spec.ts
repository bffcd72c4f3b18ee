import type { ServerResponse } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TimingRepository } from '../../src/campaigns/timing/timing.repository.js';
import { sleep } from '../../src/common/sleep.js';
import { eventually } from '../support/app.js';
import { answerJson, AudienceServer, type AudienceQuestion } from '../support/audience-server.js';
import { audienceCsv, draftWithCsv, getCampaign, startJourney, type Caller, type Journey } from '../support/journey.js';
import { addNumbers, type NumberJourney } from '../support/numbers.js';

/** Fewer than this wait at once for the same audience in the same account. */
const STARTED_AT_ONCE = 4;
const BROUGHT_IN_AT_ONCE = 2;
const FIRST_PAGE = 5_000;

interface Campaign {
  status: string;
  audience_state: string;
  total_count: number;
  run_no: number;
}

/** Two audiences of endpoints, one of code; all of them of as many people as the filters say. */
const modules = ({ url, secret }: AudienceServer): string => `
export const audiences = {
  crm: { url: '${url}', secret: '${secret}' },
  shop: { url: '${url}', secret: '${secret}' },
  regulars: {
    *people({ first, count }) {
      for (let at = 0; at < count; at += 1) yield { phone: '+' + (first + at), name: 'Regular', params: { order_id: 'R' } };
    },
  },
};
`;

describe('audiences that do not answer', () => {
  let folder: string;
  let server: AudienceServer;
  let journey: Journey;
  let numbers: NumberJourney[];
  let nextPhone = 919_860_000_000;
  /** The campaigns whose questions hang at this moment, and those whose questions ever did. */
  let hanging: number[];
  let askedInVain: Set<number>;
  let mostAtOnce: number;

  const phones = (count: number): number => (nextPhone += count) - count;

  /** Whom a test asks for: a question for the page that hangs is never answered. */
  function answer({ filters, cursor, ...question }: AudienceQuestion, response: ServerResponse): void {
    const { first, count, hangs } = filters as { first: number; count: number; hangs?: 'first' | 'second' };
    if (hangs === (cursor === null ? 'first' : 'second')) {
      leave(question, response);
      return;
    }
    const [from, to] = cursor === null ? [0, Math.min(count, FIRST_PAGE)] : [FIRST_PAGE, count];
    const people = Array.from({ length: to - from }, (_, at) => ({ phone: `+${first + from + at}`, name: 'Asked' }));
    answerJson(response, { recipients: people, next_cursor: to < count ? 'second' : null });
  }

  function leave(question: Pick<AudienceQuestion, 'account_id' | 'campaign_id'>, response: ServerResponse): void {
    hanging.push(question.campaign_id);
    askedInVain.add(question.campaign_id);
    mostAtOnce = Math.max(mostAtOnce, hanging.length);
    response.on('close', () => hanging.splice(hanging.indexOf(question.campaign_id), 1));
  }

  async function draft(number: Journey<Caller>, body: Record<string, unknown>): Promise<number> {
    const { status, body: made } = await number.api.call<{ id: number }>('POST', '/campaigns', {
      body: {
        name: 'Slow',
        template_id: number.templates.order_update,
        parameter_mappings: { '1': { field: 'name', default: 'friend' }, '2': { field: 'order_id', default: '-' } },
        ...body,
      },
    });
    expect(status).toBe(201);
    return made.id;
  }

  const asking = (audience_type: string, count: number, hangs?: 'first' | 'second'): Record<string, unknown> => ({
    audience_type,
    audience_filters: { first: phones(count), count, ...(hangs && { hangs }) },
  });

  /** Started, and waiting for somebody to bring in the rest of its people; it sends nothing. */
  async function pausedAtOnce(number: NumberJourney, body: Record<string, unknown>): Promise<number> {
    const id = await draft(number, body);
    expect((await number.api.call('POST', `/campaigns/${id}/run`, { body: {} })).status).toBe(202);
    expect((await number.api.call('POST', `/campaigns/${id}/pause`, { body: {} })).status).toBe(200);
    return id;
  }

  /** Until questions for so many of these were left without an answer. */
  const areLeft = (ids: readonly number[], count: number): Promise<number> =>
    eventually(
      () => Promise.resolve(ids.filter((id) => askedInVain.has(id)).length),
      (seen) => seen === count,
    );

  const makeDue = (ids: readonly number[]): Promise<unknown> =>
    journey.api.db.query(
      `update campaigns set status = 'scheduled', scheduled_at = now() where id = any($1::bigint[])`,
      [ids],
    );

  const look = (ids: readonly number[]): Promise<Campaign[]> =>
    journey.api.db.query<Campaign>(
      `select status, audience_state, run_no,
         (select count(*) from campaign_recipients r where r.campaign_id = c.id) as total_count
       from campaigns c where id = any($1::bigint[]) order by array_position($1::bigint[], id)`,
      [ids],
    );

  const takeAway = (ids: readonly number[]): Promise<unknown> =>
    journey.api.db.query(
      `update campaigns set status = 'cancelled', scheduled_at = null, completed_at = now() where id = any($1::bigint[])`,
      [ids],
    );

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'parley-e2e-slow-audiences-'));
    server = await new AudienceServer().start();
    server.answering = answer;
    writeFileSync(join(folder, 'audiences.mjs'), modules(server));
    journey = await startJourney({
      env: { AUDIENCES_MODULE: join(folder, 'audiences.mjs'), ALLOW_PRIVATE_NETWORK_TARGETS: 'true' },
    });
    numbers = await addNumbers(journey.api, journey.simulator, 4);
  });
  beforeEach(() => {
    [hanging, askedInVain, mostAtOnce] = [[], new Set(), 0];
  });
  afterAll(async () => {
    await journey.close();
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  it('keep scheduled campaigns waiting that ask the same of them, and no others', async () => {
    const [ours, theirs] = numbers as [NumberJourney, NumberJourney];
    const slow: number[] = [];
    for (let index = 0; index < 12; index += 1) {
      slow.push(await draft(ours, asking('crm', 1, 'first')));
    }
    const others = [
      await draftWithCsv(ours as Journey<Caller>, audienceCsv(2, phones(2) - 910_000_000_000)),
      await draft(ours, asking('regulars', 2)),
      await draft(theirs, asking('crm', 2)),
    ];
    await makeDue(slow);
    await areLeft(slow, STARTED_AT_ONCE);
    await makeDue(others);
    // Each of the slow ones is waited for 16 seconds: behind all of them these would start later than this.
    const started = await eventually(
      () => look(others),
      (rows) => rows.every(({ status }) => status === 'running' || status === 'completed'),
      30_000,
    );
    expect(started.map(({ run_no }) => run_no)).toEqual([1, 1, 1]);
    expect(mostAtOnce).toBe(STARTED_AT_ONCE);
    await takeAway(slow);
  }, 90_000);

  it('keep nobody waiting for the rest of their people who asks something else', async () => {
    const [first, second, third, fourth] = numbers as [NumberJourney, NumberJourney, NumberJourney, NumberJourney];
    const name = `Contact ${phones(1)}`;
    await journey.api.db.query(
      `insert into contacts (identity_key, phone, name)
       select 'phone:+' || p, '+' || p, $2 from generate_series($1::bigint, $1::bigint + 5000) p`,
      [phones(FIRST_PAGE + 1), name],
    );
    const slow: number[] = [];
    for (let index = 0; index < 4; index += 1) {
      slow.push(await pausedAtOnce(first, asking('crm', FIRST_PAGE + 1, 'second')));
    }
    await areLeft(slow, BROUGHT_IN_AT_ONCE);
    const others = [
      await pausedAtOnce(first, asking('regulars', FIRST_PAGE + 1)),
      await pausedAtOnce(first, asking('shop', FIRST_PAGE + 1)),
      await pausedAtOnce(second, asking('crm', FIRST_PAGE + 1)),
    ];
    const areIn = (ids: readonly number[]): Promise<Campaign[]> =>
      eventually(
        () => look(ids),
        (rows) => rows.every(({ audience_state }) => audience_state === 'resolved'),
      );
    expect((await areIn(others)).map(({ total_count }) => total_count)).toEqual(others.map(() => FIRST_PAGE + 1));
    await areLeft(slow, BROUGHT_IN_AT_ONCE);

    // And when nobody answers any more, contacts come in all the same.
    for (const [number, audience] of [
      [second, 'crm'],
      [third, 'shop'],
      [fourth, 'shop'],
    ] as const) {
      slow.push(await pausedAtOnce(number, asking(audience, FIRST_PAGE + 1, 'second')));
      slow.push(await pausedAtOnce(number, asking(audience, FIRST_PAGE + 1, 'second')));
    }
    await areLeft(slow, 4 * BROUGHT_IN_AT_ONCE);
    const contacts = await pausedAtOnce(first, { audience_type: 'contacts', audience_filters: { name } });
    expect((await areIn([contacts])).map(({ total_count }) => total_count)).toEqual([FIRST_PAGE + 1]);
    await takeAway(slow);
  }, 120_000);

  it('and fail in the end are told of with all counts', async () => {
    const [number] = numbers as [NumberJourney];
    // Not before the test has paused the campaign: it would be paused by this first.
    let fail = (): void => undefined;
    const isPaused = new Promise<void>((resolve) => (fail = resolve));
    server.answering = (question, response) =>
      question.cursor === null
        ? answer(question, response)
        : void isPaused.then(() => answerJson(response, { recipients: 'nobody' }, 410));
    const id = await pausedAtOnce(number, asking('crm', FIRST_PAGE + 1));
    fail();
    await eventually(
      () => getCampaign(number, id),
      ({ status_reason }) => status_reason?.code === 'audience_failed',
    );
    server.answering = answer;
    const events = await journey.api.db.query<{ payload: Record<string, unknown> }>(
      `select payload from outbox_events where type = 'campaign.progress' and subject_id = $1 order by id`,
      [id],
    );
    const { payload } = events.at(-1) ?? { payload: {} };
    expect(payload).toMatchObject({
      id,
      name: 'Slow',
      status: 'paused',
      status_reason: { code: 'audience_failed' },
      total_count: FIRST_PAGE,
    });
    const [started] = events;
    expect(Object.keys(payload).sort()).toEqual(Object.keys(started?.payload ?? {}).sort());
    await takeAway([id]);
  });

  it('are waited for by a worker that stops: it first starts what it has begun to start', async () => {
    const apart = await startJourney({
      env: { AUDIENCES_MODULE: join(folder, 'audiences.mjs'), ALLOW_PRIVATE_NETWORK_TARGETS: 'true' },
    });
    try {
      let open = (): void => undefined;
      const isStopping = new Promise<void>((resolve) => (open = resolve));
      let isAsked = false;
      server.answering = (question, response) => {
        isAsked = true;
        void isStopping.then(() => answer(question, response));
      };
      const id = await draft(apart, asking('crm', 2));
      await apart.api.db.query(`update campaigns set status = 'scheduled', scheduled_at = now() where id = $1`, [id]);
      await eventually(
        () => Promise.resolve(isAsked),
        (seen) => seen,
      );
      const stopped = apart.api.worker?.close();
      // Who did not wait would be gone by then.
      await sleep(2_000);
      open();
      await stopped;
      expect(await getCampaign(apart, id)).toMatchObject({ total_count: 2, started_at: expect.any(String) as string });
    } finally {
      apart.api.worker = null;
      server.answering = answer;
      await apart.close();
    }
  });

  it('are asked again after those that were not asked yet, and in turn', async () => {
    const apart = await startJourney({ worker: false });
    try {
      const ids = (
        await apart.api.db.query<{ id: number }>(
          `insert into campaigns (account_id, name, audience_type, status, scheduled_at)
           select $1, 'Due', case when n = 5 then 'csv' else 'crm' end, 'scheduled', now() - make_interval(mins => 10 - n)
           from generate_series(1, 5) n returning id`,
          [apart.accountId],
        )
      ).map(({ id }) => id);
      const [one, two, three, four, csv] = ids as [number, number, number, number, number];
      const timing = apart.api.app.get(TimingRepository);
      const next = async (which: Partial<Parameters<TimingRepository['nextDue']>[1]>): Promise<number | undefined> => {
        const none = { isOutside: true, hasResolver: false, exceptIds: [], exceptKeys: [], triedIds: [] };
        return (await timing.nextDue(apart.api.db, { ...none, ...which }))?.id;
      };
      expect(await next({})).toBe(one);
      expect(await next({ exceptIds: [one] })).toBe(two);
      expect(await next({ exceptIds: [one], triedIds: [one, two, three] })).toBe(four);
      expect(await next({ exceptIds: [four], triedIds: [three, one, two] })).toBe(three);
      expect(await next({ exceptKeys: ['audience crm'] })).toBeUndefined();
      expect(await next({ isOutside: false })).toBe(csv);
      expect(await next({ isOutside: false, hasResolver: true })).toBeUndefined();
      expect(await next({ hasResolver: true, exceptIds: [one, two, three, four] })).toBe(csv);
    } finally {
      await apart.close();
    }
  });
});
