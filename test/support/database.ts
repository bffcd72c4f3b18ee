import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { migrate } from '../../src/database/migrate.js';

const LOCK = 7_251_901;

function adminUrl(): string {
  const url = process.env.TEST_DATABASE_URL;
  if (!url) {
    throw new Error('TEST_DATABASE_URL is not set: run the tests with npm test');
  }
  return url;
}

function urlOf(database: string): string {
  const url = new URL(adminUrl());
  url.pathname = `/${database}`;
  return url.toString();
}

async function asAdmin<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: adminUrl() });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** A database of the current schema, made once per schema and copied for each test file. */
async function templateDatabase(): Promise<string> {
  const folder = join(process.cwd(), 'migrations');
  const sources = readdirSync(folder)
    .sort()
    .map((file) => readFileSync(join(folder, file), 'utf8'));
  const name = `parley_template_${createHash('sha256').update(sources.join()).digest('hex').slice(0, 12)}`;
  await asAdmin(async (client) => {
    await client.query('select pg_advisory_lock($1)', [LOCK]);
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1 and datistemplate', [name]);
    if (!rowCount) {
      await client.query(`drop database if exists ${name}`);
      await client.query(`create database ${name}`);
      await migrate(urlOf(name));
      await client.query(`alter database ${name} with is_template true`);
    }
  });
  return name;
}

export interface TestDatabase {
  url: string;
  drop(): Promise<void>;
}

/** An empty, migrated database of its own. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const template = await templateDatabase();
  const name = `parley_test_${randomBytes(6).toString('hex')}`;
  await asAdmin(async (client) => {
    await client.query('select pg_advisory_lock($1)', [LOCK]);
    await client.query(`create database ${name} template ${template}`);
  });
  return {
    url: urlOf(name),
    drop: () => asAdmin(async (client) => void (await client.query(`drop database if exists ${name} with (force)`))),
  };
}

/** Redis is shared by the test files that run at once: each worker has a database of its own. */
export function testRedisUrl(): string {
  const url = process.env.TEST_REDIS_URL;
  if (!url) {
    throw new Error('TEST_REDIS_URL is not set: run the tests with npm test');
  }
  return `${url.replace(/\/\d*$/, '')}/${process.env.JEST_WORKER_ID ?? '1'}`;
}
