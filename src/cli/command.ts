/** An option of a command, as `node:util` parses it, and what help and completion say of it. */
export interface Option {
  type: 'string' | 'boolean';
  short?: string;
  /** In help, after its name: what it is for. */
  describes?: string;
  /** Values that completion offers. */
  choices?: readonly string[];
}

/** Options as they were given. */
export type Values = Record<string, string | boolean | undefined>;

export interface Output {
  /** For a person. */
  text: string;
  /** For a script, with --json; undefined when the command has written its JSON lines itself. */
  json: unknown;
  /** What the process answers to its caller; 0 when left out. */
  exitCode?: number;
}

export interface Command {
  usage: string;
  summary: string;
  options: Record<string, Option>;
  positionals?: number;
  /** Completion offers files for what stands after the verb. */
  takesFile?: boolean;
  run(values: Values, positionals: string[]): Promise<Output>;
}
