import pg from 'pg';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from './options.js';

/** Any number, the same for all who migrate. */
const LOCK = 7_251_900;

/**
 * Applies what is missing. Safe to run by many at once: one works, the others wait and find nothing to do.
 * @returns the names of the migrations that were applied now
 */
export async function migrate(url: string): Promise<string[]> {
  const lock = new pg.Client({ connectionString: url });
  await lock.connect();
  try {
    await lock.query('select pg_advisory_lock($1)', [LOCK]);
    const dataSource = new DataSource(
      dataSourceOptions({ url, applicationName: 'parley-migrate', poolSize: 2, statementTimeoutMs: 0 }),
    );
    await dataSource.initialize();
    try {
      const applied = await dataSource.runMigrations();
      await dataSource.query('select ensure_month_partitions()');
      return applied.map((migration) => migration.name);
    } finally {
      await dataSource.destroy();
    }
  } finally {
    await lock.end();
  }
}

/** Names of migrations that this build has and the database lacks. */
export async function pendingMigrations(dataSource: Pick<DataSource, 'query' | 'migrations'>): Promise<string[]> {
  const [table] = (await dataSource.query(`select to_regclass('migrations') is not null as there`)) as {
    there: boolean;
  }[];
  const applied = table?.there ? ((await dataSource.query('select name from migrations')) as { name: string }[]) : [];
  const names = new Set(applied.map((row) => row.name));
  return dataSource.migrations.map((migration) => migration.name ?? '').filter((name) => !names.has(name));
}
