import type { BlockEntry } from '../state/blocklist.js';
import { isParentUserId, isUserId } from '../state/bsuid.js';
import { dialled, waIdOf } from '../state/phone.js';
import type { BusinessNumber } from '../state/registry.js';
import { objectsAt, type Json } from '../validation/check.js';
import type { World } from '../world.js';
import { checkBlockable, type Blockable } from './blocking-rules.js';
import { paramsOf, type GraphCall } from './call.js';
import { delayed } from './delayed.js';
import { badParam, GraphError, unknownObject } from './graph-error.js';
import { numberOf } from './numbers-api.js';
import { pageOf } from './paging.js';
import { respond, respondJson } from './respond.js';

const MAX_PER_CALL = 1000;
const CURSORS = ['before', 'after'] as const;

/** `GET|POST|DELETE /{PHONE}/block_users`. Meta: README §B.3. */
export function handleBlockUsers(call: GraphCall): void {
  const number = numberOf(call);
  switch (call.method) {
    case 'GET':
      list(call, number);
      return;
    case 'POST':
    case 'DELETE':
      change(call, number);
      return;
    default:
      throw unknownObject(call.method, call.id);
  }
}

/** Meta: when the list changes while it is paged the next page is refused with 139102. */
function list({ world, query, url, response }: GraphCall, number: BusinessNumber): void {
  const { blocking } = world.config;
  const { blocked } = number;
  const page = pageOf(blocked.all(), unversioned(world, query, blocked.version), url);
  const rows = (page.data as BlockEntry[]).map(({ waId, userId }) => ({
    messaging_product: 'whatsapp',
    ...(waId === '' ? {} : { wa_id: waId }),
    ...(userId === '' ? {} : { user_id: userId }),
  }));
  const data = blocking.list_form === 'flat' ? rows : rows.map((row) => ({ block_users: [row] }));
  const paging = page.paging as Json | undefined;
  respondJson(response, {
    data,
    ...(paging ? { paging: versioned(paging, blocked.version, blocking.omit_next) } : {}),
  });
}

/** The query with the cursors that this list gave, which say what the list was like. */
function unversioned(world: World, query: URLSearchParams, present: number): URLSearchParams {
  const { blocking } = world.config;
  const inner = new URLSearchParams(query);
  for (const name of CURSORS) {
    const cursor = query.get(name) ?? '';
    const [, version = '', position = ''] = /^(\d+)\.(.+)$/.exec(cursor) ?? [];
    if (cursor === '') {
      continue;
    }
    if (position === '') {
      throw new GraphError(131059);
    }
    if (blocking.concurrent_updates > 0 || Number(version) !== present) {
      blocking.concurrent_updates = Math.max(0, blocking.concurrent_updates - 1);
      throw new GraphError(139102);
    }
    inner.set(name, position);
  }
  return inner;
}

function versioned({ cursors, next, previous }: Json, version: number, omitsLinks: boolean): Json {
  const given = cursors as Json;
  const links = omitsLinks ? {} : { next, previous };
  return {
    cursors: Object.fromEntries(CURSORS.map((name) => [name, `${version}.${String(given[name])}`])),
    ...Object.fromEntries(
      Object.entries(links).flatMap(([rel, link]) => (link === undefined ? [] : [[rel, versionedLink(link, version)]])),
    ),
  };
}

function versionedLink(link: unknown, version: number): string {
  const address = new URL(String(link));
  CURSORS.forEach((name) => {
    const position = address.searchParams.get(name);
    if (position !== null) {
      address.searchParams.set(name, `${version}.${position}`);
    }
  });
  return address.href;
}

/** Meta: one refused user makes the answer a 400 that carries both lists. */
function change(call: GraphCall, number: BusinessNumber): void {
  const { world, method } = call;
  const { blocking } = world.config;
  const params = paramsOf(call);
  if (params.messaging_product !== 'whatsapp') {
    throw badParam('The parameter messaging_product is required.');
  }
  const given = objectsAt(params, 'block_users', 'block_users', 1, MAX_PER_CALL);
  if (blocking.refuse_with !== 0) {
    throw new GraphError(blocking.refuse_with);
  }
  const users = given.map((one) => userOf(world, one, number));
  const refusals = users.map((user) => refusalOf(world, number, user, method));
  const done = users.filter((_user, index) => refusals[index] === undefined) as Blockable[];
  if (method === 'POST') {
    const added = new Set(done.map(({ waId, userId }) => waId || userId).filter((name) => !number.blocked.has(name)));
    if (number.blocked.size + added.size > blocking.max_entries) {
      throw new GraphError(139101);
    }
    done.forEach((user) => number.blocked.add(user));
  } else {
    done.forEach((user) => number.blocked.remove(user));
  }
  const failed = users.flatMap((user, index) => {
    const refusal = refusals[index];
    return refusal === undefined ? [] : [{ ...shown(user), errors: [errorJson(refusal)] }];
  });
  answer(call, { [method === 'POST' ? 'added_users' : 'removed_users']: done.map(shown) }, failed);
}

function answer(call: GraphCall, lists: Json, failed: Json[]): void {
  const { world, response } = call;
  if (world.config.blocking.lose_answers > 0) {
    world.config.blocking.lose_answers -= 1;
    call.request.socket.destroy();
    return;
  }
  delayed(world, () => {
    if (failed.length === 0) {
      respondJson(response, { messaging_product: 'whatsapp', block_users: lists });
      return;
    }
    const refusal = new GraphError(139100, 'Failed to block some users, see the block_users response list for details');
    const { error } = JSON.parse(refusal.body()) as { error: Json };
    const body = { messaging_product: 'whatsapp', block_users: { ...lists, failed_users: failed }, error };
    respond(response, 400, JSON.stringify(body));
  });
}

/** Only blocking asks when somebody wrote: who is blocked cannot write, and could never be unblocked again. */
function refusalOf(
  world: World,
  number: BusinessNumber,
  user: Blockable & { isReadable: boolean },
  method: string,
): GraphError | undefined {
  if (!user.isReadable) {
    return new GraphError(131047);
  }
  return method === 'POST' ? checkBlockable(world, number, user) : undefined;
}

/** Meta: `user` is a phone or wa_id and wins over `user_id`; parent ids are refused. */
function userOf(world: World, given: Json, number: BusinessNumber): Blockable & { isReadable: boolean } {
  if (typeof given.user === 'string') {
    const digits = dialled(given.user, number.countryCode, (waId) => world.people.byWaId(waId) !== undefined);
    const waId = digits === undefined ? '' : waIdOf(digits);
    const person = world.people.byWaId(waId);
    return { input: given.user, waId, userId: person?.userId ?? '', person, isReadable: waId !== '' };
  }
  const input = typeof given.user_id === 'string' ? given.user_id : '';
  const isReadable = isUserId(input) && !isParentUserId(input);
  const person = isReadable ? world.people.byUserId(input, number.portfolioId) : undefined;
  return { input, waId: person?.waId ?? '', userId: input, person, isReadable };
}

function shown({ input, waId, userId }: Blockable): Json {
  return {
    input,
    ...(waId === '' ? {} : { wa_id: waId }),
    ...(userId === '' ? {} : { user_id: userId }),
  };
}

function errorJson({ message, code, details }: GraphError): Json {
  return { message, code, error_data: { details } };
}
