import type { Readable } from 'node:stream';
import { AppError } from '../../common/app-error.js';
import { openCsv, type CsvRecord } from '../../common/csv.js';
import { shownValue, unguardFormula, type LineError } from '../../common/csv-cell.js';
import { parsePhoneNumber } from '../../common/phone-number.js';
import { EMAIL_OR_NONE, LIMITS, MAX_LABELS, USER_ID } from '../contact.dto.js';
import { EXPORT_COLUMNS, splitLabels } from '../contact-csv.js';
import { isLabelName } from '../labels.service.js';

/** What a line says of a person; '' and no labels: nothing. */
export interface ContactLine {
  line: number;
  phone: string | null;
  userId: string | null;
  name: string;
  email: string;
  notes: string;
  labels: string[];
  optedOut: boolean;
}

/** A line as it was read. What is wrong with a cell but the one that names the person costs only that cell. */
export interface ReadLine {
  contact: ContactLine;
  /** The phone as it stands, when it is written in E.164 and read as another number or as none: someone may be known by it. */
  exactPhone: string | null;
  /** What is wrong with the phone; it matters when nobody is known by it and there is no user id. */
  phoneError: LineError | null;
  errors: LineError[];
}

type Field = 'phone' | 'user_id' | 'name' | 'first_name' | 'last_name' | 'email' | 'labels' | 'notes' | 'opted_out';

/** What files call it, the best first. */
const NAMES_OF: Record<Field, readonly string[]> = {
  phone: [
    ...['phone', 'phone_number', 'mobile', 'mobile_number', 'mobile_phone', 'cell', 'number', 'wa_id', 'whatsapp'],
    ...['whatsapp_number', 'tel', 'telephone', 'contact_number', 'phone_1_value'],
  ],
  user_id: ['user_id', 'bsuid'],
  name: ['name', 'full_name', 'display_name', 'contact_name', 'customer_name'],
  first_name: ['first_name', 'given_name'],
  last_name: ['last_name', 'family_name', 'surname'],
  email: ['email', 'e_mail', 'email_address', 'e_mail_address', 'mail', 'e_mail_1_value'],
  labels: ['labels', 'label', 'tags', 'tag'],
  notes: ['notes', 'note', 'comment', 'comments', 'remarks'],
  opted_out: ['opted_out', 'opt_out', 'optout', 'unsubscribed'],
};

type Columns = Record<Field, number[]>;

const MAX_COLUMNS = 64;
const MAX_LINES = 1_000_000;
const TRUE = new Set(['true', 'yes', 'y', '1', 'x', 't']);
const FALSE = new Set(['', 'false', 'no', 'n', '0', 'f']);
const E164 = /^\+\d{5,20}$/;

/**
 * Reads a file of contacts line by line: columns by their usual names in any case and order, what is not known is passed
 * over. Errors keep the number of the line where its record begins.
 * @throws `400 validation_failed` of `file`: it is empty, or no column has phones or user ids
 */
export async function* readContacts(file: Readable, defaultCountry: string | null): AsyncGenerator<ReadLine> {
  const csv = await openCsv(file);
  if (!csv) {
    throw badFile('empty_file', 'The file is empty. Its first line names the columns, one of them phone.');
  }
  try {
    const header = csv.header.map(columnName);
    const columns = readHeader(header);
    const isOurs = header.join() === EXPORT_COLUMNS.join();
    const looksLikeRecord = (cells: string[]): boolean => {
      const read = readIdentity(columns, { line: 0, cells }, defaultCountry);
      return cells.length > Math.min(header.length - 1, 1) && (read.phone !== null || read.userId !== null);
    };
    let count = 0;
    for await (const record of csv.records(isOurs ? null : looksLikeRecord)) {
      count += 1;
      if (count > MAX_LINES) {
        throw new AppError('payload_too_large', `A file may have at most ${MAX_LINES} lines.`);
      }
      yield readLine(columns, record, defaultCountry);
    }
  } finally {
    await csv.close();
  }
}

function readHeader(header: readonly string[]): Columns {
  if (header.length > MAX_COLUMNS) {
    throw badFile('too_many_columns', `The file has ${header.length} columns; at most ${MAX_COLUMNS} are read.`);
  }
  const columns = Object.fromEntries(
    Object.entries(NAMES_OF).map(([field, names]) => [
      field,
      names.flatMap((name) => header.flatMap((column, index) => (column === name ? [index] : []))),
    ]),
  ) as Columns;
  if (columns.phone.length === 0 && columns.user_id.length === 0) {
    throw badFile(
      'no_phone_column',
      `The first line must name the columns, one of them phone (or user_id). It names: ${shownValue(header.join(', '))}`,
    );
  }
  return columns;
}

