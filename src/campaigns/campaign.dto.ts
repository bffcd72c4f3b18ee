import { AccountScopedDto, NextCursor, PageQuery } from '../http/common.dto.js';
import {
  AnyJson,
  Bool,
  Id,
  Int,
  JsonObject,
  ListOf,
  Nested,
  OneOf,
  OptionalText,
  Text,
  Timestamp,
} from '../http/fields.js';
import type { ParameterMapping } from './campaign.entity.js';
import type { CampaignRow } from './campaigns.repository.js';
import { CAMPAIGN_STATUSES, RECIPIENT_STATUSES, shownStatus, type RecipientStatus } from './campaign-status.js';
import type { RecipientRow } from './recipients.repository.js';

const MAPPINGS_HELP =
  'Variable to field, as {"1": "name", "2": "order_id"}; header.1 for a header variable of its own; ' +
  '{"field": "name", "default": "friend"} for a default. A field is a column of the file or of the contact.';

export class CreateCampaignDto extends AccountScopedDto {
  @Text({ max: 255, example: 'Summer sale' })
  name: string;

  @Id({ optional: true, nullable: true, description: 'The template to send; needed to run.' })
  template_id?: number | null;

  @OneOf(['contacts', 'csv'], { optional: true, default: 'contacts', description: 'Where the recipients come from.' })
  audience_type: string = 'contacts';

  @JsonObject({ optional: true, description: 'Filters of the contacts audience.', example: { labels__name: 'VIP' } })
  audience_filters?: Record<string, unknown>;

  @JsonObject({ optional: true, description: MAPPINGS_HELP, example: { '1': 'name', '2': 'order_id' } })
  parameter_mappings?: Record<string, unknown>;
}

export class UpdateCampaignDto extends AccountScopedDto {
  @Text({ max: 255, optional: true })
  name?: string;

  @Id({ optional: true, nullable: true })
  template_id?: number | null;

  @OneOf(['contacts', 'csv'], { optional: true })
  audience_type?: string;

  @JsonObject({ optional: true })
  audience_filters?: Record<string, unknown>;

  @JsonObject({ optional: true, description: MAPPINGS_HELP })
  parameter_mappings?: Record<string, unknown>;
}

export class ListCampaignsQuery extends PageQuery {
  @OptionalText({ max: 100, description: 'Part of the name.' })
  q?: string;

  @OneOf(CAMPAIGN_STATUSES, { optional: true })
  status?: string;

  @Id({ optional: true })
  template_id?: number;
}

export class ListRecipientsQuery extends PageQuery {
  @OneOf(RECIPIENT_STATUSES, { optional: true })
  status?: RecipientStatus;

  @OptionalText({ max: 100, description: 'Part of the phone or name.' })
  q?: string;
}

export class RunCampaignDto extends AccountScopedDto {}

class ProgressDto {
  @Int({ description: 'Recipients that were attempted or skipped.' })
  done: number;

  @Int({ description: 'Average since the start, messages per second.' })
  rate_per_second: number;

  @Int({ nullable: true, description: 'At that rate; null when it does not run.' })
  seconds_left: number | null;
}

/** A bulk send. total = pending + sent + failed + skipped + unknown, always; read ≤ delivered ≤ sent. */
export class CampaignDto {
  @Id()
  id: number;

  @Id()
  account_id: number;

  @Text({ max: 255 })
  name: string;

  @Id({ nullable: true })
  template_id: number | null;

  @Text({ max: 50, example: 'csv' })
  audience_type: string;

  @JsonObject()
  audience_filters: Record<string, unknown>;

  @JsonObject()
  parameter_mappings: Record<string, ParameterMapping>;

  @OneOf(CAMPAIGN_STATUSES)
  status: string;

  @JsonObject({ nullable: true, description: 'Why it is paused or failed: code, message and, from Meta, graph.' })
  status_reason: Record<string, unknown> | null;

  @OneOf(['hold', 'resend', 'drop'], { description: 'What becomes of sends whose outcome is not known.' })
  on_unknown: string;

  @Timestamp({ nullable: true })
  scheduled_at: string | null;

  @Timestamp({ nullable: true })
  started_at: string | null;

