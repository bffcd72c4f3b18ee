import { AccountScopedDto } from '../http/common.dto.js';
import { Bool, Id, Int, ListOf, Nested, OptionalText, Text, Timestamp } from '../http/fields.js';

export class DashboardQueryDto extends AccountScopedDto {
  @OptionalText({
    min: 1,
    max: 64,
    description: 'IANA name: whose today it is.',
    example: 'Asia/Kolkata',
    default: 'UTC',
  })
  time_zone?: string;
}

export class ContactTileDto {
  @Int({ description: 'People that the key may see.', example: 1_200 })
  total: number;
}

export class ConversationTileDto {
  @Int({ example: 800 })
  total: number;

  @Int({ description: 'Those with unread messages.', example: 12 })
  unread: number;
}

export class CampaignTileDto {
  @Int({ example: 14 })
  total: number;

  @Int({ example: 1 })
  running: number;
}

export class MessageTileDto {
  @Int({ description: 'Both ways.', example: 96 })
  total: number;

  @Int({ example: 31 })
  inbound: number;

  @Int({ description: 'Accepted by Meta.', example: 65 })
  outbound: number;
}

export class RecentConversationDto {
  @Id()
  id: number;

  @Id()
  contact_id: number;

  @Text({ max: 255, min: 0, example: 'Asha' })
  contact_name: string;

  @Text({ max: 32, nullable: true, example: '+919876500001' })
  phone_number: string | null;

  @Int({ example: 2 })
  unread_count: number;

  @Timestamp({ nullable: true })
  last_message_at: string | null;

  @Bool({ example: false })
  is_resolved: boolean;
}

export class RecentCampaignDto {
  @Id()
  id: number;

  @Text({ max: 255, example: 'Diwali' })
  name: string;

  @Text({ max: 20, example: 'completed' })
  status: string;

  @Int({ example: 1_000 })
  total_count: number;

  @Int({ example: 980 })
  sent_count: number;

  @Int({ example: 20 })
  failed_count: number;

  @Timestamp()
  created_at: string;
}

export class DashboardDto {
  @Id()
  account_id: number;

  @Text({ max: 64, example: 'Asia/Kolkata' })
  time_zone: string;

  @Nested(() => ContactTileDto)
  contacts: ContactTileDto;

  @Nested(() => ConversationTileDto)
  conversations: ConversationTileDto;

  @Nested(() => CampaignTileDto)
  campaigns: CampaignTileDto;

  @Nested(() => MessageTileDto)
  messages_today: MessageTileDto;

  @ListOf(() => RecentConversationDto, {
    maxItems: 5,
    nullable: true,
    description: 'The five with the latest message; null without the scope `inbox:read`.',
  })
  recent_conversations: RecentConversationDto[] | null;

  @ListOf(() => RecentCampaignDto, {
    maxItems: 5,
    nullable: true,
    description: 'The five newest; null without the scope `campaigns:read`.',
  })
  recent_campaigns: RecentCampaignDto[] | null;
}
