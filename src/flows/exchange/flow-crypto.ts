import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  generateKeyPair,
  privateDecrypt,
  type KeyObject,
} from 'node:crypto';
import { promisify } from 'node:util';

/** Meta: "generate a 2048-bit RSA key pair". */
const KEY_BITS = 2048;
const TAG_BYTES = 16;
/** The documentation says 128 bits; a longer key of AES costs nothing to understand. */
const CIPHERS: Readonly<Record<number, 'aes-128-gcm' | 'aes-256-gcm'>> = { 16: 'aes-128-gcm', 32: 'aes-256-gcm' };
/** The documentation says 128 bits; 96 are what GCM was made for. */
const IV_BYTES = [12, 16];

const generate = promisify(generateKeyPair);

/** What Meta posts: a key for this request alone, encrypted for us, and the request encrypted with that. */
export interface SealedRequest {
  aesKey: Buffer;
  iv: Buffer;
  /** The ciphertext, and behind it its tag. */
  data: Buffer;
}

/** A request that was understood, and the way to answer it. */
export interface OpenedRequest {
  plaintext: string;
  /** Encrypts the answer. A key and IV must never encrypt two different answers: see RecentAnswers. */
  seal(answer: string): string;
}

/** A new key pair as PEM: PKCS #8 and SPKI. */
export async function makeKeyPair(): Promise<{ privateKey: string; publicKey: string }> {
  return generate('rsa', {
    modulusLength: KEY_BITS,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}

/** Two spellings of one public key? PEM has many: line lengths, line ends, a header of its own for PKCS #1. */
export function isSameKey(a: string, b: string): boolean {
  const [left, right] = [derOf(a), derOf(b)];
  return left !== null && right !== null && left.equals(right);
}

/** Reads the three parts of a body; null when it has not got them. Source: Meta, "Implementing endpoint for Flows". */
export function readSealedRequest(body: Buffer): SealedRequest | null {
  const parts = parseObject(body.toString('utf8'));
  const [aesKey, iv, data] = [parts?.encrypted_aes_key, parts?.initial_vector, parts?.encrypted_flow_data].map(
    (text) => (typeof text === 'string' ? Buffer.from(text, 'base64') : null),
  );
  if (!aesKey || !iv || !data || !IV_BYTES.includes(iv.length) || data.length < TAG_BYTES) {
    return null;
  }
  return { aesKey, iv, data };
}

/** Decrypts with the first of the keys that fits; null when none does, or when something was changed on the way. */
export function openRequest(
  { aesKey, iv, data }: SealedRequest,
  privateKeys: readonly KeyObject[],
): OpenedRequest | null {
  for (const privateKey of privateKeys) {
    const key = unwrap(aesKey, privateKey);
    const cipher = key && CIPHERS[key.length];
    const plaintext = cipher ? decrypt(cipher, key, iv, data) : null;
    if (key && cipher && plaintext !== null) {
      return { plaintext, seal: (answer) => encrypt(cipher, key, flipped(iv), answer) };
    }
  }
  return null;
}

/** The text as a JSON object; null when it is none. */
export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

/** Every failure looks the same: which check failed is what an attacker would like to know. */
function unwrap(wrapped: Buffer, key: KeyObject): Buffer | null {
  try {
    return privateDecrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, wrapped);
  } catch {
    return null;
  }
}

function decrypt(cipher: 'aes-128-gcm' | 'aes-256-gcm', key: Buffer, iv: Buffer, data: Buffer): string | null {
  try {
    const decipher = createDecipheriv(cipher, key, iv, { authTagLength: TAG_BYTES });
    decipher.setAuthTag(data.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(data.subarray(0, -TAG_BYTES)), decipher.final()]).toString('utf8');
  } catch {
    return null;
  }
}

function encrypt(cipher: 'aes-128-gcm' | 'aes-256-gcm', key: Buffer, iv: Buffer, text: string): string {
  const sealing = createCipheriv(cipher, key, iv, { authTagLength: TAG_BYTES });
  return Buffer.concat([sealing.update(text, 'utf8'), sealing.final(), sealing.getAuthTag()]).toString('base64');
}

/** Answers go out under the inverted IV, for the same one would give key and counter away. */
function flipped(iv: Buffer): Buffer {
  return Buffer.from(iv.map((byte) => ~byte & 0xff));
}

function derOf(pem: string): Buffer | null {
  try {
    return createPublicKey(pem).export({ type: 'spki', format: 'der' });
  } catch {
    return null;
  }
}
