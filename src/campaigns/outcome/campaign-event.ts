import type { OutboxEvent } from '../../outbox/outbox.js';
import { MICROS, progressOf } from '../campaign.dto.js';
import type { CampaignRow } from '../campaigns.repository.js';

/**
 * How a campaign stands, as its events tell it: all counts, the pace, and what came of it. Never one event per message.
 * @param more what this event tells beside that
 */
export function campaignEvent(
  type: 'campaign.progress' | 'campaign.completed',
  row: CampaignRow,
  more: Record<string, unknown> = {},
): OutboxEvent {
  const { done, rate_per_second, seconds_left } = progressOf(row, row.rate_per_second, new Date());
  return {
    type,
    accountId: row.account_id,
    subjectId: row.id,
    payload: {
      id: row.id,
      name: row.name,
      status: row.status,
      status_reason: row.status_reason,
      total_count: row.total_count,
      pending_count: row.pending_count,
      sent_count: row.sent_count,
      delivered_count: row.delivered_count,
      read_count: row.read_count,
      failed_count: row.failed_count,
      skipped_count: row.skipped_count,
      unknown_count: row.unknown_count,
      replied_count: row.replied_count,
      opted_out_count: row.opted_out_count,
      cost: row.cost_micros / MICROS,
      done,
      rate_per_second,
      seconds_left,
      ...more,
    },
  };
}
