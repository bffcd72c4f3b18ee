import type { TurnHost } from '../../inbox/sending/number-turns.js';
import type { Pacer } from './pacer.js';

/** So long after its turn a message has arrived long since, though nobody says that it was answered: its process may have died. */
const GONE_MS = 15_000;

/** The single messages of a number from which campaigns are sent: each gets the next place there is, first come, first served. */
export class Guests implements TurnHost {
  private readonly waiting = new Map<string, () => void>();
  /** Since when each is on its way. */
  private readonly out = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly pacer: Pacer) {}

  ask(id: string, grant: () => void): void {
    this.waiting.set(id, grant);
    this.serve();
  }

  done(id: string): void {
    if (this.waiting.delete(id)) {
      // It did not wait any longer: it was sent all the same.
      this.admit(id);
    }
    if (this.out.delete(id)) {
      this.pacer.guestAnswered(performance.now());
    }
    this.serve();
  }

  /** Nobody is kept waiting: whoever comes from now on finds no host. */
  close(): void {
    clearTimeout(this.timer);
    for (const grant of this.waiting.values()) {
      grant();
    }
    this.waiting.clear();
  }

  private serve(): void {
    clearTimeout(this.timer);
    this.forgetGone();
    for (const [id, grant] of this.waiting) {
      const waitMs = this.pacer.guestWaitMs(performance.now());
      if (waitMs > 0) {
        this.timer = setTimeout(() => this.serve(), waitMs);
        break;
      }
      this.waiting.delete(id);
      this.admit(id);
      grant();
    }
    this.pacer.expectGuests(this.waiting.size);
    if (this.waiting.size === 0 && this.out.size > 0) {
      this.timer = setTimeout(() => this.serve(), GONE_MS);
    }
  }

  private admit(id: string): void {
    const now = performance.now();
    this.pacer.takeForGuest();
    this.out.set(id, now);
  }

  private forgetGone(): void {
    const now = performance.now();
    for (const [id, since] of this.out) {
      if (now - since < GONE_MS) {
        return;
      }
      this.out.delete(id);
      this.pacer.guestAnswered(now);
    }
  }
}
