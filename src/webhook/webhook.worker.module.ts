import { Process, Processor } from '@nestjs/bull';
import { Inject, Injectable, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { BackgroundLoop } from '../common/background-loop.js';
import { LOGGER } from '../config/logger.module.js';
import { QUEUES } from '../queues/queues.js';
import { GapDetector } from './gaps/gap-detector.js';
import { SubscriptionCheck } from './gaps/subscription-check.js';
import { WebhookDrain } from './webhook-drain.js';
import { WebhookModule } from './webhook.module.js';

/** Looks for waiting bodies at least this often, with or without a hint. */
const POLL_MS = 1_000;
/** Between two looks for gaps. */
const GAPS_EVERY_MS = 180_000;
/** A worker that has just started has a backlog, and Meta may not have heard of us yet. */
const FIRST_GAPS_MS = 120_000;

@Injectable()
export class WebhookDrainLoop implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly loop: BackgroundLoop;

  constructor(drain: WebhookDrain, @Inject(LOGGER) logger: Logger) {
    this.loop = new BackgroundLoop({
      everyMs: POLL_MS,
      round: (signal) => drain.run(signal),
      onError: (error) => logger.error({ context: 'WebhookDrain', err: error }, 'draining webhooks failed'),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  wake(): void {
    this.loop.wake();
  }

  onApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }
}

@Injectable()
export class GapLoop implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly loop: BackgroundLoop;
  private timer: NodeJS.Timeout | undefined;

  constructor(detector: GapDetector, subscriptions: SubscriptionCheck, @Inject(LOGGER) logger: Logger) {
    this.loop = new BackgroundLoop({
      everyMs: GAPS_EVERY_MS,
      round: async (signal) => {
        await detector.run();
        await subscriptions.run(signal);
      },
      onError: (error) => logger.error({ context: 'GapDetector', err: error }, 'looking for gaps failed'),
    });
  }

  onApplicationBootstrap(): void {
    this.timer = setTimeout(() => this.loop.start(), FIRST_GAPS_MS).unref();
  }

  onApplicationShutdown(): Promise<void> {
    clearTimeout(this.timer);
    return this.loop.stop();
  }
}

@Processor('webhook-drain')
export class WebhookDrainProcessor {
  constructor(private readonly loop: WebhookDrainLoop) {}

  /** Only wakes the loop and returns: a job id that is active is silently ignored when it is added again. */
  @Process({ concurrency: QUEUES['webhook-drain'].concurrency })
  wake(): void {
    this.loop.wake();
  }
}

@Module({ imports: [WebhookModule], providers: [GapLoop, WebhookDrainLoop, WebhookDrainProcessor] })
export class WebhookWorkerModule {}
