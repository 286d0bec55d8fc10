import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Collected, CollectOptions, StoreEntry } from '../domain/store.ts';
import { removeTree } from '../io/files.ts';
import { ifThere } from '../io/if-there.ts';
import { removeRecordsOf } from './builds.ts';

/** Milliseconds after which work in progress counts as abandoned; partial downloads can be resumed until then. */
const ABANDONED = 7 * 24 * 3600 * 1000;

interface Collectable {
  /** Sorted by digest. */
  readonly entries: readonly StoreEntry[];
  readonly temporary: string;
  readonly records: string;
}

export async function collectContent(
  { entries, temporary, records }: Collectable,
  { olderThan, keep = new Set(), dryRun = false }: CollectOptions,
): Promise<Collected> {
  const limit = Date.now() - olderThan;
  const content = entries.filter((entry) => entry.lastUsed.getTime() <= limit && !keep.has(entry.sha256));
  const artifacts = new Set(content.map((entry) => entry.sha256));
  const builds = await removeRecordsOf(records, { artifacts, dryRun });
  if (!dryRun) {
    for (const entry of content) await rm(entry.path, { force: true });
    await removeAbandoned(temporary);
  }
  return { content, builds };
}

async function removeAbandoned(temporary: string): Promise<void> {
  for (const name of await readdir(temporary)) {
    const file = path.join(temporary, name);
    const status = await ifThere(stat(file));
    if (status !== undefined && Date.now() - status.mtimeMs > ABANDONED) await removeTree(file);
  }
}
