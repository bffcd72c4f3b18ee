/** Every status a template can have here; Meta may add to them. */
export const TEMPLATE_STATUSES = [
  'DRAFT',
  'PENDING',
  'APPROVED',
  'REJECTED',
  'PAUSED',
  'DISABLED',
  'IN_APPEAL',
  'PENDING_DELETION',
  'DELETED',
  'LIMIT_EXCEEDED',
  'ARCHIVED',
  'LOCKED',
] as const;

/** Only here; Meta has never heard of it. */
export const DRAFT = 'DRAFT';
/** Gone from Meta. The row stays for the campaigns and messages that name it, and comes back to life if Meta has it again. */
export const DELETED = 'DELETED';
/** The only status one can send with. */
export const APPROVED = 'APPROVED';
/** Meta looks at it. */
export const PENDING = 'PENDING';
/** Meta does not send it for a while, because people complained, or until it is unpaused. */
export const PAUSED = 'PAUSED';

/** Statuses in which Meta lets a template be changed. Source: Meta's page of template management. */
const EDITABLE = new Set(['APPROVED', 'REJECTED', 'PAUSED']);

/** Source: Meta's reference of the webhook field `message_template_status_update`. */
const BACK_TO_APPROVED = new Set(['APPROVED', 'REINSTATED', 'UNPAUSED', 'UNARCHIVED', 'UNLOCKED']);
const STATUSES = new Set<string>(TEMPLATE_STATUSES);

/**
 * The status after an event of Meta's, or null when the event changes none: FLAGGED is a warning, the template can still be
 * sent, and an event that is new to us must not stop a campaign.
 */
export function statusAfter(event: string): string | null {
  const name = event.toUpperCase();
  if (BACK_TO_APPROVED.has(name)) {
    return APPROVED;
  }
  return STATUSES.has(name) && name !== DRAFT ? name : null;
}

/** Whether Meta lets it be changed. */
export function isEditable(status: string): boolean {
  return EDITABLE.has(status);
}

/** Meta's way of saying "no reason" is `NONE`. */
export function reasonOf(reason: string | null | undefined): string | null {
  return !reason || reason.toUpperCase() === 'NONE' ? null : reason;
}
