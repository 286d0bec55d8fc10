import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, rm, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { sha256, type Sha256 } from '../domain/digest.ts';
import { isErrnoException } from '../domain/errors.ts';
import { hashBytes, writeFileAtomically } from './files.ts';

/** The downloaded part of a file. */
export interface Partial {
  /** Bytes. */
  readonly size: number;
  /** The server's ETag or date for the version of these bytes. */
  readonly validator: string;
}

/** A note beside the partial file; only a digest of the URL, which may contain credentials. */
const noteOf = (file: string): string => `${file}.json`;

/** The part that an earlier download of `url` left in `file`, if it can be resumed. */
export async function readPartial(file: string, url: URL): Promise<Partial | undefined> {
  try {
    const { size } = await stat(file);
    const note = JSON.parse(await readFile(noteOf(file), 'utf8')) as { url?: unknown; validator?: unknown };
    if (size === 0 || note.url !== hashBytes(url.href) || typeof note.validator !== 'string')
      return undefined;
    return { size, validator: note.validator };
  } catch (error) {
    if (isErrnoException(error, 'ENOENT') || error instanceof SyntaxError || error instanceof TypeError)
      return undefined;
    throw error;
  }
}

/** Records the version of the bytes that are about to be written. */
export async function notePartial(file: string, url: URL, validator: string | undefined): Promise<void> {
  if (validator === undefined) await rm(noteOf(file), { force: true });
  else await writeFileAtomically(noteOf(file), JSON.stringify({ url: hashBytes(url.href), validator }));
}

/** Removes the note, so that the file cannot be resumed. */
export async function forgetPartial(file: string): Promise<void> {
  await rm(noteOf(file), { force: true });
}

export async function removePartial(file: string): Promise<void> {
  await forgetPartial(file);
  await rm(file, { force: true });
}

interface Writing {
  /** Bytes of the file to keep; truncates the rest. */
  readonly offset: number;
  /** Called with the size of the file after each write. */
  readonly onSize: (size: number) => void;
}

/** Writes `body` to `file` from `offset` on, durably; returns the digest and size of the whole file. */
export async function writeFrom(
  file: string,
  body: AsyncIterable<Uint8Array>,
  { offset, onSize }: Writing,
): Promise<{ readonly sha256: Sha256; readonly size: number }> {
  const hash = await hashStart(file, offset);
  const handle = await open(file, offset === 0 ? 'w' : 'r+', 0o644);
  let size = offset;
  try {
    await handle.truncate(offset);
    for await (const chunk of body) {
      hash.update(chunk);
      // A disk that becomes full takes a part of it first.
      for (let rest = chunk; rest.length > 0;) {
        const { bytesWritten } = await handle.write(rest, 0, rest.length, size);
        rest = rest.subarray(bytesWritten);
        size += bytesWritten;
      }
      onSize(size);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { sha256: sha256(hash.digest('hex')), size };
}

async function hashStart(file: string, length: number): Promise<Hash> {
  const hash = createHash('sha256');
  if (length > 0) await pipeline(createReadStream(file, { end: length - 1 }), hash, { end: false });
  return hash;
}
