import { asArray, asObject, idOf, integerOf, textOf, type Json } from '../meta/webhook-payload.js';
import { MEDIA_TYPES, type MediaType } from '../media/media-state.js';

/** What a message says, whoever wrote it: read from the webhook's message object. */
export interface InboundContent {
  messageType: string;
  /** What a chat list shows and search finds. */
  messageBody: string;
  /** `type` and the object named as it, as Meta sent them; null for plain text. */
  content: Json | null;
  context: Json | null;
  /** wamid of the message that is answered. */
  replyToMessageId: string | null;
  media: {
    mediaId: string;
    mediaType: MediaType;
    mimeType: string | null;
    sha256: string | null;
    filename: string | null;
  } | null;
  location: { latitude: number | null; longitude: number | null; name: string; address: string } | null;
  error: { code: number | null; title: string; details: string } | null;
}

/** What happens to another message. */
export interface ChangeContent {
  kind: 'reaction' | 'edit' | 'revoke';
  targetId: string;
  /** Emoji, or the new text. */
  text: string;
  content: Json | null;
}

const MAX_BODY = 65_536;
const MEDIA = new Set<string>([...MEDIA_TYPES, 'voice']);
const KEPT_CONTEXT = ['forwarded', 'frequently_forwarded', 'referred_product'] as const;

/**
 * Reads any message of Meta's. Source of the shapes: the pages below "webhooks/reference/messages" of Meta's WhatsApp
 * documentation. A type nobody has documented is `unknown`; its payload is kept, so that a replay after an update of
 * Parley can read it.
 */
export function readContent(message: Json): InboundContent {
  const type = typeof message.type === 'string' ? message.type : 'unknown';
  const part = asObject(message[type]);
  const context = asObject(message.context);
  const base: InboundContent = {
    messageType: 'unknown',
    messageBody: `[${type.slice(0, 100)}]`,
    content: contentOf(type, message),
    context: contextOf(message, context),
    replyToMessageId: idOf(context?.id),
    media: null,
    location: null,
    error: readMessageError(asObject(asArray(message.errors)[0])),
  };
  if (MEDIA.has(type)) {
    return { ...base, ...readMedia(type, part) };
  }
  switch (type) {
    case 'text':
      return { ...base, messageType: 'text', messageBody: body(part?.body), content: null };
    case 'button':
      return { ...base, messageType: 'button', messageBody: body(part?.text) || body(part?.payload) };
    case 'interactive':
      return { ...base, messageType: 'interactive', messageBody: interactiveBody(part) };
    case 'location':
      return { ...base, messageType: 'location', ...readLocation(part) };
    case 'contacts':
      return { ...base, messageType: 'contacts', messageBody: contactsBody(message.contacts) };
    case 'order':
      return { ...base, messageType: 'order', messageBody: orderBody(part) };
    case 'system':
      return { ...base, messageType: 'system', messageBody: body(part?.body) || '[System]' };
    case 'request_welcome':
      return { ...base, messageType: 'system', messageBody: '[Opened the chat]' };
    case 'unsupported':
      return { ...base, messageType: 'unsupported', messageBody: unsupportedBody(part) };
    case 'media_placeholder':
      return { ...base, messageType: 'unsupported', messageBody: '[Media]' };
    case 'errors':
      return { ...base, messageType: 'unsupported', messageBody: '[Unsupported]' };
    default:
      return base;
  }
}

/** Reactions, edits and revokes are no messages of their own. @returns null for what is one */
export function readChange(message: Json): ChangeContent | null {
  const { type } = message;
  if (type !== 'reaction' && type !== 'edit' && type !== 'revoke') {
    return null;
  }
  const part = asObject(message[type]);
  const targetId = idOf(type === 'reaction' ? part?.message_id : part?.original_message_id);
  if (!targetId) {
    return null;
  }
  switch (type) {
    case 'reaction':
      return { kind: type, targetId, text: textOf(part?.emoji, 64) ?? '', content: null };
    case 'edit': {
      const edited = asObject(part?.message);
      return { kind: type, targetId, text: edited ? editedBody(edited) : '', content: edited };
    }
    case 'revoke':
      return { kind: type, targetId, text: '', content: null };
  }
}

