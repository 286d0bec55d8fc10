import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { compareBytes } from '../domain/compare-bytes.ts';
import { formatChecksums, readChecksums } from '../domain/checksums.ts';
import type { Sha256 } from '../domain/digest.ts';
import { CHECKSUMS_FILE } from '../domain/manifest.ts';
import { digestMismatch } from '../domain/mismatch.ts';
import type { Source } from '../domain/recipe.ts';
import { explainDiskFull } from '../io/disk.ts';
import { hashFile, writeFileAtomically } from '../io/files.ts';
import { writeHashed } from '../io/hashed.ts';
import { ifThere } from '../io/if-there.ts';
import { fetchAll } from './all.ts';
import type { FetchContext } from './context.ts';
import { prefixedName } from './mirrors.ts';
import type { FetchedArchive } from './source.ts';

export interface MirroredFile {
  /** Name in the mirror. */
  readonly name: string;
  readonly sha256: Sha256;
  /** Bytes. */
  readonly size: number;
  /** Whether this run wrote it; false if it already existed. */
  readonly written: boolean;
}

/**
 * Fetches one archive of each source and copies it into `directory`, so that a machine without a network can build
 * from it. Returns the mirrored files, sorted by name. Keeps every other file in the directory; if a file of the same
 * name has other bytes, the copy's name starts with its digest. Writes `SHA256SUMS` for `sha256sum -c`.
 */
export async function writeMirror(
  directory: string,
  sources: readonly Source[],
  context: FetchContext,
): Promise<MirroredFile[]> {
  const fetched = new Map((await fetchAll(sources, context)).map((file) => [file.sha256, file]));
  const wanted = [...fetched.values()].sort((a, b) => compareBytes(a.file + a.sha256, b.file + b.sha256));
  const files: MirroredFile[] = [];
  try {
    await mkdir(directory, { recursive: true });
    for (const file of wanted) {
      context.signal?.throwIfAborted();
      files.push(await mirrorFile(directory, file));
    }
    await writeChecksums(directory, files);
  } catch (error) {
    throw explainDiskFull(error, directory);
  }
  return files.sort((a, b) => compareBytes(a.name, b.name));
}

async function mirrorFile(directory: string, file: FetchedArchive): Promise<MirroredFile> {
  const { sha256, size } = file;
  const taken = await ifThere(hashFile(path.join(directory, file.file)));
  const name = taken === undefined || taken === sha256 ? file.file : prefixedName(file);
  const target = path.join(directory, name);
  const written = (await ifThere(hashFile(target))) !== sha256;
  if (written) await copyVerified(file, target);
  return { name, sha256, size, written };
}

async function copyVerified({ path: from, sha256, file }: FetchedArchive, to: string): Promise<void> {
  const temporary = `${to}.${process.pid}.tmp`;
  try {
    await rm(temporary, { force: true });
    const actual = await writeHashed(temporary, createReadStream(from, { highWaterMark: 1 << 20 }));
    if (actual !== sha256) throw digestMismatch({ what: file, from, expected: [sha256], actual });
    await rename(temporary, to);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Adds `files` to the list of checksums, in the format of sha256sum(1). */
async function writeChecksums(directory: string, files: readonly MirroredFile[]): Promise<void> {
  const list = path.join(directory, CHECKSUMS_FILE);
  const digests = readChecksums((await ifThere(readFile(list, 'utf8'))) ?? '');
  for (const { name, sha256 } of files) digests.set(name, sha256);
  await writeFileAtomically(list, formatChecksums(digests));
}
