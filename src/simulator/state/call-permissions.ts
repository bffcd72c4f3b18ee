import { keep } from './keep.js';

const DAY_MS = 24 * 60 * 60 * 1000;
const REMEMBERED = 100_000;

/** Meta: one request to be allowed to call within 24 hours and two within 7 days per person; above it 138009. */
export class CallPermissions {
  private readonly asked = new Map<string, number[]>();

  allows(pair: string, at: number): boolean {
    const recent = (this.asked.get(pair) ?? []).filter((time) => time > at - 7 * DAY_MS);
    if (recent.length >= 2 || recent.some((time) => time > at - DAY_MS)) {
      return false;
    }
    keep(this.asked, pair, [...recent, at], REMEMBERED);
    return true;
  }
}
