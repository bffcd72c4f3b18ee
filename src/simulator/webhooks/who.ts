import type { Fields } from '../fields.js';
import type { Person, PersonChanges, ShownPerson } from '../state/people.js';
import type { BusinessNumber } from '../state/registry.js';
import type { World } from '../world.js';

/** Whom a control call is about. */
export interface Who {
  /** Digits; '' when only a user id was given. */
  readonly waId: string;
  readonly userId: string;
  readonly name: string | undefined;
  /** Said of the first person of a call only. */
  readonly changes: PersonChanges;
}

const DEFAULT_PHONE = '919876500001';

/** Reads who writes (`from`) or is written to (`to`), and what else is said of the person. */
export function readWho(fields: Fields, phoneKey: 'from' | 'to' = 'from'): Who {
  const waId = fields.phone(phoneKey);
  const userId = fields.userId('user_id');
  return {
    waId: waId === '' && userId === '' ? DEFAULT_PHONE : waId,
    userId,
    name: fields.text('name'),
    changes: readChanges(fields),
  };
}

/** The facts of a person that are remembered, but for the user id. */
export function readChanges(fields: Fields): PersonChanges {
  const username = fields.text('username');
  const parentUserId = fields.userId('parent_user_id');
  const hidesPhone = fields.flag('hides_phone');
  const identityKeyHash = fields.text('identity_key_hash');
  return {
    ...(username === undefined ? {} : { username: username.replace(/^@/, '') }),
    ...(parentUserId === '' ? {} : { parentUserId }),
    ...(hidesPhone === undefined ? {} : { hidesPhone }),
    ...(identityKeyHash === undefined ? {} : { identityKeyHash }),
  };
}

/** Meets the person, or one with a phone `offset` above; a phone is hidden where only the user id was given. */
export function meet(
  world: World,
  number: BusinessNumber,
  who: Who,
  offset = 0,
): { person: Person; shown: ShownPerson } {
  const waId = who.waId === '' ? '' : String(BigInt(who.waId) + BigInt(offset));
  const changes = {
    ...(who.name === undefined ? {} : { name: who.name }),
    ...(offset === 0 ? who.changes : {}),
  };
  const person = world.people.meet(waId, offset === 0 ? who.userId : '', number.portfolioId, changes);
  const isHidden = person.hidesPhone ?? (who.waId === '' || world.people.hidesPhone(person));
  return { person, shown: world.people.shown(person, number.portfolioId, isHidden) };
}
