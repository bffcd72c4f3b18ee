import { invalidField, invalidFields } from '../common/app-error.js';
import type { MediaType } from '../media/media-state.js';
import type { Address } from './address.js';
import type { SendLocationDto, SendMediaDto, SendMessageDto, SendOptionsDto, SendReactionDto } from './send.dto.js';
import type { SendContactsDto } from './sending/contact-card.dto.js';
import { isOneEmoji } from './sending/emoji.js';
import { readInteractive, readSource } from './sending/interactive.js';
import type { SendInteractiveDto } from './sending/interactive.dto.js';
import { readSendAt } from './sending/schedule.js';
import type { Attachment, Reference, SendCommand } from './sending/send-command.js';
import { MAX_CAPTION, MAX_TEXT, tooLong } from './sending/text-limits.js';

/** Requests of the API as messages of Meta's. Source of the shapes: Meta's Cloud API message pages. */

/** Types whose file is shown with a text. */
const CAPTIONED: readonly MediaType[] = ['image', 'video', 'document'];

/** What all sends have in common. */
type Options = Pick<SendCommand, 'to' | 'clientRef' | 'sentBy' | 'sendAt' | 'validForS'>;

export function optionsOf(to: Address, body: SendOptionsDto): Options {
  return {
    to,
    clientRef: body.client_ref,
    sentBy: body.sent_by,
    sendAt: readSendAt(body.send_at),
    validForS: body.valid_for_s,
  };
}

function replyOf(body: { reply_message_id?: string }): Reference | undefined {
  return body.reply_message_id === undefined
    ? undefined
    : { field: 'reply_message_id', reference: body.reply_message_id };
}

/** @param field where the text stands in the request */
export function textMessage(to: Address, body: SendMessageDto, field = 'message'): SendCommand {
  refuseLong(field, body.message, MAX_TEXT);
  return {
    ...optionsOf(to, body),
    messageType: 'text',
    messageBody: body.message,
    content: { type: 'text', text: { body: body.message, preview_url: body.preview_url ?? false } },
    replyTo: replyOf(body),
    isFreeForm: true,
  };
}

export function locationMessage(to: Address, body: SendLocationDto): SendCommand {
  const { latitude, longitude, name = '', address = '' } = body;
  return {
    ...optionsOf(to, body),
    messageType: 'location',
    messageBody: name || `${latitude},${longitude}`,
    content: {
      type: 'location',
      location: { latitude, longitude, ...(name ? { name } : {}), ...(address ? { address } : {}) },
    },
    location: { latitude, longitude, name, address },
    replyTo: replyOf(body),
    isFreeForm: true,
  };
}

/** What is said of a file beside where it is. */
export interface MediaDetails {
  caption?: string | undefined;
  filename?: string | undefined;
  voice?: boolean | undefined;
}

export function mediaMessage(to: Address, body: SendMediaDto): SendCommand {
  const source = readSource(body.media_id, body.link);
  return fileMessage(optionsOf(to, body), { mediaType: body.type, source }, body, replyOf(body));
}

/**
 * A message with a file, wherever the file is.
 * @param captionField where the caption stands in the request
 */
export function fileMessage(
  options: Options,
  attachment: Attachment,
  details: MediaDetails,
  replyTo: Reference | undefined,
  captionField = 'caption',
): SendCommand {
  const { mediaType } = attachment;
  const { caption = '', filename, voice } = details;
  const wrong = [
    ...(caption !== '' && !CAPTIONED.includes(mediaType)
      ? [{ field: captionField, code: 'not_allowed', message: `A message of type ${mediaType} carries no text` }]
      : []),
    ...(filename && mediaType !== 'document'
      ? [{ field: 'filename', code: 'not_allowed', message: 'filename is only for documents' }]
      : []),
    ...(voice && mediaType !== 'audio'
      ? [{ field: 'voice', code: 'not_allowed', message: 'voice is only for audio' }]
      : []),
    ...[tooLong(captionField, caption, MAX_CAPTION)].filter((error) => error !== null),
  ];
  if (wrong.length > 0) {
    throw invalidFields(wrong);
  }
  return {
    ...options,
    messageType: mediaType,
    messageBody: caption,
    content: {
      type: mediaType,
      [mediaType]: { ...(caption ? { caption } : {}), ...(filename ? { filename } : {}), ...(voice ? { voice } : {}) },
    },
    attachment,
    replyTo,
    isFreeForm: true,
  };
}

export function reactionMessage(to: Address, body: SendReactionDto): SendCommand {
  if (body.emoji !== '' && !isOneEmoji(body.emoji)) {
    throw invalidField('emoji', 'not_emoji', 'emoji must be one emoji, or empty to take the reaction back');
  }
  return {
    ...optionsOf(to, body),
    messageType: 'reaction',
    messageBody: body.emoji,
    content: { type: 'reaction' },
    reaction: { emoji: body.emoji, to: { field: 'message_id', reference: body.message_id } },
    isFreeForm: true,
  };
}

export function contactsMessage(to: Address, body: SendContactsDto): SendCommand {
  if (body.contacts.length === 0) {
    throw invalidField('contacts', 'array_not_empty', 'contacts must have 1 or more items');
  }
  return {
    ...optionsOf(to, body),
    messageType: 'contacts',
    messageBody: body.contacts.map((card) => card.name.formatted_name).join(', '),
    content: { type: 'contacts', contacts: body.contacts.map(withoutEmpty) },
    replyTo: replyOf(body),
    isFreeForm: true,
  };
}

export function interactiveMessage(to: Address, body: SendInteractiveDto): SendCommand {
  const { interactive, text, attachment } = readInteractive(body);
  return {
    ...optionsOf(to, body),
    messageType: 'interactive',
    messageBody: text,
    content: { type: 'interactive', interactive },
    attachment,
    replyTo: replyOf(body),
    isFreeForm: true,
  };
}

function refuseLong(field: string, text: string, max: number): void {
  const error = tooLong(field, text, max);
  if (error) {
    throw invalidFields([error]);
  }
}

/** Meta refuses an empty text where it takes none at all. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(withoutEmpty);
  }
  if (value === null || typeof value !== 'object') {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) =>
      item === '' || item === undefined || (Array.isArray(item) && item.length === 0)
        ? []
        : [[key, withoutEmpty(item)]],
    ),
  );
}
