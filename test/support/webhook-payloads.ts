import { createHmac, randomBytes } from 'node:crypto';
import { APP_SECRET } from './app.js';
import { PHONE_NUMBER_ID, WABA_ID } from './journey.js';

/** Bodies as Meta posts them, made here: no personal data, no copy of anyone's. */
export type JsonObject = Record<string, unknown>;

export const BUSINESS_PHONE = '919800000001';

/** `X-Hub-Signature-256` over exactly these bytes. */
export function sign(body: string | Buffer, secret = APP_SECRET): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}

/** JSON as Meta writes it on the wire: everything beyond ASCII as `\uXXXX` in lower case, `/` as `\/`. */
export function toWire(value: unknown): string {
  return JSON.stringify(value).replace(/[\u007f-\uffff/]/g, (unit) =>
    unit === '/' ? '\\/' : `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export function newWamid(): string {
  return `wamid.${randomBytes(24).toString('base64')}`;
}

/** Seconds since 1970, as text, as Meta writes them. */
export function secondsAgo(seconds: number): string {
  return String(Math.floor(Date.now() / 1_000) - seconds);
}

export function envelope(
  changes: readonly unknown[],
  wabaId: string | null = WABA_ID,
  entry: JsonObject = {},
): JsonObject {
  return {
    object: 'whatsapp_business_account',
    entry: [{ ...(wabaId === null ? {} : { id: wabaId }), ...entry, changes }],
  };
}

/** A change of a field that belongs to a number. */
export function numberChange(field: string, value: JsonObject, phoneNumberId = PHONE_NUMBER_ID): JsonObject {
  return {
    value: {
      messaging_product: 'whatsapp',
      metadata: { display_phone_number: BUSINESS_PHONE, phone_number_id: phoneNumberId },
      ...value,
    },
    field,
  };
}

/** A body of the field `messages`. */
export function messagesBody(value: JsonObject, phoneNumberId = PHONE_NUMBER_ID): JsonObject {
  return envelope([numberChange('messages', value, phoneNumberId)]);
}

export function text(from: string, body: string, more: JsonObject = {}): JsonObject {
  return { from, id: newWamid(), timestamp: secondsAgo(5), type: 'text', text: { body }, ...more };
}

export function profile(waId: string, name: string, more: JsonObject = {}): JsonObject {
  return { profile: { name }, wa_id: waId, ...more };
}

export function status(id: string, name: string, more: JsonObject = {}): JsonObject {
  return { id, status: name, timestamp: secondsAgo(5), recipient_id: '919700000000', ...more };
}

export interface PostOptions {
  secret?: string;
  /** Null: none. Unset: the right one. */
  signature?: string | null;
  headers?: Record<string, string>;
}

/** Posts a body to Meta's door; objects in wire form, text and bytes as they are. */
export async function postWebhook(
  url: string,
  content: JsonObject | string | Buffer,
  options: PostOptions = {},
): Promise<{ status: number; headers: Headers; body: JsonObject }> {
  const body =
    typeof content === 'string' || Buffer.isBuffer(content) ? Buffer.from(content) : Buffer.from(toWire(content));
  const signature = options.signature === undefined ? sign(body, options.secret) : options.signature;
  const response = await fetch(`${url}/whatsapp/webhook/`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(signature === null ? {} : { 'x-hub-signature-256': signature }),
      ...options.headers,
    },
    body,
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as JsonObject };
}
