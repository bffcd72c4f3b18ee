import { Pool } from 'undici';
import type { SimulatorConfig } from '../state/config.js';
import type { Random } from '../state/random.js';
import { TimerWheel } from './timer-wheel.js';
import { signature } from './wire.js';

/** One POST to the receiver: built when it leaves, so that what waits for a receiver that is down stays small. */
export interface Outgoing {
  readonly updates: number;
  attempts: number;
  /** Undefined when what it reports about is gone with an emptied ledger. */
  body(): string | undefined;
  acknowledged(): void;
}

/** What happened to the webhooks, in updates unless the name says posts. */
export interface DeliveryCounters {
  queued: number;
  delivered: number;
  dropped: number;
  posts: number;
  failed_posts: number;
  retried: number;
}

/** What the receiver said. */
export interface ReceiverAnswer {
  status: number;
  body: string;
}

const NO_COUNTERS: Readonly<DeliveryCounters> = {
  queued: 0,
  delivered: 0,
  dropped: 0,
  posts: 0,
  failed_posts: 0,
  retried: 0,
};
/** The emptied front of the queue is cut off once it is this long. */
const COMPACT_AT = 1024;

/** Signs and posts webhooks, a few at a time, and repeats what was not answered 200. Meta: retries with growing pauses. */
export class Delivery {
  counters: DeliveryCounters = { ...NO_COUNTERS };
  private ready: Outgoing[] = [];
  private head = 0;
  private inFlight = 0;
  private pool: Pool | undefined;
  private poolKey = '';
  private isClosed = false;
  private readonly retries: TimerWheel<Outgoing>;

  constructor(
    private readonly config: SimulatorConfig,
    private readonly random: () => Random,
  ) {
    this.retries = new TimerWheel(
      () => 50,
      (items) => items.forEach((item) => this.makeReady(item)),
    );
  }

  enqueue(item: Outgoing): void {
    if (!this.config.webhooks.enabled || this.isClosed) {
      return;
    }
    if (this.counters.queued + item.updates > this.config.webhooks.max_queued_updates) {
      this.counters.dropped += item.updates;
      return;
    }
    this.counters.queued += item.updates;
    if (this.config.webhooks.delay_ms > 0) {
      this.retries.add(item, this.config.webhooks.delay_ms);
      return;
    }
    this.makeReady(item);
  }

  /** Starts what waits; called again when the configuration changed, since waiting posts may have got their URL. */
  pump(): void {
    while (this.head < this.ready.length && this.inFlight < this.config.webhooks.concurrency && this.canSend()) {
      const item = this.ready[this.head++] as Outgoing;
      this.inFlight++;
      void this.attempt(item);
    }
    if (this.head >= COMPACT_AT && this.head * 2 >= this.ready.length) {
      this.ready = this.ready.slice(this.head);
      this.head = 0;
    }
  }

  /** Posts now, outside the queue, and tells what the receiver answered. */
  async postNow(body: string, signed: 'good' | 'bad' | 'none' = 'good'): Promise<ReceiverAnswer> {
    const bytes = Buffer.from(body, 'latin1');
    const headers: Record<string, string> = { 'content-type': 'application/json', 'user-agent': 'facebookexternalua' };
    if (signed !== 'none' && this.config.app_secret !== '') {
      headers['x-hub-signature-256'] = signature(this.config.app_secret + (signed === 'bad' ? '!' : ''), bytes);
    }
    const url = new URL(this.config.callback_url);
    const answer = await this.poolFor(url).request({
      method: 'POST',
      path: url.pathname + url.search,
      headers,
      body: bytes,
    });
    return { status: answer.statusCode, body: await answer.body.text() };
  }

  /** Meta: sent whenever the callback URL or its verify token is set. */
  async verify(token: string, challenge: string): Promise<ReceiverAnswer> {
    const url = new URL(this.config.callback_url);
    url.searchParams.set('hub.mode', 'subscribe');
    url.searchParams.set('hub.challenge', challenge);
    url.searchParams.set('hub.verify_token', token);
    const answer = await this.poolFor(url).request({ method: 'GET', path: url.pathname + url.search });
    return { status: answer.statusCode, body: await answer.body.text() };
  }

  /** Forgets the counters; what waits stays counted as queued. */
  clearCounters(): void {
    this.counters = { ...NO_COUNTERS, queued: this.counters.queued };
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.retries.clear();
    this.ready = [];
    this.head = 0;
    await this.pool?.destroy();
  }

  private canSend(): boolean {
    return this.config.callback_url !== '' && this.config.webhooks.enabled && !this.isClosed;
  }

  private makeReady(item: Outgoing): void {
    const last = this.ready.push(item) - 1;
    if (this.config.webhooks.order === 'hostile') {
      const other = this.head + Math.floor(this.random().next() * (last - this.head + 1));
      this.ready[last] = this.ready[other] as Outgoing;
      this.ready[other] = item;
    }
    this.pump();
  }

  private async attempt(item: Outgoing): Promise<void> {
    const body = item.body();
    const isDone = body === undefined || (await this.isAnswered200(body));
    this.inFlight--;
    if (this.isClosed) {
      return;
    }
    if (!isDone) {
      this.counters.failed_posts++;
      this.counters.retried++;
      this.retries.add(item, this.backoff(item.attempts++));
      this.pump();
      return;
    }
    this.counters.queued -= item.updates;
    if (body !== undefined) {
      this.counters.delivered += item.updates;
      item.acknowledged();
    }
    this.pump();
  }

  private async isAnswered200(body: string): Promise<boolean> {
    this.counters.posts++;
    try {
      return (await this.postNow(body)).status === 200;
    } catch {
      // A receiver that is down, slow or resets the connection is the case the retries exist for.
      return false;
    }
  }

  private backoff(attempts: number): number {
    const { retry_first_ms, retry_max_ms } = this.config.webhooks;
    return Math.min(retry_max_ms, retry_first_ms * 2 ** Math.min(attempts, 30));
  }

  private poolFor(url: URL): Pool {
    const { concurrency, timeout_ms } = this.config.webhooks;
    const key = `${url.origin} ${concurrency} ${timeout_ms}`;
    if (this.pool === undefined || key !== this.poolKey) {
      void this.pool?.close();
      this.poolKey = key;
      this.pool = new Pool(url.origin, {
        connections: concurrency,
        headersTimeout: timeout_ms,
        bodyTimeout: timeout_ms,
        connectTimeout: timeout_ms,
      });
    }
    return this.pool;
  }
}
