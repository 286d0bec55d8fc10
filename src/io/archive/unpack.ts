import { copyFile, mkdir, open, rename, stat, symlink, utimes } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, isErrnoException, KsbundleError } from '../../domain/errors.ts';
import { explainDiskFull } from '../disk.ts';
import { withTemporaryDirectory } from '../files.ts';
import { decompress } from './decompress.ts';
import { collectContent, damagedArchive, type ArchiveEntry, type VisitEntry } from './entry.ts';
import { detectFormat } from './format.ts';
import {
  DEFAULT_LIMITS,
  guardArchive,
  type Admitted,
  type ArchiveGuard,
  type ArchiveLimits,
} from './guard.ts';
import { readTar } from './tar-reader.ts';
import { readZip } from './zip-reader.ts';

export interface VisitOptions {
  /** What errors call the archive; its file name unless told (in the store that is a digest). */
  readonly name?: string;
  readonly signal?: AbortSignal | undefined;
  readonly limits?: ArchiveLimits;
}

export interface UnpackOptions extends VisitOptions {
  /** Leading path components that are taken off every name; none unless told. */
  readonly strip?: number;
}

/** Content up to this size is read whole and written beside the next entries. */
const SMALL = 1 << 20;
const WRITES_AT_ONCE = 16;

/**
 * Visits every entry of a tar (plain, gzip, bzip2, xz) or zip, in the archive's order, unchecked: names may be
 * anything. The format is told by the bytes. Throws `KSB_ARCHIVE_UNKNOWN`, `KSB_ARCHIVE_DAMAGED`,
 * `KSB_HOST_TOOL_MISSING`, the signal's reason, and what `visit` throws.
 */
export async function visitArchive(file: string, options: VisitOptions, visit: VisitEntry): Promise<void> {
  const { name = path.basename(file), signal, limits = DEFAULT_LIMITS } = options;
  const format = await detectFormat(file, name);
  const visitUnlessAborted: VisitEntry = async (entry) => {
    signal?.throwIfAborted();
    await visit(entry);
  };
  if (format === 'zip') await readZip({ file, name, maxEntries: limits.entries }, visitUnlessAborted);
  else await readTar(decompress({ file, name, format, signal }), name, visitUnlessAborted);
}

/**
 * Unpacks an archive into the new directory `destination` (an empty one may be there): into a sibling first, which
 * then takes its name, so that it is there whole or not at all. Modes become 0755 and 0644 by the owner's execute
 * bit, whatever the umask; times are the archive's, because make goes by them; links stay links.
 *
 * An archive that could write outside, or that holds devices, clashing entries or far more than its size
 * suggests, is refused with `KSB_ARCHIVE_HOSTILE`. Bytes after the archive's end are ignored: what is unpacked here
 * is pinned by its digest. Also throws what `visitArchive` does, and `KSB_DISK_FULL`.
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
      const writer = createWriter(root, guard);
      try {
        await visitArchive(file, options, (entry) => writer.write(entry));
      } finally {
        await writer.settle();
      }
      guard.finish();
      if (!(await writer.finish())) {
        throw damagedArchive(name, `nothing in it lies below ${strip} leading directories`);
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
    message: `cannot unpack to ${destination}: it is there already and not empty`,
    cause,
  });
}

interface TreeWriter {
  write(entry: ArchiveEntry): Promise<void>;
  /** Waits for writes that are under way, also after a failure. */
  settle(): Promise<void>;
  /** Throws the first failure of a write; sets the directories' times. False if nothing was written. */
  finish(): Promise<boolean>;
}

function createWriter(root: string, guard: ArchiveGuard): TreeWriter {
  const made = new Set<string>();
  const directoryTimes = new Map<string, Date>();
  const writes = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;

  const settle = async (): Promise<void> => {
    await Promise.all(writes);
    if (failure !== undefined) throw failure.error;
  };
  const makeDirectory = async (directory: string): Promise<void> => {
    if (made.has(directory)) return;
    if (directory !== root) await makeDirectory(path.dirname(directory));
    await mkdir(directory);
    await chmodDirectory(directory);
    made.add(directory);
  };
  const writeLater = async (file: string, entry: ArchiveEntry): Promise<void> => {
    const content = await collectContent(entry.content);
    guard.count(entry.path, content.length);
    const write: Promise<void> = writeFileContent(file, entry, [content])
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => writes.delete(write));
    writes.add(write);
    if (writes.size >= WRITES_AT_ONCE) await Promise.race(writes);
    if (failure !== undefined) throw failure.error;
  };
  const writers: Readonly<
    Record<Admitted['kind'], (file: string, entry: ArchiveEntry, target: string) => Promise<unknown>>
  > = {
    directory: async (file, entry) => {
      await makeDirectory(file);
      if (entry.mtime !== undefined) directoryTimes.set(file, entry.mtime);
    },
    file: (file, entry) =>
      entry.size <= SMALL ? writeLater(file, entry) : writeFileContent(file, entry, counted(entry, guard)),
    symlink: (file, entry) => symlink(entry.target, file),
    hardlink: async (file, entry, target) => {
      await settle();
      const original = path.join(root, target);
      guard.count(entry.path, (await stat(original)).size);
      await copyFile(original, file);
      const { mtime } = await stat(original);
      await utimes(file, mtime, mtime);
    },
  };
  return {
    async write(entry) {
      const admitted = guard.admit(entry);
      if (admitted === undefined) return;
      const file = path.join(root, admitted.path);
      await makeDirectory(path.dirname(file));
      await writers[admitted.kind](file, entry, admitted.target);
    },
    async settle() {
      await Promise.all(writes);
    },
    async finish() {
      await settle();
      for (const [directory, time] of directoryTimes) await utimes(directory, time, time);
      return made.size > 0;
    },
  };
}

async function chmodDirectory(directory: string): Promise<void> {
  const handle = await open(directory);
  await handle.chmod(0o755).finally(() => handle.close());
}

async function* counted(entry: ArchiveEntry, guard: ArchiveGuard): AsyncGenerator<Buffer> {
  for await (const chunk of entry.content) {
    guard.count(entry.path, chunk.length);
    yield chunk;
  }
}

async function writeFileContent(
  file: string,
  { mode = 0o644, mtime }: ArchiveEntry,
  content: Iterable<Buffer> | AsyncIterable<Buffer>,
): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    for await (const chunk of content) await handle.writeFile(chunk);
    await handle.chmod((mode & 0o100) === 0 ? 0o644 : 0o755);
    if (mtime !== undefined) await handle.utimes(mtime, mtime);
  } finally {
    await handle.close();
  }
}
