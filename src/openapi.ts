import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { realpathSync, writeFileSync } from 'node:fs';
import { ModulesContainer, NestFactory, RouterModule, type Routes } from '@nestjs/core';
import { ROUTES } from '@nestjs/core/router/router-module.js';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import { Config } from './config/config.js';
import { createLogger } from './config/log.js';
import { createDocument } from './http/document.js';

/** The text of openapi.json. Nothing is connected to: the document comes from the decorators alone. */
export async function openApiText(): Promise<string> {
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
  // A preview instantiates no module, not even the one that puts the others below /api.
  new RouterModule(app.get(ModulesContainer), app.get<Routes>(ROUTES, { strict: false }));
  app.setGlobalPrefix(config.http.urlPrefix, { exclude: ['health/live', 'health/ready', 'metrics'] });
  return `${JSON.stringify(createDocument(app), null, 2)}\n`;
}

// A test imports this file too; only `node dist/src/openapi.js` writes.
if (process.argv[1] && realpathSync(process.argv[1]) === import.meta.filename) {
  openApiText().then(
    (text) => {
      writeFileSync('openapi.json', text);
      process.exit(0);
    },
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      process.exit(1);
    },
  );
}
