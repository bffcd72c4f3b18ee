/**
 * The quickest round trip is that of the last one or two of these spans, in ms: long enough that a quick one is among them when
 * answers are late because a machine or the way there is busy for minutes. To believe in a slower one would be to take arrivals
 * for earlier than they were; not to, where all became slower for good, costs the difference until the spans are over.
 */
const QUICKEST_SPAN_MS = 150_000;
/** Of the quickest round trip, what is believed to be the way back: all of it would be right if it were known exactly. */
const QUICKEST_SHARE = 0.99;
/** A round trip that is quicker than all before by more than this: there may be quicker ones still. */
const NOTABLE_SHARE = 0.97;
/** How long until it is believed that there are none, in ms: a process that has just started is busy, and its answers are all late. */
const LEARN_MS = 10_000;

/**
 * What is known of the way to Graph and back. The pacers of a process share it: what one has learned, the others need not.
 * Times are `performance.now()` in ms.
 */
export class RoundTrip {
  private quickestMs = Number.POSITIVE_INFINITY;
  /** The quickest since then. */
  private quickestOfSpanMs = Number.POSITIVE_INFINITY;
  private spanFrom = Number.NEGATIVE_INFINITY;
  /** The quickest when it was last notable. */
  private notedMs = Number.POSITIVE_INFINITY;
  private notedAt = Number.NEGATIVE_INFINITY;
  /** By how much quicker there may have been some then. */
  private doubtMs = 0;

  note(ms: number, now: number): void {
    if (now - this.spanFrom > QUICKEST_SPAN_MS) {
      this.quickestMs = this.quickestOfSpanMs;
      this.notedMs = this.quickestMs;
      this.quickestOfSpanMs = Number.POSITIVE_INFINITY;
      this.spanFrom = now;
    }
    if (ms < this.notedMs * NOTABLE_SHARE) {
      this.doubtMs = Math.min(ms / 2, Math.max(this.doubtOf(now), 2 * (this.notedMs - ms)));
      this.notedMs = ms;
      this.notedAt = now;
    }
    this.quickestOfSpanMs = Math.min(this.quickestOfSpanMs, ms);
    this.quickestMs = Math.min(this.quickestMs, ms);
  }

  /** Of every round trip, what is surely not the way there, in ms. */
  wayBackMs(now: number): number {
    return Number.isFinite(this.quickestMs) ? this.quickestMs * QUICKEST_SHARE - this.doubtOf(now) : 0;
  }

  private doubtOf(now: number): number {
    return this.doubtMs * Math.max(0, 1 - (now - this.notedAt) / LEARN_MS);
  }
}
