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
}

export type ParsedWebhook = { ok: true; changes: Change[] } | { ok: false; error: string };

/** Deeper than anything Meta sends; JSON.stringify and jsonb give up far above it. */
const MAX_DEPTH = 64;
const MAX_ID_LENGTH = 512;
const MAX_TEXT_LENGTH = 65_536;
/** WhatsApp is older than nothing we could be told of. */
const EARLIEST = Date.UTC(2009, 0, 1);
const DAY_MS = 86_400_000;

/** Parses a body whose signature was checked. */
export function parseWebhook(body: Buffer): ParsedWebhook {
  if (depthOf(body) > MAX_DEPTH) {
    return { ok: false, error: `nested deeper than ${MAX_DEPTH} levels` };
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8'), needsCleaning(body) ? clean : undefined);
  } catch (error) {
    return { ok: false, error: `not JSON: ${(error as Error).message.slice(0, 200)}` };
  }
  const entries = asArray(asObject(parsed)?.entry);
  if (entries.length === 0) {
    return { ok: false, error: 'has no entry' };
  }
  return { ok: true, changes: entries.flatMap(changesOf) };
}

function changesOf(entry: unknown): Change[] {
  const object = asObject(entry);
  const entryTime = object?.time === undefined ? null : timeOf(object.time);
  return asArray(object?.changes).flatMap((change) => {
    const { field, value } = asObject(change) ?? {};
    const content = asObject(value);
    if (typeof field !== 'string' || !content) {
      return [];
    }
    return [
      {
        field: field.slice(0, 100),
        entryId: idOf(object?.id),
        phoneNumberId: idOf(asObject(content.metadata)?.phone_number_id),
        value: content,
        entryTime,
      },
    ];
  });
}

export function asObject(value: unknown): Json | null {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Json) : null;
}

export function asArray(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** An id as text of at most 512 characters, or null. A number is an id too. */
export function idOf(value: unknown): string | null {
  const text = typeof value === 'number' && Number.isFinite(value) ? String(value) : value;
  return typeof text === 'string' && text.length > 0 && text.length <= MAX_ID_LENGTH ? text : null;
}

/** Text, cut to what a column takes; null for anything else. */
export function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value.slice(0, MAX_TEXT_LENGTH) : null;
}

/** Seconds since 1970 as number or text. What cannot be a time of an event is the time of receipt. */
export function timeOf(value: unknown, receivedAt = new Date()): Date {
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
  return (
    body.includes('\\u0000') ||
    body.includes('__proto__') ||
    /\\u[dD][89abAB]/.test(body.toString('latin1')) ||
    body.includes(0)
  );
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

function wellFormed(text: string): string {
  return text.toWellFormed().replaceAll('\u0000', '\ufffd');
}