  @Timestamp({ nullable: true })
  completed_at: string | null;

  @Int()
  total_count: number;

  @Int()
  pending_count: number;

  @Int()
  sent_count: number;

  @Int()
  delivered_count: number;

  @Int()
  read_count: number;

  @Int()
  failed_count: number;

  @Int()
  skipped_count: number;

  @Int({ description: 'Meta’s answer was lost; they settle when a status comes, and are never sent again on a guess.' })
  unknown_count: number;

  @Nested(() => ProgressDto)
  progress: ProgressDto;

  @Timestamp()
  created_at: string;

  @Timestamp()
  updated_at: string;
}

export class CampaignListDto {
  @ListOf(() => CampaignDto)
  campaigns: CampaignDto[];

  @NextCursor()
  next_cursor: string | null;
}

export class QueuedCampaignDto {
  @Bool({ example: true })
  queued: boolean;

  @Nested(() => CampaignDto)
  campaign: CampaignDto;
}

export class LineErrorDto {
  @Int({ example: 17 })
  line: number;

  @Text({ max: 100, example: 'phone' })
  field: string;

  @Text({ max: 100, example: 'invalid_phone_number' })
  code: string;

  @Text({ max: 100, min: 0, example: '12' })
  value: string;
}

export class AudienceUploadDto {
  @Int({ description: 'Lines of the file, without its head.' })
  total: number;

  @Int({ description: 'People who will be messaged, unless they opted out.' })
  accepted: number;

  @Int({ description: 'Lines of people who are in the file already.' })
  duplicates: number;

  @Int({ description: 'Lines without a phone number that can be read.' })
  invalid: number;

  @ListOf(() => LineErrorDto, { maxItems: 1_000, description: 'The first 1,000 of them.' })
  errors: LineErrorDto[];
}

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

  @JsonObject()
  parameters: Record<string, string>;

  @OneOf(RECIPIENT_STATUSES)
  status: string;

  @OneOf(['opted_out', 'duplicate', 'invalid', 'blocked'], { nullable: true })
  skip_reason: string | null;

  @AnyJson({ nullable: true, schema: { type: 'integer' }, description: 'Meta’s code.' })
  error_code: number | null;

  @Text({ max: 2_000, nullable: true })
  error_message: string | null;

  @Int()
  attempt: number;

  @Text({ max: 512, nullable: true, description: 'Meta’s id (wamid).' })
  message_id: string | null;

  @Timestamp({ nullable: true })
  sent_at: string | null;

  @Timestamp({ nullable: true })
  delivered_at: string | null;

  @Timestamp({ nullable: true })
  read_at: string | null;
}

export class RecipientListDto {
  @ListOf(() => RecipientDto)
  recipients: RecipientDto[];

  @NextCursor()
  next_cursor: string | null;
}

export function toCampaignDto(row: CampaignRow, now = new Date()): CampaignDto {
  const { run_no: _runNo, ...rest } = row;
  return {
    ...rest,
    progress: progressOf(row, now),
    scheduled_at: row.scheduled_at?.toISOString() ?? null,
    started_at: row.started_at?.toISOString() ?? null,
    completed_at: row.completed_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}

function progressOf(row: CampaignRow, now: Date): ProgressDto {
  const done = row.total_count - row.pending_count;
  const attempted = row.sent_count + row.failed_count + row.unknown_count;
  const seconds = row.started_at ? ((row.completed_at ?? now).getTime() - row.started_at.getTime()) / 1_000 : 0;
  const rate = seconds > 0 ? attempted / seconds : 0;
  const isMoving = row.status === 'running' && rate > 0;
  return {
    done,
    rate_per_second: Math.round(rate),
    seconds_left: isMoving ? Math.ceil(row.pending_count / rate) : null,
  };
}

export function toRecipientDto(row: RecipientRow): RecipientDto {
  const { phone, status, ...rest } = row;
  return {
    ...rest,
    phone_number: phone,
    status: shownStatus(status),
    sent_at: row.sent_at?.toISOString() ?? null,
    delivered_at: row.delivered_at?.toISOString() ?? null,
    read_at: row.read_at?.toISOString() ?? null,
  };
}
