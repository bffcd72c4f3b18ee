/** Statuses a message can show. */
export const MESSAGE_STATUSES = [
  'scheduled',
  'pending',
  'sent',
  'delivered',
  'read',
  'failed',
  'unknown',
  'cancelled',
  'expired',
] as const;

export type MessageStatus = (typeof MESSAGE_STATUSES)[number];

/** Meta's words for a failure, kept as they came. */
export interface MessageError {
  code: number | null;
  title: string;
  details: string;
}

/** What is known of a message's fate. Facts only grow: any order, any number of times, the same end. */
export interface MessageFate {
  status: MessageStatus;
  sentAt: Date | null;
  deliveredAt: Date | null;
  readAt: Date | null;
  failedAt: Date | null;
  error: MessageError | null;
}

/** One piece of evidence: an answer of Meta, or a status webhook. */
export interface Evidence {
  sentAt?: Date;
  deliveredAt?: Date;
  readAt?: Date;
  failedAt?: Date;
  error?: MessageError;
  /** The answer was lost: says nothing about a message of which anything is known. */
  isOutcomeUnknown?: boolean;
}

/**
 * Folds evidence into what is known. Commutative and idempotent: times take the earliest, errors the first that came.
 * For display delivery beats a failure (with several devices one may fail and another show it), and `read` counts as
 * delivered because Meta leaves out `delivered` when both happen at once.
 */
export function fold(fate: MessageFate, evidence: Evidence): MessageFate {
  const readAt = earliest(fate.readAt, evidence.readAt);
  const deliveredAt = earliest(fate.deliveredAt, evidence.deliveredAt ?? evidence.readAt);
  const failedAt = earliest(fate.failedAt, evidence.failedAt);
  const sentAt = earliest(fate.sentAt, evidence.sentAt ?? evidence.deliveredAt ?? evidence.readAt);
  return {
    status: display({ readAt, deliveredAt, failedAt, sentAt }) ?? undecided(fate.status, evidence),
    sentAt,
    deliveredAt,
    readAt,
    failedAt,
    error: fate.error ?? evidence.error ?? null,
  };
}

/** Whether folding changed anything worth writing. */
export function isSameFate(a: MessageFate, b: MessageFate): boolean {
  return (
    a.status === b.status &&
    a.sentAt?.getTime() === b.sentAt?.getTime() &&
    a.deliveredAt?.getTime() === b.deliveredAt?.getTime() &&
    a.readAt?.getTime() === b.readAt?.getTime() &&
    a.failedAt?.getTime() === b.failedAt?.getTime() &&
    (a.error === null) === (b.error === null)
  );
}

function display(times: Omit<MessageFate, 'status' | 'error'>): MessageStatus | null {
  if (times.readAt) {
    return 'read';
  }
  if (times.deliveredAt) {
    return 'delivered';
  }
  if (times.failedAt) {
    return 'failed';
  }
  return times.sentAt ? 'sent' : null;
}

function undecided(status: MessageStatus, evidence: Evidence): MessageStatus {
  return evidence.isOutcomeUnknown && status === 'pending' ? 'unknown' : status;
}

function earliest(a: Date | null, b: Date | undefined): Date | null {
  if (!a || !b) {
    return a ?? b ?? null;
  }
  return a <= b ? a : b;
}
