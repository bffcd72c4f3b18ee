/** NUL and halves of surrogate pairs: PostgreSQL takes neither. */
export const UNSTORABLE = /[\u0000\p{Surrogate}]/u;

/** Whether every text in a JSON value, names of fields too, can be stored. Any depth. */
export function isStorable(value: unknown): boolean {
  const open = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next === 'string' && UNSTORABLE.test(next)) {
      return false;
    }
    if (typeof next === 'object' && next !== null) {
      for (const [name, part] of Object.entries(next)) {
        open.push(name, part);
      }
    }
  }
  return true;
}
