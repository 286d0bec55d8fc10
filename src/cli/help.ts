import { positionalText, type CommandSpec } from './command.ts';
import { COMMANDS } from './command-table.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { GLOBAL_OPTIONS, optionSpec, optionSpellings, optionValue, type OptionName } from './options.ts';
import { SETTING_KEYS } from './setting-keys.ts';
import type { Style } from './style.ts';

/** What ksbundle does, in a line. */
export const TAGLINE = 'pinned sources in, one relocatable tarball out';

/** Where settings come from besides the command line, as a sentence. */
export const SETTINGS_NOTE = `Settings also come from the environment (KSBUNDLE_JOBS=2), ksbundle.toml and the user's configuration file: ${SETTING_KEYS.join(', ')}.`;

/** The help of a command, of a group of commands (`cache`), or of the program (empty topic), as lines. */
export function helpLines(topic: string, style: Style): string[] {
  const command = COMMANDS.find(({ name }) => name === topic);
  return command === undefined ? overview(topic, style) : commandHelp(command, style);
}

/** The text for a call without a command. */
export function shortHelpLines(style: Style): string[] {
  return [
    ...section(
      'Examples',
      [
        ['ksbundle build hello', 'one tarball that runs anywhere'],
        ['ksbundle try hello', 'and a running service from it, on this machine'],
      ],
      style,
    ),
    '',
    `Commands: ${COMMANDS.map(({ name }) => name).join(', ')}`,
    'More: ksbundle --help',
  ];
}

/** `build [BUNDLE]`, the form of usage lines and docs/cli.md. */
export function usageOf({ name, positionals }: CommandSpec): string {
  return [name, ...positionals.map((positional) => positionalText(positional, positional.name))].join(' ');
}

/** The first example of the commands that show best what ksbundle is for. */
export const OVERVIEW_EXAMPLES = COMMANDS.filter(({ name }) =>
  ['build', 'try', 'inspect'].includes(name),
).flatMap(({ examples }) => examples.slice(0, 1));

function overview(topic: string, style: Style): string[] {
  const group = topic === '' ? COMMANDS : COMMANDS.filter(({ name }) => name.startsWith(`${topic} `));
  const examples =
    topic === '' ? OVERVIEW_EXAMPLES : group.flatMap((command) => command.examples.slice(0, 1));
  return [
    ...(topic === '' ? [`ksbundle: ${TAGLINE}`, ''] : []),
    ...section(
      'Examples',
      examples.map(({ command, does }) => [`ksbundle ${command}`, does]),
      style,
    ),
    '',
    ...section(
      'Commands',
      group.map((command) => [usageOf(command), command.summary]),
      style,
    ),
    '',
    ...section('Options of every command', GLOBAL_OPTIONS.map(optionRow), style),
    '',
    SETTINGS_NOTE,
    `Exit codes: ${EXIT_CODES.map(([code, meaning]) => `${code} ${meaning}`).join(', ')}.`,
    `More: ksbundle ${topic === '' ? '' : `${topic} `}COMMAND --help`,
  ];
}

function commandHelp(command: CommandSpec, style: Style): string[] {
  const { name, summary, positionals, options, examples } = command;
  const optional = (title: string, rows: readonly Row[]): string[] =>
    rows.length === 0 ? [] : ['', ...section(title, rows, style)];
  return [
    ...section(
      'Examples',
      examples.map((example) => [`ksbundle ${example.command}`, example.does]),
      style,
    ),
    '',
    `${style.bold('Usage:')} ksbundle ${usageOf(command)}${options.length > 0 ? ' [options]' : ''}`,
    '',
    `ksbundle ${name}: ${summary}.`,
    ...optional(
      'Arguments',
      positionals.map((positional) => [positional.name, positional.help]),
    ),
    ...optional('Options', options.map(optionRow)),
    ...optional('Options of every command', GLOBAL_OPTIONS.map(optionRow)),
  ];
}

type Row = readonly [left: string, right: string];

function optionRow(name: OptionName): Row {
  const [long = '', letter] = optionSpellings(name);
  return [
    `${letter === undefined ? '    ' : `${letter}, `}${long}${optionValue(name)}`,
    optionSpec(name).help,
  ];
}

/** A title and two columns. An entry that is too wide for the left column gets a separate line. */
function section(title: string, rows: readonly Row[], style: Style): string[] {
  const width = Math.min(40, Math.max(...rows.map(([left]) => left.length)));
  const lines = rows.flatMap(([left, right]) =>
    left.length > width
      ? [`  ${left}`, `  ${' '.repeat(width)}  ${right}`]
      : [`  ${left.padEnd(width)}  ${right}`],
  );
  return [style.bold(`${title}:`), ...lines];
}
