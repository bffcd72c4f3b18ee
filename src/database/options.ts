import pg from 'pg';
import type { DataSourceOptions } from 'typeorm';
import { SnakeNamingStrategy } from './naming.js';
import { MIGRATIONS } from './migrations.js';

// bigint ids and counts stay far below 2^53, and are numbers in our API.
pg.defaults.parseInt8 = true;

export interface DatabaseOptions {
  url: string;
  /** Connections of this process. */
  poolSize?: number;
  applicationName: string;
  /** Longest a statement may run, in ms. */
  statementTimeoutMs?: number;
}

/** One source of database settings for API, worker, CLI and tests. */
export function dataSourceOptions(options: DatabaseOptions): DataSourceOptions {
  return {
    type: 'postgres',
    url: options.url,
    applicationName: options.applicationName,
    poolSize: options.poolSize ?? 12,
    connectTimeoutMS: 5_000,
    namingStrategy: new SnakeNamingStrategy(),
    migrations: MIGRATIONS,
    migrationsTransactionMode: 'each',
    entities: [],
    extra: {
      statement_timeout: options.statementTimeoutMs ?? 30_000,
      lock_timeout: 5_000,
      idle_in_transaction_session_timeout: 15_000,
      keepAlive: true,
      // Compiling a plan costs more than any of our statements takes.
      options: '-c jit=off',
    },
    // A connection that dies while idle raises 'error' on the pool; unheard, it would end the process.
    poolErrorHandler: () => undefined,
  };
}
