import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { isAbandoned, withLock } from './lock.ts';

/** A lock, or the claim to one, for the scratch directory in the first group. */
const LOCK = /^(\.ksbundle-[0-9a-f-]{36})\.lock(?:\..+)?$/u;

/**
 * Runs `work` with a new directory in `parent`, a user's directory, and removes it afterwards. First removes
 * directories of killed runs: a lock beside each shows whether its run is alive. `parent` is an absolute path; a
 * missing one is created, and removed if `work` fails. Throws `KSB_DISK_FULL`.
 */
export async function withScratchDirectory<T>(
  parent: string,
  work: (directory: string) => Promise<T>,
): Promise<T> {
  const made = await mkdir(parent, { recursive: true });
  try {
    await removeAbandoned(parent);
    const directory = path.join(parent, `.ksbundle-${randomUUID()}`);
    return await withLock(`${directory}.lock`, async () => {
      await mkdir(directory);
      try {
        return await work(directory);
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    });
  } catch (error) {
    if (made !== undefined) await removeEmpty(parent, made);
    throw error;
  }
}

/** Removes a directory and its parents up to `highest` while they are empty. */
async function removeEmpty(directory: string, highest: string): Promise<void> {
  try {
    await rmdir(directory);
  } catch {
    return;
  }
  if (directory !== highest) await removeEmpty(path.dirname(directory), highest);
}

async function removeAbandoned(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const directory = LOCK.exec(name)?.[1];
    const lock = path.join(parent, name);
    if (directory === undefined || !(await isAbandoned(lock))) continue;
    try {
      await rm(path.join(parent, directory), { recursive: true, force: true });
      await rm(lock, { force: true });
    } catch {
      // It belongs to another user: no reason to fail.
    }
  }
}
