import { badParam, GraphError } from './graph-error.js';

const DEFAULT_LIMIT = 25;
const MAX_LIMIT = 1000;

/** A page in Graph's form. Meta: absence of `paging.next` ends the list; a bad cursor is 131059 since v24. */
export function pageOf<T>(items: readonly T[], query: URLSearchParams, url: string): Record<string, unknown> {
  const limit = Number(query.get('limit') ?? DEFAULT_LIMIT);
  if (!Number.isInteger(limit) || limit < 1) {
    throw badParam('Param limit must be a positive integer.');
  }
  const size = Math.min(limit, MAX_LIMIT);
  const after = query.get('after');
  const before = query.get('before');
  const start = after !== null && after !== '' ? positionOf(after) : Math.max(0, positionOf(before ?? '') - 1 - size);
  const data = items.slice(start, start + size);
  if (data.length === 0) {
    return { data };
  }
  const end = start + data.length;
  const cursors = { before: cursorOf(start + 1), after: cursorOf(end) };
  const link = (name: string, cursor: string): string => {
    const target = new URL(url);
    target.searchParams.delete('after');
    target.searchParams.delete('before');
    target.searchParams.set(name, cursor);
    return target.href;
  };
  return {
    data,
    paging: {
      cursors,
      ...(end < items.length ? { next: link('after', cursors.after) } : {}),
      ...(start > 0 ? { previous: link('before', cursors.before) } : {}),
    },
  };
}

/** Opaque on purpose: nobody should compute one. */
function cursorOf(position: number): string {
  return Buffer.from(`page:${position}`).toString('base64url');
}

function positionOf(cursor: string): number {
  if (cursor === '') {
    return 0;
  }
  const position = /^page:(\d+)$/.exec(Buffer.from(cursor, 'base64url').toString())?.[1];
  if (position === undefined) {
    throw new GraphError(131059);
  }
  return Number(position);
}
