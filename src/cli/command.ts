import type { ParseArgsConfig } from 'node:util';

export interface Output {
  /** For a person. */
  text: string;
  /** For a script, with --json. */
  json: unknown;
  /** What the process answers to its caller; 0 when left out. */
  exitCode?: number;
}

export interface Command {
  usage: string;
  summary: string;
  options: NonNullable<ParseArgsConfig['options']>;
  positionals?: number;
  run(values: Record<string, string | boolean | undefined>, positionals: string[]): Promise<Output>;
}
