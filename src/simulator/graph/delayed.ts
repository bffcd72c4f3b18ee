import type { World } from '../world.js';

/** Holds an answer back for the configured latency. */
export function delayed(world: World, answer: () => void): void {
  const { latency_ms, latency_jitter_ms } = world.config;
  if (latency_ms === 0 && latency_jitter_ms === 0) {
    answer();
    return;
  }
  world.later(Math.round(latency_ms + world.random.next() * latency_jitter_ms), answer);
}
