import { setImmediate } from 'node:timers/promises';
import type { Logger } from 'pino';
import { BackgroundLoop } from '../../common/background-loop.js';
import { sleep } from '../../common/sleep.js';
import type { Database } from '../../database/database.js';
import { toEventBody, type NumberedEvent } from '../event.js';
import type { DeliverySettler } from './delivery-settler.js';
import type { DeliveryWorkRepository, DueDelivery, HeldEndpoint, SettledDelivery } from './delivery-work.repository.js';
import type { CallResult, EndpointCaller } from './endpoint-caller.js';
import { deliveryLag, deliverySeconds } from './endpoint-metrics.js';
import type { EndpointSettings } from './endpoint-settings.js';
import type { EndpointVault } from './endpoint-vault.js';
import { holdsBack, Lanes, type Waiting } from './lanes.js';
import { messageIdOf } from './message-id.js';
import { isSuccess, judge, react, restFor } from './schedule.js';

/** Deliveries read at once, without what they tell. */
const WINDOW = 500;
/** Events read with those whose turn it is. */
const AHEAD = 50;
/** Fewer than these here, and more are read. */
const LOW = 100;
/** How often it looks for more while it waits for answers, in ms. */
const LOOK_EVERY_MS = 250;
/** Answers written at once, and those that may wait to be written before no more is sent. */
const SETTLE_BATCH = 200;
const SETTLE_RETRY_MS = 200;

interface Item extends Waiting {
  createdAt: Date;
}

interface Result {
  delivery: SettledDelivery;
  isSuccess: boolean;
  restMs: number | null;
  isGone: boolean;
}

/** What a drain works with. */
export interface DrainTools {
  database: Database;
  repository: DeliveryWorkRepository;
  settler: DeliverySettler;
  caller: EndpointCaller;
  vault: EndpointVault;
  settings: EndpointSettings;
  logger: Logger;
}

/**
 * Delivers to one endpoint, as long as it is ours and something waits. Each endpoint has its own, so that one that hangs
 * delays no other.
 */
export class EndpointDrain {
  private readonly lanes = new Lanes<Item>();
  /** What is here, is being sent or waits to be written: not to be read again. */
  private readonly known = new Set<number>();
  private readonly results: Result[] = [];
  /** What is told next. */
  private events = new Map<number, NumberedEvent>();
  private readonly breakOff = new AbortController();
  private readonly heartbeat: BackgroundLoop;
  private settling: Promise<void> | null = null;
  private inFlight = 0;
  private failuresInRow: number;
  private isOurs = true;
  private mayHaveMore = true;
  private isResting = false;
  private readAt = 0;
  private renewedAt = performance.now();
  private pause = new AbortController();

  constructor(
    private endpoint: HeldEndpoint,
    private readonly tools: DrainTools,
    private readonly stopping: AbortSignal,
  ) {
    this.failuresInRow = endpoint.failuresInRow;
    this.heartbeat = new BackgroundLoop({
      everyMs: tools.settings.heartbeatMs,
      round: () => this.renew(),
      onError: (error) => this.complain(error, 'holding a webhook endpoint failed'),
    });
  }

  /** Resolves when nothing waits any more, the endpoint rests, is somebody else's, or the process ends. */
  async run(): Promise<void> {
    this.heartbeat.start();
    const wake = (): void => this.wake();
    this.stopping.addEventListener('abort', wake, { once: true });
    try {
      await this.deliver();
      await this.finish();
    } finally {
      this.stopping.removeEventListener('abort', wake);
      this.breakOff.abort();
      await this.heartbeat.stop();
      if (this.isOurs) {
        await this.tools.repository.release(this.tools.database, this.endpoint.id, this.endpoint.epoch);
      }
    }
  }

  /** Something new waits, perhaps for this endpoint. */
  wake(): void {
    this.mayHaveMore = true;
    this.pause.abort();
  }

  private get mayGoOn(): boolean {
    return this.isOurs && !this.isResting && !this.stopping.aborted;
  }

  private async deliver(): Promise<void> {
    while (this.mayGoOn) {
      this.pause = new AbortController();
      await this.fill();
      const batch = this.mayGoOn ? this.takeTurn() : [];
      if (batch.length > 0) {
        await this.send(batch);
        // Lets answers in, before what they free is given out.
        await setImmediate();
        continue;
      }
      if (this.isIdle && !this.mayHaveMore) {
        return;
      }
      await this.wait();
    }
  }

  private get isIdle(): boolean {
    return this.known.size === 0 && this.inFlight === 0;
  }

