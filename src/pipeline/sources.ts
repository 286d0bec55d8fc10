import type { Embedded, VexStatement } from '../domain/manifest.ts';
import type { Lockfile } from '../domain/lock.ts';
import type { RecipeOrigin, Source } from '../domain/recipe.ts';
import type { FetchResult } from '../domain/results.ts';
import { fetchAll } from '../fetch/all.ts';
import { writeMirror } from '../fetch/mirror.ts';
import { wheelSource } from '../fetch/source.ts';
import { hashFile } from '../io/files.ts';
import { requireCurrentLock } from '../lock/check.ts';
import { lockfilePath, readLockfile } from '../lock/lockfile.ts';
import { buildArchitecture } from './build-architecture.ts';
import type { Context } from './context.ts';
import { declaredEmbeds } from './embeds.ts';
import { collectStatements } from './statements.ts';
import { componentsOf, loadBundle, toolsOf, type LoadedBundle } from './recipes.ts';
import { requireLicensedWheels } from './wheel-licenses.ts';

/** A bundle with a lockfile that matches its recipes. */
export interface LockedBundle extends LoadedBundle {
  readonly lockfile: Lockfile;
  readonly lockOrigin: RecipeOrigin;
  /** Statements of the recipes about vulnerabilities in the bundle. */
  readonly statements: readonly VexStatement[];
  /** Contents of components and wheels that recipes declare. */
  readonly embeds: readonly Embedded[];
}

/**
 * Loads recipes and lockfile; throws `KSB_LOCK_STALE` if they differ, `KSB_VEX_UNKNOWN`, `KSB_EMBEDS_UNKNOWN`,
 * `KSB_LICENSE_UNKNOWN`, or what reading them throws.
 */
export async function loadLockedBundle(context: Context, name: string): Promise<LockedBundle> {
  const loaded = await loadBundle(context, name);
  const file = lockfilePath(context.lockfilesDirectory, name, context.platform);
  const lockfile = await readLockfile(file);
  requireCurrentLock(lockfile, file, { ...loaded, platform: context.platform });
  requireLicensedWheels(loaded.bundle, lockfile);
  const components = componentsOf(loaded);
  const contents = { bundle: loaded.bundle, components, lockfile };
  const statements = collectStatements(contents);
  const embeds = declaredEmbeds(contents);
  return { ...loaded, lockfile, lockOrigin: { file, sha256: await hashFile(file) }, statements, embeds };
}

/** Everything that building a bundle reads: components' sources, the compiler for this machine, wheels. */
export function allSources(loaded: LockedBundle): readonly Source[] {
  const { set, lockfile } = loaded;
  return [
    set.toolchain.sources[buildArchitecture()],
    ...[...componentsOf(loaded), ...toolsOf(loaded)].flatMap(({ sources }) => sources),
    ...lockfile.wheels.map(wheelSource),
  ].filter((source) => source !== undefined);
}

interface FetchOptions {
  /** Returns the files missing in the store, and fetches nothing. */
  readonly dryRun: boolean;
}

/** Fetches everything that the build needs into the store. */
export async function fetchBundle(
  context: Context,
  name: string,
  { dryRun }: FetchOptions,
): Promise<FetchResult> {
  const sources = allSources(await loadLockedBundle(context, name));
  if (dryRun) return { files: await missingFiles(context, sources) };
  const files = await fetchAll(sources, context.fetch);
  return sorted(files.map(({ file, sha256, size }) => ({ file, sha256, size })));
}

/** Writes everything that the build needs into a directory that another machine can build from. */
export async function mirrorBundle(
  context: Context,
  name: string,
  options: FetchOptions & { readonly directory: string },
): Promise<FetchResult> {
  const sources = allSources(await loadLockedBundle(context, name));
  if (options.dryRun) return { files: await missingFiles(context, sources) };
  const files = await writeMirror(options.directory, sources, context.fetch);
  return sorted(files.map(({ name: file, sha256, size }) => ({ file, sha256, size })));
}

function sorted(files: FetchResult['files']): FetchResult {
  return {
    files: [...new Map(files.map((file) => [file.file, file])).values()].sort((a, b) =>
      a.file < b.file ? -1 : 1,
    ),
  };
}

/** The first archive of each source that is not in the store; its size is unknown until it is fetched. */
async function missingFiles({ store }: Context, sources: readonly Source[]): Promise<FetchResult['files']> {
  const files = await Promise.all(
    sources.map(async ({ archives }) => {
      const found = await Promise.all(archives.map(({ sha256 }) => store.find(sha256)));
      const [first] = archives;
      return first === undefined || found.some((content) => content !== undefined)
        ? []
        : [{ file: first.file, sha256: first.sha256, size: 0 }];
    }),
  );
  return sorted(files.flat()).files;
}
