/** A look at how far something is. */
interface Sample {
  count: number;
  /** Monotonic, in ms. */
  at: number;
}

/** How fast counts grow of late, by what was seen of them over some seconds. */
export class RateMeter {
  private readonly samples = new Map<number, Sample[]>();

  /** @param windowMs how much of the past counts as "of late" */
  constructor(private readonly windowMs: number) {}

  /** Notes counts by id; an id that is missing stands still, and begins anew when it comes back. */
  see(counts: ReadonlyMap<number, number>, at: number): void {
    for (const id of this.samples.keys()) {
      if (!counts.has(id)) {
        this.samples.delete(id);
      }
    }
    for (const [id, count] of counts) {
      const before = this.samples.get(id) ?? [];
      const last = before.at(-1);
      // Fewer than before: those who failed are tried again, and a rate across that would be below nothing.
      const known = last && last.count > count ? [] : before.filter((sample) => at - sample.at <= this.windowMs);
      this.samples.set(id, [...known, { count, at }]);
    }
  }

  /** Per second; null when it was seen only once so far. */
  rateOf(id: number): number | null {
    const samples = this.samples.get(id) ?? [];
    const [first] = samples;
    const last = samples.at(-1);
    if (!first || !last || last.at <= first.at) {
      return null;
    }
    return ((last.count - first.count) * 1_000) / (last.at - first.at);
  }
}
