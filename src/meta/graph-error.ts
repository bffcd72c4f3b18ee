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

/**
 * Whom a refusal is about: `request` for what is wrong with the call itself, `platform` for Meta as a whole. Within one kind
 * it says how far a pause reaches, and what a person must put right.
 */
export type GraphErrorScope = 'recipient' | 'template' | 'number' | 'account' | 'credentials' | 'platform' | 'request';

/** A failed Graph call as a value. */
export interface GraphFailure {
  kind: GraphErrorKind;
  scope: GraphErrorScope;
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
  /** False for a code that Meta's pages do not have: what is done about it is a guess. */
  isDocumented: boolean;
}

/** What a code means. */
interface Meaning {
  kind: GraphErrorKind;
  scope: GraphErrorScope;
}

/**
 * Every code that Meta documents (support/error-codes, the throughput and pair-rate pages, calling, groups, blocking,
 * signups); what is done about each follows the reliability rules, §2.4. Codes 200–299 are permissions, all of them.
 */
const TABLE: readonly (Meaning & { codes: readonly number[] })[] = [
  { kind: 'throttled', scope: 'number', codes: [130429] },
  { kind: 'throttled', scope: 'account', codes: [4, 80007, 80008] },
  { kind: 'pair_limit', scope: 'recipient', codes: [131056] },
  { kind: 'transient', scope: 'request', codes: [1, 131000, 131208] },
  { kind: 'transient', scope: 'platform', codes: [2, 131016] },
  // Maintenance: the number as a whole has to wait.
  { kind: 'transient', scope: 'number', codes: [131057, 133004, 2494100, 139102, 139103] },
  { kind: 'transient', scope: 'template', codes: [134101] },
  // Calls
  { kind: 'transient', scope: 'request', codes: [138002, 138004, 138005, 138019, 138020, 138022] },
  // 132069 (a throttled flow) and 131063 (no marketing from here) hold for every recipient of the template, and for no other.
  {
    kind: 'template',
    scope: 'template',
    codes: [131063, 132001, 132007, 132015, 132016, 132068, 132069, 134100, 134102],
  },
  { kind: 'account', scope: 'credentials', codes: [0, 3, 10, 190, 131005] },
  { kind: 'account', scope: 'account', codes: [368, 139000, 131031, 131042, 131064, 134011] },
  { kind: 'account', scope: 'number', codes: [33, 131037, 131045, 131048, 133010] },
  {
    kind: 'recipient',
    scope: 'recipient',
    codes: [
      130403, 130472, 130497, 131020, 131021, 131026, 131030, 131041, 131047, 131049, 131050, 131051, 131052, 131062,
      131201, 131207, 137000, 139100,
    ],
  },
  // Parameters: of this recipient, or of all of them.
  { kind: 'recipient', scope: 'template', codes: [132000, 132005, 132012, 132018] },
  // Wrong calls of every API: the message does not come about, and nothing else is said.
  {
    kind: 'recipient',
    scope: 'request',
    codes: [
      100, 131008, 131009, 131053, 131055, 131059, 131202, 131204, 131209, 131210, 131211, 131212, 131213, 131214,
      131215, 133000, 133005, 133006, 133008, 133009, 133015, 133016, 135000, 136024, 138000, 138001, 138003, 138006,
      138007, 138009, 138012, 138013, 138014, 138015, 138017, 138018, 138021, 138023, 139001, 139002, 139003, 139004,
      139006, 139101, 147001, 147002, 147003, 147004, 200005, 200006, 200007, 1752041, 2388012, 2388019, 2388039,
      2388040, 2388047, 2388072, 2388073, 2388091, 2388093, 2388103, 2388293, 2388299, 2494164, 2494165, 2494166,
      2494167, 2494168, 2494176, 2494177, 2494179, 2593079, 2593085, 2593107, 2593108, 2593109,
    ],
  },
];

const MEANINGS = new Map<number, Meaning>(TABLE.flatMap((row) => row.codes.map((code) => [code, row] as const)));

const PERMISSION: Meaning = { kind: 'account', scope: 'credentials' };

const RETRY_AFTER_MS = new Map([
  [131057, 60_000],
  [133004, 60_000],
  [2494100, 60_000],
  [134101, 600_000],
]);

/** What Meta's documentation says of a code; null when it has none such. */
export function meaningOf(code: number): Readonly<Meaning> | null {
  return MEANINGS.get(code) ?? (code >= 200 && code <= 299 ? PERMISSION : null);
}

/** Every code whose meaning is known, in ascending order. */
export function documentedCodes(): number[] {
  return [...MEANINGS.keys(), 200].sort((a, b) => a - b);
}

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
    return {
      ...ambiguous(details, httpStatus),
      kind: 'throttled',
      scope: 'number',
      title: 'Too many requests',
      retryable: true,
    };
  }
  if (!error || code === null) {
    return ambiguous(`Meta answered HTTP ${httpStatus} without saying whether the request was accepted.`, httpStatus);
  }
  const known = meaningOf(code);
  const { kind, scope } = believed(known, error.is_transient === true);
  const title = text(error.error_user_title) ?? text(error.message) ?? 'Meta refused the request';
  return {
    kind,
    scope,
    code,
    subcode: typeof error.error_subcode === 'number' ? error.error_subcode : null,
    title,
    details: text(error.error_data?.details) ?? text(error.error_user_msg) ?? text(error.message) ?? title,
    fbtraceId: text(error.fbtrace_id) ?? null,
    httpStatus,
    retryable: kind === 'throttled' || kind === 'pair_limit' || kind === 'transient',
    retryAfterMs: RETRY_AFTER_MS.get(code) ?? null,
    isDocumented: known !== null,
  };
}

/** The call was written, and no answer tells what became of it. */
export function ambiguous(details: string, httpStatus: number | null = null): GraphFailure {
  return {
    kind: 'ambiguous',
    scope: 'request',
    code: null,
    subcode: null,
    title: 'The outcome is not known',
    details,
    fbtraceId: null,
    httpStatus,
    retryable: false,
    retryAfterMs: null,
    isDocumented: true,
  };
}

/** The call never left: no connection was made, so nothing was sent. */
export function notSent(details: string): GraphFailure {
  return {
    ...ambiguous(details),
    kind: 'transient',
    scope: 'platform',
    title: 'Meta could not be reached',
    retryable: true,
  };
}

/** Meta's own word that it will pass counts, unless the code says that a person has to act first. */
function believed(known: Meaning | null, isTransient: boolean): Meaning {
  const meaning = known ?? { kind: 'recipient', scope: 'recipient' };
  return isTransient && meaning.kind === 'recipient' ? { kind: 'transient', scope: 'request' } : meaning;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, 1_000) : undefined;
}
