import { AppError } from '../common/app-error.js';
import { fillIn, variableNames } from './template-text.js';

export type ParameterFormat = 'POSITIONAL' | 'NAMED';

export interface TemplateHeader {
  /** TEXT, IMAGE, VIDEO, DOCUMENT, LOCATION, … */
  type: string;
  text?: string;
}

/** A template as those who send with it see it. */
export interface Template {
  id: number;
  accountId: number;
  name: string;
  language: string;
  category: string;
  status: string;
  parameterFormat: ParameterFormat;
  header: TemplateHeader | null;
  bodyText: string;
  footerText: string;
  /** Meta's own objects, or ours of the same form. */
  buttons: Record<string, unknown>[];
}

/** Values of a template's variables: a list by position, a map by position or name. */
export type TemplateValues = string[] | Record<string, string>;

export interface TemplateButtonValue {
  /** Position of the button, from 0. */
  index: number;
  /** `quick_reply`, `url` or `copy_code`. */
  sub_type: string;
  payload?: string;
  text?: string;
  coupon_code?: string;
}

/** What a sender fills a template with. */
export interface TemplateParams {
  body?: TemplateValues;
  /**
   * A text header takes texts. A media header takes one value, a link or a media id (also as `{link}` or `{id}`), and a
   * location header `{latitude, longitude, name, address}`.
   */
  header?: TemplateValues;
  buttons?: TemplateButtonValue[];
}

type Part = 'body_params' | 'header_params' | 'buttons';

/** A value that Meta is certain to refuse (its errors 131008, 132012 and 132018), found before Meta is asked. */
export class TemplateParameterError extends AppError {
  constructor(
    /** Where it stands in the request of a single send. */
    readonly part: Part,
    /** The variable's position or name, or the button's index. */
    readonly variable: string,
    /** `empty`, `not_allowed_characters`, `missing`, `unknown_variable` or `unknown_sub_type`. */
    readonly reason: string,
    message: string,
  ) {
    const field = `${part}.${variable}`;
    super('validation_failed', `${field} ${message}`, {
      errors: [{ field, code: reason, message: `${field} ${message}` }],
    });
    this.name = 'TemplateParameterError';
  }
}

/**
 * The variables of header and body, each once: positions ('1', '2' …) in numeric order, names in order of appearance.
 * A header that is no text has none.
 */
export function variablesOf(template: Pick<Template, 'parameterFormat' | 'header' | 'bodyText'>): {
  header: string[];
  body: string[];
} {
  const ordered = (text: string): string[] => {
    const names = variableNames(text);
    return template.parameterFormat === 'NAMED' ? names : names.sort(byPosition);
  };
  return {
    header: template.header?.type === 'TEXT' ? ordered(template.header.text ?? '') : [],
    body: ordered(template.bodyText),
  };
}

/**
 * What the inbox shows as `message_body`: the body with its values; a variable without a value stays as it is written.
 * The header's values may be handed in with the body's; they are no part of the body.
 */
export function renderBody(
  template: Pick<Template, 'bodyText'>,
  values: { header?: Record<string, string>; body: Record<string, string> },
): string {
  return fillIn(template.bodyText, values.body);
}

/**
 * Meta's `components` of a send. How many values a template takes is Meta's to check, for our copy may be older.
 * Source: Meta's template pages (components, media card carousel, coupon code, authentication).
 * @param template our copy, or null when there is none: then a map is by name, unless all its keys are positions
 * @throws {TemplateParameterError} naming the variable whose value Meta is certain to refuse
 */
export function buildComponents(template: Template | null, params: TemplateParams): Record<string, unknown>[] {
  const variables = template ? variablesOf(template) : null;
  const format = template?.parameterFormat ?? null;
  const header = headerParameters(template, params.header, variables?.header ?? null);
  const body = textParameters('body_params', params.body, variables?.body ?? null, format);
  return [
    ...(header.length > 0 ? [{ type: 'header', parameters: header }] : []),
    ...(body.length > 0 ? [{ type: 'body', parameters: body }] : []),
    ...[...(params.buttons ?? []), ...codeButton(template, params)].flatMap(buttonComponent),
  ];
}

