import fc from 'fast-check';
import { Config } from '../../src/config/config.js';
import { EnvironmentError } from '../../src/config/env.js';
import { MAX_ATTEMPTS, nextStep, outcomeOfFailure, storeDown } from '../../src/media/fetch-decision.js';
import { ambiguous, failureOf, notSent } from '../../src/meta/graph-error.js';

const failure = (code: number, http = 400): ReturnType<typeof failureOf> =>
  failureOf(http, { error: { code, message: 'x' } });

describe('after an attempt to fetch a file', () => {
  it('tries eight times over some hours, then gives up', () => {
    let waited = 0;
    let attempts = 0;
    for (;;) {
      attempts += 1;
      const step = nextStep({ kind: 'again', reason: 'HTTP 503' }, attempts, true, 0.5);
      if (step.kind !== 'postpone') {
        expect(step).toEqual({ kind: 'fail', reason: 'HTTP 503', isFinal: false });
        break;
      }
      expect(step.attempts).toBe(attempts);
      waited += step.afterMs;
    }
    expect(attempts).toBe(MAX_ATTEMPTS);
    expect(attempts).toBe(8);
    expect(waited / 3_600_000).toBeGreaterThan(4);
    expect(waited / 3_600_000).toBeLessThan(6);
  });

  it('does not count what is not the fault of the file', () => {
    for (const outcome of [outcomeOfFailure(failure(190)), outcomeOfFailure(failure(80007)), storeDown('full')]) {
      expect(nextStep(outcome, 1, true)).toMatchObject({ kind: 'postpone', attempts: 0 });
    }
    expect(nextStep(outcomeOfFailure(failure(190)), 8, true, 0.5)).toMatchObject({ afterMs: 600_000, attempts: 7 });
  });

  it('asks a few times only for a file that Meta does not know', () => {
    const unknown = outcomeOfFailure(failure(100));
    expect([1, 2, 3].map((attempts) => nextStep(unknown, attempts, true).kind)).toEqual([
      'postpone',
      'postpone',
      'fail',
    ]);
  });

  it('asks again when no answer came', () => {
    for (const lost of [ambiguous('HTTP 502'), notSent('ECONNREFUSED'), failure(2)]) {
      expect(nextStep(outcomeOfFailure(lost), 1, true)).toMatchObject({ kind: 'postpone', attempts: 1 });
    }
  });

  it('never counts looking as an attempt', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 7 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempts, random) => {
        for (const outcome of [storeDown('full'), { kind: 'again', reason: 'x' } as const]) {
          expect(nextStep(outcome, attempts, false, random)).toMatchObject({ kind: 'postpone', attempts });
        }
      }),
    );
  });
});

describe('the settings of the media store', () => {
  const base = {
    DATABASE_URL: 'postgres://x',
    REDIS_URL: 'redis://x',
    ENCRYPTION_KEYS: `k:${Buffer.alloc(32).toString('base64')}`,
  };
  const problems = (env: Record<string, string>): string[] => {
    try {
      Config.fromEnvironment({ ...base, ...env });
      return [];
    } catch (error) {
      return (error as EnvironmentError).problems;
    }
  };
  const KEYS = { S3_ACCESS_KEY_ID: 'a', S3_SECRET_ACCESS_KEY: 'b' };

  it('are a folder, unless there is a bucket', () => {
    expect(Config.fromEnvironment({ ...base, MEDIA_DIR: '/m' }).media).toEqual({ dir: '/m', s3: null });
    const { s3 } = Config.fromEnvironment({ ...base, ...KEYS, S3_BUCKET: 'm', S3_ENDPOINT: 'http://s3:9000' }).media;
    expect(s3).toMatchObject({ bucket: 'm', endpoint: 'http://s3:9000', region: 'us-east-1' });
    expect(s3?.credentials?.secretAccessKey.reveal()).toBe('b');
    expect(JSON.stringify(s3)).not.toContain('"b"');
    const amazon = Config.fromEnvironment({ ...base, S3_BUCKET: 'm', S3_REGION: 'eu-central-1' }).media.s3;
    expect(amazon).toMatchObject({ endpoint: null, credentials: null });
  });

  it.each<[Record<string, string>, string[]]>([
    [{ S3_ENDPOINT: 'http://s3' }, ['S3_BUCKET is required when S3_ENDPOINT is set']],
    [
      { S3_BUCKET: 'm', S3_ENDPOINT: 'http://s3' },
      ['S3_ACCESS_KEY_ID is required when S3_BUCKET is set', 'S3_SECRET_ACCESS_KEY is required when S3_BUCKET is set'],
    ],
    [
      { S3_BUCKET: 'm', S3_REGION: 'x', S3_ACCESS_KEY_ID: 'a' },
      ['S3_SECRET_ACCESS_KEY is required when S3_BUCKET is set'],
    ],
    [{ S3_BUCKET: 'm' }, ['S3_REGION is required when S3_ENDPOINT is not set']],
    [{ S3_BUCKET: 'm', S3_REGION: 'x' }, []],
  ])('are refused when they are half: %j', (env, expected) => expect(problems(env)).toEqual(expected));
});
