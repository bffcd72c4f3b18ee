import { distance } from 'fastest-levenshtein';
import type { Command } from './command.js';

export type Commands = Readonly<Record<string, Command>>;

/** Words that differ by more are not meant. */
const MAX_DISTANCE = 3;

/** All commands, each in a line and what it does. */
export function help(commands: Commands): string {
  const rows = Object.values(commands).map((command) => `  ${command.usage}\n      ${command.summary}`);
  return [
    'Usage: npm run cli -- <command> [--json]',
    '',
    ...rows,
    '',
    'Every command takes --json (one JSON document on stdout, errors too) and --help.',
    'Exit codes: 0 done, 1 not done, 2 not understood.',
  ].join('\n');
}

/** One command with its options; of the first word of several, those. */
export function helpOf(commands: Commands, words: string): string {
  const command = commands[words];
  if (!command) {
    const group = Object.entries(commands).filter(([name]) => name.startsWith(`${words} `));
    return group.length > 0 ? help(Object.fromEntries(group)) : help(commands);
  }
  const options = [
    ...Object.entries(command.options).map(([name, option]) => {
      const choices = option.choices ? ` (${option.choices.join(', ')})` : '';
      return [`${option.short ? `-${option.short}, ` : ''}--${name}`, `${option.describes ?? ''}${choices}`] as const;
    }),
    ['--json', 'for scripts: one JSON document on stdout, errors too'] as const,
  ];
  const width = Math.max(...options.map(([name]) => name.length));
  return [
    `Usage: npm run cli -- ${command.usage} [--json]`,
    '',
    command.summary,
    '',
    ...options.map(([name, describes]) => `  ${name.padEnd(width)}  ${describes}`.trimEnd()),
  ].join('\n');
}

/** What was probably meant; null when nothing is near. */
export function nearest(commands: Commands, words: readonly string[]): string | null {
  const given = words.slice(0, 2).join(' ').toLowerCase();
  const names = Object.keys(commands);
  const inGroup = names.filter((name) => name.startsWith(`${given} `) || name.startsWith(`${words[0]} `));
  const [best] = names
    .map((name) => ({
      name,
      // "campaign lst 5": the first word alone may be the command, too.
      far: Math.min(distance(given, name), name.includes(' ') ? Infinity : distance(words[0] ?? '', name)),
    }))
    .sort((a, b) => a.far - b.far);
  if (best && best.far <= MAX_DISTANCE) {
    return best.name;
  }
  return inGroup.length > 0 ? inGroup.join('", "') : null;
}
