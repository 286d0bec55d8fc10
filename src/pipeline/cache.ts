import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { CacheEntry, CacheGcResult, CacheVerifyResult } from '../domain/results.ts';
import { removeTree } from '../io/files.ts';
import { ifThere } from '../io/if-there.ts';
import type { Context } from './context.ts';

/** Milliseconds to keep unused content. */
const KEEP = 30 * 24 * 60 * 60 * 1000;

/** Milliseconds to keep the work directory of a failed build for inspection. */
const KEEP_WORK = 24 * 60 * 60 * 1000;

/** The contents of the store; build records distinguish artifacts from sources. */
export async function listCache({ store }: Context): Promise<readonly CacheEntry[]> {
  const artifacts = new Map(
    (await store.builds.list()).map(({ artifact, component, version }) => [
      artifact,
      `${component} ${version}`,
    ]),
  );
  return (await store.list()).map(({ sha256, size }) => ({
    kind: artifacts.has(sha256) ? 'artifact' : 'source',
    name: artifacts.get(sha256) ?? '',
    sha256,
    size,
  }));
}

/** Hashes everything in the store, and removes damaged entries, which are created again when needed. */
export async function verifyCache({ store, signal }: Context): Promise<CacheVerifyResult> {
  const { entries } = await store.totals();
  return { checked: entries, damaged: await store.verifyAll(signal) };
}

/** Removes content unused for thirty days, and remains of failed builds. */
export async function collectCache(
  { store, cacheDirectory }: Context,
  options: { readonly dryRun: boolean },
): Promise<CacheGcResult> {
  const { content } = await store.collect({ olderThan: KEEP, dryRun: options.dryRun });
  if (!options.dryRun) await removeFailedBuilds(path.join(cacheDirectory, 'work'));
  return { removed: content.length, freed: content.reduce((sum, { size }) => sum + size, 0) };
}

async function removeFailedBuilds(work: string): Promise<void> {
  for (const name of (await ifThere(readdir(work))) ?? []) {
    const directory = path.join(work, name);
    const age = Date.now() - ((await ifThere(stat(directory)))?.mtimeMs ?? Date.now());
    if (age > KEEP_WORK) await removeTree(directory);
  }
}
