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
 * A small file that leads a tarball in a gzip member of its own, alone or after others. All of them can be put there, replaced and
 * taken off without touching a byte of what follows, which is a whole tarball by itself; tar sees one archive.
 */
export interface LeadingFile {
  /** Its name in the tar. */
  readonly path: string;
  readonly content: Buffer;
  /** Bytes of the tarball that it takes. */
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
 * Puts files at the head of a tarball, in place of those that lead it now. The tarball is as before or whole, also
 * after a crash. Returns the digest of its new bytes. Throws `KSB_DISK_FULL`.
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

/** Digest of a tarball without the files that lead it, if any do. */
export async function hashWithoutLeadingFiles(file: string): Promise<Sha256> {
  return hashFile(file, lengthOf(await readLeadingFiles(file)));
}

/** Bytes of the tarball that leading files take. */
export function lengthOf(leading: readonly LeadingFile[]): number {
  return leading.reduce((total, { length }) => total + length, 0);
}

/** The files that lead a tarball, in order: those that are there byte for byte as `encodeLeadingFile` writes them. */
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
