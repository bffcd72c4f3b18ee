import { AccountScopedDto, NextCursor, PageQuery } from '../http/common.dto.js';
import {
  AnyJson,
  Id,
  Int,
  JsonObject,
  ListOf,
  ListOfText,
  Nested,
  OneOf,
  OptionalText,
  Text,
  Timestamp,
} from '../http/fields.js';
import {
  Authentication,
  Body,
  Buttons,
  Carousel,
  Category,
  Examples,
  Footer,
  Format,
  Header,
  Language,
  LimitedTimeOfferDto,
  Name,
  Offer,
  TemplateAuthenticationDto,
  TemplateButtonDefinitionDto,
  TemplateCardDto,
  TemplateExamplesDto,
  TemplateHeaderDto,
  toButton,
  toCard,
  toExamples,
  toHeader,
  Ttl,
} from './template-parts.dto.js';
import { EMPTY_PARTS, MAX_BODY, MAX_FOOTER, PARAMETER_FORMATS, type TemplateInput } from './template-parts.js';
import type { TemplateRecord } from './template.entity.js';
import { variablesOf, type ParameterFormat } from './template.js';

export class CreateTemplateDto extends AccountScopedDto {
  @Name()
  name: string;

  @Language({ optional: true, default: 'en' })
  language?: string;

  @Category()
  category: string;

  @Format({ optional: true, default: 'POSITIONAL' })
  parameter_format?: ParameterFormat;

  @Header()
  header?: TemplateHeaderDto | null;

  @Body()
  body_text?: string;

  @Footer()
  footer_text?: string;

  @Buttons()
  buttons?: TemplateButtonDefinitionDto[];

  @Offer()
  limited_time_offer?: LimitedTimeOfferDto | null;

  @Carousel()
  carousel?: TemplateCardDto[] | null;

  @Authentication()
  authentication?: TemplateAuthenticationDto | null;

  @Examples()
  examples?: TemplateExamplesDto;

  @Ttl()
  message_send_ttl_seconds?: number | null;
}

export class UpdateTemplateDto extends AccountScopedDto {
  @Name({ optional: true })
  name?: string;

  @Language({ optional: true })
  language?: string;

  @Category({ optional: true })
  category?: string;

  @Format({ optional: true })
  parameter_format?: ParameterFormat;

  @Header()
  header?: TemplateHeaderDto | null;

  @Body()
  body_text?: string;

  @Footer()
  footer_text?: string;

  @Buttons()
  buttons?: TemplateButtonDefinitionDto[];

  @Offer()
  limited_time_offer?: LimitedTimeOfferDto | null;

  @Carousel()
  carousel?: TemplateCardDto[] | null;

  @Authentication()
  authentication?: TemplateAuthenticationDto | null;

  @Examples()
  examples?: TemplateExamplesDto;

  @Ttl()
  message_send_ttl_seconds?: number | null;
}

export class ListTemplatesQuery extends PageQuery {
  @OptionalText({ max: 100, description: 'Part of name or body.', example: 'order' })
  q?: string;

  @Text({
    optional: true,
    max: 30,
    description: 'Only those with this status, as Meta writes it.',
    example: 'APPROVED',
  })
  status?: string;

  @Text({ optional: true, max: 30, description: 'Only those of this category.', example: 'UTILITY' })
  category?: string;

  @Text({ optional: true, max: 10, description: 'Only those in this language.', example: 'en' })
  language?: string;
}

export class TemplateVariablesDto {
  @ListOfText({ maxItems: 100, max: 100, example: [] })
  header: string[];

  @ListOfText({ maxItems: 1_000, max: 100, example: ['1', '2'] })
  body: string[];
}

export class TemplateDto {
  @Id()
  id: number;

  @Id()
  account_id: number;

  @Text({ max: 512, example: 'order_update' })
  name: string;

  @Text({ max: 255, nullable: true, description: "Meta's id; null for a draft.", example: '594425479261596' })
  meta_template_id: string | null;

  @Text({ max: 10, example: 'en' })
  language: string;

  @Text({ max: 30, description: 'MARKETING, UTILITY or AUTHENTICATION; Meta decides.', example: 'UTILITY' })
  category: string;

  @Text({
    max: 30,
    description: 'DRAFT (only here), PENDING, APPROVED, REJECTED, PAUSED, … as Meta says; DELETED: gone from Meta.',
    example: 'APPROVED',
  })
  status: string;

  @OneOf(PARAMETER_FORMATS)
  parameter_format: string;

  @JsonObject({
    nullable: true,
    description: '`type`; of a text header `text`; of a media header `media_id`, when it has a file of the library.',
    example: { type: 'TEXT', text: 'Your order' },
  })
  header: object | null;

  @Text({ min: 0, max: MAX_BODY, example: 'Hi {{1}}, your order {{2}} is on its way to you.' })
  body_text: string;

  @Text({ min: 0, max: MAX_FOOTER, example: '' })
  footer_text: string;

  @AnyJson({ schema: { type: 'array', items: { type: 'object', additionalProperties: true } } as never, example: [] })
  buttons: Record<string, unknown>[];

