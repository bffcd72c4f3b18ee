import { Injectable } from '@nestjs/common';
import { AppError } from '../common/app-error.js';
import { decodeCursor, toPage, type Page } from '../common/page.js';
import { CATALOGUE, findError, type CatalogueEntry } from './error-catalogue.js';

const LIST = 'errors';

export interface ErrorsFilter {
  source?: CatalogueEntry['source'];
  q?: string;
  limit: number;
  cursor?: string;
}

/** What can go wrong, for people and for programs that want to tell them. */
@Injectable()
export class ErrorsService {
  list({ source, q, limit, cursor }: ErrorsFilter): Page<CatalogueEntry> {
    const words = (q ?? '').toLowerCase().split(/\s+/).filter(Boolean);
    const from = cursor === undefined ? 0 : positionAfter(cursor);
    const rows = CATALOGUE.slice(from).filter(
      (entry) => (source === undefined || entry.source === source) && words.every((word) => mentions(entry, word)),
    );
    return toPage(LIST, rows.slice(0, limit + 1), limit, (entry) => [entry.source, entry.code]);
  }

  get(code: string): CatalogueEntry {
    const entry = findError(code);
    if (!entry) {
      throw new AppError('not_found', 'There is no such code.');
    }
    return entry;
  }
}

function positionAfter(cursor: string): number {
  const [source, code] = decodeCursor(LIST, cursor, 2);
  const position = CATALOGUE.findIndex((entry) => entry.source === source && entry.code === code);
  if (position < 0) {
    throw new AppError('bad_cursor', 'Take the cursor from next_cursor of the previous page, unchanged.');
  }
  return position + 1;
}

function mentions({ code, title, meaning, whatToDo }: CatalogueEntry, word: string): boolean {
  return [code, title, meaning, whatToDo].some((text) => text.toLowerCase().includes(word));
}
