import { rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, isErrnoException, KsbundleError } from '../../domain/errors.ts';
import type { Confinement } from '../confinement.ts';
import { explainDiskFull } from '../disk.ts';
import { withTemporaryDirectory } from '../files.ts';
import { decompress } from './decompress.ts';
import { collectContent, damagedArchive, hostileArchive, type VisitEntry } from './entry.ts';
import { detectFormat } from './format.ts';
import { DEFAULT_LIMITS, guardArchive, type ArchiveLimits } from './guard.ts';
import { readTar } from './tar-reader.ts';
import { createTreeWriter } from './tree-writer.ts';
import { readZip } from './zip-reader.ts';

interface VisitOptions {
  /** Name of the archive in errors; by default, its file name (in the store, that is a digest). */
  readonly name?: string;
  readonly signal?: AbortSignal | undefined;
  readonly limits?: ArchiveLimits;
  /** Confinement of the host's xz and bzip2. Without it, archives that need them are refused. */
  readonly confinement?: Confinement;
}

export interface UnpackOptions extends VisitOptions {
  /** Number of leading path components to remove from every name; none by default. */
  readonly strip?: number;
}

/** Limit for headers, long names and padding of one entry in a tar, in bytes. */
const HEADERS_OF_ENTRY = 8192;

/**
 * Visits every entry of a tar (plain, gzip, bzip2, xz) or zip, in the archive's order. Does not check the entries: they
 * may have any name. Detects the format from the bytes. Throws `KSB_ARCHIVE_UNKNOWN`, `KSB_ARCHIVE_DAMAGED`,
 * `KSB_HOST_TOOL_MISSING`, the signal's reason, and what `visit` throws.
 */
async function visitArchive(file: string, options: VisitOptions, visit: VisitEntry): Promise<void> {
  const { name = path.basename(file), signal, limits = DEFAULT_LIMITS, confinement } = options;
  const format = await detectFormat(file, name);
  const visitUnlessAborted: VisitEntry = async (entry) => {
    signal?.throwIfAborted();
    await visit(entry);
  };
  if (format === 'zip') await readZip({ file, name, maxEntries: limits.entries }, visitUnlessAborted);
  else
    await readTar(
      bounded(decompress({ file, name, format, confinement, signal }), name, limits),
      name,
      visitUnlessAborted,
    );
}

/**
 * The content of the first entry whose name `isWanted`; undefined if there is none. Reads nothing after it, so the rest
 * of the archive may be damaged. Throws what `visitArchive` throws.
 */
export async function findContent(
  file: string,
  isWanted: (path: string) => boolean,
): Promise<Buffer | undefined> {
  const enough = new Error('the rest need not be read');
  let content: Buffer | undefined;
  const look: VisitEntry = async (entry) => {
    if (!isWanted(entry.path)) return;
    content = await collectContent(entry.content);
    throw enough;
  };
  await visitArchive(file, {}, look).catch((error: unknown) => {
    if (error !== enough) throw error;
  });
  return content;
}

/** Stops a stream of content and headers that is larger than the limits allow, wherever the excess is. */
async function* bounded(
  tar: AsyncIterable<Buffer>,
  name: string,
  limits: ArchiveLimits,
): AsyncGenerator<Buffer> {
  const most = limits.bytes + limits.entries * HEADERS_OF_ENTRY;
  let bytes = 0;
  for await (const chunk of tar) {
    bytes += chunk.length;
    if (bytes > most)
      throw hostileArchive(name, undefined, `it unpacks to more than ${most} bytes, the limit`);
    yield chunk;
  }
}

/**
 * Unpacks an archive into `destination`, which must be new or empty. Unpacks into a sibling first and then renames it,
 * so that `destination` is complete or does not exist. Modes become 0755 or 0644 by the owner's execute bit, whatever
 * the umask. Times are those of the archive, because make uses them. Links remain links.
 *
 * Refuses an archive with `KSB_ARCHIVE_HOSTILE` if it could write outside, contains devices or clashing entries, or is
 * far larger than its size suggests. Ignores bytes after the archive's end: the caller pins the archive by its digest.
 * Also throws what `visitArchive` throws, and `KSB_DISK_FULL`.
 */
export async function unpackArchive(
  file: string,
  destination: string,
  options: UnpackOptions = {},
): Promise<void> {
  const { name = path.basename(file), strip = 0, limits = DEFAULT_LIMITS } = options;
  const guard = guardArchive({ name, size: (await stat(file)).size, strip, limits });
  const parent = path.dirname(path.resolve(destination));
  try {
    await withTemporaryDirectory(parent, async (temporary) => {
      const root = path.join(temporary, 'tree');
      const writer = createTreeWriter(root, guard);
      try {
        await visitArchive(file, options, (entry) => writer.write(entry));
      } finally {
        await writer.settle();
      }
      guard.finish();
      if (!(await writer.finish())) {
        throw damagedArchive(
          name,
          `no path in it has more than the ${strip} leading components that are removed`,
        );
      }
      await rename(root, destination);
    });
  } catch (error) {
    if (isErrnoException(error, 'ENOTEMPTY') || isErrnoException(error, 'EEXIST'))
      throw occupied(destination, error);
    throw explainDiskFull(error, destination);
  }
}

function occupied(destination: string, cause: unknown): KsbundleError {
  return new KsbundleError({
    code: 'KSB_DESTINATION_OCCUPIED',
    exitCode: ExitCode.failed,
    message: `cannot unpack to ${destination}: it already exists and is not empty`,
    cause,
  });
}
