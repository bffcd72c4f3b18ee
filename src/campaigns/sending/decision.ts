import type { SendResponse } from '../../meta/api/messages.js';
import type { GraphResult } from '../../meta/graph-client.js';
import type { GraphFailure } from '../../meta/graph-error.js';

/** What an answer means for its recipient, and for the campaign. */
export type Decision =
  | { type: 'accept' }
  /** Provably not sent: pending again after the delay. */
  | { type: 'put_back'; delayMs: number; countsAsAttempt: boolean; pause: PauseScope | null; failure: GraphFailure }
  /** Final for this recipient. */
  | { type: 'fail'; failure: GraphFailure; isTemplateWide: boolean }
  /** Nobody knows whether Meta accepted it. */
  | { type: 'hold' };

/** What stops when Meta refuses more than one message. */
export type PauseScope = 'template' | 'account';

const MAX_ATTEMPTS = 5;
const THROTTLED_DELAY_MS = 1_000;
const MAX_PAIR_EXPONENT = 5;
const MAX_TRANSIENT_DELAY_MS = 60_000;

/** Codes that say the template or its parameters are wrong: a run of them will not end by itself. */
export const TEMPLATE_WIDE_CODES = [100, 131008, 131009, 131053, 132000, 132005, 132012, 132018, 135000];

/**
 * Source: reliability rules for Meta's error codes. 131056: 4^X seconds for this pair only; 130429 and other throttles say
 * nothing of the recipient, nor does maintenance of the number; account and template refusals put the recipient back and
 * pause what was refused. A code that nobody knows is final after one try, unless Meta calls it transient.
 * @param attempts before this one
 */
export function decide(answer: GraphResult<SendResponse>, attempts: number): Decision {
  if (answer.ok) {
    return { type: 'accept' };
  }
  const { failure } = answer;
  switch (failure.kind) {
    case 'throttled':
      return { type: 'put_back', delayMs: THROTTLED_DELAY_MS, countsAsAttempt: false, pause: null, failure };
    case 'pair_limit':
      return attempts >= MAX_PAIR_EXPONENT
        ? { type: 'fail', failure, isTemplateWide: false }
        : { type: 'put_back', delayMs: 4 ** attempts * 1_000, countsAsAttempt: true, pause: null, failure };
    case 'transient': {
      const countsAsAttempt = failure.code !== null && !isMaintenance(failure);
      return countsAsAttempt && attempts + 1 >= MAX_ATTEMPTS
        ? { type: 'fail', failure, isTemplateWide: false }
        : { type: 'put_back', delayMs: transientDelayMs(failure, attempts), countsAsAttempt, pause: null, failure };
    }
    case 'account':
      return { type: 'put_back', delayMs: 0, countsAsAttempt: false, pause: 'account', failure };
    case 'template':
      return { type: 'put_back', delayMs: 0, countsAsAttempt: false, pause: 'template', failure };
    case 'recipient':
      return {
        type: 'fail',
        failure,
        isTemplateWide: failure.code !== null && TEMPLATE_WIDE_CODES.includes(failure.code),
      };
    case 'ambiguous':
      return { type: 'hold' };
  }
}

/** The number as a whole waits, for as long as it is told to: that says nothing of who was to be sent to. */
function isMaintenance({ scope, retryAfterMs }: GraphFailure): boolean {
  return scope === 'number' && retryAfterMs !== null;
}

function transientDelayMs(failure: GraphFailure, attempts: number): number {
  const backoff = Math.min(MAX_TRANSIENT_DELAY_MS, 1_000 * 2 ** attempts);
  return failure.retryAfterMs ?? backoff * (0.5 + Math.random());
}
