/** Milliseconds since 1970 with fractions, from the monotonic clock: a step of the system clock cannot reorder arrivals. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
