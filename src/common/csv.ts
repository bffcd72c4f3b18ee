import type { Readable } from 'node:stream';
import { TextDecoder } from 'node:util';

/** A record of a file: one line, or several when a quoted cell has line breaks. */
export interface CsvRecord {
  /** Of the file, from 1: where the record begins. */
  line: number;
  cells: string[];
}

/** Would these cells, of one line of the file, be a record by themselves? */
export type LooksLikeRecord = (cells: string[]) => boolean;

const DELIMITERS = [';', '\t', ','];
/** No record is longer, and a quote that is not closed by then never is; in UTF-16 units. */
const MAX_RECORD_LENGTH = 256 * 1024;

/**
 * Opens a CSV file: UTF-8 or UTF-16 (as Excel's "Unicode text"), with or without a BOM, separated by commas, semicolons or
 * tabs. What is not read of the stream runs out by itself, so that whoever uploads it comes to an end.
 * @returns null when it is empty
 */
export async function openCsv(file: Readable): Promise<CsvFile | null> {
  const lines = new Lines(file);
  try {
    for (let text = await lines.take(); text !== null; text = await lines.take()) {
      if (text.trim() !== '') {
        const delimiter = delimiterOf(text);
        return new CsvFile(lines, delimiter, cellsOf(withoutBreak(text), delimiter));
      }
    }
    await lines.close();
    return null;
  } catch (error) {
    await lines.close();
    throw error;
  }
}

/**
 * A file whose first line was read. What is broken costs as little as can be: a quote that is never closed, or closed in the
 * middle of a cell, is taken as it stands and swallows no line behind it. (A library would be less code; csv-parse loses the
 * lines after `"x"y`, and counts a line break in quotes twice.)
 */
export class CsvFile {
  constructor(
    private readonly lines: Lines,
    private readonly delimiter: string,
    /** Cells of the first line. */
    readonly header: string[],
  ) {}

  /**
   * Every record behind the header; blank lines are none.
   * @param looksLikeRecord tells when a record of several lines is a stray quote that ran over lines which stand for
   *   themselves; null: whoever wrote the file is trusted to quote well
   */
  async *records(looksLikeRecord: LooksLikeRecord | null): AsyncGenerator<CsvRecord> {
    try {
      for (;;) {
        const line = this.lines.number;
        const text = await this.lines.take();
        if (text === null) {
          return;
        }
        if (text.trim() !== '') {
          yield { line, cells: await this.read(text, looksLikeRecord) };
        }
      }
    } finally {
      await this.close();
    }
  }

  /** Reads no more. */
  async close(): Promise<void> {
    await this.lines.close();
  }

  private async read(first: string, looksLikeRecord: LooksLikeRecord | null): Promise<string[]> {
    const reader = new RecordReader(this.delimiter);
    reader.feed(withoutBreak(first));
    let last = first;
    let length = first.length;
    let more = 0;
    while (reader.isOpen) {
      const next = await this.lines.peek(more);
      length += next?.length ?? 0;
      if (next === null || length > MAX_RECORD_LENGTH || looksLikeRecord?.(next.trim().split(this.delimiter))) {
        return literally(first, this.delimiter);
      }
      reader.goOn(last.slice(withoutBreak(last).length), withoutBreak(next));
      last = next;
      more += 1;
    }
    const isOneRecord = more === 0 || looksLikeRecord === null || reader.cells.length === this.header.length;
    if (reader.isMalformed || !isOneRecord) {
      return literally(first, this.delimiter);
    }
    this.lines.skip(more);
    return reader.cells;
  }
}

/** Cells of one line, taken literally when they are not quoted well. */
export function cellsOf(text: string, delimiter: string): string[] {
  const reader = new RecordReader(delimiter);
  reader.feed(text);
  return reader.isOpen || reader.isMalformed ? literally(text, delimiter) : reader.cells;
}

/** Cells without regard to quotes, but for those around a cell. */
function literally(text: string, delimiter: string): string[] {
  return withoutBreak(text)
    .split(delimiter)
    .map((cell) => cell.trim().replace(/^"|"$/g, ''));
}

/** The separator that the header has most of; Excel writes `;` where the comma is a decimal point. */
function delimiterOf(header: string): string {
  const counts = DELIMITERS.map((delimiter) => ({ delimiter, count: header.split(delimiter).length }));
  return counts.reduce((best, next) => (next.count > best.count ? next : best), { delimiter: ',', count: 1 }).delimiter;
}

function withoutBreak(text: string): string {
  return text.replace(/(\r\n|\n|\r)$/, '');
}

/** Reads the cells of a record, fed line by line as long as a quote is open. */
class RecordReader {
  readonly cells: string[] = [];
  isOpen = false;
  /** Something stands behind a closing quote. */
  isMalformed = false;
  private cell = '';

