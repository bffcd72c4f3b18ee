import { AnyJson, Bool, Id, Int, ListOf, Nested, OneOf, OptionalText, Text } from '../http/fields.js';
import {
  BUTTON_TYPES,
  CARD_HEADER_TYPES,
  CATEGORIES,
  HEADER_TYPES,
  MAX_APPS,
  MAX_BODY,
  MAX_BUTTON_LABEL,
  MAX_BUTTON_PHONE,
  MAX_BUTTON_URL,
  MAX_BUTTONS,
  MAX_CARD_BODY,
  MAX_CARD_BUTTONS,
  MAX_CARDS,
  MAX_FOOTER,
  MAX_HEADER,
  MAX_NAME,
  MAX_OFFER,
  OTP_TYPES,
  PARAMETER_FORMATS,
  isObject,
  type TemplateInput,
} from './template-parts.js';
import type { TemplateCard, TemplateExamples, TemplateValues } from './template.js';

interface Presence {
  optional?: boolean;
  default?: unknown;
}

export const Name = (presence: Presence = {}): PropertyDecorator =>
  Text({
    ...presence,
    max: MAX_NAME,
    pattern: /^[a-z0-9_]{1,512}$/,
    patternHint: 'has only a-z, 0-9 and _',
    example: 'order_update',
  });
export const Language = (presence: Presence): PropertyDecorator =>
  Text({
    ...presence,
    max: 10,
    pattern: /^[a-z]{2,3}(_[A-Za-z]{2,4})?$/,
    patternHint: 'must be one of Meta’s language codes, such as en or en_US',
    example: 'en',
  });
export const Category = (presence: Presence = {}): PropertyDecorator =>
  OneOf(CATEGORIES, { ...presence, example: 'UTILITY' });
export const Format = (presence: Presence): PropertyDecorator =>
  OneOf(PARAMETER_FORMATS, { ...presence, description: 'POSITIONAL: {{1}}, {{2}}. NAMED: {{first_name}}.' });
export const Header = (): PropertyDecorator => Nested(() => TemplateHeaderDto, { optional: true, nullable: true });
export const Body = (): PropertyDecorator =>
  OptionalText({ max: MAX_BODY, example: 'Hi {{1}}, your order {{2}} is on its way to you.' });
export const Footer = (): PropertyDecorator =>
  OptionalText({ max: MAX_FOOTER, example: 'Answer STOP to hear no more of this' });
export const Buttons = (): PropertyDecorator =>
  ListOf(() => TemplateButtonDefinitionDto, { optional: true, maxItems: MAX_BUTTONS });

export const Offer = (): PropertyDecorator => Nested(() => LimitedTimeOfferDto, { optional: true, nullable: true });
export const Carousel = (): PropertyDecorator =>
  ListOf(() => TemplateCardDto, {
    optional: true,
    nullable: true,
    maxItems: MAX_CARDS,
    description: 'Cards beside each other, of the same parts; then header, footer and buttons are those of the cards.',
  });
export const Authentication = (): PropertyDecorator =>
  Nested(() => TemplateAuthenticationDto, {
    optional: true,
    nullable: true,
    description:
      'Meta writes body and footer of an authentication template from this; a body_text is replaced by Meta’s.',
  });
export const Examples = (): PropertyDecorator =>
  Nested(() => TemplateExamplesDto, {
    optional: true,
    description: 'Sample values for Meta’s review: needed for each variable when the template is pushed.',
  });
export const Ttl = (): PropertyDecorator =>
  Int({
    optional: true,
    nullable: true,
    min: -1,
    max: 2_592_000,
    description:
      'How long Meta keeps trying to deliver. AUTHENTICATION 30 to 900, UTILITY 30 to 43,200, MARKETING 43,200 to 2,592,000; ' +
      '-1 is 30 days, not for MARKETING.',
    example: 600,
  });

const SAMPLES = {
  optional: true,
  schema: {
    oneOf: [
      { type: 'array', items: { type: 'string' } },
      { type: 'object', additionalProperties: { type: 'string' } },
    ],
  } as never,
};

export class TemplateHeaderDto {
  @OneOf(HEADER_TYPES, { example: 'TEXT', description: 'GIF is for MARKETING only, PRODUCT goes with an SPM button.' })
  type: string;

  @Text({ optional: true, max: MAX_HEADER, description: 'Of a text header; may have one variable.' })
  text?: string;

  @Id({
    optional: true,
    nullable: true,
    description:
      'A file of the media library: the sample of a media header, and what is sent when a sender gives none.',
  })
  media_id?: number | null;
}

export class TemplateCardHeaderDto {
  @OneOf(CARD_HEADER_TYPES, { example: 'IMAGE' })
  type: string;

  @Id({ optional: true, nullable: true, description: 'A file of the media library, as that of a template’s header.' })
  media_id?: number | null;
}

export class SupportedAppDto {
  @Text({ max: 224, example: 'com.example.app' })
  package_name: string;

