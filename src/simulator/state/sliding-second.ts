const SECOND_MS = 1000;

/** Counts events in the second that ends with the newest one, and remembers the highest such count ever seen. */
export class SlidingSecond {
  highest = 0;
  private times = new Float64Array(256);
  private head = 0;
  private size = 0;

  /** @param at milliseconds, never smaller than the one before */
  add(at: number): void {
    this.forgetBefore(at);
    if (this.size === this.times.length) {
      this.grow();
    }
    this.times[(this.head + this.size) % this.times.length] = at;
    this.size++;
    this.highest = Math.max(this.highest, this.size);
  }

  /** How many events lie in the second before `at`. */
  countAt(at: number): number {
    this.forgetBefore(at);
    return this.size;
  }

  /** Forgets everything, also the highest count. */
  clear(): void {
    this.highest = 0;
    this.size = 0;
  }

  private forgetBefore(at: number): void {
    while (this.size > 0 && (this.times[this.head] as number) <= at - SECOND_MS) {
      this.head = (this.head + 1) % this.times.length;
      this.size--;
    }
  }

  private grow(): void {
    const times = new Float64Array(this.times.length * 2);
    for (let index = 0; index < this.size; index++) {
      times[index] = this.times[(this.head + index) % this.times.length] as number;
    }
    this.times = times;
    this.head = 0;
  }
}
