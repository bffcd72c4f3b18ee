import { AppError } from '../common/app-error.js';
import { EnvironmentError } from '../config/env.js';
import { redact } from '../config/log.js';
import { CommandFailed, UsageError } from './context.js';

/** What went wrong, for a script. */
export interface Problem {
  code: string;
  /** For a person, one line or a few. */
  message: string;
  exitCode: number;
  /** Each wrong field, for validation_failed. */
  errors?: unknown;
  /** What Meta said. */
  graph?: unknown;
}

const FAILED = 1;
const MISUSED = 2;
/** What a missing server says, by the code of Node's or PostgreSQL's error. */
const DATABASE_WORDS: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'its host is not known',
  EAI_AGAIN: 'its host cannot be looked up',
  ETIMEDOUT: 'no answer in time',
  EHOSTUNREACH: 'there is no way to its host',
  ECONNRESET: 'it closed the connection',
  '28P01': 'it refuses the password',
  '28000': 'it refuses the user',
  '3D000': 'there is no database of that name',
  '57P03': 'it is starting up or shutting down',
  '57P01': 'it was shut down',
  '53300': 'it takes no more connections',
};
const NO_TABLE = '42P01';
const NO_COLUMN = '42703';

/** What is told of an error: expected ones in a line; of others, which are faults of ours, the stack. */
export function problemOf(error: unknown): Problem {
  if (error instanceof UsageError) {
    return { code: 'usage', message: error.message, exitCode: MISUSED };
  }
  if (error instanceof CommandFailed) {
    return { code: error.code, message: error.message, exitCode: FAILED };
  }
  if (error instanceof EnvironmentError) {
    return { code: 'environment', message: error.message, exitCode: FAILED };
  }
  if (error instanceof AppError) {
    const { errors, extra } = error.options;
    return { code: error.code, message: error.message, exitCode: FAILED, ...(errors ? { errors } : {}), ...extra };
  }
  const away = databaseProblem(error);
  if (away !== null) {
    return { code: 'database', message: away, exitCode: FAILED };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'internal_error', message: redact(text), exitCode: FAILED };
}

/** In a line why the database cannot be used; null when it is not the database's fault. */
export function databaseProblem(error: unknown): string | null {
  const { code, message } = rootOf(error);
  if (code === NO_TABLE || code === NO_COLUMN) {
    return 'The database lacks migrations: run "npm run migrate".';
  }
  const words =
    DATABASE_WORDS[code] ?? (/timeout|terminated/i.test(message) && code === '' ? DATABASE_WORDS.ETIMEDOUT : undefined);
  return words === undefined ? null : `The database does not answer: ${words}. It is looked for at ${whereabouts()}.`;
}

/** Of several addresses of one host each may have failed; TypeORM wraps what the driver said. */
function rootOf(error: unknown): { code: string; message: string } {
  const { driverError, errors, code, message } = (error ?? {}) as {
    driverError?: unknown;
    errors?: unknown[];
    code?: unknown;
    message?: unknown;
  };
  if (driverError) {
    return rootOf(driverError);
  }
  if (typeof code !== 'string' && Array.isArray(errors) && errors.length > 0) {
    return rootOf(errors[0]);
  }
  return { code: typeof code === 'string' ? code : '', message: typeof message === 'string' ? message : '' };
}

/** Without user and password. */
function whereabouts(): string {
  try {
    const { host, pathname } = new URL(process.env.DATABASE_URL ?? '');
    return `${host || 'a socket'}${pathname}`;
  } catch {
    return 'DATABASE_URL';
  }
}
