import { createPublicKey } from 'node:crypto';
import type { World } from '../world.js';
import { paramsOf, type GraphCall } from './call.js';
import { badParam, GraphError } from './graph-error.js';
import { readForm } from './multipart.js';
import { numberOf } from './numbers-api.js';
import { respondJson } from './respond.js';

/** Meta: "a 2048-bit RSA key pair". */
const KEY_BITS = 2048;

/** `GET|POST /{PHONE}/whatsapp_business_encryption`. */
export function handleEncryption(call: GraphCall): void {
  const { world, method, response } = call;
  const number = numberOf(call);
  if (method === 'GET') {
    respondJson(response, { data: shown(world, number.id, call.query.get('fields')) });
    return;
  }
  const publicKey = givenKey(call);
  if (publicKey === undefined || publicKey === '') {
    throw badParam('Missing required parameter: business_public_key');
  }
  if (!isRsaKey(publicKey)) {
    throw new GraphError(100, '', {
      message: '(#100) Business public key is invalid',
      userTitle: 'Invalid Public Key',
      userMessage: 'The provided public key format is invalid',
      withoutData: true,
    });
  }
  if (number.status !== 'CONNECTED') {
    throw new GraphError(133010, 'The phone number must be registered.');
  }
  world.encryption.keys.set(number.id, { publicKey, signatureStatus: 'VALID' });
  if (world.encryption.loseAnswers > 0) {
    world.encryption.loseAnswers -= 1;
    call.request.socket.destroy();
    return;
  }
  respondJson(response, { success: true });
}

/** Nothing for a number without a key: an empty list. */
function shown(world: World, numberId: string, fields: string | null): Record<string, string>[] {
  const key = world.encryption.keys.get(numberId);
  if (key === undefined) {
    return [];
  }
  const all = {
    business_public_key: key.publicKey,
    business_public_key_signature_status: key.signatureStatus,
  };
  const asked = fields?.split(',').map((field) => field.trim());
  return [Object.fromEntries(Object.entries(all).filter(([name]) => asked?.includes(name) ?? true))];
}

/** Meta documents a form, with and without parts. */
function givenKey(call: GraphCall): string | undefined {
  const type = call.request.headers['content-type'] ?? '';
  if (type.startsWith('multipart/form-data')) {
    return readForm(call.bytes, type).get('business_public_key')?.bytes.toString('utf8');
  }
  const value = paramsOf(call).business_public_key;
  return typeof value === 'string' ? value : undefined;
}

function isRsaKey(pem: string): boolean {
  if (!pem.includes('-----BEGIN') || pem.includes('PRIVATE')) {
    return false;
  }
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === 'rsa' && key.asymmetricKeyDetails?.modulusLength === KEY_BITS;
  } catch {
    return false;
  }
}
