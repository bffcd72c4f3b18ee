import { guardFormula, quoted } from '../../common/csv-cell.js';
import { MICROS } from '../campaign.dto.js';
import { shownStatus } from '../campaign-status.js';
import type { RecipientRow } from './recipient-list.repository.js';

/** What every export has; the columns of the audience stand behind. */
const COLUMNS = [
  'line',
  'phone',
  'user_id',
  'name',
  'status',
  'skip_reason',
  'error_code',
  'error_message',
  'message_id',
  'sent_at',
  'delivered_at',
  'read_at',
  'replied_at',
  'opted_out_at',
  'cost',
  'variant',
] as const;

/** Columns of the audience that say what stands in ours already. */
const SAID = new Set(['phone', 'name', 'user_id']);
const TAKEN: ReadonlySet<string> = new Set(COLUMNS);
const LINE_BREAK = '\r\n';

/** Writes the recipients of one campaign as CSV: uploaded again, the file is an audience. */
export class RecipientCsv {
  private readonly parameters: readonly string[];

  /**
   * @param parameterNames columns of the audience
   * @param variantNames by id
   */
  constructor(
    parameterNames: readonly string[],
    private readonly variantNames: ReadonlyMap<number, string>,
  ) {
    this.parameters = parameterNames.filter((name) => !SAID.has(name));
  }

  header(): string {
    const names = this.parameters.map((name) => (TAKEN.has(name) ? `parameter_${name}` : name));
    return lineOf([...COLUMNS, ...names]);
  }

  line(row: RecipientRow): string {
    const cells: Record<(typeof COLUMNS)[number], string | number | Date | null> = {
      ...row,
      status: shownStatus(row.status),
      cost: row.cost_micros === null ? null : row.cost_micros / MICROS,
      variant: row.variant_id === null ? null : (this.variantNames.get(row.variant_id) ?? null),
    };
    return lineOf([
      ...COLUMNS.map((column) => textOf(cells[column])),
      ...this.parameters.map((name) => textOf(row.parameters[name])),
    ]);
  }
}

function textOf(value: string | number | Date | null | undefined): string {
  return value instanceof Date ? value.toISOString() : String(value ?? '');
}

function lineOf(cells: readonly string[]): string {
  return cells.map((cell) => quoted(guardFormula(cell))).join(',') + LINE_BREAK;
}
