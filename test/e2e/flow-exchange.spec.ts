import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FlowForwards } from '../../src/flows/exchange/flow-forwards.service.js';
import { FlowAnswerSettings } from '../../src/flows/exchange/flow-handler-runner.js';
import { APP_SECRET, startTestApp } from '../support/app.js';
import { flowSignature, readAnswer, writeLetter, type FlowLetter } from '../support/flow-phone.js';
import { FlowServer } from '../support/flow-server.js';
import { PHONE_NUMBER_ID, startJourney, WABA_ID, type Journey } from '../support/journey.js';

interface Encryption {
  signature_status: string;
  public_key: string | null;
  meta_public_key: string | null;
  overlapping_keys: number;
  uploaded_at: string | null;
}

interface Seen {
  status: number;
  content_type: string;
  answer: Record<string, unknown> | null;
  error: string | null;
  raw: string;
  ms: number;
}

interface Exchange extends Seen {
  exchanges: Seen[];
}

interface TestFlow {
  id: number;
  url: string;
}

/** What the module of handlers below was asked, and does: both run in one process. */
interface Stage {
  questions: Record<string, unknown>[];
  answer: ((question: Record<string, unknown>) => unknown) | null;
  aborted: number;
}

const stage: Stage = { questions: [], answer: null, aborted: 0 };
(globalThis as unknown as { flowStage: Stage }).flowStage = stage;

/** Handlers of whoever runs Parley. */
const HANDLERS = `
const { flowStage } = globalThis;
const tell = (handler) => (question, { signal }) => {
  flowStage.questions.push({ handler, ...question });
  signal.addEventListener('abort', () => (flowStage.aborted += 1));
  return flowStage.answer(question);
};
export const handlers = { 'Book a table': tell('Book a table') };
export default tell('default');
`;

const SECOND_PHONE = '300000000000002';
const SORRY = 'Something went wrong. Please try again.';

