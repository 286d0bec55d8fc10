import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { CacheEntry, CacheGcResult, CacheVerifyResult } from '../domain/results.ts';
import { removeTree } from '../io/files.ts';
import { ifThere } from '../io/if-there.ts';
import type { Context } from './context.ts';

/** How long content that nothing used stays, in milliseconds. */
const KEEP = 30 * 24 * 60 * 60 * 1000;

/** How long the work directory of a failed build stays for somebody to look, in milliseconds. */
const KEEP_WORK = 24 * 60 * 60 * 1000;

/** What the store holds; an artifact is told from a source by the record of the build that made it. */
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

/** Hashes everything in the store; what is damaged is removed and made again when it is needed. */
export async function verifyCache({ store, signal }: Context): Promise<CacheVerifyResult> {
  const { entries } = await store.totals();
  return { checked: entries, damaged: await store.verifyAll(signal) };
}

/** Removes what was not used for thirty days, and what failed builds left behind. */
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
