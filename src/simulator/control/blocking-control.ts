import { respondJson } from '../graph/respond.js';
import { isUserId } from '../state/bsuid.js';
import type { BlockEntry } from '../state/blocklist.js';
import type { BusinessNumber } from '../state/registry.js';
import { isJson, type Json } from '../validation/check.js';
import type { World } from '../world.js';
import { bodyOf, refuse, type ControlCall } from './call.js';

const KEYS = ['phone_number_id', 'add', 'remove', 'refuse'];

/** `GET /__simulate/blocks?phone_number_id=`: whom a number has blocked, the oldest block first. */
export function getBlocks({ world, response, query }: ControlCall): void {
  const number = numberOf(world, query.get('phone_number_id'));
  if (number === undefined) {
    refuse(response, ['no such number'], 404);
    return;
  }
  respondJson(response, blocksOf(number));
}

/** `PUT /__simulate/blocks`: what somebody did in the WhatsApp app, and whom Meta is to refuse. */
export function putBlocks(call: ControlCall): void {
  const { world, response } = call;
  const body = bodyOf(call);
  if (body === undefined) {
    return;
  }
  const number = numberOf(world, body.phone_number_id ?? null);
  const refusals = body.refuse ?? {};
  const problems = [
    ...Object.keys(body)
      .filter((key) => !KEYS.includes(key))
      .map((key) => `unknown key ${key}`),
    ...(number === undefined ? ['no such number'] : []),
    ...['add', 'remove'].filter((key) => !isListOfNames(body[key])).map((key) => `${key} must list phones or user ids`),
    ...(isJson(refusals) && Object.entries(refusals).every(([name, code]) => entryOf(name) && isCode(code))
      ? []
      : ['refuse must be codes (or null) by phone or user id']),
  ];
  if (problems.length > 0 || number === undefined) {
    refuse(response, problems);
    return;
  }
  namesIn(body.add).forEach((entry) => number.blocked.add(entry));
  namesIn(body.remove).forEach((entry) => number.blocked.remove(entry));
  for (const [name, code] of Object.entries(refusals as Json)) {
    const { waId, userId } = entryOf(name) as BlockEntry;
    if (code === null) {
      number.blocked.refusals.delete(waId || userId);
    } else {
      number.blocked.refusals.set(waId || userId, code as number);
    }
  }
  respondJson(response, blocksOf(number));
}

function numberOf(world: World, id: unknown): BusinessNumber | undefined {
  return id === null ? world.registry.firstNumber : world.registry.numbers.get(String(id));
}

function blocksOf({ id, blocked }: BusinessNumber): Json {
  const blocks = blocked.all().map(({ waId, userId }) => ({ wa_id: waId || null, user_id: userId || null }));
  return { phone_number_id: id, total: blocks.length, blocks };
}

function isListOfNames(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.every((name) => entryOf(name) !== undefined));
}

function namesIn(value: unknown): BlockEntry[] {
  return Array.isArray(value) ? value.map((name) => entryOf(name) as BlockEntry) : [];
}

function entryOf(name: unknown): BlockEntry | undefined {
  if (typeof name !== 'string') {
    return undefined;
  }
  if (isUserId(name)) {
    return { waId: '', userId: name };
  }
  const digits = name.replace(/[\s().+-]/g, '');
  return /^[1-9]\d{6,14}$/.test(digits) ? { waId: digits, userId: '' } : undefined;
}

function isCode(value: unknown): boolean {
  return value === null || (Number.isInteger(value) && (value as number) > 0);
}
