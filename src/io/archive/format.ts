import { open } from 'node:fs/promises';
import { ExitCode, KsbundleError } from '../../domain/errors.ts';

/** Archive formats that can be read. The compressed ones contain a tar. */
export type ArchiveFormat = 'tar' | 'gzip' | 'bzip2' | 'xz' | 'zip';

const MAGIC: readonly { readonly format: ArchiveFormat; readonly offset: number; readonly bytes: Buffer }[] =
  [
    { format: 'gzip', offset: 0, bytes: Buffer.from([0x1f, 0x8b, 0x08]) },
    { format: 'bzip2', offset: 0, bytes: Buffer.from('BZh') },
    { format: 'xz', offset: 0, bytes: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) },
    { format: 'zip', offset: 0, bytes: Buffer.from([0x50, 0x4b, 0x03, 0x04]) },
    { format: 'tar', offset: 257, bytes: Buffer.from('ustar') },
  ];

/**
 * Detects the format from the first bytes; the file's name does not matter. Errors use `name` for the file. Throws
 * `KSB_ARCHIVE_UNKNOWN` for any other format.
 */
export async function detectFormat(file: string, name: string): Promise<ArchiveFormat> {
  const head = await readHead(file, 512);
  const found = MAGIC.find(({ offset, bytes }) => head.subarray(offset, offset + bytes.length).equals(bytes));
  if (found !== undefined) return found.format;
  throw new KsbundleError({
    code: 'KSB_ARCHIVE_UNKNOWN',
    exitCode: ExitCode.integrity,
    message: `${name} is not an archive: it is neither tar (plain, gzip, bzip2, xz) nor zip`,
    why:
      head.length === 0
        ? 'the file is empty'
        : `it begins with ${JSON.stringify(head.subarray(0, 16).toString('latin1'))}`,
  });
}

async function readHead(file: string, length: number): Promise<Buffer> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
