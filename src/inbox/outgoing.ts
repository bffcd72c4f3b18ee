import { invalidField } from '../common/app-error.js';
import { buildComponents, renderBody, type Template, type TemplateParams } from '../templates/template.js';
import type { Address } from './address.js';
import type { SendLocationDto, SendMessageDto, SendTemplateDto } from './send.dto.js';
import type { SendCommand } from './send.service.js';

/** Requests of the API as messages of Meta's. Source of the shapes: Meta's Cloud API message pages. */

export function textMessage(to: Address, body: SendMessageDto): SendCommand {
  return {
    to,
    messageType: 'text',
    messageBody: body.message,
    content: { type: 'text', text: { body: body.message, preview_url: body.preview_url ?? false } },
    replyTo: body.reply_message_id,
    clientRef: body.client_ref,
    sentBy: body.sent_by,
    isFreeForm: true,
  };
}

export function locationMessage(to: Address, body: SendLocationDto): SendCommand {
  const { latitude, longitude, name = '', address = '' } = body;
  return {
    to,
    messageType: 'location',
    messageBody: name || `${latitude},${longitude}`,
    content: {
      type: 'location',
      location: { latitude, longitude, ...(name ? { name } : {}), ...(address ? { address } : {}) },
    },
    location: { latitude, longitude, name, address },
    replyTo: body.reply_message_id,
    clientRef: body.client_ref,
    sentBy: body.sent_by,
    isFreeForm: true,
  };
}

/** @param template the local copy, if there is one: it renders what the inbox shows; Meta decides what is sent */
export function templateMessage(to: Address, body: SendTemplateDto, template: Template | null): SendCommand {
  const params = paramsOf(body);
  const components = body.components ?? buildComponents(template, params);
  return {
    to,
    messageType: 'template',
    messageBody:
      template && !body.components
        ? renderBody(template, valuesOf(params))
        : (template?.bodyText ?? `[${body.template_name}]`),
    content: {
      type: 'template',
      template: {
        name: body.template_name,
        language: { code: body.language },
        ...(components.length > 0 ? { components } : {}),
      },
    },
    template: { name: body.template_name, language: body.language },
    clientRef: body.client_ref,
    sentBy: body.sent_by,
    isFreeForm: false,
  };
}

function paramsOf(body: SendTemplateDto): TemplateParams {
  if (body.components !== undefined) {
    if (!Array.isArray(body.components)) {
      throw invalidField('components', 'not_array', 'components must be a list of Meta’s components');
    }
    if (body.body_params !== undefined || body.header_params !== undefined || body.buttons !== undefined) {
      throw invalidField(
        'components',
        'exclusive',
        'Give either components or body_params, header_params and buttons.',
      );
    }
    return {};
  }
  return {
    ...(body.body_params === undefined ? {} : { body: texts(body.body_params, 'body_params') }),
    ...(body.header_params === undefined ? {} : { header: texts(body.header_params, 'header_params') }),
    ...(body.buttons === undefined ? {} : { buttons: body.buttons }),
  };
}

/** Numbers are welcome, as the seeds' clients send them; anything deeper is not. */
function texts(value: unknown, field: string): string[] | Record<string, string> {
  const text = (item: unknown, where: string): string => {
    if (typeof item !== 'string' && typeof item !== 'number') {
      throw invalidField(where, 'not_string', `${where} must be text`);
    }
    return String(item);
  };
  if (Array.isArray(value)) {
    return value.map((item, index) => text(item, `${field}.${index}`));
  }
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, text(item, `${field}.${name}`)]));
  }
  throw invalidField(field, 'not_list_or_map', `${field} must be a list or a map of texts`);
}

function valuesOf(params: TemplateParams): { header: Record<string, string>; body: Record<string, string> } {
  return { header: byName(params.header), body: byName(params.body) };
}

function byName(values: string[] | Record<string, string> | undefined): Record<string, string> {
  if (values === undefined) {
    return {};
  }
  return Array.isArray(values) ? Object.fromEntries(values.map((value, index) => [String(index + 1), value])) : values;
}
