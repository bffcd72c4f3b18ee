import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { exitWhenParentDies } from './common/parent-exit.js';
import { Config } from './config/config.js';
import { EnvironmentError } from './config/env.js';
import { createLogger, NestLogger } from './config/log.js';
import { WorkerModule } from './worker.module.js';

/** The worker process: campaign delivery, webhook processing and the sweepers behind them. */
async function main(): Promise<void> {
  const config = Config.fromEnvironment();
  const logger = createLogger(config.logLevel, 'worker');
  const app = await NestFactory.createApplicationContext(WorkerModule.forRoot(config, logger), {
    logger: new NestLogger(logger),
    abortOnError: false,
  });
  app.enableShutdownHooks();
  exitWhenParentDies(() => app.close());
  process.send?.({ event: 'ready' });
  logger.info({ context: 'Main' }, 'the worker works');
}

main().catch((error: unknown) => {
  const message =
    error instanceof EnvironmentError ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`${message}\n`);
  process.exit(1);
});
