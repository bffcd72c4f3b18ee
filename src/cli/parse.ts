import { parseArgs } from 'node:util';
import type { Command, Values } from './command.js';
import { UsageError } from './context.js';
import { help, helpOf, nearest, type Commands } from './help.js';

export interface Parsed {
  command: Command;
  values: Values;
  positionals: string[];
}

const COMMON = { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;

/**
 * Finds the command in the arguments and reads its options.
 * @throws UsageError that says what to do instead
 */
export function parse(commands: Commands, args: readonly string[]): Parsed {
  const words = args.filter((arg) => !arg.startsWith('-')).slice(0, 2);
  const name = [words.join(' '), words[0] ?? ''].find((candidate) => Object.hasOwn(commands, candidate));
  const wantsHelp = args.length === 0 || args.some((arg) => arg === '--help' || arg === '-h');
  if (wantsHelp || name === undefined) {
    if (!wantsHelp && words.length > 0) {
      throw new UsageError(unknownCommand(commands, words));
    }
    return { command: helpCommand(commands, words), values: {}, positionals: [] };
  }
  const command = commands[name] as Command;
  let parsed;
  try {
    parsed = parseArgs({
      args: without(args, name.split(' ')),
      options: { ...command.options, ...COMMON },
      allowPositionals: true,
    });
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\nUsage: ${command.usage}`);
  }
  if (parsed.positionals.length !== (command.positionals ?? 0)) {
    throw new UsageError(`Usage: ${command.usage}`);
  }
  return { command, values: parsed.values as Values, positionals: parsed.positionals };
}

/** `--help`, after whatever it stands. */
function helpCommand(commands: Commands, words: readonly string[]): Command {
  const name = [words.join(' '), words[0] ?? ''].find(
    (candidate) => candidate !== '' && Object.keys(commands).some((known) => `${known} `.startsWith(`${candidate} `)),
  );
  const text = name === undefined ? help(commands) : helpOf(commands, name);
  return { usage: 'help', summary: '', options: {}, run: () => Promise.resolve({ text, json: describe(commands) }) };
}

/** The table of commands, for programs. */
export function describe(commands: Commands): object {
  return {
    commands: Object.entries(commands).map(([name, command]) => ({
      name,
      usage: command.usage,
      summary: command.summary,
      options: Object.entries(command.options).map(([option, { type, describes, choices }]) => ({
        name: option,
        type,
        ...(describes ? { describes } : {}),
        ...(choices ? { choices } : {}),
      })),
    })),
  };
}

function unknownCommand(commands: Commands, words: readonly string[]): string {
  const meant = nearest(commands, words);
  return [
    `There is no command "${words.join(' ')}".`,
    ...(meant === null ? [] : [`Did you mean "${meant}"?`]),
    '"help" lists all.',
  ].join(' ');
}

/** The arguments without the words of the command, wherever options stand between them. */
function without(args: readonly string[], words: readonly string[]): string[] {
  const rest = [...args];
  for (const word of words) {
    rest.splice(rest.indexOf(word), 1);
  }
  return rest;
}
