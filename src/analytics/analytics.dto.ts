import { AccountScopedDto, NextCursor } from '../http/common.dto.js';
import {
  Bool,
  Decimal,
  Id,
  Int,
  ListOf,
  ListOfIds,
  Nested,
  OneOf,
  OptionalText,
  Text,
  Timestamp,
} from '../http/fields.js';
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from '../common/page.js';

/** What can be had as a file. */
export const REPORTS = ['overview', 'daily', 'campaigns', 'templates', 'agents', 'labels', 'costs'] as const;
export type Report = (typeof REPORTS)[number];

const MOST = Number.MAX_SAFE_INTEGER;

/** Which time, and whose. */
export class PeriodQueryDto extends AccountScopedDto {
  @OptionalText({
    min: 1,
    max: 40,
    description:
      'First day, in `time_zone`; or a moment in ISO-8601, rounded down to a quarter of an hour. Default: 30 days in all.',
    example: '2026-11-01',
  })
  from?: string;

  @OptionalText({
    min: 1,
    max: 40,
    description: 'Last day, which counts; or a moment, rounded up. Default: today. At most 400 days.',
    example: '2026-11-30',
  })
  to?: string;

  @OptionalText({
    min: 1,
    max: 64,
    description: 'IANA name: whose days they are.',
    example: 'Asia/Kolkata',
    default: 'UTC',
  })
  time_zone?: string;

  @Bool({ optional: true, default: false, description: 'All active accounts that the key may use, added up.' })
  all_accounts?: boolean;
}

export class OverviewQueryDto extends PeriodQueryDto {
  @OneOf(['previous'], { optional: true, description: 'The same of as many days before, beside it.' })
  compare?: 'previous';
}

export class ReportQueryDto extends PeriodQueryDto {
  @Int({ optional: true, min: 1, max: MAX_PAGE_SIZE, default: DEFAULT_PAGE_SIZE, description: 'Rows per page.' })
  limit: number = DEFAULT_PAGE_SIZE;

  @OptionalText({ max: 2_000, description: 'next_cursor of the previous page.' })
  cursor?: string;
}

export class ReportParam {
  @OneOf(REPORTS, { example: 'daily', description: 'Which report.' })
  report: Report;
}

class PeriodDto {
  @Timestamp({ description: 'The first moment that counts.', example: '2026-10-31T18:30:00.000Z' })
  from: string;

  @Timestamp({ description: 'The first moment that does not count any more.', example: '2026-11-30T18:30:00.000Z' })
  to: string;

  @Text({ max: 64, example: 'Asia/Kolkata' })
  time_zone: string;

  @ListOfIds({ maxItems: MOST, description: 'Whose figures these are.', example: [1] })
  account_ids: number[];
}

export class InboundFiguresDto {
  @Int({ description: 'Messages that customers wrote.', example: 310 })
  received: number;
}

export class OutboundFiguresDto {
  @Int({ description: 'sent + failed: all whose outcome is known.', example: 1_000 })
  attempted: number;

  @Int({ description: 'Accepted by Meta, and not failed since.', example: 980 })
  sent: number;

  @Int({ description: 'Delivered, those that were read included.', example: 940 })
  delivered: number;

  @Int({ example: 610 })
  read: number;

  @Int({ description: 'Failed for good: refused, or not delivered after all.', example: 20 })
  failed: number;

  @Decimal({ min: 0, max: 1, nullable: true, description: 'delivered / attempted', example: 0.94 })
  delivery_rate: number | null;

  @Decimal({ min: 0, max: 1, nullable: true, description: 'read / delivered', example: 0.6489 })
  read_rate: number | null;

  @Decimal({ min: 0, max: 1, nullable: true, description: 'failed / attempted', example: 0.02 })
  failure_rate: number | null;
}

export class DurationsDto {
  @Int({ example: 120 })
  count: number;

  @Decimal({ min: 0, max: MOST, nullable: true, example: 418.25 })
  average_s: number | null;

  @Decimal({ min: 0, max: MOST, nullable: true, description: 'At most 5 % off.', example: 180.2 })
  median_s: number | null;

  @Decimal({
    min: 0,
    max: MOST,
    nullable: true,
    description: '90 of 100 took no longer. At most 5 % off.',
    example: 1_210.6,
  })
  p90_s: number | null;
}

export class ConversationCountsDto {
  @Int({
    description: 'The customer wrote, for the first time or after it was resolved; or an agent reopened it.',
    example: 80,
  })
  opened: number;

  @Int({ description: 'Times that a customer who waited got an answer of a person.', example: 75 })
  answered: number;

  @Int({ example: 71 })
  resolved: number;
}

export class CostDto {
  @Text({ max: 3, example: 'USD' })
  currency: string;

  @Decimal({ min: 0, max: MOST, description: "By Meta's word on each message and the rate table.", example: 12.34 })
  cost: number;
}

export class FiguresDto {
  @Timestamp({ example: '2026-10-31T18:30:00.000Z' })
  from: string;

  @Timestamp({ example: '2026-11-30T18:30:00.000Z' })
  to: string;

  @Nested(() => InboundFiguresDto)
  inbound: InboundFiguresDto;

  @Nested(() => OutboundFiguresDto)
  outbound: OutboundFiguresDto;

  @Nested(() => ConversationCountsDto)
  conversations: ConversationCountsDto;

  @Nested(() => DurationsDto, { description: 'From the first message nobody had answered to the answer of a person.' })
  first_response: DurationsDto;

  @Nested(() => DurationsDto, { description: 'From when it was opened to when it was resolved.' })
  resolution: DurationsDto;

  @ListOf(() => CostDto)
  costs: CostDto[];
}

export class OverviewDto extends FiguresDto {
  @Text({ max: 64, example: 'Asia/Kolkata' })
  time_zone: string;

