import type { OutboxEvent } from '../outbox/outbox.js';
import type { Severity } from './account-events.js';

/** What somebody who runs the account should know. */
export interface AccountAlert {
  accountId: number;
  /** Snake case, stable. */
  code: string;
  severity: Severity;
  /** What it is about; within one account, the most that stops. */
  scope: 'campaign' | 'template' | 'flow' | 'number' | 'account' | 'credentials';
  message: string;
  /** For a person; empty: nothing. */
  whatToDo: string;
  /** Campaigns that were paused for it. */
  campaignIds?: readonly number[];
  /** Campaigns that go on because of it. */
  resumedCampaignIds?: readonly number[];
  /** More, in wire names. */
  details?: Record<string, unknown>;
}

/** An alert as an event: one shape, wherever it comes from. */
export function accountAlertEvent(alert: AccountAlert): OutboxEvent {
  return {
    type: 'account.alert',
    accountId: alert.accountId,
    subjectId: alert.accountId,
    payload: {
      account_id: alert.accountId,
      code: alert.code,
      severity: alert.severity,
      scope: alert.scope,
      message: alert.message,
      what_to_do: alert.whatToDo,
      campaign_ids: alert.campaignIds ?? [],
      resumed_campaign_ids: alert.resumedCampaignIds ?? [],
      ...alert.details,
    },
  };
}
