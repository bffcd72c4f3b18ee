import './common/compile-early.js';
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { DataSource } from 'typeorm';
import { exitWhenParentDies } from './common/parent-exit.js';
import { Config } from './config/config.js';
import { EnvironmentError } from './config/env.js';
import { createLogger, NestLogger } from './config/log.js';
import { Readiness } from './http/readiness.js';
import { serveWorkerHealth } from './http/worker-health.js';
import { RedisHealth } from './queues/redis-health.js';
import { WorkerModule } from './worker.module.js';

/** The worker process: campaign delivery, webhook processing and the sweepers behind them. */
async function main(): Promise<void> {
  const config = Config.fromEnvironment();
  const logger = createLogger(config.logLevel, 'worker');
  const app = await NestFactory.createApplicationContext(WorkerModule.forRoot(config, logger), {
    logger: new NestLogger(logger),
    abortOnError: false,
  });
  const health =
    config.workerPort === null
      ? null
      : await serveWorkerHealth(config.workerPort, config.http.host, {
          readiness: new Readiness(app.get(DataSource)),
          redis: app.get(RedisHealth, { strict: false }),
        });
  app.enableShutdownHooks();
  exitWhenParentDies(async () => {
    health?.close();
    await app.close();
  });
  process.send?.({ event: 'ready' });
  logger.info({ context: 'Main' }, 'the worker works');
}

main().catch((error: unknown) => {
  const message =
    error instanceof EnvironmentError ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`${message}\n`);
  process.exit(1);
});
