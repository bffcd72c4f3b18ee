/**
 * Parts of statements that change a fact: they append what that changed to the statistics, in the same statement. See
 * migrations/1796200000300-CreateStatistics.ts.
 */

/** The quarter of an hour that a moment is in. */
export function bucketOf(moment: string): string {
  return `date_bin('15 minutes', ${moment}, timestamptz 'epoch')`;
}

export const MESSAGE_KEY = [
  'account_id',
  'bucket',
  'template_name',
  'template_language',
  'campaign_id',
  'sent_by',
] as const;
export const MESSAGE_COUNTS = ['received', 'sent', 'delivered', 'read', 'failed'] as const;
export const CHARGE_KEY = [
  'account_id',
  'bucket',
  'category',
  'type',
  'country',
  'currency',
  'template_name',
  'template_language',
  'campaign_id',
] as const;
export const CHARGE_COUNTS = ['messages', 'cost_micros'] as const;
export const CONVERSATION_KEY = ['account_id', 'bucket', 'kind', 'agent', 'label_id', 'bin'] as const;
export const CONVERSATION_COUNTS = ['n', 'duration_ms'] as const;

/** The sets a message of ours is in, by its status; see {@link MESSAGE_COUNTS}. What is not settled is in none. */
const SETS = {
  sent: ['sent', 'delivered', 'read'],
  delivered: ['delivered', 'read'],
  read: ['read'],
  failed: ['failed'],
} as const;

/** Columns of {@link MESSAGE_KEY} of messages `m`. */
const KEY_OF_MESSAGE = `m.account_id, ${bucketOf('m.timestamp')} as bucket, coalesce(m.template_name, '') as template_name,
  coalesce(m.template_language, '') as template_language, coalesce(m.campaign_id, 0) as campaign_id,
  coalesce(m.sent_by, '') as sent_by`;

const KEY_OF_CHARGE = `m.account_id, ${bucketOf('m.timestamp')} as bucket, coalesce(m.charge ->> 'category', '') as category,
  coalesce(m.charge ->> 'type', '') as type, coalesce(m.charge ->> 'country', '') as country,
  coalesce(m.charge ->> 'currency', '') as currency, coalesce(m.template_name, '') as template_name,
  coalesce(m.template_language, '') as template_language, coalesce(m.campaign_id, 0) as campaign_id`;

function isIn(set: readonly string[], status: string): string {
  return `${status} in (${set.map((name) => `'${name}'`).join(', ')})`;
}

/** Numbers of columns, as `group by` and `order by` take them. */
export function positions(key: readonly string[]): string {
  return key.map((_, index) => index + 1).join(', ');
}

/** What WhatsApp wrote itself is nobody's message. */
const IS_COUNTED = `(m.direction = 'outbound' and ${isIn(['sent', 'delivered', 'read', 'failed'], 'm.status')}
  or m.direction = 'inbound' and m.message_type <> 'system')`;

/** What messages `m` count, as they stand. */
export function countsOf(source: string): string {
  return `select ${KEY_OF_MESSAGE}, count(*) filter (where m.direction = 'inbound') as received,
    ${Object.entries(SETS)
      .map(([name, set]) => `count(*) filter (where m.direction = 'outbound' and ${isIn(set, 'm.status')}) as ${name}`)
      .join(', ')}
  from ${source} m where ${IS_COUNTED} group by ${positions(MESSAGE_KEY)}`;
}

/** What messages `m` were charged. */
export function chargesOf(source: string): string {
  return `select ${KEY_OF_CHARGE}, count(*) as messages, coalesce(sum((m.charge ->> 'cost_micros')::bigint), 0) as cost_micros
  from ${source} m where m.charge is not null group by ${positions(CHARGE_KEY)}`;
}

/** Appends what messages of ours count now and did not before: `m` has the columns of messages and the status before (`was`). */
export function countMoved(source: string): string {
  const moves = Object.entries(SETS).map(
    ([name, set]) => `(${isIn(set, 'm.status')})::int - (${isIn(set, 'm.was')})::int as ${name}`,
  );
  return `
counted as (
  insert into message_statistic_deltas (${[...MESSAGE_KEY, ...Object.keys(SETS)].join(', ')})
  select ${[...MESSAGE_KEY, ...Object.keys(SETS).map((name) => `sum(${name})`)].join(', ')}
  from (select ${KEY_OF_MESSAGE}, ${moves.join(', ')} from ${source} m where m.direction = 'outbound' and m.status <> m.was) moved
  group by ${positions(MESSAGE_KEY)}
  having ${Object.keys(SETS)
    .map((name) => `sum(${name}) <> 0`)
    .join(' or ')}
)`;
}

/** Appends what messages of ours are charged: `m` has their charge only if that is new. */
export function countCharged(source: string): string {
  return `
charged as (
  insert into charge_statistic_deltas (${[...CHARGE_KEY, ...CHARGE_COUNTS].join(', ')})
  ${chargesOf(source)}
)`;
}

/** Appends what new messages `m` count. */
export function countAdded(source: string): string {
  return `
counted as (
  insert into message_statistic_deltas (${[...MESSAGE_KEY, ...MESSAGE_COUNTS].join(', ')})
  ${countsOf(source)}
)`;
}

/** Keeps what messages `m` had counted, which are erased. */
export function keepErased(source: string): string {
  return `
kept_counts as (
  insert into erased_message_statistics (${[...MESSAGE_KEY, ...MESSAGE_COUNTS].join(', ')})
  ${countsOf(source)}
), kept_charges as (
  insert into erased_charge_statistics (${[...CHARGE_KEY, ...CHARGE_COUNTS].join(', ')})
  ${chargesOf(source)}
)`;
}

/** Of marks: what they count. */
export function countsOfMarks(source: string): string {
  return `select account_id, ${bucketOf('at')} as bucket, kind, agent, label_id, duration_bin(duration_ms) as bin,
    count(*) as n, coalesce(sum(duration_ms), 0) as duration_ms
  from ${source} group by ${positions(CONVERSATION_KEY)}`;
}

/** Appends marks: `source` has their columns but the id. */
export function mark(source: string): string {
  return `
marked as (
  insert into conversation_marks (at, account_id, conversation_id, kind, duration_ms, agent, label_id)
  select at, account_id, conversation_id, kind, duration_ms, agent, label_id from ${source}
  returning at, account_id, kind, duration_ms, agent, label_id
), counted as (
  insert into conversation_statistic_deltas (${[...CONVERSATION_KEY, ...CONVERSATION_COUNTS].join(', ')})
  ${countsOfMarks('marked')}
)`;
}
