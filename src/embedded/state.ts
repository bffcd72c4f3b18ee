import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { LaunchError } from './launch-error.js';

/** What the launcher has to remember from start to start: generated secrets and ports. A file only its owner can read. */
export class State {
  private readonly values: Record<string, string>;

  constructor(private readonly file: string) {
    this.values = readJson(file);
  }

  get(name: string): string | undefined {
    return this.values[name];
  }

  /** Stores a value before it returns, so that no secret is in use that a crash would lose. */
  set(name: string, value: string): void {
    if (this.values[name] === value) {
      return;
    }
    this.values[name] = value;
    mkdirSync(dirname(this.file), { recursive: true });
    writePrivate(this.file, `${JSON.stringify(this.values, null, 2)}\n`);
  }

  /** The stored value, or else the one `make` gives, stored. */
  getOrCreate(name: string, make: () => string): string {
    const value = this.values[name] ?? make();
    this.set(name, value);
    return value;
  }
}

/** Writes a file that only its owner can read, whole or not at all. */
export function writePrivate(file: string, text: string): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, text, { mode: 0o600 });
  renameSync(draft, file);
}

function readJson(file: string): Record<string, string> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return {};
    }
    throw error;
  }
  try {
    return JSON.parse(text) as Record<string, string>;
  } catch {
    throw new LaunchError(`${file} is damaged. Restore it: it holds the keys that the stored data is encrypted with.`);
  }
}
