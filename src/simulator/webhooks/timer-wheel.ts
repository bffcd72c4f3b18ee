/**
 * Many timers for the price of one: items due in the same tick lie in one bucket, and a single interval empties them.
 * A timer per status would cost more than the status itself at 3,000 a second.
 */
export class TimerWheel<T> {
  private readonly buckets = new Map<number, T[]>();
  private interval: NodeJS.Timeout | undefined;
  private emptiedTick = 0;
  size = 0;

  constructor(
    private readonly tickMs: () => number,
    private readonly onDue: (items: T[]) => void,
  ) {}

  add(item: T, delayMs: number): void {
    this.start();
    const tick = Math.max(this.emptiedTick + 1, this.tickAt(performance.now() + delayMs));
    const bucket = this.buckets.get(tick);
    if (bucket === undefined) {
      this.buckets.set(tick, [item]);
    } else {
      bucket.push(item);
    }
    this.size++;
  }

  /** Forgets what is waiting and stops the clock. */
  clear(): void {
    this.buckets.clear();
    this.size = 0;
    clearInterval(this.interval);
    this.interval = undefined;
  }

  /** The length of a tick is fixed while anything waits: bucket numbers depend on it. */
  private currentTickMs = 20;

  private tickAt(time: number): number {
    return Math.ceil(time / this.currentTickMs);
  }

  private start(): void {
    if (this.interval !== undefined) {
      return;
    }
    this.currentTickMs = this.tickMs();
    this.emptiedTick = this.tickAt(performance.now()) - 1;
    this.interval = setInterval(() => this.turn(), this.currentTickMs);
  }

  private turn(): void {
    const last = Math.floor(performance.now() / this.currentTickMs);
    while (this.emptiedTick < last) {
      this.emptiedTick++;
      const due = this.buckets.get(this.emptiedTick);
      if (due !== undefined) {
        this.buckets.delete(this.emptiedTick);
        this.size -= due.length;
        this.onDue(due);
      }
    }
    if (this.size === 0) {
      this.clear();
    }
  }
}
