import { Bool, Decimal, Id, Int, ListOf, Nested, OneOf, Text, Timestamp } from '../http/fields.js';
import { NextCursor } from '../http/common.dto.js';
import { MESSAGE_STATUSES, type MessageError, type MessageStatus } from './message-status.js';

/** Message types of the seeds; what Parley does not know is `unknown`, with its payload kept. */
export const MESSAGE_TYPES = [
  'text',
  'image',
  'video',
  'audio',
  'document',
  'location',
  'template',
  'reaction',
  'sticker',
  'interactive',
  'button',
  'contacts',
  'order',
  'system',
  'unknown',
] as const;

export class MessageErrorDto {
  @Int({ nullable: true, example: 131026, description: 'Meta’s code.' })
  code: number | null;

  @Text({ max: 1_000, example: 'Message undeliverable' })
  title: string;

  @Text({ max: 1_000, example: 'Message Undeliverable.' })
  details: string;
}

/** A message, received or sent. */
export class MessageDto {
  @Id()
  id: number;

  @Id()
  account_id: number;

  @Id()
  conversation_id: number;

  @Id()
  contact_id: number;

  @Text({ max: 32, nullable: true, example: '+919876500001' })
  phone_number: string | null;

  @Text({ max: 512, nullable: true, example: 'wamid.HBgLMTIwMjU1NTAxNzE', description: 'Meta’s id (wamid).' })
  message_id: string | null;

  @Text({ max: 100, nullable: true, example: 'order-42' })
  client_ref: string | null;

  @OneOf(MESSAGE_TYPES)
  message_type: string;

  @Text({ max: 65_536, min: 0, example: 'Hello!' })
  message_body: string;

  @OneOf(['inbound', 'outbound'])
  direction: string;

  @OneOf(MESSAGE_STATUSES)
  status: string;

  @Text({ max: 512, nullable: true })
  media_id: string | null;

  @Text({ max: 2_000, nullable: true })
  media_url: string | null;

  @Text({ max: 100, nullable: true })
  media_mime_type: string | null;

  @Text({ max: 255, nullable: true })
  media_filename: string | null;

  @Decimal({ min: -90, max: 90, nullable: true })
  location_latitude: number | null;

  @Decimal({ min: -180, max: 180, nullable: true })
  location_longitude: number | null;

  @Text({ max: 1_000, nullable: true })
  location_name: string | null;

  @Text({ max: 1_000, nullable: true })
  location_address: string | null;

  @Text({ max: 32, nullable: true })
  reaction_emoji: string | null;

  @Text({ max: 512, nullable: true })
  reaction_to_message_id: string | null;

  @Id({ nullable: true, description: 'Id of the message that is answered.' })
  reply_to: number | null;

  @Text({ max: 512, nullable: true })
  template_name: string | null;

  @Text({ max: 20, nullable: true })
  template_language: string | null;

  @Id({ nullable: true })
  campaign_id: number | null;

  @Text({ max: 255, nullable: true, description: 'The agent, as the caller named them.' })
  sent_by: string | null;

  @Nested(() => MessageErrorDto, { nullable: true, description: 'Why it failed, in Meta’s words.' })
  error: MessageErrorDto | null;

  @Timestamp()
  timestamp: string;

  @Timestamp({ nullable: true })
  sent_at: string | null;

  @Timestamp({ nullable: true })
  delivered_at: string | null;

  @Timestamp({ nullable: true })
  read_at: string | null;

  @Timestamp({ nullable: true })
  failed_at: string | null;

  @Bool()
  is_deleted: boolean;
}

export class MessageListDto {
  @ListOf(() => MessageDto)
  messages: MessageDto[];

  @NextCursor()
  next_cursor: string | null;

  @Text({ max: 1_000, nullable: true, description: 'Cursor towards newer messages.', example: null })
  prev_cursor: string | null;
}

/** A row of `messages` joined with the phone of its contact. */
export interface MessageRow {
  id: number;
  account_id: number;
  conversation_id: number;
  contact_id: number;
  phone: string | null;
  message_id: string | null;
  client_ref: string | null;
  message_type: string;
  message_body: string;
  direction: string;
  status: MessageStatus;
  media_id: string | null;
  media_url: string | null;
  media_mime_type: string | null;
  media_filename: string | null;
  location_latitude: number | null;
  location_longitude: number | null;
  location_name: string | null;
  location_address: string | null;
  reaction_emoji: string | null;
  reaction_to_message_id: string | null;
  reply_to_id: number | null;
  template_name: string | null;
  template_language: string | null;
  campaign_id: number | null;
  sent_by: string | null;
  error: MessageError | null;
  timestamp: Date;
  sent_at: Date | null;
  delivered_at: Date | null;
  read_at: Date | null;
  failed_at: Date | null;
  is_deleted: boolean;
}

export function toMessageDto(row: MessageRow): MessageDto {
  const { phone, reply_to_id, timestamp, sent_at, delivered_at, read_at, failed_at, ...rest } = row;
  return {
    ...rest,
    phone_number: phone,
    reply_to: reply_to_id,
    timestamp: timestamp.toISOString(),
    sent_at: sent_at?.toISOString() ?? null,
    delivered_at: delivered_at?.toISOString() ?? null,
    read_at: read_at?.toISOString() ?? null,
    failed_at: failed_at?.toISOString() ?? null,
  };
}
