import './common/compile-early.js';
import 'reflect-metadata';
import { AppModule } from './app.module.js';
import { exitWhenParentDies } from './common/parent-exit.js';
import { Config } from './config/config.js';
import { EnvironmentError } from './config/env.js';
import { createLogger } from './config/log.js';
import { createApp } from './http/create-app.js';
import { createDocument, serveDocument } from './http/document.js';

/** The API process: HTTP for people and integrators, and Meta's webhook. */
async function main(): Promise<void> {
  const config = Config.fromEnvironment();
  const logger = createLogger(config.logLevel, 'api');
  const app = await createApp(AppModule.forRoot(config, logger), config, logger);
  serveDocument(app, createDocument(app));
  app.enableShutdownHooks();
  exitWhenParentDies(() => app.close());
  await app.listen({ port: config.http.port, host: config.http.host });
  logger.info({ context: 'Main', url: await app.getUrl() }, 'the API listens');
}

main().catch((error: unknown) => {
  const message =
    error instanceof EnvironmentError ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`${message}\n`);
  process.exit(1);
});
