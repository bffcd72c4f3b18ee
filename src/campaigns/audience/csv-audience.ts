import type { Readable } from 'node:stream';
import { AppError } from '../../common/app-error.js';
import { openCsv } from '../../common/csv.js';
import { shownValue, unguardFormula, type LineError } from '../../common/csv-cell.js';
import type { AudienceLine } from '../recipients.repository.js';
import { readAddress, unreadable } from './audience-person.js';

export type { LineError } from '../../common/csv-cell.js';

const PHONE_COLUMNS = ['phone', 'phone_number', 'mobile', 'number', 'wa_id'];
const USER_ID_COLUMN = 'user_id';
const NAME_COLUMNS = ['name', 'full_name', 'first_name'];
const MAX_COLUMNS = 64;
const MAX_CELL_LENGTH = 4_096;

/**
 * Reads an audience from CSV, line by line: BOM, `;` and tab understood, columns case-insensitive. A line that cannot be
 * read is one skipped recipient with its line number, never the end of the file; a quote that is never closed does not
 * swallow the lines behind it.
 */
export async function* readAudience(
  file: Readable,
  defaultCountry: string | null,
): AsyncGenerator<{ line: AudienceLine; error: LineError | null }> {
  const csv = await openCsv(file);
  if (!csv) {
    throw badFile('empty_file', 'The file is empty. Its first line names the columns, one of them phone (or user_id).');
  }
  try {
    const columns = readHeader(csv.header);
    const phoneIndex = columns.findIndex((name) => PHONE_COLUMNS.includes(name));
    const userIdIndex = columns.indexOf(USER_ID_COLUMN);
    // A cell of several lines is legal, but one with a phone number where the file has its phones is not likely.
    const looksLikeRecord = (cells: string[]): boolean =>
      cells.length > Math.max(phoneIndex, 1) &&
      readAddress(cells[phoneIndex] ?? '', cells[userIdIndex] ?? '', defaultCountry) !== null;
    for await (const { line, cells } of csv.records(looksLikeRecord)) {
      yield readLine(columns, cells, line, defaultCountry);
    }
  } finally {
    await csv.close();
  }
}

function readHeader(record: string[]): string[] {
  const columns = record.map((name) => name.trim().toLowerCase());
  if (columns.length > MAX_COLUMNS) {
    throw badFile('too_many_columns', `The file has ${columns.length} columns; at most ${MAX_COLUMNS} are read.`);
  }
  if (![...PHONE_COLUMNS, USER_ID_COLUMN].some((name) => columns.includes(name))) {
    throw badFile(
      'no_phone_column',
      `The first line must name the columns, one of them phone (or user_id). It names: ${columns.join(', ').slice(0, 200)}`,
    );
  }
  return columns;
}

function readLine(
  columns: string[],
  record: string[],
  line: number,
  defaultCountry: string | null,
): { line: AudienceLine; error: LineError | null } {
  const cells: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [index, column] of columns.entries()) {
    if (column !== '') {
      // An export of ours is an audience too.
      cells[column] = unguardFormula(record[index] ?? '')
        .slice(0, MAX_CELL_LENGTH)
        .toWellFormed();
    }
  }
  const phoneColumn = PHONE_COLUMNS.find((name) => columns.includes(name));
  const phone = phoneColumn === undefined ? '' : (cells[phoneColumn] ?? '');
  const userId = (cells[USER_ID_COLUMN] ?? '').trim();
  const name = NAME_COLUMNS.map((column) => cells[column]).find((cell) => cell !== undefined && cell !== '') ?? '';
  const address = readAddress(phone, userId, defaultCountry);
  const base = { line, name: name.slice(0, 255), parameters: { ...cells } };
  if (address) {
    return { line: { ...base, ...address, skipReason: null }, error: null };
  }
  return {
    line: { ...base, ...unreadable(line) },
    error: { line, ...faultOf(phoneColumn, phone, userId) },
  };
}

/** The cell to mend: the phone, unless the line names its person by a user id only. */
function faultOf(phoneColumn: string | undefined, phone: string, userId: string): Omit<LineError, 'line'> {
  if (phone === '' && userId !== '') {
    return { field: USER_ID_COLUMN, code: 'invalid_user_id', value: shownValue(userId) };
  }
  const code = phone === '' ? 'required' : 'invalid_phone_number';
  return { field: phoneColumn ?? USER_ID_COLUMN, code, value: shownValue(phone) };
}

function badFile(code: string, message: string): AppError {
  return new AppError('validation_failed', message, { errors: [{ field: 'file', code, message }] });
}
