import type { Fields } from '../fields.js';
import type { BusinessNumber } from '../state/registry.js';
import type { World } from '../world.js';
import { changeJson, post, readPosting, type Posting } from './envelope.js';
import { contactOf } from './person-json.js';
import { meet, readWho, type Who } from './who.js';

/** What a person wants of marketing messages, by WhatsApp's own switches. */
export interface PreferenceRequest {
  readonly who: Who;
  readonly value: 'stop' | 'resume' | 'signup';
  readonly signupId: string | undefined;
  readonly timestamp: number;
  readonly posting: Posting;
}

const DETAILS: Record<PreferenceRequest['value'], string> = {
  stop: 'User requested to stop marketing messages',
  resume: 'User requested to resume marketing messages',
  signup: 'User signed up via signup link',
};

/** Reads a call of `POST /__simulate/preference`. */
export function readPreference(fields: Fields): PreferenceRequest {
  return {
    who: readWho(fields),
    value: fields.word('value', ['stop', 'resume', 'signup'], 'stop'),
    signupId: fields.text('signup_id'),
    timestamp: fields.seconds('timestamp') ?? Math.floor(Date.now() / 1000),
    posting: readPosting(fields),
  };
}

/** Sends it, and keeps to it: marketing templates fail after a stop. Meta: README §C.6; signups: §B.4. */
export function sendPreference(world: World, number: BusinessNumber, request: PreferenceRequest): void {
  const { value, signupId, timestamp } = request;
  const { person, shown } = meet(world, number, request.who);
  world.people.setMarketing(number.portfolioId, person, value === 'stop');
  const { profile, ...names } = contactOf({ ...shown, identityKeyHash: '' });
  const preference = {
    ...names,
    detail: DETAILS[value],
    category: 'marketing_messages',
    value,
    ...(value === 'signup' ? { signup_id: signupId ?? '13000000000000042' } : {}),
    timestamp,
  };
  const change = { contacts: [{ profile, ...names }], user_preferences: [preference] };
  post(world, number, [changeJson(number, 'user_preferences', change)], request.posting);
}