  constructor(private readonly delimiter: string) {}

  feed(text: string): void {
    this.readCells(text, 0);
  }

  /** The next line, of a cell that has a line break. */
  goOn(lineBreak: string, text: string): void {
    this.cell += lineBreak;
    this.readCells(text, this.readQuoted(text, 0));
  }

  private readCells(text: string, from: number): void {
    for (let at = from; at >= 0;) {
      const start = this.skipSpaces(text, at);
      if (text[start] === '"') {
        this.isOpen = true;
        this.cell = '';
        at = this.readQuoted(text, start + 1);
      } else {
        const end = text.indexOf(this.delimiter, at);
        this.cells.push(text.slice(at, end < 0 ? undefined : end).trim());
        at = end < 0 ? -1 : end + 1;
      }
    }
  }

  /** @returns where the next cell begins, -1 when the text ends before */
  private readQuoted(text: string, from: number): number {
    for (let at = from; ;) {
      const quote = text.indexOf('"', at);
      if (quote < 0) {
        this.cell += text.slice(at);
        return -1;
      }
      this.cell += text.slice(at, quote);
      if (text[quote + 1] !== '"') {
        this.isOpen = false;
        this.cells.push(this.cell);
        const next = this.skipSpaces(text, quote + 1);
        this.isMalformed ||= next < text.length && text[next] !== this.delimiter;
        return next < text.length && !this.isMalformed ? next + 1 : -1;
      }
      this.cell += '"';
      at = quote + 2;
    }
  }

  private skipSpaces(text: string, from: number): number {
    let at = from;
    while ((text[at] === ' ' || text[at] === '\t') && text[at] !== this.delimiter) {
      at += 1;
    }
    return at;
  }
}

/** The lines of a stream with their breaks, as many as are needed at a time. */
class Lines {
  /** Of the line that is taken next. */
  number = 1;
  private readonly chunks: AsyncIterator<Buffer>;
  private decoder: TextDecoder | null = null;
  private waiting: string[] = [];
  /** Of `waiting`, how many are taken. */
  private taken = 0;
  private rest = '';
  private isEnded = false;

  constructor(private readonly file: Readable) {
    // Heard by the iterator while it reads; afterwards an error concerns nobody, but unheard it would end the process.
    file.on('error', () => undefined);
    this.chunks = file.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  }

  async take(): Promise<string | null> {
    const line = await this.peek(0);
    if (line !== null) {
      this.skip(1);
    }
    return line;
  }

  /** The line that stands so many behind the next one. */
  async peek(ahead: number): Promise<string | null> {
    while (this.taken + ahead >= this.waiting.length) {
      if (!(await this.fill())) {
        return null;
      }
    }
    return this.waiting[this.taken + ahead] ?? null;
  }

  skip(count: number): void {
    this.taken += count;
    this.number += count;
  }

  async close(): Promise<void> {
    this.isEnded = true;
    await this.chunks.return?.();
    this.file.resume();
  }

  private async fill(): Promise<boolean> {
    if (this.isEnded) {
      return false;
    }
    const { value, done } = await this.chunks.next();
    this.isEnded = done === true;
    this.decoder ??= decoderFor(value ?? Buffer.alloc(0));
    const text = this.decoder.decode(value ?? undefined, { stream: !this.isEnded }).replaceAll('\u0000', '');
    this.waiting = this.waiting.slice(this.taken);
    this.taken = 0;
    this.split(this.rest + text);
    return true;
  }

  private split(text: string): void {
    let from = 0;
    for (const { 0: lineBreak, index } of text.matchAll(/\r\n|\n|\r/g)) {
      const end = index + lineBreak.length;
      if (lineBreak === '\r' && end === text.length && !this.isEnded) {
        // Perhaps the first half of a break.
        break;
      }
      this.waiting.push(text.slice(from, Math.min(index, from + MAX_RECORD_LENGTH)) + lineBreak);
      from = end;
    }
    this.rest = text.slice(from);
    if (this.rest.length > MAX_RECORD_LENGTH && !this.rest.endsWith('\r')) {
      // Nobody writes such a line; its beginning is enough to say what is wrong with it.
      this.rest = this.rest.slice(0, MAX_RECORD_LENGTH);
    }
    if (this.isEnded && this.rest !== '') {
      this.waiting.push(this.rest);
      this.rest = '';
    }
  }
}

function decoderFor(head: Buffer): TextDecoder {
  const bom = head.subarray(0, 2).toString('hex');
  return new TextDecoder(bom === 'fffe' ? 'utf-16le' : bom === 'feff' ? 'utf-16be' : 'utf-8');
}
