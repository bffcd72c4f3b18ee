import { AppError } from './app-error.js';

export const DEFAULT_PAGE_SIZE = 50;
export const MAX_PAGE_SIZE = 200;

/** A page of a keyset-paged list, and where the next one begins (null at the end). */
export interface Page<T> {
  rows: T[];
  nextCursor: string | null;
}

type CursorValue = string | number | null;

/** An opaque cursor: the list it belongs to and the sort key of the last row seen. */
export function encodeCursor(list: string, key: CursorValue[]): string {
  return Buffer.from(JSON.stringify([list, ...key])).toString('base64url');
}

/**
 * Reads a cursor made by {@link encodeCursor} for the same list.
 * @throws `400 bad_cursor` for anything else
 */
export function decodeCursor(list: string, cursor: string, length: number): CursorValue[] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(parsed) && parsed[0] === list && parsed.length === length + 1) {
      const key = parsed.slice(1) as unknown[];
      if (key.every((value) => value === null || typeof value === 'string' || Number.isSafeInteger(value))) {
        return key as CursorValue[];
      }
    }
  } catch {
    // Falls through: whatever was wrong with it, the answer is the same.
  }
  throw new AppError('bad_cursor', 'Take the cursor from next_cursor of the previous page, unchanged.');
}

/** The id in a cursor of a list that is ordered by id alone, or null for the first page. */
export function decodeIdCursor(list: string, cursor: string | undefined): number | null {
  if (cursor === undefined) {
    return null;
  }
  const [id] = decodeCursor(list, cursor, 1);
  if (typeof id !== 'number') {
    throw new AppError('bad_cursor', 'Take the cursor from next_cursor of the previous page, unchanged.');
  }
  return id;
}

/** Cuts a query for `limit + 1` rows into a page. */
export function toPage<T>(list: string, rows: T[], limit: number, keyOf: (row: T) => CursorValue[]): Page<T> {
  const last = rows[limit - 1];
  const hasMore = rows.length > limit && last !== undefined;
  return { rows: rows.slice(0, limit), nextCursor: hasMore ? encodeCursor(list, keyOf(last)) : null };
}