function headerParameters(
  template: Template | null,
  values: TemplateValues | undefined,
  variables: string[] | null,
): Record<string, unknown>[] {
  const type = template?.header?.type.toLowerCase() ?? 'text';
  if (values === undefined || type === 'text') {
    return textParameters('header_params', values, variables, template?.parameterFormat ?? null);
  }
  if (type === 'location') {
    const { latitude, longitude, name, address } = Array.isArray(values) ? {} : values;
    if (!latitude || !longitude) {
      throw new TemplateParameterError('header_params', latitude ? 'longitude' : 'latitude', 'missing', 'is missing');
    }
    return [{ type, location: { latitude, longitude, ...(name ? { name } : {}), ...(address ? { address } : {}) } }];
  }
  const [given] = Array.isArray(values) ? values : [values.link ?? values.id];
  if (!given) {
    throw new TemplateParameterError('header_params', '0', 'missing', `must be a link or the media id of the ${type}`);
  }
  const filename = Array.isArray(values) ? undefined : values.filename;
  const media = /^https?:\/\//i.test(given) ? { link: given } : { id: given };
  return [{ type, [type]: { ...media, ...(type === 'document' && filename ? { filename } : {}) } }];
}

/** @param variables of our copy; null: there is none */
function textParameters(
  part: Part,
  values: TemplateValues | undefined,
  variables: string[] | null,
  format: ParameterFormat | null,
): Record<string, unknown>[] {
  if (values === undefined) {
    return [];
  }
  if (Array.isArray(values)) {
    return values.map((value, index) => {
      const name = format === 'NAMED' ? variables?.[index] : String(index + 1);
      if (name === undefined) {
        throw new TemplateParameterError(
          part,
          String(index + 1),
          'unknown_variable',
          'is one more than the template has',
        );
      }
      const text = checked(part, name, value);
      return format === 'NAMED' ? { type: 'text', parameter_name: name, text } : { type: 'text', text };
    });
  }
  const names = Object.keys(values);
  const isPositional = format === 'POSITIONAL' || (format === null && names.every(isPosition));
  if (!isPositional) {
    return names.map((name) => ({ type: 'text', parameter_name: name, text: checked(part, name, values[name]) }));
  }
  return names.sort(byPosition).map((name, index) => {
    if (!isPosition(name)) {
      throw new TemplateParameterError(
        part,
        name,
        'unknown_variable',
        'is a name, and the template has positions: 1, 2, …',
      );
    }
    const expected = String(index + 1);
    if (name !== expected) {
      throw new TemplateParameterError(part, expected, 'missing', 'is missing');
    }
    return { type: 'text', text: checked(part, name, values[name]) };
  });
}

/** A code stands in the body and in the button that copies it; who gives it once need not give it twice. */
function codeButton(template: Template | null, params: TemplateParams): TemplateButtonValue[] {
  const code = Object.values(params.body ?? {})[0];
  const isGiven = params.buttons !== undefined && params.buttons.length > 0;
  return template?.category === 'AUTHENTICATION' && template.buttons.length > 0 && code !== undefined && !isGiven
    ? [{ index: 0, sub_type: 'url', text: code }]
    : [];
}

function buttonComponent(button: TemplateButtonValue): Record<string, unknown>[] {
  const index = String(button.index);
  const component = (parameter: Record<string, unknown>): Record<string, unknown>[] => [
    { type: 'button', sub_type: button.sub_type, index: button.index, parameters: [parameter] },
  ];
  switch (button.sub_type) {
    case 'url':
      return component({ type: 'text', text: checked('buttons', index, button.text ?? button.payload) });
    case 'copy_code':
      return component({
        type: 'coupon_code',
        coupon_code: checked('buttons', index, button.coupon_code ?? button.text ?? button.payload),
      });
    case 'quick_reply': {
      // Without a payload the answer carries the button's label, which Meta does by leaving the component out.
      const payload = button.payload ?? button.text;
      return payload ? component({ type: 'payload', payload }) : [];
    }
    default:
      throw new TemplateParameterError(
        'buttons',
        index,
        'unknown_sub_type',
        'has a sub_type other than quick_reply, url and copy_code: give such buttons as components',
      );
  }
}

/** Meta refuses an empty value (131008) and one with line breaks, tabs or more than four spaces in a row (132018). */
function checked(part: Part, variable: string, value: string | undefined): string {
  if (value === undefined || value === '') {
    throw new TemplateParameterError(part, variable, 'empty', 'must not be empty');
  }
  if (/[\n\r\t]| {5}/.test(value)) {
    throw new TemplateParameterError(
      part,
      variable,
      'not_allowed_characters',
      'must not contain line breaks, tabs or more than four spaces in a row',
    );
  }
  return value;
}

function isPosition(name: string): boolean {
  return /^[1-9]\d{0,3}$/.test(name);
}

/** Positions first, by number; names after them, as they were. */
function byPosition(a: string, b: string): number {
  const number = (name: string): number => (isPosition(name) ? Number(name) : Number.MAX_SAFE_INTEGER);
  return number(a) - number(b);
}
