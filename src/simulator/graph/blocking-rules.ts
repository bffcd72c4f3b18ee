import type { Person } from '../state/people.js';
import type { BusinessNumber } from '../state/registry.js';
import type { World } from '../world.js';
import { GraphError } from './graph-error.js';

/** Meta: not yourself (131021); only users who wrote within 24 hours (131047, here only with `enforce_window`). */
export function checkBlockable(
  world: World,
  number: BusinessNumber,
  address: string,
  person: Person | undefined,
): GraphError | undefined {
  if (address === number.digits) {
    return new GraphError(131021);
  }
  const isStranger = world.config.enforce_window && !world.people.hasOpenWindow(number.id, person);
  return isStranger ? new GraphError(131047) : undefined;
}

/** Whether a number has blocked whoever is addressed, by any of their names. */
export function isBlocked(
  world: World,
  number: BusinessNumber,
  { waId, userId, person }: { waId: string; userId: string; person: Person | undefined },
): boolean {
  const { blocked } = number;
  if (blocked.size === 0) {
    return false;
  }
  const names = [
    waId,
    userId,
    ...(person === undefined ? [] : [person.waId, world.people.userIdOf(person, number.portfolioId)]),
  ];
  return names.some((name) => name !== '' && blocked.has(name));
}
