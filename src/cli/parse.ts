import parseWords from 'yargs-parser';
import type { CommandSpec } from './command.ts';
import { COMMANDS } from './command-table.ts';
import { subcommandsOf, topLevelWords } from './command-words.ts';
import {
  GLOBAL_OPTIONS,
  isOptionName,
  OPTION_NAMES,
  optionSpec,
  optionText,
  type Flags,
  type OptionName,
} from './options.ts';
import { nearestHint, usageError } from './usage-error.ts';

/** A command line, split into words and options, not yet validated. */
export interface Parsed {
  readonly words: readonly string[];
  /** All options on the command line, known or not. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Flags written as `--name=VALUE`: yargs-parser would read any VALUE except `true` as false. */
  readonly valuedFlags: readonly OptionName[];
}

/** The user's request. */
export type Request =
  | { readonly kind: 'help'; readonly topic: string; readonly asked: boolean }
  | { readonly kind: 'version' }
  | {
      readonly kind: 'run';
      readonly command: CommandSpec;
      readonly positionals: readonly string[];
      readonly flags: Flags;
    };

/** Splits the arguments; never fails, so that `--json` is known even if the rest is invalid. */
export function parseArguments(argv: readonly string[]): Parsed {
  const names = (kinds: readonly string[]): string[] =>
    OPTION_NAMES.filter((name) => kinds.includes(optionSpec(name).kind));
  const aliases = OPTION_NAMES.flatMap((name) => {
    const { letter } = optionSpec(name);
    return letter === undefined ? [] : [[letter, name] as const];
  });
  const { _: words, ...options } = parseWords([...argv], {
    boolean: names(['flag']),
    string: names(['value', 'optional']),
    array: names(['values']).map((key) => ({ key, string: true })),
    alias: Object.fromEntries(aliases.map(([letter, name]) => [name, [letter]])),
    configuration: {
      'camel-case-expansion': false,
      'dot-notation': false,
      'greedy-arrays': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'strip-aliased': true,
    },
  });
  return { words: words.map(String), options, valuedFlags: valuedFlags(argv) };
}

function valuedFlags(argv: readonly string[]): OptionName[] {
  const end = argv.indexOf('--');
  return argv
    .slice(0, end === -1 ? argv.length : end)
    .map((argument) => /^--(?:no-)?([a-z-]+)=/.exec(argument)?.[1] ?? '')
    .filter(isOptionName)
    .filter((name) => optionSpec(name).kind === 'flag');
}

/** Whether a flag was given, even if the rest of the command line is invalid. */
export function wants(parsed: Parsed, name: OptionName): boolean {
  return parsed.options[name] === true;
}

/** Validates the parsed arguments, or throws an error that names the nearest valid spelling. */
export function interpret(parsed: Parsed): Request {
  const [first, ...rest] = parsed.words;
  if (first === 'help') return { kind: 'help', topic: topicOf(rest), asked: true };
  if (wants(parsed, 'help')) return { kind: 'help', topic: topicOf(parsed.words), asked: true };
  if (wants(parsed, 'version')) return { kind: 'version' };
  if (first === undefined) {
    checkOptions(parsed, GLOBAL_OPTIONS, 'ksbundle');
    return { kind: 'help', topic: '', asked: false };
  }
  const command = findCommand(parsed.words);
  const positionals = parsed.words.slice(command.name.split(' ').length);
  const flags = checkOptions(parsed, [...GLOBAL_OPTIONS, ...command.options], `ksbundle ${command.name}`);
  checkPositionals(command, positionals);
  return { kind: 'run', command, positionals, flags };
}

/** The command or group at the start of the words, for help. */
function topicOf(words: readonly string[]): string {
  const [first] = words;
  if (first === undefined) return '';
  const subcommands = subcommandsOf(first, COMMANDS);
  if (subcommands.length > 0 && !subcommands.includes(words[1] ?? '')) return first;
  return findCommand(words).name;
}

function findCommand(words: readonly string[]): CommandSpec {
  const [first = '', second] = words;
  const subcommands = subcommandsOf(first, COMMANDS);
  const name = subcommands.length > 0 ? `${first} ${second ?? ''}` : first;
  const command = COMMANDS.find((spec) => spec.name === name);
  if (command !== undefined) return command;
  if (subcommands.length === 0) {
    throw usageError(
      'KSB_UNKNOWN_COMMAND',
      `there is no command ${first}`,
      nearestHint(first, topLevelWords(COMMANDS)),
    );
  }
  throw second === undefined
    ? usageError('KSB_MISSING_ARGUMENT', `ksbundle ${first} needs one of: ${subcommands.join(', ')}`)
    : usageError(
        'KSB_UNKNOWN_COMMAND',
        `there is no command ${first} ${second}`,
        nearestHint(second, subcommands),
      );
}

function checkPositionals(command: CommandSpec, given: readonly string[]): void {
  const missing = command.positionals.slice(given.length).find(({ required }) => required);
  if (missing !== undefined) {
    throw usageError(
      'KSB_MISSING_ARGUMENT',
      `ksbundle ${command.name} needs ${missing.name}: ${missing.help}`,
      `ksbundle ${command.name} --help`,
    );
  }
  if (command.positionals.at(-1)?.several === true) return;
  const extra = given[command.positionals.length];
  if (extra !== undefined) {
    throw usageError(
      'KSB_EXTRA_ARGUMENT',
      `ksbundle ${command.name} does not accept the argument ${JSON.stringify(extra)}`,
      `ksbundle ${command.name} --help`,
    );
  }
}

function checkOptions(parsed: Parsed, accepted: readonly OptionName[], program: string): Flags {
  const [valued] = parsed.valuedFlags;
  if (valued !== undefined) throw usageError('KSB_BAD_VALUE', `${optionText(valued)} takes no value`);
  const flags: Record<string, unknown> = {};
  for (const [name, given] of Object.entries(parsed.options)) {
    if (!isOptionName(name) || !accepted.includes(name)) throw unknownOption(name, accepted, program);
    flags[name] = checkValue(name, given);
  }
  return flags;
}

function unknownOption(name: string, accepted: readonly OptionName[], program: string): Error {
  const written = name.length === 1 ? `-${name}` : `--${name}`;
  return usageError(
    'KSB_UNKNOWN_OPTION',
    `${program} has no option ${written}`,
    nearestHint(written, accepted.map(optionText)),
  );
}

/** The value with the type in {@link Flags}. If an option is given twice, the last value counts. */
function checkValue(name: OptionName, given: unknown): unknown {
  const { kind, metavar = 'VALUE', choices } = optionSpec(name);
  const values: unknown[] = Array.isArray(given) ? [...given] : [given];
  const last: unknown = values.at(-1);
  if (kind === 'flag') return last === true;
  if (values.length === 0) values.push('');
  for (const value of values) {
    if (typeof value !== 'string') throw usageError('KSB_UNKNOWN_OPTION', `there is no option --no-${name}`);
    if (value === '' && kind !== 'optional') {
      throw usageError('KSB_MISSING_ARGUMENT', `--${name} needs a value: --${name} ${metavar}`);
    }
    if (choices !== undefined && !choices.includes(value)) {
      throw usageError(
        'KSB_BAD_VALUE',
        `--${name} cannot be ${JSON.stringify(value)}`,
        nearestHint(value, choices),
      );
    }
  }
  return kind === 'values' ? values : last;
}