export function readMessageError(error: Json | null): InboundContent['error'] {
  if (!error) {
    return null;
  }
  const title = textOf(error.title, 1_000) ?? textOf(error.message, 1_000) ?? 'Failed';
  return {
    code: integerOf(error.code),
    title,
    details: textOf(asObject(error.error_data)?.details, 1_000) ?? title,
  };
}

function readMedia(type: string, part: Json | null): Partial<InboundContent> {
  const isVoice = type === 'voice' || (type === 'audio' && part?.voice === true);
  const mediaType = (type === 'voice' ? 'audio' : type) as MediaType;
  const mediaId = idOf(part?.id);
  const name = isVoice ? 'Voice' : type.charAt(0).toUpperCase() + type.slice(1);
  return {
    messageType: mediaType,
    messageBody: body(part?.caption) || `[${name}]`,
    media: mediaId
      ? {
          mediaId,
          mediaType,
          mimeType: textOf(part?.mime_type, 100),
          sha256: textOf(part?.sha256, 100),
          filename: textOf(part?.filename, 255),
        }
      : null,
  };
}

function readLocation(part: Json | null): Pick<InboundContent, 'messageBody' | 'location'> {
  const latitude = coordinate(part?.latitude, 90);
  const longitude = coordinate(part?.longitude, 180);
  const name = textOf(part?.name, 1_000) ?? '';
  return {
    messageBody: name || `📍 ${latitude ?? '?'},${longitude ?? '?'}`,
    location: { latitude, longitude, name, address: textOf(part?.address, 1_000) ?? '' },
  };
}

function interactiveBody(part: Json | null): string {
  const reply = asObject(part?.button_reply) ?? asObject(part?.list_reply);
  if (reply) {
    return body(reply.title) || body(reply.id);
  }
  const form = asObject(part?.nfm_reply);
  if (form) {
    return body(form.body) || '[Form]';
  }
  const permission = asObject(part?.call_permission_reply);
  return permission ? `[Call permission: ${body(permission.response)}]` : '[Interactive]';
}

function contactsBody(contacts: unknown): string {
  const names = asArray(contacts)
    .map((card) => asObject(asObject(card)?.name))
    .map((name) => textOf(name?.formatted_name, 200) ?? textOf(name?.first_name, 200))
    .filter((name) => name !== null);
  return names.length > 0 ? names.join(', ').slice(0, MAX_BODY) : '[Contacts]';
}

function orderBody(part: Json | null): string {
  const items = asArray(part?.product_items).length;
  return body(part?.text) || `[Order: ${items} ${items === 1 ? 'product' : 'products'}]`;
}

function unsupportedBody(part: Json | null): string {
  const what = textOf(part?.type, 50);
  return what ? `[Unsupported: ${what}]` : '[Unsupported]';
}

/** A caption that was taken away leaves the picture. */
function editedBody(edited: Json): string {
  return readContent(edited).messageBody;
}

function contentOf(type: string, message: Json): Json | null {
  if (message[type] === undefined) {
    return message.unsupported === undefined ? null : { type, unsupported: message.unsupported };
  }
  return { type, [type]: message[type] };
}

function contextOf(message: Json, context: Json | null): Json | null {
  const known: Json = {};
  for (const key of KEPT_CONTEXT) {
    if (context?.[key] !== undefined) {
      known[key] = context[key];
    }
  }
  for (const key of ['referral', 'group_id', 'identity', 'from_logical_id'] as const) {
    if (message[key] !== undefined) {
      known[key] = message[key];
    }
  }
  return Object.keys(known).length > 0 ? known : null;
}

function body(value: unknown): string {
  return textOf(value, MAX_BODY) ?? '';
}

function coordinate(value: unknown, limit: number): number | null {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Math.abs(number) <= limit ? number : null;
}
