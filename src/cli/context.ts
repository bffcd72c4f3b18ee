import { existsSync } from 'node:fs';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from '../app.module.js';
import { Config } from '../config/config.js';
import { createLogger } from '../config/log.js';

/** Where `npm start` writes down what its processes run with. */
const RUNTIME_ENV = '.data/runtime.env';

/** Takes the environment of a running `npm start` when none is given: the same database, keys and simulator. */
export function loadEnvironment(): void {
  if (!process.env.DATABASE_URL && existsSync(RUNTIME_ENV)) {
    process.loadEnvFile(RUNTIME_ENV);
  } else if (existsSync('.env')) {
    process.loadEnvFile('.env');
  }
}

/** Runs with the whole application at hand, without its HTTP, and closes it. */
export async function withApp<T>(work: (app: INestApplicationContext, config: Config) => Promise<T>): Promise<T> {
  const config = Config.fromEnvironment();
  const logger = createLogger('silent', 'cli');
  const app = await NestFactory.createApplicationContext(AppModule.forRoot(config, logger), {
    logger: false,
    abortOnError: false,
  });
  try {
    return await work(app, config);
  } finally {
    await app.close();
  }
}

/** A mistake in the command line: told without a stack. */
export class UsageError extends Error {}
