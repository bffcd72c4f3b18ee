import { describeError, ERROR_CODES, type ErrorCode } from '../common/app-error.js';
import { GRAPH_ADVICE } from '../meta/graph-advice.js';
import { documentedCodes, meaningOf, type GraphErrorKind, type GraphErrorScope } from '../meta/graph-error.js';
import { MANAGEMENT_ERRORS } from './meta-management-errors.js';
import { MESSAGING_ERRORS } from './meta-messaging-errors.js';
import { OUR_ERRORS } from './our-errors.js';

export const SOURCES = ['parley', 'meta'] as const;

/** An error that somebody may meet, and what it asks of them. */
export interface CatalogueEntry {
  source: (typeof SOURCES)[number];
  code: string;
  /** Of the HTTP answer; null for Meta's codes, whose answer depends on the operation. */
  status: number | null;
  title: string;
  meaning: string;
  kind: GraphErrorKind | null;
  scope: GraphErrorScope | null;
  /** What it does to a send and to a campaign. */
  effect: string | null;
  whatToDo: string;
  isRetryable: boolean;
}

/** What each kind does, as `campaigns/sending/decision.ts` decides it. */
const EFFECTS: Record<GraphErrorKind, string> = {
  throttled:
    'A single send fails with 429. A campaign sends the message again, and more slowly; no attempt is counted.',
  pair_limit: 'A single send fails. A campaign waits with this person, longer each time; others go on.',
  transient: 'A single send fails and may be repeated. A campaign tries again with growing pauses, five times at most.',
  recipient: 'The message fails for this person and is not tried again. A campaign goes on with the others.',
  template: 'The message fails. Campaigns with this template pause, and their recipients wait.',
  account: 'The message fails. All campaigns of the account pause, and their recipients wait.',
  ambiguous: 'The outcome is not known: the message is kept as unknown until a webhook tells, and is not sent again.',
};

const RETRYABLE: ReadonlySet<GraphErrorKind> = new Set(['throttled', 'pair_limit', 'transient']);
/** Meta uses the whole century for permissions. */
const PERMISSIONS = 200;

/** Everything that can go wrong by name: ours in alphabetical order, then Meta's by number. */
export const CATALOGUE: readonly CatalogueEntry[] = [
  ...[...ERROR_CODES].sort().map(ourEntry),
  ...documentedCodes().map((code) => metaEntry(code)),
];

/** The entry of a code, as a problem document (`code`) or Meta (`graph.code`, `graph.subcode`) tells it. */
export function findError(code: string): CatalogueEntry | null {
  const known = CATALOGUE.find((entry) => entry.code === code);
  if (known) {
    return known;
  }
  return /^2\d\d$/.test(code) ? { ...metaEntry(PERMISSIONS), code } : null;
}

function ourEntry(code: ErrorCode): CatalogueEntry {
  const { status, title } = describeError(code);
  return { source: 'parley', code, status, title, kind: null, scope: null, effect: null, ...OUR_ERRORS[code] };
}

function metaEntry(code: number): CatalogueEntry {
  const meaning = meaningOf(code);
  const text = textOf(code);
  if (!meaning || !text) {
    throw new Error(`No words for Meta's code ${code}`);
  }
  const { kind, scope } = meaning;
  return {
    source: 'meta',
    code: String(code),
    status: null,
    title: text.title,
    meaning: text.meaning,
    kind,
    scope,
    effect: EFFECTS[kind],
    whatToDo: GRAPH_ADVICE[code] ?? text.whatToDo ?? '',
    isRetryable: RETRYABLE.has(kind),
  };
}

function textOf(code: number): { title: string; meaning: string; whatToDo?: string } | undefined {
  return [MESSAGING_ERRORS, MANAGEMENT_ERRORS].flatMap((rows) => rows.filter((row) => row.code === code))[0];
}
