import { invalidField } from '../../common/app-error.js';
import type { Attachment } from './send-command.js';
import { requireHttpsLink } from './links.js';
import { checkInteractive } from './interactive-check.js';
import type { HeaderInput, InteractiveType, SendInteractiveDto } from './interactive.dto.js';

type Json = Record<string, unknown>;

/** An interactive message as Meta takes it, checked; the id of a header's file is put in later. */
export interface InteractiveMessage {
  interactive: Json;
  text: string;
  attachment?: Attachment;
}

/** Fields of one kind only: with another kind, or beside Meta's own object, they are a mistake. */
const FIELDS_OF: Record<InteractiveType, readonly (keyof SendInteractiveDto)[]> = {
  buttons: ['buttons'],
  list: ['button', 'sections'],
  cta_url: ['display_text', 'url'],
  location_request: [],
  flow: ['flow_id', 'flow_name', 'flow_cta', 'flow_token', 'flow_mode', 'flow_action', 'flow_screen', 'flow_data'],
};
const COMMON_FIELDS: readonly (keyof SendInteractiveDto)[] = ['body', 'header', 'footer'];

/** Where Meta's fields stand in a request, for its errors. */
const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^(body|footer)\.text$/, '$1'],
  [/^action\.buttons(\.\d+)?\.reply/, 'buttons$1'],
  [/^action\.parameters\.flow_action_payload\.screen$/, 'flow_screen'],
  [/^action\.parameters\.flow_action_payload/, 'flow_data'],
  [/^action\.parameters\.mode$/, 'flow_mode'],
  [/^action\.parameters\./, ''],
  [/^action\./, ''],
];

/**
 * Reads a request: friendly fields, or Meta's own object.
 * @throws 400 naming every field that Meta would refuse
 */
export function readInteractive(body: SendInteractiveDto): InteractiveMessage {
  if (body.interactive !== undefined) {
    refuse(body, ['type', ...COMMON_FIELDS, ...Object.values(FIELDS_OF).flat()], 'beside interactive');
    checkInteractive(body.interactive, (path) => `interactive.${path}`);
    return { interactive: body.interactive, text: textOf(body.interactive) };
  }
  const { type } = body;
  if (type === undefined) {
    throw invalidField('type', 'required', 'type is required (or interactive, with Meta’s own object)');
  }
  const foreign = Object.entries(FIELDS_OF).flatMap(([kind, fields]) => (kind === type ? [] : fields));
  refuse(body, foreign, `with type ${type}`);
  const { header, attachment } = readHeader(body.header);
  const interactive = {
    type: META_TYPES[type],
    ...(header ? { header } : {}),
    ...(body.body === undefined ? {} : { body: { text: body.body } }),
    ...(body.footer ? { footer: { text: body.footer } } : {}),
    action: actionOf(type, body),
  };
  checkInteractive(withPlaceholder(interactive, attachment), rename);
  return { interactive, text: body.body ?? '', ...(attachment ? { attachment } : {}) };
}

const META_TYPES: Record<InteractiveType, string> = {
  buttons: 'button',
  list: 'list',
  cta_url: 'cta_url',
  location_request: 'location_request_message',
  flow: 'flow',
};

function actionOf(type: InteractiveType, body: SendInteractiveDto): Json {
  switch (type) {
    case 'buttons':
      return { buttons: body.buttons?.map(({ id, title }) => ({ type: 'reply', reply: { id, title } })) };
    case 'list':
      return {
        button: body.button,
        sections: body.sections?.map(({ title, rows }) => ({
          ...(title ? { title } : {}),
          rows: rows.map((row) => ({
            id: row.id,
            title: row.title,
            ...(row.description ? { description: row.description } : {}),
          })),
        })),
      };
    case 'cta_url':
      return { name: 'cta_url', parameters: { display_text: body.display_text, url: body.url } };
    case 'location_request':
      return { name: 'send_location' };
    case 'flow':
      return { name: 'flow', parameters: flowParameters(body) };
  }
}

