import { createDecipheriv, createHash, createHmac, timingSafeEqual } from 'node:crypto';

const VERSION = 0x80;
const KEY_BYTES = 32;
const IV_AT = 9;
const TEXT_AT = 25;
const MAC_BYTES = 32;
/** Version, time and the first bits of the IV make every token begin so. */
const BEGINNING = 'gAAAA';

/** Is this a Fernet token, by its looks? What the package wrote before version 1.0.5 is plain text. */
export function looksLikeFernet(text: string): boolean {
  return text.startsWith(BEGINNING) && text.length >= 100 && /^[A-Za-z0-9_-]+={0,2}$/.test(text);
}

/**
 * The key that the package makes of its `ENCRYPTION_KEY` or Django's `SECRET_KEY`: their SHA-256.
 * A text that is a Fernet key itself (32 bytes as base64url) is tried as one too, for whoever encrypted by other means.
 */
export function fernetKeysOf(setting: string): Buffer[] {
  const derived = createHash('sha256').update(setting, 'utf8').digest();
  const itself = /^[A-Za-z0-9_-]{43}=?$/.test(setting) ? Buffer.from(setting, 'base64url') : null;
  return itself?.length === KEY_BYTES ? [derived, itself] : [derived];
}

/**
 * Reads a Fernet token (https://github.com/fernet/spec): version 0x80, time, IV, AES-128-CBC, HMAC-SHA256 over all before it.
 * The time is not looked at: what is at rest may be old. Null: not one, or made with another key.
 */
export function decryptFernet(token: string, key: Buffer): string | null {
  const bytes = Buffer.from(token, 'base64url');
  const macAt = bytes.length - MAC_BYTES;
  if (key.length !== KEY_BYTES || bytes[0] !== VERSION || macAt <= TEXT_AT || (macAt - TEXT_AT) % 16 !== 0) {
    return null;
  }
  const mac = createHmac('sha256', key.subarray(0, 16)).update(bytes.subarray(0, macAt)).digest();
  if (!timingSafeEqual(mac, bytes.subarray(macAt))) {
    return null;
  }
  const decipher = createDecipheriv('aes-128-cbc', key.subarray(16), bytes.subarray(IV_AT, TEXT_AT));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(TEXT_AT, macAt)), decipher.final()]).toString('utf8');
  } catch {
    return null;
  }
}
