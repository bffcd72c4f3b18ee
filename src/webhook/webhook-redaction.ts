import { asObject } from '../meta/webhook-payload.js';
import { redact } from '../config/log.js';

/** In place of a secret. */
const SECRET = '[secret]';

/** Members that hold a secret, whatever it looks like. */
const SECRETS = new Set([
  'access_token',
  'app_secret',
  'verify_token',
  'hub.verify_token',
  'token',
  'secret',
  'client_secret',
  'password',
  'pin',
  'authorization',
  'signature',
  'private_key',
  'passphrase',
  'encrypted_flow_data',
  'encrypted_aes_key',
  'initial_vector',
  'encrypted_file',
  'encryption_key',
  'hmac_key',
  'flow_token',
]);

/** Where people speak, or are spoken of. */
const OF_PEOPLE = new Set(['messages', 'message_echoes', 'contacts', 'state_sync', 'contact']);

/** Of what stands there, what is no word of theirs: who, when, which and of what kind. */
const STRUCTURE = new Set([
  'id',
  'from',
  'to',
  'from_user_id',
  'to_user_id',
  'from_parent_user_id',
  'user_id',
  'parent_user_id',
  'wa_id',
  'input',
  'phone_number',
  'recipient_id',
  'group_id',
  'message_id',
  'original_message_id',
  'reply_to',
  'catalog_id',
  'product_retailer_id',
  'referred_product_id',
  'ctwa_clid',
  'source_id',
  'source_type',
  'type',
  'status',
  'action',
  'timestamp',
  'mime_type',
  'media_type',
  'sha256',
  'currency',
]);

/** PEM, and what is signed for our own webhooks. */
const PATTERNS: [RegExp, string][] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, SECRET],
  [/whsec_[0-9A-Za-z+/=]{8,}/g, `whsec_${SECRET}`],
];

/**
 * A body as it may be shown: without secrets, and when asked without what people write. What it is made of stays readable:
 * members, lists, ids, kinds and times.
 * @param payload JSON, or the text of a body that is none
 */
export function redactedPayload(payload: unknown, redactsText: boolean): unknown {
  if (typeof payload === 'string' && redactsText) {
    return lengthOf(payload);
  }
  return redactedValue(payload, redactsText, false);
}

function redactedValue(value: unknown, redactsText: boolean, isOfPeople: boolean): unknown {
  if (typeof value === 'string') {
    return PATTERNS.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), redact(value));
  }
  if (Array.isArray(value)) {
    return value.map((item) => redactedValue(item, redactsText, isOfPeople));
  }
  const object = asObject(value);
  if (!object) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(object).map(([key, item]) => {
      if (SECRETS.has(key.toLowerCase()) && item !== null && typeof item !== 'object') {
        return [key, SECRET];
      }
      // Errors are Meta's words, wherever they stand.
      const speaks = redactsText && key !== 'errors' && (isOfPeople || OF_PEOPLE.has(key));
      if (speaks && !STRUCTURE.has(key) && (typeof item === 'string' || typeof item === 'number')) {
        return [key, lengthOf(String(item))];
      }
      return [key, redactedInList(item, redactsText, speaks)];
    }),
  );
}

/** A list of bare texts is said by people as much as one text is. */
function redactedInList(value: unknown, redactsText: boolean, isOfPeople: boolean): unknown {
  if (!isOfPeople || !Array.isArray(value)) {
    return redactedValue(value, redactsText, isOfPeople);
  }
  return value.map((item: unknown) =>
    typeof item === 'string' || typeof item === 'number'
      ? lengthOf(String(item))
      : redactedValue(item, redactsText, isOfPeople),
  );
}

function lengthOf(text: string): string {
  return `[${[...text].length} characters]`;
}
