import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { CacheDistrustResult, CacheEntry, CacheGcResult, CacheVerifyResult } from '../domain/results.ts';
import { removeTree } from '../io/files.ts';
import { ifThere } from '../io/if-there.ts';
import type { Context } from './context.ts';
import { readVerifyingKeys } from './keys.ts';

/** Milliseconds to keep unused content. */
const KEEP = 30 * 24 * 60 * 60 * 1000;

/** Milliseconds to keep the work directory of a failed build for inspection. */
const KEEP_WORK = 24 * 60 * 60 * 1000;

/** The contents of the store; build records distinguish artifacts from sources. */
export async function listCache({ store }: Context): Promise<readonly CacheEntry[]> {
  const records = new Map((await store.builds.list()).map((record) => [record.artifact, record]));
  return (await store.list()).map(({ sha256, size }) => {
    const record = records.get(sha256);
    if (record === undefined) return { kind: 'source', name: '', sha256, size };
    const { component, version, signers } = record;
    const entry = { kind: 'artifact', name: `${component} ${version}`, sha256, size } as const;
    return signers === undefined ? entry : { ...entry, signers };
  });
}

/** Hashes everything in the store, and removes damaged entries, which are created again when needed. */
export async function verifyCache({ store, signal }: Context): Promise<CacheVerifyResult> {
  const { entries } = await store.totals();
  return { checked: entries, damaged: await store.verifyAll(signal) };
}

/**
 * Forgets every component that came from a shared build cache under the public key in `file`: builds take it from
 * elsewhere or compile it. Collection removes the artifacts later.
 */
export async function distrustKey({ store }: Context, file: string): Promise<CacheDistrustResult> {
  const [key] = await readVerifyingKeys([file]);
  const forgotten = (await store.builds.list()).filter(
    ({ signers }) => key !== undefined && signers?.includes(key.id) === true,
  );
  for (const record of forgotten) await store.builds.remove(record.key);
  return {
    key: key?.id ?? '',
    forgotten: forgotten.map(({ component, version, artifact }) => ({ component, version, artifact })),
  };
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
