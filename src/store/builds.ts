import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { buildRecordSchema } from '../domain/build-record.ts';
import { compareBytes } from '../domain/compare-bytes.ts';
import { isSha256, type Sha256 } from '../domain/digest.ts';
import type { Emit } from '../domain/events.ts';
import type { BuildCache, BuildRecord, ContentStore } from '../domain/store.ts';
import { explainDiskFull } from '../io/disk.ts';
import { writeFileAtomically } from '../io/files.ts';
import { ifThere } from '../io/if-there.ts';

interface BuildCacheContext {
  readonly content: Pick<ContentStore, 'find'>;
  readonly emit: Emit;
}

/** Opens the build cache with its records in `directory`. */
export function openBuildCache(directory: string, { content, emit }: BuildCacheContext): BuildCache {
  const fileOf = (key: Sha256): string => path.join(directory, `${key}.json`);

  const remove = (key: Sha256): Promise<void> => rm(fileOf(key), { force: true });

  const readSound = async (key: Sha256): Promise<BuildRecord | undefined> => {
    const record = await readRecord(fileOf(key));
    if (record === 'missing') return undefined;
    if (record !== 'damaged' && record.key === key) return record;
    await remove(key);
    emit({
      type: 'warning',
      message: `removed the damaged build record ${fileOf(key)}`,
      hint: 'the component will be built again',
    });
    return undefined;
  };

  return {
    remove,
    async read(key) {
      const record = await readSound(key);
      if (record === undefined || (await content.find(record.artifact)) !== undefined) return record;
      await remove(key);
      return undefined;
    },
    async write(record) {
      const file = fileOf(record.key);
      try {
        await writeFileAtomically(file, `${JSON.stringify(buildRecordSchema.parse(record), null, 2)}\n`);
      } catch (error) {
        throw explainDiskFull(error, file);
      }
    },
    async list() {
      const records: BuildRecord[] = [];
      for (const key of await listRecordKeys(directory)) {
        const record = await readSound(key);
        if (record !== undefined) records.push(record);
      }
      return records.sort((a, b) => compareBytes(a.component, b.component) || compareBytes(a.key, b.key));
    },
  };
}

/** Removes the records whose artifact is one of `artifacts`; returns their keys, sorted. */
export async function removeRecordsOf(
  directory: string,
  options: { readonly artifacts: ReadonlySet<Sha256>; readonly dryRun: boolean },
): Promise<Sha256[]> {
  const removed: Sha256[] = [];
  for (const key of await listRecordKeys(directory)) {
    const file = path.join(directory, `${key}.json`);
    const record = await readRecord(file);
    if (typeof record === 'string' || !options.artifacts.has(record.artifact)) continue;
    if (!options.dryRun) await rm(file, { force: true });
    removed.push(key);
  }
  return removed;
}

async function listRecordKeys(directory: string): Promise<Sha256[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.json'));
  return names
    .map((name) => name.slice(0, -'.json'.length))
    .filter(isSha256)
    .sort();
}

async function readRecord(file: string): Promise<BuildRecord | 'missing' | 'damaged'> {
  const text = await ifThere(readFile(file, 'utf8'));
  if (text === undefined) return 'missing';
  try {
    return buildRecordSchema.parse(JSON.parse(text));
  } catch {
    return 'damaged';
  }
}
