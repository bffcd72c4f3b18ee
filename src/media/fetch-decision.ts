import type { GraphFailure } from '../meta/graph-error.js';
import type { KeptBytes } from './media.repository.js';

/** What an attempt to fetch a file came to. */
export type FetchOutcome =
  | { kind: 'stored'; bytes: KeptBytes }
  /** Worth another attempt, which is counted. */
  | { kind: 'again'; reason: string; maxAttempts?: number }
  /** Not the file's fault: it waits, and the attempt does not count. */
  | { kind: 'wait'; reason: string; forMs: number; isStoreDown?: boolean }
  /** It will never be had. */
  | { kind: 'gone'; reason: string };

/** What is to be done about it. `isFinal`: it is of no use to try again, whoever asks. */
export type FetchStep =
  | { kind: 'store'; bytes: KeptBytes }
  | { kind: 'postpone'; reason: string; afterMs: number; attempts: number }
  | { kind: 'fail'; reason: string; isFinal: boolean };

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** Pauses between counted attempts; after the last the file is given up. */
const PAUSES_MS = [2 * SECOND, 10 * SECOND, MINUTE, 10 * MINUTE, 30 * MINUTE, 60 * MINUTE, 180 * MINUTE];
export const MAX_ATTEMPTS = PAUSES_MS.length + 1;
/** A person has to act (a token, an account): looking more often helps nobody. */
const ACCOUNT_PAUSE_MS = 10 * MINUTE;
const THROTTLE_PAUSE_MS = 30 * SECOND;
const STORE_PAUSE_MS = MINUTE;

export const EXPIRED = 'Meta keeps a file that was received for 7 days, and they are over.';

/** What Meta's refusal to say where a file is means for it. */
export function outcomeOfFailure(failure: GraphFailure): FetchOutcome {
  const reason = failure.code === null ? failure.details : `Meta: ${failure.details} (${failure.code})`;
  switch (failure.kind) {
    case 'account':
      return { kind: 'wait', reason, forMs: ACCOUNT_PAUSE_MS };
    case 'throttled':
    case 'pair_limit':
      return { kind: 'wait', reason, forMs: failure.retryAfterMs ?? THROTTLE_PAUSE_MS };
    case 'transient':
    case 'ambiguous':
      return { kind: 'again', reason };
    case 'recipient':
    case 'template':
      // Meta does not know the id. It may be too early, so it is asked again, but not for hours.
      return { kind: 'again', reason, maxAttempts: 3 };
  }
}

/** No credentials, or switched off. */
export const NO_ACCOUNT: FetchOutcome = {
  kind: 'wait',
  reason: 'The account is inactive or has no usable access token.',
  forMs: ACCOUNT_PAUSE_MS,
};

/** The store is full, read-only or away. */
export function storeDown(reason: string): FetchOutcome {
  return { kind: 'wait', reason, forMs: STORE_PAUSE_MS, isStoreDown: true };
}

/**
 * Meta forgets a file after some days: from then on nothing is waited for. Not before it was asked once, for the clock of a
 * message that comes late (the history of a number) is not that of its file.
 */
export function ifExpired(outcome: FetchOutcome, expiresAt: Date | null, now = Date.now()): FetchOutcome {
  const isOver = expiresAt !== null && expiresAt.getTime() <= now;
  return isOver && (outcome.kind === 'wait' || outcome.kind === 'again') ? { kind: 'gone', reason: EXPIRED } : outcome;
}

/**
 * @param attempts counted ones so far, this one included when `counts`
 * @param counts an attempt that a person caused by looking does not count
 */
export function nextStep(outcome: FetchOutcome, attempts: number, counts: boolean, random = Math.random()): FetchStep {
  switch (outcome.kind) {
    case 'stored':
      return { kind: 'store', bytes: outcome.bytes };
    case 'gone':
      return { kind: 'fail', reason: outcome.reason, isFinal: true };
    case 'wait':
      return {
        kind: 'postpone',
        reason: outcome.reason,
        afterMs: spread(outcome.forMs, random),
        attempts: counts ? attempts - 1 : attempts,
      };
    case 'again': {
      const pause = PAUSES_MS[Math.max(attempts, 1) - 1];
      return pause === undefined || attempts >= (outcome.maxAttempts ?? MAX_ATTEMPTS)
        ? { kind: 'fail', reason: outcome.reason, isFinal: false }
        : { kind: 'postpone', reason: outcome.reason, afterMs: spread(pause, random), attempts };
    }
  }
}

/** 80 to 120 %, so that files that failed together do not come together. */
function spread(ms: number, random: number): number {
  return Math.round(ms * (0.8 + 0.4 * random));
}
