import type { FieldError } from '../common/app-error.js';
import type { ParameterFormat, TemplateHeader } from './template.js';

type Json = Record<string, unknown>;

export const CATEGORIES = ['MARKETING', 'UTILITY', 'AUTHENTICATION'] as const;
export const HEADER_TYPES = ['TEXT', 'IMAGE', 'VIDEO', 'DOCUMENT', 'LOCATION'] as const;
export const PARAMETER_FORMATS = ['POSITIONAL', 'NAMED'] as const;

/** Source of all limits: Meta's template components page. */
export const MAX_HEADER = 60;
export const MAX_BODY = 1_024;
export const MAX_FOOTER = 60;
export const MAX_BUTTONS = 10;
export const MAX_BUTTON_LABEL = 25;
export const MAX_BUTTON_URL = 2_000;
export const MAX_BUTTON_PHONE = 20;
/** Meta's button types, and those that the predecessor's editor wrote for authentication templates. */
export const BUTTON_TYPES = [
  'QUICK_REPLY',
  'URL',
  'PHONE_NUMBER',
  'COPY_CODE',
  'OTP',
  'FLOW',
  'CATALOG',
  'MPM',
  'SPM',
  'VOICE_CALL',
  'CALL_REQUEST',
  'REQUEST_CONTACT_INFO',
  'ORDER_DETAILS',
] as const;

/** Buttons whose label Meta writes itself. */
const LABELLED_BY_META = new Set(['COPY_CODE', 'OTP', 'CATALOG', 'MPM', 'SPM', 'REQUEST_CONTACT_INFO']);
const NAMED_VARIABLE = /^[a-z_][a-z0-9_]*$/;

/** The parts a template is made of, as people edit them. */
export interface TemplateParts {
  category: string;
  parameterFormat: ParameterFormat;
  header: TemplateHeader | null;
  bodyText: string;
  footerText: string;
  buttons: Json[];
}

/** Meta's components of these parts. */
export function toComponents(parts: TemplateParts): Json[] {
  const { header, bodyText, footerText, buttons } = parts;
  return [
    ...(header
      ? [{ type: 'HEADER', format: header.type, ...(header.text === undefined ? {} : { text: header.text }) }]
      : []),
    ...(bodyText === '' ? [] : [{ type: 'BODY', text: bodyText }]),
    ...(footerText === '' ? [] : [{ type: 'FOOTER', text: footerText }]),
    ...(buttons.length === 0 ? [] : [{ type: 'BUTTONS', buttons }]),
  ];
}

/** The parts of Meta's components. What has no part of its own (carousel cards, offers) stays in the components. */
export function fromComponents(components: readonly Json[]): Omit<TemplateParts, 'category' | 'parameterFormat'> {
  const find = (type: string): Json | undefined =>
    components.find((component) => text(component?.type).toUpperCase() === type);
  const header = find('HEADER');
  const buttons = find('BUTTONS')?.buttons;
  return {
    header: header
      ? {
          type: text(header.format).toUpperCase() || 'TEXT',
          ...(typeof header.text === 'string' ? { text: header.text } : {}),
        }
      : null,
    bodyText: text(find('BODY')?.text),
    footerText: text(find('FOOTER')?.text),
    buttons: Array.isArray(buttons) ? (buttons as unknown[]).filter(isObject) : [],
  };
}

/** What the field decorators cannot say: rules between fields. @param variables of header and body */
export function checkParts(parts: TemplateParts, variables: { header: string[]; body: string[] }): FieldError[] {
  const errors: FieldError[] = [];
  const add = (field: string, code: string, message: string): void => {
    errors.push({ field, code, message: `${field} ${message}` });
  };
  const { header, bodyText, buttons, category } = parts;
  if (bodyText === '' && category !== 'AUTHENTICATION') {
    add('body_text', 'required', 'is required (Meta writes only the body of authentication templates)');
  }
  if (header?.type === 'TEXT' && !header.text) {
    add('header.text', 'required', 'is required in a text header');
  }
  if (header && header.type !== 'TEXT' && header.text !== undefined) {
    add('header.text', 'unknown_field', `is not a part of a header of type ${header.type}`);
  }
  if (variables.header.length > 1) {
    add('header.text', 'too_many_variables', 'may have one variable');
  }
  const isNamed = parts.parameterFormat === 'NAMED';
  for (const [field, names] of [
    ['header.text', variables.header],
    ['body_text', variables.body],
  ] as const) {
    const wrong = names.find((name, index) => (isNamed ? !NAMED_VARIABLE.test(name) : name !== String(index + 1)));
    if (wrong !== undefined) {
      add(
        field,
        'invalid_variable',
        isNamed
          ? `has the variable {{${wrong}}}: a named one has lower-case letters, digits and underscores`
          : `has the variable {{${wrong}}}: positional ones are {{1}}, {{2}}, … without a gap (parameter_format NAMED takes names)`,
      );
    }
  }
  buttons.forEach((button, index) => {
    const type = text(button.type);
    const needs = (key: string): void => {
      if (!button[key]) {
        add(`buttons.${index}.${key}`, 'required', `is required in a button of type ${type}`);
      }
    };
    if (!LABELLED_BY_META.has(type)) {
      needs('text');
    }
    if (type === 'URL') {
      needs('url');
    }
    if (type === 'PHONE_NUMBER') {
      needs('phone_number');
    }
  });
  return errors;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function isObject(value: unknown): value is Json {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
