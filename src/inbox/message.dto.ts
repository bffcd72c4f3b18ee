import { NextCursor } from '../http/common.dto.js';
import { Bool, Decimal, Id, Int, JsonObject, ListOf, Nested, OneOf, Text, Timestamp } from '../http/fields.js';
import { MEDIA_STATES, type MediaState } from '../media/media-state.js';
import type { Edit, Reaction } from './message.entity.js';
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
  'unsupported',
  'unknown',
] as const;

export class ReactionDto {
  @Text({ max: 64, example: '👍' })
  emoji: string;

  @OneOf(['customer', 'business'])
  actor: string;

  @Timestamp()
  timestamp: string;
}

/** One text a message had; the last one is its `message_body`. */
export class MessageVersionDto {
  @Text({ max: 65_536, min: 0, example: 'Hello!' })
  message_body: string;

  @Timestamp()
  timestamp: string;
}

/** What a message answers, as much as a bubble shows. */
export class QuotedMessageDto {
  @Id()
  id: number;

  @OneOf(MESSAGE_TYPES)
  message_type: string;

  @Text({ max: 200, min: 0, description: 'The first 200 characters.', example: 'Hello!' })
  message_body: string;

  @OneOf(['inbound', 'outbound'])
  direction: string;
}

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

  @Text({ max: 2_000, nullable: true, description: 'The link that was sent, for media that was sent by link.' })
  media_url: string | null;

  @Text({
    max: 200,
    nullable: true,
    example: '/messages/42/media',
    description: 'Where the bytes are, below the base path of the API. Needs the key.',
  })
  media_file: string | null;

  @OneOf(MEDIA_STATES, {
    nullable: true,
    description: '`pending`: being fetched from Meta; `stored`: kept here; `failed`: asking for the bytes tries again.',
  })
  media_state: string | null;

  @Int({ nullable: true, description: 'In bytes.', example: 48_213 })
  media_size: number | null;

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

  @JsonObject({
    nullable: true,
    description:
      'What was sent or received, in Meta’s words: `type` and the object named as it (buttons, list rows, contact cards, ' +
      'products of an order).',
    example: { type: 'text', text: { body: 'Hello!' } },
  })
  content: Record<string, unknown> | null;

  @JsonObject({
    nullable: true,
    description:
      'What surrounds it: `forwarded`, `frequently_forwarded`, `referral`, `referred_product`, `group_id`; of a send for ' +
      'later `force`.',
    example: { forwarded: true },
  })
  context: Record<string, unknown> | null;

  @ListOf(() => ReactionDto, { description: 'Reactions to this message: at most one of each side.' })
  reactions: ReactionDto[];

  @Text({
    max: 64,
    nullable: true,
    description: 'The emoji of the customer, else of the business; of a message of type reaction its own.',
    example: '👍',
  })
  reaction_emoji: string | null;

  @Text({ max: 512, nullable: true })
  reaction_to_message_id: string | null;

  @Id({ nullable: true, description: 'Id of the message that is answered.' })
  reply_to: number | null;

  @Text({ max: 512, nullable: true, description: 'wamid of the message that is answered.', example: null })
  reply_to_message_id: string | null;

  @Nested(() => QuotedMessageDto, { nullable: true, description: 'What it answers, while that is known here.' })
  quoted_message: QuotedMessageDto | null;

  @ListOf(() => MessageVersionDto, { description: 'Earlier texts, the oldest first; empty when it was never edited.' })
  edits: MessageVersionDto[];

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

  @Timestamp({ nullable: true, description: 'When it is to be sent.', example: null })
  send_at: string | null;

  @Timestamp({ nullable: true, description: 'It is not sent after this.', example: null })
  valid_until: string | null;

  @Timestamp({ nullable: true, example: null })
  edited_at: string | null;

  @Bool()
  is_deleted: boolean;

  @Timestamp({ nullable: true, example: null })
  deleted_at: string | null;

  @OneOf(['customer', 'business', 'agent'], {
    nullable: true,
    description: '`agent`: hidden here only; the others took it back on WhatsApp.',
  })
  deleted_by: string | null;
}

export class MessageStatusDto {
  @Text({ max: 50, example: 'delivered' })
  status: string;

  @Timestamp()
  timestamp: string;

