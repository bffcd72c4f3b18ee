/**
 * What a failed call means for whoever made it. A closed set: switch on it exhaustively.
 *
 * - `throttled`: the number, app or WABA is over its rate; the message was refused, nothing was sent
 * - `pair_limit`: too many messages to this one person; others are not affected
 * - `transient`: refused for a passing reason, or provably never sent (no connection)
 * - `recipient`: this message to this person will not succeed
 * - `template`: no message with this template will succeed now
 * - `account`: no message of this account will succeed until a person acts
 * - `ambiguous`: no answer that tells whether Meta accepted it; never send again on a guess
 */
export type GraphErrorKind =
  'throttled' | 'pair_limit' | 'transient' | 'recipient' | 'template' | 'account' | 'ambiguous';

/** A failed Graph call as a value. */
export interface GraphFailure {
  kind: GraphErrorKind;
  /** Meta's code, or null when there was no Graph body. */
  code: number | null;
  subcode: number | null;
  title: string;
  details: string;
  fbtraceId: string | null;
  httpStatus: number | null;
  /** True when the same call may succeed later without being changed. */
  retryable: boolean;
  /** How long to leave it alone, in ms, where Meta or its documentation says so. */
  retryAfterMs: number | null;
}

/** Source: Meta's error code table (support/error-codes) and the throughput and pair-rate pages; meanings as in reliability §2.4. */
const KINDS: Record<GraphErrorKind, readonly number[]> = {
  throttled: [4, 80007, 80008, 130429],
  pair_limit: [131056],
  transient: [1, 2, 131000, 131016, 131057, 133004, 134101, 2494100],
  template: [132001, 132007, 132015, 132016, 132068, 134100, 134102],
  account: [0, 3, 10, 33, 190, 368, 131005, 131031, 131037, 131042, 131045, 131048, 131063, 131064, 133010, 134011],
  recipient: [],
  ambiguous: [],
};

const KIND_OF_CODE = new Map(
  Object.entries(KINDS).flatMap(([kind, codes]) => codes.map((code) => [code, kind as GraphErrorKind] as const)),
);

const RETRY_AFTER_MS = new Map([
  [131057, 60_000],
  [133004, 60_000],
  [134101, 600_000],
]);

interface GraphErrorBody {
  message?: unknown;
  code?: unknown;
  error_subcode?: unknown;
  error_data?: { details?: unknown } | null;
  error_user_title?: unknown;
  error_user_msg?: unknown;
  is_transient?: unknown;
  fbtrace_id?: unknown;
}

/**
 * Reads an answer that is no success. A body with `error.code` is Meta's refusal, whatever the HTTP status; everything
 * else (an empty 502, HTML, a cut-off body) does not tell whether the message was accepted.
 * @param body the parsed JSON, or undefined when there was none
 */
export function failureOf(httpStatus: number, body: unknown): GraphFailure {
  const error = (body as { error?: GraphErrorBody } | undefined)?.error;
  const code = typeof error?.code === 'number' ? error.code : null;
  if ((!error || code === null) && httpStatus === 429) {
    const details = 'Meta answered HTTP 429: too many requests.';
    return { ...ambiguous(details, httpStatus), kind: 'throttled', title: 'Too many requests', retryable: true };
  }
  if (!error || code === null) {
    return ambiguous(`Meta answered HTTP ${httpStatus} without saying whether the request was accepted.`, httpStatus);
  }
  const kind = kindOf(code, error.is_transient === true);
  const title = text(error.error_user_title) ?? text(error.message) ?? 'Meta refused the request';
  return {
    kind,
    code,
    subcode: typeof error.error_subcode === 'number' ? error.error_subcode : null,
    title,
    details: text(error.error_data?.details) ?? text(error.error_user_msg) ?? text(error.message) ?? title,
    fbtraceId: text(error.fbtrace_id) ?? null,
    httpStatus,
    retryable: kind === 'throttled' || kind === 'pair_limit' || kind === 'transient',
    retryAfterMs: RETRY_AFTER_MS.get(code) ?? null,
  };
}

/** The call was written, and no answer tells what became of it. */
export function ambiguous(details: string, httpStatus: number | null = null): GraphFailure {
  return {
    kind: 'ambiguous',
    code: null,
    subcode: null,
    title: 'The outcome is not known',
    details,
    fbtraceId: null,
    httpStatus,
    retryable: false,
    retryAfterMs: null,
  };
}

/** The call never left: no connection was made, so nothing was sent. */
export function notSent(details: string): GraphFailure {
  return { ...ambiguous(details), kind: 'transient', title: 'Meta could not be reached', retryable: true };
}

function kindOf(code: number, isTransient: boolean): GraphErrorKind {
  const known = KIND_OF_CODE.get(code);
  if (known) {
    return known;
  }
  if (code >= 200 && code <= 299) {
    return 'account';
  }
  return isTransient ? 'transient' : 'recipient';
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, 1_000) : undefined;
}
