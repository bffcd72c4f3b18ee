import type { OutboxEvent } from '../outbox/outbox.js';
import type { MessageError, MessageStatus } from './message-status.js';

/** What an event tells of a message's text; the message itself has all of it. */
const MAX_BODY = 4_096;

/** Of a message, as much as a chat screen shows without asking again. */
export interface MessageEventFields {
  id: number;
  accountId: number;
  conversationId: number;
  contactId: number;
  phone: string | null;
  /** Business-scoped user id, where it is known. */
  userId: string | null;
  wamid: string | null;
  messageType: string;
  messageBody: string;
  direction: 'inbound' | 'outbound';
  status: MessageStatus;
  clientRef?: string | null;
  campaignId?: number | null;
  error?: MessageError | null;
  timestamp: Date;
}

/** The one shape of an event about a message. Its subject is the conversation: what happens in one thread is told in order. */
export function messageEvent(
  type: 'message.received' | 'message.sent' | 'message.status',
  fields: MessageEventFields,
): OutboxEvent {
  return {
    type,
    accountId: fields.accountId,
    subjectId: fields.conversationId,
    payload: {
      id: fields.id,
      message_id: fields.wamid,
      conversation_id: fields.conversationId,
      contact_id: fields.contactId,
      phone_number: fields.phone,
      user_id: fields.userId,
      message_type: fields.messageType,
      message_body: fields.messageBody.slice(0, MAX_BODY).toWellFormed(),
      direction: fields.direction,
      status: fields.status,
      client_ref: fields.clientRef ?? null,
      campaign_id: fields.campaignId ?? null,
      error: fields.error ?? null,
      timestamp: fields.timestamp.toISOString(),
    },
  };
}
