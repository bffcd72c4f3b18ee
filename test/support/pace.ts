/**
 * Messages a second, in the span of that length that had the most. A machine that is busy with other tests stalls now and
 * then, which says nothing of the pace; a pacer that is too slow has no good span at all.
 * @param times of arrival, in ms
 */
export function bestPace(times: readonly number[], spanMs: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  let first = 0;
  let most = 0;
  for (const [index, at] of sorted.entries()) {
    while ((sorted[first] as number) < at - spanMs) {
      first += 1;
    }
    most = Math.max(most, index - first);
  }
  return most / (spanMs / 1_000);
}

const TICK_MS = 20;

/** How much of the time timers of this process were late, until it is over: what the machine has no time for. */
export async function measureStarvation(isOver: { now: boolean }): Promise<number> {
  const from = performance.now();
  let lateMs = 0;
  while (!isOver.now) {
    const asked = performance.now();
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    lateMs += Math.max(0, performance.now() - asked - TICK_MS - 2);
  }
  return lateMs / (performance.now() - from);
}

/** Of the permitted rate, what can be asked of a machine that kept us waiting so much: a late timer here is one at Graph too. */
export function shareToReach(share: number, starved: number): number {
  return share * Math.max(0.5, 1 - 2 * starved);
}
