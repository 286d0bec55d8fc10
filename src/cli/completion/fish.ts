import type { CommandSpec } from '../command.ts';
import { subcommandsOf, topLevelWords } from '../command-words.ts';
import { GLOBAL_OPTIONS, optionSpec, optionSpellings, optionText, type OptionName } from '../options.ts';
import { LIST_BUNDLES, positionalKind, SHELL_NAMES, VALUE_OPTIONS } from './model.ts';

const BUNDLES = `-a "(${LIST_BUNDLES.replaceAll('$', String.raw`\$`).replaceAll('"', String.raw`\"`)})"`;

const ACTIONS = {
  bundle: `-f ${BUNDLES}`,
  'bundle or file': `-F ${BUNDLES}`,
  file: '-F',
  directory: '-f -a "(__fish_complete_directories)"',
  shell: `-f -a "${SHELL_NAMES}"`,
  nothing: '-f',
} as const;

export function fishCompletion(commands: readonly CommandSpec[]): string {
  return `# fish completion for ksbundle
# The words typed so far that are neither options nor their values.
function __ksbundle_words
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
        else if contains -- $word ${VALUE_OPTIONS.flatMap(optionSpellings).join(' ')}
            set skip 1
        else if not string match -q -- '-?*' $word
            echo $word
        end
    end
end

# True if the words typed so far are the arguments, and so many more words: as many, or at least as many.
function __ksbundle_at
    __ksbundle_counted -eq $argv
end

function __ksbundle_from
    __ksbundle_counted -ge $argv
end

function __ksbundle_counted
    set -l words (__ksbundle_words)
    set -l wanted $argv[3..-1]
    set -l first $words[1..(count $wanted)]
    test (count $words) $argv[1] (math (count $wanted) + $argv[2])
    and test "$first" = "$wanted"
end

function __ksbundle_in
    set -l words (__ksbundle_words)
    set -l first $words[1..(count $argv)]
    test "$first" = "$argv"
end

complete -c ksbundle -f
${topLevelWords(commands)
  .map((word) => topLevel(word, commands))
  .join('\n')}
${GLOBAL_OPTIONS.map((name) => option(name)).join('\n')}
${commands.flatMap(commandLines).join('\n')}
`;
}

function topLevel(word: string, commands: readonly CommandSpec[]): string {
  const summary =
    commands.find(({ name }) => name === word)?.summary ?? subcommandsOf(word, commands).join(', ');
  return `complete -c ksbundle -n 'test (count (__ksbundle_words)) -eq 0' -f -a ${word} -d ${quote(summary)}`;
}

function commandLines({ name, summary, options, positionals }: CommandSpec): string[] {
  const [group, subcommand] = name.split(' ');
  return [
    ...(subcommand === undefined
      ? []
      : [
          `complete -c ksbundle -n '__ksbundle_at 0 ${group ?? ''}' -f -a ${subcommand} -d ${quote(summary)}`,
        ]),
    ...options.map((option_) => option(option_, `__ksbundle_in ${name}`)),
    ...positionals.map(
      (spec, index) =>
        `complete -c ksbundle -n '__ksbundle_${spec.several === true ? 'from' : 'at'} ${index} ${name}' ${ACTIONS[positionalKind(spec)]}`,
    ),
  ];
}

function option(name: OptionName, condition?: string): string {
  const { kind, letter, help, choices, completes } = optionSpec(name);
  const takesValue = kind === 'value' || kind === 'values';
  const action = choices === undefined ? ACTIONS[completes ?? 'nothing'] : `-f -a "${choices.join(' ')}"`;
  return [
    'complete -c ksbundle',
    ...(condition === undefined ? [] : [`-n '${condition}'`]),
    ...(letter === undefined ? [] : [`-s ${letter}`]),
    `-l ${optionText(name).slice(2)}`,
    ...(takesValue ? ['-r', action] : []),
    `-d ${quote(help)}`,
  ].join(' ');
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`;
}
