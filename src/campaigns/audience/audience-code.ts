import { START, AudienceFailure, type PeopleBatch, type Position } from './audience-source.js';

/** People that are stored at once. */
export const BATCH = 5_000;

/**
 * The people of an iterable in batches. It is always read from its beginning, for nothing is known of its order after a
 * restart: whoever came before is found again by identity.
 */
export async function* batchesOfPeople(people: unknown, size = BATCH): AsyncGenerator<PeopleBatch> {
  if (!isIterable(people)) {
    throw new AudienceFailure('The audience gave no list of people; the log says more.');
  }
  let batch: unknown[] = [];
  let at: Position = START;
  try {
    for await (const person of people) {
      if (batch.length === size) {
        const next = { index: at.index + size, cursor: null };
        yield { people: batch, index: at.index, next };
        at = next;
        batch = [];
      }
      batch.push(person);
    }
  } catch (error) {
    throw error instanceof AudienceFailure
      ? error
      : new AudienceFailure('The audience broke off; the log says why.', error);
  }
  yield { people: batch, index: at.index, next: null };
}

export function isIterable(value: unknown): value is AsyncIterable<unknown> | Iterable<unknown> {
  return typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value);
}
