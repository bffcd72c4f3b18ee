/** Which bodies of the log are meant. What is left out asks for nothing. */
export interface WebhookLogFilter {
  /** Accounts the key may use; null: all, and bodies of no account too. */
  visibleTo: readonly number[] | null;
  ids?: readonly number[] | undefined;
  accountId?: number | undefined;
  processed?: boolean | undefined;
  hasError?: boolean | undefined;
  /** Stands in the error. */
  error?: string | undefined;
  field?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

/** A body is for a key only when all it carries is: one may speak of several accounts. */
export const VISIBLE = (ids: string): string =>
  `account_ids <> '{}' and account_ids[1] = any(${ids}::bigint[]) and account_ids <@ ${ids}::bigint[]`;

/** Fields that nearly every body has: they are no way to find one. */
const EVERYWHERE = 'messages';
/** Of a key with more accounts, bodies are found by time. */
const MAX_BRANCHES = 20;

/** Which part of the log is read, and in which order: by time. */
export interface Stretch {
  columns: string;
  order: 'asc' | 'desc';
  /** Name of a parameter. */
  limit: string;
  /** Further conditions. */
  where?: readonly string[];
}

/**
 * A select of the bodies of a filter, in order and no more than asked for. Each account is a branch of its own that has an
 * index in this very order: so neither a rare account nor a busy one is found by reading what is others'.
 * @param bind takes a value and gives the name of its parameter
 */
export function selectLogs(filter: WebhookLogFilter, stretch: Stretch, bind: (value: unknown) => string): string {
  const { columns, order, limit, where = [] } = stretch;
  const by = `order by w.received_at ${order}, w.id ${order} limit ${limit}`;
  const common = [...where, ...conditionsOf(filter, bind)];
  const selects = branchesOf(filter, bind).map(
    (branch) => `select ${columns} from webhook_logs w where ${['true', ...common, ...branch].join(' and ')} ${by}`,
  );
  return selects.length === 1
    ? (selects[0] as string)
    : `select * from (${selects.map((select) => `(${select})`).join(' union all ')}) w ${by}`;
}

/** Disjoint conditions that together are what the filter says of accounts. */
function branchesOf(filter: WebhookLogFilter, bind: (value: unknown) => string): string[][] {
  const { accountId, visibleTo } = filter;
  const isFirst = (id: number): string => `account_ids <> '{}' and account_ids[1] = ${bind(id)}::bigint`;
  if (accountId !== undefined) {
    const id = `${bind(accountId)}::bigint`;
    return [
      [isFirst(accountId)],
      [`cardinality(account_ids) > 1 and account_ids[1] <> ${id} and account_ids @> array[${id}]`],
    ];
  }
  if (visibleTo && visibleTo.length <= MAX_BRANCHES) {
    return visibleTo.map((id) => [isFirst(id)]);
  }
  return [[]];
}

/** What the filter says beside accounts, and whose bodies a key may see. Words of partial indexes are constants. */
function conditionsOf(filter: WebhookLogFilter, bind: (value: unknown) => string): string[] {
  const where: string[] = [];
  if (filter.visibleTo) {
    where.push(VISIBLE(bind(filter.visibleTo)));
  }
  if (filter.ids) {
    where.push(`id = any(${bind(filter.ids)}::bigint[])`);
  }
  if (filter.processed !== undefined) {
    where.push(filter.processed ? 'processed' : 'not processed');
  }
  if (filter.hasError !== undefined) {
    where.push(filter.hasError ? 'error is not null' : 'error is null');
  }
  if (filter.error !== undefined) {
    where.push(`error is not null and position(lower(${bind(filter.error)}::text) in lower(error)) > 0`);
  }
  if (filter.field !== undefined) {
    where.push(`fields @> array[${bind(filter.field)}]::text[]`);
    if (filter.field !== EVERYWHERE) {
      where.push(`fields <> '{}' and fields <> '{${EVERYWHERE}}'`);
    }
  }
  if (filter.from !== undefined) {
    where.push(`received_at >= ${bind(filter.from)}::timestamptz`);
  }
  if (filter.to !== undefined) {
    where.push(`received_at < ${bind(filter.to)}::timestamptz`);
  }
  return where;
}
