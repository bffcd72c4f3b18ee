import { RoundTrip } from './round-trip.js';
import { SlidingWindow } from './sliding-window.js';

/** Of the permitted rate, what the pacer aims at: a little air, so that timers and networks do not make it too much. */
export const TARGET_SHARE = 0.985;
/** How far behind its schedule the pacer may be and still catch up, in ms: a busy event loop costs no throughput. */
const CATCH_UP_MS = 250;
/**
 * How fast it catches up, as a share of its rate: what was missed is spread, not fired off at once. Not too slowly either: answers
 * that come in a bunch free their places in a bunch a second later, and a place that is taken late is late in every second after.
 */
const CATCH_UP_SHARE = 2;
/** Timers are coarse: so much may go out without a gap, in ms of the schedule. */
const TIMER_SLACK_MS = 50;
/** A second, and what the estimate of an arrival may be wrong by: the way to Graph may take most of a round trip. */
const WINDOW_MS = 1_005;
/** How often it looks whether the probe came back. */
const PROBE_WAIT_MS = 5;
const MIN_FACTOR = 0.02;
/** Of the full rate, what comes back per second after a refusal: quickly up to what went well before … */
const RECOVERY_PER_S = 0.6;
/** … and from there on with care: this may be the rate that Graph does not take. */
const CAREFUL_RECOVERY_PER_S = 0.05;
const SAFE_SHARE = 0.9;
/** So long a rate must have gone well for a refusal to say that it was too much: else it is an outage of some seconds. */
const PROVEN_MS = 1_000;
/** Of the limit, what is left to others while there are any: so much, and one message a second at least … */
const RESERVE_SHARE = 0.005;
/** … where one is no large part of it. */
const RESERVED_FROM = 10;
const OTHERS_MEMORY_MS = 10_000;
/** How often it looks whether there is room again when an answer will tell. */
const ANSWER_WAIT_MS = 5;
/** However much passes through the number beside them, campaigns keep so much of it, and what we send as a whole does. */
const LEAST_SHARE = 0.1;

/**
 * accepted: only these tell how long the way takes, for a refusal may be quicker than any send is; refused: for the number's sake,
 * too fast or not now; declined: for another reason.
 */
