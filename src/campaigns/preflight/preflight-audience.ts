import type { MappedRecipient } from '../recipient-fields.js';

/** Reasons for which somebody is skipped, in the order they are looked at. */
export const SKIP_REASONS = [
  'opted_out',
  'blocked',
  'invalid',
  'duplicate',
  'cooldown',
  'frequency_cap',
  'missing_variable',
  'other',
] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

/** People who are alike as far as a preflight goes, and how many they are. */
export interface PeopleGroup {
  /** Why they get nothing: a reason to skip them, `done` when they were handled already; null: they are to be sent to. */
  reason: string | null;
  /** A phone of the group, where they have one. */
  phone: string | null;
  /** The country of their user ids, where they have no phone. */
  userCountry: string | null;
  hasUserId: boolean;
  /** Words in their names: 0, 1, or 2 for more. */
  nameWords: number;
  /** For each field that was asked for, `1` when their columns have a value of it, `0` when not. */
  filled: string;
  count: number;
}

/** One template that goes out, and to which part of the people. */
export interface PreflightMessage {
  variantId: number | null;
  share: number;
  /** By mapping keys, what a recipient has no value for; and whether it is sent all the same, with what stands in. */
  judge(recipient: MappedRecipient): { missing: readonly string[]; isSent: boolean };
}

/** How many of a country get which message. */
export interface CountryCount<M = PreflightMessage> {
  country: string | null;
  message: M;
  count: number;
}

export interface AudienceSummary<M = PreflightMessage> {
  size: number;
  /** Sent, failed or unknown: of a campaign that ran already. */
  done: number;
  willBeSent: number;
  skipped: Record<SkipReason, number>;
  /** Before missing values are looked at. */
  candidates: number;
  /** How many lack each variable, whether or not something stands in for it; the commonest first. */
  missing: { name: string; count: number }[];
  /** Those who are to be sent to. */
  byCountry: CountryCount<M>[];
  /** Those of them who have no phone. */
  withoutPhone: number;
}

/**
 * What becomes of an audience that was counted in groups. A message is asked about one stand-in for each group, so that the
 * rules for missing values are those of sending.
 */
export function summarise<M extends PreflightMessage>(
  groups: readonly PeopleGroup[],
  fields: readonly string[],
  messages: readonly M[],
  countryOf: (phone: string) => string | null,
): AudienceSummary<M> {
  const skipped = Object.fromEntries(SKIP_REASONS.map((reason) => [reason, 0])) as Record<SkipReason, number>;
  const missing = new Map<string, number>();
  const byCountry = new Map<string, CountryCount<M>>();
  const verdicts = new Map<string, ReturnType<PreflightMessage['judge']>[]>();
  let [size, done, candidates, willBeSent, withoutPhone] = [0, 0, 0, 0, 0];
  for (const group of groups) {
    const { reason, count } = group;
    size += count;
    if (reason === 'done') {
      done += count;
      continue;
    }
    if (reason !== null) {
      skipped[isSkipReason(reason) ? reason : 'other'] += count;
      continue;
    }
    candidates += count;
    const country = group.phone === null ? group.userCountry : countryOf(group.phone);
    const key = `${group.phone === null}${group.hasUserId}${group.nameWords}${group.filled}`;
    const verdict = verdicts.get(key) ?? messages.map((message) => message.judge(standIn(group, fields)));
    verdicts.set(key, verdict);
    messages.forEach((message, index) => {
      const part = count * message.share;
      const judged = verdict[index];
      judged?.missing.forEach((name) => missing.set(name, (missing.get(name) ?? 0) + part));
      if (!judged?.isSent) {
        return;
      }
      willBeSent += part;
      withoutPhone += group.phone === null ? part : 0;
      const place = `${country} ${index}`;
      const before = byCountry.get(place);
      byCountry.set(place, { country, message, count: (before?.count ?? 0) + part });
    });
  }
  willBeSent = messages.length === 0 ? candidates : Math.round(willBeSent);
  skipped.missing_variable += candidates - willBeSent;
  return {
    size,
    done,
    candidates,
    willBeSent,
    skipped,
    missing: [...missing]
      .map(([name, count]) => ({ name, count: Math.round(count) }))
      .sort((a, b) => b.count - a.count || a.name.localeCompare(b.name)),
    byCountry: [...byCountry.values()].map((each) => ({ ...each, count: Math.round(each.count) })),
    withoutPhone: Math.round(withoutPhone),
  };
}

function isSkipReason(reason: string): reason is SkipReason {
  return (SKIP_REASONS as readonly string[]).includes(reason);
}

/** Somebody who has what the people of the group have, whatever it is. */
function standIn(group: PeopleGroup, fields: readonly string[]): MappedRecipient {
  return {
    phone: group.phone,
    userId: group.hasUserId ? 'XX.1' : null,
    name: ['', 'A', 'A B'][group.nameWords] ?? '',
    parameters: Object.fromEntries(
      fields.flatMap((field, index) => (group.filled[index] === '1' ? [[field, '1']] : [])),
    ),
  };
}
