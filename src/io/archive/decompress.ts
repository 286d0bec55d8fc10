import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ExitCode, isErrnoException, KsbundleError } from '../../domain/errors.ts';
import type { Confinement } from '../confinement.ts';
import { programOutput } from '../program-output.ts';
import { damagedArchive } from './entry.ts';
import type { ArchiveFormat } from './format.ts';

export interface CompressedFile {
  readonly file: string;
  /** Name of the file in errors. */
  readonly name: string;
  readonly format: Exclude<ArchiveFormat, 'zip'>;
  /** Confinement of the host's programs. Without it, files that need such a program are refused. */
  readonly confinement?: Confinement | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The tar inside a file. bzip2 and xz need the host's program of the same name. Throws `KSB_ARCHIVE_DAMAGED`,
 * `KSB_ARCHIVE_UNKNOWN` and `KSB_HOST_TOOL_MISSING`.
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
  // The loop below throws errors of the pipeline, because pipeline destroys the output with them.
  pipeline(input, output, () => undefined);
  try {
    yield* output;
  } catch (error) {
    throw isErrnoException(error) && error.code?.startsWith('Z_') === true
      ? damagedArchive(name, error.message, error)
      : error;
  }
}

function throughProgram(
  program: 'bzip2' | 'xz',
  { file, name, confinement, signal }: CompressedFile,
): AsyncGenerator<Buffer> {
  if (confinement === undefined) {
    throw new KsbundleError({
      code: 'KSB_ARCHIVE_UNKNOWN',
      exitCode: ExitCode.integrity,
      message: `${name} is compressed with ${program}, which is allowed only for sources`,
    });
  }
  return programOutput([program, '--decompress', '--stdout'], {
    input: file,
    why: `to unpack ${name}`,
    failed: (reason) => damagedArchive(name, reason),
    confinement,
    signal,
  });
}
