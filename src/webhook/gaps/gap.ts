import { accountAlertEvent, type AccountAlert } from '../../accounts/account-alert.js';
import type { OutboxEvent } from '../../outbox/outbox.js';

/** What should be there and is not. */
export const GAP_CODES = [
  'no_statuses',
  'no_webhooks',
  'bad_signatures',
  'webhook_backlog',
  'webhook_dead_letter',
  'subscription_drift',
] as const;

export type GapCode = (typeof GAP_CODES)[number];

export interface Gap {
  accountId: number;
  code: GapCode;
  /** In wire names. */
  details: Record<string, unknown>;
}

type Words = Pick<AccountAlert, 'severity' | 'scope' | 'message' | 'whatToDo'> & { over: string };

const WORDS: Record<GapCode, Words> = {
  no_statuses: {
    severity: 'critical',
    scope: 'number',
    message: 'Messages were sent, and Meta told of none of them what became of it.',
    whatToDo:
      'Check at Meta that the app subscribes to the field messages and that its callback URL is ours; then look at GET /webhook-logs.',
    over: 'Statuses of sent messages come again.',
  },
  no_webhooks: {
    severity: 'warning',
    scope: 'account',
    message: 'Meta has posted nothing for this account for far longer than is usual.',
    whatToDo: 'Check the callback URL at Meta, that it can be reached from outside, and that the app is subscribed.',
    over: 'Meta posts for this account again.',
  },
  bad_signatures: {
    severity: 'critical',
    scope: 'credentials',
    message: 'Webhooks are refused because their signature is wrong, and none came for this account meanwhile.',
    whatToDo:
      'Compare the app secret (app_secret of the account, else WHATSAPP_APP_SECRET) with the one of the app at Meta. If it is right, somebody else posts to the address.',
    over: 'Webhooks are no longer refused, or the account has some again.',
  },
  webhook_backlog: {
    severity: 'warning',
    scope: 'account',
    message: 'Webhooks wait longer than a minute for their effects.',
    whatToDo: 'Start another worker, and look at the log of the workers for errors.',
    over: 'Webhooks have their effects in time again.',
  },
  webhook_dead_letter: {
    severity: 'warning',
    scope: 'account',
    message: 'Webhooks could not be processed and were given up.',
    whatToDo: 'GET /webhook-logs?has_error=true&processed=false says why; replay them once the cause is gone.',
    over: 'No webhook of the last day waits for a replay any more.',
  },
  subscription_drift: {
    severity: 'critical',
    scope: 'account',
    message: 'No app is subscribed to the WhatsApp Business Account: Meta posts its webhooks to nobody.',
    whatToDo: 'Subscribe the app again (POST /{WABA_ID}/subscribed_apps with its token, or in the app’s dashboard).',
    over: 'An app is subscribed to the WhatsApp Business Account again.',
  },
};

/** A gap that opened. */
export function openedEvent({ accountId, code, details }: Gap): OutboxEvent {
  const { over: _over, ...words } = WORDS[code];
  return accountAlertEvent({ accountId, code, ...words, details });
}

/** A gap that is no more: `<code>_over`, for information. */
export function closedEvent(accountId: number, code: GapCode, openedAt: Date): OutboxEvent {
  return accountAlertEvent({
    accountId,
    code: `${code}_over`,
    severity: 'info',
    scope: WORDS[code].scope,
    message: WORDS[code].over,
    whatToDo: '',
    details: { opened_at: openedAt.toISOString() },
  });
}

/** In words, for those who ask how an account is. */
export function messageOf(code: GapCode): string {
  return WORDS[code].message;
}
