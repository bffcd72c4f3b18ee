import type { Tally } from './import-report.js';

/** A row of the Django database, by its column names. Columns that its version of the package lacks are undefined. */
export type DjangoRow = Record<string, unknown> & { id: number };

const EARLIEST = Date.UTC(2000, 0, 1);
const LATEST = Date.UTC(2100, 0, 1);
/** What PostgreSQL or JSON cannot hold: NUL, and halves of characters. */
const UNSTORABLE = /[\u0000\p{Surrogate}]/gu;

/** Reads the cells of one row. What a cell cannot be costs that cell only, and is told in the report. */
export class Cells {
  constructor(
    private readonly row: DjangoRow,
    private readonly tally: Tally,
  ) {}

  /** Text without what no column takes; longer text is cut. */
  text(column: string, max: number): string {
    const value = this.row[column];
    if (value === null || value === undefined) {
      return '';
    }
    const given = typeof value === 'string' ? value : String(value as number);
    const clean = given.replace(UNSTORABLE, '');
    if (clean !== given) {
      this.tally.cleaned(this.row.id, `${column}_unstorable_characters`);
    }
    if (clean.length <= max) {
      return clean;
    }
    this.tally.cleaned(this.row.id, `${column}_too_long`);
    return clean.slice(0, max).replace(UNSTORABLE, '');
  }

  /** As {@link text}; null for an empty one. */
  optional(column: string, max: number): string | null {
    return this.text(column, max).trim() || null;
  }

  bool(column: string): boolean {
    return this.row[column] === true;
  }

  count(column: string): number {
    const value = Number(this.row[column]);
    return Number.isSafeInteger(value) && value > 0 ? Math.min(value, 2_147_483_647) : 0;
  }

  float(column: string, limit: number): number | null {
    const value = this.row[column];
    return typeof value === 'number' && Math.abs(value) <= limit ? value : null;
  }

  id(column: string): number | null {
    const value = this.row[column];
    return typeof value === 'number' ? value : null;
  }

  time(column: string): Date | null {
    const value = this.row[column];
    if (value === null || value === undefined) {
      return null;
    }
    const ms = value instanceof Date ? value.getTime() : Number.NaN;
    if (ms >= EARLIEST && ms < LATEST) {
      return value as Date;
    }
    this.tally.cleaned(this.row.id, `${column}_no_time`);
    return null;
  }

  /** A JSON object, also one that was written down as text. */
  object(column: string): Record<string, unknown> | null {
    const value = this.json(column);
    if (value === null) {
      return null;
    }
    if (typeof value === 'object' && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
    this.tally.cleaned(this.row.id, `${column}_no_object`);
    return null;
  }

  list(column: string): unknown[] {
    const value = this.json(column);
    if (value === null) {
      return [];
    }
    if (Array.isArray(value)) {
      return value;
    }
    this.tally.cleaned(this.row.id, `${column}_no_list`);
    return [];
  }

  private json(column: string): unknown {
    const value = this.row[column] ?? null;
    if (typeof value !== 'string') {
      return withoutUnstorable(value);
    }
    try {
      return withoutUnstorable(JSON.parse(value));
    } catch {
      this.tally.cleaned(this.row.id, `${column}_no_json`);
      return null;
    }
  }
}

function withoutUnstorable(value: unknown): unknown {
  const text = JSON.stringify(value) ?? 'null';
  // Escaped in JSON: \u0000 and halves of characters.
  return /\\u(0000|d[89a-f])/i.test(text)
    ? JSON.parse(text, (_key, item: unknown) => (typeof item === 'string' ? item.replace(UNSTORABLE, '') : item))
    : value;
}
