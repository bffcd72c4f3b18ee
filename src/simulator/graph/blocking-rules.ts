import { magicOf } from '../magic-numbers.js';
import type { Person } from '../state/people.js';
import type { BusinessNumber } from '../state/registry.js';
import type { World } from '../world.js';
import { GraphError } from './graph-error.js';

/** Somebody who is to be blocked or unblocked; '' for what is not known of them. */
export interface Blockable {
  /** As it was written. */
  input: string;
  waId: string;
  userId: string;
  /** Undefined for somebody who never wrote. */
  person: Person | undefined;
}

/** Codes that are about one of those who are asked for; all others refuse the call as a whole. */
const OF_ONE = new Set([131021, 131026, 131047, 139100]);

/**
 * Why this one person cannot be blocked. Meta: not yourself (131021), not another business; only users who wrote within 24
 * hours (131047, here only with `enforce_window`).
 * @throws GraphError when the magic number stands for something that refuses the whole call
 */
export function checkBlockable(world: World, number: BusinessNumber, user: Blockable): GraphError | undefined {
  const { waId, userId, person } = user;
  if (waId !== '' && waId === number.digits) {
    return new GraphError(131021);
  }
  if (waId !== '' && [...world.registry.numbers.values()].some(({ digits }) => digits === waId)) {
    return new GraphError(139100, 'A business cannot be blocked.');
  }
  const refusal = number.blocked.refusals.get(waId) ?? number.blocked.refusals.get(userId) ?? codeOfMagic(waId);
  if (refusal !== undefined) {
    if (!OF_ONE.has(refusal)) {
      throw new GraphError(refusal);
    }
    return new GraphError(refusal);
  }
  const isStranger = world.config.enforce_window && !world.people.hasOpenWindow(number.id, person);
  return isStranger || (waId === '' && person === undefined) ? new GraphError(131047) : undefined;
}

function codeOfMagic(waId: string): number | undefined {
  const magic = magicOf(waId);
  return magic === undefined || magic.kind === 'special' ? undefined : magic.code;
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
