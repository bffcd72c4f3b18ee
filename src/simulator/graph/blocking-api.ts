import { isParentUserId, isUserId } from '../state/bsuid.js';
import { dialled, waIdOf } from '../state/phone.js';
import type { BusinessNumber } from '../state/registry.js';
import { objectsAt, type Json } from '../validation/check.js';
import type { World } from '../world.js';
import { checkBlockable } from './blocking-rules.js';
import { paramsOf, type GraphCall } from './call.js';
import { badParam, GraphError, unknownObject } from './graph-error.js';
import { numberOf } from './numbers-api.js';
import { pageOf } from './paging.js';
import { respond, respondJson } from './respond.js';

const MAX_PER_CALL = 1000;

/** One user of a block or unblock call, as it is answered. */
interface BlockedUser {
  input: string;
  wa_id?: string;
  user_id?: string;
}

/** `GET|POST|DELETE /{PHONE}/block_users`. Meta: README §B.3. */
export function handleBlockUsers(call: GraphCall): void {
  const { method, id, query, url, response } = call;
  const number = numberOf(call);
  switch (method) {
    case 'GET': {
      const rows = [...number.blocked.keys()].map((key) => ({
        messaging_product: 'whatsapp',
        ...(isUserId(key) ? { user_id: key } : { wa_id: key }),
      }));
      respondJson(response, pageOf(rows, query, url));
      return;
    }
    case 'POST':
    case 'DELETE':
      change(call, number);
      return;
    default:
      throw unknownObject(method, id);
  }
}

/** Meta: one refused user makes the answer a 400 that carries both lists. */
function change(call: GraphCall, number: BusinessNumber): void {
  const { world, method, response } = call;
  const params = paramsOf(call);
  if (params.messaging_product !== 'whatsapp') {
    throw badParam('The parameter messaging_product is required.');
  }
  const done: BlockedUser[] = [];
  const failed: (BlockedUser & { errors: Json[] })[] = [];
  for (const given of objectsAt(params, 'block_users', 'block_users', 1, MAX_PER_CALL)) {
    const user = userOf(given, number);
    const error = user === undefined ? new GraphError(131047) : blockable(world, number, user);
    if (user === undefined || error !== undefined) {
      const { message, code, details } = error ?? new GraphError(131047);
      const input = String(given.user ?? given.user_id ?? '');
      failed.push({ ...(user ?? { input }), errors: [{ message, code, error_data: { details } }] });
      continue;
    }
    const key = (user.wa_id ?? user.user_id) as string;
    if (method === 'POST') {
      number.blocked.set(key, user.user_id);
    } else {
      number.blocked.delete(key);
    }
    done.push(user);
  }
  const lists = { [method === 'POST' ? 'added_users' : 'removed_users']: done };
  if (failed.length === 0) {
    respondJson(response, { messaging_product: 'whatsapp', block_users: lists });
    return;
  }
  const refusal = new GraphError(139100, 'Failed to block some users, see the block_users response list for details');
  const { error } = JSON.parse(refusal.body()) as { error: Json };
  const body = { messaging_product: 'whatsapp', block_users: { ...lists, failed_users: failed }, error };
  respond(response, 400, JSON.stringify(body));
}

function blockable(world: World, number: BusinessNumber, { wa_id, user_id }: BlockedUser): GraphError | undefined {
  const person =
    wa_id === undefined ? world.people.byUserId(user_id as string, number.portfolioId) : world.people.byWaId(wa_id);
  return checkBlockable(world, number, (wa_id ?? user_id) as string, person);
}

/** Meta: `user` is a phone or wa_id and wins over `user_id`; parent ids are refused. */
function userOf(given: Json, number: BusinessNumber): BlockedUser | undefined {
  if (typeof given.user === 'string') {
    const digits = dialled(given.user, number.countryCode, () => false);
    return digits === undefined ? undefined : { input: given.user, wa_id: waIdOf(digits) };
  }
  return typeof given.user_id === 'string' && isUserId(given.user_id) && !isParentUserId(given.user_id)
    ? { input: given.user_id, user_id: given.user_id }
    : undefined;
}
