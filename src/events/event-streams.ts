import type { ServerResponse } from 'node:http';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { ApiKeyAuthenticator } from '../api-keys/api-key-authenticator.js';
import { AppError } from '../common/app-error.js';
import { BackgroundLoop } from '../common/background-loop.js';
import { counter, gauge } from '../common/metrics.js';
import { sleep } from '../common/sleep.js';
import { LOGGER } from '../config/logger.module.js';
import type { Principal } from '../http/principal.js';
import { EventFeed } from './event-feed.js';
import type { EventFilter } from './event-filter.js';
import { parseEventId, type ResetReason } from './event-frames.js';
import { EventStream, type EndReason, type Start, type StreamPorts } from './event-stream.js';
import { EventsRepository, type Bounds } from './events.repository.js';
import { Gate } from './gate.js';
import { StreamSettings } from './stream-settings.js';

/**
 * How often the keys of open streams are looked at again, in ms: with the second that a key is believed after it was looked
 * up, no stream outlives its key by two.
 */
const CHECK_KEYS_EVERY_MS = 500;
/** Events of the past read at once for a client. */
const PAGE = 200;
/** Clients that read the past at once: after a restart all of them want to, and the pool has other work too. */
const READERS = 4;
const FULL_RETRY_S = 5;
/** How long clients have to take the last words of this process, in ms. */
const GOODBYE_MS = 300;

const open = gauge('parley_event_streams', 'Live event streams that are open');
const ended = counter('parley_event_streams_ended_total', 'Live event streams that ended', ['reason']);
const sent = counter('parley_event_stream_events_total', 'Events written to live streams');

export interface StreamRequest {
  principal: Principal;
  filter: EventFilter;
  /** As the client sent it; null: from now on. */
  lastEventId: string | null;
}

/** The live streams of this process. */
@Injectable()
export class EventStreams implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly streams = new Set<EventStream>();
  private readonly readers = new Gate(READERS);
  private readonly keyCheck: BackgroundLoop;
  private readonly ports: StreamPorts;
  /** Those that are being opened. */
  private opening = 0;
  private isStopping = false;

  constructor(
    private readonly feed: EventFeed,
    private readonly repository: EventsRepository,
    private readonly keys: ApiKeyAuthenticator,
    private readonly settings: StreamSettings,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.keyCheck = new BackgroundLoop({
      everyMs: CHECK_KEYS_EVERY_MS,
      round: () => this.checkKeys(),
      onError: (error) => logger.warn({ context: 'EventStreams', err: error }, 'keys of streams not checked'),
    });
    this.ports = {
      position: () => feed.position,
      read: (filter, after, upTo) => this.readers.run(() => repository.readMatching(filter, after, upTo, PAGE)),
      sent: (count) => sent.inc(count),
      ended: (stream, reason, error) => this.forget(stream, reason, error),
    };
  }

  onApplicationBootstrap(): void {
    this.keyCheck.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    const streams = [...this.streams];
    streams.forEach((stream) => stream.end('shutdown'));
    await this.keyCheck.stop();
    if (streams.length > 0) {
      await sleep(GOODBYE_MS);
    }
  }

  /**
   * Opens a stream.
   * @param respond makes the response ready for frames; called when nothing can go wrong any more
   * @throws `503 unavailable` when there are too many, or the database is away
   */
  async open(request: StreamRequest, respond: () => ServerResponse): Promise<void> {
    const { principal, filter, lastEventId } = request;
    if (this.isStopping || this.streams.size + this.opening >= this.settings.maxStreams) {
      throw new AppError('unavailable', 'There are too many live streams. Try again soon.', {
        retryAfterS: FULL_RETRY_S,
      });
    }
    const stream = new EventStream(principal, filter, this.settings, this.ports);
    this.opening += 1;
    try {
      await this.feed.join(stream);
      const bounds = lastEventId === null ? null : await this.repository.bounds();
      const start = startOf(lastEventId, bounds, this.feed.position);
      const response = respond();
      this.streams.add(stream);
      open.inc();
      stream.start(response, start);
    } catch (error) {
      this.feed.leave(stream);
      throw error;
    } finally {
      this.opening -= 1;
    }
    if (this.isStopping) {
      stream.end('shutdown');
    }
  }

  private async checkKeys(): Promise<void> {
    const streams = [...this.streams];
    if (streams.length === 0) {
      return;
    }
    const standing = await this.keys.stillStanding(streams.map(({ principal }) => principal));
    streams.filter(({ principal }) => !standing.has(principal)).forEach((stream) => stream.end('key'));
  }

  private forget(stream: EventStream, reason: EndReason, error: unknown): void {
    this.feed.leave(stream);
    this.streams.delete(stream);
    open.dec();
    ended.inc({ reason });
    if (reason === 'error') {
      this.logger.warn({ context: 'EventStreams', err: error }, 'a live stream was cut off');
    }
  }
}

function startOf(lastEventId: string | null, bounds: Bounds | null, position: number): Start {
  if (lastEventId === null || bounds === null) {
    return { after: position, reset: null };
  }
  const id = parseEventId(lastEventId);
  const reset = whyNotAfter(id, bounds);
  return id === null || reset ? { after: position, reset } : { after: id, reset: null };
}

function whyNotAfter(id: number | null, { oldest, newest }: Bounds): ResetReason | null {
  if (id === null || id > newest) {
    return 'unknown_id';
  }
  return oldest !== null && id < oldest - 1 ? 'too_old' : null;
}
