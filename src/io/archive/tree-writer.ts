import { chmod, copyFile, mkdir, open, stat, symlink, utimes } from 'node:fs/promises';
import path from 'node:path';
import { collectContent, type ArchiveEntry } from './entry.ts';
import type { Admitted, ArchiveGuard } from './guard.ts';

/** Content up to this size is read whole, and written while the next entries are read. */
const SMALL = 1 << 20;
const WRITES_AT_ONCE = 16;

/** Writes entries below a new directory; the guard checks each one first. */
export interface TreeWriter {
  write(entry: ArchiveEntry): Promise<void>;
  /** Waits for pending writes, also after a failure. */
  settle(): Promise<void>;
  /** Throws the first failure of a write; sets the times of directories. Returns false if nothing was written. */
  finish(): Promise<boolean>;
}

export function createTreeWriter(root: string, guard: ArchiveGuard): TreeWriter {
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
    // chmod, because the umask restricts the mode that mkdir gets.
    await chmod(directory, 0o755);
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
