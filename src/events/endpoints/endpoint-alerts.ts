import type { OutboxEvent } from '../../outbox/outbox.js';
import type { DisabledReason } from './endpoint.js';

interface Subject {
  id: number;
  accountId: number | null;
  url: string;
}

const WHY: Record<Exclude<DisabledReason, 'requested'>, string> = {
  gone: 'It answered 410 (gone).',
  failing: 'It has failed for days without one success.',
};

/** An endpoint is not called any more, for what it answered. */
export function endpointDisabledEvent(endpoint: Subject, reason: Exclude<DisabledReason, 'requested'>): OutboxEvent {
  return alert(endpoint, {
    code: 'webhook_endpoint_disabled',
    severity: 'critical',
    message: `Webhook endpoint ${endpoint.id} was disabled. ${WHY[reason]}`,
    what_to_do: 'Put it right, set is_active again, and retry what was cancelled.',
    reason,
  });
}

/** Deliveries have had their last attempt; told once in a while, however many they are. */
export function deliveriesExhaustedEvent(endpoint: Subject, deliveryIds: readonly number[]): OutboxEvent {
  return alert(endpoint, {
    code: 'webhook_delivery_exhausted',
    severity: 'warning',
    message: `Webhook endpoint ${endpoint.id} did not take all events: every attempt failed.`,
    what_to_do: 'Look at its deliveries with status=exhausted, put the endpoint right, and retry them.',
    delivery_ids: deliveryIds,
  });
}

/** As alerts of accounts are, but an endpoint may be of no account. */
function alert({ id, accountId, url }: Subject, details: Record<string, unknown>): OutboxEvent {
  return {
    type: 'account.alert',
    accountId,
    subjectId: accountId,
    payload: {
      account_id: accountId,
      scope: 'endpoint',
      campaign_ids: [],
      resumed_campaign_ids: [],
      endpoint_id: id,
      origin: new URL(url).origin,
      ...details,
    },
  };
}
