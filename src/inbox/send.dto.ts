import { AccountScopedDto } from '../http/common.dto.js';
import {
  AnyJson,
  Bool,
  Decimal,
  Int,
  JsonObject,
  ListOf,
  MessageReference,
  Nested,
  OneOf,
  OptionalText,
  Phone,
  Text,
  Timestamp,
} from '../http/fields.js';
import { MEDIA_TYPES, type MediaType } from '../media/media-state.js';
import {
  Cards,
  HeaderValues,
  Offer,
  TemplateButtonDto,
  TemplateCardParamsDto,
  TemplateOfferDto,
  TextValues,
} from '../templates/template-params.dto.js';
import { MessageDto } from './message.dto.js';
import { MAX_VALID_FOR_S } from './sending/schedule.js';
import { MAX_CAPTION, MAX_TEXT } from './sending/text-limits.js';

/** What every send takes, whatever it is and whoever it goes to. */
export class SendOptionsDto extends AccountScopedDto {
  @Text({
    max: 100,
    optional: true,
    description: 'Your reference, unique per account; comes back in the message and its events.',
    example: 'order-42',
  })
  client_ref?: string;

  @OptionalText({ max: 255, description: 'The agent who sends, for the record.', example: 'asha@example.com' })
  sent_by?: string;

  @Timestamp({
    optional: true,
    description:
      'Sends it then, up to 30 days ahead, with a time zone: answers 202 and `scheduled`. `DELETE /messages/{id}` cancels it.',
    example: '2026-11-22T09:30:00.000Z',
  })
  send_at?: string;

  @Int({
    optional: true,
    min: 1,
    max: MAX_VALID_FOR_S,
    description:
      'Not sent when it is older than this by then, counted from send_at or from now: `expired`. With send_at a day, when ' +
      'it is left out.',
    example: 3_600,
  })
  valid_for_s?: number;
}

/** What every flat send takes. */
export class SendDto extends SendOptionsDto {
  @Phone({ optional: true, description: 'Phone number in any spelling. Either this or user_id.' })
  phone?: string;

  @Text({
    max: 150,
    optional: true,
    description: 'Business-scoped user id, for people whose phone is not known.',
    example: 'IN.13491208655302741918',
  })
  user_id?: string;
}

export class ReplyDto extends SendDto {
  @MessageReference({ optional: true, description: 'wamid or local id of the message that is answered.' })
  reply_message_id?: string;
}

export class SendMessageDto extends ReplyDto {
  @Text({ max: MAX_TEXT, example: 'Hello!' })
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

export class SendTemplateDto extends SendDto {
  @Text({ max: 512, example: 'order_update', pattern: /^[a-z0-9_]+$/, patternHint: 'has only a-z, 0-9 and _' })
  template_name: string;

  @Text({ max: 20, optional: true, default: 'en', example: 'en' })
  language: string = 'en';

  @TextValues('A list for {{1}}, {{2}} …, a map for named variables.', ['Asha', 'ORD-999'])
  body_params?: string[] | Record<string, string>;

  @HeaderValues()
  header_params?: string[] | Record<string, string>;

  @ListOf(() => TemplateButtonDto, { optional: true, maxItems: 10 })
  buttons?: TemplateButtonDto[];

  @Cards()
  cards?: TemplateCardParamsDto[];

  @Offer()
  limited_time_offer?: TemplateOfferDto;

  @AnyJson({
    optional: true,
    schema: { type: 'array', items: { type: 'object', additionalProperties: true } } as never,
    description: 'Meta’s own components, instead of the five above. They go to Meta as they are.',
  })
  components?: Record<string, unknown>[];
}

export class SendMediaDto extends ReplyDto {
  @OneOf(MEDIA_TYPES)
  type: MediaType;

  @Text({
    max: 512,
    optional: true,
    description: 'Id of a file of the media library or of Meta. Either this or link.',
    example: '1037543291543636',
  })
  media_id?: string;

  @Text({
    max: 2_000,
    optional: true,
    description: 'https address that Meta fetches the file from. Either this or media_id.',
    example: 'https://example.com/menu.pdf',
  })
  link?: string;

  @OptionalText({ max: MAX_CAPTION, description: 'Of an image, a video or a document.', example: 'Our menu' })
  caption?: string;

  @OptionalText({ max: 240, description: 'Of a document: the name that is shown.', example: 'menu.pdf' })
  filename?: string;

  @Bool({ optional: true, description: 'Of an audio: a voice message (OGG with OPUS).' })
  voice?: boolean;
}

export class SendReactionDto extends SendDto {
  @MessageReference({ description: 'wamid or local id of the message that is reacted to.' })
  message_id: string;

  @Text({ max: 64, min: 0, description: 'One emoji; the empty text takes the reaction back.', example: '👍' })
  emoji: string;
}

export class SendQuery extends AccountScopedDto {
  @Bool({ optional: true, description: 'Asks Meta although the service window is closed, or the person blocked.' })
  force?: boolean;
}

/** What every send answers. */
export class SendResultDto {
  @OneOf(['sent', 'scheduled', 'cancelled'], {
    description: '`scheduled` with 202. `cancelled`: what an earlier request with this Idempotency-Key came to.',
  })
  status: string;

  @JsonObject({
    nullable: true,
    description: 'Meta’s answer; null while there is none.',
    example: { messaging_product: 'whatsapp', messages: [{ id: 'wamid.…' }] },
  })
  result: object | null;

  @Nested(() => MessageDto)
  message: MessageDto;
}
