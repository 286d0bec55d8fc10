import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Sha256 } from '../domain/digest.ts';
import { isErrnoException, KsbundleError } from '../domain/errors.ts';
import { digestMismatch } from '../domain/mismatch.ts';
import type { Archive, Source } from '../domain/recipe.ts';
import type { StoredContent } from '../domain/store.ts';
import { redactUrl } from '../domain/url.ts';
import { explainDiskFull } from '../io/disk.ts';
import { writeHashed } from '../io/hashed.ts';
import { fileFaultOf, type FileFault } from '../io/http-fault.ts';
import { withLock } from '../io/lock.ts';
import type { Candidate } from './candidates.ts';
import type { FetchContext } from './context.ts';

/** Result of a candidate: the content, or the reason for its absence. */
export type Obtained =
  | { readonly content: StoredContent; readonly archive: Archive }
  | { readonly where: string; readonly why: string; readonly file?: FileFault | undefined };

export interface Obtaining {
  readonly source: Source;
  readonly context: FetchContext;
  /** Limit for its size in bytes; none by default. */
  readonly most?: number;
  readonly onProgress: (done: number, total?: number) => void;
  readonly onRetry: (why: string, delay: number) => void;
}

/**
 * Brings a candidate's bytes into the store. Accepts the bytes of any archive of the source, because a name may stand
 * for several; throws `KSB_DIGEST_MISMATCH` for any others.
 */
export async function obtain(candidate: Candidate, obtaining: Obtaining): Promise<Obtained> {
  switch (candidate.kind) {
    case 'none':
      return candidate;
    case 'file':
      return copyIn(candidate, obtaining);
    case 'url':
      return downloadIn(candidate, obtaining);
  }
}

async function copyIn(
  candidate: Extract<Candidate, { kind: 'file' }>,
  { source, context, most = Infinity }: Obtaining,
): Promise<Obtained> {
  const missing = await whyUnreadable(candidate.path, most);
  if (missing !== undefined) return { where: candidate.path, ...missing };
  const file = path.join(context.store.temporary, `${randomUUID()}.tmp`);
  try {
    const content = createReadStream(candidate.path, { highWaterMark: 1 << 20, end: most });
    const actual = await writeHashed(file, content);
    const archive = archiveOf(source, actual);
    if (archive !== undefined) return { content: await context.store.adopt(file, actual), archive };
    if (candidate.lenient === true)
      return { where: candidate.path, why: `has a different digest (sha256:${actual})` };
    throw wrongBytes(candidate.path, { source, actual });
  } catch (error) {
    throw explainDiskFull(error, file);
  } finally {
    await rm(file, { force: true });
  }
}

async function whyUnreadable(
  file: string,
  most: number,
): Promise<{ readonly why: string; readonly file?: FileFault } | undefined> {
  try {
    const status = await stat(file);
    if (!status.isFile()) return { why: 'not a file', file: 'absent' };
    return status.size > most ? { why: `it is larger than ${most} bytes`, file: 'too-large' } : undefined;
  } catch (error) {
    if (isErrnoException(error, 'ENOENT') || isErrnoException(error, 'ENOTDIR'))
      return { why: 'not found', file: 'absent' };
    if (isErrnoException(error)) return { why: error.message };
    throw error;
  }
}

/** Holds a lock, so that two processes do not write one partial file; the second finds the content in the store. */
async function downloadIn(
  { url, archive }: Extract<Candidate, { kind: 'url' }>,
  obtaining: Obtaining,
): Promise<Obtained> {
  const { store, signal, network } = obtaining.context;
  if (network === undefined) throw new TypeError('download without a network');
  const partial = path.join(store.temporary, `${archive.sha256}.part`);
  const download = async (): Promise<Obtained> => {
    const content = await store.findVerified(archive.sha256);
    if (content !== undefined) return { content, archive };
    const { onProgress, onRetry, most } = obtaining;
    const { sha256, resumed } = await network.http.download(url, {
      file: partial,
      most,
      signal,
      onProgress,
      onRetry,
    });
    const actual = archiveOf(obtaining.source, sha256);
    if (actual !== undefined) return { content: await store.adopt(partial, sha256), archive: actual };
    await rm(partial, { force: true });
    // A partial file of an interrupted run may itself be damaged: only a complete download proves that the server is
    // wrong.
    if (resumed) return download();
    throw wrongBytes(redactUrl(url), { source: obtaining.source, actual: sha256 });
  };
  try {
    return await withLock(`${partial}.lock`, download, { signal });
  } catch (error) {
    if (!(error instanceof KsbundleError) || error.facts.code !== 'KSB_HTTP_FAILED') throw error;
    return { where: redactUrl(url), why: error.facts.why ?? error.message, file: fileFaultOf(error) };
  }
}

function archiveOf(source: Source, digest: Sha256): Archive | undefined {
  return source.archives.find(({ sha256 }) => sha256 === digest);
}

function wrongBytes(
  from: string,
  { source, actual }: { readonly source: Source; readonly actual: Sha256 },
): KsbundleError {
  return digestMismatch({
    what: path.posix.basename(from),
    from,
    expected: source.archives.map(({ sha256 }) => sha256),
    actual,
    hint: 'the file was changed after it was pinned, or it is another file of that name; if it is in a mirror, remove it there',
  });
}
