import { randomInt } from 'node:crypto';
import type { Fields } from '../fields.js';
import { userIdOf } from '../state/bsuid.js';
import { nameOf } from '../state/people.js';
import type { MakeContent } from './occasion.js';

/** What WhatsApp tells about a person by itself. */
export const SYSTEM_TYPES = ['user_changed_number', 'user_changed_user_id', 'customer_identity_changed'] as const;
export type SystemType = (typeof SYSTEM_TYPES)[number];

/** Reads a message of the system. The person is changed when it is sent. Meta: README §C.4 and §F.1. */
export function readSystem(fields: Fields, type: SystemType): MakeContent {
  switch (type) {
    case 'user_changed_number':
      return readNewNumber(fields);
    case 'user_changed_user_id':
      return readNewUserId(fields);
    case 'customer_identity_changed':
      return readNewIdentity(fields);
  }
}

/** Meta: a new phone brings a new user id; the message still comes from the old ones. */
function readNewNumber(fields: Fields): MakeContent {
  const waId = fields.phone('new_phone');
  const userId = fields.userId('new_user_id');
  if (waId === '') {
    fields.problem('new_phone is missing');
  }
  return ({ world, number, person, shown: before }) => {
    const { people } = world;
    people.changeNumber(person, waId, userId);
    const after = people.shown(person, number.portfolioId, before.waId === '');
    const names = after.waId === '' ? [before.userId, after.userId] : [before.waId, after.waId];
    return system({
      body: `User ${nameOf(person)} changed from ${names[0]} to ${names[1]}`,
      ...(after.waId === '' ? {} : { wa_id: after.waId }),
      ...(after.userId === '' ? {} : { user_id: after.userId, previous_user_id: before.userId }),
      type: 'user_changed_number',
    });
  };
}

function readNewUserId(fields: Fields): MakeContent {
  const newId = fields.userId('new_user_id');
  const newParentId = fields.userId('new_parent_user_id');
  return ({ world, number, person, shown: before }) => {
    const { people } = world;
    const previous = people.userIdOf(person, number.portfolioId);
    const made = userIdOf(person.waId || String(randomInt(1e9, 1e10)), `${number.portfolioId}/${randomInt(1e9)}`);
    people.changeUserId(person, newId === '' ? made : newId, newParentId === '' ? person.parentUserId : newParentId);
    const parents =
      newParentId === '' ? {} : { parent_user_id: newParentId, previous_parent_user_id: before.parentUserId };
    return system({
      body: `User ${nameOf(person)} changed their user ID`,
      ...(before.waId === '' ? {} : { wa_id: before.waId }),
      user_id: person.userId,
      previous_user_id: previous,
      ...parents,
      type: 'user_changed_user_id',
    });
  };
}

/** Meta: sent where the identity check is on; this one comes with contacts. */
function readNewIdentity(fields: Fields): MakeContent {
  const hash = fields.text('identity_key_hash') ?? `${randomInt(1e9).toString(36)}=`;
  return ({ world, person }) => {
    world.people.change(person, { identityKeyHash: hash });
    const created_timestamp = String(Math.floor(Date.now() / 1000));
    return {
      message: {
        identity: { acknowledged: true, created_timestamp, hash },
        system: { body: 'User identity changed', type: 'customer_identity_changed' },
        type: 'system',
      },
      isOfSystem: true,
    };
  };
}

function system(facts: Record<string, unknown>): ReturnType<MakeContent> {
  return { message: { type: 'system', system: facts }, withoutContacts: true, isOfSystem: true };
}
