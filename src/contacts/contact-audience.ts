import { Injectable } from '@nestjs/common';
import { invalidFields, type FieldError } from '../common/app-error.js';
import { containing, escapeLike } from '../common/like.js';
import { parsePhoneNumber } from '../common/phone-number.js';
import { Config } from '../config/config.js';

export interface AudienceScope {
  /** Whose people: linked to any of these accounts. Null or empty: everybody. */
  accountIds: readonly number[] | null;
  /** In which user ids are looked up; null: none are. */
  portfolio?: string | null;
  /** Number of the first `$n` that the query may use, 1 unless said otherwise. */
  firstParameter?: number;
}

/** A query to embed, and its parameters in order. */
export interface CompiledAudience {
  /** Selects `contact_id, phone, name, email, opted_out, user_id`: each person once. */
  sql: string;
  values: unknown[];
}

type Operator = 'exact' | 'in' | 'icontains' | 'istartswith' | 'gte' | 'lte' | 'gt' | 'lt' | 'isnull';
type Kind = 'text' | 'phone' | 'boolean' | 'time' | 'label_name' | 'label_id';

interface Field {
  kind: Kind;
  column: string;
  operators: readonly Operator[];
}

const TEXT: readonly Operator[] = ['exact', 'in', 'icontains', 'istartswith', 'isnull'];
const TIME: readonly Operator[] = ['exact', 'gte', 'lte', 'gt', 'lt'];

/** What may be asked of a contact; the seeds' spelling. */
const FIELDS = new Map<string, Field>([
  ['name', { kind: 'text', column: 'c.name', operators: TEXT }],
  ['email', { kind: 'text', column: 'c.email', operators: TEXT }],
  ['phone', { kind: 'phone', column: 'c.phone', operators: TEXT }],
  ['opted_out', { kind: 'boolean', column: 'c.opted_out', operators: ['exact'] }],
  ['created_at', { kind: 'time', column: 'c.created_at', operators: TIME }],
  ['subscribed_at', { kind: 'time', column: 'c.subscribed_at', operators: [...TIME, 'isnull'] }],
  ['labels__name', { kind: 'label_name', column: 'l.name', operators: TEXT }],
  ['labels__id', { kind: 'label_id', column: 'l.id', operators: ['exact', 'in', 'isnull'] }],
]);

const COMPARISONS: Partial<Record<Operator, string>> = { exact: '=', gte: '>=', lte: '<=', gt: '>', lt: '<' };
const MAX_VALUES = 1_000;
const MAX_TEXT = 255;
const ISO_TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/** NUL and lone surrogates: PostgreSQL takes neither. */
const UNSTORABLE = /[\u0000\p{Surrogate}]/u;

class InvalidFilter extends Error {}

/** Turns `audience_filters`, in the seeds' form (`{"labels__name": "VIP"}`), into SQL over contacts. */
@Injectable()
export class ContactAudience {
  constructor(private readonly config: Config) {}

  /**
   * All filters must hold. Those on labels must hold for one and the same label, as in Django; a person with several
   * matching labels comes once. Opted-out people are in it, marked: whoever sends counts and skips them.
   * @throws `400 validation_failed` naming each wrong filter as `audience_filters.<key>`
   */
  compile(filters: Record<string, unknown>, scope: AudienceScope): CompiledAudience {
    const values: unknown[] = [];
    const bind = (value: unknown): string => `$${(scope.firstParameter ?? 1) + values.push(value) - 1}`;
    const portfolio = scope.portfolio ?? null;
    const userId =
      portfolio === null
        ? 'null::text'
        : `(select i.value from contact_identities i
           where i.contact_id = c.id and i.kind = 'user_id' and i.scope = ${bind(portfolio)} order by i.id desc limit 1)`;
    const where: string[] = [];
    const ofLabel: string[] = [];
    const errors: FieldError[] = [];
    if (scope.accountIds && scope.accountIds.length > 0) {
      where.push(visibleTo(bind(scope.accountIds)));
    }
    for (const [key, value] of Object.entries(filters)) {
      try {
        const { field, operator } = parseKey(key);
        const isOfLabel = field.kind === 'label_name' || field.kind === 'label_id';
        if (isOfLabel && operator === 'isnull') {
          where.push(
            `${boolean(value) ? 'not ' : ''}exists (select 1 from contact_labels k where k.contact_id = c.id)`,
          );
        } else {
          (isOfLabel ? ofLabel : where).push(this.condition(field, operator, value, bind));
        }
      } catch (error) {
        if (!(error instanceof InvalidFilter)) {
          throw error;
        }
        const name = `audience_filters.${key.slice(0, 100)}`;
        errors.push({ field: name, code: 'invalid_filter', message: `${name} ${error.message}` });
      }
    }
    if (errors.length > 0) {
      throw invalidFields(errors);
    }
    if (ofLabel.length > 0) {
      where.push(`exists (
        select 1 from contact_labels k join labels l on l.id = k.label_id where k.contact_id = c.id and ${ofLabel.join(' and ')})`);
    }
    return {
      sql: `select c.id as contact_id, c.phone, c.name, c.email, c.opted_out, ${userId} as user_id
       from contacts c${where.length > 0 ? ` where ${where.join(' and ')}` : ''}`,
      values,
    };
  }

