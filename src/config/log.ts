import type { LoggerService } from '@nestjs/common';
import pino, { type Logger } from 'pino';

/**
 * What must never be readable in a log, wherever it stands in a line: tokens, keys, signatures, verify tokens.
 * Message text is not logged at all; this is the second fence.
 */
const SECRET_PATTERNS: [RegExp, string][] = [
  [/EAA[0-9A-Za-z]{10,}/g, 'EAA[secret]'],
  [/wak_[0-9A-Za-z_]{8,}/g, 'wak_[secret]'],
  [/(Bearer|OAuth) [^\s"']+/g, '$1 [secret]'],
  [/(hub\.verify_token|api_key|access_token|ticket)=[^&\s"']+/g, '$1=[secret]'],
  [/sha256=[0-9a-f]{16,}/g, 'sha256=[secret]'],
  [/(postgres(?:ql)?|rediss?):\/\/[^@\s"']+@/g, '$1://[secret]@'],
];

/** One structured logger for a process: JSON lines on stdout. */
export function createLogger(level: string, role: string): Logger {
  return pino({
    level,
    base: { role },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: ['*.access_token', '*.app_secret', '*.verify_token', '*.authorization', 'req.headers', 'res.headers'],
      censor: '[secret]',
    },
    serializers: { err: describeError },
    hooks: { streamWrite: redact },
  });
}

/** What is told of an error. Not its other members: a failed statement carries its parameters, and they carry people. */
function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) {
    return { message: String(error) };
  }
  const { code } = error as { code?: unknown };
  const cause = error.cause === undefined ? {} : { cause: describeError(error.cause) };
  return { type: error.name, message: error.message, code, stack: error.stack, ...cause };
}

/** Removes secrets from a line of text. */
export function redact(line: string): string {
  return SECRET_PATTERNS.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), line);
}

/** Lets Nest and everything written for it log through pino. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.write('info', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  private write(level: 'info' | 'error' | 'warn' | 'debug' | 'trace', message: unknown, rest: unknown[]): void {
    const context = typeof rest.at(-1) === 'string' ? rest.at(-1) : undefined;
    const err = message instanceof Error ? message : rest.find((part) => part instanceof Error);
    const stack = level === 'error' && typeof rest[0] === 'string' && rest.length > 1 ? rest[0] : undefined;
    this.logger[level]({ context, err, stack }, message instanceof Error ? message.message : String(message));
  }
}
