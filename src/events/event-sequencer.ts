import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { BackgroundLoop } from '../common/background-loop.js';
import { counter, histogram } from '../common/metrics.js';
import { sleep } from '../common/sleep.js';
import { LOGGER } from '../config/logger.module.js';
import { Outbox } from '../outbox/outbox.js';
import { EventsRepository } from './events.repository.js';

/** How often it looks without a hint, in ms: what a lost hint costs. */
const EVERY_MS = 1_000;
/** Least pause between two batches that were not full, in ms: what is appended meanwhile shares one commit. */
const PAUSE_MS = 25;
/** Longest pause while another process numbers, in ms. */
const MAX_WAIT_MS = 200;

const numbered = counter('parley_events_numbered_total', 'Events of the outbox that got their number');
const waited = histogram(
  'parley_event_numbering_seconds',
  'Time from the beginning of the transaction that appended an event to its number (oldest of each batch)',
  [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
);

/**
 * Gives committed events their numbers. It runs in every process, and whoever holds the lock does it: a reader that goes
 * by these numbers misses nothing, which one that goes by ids would (an id is taken before the commit, and may become
 * visible after a higher one).
 */
@Injectable()
export class EventSequencer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: BackgroundLoop;
  private isFailing = false;

  constructor(
    private readonly repository: EventsRepository,
    private readonly outbox: Outbox,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.loop = new BackgroundLoop({
      everyMs: EVERY_MS,
      round: (signal) => this.numberAll(signal),
      onError: (error) => this.complain(error),
    });
  }

  onApplicationBootstrap(): void {
    this.outbox.onAppended(() => this.loop.wake());
    this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  private async numberAll(signal: AbortSignal): Promise<void> {
    let waitMs = PAUSE_MS;
    while (!signal.aborted && (await this.repository.hasUnnumbered())) {
      const { isBusy, count, lagS, isFull } = await this.repository.number();
      if (isBusy) {
        // Its snapshot may be older than what we know of, and it may be dying: looking again is our business.
        await sleep(waitMs, signal);
        waitMs = Math.min(waitMs * 2, MAX_WAIT_MS);
        continue;
      }
      waitMs = PAUSE_MS;
      if (count > 0) {
        numbered.inc(count);
        waited.observe(lagS);
      }
      if (!isFull) {
        await sleep(PAUSE_MS, signal);
      }
    }
    this.isFailing = false;
  }

  /** Once, not each half second while the database is away. */
  private complain(error: unknown): void {
    if (!this.isFailing) {
      this.isFailing = true;
      this.logger.error({ context: 'EventSequencer', err: error }, 'numbering events failed');
    }
  }
}
