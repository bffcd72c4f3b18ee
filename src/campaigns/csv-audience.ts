import { Readable } from 'node:stream';
import { parse } from 'csv-parse';
import { AppError } from '../common/app-error.js';
import { parsePhoneNumber } from '../common/phone-number.js';
import type { AudienceLine } from './recipients.repository.js';

export interface LineError {
  line: number;
  field: string;
  code: string;
  value: string;
}

const PHONE_COLUMNS = ['phone', 'phone_number', 'mobile', 'number', 'wa_id'];
const NAME_COLUMNS = ['name', 'full_name', 'first_name'];
const MAX_COLUMNS = 64;
const MAX_CELL_LENGTH = 4_096;
const MAX_RECORD_BYTES = 256 * 1024;
const SHOWN_VALUE_LENGTH = 100;
const DELIMITERS = [';', '\t', ','];

interface CsvRecord {
  record: string[];
  info: { lines: number };
  /** The text the record was read from. */
  raw: string;
}

/**
 * Reads an audience from CSV, line by line: BOM, `;` and tab understood, columns case-insensitive. A line that cannot be
 * read is one skipped recipient with its line number, never the end of the file; a quote that is never closed does not
 * swallow the lines behind it.
 */
export async function* readAudience(
  file: Readable,
  defaultCountry: string | null,
): AsyncGenerator<{ line: AudienceLine; error: LineError | null }> {
  const { head, rest } = await peekLine(file);
  const delimiter = delimiterOf(head);
  const parser = parse({
    bom: true,
    delimiter,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    max_record_size: MAX_RECORD_BYTES,
    info: true,
    raw: true,
    trim: true,
  });
  const broken: { raw: string; lines: number }[] = [];
  parser.on('skip', (error: { raw?: string; lines?: number } | undefined) => {
    broken.push({ raw: error?.raw ?? '', lines: error?.lines ?? 0 });
  });
  rest.on('error', (error) => parser.destroy(error));
  rest.pipe(parser);
  let columns: string[] | null = null;
  for await (const { record, info, raw } of parser as AsyncIterable<CsvRecord>) {
    if (columns === null) {
      columns = readHeader(record);
      continue;
    }
    if (isRunTogether(columns, record, raw, delimiter, defaultCountry)) {
      broken.push({ raw, lines: info.lines });
    } else {
      yield readLine(columns, record, info.lines, defaultCountry);
    }
    yield* readBroken(columns, broken.splice(0), delimiter, defaultCountry);
  }
  if (columns === null) {
    throw badFile('empty_file', 'The file is empty. Its first line names the columns, one of them phone.');
  }
  yield* readBroken(columns, broken, delimiter, defaultCountry);
}

/**
 * Whether a record of several lines is not one: its columns do not fit, or one of its lines would be a recipient by itself.
 * A cell of several lines is legal, but an address with a phone number where the file has its phones is not likely.
 */
function isRunTogether(
  columns: string[],
  record: string[],
  raw: string,
  delimiter: string,
  defaultCountry: string | null,
): boolean {
  const [, ...rest] = raw.trimEnd().split('\n');
  if (rest.length === 0) {
    return false;
  }
  const phoneIndex = columns.findIndex((name) => PHONE_COLUMNS.includes(name));
  return (
    record.length !== columns.length ||
    rest.some((text) => {
      const cells = text.split(delimiter);
      return (
        cells.length > phoneIndex &&
        cells.length > 1 &&
        parsePhoneNumber(cells[phoneIndex] ?? '', defaultCountry) !== null
      );
    })
  );
}

/** What a stray quote ran together, line by line again and without quoting. */
function* readBroken(
  columns: string[],
  records: readonly { raw: string; lines: number }[],
  delimiter: string,
  defaultCountry: string | null,
): Generator<{ line: AudienceLine; error: LineError | null }> {
  for (const { raw, lines } of records) {
    const texts = raw.replace(/\r?\n$/, '').split(/\r?\n/);
    for (const [index, text] of texts.entries()) {
      if (text.trim() !== '') {
        const record = text.split(delimiter).map((cell) => cell.trim().replace(/^"|"$/g, ''));
        yield readLine(columns, record, lines - texts.length + 1 + index, defaultCountry);
      }
    }
  }
}

function readHeader(record: string[]): string[] {
  const columns = record.map((name) => name.trim().toLowerCase());
  if (columns.length > MAX_COLUMNS) {
    throw badFile('too_many_columns', `The file has ${columns.length} columns; at most ${MAX_COLUMNS} are read.`);
  }
  if (!PHONE_COLUMNS.some((name) => columns.includes(name))) {
    throw badFile(
      'no_phone_column',
      `The first line must name the columns, one of them phone. It names: ${columns.join(', ').slice(0, 200)}`,
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
      cells[column] = (record[index] ?? '').replaceAll('\u0000', '').toWellFormed().slice(0, MAX_CELL_LENGTH);
    }
  }
  const phoneColumn = PHONE_COLUMNS.find((name) => columns.includes(name)) as string;
  const given = cells[phoneColumn] ?? '';
  const name = NAME_COLUMNS.map((column) => cells[column]).find((cell) => cell !== undefined && cell !== '') ?? '';
  const phone = parsePhoneNumber(given, defaultCountry);
  const base = { line, name: name.slice(0, 255), parameters: { ...cells } };
  if (phone) {
    return { line: { ...base, identity: `phone:${phone}`, phone, skipReason: null }, error: null };
  }
  const code = given === '' ? 'required' : 'invalid_phone_number';
  return {
    line: { ...base, identity: `line:${line}`, phone: null, skipReason: 'invalid' },
    error: { line, field: phoneColumn, code, value: given.slice(0, SHOWN_VALUE_LENGTH) },
  };
}

/** Reads just the first line, to see what separates its columns, and gives it back with the rest. */
async function peekLine(file: Readable): Promise<{ head: string; rest: Readable }> {
  const iterator = file[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const chunks: Buffer[] = [];
  let head = '';
  while (!head.includes('\n') && head.length < MAX_RECORD_BYTES) {
    const { value, done } = await iterator.next();
    if (done) {
      break;
    }
    chunks.push(value);
    head = Buffer.concat(chunks).toString('utf8');
  }
  async function* all(): AsyncGenerator<Buffer> {
    yield* chunks;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      yield next.value;
    }
  }
  return { head: head.split('\n', 1)[0] ?? '', rest: Readable.from(all(), { objectMode: false }) };
}

/** The separator that the header has most of; Excel writes `;` where the comma is a decimal point. */
function delimiterOf(head: string): string {
  const counts = DELIMITERS.map((delimiter) => ({ delimiter, count: head.split(delimiter).length }));
  return counts.reduce((best, next) => (next.count > best.count ? next : best), { delimiter: ',', count: 1 }).delimiter;
}

function badFile(code: string, message: string): AppError {
  return new AppError('validation_failed', message, { errors: [{ field: 'file', code, message }] });
}
