import type { GraphFailure } from '../meta/graph-error.js';
import type { ClaimedSync } from './catalog-syncs.repository.js';

/** What becomes of a sync when a page could not be read. */
export type SyncDecision =
  | { kind: 'wait'; waitS: number; attempts: number; pageSize: number }
  /** From the first page: Meta does not know the cursor any more. */
  | { kind: 'restart' }
  | { kind: 'fail' };

/** Meta gives no largest page; this many products are well below what an answer may be long. */
export const PAGE_SIZE = 500;
const MIN_PAGE_SIZE = 25;
const MAX_RESTARTS = 3;
export const MAX_ATTEMPTS = 5;
/** Meta: a cursor it no longer knows; begin without one. */
const BAD_CURSOR = 131_059;
const MIN_THROTTLED_WAIT_MS = 2_000;
const MAX_WAIT_S = 60;
/** Rates are per hour: who is refused for that long has another problem. */
const MAX_THROTTLED_MS = 6 * 3_600_000;

/** A page is read again after what passes; over a rate the sync waits as long as it takes, within reason. */
export function decide(
  sync: Pick<ClaimedSync, 'attempts' | 'restarts' | 'pageSize' | 'afterCursor' | 'startedAt'>,
  failure: GraphFailure,
  now: number = Date.now(),
): SyncDecision {
  if (failure.code === BAD_CURSOR) {
    return sync.afterCursor !== null && sync.restarts < MAX_RESTARTS ? { kind: 'restart' } : { kind: 'fail' };
  }
  const { attempts, pageSize } = sync;
  const elapsedMs = now - sync.startedAt.getTime();
  switch (failure.kind) {
    case 'throttled':
    case 'pair_limit':
      return elapsedMs > MAX_THROTTLED_MS
        ? { kind: 'fail' }
        : { kind: 'wait', waitS: throttledWaitS(elapsedMs, failure), attempts, pageSize };
    case 'transient':
    case 'ambiguous':
      // Meta asks for less ("reduce the amount of data", code 1), takes too long, or answers more than we read at once.
      return attempts + 1 >= MAX_ATTEMPTS
        ? { kind: 'fail' }
        : {
            kind: 'wait',
            waitS: 2 ** attempts,
            attempts: attempts + 1,
            pageSize: Math.max(MIN_PAGE_SIZE, Math.floor(pageSize / 2)),
          };
    case 'recipient':
    case 'template':
    case 'account':
      return { kind: 'fail' };
  }
}

/** Longer the longer it lasts, for each try counts too. */
function throttledWaitS(elapsedMs: number, { retryAfterMs }: GraphFailure): number {
  const waitMs = Math.max(MIN_THROTTLED_WAIT_MS, retryAfterMs ?? 0, elapsedMs / 4);
  return Math.min(MAX_WAIT_S, waitMs / 1_000);
}
