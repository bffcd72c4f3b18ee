import type { BusinessNumber } from '../state/registry.js';
import { isJson, type Json } from '../validation/check.js';
import type { World } from '../world.js';

/** A request for an inbound message that cannot be built; its sentence goes to the person who asked. */
export class InboundProblem extends Error {}

/** A picture of one pixel, so that an inbound image can be downloaded. */
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);
const MIME_TYPES: Record<string, string> = {
  image: 'image/png',
  video: 'video/mp4',
  audio: 'audio/ogg; codecs=opus',
  document: 'text/plain',
  sticker: 'image/webp',
};

/** `type` and the object named like it, in the shape of Meta's webhooks. README §C.4. */
export function inboundContent(world: World, number: BusinessNumber, body: Json): Json {
  const type = typeof body.type === 'string' ? body.type : 'text';
  switch (type) {
    case 'text':
      return { type, text: { body: body.text ?? 'Hello from the simulator' } };
    case 'image':
    case 'video':
    case 'audio':
    case 'document':
    case 'sticker':
      return { type, [type]: mediaOf(world, number, body, type) };
    case 'location':
      return { type, location: { latitude: 28.6139, longitude: 77.209, ...objectOf(body, 'location') } };
    case 'contacts':
      return { type, contacts: body.contacts ?? [{ name: { formatted_name: 'Asha Rao', first_name: 'Asha' } }] };
    case 'reaction':
      return { type, reaction: { emoji: '👍', message_id: body.reply_to, ...objectOf(body, 'reaction') } };
    case 'button': {
      const text = typeof body.text === 'string' ? body.text : 'Show me';
      return { type, button: { payload: text, text, ...objectOf(body, 'button') } };
    }
    case 'button_reply':
    case 'list_reply':
    case 'nfm_reply':
      return { type: 'interactive', interactive: { type, [type]: objectOf(body, type) } };
    case 'interactive':
      return { type, interactive: interactiveOf(body) };
    case 'request_welcome':
      return { type };
    default:
      throw new InboundProblem(`type ${type} needs a raw message object in "message"`);
  }
}

function interactiveOf(body: Json): Json {
  const type = ['button_reply', 'list_reply', 'nfm_reply'].find((key) => isJson(body[key]));
  if (type === undefined) {
    throw new InboundProblem('type interactive needs button_reply, list_reply or nfm_reply');
  }
  return { type, [type]: body[type] };
}

function mediaOf(world: World, number: BusinessNumber, body: Json, type: string): Json {
  const given = typeof body.media_base64 === 'string' ? Buffer.from(body.media_base64, 'base64') : undefined;
  const fallback = type === 'image' ? PIXEL : Buffer.from(`A simulated ${type}.\n`);
  const mime = typeof body.mime_type === 'string' ? body.mime_type : (MIME_TYPES[type] as string);
  const file = world.media.add(number.id, mime, given ?? fallback);
  return {
    ...(typeof body.caption === 'string' ? { caption: body.caption } : {}),
    ...(type === 'document' ? { filename: body.filename ?? 'document.txt' } : {}),
    ...(type === 'audio' ? { voice: true } : {}),
    ...(type === 'sticker' ? { animated: false } : {}),
    mime_type: mime,
    sha256: file.sha256.toString('base64'),
    id: file.id,
    url: world.ownUrl + world.media.path(file),
  };
}

function objectOf(body: Json, key: string): Json {
  const value = body[key];
  if (value === undefined) {
    return {};
  }
  if (!isJson(value)) {
    throw new InboundProblem(`${key} must be an object`);
  }
  return value;
}
