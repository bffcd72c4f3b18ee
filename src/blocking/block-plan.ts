import { invalidField } from '../common/app-error.js';
import { parsePhoneNumber, requirePhoneNumber, withoutPlus, type PhoneNumber } from '../common/phone-number.js';
import { USER_ID } from '../contacts/contact.dto.js';
import { userIdentity } from '../contacts/person.js';
import type { BlockAddress, BlockAnswer, MetaBlockedUser, RefusedBlock } from '../meta/api/blocking.js';

/** Whom a request names, by phone or by user id. */
export type Target = { phone: PhoneNumber } | { userId: string };

/** One line of a request. */
export interface Asked {
  /** As it was written, and where. */
  input: string;
  field: 'phone' | 'user_id';
  /** Null when it names nobody. */
  target: Target | null;
  /** Why it names nobody. */
  problem: string;
  /** Whether a line before it names the same. */
  isDuplicate: boolean;
}

/** What Meta said of one target; null: nothing. */
export type Verdict = { isDone: true; user: MetaBlockedUser } | { isDone: false; user: RefusedBlock } | null;

/**
 * Reads `phone` or `user_id` of a request; the phone wins, as at Meta.
 * @throws `400 validation_failed` when neither is there, or it names nobody
 */
export function readTarget(body: { phone?: string; user_id?: string }, defaultCountry: string | null): Target {
  if (body.phone !== undefined) {
    return { phone: requirePhoneNumber(body.phone, defaultCountry) };
  }
  if (body.user_id === undefined) {
    throw invalidField('phone', 'required', 'phone is required (or user_id, for a person whose phone is not known).');
  }
  const problem = problemOfUserId(body.user_id);
  if (problem !== '') {
    throw invalidField('user_id', 'invalid_user_id', problem);
  }
  return { userId: body.user_id };
}

/** Reads the `{phone}` of a path, which takes either. */
export function readTargetOfPath(text: string, defaultCountry: string | null): Target {
  return readTarget(USER_ID.test(text) ? { user_id: text } : { phone: text }, defaultCountry);
}

/** Reads the lines of a request, phones first: each names somebody, the same as one before, or nobody. */
export function readAsked(
  { phones, userIds }: { phones: readonly string[]; userIds: readonly string[] },
  defaultCountry: string | null,
): Asked[] {
  const seen = new Set<string>();
  return [...phones.map((input) => readPhone(input, defaultCountry)), ...userIds.map(readUserId)].map((asked) => {
    const key = asked.target && keyOf(asked.target);
    const isDuplicate = key !== null && seen.has(key);
    if (key !== null) {
      seen.add(key);
    }
    return { ...asked, isDuplicate };
  });
}

function readPhone(input: string, defaultCountry: string | null): Omit<Asked, 'isDuplicate'> {
  const phone = parsePhoneNumber(input, defaultCountry);
  const problem = `"${input.slice(0, 32)}" is not a phone number. Write it with + and country code.`;
  return { input, field: 'phone', target: phone && { phone }, problem: phone ? '' : problem };
}

function readUserId(input: string): Omit<Asked, 'isDuplicate'> {
  const problem = problemOfUserId(input);
  return { input, field: 'user_id', target: problem === '' ? { userId: input } : null, problem };
}

/** Meta blocks by the user id of a person, never by a portfolio's parent id. */
function problemOfUserId(userId: string): string {
  if (!USER_ID.test(userId)) {
    return 'A user_id has the form IN.13491208655302741918.';
  }
  const isParent = userIdentity('', userId).kind === 'parent_user_id';
  return isParent ? 'Meta blocks nobody by a parent user id. Give the user_id of the person.' : '';
}

/** As Meta is to be asked for them: the phone with its `+`. */
export function addressOf(target: Target): BlockAddress {
  return 'phone' in target ? { phone: target.phone } : target;
}

export function keyOf(target: Target): string {
  return 'phone' in target ? target.phone : target.userId;
}

/**
 * Finds who is who in Meta's answer: by what we had written, then by phone number, then by user id. A wa_id may differ from
 * the number that was written.
 * @returns what Meta said of each target, in their order
 */
export function verdictsOf(targets: readonly Target[], { done, refused }: BlockAnswer): Verdict[] {
  const byKey = new Map(targets.map((target, index) => [withoutPlus(keyOf(target)), index]));
  const verdicts = new Array<Verdict>(targets.length).fill(null);
  const find = ({ input, waId, userId }: MetaBlockedUser): number | undefined =>
    byKey.get(withoutPlus(input)) ??
    byKey.get(input.replace(/\D/g, '')) ??
    byKey.get(waId) ??
    byKey.get(userId) ??
    (targets.length === 1 ? 0 : undefined);
  for (const user of done) {
    const index = find(user);
    if (index !== undefined) {
      verdicts[index] = { isDone: true, user };
    }
  }
  // Last, because a person who is in both lists is one whom Meta complains about.
  for (const user of refused) {
    const index = find(user);
    if (index !== undefined) {
      verdicts[index] = { isDone: false, user };
    }
  }
  return verdicts;
}
