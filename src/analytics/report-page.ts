import { AppError } from '../common/app-error.js';
import { decodeCursor, encodeCursor, type Page } from '../common/page.js';

/** What of a report's rows is asked for. */
export interface PageWish {
  limit: number;
  cursor?: string | undefined;
}

/** Where a row stands: those with most first, by name where they have as much. */
export interface Place {
  volume: number;
  name: string;
}

/** Puts the rows of a report in order and cuts a page. Figures move meanwhile, and with them a row may change its place. */
export function reportPage<T>(list: string, rows: readonly T[], wish: PageWish, placeOf: (row: T) => Place): Page<T> {
  const after = wish.cursor === undefined ? null : readPlace(list, wish.cursor);
  const placed = rows
    .map((row) => ({ row, place: placeOf(row) }))
    .filter(({ place }) => after === null || compare(place, after) > 0)
    .sort((a, b) => compare(a.place, b.place));
  const shown = placed.slice(0, wish.limit);
  const last = shown.at(-1);
  return {
    rows: shown.map(({ row }) => row),
    nextCursor: last && placed.length > wish.limit ? encodeCursor(list, [last.place.volume, last.place.name]) : null,
  };
}

function compare(a: Place, b: Place): number {
  return b.volume - a.volume || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

function readPlace(list: string, cursor: string): Place {
  const [volume, name] = decodeCursor(list, cursor, 2);
  if (typeof volume !== 'number' || typeof name !== 'string') {
    throw new AppError('bad_cursor', 'Take the cursor from next_cursor of the previous page, unchanged.');
  }
  return { volume, name };
}
