import { TemplateParameterError } from './template-parameter-error.js';
import { isPosition, type TemplateValues } from './template.js';

/** The variables of one text of a template. */
export interface TextSlots {
  /** Positions in numeric order, or names. */
  names: readonly string[];
  isNamed: boolean;
}

/** Meta's `text` parameter. */
export interface TextParameter {
  type: 'text';
  parameter_name?: string;
  text: string;
}

/**
 * The parameters of a text: exactly one for each variable.
 * @throws {TemplateParameterError} naming the variable without a value, or the value without a variable
 */
export function textParameters(
  path: string,
  values: TemplateValues | undefined,
  { names, isNamed }: TextSlots,
): TextParameter[] {
  refuseUnknown(path, values, names);
  return names.map((name, index) => {
    const value = Array.isArray(values)
      ? values[index]
      : values && Object.hasOwn(values, name)
        ? values[name]
        : undefined;
    if (value === undefined) {
      throw new TemplateParameterError(`${path}.${name}`, 'missing', 'is missing');
    }
    const text = checkedValue(`${path}.${name}`, value);
    return isNamed ? { type: 'text', parameter_name: name, text } : { type: 'text', text };
  });
}

function refuseUnknown(path: string, values: TemplateValues | undefined, names: readonly string[]): void {
  if (values === undefined) {
    return;
  }
  if (Array.isArray(values)) {
    if (values.length > names.length) {
      throw new TemplateParameterError(
        `${path}.${names.length + 1}`,
        'unknown_variable',
        `is one more than the ${names.length} that the template has`,
      );
    }
    return;
  }
  for (const name in values) {
    if (!names.includes(name)) {
      const known = names.length === 0 ? 'has none' : `has ${names.join(', ')}`;
      throw new TemplateParameterError(
        `${path}.${name}`,
        'unknown_variable',
        `is no variable of the template, which ${known}`,
      );
    }
  }
}

/** Of a template that is not known here: a map is by name, unless all its keys are positions. How many is Meta's to check. */
export function unknownTextParameters(path: string, values: TemplateValues | undefined): TextParameter[] {
  if (values === undefined) {
    return [];
  }
  if (Array.isArray(values)) {
    return values.map((value, index) => ({ type: 'text', text: checkedValue(`${path}.${index + 1}`, value) }));
  }
  const names = Object.keys(values);
  const slots = names.every(isPosition)
    ? { names: names.map((_, index) => String(index + 1)), isNamed: false }
    : { names, isNamed: true };
  return textParameters(path, values, slots);
}

/** Meta refuses an empty value (131008) and one with line breaks, tabs or more than four spaces in a row (132018). */
export function checkedValue(field: string, value: string | undefined): string {
  if (value === undefined || value === '') {
    throw new TemplateParameterError(field, 'empty', 'must not be empty');
  }
  if (/[\n\r\t]| {5}/.test(value)) {
    throw new TemplateParameterError(
      field,
      'not_allowed_characters',
      'must not contain line breaks, tabs or more than four spaces in a row',
    );
  }
  return value;
}
