/** Sends that were answered may be forgotten in such portions. */
const FORGET_AT = 4_096;

/** Sends that may have arrived at Meta lately: those on their way, and when the others were answered. Times in ms. */
export class SlidingWindow {
  private inFlight = 0;
  /** Oldest first. */
  private readonly answers: number[] = [];
  private first = 0;

  take(): void {
    this.inFlight += 1;
  }

  answered(now: number): void {
    this.inFlight -= 1;
    this.answers.push(now);
  }

  /** How many are on their way or were answered after this time; earlier ones are forgotten. */
  countSince(time: number): number {
    while (this.first < this.answers.length && (this.answers[this.first] as number) <= time) {
      this.first += 1;
    }
    if (this.first > FORGET_AT) {
      this.answers.splice(0, this.first);
      this.first = 0;
    }
    return this.answers.length - this.first + this.inFlight;
  }

  /** When the oldest that still counts was answered; infinite: all that count are on their way. */
  get oldest(): number {
    return this.answers[this.first] ?? Number.POSITIVE_INFINITY;
  }
}
