import type { SpecialName } from '../magic-numbers.js';
import { now } from '../state/clock.js';
import type { Outcome } from '../state/ledger.js';
import type { World } from '../world.js';
import { GraphError } from './graph-error.js';

/** What goes wrong with this send, from its magic number. */
const OF_SPECIAL: Partial<Record<SpecialName, Outcome>> = {
  empty_500: 'http_500_empty',
  html_502: 'http_502',
  html_502_accepted: 'accepted_502',
  unanswered_accepted: 'accepted_unanswered',
  unanswered: 'unanswered',
  garbage_200: 'accepted_garbage',
  reset: 'reset',
};

export function outcomeOfSpecial(special: SpecialName | undefined): Outcome {
  return (special === undefined ? undefined : OF_SPECIAL[special]) ?? 'accepted';
}

/** Draws what goes wrong with this send from the configured shares. */
export function drawOutcome(world: World): Outcome {
  const { faults } = world.config;
  const { random } = world;
  if (random.chance(faults.reset_before_ratio)) {
    return 'reset';
  }
  if (random.chance(faults.http_500_ratio)) {
    return 'http_500';
  }
  if (random.chance(faults.http_502_html_ratio)) {
    return 'http_502';
  }
  if (random.chance(faults.http_502_accepted_ratio)) {
    return 'accepted_502';
  }
  if (random.chance(faults.swallow_ratio)) {
    return 'swallowed';
  }
  if (random.chance(faults.swallow_silent_ratio)) {
    return 'swallowed_silent';
  }
  if (random.chance(faults.garbage_200_ratio)) {
    return 'accepted_garbage';
  }
  return random.chance(faults.hang_ratio) ? 'accepted_hang' : 'accepted';
}

/** Refuses while one of `faults.error_windows` is open. */
export function refuseInErrorWindow(world: World): void {
  const { error_windows } = world.config.faults;
  if (error_windows.length === 0) {
    return;
  }
  const elapsed = now() - world.windowsSetAt;
  const open = error_windows.find(({ from_ms, to_ms }) => elapsed >= from_ms && elapsed < to_ms);
  if (open !== undefined) {
    throw new GraphError(open.code);
  }
}
