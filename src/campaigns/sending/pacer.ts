/** Of the permitted rate, what the pacer aims at: a little air, so that timers and networks do not make it too much. */
const TARGET_SHARE = 0.985;
/** How far behind its schedule the pacer may be and still catch up, in ms: a busy event loop costs no throughput. */
const CATCH_UP_MS = 250;
/** How fast it catches up, as a share of its rate: what was missed is spread, not fired off at once. */
const CATCH_UP_SHARE = 1.25;
/** Timers are coarse: so much may go out without a gap, in ms of the schedule. */
const TIMER_SLACK_MS = 8;
/** A second, and what the estimate of an arrival may be wrong by: the way to Graph may take most of a round trip. */
const WINDOW_MS = 1_006;
const MIN_FACTOR = 0.02;
/** The share of the full rate that comes back per second after a refusal. */
const RECOVERY_PER_S = 0.1;

/**
 * Paces one number. Two rules together: sends are spread evenly, and in no second seen at Graph are there more than the
 * limit. For the second rule a send counts from when it may have arrived last (its answer's time less the quickest round
 * trip; now, while it is unanswered), so that a stalled network cannot squeeze two seconds' worth into one.
 * Times are `performance.now()` in ms.
 */
export class Pacer {
  /** The schedule: one slot after the other at the rate aimed at. */
  private nextSlotAt = 0;
  /** The same a little faster, which is as fast as catching up may be. */
  private nextGapAt = 0;
  private inFlight = 0;
  /** When sends were answered, oldest first. */
  private readonly answers: number[] = [];
  private firstAnswer = 0;
  private quickestMs = Number.POSITIVE_INFINITY;
  private factor = 1;
  private slowedAt = 0;
  private blockedUntil = 0;

  constructor(private limitPerSecond: number) {}

  setLimit(perSecond: number): void {
    this.limitPerSecond = perSecond;
  }

  /** Messages per second it aims at now. */
  currentRate(now: number): number {
    return this.limitPerSecond * TARGET_SHARE * this.recovered(now);
  }

  /** How long until the next send may go, in ms; 0: now. */
  waitMs(now: number): number {
    const blocked = this.blockedUntil - now;
    if (blocked > 0) {
      return blocked;
    }
    const window = this.windowWaitMs(now);
    return Math.max(0, this.nextSlotAt - now, this.nextGapAt - now, window);
  }

  /** Takes a slot. Call when {@link waitMs} is 0, right before the request is written. */
  take(now: number): void {
    const interval = 1_000 / this.currentRate(now);
    this.nextSlotAt = Math.max(this.nextSlotAt, now - CATCH_UP_MS) + interval;
    this.nextGapAt = Math.max(this.nextGapAt, now - TIMER_SLACK_MS) + interval / CATCH_UP_SHARE;
    this.inFlight += 1;
  }

  /** A slot's request was answered, or failed. */
  answered(sentAt: number, now: number): void {
    this.inFlight -= 1;
    this.quickestMs = Math.min(this.quickestMs * 1.001, now - sentAt);
    this.answers.push(now);
  }

  /** Graph said that it was too much (130429): half the rate, a pause, and a slow way back. */
  slowDown(now: number, pauseMs: number): void {
    this.factor = Math.max(MIN_FACTOR, this.recovered(now) / 2);
    this.slowedAt = now + pauseMs;
    this.blockedUntil = Math.max(this.blockedUntil, now + pauseMs);
  }

  /** Nothing goes out for a while (maintenance). */
  block(now: number, ms: number): void {
    this.blockedUntil = Math.max(this.blockedUntil, now + ms);
  }

  private recovered(now: number): number {
    return Math.min(1, this.factor + (Math.max(0, now - this.slowedAt) / 1_000) * RECOVERY_PER_S);
  }

  private windowWaitMs(now: number): number {
    // The round trip as it is known now: of the first answers most was the way there, for they waited for a connection.
    const heldMs = WINDOW_MS - (this.answers.length > 0 ? 0.9 * this.quickestMs : 0);
    while (this.firstAnswer < this.answers.length && (this.answers[this.firstAnswer] as number) + heldMs <= now) {
      this.firstAnswer += 1;
    }
    if (this.firstAnswer > 4_096) {
      this.answers.splice(0, this.firstAnswer);
      this.firstAnswer = 0;
    }
    const inWindow = this.answers.length - this.firstAnswer + this.inFlight;
    if (inWindow < this.limitPerSecond) {
      return 0;
    }
    const oldest = this.answers[this.firstAnswer];
    // Everything in the window is in flight: an answer will tell.
    return oldest === undefined ? 5 : Math.max(1, oldest + heldMs - now);
  }
}
