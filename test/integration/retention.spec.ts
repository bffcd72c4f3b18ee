import { createLogger } from '../../src/config/log.js';
import { RetentionGuards } from '../../src/database/retention-guards.js';
import { Retention } from '../../src/database/retention.js';
import { RetentionRepository } from '../../src/database/retention.repository.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { awayFromMidnight } from '../support/clock.js';
import { postWebhook } from '../support/webhook-payloads.js';

const DAY_MS = 86_400_000;

/** `webhook_logs_2026_11_21` */
function partitionOf(daysAgo: number): string {
  return `webhook_logs_${new Date(Date.now() - daysAgo * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '_')}`;
}

describe('retention', () => {
  let app: TestApp;

  const sql = <T = Record<string, unknown>>(statement: string, values: unknown[] = []): Promise<T[]> =>
    app.db.queryDynamic<T>(statement, values);
  const retention = (): Retention =>
    new Retention(
      app.config,
      app.db,
      new RetentionRepository(app.db),
      app.app.get(RetentionGuards),
      createLogger('silent', 'test'),
    );
  const partitions = async (table: string): Promise<string[]> =>
    (
      await sql<{ name: string }>(
        `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
         where i.inhparent = $1::regclass order by 1`,
        [table],
      )
    ).map(({ name }) => name);
  const tablesLike = async (pattern: string): Promise<unknown[]> =>
    sql(`select relname from pg_class where relkind = 'r' and relname like $1`, [pattern]);
  /** A day of the log as it was made when it was today. */
  const makeDay = async (daysAgo: number): Promise<string> => {
    const name = partitionOf(daysAgo);
    const from = new Date(Math.floor(Date.now() / DAY_MS - daysAgo) * DAY_MS);
    await sql(
      `create table ${name} partition of webhook_logs for values
       from ('${from.toISOString()}') to ('${new Date(from.getTime() + DAY_MS).toISOString()}')`,
    );
    return name;
  };
  const body = async (daysAgo: number, more: { processed?: boolean; nextAttemptAt?: string } = {}): Promise<number> => {
    const [row] = await sql<{ id: number }>(
      `insert into webhook_logs (body, processed, received_at, next_attempt_at)
       values ('{}', $1, now() - make_interval(days => $2), $3) returning id`,
      [more.processed ?? true, daysAgo, more.nextAttemptAt ?? new Date()],
    );
    return (row as { id: number }).id;
  };
  const exists = async (id: number): Promise<boolean> =>
    (await sql('select from webhook_logs where id = $1', [id])).length > 0;

  beforeAll(async () => {
    await awayFromMidnight();
    app = await startTestApp({ env: { RETENTION_WEBHOOK_LOG_DAYS: '10', RETENTION_AUDIT_DAYS: '0' } });
  });
  // The database is a copy that may have been made days ago: its days are in the way of ours.
  beforeAll(async () => {
    for (const name of await partitions('webhook_logs')) {
      if (/_\d{4}_\d\d_\d\d$/.test(name) && name < partitionOf(0)) {
        await sql(`drop table ${name}`);
      }
    }
  });
  afterAll(() => app.close());

  it('drops the days of the webhook log that are wholly too old, and keeps the others', async () => {
    const [old, edge, young] = [await makeDay(12), await makeDay(10), await makeDay(3)];
    const [gone, kept] = [await body(12), await body(3)];
    expect(await retention().run()).toEqual([old]);
    expect([await exists(gone), await exists(kept)]).toEqual([false, true]);
    const left = await partitions('webhook_logs');
    expect(left).toEqual(expect.arrayContaining([edge, young, partitionOf(0), partitionOf(-13)]));
    expect(left).not.toContain(old);
    expect(await tablesLike('cut_off_%')).toEqual([]);
  });

  it('keeps a day while a body in it waits to be processed, and not because of one that was given up', async () => {
    const [waits, dead] = [await makeDay(14), await makeDay(15)];
    const waiting = await body(14, { processed: false });
    await body(15, { processed: false, nextAttemptAt: 'infinity' });
    expect(await retention().run()).toEqual([dead]);
    expect(await partitions('webhook_logs')).toContain(waits);
    await sql('update webhook_logs set processed = true where id = $1', [waiting]);
    expect(await retention().run()).toEqual([waits]);
  });

  it('deletes old bodies that had no day of their own, and only those', async () => {
    const old = await body(20);
    const waiting = await body(21, { processed: false });
    const [young] = await sql<{ id: number }>(
      `insert into webhook_logs (body, processed, received_at) values ('{}', true, now() - interval '5 days') returning id`,
    );
    await retention().run();
    // Somebody has work with one of them: all of the default partition stay until that is done.
    expect(await exists(old)).toBe(true);
    await sql('update webhook_logs set processed = true where id = $1', [waiting]);
    await retention().run();
    expect([await exists(old), await exists(waiting), await exists(young?.id ?? 0)]).toEqual([false, false, true]);
  });

  it('asks whoever still has work with old rows', async () => {
    const day = await makeDay(30);
    const seen: unknown[] = [];
    const guards = app.app.get(RetentionGuards);
    let reason: string | null = 'still to be delivered';
    guards.register('webhook_logs', (_q, part) => {
      seen.push([part.name, part.from?.getTime()]);
      return Promise.resolve(part.name === day ? reason : null);
    });
    expect(await retention().run()).toEqual([]);
    reason = null;
    expect(await retention().run()).toEqual([day]);
    expect(seen).toContainEqual([day, Math.floor(Date.now() / DAY_MS - 30) * DAY_MS]);
  });

  it('drops months of events, and never what is to be kept for ever', async () => {
    await sql(
      `create table outbox_events_2020_01 partition of outbox_events for values from ('2020-01-01') to ('2020-02-01')`,
    );
    await sql(`create table audit_log_2020_01 partition of audit_log for values from ('2020-01-01') to ('2020-02-01')`);
    expect(await retention().run()).toEqual(['outbox_events_2020_01']);
    expect(await partitions('audit_log')).toContain('audit_log_2020_01');
  });

  it('finishes what a process that died had begun', async () => {
    const day = await makeDay(40);
    await new RetentionRepository(app.db).cutOff({ table: 'webhook_logs', name: day, from: null, to: new Date() });
    expect(await tablesLike('cut_off_%')).toHaveLength(1);
    expect(await retention().run()).toEqual([day]);
    expect(await tablesLike('cut_off_%')).toEqual([]);
  });

  it('goes on without a day that somebody reads, and drops it later', async () => {
    const day = await makeDay(50);
    await app.db.transaction(async (tx) => {
      await tx.queryDynamic('select count(*) from webhook_logs');
      expect(await retention().run()).toEqual([]);
    });
    expect(await retention().run()).toEqual([day]);
  });

  it('drops a month while webhooks come in, and refuses none of them', async () => {
    for (let daysAgo = 60; daysAgo < 90; daysAgo += 1) {
      await makeDay(daysAgo);
    }
    await sql(
      `insert into webhook_logs (body, processed, received_at)
       select convert_to(repeat('x', 500), 'UTF8'), true, now() - make_interval(days => 60 + i % 30)
       from generate_series(1, 30000) i`,
    );
    const answers: number[] = [];
    let isOver = false;
    const post = async (): Promise<void> => {
      while (!isOver || answers.length <= 10) {
        answers.push((await postWebhook(app.url, { entry: [{ changes: [] }] })).status);
      }
    };
    const posting = Promise.all([post(), post(), post(), post()]);
    const dropped: string[] = [];
    // One that somebody writes into just then is left for the next time.
    while (dropped.length < 30) {
      dropped.push(...(await retention().run()));
    }
    isOver = true;
    await posting;
    expect(dropped).toHaveLength(30);
    expect(answers.length).toBeGreaterThan(10);
    expect(answers.filter((status) => status !== 200)).toEqual([]);
    const [row] = await sql<{ n: number }>(
      `select count(*)::int as n from webhook_logs where received_at > now() - interval '1 hour'`,
    );
    expect(row?.n).toBeGreaterThanOrEqual(answers.length);
  });
});
