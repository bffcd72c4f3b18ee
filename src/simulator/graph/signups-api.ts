import type { Signup, SignupCall } from '../state/signups.js';
import { isJson, type Json } from '../validation/check.js';
import type { World } from '../world.js';
import { paramsOf, picked, type GraphCall } from './call.js';
import { delayed } from './delayed.js';
import { badParam, GraphError, unknownObject } from './graph-error.js';
import { wabaOf } from './numbers-api.js';
import { pageOf } from './paging.js';
import { asGraphError, respondError, respondJson } from './respond.js';

const TERMS = 'https://www.facebook.com/legal/ads-manager-marketing-messages-terms';
const PLACEHOLDER = /\{\{.*?\}\}/g;
const NEW = [
  'signup_message',
  'confirmation_message',
  'privacy_policy_url',
  'website_url',
  'promo_code',
  'display_name',
  'policy',
];
const CHANGEABLE = ['status', 'signup_message', 'confirmation_message', 'promo_code', 'display_name', 'website_url'];
/** Not offered there: EEA, United Kingdom, Brazil, Japan, South Korea, Nigeria, South Africa, Turkey. */
const WITHOUT_SIGNUPS = new Set(
  '27 30 31 32 33 34 351 352 353 354 356 357 358 359 36 370 371 372 385 386 39 40 420 421 423 43 44 45 46 47 48 49 55 81 82 90 234'.split(
    ' ',
  ),
);

/** `GET|POST /{WABA}/signups`. Meta: README §B.4. */
export function handleSignups(call: GraphCall): void {
  const { world, method, query, url, response } = call;
  const wabaId = wabaOf(call);
  if (method === 'GET') {
    note(call, 200);
    if (query.has('after') && world.config.signups.bad_cursors > 0) {
      world.config.signups.bad_cursors -= 1;
      throw new GraphError(131059);
    }
    const rows = world.signups.of(wabaId).map(({ id, signup_message, status }) => ({ id, signup_message, status }));
    respondJson(response, pageOf(rows, query, url));
    return;
  }
  changing(call, () => {
    const { id } = create(world, wabaId, paramsOf(call));
    if (world.config.signups.omit_ids > 0) {
      world.config.signups.omit_ids -= 1;
      return {};
    }
    return { id };
  });
}

/** `GET|POST /signups/{SIGNUP_ID}`. */
export function handleSignup(call: GraphCall, id: string): void {
  const { world, method, query, response } = call;
  if (method !== 'GET' && method !== 'POST') {
    throw unknownObject(method, id);
  }
  const signup = world.signups.find(id);
  if (method === 'POST') {
    changing(call, () => {
      if (signup === undefined) {
        throw refusal(world, 2494164);
      }
      edit(world, signup, paramsOf(call));
      return { success: true };
    });
    return;
  }
  note(call, signup === undefined ? 400 : 200);
  if (signup === undefined) {
    throw refusal(world, 2494164);
  }
  respondJson(response, picked(asReturned(signup), query.get('fields')));
}

/** Answers what a change came to, unless the answer, or the request before it, is to get lost. */
function changing(call: GraphCall, change: () => Json): void {
  const { signups } = call.world.config;
  if (signups.lose_requests > 0) {
    signups.lose_requests -= 1;
    note(call, 0);
    call.request.socket.destroy();
    return;
  }
  const answer = outcomeOf(call.world, change);
  if (signups.lose_answers > 0 && !(answer instanceof GraphError)) {
    signups.lose_answers -= 1;
    note(call, 0);
    call.request.socket.destroy();
    return;
  }
  note(call, answer instanceof GraphError ? answer.http : 200);
  delayed(call.world, () => {
    if (answer instanceof GraphError) {
      respondError(call.response, answer);
    } else {
      respondJson(call.response, answer);
    }
  });
}

function outcomeOf(world: World, change: () => Json): Json | GraphError {
  const { signups } = world.config;
  try {
    if (signups.refuse_next > 0) {
      signups.refuse_next -= 1;
      throw refusal(world, signups.refuse_code);
    }
    return change();
  } catch (error) {
    return asGraphError(error);
  }
}

function create(world: World, wabaId: string, params: Json): Signup {
  const numbers = [...world.registry.numbers.values()].filter((number) => number.wabaId === wabaId);
  if (!world.config.signups.available || numbers.some(({ countryCode }) => WITHOUT_SIGNUPS.has(countryCode))) {
    throw refusal(world, 2494165);
  }
  refuseOthers(params, NEW);
  const signup = {
    waba_id: wabaId,
    signup_message: textOf(params, 'signup_message', 300, true),
    confirmation_message: textOf(params, 'confirmation_message', 300, true),
    privacy_policy_url: urlOf(params, 'privacy_policy_url'),
    website_url: websiteOf(world, params.website_url),
    promo_code: promoCodeOf(params.promo_code),
    display_name: textOf(params, 'display_name', 256, false),
    status: 'ACTIVE' as const,
  };
  checkPlaceholders(world, signup);
  checkTerms(world, numbers[0]?.portfolioId ?? '', params.policy);
  return world.signups.add(signup);
}

