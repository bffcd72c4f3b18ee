interface PgError {
  code: string;
  constraint?: string;
}

function asPgError(error: unknown): PgError | null {
  const candidate = (error as { driverError?: unknown }).driverError ?? error;
  return typeof (candidate as PgError | null)?.code === 'string' ? (candidate as PgError) : null;
}

/** The unique constraint or index that refused a row, or null when it was something else. */
export function violatedUniqueKey(error: unknown): string | null {
  const pgError = asPgError(error);
  return pgError?.code === '23505' ? (pgError.constraint ?? '') : null;
}

/** A foreign key that refused a row. */
export function isForeignKeyViolation(error: unknown): boolean {
  return asPgError(error)?.code === '23503';
}

/** Deadlock or serialization failure: the same transaction may succeed when run again. */
export function isRetryable(error: unknown): boolean {
  const code = asPgError(error)?.code;
  return code === '40001' || code === '40P01' || code === '55P03';
}

/**
 * The database went away (restart, network), or has no connection left for us, in the pool or at the server: not the
 * statement's fault. The same may succeed later; of a commit that was under way nobody knows.
 */
export function isConnectionLoss(error: unknown): boolean {
  const code = asPgError(error)?.code ?? '';
  const message = error instanceof Error ? error.message : '';
  return (
    /^(08|57P0)/.test(code) ||
    ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', '53300'].includes(code) ||
    /Connection terminated|connection timeout|timeout expired|timeout exceeded when trying to connect|Client has encountered a connection error|not currently accepting connections/i.test(
      message,
    )
  );
}

/** A value PostgreSQL refuses whoever asks (22xxx, 54000): the input is to blame. */
export function isDataError(error: unknown): boolean {
  return /^(22|54)/.test(asPgError(error)?.code ?? '');
}
