/**
 * Turns rows into the parameter arrays of `unnest($1::bigint[], $2::text[] …)`: one array per column, in the order given.
 * JSON values are stringified here, because an array of objects would become an array of composites.
 */
export function columnsOf<T>(rows: readonly T[], ...pick: ((row: T) => unknown)[]): unknown[][] {
  return pick.map((of) => rows.map((row) => of(row)));
}

/** A value for a jsonb column inside an unnest array. */
export function json(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}
