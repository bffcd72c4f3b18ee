import { EndpointSettings } from '../../src/events/endpoints/endpoint-settings.js';
import { judge, parseRetryAfter, react, restFor } from '../../src/events/endpoints/schedule.js';

const settings = new EndpointSettings();
const outcome = (status: number | null, retryAfterMs: number | null = null) => ({ status, retryAfterMs });

describe('the schedule of deliveries', () => {
  it('is that of Standard Webhooks, and then it is over', () => {
    const pauses: (number | null)[] = [];
    let attempt = 0;
    for (;;) {
      const verdict = judge(outcome(500), attempt, settings, 0);
      attempt = verdict.attempt;
      if (verdict.status === 'exhausted') {
        break;
      }
      pauses.push(verdict.delayMs);
    }
    const [s, min, h] = [1_000, 60_000, 3_600_000];
    expect(pauses).toEqual([5 * s, 5 * min, 30 * min, 2 * h, 5 * h, 10 * h, 14 * h, 20 * h, 24 * h]);
    expect(attempt).toBe(10);
  });

  it('spreads what failed together, later and never earlier', () => {
    expect(judge(outcome(500), 0, settings, 0).delayMs).toBe(5_000);
    expect(judge(outcome(500), 0, settings, 1).delayMs).toBeCloseTo(5_500);
  });

  it.each([
    [200, 'delivered'],
    [204, 'delivered'],
    [299, 'delivered'],
    [300, 'failed'],
    [301, 'failed'],
    [304, 'failed'],
    [400, 'failed'],
    [404, 'failed'],
    [410, 'failed'],
    [500, 'failed'],
    [null, 'failed'],
  ] as const)('takes %s for %s', (status, expected) => {
    expect(judge(outcome(status), 0, settings).status).toBe(expected);
  });

  it('waits as long as it is asked to, within reason', () => {
    expect(judge(outcome(429, 60_000), 0, settings, 0).delayMs).toBe(60_000);
    expect(judge(outcome(429, 1_000), 0, settings, 0).delayMs).toBe(5_000);
    expect(judge(outcome(429, 10 * 3_600_000), 0, settings, 0).delayMs).toBe(3_600_000);
  });
});

describe('an endpoint', () => {
  it.each([429, 502, 504])('that answers %s is left alone', (status) => {
    expect(react(outcome(status), settings)).toEqual({ kind: 'rest', ms: 5_000 });
    expect(react(outcome(status, 20_000), settings)).toEqual({ kind: 'rest', ms: 20_000 });
    expect(react(outcome(status, 86_400_000), settings)).toEqual({ kind: 'rest', ms: 3_600_000 });
  });

  it('that answers 410 is gone; nothing else is', () => {
    expect(react(outcome(410), settings)).toEqual({ kind: 'gone' });
    expect([200, 301, 404, 500, 503, null].map((status) => react(outcome(status), settings).kind)).toEqual(
      Array(6).fill('none'),
    );
  });

  it('rests longer the longer it is down, up to a minute', () => {
    expect([0, 60_000, 200_000, 3_600_000].map((ms) => restFor(ms, settings))).toEqual([5_000, 12_000, 40_000, 60_000]);
  });
});

describe('Retry-After', () => {
  const now = Date.parse('2026-11-21T09:30:00Z');

  it.each([
    ['120', 120_000],
    ['Sat, 21 Nov 2026 09:31:00 GMT', 60_000],
    ['0', null],
    ['-5', null],
    ['Sat, 21 Nov 2026 09:29:00 GMT', null],
    ['soon', null],
    ['9'.repeat(40), null],
    [undefined, null],
  ])('%s is %s', (text, ms) => {
    expect(parseRetryAfter(text, now)).toBe(ms);
  });
});
