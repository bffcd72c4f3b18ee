import { decide } from '../../src/campaigns/sending/decision.js';
import { UnknownCodeWatch } from '../../src/campaigns/sending/unknown-code-watch.js';
import { failureOf, meaningOf, type GraphFailure } from '../../src/meta/graph-error.js';
import { META_ERRORS } from './meta-errors.js';

type Action = 'again' | 'wait_for_pair' | 'slow_down' | 'final' | 'pause_template' | 'pause_account';

/** What a class of Meta's means for a message of a campaign. */
const ACTION_OF_CLASS: Record<string, Action> = {
  'retryable-with-backoff': 'again',
  'fatal-for-recipient': 'final',
  'fatal-for-account': 'pause_account',
  'fatal-for-request': 'final',
};

/** Codes of which the class says too little or too much, each with the reason. */
const EXCEPTIONS: Record<number, Action> = {
  // The number is over its rate: that is nobody's failed attempt.
  4: 'slow_down',
  80007: 'slow_down',
  80008: 'slow_down',
  130429: 'slow_down',
  // Maintenance: nor is that.
  131057: 'slow_down',
  133004: 'slow_down',
  2494100: 'slow_down',
  // 4^n seconds for this pair.
  131056: 'wait_for_pair',
  // Nobody gets a message with this template: recipients stay, the template's campaigns pause.
  132001: 'pause_template',
  132007: 'pause_template',
  132015: 'pause_template',
  132016: 'pause_template',
  132068: 'pause_template',
  132069: 'pause_template',
  134100: 'pause_template',
  134102: 'pause_template',
  // No marketing from here: campaigns of utility templates go on.
  131063: 'pause_template',
  // Of calls and groups: nothing is wrong with messages.
  131214: 'final',
  131215: 'final',
  138000: 'final',
  138013: 'final',
  138014: 'final',
  138015: 'final',
  138018: 'final',
};

function failure(code: number, more: object = {}): GraphFailure {
  return failureOf(400, { error: { message: 'm', code, error_data: { details: 'why' }, ...more } });
}

function actionOn(code: number, more: object = {}): Action {
  const decision = decide({ ok: false, failure: failure(code, more) }, 0);
  switch (decision.type) {
    case 'fail':
      return 'final';
    case 'put_back':
      if (decision.pause) {
        return `pause_${decision.pause}`;
      }
      return !decision.countsAsAttempt ? 'slow_down' : code === 131056 ? 'wait_for_pair' : 'again';
    default:
      throw new Error(`${code}: ${decision.type}`);
  }
}

describe('Meta’s error codes', () => {
  it('are all here', () => expect(META_ERRORS.length).toBeGreaterThan(140));

  it.each(META_ERRORS)('%i (%s, %s) has its action', (code, errorClass) => {
    expect(actionOn(code)).toBe(EXCEPTIONS[code] ?? ACTION_OF_CLASS[errorClass]);
    expect(meaningOf(code)).not.toBeNull();
  });

  it.each([
    ['credentials', [0, 3, 10, 190, 200, 250, 299, 131005]],
    ['account', [368, 131031, 131042, 131064]],
    ['number', [131048, 131037, 133010, 130429, 131057, 133004]],
    ['template', [132001, 132015, 132016, 132000, 132012]],
    ['recipient', [131026, 131047, 131049, 131050, 131056]],
  ])('of scope %s: %j', (scope, codes) => {
    expect(codes.map((code) => failure(code).scope)).toEqual(codes.map(() => scope));
  });

  it.each([131008, 131009, 132000, 132012, 131053])(
    '%i may be wrong for everyone: it counts for the circuit',
    (code) => {
      expect(decide({ ok: false, failure: failure(code) }, 0)).toMatchObject({ type: 'fail', isTemplateWide: true });
    },
  );

  it.each([131026, 131047, 131049, 131050, 130472, 131021])('%i is the recipient’s alone', (code) => {
    expect(decide({ ok: false, failure: failure(code) }, 0)).toMatchObject({ type: 'fail', isTemplateWide: false });
  });

  it.each([131057, 133004, 2494100])('%i: the number waits for a minute, however often', (code) => {
    for (const attempts of [0, 4, 100]) {
      const decision = decide({ ok: false, failure: failure(code) }, attempts);
      expect(decision).toMatchObject({ type: 'put_back', delayMs: 60_000, countsAsAttempt: false });
    }
  });

  it('that nobody knows is final after one try, and counted apart', () => {
    expect(actionOn(999_999)).toBe('final');
    expect(failure(999_999).isDocumented).toBe(false);
    expect(failure(131026).isDocumented).toBe(true);
  });

  it('that Meta calls transient are tried again, unless a person has to act first', () => {
    expect([999_999, 131026, 100].map((code) => actionOn(code, { is_transient: true }))).toEqual([
      'again',
      'again',
      'again',
    ]);
    expect(actionOn(190, { is_transient: true })).toBe('pause_account');
  });
});

describe('the watch for codes that nobody knows', () => {
  const unknown = failure(999_999);
  const observe = (watch: UnknownCodeWatch, answers: (GraphFailure | null)[], campaignId = 1): number[] =>
    answers.flatMap((answer, index) => (watch.observe(campaignId, answer) ? [index] : []));
  const every = (n: number, count: number): (GraphFailure | null)[] =>
    Array.from({ length: count }, (_, index) => (index % n === 0 ? unknown : null));

  it('bears 2 % of 500', () => {
    expect(observe(new UnknownCodeWatch(), every(50, 5_000))).toEqual([]);
  });

  it('gives way at more', () => {
    const [first] = observe(new UnknownCodeWatch(), every(40, 5_000));
    expect(first).toBe(400);
  });

  it('need not see 500 when more than ten come at once', () => {
    expect(observe(new UnknownCodeWatch(), Array<GraphFailure>(12).fill(unknown))).toEqual([10]);
  });

  it('forgets those that are long past', () => {
    const watch = new UnknownCodeWatch();
    const ten = Array<GraphFailure>(10).fill(unknown);
    const good = Array<null>(500).fill(null);
    expect(observe(watch, [...ten, ...good, ...ten, ...good])).toEqual([]);
  });

  it('does not mind codes that Meta documents', () => {
    expect(observe(new UnknownCodeWatch(), Array<GraphFailure>(1_000).fill(failure(131026)))).toEqual([]);
  });

  it('looks at each campaign by itself, and begins anew once it has given way', () => {
    const watch = new UnknownCodeWatch();
    const ten = Array<GraphFailure>(10).fill(unknown);
    expect(observe(watch, ten, 1)).toEqual([]);
    expect(observe(watch, ten, 2)).toEqual([]);
    expect(observe(watch, [unknown], 1)).toEqual([0]);
    expect(observe(watch, ten, 1)).toEqual([]);
    watch.forget(2);
    expect(observe(watch, ten, 2)).toEqual([]);
  });
});
