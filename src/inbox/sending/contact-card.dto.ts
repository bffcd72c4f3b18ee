import { ListOf, Nested, OptionalText, Text } from '../../http/fields.js';
import { ReplyDto } from '../send.dto.js';

/** Contact cards in Meta's own words. Source: Meta's contacts message page. */
const LONG = 1_000;
const MANY = 100;

class CardNameDto {
  @Text({ max: LONG, example: 'Asha Rao' })
  formatted_name: string;

  @OptionalText({ max: LONG, example: 'Asha' })
  first_name?: string;

  @OptionalText({ max: LONG, example: 'Rao' })
  last_name?: string;

  @OptionalText({ max: LONG })
  middle_name?: string;

  @OptionalText({ max: LONG })
  prefix?: string;

  @OptionalText({ max: LONG })
  suffix?: string;
}

class CardPhoneDto {
  @OptionalText({ max: 100, example: '+91 98765 00001' })
  phone?: string;

  @OptionalText({ max: 100, example: 'WORK' })
  type?: string;

  @OptionalText({ max: 32, description: 'Shows a button that opens a chat.', example: '919876500001' })
  wa_id?: string;
}

class CardEmailDto {
  @OptionalText({ max: LONG, example: 'asha@example.com' })
  email?: string;

  @OptionalText({ max: 100, example: 'WORK' })
  type?: string;
}

class CardAddressDto {
  @OptionalText({ max: LONG })
  street?: string;

  @OptionalText({ max: LONG })
  city?: string;

  @OptionalText({ max: LONG })
  state?: string;

  @OptionalText({ max: LONG })
  zip?: string;

  @OptionalText({ max: LONG })
  country?: string;

  @OptionalText({ max: LONG })
  country_code?: string;

  @OptionalText({ max: 100 })
  type?: string;
}

class CardUrlDto {
  @OptionalText({ max: 2_000, example: 'https://example.com' })
  url?: string;

  @OptionalText({ max: 100 })
  type?: string;
}

class CardOrganizationDto {
  @OptionalText({ max: LONG, example: 'Example Ltd' })
  company?: string;

  @OptionalText({ max: LONG })
  department?: string;

  @OptionalText({ max: LONG })
  title?: string;
}

export class ContactCardDto {
  @Nested(() => CardNameDto)
  name: CardNameDto;

  @ListOf(() => CardPhoneDto, { optional: true, maxItems: MANY })
  phones?: CardPhoneDto[];

  @ListOf(() => CardEmailDto, { optional: true, maxItems: MANY })
  emails?: CardEmailDto[];

  @ListOf(() => CardAddressDto, { optional: true, maxItems: MANY })
  addresses?: CardAddressDto[];

  @ListOf(() => CardUrlDto, { optional: true, maxItems: MANY })
  urls?: CardUrlDto[];

  @Nested(() => CardOrganizationDto, { optional: true })
  org?: CardOrganizationDto;

  @Text({
    max: 10,
    optional: true,
    pattern: /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/,
    patternHint: 'must be a day such as 1990-04-30',
    example: '1990-04-30',
  })
  birthday?: string;
}

export class SendContactsDto extends ReplyDto {
  @ListOf(() => ContactCardDto, { maxItems: 257, description: 'Contact cards, as Meta writes them: 1 to 257.' })
  contacts: ContactCardDto[];
}
