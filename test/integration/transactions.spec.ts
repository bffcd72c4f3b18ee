import type { Tx } from '../../src/database/database.js';
import { startTestApp, type TestApp } from '../support/app.js';

/** A plan is made for good after five runs. */
const RUNS_UNTIL_PLANNED = 6;
const ROWS = 20_000;

describe('transactions', () => {
  let api: TestApp;

  beforeAll(async () => {
    api = await startTestApp();
  });
  afterAll(() => api.close());

  /** Reads some rows by key, first of a table of one row and then of one that has just grown. @returns how often it was read whole */
  async function timesReadWhole(
    table: string,
    begin: <T>(work: (tx: Tx) => Promise<T>) => Promise<T>,
  ): Promise<number> {
    const find = `select t.v from unnest($1::int[]) as k join ${table} t on t.id = k`;
    await api.db.query(`create table ${table} (id int primary key, v char(800)) with (autovacuum_enabled = off)`);
    await api.db.query(`insert into ${table} values (0, 'x')`);
    await api.db.query(`analyze ${table}`);
    return begin(async (tx) => {
      for (let run = 0; run < RUNS_UNTIL_PLANNED; run += 1) {
        await tx.query(find, [[1, 2, 3]]);
      }
      await tx.query(`insert into ${table} select n, 'x' from generate_series(1, ${ROWS}) n`);
      const scans = async (): Promise<number> =>
        (await tx.query<{ n: number }>('select pg_stat_get_xact_numscans($1::regclass) as n', [table]))[0]!.n;
      const before = await scans();
      expect(await tx.query(find, [[1, ROWS]])).toHaveLength(2);
      return (await scans()) - before;
    });
  }

  it('by key go by the index of a table that has just grown, where others read all of it', async () => {
    expect(await timesReadWhole('grown_a', (work) => api.db.transactionByKey(work))).toBe(0);
    expect(await timesReadWhole('grown_b', (work) => api.db.transaction(work))).toBe(1);
  });

  it('leave the connection as it was', async () => {
    await api.db.transactionByKey((tx) => tx.query('select 1'));
    const settings = await Promise.all(
      Array.from({ length: 20 }, () =>
        api.db.query(`select current_setting('enable_seqscan') as scan, current_setting('plan_cache_mode') as mode`),
      ),
    );
    expect(settings.flat()).toEqual(Array.from({ length: 20 }, () => ({ scan: 'on', mode: 'auto' })));
  });

  it.each(['transaction', 'transactionByKey'] as const)(
    '%s takes what is saved in it back when it fails',
    async (kind) => {
      await api.db.query('create table if not exists kept (n int)');
      const failing = api.db[kind](async (tx) => {
        await tx.query('insert into kept values (1)');
        await tx.manager.query('insert into kept values (2)');
        expect(tx.manager.queryRunner?.isTransactionActive).toBe(true);
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      expect(await api.db.query('select * from kept')).toEqual([]);
    },
  );
});
