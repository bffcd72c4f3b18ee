import { guardFormula, quoted } from '../common/csv-cell.js';
import type { FlowResponseRow } from './flow-responses.repository.js';

/** What every export has; what was answered stands behind. */
const COLUMNS = [
  'id',
  'completed_at',
  'phone_number',
  'contact_id',
  'conversation_id',
  'processed',
  'flow_token',
  'message_id',
] as const;
const TAKEN: ReadonlySet<string> = new Set(COLUMNS);
const LINE_BREAK = '\r\n';

/** Writes answers as CSV, with a column for each thing that was asked. */
export class FlowResponseCsv {
  constructor(private readonly keys: readonly string[]) {}

  header(): string {
    return lineOf([...COLUMNS, ...this.keys.map((key) => (TAKEN.has(key) ? `response_${key}` : key))]);
  }

  line(row: FlowResponseRow): string {
    const cells: Record<(typeof COLUMNS)[number], unknown> = {
      id: row.id,
      completed_at: row.completedAt.toISOString(),
      phone_number: row.phoneNumber,
      contact_id: row.contactId,
      conversation_id: row.conversationId,
      processed: row.processed,
      flow_token: row.flowToken,
      message_id: row.messageId,
    };
    return lineOf([
      ...COLUMNS.map((column) => textOf(cells[column])),
      ...this.keys.map((key) => textOf(Object.hasOwn(row.responseData, key) ? row.responseData[key] : null)),
    ]);
  }
}

/** Lists of words (check boxes) as people write them; all else that is no text as JSON. */
function textOf(value: unknown): string {
  if (value === null || value === undefined) {
    return '';
  }
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object')) {
    return value.join(', ');
  }
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function lineOf(cells: readonly string[]): string {
  return cells.map((cell) => quoted(guardFormula(cell))).join(',') + LINE_BREAK;
}
