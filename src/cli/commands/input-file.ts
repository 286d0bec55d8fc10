import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ExitCode, KsbundleError } from '../../domain/errors.ts';
import { withTemporaryDirectory } from '../../io/files.ts';
import type { Call } from '../command.ts';

export interface InputOptions {
  /** Whether a directory will do as well as a file; false unless told. */
  readonly directories?: boolean;
  /** Which argument names it, counted from 0; the first unless told. */
  readonly position?: number;
}

/** Runs `work` with the absolute path of a file that the user named; `-` is standard input, kept in a temporary file. */
export async function withInputFile<T>(
  call: Call,
  work: (file: string) => Promise<T>,
  { directories = false, position = 0 }: InputOptions = {},
): Promise<T> {
  const name = call.positionals[position] ?? '';
  if (name === '-') {
    return withTemporaryDirectory(os.tmpdir(), async (directory) => {
      const file = path.join(directory, 'standard-input.tar.gz');
      await pipeline(call.stdin, createWriteStream(file), { signal: call.signal });
      return work(file);
    });
  }
  const file = path.resolve(call.directory, name);
  const unreadable = (why: string, cause?: unknown): KsbundleError =>
    new KsbundleError({
      code: 'KSB_NO_SUCH_FILE',
      exitCode: ExitCode.usage,
      message: `cannot read ${file}`,
      why,
      hint: 'give the path of a tarball, or - for standard input',
      cause,
    });
  const found = await stat(file).catch((error: unknown) => {
    throw unreadable(error instanceof Error ? error.message : String(error), error);
  });
  if (found.isDirectory() && !directories) throw unreadable('it is a directory');
  return work(file);
}
