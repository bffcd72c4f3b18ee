import { AccountScopedDto } from '../http/common.dto.js';
import { Bool, ListOf, ListOfText, Nested, Text, Timestamp } from '../http/fields.js';
import { readTemplateParams, TemplateParamsDto, TextValues } from './template-params.dto.js';
import type { TemplateParams, TemplateValues } from './template.js';

export class DeleteTemplateQuery extends AccountScopedDto {
  @Bool({ optional: true, description: 'Delete it at Meta too.' })
  on_meta?: boolean;

  @Bool({ optional: true, description: 'With on_meta: every language of the name, not only this one.' })
  all_languages?: boolean;
}

/** As `send-template` takes them; its names of the two texts are understood too. */
export class PreviewParamsDto extends TemplateParamsDto {
  @TextValues('The same as `body`.')
  body_params?: TemplateValues;

  @TextValues('The same as `header`.')
  header_params?: TemplateValues;
}

export class PreviewTemplateDto extends AccountScopedDto {
  @Nested(() => PreviewParamsDto, { optional: true, description: 'What fills it.' })
  params?: PreviewParamsDto;
}

export class PreviewButtonDto {
  @Text({ max: 30, example: 'URL' })
  type: string;

  @Text({ max: 100, description: 'The label; where Meta writes it, in English.', example: 'Track' })
  text: string;

  @Text({ max: 4_000, optional: true })
  url?: string;

  @Text({ max: 30, optional: true })
  phone_number?: string;

  @Text({ max: 100, optional: true, description: 'What a tap copies.' })
  code?: string;
}

export class PreviewHeaderDto {
  @Text({ max: 30, example: 'TEXT' })
  type: string;

  @Text({ max: 4_000, optional: true })
  text?: string;

  @Text({ max: 4_000, optional: true, description: 'What a media header shows: a link, or an id.' })
  media?: string;
}

export class PreviewCardDto {
  @Nested(() => PreviewHeaderDto)
  header: PreviewHeaderDto;

  @Text({ min: 0, max: 4_000 })
  body: string;

  @ListOf(() => PreviewButtonDto)
  buttons: PreviewButtonDto[];
}

export class PreviewOfferDto {
  @Text({ min: 0, max: 100 })
  text: string;

  @Timestamp({ nullable: true })
  expires_at: string | null;
}

/** A message as the person who gets it sees it. */
export class TemplatePreviewDto {
  @Nested(() => PreviewHeaderDto, { nullable: true })
  header: PreviewHeaderDto | null;

  @Text({ min: 0, max: 10_000, example: 'Hi Asha, your order A-1042 is on its way to you.' })
  body: string;

  @Text({ min: 0, max: 100, example: '' })
  footer: string;

  @Nested(() => PreviewOfferDto, { nullable: true })
  limited_time_offer: PreviewOfferDto | null;

  @ListOf(() => PreviewButtonDto)
  buttons: PreviewButtonDto[];

  @ListOf(() => PreviewCardDto)
  cards: PreviewCardDto[];

  @ListOfText({
    maxItems: 1_000,
    max: 200,
    description: 'What has no value yet: `header.1`, `body.first_name`, `buttons.0`, `cards.1.body.1`.',
    example: [],
  })
  missing: string[];
}

/** The given values, by our names. */
export function readPreviewParams({ params = new PreviewParamsDto() }: PreviewTemplateDto): TemplateParams {
  const { body_params, header_params, ...rest } = params;
  return readTemplateParams({ ...rest, body: rest.body ?? body_params, header: rest.header ?? header_params });
}
