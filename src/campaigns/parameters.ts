import { invalidField } from '../common/app-error.js';
import { variablesOf, type Template, type TemplateParams } from '../templates/template.js';
import type { ParameterMapping } from './campaign.entity.js';

/** A recipient's fields: columns of the file, or of the contact. */
export type RecipientFields = Record<string, string>;

const HEADER_PREFIX = 'header.';
const MAPPING_KEY = /^(header\.)?[a-z0-9_]{1,64}$/i;

/**
 * Checks mappings as the seeds write them: `{"1": "name", "2": "order_id"}`, a variable's position or name to a field.
 * `"header.1"` maps a header variable apart; without it the header takes the mapping of the same number. Instead of a
 * field's name, `{"field": "name", "default": "friend"}` says what to use when it is empty.
 */
export function checkMappings(value: Record<string, unknown>): Record<string, ParameterMapping> {
  for (const [key, mapping] of Object.entries(value)) {
    const field = `parameter_mappings.${key.slice(0, 80)}`;
    if (!MAPPING_KEY.test(key)) {
      throw invalidField(field, 'invalid_variable', 'Keys are variables: "1", "2" …, a name, or header.1');
    }
    if (typeof mapping === 'string') {
      continue;
    }
    const { field: source, default: fallback, ...rest } = (mapping ?? {}) as Record<string, unknown>;
    const isText = (part: unknown): boolean => part === undefined || typeof part === 'string';
    if (
      typeof mapping !== 'object' ||
      Object.keys(rest).length > 0 ||
      !isText(source) ||
      !isText(fallback) ||
      (source ?? fallback) === undefined
    ) {
      throw invalidField(field, 'invalid_mapping', `${field} must be a field's name, or {"field": …, "default": …}`);
    }
  }
  return value as Record<string, ParameterMapping>;
}

/** The values of a template's variables for one recipient, and which are missing. */
export function resolveParameters(
  template: Template,
  mappings: Record<string, ParameterMapping>,
  fields: RecipientFields,
): {
  params: TemplateParams;
  values: { header: Record<string, string>; body: Record<string, string> };
  missing: string[];
} {
  const variables = variablesOf(template);
  const missing: string[] = [];
  const take = (names: string[], prefix: string): Record<string, string> =>
    Object.fromEntries(
      names.map((name) => {
        const value = valueOf(mappings[prefix + name] ?? mappings[name], name, fields);
        if (value === '') {
          missing.push(prefix + name);
        }
        return [name, value];
      }),
    );
  const header = take(variables.header, HEADER_PREFIX);
  const body = take(variables.body, '');
  return {
    params: { ...(variables.header.length > 0 ? { header } : {}), ...(variables.body.length > 0 ? { body } : {}) },
    values: { header, body },
    missing,
  };
}

/** A variable without a mapping takes the field of its own name, which is what a named variable usually means. */
function valueOf(mapping: ParameterMapping | undefined, variable: string, fields: RecipientFields): string {
  const { field, default: fallback } =
    typeof mapping === 'string' ? { field: mapping, default: undefined } : (mapping ?? { field: variable });
  const value = field === undefined ? '' : fieldOf(fields, field);
  return value === '' ? (fallback ?? '') : value;
}

/** Columns are case-insensitive, as in the seeds. */
function fieldOf(fields: RecipientFields, name: string): string {
  const exact = Object.hasOwn(fields, name) ? fields[name] : undefined;
  const value = exact ?? Object.entries(fields).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
  return value ?? '';
}
