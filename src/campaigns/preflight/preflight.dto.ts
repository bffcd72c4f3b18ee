import { AccountScopedDto } from '../../http/common.dto.js';
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
  Phone,
  Text,
  Timestamp,
} from '../../http/fields.js';
import { TemplatePreviewDto } from '../../templates/template-actions.dto.js';
import { MICROS } from '../pricing/rate-table.js';
import type { Preflight, Sample } from './preflight.service.js';

const MANY = 1_000_000_000;

export class PreflightSkippedDto {
  @Int()
  opted_out: number;

  @Int()
  blocked: number;

  @Int({ description: 'Without a phone number that can be read, or a user id.' })
  invalid: number;

  @Int()
  duplicate: number;

  @Int({ description: 'Meta said “not now” of them (131049).' })
  cooldown: number;

  @Int()
  frequency_cap: number;

  @Int()
  missing_variable: number;

  @Int({ description: 'Of a campaign that ran already: for another reason, such as expires_at.' })
  other: number;
}

export class MissingVariableDto {
  @Text({ max: 100, description: 'As parameter_mappings names it.', example: '2' })
  name: string;

  @Int()
  count: number;
}

export class PreflightTemplateDto {
  @Id()
  id: number;

  @Id({ nullable: true })
  variant_id: number | null;

  @Text({ max: 512 })
  name: string;

  @Text({ max: 20 })
  language: string;

  @Text({ max: 30, example: 'MARKETING' })
  category: string;

  @Text({ max: 30, example: 'APPROVED' })
  status: string;

  @Text({ max: 30, nullable: true, example: 'GREEN' })
  quality: string | null;

  @Decimal({ min: 0, max: 1, description: 'Of the audience.' })
  share: number;
}

export class PreflightProblemDto {
  @Text({ max: 100, example: 'template_not_approved' })
  code: string;

  @OneOf(['error', 'warning'], { description: 'error: it would not start, or reach nobody.' })
  severity: string;

  @Text({ max: 1_000 })
  message: string;

  @Text({ max: 200, optional: true, description: 'Field of the campaign to change.', example: 'template_id' })
  field?: string;
}

export class PreflightSampleDto {
  @Text({ max: 32, nullable: true })
  phone_number: string | null;

  @Text({ max: 150, nullable: true })
  user_id: string | null;

  @Text({ max: 255, min: 0 })
  name: string;

  @Id({ nullable: true })
  contact_id: number | null;

  @Int({ nullable: true, description: 'Line of the file.' })
  line: number | null;

  @Id()
  template_id: number;

  @Id({ nullable: true })
  variant_id: number | null;

  @Bool({ description: 'False: for lack of a value, and the person is skipped.' })
  will_be_sent: boolean;

  @Nested(() => TemplatePreviewDto)
  preview: TemplatePreviewDto;
}

export class PreflightEstimateDto {
  @Decimal({ min: 0, max: MANY, description: 'Its share of what the number may send, beside other campaigns.' })
  messages_per_second: number;

  @Int({ description: 'With quiet hours and the messaging limit.' })
  seconds: number;

  @Timestamp({ description: 'Now, or scheduled_at.' })
  start_at: string;

  @Timestamp()
  finish_at: string;
}

export class CostLineDto {
  @Text({ max: 2, nullable: true, description: 'ISO 3166; null when the number tells none.', example: 'IN' })
  country: string | null;

  @Text({ max: 50, example: 'marketing' })
  category: string;

  @Int()
  count: number;

  @Decimal({ min: 0, max: MANY, nullable: true, description: 'Of one message; null when the table has none.' })
  price: number | null;

  @Decimal({ min: 0, max: MANY, nullable: true })
  cost: number | null;
}

export class PreflightCostDto {
  @Text({ max: 3, nullable: true, description: 'Null while there is no rate table.', example: 'USD' })
  currency: string | null;

  @Decimal({ min: 0, max: MANY, description: 'If everything is delivered; without the unpriced ones.' })
  total: number;

  @Int({ description: 'Messages the rate table has no price for.' })
  unpriced_count: number;

  @ListOf(() => CostLineDto, { description: 'By country and category, the most messages first.' })
  lines: CostLineDto[];
}

