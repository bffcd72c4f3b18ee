import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { BackgroundLoop } from '../../common/background-loop.js';
import { LOGGER } from '../../config/logger.module.js';
import { Database } from '../../database/database.js';
import { EventSignals } from '../event-signals.js';
import { DeliveryDispatcher } from './delivery-dispatcher.js';
import { eventsHandedOut } from './endpoint-metrics.js';
import { FAN_OUT_BATCH, FanOutRepository } from './fan-out.repository.js';

/** How often it looks without a signal, in ms: what a lost signal costs. */
const EVERY_MS = 1_000;

/** Hands events out to the endpoints that want them, as soon as they are numbered. It runs in every worker; one at a time does it. */
@Injectable()
export class FanOut implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: BackgroundLoop;
  private isFailing = false;
  /** When it was last seen that there is no endpoint: then not each signal is worth a look. */
  private noneSeenAt = -EVERY_MS;

  constructor(
    private readonly database: Database,
    private readonly repository: FanOutRepository,
    private readonly dispatcher: DeliveryDispatcher,
    private readonly signals: EventSignals,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.loop = new BackgroundLoop({
      everyMs: EVERY_MS,
      round: (signal) => this.handOutAll(signal),
      onError: (error) => this.complain(error),
    });
  }

  onApplicationBootstrap(): void {
    this.signals.start(() => this.loop.wake());
    this.loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([this.loop.stop(), this.signals.stop()]);
  }

  private async handOutAll(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (await this.hasEndpoints())) {
      const { events, deliveries } = await this.database.transaction(async (tx) =>
        (await this.repository.tryLock(tx)) ? this.repository.handOut(tx) : { events: 0, deliveries: 0 },
      );
      this.isFailing = false;
      eventsHandedOut.inc(events);
      if (deliveries > 0) {
        this.dispatcher.wake();
      }
      if (events < FAN_OUT_BATCH) {
        return;
      }
    }
  }

  private async hasEndpoints(): Promise<boolean> {
    if (performance.now() - this.noneSeenAt < EVERY_MS) {
      return false;
    }
    const has = await this.repository.hasEndpoints(this.database);
    if (!has) {
      this.noneSeenAt = performance.now();
    }
    return has;
  }

  /** Once, not each half second while the database is away. */
  private complain(error: unknown): void {
    if (!this.isFailing) {
      this.isFailing = true;
      this.logger.error({ context: 'FanOut', err: error }, 'handing out events failed');
    }
  }
}
