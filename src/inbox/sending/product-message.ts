import { invalidField, invalidFields, type FieldError } from '../../common/app-error.js';
import { requirePhoneNumber, withoutPlus } from '../../common/phone-number.js';
import type { Address } from '../address.js';
import { optionsOf, textMessage } from '../outgoing.js';
import type { ReplyDto } from '../send.dto.js';
import {
  MAX_BODY,
  MAX_PRODUCTS,
  MAX_SECTION_TITLE,
  MAX_SHORT,
  MIN_CARDS,
  type ProductListSectionDto,
  type SendCatalogDto,
  type SendCatalogLinkDto,
  type SendProductCarouselDto,
  type SendProductDto,
  type SendProductListDto,
} from './product.dto.js';
import type { SendCommand } from './send-command.js';
import { tooLong } from './text-limits.js';

/**
 * Requests of the API as product messages of Meta's, checked by Meta's limits. Source of the shapes: Meta's pages "share
 * products with customers" and "interactive product carousel messages".
 */

type Json = Record<string, unknown>;

/** Where the link stands in the text around it. */
const LINK = '{{link}}';
/** PostgreSQL keeps neither in JSON: a NUL, and half of a pair of surrogates. */
const UNSTORABLE = /[\u0000\p{Surrogate}]/u;

/** One product. */
export function productMessage(to: Address, body: SendProductDto, catalogId: string): SendCommand {
  const { retailer_id } = body;
  refuseAny([...aroundFaults(body), ...idFaults('retailer_id', retailer_id)]);
  const action = { catalog_id: catalogId, product_retailer_id: retailer_id };
  // A message without a text would be an empty bubble in the inbox.
  const shown = body.body || `[Product: ${retailer_id}]`;
  return interactive(to, body, { type: 'product', ...around(body), action }, shown);
}

/** Up to 30 products, in sections. */
export function productListMessage(to: Address, body: SendProductListDto, catalogId: string): SendCommand {
  const { header, sections } = body;
  refuseAny([...textFaults('header', header, MAX_SHORT), ...aroundFaults(body), ...sectionFaults(sections)]);
  const action = { catalog_id: catalogId, sections: sections.map(toSection) };
  const content = { type: 'product_list', header: { type: 'text', text: header }, ...around(body), action };
  return interactive(to, body, content, body.body);
}

/** The whole catalog that is connected to the number. */
export function catalogMessage(to: Address, body: SendCatalogDto): SendCommand {
  const { thumbnail_retailer_id: thumbnail } = body;
  refuseAny([...aroundFaults(body), ...(thumbnail ? idFaults('thumbnail_retailer_id', thumbnail) : [])]);
  const action = {
    name: 'catalog_message',
    ...(thumbnail ? { parameters: { thumbnail_product_retailer_id: thumbnail } } : {}),
  };
  return interactive(to, body, { type: 'catalog_message', ...around(body), action }, body.body);
}

/** Products side by side, one on each card. */
export function productCarouselMessage(to: Address, body: SendProductCarouselDto, catalogId: string): SendCommand {
  const { retailer_ids } = body;
  refuseAny([
    ...aroundFaults(body),
    ...(retailer_ids.length < MIN_CARDS
      ? [fault('retailer_ids', 'array_min_size', `must contain at least ${MIN_CARDS} elements`)]
      : []),
    ...retailer_ids.flatMap((id, index) => idFaults(`retailer_ids.${index}`, id)),
  ]);
  const cards = retailer_ids.map((id, index) => ({
    card_index: index,
    type: 'product',
    action: { product_retailer_id: id, catalog_id: catalogId },
  }));
  return interactive(to, body, { type: 'carousel', ...around(body), action: { cards } }, body.body);
}

/**
 * A text with the link to a catalog.
 * @param ownNumber the account's, as Meta shows it
 */
export function catalogLinkMessage(
  to: Address,
  body: SendCatalogLinkDto,
  ownNumber: string | null,
  defaultCountry: string | null,
): SendCommand {
  const link = `https://wa.me/c/${numberOf(body.wa_number, ownNumber, defaultCountry)}`;
  const { message: words = '', ...rest } = body;
  return textMessage(to, { ...rest, message: withLink(words, link) });
}

