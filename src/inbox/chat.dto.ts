import { invalidField } from '../common/app-error.js';
import { NextCursor, PageQuery, AccountScopedDto } from '../http/common.dto.js';
import { AnyJson, Bool, Id, Int, ListOf, Nested, OneOf, OptionalText, Text, Timestamp } from '../http/fields.js';
import type { ChatQuery } from './chat-finder.service.js';
import type { ChatRow } from './inbox.repository.js';
import type { ChatPatch } from './inbox.service.js';
import { MESSAGE_TYPES, MessageErrorDto } from './message.dto.js';
import { MESSAGE_STATUSES } from './message-status.js';
import { readSearch } from './search-words.js';

/** In `?assigned_to=`: conversations that nobody has; so it is no name of an agent. */
export const NOBODY = 'none';
const MAX_AGENT = 255;

export class ListChatsQuery extends PageQuery {
  @OptionalText({
    max: 100,
    description:
      'Part of a name, phone (in any spelling) or username; or words of a message, the last one may be a beginning. ' +
      'Needs a letter or a digit.',
    example: 'asha',
  })
  q?: string;

  @OptionalText({ max: 50, description: 'Id of a label, else its name.', example: 'VIP' })
  label?: string;

  @OneOf(['open', 'resolved', 'all'], {
    optional: true,
    default: 'all',
    description: 'Only open ones, or only resolved ones.',
  })
  status: 'open' | 'resolved' | 'all' = 'all';

  @OptionalText({
    max: MAX_AGENT,
    description: `Exactly this agent; \`${NOBODY}\`: nobody.`,
    example: 'asha@example.com',
  })
  assigned_to?: string;

  @Bool({ optional: true, description: 'Only conversations with unread messages (or, with false, without).' })
  unread?: boolean;
}

/** Changes the given fields only. */
export class UpdateChatDto extends AccountScopedDto {
  @AnyJson({
    optional: true,
    schema: {
      nullable: true,
      oneOf: [
        { type: 'integer', minimum: 1 },
        { type: 'string', maxLength: 50 },
      ],
    } as never,
    description:
      'A number is the id of a label, a string its name; a name that is new becomes a label. Null or an empty string takes ' +
      'the label away.',
    example: 'VIP',
  })
  label?: unknown;

  @Bool({ optional: true, description: 'A new message of the customer opens a resolved conversation again.' })
  is_resolved?: boolean;

  @Text({
    optional: true,
    nullable: true,
    min: 0,
    max: MAX_AGENT,
    description: 'The agent, as you name them; null or an empty string: nobody.',
    example: 'asha@example.com',
  })
  assigned_to?: string | null;
}

export class AddressParam {
  @Text({
    max: 150,
    description: 'Phone number in any spelling, or a business-scoped user id.',
    example: '+919876500001',
  })
  phone: string;
}

/** Of a message, as much as a list of conversations shows. */
export class MessagePreviewDto {
  @Id()
  id: number;

  @OneOf(MESSAGE_TYPES)
  message_type: string;

  @Text({ max: 200, min: 0, description: 'The first 200 characters.', example: 'Hello!' })
  message_body: string;

  @OneOf(['inbound', 'outbound'])
  direction: string;

  @OneOf(MESSAGE_STATUSES)
  status: string;

  @Timestamp()
  timestamp: string;

  @Text({ optional: true, max: 100, description: 'Of a message with a file.', example: 'image/jpeg' })
  media_mime_type?: string;

  @Text({ optional: true, max: 255, description: 'Of a message with a file that has a name.', example: 'invoice.pdf' })
  media_filename?: string;

  @Text({ optional: true, max: 255, description: 'The agent, where one was named.', example: 'asha@example.com' })
  sent_by?: string;

  @Nested(() => MessageErrorDto, { optional: true, description: 'Of a message that failed: why, in Meta’s words.' })
  error?: MessageErrorDto;
}

/** A conversation: the thread of one account with one person. */
export class ConversationDto {
  @Id()
  id: number;

  @Text({ max: 32, nullable: true, example: '+919876500001' })
  phone_number: string | null;

  @Id({ nullable: true, description: 'Id of the label.' })
  label: number | null;

