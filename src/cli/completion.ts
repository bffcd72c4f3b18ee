import type { Command } from './command.js';
import type { Commands } from './help.js';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

const COMMON = ['--json', '--help'];

/**
 * A script that completes commands and options in a shell, written from the table of commands: it asks nobody while it
 * completes, so it is quick, and is made anew with a new version.
 * @param name what the command line is called there
 */
export function completionScript(shell: Shell, name: string, commands: Commands): string {
  switch (shell) {
    case 'bash':
      return bash(name, commands);
    case 'zsh':
      return zsh(name, commands);
    case 'fish':
      return fish(name, commands);
  }
}

function bash(name: string, commands: Commands): string {
  return [
    `# Completion of Parley's command line in bash: eval "$(${name} completion bash)"`,
    `${functionOf(name)}() {`,
    '  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" words offer=""',
    '  words="${COMP_WORDS[*]:1:2}"',
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    offer=${quoted(firstWords(commands).join(' '))}`,
    '  else',
    '    case "$words" in',
    ...withOneWord(commands).map((verb) => `      ${verb}\\ *) words=${verb} ;;`),
    '    esac',
    '    if [ "$COMP_CWORD" -eq 2 ]; then',
    '      case "${COMP_WORDS[1]}" in',
    ...groups(commands).map(([group, verbs]) => `        ${group}) offer=${quoted(verbs.join(' '))} ;;`),
    '      esac',
    '    fi',
    '    case "$words" in',
    ...Object.entries(commands).flatMap(([verb, command]) => [
      `      ${quoted(verb)})`,
      '        case "$before" in',
      ...choicesOf(command).map(([option, choices]) => `          --${option}) offer=${quoted(choices.join(' '))} ;;`),
      `          *) offer="$offer ${optionsOf(command).join(' ')}" ;;`,
      '        esac ;;',
    ]),
    '    esac',
    '  fi',
    '  COMPREPLY=($(compgen -W "$offer" -- "$word"))',
    '}',
    // Where nothing is offered, as after "contacts import", the shell offers files.
    `complete -o default -F ${functionOf(name)} ${name}`,
  ].join('\n');
}

function zsh(name: string, commands: Commands): string {
  return [
    `#compdef ${name}`,
    `# Completion of Parley's command line in zsh: eval "$(${name} completion zsh)"`,
    `${functionOf(name)}() {`,
    '  local -a offer',
    '  local verb="${words[2]}"',
    '  if (( CURRENT == 2 )); then',
    `    offer=(${firstWords(commands).map(quoted).join(' ')})`,
    "    _describe 'command' offer",
    '    return',
    '  fi',
    '  case "$verb" in',
    ...groups(commands).map(([group]) => `    ${group}) verb="$verb \${words[3]}" ;;`),
    '  esac',
    '  if (( CURRENT == 3 )); then',
    '    case "${words[2]}" in',
    ...groups(commands).flatMap(([group, verbs]) => [
      `      ${group})`,
      `        offer=(${verbs.map((verb) => quoted(described(verb, commands[`${group} ${verb}`]))).join(' ')})`,
      "        _describe 'command' offer",
      '        return ;;',
    ]),
    '    esac',
    '  fi',
    '  case "$verb" in',
    ...Object.entries(commands).flatMap(([verb, command]) => [
      `    ${quoted(verb)})`,
      ...choicesOf(command).map(
        ([option, choices]) =>
          `      if [[ "\${words[CURRENT-1]}" == --${option} ]]; then compadd -- ${choices.map(quoted).join(' ')}; return; fi`,
      ),
      `      compadd -- ${optionsOf(command).join(' ')}`,
      ...(command.takesFile ? ['      _files'] : []),
      '      ;;',
    ]),
    '  esac',
    '}',
    `compdef ${functionOf(name)} ${name}`,
  ].join('\n');
}

function fish(name: string, commands: Commands): string {
  const verbs = groups(commands);
  return [
    `# Completion of Parley's command line in fish: ${name} completion fish | source`,
    `complete -c ${name} -f`,
    ...firstWords(commands).map(
      (word) =>
        `complete -c ${name} -n __fish_use_subcommand -a ${word}${commands[word] ? ` -d ${quoted(commands[word].summary)}` : ''}`,
    ),
    ...verbs.flatMap(([group, words]) =>
      words.map(
        (word) =>
          `complete -c ${name} -n ${quoted(`__fish_seen_subcommand_from ${group}; and not __fish_seen_subcommand_from ${words.join(' ')}`)} -a ${word} -d ${quoted(commands[`${group} ${word}`]?.summary ?? '')}`,
      ),
    ),
    ...Object.entries(commands).flatMap(([verb, command]) => {
      const seen = quoted(
        verb
          .split(' ')
          .map((word) => `__fish_seen_subcommand_from ${word}`)
          .join('; and '),
      );
      return [
        ...Object.entries(command.options).map(
          ([option, { type, describes, choices }]) =>
            `complete -c ${name} -n ${seen} -l ${option}${type === 'string' ? ' -r' : ''}` +
            `${choices ? ` -a ${quoted(choices.join(' '))}` : ''}${describes ? ` -d ${quoted(describes)}` : ''}`,
        ),
        ...(command.takesFile ? [`complete -c ${name} -n ${seen} -F`] : []),
      ];
    }),
    `complete -c ${name} -l json -d 'for scripts'`,
    `complete -c ${name} -l help -s h -d 'what a command does'`,
  ].join('\n');
}

function firstWords(commands: Commands): string[] {
  return [...new Set(Object.keys(commands).map((name) => name.split(' ')[0] as string))].sort();
}

/** `['campaigns', ['list', 'run' …]]` */
function groups(commands: Commands): [string, string[]][] {
  const byGroup = new Map<string, string[]>();
  for (const name of Object.keys(commands)) {
    const [group = '', verb] = name.split(' ');
    if (verb !== undefined) {
      byGroup.set(group, [...(byGroup.get(group) ?? []), verb]);
    }
  }
  return [...byGroup];
}

function withOneWord(commands: Commands): string[] {
  return Object.keys(commands).filter((name) => !name.includes(' '));
}

function optionsOf(command: Command): string[] {
  return [...Object.keys(command.options).map((option) => `--${option}`), ...COMMON];
}

function choicesOf(command: Command): [string, readonly string[]][] {
  return Object.entries(command.options).flatMap(([option, { choices }]) => (choices ? [[option, choices]] : []));
}

function described(verb: string, command: Command | undefined): string {
  return `${verb}:${(command?.summary ?? '').replaceAll(':', ' –')}`;
}

function functionOf(name: string): string {
  return `_${name.replaceAll(/[^A-Za-z0-9_]/g, '_')}`;
}

/** For a shell, whatever is in it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
