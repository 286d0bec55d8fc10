import type { CommandSpec } from './command.ts';

/** The second words of the commands that begin with `word`; empty for a command of one word. */
export function subcommandsOf(word: string, commands: readonly CommandSpec[]): readonly string[] {
  return commands
    .filter(({ name }) => name.startsWith(`${word} `))
    .map(({ name }) => name.slice(word.length + 1));
}

/** The first words of all commands, each once. */
export function topLevelWords(commands: readonly CommandSpec[]): readonly string[] {
  return [...new Set(commands.map(({ name }) => name.split(' ')[0] ?? name))];
}
