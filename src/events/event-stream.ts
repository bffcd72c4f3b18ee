import type { ServerResponse } from 'node:http';
import type { Principal } from '../http/principal.js';
import type { Batch, Subscriber } from './event-feed.js';
import type { EventFilter } from './event-filter.js';
import {
  eventFrame,
  farewellFrame,
  heartbeatFrame,
  openingFrame,
  resetFrame,
  type ResetReason,
} from './event-frames.js';
import type { EventPage } from './events.repository.js';
import type { StreamSettings } from './stream-settings.js';

/** How long a client has to take the last words, in ms. */
const GRACE_MS = 1_000;

/** Why a stream ended: `gone` is the client's own doing. */
export type EndReason = 'gone' | 'too_slow' | 'key' | 'shutdown' | 'error';

/** Where a stream begins. */
export interface Start {
  /** The client has seen everything up to here. */
  after: number;
  /** Tells that it begins elsewhere than the client asked for. */
  reset: ResetReason | null;
}

/** What a stream needs of its surroundings. */
export interface StreamPorts {
  /** Up to where the live feed has told its subscribers. */
  position(): number;
  /** The past: the next events that match, none beyond `upTo`. */
  read(filter: EventFilter, after: number, upTo: number): Promise<EventPage>;
  sent(count: number): void;
  ended(stream: EventStream, reason: EndReason, error?: unknown): void;
}

/**
 * One client. It is told of the past first, at the speed at which it reads; then it joins the live feed, and from then on
 * it has to keep up: what waits for it is bounded, so that it costs neither memory nor the others' time.
 */
export class EventStream implements Subscriber {
  /** Everything up to here was written. */
  private cursor = 0;
  private response: ServerResponse | null = null;
  private isEnded = false;
  private queuedEvents = 0;
  /** Live batches that came while the past was being told; null: the stream is live. */
  private held: Batch[] | null = [];
  private heldEvents = 0;
  private heldBytes = 0;
  /** More came than can be held: the past is read up to a later point. */
  private hasOverflowed = false;
  private heartbeat: NodeJS.Timeout | undefined;
  /** Goes on with what waits for the socket or the feed. */
  private wake: (() => void) | null = null;

  constructor(
    readonly principal: Principal,
    readonly filter: EventFilter,
    private readonly settings: StreamSettings,
    private readonly ports: StreamPorts,
  ) {}

  /** Begins to write. The stream must have joined the feed. */
  start(response: ServerResponse, { after, reset }: Start): void {
    this.response = response;
    this.cursor = after;
    response.on('close', () => this.finish('gone'));
    response.on('drain', () => this.wake?.());
    // A write to a connection that is gone: 'close' tells the rest.
    response.on('error', () => undefined);
    if (response.destroyed || response.socket?.destroyed) {
      this.finish('gone');
      return;
    }
    response.write(openingFrame(after) + (reset ? resetFrame(reset, after) : ''));
    this.heartbeat = setInterval(() => this.beat(), this.settings.heartbeatMs);
    this.catchUp().catch((error: unknown) => this.fail(error));
  }

  deliver(batch: Batch): void {
    if (this.isEnded) {
      return;
    }
    if (this.held) {
      this.hold(batch);
    } else {
      this.send(batch);
    }
  }

  /** Ends the stream with a last word; who does not take it is cut off. */
  end(reason: EndReason, lastFrame = reason === 'shutdown' ? farewellFrame() : ''): void {
    const { response } = this;
    if (this.isEnded || !response) {
      return;
    }
    this.finish(reason);
    const cut = setTimeout(() => response.destroy(), GRACE_MS);
    response.once('close', () => clearTimeout(cut));
    response.end(lastFrame);
  }

  private finish(reason: EndReason, error?: unknown): void {
    if (this.isEnded) {
      return;
    }
    this.isEnded = true;
    clearInterval(this.heartbeat);
    this.held = [];
    this.wake?.();
    this.ports.ended(this, reason, error);
  }

  private fail(error: unknown): void {
    const { response } = this;
    this.finish('error', error);
    response?.destroy();
  }

  /** Tells of the past up to where the feed stands, then joins it: no gap, no repetition. */
  private async catchUp(): Promise<void> {
    while (!this.isEnded) {
      this.held = [];
      this.heldEvents = 0;
      this.heldBytes = 0;
      this.hasOverflowed = false;
      const target = this.ports.position();
      if (target < this.cursor) {
        // The client was ahead of this process, at another one: the feed will be there in a moment.
        await this.woken();
        continue;
      }
      await this.replay(target);
      if (!this.isEnded && !this.hasOverflowed) {
        const { held } = this;
        this.held = null;
        held.forEach((batch) => this.write(batch));
        return;
      }
    }
  }

  private async replay(target: number): Promise<void> {
    while (this.cursor < target && !this.isEnded) {
      const { events, upTo } = await this.ports.read(this.filter, this.cursor, target);
      if (this.isEnded) {
        return;
      }
      this.write({ bytes: Buffer.from(events.map(eventFrame).join('')), count: events.length, upTo });
      await this.drained();
    }
  }

  /** Waits until the client took what was written; one that takes nothing for too long is ended. */
  private async drained(): Promise<void> {
    const stalled = setTimeout(() => this.evict(), this.settings.stallMs);
    while (!this.isEnded && this.response?.writableNeedDrain) {
      await this.woken();
    }
    clearTimeout(stalled);
  }

  private woken(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = () => {
        this.wake = null;
        resolve();
      };
    });
  }

  private hold(batch: Batch): void {
    this.heldEvents += batch.count;
    this.heldBytes += batch.bytes.length;
    this.hasOverflowed ||=
      this.heldEvents > this.settings.maxQueuedEvents || this.heldBytes > this.settings.maxQueuedBytes;
    if (this.hasOverflowed) {
      this.held = [];
    } else {
      this.held?.push(batch);
    }
    this.wake?.();
  }

  private send(batch: Batch): void {
    const { maxQueuedEvents, maxQueuedBytes } = this.settings;
    const queuedBytes = this.response?.writableLength ?? 0;
    // A batch alone is never too much: it is the client that has not taken the one before.
    const isSlow =
      this.queuedEvents > 0 &&
      (this.queuedEvents + batch.count > maxQueuedEvents || queuedBytes + batch.bytes.length > maxQueuedBytes);
    if (isSlow && batch.count > 0) {
      this.evict();
    } else {
      this.write(batch);
    }
  }

  private write({ bytes, count, upTo }: Batch): void {
    this.cursor = upTo;
    if (count === 0) {
      return;
    }
    this.queuedEvents += count;
    this.response?.write(bytes, () => (this.queuedEvents -= count));
    this.ports.sent(count);
  }

  /** What was written is whole up to the cursor, so the client loses nothing when it comes back with that id. */
  private evict(): void {
    this.end('too_slow', resetFrame('too_slow', this.cursor));
  }

  private beat(): void {
    if (this.response?.writableLength === 0) {
      this.response.write(heartbeatFrame(this.cursor));
    }
  }
}
