import { invalidField } from '../common/app-error.js';

/** The header, as Node spells it. */
export const IDEMPOTENCY_KEY = 'idempotency-key';

/** 1 to 255 printable ASCII characters. */
const KEY = /^[\x20-\x7e]{1,255}$/;

/** The header as a request may have it. */
export function requireIdempotencyKey(key: unknown): asserts key is string {
  if (typeof key !== 'string' || !KEY.test(key)) {
    throw invalidField('Idempotency-Key', 'invalid_key', 'Idempotency-Key must have 1 to 255 printable characters.');
  }
}
