import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from '../../src/app.module.js';
import { Config } from '../../src/config/config.js';
import { createLogger, NestLogger } from '../../src/config/log.js';
import { Database } from '../../src/database/database.js';
import { createApp } from '../../src/http/create-app.js';
import { createDocument } from '../../src/http/document.js';
import { WorkerModule } from '../../src/worker.module.js';
import { DocumentValidator, type ApiDocument } from './api-document.js';
import { createTestDatabase, testRedisUrl } from './database.js';

export const ADMIN_KEY = 'test-admin-key-0123456789abcdef';
export const APP_SECRET = '0123456789abcdef0123456789abcdef';
const ENCRYPTION_KEY = `test:${randomBytes(32).toString('base64')}`;

export interface Answer<T = Record<string, unknown>> {
  status: number;
  headers: Headers;
  body: T;
}

export interface CallOptions {
  key?: string | null;
  accountId?: number;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface TestApp {
  url: string;
  databaseUrl: string;
  config: Config;
  app: NestFastifyApplication;
  worker: INestApplicationContext | null;
  db: Database;
  /** Calls the API below /whatsapp/api with the admin key (or `key`; null: none). */
  call<T = Record<string, unknown>>(method: string, path: string, options?: CallOptions): Promise<Answer<T>>;
  close(): Promise<void>;
}

/** The environment of a test process: real PostgreSQL and Redis, Graph on loopback. */
export function testEnvironment(databaseUrl: string, overrides: Record<string, string> = {}): NodeJS.ProcessEnv {
  return {
    NODE_ENV: 'test',
    DATABASE_URL: databaseUrl,
    REDIS_URL: testRedisUrl(),
    ENCRYPTION_KEYS: ENCRYPTION_KEY,
    BOOTSTRAP_API_KEY: ADMIN_KEY,
    WHATSAPP_APP_SECRET: APP_SECRET,
    // Nothing listens there: a test that needs Graph says so by starting the simulator.
    GRAPH_API_BASE_URL: 'http://127.0.0.1:9',
    LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? 'silent',
    RATE_LIMIT_PER_KEY: '0',
    PORT: '0',
    HOST: '127.0.0.1',
    ...overrides,
  };
}

/**
 * The whole application over HTTP, on a database of its own; with `worker`, background work runs in this process too.
 * With `databaseUrl` it is one more process on the database of another. With `validate` (or VALIDATE_ANSWERS=1) an answer that
 * is not what the OpenAPI document says fails the call.
 */
export async function startTestApp(
  options: { env?: Record<string, string>; worker?: boolean; databaseUrl?: string; validate?: boolean } = {},
): Promise<TestApp> {
  const database = options.databaseUrl
    ? { url: options.databaseUrl, drop: () => Promise.resolve() }
    : await createTestDatabase();
  const env = testEnvironment(database.url, options.env);
  const config = Config.fromEnvironment(env);
  const logger = createLogger(config.logLevel, 'test');
  const app = await createApp(AppModule.forRoot(config, logger), config, logger);
  await app.listen({ port: 0, host: '127.0.0.1' });
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  const worker = options.worker
    ? await NestFactory.createApplicationContext(WorkerModule.forRoot(config, logger), {
        logger: new NestLogger(logger),
        abortOnError: false,
      })
    : null;
  const validator = options.validate === true || process.env.VALIDATE_ANSWERS === '1' ? validatorOf(app) : null;
  const prefix = `/${config.http.urlPrefix}/api`;
  return {
    url,
    databaseUrl: database.url,
    config,
    app,
    worker,
    db: app.get(Database),
    call: async (method, path, callOptions) => {
      const answer = await callApi(url + prefix, method, path, callOptions);
      const fault = validator?.checkAnswer(method, prefix + path, answer);
      if (fault) {
        throw new Error(`openapi.json says something else. ${fault}`);
      }
      return answer as never;
    },
    close: async () => {
      await worker?.close();
      await app.close();
      await database.drop();
    },
  };
}

function validatorOf(app: NestFastifyApplication): DocumentValidator {
  return new DocumentValidator(JSON.parse(JSON.stringify(createDocument(app))) as ApiDocument);
}

/** One HTTP call of the API; JSON in, JSON out. */
export async function callApi<T = Record<string, unknown>>(
  base: string,
  method: string,
  path: string,
  options: CallOptions = {},
): Promise<Answer<T>> {
  const isForm = options.body instanceof FormData;
  const response = await fetch(base + path, {
    method,
    headers: {
      ...(options.key === null ? {} : { 'x-api-key': options.key ?? ADMIN_KEY }),
      ...(options.accountId === undefined ? {} : { 'x-account-id': String(options.accountId) }),
      ...(options.body === undefined || isForm ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    body:
      options.body === undefined
        ? undefined
        : isForm
          ? (options.body as FormData)
          : typeof options.body === 'string'
            ? options.body
            : JSON.stringify(options.body),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: (text === '' ? null : parse(text)) as T };
}

/** Waits until the condition holds; fails with the last thing seen. */
export async function eventually<T>(
  look: () => Promise<T>,
  holds: (seen: T) => boolean,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (holds(seen)) {
      return seen;
    }
    if (Date.now() > deadline) {
      throw new Error(`Did not come true within ${timeoutMs} ms. Last seen: ${JSON.stringify(seen)?.slice(0, 2_000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
