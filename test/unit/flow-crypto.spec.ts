import { createPrivateKey, createPublicKey, generateKeyPairSync, publicEncrypt, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  isSameKey,
  makeKeyPair,
  openRequest,
  readSealedRequest,
  type OpenedRequest,
} from '../../src/flows/exchange/flow-crypto.js';
import { loadFlowHandlers } from '../../src/flows/exchange/flow-handler-module.js';
import { readOutcome } from '../../src/flows/exchange/flow-question.js';
import { RecentAnswers } from '../../src/flows/exchange/recent-answers.js';
import { readAnswer, writeLetter } from '../support/flow-phone.js';

describe('the encryption of flows', () => {
  let pair: { privateKey: string; publicKey: string };
  let other: { privateKey: string; publicKey: string };

  const open = (body: Buffer, ...keys: string[]): OpenedRequest | null => {
    const sealed = readSealedRequest(body);
    return (
      sealed &&
      openRequest(
        sealed,
        keys.map((pem) => createPrivateKey(pem)),
      )
    );
  };

  beforeAll(async () => {
    [pair, other] = await Promise.all([makeKeyPair(), makeKeyPair()]);
  });

  it('makes RSA key pairs of 2048 bits, as Meta asks', () => {
    const key = createPublicKey(pair.publicKey);
    expect(key.asymmetricKeyType).toBe('rsa');
    expect(key.asymmetricKeyDetails).toMatchObject({ modulusLength: 2048, publicExponent: 65_537n });
    expect(pair.publicKey).toMatch(/^-----BEGIN PUBLIC KEY-----\n/);
    expect(isSameKey(pair.publicKey, other.publicKey)).toBe(false);
  });

  it.each(['{"action":"ping"}', '', 'ünï©ode 🙂', 'x'.repeat(100_000)])(
    'understands what WebCrypto encrypted, and is understood (%#)',
    async (text) => {
      const letter = await writeLetter(pair.publicKey, text);
      const opened = open(letter.body, pair.privateKey);
      expect(opened?.plaintext).toBe(text);
      const answer = { screen: 'ÜBERSICHT', data: { text } };
      expect(await readAnswer(letter, opened?.seal(JSON.stringify(answer)) ?? '')).toEqual(answer);
    },
  );

  it('answers under the inverted IV, never under that of the request', async () => {
    const letter = await writeLetter(pair.publicKey, '{}');
    const answer = open(letter.body, pair.privateKey)?.seal('{"a":1}') ?? '';
    const wrongIv = { key: letter.key, iv: Buffer.from(letter.iv.map((byte) => 255 - byte)) };
    await expect(readAnswer(wrongIv, answer)).rejects.toThrow();
    expect(await readAnswer(letter, answer)).toEqual({ a: 1 });
  });

  it('finds the key that fits among several', async () => {
    const letter = await writeLetter(pair.publicKey, 'hello');
    expect(open(letter.body, other.privateKey, pair.privateKey)?.plaintext).toBe('hello');
    expect(open(letter.body, other.privateKey)).toBeNull();
    expect(open(letter.body)).toBeNull();
  });

  it('does not understand what was changed in any byte', async () => {
    const letter = await writeLetter(pair.publicKey, '{"action":"INIT"}');
    const parts = JSON.parse(letter.body.toString()) as Record<string, string>;
    for (const name of ['encrypted_flow_data', 'encrypted_aes_key', 'initial_vector']) {
      const bytes = Buffer.from(parts[name] ?? '', 'base64');
      for (const at of [0, bytes.length >> 1, bytes.length - 1]) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ 1;
        const body = Buffer.from(JSON.stringify({ ...parts, [name]: changed.toString('base64') }));
        expect(open(body, pair.privateKey)).toBeNull();
      }
    }
  });

  it('does not understand a shortened tag, an AES key of another length, or the padding of old', async () => {
    const { body } = await writeLetter(pair.publicKey, '{}');
    const parts = JSON.parse(body.toString()) as Record<string, string>;
    const variants = [
      { ...parts, encrypted_flow_data: Buffer.alloc(15).toString('base64') },
      { ...parts, initial_vector: Buffer.alloc(4).toString('base64') },
      {
        ...parts,
        encrypted_aes_key: publicEncrypt({ key: pair.publicKey, oaepHash: 'sha256' }, randomBytes(24)).toString(
          'base64',
        ),
      },
      {
        ...parts,
        encrypted_aes_key: publicEncrypt({ key: pair.publicKey, padding: 1 }, randomBytes(16)).toString('base64'),
      },
      {
        ...parts,
        encrypted_aes_key: publicEncrypt({ key: pair.publicKey, oaepHash: 'sha1' }, randomBytes(16)).toString('base64'),
      },
    ];
    for (const variant of variants) {
      expect(open(Buffer.from(JSON.stringify(variant)), pair.privateKey)).toBeNull();
    }
  });

  it('never throws, whatever bytes come', () => {
    const strange = ['', '{', 'null', '[]', '"x"', '1', '{"encrypted_aes_key":1}', '{"initial_vector":{}}'];
    const bodies = [
      ...strange.map((text) => Buffer.from(text)),
      ...Array.from({ length: 200 }, (_none, at) => randomBytes(at)),
      ...Array.from({ length: 50 }, (_none, at) =>
        Buffer.from(
          JSON.stringify({
            encrypted_flow_data: randomBytes(at).toString('base64'),
            encrypted_aes_key: randomBytes(at * 8).toString('base64'),
            initial_vector: randomBytes(at % 2 ? 16 : 12).toString('base64'),
          }),
        ),
      ),
    ];
    for (const body of bodies) {
      expect(open(body, pair.privateKey)).toBeNull();
    }
  });

  it('knows a public key in any spelling', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const spki = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const pkcs1 = publicKey.export({ type: 'pkcs1', format: 'pem' }).toString();
    expect(isSameKey(spki, pkcs1)).toBe(true);
    expect(isSameKey(spki, `\r\n${spki.replace(/\n/g, '\r\n')}`)).toBe(true);
    expect(isSameKey(spki, pair.publicKey)).toBe(false);
    expect(isSameKey('no key', 'no key')).toBe(false);
  });
});

