import type { ShownPerson } from '../state/people.js';
import type { Json } from '../validation/check.js';
import { wireJson } from './wire.js';

/** One entry of `contacts`. Meta: README §C.4. */
export function contactOf(shown: ShownPerson): Json {
  const { waId, userId, parentUserId, name, username, identityKeyHash } = shown;
  return {
    profile: { name, ...given('username', username) },
    ...given('wa_id', waId),
    ...given('user_id', userId),
    ...given('parent_user_id', parentUserId),
    ...given('identity_key_hash', identityKeyHash),
  };
}

/** One entry of `contacts` beside what the business wrote: a profile only for those who have a username. */
export function addresseeContactOf({ waId, userId, parentUserId, username }: ShownPerson): Json {
  return {
    ...(username === '' ? {} : { profile: { username } }),
    ...given('wa_id', waId),
    ...given('user_id', userId),
    ...given('parent_user_id', parentUserId),
  };
}

/** The person in the keys of a message: `from`, `from_user_id` and `from_parent_user_id`, or the same with `to`. */
export function partyOf({ waId, userId, parentUserId }: ShownPerson, side: 'from' | 'to'): Json {
  return {
    ...given(side, waId),
    ...given(`${side}_user_id`, userId),
    ...given(`${side}_parent_user_id`, parentUserId),
  };
}

/** An entry of `contacts` beside statuses, as text: three thousand a second leave no time for objects. */
export function statusContactJson(shown: ShownPerson, withUsername: boolean): string {
  const { waId, userId, parentUserId, name, username } = shown;
  return (
    `{"profile":{"name":${wireJson(name)}` +
    (withUsername && username !== '' ? `,"username":${wireJson(username)}` : '') +
    `}${waId === '' ? '' : `,"wa_id":"${waId}"`},"user_id":"${userId}"` +
    `${parentUserId === '' ? '' : `,"parent_user_id":"${parentUserId}"`}}`
  );
}

function given(key: string, value: string): Json {
  return value === '' ? {} : { [key]: value };
}
