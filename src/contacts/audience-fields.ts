export const OPERATORS = [
  'exact',
  'iexact',
  'in',
  'contains',
  'icontains',
  'startswith',
  'istartswith',
  'endswith',
  'iendswith',
  'gt',
  'gte',
  'lt',
  'lte',
  'range',
  'isnull',
] as const;

export type Operator = (typeof OPERATORS)[number];

export type Kind = 'text' | 'name' | 'phone' | 'username' | 'boolean' | 'time' | 'id' | 'number' | 'label';

/** Where a field stands: in the contact's row, or in rows beside it, of which one and the same must meet all conditions. */
export type Relation = 'contact' | 'label' | 'user_id' | 'username' | 'conversation' | 'block';

export interface Field {
  kind: Kind;
  relation: Relation;
  column: string;
  operators: readonly Operator[];
  /** Empty is NULL; otherwise it is ''. */
  isNullable: boolean;
}

const MATCHES: readonly Operator[] = [
  'exact',
  'iexact',
  'in',
  'contains',
  'icontains',
  'startswith',
  'istartswith',
  'endswith',
  'iendswith',
];
const TEXT: readonly Operator[] = [...MATCHES, 'isnull'];
const ORDER: readonly Operator[] = ['exact', 'gt', 'gte', 'lt', 'lte', 'range'];
const ID: readonly Operator[] = ['exact', 'in', 'gt', 'gte', 'lt', 'lte', 'range'];
const LABEL: readonly Operator[] = ['exact', 'in', 'isnull'];

function own(kind: Kind, column: string, operators: readonly Operator[], isNullable = false): Field {
  return { kind, relation: 'contact', column: `c.${column}`, operators, isNullable };
}

function beside(relation: Relation, kind: Kind, column: string, operators: readonly Operator[]): Field {
  return { kind, relation, column, operators, isNullable: true };
}

/** What may be asked of a contact, in the seeds' spelling; there is nothing else. */
const FIELDS = new Map<string, Field>([
  ['id', own('id', 'id', ID)],
  ['name', own('text', 'name', TEXT)],
  ['email', own('text', 'email', TEXT)],
  ['notes', own('text', 'notes', TEXT)],
  ['phone', own('phone', 'phone', TEXT, true)],
  ['opted_out', own('boolean', 'opted_out', ['exact'])],
  ['opted_out_at', own('time', 'opted_out_at', [...ORDER, 'isnull'], true)],
  ['opted_out_source', own('text', 'opted_out_source', TEXT, true)],
  ['subscribed_at', own('time', 'subscribed_at', [...ORDER, 'isnull'], true)],
  ['subscribed_via_signup_id', own('id', 'subscribed_via_signup_id', ['exact', 'in', 'isnull'], true)],
  ['created_at', own('time', 'created_at', ORDER)],
  ['updated_at', own('time', 'updated_at', ORDER)],
  ['labels', beside('label', 'id', 'l.id', LABEL)],
  ['labels__id', beside('label', 'id', 'l.id', LABEL)],
  ['labels__name', beside('label', 'name', 'l.name', TEXT)],
  ['user_id', beside('user_id', 'text', 'i.value', TEXT)],
  ['username', beside('username', 'username', 'i.value', TEXT)],
  // What this account knows of the person.
  ['is_blocked', beside('block', 'boolean', '', ['exact'])],
  ['has_conversation', beside('conversation', 'boolean', '', ['exact'])],
  ['last_inbound_at', beside('conversation', 'time', 'v.last_inbound_at', [...ORDER, 'isnull'])],
  ['last_message_at', beside('conversation', 'time', 'v.last_message_at', [...ORDER, 'isnull'])],
  ['conversation__label', beside('conversation', 'label', 'vl.id', LABEL)],
  ['conversation__label__id', beside('conversation', 'id', 'vl.id', LABEL)],
  ['conversation__label__name', beside('conversation', 'name', 'vl.name', TEXT)],
  ['conversation__assigned_to', beside('conversation', 'text', 'v.assigned_to', TEXT)],
  ['conversation__is_resolved', beside('conversation', 'boolean', 'v.is_resolved', ['exact'])],
  ['conversation__unread_count', beside('conversation', 'number', 'v.unread_count', ORDER)],
]);

/** A field and what is asked of it; or, in words that follow the key, why there is no such question. */
export function parseKey(key: string): { field: Field; operator: Operator } | string {
  const whole = FIELDS.get(key);
  if (whole) {
    return { field: whole, operator: 'exact' };
  }
  const cut = key.lastIndexOf('__');
  const field = FIELDS.get(key.slice(0, Math.max(cut, 0)));
  const operator = field?.operators.find((candidate) => candidate === key.slice(cut + 2));
  if (field && operator) {
    return { field, operator };
  }
  return field ? `has no such operator; there are ${field.operators.join(', ')}` : 'is not a filter';
}
