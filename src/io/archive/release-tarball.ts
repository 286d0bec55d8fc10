import { stat } from 'node:fs/promises';
import path from 'node:path';
import { compareBytes } from '../../domain/compare-bytes.ts';
import { SOURCE_DATE_EPOCH } from '../../domain/layout.ts';
import { readBytes } from './byte-reader.ts';
import { damagedArchive } from './entry.ts';
import { readGzipMembers } from './gzip.ts';
import { lengthOf, type LeadingFile } from './leading-file.ts';
import { readTarHeader, TAR_END, tarPadding, type TarEntry } from './tar-header.ts';

export interface VisitReleaseOptions {
  /** The leading files, which are not visited. */
  readonly leading: readonly LeadingFile[];
}

/** An entry of a release tarball. Its content can be read once, and only until the visitor returns. */
export type ReleaseEntry = TarEntry & { readonly content: AsyncIterable<Buffer> };

/**
 * Visits every entry of a tarball, and checks that `packTree` wrote it: the tar must be, byte for byte, the one that
 * `packTree` writes for these entries. This covers owners, times, padding, order of entries and fields, and trailing
 * bytes as well as contents. `visit` must read the content of files. Returns the size of the file. Throws
 * `KSB_ARCHIVE_DAMAGED`, and what `visit` throws.
 */
export async function visitReleaseTarball(
  file: string,
  { leading }: VisitReleaseOptions,
  visit: (entry: ReleaseEntry) => Promise<void>,
): Promise<number> {
  const name = path.basename(file);
  const tar = readBytes(readGzipMembers(file, name, lengthOf(leading)));
  const requireNext = async (bytes: Buffer, what: string): Promise<void> => {
    if (!(await tar.take(bytes.length)).equals(bytes))
      throw damagedArchive(name, `${what} differs from what ksbundle writes`);
  };
  let last: string | undefined;
  try {
    for (let entry; (entry = await readTarHeader(tar, name)) !== undefined;) {
      const quoted = JSON.stringify(entry.path);
      const place = entry.path.replace(/\/$/u, '');
      if (last !== undefined && compareBytes(last, place) >= 0)
        throw damagedArchive(name, `${quoted} is out of order, or listed twice`);
      last = place;
      if (entry.mtime !== SOURCE_DATE_EPOCH)
        throw damagedArchive(name, `the time of ${quoted} differs from what ksbundle writes`);
      await visit({ ...entry, content: tar.pass(entry.size) });
      await requireNext(tarPadding(entry.size), `the padding after ${quoted}`);
    }
    await requireNext(TAR_END.subarray(TAR_END.length / 2), 'its end');
    if ((await tar.take(1)).length > 0) throw damagedArchive(name, 'there are bytes after its end');
  } finally {
    await tar.close();
  }
  return (await stat(file)).size;
}
