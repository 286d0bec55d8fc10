import { createReadStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { Sha256 } from '../../domain/digest.ts';
import { SOURCE_DATE_EPOCH } from '../../domain/layout.ts';
import { explainDiskFull } from '../disk.ts';
import { hashFile } from '../files.ts';
import { writeHashed } from '../hashed.ts';
import { collectContent } from './entry.ts';
import { readStoredMember, storedMember } from './gzip.ts';
import { encodeTarHeader, TAR_END, tarPadding } from './tar-header.ts';
import { readTar } from './tar-reader.ts';

/**
 * A small file at the head of a tarball, in its own gzip member. There may be several. They can be added, replaced and
 * removed without changing a byte of the rest, which is a complete tarball. tar reads both as one archive.
 */
export interface LeadingFile {
  /** Name in the tar. */
  readonly path: string;
  readonly content: Buffer;
  /** Size in the tarball, in bytes. */
  readonly length: number;
}

function encodeLeadingFile({ path, content }: Omit<LeadingFile, 'length'>): Buffer {
  const header = encodeTarHeader({
    path,
    kind: 'file',
    mode: 0o644,
    size: content.length,
    mtime: SOURCE_DATE_EPOCH,
    target: '',
  });
  return storedMember(Buffer.concat([header, content, tarPadding(content.length)]));
}

/**
 * Puts files at the head of a tarball, and replaces those that lead it now. After a crash, the tarball is unchanged or
 * complete. Returns the digest of its new bytes. Throws `KSB_DISK_FULL`.
 */
export async function replaceLeadingFiles(
  file: string,
  leading: readonly Omit<LeadingFile, 'length'>[],
): Promise<Sha256> {
  const start = lengthOf(await readLeadingFiles(file));
  const temporary = `${file}.${process.pid}.tmp`;
  const content = async function* (): AsyncGenerator<Buffer> {
    yield* leading.map(encodeLeadingFile);
    yield* createReadStream(file, { start, highWaterMark: 1 << 20 });
  };
  try {
    const digest = await writeHashed(temporary, content());
    await rename(temporary, file);
    return digest;
  } catch (error) {
    await rm(temporary, { force: true });
    throw explainDiskFull(error, file);
  }
}

/** Digest of a tarball without its leading files. */
export async function hashWithoutLeadingFiles(file: string): Promise<Sha256> {
  return hashFile(file, lengthOf(await readLeadingFiles(file)));
}

/** Size of the leading files in the tarball, in bytes. */
export function lengthOf(leading: readonly LeadingFile[]): number {
  return leading.reduce((total, { length }) => total + length, 0);
}

/** The leading files of a tarball, in order: only those that `encodeLeadingFile` would write byte for byte. */
export async function readLeadingFiles(file: string): Promise<readonly LeadingFile[]> {
  const found: LeadingFile[] = [];
  for (;;) {
    const next = await readLeadingFile(file, lengthOf(found));
    if (next === undefined) return found;
    found.push(next);
  }
}

async function readLeadingFile(file: string, start: number): Promise<LeadingFile | undefined> {
  const member = await readStoredMember(file, start);
  if (member === undefined) return undefined;
  const found: Omit<LeadingFile, 'length'>[] = [];
  await readTar(piecesOf([member, TAR_END]), file, async ({ path, content }) => {
    found.push({ path, content: await collectContent(content) });
  });
  const [leading] = found;
  if (leading === undefined) return undefined;
  const encoded = encodeLeadingFile(leading);
  return encoded.equals(storedMember(member)) ? { ...leading, length: encoded.length } : undefined;
}

async function* piecesOf(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* pieces;
}
