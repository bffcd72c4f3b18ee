import { isBlockedBy } from './contact-audience.js';

/** Parameters of the statement that embeds a field. */
export interface FieldScope {
  /** Whose blocks are asked about. */
  accountId: string;
  /** In which user ids and usernames are looked up. */
  portfolio: string;
}

const identity =
  (kind: string) =>
  ({ portfolio }: FieldScope): string =>
    `(select i.value from contact_identities i
      where i.contact_id = c.id and i.kind = '${kind}' and i.scope = ${portfolio} order by i.id desc limit 1)`;
const time = (column: string) => (): string =>
  `to_char(c.${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const truth = (condition: string): string => `case when ${condition} then 'true' else 'false' end`;
const username = identity('username');
const userId = identity('user_id');

/** What a contact is answered with, as texts that may be null: of a contact `c`. Labels are their names. */
const FIELDS: ReadonlyMap<string, (scope: FieldScope) => string> = new Map([
  ['id', () => 'c.id::text'],
  ['phone', () => 'c.phone'],
  ['normalized_phone', () => 'substr(c.phone, 2)'],
  [
    'wa_id',
    () => `substr(coalesce((select i.value from contact_identities i
      where i.contact_id = c.id and i.kind = 'phone' and i.value <> c.phone order by i.id desc limit 1), c.phone), 2)`,
  ],
  ['user_id', userId],
  ['parent_user_id', identity('parent_user_id')],
  ['username', username],
  ['name', () => 'c.name'],
  ['display_name', (scope) => `coalesce(nullif(c.name, ''), ${username(scope)}, c.phone, ${userId(scope)})`],
  ['email', () => 'c.email'],
  [
    'labels',
    () => `(select string_agg(l.name, ', ' order by lower(l.name))
      from contact_labels k join labels l on l.id = k.label_id where k.contact_id = c.id)`,
  ],
  ['notes', () => 'c.notes'],
  ['opted_out', () => truth('c.opted_out')],
  ['opted_out_at', time('opted_out_at')],
  ['opted_out_source', () => 'c.opted_out_source'],
  ['is_blocked', ({ accountId }) => truth(isBlockedBy(accountId, 'c.id'))],
  ['subscribed_via_signup', () => 'c.subscribed_via_signup_id::text'],
  ['subscribed_at', time('subscribed_at')],
  ['created_at', time('created_at')],
  ['updated_at', time('updated_at')],
]);

/** Whether a contact has such a field. Names are case-insensitive. */
export function isContactField(field: string): boolean {
  return FIELDS.has(field.toLowerCase());
}

/**
 * The value of a field of a contact `c`, as text to embed; null where there is none.
 * @param field one that {@link isContactField} knows
 */
export function contactFieldSql(field: string, scope: FieldScope): string {
  const sql = FIELDS.get(field.toLowerCase());
  if (!sql) {
    throw new Error(`a contact has no field ${field}`);
  }
  return sql(scope);
}
