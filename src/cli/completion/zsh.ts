import type { CommandSpec, PositionalSpec } from '../command.ts';
import { subcommandsOf, topLevelWords } from '../command-words.ts';
import { optionSpec, optionSpellings, type OptionName } from '../options.ts';
import { LIST_BUNDLES, optionsOf, positionalKind, SHELL_NAMES } from './model.ts';

const ACTIONS = {
  bundle: '_ksbundle_bundles',
  'bundle or file': '{_ksbundle_bundles; _files}',
  file: '_files',
  directory: '_files -/',
  shell: `(${SHELL_NAMES})`,
  nothing: ' ',
} as const;

/** For zsh's completion system, as a file in `fpath` or evaluated after `compinit`. */
export function zshCompletion(commands: readonly CommandSpec[]): string {
  const single = commands.filter(({ name }) => !name.includes(' '));
  const groups = topLevelWords(commands).filter((word) => subcommandsOf(word, commands).length > 0);
  return `#compdef ksbundle
_ksbundle_bundles() { local -a names=(\${(f)"$(${LIST_BUNDLES})"}); compadd -a names; }

_ksbundle() {
  local context state state_descr line
  typeset -A opt_args
  _arguments -C ${quote('1: :->command')} ${quote('*:: :->arguments')}
  case $state in
    command) ${describe('commands', [...single.map(nameAndSummary), ...groups.map((word) => `${word}:${subcommandsOf(word, commands).join(', ')}`)])} ;;
    arguments)
      case $words[1] in
${single.map((command) => `        ${command.name}) ${argumentsOf(command)} ;;`).join('\n')}
${groups.map((word) => groupCase(word, commands)).join('\n')}
      esac ;;
  esac
}

if [[ $funcstack[1] == _ksbundle ]]; then _ksbundle "$@"; else compdef _ksbundle ksbundle; fi
`;
}

function groupCase(word: string, commands: readonly CommandSpec[]): string {
  const members = commands.filter(({ name }) => name.startsWith(`${word} `));
  const shortened = members.map((command) => ({ ...command, name: command.name.slice(word.length + 1) }));
  return `        ${word})
          _arguments -C ${quote('1: :->subcommand')} ${quote('*:: :->subarguments')}
          case $state in
            subcommand) ${describe('subcommands', shortened.map(nameAndSummary))} ;;
            subarguments)
              case $words[1] in
${shortened.map((command) => `                ${command.name}) ${argumentsOf(command)} ;;`).join('\n')}
              esac ;;
          esac ;;`;
}

function nameAndSummary({ name, summary }: CommandSpec): string {
  return `${name}:${summary.replaceAll(':', '\\:')}`;
}

function describe(title: string, entries: readonly string[]): string {
  return `local -a ${title}=(${entries.map(quote).join(' ')}); _describe ${title} ${title}`;
}

function argumentsOf(command: CommandSpec): string {
  const parts = [
    ...optionsOf(command).flatMap(optionArguments),
    ...command.positionals.map(positionalArgument),
  ];
  return `_arguments ${parts.map(quote).join(' ')}`;
}

function optionArguments(name: OptionName): string[] {
  const { kind, metavar = 'VALUE', help, choices, completes } = optionSpec(name);
  const action = choices === undefined ? ACTIONS[completes ?? 'nothing'] : `(${choices.join(' ')})`;
  const value = kind === 'value' || kind === 'values' ? `:${escape(metavar)}:${action}` : '';
  const repeated = kind === 'values' ? '*' : '';
  return optionSpellings(name).map((spelling) => `${repeated}${spelling}[${escape(help)}]${value}`);
}

function positionalArgument(spec: PositionalSpec, index: number): string {
  return `${spec.several === true ? '*' : index + 1}:${escape(spec.name)}:${ACTIONS[positionalKind(spec)]}`;
}

function escape(text: string): string {
  return text.replaceAll(/[[\]:\\]/g, String.raw`\$&`);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
