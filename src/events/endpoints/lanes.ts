/** A delivery that waits for its turn. */
export interface Waiting {
  id: number;
  seq: number;
  /** Events of one subject are told in order; null: of none. */
  subject: string | null;
  /** Attempts of the schedule that were made. */
  attempt: number;
  /** On the monotonic clock, in ms. */
  dueAt: number;
}

/** After so many attempts a delivery holds nobody back any more. */
const HOLDING_ATTEMPTS = 2;

export function holdsBack(attempt: number): boolean {
  return attempt < HOLDING_ATTEMPTS;
}

interface Lane<T> {
  queue: T[];
  isSending: boolean;
}

/**
 * Whose turn it is: one delivery of each subject at a time, in the order of events. One that failed holds back what follows
 * of its subject until its second attempt is over; from then on it stands alone.
 */
export class Lanes<T extends Waiting> {
  private readonly lanes = new Map<string, Lane<T>>();
  private count = 0;

  /** Waiting here, those that are being sent not among them. */
  get size(): number {
    return this.count;
  }

  add(item: T): void {
    const key = laneOf(item);
    const lane = this.lanes.get(key) ?? { queue: [], isSending: false };
    this.lanes.set(key, lane);
    const later = lane.queue.findIndex(({ seq }) => seq > item.seq);
    lane.queue.splice(later < 0 ? lane.queue.length : later, 0, item);
    this.count += 1;
  }

  /** Takes those whose turn it is, the oldest events first. {@link done} or {@link failed} has to follow. */
  take(limit: number, now: number): T[] {
    return this.ready(now)
      .sort((a, b) => a.seq - b.seq)
      .slice(0, limit)
      .map((item) => this.takeOut(item));
  }

  /** As {@link take}, the one that is best to ask with whether an endpoint lives: one that was not tried before. */
  takeProbe(now: number): T[] {
    const [best] = this.ready(now).sort((a, b) => a.attempt - b.attempt || a.seq - b.seq);
    return best ? [this.takeOut(best)] : [];
  }

  /** Some of those whose turn comes next. */
  peek(limit: number): T[] {
    const found: T[] = [];
    for (const { queue } of this.lanes.values()) {
      found.push(...queue.slice(0, limit - found.length));
      if (found.length >= limit) {
        break;
      }
    }
    return found;
  }

  /** It is over, or its next attempt is far away: what follows may go. */
  done(item: T): void {
    const key = laneOf(item);
    const lane = this.lanes.get(key);
    if (lane?.queue.length === 0) {
      this.lanes.delete(key);
    } else if (lane) {
      lane.isSending = false;
    }
  }

  /**
   * It failed and is tried again.
   * @returns those that were waiting behind it: they are let go, to be read again when it is over
   */
  failed(item: T, again: { attempt: number; dueAt: number }): T[] {
    this.done(item);
    if (!holdsBack(again.attempt)) {
      return [];
    }
    const next = { ...item, ...again };
    const key = laneOf(next);
    const followers = this.lanes.get(key)?.queue ?? [];
    this.count += 1 - followers.length;
    this.lanes.set(key, { queue: [next], isSending: false });
    return followers;
  }

  /** Subjects of which nothing need be read, for the first of them is not due. */
  heldSubjects(now: number): string[] {
    return [...this.lanes.values()].flatMap(({ queue: [first] }) =>
      first?.subject && holdsBack(first.attempt) && first.dueAt > now ? [first.subject] : [],
    );
  }

  private ready(now: number): T[] {
    return [...this.lanes.values()].flatMap(({ queue: [first], isSending }) =>
      first && !isSending && first.dueAt <= now ? [first] : [],
    );
  }

  private takeOut(item: T): T {
    const lane = this.lanes.get(laneOf(item));
    lane?.queue.shift();
    if (lane) {
      lane.isSending = true;
    }
    this.count -= 1;
    return item;
  }

  /** When the next may go; null when none waits for a time. */
  nextDueAt(): number | null {
    const times = [...this.lanes.values()].flatMap(({ queue: [first], isSending }) =>
      first && !isSending ? [first.dueAt] : [],
    );
    return times.length === 0 ? null : Math.min(...times);
  }
}

/** Whoever holds nobody back has a lane of its own. */
function laneOf({ id, subject, attempt }: Waiting): string {
  return subject === null || !holdsBack(attempt) ? `#${id}` : subject;
}
