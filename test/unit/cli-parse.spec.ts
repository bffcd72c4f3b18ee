import { execFileSync } from 'node:child_process';
import type { Command } from '../../src/cli/command.js';
import { completionScript } from '../../src/cli/completion.js';
import { UsageError } from '../../src/cli/context.js';
import { parse } from '../../src/cli/parse.js';

const command = (usage: string, more: Partial<Command> = {}): Command => ({
  usage,
  summary: `what ${usage} does`,
  options: {},
  run: () => Promise.resolve({ text: usage, json: { usage } }),
  ...more,
});

const COMMANDS: Record<string, Command> = {
  health: command('health'),
  'campaigns list': command('campaigns list [--status STATUS]', {
    options: { status: { type: 'string', describes: 'only those', choices: ['draft', 'running'] } },
  }),
  'campaigns run': command('campaigns run ID', { positionals: 1 }),
  'contacts import': command('contacts import FILE', { positionals: 1, takesFile: true }),
};

const said = async (...args: string[]): Promise<string> => {
  const { command: found, values, positionals } = parse(COMMANDS, args);
  return (await found.run(values, positionals)).text;
};

describe('the command line is understood', () => {
  it.each([
    [['health'], 'health', {}, []],
    [['--json', 'health'], 'health', { json: true }, []],
    [['campaigns', 'list', '--status', 'draft'], 'campaigns list [--status STATUS]', { status: 'draft' }, []],
    [['campaigns', 'run', '7', '--json'], 'campaigns run ID', { json: true }, ['7']],
    [['contacts', 'import', '-'], 'contacts import FILE', {}, ['-']],
  ])('%j', (args, usage, values, positionals) => {
    expect(parse(COMMANDS, args)).toMatchObject({ command: { usage }, values, positionals });
  });

  it.each([
    [['campaign', 'lst'], 'There is no command "campaign lst". Did you mean "campaigns list"? "help" lists all.'],
    [['helth'], 'There is no command "helth". Did you mean "health"? "help" lists all.'],
    [['campaigns', 'explode'], 'Did you mean "campaigns list", "campaigns run"?'],
    [['toString'], 'There is no command "toString". "help" lists all.'],
    [['campaigns', 'run'], 'Usage: campaigns run ID'],
    [['campaigns', 'run', '1', '2'], 'Usage: campaigns run ID'],
    [['campaigns', 'list', '--stauts', 'x'], "Unknown option '--stauts'"],
  ])('%j is not, and says what would be', (args, words) => {
    expect(() => parse(COMMANDS, args)).toThrow(UsageError);
    expect(() => parse(COMMANDS, args)).toThrow(words);
  });
});

describe('help', () => {
  it('lists the commands when nothing is asked', async () => {
    expect(await said()).toContain('  campaigns run ID\n      what campaigns run ID does\n');
  });

  it('tells the options of one command, and the commands of a first word', async () => {
    expect(await said('campaigns', 'list', '--help')).toMatch(/--status +only those \(draft, running\)\n +--json/);
    const ofGroup = await said('campaigns', '-h');
    expect(ofGroup).toContain('campaigns run ID');
    expect(ofGroup).not.toContain('health');
  });

  it('is a table for programs with --json', async () => {
    const { command: help } = parse(COMMANDS, ['--help', '--json']);
    expect((await help.run({}, [])).json).toMatchObject({
      commands: [
        { name: 'health' },
        { name: 'campaigns list', options: [{ name: 'status', type: 'string', choices: ['draft', 'running'] }] },
        { name: 'campaigns run' },
        { name: 'contacts import' },
      ],
    });
  });
});

describe('completion in bash', () => {
  /** What bash offers for the last of the words. */
  const offered = (...words: string[]): string[] => {
    const script = [
      completionScript('bash', 'parley', COMMANDS),
      `COMP_WORDS=(parley ${words.map((word) => `'${word}'`).join(' ')})`,
      `COMP_CWORD=${words.length}`,
      '_parley',
      'printf "%s\\n" "${COMPREPLY[@]}"',
    ].join('\n');
    return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).split('\n').filter(Boolean);
  };

  it.each([
    [[''], ['campaigns', 'contacts', 'health']],
    [['c'], ['campaigns', 'contacts']],
    [
      ['campaigns', ''],
      ['list', 'run'],
    ],
    [['campaigns', 'r'], ['run']],
    [
      ['campaigns', 'list', '--'],
      ['--status', '--json', '--help'],
    ],
    [
      ['campaigns', 'list', '--status', ''],
      ['draft', 'running'],
    ],
    [['campaigns', 'list', '--json', '--st'], ['--status']],
    [['health', '--j'], ['--json']],
    [['contacts', 'import', 'people.c'], []],
  ])('%j', (words, expected) => {
    expect(offered(...words)).toEqual(expected);
  });

  it.each(['zsh', 'fish'] as const)('there is a script for %s with every command and option', (shell) => {
    const script = completionScript(shell, 'parley', COMMANDS);
    for (const word of ['health', 'campaigns', 'list', 'run', 'import', 'status', 'draft running', 'json']) {
      expect(script.replaceAll("'draft' 'running'", 'draft running')).toContain(word);
    }
  });
});
