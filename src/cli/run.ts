import { actAs } from '../common/actor.js';
import { parseCommand } from './commands.js';
import { loadEnvironment } from './context.js';
import { problemOf } from './problem.js';

/** Where a command prints: what it came to, and what is for eyes only. */
export interface Streams {
  out(text: string): Promise<void>;
  err(text: string): void;
}

/**
 * Runs a command line. Text for people; with `--json` one JSON document on `out`, whether it worked or not.
 * @returns the exit code: 1 when it did not work, 2 when it was not understood
 */
export async function runCommandLine(args: readonly string[], streams: Streams): Promise<number> {
  const isForScript = args.includes('--json');
  try {
    const { command, values, positionals } = parseCommand(args);
    loadEnvironment();
    const output = await actAs({ type: 'cli' }, () => command.run(values, positionals));
    const text = isForScript ? (output.json === undefined ? '' : JSON.stringify(output.json)) : output.text;
    if (text !== '') {
      await streams.out(`${text}\n`);
    }
    return output.exitCode ?? 0;
  } catch (error) {
    const { exitCode, message, ...rest } = problemOf(error);
    if (isForScript) {
      await streams.out(`${JSON.stringify({ error: message, ...rest })}\n`);
    } else {
      streams.err(`${message}\n`);
    }
    return exitCode;
  }
}
