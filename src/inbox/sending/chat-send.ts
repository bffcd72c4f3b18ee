import { invalidField } from '../../common/app-error.js';
import type { SpooledFile } from '../../http/form.js';
import type { Address } from '../address.js';
import { fileMessage, locationMessage, optionsOf, textMessage } from '../outgoing.js';
import type { ChatSendDto } from './chat-send.dto.js';
import { mediaTypeOf } from './file-kind.js';
import { readSource } from './interactive.js';
import type { Attachment, SendCommand } from './send-command.js';

/**
 * Finds out what an agent wants to send, in the seeds' order: a location when there are both coordinates, else a file, else
 * the text. What loses is not sent.
 */
export async function readChatSend(to: Address, body: ChatSendDto, file: SpooledFile | null): Promise<SendCommand> {
  const replyTo = body.reply_to_id === undefined ? undefined : { field: 'reply_to_id', reference: body.reply_to_id };
  return { ...(await commandOf(to, body, file)), replyTo, force: body.force };
}

async function commandOf(to: Address, body: ChatSendDto, file: SpooledFile | null): Promise<SendCommand> {
  const { latitude, longitude } = body;
  if (latitude !== undefined && longitude !== undefined) {
    return locationMessage(to, {
      ...body,
      latitude,
      longitude,
      name: body.location_name,
      address: body.location_address,
    });
  }
  if (latitude !== undefined || longitude !== undefined) {
    const field = latitude === undefined ? 'latitude' : 'longitude';
    throw invalidField(field, 'required', `${field} is required: a location has both coordinates`);
  }
  const attachment = await attachmentOf(body, file);
  if (attachment) {
    return fileCommand(to, body, attachment);
  }
  if (!body.body) {
    throw invalidField('body', 'required', 'body is required (or a file, or a location)');
  }
  return textMessage(to, { ...body, message: body.body }, 'body');
}

async function attachmentOf(body: ChatSendDto, file: SpooledFile | null): Promise<Attachment | null> {
  const { media_id, link, type } = body;
  const isNamed = media_id !== undefined || link !== undefined;
  if (file && isNamed) {
    const field = media_id === undefined ? 'link' : 'media_id';
    throw invalidField(field, 'exclusive', `${field} is not possible beside a file`);
  }
  if (file) {
    return { mediaType: type ?? (await mediaTypeOf(file)), source: { file } };
  }
  if (!isNamed) {
    return null;
  }
  if (type === undefined) {
    throw invalidField('type', 'required', 'type is required: image, video, audio, document or sticker');
  }
  return { mediaType: type, source: readSource(media_id, link) };
}

/** What is typed with a file is its caption. */
function fileCommand(to: Address, body: ChatSendDto, attachment: Attachment): SendCommand {
  if (body.body && body.caption) {
    throw invalidField(
      'caption',
      'exclusive',
      'caption is not possible beside body: either is the caption of the file',
    );
  }
  const [field, caption] = body.caption ? ['caption', body.caption] : ['body', body.body];
  return fileMessage(optionsOf(to, body), attachment, { ...body, caption }, undefined, field);
}
