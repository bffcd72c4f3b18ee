import { badParam, GraphError, invalid, missing } from '../graph/graph-error.js';
import type { StoredTemplate } from '../state/templates.js';
import { isJson, objectAt, objectsAt, onlyKeys, optionalFlagAt, textAt, wordAt, type Json } from './check.js';
import { checkContacts } from './contacts.js';
import type { ProductRules } from './interactive-products.js';
import { checkInteractive } from './interactive.js';
import { checkMedia, type MediaRules } from './media.js';
import { checkLocation } from './place.js';
import { checkTemplate, type FindTemplate } from './template-send.js';

/** What validation needs to know of the world. */
export interface ValidationContext {
  findTemplate: FindTemplate;
  media: MediaRules;
  products: ProductRules;
}

/** A message that passed. */
export interface CheckedMessage {
  type: string;
  /** What the kind of an interactive message is; '' for all others. */
  interactiveType: string;
  template: StoredTemplate | undefined;
  callbackData: string;
  /** Code of a failed status that must follow, 0 for none. */
  failCode: number;
}

const TYPES = [
  'text',
  'image',
  'video',
  'audio',
  'document',
  'sticker',
  'location',
  'contacts',
  'reaction',
  'interactive',
  'template',
] as const;
export type MessageType = (typeof TYPES)[number];

const MAX_CALLBACK_DATA = 512;
const MAX_TEXT = 4096;

export function isMessageType(type: unknown): type is MessageType {
  return (TYPES as readonly unknown[]).includes(type);
}

/** Checks a body of `POST /{PHONE}/messages` but for its addressee. Meta: README §A.1–A.4. */
export function checkMessage(body: Json, context: ValidationContext): CheckedMessage {
  checkEnvelope(body);
  const callbackData = callbackDataOf(body);
  const type = body.type ?? 'text';
  if (!isMessageType(type)) {
    throw badParam(
      `Param type must be one of {${TYPES.map((each) => each.toUpperCase()).join(', ')}} - got "${String(type).slice(0, 60)}".`,
    );
  }
  const checked = { type, interactiveType: '', template: undefined, callbackData, failCode: 0 };
  switch (type) {
    case 'text':
      checkText(objectAt(body, 'text', 'text'));
      return checked;
    case 'image':
    case 'video':
    case 'audio':
    case 'document':
    case 'sticker':
      return { ...checked, failCode: checkMedia(objectAt(body, type, type), type, type, context.media) };
    case 'location':
      checkLocation(objectAt(body, 'location', 'location'), 'location');
      return checked;
    case 'contacts':
      checkContacts(objectsAt(body, 'contacts', 'contacts', 1, 257));
      return checked;
    case 'reaction':
      checkReaction(body);
      return checked;
    case 'interactive':
      return {
        ...checked,
        ...checkInteractive(objectAt(body, 'interactive', 'interactive'), context.media, context.products),
      };
    case 'template':
      return { ...checked, ...checkTemplate(body, context.findTemplate, context.media) };
  }
}

function checkEnvelope(body: Json): void {
  if (body.messaging_product === undefined) {
    throw badParam('The parameter messaging_product is required.');
  }
  if (body.messaging_product !== 'whatsapp') {
    throw badParam('Param messaging_product must be one of {WHATSAPP}.');
  }
  const { recipient_type, context, recipient_identity_key_hash } = body;
  if (recipient_type !== undefined && recipient_type !== 'individual' && recipient_type !== 'group') {
    throw badParam('Param recipient_type must be one of {INDIVIDUAL, GROUP}.');
  }
  if (recipient_identity_key_hash !== undefined && typeof recipient_identity_key_hash !== 'string') {
    throw badParam('Param recipient_identity_key_hash must be a string.');
  }
  if (context === undefined) {
    return;
  }
  if (!isJson(context)) {
    throw badParam('Param context must be a JSON object.');
  }
  onlyKeys(context, 'context', ['message_id']);
  textAt(context, 'message_id', "context['message_id']", 512);
}

function callbackDataOf(body: Json): string {
  const data = body.biz_opaque_callback_data;
  if (data === undefined || data === null) {
    return '';
  }
  if (typeof data !== 'string') {
    throw badParam('Param biz_opaque_callback_data must be a string.');
  }
  if (data.length > MAX_CALLBACK_DATA) {
    throw badParam(`Param biz_opaque_callback_data must be at most ${MAX_CALLBACK_DATA} characters long.`);
  }
  return data;
}

function checkText(text: Json): void {
  onlyKeys(text, 'text', ['body', 'preview_url']);
  if (typeof text.body === 'string' && text.body.length > MAX_TEXT) {
    throw badParam(`Param text['body'] must be at most ${MAX_TEXT} characters long.`);
  }
  textAt(text, 'body', "text['body']", MAX_TEXT);
  optionalFlagAt(text, 'preview_url', "text['preview_url']");
}

/** Meta: an empty emoji removes the reaction; a reaction cannot quote. */
function checkReaction(body: Json): void {
  const reaction = objectAt(body, 'reaction', 'reaction');
  onlyKeys(reaction, 'reaction', ['message_id', 'emoji']);
  textAt(reaction, 'message_id', "reaction['message_id']", 512);
  if (reaction.emoji === undefined) {
    throw missing("reaction['emoji']");
  }
  if (typeof reaction.emoji !== 'string' || reaction.emoji.length > 32 || /^[\x20-\x7e]+$/.test(reaction.emoji)) {
    throw invalid("reaction['emoji'] must be one emoji or empty");
  }
  if (body.context !== undefined) {
    throw invalid('context is not allowed for reaction messages');
  }
}

/** Checks "mark as read", with or without the typing indicator, and answers the message. Meta: README §A.2. */
export function checkReadReceipt(body: Json): string {
  checkEnvelope(body);
  wordAt(body, 'status', 'status', ['read']);
  const id = textAt(body, 'message_id', 'message_id', 512);
  if (!id.startsWith('wamid.')) {
    throw invalid('message_id is not a valid WhatsApp message id');
  }
  if (body.typing_indicator !== undefined) {
    wordAt(objectAt(body, 'typing_indicator', 'typing_indicator'), 'type', "typing_indicator['type']", ['text']);
  }
  return id;
}

/** Meta: one-tap, zero-tap and copy-code templates need a phone number. */
export function refuseUserIdFor(template: StoredTemplate | undefined): void {
  if (template?.template.category === 'AUTHENTICATION') {
    throw new GraphError(131062);
  }
}
