import { statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Verdict } from '../domain/host-check.ts';
import { formatBytes } from '../domain/quantities.ts';
import { ifThere } from '../io/if-there.ts';

export interface Place {
  /** What it is for, for example `the store`. */
  readonly name: string;
  /** Absolute path; it may not exist yet. */
  readonly directory: string;
  /** Bytes without which no build ends. */
  readonly minimum: number;
  /** Bytes with which every bundle of ksbundle's own can be built from nothing. */
  readonly ample: number;
}

/** Whether a directory's file system has space for a build. */
export async function examineSpace({ name, directory, minimum, ample }: Place): Promise<Verdict> {
  const free = await freeSpace(directory);
  const message = `${formatBytes(free)} free for ${name} (${directory})`;
  if (free >= ample) return { state: 'ok', message };
  return {
    state: free < minimum ? 'fault' : 'warning',
    message: `only ${message}`,
    why: `a build needs at least ${formatBytes(minimum)} there, and a large one that starts from nothing ${formatBytes(ample)}`,
    hint: 'free some space, for example with: ksbundle cache gc; or choose another directory with --cache or --out',
  };
}

/** Bytes that this account can still write to the file system of a path, or of its nearest parent that exists. */
async function freeSpace(directory: string): Promise<number> {
  const status = await ifThere(statfs(directory));
  if (status !== undefined) return status.bavail * status.bsize;
  return freeSpace(path.dirname(directory));
}
