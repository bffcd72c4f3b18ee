import { styleText } from 'node:util';
import stringWidth from 'string-width';
import wrapAnsi from 'wrap-ansi';

/** What a table is printed on. */
export interface Paper {
  /** In columns; Infinity where nobody reads it on a screen. */
  width: number;
  hasColours: boolean;
}

export interface Column<T> {
  title: string;
  of(row: T): string | number | boolean | null | undefined;
  /** Numbers stand under each other by their last digit. */
  align?: 'right';
}

const GAP = '  ';
/** No column is pressed below this. */
const MIN_WIDTH = 6;

/** What stdout is: a terminal has a width and, unless `NO_COLOR` is set, colours. */
export function stdoutPaper(): Paper {
  const { isTTY, columns } = process.stdout;
  return { width: isTTY && columns > 0 ? columns : Infinity, hasColours: isTTY && process.stdout.hasColors() };
}

/** Columns below their titles, as wide as what is in them; what does not fit is wrapped within its column. */
export function tableOf<T>(rows: readonly T[], columns: readonly Column<T>[], paper: Paper = stdoutPaper()): string {
  const cells = rows.map((row) => columns.map((column) => textOf(column.of(row))));
  const titles = columns.map(({ title }) => title.toUpperCase());
  const widths = fit(
    columns.map((_, index) => Math.max(...[titles, ...cells].map((line) => widthOf(line[index] ?? '')))),
    paper.width - GAP.length * (columns.length - 1),
  );
  const lines = (texts: readonly string[]): string[] => layOut(texts, widths, columns);
  return [
    ...lines(titles).map((line) => (paper.hasColours ? styleText('bold', line, { validateStream: false }) : line)),
    ...cells.flatMap(lines),
  ].join('\n');
}

/** Names and values below each other; what is null is left out. */
export function factsOf(
  facts: Record<string, string | number | boolean | null | undefined>,
  paper: Paper = stdoutPaper(),
): string {
  const rows = Object.entries(facts).filter(([, value]) => value !== null && value !== undefined && value !== '');
  const nameWidth = Math.max(0, ...rows.map(([name]) => widthOf(name)));
  const widths = fit([nameWidth, Math.max(0, ...rows.map(([, value]) => widthOf(textOf(value))))], paper.width - 2);
  return rows.flatMap(([name, value]) => layOut([name, textOf(value)], widths, [{}, {}])).join('\n');
}

/** Takes from the widest, until all fit. */
function fit(wanted: readonly number[], room: number): number[] {
  const widths = [...wanted];
  for (let over = widths.reduce((sum, width) => sum + width, 0) - room; over > 0; over -= 1) {
    const widest = Math.max(...widths);
    if (widest <= MIN_WIDTH) {
      break;
    }
    widths[widths.indexOf(widest)] = widest - 1;
  }
  return widths;
}

function layOut(
  texts: readonly string[],
  widths: readonly number[],
  columns: readonly { align?: 'right' }[],
): string[] {
  const wrapped = texts.map((text, index) => wrapAnsi(text, widths[index] as number, { hard: true }).split('\n'));
  return Array.from({ length: Math.max(...wrapped.map((lines) => lines.length)) }, (_, line) =>
    wrapped
      .map((lines, index) => {
        const text = lines[line] ?? '';
        const padding = ' '.repeat(Math.max(0, (widths[index] as number) - stringWidth(text)));
        return columns[index]?.align === 'right' ? padding + text : text + padding;
      })
      .join(GAP)
      .trimEnd(),
  );
}

/** Of the widest line of it. */
function widthOf(text: string): number {
  return stringWidth(text);
}

function textOf(value: string | number | boolean | null | undefined): string {
  if (value === null || value === undefined || value === '') {
    return '–';
  }
  if (typeof value === 'boolean') {
    return value ? 'yes' : 'no';
  }
  // What others wrote must not move the cursor or colour the terminal.
  return String(value)
    .replace(/\s+/g, ' ')
    .replaceAll(/\p{Cc}/gu, '');
}