describe('the data exchange of flows', () => {
  let folder: string;
  let journey: Journey;
  let server: FlowServer;
  let encryption: Encryption;
  let count = 0;

  const call = async <T>(method: string, path: string, accountId = journey.accountId): Promise<T> => {
    const { status, body } = await journey.api.call<T>(method, path, { accountId });
    expect([200, 201]).toContain(status);
    return body;
  };

  const newFlow = async (
    values: { name?: string; status?: string; metaFlowId?: string; accountId?: number } = {},
  ): Promise<TestFlow> => {
    const token = randomBytes(24).toString('base64url');
    const [row] = await journey.api.db.query<{ id: number }>(
      `insert into flows (account_id, name, meta_flow_id, endpoint_token, status, is_dynamic)
       values ($1, $2, $3, $4, $5, true) returning id`,
      [
        values.accountId ?? journey.accountId,
        values.name ?? `Flow ${(count += 1)}`,
        values.metaFlowId ?? null,
        token,
        values.status ?? 'PUBLISHED',
      ],
    );
    return { id: row?.id ?? 0, url: `${journey.api.url}/whatsapp/flow-data/${token}` };
  };

  const forwarded = async (url = server.url): Promise<TestFlow & { secret: string }> => {
    const flow = await newFlow();
    const secret = await journey.api.db.transaction((tx) =>
      journey.api.app.get(FlowForwards, { strict: false }).change(tx, journey.accountId, flow.id, url),
    );
    return { ...flow, secret: secret?.reveal() ?? '' };
  };

  /** A phone of the simulator asks. */
  const ask = (flow: TestFlow, body: Record<string, unknown> = {}): Promise<Exchange> =>
    journey.simulator.call<Exchange>('POST', 'flow-exchange', {
      url: flow.url,
      phone_number_id: PHONE_NUMBER_ID,
      ...body,
    });

  const post = (flow: TestFlow, body: Buffer, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(flow.url, {
      method: 'POST',
      body: new Uint8Array(body),
      headers: {
        'content-type': 'application/json',
        'x-hub-signature-256': flowSignature(body, APP_SECRET),
        ...headers,
      },
    });

  /** A phone of this test asks: it shares no code with the simulator's. */
  const askByLetter = async (
    flow: TestFlow,
    request: unknown,
    publicKey = encryption.public_key ?? '',
  ): Promise<{ letter: FlowLetter; response: Response; text: string }> => {
    const letter = await writeLetter(publicKey, JSON.stringify(request));
    const response = await post(flow, letter.body);
    return { letter, response, text: await response.text() };
  };

  const handled = (answer: Stage['answer']): void => {
    stage.answer = answer;
  };

  /** We give up early, so that a busy machine has most of Meta's ten seconds for the apology. */
  const givingUpAfter = async <T>(ms: number, work: () => Promise<T>): Promise<T> => {
    const settings = journey.api.app.get(FlowAnswerSettings, { strict: false });
    const { answerMs } = settings;
    expect(answerMs).toBeLessThanOrEqual(7_500);
    settings.answerMs = ms;
    try {
      return await work();
    } finally {
      settings.answerMs = answerMs;
    }
  };

  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`${journey.api.url}/metrics`)).text();
    const line = text.split('\n').find((each) => each.startsWith(name));
    return Number(line?.split(' ').at(-1) ?? 0);
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'parley-e2e-flows-'));
    writeFileSync(join(folder, 'handlers.mjs'), HANDLERS);
    server = await new FlowServer().start();
    journey = await startJourney({
      worker: false,
      env: { FLOW_HANDLERS_MODULE: join(folder, 'handlers.mjs'), ALLOW_PRIVATE_NETWORK_TARGETS: 'true' },
    });
    encryption = await call<Encryption>('POST', '/flows/encryption');
  });

  beforeEach(() => {
    Object.assign(stage, { questions: [], answer: () => ({ screen: 'NEXT', data: {} }), aborted: 0 });
    server.questions.length = 0;
    server.answerWith({ screen: 'NEXT', data: {} });
  });

  afterAll(async () => {
    await journey.close();
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  describe('the key', () => {
    it('is made here, given to Meta, and compared with what Meta has', async () => {
      expect(encryption).toMatchObject({ signature_status: 'VALID', overlapping_keys: 0 });
      expect(encryption.public_key).toMatch(/^-----BEGIN PUBLIC KEY-----/);
      expect(encryption.meta_public_key).toBe(encryption.public_key);
      expect(encryption.uploaded_at).toMatch(/^2\d{3}-.*Z$/);
      expect(await call('GET', '/flows/encryption')).toEqual(encryption);
    });

    it('never shows its private half, and keeps it encrypted', async () => {
      const [row] = await journey.api.db.query<{ private_key: string }>('select private_key from flow_keys');
      expect(row?.private_key).toMatch(/^v1:/);
      expect(row?.private_key).not.toContain('PRIVATE KEY');
      expect(JSON.stringify(encryption)).not.toContain('PRIVATE');
    });

    it('is told to be another one when Meta has another, or when Meta’s signature does not fit', async () => {
      const path = `encryption/${PHONE_NUMBER_ID}`;
      const { publicKey } = generateKeyPairSync('rsa', {
        modulusLength: 2048,
        publicKeyEncoding: { type: 'spki', format: 'pem' },
        privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      });
      await journey.simulator.call('PUT', path, { public_key: publicKey });
      expect(await call('GET', '/flows/encryption')).toMatchObject({
        signature_status: 'MISMATCH',
        public_key: encryption.public_key,
        meta_public_key: publicKey,
      });
      await journey.simulator.call('PUT', path, { public_key: encryption.public_key, signature_status: 'MISMATCH' });
      expect(await call('GET', '/flows/encryption')).toMatchObject({ signature_status: 'MISMATCH' });
      await journey.simulator.call('PUT', path, { forget_key: true });
      expect(await call('GET', '/flows/encryption')).toMatchObject({
        signature_status: 'NOT_SET',
        meta_public_key: null,
      });
      await journey.simulator.call('PUT', path, { public_key: encryption.public_key });
      expect(await call('GET', '/flows/encryption')).toEqual(encryption);
    });

    it('asks for the scopes of flows', async () => {
      const made = await journey.api.call<{ key: string }>('POST', '/api-keys', {
        body: { name: 'Reader', scopes: ['flows:read'] },
      });
      const answers = await Promise.all(
        ['GET', 'POST'].map((method) => journey.api.call(method, '/flows/encryption', { key: made.body.key })),
      );
      expect(answers.map(({ status }) => status)).toEqual([200, 403]);
    });

    it('is refused by Meta in Meta’s words, and then everything is as before', async () => {
      await journey.simulator.call('PUT', `numbers/${PHONE_NUMBER_ID}`, { status: 'DISCONNECTED' });
      const { status, body } = await journey.api.call('POST', '/flows/encryption');
      await journey.simulator.call('PUT', `numbers/${PHONE_NUMBER_ID}`, { status: 'CONNECTED' });
      expect(status).toBeGreaterThanOrEqual(422);
      expect(body).toMatchObject({ code: 'graph_error', graph: { code: 133_010 } });
      expect(await call('GET', '/flows/encryption')).toEqual(encryption);
    });
  });

  describe('a request', () => {
    it('to see whether we are there is answered', async () => {
      const flow = await newFlow();
      const seen = await ask(flow, { action: 'ping' });
      expect(seen).toMatchObject({ status: 200, error: null, answer: { data: { status: 'active' } } });
      expect(seen.content_type).toContain('text/plain');
      expect(stage.questions).toEqual([]);
    });

    it('makes a round trip with two implementations that share no code', async () => {
      const flow = await newFlow({ name: 'Book a table' });
      handled(({ data }) => ({ screen: 'TIMES', data: { echo: data } }));
      const data = { guests: '4', note: 'Fenster, bitte 🙂', 'a/b': 'c\u2028d' };
      const expected = { screen: 'TIMES', data: { echo: data } };

      const bySimulator = await ask(flow, { action: 'data_exchange', screen: 'GUESTS', data, flow_token: 'unused' });
      expect(bySimulator).toMatchObject({ status: 200, error: null, answer: expected });

      const { letter, response, text } = await askByLetter(flow, {
        version: '3.0',
        action: 'data_exchange',
        screen: 'GUESTS',
        data,
        flow_token: 'unused',
      });
      expect(response.status).toBe(200);
      expect(text).toMatch(/^[A-Za-z0-9+/]+=*$/);
      expect(await readAnswer(letter, text)).toEqual(expected);
    });

    it('that tells of an error on the phone is acknowledged, and counted', async () => {
      const flow = await newFlow();
      const before = await metric('parley_flow_exchanges_total{outcome="error_notification"}');
      const seen = await ask(flow, {
        action: 'data_exchange',
        screen: 'GUESTS',
        data: { error: 'payload-schema-error', error_message: 'guests: expected a string' },
      });
      expect(seen).toMatchObject({ status: 200, answer: { data: { acknowledged: true } } });
      expect(stage.questions).toEqual([]);
      expect(await metric('parley_flow_exchanges_total{outcome="error_notification"}')).toBe(before + 1);
    });

    it.each(['bad', 'none'])(
      'with a signature that is %s is refused with 432, and nobody is asked',
      async (signature) => {
        const seen = await ask(await newFlow(), { signature });
        expect(seen).toMatchObject({ status: 432, raw: '' });
        expect(stage.questions).toEqual([]);
      },
    );

    it('is checked by the account’s own app secret where it has one', async () => {
      const { body: account } = await journey.api.call<{ id: number }>('POST', '/accounts', {
        body: {
          name: 'With a secret',
          phone_number_id: '300000000000009',
          waba_id: '200000000000009',
          access_token: 'EAAtesttoken9',
          app_secret: 'f'.repeat(32),
        },
      });
      const { public_key: publicKey } = await call<Encryption>('POST', '/flows/encryption', account.id);
      const flow = await newFlow({ accountId: account.id });
      const letter = await writeLetter(publicKey ?? '', '{"action":"ping"}');
      const own = { 'x-hub-signature-256': flowSignature(letter.body, 'f'.repeat(32)) };
      expect((await post(flow, letter.body)).status).toBe(432);
      expect((await post(flow, letter.body, own)).status).toBe(200);
      // The key of another account does not decrypt.
      expect((await post(flow, (await writeLetter(encryption.public_key ?? '', '{}')).body, own)).status).toBe(432);
    });

    it('that is encrypted for another key answers 421, so that the phone fetches ours', async () => {
      const flow = await newFlow();
      const { publicKey: stranger } = generateKeyPairSync('rsa', {
        modulusLength: 2048,
        publicKeyEncoding: { type: 'spki', format: 'pem' },
        privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      });
      const { response, text } = await askByLetter(flow, { action: 'ping' }, stranger);
      expect([response.status, text]).toEqual([421, '']);

      // A number for which Meta has a key that is not ours: the phone fetches it again, in vain.
      await journey.simulator.call('PUT', 'encryption/300000000000007', { public_key: stranger });
      const seen = await ask(flow, { action: 'ping', phone_number_id: '300000000000007' });
      expect(seen.exchanges.map(({ status }) => status)).toEqual([421, 421]);
      expect(seen.error).toBe('business-decryption-error');
    });

    it('to an address of no flow is 404, also of an inactive account', async () => {
      const letter = await writeLetter(encryption.public_key ?? '', '{"action":"ping"}');
      const flow = await newFlow();
      for (const token of [randomBytes(24).toString('base64url'), 'x', '%00', '..%2f', 'é'.repeat(30)]) {
        const url = `${journey.api.url}/whatsapp/flow-data/${token}`;
        const { status } = await post({ ...flow, url }, letter.body);
        expect([404, 400]).toContain(status);
      }
      expect((await fetch(flow.url)).status).toBe(405);
      const { body: account } = await journey.api.call<{ id: number }>('POST', '/accounts', {
        body: { name: 'Asleep', phone_number_id: '300000000000008', access_token: 'EAAasleep', is_active: false },
      });
      expect((await post(await newFlow({ accountId: account.id }), letter.body)).status).toBe(404);
    });

    it('that comes again, byte for byte, gets the same bytes, and its handler is asked once', async () => {
      const flow = await newFlow();
      handled(() => ({ screen: 'NEXT', data: { random: Math.random() } }));
      const letter = await writeLetter(
        encryption.public_key ?? '',
        JSON.stringify({ version: '3.0', action: 'INIT', flow_token: 'unused' }),
      );
      const texts = await Promise.all(Array.from({ length: 5 }, async () => (await post(flow, letter.body)).text()));
      texts.push(await (await post(flow, letter.body)).text());
      expect(new Set(texts).size).toBe(1);
      expect(stage.questions).toHaveLength(1);
    });

    it('never ends in a failure of ours, whatever comes', async () => {
      const flow = await newFlow();
      const own = encryption.public_key ?? '';
      const statuses = new Map<number, number>();
      const note = ({ status }: { status: number }): void => void statuses.set(status, (statuses.get(status) ?? 0) + 1);

      const bodies: Buffer[] = ['', '{', 'null', '[]', '{}', '"\\u0000"', '{"encrypted_aes_key":{}}'].map((text) =>
        Buffer.from(text),
      );
      for (let at = 0; at < 100; at += 1) {
        bodies.push(randomBytes(at * 7));
      }
      for (const body of bodies) {
        note(await post(flow, body));
        note(await post(flow, body, { 'content-type': 'application/x-strange', 'x-hub-signature-256': 'sha256=zz' }));
      }
      expect([...statuses.keys()].sort()).toEqual([421, 432]);

      // What can be decrypted, and makes no sense.
      const plain: (string | Uint8Array)[] = [
        '',
        'null',
        '[]',
        '"INIT"',
        '{',
        '{"action":"navigate"}',
        '{"action":{}}',
        '{"action":"INIT"}',
        '{"action":"INIT","flow_token":7}',
        '{"action":"INIT","flow_token":""}',
        '{"action":"INIT","flow_token":"a\\u0000b"}',
        '{"action":"INIT","flow_token":"\\ud800"}',
        JSON.stringify({ action: 'INIT', flow_token: 'x'.repeat(1_025) }),
        '{"action":"INIT","flow_token":"t","screen":7}',
        '{"action":"INIT","flow_token":"t","data":[]}',
        '{"action":"data_exchange","flow_token":"t","data":{"error":7}}',
        '{"action":"data_exchange","flow_token":"t","data":null,"screen":null,"version":null}',
        '{"__proto__":{"action":"ping"},"constructor":1,"action":"INIT","flow_token":"t","id":7,"flow":"x"}',
        `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`,
        randomBytes(500),
      ];
      for (const text of plain) {
        const letter = await writeLetter(own, text);
        const response = await post(flow, letter.body);
        expect([200, 427]).toContain(response.status);
        expect(typeof (await readAnswer(letter, await response.text()))).toBe('object');
      }
      const large = await post(flow, Buffer.alloc(1024 * 1024 + 1, 'a'));
      expect(large.status).toBe(413);
    });
  });

  describe('a handler in code', () => {
    it('gets Meta’s request and what we know of flow, account and person', async () => {
      const { body: contact } = await journey.api.call<{ id: number }>('POST', '/contacts', {
        body: { phone: '+919860000001', name: 'Asha' },
      });
      await journey.api.db.query(
        'insert into flow_tokens (account_id, token, meta_flow_id, contact_id, message_id) values ($1, $2, $3, $4, 1)',
        [journey.accountId, 'token-of-asha', '7001', contact.id],
      );
      const flow = await newFlow({ name: 'Book a table', metaFlowId: '7001' });
      await ask(flow, {
        action: 'data_exchange',
        screen: 'GUESTS',
        data: { guests: '4' },
        flow_token: 'token-of-asha',
        version: '4.0',
      });
      expect(stage.questions).toEqual([
        {
          handler: 'Book a table',
          id: expect.stringMatching(/^flow_[0-9a-f]{40}$/),
          version: '4.0',
          action: 'data_exchange',
          screen: 'GUESTS',
          data: { guests: '4' },
          flow_token: 'token-of-asha',
          flow_token_known: true,
          flow: { id: flow.id, name: 'Book a table', meta_flow_id: '7001', status: 'PUBLISHED' },
          account: { id: journey.accountId, name: 'Test', phone_number_id: PHONE_NUMBER_ID },
          contact: { id: contact.id, name: 'Asha', phone: '+919860000001', user_id: null },
        },
      ]);
    });

    it('is found by the name of the flow, else it is the default one', async () => {
      await ask(await newFlow({ name: 'toString' }), {});
      await ask(await newFlow({ name: 'Book a table' }), {});
      expect(stage.questions.map(({ handler }) => handler)).toEqual(['default', 'Book a table']);
    });

    it('ends the flow with the token, so that the answer finds its way back', async () => {
      handled(() => ({ screen: 'SUCCESS', data: { extension_message_response: { params: { booked: 'yes' } } } }));
      const seen = await ask(await newFlow(), { action: 'data_exchange', flow_token: 'some-token' });
      expect(seen.answer).toEqual({
        screen: 'SUCCESS',
        data: { extension_message_response: { params: { flow_token: 'some-token', booked: 'yes' } } },
      });
    });

    it('may say that a token is over: 427 with its message, which the phone can read', async () => {
      handled(() => ({ error_msg: 'The order has already been placed' }));
      const seen = await ask(await newFlow());
      expect(seen).toMatchObject({ status: 427, answer: { error_msg: 'The order has already been placed' } });
    });

    it.each([
      [
        'throws',
        () => {
          throw new Error('postgres://user:password@crm');
        },
      ],
      ['fails later', () => Promise.reject(new Error('no'))],
      [
        'throws no error',
        () => {
          throw 'text';
        },
      ],
      ['answers nothing', () => undefined],
      ['answers what is no screen', () => ({ data: {} })],
      ['answers what JSON cannot hold', () => ({ screen: 'A', data: { big: 1n } })],
      ['answers too much', () => ({ screen: 'A', data: { text: 'x'.repeat(2 * 1024 * 1024) } })],
    ])(
      'that %s leaves the person on the screen with an apology, and is counted with its flow',
      async (_how, answer) => {
        handled(answer as Stage['answer']);
        const flow = await newFlow();
        const seen = await ask(flow, { action: 'data_exchange', screen: 'GUESTS', data: { guests: '4' } });
        expect(seen).toMatchObject({ status: 200, error: null });
        expect(seen.answer).toEqual({ screen: 'GUESTS', data: { error_message: SORRY } });
        expect(JSON.stringify(seen.answer)).not.toContain('password');
        expect(await metric(`parley_flow_handler_failures_total{flow="${flow.id}"`)).toBe(1);

        const opened = await ask(flow, { action: 'INIT' });
        expect(opened.answer).toEqual({ data: { error_message: SORRY } });
      },
    );

    it('that takes too long is not waited for longer than Meta waits', async () => {
      handled(() => new Promise(() => undefined));
      const flow = await newFlow();
      const seen = await givingUpAfter(2_000, () => ask(flow, { action: 'data_exchange', screen: 'A' }));
      expect(seen.answer).toEqual({ screen: 'A', data: { error_message: SORRY } });
      expect(seen.ms).toBeGreaterThan(1_900);
      expect(seen.error).toBeNull();
      // It is told that nobody waits any longer.
      expect(stage.aborted).toBe(1);
    }, 30_000);

    it('keeps the process from starting when its module cannot be used', async () => {
      const path = join(folder, 'broken.mjs');
      writeFileSync(path, 'export const handlers = { a: 1 };');
      await expect(
        startTestApp({ databaseUrl: journey.api.databaseUrl, env: { FLOW_HANDLERS_MODULE: path } }),
      ).rejects.toThrow(/FLOW_HANDLERS_MODULE cannot be used[\s\S]*"a" must be a function/);
    });
  });

  describe('a flow_token', () => {
    it('that was given for another flow is over', async () => {
      const { body: contact } = await journey.api.call<{ id: number }>('POST', '/contacts', {
        body: { phone: '+919860000002' },
      });
      await journey.api.db.query(
        'insert into flow_tokens (account_id, token, meta_flow_id, contact_id, message_id) values ($1, $2, $3, $4, 1)',
        [journey.accountId, 'token-of-7002', '7002', contact.id],
      );
      const [right, wrong] = [await newFlow({ metaFlowId: '7002' }), await newFlow({ metaFlowId: '7003' })];
      expect(await ask(wrong, { flow_token: 'token-of-7002' })).toMatchObject({
        status: 427,
        answer: { error_msg: 'This form is no longer available.' },
      });
      expect(stage.questions).toEqual([]);
      expect(await ask(right, { flow_token: 'token-of-7002' })).toMatchObject({ status: 200 });
    });

    it('that is missing or no text is over', async () => {
      const flow = await newFlow();
      for (const payload of [
        { action: 'INIT' },
        { action: 'INIT', flow_token: 7 },
        { action: 'BACK', flow_token: '' },
      ]) {
        expect(await ask(flow, { payload })).toMatchObject({ status: 427 });
      }
    });

    it('that is none of ours is handed on without a person: previews and templates have such', async () => {
      await ask(await newFlow(), { flow_token: 'flows-builder-0815' });
      expect(stage.questions).toMatchObject([
        { flow_token: 'flows-builder-0815', flow_token_known: false, contact: null },
      ]);
    });

    it('that was given to several people is handed on without a person', async () => {
      const people = await Promise.all(
        ['+919860000011', '+919860000012'].map((phone) =>
          journey.api.call<{ id: number }>('POST', '/contacts', { body: { phone } }),
        ),
      );
      for (const { body } of people) {
        await journey.api.db.query(
          'insert into flow_tokens (account_id, token, contact_id, message_id) values ($1, $2, $3, 1)',
          [journey.accountId, 'autumn-survey', body.id],
        );
      }
      await ask(await newFlow(), { flow_token: 'autumn-survey' });
      expect(stage.questions).toMatchObject([{ flow_token_known: true, contact: null }]);
    });

    it('may come from another number of the WABA, with the key of that number', async () => {
      const { body: second } = await journey.api.call<{ id: number }>('POST', '/accounts', {
        body: { name: 'Second', phone_number_id: SECOND_PHONE, waba_id: WABA_ID, access_token: 'EAAsecondtoken' },
      });
      await call('POST', '/flows/encryption', second.id);
      const { body: contact } = await journey.api.call<{ id: number }>('POST', '/contacts', {
        accountId: second.id,
        body: { phone: '+919860000003', name: 'Ravi' },
      });
      await journey.api.db.query(
        'insert into flow_tokens (account_id, token, contact_id, message_id) values ($1, $2, $3, 1)',
        [second.id, 'token-of-ravi', contact.id],
      );
      const seen = await ask(await newFlow(), { phone_number_id: SECOND_PHONE, flow_token: 'token-of-ravi' });
      expect(seen).toMatchObject({ status: 200, error: null });
      expect(stage.questions).toMatchObject([
        { account: { id: second.id, phone_number_id: SECOND_PHONE }, contact: { id: contact.id, name: 'Ravi' } },
      ]);
    });
  });

  describe('a forward', () => {
    it('asks the address of the flow, signed with the secret of the flow', async () => {
      const flow = await forwarded();
      expect(flow.secret).toMatch(/^whsec_/);
      server.answerWith({ screen: 'TIMES', data: { times: ['19:00'] } });
      const seen = await ask(flow, { action: 'data_exchange', screen: 'GUESTS', data: { guests: '4' } });
      expect(seen).toMatchObject({ status: 200, answer: { screen: 'TIMES', data: { times: ['19:00'] } } });
      expect(stage.questions).toEqual([]);
      const [question] = server.questions;
      expect(question?.body).toMatchObject({
        action: 'data_exchange',
        screen: 'GUESTS',
        data: { guests: '4' },
        flow_token: 'unused',
        flow: { id: flow.id },
        account: { id: journey.accountId },
        contact: null,
      });
      expect(question && server.isSigned(question, flow.secret)).toBe(true);
      expect(question?.headers['webhook-id']).toBe(question?.body.id);
      const [row] = await journey.api.db.query<{ forward_secret: string }>(
        'select forward_secret from flows where id = $1',
        [flow.id],
      );
      expect(row?.forward_secret).toMatch(/^v1:/);
    });

    it('is set by PATCH, which shows the secret once', async () => {
      const flow = await newFlow();
      const patch = (url: string): Promise<{ status: number; body: Record<string, unknown> }> =>
        journey.api.call('PATCH', `/flows/${flow.id}`, { body: { forward_url: url } });
      const first = await patch(server.url);
      expect(first).toMatchObject({
        status: 200,
        body: { forward_url: server.url, has_forward_secret: true },
      });
      await ask(flow);
      const [question] = server.questions;
      expect(question && server.isSigned(question, String(first.body.forward_secret))).toBe(true);
      expect((await patch(`${server.url}?again`)).body.forward_secret).toBeNull();
      expect((await journey.api.call('GET', `/flows/${flow.id}`)).body.forward_secret).toBeNull();
      expect((await patch('ftp://x')).status).toBe(400);

      await patch('');
      await ask(flow);
      expect([server.questions.length, stage.questions.length]).toEqual([1, 1]);
    });

    it('gets another secret when it is asked for; the old one signs nothing any more', async () => {
      const flow = await forwarded();
      const { forward_secret: secret } = await call<{ forward_secret: string }>(
        'POST',
        `/flows/${flow.id}/rotate-forward-secret`,
      );
      await ask(flow);
      const [question] = server.questions;
      expect(question && [server.isSigned(question, flow.secret), server.isSigned(question, secret)]).toEqual([
        false,
        true,
      ]);
      const plain = await newFlow();
      const [none, missing] = await Promise.all(
        [plain.id, 999_999].map((id) => journey.api.call('POST', `/flows/${id}/rotate-forward-secret`)),
      );
      expect([none?.status, missing?.status]).toEqual([409, 404]);
    });

    it('may say that a token is over', async () => {
      const flow = await forwarded();
      server.answerWith({ error_msg: 'Booked already' }, 427);
      expect(await ask(flow)).toMatchObject({ status: 427, answer: { error_msg: 'Booked already' } });
      server.answering = (_question, response) => response.writeHead(427).end();
      expect(await ask(flow)).toMatchObject({
        status: 427,
        answer: { error_msg: 'This form is no longer available.' },
      });
    });

    it.each([
      ['500', (response: ServerResponse) => response.writeHead(500).end('postgres://x')],
      ['a redirect', (response: ServerResponse) => response.writeHead(302, { location: '/' }).end()],
      ['204', (response: ServerResponse) => response.writeHead(204).end()],
      ['no JSON', (response: ServerResponse) => response.writeHead(200).end('<html>')],
      ['no screen', (response: ServerResponse) => response.writeHead(200).end('{"data":{}}')],
      [
        'more than a megabyte',
        (response: ServerResponse) =>
          response.writeHead(200).end(JSON.stringify({ screen: 'A', data: { x: 'x'.repeat(1_100_000) } })),
      ],
      ['nothing, and hangs up', (response: ServerResponse) => response.destroy()],
    ])('that answers %s leaves the person on the screen', async (_what, answer) => {
      const flow = await forwarded();
      server.answering = (_question, response) => void answer(response);
      const seen = await ask(flow, { action: 'data_exchange', screen: 'GUESTS' });
      expect(seen).toMatchObject({ status: 200, error: null });
      expect(seen.answer).toEqual({ screen: 'GUESTS', data: { error_message: SORRY } });
      // Once: whoever holds the phone will press the button again.
      expect(server.questions).toHaveLength(1);
    });

    it('that nobody listens at leaves the person on the screen', async () => {
      const flow = await forwarded('http://127.0.0.1:9/');
      expect((await ask(flow, { action: 'data_exchange', screen: 'A' })).answer).toEqual({
        screen: 'A',
        data: { error_message: SORRY },
      });
    });

    it('that is slow, or drips, is given up before Meta gives up', async () => {
      const [slow, dripping] = [await forwarded(), await forwarded()];
      let drip: NodeJS.Timeout | undefined;
      server.answering = ({ flow }, response) => {
        if ((flow as { id: number }).id === dripping.id) {
          response.writeHead(200);
          drip = setInterval(() => response.write(' '), 200);
        }
      };
      const seen = await givingUpAfter(2_000, () =>
        Promise.all([slow, dripping].map((flow) => ask(flow, { action: 'data_exchange', screen: 'A' }))),
      );
      clearInterval(drip);
      for (const each of seen) {
        expect(each).toMatchObject({ status: 200, error: null, answer: { data: { error_message: SORRY } } });
        expect(each.ms).toBeGreaterThan(1_900);
      }
    }, 30_000);

    it('into a private network is not called unless that is allowed, and cannot be set', async () => {
      const flow = await forwarded();
      const guarded = await startTestApp({
        databaseUrl: journey.api.databaseUrl,
        env: { GRAPH_API_BASE_URL: journey.simulator.url },
      });
      try {
        const url = flow.url.replace(journey.api.url, guarded.url);
        const seen = await ask({ ...flow, url }, { action: 'data_exchange', screen: 'A' });
        expect(seen).toMatchObject({ status: 200, answer: { screen: 'A', data: { error_message: SORRY } } });
        expect(server.questions).toEqual([]);
        const forwards = guarded.app.get(FlowForwards, { strict: false });
        for (const address of [
          'http://example.com/',
          'https://127.0.0.1/',
          'https://[::1]/',
          'https://a:b@x.com/',
          'x',
        ]) {
          expect(() => forwards.checkUrl(address)).toThrow('forward_url');
        }
        expect(() => forwards.checkUrl('https://example.com/flows')).not.toThrow();
        expect(() => forwards.checkUrl('')).not.toThrow();
      } finally {
        await guarded.close();
      }
    });
  });

  describe('rotation', () => {
    const phoneKey = async (): Promise<Encryption> => {
      encryption = await call<Encryption>('GET', '/flows/encryption');
      return encryption;
    };

    it('keeps the old key working, for phones keep public keys', async () => {
      const flow = await newFlow();
      await ask(flow, { action: 'ping' });
      const old = encryption.public_key;
      const rotated = await call<Encryption>('POST', '/flows/encryption');
      expect(rotated).toMatchObject({ signature_status: 'VALID', overlapping_keys: 1 });
      expect(rotated.public_key).not.toBe(old);
      // The phone of the simulator still has the old key.
      expect((await ask(flow, { action: 'ping' })).exchanges.map(({ status }) => status)).toEqual([200]);
      expect((await askByLetter(flow, { action: 'ping' }, rotated.public_key ?? '')).response.status).toBe(200);

      // A day later the old key is of no use: the phone is sent to fetch the new one.
      await journey.api.db.query(
        `update flow_keys set retired_at = retired_at - interval '25 hours' where account_id = $1 and retired_at is not null`,
        [journey.accountId],
      );
      expect((await ask(flow, { action: 'ping' })).exchanges.map(({ status }) => status)).toEqual([421, 200]);
      await phoneKey();
    });

    it('whose answer is lost leaves both keys working, until Meta says which one it has', async () => {
      const flow = await newFlow();
      const old = encryption.public_key;
      await journey.simulator.call('PUT', `encryption/${PHONE_NUMBER_ID}`, { lose_answers: 1 });
      const { status, body } = await journey.api.call('POST', '/flows/encryption');
      expect([status, body.code]).toEqual([504, 'graph_outcome_unknown']);
      const { key } = await journey.simulator.call<{ key: { publicKey: string } }>(
        'PUT',
        `encryption/${PHONE_NUMBER_ID}`,
        {},
      );
      expect(key.publicKey).not.toBe(old);
      for (const publicKey of [old ?? '', key.publicKey]) {
        expect((await askByLetter(flow, { action: 'ping' }, publicKey)).response.status).toBe(200);
      }
      const settled = await phoneKey();
      expect(settled).toMatchObject({ signature_status: 'VALID', public_key: key.publicKey, overlapping_keys: 1 });
      expect(settled.uploaded_at).not.toBeNull();
    });

    it('by two at once ends with the key that Meta has', async () => {
      await Promise.all([call('POST', '/flows/encryption'), call('POST', '/flows/encryption')]);
      expect(await phoneKey()).toMatchObject({ signature_status: 'VALID' });
      const flow = await newFlow();
      expect((await askByLetter(flow, { action: 'ping' })).response.status).toBe(200);
    });
  });

  it('goes all the way: made, sent and answered', async () => {
    const { status, body: made } = await journey.api.call<{
      id: number;
      meta_flow_id: string;
      endpoint_uri: string;
      forward_secret: string;
    }>('POST', '/flows', {
      body: { name: 'All the way', categories: ['SURVEY'], is_dynamic: true, forward_url: server.url },
    });
    expect(status).toBe(201);
    // Meta was given our address; of this process only the path is known beforehand.
    const { pathname } = new URL(made.endpoint_uri);
    expect(pathname).toMatch(/^\/whatsapp\/flow-data\/[\w-]{32}$/);

    const sent = await journey.api.call('POST', `/flows/${made.id}/send?force=true`, {
      body: { phone: '+919860000021', cta: 'Begin', body: 'Three questions' },
    });
    expect(sent.status).toBe(200);
    const [token] = await journey.api.db.query<{ token: string; contact_id: number }>(
      'select token, contact_id from flow_tokens where account_id = $1 and meta_flow_id = $2',
      [journey.accountId, made.meta_flow_id],
    );
    const seen = await ask(
      { id: made.id, url: `${journey.api.url}${pathname}` },
      { action: 'INIT', flow_token: token?.token },
    );
    expect(seen).toMatchObject({ status: 200, answer: { screen: 'NEXT', data: {} } });
    const [question] = server.questions;
    expect(question?.body).toMatchObject({
      action: 'INIT',
      flow_token_known: true,
      flow: { id: made.id, name: 'All the way', meta_flow_id: made.meta_flow_id },
      contact: { id: token?.contact_id, phone: '+919860000021' },
    });
    expect(question && server.isSigned(question, made.forward_secret)).toBe(true);
  });

  it('answers a hundred phones at once', async () => {
    const flow = await newFlow();
    handled(({ data }) => ({ screen: 'NEXT', data: data as Record<string, unknown> }));
    const seen = await Promise.all(
      Array.from({ length: 100 }, (_none, at) => ask(flow, { action: 'data_exchange', screen: 'A', data: { at } })),
    );
    expect(seen.map(({ answer }) => answer)).toEqual(
      Array.from({ length: 100 }, (_none, at) => ({ screen: 'NEXT', data: { at } })),
    );
  });
});
