import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { execa } from 'execa';
import { ExitCode, isErrnoException, KsbundleError } from '../../domain/errors.ts';
import { damagedArchive } from './entry.ts';
import type { ArchiveFormat } from './format.ts';

export interface CompressedFile {
  readonly file: string;
  /** What errors call the file. */
  readonly name: string;
  readonly format: Exclude<ArchiveFormat, 'zip'>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The tar inside a file. bzip2 and xz need the host's program of that name.
 * Throws `KSB_ARCHIVE_DAMAGED` and `KSB_HOST_TOOL_MISSING`.
 */
export function decompress(source: CompressedFile): AsyncIterable<Buffer> {
  switch (source.format) {
    case 'tar':
      return createReadStream(source.file, { highWaterMark: 1 << 20, signal: source.signal });
    case 'gzip':
      return gunzip(source);
    case 'bzip2':
      return throughProgram('bzip2', source);
    case 'xz':
      return throughProgram('xz', source);
  }
}

async function* gunzip({ file, name, signal }: CompressedFile): AsyncGenerator<Buffer> {
  const input = createReadStream(file, { highWaterMark: 1 << 20, signal });
  const output = createGunzip({ chunkSize: 1 << 18 });
  // Errors reach the loop below: pipeline destroys the output with them.
  pipeline(input, output, () => undefined);
  try {
    yield* output;
  } catch (error) {
    throw isErrnoException(error) && error.code?.startsWith('Z_') === true
      ? damagedArchive(name, error.message, error)
      : error;
  }
}

async function* throughProgram(
  program: 'bzip2' | 'xz',
  { file, name, signal }: CompressedFile,
): AsyncGenerator<Buffer> {
  const child = execa(program, ['--decompress', '--stdout'], {
    stdin: { file },
    buffer: { stdout: false },
    encoding: 'buffer',
    reject: false,
    // Not ours to inherit: XZ_OPT and BZIP2 change what the programs do.
    extendEnv: false,
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  });
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    const result = await child;
    if (result.isCanceled) signal?.throwIfAborted();
    if (result.exitCode === 0) return;
    const failure: unknown = result;
    if (isErrnoException(failure, 'ENOENT')) throw missingProgram(program, name);
    throw damagedArchive(name, Buffer.from(result.stderr).toString().trim() || `${program} failed`);
  } finally {
    child.kill('SIGKILL');
    await child;
  }
}

function missingProgram(program: string, name: string): KsbundleError {
  return new KsbundleError({
    code: 'KSB_HOST_TOOL_MISSING',
    exitCode: ExitCode.hostTool,
    message: `${program} is not installed, and unpacking ${name} needs it`,
    hint: `install the package that brings ${program}`,
  });
}
