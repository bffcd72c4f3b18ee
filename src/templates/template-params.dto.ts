import { invalidField } from '../common/app-error.js';
import { AnyJson, Int, JsonObject, ListOf, ListOfText, Nested, OneOf, OptionalText, Text } from '../http/fields.js';
import { BUTTON_SUB_TYPES } from './template-send-buttons.js';
import type { TemplateCardParams, TemplateParams, TemplateValues } from './template.js';

const TEXTS = {
  oneOf: [
    { type: 'array', items: { type: 'string' } },
    { type: 'object', additionalProperties: { type: 'string' } },
  ],
};
const HEADER_HELP =
  'Of a text header its variable. Of a media header one value: a link, a media id of Meta’s or the id of a file of the ' +
  'library, or `{"link" or "id": …, "filename": …}`; left out, the template’s own file is shown. Of a location header ' +
  '`{"latitude", "longitude", "name", "address"}`, of a product header `{"product_retailer_id", "catalog_id"}`.';
const MAX_PRODUCTS = 30;
const MAX_SECTIONS = 10;
const MAX_CARDS = 10;

/** Values of a text: a list by position, or a map by position or name. */
export const TextValues = (description: string, example?: unknown): PropertyDecorator =>
  AnyJson({ optional: true, schema: TEXTS as never, description, ...(example === undefined ? {} : { example }) });

export const HeaderValues = (): PropertyDecorator => TextValues(HEADER_HELP);

export class ProductSectionDto {
  @Text({ optional: true, max: 24, description: 'Needed when there are several sections.', example: 'Shoes' })
  title?: string;

  @ListOfText({ maxItems: MAX_PRODUCTS, max: 100, example: ['SKU-1', 'SKU-2'] })
  product_retailer_ids: string[];
}

export class TemplateButtonDto {
  @Int({ min: 0, max: 9, description: 'Position of the button, from 0.' })
  index: number;

  @OneOf(BUTTON_SUB_TYPES, {
    optional: true,
    description: 'Left out, the template tells; of a template that is not known here, quick_reply.',
  })
  sub_type?: string;

  @OptionalText({ max: 2_000, description: 'Payload of a quick reply, or the variable end of a URL.' })
  payload?: string;

  @OptionalText({ max: 2_000, description: 'The variable end of a URL, or the code of an authentication template.' })
  text?: string;

  @OptionalText({ max: 20 })
  coupon_code?: string;

  @Text({ optional: true, max: 512, description: 'Of a flow: comes back with its answer.' })
  flow_token?: string;

  @JsonObject({ optional: true, description: 'Of a flow: what its first screen starts with.' })
  flow_action_data?: Record<string, unknown>;

  @Text({ optional: true, max: 100, description: 'Of a catalog or mpm button.', example: 'SKU-1' })
  thumbnail_product_retailer_id?: string;

  @ListOf(() => ProductSectionDto, {
    optional: true,
    maxItems: MAX_SECTIONS,
    description: 'Of an mpm button: up to 30 products.',
  })
  sections?: ProductSectionDto[];

  @JsonObject({
    optional: true,
    description: 'Meta’s own action of a flow, catalog, mpm or order_details button, instead of the four above.',
  })
  action?: Record<string, unknown>;
}

export class TemplateCardParamsDto {
  @HeaderValues()
  header?: TemplateValues;

  @TextValues('Variables of the card’s text.')
  body?: TemplateValues;

  @ListOf(() => TemplateButtonDto, { optional: true, maxItems: 10 })
  buttons?: TemplateButtonDto[];
}

export class TemplateOfferDto {
  @AnyJson({
    schema: { oneOf: [{ type: 'integer' }, { type: 'string' }] } as never,
    description: 'When the offer ends: milliseconds since 1970, or a time as ISO-8601, in UTC where it names no zone.',
    example: '2026-12-24T18:00:00.000Z',
  })
  expiration_time_ms: number | string;
}

export const Cards = (): PropertyDecorator =>
  ListOf(() => TemplateCardParamsDto, {
    optional: true,
    maxItems: MAX_CARDS,
    description: 'Of a carousel, one for each of its cards, in order; products may be shown on 2 to 10 cards.',
  });
export const Offer = (): PropertyDecorator =>
  Nested(() => TemplateOfferDto, { optional: true, description: 'Of a limited-time offer.' });

/** What fills a template. */
export class TemplateParamsDto {
  @TextValues('A list for {{1}}, {{2}} …, a map for named variables.', ['Asha', 'ORD-999'])
  body?: TemplateValues;

  @HeaderValues()
  header?: TemplateValues;

  @ListOf(() => TemplateButtonDto, { optional: true, maxItems: 10 })
  buttons?: TemplateButtonDto[];

  @Cards()
  cards?: TemplateCardParamsDto[];

  @Offer()
  limited_time_offer?: TemplateOfferDto;
}

/**
 * Reads what the field decorators let through as any JSON.
 * @param path where header and body stand in the request
 */
export function readTemplateParams(
  given: TemplateParamsDto,
  path: { header: string; body: string } = { header: 'params.header', body: 'params.body' },
): TemplateParams {
  const { buttons, cards, limited_time_offer: offer } = given;
  return {
    ...readTexts(given, path),
    ...(buttons && { buttons }),
    ...(cards && {
      cards: cards.map((card, index): TemplateCardParams => ({
        ...readTexts(card, { header: `cards.${index}.header`, body: `cards.${index}.body` }),
        ...(card.buttons && { buttons: card.buttons }),
      })),
    }),
    ...(offer && { limited_time_offer: { expiration_time_ms: readMoment(offer.expiration_time_ms) } }),
  };
}

function readTexts(
  { header, body }: { header?: TemplateValues; body?: TemplateValues },
  path: { header: string; body: string },
): Pick<TemplateParams, 'header' | 'body'> {
  return {
    ...(header === undefined ? {} : { header: texts(header, path.header) }),
    ...(body === undefined ? {} : { body: texts(body, path.body) }),
  };
}

/** Numbers are welcome, as the seeds' clients send them; anything deeper is not. */
function texts(value: unknown, field: string): TemplateValues {
  const text = (item: unknown, where: string): string => {
    if (typeof item !== 'string' && typeof item !== 'number') {
      throw invalidField(where, 'not_string', `${where} must be text`);
    }
    const given = String(item);
    if (given.includes('\u0000')) {
      throw invalidField(where, 'not_allowed_characters', `${where} must not contain a NUL character`);
    }
    return given;
  };
  if (Array.isArray(value)) {
    return value.map((item, index) => text(item, `${field}.${index}`));
  }
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, text(item, `${field}.${name}`)]));
  }
  throw invalidField(field, 'not_list_or_map', `${field} must be a list or a map of texts`);
}

function readMoment(given: unknown): number | string {
  if (typeof given !== 'number' && typeof given !== 'string') {
    const field = 'limited_time_offer.expiration_time_ms';
    throw invalidField(field, 'not_a_time', `${field} must be milliseconds since 1970, or a time as ISO-8601`);
  }
  return given;
}
