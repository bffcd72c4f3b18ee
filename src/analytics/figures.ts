/** What messages count, in the sets of {@link Outbound}. */
export interface MessageCounts {
  received: number;
  sent: number;
  delivered: number;
  read: number;
  failed: number;
}

/** Messages of ours. Sets: read ≤ delivered ≤ sent, and attempted = sent + failed. */
export interface Outbound {
  attempted: number;
  sent: number;
  delivered: number;
  read: number;
  failed: number;
  delivery_rate: number | null;
  read_rate: number | null;
  failure_rate: number | null;
}

/** So many things took so long, by the bins they fall into; see `duration_bin` of the migration. */
export interface DurationBin {
  bin: number;
  n: number;
  duration_ms: number;
}

/** How long something took. */
export interface Durations {
  count: number;
  average_s: number | null;
  median_s: number | null;
  p90_s: number | null;
}

const PLACES = 10_000;
const BINS_PER_DOUBLING = 8;
/** The bin of what has no duration. */
const NONE = -1;

export const NO_MESSAGES: MessageCounts = { received: 0, sent: 0, delivered: 0, read: 0, failed: 0 };

/** With its rates, which are null where there is nothing to divide by. */
export function toOutbound({ sent, delivered, read, failed }: MessageCounts): Outbound {
  const attempted = sent + failed;
  return {
    attempted,
    sent,
    delivered,
    read,
    failed,
    delivery_rate: rate(delivered, attempted),
    read_rate: rate(read, delivered),
    failure_rate: rate(failed, attempted),
  };
}

/** Averages are exact; median and 90th percentile are read off bins that are 9 % wide. */
export function toDurations(bins: readonly DurationBin[]): Durations {
  const timed = bins.filter(({ bin }) => bin !== NONE);
  const count = timed.reduce((sum, { n }) => sum + n, 0);
  if (count <= 0) {
    return { count: 0, average_s: null, median_s: null, p90_s: null };
  }
  const total = timed.reduce((sum, bin) => sum + bin.duration_ms, 0);
  return {
    count,
    average_s: Math.round(total / count) / 1_000,
    median_s: percentile(timed, count, 0.5),
    p90_s: percentile(timed, count, 0.9),
  };
}

function percentile(bins: readonly DurationBin[], count: number, share: number): number {
  const inOrder = [...bins].sort((a, b) => a.bin - b.bin);
  let seen = 0;
  for (const { bin, n } of inOrder) {
    seen += n;
    if (seen >= count * share) {
      return Math.round((2 ** ((bin + 0.5) / BINS_PER_DOUBLING) - 1) * 10) / 10;
    }
  }
  return 0;
}

function rate(part: number, whole: number): number | null {
  return whole > 0 ? Math.round((part / whole) * PLACES) / PLACES : null;
}
