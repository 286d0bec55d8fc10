import { completionScript, SHELLS } from '../completion.ts';
import type { RunCommand } from '../command.ts';
import { nearestHint, usageError } from '../usage-error.ts';

export const run: RunCommand = async ({ positionals, commands }) => {
  const [name = ''] = positionals;
  const shell = SHELLS.find((known) => known === name);
  if (shell === undefined)
    throw usageError('KSB_BAD_VALUE', `there is no completion for ${name}`, nearestHint(name, SHELLS));
  const script = completionScript(shell, commands);
  return { data: { shell, script }, lines: script.trimEnd().split('\n') };
};
