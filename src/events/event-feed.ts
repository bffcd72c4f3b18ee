import { setImmediate } from 'node:timers/promises';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { BackgroundLoop } from '../common/background-loop.js';
import { LOGGER } from '../config/logger.module.js';
import type { NumberedEvent } from './event.js';
import type { EventFilter } from './event-filter.js';
import { eventFrame } from './event-frames.js';
import { EventSignals } from './event-signals.js';
import { EventsRepository } from './events.repository.js';

/** How often it looks without a signal, in ms: what a lost signal costs. */
const EVERY_MS = 1_000;
/** Events read at once. */
const PAGE = 200;

/** Events for a client, ready to be written; made once for all clients with the same filter. */
export interface Batch {
  bytes: Buffer;
  count: number;
  /** Whoever took this has seen everything up to here. */
  upTo: number;
}

export interface Subscriber {
  readonly filter: EventFilter;
  /** Takes a batch, perhaps an empty one, at once and without fail. */
  deliver(batch: Batch): void;
}

/** Reads new events once for all live streams of this process, while there are any. */
@Injectable()
export class EventFeed implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly subscribers = new Set<Subscriber>();
  private readonly loop: BackgroundLoop;
  private reached = 0;
  /** Those who wait to be subscribed count too. */
  private users = 0;
  private starting: Promise<void> | null = null;
  private isFailing = false;

  constructor(
    private readonly repository: EventsRepository,
    private readonly signals: EventSignals,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.loop = new BackgroundLoop({
      everyMs: EVERY_MS,
      round: (signal) => this.readAll(signal),
      onError: (error) => this.complain(error),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([this.loop.stop(), this.signals.stop()]);
  }

  /** Up to where all subscribers were told. */
  get position(): number {
    return this.reached;
  }

  /** From when this resolves on the subscriber is told of every event after {@link position}. */
  async join(subscriber: Subscriber): Promise<void> {
    this.users += 1;
    try {
      this.starting ??= this.begin();
      await this.starting;
      this.subscribers.add(subscriber);
      // What was numbered since the position was read had nobody to be told to.
      this.loop.wake();
    } catch (error) {
      this.release();
      throw error;
    }
  }

  leave(subscriber: Subscriber): void {
    if (this.subscribers.delete(subscriber)) {
      this.release();
    }
  }

  private release(): void {
    this.users -= 1;
    if (this.users === 0) {
      this.starting = null;
    }
  }

  private async begin(): Promise<void> {
    this.reached = (await this.repository.bounds()).newest;
    this.signals.start(() => this.loop.wake());
  }

  private async readAll(signal: AbortSignal): Promise<void> {
    while (this.subscribers.size > 0 && !signal.aborted) {
      const from = this.reached;
      const events = await this.repository.readAfter(from, PAGE);
      // All left and others came meanwhile: these events are before their time.
      if (this.reached !== from) {
        continue;
      }
      this.isFailing = false;
      this.tell(events);
      if (events.length < PAGE) {
        return;
      }
      // Lets the sockets take what was written, before a client looks slow.
      await setImmediate();
    }
  }

  private tell(events: readonly NumberedEvent[]): void {
    const last = events.at(-1);
    if (!last) {
      return;
    }
    this.reached = last.seq;
    const frames: Buffer[] = [];
    const frameOf = (index: number): Buffer => (frames[index] ??= Buffer.from(eventFrame(events[index]!)));
    const batches = new Map<string, Batch>();
    for (const subscriber of this.subscribers) {
      const { filter } = subscriber;
      let batch = batches.get(filter.key);
      if (!batch) {
        const matching = events.flatMap((event, index) => (filter.matches(event) ? [frameOf(index)] : []));
        batch = { bytes: Buffer.concat(matching), count: matching.length, upTo: last.seq };
        batches.set(filter.key, batch);
      }
      subscriber.deliver(batch);
    }
  }

  /** Once, not each half second while the database is away. */
  private complain(error: unknown): void {
    if (!this.isFailing) {
      this.isFailing = true;
      this.logger.error({ context: 'EventFeed', err: error }, 'reading events failed');
    }
  }
}
