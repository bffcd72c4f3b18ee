import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { RateLimiter } from '../../src/http/rate-limiter.js';
import { eventually, startTestApp, type Answer, type TestApp } from '../support/app.js';
import { testRedisUrl } from '../support/database.js';

const LIMIT = 10;

type Problem = Record<string, unknown>;

/** What a limiter knows of Redis. */
interface Link {
  redis: { status: string; ping(): Promise<string> };
  /** Redis was late, and until then this process counts by itself. */
  aloneUntil: number;
}
const linkOf = (limiter: RateLimiter): Link => limiter as unknown as Link;
/** Redis has done everything that this limiter asked for, also what was too late for an answer. */
const hasAnswered = ({ redis }: Link): Promise<unknown> =>
  eventually(
    () => redis.ping().catch(() => null),
    (pong) => pong !== null,
  );

/** The limiter by itself, connected. */
async function connectedLimiter(redisUrl: string, rateLimitPerKey: number): Promise<RateLimiter> {
  const limiter = new RateLimiter(
    { http: { rateLimitPerKey }, redisUrl } as never,
    { debug: () => undefined } as never,
  );
  await eventually(
    () => Promise.resolve(linkOf(limiter).redis.status),
    (status) => status === 'ready',
  );
  return limiter;
}

/**
 * How many go through of so many at once, in one window: a round that took longer than that tells nothing, nor does one in
 * which Redis was too late for one of these apps.
 */
async function acceptedInOneSecond(round: () => Promise<number[]>, withRedis: TestApp[] = []): Promise<number> {
  const links = withRedis.map(({ app }) => linkOf(app.get(RateLimiter)));
  for (let attempt = 1; attempt <= 10; attempt += 1) {
    // Those of an earlier round are over.
    await Promise.all(links.map(hasAnswered));
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const begun = performance.now();
    const statuses = await round();
    if (performance.now() - begun < 900 && links.every(({ aloneUntil }) => aloneUntil < begun)) {
      expect(new Set(statuses)).toEqual(new Set([200, 429]));
      return statuses.filter((status) => status === 200).length;
    }
  }
  throw new Error('this machine is too slow for the question');
}

function quantileOf(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * share)] as number;
}

