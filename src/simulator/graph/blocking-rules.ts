import type { BusinessNumber } from '../state/registry.js';
import type { World } from '../world.js';
import { GraphError } from './graph-error.js';

/** Meta: not yourself (131021); only users who wrote within 24 hours (131047, here only with `enforce_window`). */
export function checkSendable(world: World, number: BusinessNumber, party: string | undefined): GraphError | undefined {
  if (party === number.digits) {
    return new GraphError(131021);
  }
  const isStranger = world.config.enforce_window && !world.users.hasOpenWindow(number.id, party ?? '');
  return isStranger ? new GraphError(131047) : undefined;
}