describe('what a handler answers', () => {
  it.each([
    ['a screen', { screen: 'NEXT', data: { a: 1 } }, { kind: 'screen', screen: { screen: 'NEXT', data: { a: 1 } } }],
    ['a screen without data', { screen: 'NEXT' }, { kind: 'screen', screen: { screen: 'NEXT', data: {} } }],
    [
      'a version, as older examples do',
      { version: '3.0', screen: 'A', data: {} },
      { kind: 'screen', screen: { version: '3.0', screen: 'A', data: {} } },
    ],
    ['a token that is over', { error_msg: 'Ordered already' }, { kind: 'token_refused', message: 'Ordered already' }],
    ['nothing', undefined, { kind: 'failed', reason: 'bad_answer' }],
    ['null', null, { kind: 'failed', reason: 'bad_answer' }],
    ['a list', [], { kind: 'failed', reason: 'bad_answer' }],
    ['text', 'NEXT', { kind: 'failed', reason: 'bad_answer' }],
    ['no screen', { data: {} }, { kind: 'failed', reason: 'bad_answer' }],
    ['an empty screen', { screen: '' }, { kind: 'failed', reason: 'bad_answer' }],
    ['data of another type', { screen: 'A', data: [] }, { kind: 'failed', reason: 'bad_answer' }],
  ])('%s', (_what, value, outcome) => {
    expect(readOutcome(value, 'token')).toEqual(outcome);
  });

  it('gets the flow token into its last answer, and keeps one that is there', () => {
    const success = (data?: Record<string, unknown>): unknown => readOutcome({ screen: 'SUCCESS', data }, 'ours');
    const withParams = (params: Record<string, unknown>): unknown => ({
      kind: 'screen',
      screen: { screen: 'SUCCESS', data: { extension_message_response: { params } } },
    });
    expect(success()).toEqual(withParams({ flow_token: 'ours' }));
    expect(success({ extension_message_response: { params: { order: 7 } } })).toEqual(
      withParams({ flow_token: 'ours', order: 7 }),
    );
    expect(success({ extension_message_response: { params: { flow_token: 'theirs' } } })).toEqual(
      withParams({ flow_token: 'theirs' }),
    );
  });
});

describe('answers that were given', () => {
  it('are given again to the same request, also while they are being made', async () => {
    const recent = new RecentAnswers<string>((answer) => answer.length);
    let made = 0;
    const make = async (): Promise<string> => `answer ${(made += 1)}`;
    expect(await Promise.all([recent.of('a', make), recent.of('a', make), recent.of('b', make)])).toEqual([
      'answer 1',
      'answer 1',
      'answer 2',
    ]);
    expect(await recent.of('a', make)).toBe('answer 1');
  });

  it('are not kept when none could be made', async () => {
    const recent = new RecentAnswers<string>((answer) => answer.length);
    await expect(recent.of('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await recent.of('a', () => Promise.resolve('yes'))).toBe('yes');
  });

  it('take a bounded amount of memory: the oldest go', async () => {
    const recent = new RecentAnswers<string>(() => 4 * 1024 * 1024);
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) {
      await recent.of(id, () => Promise.resolve(`first ${id}`));
    }
    expect(await recent.of('f', () => Promise.resolve('second'))).toBe('first f');
    expect(await recent.of('a', () => Promise.resolve('second'))).toBe('second');
  });
});

describe('a module of flow handlers', () => {
  let folder: string;
  let count = 0;

  const moduleOf = (text: string): string => {
    const path = join(folder, `module-${(count += 1)}.mjs`);
    writeFileSync(path, text);
    return path;
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'parley-flow-handlers-'));
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('gives its handlers by the name of the flow, and one for all others', async () => {
    const handlers = await loadFlowHandlers(
      moduleOf('export const handlers = { "Book a table": () => ({}) }; export default () => ({});'),
    );
    expect([...handlers.byName.keys()]).toEqual(['Book a table']);
    expect(typeof handlers.otherwise).toBe('function');
    expect((await loadFlowHandlers(moduleOf('export const handlers = {};'))).otherwise).toBeNull();
  });

  it.each([
    ['that is not there', 'import "./nowhere.mjs";', 'could not be loaded'],
    ['with broken code', 'export const = 1;', 'could not be loaded'],
    ['that exports something else', 'export const a = 1;', 'must export an object `handlers`'],
    ['with a list', 'export const handlers = [];', 'must be an object'],
    ['with something that is no function', 'export const handlers = { a: 1 };', '"a" must be a function'],
    ['with a default that is no function', 'export default 1;', 'default export must be a function'],
  ])('%s is refused in clear words', async (_what, text, words) => {
    await expect(loadFlowHandlers(moduleOf(text))).rejects.toThrow(words);
    await expect(loadFlowHandlers(moduleOf(text))).rejects.toThrow('FLOW_HANDLERS_MODULE cannot be used');
  });
});