function edit(world: World, signup: Signup, params: Json): void {
  refuseOthers(params, CHANGEABLE);
  const { status } = params;
  if (status !== undefined && status !== 'ACTIVE' && status !== 'DISABLED') {
    throw badParam('Param status must be one of {ACTIVE, DISABLED}.');
  }
  const changes: Partial<Signup> = {
    ...(status === undefined ? {} : { status }),
    ...(params.signup_message === undefined ? {} : { signup_message: textOf(params, 'signup_message', 300, true) }),
    ...(params.confirmation_message === undefined
      ? {}
      : { confirmation_message: textOf(params, 'confirmation_message', 300, true) }),
    ...(params.display_name === undefined ? {} : { display_name: textOf(params, 'display_name', 256, false) }),
    ...(params.promo_code === undefined ? {} : { promo_code: promoCodeOf(params.promo_code) }),
    ...(params.website_url === undefined ? {} : { website_url: websiteOf(world, params.website_url) }),
  };
  checkPlaceholders(world, { ...signup, ...changes });
  world.signups.change(signup, changes);
}

/** Meta: with the first signup of a business and with no other. */
function checkTerms(world: World, portfolio: string, policy: unknown): void {
  if (world.signups.hasAccepted(portfolio)) {
    if (policy !== undefined) {
      throw refusal(world, 2494176);
    }
    return;
  }
  if (!isJson(policy) || policy.accepted !== true) {
    throw refusal(world, 2494168);
  }
  if (policy.tos !== TERMS) {
    throw refusal(world, 2494177);
  }
  world.signups.setAccepted(portfolio, true);
}

function checkPlaceholders(world: World, signup: Pick<Signup, 'confirmation_message' | 'promo_code'>): void {
  const placeholders = signup.confirmation_message.match(PLACEHOLDER) ?? [];
  if (placeholders.some((placeholder) => placeholder !== '{{promo_code}}')) {
    throw refusal(world, 2494166);
  }
  if (placeholders.length > 0 && signup.promo_code === '') {
    throw refusal(world, 2494167);
  }
}

/** Meta's page names numbers and not where in the error they stand: the configuration says. */
function refusal(world: World, code: number): GraphError {
  if (world.config.signups.codes === 'code' || code < 2_000_000) {
    return new GraphError(code);
  }
  const { message, details } = new GraphError(code);
  return new GraphError(100, details, { message, subcode: code });
}

function textOf(params: Json, key: string, max: number, isRequired: boolean): string {
  const value = params[key] ?? '';
  if (typeof value !== 'string' || [...value].length > max || (isRequired && value === '')) {
    throw badParam(`Param ${key} must be a string of 1 to ${max} characters.`);
  }
  return value;
}

function urlOf(params: Json, key: string): string {
  const value = params[key];
  if (typeof value !== 'string' || !/^https?:\/\/[^\s/]/i.test(value)) {
    throw badParam(`Param ${key} must be a valid URI.`);
  }
  return value;
}

function websiteOf(world: World, value: unknown): string {
  if (value === undefined || value === '') {
    return '';
  }
  if (typeof value !== 'string' || !/^[a-z][a-z0-9+.-]*:\/\/[^\s/]/i.test(value)) {
    throw badParam('Param website_url must be a valid URI.');
  }
  if (!/^https:/i.test(value)) {
    throw refusal(world, 2494179);
  }
  return value;
}

/** Meta: letters and digits. An empty one takes it away; Meta's page does not say, Graph does so with other texts. */
function promoCodeOf(value: unknown): string {
  if (value === undefined || value === '') {
    return '';
  }
  if (typeof value !== 'string' || !/^[A-Za-z0-9]{1,50}$/.test(value)) {
    throw badParam('Param promo_code must be 1 to 50 alphanumeric characters.');
  }
  return value;
}

function refuseOthers(params: Json, known: readonly string[]): void {
  const other = Object.keys(params).find((key) => !known.includes(key));
  if (other !== undefined) {
    throw badParam(`Param ${other.slice(0, 60)} cannot be set.`);
  }
}

/** What is not set is left out. */
function asReturned(signup: Signup): Json {
  return Object.fromEntries(Object.entries(signup).filter(([, value]) => value !== ''));
}

function note({ world, method, url, bytes }: GraphCall, status: number): void {
  const { pathname, search } = new URL(url);
  const call: SignupCall = { method, path: pathname + search, body: null, status };
  if (bytes.length > 0) {
    try {
      call.body = JSON.parse(bytes.toString('utf8'));
    } catch {
      call.body = bytes.toString('utf8');
    }
  }
  world.signups.note(call);
}