  @Text({ max: 50, nullable: true })
  label_name: string | null;

  @Text({ max: 20, nullable: true })
  label_color: string | null;

  @Int()
  unread_count: number;

  @Timestamp({
    description:
      'When something was last received or sent, and where it stands in the list; of a conversation in which nothing was ' +
      'yet: when it began. A failed send, a reaction or a deletion does not move it.',
  })
  last_message_at: string;

  @Id()
  contact_id: number;

  @Text({ max: 255, min: 0 })
  contact_name: string;

  @Bool()
  is_resolved: boolean;

  @Text({ max: MAX_AGENT, nullable: true })
  assigned_to: string | null;

  @Bool({ description: 'By this account: nothing is sent to them.' })
  is_blocked: boolean;

  @Nested(() => MessagePreviewDto, {
    nullable: true,
    description:
      'The newest message that is neither deleted nor a reaction nor scheduled, also one that failed. GET /messages/{id} ' +
      'has all of it.',
  })
  last_message: MessagePreviewDto | null;

  @Timestamp({
    nullable: true,
    description: 'Until then free-form messages may be sent; null when the customer never wrote.',
  })
  service_window_expires_at: string | null;

  @Bool({ description: 'Free-form messages may be sent now.' })
  is_service_window_open: boolean;
}

export class ConversationListDto {
  @ListOf(() => ConversationDto)
  conversations: ConversationDto[];

  @NextCursor()
  next_cursor: string | null;
}

export function toChatQuery(query: ListChatsQuery, defaultCountry: string | null): ChatQuery {
  const { q, label, status, assigned_to: assignedTo, unread: isUnread, limit, cursor } = query;
  return {
    search: q ? readSearch(q, defaultCountry) : undefined,
    label: label || undefined,
    isResolved: status === 'all' ? undefined : status === 'resolved',
    assignedTo: assignedTo === NOBODY ? null : assignedTo || undefined,
    isUnread,
    limit,
    cursor,
  };
}

/** @throws `400 validation_failed` naming what cannot be read */
export function toChatPatch(body: UpdateChatDto): ChatPatch {
  const assignedTo = body.assigned_to?.trim() === '' ? null : body.assigned_to?.trim();
  if (assignedTo === NOBODY) {
    throw invalidField('assigned_to', 'reserved', `"${NOBODY}" means nobody when conversations are listed; send null`);
  }
  return {
    label: readLabel(body.label),
    isResolved: body.is_resolved,
    assignedTo: body.assigned_to === null ? null : assignedTo,
  };
}

export function toConversationDto(row: ChatRow): ConversationDto {
  return {
    id: row.id,
    phone_number: row.phone,
    label: row.label_id,
    label_name: row.label_name,
    label_color: row.label_color,
    unread_count: row.unread_count,
    last_message_at: row.activity_at.toISOString(),
    contact_id: row.contact_id,
    contact_name: row.contact_name,
    is_resolved: row.is_resolved,
    assigned_to: row.assigned_to,
    is_blocked: row.is_blocked,
    last_message: toPreviewDto(row),
    service_window_expires_at: row.window_expires_at?.toISOString() ?? null,
    is_service_window_open: row.is_window_open,
  };
}

function readLabel(value: unknown): number | string | null | undefined {
  if (value === undefined || value === null || typeof value === 'string' || typeof value === 'number') {
    return value;
  }
  throw invalidField('label', 'invalid_label', 'label must be an id, a name, or null');
}

/** What is not there is left out: lists are long. */
function toPreviewDto(row: ChatRow): MessagePreviewDto | null {
  if (row.message_id === null) {
    return null;
  }
  return {
    id: row.message_id,
    message_type: row.message_type,
    message_body: row.message_body,
    direction: row.direction,
    status: row.status,
    timestamp: row.timestamp.toISOString(),
    ...(row.media_mime_type === null ? {} : { media_mime_type: row.media_mime_type }),
    ...(row.media_filename === null ? {} : { media_filename: row.media_filename }),
    ...(row.sent_by === null ? {} : { sent_by: row.sent_by }),
    ...(row.error === null ? {} : { error: row.error }),
  };
}
