import { AccountScopedDto, NextCursor, PageQuery } from '../http/common.dto.js';
import {
  Bool,
  Decimal,
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
import { AB_METRICS, ON_UNKNOWN, type AbTest, type OnUnknown, type ParameterMapping } from './campaign.entity.js';
import type { CampaignCounts, CampaignRow, VariantRow } from './campaigns.repository.js';
import { CAMPAIGN_STATUSES } from './campaign-status.js';

/** Of the currency, in a unit of it. */
export const MICROS = 1_000_000;
const CLOCK = /^([01]\d|2[0-3]):[0-5]\d$/;
const MAPPINGS_HELP =
  'Variable to field, as {"1": "name", "2": "order_id"}; header.1 for a header variable of its own; ' +
  '{"field": "name", "default": "friend"} for a default. A field is a column of the file or of the contact.';

export class QuietHoursDto {
  @Text({ max: 5, pattern: CLOCK, patternHint: 'must be a time as HH:MM', example: '21:00' })
  start: string;

  @Text({ max: 5, pattern: CLOCK, patternHint: 'must be a time as HH:MM', example: '08:00' })
  end: string;
}

export class FrequencyCapDto {
  @Int({ min: 1, max: 100, description: 'Campaign messages of this account to one person …', example: 2 })
  messages: number;

  @Int({ min: 1, max: 24 * 90, description: '… within so many hours.', example: 168 })
  hours: number;
}

export class AbTestDto {
  @Int({
    min: 1,
    max: 100,
    description: 'Percent of the audience the variants are tried on; the rest gets the winner.',
  })
  share: number;

  @Int({
    min: 1,
    max: 60 * 24 * 7,
    description: 'From when all of the trial were written to, until the winner is chosen.',
    example: 240,
  })
  wait_minutes: number;

  @OneOf(AB_METRICS, { description: 'The share of accepted messages that got so far decides.', example: 'read' })
  metric: AbTest['metric'];
}

export class NewVariantDto {
  @Text({ max: 50, example: 'A' })
  name: string;

  @Id()
  template_id: number;

  @JsonObject({ optional: true, description: 'Instead of those of the campaign.' })
  parameter_mappings?: Record<string, unknown>;

  @Int({ optional: true, default: 1, min: 1, max: 100, description: 'Its share of the trial, relative to the others.' })
  weight?: number;
}

/** What of a campaign its owner decides, whether it is made or changed. */
class CampaignSettingsDto extends AccountScopedDto {
  @Id({
    optional: true,
    nullable: true,
    description: 'The template to send; needed to run, unless there are variants.',
  })
  template_id?: number | null;

  @JsonObject({
    optional: true,
    description: 'Filters of the contacts audience, or what a named audience is asked with.',
    example: { labels__name: 'VIP' },
  })
  audience_filters?: Record<string, unknown>;

  @JsonObject({ optional: true, description: MAPPINGS_HELP, example: { '1': 'name', '2': 'order_id' } })
  parameter_mappings?: Record<string, unknown>;

  @OneOf(['skip', 'default'], {
    optional: true,
    default: 'skip',
    description: 'Of a variable without a value: skip the person, or take `default_value`.',
  })
  missing_variables?: 'skip' | 'default';

  @OptionalText({ max: 1_024, description: 'Stands in for a missing value.' })
  default_value?: string;

  @OneOf(ON_UNKNOWN, {
    optional: true,
    description:
      'What becomes of sends whose outcome is not known. hold: kept until a status tells (default). resend: sent again ' +
      'after `resend_after_s` in which other statuses came and none for it; a person may then get it twice. drop: given up.',
  })
  on_unknown?: OnUnknown;

  @Int({ optional: true, min: 60, max: 86_400, default: 900 })
  resend_after_s?: number;

  @Timestamp({
    optional: true,
    nullable: true,
    description: 'Starts it then: the campaign is `scheduled`. Null takes it off the schedule.',
  })
  scheduled_at?: string | null;

  @Text({
    optional: true,
    nullable: true,
    max: 64,
    description: 'IANA name. A scheduled_at without offset is of this zone.',
    example: 'Asia/Kolkata',
  })
  time_zone?: string | null;

  @Timestamp({ optional: true, nullable: true, description: 'Nothing goes out after it; who is left is skipped.' })
  expires_at?: string | null;

  @Nested(() => QuietHoursDto, {
    optional: true,
    nullable: true,
    description: 'When nobody is written to, by the clock of the recipient’s country; may span midnight.',
  })
  quiet_hours?: QuietHoursDto | null;

  @Nested(() => FrequencyCapDto, { optional: true, nullable: true })
  frequency_cap?: FrequencyCapDto | null;

  @ListOf(() => NewVariantDto, { optional: true, maxItems: 5, description: 'Templates to split the audience over.' })
  variants?: NewVariantDto[];

  @Nested(() => AbTestDto, { optional: true, nullable: true, description: 'Needs two variants or more.' })
  ab_test?: AbTestDto | null;
}

const AUDIENCE_HELP = 'contacts, csv, or the name of an audience (GET /audiences).';

export class CreateCampaignDto extends CampaignSettingsDto {
  @Text({ max: 255, example: 'Summer sale' })
  name: string;

  @Text({ optional: true, max: 50, default: 'contacts', description: AUDIENCE_HELP, example: 'csv' })
  audience_type?: string;
}

export class UpdateCampaignDto extends CampaignSettingsDto {
  @Text({ max: 255, optional: true })
  name?: string;

  @Text({ optional: true, max: 50, description: AUDIENCE_HELP })
  audience_type?: string;
}

export class ScheduleCampaignDto extends AccountScopedDto {
  @Timestamp({ nullable: true, description: 'Null takes it off the schedule: it is a draft again.' })
  scheduled_at: string | null;

  @Text({ optional: true, nullable: true, max: 64, example: 'Asia/Kolkata' })
  time_zone?: string | null;

  @Timestamp({ optional: true, nullable: true })
  expires_at?: string | null;
}

export class PickWinnerDto extends AccountScopedDto {
  @Id()
  variant_id: number;
}

export class ResolveUnknownDto extends AccountScopedDto {
  @OneOf(['resend', 'drop'], {
    description: 'resend: try them again now; someone who got it after all gets it twice. drop: count them as failed.',
  })
  action: 'resend' | 'drop';
}

export class ListCampaignsQuery extends PageQuery {
  @OptionalText({ max: 100, description: 'Part of the name.', example: 'diwali' })
  q?: string;

  @OneOf(CAMPAIGN_STATUSES, { optional: true, description: 'Only those with this status.' })
  status?: string;

  @Id({ optional: true, description: 'Only those that name this template, themselves or for a variant.' })
  template_id?: number;
}

export class RunCampaignQuery extends AccountScopedDto {
  @Bool({
    optional: true,
    description: 'Answer only when it has ended or was paused, with `{"sent": N, "failed": N}`.',
  })
  wait?: boolean;
}

class ProgressDto {
  @Int({ description: 'Recipients that were attempted or skipped.' })
  done: number;

  @Decimal({
    min: 0,
    max: 100_000,
    description: 'Messages per second: while it runs of late, afterwards on average over the time it ran.',
  })
  rate_per_second: number;

  @Int({ nullable: true, description: 'At that rate; null when it does not run.' })
  seconds_left: number | null;
}

/** Total = pending + sent + failed + skipped + unknown, always; read ≤ delivered ≤ sent. */
class CampaignCountsDto {
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

  @Int({ description: 'Meta’s answer was lost; they settle when a status comes. See on_unknown.' })
  unknown_count: number;

  @Int({ description: 'People who wrote back within 72 hours.' })
  replied_count: number;

  @Int({ description: 'People who opted out of marketing after it.' })
  opted_out_count: number;

  @Decimal({ min: 0, max: 1_000_000_000, description: 'What Meta charges by the rate table, in its currency.' })
  cost: number;
}

export class VariantDto extends CampaignCountsDto {
  @Id()
  id: number;

  @Text({ max: 50 })
  name: string;

  @Id()
  template_id: number;

  @JsonObject()
  parameter_mappings: Record<string, ParameterMapping>;

  @Int()
  weight: number;
}

/** A bulk send. total = pending + sent + failed + skipped + unknown, always; read ≤ delivered ≤ sent. */
export class CampaignDto extends CampaignCountsDto {
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

  @OneOf(['none', 'resolving', 'resolved'], { description: 'resolving: recipients are still being brought in.' })
  audience_state: string;

  @JsonObject()
  parameter_mappings: Record<string, ParameterMapping>;

  @OneOf(['skip', 'default'])
  missing_variables: string;

  @Text({ max: 1_024, min: 0 })
  default_value: string;

  @OneOf(CAMPAIGN_STATUSES)
  status: string;

  @JsonObject({ nullable: true, description: 'Why it is paused or failed: code, message and, from Meta, graph.' })
  status_reason: Record<string, unknown> | null;

  @OneOf(['hold', 'resend', 'drop'], { description: 'What becomes of sends whose outcome is not known.' })
  on_unknown: string;

  @Int()
  resend_after_s: number;

  @Timestamp({ nullable: true })
  scheduled_at: string | null;

  @Text({ max: 64, nullable: true, example: null })
  time_zone: string | null;

  @Timestamp({ nullable: true })
  expires_at: string | null;

  @Nested(() => QuietHoursDto, { nullable: true })
  quiet_hours: QuietHoursDto | null;

  @Nested(() => FrequencyCapDto, { nullable: true })
  frequency_cap: FrequencyCapDto | null;

  @ListOf(() => VariantDto, { description: 'Empty in lists; see the campaign itself.' })
  variants: VariantDto[];

  @Nested(() => AbTestDto, { nullable: true })
  ab_test: AbTestDto | null;

  @Id({ nullable: true, description: 'The variant that the rest of the audience gets.' })
  winner_variant_id: number | null;

  @Timestamp({ nullable: true })
  started_at: string | null;

  @Timestamp({ nullable: true })
  completed_at: string | null;

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

/** As the seeds' blocking run answers. */
export class CampaignOutcomeDto {
  @Int({ example: 9_851 })
  sent: number;

  @Int({ example: 12 })
  failed: number;
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

export function toCampaignDto(row: CampaignRow, variants: readonly VariantRow[] = [], now = new Date()): CampaignDto {
  const {
    run_no: _runNo,
    cost_micros,
    rate_per_second,
    visible_account_ids: _visible,
    winner_chosen_at: _at,
    running_since: _since,
    ran_s: _ranS,
    ...rest
  } = row;
  return {
    ...rest,
    cost: cost_micros / MICROS,
    variants: variants.map(({ cost_micros: micros, ...variant }) => ({ ...variant, cost: micros / MICROS })),
    progress: progressOf(row, rate_per_second, now),
    scheduled_at: row.scheduled_at?.toISOString() ?? null,
    expires_at: row.expires_at?.toISOString() ?? null,
    started_at: row.started_at?.toISOString() ?? null,
    completed_at: row.completed_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}

/** @param measured of late, by the sweeper; null: the average so far has to do */
export function progressOf(
  row: CampaignCounts & RunTimes & Pick<CampaignRow, 'status'>,
  measured: number | null,
  now: Date,
): ProgressDto {
  const done = row.total_count - row.pending_count;
  const attempted = row.sent_count + row.failed_count + row.unknown_count;
  const seconds = secondsRun(row, now);
  const average = seconds > 0 ? attempted / seconds : 0;
  const rate = row.status === 'running' ? (measured ?? average) : average;
  const isMoving = row.status === 'running' && rate > 0;
  return {
    done,
    rate_per_second: Math.round(rate * 10) / 10,
    seconds_left: isMoving ? Math.ceil(row.pending_count / rate) : null,
  };
}

type RunTimes = Pick<CampaignRow, 'started_at' | 'completed_at' | 'running_since' | 'ran_s'>;

function secondsRun(row: RunTimes, now: Date): number {
  const between = (from: Date | null, to: Date): number => (from ? (to.getTime() - from.getTime()) / 1_000 : 0);
  return row.ran_s === null
    ? between(row.started_at, row.completed_at ?? now)
    : row.ran_s + between(row.running_since, now);
}
