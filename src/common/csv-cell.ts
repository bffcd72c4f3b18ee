/** What is wrong with a cell, as imports answer it. */
export interface LineError {
  line: number;
  field: string;
  code: string;
  value: string;
}

const SHOWN_VALUE_LENGTH = 100;

/** A cell as an error shows it. */
export function shownValue(cell: string): string {
  return cell.slice(0, SHOWN_VALUE_LENGTH).toWellFormed();
}

/** A cell as a file has it: it is read back as it is, whichever of the usual delimiters the reader expects. */
export function quoted(cell: string): string {
  return /[",;\t\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/**
 * What a spreadsheet takes for a formula, also behind spaces and quotes, and by its full-width signs. Cells that begin with
 * tab or carriage return are said to be dangerous too.
 * Source: OWASP, CSV injection.
 */
const FORMULA = /^[\s'"\u200b-\u200f\u2060\ufeff]*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/u;

/** The cell as text for spreadsheets: what looks like a formula has a `'` before it. */
export function guardFormula(cell: string): string {
  return FORMULA.test(cell) ? `'${cell}` : cell;
}

/** Undoes {@link guardFormula}, for any text. */
export function unguardFormula(cell: string): string {
  return cell.startsWith("'") && FORMULA.test(cell.slice(1)) ? cell.slice(1) : cell;
}
