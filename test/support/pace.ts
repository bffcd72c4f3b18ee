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
