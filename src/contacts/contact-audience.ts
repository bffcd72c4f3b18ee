import { Injectable } from '@nestjs/common';
import { invalidFields, type FieldError } from '../common/app-error.js';
import { Config } from '../config/config.js';
import { parseKey, type Field, type Operator, type Relation } from './audience-fields.js';
import { conditionOf, type Bind } from './filter-conditions.js';
import { boolean, InvalidFilter } from './filter-values.js';

export interface AudienceScope {
  /** Whose people: linked to any of these accounts. Null or empty: everybody. */
  accountIds: readonly number[] | null;
  /** Whose conversations and blocks are asked about; null: none can be. */
  accountId?: number | null;
  /** In which user ids and usernames are looked up; null: none are. */
  portfolio?: string | null;
  /** Number of the first `$n` that the query may use, 1 unless said otherwise. */
  firstParameter?: number;
}

/** A query to embed, and its parameters in order. */
export interface CompiledAudience {
  /** Selects `contact_id, phone, name, email, opted_out, is_blocked, user_id`: each person once. */
  sql: string;
  values: unknown[];
}

const PREFIX = 'audience_filters';
const EXCLUDE = 'exclude';
const MAX_FILTERS = 100;

/** Rows beside a contact `c`, with the parameters they are found by. */
type Beside = (scope: AudienceScope, bind: Bind) => string;

const BESIDE: Record<Exclude<Relation, 'contact'>, Beside> = {
  label: () => 'contact_labels k join labels l on l.id = k.label_id where k.contact_id = c.id',
  user_id: (scope, bind) => identities('user_id', scope, bind),
  username: (scope, bind) => identities('username', scope, bind),
  conversation: ({ accountId }, bind) =>
    `conversations v left join labels vl on vl.id = v.label_id
     where v.account_id = ${bind(accountId)} and v.contact_id = c.id`,
  block: ({ accountId }, bind) =>
    `contact_accounts b where b.account_id = ${bind(accountId)} and b.contact_id = c.id and b.is_blocked`,
};

function identities(kind: string, { portfolio }: AudienceScope, bind: Bind): string {
  return `contact_identities i where i.contact_id = c.id and i.kind = '${kind}' and i.scope = ${bind(portfolio ?? null)}`;
}

/** Turns `audience_filters`, in the seeds' form (`{"labels__name": "VIP"}`), into SQL over contacts. */
@Injectable()
export class ContactAudience {
  constructor(private readonly config: Config) {}

  /**
   * All filters must hold, and those of `exclude` must not hold all together, as in Django. Those on labels must hold for one
   * and the same label; a person with several matching labels comes once. People who opted out or are blocked are in it, marked:
   * whoever sends counts and skips them.
   * @throws `400 validation_failed` naming each wrong filter as `audience_filters.<key>`
   */
  compile(filters: Record<string, unknown>, scope: AudienceScope): CompiledAudience {
    const values: unknown[] = [];
    const bind: Bind = (value) => `$${(scope.firstParameter ?? 1) + values.push(value) - 1}`;
    const portfolio = scope.portfolio ?? null;
    const userId =
      portfolio === null
        ? 'null::text'
        : `(select i.value from contact_identities i
           where i.contact_id = c.id and i.kind = 'user_id' and i.scope = ${bind(portfolio)} order by i.id desc limit 1)`;
    const isBlocked = scope.accountId ? isBlockedBy(bind(scope.accountId), 'c.id') : 'false';
    const errors: FieldError[] = [];
    const where = [
      ...(scope.accountIds && scope.accountIds.length > 0 ? [visibleTo(bind(scope.accountIds))] : []),
      ...this.conditions(filters, PREFIX, scope, bind, errors),
    ];
    if (errors.length > 0) {
      throw invalidFields(errors);
    }
    return {
      sql: `select c.id as contact_id, c.phone, c.name, c.email, c.opted_out, ${isBlocked} as is_blocked, ${userId} as user_id
       from contacts c${where.length > 0 ? ` where ${where.join(' and ')}` : ''}`,
      values,
    };
  }

