import { cellsOf } from '../common/csv.js';
import { guardFormula, quoted } from '../common/csv-cell.js';
import type { ContactRow } from './contacts.repository.js';
import { newestIdentity } from './contact.dto.js';

/** Columns of an export. A file with just these was written by us, and quotes well. */
export const EXPORT_COLUMNS: readonly string[] = [
  'phone',
  'name',
  'email',
  'labels',
  'opted_out',
  'created_at',
  'user_id',
  'username',
  'notes',
];

export const EXPORT_FILENAME = 'whatsapp_contacts.csv';
export const SAMPLE_FILENAME = 'whatsapp_contacts_sample.csv';
const LINE_BREAK = '\r\n';

export const EXPORT_HEADER = lineOf(EXPORT_COLUMNS);

/** What an import may look like. */
export const SAMPLE = [
  ['phone', 'name', 'email', 'labels', 'notes', 'opted_out'],
  ['+919876500001', 'Asha Rao', 'asha@example.com', joinLabels(['VIP', 'Wholesale']), 'Prefers mornings', 'false'],
  ['98765 00002', 'Ben Mathew', '', 'New', '', 'false'],
  ['+12025550123', 'Carla Gómez', 'carla@example.com', '', '', 'true'],
]
  .map(lineOf)
  .join('');

/** A contact as a line that an import reads back as it is. */
export function toCsvLine(row: ContactRow): string {
  return lineOf([
    row.phone ?? '',
    row.name,
    row.email,
    joinLabels(row.labels.map((label) => label.name)),
    String(row.opted_out),
    row.created_at.toISOString(),
    // A portfolio's parent id names a person too, where nothing else does.
    newestIdentity(row, 'user_id') ?? (row.phone === null ? (newestIdentity(row, 'parent_user_id') ?? '') : ''),
    newestIdentity(row, 'username') ?? '',
    row.notes,
  ]);
}

/** Labels in one cell, separated by commas: the cell is a CSV line by itself, so that a name may have a comma. */
export function joinLabels(names: readonly string[]): string {
  return names.map(quoted).join(',');
}

/** Undoes {@link joinLabels}. */
export function splitLabels(cell: string): string[] {
  return cell.trim() === '' ? [] : cellsOf(cell, ',').filter((name) => name !== '');
}

function lineOf(cells: readonly string[]): string {
  return cells.map((cell) => quoted(guardFormula(cell))).join(',') + LINE_BREAK;
}
