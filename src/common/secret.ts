import { createCipheriv, createDecipheriv, createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const IV_BYTES = 12;
const TAG_BYTES = 16;
const VERSION = 'v1';

/** A value that prints as `[secret]` everywhere: logs, JSON, templates. Only {@link reveal} gives it away. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}

/**
 * Encrypts column values with AES-256-GCM: `v1:<key id>:<iv>:<tag>:<ciphertext>`.
 * The first key encrypts, all decrypt. The context (table, column, row) is authenticated with the value, so that a
 * ciphertext moved to another row does not decrypt.
 */
export class Keyring {
  readonly #keys: { id: string; key: Buffer }[];

  /** @param spec `id:base64,…` of 32-byte keys, newest first */
  constructor(spec: string) {
    this.#keys = spec.split(',').map((part) => {
      const separator = part.indexOf(':');
      const id = part.slice(0, separator).trim();
      const key = Buffer.from(part.slice(separator + 1).trim(), 'base64');
      if (separator < 1 || key.length !== 32) {
        throw new Error('Each encryption key is written id:base64, where base64 holds 32 bytes.');
      }
      return { id, key };
    });
  }

  encrypt(value: Secret, context: string): string {
    const [first] = this.#keys;
    if (!first) {
      throw new Error('No encryption key');
    }
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', first.key, iv).setAAD(Buffer.from(context));
    const ciphertext = Buffer.concat([cipher.update(value.reveal(), 'utf8'), cipher.final()]);
    return [VERSION, first.id, ...[iv, cipher.getAuthTag(), ciphertext].map((part) => part.toString('base64'))].join(
      ':',
    );
  }

  /** @throws when the key is gone or the value was changed or moved: never "use the value as it is" */
  decrypt(stored: string, context: string): Secret {
    const [version, id, iv, tag, ciphertext] = stored.split(':');
    const key = this.#keys.find((candidate) => candidate.id === id)?.key;
    if (version !== VERSION || !key || iv === undefined || tag === undefined || ciphertext === undefined) {
      throw new Error(`No key to decrypt ${context}`);
    }
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(iv, 'base64'), { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(context))
      .setAuthTag(Buffer.from(tag, 'base64'));
    return new Secret(decipher.update(Buffer.from(ciphertext, 'base64'), undefined, 'utf8') + decipher.final('utf8'));
  }
}

/** SHA-256 of a text. */
export function sha256(text: string | Buffer): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Compares two texts in a time that does not tell how far they match. */
export function equalsInConstantTime(a: string, b: string): boolean {
  return timingSafeEqual(sha256(a), sha256(b));
}

const fingerprints = new WeakMap<Secret, string>();

/** Names a secret without giving it away: for "which one signed this". */
export function fingerprint(secret: Secret): string {
  let print = fingerprints.get(secret);
  if (print === undefined) {
    print = sha256(`parley:${secret.reveal()}`).toString('hex').slice(0, 32);
    fingerprints.set(secret, print);
  }
  return print;
}
