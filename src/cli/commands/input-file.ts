import { createWriteStream } from 'node:fs';
import { access } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ExitCode, KsbundleError } from '../../domain/errors.ts';
import { withTemporaryDirectory } from '../../io/files.ts';
import type { Call } from '../command.ts';

/** Runs `work` with the absolute path of a file that the user named; `-` is standard input, kept in a temporary file. */
export async function withInputFile<T>(call: Call, work: (file: string) => Promise<T>): Promise<T> {
  const [name = ''] = call.positionals;
  if (name === '-') {
    return withTemporaryDirectory(os.tmpdir(), async (directory) => {
      const file = path.join(directory, 'standard-input.tar.gz');
      await pipeline(call.stdin, createWriteStream(file), { signal: call.signal });
      return work(file);
    });
  }
  const file = path.resolve(call.directory, name);
  try {
    await access(file);
  } catch (error) {
    throw new KsbundleError({
      code: 'KSB_NO_SUCH_FILE',
      exitCode: ExitCode.usage,
      message: `cannot read ${file}`,
      why: error instanceof Error ? error.message : String(error),
      hint: 'give the path of a tarball, or - for standard input',
      cause: error,
    });
  }
  return work(file);
}
