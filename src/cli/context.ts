import { existsSync } from 'node:fs';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import pg from 'pg';
import type { Principal } from '../http/principal.js';
import { AppModule } from '../app.module.js';
import { actAs } from '../common/actor.js';
import { Config } from '../config/config.js';
import { createLogger } from '../config/log.js';

/** Where `npm start` writes down what its processes run with. */
const RUNTIME_ENV = '.data/runtime.env';
const CONNECT_TIMEOUT_MS = 5_000;

/** The operator may do everything. */
export const OPERATOR: Principal = {
  keyId: 0,
  keyName: 'cli',
  scopes: new Set(['*']),
  accountIds: [],
  defaultAccountId: null,
  secretIds: [],
};

/** Takes the environment of a running `npm start` when none is given: the same database, keys and simulator. */
export function loadEnvironment(): void {
  if (!process.env.DATABASE_URL && existsSync(RUNTIME_ENV)) {
    process.loadEnvFile(RUNTIME_ENV);
  } else if (existsSync('.env')) {
    process.loadEnvFile('.env');
  }
}

/**
 * Runs with the whole application at hand, without its HTTP, and closes it.
 * @throws what the driver says when the database does not answer: at once, where the application would wait for it
 */
export async function withApp<T>(work: (app: INestApplicationContext, config: Config) => Promise<T>): Promise<T> {
  const config = Config.fromEnvironment();
  await connectOnce(config.databaseUrl);
  const logger = createLogger('silent', 'cli');
  const app = await NestFactory.createApplicationContext(AppModule.forRoot(config, logger), {
    logger: false,
    abortOnError: false,
  });
  try {
    return await actAs({ type: 'cli' }, () => work(app, config));
  } finally {
    await app.close();
  }
}

/** @throws what the driver says when the database does not answer */
export async function connectOnce(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  // A connection that breaks afterwards is nobody's concern any more; unheard, it would end the process.
  client.on('error', () => undefined);
  await client.connect();
  await client.end();
}

/** A mistake in the command line: told without a stack; exit code 2. */
export class UsageError extends Error {}

/** The command was understood and could not be done: told without a stack; exit code 1. */
export class CommandFailed extends Error {
  constructor(
    message: string,
    /** Stable, for scripts. */
    readonly code = 'failed',
  ) {
    super(message);
  }
}
