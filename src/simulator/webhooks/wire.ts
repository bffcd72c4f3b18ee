import { createHmac } from 'node:crypto';

const PLAIN = /^[\x00-\x2e\x30-\x7e]*$/;
const ESCAPED = /[\u007f-\uffff/]/g;

/**
 * JSON text as Meta puts it on the wire: everything outside ASCII as `\uXXXX` with lower-case digits, `/` as `\/`.
 * Meta: Graph webhooks page, "escaped unicode version of the payload".
 */
export function escapeJson(json: string): string {
  if (PLAIN.test(json)) {
    return json;
  }
  return json.replace(ESCAPED, (unit) =>
    unit === '/' ? '\\/' : `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A value in wire form. */
export function wireJson(value: unknown): string {
  return escapeJson(JSON.stringify(value));
}

/** `X-Hub-Signature-256` over exactly these bytes. */
export function signature(secret: string, body: Buffer): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}
