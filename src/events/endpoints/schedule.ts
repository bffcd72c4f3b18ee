import type { EndpointSettings } from './endpoint-settings.js';
import type { DeliveryStatus } from './endpoint.js';

/** What a call came to. */
export interface CallOutcome {
  /** Null: no complete answer in time. */
  status: number | null;
  retryAfterMs: number | null;
}

/** What becomes of a delivery. */
export interface Verdict {
  status: Extract<DeliveryStatus, 'delivered' | 'failed' | 'exhausted'>;
  /** Attempts of the schedule that were made. */
  attempt: number;
  /** Until the next; null: none. */
  delayMs: number | null;
}

/** What becomes of the endpoint. */
export type Reaction = { kind: 'none' } | { kind: 'gone' } | { kind: 'rest'; ms: number };

type Patience = Pick<EndpointSettings, 'scheduleMs' | 'jitter' | 'retryAfterMaxMs' | 'restMinMs' | 'restMaxMs'>;

/** "Slow down", said by the endpoint or by what stands before it. Source: Standard Webhooks. */
const THROTTLING = [429, 502, 504];
const GONE = 410;

/** 2xx and nothing else: a redirect is an address that is wrong. */
export function isSuccess({ status }: CallOutcome): boolean {
  return status !== null && status >= 200 && status < 300;
}

/**
 * @param attempt how many of the schedule were made before this one
 * @param random from 0 to 1
 */
export function judge(outcome: CallOutcome, attempt: number, settings: Patience, random = Math.random()): Verdict {
  const made = attempt + 1;
  if (isSuccess(outcome)) {
    return { status: 'delivered', attempt: made, delayMs: null };
  }
  const pause = settings.scheduleMs[made];
  if (pause === undefined) {
    return { status: 'exhausted', attempt: made, delayMs: null };
  }
  const delayMs = Math.max(pause * (1 + settings.jitter * random), heeded(outcome, settings) ?? 0);
  return { status: 'failed', attempt: made, delayMs };
}

/** What an answer says of the endpoint as a whole. */
export function react(outcome: CallOutcome, settings: Patience): Reaction {
  if (outcome.status === GONE) {
    return { kind: 'gone' };
  }
  if (outcome.status !== null && THROTTLING.includes(outcome.status)) {
    return { kind: 'rest', ms: heeded(outcome, settings) ?? settings.restMinMs };
  }
  return { kind: 'none' };
}

/** How long an endpoint that is down is left alone: the longer it fails, the longer. */
export function restFor(failingForMs: number, { restMinMs, restMaxMs }: Patience): number {
  return Math.min(Math.max(failingForMs / 5, restMinMs), restMaxMs);
}

/** Seconds or a date, as HTTP has it; null when it is neither, or past. */
export function parseRetryAfter(text: string | undefined, now: number): number | null {
  if (text === undefined) {
    return null;
  }
  const ms = /^\d{1,9}$/.test(text.trim()) ? Number(text) * 1_000 : Date.parse(text) - now;
  return Number.isFinite(ms) && ms > 0 ? ms : null;
}

function heeded({ retryAfterMs }: CallOutcome, { retryAfterMaxMs }: Patience): number | null {
  return retryAfterMs === null ? null : Math.min(retryAfterMs, retryAfterMaxMs);
}