function columnName(cell: string): string {
  return cell
    .trim()
    .toLowerCase()
    .replace(/[\s_-]+/g, '_')
    .replace(/^_|_$/g, '');
}

/** The first cell of the field that says something, as it was before spreadsheets were told that it is text. */
function cellOf(columns: Columns, field: Field, { cells }: CsvRecord): string {
  const index = columns[field].find((column) => (cells[column] ?? '').trim() !== '');
  const cell = index === undefined ? '' : (cells[index] ?? '');
  return unguardFormula(cell);
}

function readIdentity(
  columns: Columns,
  record: CsvRecord,
  defaultCountry: string | null,
): Pick<ReadLine, 'exactPhone' | 'phoneError' | 'errors'> & Pick<ContactLine, 'phone' | 'userId'> {
  const givenPhone = cellOf(columns, 'phone', record).trim();
  const givenUser = cellOf(columns, 'user_id', record).trim();
  const phone = parsePhoneNumber(givenPhone, defaultCountry);
  const userId = USER_ID.test(givenUser) ? givenUser : null;
  const error = (field: Field, code: string, value: string): LineError => ({
    line: record.line,
    field,
    code,
    value: shownValue(value),
  });
  const isMissing = givenPhone === '' && givenUser === '';
  const isUnreadable = givenPhone !== '' && phone === null;
  return {
    phone,
    userId,
    exactPhone: E164.test(givenPhone) && givenPhone !== phone ? givenPhone : null,
    phoneError: isUnreadable ? error('phone', 'invalid_phone_number', givenPhone) : null,
    errors: [
      ...(isMissing ? [error(columns.phone.length > 0 ? 'phone' : 'user_id', 'required', '')] : []),
      ...(givenUser !== '' && userId === null ? [error('user_id', 'invalid_user_id', givenUser)] : []),
    ],
  };
}

function readLine(columns: Columns, record: CsvRecord, defaultCountry: string | null): ReadLine {
  const { phone, userId, exactPhone, phoneError, errors } = readIdentity(columns, record, defaultCountry);
  const refuse = (field: Field, code: string, value: string): void => {
    errors.push({ line: record.line, field, code, value: shownValue(value) });
  };
  const text = (field: 'name' | 'email' | 'notes', given: string): string => {
    const isBlank = given.trim() === '';
    if (!isBlank && given.length > LIMITS[field]) {
      refuse(field, 'too_long', given);
      return '';
    }
    return isBlank ? '' : given;
  };

  const names = (['first_name', 'last_name'] as const).map((field) => cellOf(columns, field, record).trim());
  const email = text('email', cellOf(columns, 'email', record).trim());
  if (!EMAIL_OR_NONE.test(email)) {
    refuse('email', 'invalid_email', email);
  }
  const wish = cellOf(columns, 'opted_out', record).trim().toLowerCase();
  if (!TRUE.has(wish) && !FALSE.has(wish)) {
    refuse('opted_out', 'invalid_boolean', wish);
  }
  const contact: ContactLine = {
    line: record.line,
    phone,
    userId,
    name: text('name', cellOf(columns, 'name', record) || names.join(' ').trim()),
    email: EMAIL_OR_NONE.test(email) ? email : '',
    notes: text('notes', cellOf(columns, 'notes', record)),
    labels: readLabels(columns, record, refuse),
    optedOut: TRUE.has(wish),
  };
  return { contact, exactPhone, phoneError, errors };
}

/** The labels of all columns that have some. */
function readLabels(
  columns: Columns,
  record: CsvRecord,
  refuse: (field: Field, code: string, value: string) => void,
): string[] {
  const given = columns.labels
    .flatMap((index) => splitLabels(unguardFormula(record.cells[index] ?? '')))
    .map((name) => name.trim());
  given.filter((name) => !isLabelName(name)).forEach((name) => refuse('labels', 'invalid_label', name));
  const names = [...new Set(given.filter(isLabelName))];
  if (names.length > MAX_LABELS) {
    refuse('labels', 'too_many_labels', names.join(', '));
  }
  return names.slice(0, MAX_LABELS);
}

function badFile(code: string, message: string): AppError {
  return new AppError('validation_failed', message, { errors: [{ field: 'file', code, message }] });
}
