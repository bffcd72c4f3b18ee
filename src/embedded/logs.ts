import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StringDecoder } from 'node:string_decoder';

const MAX_LOG_BYTES = 10 * 1024 * 1024;
const MAX_READ_BYTES = 256 * 1024;
const FOLLOW_INTERVAL_MS = 200;

/** An open log file: the descriptor for a child's output, and where this run's part of the file begins. */
export interface OpenLog {
  readonly fd: number;
  readonly offset: number;
}

/** Opens a log for appending; starts it anew when it has grown beyond 10 MB. The caller closes `fd`. */
export function openLog(file: string): OpenLog {
  mkdirSync(dirname(file), { recursive: true });
  const fd = openSync(file, 'a', 0o600);
  if (fstatSync(fd).size > MAX_LOG_BYTES) {
    ftruncateSync(fd);
  }
  return { fd, offset: fstatSync(fd).size };
}

/** What was written to a log since `offset`, at most its last 256 KB. */
export function readLog(file: string, offset: number): string {
  return readFrom(file, Math.max(offset, statSync(file).size - MAX_READ_BYTES)).toString();
}

/** The last lines of a log since `offset`, indented for the terminal. */
export function lastLines(file: string, offset: number, count = 20): string {
  return readLog(file, offset)
    .trimEnd()
    .split('\n')
    .slice(-count)
    .map((line) => `    ${line}`)
    .join('\n');
}

/**
 * Hands every new line of a log to `write` as it appears.
 *
 * @returns a function that ends it, after a last look.
 */
export function followLog(file: string, offset: number, write: (line: string) => void): () => void {
  let position = offset;
  let rest = '';
  const decoder = new StringDecoder();
  const look = (): void => {
    const bytes = readFrom(file, position);
    position += bytes.length;
    const lines = (rest + decoder.write(bytes)).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(write);
  };
  const timer = setInterval(look, FOLLOW_INTERVAL_MS);
  return () => {
    clearInterval(timer);
    look();
  };
}

function readFrom(file: string, from: number): Buffer {
  const buffer = Buffer.alloc(Math.max(0, statSync(file).size - from));
  const fd = openSync(file, 'r');
  try {
    return buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, from));
  } finally {
    closeSync(fd);
  }
}
