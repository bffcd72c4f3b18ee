import { generateKey } from '../../src/api-keys/api-key-format.js';
import { KeyGuesses } from '../../src/api-keys/key-guesses.js';
import type { Config } from '../../src/config/config.js';
import { ADMIN_KEY, startTestApp, type Answer, type TestApp } from '../support/app.js';

const LIMIT = 30;

describe('guessing keys', () => {
  let api: TestApp;

  const from = (ip: string, key: string | null): Promise<Answer> =>
    api.call('GET', '/accounts', { key, headers: { 'x-forwarded-for': ip } });
  const guessFrom = async (ip: string, count: number): Promise<string[]> => {
    const keys = Array.from({ length: count }, () => generateKey());
    const statuses = await Promise.all(keys.map(async (key) => (await from(ip, key)).status));
    expect(statuses).toEqual(keys.map(() => 401));
    return keys;
  };

  beforeAll(async () => {
    api = await startTestApp({ env: { TRUST_PROXY: '127.0.0.1' } });
  });
  afterAll(() => api.close());

  it('is answered with 429 after thirty different wrong keys, and says when to come back', async () => {
    await guessFrom('198.51.100.1', LIMIT);
    const answer = await from('198.51.100.1', generateKey());
    expect([answer.status, answer.body.code]).toEqual([429, 'rate_limited']);
    const seconds = Number(answer.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(60);
  });

  it('keeps out nobody with a good key, and nobody from elsewhere', async () => {
    await guessFrom('198.51.100.2', LIMIT);
    expect((await from('198.51.100.2', generateKey())).status).toBe(429);
    expect((await from('198.51.100.2', ADMIN_KEY)).status).toBe(200);
    expect((await from('198.51.100.3', generateKey())).status).toBe(401);
  });

  it('does not count the same wrong key again, nor requests without one', async () => {
    const [known] = await guessFrom('198.51.100.4', LIMIT);
    for (const key of [known as string, null, known as string]) {
      expect((await from('198.51.100.4', key)).status).toBe(401);
    }
    expect((await from('198.51.100.4', generateKey())).status).toBe(429);
  });

  it('takes a network of IPv6 for one source, and IPv4 within IPv6 for what it is', async () => {
    await guessFrom('2001:db8:1:2::1', LIMIT / 2);
    await guessFrom('2001:db8:1:2:ffff::9', LIMIT / 2);
    expect((await from('2001:db8:1:2:3::4', generateKey())).status).toBe(429);
    expect((await from('2001:db8:1:3::1', generateKey())).status).toBe(401);
    await guessFrom('::ffff:198.51.100.5', LIMIT);
    expect((await from('198.51.100.5', generateKey())).status).toBe(429);
    expect((await from('::ffff:198.51.100.6', generateKey())).status).toBe(401);
  });

  it('can be let alone by a setting', async () => {
    const lenient = await startTestApp({ databaseUrl: api.databaseUrl, env: { KEY_GUESSES_PER_MINUTE: '0' } });
    try {
      const keys = Array.from({ length: LIMIT + 5 }, () => generateKey());
      const answers = await Promise.all(keys.map((key) => lenient.call('GET', '/accounts', { key })));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
    } finally {
      await lenient.close();
    }
  });

  it('remembers the last ten thousand sources only', () => {
    const guesses = new KeyGuesses({ http: { keyGuessesPerMinute: 1 } } as Config);
    const isThrottled = (ip: string): boolean => {
      try {
        guesses.note(ip, generateKey());
        return false;
      } catch {
        return true;
      }
    };
    const ipOf = (n: number): string => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
    expect([isThrottled(ipOf(0)), isThrottled(ipOf(0))]).toEqual([false, true]);
    for (let n = 1; n < 10_000; n += 1) {
      guesses.note(ipOf(n), 'wrong');
    }
    expect(isThrottled(ipOf(0))).toBe(true);
    guesses.note(ipOf(10_000), 'wrong');
    expect(isThrottled(ipOf(0))).toBe(false);
    expect(isThrottled(ipOf(9_999))).toBe(true);
  });
});
