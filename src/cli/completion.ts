import type { CommandSpec } from './command.ts';
import { bashCompletion } from './completion/bash.ts';
import { fishCompletion } from './completion/fish.ts';
import { zshCompletion } from './completion/zsh.ts';

const GENERATORS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

export type Shell = keyof typeof GENERATORS;
export const SHELLS = Object.keys(GENERATORS) as readonly Shell[];

/** The completion script of a shell for these commands. */
export function completionScript(shell: Shell, commands: readonly CommandSpec[]): string {
  return GENERATORS[shell](commands);
}