  private condition(field: Field, operator: Operator, value: unknown, bind: (value: unknown) => string): string {
    switch (field.kind) {
      case 'boolean':
        return `${field.column} = ${bind(boolean(value))}`;
      case 'time':
        return operator === 'isnull'
          ? isNull(field.column, value)
          : `${field.column} ${COMPARISONS[operator]} ${bind(time(value))}::timestamptz`;
      case 'label_id':
        return operator === 'in'
          ? `${field.column} = any(${bind(list(value).map(id))}::bigint[])`
          : `${field.column} = ${bind(id(value))}::bigint`;
      case 'label_name':
        // A label's name is one whatever its case.
        return operator === 'exact' || operator === 'in'
          ? `lower(${field.column}) = any(select lower(u) from unnest(${bind(operator === 'in' ? list(value).map(text) : [text(value)])}::text[]) u)`
          : like(field.column, operator, text(value), bind);
      case 'phone':
        return this.phoneCondition(field, operator, value, bind);
      case 'text':
        switch (operator) {
          case 'isnull':
            return `${field.column} ${boolean(value) ? '=' : '<>'} ''`;
          case 'exact':
            return `${field.column} = ${bind(text(value))}`;
          case 'in':
            return `${field.column} = any(${bind(list(value).map(text))}::text[])`;
          default:
            return like(field.column, operator, text(value), bind);
        }
    }
  }

  private phoneCondition(field: Field, operator: Operator, value: unknown, bind: (value: unknown) => string): string {
    switch (operator) {
      case 'isnull':
        return isNull(field.column, value);
      case 'exact':
        return `${field.column} = ${bind(this.phone(value))}`;
      case 'in':
        return `${field.column} = any(${bind(list(value).map((item) => this.phone(item)))}::text[])`;
      default: {
        // Stored as +919876…: a start is one with or without its plus, a part is digits.
        const digits = text(value).replace(/[^0-9]/g, '');
        if (digits === '') {
          throw new InvalidFilter('must have digits');
        }
        return `${field.column} like ${bind(operator === 'istartswith' ? `+${digits}%` : `%${digits}%`)}`;
      }
    }
  }

  private phone(value: unknown): string {
    const phone = parsePhoneNumber(text(value), this.config.defaultCountry);
    if (!phone) {
      throw new InvalidFilter('must be a phone number');
    }
    return phone;
  }
}

/** Contacts `c` that are people of one of the accounts in the parameter. */
export function visibleTo(accountIdsParameter: string): string {
  return `exists (select 1 from contact_accounts v where v.contact_id = c.id and v.account_id = any(${accountIdsParameter}::bigint[]))`;
}

function parseKey(key: string): { field: Field; operator: Operator } {
  const exact = FIELDS.get(key);
  if (exact) {
    return { field: exact, operator: 'exact' };
  }
  const cut = key.lastIndexOf('__');
  const field = FIELDS.get(key.slice(0, Math.max(cut, 0)));
  const operator = field?.operators.find((candidate) => candidate === key.slice(cut + 2));
  if (!field || !operator) {
    throw new InvalidFilter(
      field ? `has no such operator; there are ${field.operators.join(', ')}` : 'is not a filter',
    );
  }
  return { field, operator };
}

function like(column: string, operator: Operator, value: string, bind: (value: unknown) => string): string {
  return `${column} ilike ${bind(operator === 'istartswith' ? `${escapeLike(value)}%` : containing(value))}`;
}

function isNull(column: string, value: unknown): string {
  return `${column} is ${boolean(value) ? '' : 'not '}null`;
}

function text(value: unknown): string {
  const given = typeof value === 'number' && Number.isFinite(value) ? String(value) : value;
  if (typeof given !== 'string' || given.length > MAX_TEXT || UNSTORABLE.test(given)) {
    throw new InvalidFilter(`must be text of at most ${MAX_TEXT} characters`);
  }
  return given;
}

function list(value: unknown): unknown[] {
  if (!Array.isArray(value) || value.length > MAX_VALUES) {
    throw new InvalidFilter(`must be a list of at most ${MAX_VALUES} values`);
  }
  return value;
}

function boolean(value: unknown): boolean {
  if (typeof value !== 'boolean') {
    throw new InvalidFilter('must be true or false');
  }
  return value;
}

function id(value: unknown): number {
  const given = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  if (typeof given !== 'number' || !Number.isSafeInteger(given) || given < 1) {
    throw new InvalidFilter('must be an id');
  }
  return given;
}

/** A date is its beginning in UTC, and a time without an offset is UTC. */
function time(value: unknown): string {
  const given = text(value);
  const isZoned = /(Z|[+-]\d{2}:\d{2})$/.test(given) && given.includes('T');
  const at = ISO_TIME.test(given)
    ? new Date(given.includes('T') && !isZoned ? `${given}Z` : given)
    : new Date(Number.NaN);
  if (Number.isNaN(at.getTime())) {
    throw new InvalidFilter('must be a date or an ISO-8601 time');
  }
  return at.toISOString();
}