export class PreflightBudgetDto {
  @Int({ nullable: true, description: 'People the portfolio may write to in 24 hours; null: as many as it likes.' })
  limit: number | null;

  @Int()
  used_24h: number;

  @Int({ nullable: true })
  remaining: number | null;
}

/** What the campaign would do. audience_size = will_be_sent + all that are skipped + done. */
export class PreflightDto {
  @Bool({ description: 'No problem is an error.' })
  can_run: boolean;

  @Int()
  audience_size: number;

  @Bool({
    description:
      'Numbers are about: the audience from outside was not read to its end, or is still being brought in, or variants ' +
      'are not drawn yet.',
  })
  is_estimate: boolean;

  @Int()
  will_be_sent: number;

  @Int({ description: 'Of a campaign that ran already: sent, failed or unknown.' })
  done: number;

  @Nested(() => PreflightSkippedDto)
  skipped: PreflightSkippedDto;

  @ListOf(() => MissingVariableDto, { description: 'Also where the default value stands in.' })
  missing_variables: MissingVariableDto[];

  @ListOf(() => PreflightTemplateDto)
  templates: PreflightTemplateDto[];

  @ListOf(() => PreflightProblemDto, { description: 'Errors first.' })
  problems: PreflightProblemDto[];

  @ListOf(() => PreflightSampleDto, { description: 'Up to 5 messages as their recipients would see them.' })
  samples: PreflightSampleDto[];

  @Nested(() => PreflightEstimateDto)
  estimate: PreflightEstimateDto;

  @Nested(() => PreflightCostDto)
  cost: PreflightCostDto;

  @Nested(() => PreflightBudgetDto)
  budget: PreflightBudgetDto;
}

export class TestCampaignDto extends AccountScopedDto {
  @Phone({ optional: true, description: 'Phone number in any spelling. Either this or user_id.' })
  phone?: string;

  @Text({ max: 150, optional: true, example: 'IN.13491208655302741918' })
  user_id?: string;

  @Id({ optional: true, description: 'Of a split campaign; the first, when left out.' })
  variant_id?: number;

  @JsonObject({
    optional: true,
    description:
      'Fields of the recipient, as a line of the file has them. What is left out is taken from the first recipient.',
    example: { name: 'Asha', order_id: 'A-1042' },
  })
  parameters?: Record<string, unknown>;

  @OptionalText({ max: 255, description: 'The agent who sends, for the record.', example: 'asha@example.com' })
  sent_by?: string;
}

export function toPreflightDto(preflight: Preflight): PreflightDto {
  const { summary, estimate, cost, budget, problems } = preflight;
  return {
    can_run: problems.every(({ severity }) => severity !== 'error'),
    audience_size: summary.size,
    is_estimate: preflight.isEstimate,
    will_be_sent: summary.willBeSent,
    done: summary.done,
    skipped: summary.skipped,
    missing_variables: summary.missing,
    templates: preflight.messages.map(({ template, variantId, share }) => ({
      id: template.id,
      variant_id: variantId,
      name: template.name,
      language: template.language,
      category: template.category,
      status: template.status,
      quality: template.qualityScore,
      share,
    })),
    problems,
    samples: preflight.samples.map(toSampleDto),
    estimate: {
      messages_per_second: Math.round(estimate.messagesPerSecond * 10) / 10,
      seconds: estimate.seconds,
      start_at: preflight.startsAt.toISOString(),
      finish_at: estimate.finishAt.toISOString(),
    },
    cost: {
      currency: cost.currency,
      total: cost.totalMicros / MICROS,
      unpriced_count: cost.unpricedCount,
      lines: cost.lines.map(({ country, category, count, priceMicros }) => ({
        country,
        category,
        count,
        price: priceMicros === null ? null : priceMicros / MICROS,
        cost: priceMicros === null ? null : (count * priceMicros) / MICROS,
      })),
    },
    budget: { limit: budget.limit, used_24h: budget.used, remaining: budget.remaining },
  };
}

function toSampleDto({ person, message, preview }: Sample): PreflightSampleDto {
  return {
    phone_number: person.phone,
    user_id: person.userId,
    name: person.name,
    contact_id: person.contactId,
    line: person.line,
    template_id: message.template.id,
    variant_id: message.variantId,
    will_be_sent: message.judge(person).isSent,
    preview,
  };
}
