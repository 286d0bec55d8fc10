import path from 'node:path';
import { planComponents } from '../build/plan.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { asTask } from '../domain/events.ts';
import type { CacheExportResult } from '../domain/results.ts';
import { SHARED_RECORD_TYPE } from '../domain/shared-artifact.ts';
import type { BuildRecord } from '../domain/store.ts';
import { isPlainTar } from '../io/plain-tar.ts';
import { parseEnvelope, sealEnvelope } from '../pack/envelope.ts';
import { exportArtifact, type Exported } from '../store/export.ts';
import { buildOptions } from './build.ts';
import type { Context } from './context.ts';
import { readSigningKeys, type SigningKeyFiles } from './keys.ts';
import { loadLockedBundle } from './sources.ts';

export interface CacheExportOptions {
  /** Absolute path of the shared cache. */
  readonly directory: string;
  /** Bundles whose components to export; without one, every component in the store. */
  readonly bundles: readonly string[];
  /** Private keys to sign the records with. */
  readonly sign: SigningKeyFiles;
}

/**
 * Writes artifacts of the store, with signed records, into a directory that other machines can build from. Removes
 * nothing there. Throws `KSB_ARTIFACT_MISSING` if a bundle is not built, and what reading keys and recipes throws.
 */
export async function exportCache(
  context: Context,
  { directory, bundles, sign }: CacheExportOptions,
): Promise<CacheExportResult> {
  const keys = await readSigningKeys(sign);
  const { store, signal } = context;
  const records = bundles.length === 0 ? await builtRecords(context) : await recordsOf(context, bundles);
  const exported: Exported[] = [];
  for (const record of records) {
    const { component, version, key } = record;
    const task = { task: `export:${key}`, title: `${component} ${version}` };
    const written = await asTask(context, task, async () => {
      const value = await exportArtifact(record, {
        directory,
        store,
        seal: (bytes) => sealEnvelope({ type: SHARED_RECORD_TYPE, bytes }, keys),
        peek: (text) => parseEnvelope(text)?.bytes,
        signal,
      });
      return { outcome: value?.written === true ? 'done' : 'reused', value };
    });
    if (written !== undefined) exported.push(written);
  }
  return {
    directory: path.resolve(directory),
    keys: keys.map(({ id }) => id),
    artifacts: exported.map(({ key, component, version, artifact, size, file, written }) => ({
      key,
      component,
      version,
      artifact,
      size,
      file,
      written,
    })),
  };
}

/** The records of all components in the store; it also records tarballs and what belongs to them. */
async function builtRecords({ store }: Context): Promise<readonly BuildRecord[]> {
  const records: BuildRecord[] = [];
  for (const record of await store.builds.list()) {
    const content = await store.find(record.artifact);
    if (content !== undefined && (await isPlainTar(content.path))) records.push(record);
  }
  return records;
}

async function recordsOf(context: Context, bundles: readonly string[]): Promise<readonly BuildRecord[]> {
  const records = new Map<string, BuildRecord>();
  for (const name of bundles) {
    const plans = await planComponents(buildOptions(context, await loadLockedBundle(context, name)));
    const missing = plans.filter((plan) => !('record' in plan)).map(({ component }) => component);
    if (missing.length > 0) throw notBuilt(name, missing);
    for (const plan of plans) if ('record' in plan) records.set(plan.record.key, plan.record);
  }
  return [...records.values()];
}

function notBuilt(bundle: string, missing: readonly string[]): KsbundleError {
  return new KsbundleError({
    code: 'KSB_ARTIFACT_MISSING',
    exitCode: ExitCode.failed,
    message: `${bundle} is not built here, so it cannot be exported`,
    why: `the store lacks ${missing.join(', ')}`,
    hint: `build it first: ksbundle build ${bundle}`,
  });
}
