import type { Fields } from '../fields.js';
import type { BusinessNumber } from '../state/registry.js';
import type { Json } from '../validation/check.js';
import type { World } from '../world.js';
import { changeJson, post, readPosting, type Posting } from './envelope.js';
import { contactOf } from './person-json.js';
import { meet, readWho, type Who } from './who.js';
import { wireJson } from './wire.js';

const FORMS = ['preferences', 'in_app', 'both'] as const;
const SHAPES = ['nested', 'flat', 'other_field'] as const;
const MAX_PEOPLE = 100_000;

/** People come by a signup's link and agree. */
export interface SignupRequest {
  readonly who: Who;
  readonly signupId: string | undefined;
  readonly form: (typeof FORMS)[number];
  readonly shape: (typeof SHAPES)[number];
  /** How often each form tells of each person. */
  readonly times: number;
  readonly count: number;
  readonly timestamp: number;
  readonly isShuffled: boolean;
  readonly posting: Posting;
}

/** Reads a call of `POST /__simulate/signup`. */
export function readSignup(fields: Fields): SignupRequest {
  return {
    who: readWho(fields),
    signupId: fields.text('signup_id'),
    form: fields.word('form', FORMS, 'preferences'),
    shape: fields.word('shape', SHAPES, 'nested'),
    times: fields.whole('times', 1, 1, 100),
    count: fields.whole('count', 1, 1, MAX_PEOPLE),
    timestamp: fields.seconds('timestamp') ?? Math.floor(Date.now() / 1000),
    isShuffled: fields.flag('shuffle') ?? false,
    posting: readPosting(fields),
  };
}

/** Sends it. Meta: the link of a disabled signup shows an error, and nobody subscribes. README §B.4, §C.6. */
export function sendSignup(world: World, number: BusinessNumber, request: SignupRequest): Json {
  const { who, form, shape, times, count, timestamp } = request;
  const signupId = request.signupId ?? world.signups.of(number.wabaId).find(({ status }) => status === 'ACTIVE')?.id;
  if (signupId === undefined || world.signups.find(signupId)?.status === 'DISABLED') {
    return { signup_id: signupId ?? null, subscribed: 0 };
  }
  const changes: string[] = [];
  for (let index = 0; index < count; index++) {
    const { person, shown } = meet(world, number, who, index);
    world.people.setMarketing(number.portfolioId, person, false);
    const { profile, ...names } = contactOf({ ...shown, identityKeyHash: '' });
    const told: string[] = [];
    if (form !== 'in_app') {
      const preference = {
        ...names,
        detail: 'User signed up via signup link',
        category: 'marketing_messages',
        value: 'signup',
        signup_id: signupId,
        timestamp: timestamp + index,
      };
      told.push(
        changeJson(number, 'user_preferences', { contacts: [{ profile, ...names }], user_preferences: [preference] }),
      );
    }
    if (form !== 'preferences') {
      told.push(olderForm(number, shape, { ...names, signup_id: signupId }));
    }
    for (let time = 0; time < times; time++) {
      changes.push(...told);
    }
  }
  post(world, number, request.isShuffled ? shuffled(world, changes) : changes, request.posting);
  return { signup_id: signupId, subscribed: count, changes: changes.length };
}

/** The form that the predecessor understood: of the WABA, without a number and without a time. */
function olderForm(number: BusinessNumber, shape: SignupRequest['shape'], facts: Json): string {
  switch (shape) {
    case 'nested':
      return wireJson({ value: { messaging_product: 'whatsapp', in_app_signup: facts }, field: 'in_app_signup' });
    case 'flat':
      return wireJson({ value: { messaging_product: 'whatsapp', ...facts }, field: 'in_app_signup' });
    case 'other_field':
      return changeJson(number, 'signups', { in_app_signup: facts });
  }
}

function shuffled(world: World, changes: readonly string[]): string[] {
  const mixed = [...changes];
  for (let last = mixed.length - 1; last > 0; last--) {
    const other = Math.floor(world.random.next() * (last + 1));
    [mixed[last], mixed[other]] = [mixed[other] as string, mixed[last] as string];
  }
  return mixed;
}