  private takeTurn(): Item[] {
    const { concurrency, downAfter } = this.tools.settings;
    const now = performance.now();
    if (this.failuresInRow >= downAfter) {
      return this.inFlight === 0 ? this.lanes.takeProbe(now) : [];
    }
    const isBehind = this.results.length >= SETTLE_BATCH;
    return isBehind ? [] : this.lanes.take(concurrency - this.inFlight, now);
  }

  private async fill(): Promise<void> {
    const now = performance.now();
    if (this.lanes.size >= LOW || !(this.mayHaveMore || now - this.readAt >= LOOK_EVERY_MS)) {
      return;
    }
    this.mayHaveMore = false;
    this.readAt = now;
    const { repository, database, settings } = this.tools;
    const rows = await repository.findDue(database, this.endpoint.id, {
      // One that failed once holds back what follows, so it is known of before its time.
      aheadMs: (settings.scheduleMs[1] ?? 0) * (1 + settings.jitter),
      except: [...this.known],
      heldSubjects: this.lanes.heldSubjects(now),
      limit: WINDOW,
    });
    rows.forEach((row) => this.add(row));
    this.mayHaveMore ||= rows.length === WINDOW;
  }

  private add({ waitMs, ...row }: DueDelivery): void {
    this.known.add(row.id);
    this.lanes.add({ ...row, dueAt: performance.now() + waitMs });
  }

  /** For an answer, for more, or for the next to be due. */
  private async wait(): Promise<void> {
    const untilDue = (this.lanes.nextDueAt() ?? 0) - performance.now();
    await sleep(untilDue > 0 ? Math.min(untilDue, LOOK_EVERY_MS) : LOOK_EVERY_MS, this.pause.signal);
  }

  private async send(batch: readonly Item[]): Promise<void> {
    if (batch.some(({ seq }) => !this.events.has(seq))) {
      const next = [...batch, ...this.lanes.peek(AHEAD)].map(({ seq }) => seq);
      this.events = await this.tools.repository.findEvents(this.tools.database, next);
    }
    for (const item of batch) {
      const event = this.events.get(item.seq);
      // Not kept for a second attempt: it may be erased by then.
      this.events.delete(item.seq);
      if (event) {
        void this.tell(item, event);
      } else {
        this.lanes.done(item);
        this.push(item, { ...GONE_EVENT, attempt: item.attempt }, { isSuccess: false, restMs: null, isGone: false });
      }
    }
  }

  private async tell(item: Item, event: NumberedEvent): Promise<void> {
    this.inFlight += 1;
    try {
      const body = JSON.stringify(toEventBody(event));
      if (item.attempt === 0) {
        deliveryLag.observe(Math.max(Date.now() - event.createdAt.getTime(), 0) / 1_000);
      }
      const secrets = this.tools.vault.open(this.endpoint.id, this.endpoint);
      const call = { url: this.endpoint.url, secrets, messageId: messageIdOf(item.seq), body };
      const result = await this.tools.caller.call(call, this.breakOff.signal);
      if (result) {
        this.take(item, result);
      }
    } catch (error) {
      // Secrets that cannot be read: nothing was sent, and nothing can be.
      this.isOurs = false;
      this.complain(error, 'delivering to a webhook endpoint failed');
    } finally {
      this.inFlight -= 1;
      this.pause.abort();
    }
  }

  private take(item: Item, result: CallResult): void {
    const { settings } = this.tools;
    const verdict = judge(result, item.attempt, settings);
    const reaction = react(result, settings);
    const wentWell = isSuccess(result);
    if (result.record.ms !== null) {
      deliverySeconds.observe(result.record.ms / 1_000);
    }
    if (verdict.delayMs === null) {
      this.lanes.done(item);
    } else {
      const again = { attempt: verdict.attempt, dueAt: performance.now() + verdict.delayMs };
      // They are read again when it is their turn.
      this.lanes.failed(item, again).forEach(({ id }) => this.known.delete(id));
    }
    this.failuresInRow = wentWell ? 0 : this.failuresInRow + 1;
    const restMs = reaction.kind === 'rest' ? reaction.ms : this.restAfterFailure();
    this.isResting ||= reaction.kind === 'gone' || restMs !== null;
    this.push(
      item,
      { ...verdict, answerStatus: result.status, error: result.record.error, record: result.record },
      { isSuccess: wentWell, restMs, isGone: reaction.kind === 'gone' },
    );
  }