  @AnyJson({
    schema: { type: 'array', items: { type: 'object', additionalProperties: true } } as never,
    description: "Meta's own components, with their examples.",
    example: [{ type: 'BODY', text: 'Hi {{1}}, your order {{2}} is on its way to you.' }],
  })
  components: Record<string, unknown>[];

  @JsonObject({ nullable: true, example: null, description: '`text` and `has_expiration`.' })
  limited_time_offer: object | null;

  @AnyJson({
    schema: { type: 'array', nullable: true, items: { type: 'object', additionalProperties: true } } as never,
    description: 'Cards: `header`, `body_text`, `buttons`.',
    example: null,
  })
  carousel: object[] | null;

  @JsonObject({
    nullable: true,
    example: null,
    description: '`add_security_recommendation`, `code_expiration_minutes`.',
  })
  authentication: object | null;

  @JsonObject({ description: 'Sample values: `header`, `body`, `cards`.', example: { body: ['Asha', 'A-1042'] } })
  examples: object;

  @Int({ min: -1, nullable: true, example: null })
  message_send_ttl_seconds: number | null;

  @Nested(() => TemplateVariablesDto, { description: 'What a sender fills in: positions or names.' })
  variables: TemplateVariablesDto;

  @Text({ max: 1_000, nullable: true, example: null })
  rejected_reason: string | null;

  @JsonObject({ nullable: true, description: "`reason` and `recommendation` in Meta's words.", example: null })
  rejection_info: object | null;

  @Text({ max: 30, nullable: true, description: 'Before Meta changed it.', example: null })
  previous_category: string | null;

  @Text({ max: 30, nullable: true, description: 'What Meta holds to be right and will change it to.', example: null })
  correct_category: string | null;

  @Timestamp({ nullable: true, description: 'When Meta will change the category.' })
  category_changes_at: string | null;

  @Text({ max: 30, nullable: true, description: 'GREEN, YELLOW, RED or UNKNOWN.', example: 'GREEN' })
  quality_score: string | null;

  @Timestamp({ nullable: true, description: 'When Meta was last seen to have it.' })
  synced_at: string | null;

  @Timestamp()
  created_at: string;

  @Timestamp()
  updated_at: string;
}

export class TemplateListDto {
  @ListOf(() => TemplateDto)
  templates: TemplateDto[];

  @NextCursor()
  next_cursor: string | null;
}

export class TemplateSyncDto {
  @Int({ description: 'Templates that are as Meta has them now.', example: 12 })
  synced: number;

  @Int({ example: 2 })
  created: number;

  @Int({ description: 'Known ones that Meta had changed.', example: 1 })
  updated: number;

  @Int({ description: 'Gone from Meta: they stay, with status DELETED.', example: 0 })
  removed: number;

  @Int({ description: 'Not taken over, because a local draft has the same name and language.', example: 0 })
  skipped: number;

  @ListOfText({ maxItems: 100, max: 600, description: 'Which: each `name/language`, the first 100.', example: [] })
  skipped_names: string[];
}

/** The given fields, in our names; `null` takes a part away. */
export function toDraftChanges(body: UpdateTemplateDto): Partial<TemplateInput> {
  const given = {
    name: body.name,
    language: body.language,
    category: body.category,
    parameterFormat: body.parameter_format,
    ...(body.header === undefined ? {} : toHeader(body.header)),
    bodyText: body.body_text,
    footerText: body.footer_text,
    buttons: body.buttons?.map(toButton),
    limitedTimeOffer: body.limited_time_offer && {
      text: body.limited_time_offer.text,
      has_expiration: body.limited_time_offer.has_expiration ?? false,
    },
    carousel: body.carousel && body.carousel.map(toCard),
    authentication: body.authentication && { ...body.authentication },
    examples: body.examples && toExamples(body.examples),
    messageSendTtlSeconds: body.message_send_ttl_seconds,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

export function toDraftInput(body: CreateTemplateDto): TemplateInput {
  return { ...EMPTY_PARTS, name: body.name, language: 'en', category: body.category, ...toDraftChanges(body) };
}

export function toTemplateDto(template: TemplateRecord): TemplateDto {
  return {
    id: template.id,
    account_id: template.accountId,
    name: template.name,
    meta_template_id: template.metaTemplateId,
    language: template.language,
    category: template.category,
    status: template.status,
    parameter_format: template.parameterFormat,
    header: template.header && {
      ...template.header,
      ...(template.headerMediaId === null ? {} : { media_id: template.headerMediaId }),
    },
    body_text: template.bodyText,
    footer_text: template.footerText,
    buttons: template.buttons,
    components: template.components,
    limited_time_offer: template.limitedTimeOffer,
    carousel: template.carousel,
    authentication: template.authentication,
    examples: template.examples,
    message_send_ttl_seconds: template.messageSendTtlSeconds,
    variables: variablesOf(template),
    rejected_reason: template.rejectedReason,
    rejection_info: template.rejectionInfo,
    previous_category: template.previousCategory,
    correct_category: template.correctCategory,
    category_changes_at: template.categoryChangesAt?.toISOString() ?? null,
    quality_score: template.qualityScore,
    synced_at: template.syncedAt?.toISOString() ?? null,
    created_at: template.createdAt.toISOString(),
    updated_at: template.updatedAt.toISOString(),
  };
}
