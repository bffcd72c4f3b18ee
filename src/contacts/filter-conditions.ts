import { escapeLike } from '../common/like.js';
import { parsePhoneNumber } from '../common/phone-number.js';
import type { Field, Operator } from './audience-fields.js';
import { boolean, id, InvalidFilter, list, pair, text, time, wholeNumber } from './filter-values.js';

/** Makes a value a parameter of the query, and answers its `$n`. */
export type Bind = (value: unknown) => string;

const COMPARISONS: Partial<Record<Operator, string>> = { exact: '=', gte: '>=', lte: '<=', gt: '>', lt: '<' };

/**
 * What a filter asks of its column, as SQL of parameters alone. Emptiness (`isnull`) is not asked here: what it means
 * depends on where the column stands.
 * @throws InvalidFilter
 */
export function conditionOf(
  { kind, column }: Field,
  operator: Operator,
  value: unknown,
  bind: Bind,
  defaultCountry: string | null,
): string {
  switch (kind) {
    case 'boolean':
      return `${column} = ${bind(boolean(value))}`;
    case 'time':
      return compared(column, operator, value, (item) => `${bind(time(item))}::timestamptz`);
    case 'number':
      return compared(column, operator, value, (item) => `${bind(wholeNumber(item))}::bigint`);
    case 'id':
      return operator === 'in'
        ? `${column} = any(${bind(list(value).map(id))}::bigint[])`
        : compared(column, operator, value, (item) => `${bind(id(item))}::bigint`);
    case 'label':
      return labelled(operator === 'in' ? list(value) : [value], bind);
    case 'name':
      return operator === 'exact' || operator === 'in'
        ? named(column, operator === 'in' ? list(value).map(text) : [text(value)], bind)
        : matches(column, operator, text(value), bind);
    case 'username':
      return operator === 'in'
        ? `${column} = any(${bind(list(value).map((item) => withoutAt(text(item))))}::text[])`
        : matches(column, operator, withoutAt(text(value)), bind);
    case 'phone':
      return ofPhone(column, operator, value, bind, defaultCountry);
    case 'text':
      return operator === 'in'
        ? `${column} = any(${bind(list(value).map(text))}::text[])`
        : matches(column, operator, text(value), bind);
  }
}

function compared(column: string, operator: Operator, value: unknown, bound: (item: unknown) => string): string {
  if (operator === 'range') {
    const [from, to] = pair(value);
    return `${column} between ${bound(from)} and ${bound(to)}`;
  }
  return `${column} ${COMPARISONS[operator]} ${bound(value)}`;
}

function matches(column: string, operator: Operator, value: string, bind: Bind): string {
  switch (operator) {
    case 'exact':
      return `${column} = ${bind(value)}`;
    case 'iexact':
      return `lower(${column}) = lower(${bind(value)})`;
    default:
      return `${column} ${operator.startsWith('i') ? 'ilike' : 'like'} ${bind(patternOf(operator, escapeLike(value)))}`;
  }
}

function patternOf(operator: Operator, part: string): string {
  if (operator.endsWith('startswith')) {
    return `${part}%`;
  }
  return operator.endsWith('endswith') ? `%${part}` : `%${part}%`;
}

/** A label's name is one whatever its case. */
function named(column: string, names: string[], bind: Bind): string {
  return `lower(${column}) = any(select lower(u) from unnest(${bind(names)}::text[]) u)`;
}

/** As everywhere in JSON: a number is an id, a text a name. */
function labelled(references: unknown[], bind: Bind): string {
  const ids = references.filter((item) => typeof item === 'number').map(id);
  const names = references.filter((item) => typeof item !== 'number').map(text);
  return `(vl.id = any(${bind(ids)}::bigint[]) or ${named('vl.name', names, bind)})`;
}

/** Usernames are kept without their `@`. */
function withoutAt(name: string): string {
  return name.replace(/^@/, '');
}

/** Stored as +919876…: a start is one with or without its plus, a part is digits. */
function ofPhone(
  column: string,
  operator: Operator,
  value: unknown,
  bind: Bind,
  defaultCountry: string | null,
): string {
  const phone = (item: unknown): string => {
    const parsed = parsePhoneNumber(text(item), defaultCountry);
    if (!parsed) {
      throw new InvalidFilter('must be a phone number');
    }
    return parsed;
  };
  switch (operator) {
    case 'exact':
    case 'iexact':
      return `${column} = ${bind(phone(value))}`;
    case 'in':
      return `${column} = any(${bind(list(value).map(phone))}::text[])`;
    default: {
      const digits = text(value).replace(/[^0-9]/g, '');
      if (digits === '') {
        throw new InvalidFilter('must have digits');
      }
      return `${column} like ${bind(patternOf(operator, operator.endsWith('startswith') ? `+${digits}` : digits))}`;
    }
  }
}
