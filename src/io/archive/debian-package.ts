import { createReadStream, createWriteStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { withTemporaryDirectory } from '../files.ts';
import { damagedArchive } from './entry.ts';
import { unpackArchive as unpackPlainArchive, type UnpackOptions } from './unpack.ts';

/** An ar archive, which a Debian package is: deb(5). */
const MAGIC = '!<arch>\n';
/** Size of a member's header in bytes. */
const HEADER = 60;

/** Part of a file, in bytes. */
interface Span {
  readonly start: number;
  readonly size: number;
}

/**
 * Unpacks an archive, see `unpack.ts`, or the files that a Debian package installs, whose names begin with `./`. Throws what
 * that throws.
 */
export async function unpackArchive(
  file: string,
  destination: string,
  options: UnpackOptions = {},
): Promise<void> {
  const { name = path.basename(file) } = options;
  const data = await findData(file, name);
  if (data === undefined) {
    await unpackPlainArchive(file, destination, options);
    return;
  }
  await withTemporaryDirectory(path.dirname(path.resolve(destination)), async (temporary) => {
    const tar = path.join(temporary, 'data.tar');
    const { start, size } = data;
    await pipeline(createReadStream(file, { start, end: start + size - 1 }), createWriteStream(tar));
    await unpackPlainArchive(tar, destination, { ...options, name });
  });
}

/** Where a Debian package has the tar of its files; undefined for any other file. Throws `KSB_ARCHIVE_DAMAGED`. */
async function findData(file: string, name: string): Promise<Span | undefined> {
  const handle = await open(file);
  try {
    if ((await readText(handle, 0, MAGIC.length)) !== MAGIC) return undefined;
    const { size: end } = await handle.stat();
    for (let start = MAGIC.length; start < end;) {
      const header = await readText(handle, start, HEADER);
      const [, member, digits] = /^([^ /]+)\/? *.{32}(\d+) *`\n$/su.exec(header) ?? [];
      const size = Number(digits);
      start += HEADER;
      if (member === undefined || start + size > end)
        throw damagedArchive(name, `byte ${start - HEADER} begins no member`);
      if (member.startsWith('data.tar')) return { start, size };
      start += size + (size % 2);
    }
    throw damagedArchive(name, 'it has no member data.tar');
  } finally {
    await handle.close();
  }
}

async function readText(handle: FileHandle, start: number, length: number): Promise<string> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, start);
  return buffer.toString('latin1', 0, bytesRead);
}
