import { NextCursor, PageQuery } from '../http/common.dto.js';
import { Bool, Id, Int, ListOf, Nested, OneOf, OptionalText, Text, Timestamp } from '../http/fields.js';
import { MessageDto, toMessageDto } from './message.dto.js';
import type { ChatRow } from './inbox.repository.js';
import { SERVICE_WINDOW_HOURS } from './send.service.js';

export class ListChatsQuery extends PageQuery {
  @OptionalText({ max: 100, description: 'Part of the name or phone.' })
  q?: string;

  @OptionalText({ max: 50, description: 'Name or id of a label.' })
  label?: string;

  @OneOf(['open', 'resolved', 'all'], { optional: true, default: 'all' })
  status: 'open' | 'resolved' | 'all' = 'all';

  @OptionalText({ max: 255 })
  assigned_to?: string;

  @Bool({ optional: true, description: 'Only conversations with unread messages.' })
  unread?: boolean;
}

export class AddressParam {
  @Text({
    max: 150,
    description: 'Phone number in any spelling, or a business-scoped user id.',
    example: '+919876500001',
  })
  phone: string;
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

  @Timestamp({ nullable: true })
  last_message_at: string | null;

  @Id()
  contact_id: number;

  @Text({ max: 255, min: 0 })
  contact_name: string;

  @Bool()
  is_resolved: boolean;

  @Text({ max: 255, nullable: true })
  assigned_to: string | null;

  @Bool()
  is_blocked: boolean;

  @Nested(() => MessageDto, { nullable: true })
  last_message: MessageDto | null;

  @Timestamp({
    nullable: true,
    description: 'Until then free-form messages may be sent; null when the customer never wrote.',
  })
  service_window_expires_at: string | null;
}

export class ConversationListDto {
  @ListOf(() => ConversationDto)
  conversations: ConversationDto[];

  @NextCursor()
  next_cursor: string | null;
}

export function toConversationDto(row: ChatRow): ConversationDto {
  return {
    id: row.id,
    phone_number: row.phone,
    label: row.label_id,
    label_name: row.label_name,
    label_color: row.label_color,
    unread_count: row.unread_count,
    last_message_at: row.last_message_at?.toISOString() ?? null,
    contact_id: row.contact_id,
    contact_name: row.contact_name,
    is_resolved: row.is_resolved,
    assigned_to: row.assigned_to,
    is_blocked: false,
    last_message: row.last_message ? toMessageDto(row.last_message) : null,
    service_window_expires_at: row.last_inbound_at
      ? new Date(row.last_inbound_at.getTime() + SERVICE_WINDOW_HOURS * 3_600_000).toISOString()
      : null,
  };
}
