import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256 } from '../../domain/digest.ts';
import { gzipMembers, lengthOf, readGzipMembers, readLeadingFiles } from '../../io/archive.ts';
import type { DeltaSide } from './header.ts';

export interface ExtractedTar extends DeltaSide {
  /** The bytes of the tarball that contain its signatures; empty if it is not signed. */
  readonly leading: Buffer;
}

/** Field of the first header that names the release directory (POSIX.1-2017, pax, "ustar Interchange Format"). */
const NAME_SIZE = 100;

/**
 * Writes the tar inside a release tarball, without the signature, to the new file `target`. Throws `KSB_ARCHIVE_DAMAGED`, and the
 * signal's reason.
 */
export async function extractTar(
  file: string,
  target: string,
  signal: AbortSignal | undefined,
): Promise<ExtractedTar> {
  const length = lengthOf(await readLeadingFiles(file));
  const hash = createHash('sha256');
  let release: string | undefined;
  let tarSize = 0;
  const tar = async function* (): AsyncGenerator<Buffer> {
    for await (const piece of readGzipMembers(file, path.basename(file), length)) {
      signal?.throwIfAborted();
      release ??= piece.toString('utf8', 0, NAME_SIZE).split(/[/\0]/u)[0];
      tarSize += piece.length;
      hash.update(piece);
      yield piece;
    }
  };
  await writeFile(target, tar(), { flag: 'wx' });
  const tarSha256 = sha256(hash.digest('hex'));
  return { release: release ?? '', tarSha256, tarSize, leading: await readStart(file, length) };
}

async function readStart(file: string, length: number): Promise<Buffer> {
  if (length === 0) return Buffer.alloc(0);
  return Buffer.concat(await createReadStream(file, { end: length - 1 }).toArray());
}

/** The tarball of a tar: its signature, and the tar, compressed as in `packTree`. */
export async function* tarballOf(
  leading: Buffer,
  tar: AsyncIterable<Buffer> | Iterable<Buffer>,
  level: number,
): AsyncGenerator<Buffer> {
  if (leading.length > 0) yield leading;
  yield* gzipMembers(tar, level);
}
