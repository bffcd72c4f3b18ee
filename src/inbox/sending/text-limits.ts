import type { FieldError } from '../../common/app-error.js';

/** Of Meta's message pages (text, media, interactive). */
export const MAX_TEXT = 4_096;
export const MAX_CAPTION = 1_024;

/**
 * Length as Meta counts it: characters, an emoji of one code point being one of them. Neither bytes nor UTF-16 units, of
 * which that emoji has four and two.
 */
export function lengthOf(text: string): number {
  let length = 0;
  for (const _character of text) {
    length += 1;
  }
  return length;
}

/** What is wrong with a text's length, in the words of the other checks; null when nothing is. */
export function tooLong(field: string, text: string | undefined, max: number): FieldError | null {
  if (text === undefined || lengthOf(text) <= max) {
    return null;
  }
  return { field, code: 'max_length', message: `${field} must be shorter than or equal to ${max} characters` };
}
