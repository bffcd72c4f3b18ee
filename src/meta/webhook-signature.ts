import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../common/secret.js';

const HEADER = /^sha256=([0-9a-f]{64})$/;

/**
 * Finds the secret that signed a body: HMAC-SHA256 over the bytes as they came, for Meta signs the escaped form it sends.
 * Source: Meta's Graph webhooks page, `X-Hub-Signature-256`.
 * @returns the index into `secrets`, or -1
 */
export function findSigningSecret(body: Buffer, header: string | undefined, secrets: readonly Secret[]): number {
  const match = header === undefined ? null : HEADER.exec(header);
  if (!match?.[1]) {
    return -1;
  }
  const given = Buffer.from(match[1], 'hex');
  let found = -1;
  // All are tried, so that the time does not tell which one matched.
  for (const [index, secret] of secrets.entries()) {
    const expected = createHmac('sha256', secret.reveal()).update(body).digest();
    if (timingSafeEqual(given, expected) && found === -1) {
      found = index;
    }
  }
  return found;
}
