import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { actAs } from '../../src/common/actor.js';
import { parseCommand } from '../../src/cli/commands.js';

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The built command line, for `sh -c`. */
export const CLI = `${process.execPath} ${join(process.cwd(), 'dist/src/cli.js')}`;

/** A line of a shell, as an operator writes it; `parley` is the command line as it was built. */
export function inShell(line: string, env: NodeJS.ProcessEnv): Promise<Ended> {
  const child = spawn('bash', ['-c', `set -o pipefail; parley() { ${CLI} "$@"; }; ${line}`], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
  return new Promise((resolve) => child.once('close', (code: number | null) => resolve({ code, stdout, stderr })));
}

/** A command in this process, which is quicker. @throws what it throws */
export async function runCommand<T = Record<string, unknown>>(
  env: NodeJS.ProcessEnv,
  ...args: string[]
): Promise<{ text: string; json: T; exitCode: number }> {
  const before = process.env;
  process.env = { ...before, ...env };
  try {
    const { command, values, positionals } = parseCommand(args);
    const { text, json, exitCode = 0 } = await actAs({ type: 'cli' }, () => command.run(values, positionals));
    return { text, json: json as T, exitCode };
  } finally {
    process.env = before;
  }
}
