import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { guardedLookup, type Resolve } from '../../src/common/guarded-agent.js';
import { Secret } from '../../src/common/secret.js';
import type { Config } from '../../src/config/config.js';
import { EndpointCaller } from '../../src/events/endpoints/endpoint-caller.js';
import { EndpointSettings } from '../../src/events/endpoints/endpoint-settings.js';

const SECRET = new Secret(`whsec_${Buffer.alloc(32, 'parley').toString('base64')}`);
const NEVER = new AbortController().signal;

/** Reasons that the log gets, which nobody outside does. */
let reasons: string[] = [];
const logger = { debug: (line: { reason: string }) => void reasons.push(line.reason) } as unknown as Logger;

const callerOf = (options: Partial<EndpointSettings>, allowPrivateTargets = false): EndpointCaller =>
  new EndpointCaller({ allowPrivateTargets } as Config, Object.assign(new EndpointSettings(), options), logger);
const ask = async (caller: EndpointCaller, url: string): Promise<Record<string, unknown> | undefined> => {
  const result = await caller.call({ url, secrets: [SECRET], messageId: 'evt_1', body: '{}' }, NEVER);
  await caller.onApplicationShutdown();
  const { at: _at, request_headers: _headers, ...shown } = result!.record;
  return shown;
};
const NO_ANSWER = { status: null, error: 'no_answer', ms: null, body: '' };

describe('a call of an endpoint', () => {
  let server: Server;
  let port: number;
  let asked: (string | undefined)[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(request.url);
      if (request.url === '/never') {
        return;
      }
      response.end(`${SECRET.reveal()} and EAAabcdefghijklmnop`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  beforeEach(() => {
    reasons = [];
    asked = [];
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it.each([
    ['127.0.0.1', 4],
    ['10.0.0.1', 4],
    ['169.254.169.254', 4],
    ['100.64.0.1', 4],
    ['::1', 6],
    ['::ffff:127.0.0.1', 6],
    ['64:ff9b::7f00:1', 6],
    ['fd00::1', 6],
  ])('is not made where a name leads to %s', async (address, family) => {
    const caller = callerOf({ resolve: (_name, callback) => callback(null, [{ address, family }]) });
    expect(await ask(caller, 'https://inside.example/')).toEqual(NO_ANSWER);
    expect(reasons).toEqual([expect.stringContaining('not called')]);
  });

  it('is not made to a name that led outside when it was looked at and leads inside now', async () => {
    const answers = ['93.184.215.14', '127.0.0.1'];
    const resolve: Resolve = (_name, callback) => callback(null, [{ address: answers.shift() ?? '', family: 4 }]);
    const looked = await new Promise((done) =>
      guardedLookup(resolve)('rebound.example', {}, (...found) => done(found)),
    );
    expect(looked).toEqual([null, '93.184.215.14', 4]);
    expect(await ask(callerOf({ resolve }), 'https://rebound.example/')).toEqual(NO_ANSWER);
    expect(reasons).toEqual([expect.stringContaining('not called')]);
    expect(answers).toEqual([]);
  });

  it('looks the same, whatever was wrong: blocked, refused, unknown or silent', async () => {
    const unknown = callerOf({ resolve: (_name, callback) => callback(new Error('ENOTFOUND'), []) });
    expect([
      await ask(callerOf({}), `https://127.0.0.1:${port}/`),
      await ask(callerOf({}, true), 'http://127.0.0.1:9/'),
      await ask(unknown, 'https://nowhere.example/'),
      await ask(callerOf({ timeoutMs: 200 }, true), `http://127.0.0.1:${port}/never`),
    ]).toEqual([NO_ANSWER, NO_ANSWER, NO_ANSWER, NO_ANSWER]);
    // On a machine that stalls the silent one may be given up before it was asked.
    expect(asked.filter((url) => url !== '/never')).toEqual([]);
    expect(new Set(reasons).size).toBe(4);
  });

  it('keeps no secrets of what it is answered', async () => {
    const shown = await ask(callerOf({}, true), `http://127.0.0.1:${port}/`);
    expect(shown).toMatchObject({ status: 200, body: 'whsec_[secret] and EAA[secret]' });
  });

  it('that we break off says nothing of the endpoint', async () => {
    const caller = callerOf({}, true);
    const ending = new AbortController();
    const call = { url: `http://127.0.0.1:${port}/never`, secrets: [SECRET], messageId: 'evt_1', body: '{}' };
    const result = caller.call(call, ending.signal);
    ending.abort();
    expect(await result).toBeNull();
    await caller.onApplicationShutdown();
  });
});
