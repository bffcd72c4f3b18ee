import { DateTime } from 'luxon';
import { UNSTORABLE } from '../common/storable.js';

const MAX_VALUES = 1_000;
const MAX_TEXT = 255;
const ISO_TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/** A value that makes no sense; the message follows the filter's name. */
export class InvalidFilter extends Error {}

export function text(value: unknown): string {
  const given = typeof value === 'number' && Number.isFinite(value) ? String(value) : value;
  if (typeof given !== 'string' || given.length > MAX_TEXT || UNSTORABLE.test(given)) {
    throw new InvalidFilter(`must be text of at most ${MAX_TEXT} characters`);
  }
  return given;
}

export function list(value: unknown): unknown[] {
  if (!Array.isArray(value) || value.length > MAX_VALUES) {
    throw new InvalidFilter(`must be a list of at most ${MAX_VALUES} values`);
  }
  return value;
}

/** The ends of a range, both of them in it. */
export function pair(value: unknown): [unknown, unknown] {
  if (!Array.isArray(value) || value.length !== 2) {
    throw new InvalidFilter('must be a list of two values, from and to');
  }
  return value as [unknown, unknown];
}

export function boolean(value: unknown): boolean {
  if (typeof value !== 'boolean') {
    throw new InvalidFilter('must be true or false');
  }
  return value;
}

export function id(value: unknown): number {
  const given = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  if (typeof given !== 'number' || !Number.isSafeInteger(given) || given < 1) {
    throw new InvalidFilter('must be an id');
  }
  return given;
}

export function wholeNumber(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
    throw new InvalidFilter('must be a whole number');
  }
  return value;
}

/** A date is its beginning in UTC, and a time without an offset is UTC. */
export function time(value: unknown): string {
  const given = text(value);
  const at = ISO_TIME.test(given) ? DateTime.fromISO(given, { zone: 'utc' }) : null;
  // Of those that there are, PostgreSQL writes no year before the first in this way, and none with five digits.
  if (!at?.isValid || at.year < 1 || at.year > 9_999) {
    throw new InvalidFilter('must be a date or an ISO-8601 time');
  }
  return at.toISO();
}
