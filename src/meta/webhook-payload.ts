/**
 * Reads what Meta posts. Tolerant: numbers may come as text and text as numbers, keys may be missing, types may be new.
 * What cannot be read is an item with an error, never a reason to lose its neighbours.
 */

export type Json = Record<string, unknown>;

/** One `entry[].changes[]`. */
export interface Change {
  field: string;
  /** `entry[].id`: the WABA, or for some partner events the business portfolio. */
  entryId: string | null;
  /** `value.metadata.phone_number_id`, where the field has one. */
  phoneNumberId: string | null;
  value: Json;
  /** `entry[].time`, for fields that have it. */
  entryTime: Date | null;
  /** When the body came: the time of whatever tells none. */
  receivedAt: Date;
}

export type ParsedWebhook =
  /** `unreadable` says of what stood between the changes that it is none. */
  { ok: true; changes: Change[]; unreadable: string[] } | { ok: false; error: string };

/** Deeper than anything Meta sends; JSON.stringify and jsonb give up far above it. */
const MAX_DEPTH = 64;
/** In bytes of UTF-8, because two of them must fit into one entry of an index (2,704 bytes). */
const MAX_ID_BYTES = 512;
const MAX_TEXT_LENGTH = 65_536;
const MAX_INTEGER = 2_147_483_647;
/** From 16 digits on an integer may be beyond 2^53. */
const LONG_INTEGER = /[:,[]\s*-?\d{16,}/;
const STRING_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
/** WhatsApp is older than nothing we could be told of. */
const EARLIEST = Date.UTC(2009, 0, 1);
const DAY_MS = 86_400_000;

/** Parses a body whose signature was checked. */
export function parseWebhook(body: Buffer, receivedAt: Date): ParsedWebhook {
  const parsed = readJson(body);
  if (!parsed.ok) {
    return parsed;
  }
  const entries = asArray(asObject(parsed.value)?.entry);
  if (entries.length === 0) {
    return { ok: false, error: 'has no entry' };
  }
  const read = entries.flatMap((entry) => changesOf(entry, receivedAt));
  return {
    ok: true,
    changes: read.filter((change) => typeof change !== 'string'),
    unreadable: read.filter((change) => typeof change === 'string'),
  };
}

/**
 * JSON that PostgreSQL takes and JSON.stringify can write again: not too deep, without NUL, lone surrogates and `__proto__`.
 * An integer too long for a double (ids of Meta are numbers in some fields) becomes text, for it would become another one.
 */
export function readJson(body: Buffer): { ok: true; value: unknown } | { ok: false; error: string } {
  if (depthOf(body) > MAX_DEPTH) {
    return { ok: false, error: `nested deeper than ${MAX_DEPTH} levels` };
  }
  const text = body.toString('utf8');
  const reviver = needsCleaning(body) ? clean : undefined;
  try {
    const value: unknown = JSON.parse(text, reviver);
    return { ok: true, value: LONG_INTEGER.test(text) ? JSON.parse(quoteLongIntegers(text), reviver) : value };
  } catch (error) {
    // The message quotes the body, and so may have what PostgreSQL refuses.
    return { ok: false, error: `not JSON: ${wellFormed((error as Error).message.slice(0, 200))}` };
  }
}

/** Lists of a value whose items stand for themselves. */
const LISTS = ['messages', 'statuses', 'message_echoes', 'user_preferences', 'state_sync'] as const;

/** The same change once for each message, status or other item it carries, so that each can be applied alone. */
export function itemsOf(change: Change): Change[] {
  const rest = { ...change.value };
  LISTS.forEach((list) => delete rest[list]);
  const items = LISTS.flatMap((list) => asArray(change.value[list]).map((item) => ({ ...rest, [list]: [item] })));
  return items.length === 0 ? [change] : items.map((value) => ({ ...change, value }));
}

function changesOf(entry: unknown, receivedAt: Date): (Change | string)[] {
  const object = asObject(entry);
  const entryTime = object?.time === undefined ? null : timeOf(object.time, receivedAt);
  return asArray(object?.changes).map((change) => {
    const { field, value } = asObject(change) ?? {};
    const content = asObject(value);
    if (typeof field !== 'string' || !content) {
      return 'a change without a field or a value';
    }
    return {
      field: cut(field, 100),
      entryId: idOf(object?.id),
      phoneNumberId: idOf(asObject(content.metadata)?.phone_number_id),
      value: content,
      entryTime,
      receivedAt,
    };
  });
}

export function asObject(value: unknown): Json | null {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Json) : null;
}

