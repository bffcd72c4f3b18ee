import type { QuietHours } from '../campaign.entity.js';

/** Sending is followed in steps of so many seconds, for at most {@link MAX_STEPS}. */
const STEP_S = 1_800;
const MAX_STEPS = 2 * 24 * 14;
const DAY_S = 86_400;
/** Beyond them the rest of the countries is taken to be awake: they hardly count. */
const MOST_COUNTRIES = 25;

/** What is to be sent, and what it shares the number with. */
export interface Load {
  startsAt: Date;
  byCountry: readonly { country: string | null; count: number }[];
  /** What the number may send in a second. */
  ratePerSecond: number;
  /** Messages that wait in other running campaigns of the number. */
  neighbours: readonly number[];
  quietHours: QuietHours | null;
  /** People the portfolio may write to within 24 hours, and how many places of it are free; null: no limit. */
  limit: { perDay: number; free: number } | null;
}

/** How long it takes, about. */
export interface Estimate {
  messagesPerSecond: number;
  seconds: number;
  finishAt: Date;
  /** Seconds of it that quiet hours add. */
  quietSeconds: number;
}

/** @param quietUntil when a country may be written to again; null: it may be now */
export function estimate(load: Load, quietUntil: (country: string | null, at: Date) => Date | null): Estimate {
  const total = load.byCountry.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) {
    return { messagesPerSecond: load.ratePerSecond, seconds: 0, finishAt: load.startsAt, quietSeconds: 0 };
  }
  // Campaigns take turns, so that until this one is through each other has got at most as much.
  const shared = load.neighbours.reduce((sum, waiting) => sum + Math.min(waiting, total), total);
  const rate = (load.ratePerSecond * total) / shared;
  const plain = total / rate;
  const awake = load.quietHours === null ? plain : secondsWithQuiet(load, rate, quietUntil);
  const seconds = Math.ceil(Math.max(awake, daysOfLimit(load, total) * DAY_S));
  return {
    messagesPerSecond: rate,
    seconds,
    finishAt: new Date(load.startsAt.getTime() + seconds * 1_000),
    quietSeconds: Math.max(0, Math.round(awake - plain)),
  };
}

/** Whole days until places have come free for everybody. */
function daysOfLimit({ limit }: Load, total: number): number {
  return limit === null || total <= limit.free ? 0 : Math.ceil((total - limit.free) / Math.max(1, limit.perDay));
}

function secondsWithQuiet(
  load: Load,
  rate: number,
  quietUntil: (country: string | null, at: Date) => Date | null,
): number {
  const sorted = [...load.byCountry].sort((a, b) => b.count - a.count);
  const waiting = sorted.map(({ country, count }, index) => ({
    country,
    count,
    opensAt: index < MOST_COUNTRIES ? 0 : Number.NEGATIVE_INFINITY,
  }));
  const start = load.startsAt.getTime();
  let at = 0;
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const now = new Date(start + at * 1_000);
    const open = waiting.filter((place) => {
      if (place.count > 0 && place.opensAt <= at && place.opensAt !== Number.NEGATIVE_INFINITY) {
        const until = quietUntil(place.country, now);
        place.opensAt = until === null ? at : (until.getTime() - start) / 1_000;
      }
      return place.count > 0 && place.opensAt <= at;
    });
    const pending = open.reduce((sum, { count }) => sum + count, 0);
    const left = waiting.filter(({ count }) => count > 0);
    if (pending === 0) {
      if (left.length === 0) {
        return at;
      }
      at = Math.min(...left.map(({ opensAt }) => opensAt));
      continue;
    }
    const capacity = rate * STEP_S;
    if (pending <= capacity && left.length === open.length) {
      return at + pending / rate;
    }
    const share = Math.min(1, capacity / pending);
    open.forEach((place) => {
      place.count = share === 1 ? 0 : place.count * (1 - share);
    });
    at += STEP_S;
  }
  return at;
}
