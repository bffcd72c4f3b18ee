import { AccountScopedDto } from '../http/common.dto.js';
import {
  AnyJson,
  Bool,
  Decimal,
  Int,
  JsonObject,
  ListOf,
  Nested,
  OneOf,
  OptionalText,
  Phone,
  Text,
} from '../http/fields.js';
import { MessageDto } from './message.dto.js';

/** What every send takes. */
export class SendDto extends AccountScopedDto {
  @Phone({ optional: true, description: 'Phone number in any spelling. Either this or user_id.' })
  phone?: string;

  @Text({
    max: 150,
    optional: true,
    description: 'Business-scoped user id, for people whose phone is not known.',
    example: 'IN.13491208655302741918',
  })
  user_id?: string;

  @Text({
    max: 100,
    optional: true,
    description: 'Your reference, unique per account; comes back in the message and its events.',
    example: 'order-42',
  })
  client_ref?: string;

  @OptionalText({ max: 255, description: 'The agent who sends, for the record.', example: 'asha@example.com' })
  sent_by?: string;
}

class ReplyDto extends SendDto {
  @Text({ max: 512, optional: true, description: 'wamid or local id of the message that is answered.' })
  reply_message_id?: string;
}

export class SendMessageDto extends ReplyDto {
  /** Limit: Meta’s text message page. */
  @Text({ max: 4_096, example: 'Hello!' })
  message: string;

  @Bool({ optional: true, description: 'Show a preview of the first link.' })
  preview_url?: boolean;
}

export class SendLocationDto extends ReplyDto {
  @Decimal({ min: -90, max: 90, example: 28.6139 })
  latitude: number;

  @Decimal({ min: -180, max: 180, example: 77.209 })
  longitude: number;

  @OptionalText({ max: 1_000, example: 'New Delhi Office' })
  name?: string;

  @OptionalText({ max: 1_000, example: 'Connaught Place, New Delhi' })
  address?: string;
}

export class TemplateButtonDto {
  @Int({ min: 0, max: 9, description: 'Position of the button, from 0.' })
  index: number;

  @OneOf(['quick_reply', 'url', 'copy_code'], { optional: true })
  sub_type: string = 'quick_reply';

  @OptionalText({ max: 2_000, description: 'Payload of a quick reply, or the variable end of a URL.' })
  payload?: string;

  @OptionalText({ max: 2_000 })
  text?: string;

  @OptionalText({ max: 20 })
  coupon_code?: string;
}

const TEXTS = {
  oneOf: [
    { type: 'array', items: { type: 'string' } },
    { type: 'object', additionalProperties: { type: 'string' } },
  ],
};

export class SendTemplateDto extends SendDto {
  @Text({ max: 512, example: 'order_update', pattern: /^[a-z0-9_]+$/, patternHint: 'has only a-z, 0-9 and _' })
  template_name: string;

  @Text({ max: 20, optional: true, default: 'en', example: 'en' })
  language: string = 'en';

  @AnyJson({
    optional: true,
    schema: TEXTS as never,
    description: 'A list for {{1}}, {{2}} …, a map for named variables.',
    example: ['Asha', 'ORD-999'],
  })
  body_params?: string[] | Record<string, string>;

  @AnyJson({ optional: true, schema: TEXTS as never, description: 'Variables of a text header.' })
  header_params?: string[] | Record<string, string>;

  @ListOf(() => TemplateButtonDto, { optional: true, maxItems: 10 })
  buttons?: TemplateButtonDto[];

  @AnyJson({
    optional: true,
    schema: { type: 'array', items: { type: 'object', additionalProperties: true } } as never,
    description: 'Meta’s own components, instead of the three above.',
  })
  components?: Record<string, unknown>[];
}

export class SendQuery extends AccountScopedDto {
  @Bool({ optional: true, description: 'Asks Meta although the service window is closed.' })
  force?: boolean;
}

/** What every send answers. */
export class SendResultDto {
  @OneOf(['sent', 'scheduled'])
  status: string;

  @JsonObject({
    nullable: true,
    description: 'Meta’s answer.',
    example: { messaging_product: 'whatsapp', messages: [{ id: 'wamid.…' }] },
  })
  result: object | null;

  @Nested(() => MessageDto)
  message: MessageDto;
}
