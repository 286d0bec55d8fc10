import type { CommandSpec } from '../command.ts';
import { subcommandsOf, topLevelWords } from '../command-words.ts';
import { GLOBAL_OPTIONS, optionSpec, optionSpellings } from '../options.ts';
import { LIST_BUNDLES, optionsOf, positionalKind, SHELL_NAMES, VALUE_OPTIONS } from './model.ts';

const ACTIONS = {
  bundle: `_ksbundle_words "$(${LIST_BUNDLES})"`,
  'bundle or file': `compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -W "$(${LIST_BUNDLES})" -- "$cur")`,
  file: 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")',
  directory: 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur")',
  shell: `_ksbundle_words "${SHELL_NAMES}"`,
  nothing: ':',
} as const;

/** For bash 4.4 and later; does not need the package bash-completion. */
export function bashCompletion(commands: readonly CommandSpec[]): string {
  const groups = topLevelWords(commands).filter((word) => subcommandsOf(word, commands).length > 0);
  return `# bash completion for ksbundle
_ksbundle_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur"); }

_ksbundle() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command="" count=0 index word
  COMPREPLY=()
  if [[ $cur == "=" ]]; then cur=""; elif [[ $prev == "=" ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi

  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    case $word in
      ${VALUE_OPTIONS.flatMap(optionSpellings).join('|')})
        [[ \${COMP_WORDS[index+1]} == "=" ]] && ((index++))
        ((index++)) ;;
      -?*|=) ;;
      *)
        case $command in
          "") command=$word ;;
          ${groups.join('|')}) command="$command $word" ;;
          *) ((count++)) ;;
        esac ;;
    esac
  done

  case $prev in
${VALUE_OPTIONS.map((name) => `    ${optionSpellings(name).join('|')}) ${valueAction(name)}; return ;;`).join('\n')}
  esac

  case $command in
    ""|help) if [[ $cur == -* ]]; then _ksbundle_words "${GLOBAL_OPTIONS.flatMap(optionSpellings).join(' ')}"; else _ksbundle_words "${topLevelWords(commands).join(' ')} help"; fi ;;
${groups.map((word) => `    ${word}) _ksbundle_words "${subcommandsOf(word, commands).join(' ')}" ;;`).join('\n')}
${commands.map(commandCase).join('\n')}
  esac
}
complete -F _ksbundle ksbundle
`;
}

function valueAction(name: (typeof VALUE_OPTIONS)[number]): string {
  const { choices, completes } = optionSpec(name);
  return choices === undefined ? ACTIONS[completes ?? 'nothing'] : `_ksbundle_words "${choices.join(' ')}"`;
}

function commandCase(command: CommandSpec): string {
  const options = optionsOf(command).flatMap(optionSpellings).join(' ');
  const positionals = command.positionals
    .map((spec, index) => `${spec.several === true ? '*' : index}) ${ACTIONS[positionalKind(spec)]} ;;`)
    .join(' ');
  const words = positionals === '' ? ':' : `case $count in ${positionals} esac`;
  return `    "${command.name}") if [[ $cur == -* ]]; then _ksbundle_words "${options}"; else ${words}; fi ;;`;
}