function numberOf(given: string | undefined, own: string | null, defaultCountry: string | null): string {
  if (given !== undefined) {
    return withoutPlus(requirePhoneNumber(given, defaultCountry, 'wa_number'));
  }
  const digits = own?.replace(/\D/g, '') ?? '';
  if (digits === '') {
    throw invalidField(
      'wa_number',
      'required',
      'wa_number is required: the account’s own number is not known (POST /accounts/{id}/refresh-profile reads it)',
    );
  }
  return digits;
}

function withLink(words: string, link: string): string {
  if (words.includes(LINK)) {
    return words.replaceAll(LINK, link);
  }
  return words === '' ? link : `${words}\n${link}`;
}

function interactive(to: Address, body: ReplyDto, content: Json, shown: string): SendCommand {
  const { reply_message_id: reference } = body;
  return {
    ...optionsOf(to, body),
    messageType: 'interactive',
    messageBody: shown,
    content: { type: 'interactive', interactive: content },
    replyTo: reference === undefined ? undefined : { field: 'reply_message_id', reference },
    isFreeForm: true,
  };
}

function around({ body, footer }: { body?: string; footer?: string }): Json {
  return {
    ...(body ? { body: { text: body } } : {}),
    ...(footer ? { footer: { text: footer } } : {}),
  };
}

function toSection({ title, product_items }: ProductListSectionDto): Json {
  return {
    ...(title ? { title } : {}),
    product_items: product_items.map(({ product_retailer_id }) => ({ product_retailer_id })),
  };
}

function refuseAny(faults: FieldError[]): void {
  if (faults.length > 0) {
    throw invalidFields(faults);
  }
}

function aroundFaults({ body, footer }: { body?: string; footer?: string }): FieldError[] {
  return [...textFaults('body', body, MAX_BODY), ...textFaults('footer', footer, MAX_SHORT)];
}

function sectionFaults(sections: readonly ProductListSectionDto[]): FieldError[] {
  if (sections.length === 0) {
    return [fault('sections', 'array_not_empty', 'must have 1 or more items')];
  }
  const total = sections.reduce((sum, { product_items }) => sum + product_items.length, 0);
  return [
    ...sections.flatMap((section, index) => oneSectionFaults(section, `sections.${index}`, sections.length > 1)),
    ...(total > MAX_PRODUCTS
      ? [fault('sections', 'too_many_products', `must have no more than ${MAX_PRODUCTS} products in all`)]
      : []),
  ];
}

function oneSectionFaults(
  { title, product_items }: ProductListSectionDto,
  path: string,
  isOneOfMany: boolean,
): FieldError[] {
  return [
    ...(isOneOfMany && !title
      ? [fault(`${path}.title`, 'required', 'is required: there is more than one section')]
      : []),
    ...textFaults(`${path}.title`, title, MAX_SECTION_TITLE),
    ...(product_items.length === 0
      ? [fault(`${path}.product_items`, 'array_not_empty', 'must have 1 or more items')]
      : []),
    ...product_items.flatMap(({ product_retailer_id }, index) =>
      idFaults(`${path}.product_items.${index}.product_retailer_id`, product_retailer_id),
    ),
  ];
}

function idFaults(field: string, id: string): FieldError[] {
  return id.trim() === '' ? [fault(field, 'required', 'is required')] : charactersFaults(field, id);
}

function textFaults(field: string, text: string | undefined, max: number): FieldError[] {
  const long = tooLong(field, text, max);
  return long ? [long] : charactersFaults(field, text ?? '');
}

function charactersFaults(field: string, text: string): FieldError[] {
  return UNSTORABLE.test(text)
    ? [fault(field, 'not_allowed_characters', 'has characters that are not text (NUL, or half a surrogate pair)')]
    : [];
}

function fault(field: string, code: string, message: string): FieldError {
  return { field, code, message: `${field} ${message}` };
}
