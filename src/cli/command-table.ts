import type { CommandSpec } from './command.ts';
import { BUILDING } from './command-table/building.ts';
import { HOUSEKEEPING } from './command-table/housekeeping.ts';
import { TARBALLS } from './command-table/tarballs.ts';

/** All commands, in the order of the help. Single source for parsing, help, completion and docs/cli.md. */
export const COMMANDS: readonly CommandSpec[] = [...BUILDING, ...TARBALLS, ...HOUSEKEEPING];

/** First words of commands that have subcommands, with the second words. */
export function subcommandsOf(word: string): readonly string[] {
  return COMMANDS.filter(({ name }) => name.startsWith(`${word} `)).map(({ name }) =>
    name.slice(word.length + 1),
  );
}

/** The first words of all commands, each once. */
export function topLevelWords(): readonly string[] {
  return [...new Set(COMMANDS.map(({ name }) => name.split(' ')[0] ?? name))];
}
