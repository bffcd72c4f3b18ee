import { createHmac, randomBytes, webcrypto } from 'node:crypto';

const { subtle } = webcrypto;

/** One request of a phone, and the key to its answer. */
export interface FlowLetter {
  body: Buffer;
  key: webcrypto.CryptoKey;
  iv: Buffer;
}

/**
 * A phone that shows a flow, written from Meta's guide ("Implementing endpoint for Flows") with WebCrypto: it shares no code
 * with the product or with the simulator.
 */
export async function writeLetter(publicKey: string, plaintext: string | Uint8Array): Promise<FlowLetter> {
  const spki = Buffer.from(publicKey.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64');
  const rsa = await subtle.importKey('spki', spki, { name: 'RSA-OAEP', hash: 'SHA-256' }, false, ['encrypt']);
  const rawKey = randomBytes(16);
  const iv = randomBytes(16);
  const key = await subtle.importKey('raw', rawKey, 'AES-GCM', false, ['encrypt', 'decrypt']);
  const bytes = typeof plaintext === 'string' ? new TextEncoder().encode(plaintext) : plaintext;
  // WebCrypto appends the tag of 128 bits to the ciphertext, as Meta does.
  const data = await subtle.encrypt({ name: 'AES-GCM', iv, tagLength: 128 }, key, bytes);
  const body = JSON.stringify({
    encrypted_flow_data: Buffer.from(data).toString('base64'),
    encrypted_aes_key: Buffer.from(await subtle.encrypt({ name: 'RSA-OAEP' }, rsa, rawKey)).toString('base64'),
    initial_vector: iv.toString('base64'),
  });
  return { body: Buffer.from(body), key, iv };
}

/** Reads an answer. @throws when it is not encrypted for this letter */
export async function readAnswer({ key, iv }: Pick<FlowLetter, 'key' | 'iv'>, text: string): Promise<unknown> {
  const inverted = Buffer.from(iv.map((byte) => 255 - byte));
  const algorithm = { name: 'AES-GCM', iv: inverted, tagLength: 128 };
  return JSON.parse(new TextDecoder().decode(await subtle.decrypt(algorithm, key, Buffer.from(text, 'base64'))));
}

/** `X-Hub-Signature-256` of a body. */
export function flowSignature(body: Buffer, secret: string): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}
