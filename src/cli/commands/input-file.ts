import { createWriteStream } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { withTemporaryDirectory } from '../../io/files.ts';
import { statInput, unreadableFile } from '../../io/input-file.ts';
import type { Call } from '../command.ts';

export interface InputOptions {
  /** Whether a directory is accepted, too; false by default. */
  readonly directories?: boolean;
  /** Index of the argument that names it, from 0; the first by default. */
  readonly position?: number;
}

/**
 * Runs `work` with the absolute path of a file that the user named; `-` is standard input, which is copied to a
 * temporary file.
 */
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
  const hint = 'give the path of a tarball, or - for standard input';
  const found = await statInput(file, hint);
  if (found.isDirectory() && !directories) throw unreadableFile(file, { why: 'it is a directory', hint });
  return work(file);
}
