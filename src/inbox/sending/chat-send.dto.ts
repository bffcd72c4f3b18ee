import { Bool, Decimal, MessageReference, OneOf, OptionalText, Text } from '../../http/fields.js';
import { MEDIA_TYPES, type MediaType } from '../../media/media-state.js';
import { SendOptionsDto } from '../send.dto.js';
import { MAX_CAPTION, MAX_TEXT } from './text-limits.js';

/** What an agent's composer sends: the type follows from what is there. */
export class ChatSendDto extends SendOptionsDto {
  @OptionalText({ max: MAX_TEXT, description: 'The text; beside a file its caption.', example: 'Hello!' })
  body?: string;

  @MessageReference({ optional: true, description: 'wamid or local id of the message that is answered.' })
  reply_to_id?: string;

  @Decimal({ min: -90, max: 90, optional: true, description: 'With longitude: a location.', example: 28.6139 })
  latitude?: number;

  @Decimal({ min: -180, max: 180, optional: true, example: 77.209 })
  longitude?: number;

  @OptionalText({ max: 1_000, example: 'New Delhi Office' })
  location_name?: string;

  @OptionalText({ max: 1_000, example: 'Connaught Place, New Delhi' })
  location_address?: string;

  @Text({ max: 512, optional: true, description: 'A file of the media library or of Meta; needs type.' })
  media_id?: string;

  @Text({ max: 2_000, optional: true, description: 'https address that Meta fetches a file from; needs type.' })
  link?: string;

  @OneOf(MEDIA_TYPES, { optional: true, description: 'As what the file is sent; of an uploaded file its bytes tell.' })
  type?: MediaType;

  @OptionalText({ max: MAX_CAPTION, description: 'Of an image, a video or a document, instead of body.' })
  caption?: string;

  @OptionalText({ max: 240, description: 'Of a document: the name that is shown, instead of the file’s own.' })
  filename?: string;

  @Bool({ optional: true, description: 'Sends an audio as a voice message (OGG with OPUS).' })
  voice?: boolean;

  @Bool({ optional: true, description: 'Shows a preview of the first link of a text.' })
  preview_url?: boolean;

  @Bool({ optional: true, description: 'Asks Meta although the service window is closed.' })
  force?: boolean;
}