  @Text({ max: 11, description: 'The 11 characters of the app signing key hash.', example: 'K8a/AINcGX7' })
  signature_hash: string;
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
    description:
      'What Meta reviews in the place of the variable of a URL, or the sample of the code of a COPY_CODE button: a text, or a ' +
      'list of one.',
  })
  example?: unknown;

  @OneOf(OTP_TYPES, { optional: true, description: 'Of an OTP button.' })
  otp_type?: string;

  @Text({ optional: true, max: MAX_BUTTON_LABEL, description: 'The label of the button that fills the code in.' })
  autofill_text?: string;

  @ListOf(() => SupportedAppDto, { optional: true, maxItems: MAX_APPS, description: 'Of ONE_TAP and ZERO_TAP.' })
  supported_apps?: SupportedAppDto[];

  @Bool({ optional: true, description: 'Of ZERO_TAP: that you accept Meta’s terms for it.' })
  zero_tap_terms_accepted?: boolean;

  @Text({ optional: true, max: 255 })
  flow_id?: string;

  @Text({ optional: true, max: 255 })
  flow_name?: string;

  @Text({ optional: true, max: 100_000, description: 'The flow itself, instead of its id or name.' })
  flow_json?: string;

  @Text({ optional: true, max: 50, description: 'navigate or data_exchange.' })
  flow_action?: string;

  @Text({ optional: true, max: 255 })
  navigate_screen?: string;

  @Text({ optional: true, max: 50, description: 'Of a FLOW button: DEFAULT, DOCUMENT, PROMOTION or REVIEW.' })
  icon?: string;

  @Int({ optional: true, min: 1, max: 43_200, description: 'Of a VOICE_CALL button: how long it may be tapped.' })
  ttl_minutes?: number;
}

export class TemplateCardDto {
  @Nested(() => TemplateCardHeaderDto)
  header: TemplateCardHeaderDto;

  @OptionalText({ max: MAX_CARD_BODY, example: 'Our new chair' })
  body_text?: string;

  @ListOf(() => TemplateButtonDefinitionDto, { optional: true, maxItems: MAX_CARD_BUTTONS })
  buttons?: TemplateButtonDefinitionDto[];
}

export class LimitedTimeOfferDto {
  @Text({ max: MAX_OFFER, example: 'Until Sunday' })
  text: string;

  @Bool({ optional: true, default: false, description: 'Whether the message shows when the offer ends.' })
  has_expiration?: boolean;
}

export class TemplateAuthenticationDto {
  @Bool({ optional: true, description: 'Adds “For your security, do not share this code.”' })
  add_security_recommendation?: boolean;

  @Int({ optional: true, nullable: true, min: 1, max: 90, description: 'Adds “This code expires in … minutes.”' })
  code_expiration_minutes?: number | null;
}

export class CardExamplesDto {
  @AnyJson(SAMPLES)
  body?: TemplateValues;
}

export class TemplateExamplesDto {
  @AnyJson({ ...SAMPLES, description: 'Of the variable of a text header.', example: ['A-1042'] })
  header?: TemplateValues;

  @AnyJson({ ...SAMPLES, description: 'A list by position, or a map by name.', example: ['Asha', 'A-1042'] })
  body?: TemplateValues;

  @ListOf(() => CardExamplesDto, { optional: true, maxItems: MAX_CARDS })
  cards?: CardExamplesDto[];
}

/** The file is a column of its own, for it refers to a row. */
export function toHeader(header: TemplateHeaderDto | null): Pick<TemplateInput, 'header' | 'headerMediaId'> {
  if (!header) {
    return { header: null, headerMediaId: null };
  }
  const { type, text, media_id } = header;
  return { header: { type, ...(text === undefined ? {} : { text }) }, headerMediaId: media_id ?? null };
}

export function toButton(button: TemplateButtonDefinitionDto): Record<string, unknown> {
  const { supported_apps, ...rest } = button;
  return { ...rest, ...(supported_apps ? { supported_apps: supported_apps.map((app) => ({ ...app })) } : {}) };
}

export function toCard({ header, body_text, buttons }: TemplateCardDto): TemplateCard {
  const { type, media_id } = header;
  return {
    header: { type, ...(media_id ? { media_id } : {}) },
    body_text: body_text ?? '',
    buttons: (buttons ?? []).map(toButton),
  };
}

export function toExamples({ header, body, cards }: TemplateExamplesDto): TemplateExamples {
  return {
    ...(header === undefined ? {} : { header: toTexts(header) }),
    ...(body === undefined ? {} : { body: toTexts(body) }),
    ...(cards === undefined
      ? {}
      : { cards: cards.map((card) => (card.body === undefined ? {} : { body: toTexts(card.body) })) }),
  };
}

/** Numbers are welcome as texts, as they are when a template is sent; of anything else the lint says what is wrong. */
function toTexts(values: TemplateValues): TemplateValues {
  const toText = (value: unknown): unknown => (typeof value === 'number' ? String(value) : value);
  if (Array.isArray(values)) {
    return values.map(toText) as string[];
  }
  return isObject(values)
    ? (Object.fromEntries(Object.entries(values).map(([name, value]) => [name, toText(value)])) as TemplateValues)
    : values;
}
