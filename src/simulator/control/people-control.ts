import { respondJson } from '../graph/respond.js';
import { isUserId } from '../state/bsuid.js';
import { nameOf, type Person, type PersonChanges } from '../state/people.js';
import type { Json } from '../validation/check.js';
import type { World } from '../world.js';
import { bodyOf, refuse, type ControlCall } from './call.js';

const MAX_LISTED = 10_000;
/** What a person's fields are called on the wire, and what takes them away. */
const TEXTS = {
  user_id: 'userId',
  parent_user_id: 'parentUserId',
  username: 'username',
  name: 'name',
  identity_key_hash: 'identityKeyHash',
} as const;

/** `GET /__simulate/people?phone_number_id=`: the newest last; user ids as the portfolio of that number knows them. */
export function getPeople({ world, response, query }: ControlCall): void {
  const portfolio = portfolioOf(world, query);
  const people = world.people.all().slice(-MAX_LISTED);
  respondJson(response, { people: people.map((person) => personJson(world, person, portfolio)) });
}

/** `PUT /__simulate/people/{phone}`; a user id stands for somebody whose phone nobody knows. */
export function putPerson(call: ControlCall): void {
  const { world, response, query, name } = call;
  const body = bodyOf(call);
  if (body === undefined) {
    return;
  }
  const digits = name.replace(/[\s().+-]/g, '');
  const isPhone = /^[1-9]\d{6,14}$/.test(digits);
  const problems = problemsOf(body);
  if (!isPhone && !isUserId(name)) {
    problems.push('the person must be an international phone number or a user id');
  }
  if (problems.length > 0) {
    refuse(response, problems);
    return;
  }
  const portfolio = portfolioOf(world, query);
  const { userId, ...changes } = changesOf(body);
  const given = isPhone ? (userId ?? '') : name;
  const person = world.people.meet(isPhone ? digits : '', given, portfolio, changes);
  if (userId === '') {
    world.people.change(person, { userId });
  }
  respondJson(response, personJson(world, person, portfolio));
}

function portfolioOf(world: World, query: URLSearchParams): string {
  const id = query.get('phone_number_id');
  const number = id === null ? world.registry.firstNumber : world.registry.numbers.get(id);
  return number?.portfolioId ?? '';
}

function problemsOf(body: Json): string[] {
  const texts = Object.keys(TEXTS);
  return Object.entries(body).flatMap(([key, value]) => {
    if (key === 'hides_phone') {
      return value === null || typeof value === 'boolean' ? [] : ['hides_phone must be true, false or null'];
    }
    if (!texts.includes(key)) {
      return [`unknown key ${key}`];
    }
    if (value !== null && typeof value !== 'string') {
      return [`${key} must be a string or null`];
    }
    return key.endsWith('user_id') && value !== null && !isUserId(value as string)
      ? [`${key} must look like IN.1234567890`]
      : [];
  });
}

function changesOf(body: Json): PersonChanges {
  const changes: PersonChanges = {};
  for (const [key, field] of Object.entries(TEXTS)) {
    const value = body[key];
    if (value !== undefined) {
      changes[field] = value === null ? '' : String(value);
    }
  }
  if (changes.username !== undefined) {
    changes.username = changes.username.replace(/^@/, '');
  }
  if (body.hides_phone !== undefined) {
    changes.hidesPhone = (body.hides_phone as boolean | null) ?? undefined;
  }
  return changes;
}

function personJson(world: World, person: Person, portfolio: string): Json {
  return {
    phone: person.waId === '' ? null : `+${person.waId}`,
    wa_id: person.waId || null,
    user_id: world.people.userIdOf(person, portfolio),
    parent_user_id: person.parentUserId || null,
    username: person.username || null,
    name: nameOf(person),
    hides_phone: world.people.hidesPhone(person),
    identity_key_hash: person.identityKeyHash || null,
  };
}