  private restAfterFailure(): number | null {
    const { settings } = this.tools;
    return this.failuresInRow < settings.downAfter ? null : restFor(this.endpoint.failingForMs ?? 0, settings);
  }

  private push(
    { id, createdAt }: Item,
    outcome: Omit<SettledDelivery, 'id' | 'createdAt'>,
    rest: Omit<Result, 'delivery'>,
  ): void {
    this.results.push({ delivery: { id, createdAt, ...outcome }, ...rest });
    this.settling ??= this.settleAll().finally(() => {
      this.settling = null;
      this.pause.abort();
    });
  }

  private async settleAll(): Promise<void> {
    while (this.results.length > 0 && this.isOurs) {
      // What comes in meanwhile shares the next one.
      const batch = onceEach(this.results.slice(0, SETTLE_BATCH));
      try {
        await this.settle(batch);
      } catch (error) {
        this.complain(error, 'writing down deliveries failed');
        if (this.stopping.aborted) {
          // They are told again by whoever comes next.
          return;
        }
        await sleep(SETTLE_RETRY_MS, this.stopping);
        continue;
      }
      this.results.splice(0, batch.length);
      batch.filter(({ delivery }) => this.isOver(delivery)).forEach(({ delivery }) => this.known.delete(delivery.id));
      this.pause.abort();
    }
  }

  private async settle(batch: readonly Result[]): Promise<void> {
    const lastSuccess = batch.findLastIndex((result) => result.isSuccess);
    const asked = batch.slice(lastSuccess + 1).filter(({ delivery }) => delivery.record !== null);
    const rests = batch.flatMap(({ restMs }) => (restMs === null ? [] : [restMs]));
    const hasSucceeded = lastSuccess >= 0;
    const isBack = hasSucceeded && this.endpoint.failuresInRow >= this.tools.settings.downAfter;
    const standing = await this.tools.settler.settle(this.endpoint, {
      deliveries: batch.map(({ delivery }) => delivery),
      hasSucceeded,
      failures: asked.length,
      restMs: rests.length === 0 ? null : Math.max(...rests),
      isGone: batch.some(({ isGone }) => isGone),
      isBack,
    });
    this.isOurs &&= standing !== 'lost';
    this.isResting ||= standing === 'inactive';
    this.mayHaveMore ||= isBack;
    this.endpoint = {
      ...this.endpoint,
      failuresInRow: (hasSucceeded ? 0 : this.endpoint.failuresInRow) + asked.length,
    };
  }

  /** Whether it is out of this drain's hands. */
  private isOver({ delayMs, attempt }: SettledDelivery): boolean {
    return delayMs === null || !holdsBack(attempt);
  }

  /** Waits for what is on its way, and for it to be written; a process that ends does not wait long. */
  private async finish(): Promise<void> {
    const deadline = performance.now() + this.tools.settings.farewellMs;
    while (this.inFlight > 0 && this.isOurs && !(this.stopping.aborted && performance.now() > deadline)) {
      this.pause = new AbortController();
      await sleep(LOOK_EVERY_MS, this.pause.signal);
    }
    this.breakOff.abort();
    await this.settling;
  }

  private async renew(): Promise<void> {
    const { repository, database, settings } = this.tools;
    if (performance.now() - this.renewedAt < settings.heartbeatMs / 2) {
      return;
    }
    this.renewedAt = performance.now();
    const { id, epoch, url } = this.endpoint;
    const present = await repository.renew(database, id, epoch, settings.leaseMs);
    if (!present?.isActive) {
      this.isOurs &&= present !== null;
      this.isResting = true;
      this.pause.abort();
      return;
    }
    const hasMoved = present.url !== url;
    this.failuresInRow = hasMoved ? 0 : this.failuresInRow;
    this.endpoint = { ...present, failuresInRow: hasMoved ? 0 : this.endpoint.failuresInRow };
  }

  private complain(error: unknown, message: string): void {
    this.tools.logger.error({ context: 'EndpointDrain', endpoint: this.endpoint.id, err: error }, message);
  }
}

const GONE_EVENT = {
  status: 'cancelled',
  delayMs: null,
  answerStatus: null,
  error: 'event_gone',
  record: null,
} as const;

/** Up to where a delivery comes a second time: one statement writes a row once. */
function onceEach(results: readonly Result[]): Result[] {
  const seen = new Set<number>();
  const end = results.findIndex(({ delivery: { id } }) => seen.size === seen.add(id).size);
  return results.slice(0, end < 0 ? results.length : end);
}
