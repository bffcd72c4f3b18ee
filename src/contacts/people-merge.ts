import type { Acquaintance } from './people-ports.js';

/** Of a contact, all that has to be brought together when it becomes one with another. */
export interface MergedContact {
  id: number;
  phone: string | null;
  name: string;
  email: string;
  notes: string;
  optedOut: boolean;
  optedOutAt: Date | null;
  optedOutSource: string | null;
  consentChangedAt: Date | null;
  subscribedViaSignupId: number | null;
  subscribedAt: Date | null;
  createdAt: Date;
}

/**
 * Which of two contacts keeps its id: whoever holds an id should find under it what was found before. So the one with
 * conversations if only one has any, else the one with a phone if only one has, else the older one. Both orders of the two
 * give the same answer.
 */
export function survivorOf(
  a: MergedContact,
  b: MergedContact,
  acquaintances: ReadonlyMap<number, Acquaintance>,
): { survivor: MergedContact; gone: MergedContact } {
  const isTalkedTo = ({ id }: MergedContact): boolean => (acquaintances.get(id)?.conversationCount ?? 0) > 0;
  const hasPhone = ({ phone }: MergedContact): boolean => phone !== null;
  const [older, younger] = a.id < b.id ? [a, b] : [b, a];
  for (const isBetter of [isTalkedTo, hasPhone]) {
    if (isBetter(older) !== isBetter(younger)) {
      return isBetter(older) ? { survivor: older, gone: younger } : { survivor: younger, gone: older };
    }
  }
  return { survivor: older, gone: younger };
}

/** What both together are: nothing that was known of either is lost, and no opt-out is. */
export function mergeContacts(survivor: MergedContact, gone: MergedContact): MergedContact {
  const notes = [survivor.notes, gone.notes].filter((text, index, all) => text !== '' && all.indexOf(text) === index);
  const subscribed = timeOf(gone.subscribedAt) < timeOf(survivor.subscribedAt) ? gone : survivor;
  return {
    id: survivor.id,
    phone: survivor.phone ?? gone.phone,
    name: survivor.name || gone.name,
    email: survivor.email || gone.email,
    notes: notes.join('\n\n'),
    ...mergeConsent(survivor, gone),
    subscribedViaSignupId:
      subscribed.subscribedViaSignupId ?? survivor.subscribedViaSignupId ?? gone.subscribedViaSignupId,
    subscribedAt: subscribed.subscribedAt,
    createdAt: survivor.createdAt < gone.createdAt ? survivor.createdAt : gone.createdAt,
  };
}

/**
 * Of two wishes whose times are known the later one counts, and of two at one moment the opt-out; else whoever opted out
 * under either name has opted out. Who did so under both has since the first time.
 */
function mergeConsent(
  a: MergedContact,
  b: MergedContact,
): Pick<MergedContact, 'optedOut' | 'optedOutAt' | 'optedOutSource' | 'consentChangedAt'> {
  const { optedOut, optedOutAt, optedOutSource } = a.optedOut === b.optedOut ? earlierOptOut(a, b) : decisive(a, b);
  return { optedOut, optedOutAt, optedOutSource, consentChangedAt: latest(a.consentChangedAt, b.consentChangedAt) };
}

function earlierOptOut(a: MergedContact, b: MergedContact): MergedContact {
  return timeOf(b.optedOutAt) < timeOf(a.optedOutAt) ? b : a;
}

/** One of them has opted out and the other has not. */
function decisive(a: MergedContact, b: MergedContact): MergedContact {
  const [out, other] = a.optedOut ? [a, b] : [b, a];
  const optedOutAt = out.consentChangedAt ?? out.optedOutAt;
  return optedOutAt && other.consentChangedAt && other.consentChangedAt > optedOutAt ? other : out;
}

/** No time is later than any. */
function timeOf(at: Date | null): number {
  return at?.getTime() ?? Number.POSITIVE_INFINITY;
}

function latest(a: Date | null, b: Date | null): Date | null {
  if (!a || !b) {
    return a ?? b;
  }
  return a > b ? a : b;
}