export function asArray(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** An id as text of at most 512 bytes, or null. A number is an id too. */
export function idOf(value: unknown): string | null {
  const text = typeof value === 'number' && Number.isFinite(value) ? String(value) : value;
  return typeof text === 'string' && text.length > 0 && Buffer.byteLength(text) <= MAX_ID_BYTES ? text : null;
}

/** Text, cut to what a column takes; null for anything else. */
export function textOf(value: unknown, maxLength = MAX_TEXT_LENGTH): string | null {
  return typeof value === 'string' ? cut(value, maxLength) : null;
}

/** A whole number that an `integer` column takes, as number or text; null for anything else. */
export function integerOf(value: unknown): number | null {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isInteger(number) && Math.abs(number) <= MAX_INTEGER ? number : null;
}

/** Seconds since 1970 as number or text. What cannot be a time of an event is the time of receipt. */
export function timeOf(value: unknown, receivedAt: Date): Date {
  const seconds = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof seconds !== 'number' || !Number.isFinite(seconds)) {
    return receivedAt;
  }
  const ms = seconds * 1_000;
  return ms < EARLIEST || ms > receivedAt.getTime() + DAY_MS ? receivedAt : new Date(ms);
}

/** Brackets open at once, outside of strings, without recursion. */
function depthOf(body: Buffer): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let index = 0; index < body.length; index += 1) {
    const byte = body[index];
    if (inString) {
      if (byte === 0x5c) {
        index += 1;
      } else if (byte === 0x22) {
        inString = false;
      }
    } else if (byte === 0x22) {
      inString = true;
    } else if (byte === 0x7b || byte === 0x5b) {
      depth += 1;
      deepest = Math.max(deepest, depth);
    } else if (byte === 0x7d || byte === 0x5d) {
      depth -= 1;
    }
  }
  return deepest;
}

/** A reviver costs as much as the parse, so it runs only where there may be something to clean. */
function needsCleaning(body: Buffer): boolean {
  // Any character of a key may be written as an escape: those of ASCII are looked at, NUL is one of them.
  return body.includes('__proto__') || /\\u(00[0-7]|[dD][89a-fA-F])/.test(body.toString('latin1'));
}

/** PostgreSQL refuses NUL and lone surrogates; `__proto__` would swap a prototype when copied. */
function clean(this: unknown, key: string, value: unknown): unknown {
  if (key === '__proto__') {
    return undefined;
  }
  if (typeof value === 'string') {
    return wellFormed(value);
  }
  const object = asObject(value);
  if (object && Object.keys(object).some((name) => name !== wellFormed(name))) {
    return Object.fromEntries(Object.entries(object).map(([name, item]) => [wellFormed(name), item]));
  }
  return value;
}

/** Not in the middle of a surrogate pair: jsonb refuses the half that would remain. */
function cut(text: string, maxLength: number): string {
  return text.slice(0, maxLength).replace(/[\ud800-\udbff]$/, '');
}

/** @param text valid JSON: only then every quote has its partner */
function quoteLongIntegers(text: string): string {
  return text.replace(STRING_OR_NUMBER, (token) => (/^-?\d{16,}$/.test(token) ? `"${token}"` : token));
}

function wellFormed(text: string): string {
  return text.toWellFormed().replaceAll('\u0000', '\ufffd');
}
