import { invalidField } from '../../common/app-error.js';

const MAX_AHEAD_DAYS = 30;
/** As long as a message can wait at all. */
export const MAX_VALID_FOR_S = MAX_AHEAD_DAYS * 86_400;
/** Without one, a time would be read in the time zone of the server. */
const HAS_TIME_ZONE = /T.+(Z|[+-]\d{2}:?\d{2})$/i;

/** When a message is to be sent, of those that are not sent at once. */
export function readSendAt(text: string | undefined): Date | undefined {
  if (text === undefined) {
    return undefined;
  }
  const at = HAS_TIME_ZONE.test(text) ? new Date(text) : null;
  if (!at || Number.isNaN(at.getTime())) {
    throw invalidField(
      'send_at',
      'not_iso8601',
      'send_at must be a date and time with a time zone, such as 2026-11-21T09:30:00Z',
    );
  }
  const aheadMs = at.getTime() - Date.now();
  if (aheadMs <= 0) {
    throw invalidField('send_at', 'in_the_past', 'send_at must be in the future');
  }
  if (aheadMs > MAX_AHEAD_DAYS * 86_400_000) {
    throw invalidField('send_at', 'too_far_ahead', `send_at may be up to ${MAX_AHEAD_DAYS} days ahead`);
  }
  return at;
}
