const EMISSION_MS = 6000;
const BURST = 45;
const REMEMBERED = 500_000;

/** Meta: one message per 6 s to the same person, up to 45 borrowed from later; above it 131056. */
export class PairLimit {
  /** When the pair will have paid back what it borrowed. */
  private readonly settledAt = new Map<string, number>();

  allows(pair: string, at: number): boolean {
    const settled = Math.max(this.settledAt.get(pair) ?? 0, at);
    if (settled - at > (BURST - 1) * EMISSION_MS) {
      return false;
    }
    if (this.settledAt.size > REMEMBERED) {
      this.settledAt.clear();
    }
    this.settledAt.set(pair, settled + EMISSION_MS);
    return true;
  }
}