describe('the rate limit of a key', () => {
  let api: TestApp;
  let twin: TestApp;
  const keys: string[] = [];

  const ask = (app: TestApp, key: string, path = '/labels'): Promise<Answer<Problem>> =>
    app.call<Problem>('GET', path, { key });
  const burst = async (app: TestApp, key: string, count: number): Promise<Answer<Problem>[]> =>
    Promise.all(Array.from({ length: count }, () => ask(app, key)));
  const statusesOf = (answers: Answer<unknown>[]): number[] => answers.map(({ status }) => status);
  const nextKey = (): string => keys.shift() as string;

  beforeAll(async () => {
    api = await startTestApp({ env: { RATE_LIMIT_PER_KEY: String(LIMIT) } });
    twin = await startTestApp({ env: { RATE_LIMIT_PER_KEY: String(LIMIT) }, databaseUrl: api.databaseUrl });
    const unlimited = await startTestApp({ databaseUrl: api.databaseUrl });
    await unlimited.call('POST', '/accounts', { body: { name: 'A', phone_number_id: '1', access_token: 'EAAx' } });
    for (let index = 0; index < 8; index += 1) {
      const { body } = await unlimited.call<{ key: string }>('POST', '/api-keys', {
        body: { name: `limited ${index}`, scopes: ['inbox:read', 'contacts:read'] },
      });
      keys.push(body.key);
    }
    await unlimited.close();
  });
  afterAll(async () => {
    await twin.close();
    await api.close();
  });

  it('is told in the headers of every answer to a key: good, refused, missing or wrong', async () => {
    const key = nextKey();
    for (const [path, status] of [
      ['/labels', 200],
      ['/api-keys', 403],
      ['/contacts/999999', 404],
      ['/labels?limit=x', 400],
    ] as const) {
      const answer = await ask(api, key, path);
      expect(answer.status).toBe(status);
      expect(answer.headers.get('ratelimit-policy')).toBe(`"default";q=${LIMIT};w=1`);
      expect(answer.headers.get('ratelimit')).toMatch(/^"default";r=\d;t=1$/);
    }
  });

  it('is not told to those without a key, nor where none is needed', async () => {
    const answers = [await api.call('GET', '/labels', { key: null }), await api.call('GET', '/nothing-here')];
    const health = await fetch(`${api.url}/health/live`);
    for (const { headers } of [...answers, health]) {
      expect(headers.has('ratelimit')).toBe(false);
    }
  });

  it('refuses what is too much with 429 and says when to come back', async () => {
    const key = nextKey();
    const refused = (await burst(api, key, LIMIT * 4)).find(({ status }) => status === 429);
    expect(refused?.body).toMatchObject({ code: 'rate_limited', status: 429 });
    expect(refused?.headers.get('content-type')).toContain('application/problem+json');
    expect(refused?.headers.get('retry-after')).toBe('1');
    expect(refused?.headers.get('ratelimit')).toBe('"default";r=0;t=1');
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    // Redis may have counted the last of them late.
    await eventually(
      () => ask(api, key),
      ({ status }) => status === 200,
      5_000,
    );
  });

  it('counts down, and counts each key for itself', async () => {
    const [one, other] = [nextKey(), nextKey()];
    const left = async (key: string): Promise<number> =>
      Number(/r=(\d+)/.exec((await ask(api, key)).headers.get('ratelimit') ?? '')?.[1]);
    const accepted = await acceptedInOneSecond(async () => {
      const answers = await burst(api, one, LIMIT + 5);
      expect(await left(other)).toBe(LIMIT - 1);
      return statusesOf(answers);
    }, [api]);
    expect(accepted).toBe(LIMIT);
  });

  it('holds for all processes together', async () => {
    const key = nextKey();
    const accepted = await acceptedInOneSecond(async () => {
      const answers = await Promise.all([burst(api, key, LIMIT), burst(twin, key, LIMIT)]);
      return statusesOf(answers.flat());
    }, [api, twin]);
    expect(accepted).toBe(LIMIT);
  });

  it('is off when it is 0', async () => {
    const unlimited = await startTestApp({ databaseUrl: api.databaseUrl });
    const answers = await burst(unlimited, nextKey(), LIMIT * 3);
    await unlimited.close();
    expect(new Set(statusesOf(answers))).toEqual(new Set([200]));
    expect(answers[0]?.headers.has('ratelimit-policy')).toBe(false);
  });

  describe('without Redis', () => {
    let hanging: Server;
    const sockets = new Set<Socket>();

    beforeAll(async () => {
      hanging = createServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => undefined);
      });
      await new Promise<void>((resolve) => hanging.listen(0, '127.0.0.1', resolve));
    });
    afterAll(async () => {
      sockets.forEach((socket) => socket.destroy());
      await new Promise((resolve) => hanging.close(resolve));
    });

    it.each([
      ['away', () => 'redis://127.0.0.1:9'],
      ['accepting and never answering', () => `redis://127.0.0.1:${(hanging.address() as AddressInfo).port}`],
    ])('is each process’s own, and costs no request its answer: Redis is %s', async (_how, redisUrl) => {
      const cutOff = await startTestApp({
        env: { RATE_LIMIT_PER_KEY: String(LIMIT), REDIS_URL: redisUrl() },
        databaseUrl: api.databaseUrl,
      });
      try {
        const key = nextKey();
        const begun = performance.now();
        const accepted = await acceptedInOneSecond(async () => statusesOf(await burst(cutOff, key, LIMIT + 5)));
        expect(accepted).toBe(LIMIT);
        expect((await burst(cutOff, key, 1))[0]?.headers.get('ratelimit-policy')).toBe(`"default";q=${LIMIT};w=1`);
        expect(performance.now() - begun).toBeLessThan(30_000);
      } finally {
        await cutOff.close();
      }
    });
  });

  it('does not make every request wait for a Redis that hangs', async () => {
    const server = createServer((socket) => void socket.on('error', () => undefined));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const limiter = await connectedLimiter(`redis://127.0.0.1:${(server.address() as AddressInfo).port}`, 1_000);
    const begun = performance.now();
    for (let index = 0; index < 200; index += 1) {
      await limiter.admit(1, { header: () => undefined });
    }
    const ms = performance.now() - begun;
    limiter.onApplicationShutdown();
    server.close();
    // One waits, the others know. All of them waiting would take ten seconds.
    expect(ms).toBeGreaterThan(45);
    expect(ms).toBeLessThan(5_000);
  });

  it('costs little', async () => {
    const limiter = await connectedLimiter(testRedisUrl(), 1_000_000);
    const admit = (): Promise<void> => limiter.admit(999_999, { header: () => undefined });
    const link = linkOf(limiter);
    const times: number[] = [];
    const pings: number[] = [];
    while (times.length < 2_000) {
      const begun = performance.now();
      await link.redis.ping().catch(() => undefined);
      const between = performance.now();
      await admit();
      // While Redis is too late, there is nothing to measure.
      if (link.aloneUntil < begun) {
        pings.push(between - begun);
        times.push(performance.now() - between);
      }
    }
    limiter.onApplicationShutdown();
    const [p50, p99, ping] = [quantileOf(times, 0.5), quantileOf(times, 0.99), quantileOf(pings, 0.5)];
    if (process.env.SHOW_FIGURES) {
      console.log(
        `rate limiter: p50 ${p50.toFixed(3)} ms, p99 ${p99.toFixed(3)} ms; a ping: p50 ${ping.toFixed(3)} ms`,
      );
    }
    // On a busy machine the way to Redis and back alone may take some.
    expect(p50 - ping).toBeLessThan(5);
  });
});
