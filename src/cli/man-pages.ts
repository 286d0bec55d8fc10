import { positionalText, type CommandSpec, type PositionalSpec } from './command.ts';
import { COMMANDS } from './command-table.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { OVERVIEW_EXAMPLES, SETTINGS_NOTE, TAGLINE } from './help.ts';
import { GLOBAL_OPTIONS, optionSpec, optionSpellings, optionValue, type OptionName } from './options.ts';
import { bold, definitions, italic, roffText, section } from './roff.ts';

/** The manual pages for man(1), of the program and of each command: file names and texts. */
export function manPages(version: string): ReadonlyMap<string, string> {
  const pages = [programPage(), ...COMMANDS.map(commandPage)];
  const text = ({ name, lines }: Page): string =>
    [title(name, version), ...RAGGED, ...lines].map((line) => `${line}\n`).join('');
  return new Map(pages.map((page) => [`${page.name}.1`, text(page)]));
}

/** Without a date: the same version has the same pages, whenever they are made. */
function title(name: string, version: string): string {
  return `.TH ${roffText(name.toUpperCase())} 1 "" "ksbundle ${roffText(version)}" "ksbundle manual"`;
}

/** No hyphenation and no stretched lines, so that options and names can be copied. */
const RAGGED = ['.nh', '.ad l'];

interface Page {
  readonly name: string;
  /** Without the title line. */
  readonly lines: readonly string[];
}

function programPage(): Page {
  return {
    name: 'ksbundle',
    lines: [
      ...section('NAME', [`ksbundle \\- ${roffText(TAGLINE)}`]),
      ...section('SYNOPSIS', [`${bold('ksbundle')} ${italic('COMMAND')} [options] [arguments]`]),
      ...section('COMMANDS', definitions(COMMANDS.map((command) => [usage(command), commandEntry(command)]))),
      ...section('OPTIONS', ['Every command takes these options:', ...options(GLOBAL_OPTIONS)]),
      ...section('CONFIGURATION', [roffText(SETTINGS_NOTE)]),
      ...section(
        'EXIT STATUS',
        definitions(EXIT_CODES.map(([code, meaning]) => [bold(String(code)), `${roffText(meaning)}.`])),
      ),
      ...section('EXAMPLES', examples(OVERVIEW_EXAMPLES)),
    ],
  };
}

function commandPage(command: CommandSpec): Page {
  return {
    name: pageOf(command),
    lines: [
      ...section('NAME', [`${roffText(pageOf(command))} \\- ${roffText(command.summary)}`]),
      ...section('SYNOPSIS', [`${usage(command)} [options]`]),
      ...section('ARGUMENTS', definitions(command.positionals.map(argument))),
      ...section('OPTIONS', options(command.options)),
      ...section('EXAMPLES', examples(command.examples)),
      ...section('SEE ALSO', [`${bold('ksbundle')}(1) has the options of every command and the exit codes.`]),
    ],
  };
}

/** `ksbundle-cache-gc`, the name of a command's page without its section. */
function pageOf({ name }: CommandSpec): string {
  return `ksbundle-${name.replaceAll(' ', '-')}`;
}

function usage({ name, positionals }: CommandSpec): string {
  const parameters = positionals.map((positional) => positionalText(positional, italic(positional.name)));
  return [bold(`ksbundle ${name}`), ...parameters].join(' ');
}

function commandEntry(command: CommandSpec): string {
  return `${roffText(command.summary)}; see ${bold(pageOf(command))}(1)`;
}

function argument({ name, help }: PositionalSpec): readonly [string, string] {
  return [italic(name), roffText(help)];
}

function options(names: readonly OptionName[]): string[] {
  return definitions(
    names.map((name) => {
      const [long = '', ...short] = optionSpellings(name);
      const spellings = [...short, long].map(bold).join(', ');
      const value = optionValue(name).replaceAll(/[A-Z|]+/g, italic);
      return [`${spellings}${value}`, roffText(optionSpec(name).help)];
    }),
  );
}

function examples(entries: CommandSpec['examples']): string[] {
  return definitions(entries.map(({ command, does }) => [bold(`ksbundle ${command}`), roffText(does)]));
}
