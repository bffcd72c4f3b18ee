import { KNOWN_ERRORS } from './error-codes.js';

/** What a recipient `+91 9999 CCCCCC` makes happen. */
export type Magic =
  | { readonly kind: 'refuse'; readonly code: number }
  | { readonly kind: 'fail_later'; readonly code: number }
  | { readonly kind: 'special'; readonly name: SpecialName };

/** The specials, in one table: this is what the page at `/` prints. */
export const SPECIALS = {
  '000500': ['empty_500', 'answers HTTP 500 without a body; not accepted'],
  '000502': ['html_502', 'answers HTTP 502 with HTML; not accepted'],
  '000503': ['html_502_accepted', 'answers HTTP 502 with HTML, but the message was accepted'],
  '000504': ['unanswered_accepted', 'never answered, but accepted (the connection stays open until faults.hang_ms)'],
  '000505': ['unanswered', 'never answered and not accepted'],
  '000506': ['garbage_200', 'answers HTTP 200 with a body that is not JSON; accepted'],
  '000507': ['reset', 'the connection is reset; not accepted'],
  '000600': ['never_read', 'sent and delivered, never read'],
  '000601': ['read_only', 'sent, then read without a delivered'],
  '000602': ['failed_after_delivered', 'sent, delivered, then failed with 131026'],
  '000603': ['sent_only', 'sent and nothing more'],
  '000604': ['no_status', 'accepted, and no status ever comes'],
  '000605': ['held', 'message_status is held_for_quality_assessment, then sent, delivered and read'],
  '000606': ['twice', 'every status comes twice'],
  '000607': ['backwards', 'read, then delivered, then sent'],
} as const;

export type SpecialName = (typeof SPECIALS)[keyof typeof SPECIALS][0];

/** Codes that Meta reports only after it accepted the message. README of Meta's facts, open point 15. */
export const FAIL_LATER_CODES: ReadonlySet<number> = new Set([131026, 131047, 131049, 131050, 130472, 131053, 137000]);

const MAGIC_PREFIX = '919999';
const MAGIC_LENGTH = 12;

/** What the recipient's digits ask for; undefined for an ordinary recipient. */
export function magicOf(waId: string): Magic | undefined {
  if (waId.length !== MAGIC_LENGTH || !waId.startsWith(MAGIC_PREFIX)) {
    return undefined;
  }
  const digits = waId.slice(MAGIC_PREFIX.length);
  if (Object.hasOwn(SPECIALS, digits)) {
    return { kind: 'special', name: SPECIALS[digits as keyof typeof SPECIALS][0] };
  }
  const code = Number(digits);
  if (FAIL_LATER_CODES.has(code)) {
    return { kind: 'fail_later', code };
  }
  return KNOWN_ERRORS.has(code) ? { kind: 'refuse', code } : undefined;
}

/** One line per magic number, for people. */
export function magicTable(): string {
  const number = (code: number): string => `+91 9999 ${String(code).padStart(6, '0')}`;
  const specials = Object.entries(SPECIALS).map(([digits, [, text]]) => `  +91 9999 ${digits}  ${text}`);
  const errors = [...KNOWN_ERRORS.values()];
  const later = errors.filter(({ code }) => FAIL_LATER_CODES.has(code));
  const refused = errors.filter(({ code }) => !FAIL_LATER_CODES.has(code));
  return [
    'Accepted, then a failed status:',
    ...later.map(({ code, title }) => `  ${number(code)}  ${title}`),
    '',
    'Special:',
    ...specials.sort(),
    '',
    'Refused at once with this code:',
    ...refused.map(({ code, http, title }) => `  ${number(code)}  HTTP ${http}  ${title}`),
  ].join('\n');
}
