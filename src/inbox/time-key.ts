import { AppError } from '../common/app-error.js';
import { decodeCursor } from '../common/page.js';

/** A place in a list that is ordered by time, and by id where times are equal. */
export interface TimeKey {
  at: string;
  id: number;
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Reads the cursor of such a list. @throws `400 bad_cursor` */
export function readTimeKey(list: string, cursor: string): TimeKey {
  const [at, id] = decodeCursor(list, cursor, 2);
  if (typeof at !== 'string' || !INSTANT.test(at) || Number.isNaN(Date.parse(at)) || typeof id !== 'number') {
    throw new AppError('bad_cursor', 'Take the cursor from the previous page, unchanged.');
  }
  return { at, id };
}
