import { guardFormula, quoted } from '../common/csv-cell.js';

const LINE_BREAK = '\r\n';

/**
 * Rows of a report as CSV: what is nested has its path as its name (`outbound.sent`), a list of costs is one cell
 * (`12.34 USD; 3 EUR`). @param names of the columns, in case there are no rows
 */
export function reportCsv(rows: readonly object[], names: readonly string[]): string {
  const lines = rows.map((row) => {
    const cells = new Map(flatten(row));
    return names.map((name) => cells.get(name) ?? '');
  });
  return [names, ...lines]
    .map((cells) => cells.map((cell) => quoted(guardFormula(cell))).join(',') + LINE_BREAK)
    .join('');
}

function flatten(row: object, prefix = ''): [name: string, cell: string][] {
  return Object.entries(row).flatMap(([name, value]: [string, unknown]): [string, string][] => {
    const path = prefix + name;
    if (Array.isArray(value)) {
      return [[path, value.map(textOf).join('; ')]];
    }
    return typeof value === 'object' && value !== null ? flatten(value, `${path}.`) : [[path, textOf(value)]];
  });
}

function textOf(value: unknown): string {
  if (typeof value === 'object' && value !== null) {
    const { cost, currency } = value as { cost?: number; currency?: string };
    return `${cost} ${currency}`;
  }
  return value === null || value === undefined ? '' : String(value as string | number);
}

const OUTBOUND = ['attempted', 'sent', 'delivered', 'read', 'failed', 'delivery_rate', 'read_rate', 'failure_rate'].map(
  (name) => `outbound.${name}`,
);
const CONVERSATIONS = ['opened', 'answered', 'resolved'].map((name) => `conversations.${name}`);
const DURATIONS = ['first_response', 'resolution'].flatMap((of) =>
  ['count', 'average_s', 'median_s', 'p90_s'].map((name) => `${of}.${name}`),
);

/** The columns of each report. */
export const COLUMNS = {
  overview: ['from', 'to', 'inbound.received', ...OUTBOUND, ...CONVERSATIONS, ...DURATIONS, 'costs'],
  daily: ['date', 'inbound.received', ...OUTBOUND, ...CONVERSATIONS],
  campaigns: ['campaign_id', 'name', 'status', 'created_at', ...OUTBOUND, 'replied_count', 'opted_out_count', 'costs'],
  templates: ['name', 'language', ...OUTBOUND, 'costs'],
  agents: ['agent', ...OUTBOUND, ...DURATIONS, 'resolved', 'open_conversations'],
  labels: [
    'label_id',
    'name',
    'color',
    'conversations',
    'open_conversations',
    'unread_conversations',
    'labelled',
    'opened',
    'resolved',
    ...DURATIONS,
  ],
  costs: ['currency', 'category', 'type', 'country', 'messages', 'cost'],
} as const satisfies Record<string, readonly string[]>;
