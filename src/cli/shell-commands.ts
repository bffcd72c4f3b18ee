import type { Command } from './command.js';
import { completionScript, SHELLS } from './completion.js';
import { UsageError } from './context.js';
import { help, type Commands } from './help.js';
import { describe } from './parse.js';

/** What is said of the commands themselves. */
export function shellCommands(all: () => Commands): Record<string, Command> {
  return {
    completion: {
      usage: 'completion bash|zsh|fish [--name NAME]',
      summary: 'a script that completes commands in your shell, for an alias: alias parley="npm run --silent cli --"',
      options: { name: { type: 'string', describes: 'what you call the command line (parley)' } },
      positionals: 1,
      run: (values, [given]) => {
        const shell = SHELLS.find((candidate) => candidate === given);
        if (!shell) {
          throw new UsageError(`Completion is written for ${SHELLS.join(', ')}.`);
        }
        const name = typeof values.name === 'string' ? values.name : 'parley';
        if (!/^[A-Za-z0-9_.-]+$/.test(name)) {
          throw new UsageError('--name must be a name, such as parley.');
        }
        const script = completionScript(shell, name, all());
        return Promise.resolve({ text: script, json: { shell, script } });
      },
    },
    help: {
      usage: 'help',
      summary: 'this; "<command> --help" tells more of one',
      options: {},
      run: () => Promise.resolve({ text: help(all()), json: describe(all()) }),
    },
  };
}