/** Source: Meta's page on sending a flow. */
function flowParameters(body: SendInteractiveDto): Json {
  const { flow_id, flow_name, flow_cta, flow_screen, flow_data } = body;
  const hasPayload = flow_screen !== undefined || flow_data !== undefined;
  return {
    flow_message_version: '3',
    ...(flow_id === undefined ? {} : { flow_id }),
    ...(flow_name === undefined ? {} : { flow_name }),
    flow_cta,
    ...(body.flow_token === undefined ? {} : { flow_token: body.flow_token }),
    mode: body.flow_mode ?? 'published',
    flow_action: body.flow_action ?? 'navigate',
    ...(hasPayload
      ? { flow_action_payload: { screen: flow_screen, ...(flow_data === undefined ? {} : { data: flow_data }) } }
      : {}),
  };
}

function readHeader(given: unknown): { header: Json | null; attachment?: Attachment } {
  if (given === undefined || given === null || given === '') {
    return { header: null };
  }
  if (typeof given === 'string') {
    return { header: { type: 'text', text: given } };
  }
  if (typeof given !== 'object' || Array.isArray(given)) {
    throw invalidField('header', 'not_object', 'header must be a text or an object');
  }
  const unknown = Object.keys(given).find((key) => !['type', 'text', 'media_id', 'link', 'filename'].includes(key));
  if (unknown !== undefined) {
    const field = `header.${unknown}`;
    throw invalidField(field, 'unknown_field', `${field} is not a field of this request`);
  }
  const { type, text, media_id, link, filename } = given as HeaderInput;
  if (type === 'text' || !isMedia(type)) {
    return { header: { type, ...(text === undefined ? {} : { text }) } };
  }
  if (text !== undefined) {
    throw invalidField('header.text', 'exclusive', `header.text is not possible with a header of type ${type}`);
  }
  const header = { type, [type]: filename !== undefined && type === 'document' ? { filename } : {} };
  return { header, attachment: { mediaType: type, source: readSource(media_id, link, 'header.') } };
}

function isMedia(type: unknown): type is 'image' | 'video' | 'document' {
  return type === 'image' || type === 'video' || type === 'document';
}

/** Exactly one of a media id and a link. */
export function readSource(
  mediaId: string | undefined,
  link: string | undefined,
  prefix = '',
): { mediaId: string } | { link: string } {
  if ((mediaId === undefined) === (link === undefined)) {
    const field = `${prefix}media_id`;
    throw invalidField(
      field,
      mediaId === undefined ? 'required' : 'exclusive',
      `Give either ${field} or ${prefix}link.`,
    );
  }
  if (mediaId !== undefined) {
    if (typeof mediaId !== 'string' || mediaId === '') {
      throw invalidField(`${prefix}media_id`, 'not_string', `${prefix}media_id must be a string`);
    }
    return { mediaId };
  }
  return { link: requireHttpsLink(link, `${prefix}link`) };
}

/** The file is not there yet, and the check wants one. */
function withPlaceholder(interactive: Json, attachment: Attachment | undefined): Json {
  if (!attachment) {
    return interactive;
  }
  const { mediaType } = attachment;
  return { ...interactive, header: { type: mediaType, [mediaType]: { id: '0' } } };
}

function refuse(body: SendInteractiveDto, fields: readonly (keyof SendInteractiveDto)[], why: string): void {
  const given = fields.find((field) => body[field] !== undefined);
  if (given !== undefined) {
    throw invalidField(given, 'exclusive', `${given} is not possible ${why}`);
  }
}

function rename(path: string): string {
  const name = NAMES.find(([pattern]) => pattern.test(path));
  return name ? path.replace(name[0], name[1]) : path;
}

function textOf(interactive: Json): string {
  const text = (interactive.body as { text?: unknown } | undefined)?.text;
  return typeof text === 'string' ? text : '';
}
