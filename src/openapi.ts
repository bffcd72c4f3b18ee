import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import { Config } from './config/config.js';
import { createLogger } from './config/log.js';
import { createDocument } from './http/document.js';

/** Writes openapi.json. Nothing is connected to: the document comes from the decorators alone. */
async function main(): Promise<void> {
  const config = Config.fromEnvironment({
    DATABASE_URL: 'postgres://nowhere/none',
    REDIS_URL: 'redis://nowhere',
    ENCRYPTION_KEYS: `none:${randomBytes(32).toString('base64')}`,
  });
  const logger = createLogger('silent', 'openapi');
  const app = await NestFactory.create(AppModule.forRoot(config, logger), new FastifyAdapter(), {
    preview: true,
    logger: false,
    abortOnError: false,
  });
  app.setGlobalPrefix(config.http.urlPrefix, { exclude: ['health/live', 'health/ready', 'metrics'] });
  writeFileSync('openapi.json', `${JSON.stringify(createDocument(app), null, 2)}\n`);
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
