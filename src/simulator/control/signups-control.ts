import { respondJson } from '../graph/respond.js';
import type { Signup } from '../state/signups.js';
import { isJson, type Json } from '../validation/check.js';
import { bodyOf, refuse, type ControlCall } from './call.js';

const TEXTS = [
  'signup_message',
  'confirmation_message',
  'privacy_policy_url',
  'promo_code',
  'display_name',
  'website_url',
] as const;
const STATUSES = ['ACTIVE', 'DISABLED'];
const MAX_ADDED = 5_000;

/** `GET /__simulate/signups`: those of every WABA, who accepted the terms, and the calls as they came. */
export function getSignups({ world, response }: ControlCall): void {
  const { signups } = world;
  respondJson(response, { signups: signups.all(), accepted_by: signups.acceptedBy(), calls: signups.calls });
}

/** `POST /__simulate/signups`: somebody makes signups elsewhere. */
export function postSignups(call: ControlCall): void {
  const { world, response } = call;
  const body = bodyOf(call);
  if (body === undefined) {
    return;
  }
  const { waba_id, count = 1, ...facts } = body;
  const problems = problemsOf(facts);
  if (typeof waba_id !== 'string') {
    problems.push('waba_id must be a string');
  }
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1 || count > MAX_ADDED) {
    problems.push(`count must be a whole number from 1 to ${MAX_ADDED}`);
  }
  if (problems.length > 0) {
    refuse(response, problems);
    return;
  }
  const added = Array.from({ length: count as number }, (_, index) =>
    world.signups.add({
      signup_message: `Subscribe ${index + 1}`,
      confirmation_message: 'Welcome!',
      privacy_policy_url: 'https://example.com/privacy',
      promo_code: '',
      display_name: `Elsewhere ${index + 1}`,
      website_url: '',
      status: 'ACTIVE',
      ...facts,
      waba_id: waba_id as string,
    }),
  );
  const business = [...world.registry.numbers.values()].find((number) => number.wabaId === waba_id)?.portfolioId ?? '';
  world.signups.setAccepted(business, true);
  respondJson(response, { signups: added });
}

/** `PUT /__simulate/signups/{id}`: somebody changes one elsewhere; `tos` instead of an id: whether the terms are accepted. */
export function putSignup(call: ControlCall): void {
  const { world, response, name } = call;
  const body = bodyOf(call);
  if (body === undefined) {
    return;
  }
  if (name === 'tos') {
    setTerms(call, body);
    return;
  }
  const signup = world.signups.find(name);
  const problems = signup === undefined ? [`no signup ${name}`] : problemsOf(body);
  if (signup === undefined || problems.length > 0) {
    refuse(response, problems);
    return;
  }
  world.signups.change(signup, body as Partial<Signup>);
  respondJson(response, signup);
}

function setTerms({ world, response }: ControlCall, { portfolio_id = '', accepted }: Json): void {
  if (typeof portfolio_id !== 'string' || typeof accepted !== 'boolean') {
    refuse(response, ['accepted must be true or false, portfolio_id a string']);
    return;
  }
  world.signups.setAccepted(portfolio_id, accepted);
  respondJson(response, { accepted_by: world.signups.acceptedBy() });
}

function problemsOf(facts: Json): string[] {
  if (!isJson(facts)) {
    return ['the body must be a JSON object'];
  }
  return Object.entries(facts).flatMap(([key, value]) => {
    if (key === 'status') {
      return STATUSES.includes(value as string) ? [] : [`status must be one of ${STATUSES.join(', ')}`];
    }
    if (!(TEXTS as readonly string[]).includes(key)) {
      return [`unknown key ${key}`];
    }
    return typeof value === 'string' ? [] : [`${key} must be a string`];
  });
}
