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
  BUTTON_TYPES,
  CATEGORIES,
  HEADER_TYPES,
  MAX_BODY,
  MAX_BUTTON_LABEL,
  MAX_BUTTON_PHONE,
  MAX_BUTTON_URL,
  MAX_BUTTONS,
  MAX_FOOTER,
  MAX_HEADER,
  PARAMETER_FORMATS,
} from './template-definition.js';
import type { TemplateRecord } from './template.entity.js';
import { variablesOf, type ParameterFormat } from './template.js';
import type { DraftInput } from './templates.service.js';

interface Presence {
  optional?: boolean;
  default?: unknown;
}

const Name = (presence: Presence = {}): PropertyDecorator =>
  Text({
    ...presence,
    max: 512,
    pattern: /^[a-z0-9_]{1,512}$/,
    patternHint: 'has only a-z, 0-9 and _',
    example: 'order_update',
  });
const Language = (presence: Presence): PropertyDecorator =>
  Text({
    ...presence,
    max: 10,
    pattern: /^[a-z]{2,3}(_[A-Za-z]{2,4})?$/,
    patternHint: 'must be one of Meta’s language codes, such as en or en_US',
    example: 'en',
  });
const Category = (presence: Presence = {}): PropertyDecorator => OneOf(CATEGORIES, { ...presence, example: 'UTILITY' });
const Format = (presence: Presence): PropertyDecorator =>
  OneOf(PARAMETER_FORMATS, { ...presence, description: 'POSITIONAL: {{1}}, {{2}}. NAMED: {{first_name}}.' });
const Header = (): PropertyDecorator => Nested(() => TemplateHeaderDto, { optional: true, nullable: true });
const Body = (): PropertyDecorator =>
  OptionalText({ max: MAX_BODY, example: 'Hi {{1}}, your order {{2}} is on its way to you.' });
const Footer = (): PropertyDecorator =>
  OptionalText({ max: MAX_FOOTER, example: 'Answer STOP to hear no more of this' });
const Buttons = (): PropertyDecorator =>
  ListOf(() => TemplateButtonDefinitionDto, { optional: true, maxItems: MAX_BUTTONS });

export class TemplateHeaderDto {
  @OneOf(HEADER_TYPES, { example: 'TEXT' })
  type: string;

  @Text({ optional: true, max: MAX_HEADER, description: 'Of a text header; may have one variable.' })
  text?: string;
}

/** A button as Meta defines it. */
export class TemplateButtonDefinitionDto {
  @OneOf(BUTTON_TYPES, { example: 'QUICK_REPLY' })
  type: string;

  @Text({ optional: true, max: MAX_BUTTON_LABEL, description: 'The label.', example: 'Yes' })
  text?: string;

  @Text({ optional: true, max: MAX_BUTTON_URL, description: 'May end in one variable.' })
  url?: string;

  @Text({ optional: true, max: MAX_BUTTON_PHONE })
  phone_number?: string;

  @AnyJson({
    optional: true,
    description: 'What Meta reviews in the place of the variable: a text or a list of texts.',
  })
  example?: unknown;

  @OneOf(['COPY_CODE', 'ONE_TAP', 'ZERO_TAP'], { optional: true })
  otp_type?: string;

  @Text({ optional: true, max: 255 })
  flow_id?: string;

  @Text({ optional: true, max: 50 })
  flow_action?: string;

  @Text({ optional: true, max: 255 })
  navigate_screen?: string;
}

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
}

export class ListTemplatesQuery extends PageQuery {
  @OptionalText({ max: 100, description: 'Part of name or body.', example: 'order' })
  q?: string;

  @Text({ optional: true, max: 30, example: 'APPROVED' })
  status?: string;

  @Text({ optional: true, max: 30, example: 'UTILITY' })
  category?: string;

  @Text({ optional: true, max: 10, example: 'en' })
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
    description: '`type` and, of a text header, `text`.',
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

  @Nested(() => TemplateVariablesDto, { description: 'What a sender fills in: positions or names.' })
  variables: TemplateVariablesDto;

  @Text({ max: 1_000, nullable: true, example: null })
  rejected_reason: string | null;

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
}

/** The given fields, in our names. */
export function toDraftChanges(body: UpdateTemplateDto): Partial<DraftInput> {
  const given = {
    name: body.name,
    language: body.language,
    category: body.category,
    parameterFormat: body.parameter_format,
    header: body.header && { ...body.header },
    bodyText: body.body_text,
    footerText: body.footer_text,
    buttons: body.buttons?.map((button) => ({ ...button })),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

export function toDraftInput(body: CreateTemplateDto): DraftInput {
  return {
    name: body.name,
    language: 'en',
    category: body.category,
    parameterFormat: 'POSITIONAL',
    header: null,
    bodyText: '',
    footerText: '',
    buttons: [],
    ...toDraftChanges(body),
  };
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
    header: template.header,
    body_text: template.bodyText,
    footer_text: template.footerText,
    buttons: template.buttons,
    components: template.components,
    variables: variablesOf(template),
    rejected_reason: template.rejectedReason,
    quality_score: template.qualityScore,
    synced_at: template.syncedAt?.toISOString() ?? null,
    created_at: template.createdAt.toISOString(),
    updated_at: template.updatedAt.toISOString(),
  };
}
