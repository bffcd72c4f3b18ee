import { createCipheriv, createDecipheriv, publicEncrypt, randomBytes, constants } from 'node:crypto';
import { request } from 'undici';
import { Fields } from '../fields.js';
import { respondJson } from '../graph/respond.js';
import { isJson, type Json } from '../validation/check.js';
import { wireJson, signature } from '../webhooks/wire.js';
import type { World } from '../world.js';
import { bodyOf, refuse, type ControlCall } from './call.js';

/** Meta: "It took more than 10 seconds to process the endpoint request". */
const TIMEOUT_MS = 10_000;
const ACTIONS = ['ping', 'INIT', 'BACK', 'data_exchange'] as const;

/** What a phone sees of one exchange. */
interface Seen {
  status: number;
  content_type: string;
  /** The decrypted answer; null: there was none, or it could not be decrypted. */
  answer: unknown;
  /** What Meta reports to the business when the phone cannot go on. */
  error: string | null;
  /** As it came. */
  raw: string;
  ms: number;
}

interface Letter {
  body: Buffer;
  key: Buffer;
  iv: Buffer;
}

/** `PUT /__simulate/encryption/{phone_number_id}`: what Meta says of the key of a number, and what gets lost. */
export function putEncryption(call: ControlCall): void {
  const body = bodyOf(call);
  if (body === undefined) {
    return;
  }
  const { world, name, response } = call;
  const fields = new Fields(body);
  const publicKey = fields.text('public_key');
  const status = fields.word('signature_status', ['VALID', 'MISMATCH'] as const, 'VALID');
  const forget = fields.flag('forget_key') ?? false;
  const loseAnswers = fields.whole('lose_answers', world.encryption.loseAnswers, 0, 1_000);
  const problems = fields.faults();
  if (problems.length > 0) {
    refuse(response, problems);
    return;
  }
  world.encryption.loseAnswers = loseAnswers;
  const key = publicKey ?? world.encryption.keys.get(name)?.publicKey;
  if (forget) {
    world.encryption.keys.delete(name);
  } else if (key !== undefined) {
    world.encryption.keys.set(name, { publicKey: key, signatureStatus: status });
  }
  respondJson(response, { key: world.encryption.keys.get(name) ?? null });
}

/**
 * `POST /__simulate/flow-exchange`: a phone asks the endpoint of a flow. It encrypts for the public key it has (fetched when
 * it has none), and after a 421 fetches the key again and asks once more, as Meta's client does.
 */
export async function postFlowExchange(call: ControlCall): Promise<void> {
  const body = bodyOf(call);
  if (body === undefined) {
    return;
  }
  const { world, response } = call;
  const fields = new Fields(body);
  const flow = world.flows.find(fields.text('flow_id') ?? '');
  const url = fields.text('url') ?? flow?.endpointUri ?? '';
  const numberId = fields.text('phone_number_id') ?? [...world.registry.numbers.keys()][0] ?? '';
  const action = fields.word('action', ACTIONS, 'INIT');
  const signed = fields.word('signature', ['good', 'bad', 'none'] as const, 'good');
  const repeat = fields.whole('repeat', 1, 1, 100);
  const payload = payloadOf(action, fields);
  if (!URL.canParse(url)) {
    fields.problem('url must be the address of an endpoint (or flow_id a flow that has one)');
  }
  if (!world.encryption.keys.has(numberId)) {
    fields.problem(`the number ${numberId} has no public key`);
  }
  const problems = fields.faults();
  if (problems.length > 0) {
    refuse(response, problems);
    return;
  }
  const exchanges: Seen[] = [];
  let letter = sealed(payload, keyOfPhone(world, numberId));
  let seen = await post(world, url, letter, signed);
  exchanges.push(seen);
  if (seen.status === 421) {
    world.encryption.fetched.delete(numberId);
    letter = sealed(payload, keyOfPhone(world, numberId));
    seen = await post(world, url, letter, signed);
    exchanges.push(seen.status === 421 ? { ...seen, error: 'business-decryption-error' } : seen);
  }
  for (let copy = 1; copy < repeat; copy += 1) {
    exchanges.push(await post(world, url, letter, signed));
  }
  respondJson(response, { ...exchanges.at(-1), exchanges });
}

/** The request as Meta's client words it. */
function payloadOf(action: (typeof ACTIONS)[number], fields: Fields): Json {
  const version = fields.text('version') ?? '3.0';
  const screen = fields.text('screen');
  const data = fields.object('data');
  const token = fields.text('flow_token');
  const raw = fields.object('payload');
  if (raw !== undefined) {
    return raw;
  }
  if (action === 'ping') {
    return { version, action };
  }
  return {
    version,
    action,
    ...(screen === undefined ? {} : { screen }),
    ...(data === undefined ? {} : { data }),
    flow_token: token ?? 'unused',
  };
}

/** The phone's copy; the number's when it has none. */
function keyOfPhone(world: World, numberId: string): string {
  const known = world.encryption.fetched.get(numberId) ?? world.encryption.keys.get(numberId)?.publicKey ?? '';
  world.encryption.fetched.set(numberId, known);
  return known;
}

function sealed(payload: Json, publicKey: string): Letter {
  const key = randomBytes(16);
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-128-gcm', key, iv);
  const data = Buffer.concat([cipher.update(JSON.stringify(payload), 'utf8'), cipher.final(), cipher.getAuthTag()]);
  const wrapped = publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, key);
  const body = wireJson({
    encrypted_flow_data: data.toString('base64'),
    encrypted_aes_key: wrapped.toString('base64'),
    initial_vector: iv.toString('base64'),
  });
  return { body: Buffer.from(body, 'latin1'), key, iv };
}

async function post(world: World, url: string, letter: Letter, signed: 'good' | 'bad' | 'none'): Promise<Seen> {
  const startedAt = performance.now();
  const secret = world.config.app_secret + (signed === 'bad' ? '!' : '');
  const took = (): number => Math.round(performance.now() - startedAt);
  try {
    const answer = await request(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'facebookexternalua',
        ...(signed === 'none' ? {} : { 'x-hub-signature-256': signature(secret, letter.body) }),
      },
      body: letter.body,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const raw = await answer.body.text();
    const opened = raw === '' ? undefined : unsealed(raw, letter);
    return {
      status: answer.statusCode,
      content_type: String(answer.headers['content-type'] ?? ''),
      answer: opened ?? null,
      error: errorOf(answer.statusCode, opened),
      raw,
      ms: took(),
    };
  } catch {
    const error = took() >= TIMEOUT_MS ? 'timeout_error' : 'no_http_response_error';
    return { status: 0, content_type: '', answer: null, error, raw: '', ms: took() };
  }
}

/** Meta: error types that are reported to endpoints and by webhook. */
function errorOf(status: number, opened: unknown): string | null {
  if (![200, 421, 427, 432].includes(status)) {
    return 'unexpected_http_status_code';
  }
  return status === 200 && !isJson(opened) ? 'response-decryption-error' : null;
}

/** Undefined when the phone cannot read it. */
function unsealed(text: string, { key, iv }: Letter): unknown {
  try {
    const bytes = Buffer.from(text, 'base64');
    const inverted = Buffer.from(iv.map((byte) => byte ^ 0xff));
    const decipher = createDecipheriv('aes-128-gcm', key, inverted);
    decipher.setAuthTag(bytes.subarray(bytes.length - 16));
    const plain = Buffer.concat([decipher.update(bytes.subarray(0, bytes.length - 16)), decipher.final()]);
    return JSON.parse(plain.toString('utf8'));
  } catch {
    return undefined;
  }
}
