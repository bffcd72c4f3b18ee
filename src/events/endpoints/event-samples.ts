import type { EventType } from '../../outbox/outbox.js';

const PERSON = { contact_id: 5, phone_number: '+919876500001', user_id: null };
const MESSAGE = {
  id: 7,
  message_id: 'wamid.HBgMOTE5ODc2NTAwMDAxFQIAERgS',
  conversation_id: 3,
  ...PERSON,
  message_type: 'text',
  message_body: 'This is a test.',
  client_ref: null,
  campaign_id: null,
  error: null,
  timestamp: '2026-11-21T09:30:00.000Z',
};
const CAMPAIGN = {
  id: 12,
  name: 'Test campaign',
  status_reason: null,
  total_count: 100,
  pending_count: 37,
  sent_count: 60,
  delivered_count: 55,
  read_count: 20,
  failed_count: 1,
  skipped_count: 2,
  unknown_count: 0,
  replied_count: 3,
  opted_out_count: 1,
  cost: 0.6,
  done: 63,
  rate_per_second: 78.5,
  seconds_left: 1,
};

/** What an event of each type may look like, for tests of endpoints. Nobody in it is real. */
export const EVENT_SAMPLES: Record<EventType, Record<string, unknown>> = {
  'message.received': { ...MESSAGE, direction: 'inbound', status: 'delivered' },
  'message.sent': { ...MESSAGE, direction: 'outbound', status: 'sent' },
  'message.status': { ...MESSAGE, direction: 'outbound', status: 'read' },
  'conversation.updated': { id: 3, ...PERSON, unread_count: 1, is_resolved: false, assigned_to: '' },
  'campaign.progress': { ...CAMPAIGN, status: 'running' },
  'campaign.completed': {
    ...CAMPAIGN,
    status: 'completed',
    pending_count: 0,
    sent_count: 97,
    done: 100,
    rate_per_second: 77.2,
    seconds_left: 0,
  },
  'contact.subscribed': { contact_id: 5, signup_id: 2 },
  'contact.opted_out': { contact_id: 5, opted_out: true, source: 'keyword' },
  'template.status': { id: 4, name: 'order_update', language: 'en', status: 'APPROVED' },
  'flow.completed': { id: 9, flow_id: 1, contact_id: 5, conversation_id: 3 },
  'account.alert': {
    account_id: 1,
    code: 'test',
    severity: 'info',
    scope: 'account',
    message: 'This is a test.',
    what_to_do: '',
    campaign_ids: [],
    resumed_campaign_ids: [],
  },
};
