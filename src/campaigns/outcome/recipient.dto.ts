import { IntersectionType } from '@nestjs/swagger';
import { AccountScopedDto, NextCursor, PageQuery } from '../../http/common.dto.js';
import {
  AnyJson,
  Bool,
  Decimal,
  Id,
  Int,
  JsonObject,
  ListOf,
  OneOf,
  OptionalText,
  Text,
  Timestamp,
} from '../../http/fields.js';
import { MICROS } from '../campaign.dto.js';
import { RECIPIENT_STATUSES, shownStatus, type RecipientStatus } from '../campaign-status.js';
import type { RecipientFilter, RecipientRow } from './recipient-list.repository.js';

const STATUS_HELP = 'As shown: who is being sent to at this moment is still pending.';
const MAX_CODE = 2_147_483_647;

/** Which recipients to export. */
export class RecipientFilterQuery extends AccountScopedDto {
  @OneOf(RECIPIENT_STATUSES, { optional: true, description: STATUS_HELP })
  status?: RecipientStatus;

  @OptionalText({ max: 100, description: 'Part of the phone or name, or a whole user id.', example: 'asha' })
  q?: string;

  @Text({ max: 50, optional: true, description: 'Only those who were skipped for this reason.', example: 'opted_out' })
  skip_reason?: string;

  @Int({
    max: MAX_CODE,
    optional: true,
    description: 'Only those who failed with this code of Meta.',
    example: 131_026,
  })
  error_code?: number;

  @Id({ optional: true, description: 'Only those who got this variant.' })
  variant_id?: number;

  @Bool({ optional: true, description: 'Only those who wrote back, or only those who did not.' })
  replied?: boolean;

  @Bool({ optional: true, description: 'Only those who opted out after it, or only the others.' })
  opted_out?: boolean;
}

export class ListRecipientsQuery extends IntersectionType(PageQuery, RecipientFilterQuery) {}

export class RecipientDto {
  @Id()
  id: number;

  @Int({ nullable: true, description: 'Line of the file.' })
  line: number | null;

  @Text({ max: 32, nullable: true })
  phone_number: string | null;

  @Text({ max: 150, nullable: true })
  user_id: string | null;

  @Id({ nullable: true })
  contact_id: number | null;

  @Text({ max: 255, min: 0 })
  name: string;

  @JsonObject({ description: 'Columns of the file, or fields of the contact.' })
  parameters: Record<string, string>;

  @Id({ nullable: true, description: 'Of a split campaign: which template the person gets.' })
  variant_id: number | null;

  @OneOf(RECIPIENT_STATUSES)
  status: string;

  @Text({
    max: 50,
    nullable: true,
    description: 'opted_out, blocked, duplicate, invalid, missing_variable, frequency_cap, expired …',
    example: null,
  })
  skip_reason: string | null;

  @AnyJson({ nullable: true, schema: { type: 'integer' }, description: 'Meta’s code.' })
  error_code: number | null;

  @Text({ max: 2_000, nullable: true })
  error_message: string | null;

  @Int()
  attempt: number;

  @Timestamp({ nullable: true, description: 'Of who waits: not before then (quiet hours, a retry).' })
  not_before: string | null;

  @Text({ max: 512, nullable: true, description: 'Meta’s id (wamid).' })
  message_id: string | null;

  @Timestamp({ nullable: true })
  sent_at: string | null;

  @Timestamp({ nullable: true })
  delivered_at: string | null;

  @Timestamp({ nullable: true })
  read_at: string | null;

  @Timestamp({ nullable: true, description: 'The first answer: within 72 hours, or whenever it quotes the message.' })
  replied_at: string | null;

  @Timestamp({ nullable: true, description: 'Opted out of marketing within 72 hours.' })
  opted_out_at: string | null;

  @Decimal({ min: 0, max: 1_000_000, nullable: true, description: 'In the currency of the rate table.' })
  cost: number | null;
}

export class RecipientListDto {
  @ListOf(() => RecipientDto)
  recipients: RecipientDto[];

  @NextCursor()
  next_cursor: string | null;
}

export function toRecipientFilter(
  query: RecipientFilterQuery,
): Omit<RecipientFilter, 'accountId' | 'campaignId' | 'phone'> {
  return {
    status: query.status,
    q: query.q,
    skipReason: query.skip_reason,
    errorCode: query.error_code,
    variantId: query.variant_id,
    replied: query.replied,
    optedOut: query.opted_out,
  };
}

export function toRecipientDto(row: RecipientRow): RecipientDto {
  const { phone, status, cost_micros, ...rest } = row;
  return {
    ...rest,
    phone_number: phone,
    status: shownStatus(status),
    not_before: row.not_before?.toISOString() ?? null,
    sent_at: row.sent_at?.toISOString() ?? null,
    delivered_at: row.delivered_at?.toISOString() ?? null,
    read_at: row.read_at?.toISOString() ?? null,
    replied_at: row.replied_at?.toISOString() ?? null,
    opted_out_at: row.opted_out_at?.toISOString() ?? null,
    cost: cost_micros === null ? null : cost_micros / MICROS,
  };
}