export type Outcome = 'accepted' | 'refused' | 'declined';

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
  private readonly own = new SlidingWindow();
  /** The number's single messages, which ask for their turn. */
  private readonly guests = new SlidingWindow();
  /** Of those, how many wait for it: the next places are theirs. */
  private expected = 0;
  /** What else passed through the number within the last second. */
  private others = 0;
  /** Until then more of it is expected. */
  private othersUntil = Number.NEGATIVE_INFINITY;
  private factor = 1;
  /** The factor up to which sending went well. */
  private ceiling = 1;
  private slowedAt = 0;
  private wellSince = Number.NEGATIVE_INFINITY;
  private blockedUntil = 0;
  /** After a block: one send goes first, and tells whether the others may follow. */
  private probe: 'none' | 'next' | 'out' = 'none';

  constructor(
    private limitPerSecond: number,
    private readonly roundTrip = new RoundTrip(),
  ) {}

  setLimit(perSecond: number): void {
    this.limitPerSecond = perSecond;
  }

  /** Messages per second it aims at now. */
  currentRate(now: number): number {
    return this.limitPerSecond * TARGET_SHARE * this.recovered(now);
  }

  /** After a block, until one send has told that the others may follow. */
  get isProbing(): boolean {
    return this.probe !== 'none';
  }

  /** How long nothing may go at all, in ms; 0: it is only a matter of pace. */
  pauseMs(now: number): number {
    return Math.max(0, this.blockedUntil - now);
  }

  /** How long until the next send may go, in ms; 0: now. */
  waitMs(now: number): number {
    const paused = this.pauseMs(now);
    if (paused > 0) {
      return paused;
    }
    if (this.probe === 'out') {
      return PROBE_WAIT_MS;
    }
    const window = this.windowWaitMs(now);
    return Math.max(0, this.nextSlotAt - now, this.nextGapAt - now, window);
  }

  /** Takes a slot. Call when {@link waitMs} is 0, right before the request is written. */
  take(now: number): void {
    const interval = 1_000 / this.currentRate(now);
    this.nextSlotAt = Math.max(this.nextSlotAt, now - CATCH_UP_MS) + interval;
    this.nextGapAt = Math.max(this.nextGapAt, now - TIMER_SLACK_MS) + interval / CATCH_UP_SHARE;
    this.own.take();
    this.probe = this.probe === 'next' ? 'out' : this.probe;
  }

  /** A slot's request was answered, or failed. */
  answered(sentAt: number, now: number, outcome: Outcome): void {
    // What was sent before the block says nothing of how it is now.
    if (outcome !== 'refused' && sentAt >= this.blockedUntil) {
      this.probe = 'none';
    } else if (this.probe === 'out') {
      this.probe = 'next';
    }
    if (outcome === 'accepted') {
      this.roundTrip.note(now - sentAt, now);
    }
    // Nothing arrives before it is sent, however quick a refusal comes.
    this.own.answered(Math.max(now, sentAt + this.roundTrip.wayBackMs(now)));
  }

  /** How long until a single message may go, in ms; 0: now. It goes before the campaigns' next, and nothing else holds it up. */
  guestWaitMs(now: number): number {
    if (this.pauseMs(now) > 0) {
      return 0;
    }
    const [own, guests] = this.counts(now);
    const least = this.keptFree;
    const most = Math.max(1, this.limitPerSecond - least);
    return own + guests < Math.max(least, this.limitPerSecond - this.others) && guests < most ? 0 : this.untilRoom(now);
  }

  /** So many single messages wait for a place. */
  expectGuests(count: number): void {
    this.expected = count;
  }

  takeForGuest(): void {
    this.guests.take();
  }

  guestAnswered(now: number): void {
    this.guests.answered(now);
  }

  /**
   * Graph said that it was too much (130429): half the rate, a pause, and back: quickly to what went well, then with care.
   * A refusal that comes while nothing goes well any more is an outage, and says nothing of the rate.
   */
  slowDown(now: number, pauseMs: number): void {
    const before = this.recovered(now);
    if (now - this.wellSince >= PROVEN_MS) {
      this.ceiling = before;
    }
    this.factor = Math.max(MIN_FACTOR, before / 2);
    this.slowedAt = now + pauseMs;
    this.wellSince = now + pauseMs;
    this.blockedUntil = Math.max(this.blockedUntil, now + pauseMs);
  }

  /** Nothing goes out for a while (maintenance), and then one send before the others. */
  block(now: number, ms: number): void {
    this.blockedUntil = Math.max(this.blockedUntil, now + ms);
    this.probe = 'next';
  }

  /** What passed through the number within a second, beside what this pacer knows of: it takes of the same limit. */
  setOthers(count: number, now: number): void {
    this.others = count;
    this.othersUntil = count > 0 ? now + OTHERS_MEMORY_MS : this.othersUntil;
  }

  private recovered(now: number): number {
    const seconds = Math.max(0, now - this.slowedAt) / 1_000;
    const safe = Math.max(this.factor, this.ceiling * SAFE_SHARE);
    const quick = this.factor + seconds * RECOVERY_PER_S;
    if (quick <= safe) {
      return quick;
    }
    const careful = seconds - (safe - this.factor) / RECOVERY_PER_S;
    return Math.min(1, safe + careful * CAREFUL_RECOVERY_PER_S);
  }

  private windowWaitMs(now: number): number {
    const [own, guests] = this.counts(now);
    const isReserved = now < this.othersUntil && this.limitPerSecond >= RESERVED_FROM;
    const reserve = !isReserved ? 0 : Math.max(1, Math.round(this.limitPerSecond * RESERVE_SHARE));
    const left = this.limitPerSecond - reserve - this.others - guests - this.expected;
    const isFull = own >= Math.max(left, this.keptFree) || own + guests >= this.limitPerSecond;
    return isFull ? this.untilRoom(now) : 0;
  }

  private get keptFree(): number {
    return Math.max(1, this.limitPerSecond * LEAST_SHARE);
  }

  /** How many of each kind may have arrived within the second that ends now. */
  private counts(now: number): [own: number, guests: number] {
    const since = now - this.heldMs(now);
    return [this.own.countSince(since), this.guests.countSince(since)];
  }

  private untilRoom(now: number): number {
    const oldest = Math.min(this.own.oldest, this.guests.oldest);
    // Where all that count are on their way an answer will tell.
    return Number.isFinite(oldest) ? Math.max(1, oldest + this.heldMs(now) - now) : ANSWER_WAIT_MS;
  }

  /** How long after its answer a send counts, in ms: a second, less what of the round trip was surely not the way there. */
  private heldMs(now: number): number {
    return WINDOW_MS - this.roundTrip.wayBackMs(now);
  }
}
