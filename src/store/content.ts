import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { isSha256, type Sha256 } from '../domain/digest.ts';
import { isErrnoException } from '../domain/errors.ts';
import { digestMismatch } from '../domain/mismatch.ts';
import type { Emit } from '../domain/events.ts';
import { SOURCE_DATE_EPOCH } from '../domain/layout.ts';
import type { ContentStore, StoredContent, StoreEntry } from '../domain/store.ts';
import { explainDiskFull } from '../io/disk.ts';
import { hashFile } from '../io/files.ts';
import { writeHashed } from '../io/hashed.ts';
import { ifThere } from '../io/if-there.ts';
import { collectContent } from './collect.ts';

interface ContentContext {
  /** Directory of the build records. */
  readonly records: string;
  readonly emit: Emit;
}

/**
 * Opens the content below `root`. Stored files have one fixed modification time, which reveals a changed entry without
 * reading it; each use sets their access time, which tells collection their age.
 */
export function openContentStore(root: string, { records, emit }: ContentContext): ContentStore {
  const temporary = path.join(root, 'tmp');
  const pathOf = (digest: Sha256): string => path.join(root, 'sha256', digest.slice(0, 2), digest.slice(2));

  const removeDamaged = async (digest: Sha256): Promise<void> => {
    await rm(pathOf(digest), { recursive: true, force: true });
    emit({
      type: 'warning',
      message: `removed the damaged store entry ${digest} (${pathOf(digest)})`,
      hint: 'it will be fetched or built again when needed',
    });
  };

  /** Whether the bytes are intact; undefined without an entry. */
  const isSound = async (digest: Sha256): Promise<boolean | undefined> => {
    const status = await ifThere(stat(pathOf(digest)));
    if (status === undefined) return undefined;
    return status.isFile() && (await ifThere(hashFile(pathOf(digest)))) === digest;
  };

  const look = async (digest: Sha256, thorough: boolean): Promise<StoredContent | undefined> => {
    const file = pathOf(digest);
    const status = await ifThere(stat(file));
    if (status === undefined) return undefined;
    const untouched = status.isFile() && status.mtimeMs === SOURCE_DATE_EPOCH * 1000;
    if ((!untouched || thorough) && (await isSound(digest)) !== true) {
      await removeDamaged(digest);
      return undefined;
    }
    await markUsed(file);
    return { sha256: digest, path: file, size: status.size };
  };

  const adopt = async (file: string, digest: Sha256): Promise<StoredContent> => {
    const target = pathOf(digest);
    await chmod(file, 0o444);
    await markUsed(file);
    try {
      await mkdir(path.dirname(target), { recursive: true });
      await rename(file, target);
    } catch (error) {
      throw explainDiskFull(error, target);
    }
    return { sha256: digest, path: target, size: (await stat(target)).size };
  };

  const add = async (content: AsyncIterable<Uint8Array>, expected?: Sha256): Promise<StoredContent> => {
    const file = path.join(temporary, `${randomUUID()}.tmp`);
    try {
      const actual = await writeHashed(file, content);
      if (expected !== undefined && actual !== expected)
        throw digestMismatch({ what: 'content for the store', expected: [expected], actual });
      return await adopt(file, actual);
    } catch (error) {
      await rm(file, { force: true });
      throw explainDiskFull(error, file);
    }
  };

  const list = async (): Promise<StoreEntry[]> => listEntries(root, pathOf);

  return {
    root,
    temporary,
    pathOf,
    find: (digest) => look(digest, false),
    findVerified: (digest) => look(digest, true),
    add,
    addFile: (file, expected) => add(createReadStream(file, { highWaterMark: 1 << 20 }), expected),
    adopt,
    list,
    async totals() {
      const entries = await list();
      return { entries: entries.length, bytes: entries.reduce((sum, entry) => sum + entry.size, 0) };
    },
    async verifyAll(signal) {
      const damaged: Sha256[] = [];
      for (const { sha256 } of await list()) {
        signal?.throwIfAborted();
        if ((await isSound(sha256)) !== false) continue;
        await removeDamaged(sha256);
        damaged.push(sha256);
      }
      return damaged;
    },
    collect: async (options) => collectContent({ entries: await list(), temporary, records }, options),
  };
}

async function listEntries(root: string, pathOf: (digest: Sha256) => string): Promise<StoreEntry[]> {
  const entries: StoreEntry[] = [];
  const prefixes = (await readdir(path.join(root, 'sha256'))).sort();
  for (const prefix of prefixes) {
    for (const rest of (await readdir(path.join(root, 'sha256', prefix))).sort()) {
      const digest = prefix + rest;
      if (!isSha256(digest)) continue;
      const file = pathOf(digest);
      const status = await ifThere(stat(file));
      if (status !== undefined)
        entries.push({ sha256: digest, path: file, size: status.size, lastUsed: status.atime });
    }
  }
  return entries;
}

/** Sets the access time to now; not permitted in a store of another user. */
async function markUsed(file: string): Promise<void> {
  try {
    await utimes(file, new Date(), SOURCE_DATE_EPOCH);
  } catch (error) {
    if (!['ENOENT', 'EPERM', 'EACCES', 'EROFS'].some((code) => isErrnoException(error, code))) throw error;
  }
}
