import { failureOf } from '../../src/meta/graph-error.js';
import { decide } from '../../src/campaigns/sending/decision.js';

const refusal = (code: number, more: Record<string, unknown> = {}): unknown => ({
  error: { message: `(#${code}) refused`, code, fbtrace_id: 'A1', error_data: { details: 'why' }, ...more },
});

describe('what a refusal of Meta means', () => {
  it.each([
    [130429, 'throttled'],
    [4, 'throttled'],
    [80007, 'throttled'],
    [131056, 'pair_limit'],
    [131000, 'transient'],
    [131016, 'transient'],
    [131057, 'transient'],
    [190, 'account'],
    [0, 'account'],
    [200, 'account'],
    [299, 'account'],
    [131031, 'account'],
    [131042, 'account'],
    [131048, 'account'],
    [368, 'account'],
    [132001, 'template'],
    [132015, 'template'],
    [132016, 'template'],
    [131026, 'recipient'],
    [131047, 'recipient'],
    [132000, 'recipient'],
    [999_999, 'recipient'],
  ])('%i is %s', (code, kind) => {
    expect(failureOf(400, refusal(code))).toMatchObject({ kind, code, details: 'why', fbtraceId: 'A1' });
  });

  it('goes by the code, not by the HTTP status', () => {
    expect(failureOf(500, refusal(131026)).kind).toBe('recipient');
    expect(failureOf(200, refusal(190)).kind).toBe('account');
  });

  it('believes Meta when it says that an unknown error is transient', () => {
    expect(failureOf(400, refusal(555, { is_transient: true })).kind).toBe('transient');
  });

  it.each([500, 502, 503, 504, 200])('is not known when there is no Graph body (HTTP %i)', (status) => {
    expect(failureOf(status, undefined)).toMatchObject({ kind: 'ambiguous', code: null, retryable: false });
  });

  it('of HTTP 429 is throttling, with or without a body', () => {
    expect(failureOf(429, undefined).kind).toBe('throttled');
  });
});

describe('what becomes of the recipient', () => {
  const decision = (code: number, attempts = 0): unknown =>
    decide({ ok: false, failure: failureOf(400, refusal(code)) }, attempts);

  it('is never sent to again when the outcome is not known', () => {
    expect(decide({ ok: false, failure: failureOf(502, undefined) }, 0)).toEqual({ type: 'hold' });
  });

  it('waits 4^n seconds after a pair limit', () => {
    expect([0, 1, 2].map((attempts) => (decision(131056, attempts) as { delayMs: number }).delayMs)).toEqual([
      1_000, 4_000, 16_000,
    ]);
  });

  it('costs no attempt when the number was throttled', () => {
    expect(decision(130429)).toMatchObject({ type: 'put_back', countsAsAttempt: false, pause: null });
  });

  it('is tried five times after transient errors', () => {
    expect(decision(131000, 3)).toMatchObject({ type: 'put_back', countsAsAttempt: true });
    expect(decision(131000, 4)).toMatchObject({ type: 'fail' });
  });

  it('goes back, and more stops, when the account or the template is refused', () => {
    expect(decision(190)).toMatchObject({ type: 'put_back', pause: 'account' });
    expect(decision(132015)).toMatchObject({ type: 'put_back', pause: 'template' });
  });
});