  private conditions(
    filters: Record<string, unknown>,
    path: string,
    scope: AudienceScope,
    bind: Bind,
    errors: FieldError[],
  ): string[] {
    const where: string[] = [];
    const ofOneRow = new Map<Exclude<Relation, 'contact'>, string[]>();
    const entries = Object.entries(filters);
    if (entries.length > MAX_FILTERS) {
      errors.push(wrong(path, `must have at most ${MAX_FILTERS} filters`));
      return [];
    }
    for (const [key, value] of entries) {
      const name = `${path}.${key.slice(0, 100)}`;
      try {
        if (key === EXCLUDE && path === PREFIX) {
          where.push(...this.excluded(value, name, scope, bind, errors));
          continue;
        }
        const parsed = parseKey(key);
        if (typeof parsed === 'string') {
          throw new InvalidFilter(parsed);
        }
        const { field, operator } = parsed;
        if ((field.relation === 'conversation' || field.relation === 'block') && !scope.accountId) {
          throw new InvalidFilter('is known of an account only');
        }
        const presence = presenceOf(field, operator, value, scope, bind);
        if (presence !== null) {
          where.push(presence);
          continue;
        }
        const condition = conditionOf(field, operator, value, bind, this.config.defaultCountry);
        if (field.relation === 'contact') {
          where.push(condition);
        } else {
          ofOneRow.set(field.relation, [...(ofOneRow.get(field.relation) ?? []), condition]);
        }
      } catch (error) {
        if (!(error instanceof InvalidFilter)) {
          throw error;
        }
        errors.push(wrong(name, error.message));
      }
    }
    for (const [relation, conditions] of ofOneRow) {
      where.push(`exists (select 1 from ${[BESIDE[relation](scope, bind), ...conditions].join(' and ')})`);
    }
    return where;
  }

  /** As Django excludes: whoever does not meet all of them stays, also whoever has no value to compare. */
  private excluded(value: unknown, name: string, scope: AudienceScope, bind: Bind, errors: FieldError[]): string[] {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new InvalidFilter('must be an object of filters');
    }
    const conditions = this.conditions(value as Record<string, unknown>, name, scope, bind, errors);
    return conditions.length > 0 ? [`not coalesce(${conditions.join(' and ')}, false)`] : [];
  }
}

/** The condition that the account in the parameter has blocked the contact whose id stands there. */
export function blockedBy(accountParameter: string, contactId: string): string {
  return `exists (select 1 from contact_accounts b where b.account_id = ${accountParameter} and b.contact_id = ${contactId} and b.is_blocked)`;
}

/** The same as a column: looked up row by row, where of an EXISTS PostgreSQL may make a hash of everybody. */
export function isBlockedBy(accountParameter: string, contactId: string): string {
  return `coalesce((
      select b.is_blocked from contact_accounts b where b.account_id = ${accountParameter} and b.contact_id = ${contactId}), false)`;
}

/** Contacts `c` that are people of one of the accounts in the parameter. */
export function visibleTo(accountIdsParameter: string): string {
  return `exists (select 1 from contact_accounts v where v.contact_id = c.id and v.account_id = any(${accountIdsParameter}::bigint[]))`;
}

/** A question that stands for itself: whether there is anything. Null: it is another one. */
function presenceOf(
  { relation, column, kind, isNullable }: Field,
  operator: Operator,
  value: unknown,
  scope: AudienceScope,
  bind: Bind,
): string | null {
  const isPresence = column === '';
  if (operator !== 'isnull' && !isPresence) {
    return null;
  }
  const isThere = isPresence ? boolean(value) : !boolean(value);
  if (relation !== 'contact') {
    const rows = BESIDE[relation](scope, bind);
    return `${isThere ? '' : 'not '}exists (select 1 from ${rows}${isPresence ? '' : ` and ${column} is not null`})`;
  }
  return isNullable || kind !== 'text'
    ? `${column} is ${isThere ? 'not ' : ''}null`
    : `${column} ${isThere ? '<>' : '='} ''`;
}

function wrong(field: string, what: string): FieldError {
  return { field, code: 'invalid_filter', message: `${field} ${what}` };
}