  @ListOfIds({ maxItems: MOST, description: 'Whose figures these are.', example: [1] })
  account_ids: number[];

  @Nested(() => FiguresDto, { nullable: true, description: 'With compare=previous.' })
  previous: FiguresDto | null;
}

export class DayDto {
  @Text({ max: 10, example: '2026-11-21' })
  date: string;

  @Nested(() => InboundFiguresDto)
  inbound: InboundFiguresDto;

  @Nested(() => OutboundFiguresDto)
  outbound: OutboundFiguresDto;

  @Nested(() => ConversationCountsDto)
  conversations: ConversationCountsDto;
}

export class DailyDto extends PeriodDto {
  @ListOf(() => DayDto, { description: 'Every day of the period, the oldest first.', maxItems: 401 })
  days: DayDto[];
}

export class CampaignFiguresDto {
  @Id()
  campaign_id: number;

  @Text({
    max: 255,
    nullable: true,
    description: 'Null: the campaign was deleted. What it sent still counts.',
    example: 'Diwali',
  })
  name: string | null;

  @Text({ max: 20, nullable: true, example: 'completed' })
  status: string | null;

  @Timestamp({ nullable: true })
  created_at: string | null;

  @Nested(() => OutboundFiguresDto, { description: 'Messages of the period; each attempt at a recipient is one.' })
  outbound: OutboundFiguresDto;

  @Int({ description: 'People who answered, so far.', example: 41 })
  replied_count: number;

  @Int({ description: 'People who opted out, so far.', example: 2 })
  opted_out_count: number;

  @ListOf(() => CostDto)
  costs: CostDto[];
}

export class CampaignReportDto extends PeriodDto {
  @ListOf(() => CampaignFiguresDto, { description: 'Those that sent something in the period, those with most first.' })
  campaigns: CampaignFiguresDto[];

  @NextCursor()
  next_cursor: string | null;
}

export class TemplateFiguresDto {
  @Text({ max: 512, example: 'order_update' })
  name: string;

  @Text({ max: 20, example: 'en' })
  language: string;

  @Nested(() => OutboundFiguresDto)
  outbound: OutboundFiguresDto;

  @ListOf(() => CostDto)
  costs: CostDto[];
}

export class TemplateReportDto extends PeriodDto {
  @ListOf(() => TemplateFiguresDto, { description: 'Those that were sent in the period, those with most first.' })
  templates: TemplateFiguresDto[];

  @NextCursor()
  next_cursor: string | null;
}

export class AgentFiguresDto {
  @Text({
    max: 255,
    nullable: true,
    description: '`sent_by` of the send; null: sends that name nobody.',
    example: 'asha@example.com',
  })
  agent: string | null;

  @Nested(() => OutboundFiguresDto, { description: 'What they sent; campaigns are nobody’s.' })
  outbound: OutboundFiguresDto;

  @Nested(() => DurationsDto, { description: 'How long customers had waited whom they answered.' })
  first_response: DurationsDto;

  @Nested(() => DurationsDto, { description: 'Of conversations that were theirs when they were resolved.' })
  resolution: DurationsDto;

  @Int({ description: 'Resolved while it was theirs.', example: 12 })
  resolved: number;

  @Int({ description: 'Conversations that are theirs now and open.', example: 4 })
  open_conversations: number;
}

export class AgentReportDto extends PeriodDto {
  @ListOf(() => AgentFiguresDto, { description: 'Those who sent most first.' })
  agents: AgentFiguresDto[];

  @NextCursor()
  next_cursor: string | null;
}

export class LabelFiguresDto {
  @Id()
  label_id: number;

  @Text({ max: 50, example: 'VIP' })
  name: string;

  @Text({ max: 20, example: 'gray' })
  color: string;

  @Int({ description: 'Conversations that have it now.', example: 120 })
  conversations: number;

  @Int({ description: 'Of these, open ones.', example: 14 })
  open_conversations: number;

  @Int({ description: 'Of these, unread ones.', example: 3 })
  unread_conversations: number;

  @Int({ description: 'Times it was put on a conversation in the period.', example: 22 })
  labelled: number;

  @Int({ description: 'Conversations opened in the period that had it then.', example: 18 })
  opened: number;

  @Int({ description: 'Conversations resolved in the period that had it then.', example: 15 })
  resolved: number;

  @Nested(() => DurationsDto)
  first_response: DurationsDto;

  @Nested(() => DurationsDto)
  resolution: DurationsDto;
}

export class LabelReportDto extends PeriodDto {
  @ListOf(() => LabelFiguresDto, { description: 'Those on most conversations first.' })
  labels: LabelFiguresDto[];

  @NextCursor()
  next_cursor: string | null;
}

export class ChargeDto {
  @Text({
    max: 3,
    nullable: true,
    description: 'Null: without a price in the rate table the cost is not known.',
    example: 'USD',
  })
  currency: string | null;

  @Text({ max: 100, description: "Meta's word.", example: 'marketing' })
  category: string;

  @Text({ max: 100, description: "Meta's word; empty where it says none.", example: 'regular' })
  type: string;

  @Text({ max: 2, nullable: true, description: 'ISO 3166, of the customer.', example: 'IN' })
  country: string | null;

  @Int({ description: 'Messages that Meta delivered and named a price category for.', example: 980 })
  messages: number;

  @Decimal({ min: 0, max: MOST, nullable: true, example: 10.78 })
  cost: number | null;
}

export class CostReportDto extends PeriodDto {
  @ListOf(() => CostDto, { description: 'Of all of it, by currency.' })
  totals: CostDto[];

  @ListOf(() => ChargeDto, { description: 'Those with most messages first.' })
  costs: ChargeDto[];

  @NextCursor()
  next_cursor: string | null;
}
