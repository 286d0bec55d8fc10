import type { Readable } from 'node:stream';
import type { Emit } from '../domain/events.ts';
import type { Context, ContextOptions, Pipeline } from '../pipeline.ts';
import type { Flags, OptionName } from './options.ts';
import type { Settings } from './settings.ts';

/** How a positional is written in usage lines: `FILE`, `[BUNDLE]`, or `[BUNDLE ...]` if it may be repeated. */
export function positionalText({ required, several = false }: PositionalSpec, name: string): string {
  const text = several ? `${name} ...` : name;
  return required ? text : `[${text}]`;
}

export interface PositionalSpec {
  readonly name: string;
  readonly required: boolean;
  /** Whether it may be repeated; only the last one of a command. */
  readonly several?: boolean;
  readonly help: string;
  readonly completes?: 'file' | 'directory' | 'bundle or file' | 'shell';
}

/** A command, as parser, help, completion and documentation use it. */
export interface CommandSpec {
  /** One word, or two for a subcommand: `cache gc`. */
  readonly name: string;
  readonly summary: string;
  readonly positionals: readonly PositionalSpec[];
  /** In addition to the global ones. */
  readonly options: readonly OptionName[];
  readonly examples: readonly { readonly command: string; readonly does: string }[];
  /** Loads the code only when the command runs, for a short start-up time. */
  readonly load: () => Promise<{ readonly run: RunCommand }>;
}

/** The arguments and context of a command. */
export interface Call {
  /** The given ones; the parser checked their number. */
  readonly positionals: readonly string[];
  readonly flags: Flags;
  readonly settings: Settings;
  readonly stdin: Readable;
  readonly directory: string;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly pipeline: Pipeline;
  /** All commands, for completion scripts. */
  readonly commands: readonly CommandSpec[];
  /** The settings as the pipeline takes them. */
  readonly options: ContextOptions;
  /** The pipeline and its context, opened with the settings. */
  readonly open: () => Promise<Opened>;
}

export interface Opened {
  readonly pipeline: Pipeline;
  readonly context: Context;
}

/** The result of a command. The command line prints `data` with `--json`, otherwise `lines`. */
export interface CommandResult {
  readonly data: unknown;
  readonly lines: readonly string[];
  /** For a result that is also a failure, such as an audit with findings. */
  readonly exitCode?: number;
}

export type RunCommand = (call: Call) => Promise<CommandResult>;
