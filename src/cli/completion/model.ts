import type { CommandSpec, PositionalSpec } from '../command.ts';
import { GLOBAL_OPTIONS, OPTION_NAMES, optionSpec, type OptionName } from '../options.ts';

/** A command that prints the names of the bundles, for all shells. */
export const LIST_BUNDLES = `ksbundle recipes --quiet 2>/dev/null | awk '$1 == "bundle" { print $2 }'`;

export const SHELL_NAMES = 'bash zsh fish';

export function optionsOf(command: CommandSpec): readonly OptionName[] {
  return [...GLOBAL_OPTIONS, ...command.options];
}

/** Options whose value is the next word. */
export const VALUE_OPTIONS = OPTION_NAMES.filter((name) =>
  ['value', 'values'].includes(optionSpec(name).kind),
);

/** How to complete a positional. */
export function positionalKind({
  name,
  completes,
}: PositionalSpec): 'bundle' | 'nothing' | NonNullable<PositionalSpec['completes']> {
  return completes ?? (name === 'BUNDLE' ? 'bundle' : 'nothing');
}
