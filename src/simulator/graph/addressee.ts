import { isUserId } from '../state/bsuid.js';
import { hash53 } from '../state/hash.js';
import type { Person } from '../state/people.js';
import { dialled, waIdOf } from '../state/phone.js';
import type { BusinessNumber } from '../state/registry.js';
import type { World } from '../world.js';
import type { Json } from '../validation/check.js';
import { badParam, GraphError, invalid } from './graph-error.js';

/** To whom a message goes. */
export interface Addressee {
  /** `to` or `recipient` as it was written. */
  input: string;
  waId: string;
  userId: string;
  /** Undefined for groups, for phones nobody wrote from, and for user ids that nobody has. */
  person: Person | undefined;
  /** Whether nobody can be reached there: an unknown user id, or a phone or user id given up for another one. */
  isNobody: boolean;
}

/** Meta: `to` wins over `recipient`; one of them is required. */
export function addresseeOf(body: Json, number: BusinessNumber, world: World): Addressee {
  const { to, recipient } = body;
  if (to !== undefined && to !== null && to !== '') {
    return byPhone(to, recipient, number, world);
  }
  if (recipient === undefined || recipient === null || recipient === '') {
    throw badParam('The parameter to is required.');
  }
  if (typeof recipient !== 'string' || !isUserId(recipient)) {
    throw invalid('recipient is not a valid business-scoped user ID');
  }
  const person = world.people.byUserId(recipient, number.portfolioId);
  return { input: recipient, waId: '', userId: recipient, person, isNobody: person === undefined };
}

function byPhone(to: unknown, recipient: unknown, number: BusinessNumber, world: World): Addressee {
  if (typeof to !== 'string') {
    throw badParam('Param to must be a string.');
  }
  const digits = dialled(to, number.countryCode, (waId) => world.people.byWaId(waId) !== undefined);
  if (digits === undefined) {
    throw invalid(`to is not a valid phone number`);
  }
  if (digits === number.digits) {
    throw new GraphError(131021);
  }
  const waId = waIdOf(digits);
  const userId = typeof recipient === 'string' && isUserId(recipient) ? recipient : '';
  return { input: to, waId, userId, person: world.people.byWaId(waId), isNobody: world.people.isGone(waId) };
}

/** Stands for a group in the same books as people: it has no phone. */
export function groupAddressee(to: unknown): Addressee {
  if (typeof to !== 'string' || to === '') {
    throw badParam('The parameter to is required.');
  }
  return { input: to, waId: '', userId: `XX.${hash53(to)}`, person: undefined, isNobody: false };
}
