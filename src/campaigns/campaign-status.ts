import { AppError, type ErrorCode } from '../common/app-error.js';

export const CAMPAIGN_STATUSES = [
  'draft',
  'scheduled',
  'running',
  'completed',
  'failed',
  'paused',
  'cancelled',
] as const;
export type CampaignStatus = (typeof CAMPAIGN_STATUSES)[number];

/** As answers show them; inside, a recipient that is being sent to is still pending. */
export const RECIPIENT_STATUSES = ['pending', 'sent', 'delivered', 'read', 'failed', 'skipped', 'unknown'] as const;
export type RecipientStatus = (typeof RECIPIENT_STATUSES)[number];
export type StoredRecipientStatus = RecipientStatus | 'sending';

export type CampaignMove =
  | 'run'
  | 'schedule'
  | 'unschedule'
  | 'pause'
  | 'resume'
  | 'cancel'
  | 'retry-failed'
  | 'resolve-unknown'
  | 'resend-unknown'
  | 'pick-winner'
  | 'edit'
  | 'upload'
  | 'delete';

/** From where each move is allowed; everything else is `409 campaign_<status>`. */
const SOURCES: Record<CampaignMove, readonly CampaignStatus[]> = {
  run: ['draft', 'scheduled', 'failed'],
  schedule: ['draft', 'scheduled'],
  unschedule: ['scheduled'],
  pause: ['running'],
  resume: ['paused'],
  cancel: ['scheduled', 'running', 'paused'],
  'retry-failed': ['failed', 'completed'],
  'resolve-unknown': ['running', 'paused', 'completed', 'failed', 'cancelled'],
  'resend-unknown': ['running', 'paused', 'completed', 'failed'],
  'pick-winner': ['running', 'paused'],
  edit: ['draft', 'scheduled'],
  upload: ['draft', 'scheduled'],
  delete: ['draft', 'scheduled', 'completed', 'failed', 'paused', 'cancelled'],
};

/** How callers know moves that have another name here. */
const WORDS: Partial<Record<CampaignMove, string>> = {
  unschedule: 'to take it off the schedule',
  'resend-unknown': 'resolve-unknown with resend',
  'pick-winner': 'to choose a winner',
};

/** The statuses a move may start from, for the guard of its statement. */
export function sourcesOf(move: CampaignMove): readonly CampaignStatus[] {
  return SOURCES[move];
}

/** What a caller is told whose move came at the wrong time. */
export function wrongMove(move: CampaignMove, status: CampaignStatus): AppError {
  const code: ErrorCode = `campaign_${status}`;
  return new AppError(
    code,
    `The campaign is ${status}; ${WORDS[move] ?? move} is possible only when it is ${SOURCES[move].join(', ')}.`,
  );
}

export function shownStatus(status: StoredRecipientStatus): RecipientStatus {
  return status === 'sending' ? 'pending' : status;
}
