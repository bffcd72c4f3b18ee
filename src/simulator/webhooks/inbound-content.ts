import { errorOf, webhookError } from '../error-codes.js';
import type { Fields } from '../fields.js';
import type { Person } from '../state/people.js';
import type { Json } from '../validation/check.js';
import { readEdit, readReaction, readRevoke } from './inbound-changes.js';
import { readMedia } from './inbound-media.js';
import { readButton, readInteractive, readOrder } from './inbound-replies.js';
import { readSystem, SYSTEM_TYPES } from './inbound-system.js';
import type { MakeContent } from './occasion.js';

const TOO_LARGE =
  'Media file size too big. Max file size we currently support: 100MB. ' +
  'Please communicate with your customer to send a media file that is smaller than 100MB';

/** What customers send, by the `type` of the control call. */
const READERS: Record<string, (fields: Fields, type: string) => MakeContent> = {
  text: readText,
  image: readMedia,
  video: readMedia,
  audio: readMedia,
  voice: readMedia,
  document: readMedia,
  sticker: readMedia,
  location: readLocation,
  contacts: readContacts,
  reaction: readReaction,
  button: readButton,
  interactive: readInteractive,
  button_reply: readInteractive,
  list_reply: readInteractive,
  nfm_reply: readInteractive,
  flow_reply: readInteractive,
  address_reply: readInteractive,
  call_permission_reply: readInteractive,
  order: readOrder,
  system: (fields) => readSystem(fields, fields.word('system', SYSTEM_TYPES, 'user_changed_number')),
  user_changed_number: (fields) => readSystem(fields, 'user_changed_number'),
  user_changed_user_id: (fields) => readSystem(fields, 'user_changed_user_id'),
  customer_identity_changed: (fields) => readSystem(fields, 'customer_identity_changed'),
  unsupported: readUnsupported,
  edit: readEdit,
  revoke: readRevoke,
  request_welcome: () => () => ({ message: { type: 'request_welcome' } }),
};
/** What the business can write in its app. */
export const ECHO_TYPES: readonly string[] = [
  ...['text', 'image', 'video', 'audio', 'voice', 'document', 'sticker'],
  ...['location', 'contacts', 'reaction', 'edit', 'revoke'],
];
export const INBOUND_TYPES: readonly string[] = Object.keys(READERS);

/** Reads what a message says: a raw `message` object, or `type` and the friendly fields that go with it. */
export function readContent(fields: Fields, types: readonly string[]): MakeContent {
  const type = fields.text('type') ?? 'text';
  const raw = fields.object('message');
  if (raw !== undefined) {
    return () => ({ message: raw });
  }
  const read = types.includes(type) ? READERS[type] : undefined;
  if (read === undefined) {
    fields.problem(`type must be one of ${types.join(', ')}; for others give a raw message object in "message"`);
    return () => ({ message: {} });
  }
  return read(fields, type);
}

function readText(fields: Fields): MakeContent {
  const body = fields.text('text') ?? 'Hello from the simulator';
  const preview = fields.flag('preview') === true ? { preview_url: true } : {};
  return () => ({ message: { type: 'text', text: { body, ...preview } } });
}

function readLocation(fields: Fields): MakeContent {
  const location = { latitude: 28.6139, longitude: 77.209, ...fields.object('location') };
  return () => ({ message: { type: 'location', location } });
}

/** Meta: since user ids exist, `origin` tells whether the person answered a request for the number. Then it is known. */
function readContacts(fields: Fields): MakeContent {
  const given = fields.objects('contacts');
  const origin = fields.has('origin') ? fields.word('origin', ['contact_request', 'other'], 'other') : undefined;
  const vcard = fields.value('vcard');
  if (vcard !== undefined && vcard !== true && typeof vcard !== 'string') {
    fields.problem('vcard must be true or a text');
  }
  return ({ world, person }) => {
    const isOwn = origin === 'contact_request';
    if (isOwn) {
      world.people.change(person, { hidesPhone: false });
    }
    const contacts = given ?? [isOwn ? ownContact(person) : SOMEBODY];
    const card = vcard ?? (isOwn ? true : undefined);
    return {
      message: {
        type: 'contacts',
        ...(origin === undefined ? {} : { origin }),
        contacts: card === undefined ? contacts : contacts.map((contact) => withCard(contact, card)),
      },
    };
  };
}

const SOMEBODY: Json = {
  name: { formatted_name: 'Ravi Menon', first_name: 'Ravi', last_name: 'Menon' },
  phones: [{ phone: '+91 98765 00042', wa_id: '919876500042', type: 'CELL' }],
};

function ownContact({ waId }: Person): Json {
  return { phones: [{ phone: `+${waId}`, wa_id: waId }] };
}

function withCard(contact: Json, card: unknown): Json {
  return { ...contact, vcard: typeof card === 'string' ? card : vcardOf(contact) };
}

function vcardOf({ name, phones }: Json): string {
  const fullName = (name as { formatted_name?: string } | undefined)?.formatted_name ?? '';
  const numbers = Array.isArray(phones) ? (phones as { phone?: string }[]) : [];
  const lines = numbers.map(({ phone }) => `TEL;type=CELL:${phone ?? ''}`);
  return ['BEGIN:VCARD', 'VERSION:3.0', `FN:${fullName}`, ...lines, 'END:VCARD'].join('\n');
}

function readUnsupported(fields: Fields): MakeContent {
  const type = fields.text('unsupported') ?? 'poll';
  const isTooLarge = fields.flag('too_large') ?? false;
  const error = isTooLarge
    ? { code: 131052, title: TOO_LARGE, message: TOO_LARGE, error_data: { details: 'Media file size too big.' } }
    : {
        code: 131051,
        title: 'Message type unknown',
        message: 'Message type unknown',
        error_data: { details: 'Message type is currently not supported.' },
      };
  const kind = isTooLarge ? {} : { unsupported: { type } };
  return () => ({ message: { errors: [error], type: 'unsupported', ...kind } });
}

/** `value` of a webhook about the number rather than about a message: `type` is `errors` or `user_actions`. */
export function readBareValue(fields: Fields, type: string): Json {
  if (type === 'user_actions') {
    const action = {
      action_type: 'marketing_messages_link_click',
      timestamp: String(Math.floor(Date.now() / 1000)),
      marketing_messages_link_click_data: { click_component: 'cta', click_id: 'click-1', tracking_token: 'token-1' },
      ...fields.object('user_actions'),
    };
    return { user_actions: [action] };
  }
  const code = fields.whole('code', 130429, 0, 9_999_999);
  return { errors: [webhookError({ ...errorOf(code), code })] };
}
