import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { SOURCE_DATE_EPOCH } from '../../domain/layout.ts';
import { compareBytes } from '../files.ts';
import { damagedArchive, type ArchiveEntry, type VisitEntry } from './entry.ts';
import { readGzipMembers } from './gzip.ts';
import type { LeadingFile } from './leading-file.ts';
import { encodeTarHeader, TAR_END, tarPadding } from './tar-header.ts';
import { readTar } from './tar-reader.ts';

export interface VisitReleaseOptions {
  /** The file that leads the tarball, which is not visited. */
  readonly leading?: LeadingFile | undefined;
}

/**
 * Visits every entry of a tarball that `packTree` wrote, and makes sure that it did: the tar must be, byte for byte,
 * the one that `packTree` writes for these entries, so that owners, times, padding, order of entries and fields, and trailing
 * bytes count as much as contents. `visit` must read the content of files. Returns the bytes of the file. Throws
 * `KSB_ARCHIVE_DAMAGED`, and what `visit` throws.
 */
export async function visitReleaseTarball(
  file: string,
  { leading }: VisitReleaseOptions,
  visit: VisitEntry,
): Promise<number> {
  const name = path.basename(file);
  const found = createHash('sha256');
  const expected = createHash('sha256');
  const read = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of readGzipMembers(file, name, leading?.length)) {
      found.update(chunk);
      yield chunk;
    }
  };
  let last: string | undefined;
  await readTar(read(), name, async (entry) => {
    const place = entry.path.replace(/\/$/u, '');
    if (last !== undefined && compareBytes(last, place) >= 0)
      throw damagedArchive(name, `${JSON.stringify(entry.path)} is not in its place, or there twice`);
    last = place;
    expected.update(canonicalHeader(entry));
    await visit({ ...entry, content: hashed(entry, expected) });
    expected.update(tarPadding(entry.size));
  });
  expected.update(TAR_END);
  if (found.digest('hex') !== expected.digest('hex')) {
    throw damagedArchive(
      name,
      'an owner, a time, a kind of entry, padding or trailing bytes are not as they were packed',
    );
  }
  return (await stat(file)).size;
}

function canonicalHeader({ path: name, kind, mode = 0, size, target }: ArchiveEntry): Buffer {
  // Any other kind was not packed by us: as a file it gives another header, and so another digest.
  const packed = kind === 'directory' || kind === 'symlink' ? kind : 'file';
  return encodeTarHeader({ path: name, kind: packed, mode, size, mtime: SOURCE_DATE_EPOCH, target });
}

async function* hashed(
  entry: ArchiveEntry,
  hash: { readonly update: (chunk: Buffer) => unknown },
): AsyncGenerator<Buffer> {
  for await (const chunk of entry.content) {
    hash.update(chunk);
    yield chunk;
  }
}