  @Nested(() => MessageErrorDto, { nullable: true })
  error: MessageErrorDto | null;

  @JsonObject({
    nullable: true,
    description: 'Meta’s pricing object.',
    example: { billable: true, pricing_model: 'PMP', category: 'utility' },
  })
  pricing: Record<string, unknown> | null;
}

/** A message with its history. */
export class MessageDetailDto extends MessageDto {
  @ListOf(() => MessageStatusDto, { description: 'Every status that Meta told of it, in order of time.' })
  statuses: MessageStatusDto[];

  @JsonObject({ nullable: true, description: 'The message object of the webhook, as it came.' })
  raw_payload: Record<string, unknown> | null;
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
  reply_to_message_id: string | null;
  quoted_message: QuotedMessageDto | null;
  media_file_id: number | null;
  media_state: MediaState | null;
  media_size: number | null;
  content: Record<string, unknown> | null;
  context: Record<string, unknown> | null;
  reactions: Reaction[] | null;
  edits: Edit[] | null;
  original_body: string | null;
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
  send_at: Date | null;
  valid_until: Date | null;
  edited_at: Date | null;
  is_deleted: boolean;
  deleted_at: Date | null;
  deleted_by: string | null;
}

/** Field by field: taking a row of fifty apart and together again costs as much as the query. */
export function toMessageDto(row: MessageRow): MessageDto {
  return {
    id: row.id,
    account_id: row.account_id,
    conversation_id: row.conversation_id,
    contact_id: row.contact_id,
    phone_number: row.phone,
    message_id: row.message_id,
    client_ref: row.client_ref,
    message_type: row.message_type,
    message_body: row.message_body,
    direction: row.direction,
    status: row.status,
    media_id: row.media_id,
    media_url: row.media_url,
    media_file: row.media_file_id === null ? null : `/messages/${row.id}/media`,
    media_state: row.media_state,
    media_size: row.media_size,
    media_mime_type: row.media_mime_type,
    media_filename: row.media_filename,
    location_latitude: row.location_latitude,
    location_longitude: row.location_longitude,
    location_name: row.location_name,
    location_address: row.location_address,
    content: row.content,
    context: row.context,
    reactions: row.reactions ?? [],
    reaction_emoji: row.reactions?.[0]?.emoji ?? row.reaction_emoji,
    reaction_to_message_id: row.reaction_to_message_id,
    reply_to: row.reply_to_id ?? row.quoted_message?.id ?? null,
    reply_to_message_id: row.reply_to_message_id,
    quoted_message: row.quoted_message,
    edits: versionsOf(row.timestamp, row.original_body, row.edits ?? []),
    template_name: row.template_name,
    template_language: row.template_language,
    campaign_id: row.campaign_id,
    sent_by: row.sent_by,
    error: row.error,
    timestamp: row.timestamp.toISOString(),
    sent_at: iso(row.sent_at),
    delivered_at: iso(row.delivered_at),
    read_at: iso(row.read_at),
    failed_at: iso(row.failed_at),
    send_at: iso(row.send_at),
    valid_until: iso(row.valid_until),
    edited_at: iso(row.edited_at),
    is_deleted: row.is_deleted,
    deleted_at: iso(row.deleted_at),
    deleted_by: row.deleted_by,
  };
}

/** @param history what stands beside the message, not in it */
export function toMessageDetailDto(
  row: MessageRow,
  history: {
    rawPayload: Record<string, unknown> | null;
    statuses: readonly (Omit<MessageStatusDto, 'timestamp'> & { occurred_at: Date })[];
  },
): MessageDetailDto {
  return {
    ...toMessageDto(row),
    statuses: history.statuses.map(({ occurred_at, ...status }) => ({
      ...status,
      timestamp: occurred_at.toISOString(),
    })),
    raw_payload: history.rawPayload,
  };
}

/** Texts before the present one: the original and all edits but the last. */
function versionsOf(writtenAt: Date, original: string | null, edits: readonly Edit[]): MessageVersionDto[] {
  return edits.length === 0
    ? []
    : [{ message_body: original ?? '', timestamp: writtenAt.toISOString() }, ...edits.slice(0, -1)];
}

function iso(time: Date | null): string | null {
  return time?.toISOString() ?? null;
}
