import type { Readable } from 'node:stream';
import type { Emit } from '../domain/events.ts';
import type { Context, Pipeline } from '../pipeline.ts';
import type { Flags, OptionName } from './options.ts';
import type { Settings } from './settings.ts';

export interface PositionalSpec {
  readonly name: string;
  readonly required: boolean;
  readonly help: string;
  readonly completes?: 'file' | 'directory' | 'bundle or file' | 'shell';
}

/** A command as the parser, the help, the completion and the documentation see it. */
export interface CommandSpec {
  /** One word, or two for a subcommand: `cache gc`. */
  readonly name: string;
  readonly summary: string;
  readonly positionals: readonly PositionalSpec[];
  /** Beside the global ones. */
  readonly options: readonly OptionName[];
  readonly examples: readonly { readonly command: string; readonly does: string }[];
  /** Loads the code only when the command runs, which keeps the start short. */
  readonly load: () => Promise<{ readonly run: RunCommand }>;
}

/** What a command is called with. */
export interface Call {
  /** As many as were given; the parser has checked the number. */
  readonly positionals: readonly string[];
  readonly flags: Flags;
  readonly settings: Settings;
  readonly stdin: Readable;
  readonly directory: string;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly pipeline: Pipeline;
  /** All commands there are: completion scripts are made of them. */
  readonly commands: readonly CommandSpec[];
  /** The pipeline and its context, opened with the settings. */
  readonly open: () => Promise<Opened>;
}

export interface Opened {
  readonly pipeline: Pipeline;
  readonly context: Context;
}

/** What a command found out. The command line prints it: `data` with `--json`, else `lines`. */
export interface CommandResult {
  readonly data: unknown;
  readonly lines: readonly string[];
  /** For a result that is a failure all the same, such as an audit with findings. */
  readonly exitCode?: number;
}

export type RunCommand = (call: Call) => Promise<CommandResult>;
