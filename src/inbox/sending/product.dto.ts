import { Bool, ListOf, ListOfText, OptionalText, Phone, Text } from '../../http/fields.js';
import { ReplyDto } from '../send.dto.js';
import { MAX_TEXT } from './text-limits.js';

/** Limits of Meta's pages on sharing products and on product carousels. */
export const MAX_BODY = 1_024;
export const MAX_SHORT = 60;
export const MAX_SECTION_TITLE = 24;
export const MAX_SECTIONS = 10;
export const MAX_PRODUCTS = 30;
export const MIN_CARDS = 2;
export const MAX_CARDS = 10;
const MAX_RETAILER_ID = 100;

const CATALOG = 'Meta’s id of the catalog. Left out, the `default_catalog_id` of the account.';
const CatalogId = (): PropertyDecorator => OptionalText({ max: 255, description: CATALOG, example: '194836987003835' });
const RetailerId = (description: string): PropertyDecorator =>
  Text({ max: MAX_RETAILER_ID, description, example: 'SKU-1' });
const Body = (): PropertyDecorator => Text({ max: MAX_BODY, example: 'Fresh from the garden.' });
const Footer = (): PropertyDecorator => OptionalText({ max: MAX_SHORT, example: 'Delivered within a day' });

export class SendProductDto extends ReplyDto {
  @CatalogId()
  catalog_id?: string;

  @RetailerId('The retailer’s own id of the product (SKU, content id), not Meta’s.')
  retailer_id: string;

  @OptionalText({ max: MAX_BODY, example: 'This one is back.' })
  body?: string;

  @Footer()
  footer?: string;
}

export class ProductItemDto {
  @RetailerId('The retailer’s own id of the product.')
  product_retailer_id: string;
}

export class ProductListSectionDto {
  @OptionalText({
    max: MAX_SECTION_TITLE,
    description: 'Required when there is more than one section.',
    example: 'Shoes',
  })
  title?: string;

  @ListOf(() => ProductItemDto, {
    maxItems: MAX_PRODUCTS,
    description: 'At least one; at most 30 in all sections together.',
  })
  product_items: ProductItemDto[];
}

export class SendProductListDto extends ReplyDto {
  @CatalogId()
  catalog_id?: string;

  @Text({ max: MAX_SHORT, example: 'Our bestsellers' })
  header: string;

  @Body()
  body: string;

  @Footer()
  footer?: string;

  @ListOf(() => ProductListSectionDto, {
    maxItems: MAX_SECTIONS,
    description: '1 to 10. Meta leaves out products that it does not know, and refuses the message when it knows none.',
  })
  sections: ProductListSectionDto[];
}

export class SendCatalogDto extends ReplyDto {
  @OptionalText({
    max: MAX_RETAILER_ID,
    description: 'The retailer’s id of the product whose picture is shown; left out, Meta chooses one.',
    example: 'SKU-1',
  })
  thumbnail_retailer_id?: string;

  @Body()
  body: string;

  @Footer()
  footer?: string;
}

export class SendProductCarouselDto extends ReplyDto {
  @CatalogId()
  catalog_id?: string;

  @ListOfText({
    maxItems: MAX_CARDS,
    max: MAX_RETAILER_ID,
    description: 'The retailer’s ids of 2 to 10 products, in the order of the cards.',
    example: ['SKU-1', 'SKU-2'],
  })
  retailer_ids: string[];

  @Body()
  body: string;
}

export class SendCatalogLinkDto extends ReplyDto {
  @Phone({
    optional: true,
    description:
      'The WhatsApp number that the catalog belongs to, in any spelling. Left out, the account’s own number.',
    example: '16315555555',
  })
  wa_number?: string;

  @OptionalText({
    max: MAX_TEXT,
    description:
      'What to say with it. The link takes the place of `{{link}}`, else it stands on a line of its own below.',
    example: 'All we have: {{link}}',
  })
  message?: string;

  @Bool({ optional: true, description: 'Show a preview of the link.' })
  preview_url?: boolean;
}
