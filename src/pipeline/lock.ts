import { chmod } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { chainsTo } from '../domain/chains.ts';
import type { WheelFile } from '../domain/lock.ts';
import type { RecipeSet } from '../domain/recipe.ts';
import type { LockResult, SkippedVersion, WhyResult } from '../domain/results.ts';
import { fetchAll } from '../fetch/all.ts';
import { readAttestations } from '../fetch/attestations.ts';
import { fetchSource, wheelSource } from '../fetch/source.ts';
import { unpackArchive } from '../io/archive.ts';
import { exists } from '../io/files.ts';
import { withLock } from '../io/lock.ts';
import { requireCurrentLock, requireNewDigests } from '../lock/check.ts';
import { compareLocks } from '../lock/compare.ts';
import {
  formatLockfile,
  lockfilePath,
  readLockfile,
  readLockfileIfAny,
  writeLockfile,
} from '../lock/lockfile.ts';
import { resolveLock } from '../lock/resolve.ts';
import { whyDistribution } from '../lock/why.ts';
import { unknownName } from '../pack/why.ts';
import { buildArchitecture } from './build-architecture.ts';
import type { Context } from './context.ts';
import { componentsOf, loadBundle } from './recipes.ts';
import { loadLockedBundle } from './sources.ts';

/** Milliseconds. */
const DAY = 86_400_000;

export interface LockOptions {
  readonly check: boolean;
  /** Names to upgrade; empty for all; absent to keep the locked versions. */
  readonly upgrade?: readonly string[];
  /** Minimum age on the index, in days, of files that an upgrade may choose; 0 for any. */
  readonly minAge?: number;
  readonly dryRun: boolean;
}

/** Resolves a bundle again. Writes nothing with `check` or `dryRun`; with `check` a difference is an error. */
export async function lockBundle(context: Context, name: string, options: LockOptions): Promise<LockResult> {
  const loaded = { ...(await loadBundle(context, name)), platform: context.platform };
  const file = lockfilePath(context.lockfilesDirectory, name, context.platform);
  if (options.check) {
    requireCurrentLock(await readLockfile(file), file, loaded);
    return { lockfile: file, changes: [], rewritten: false, skipped: [], uncompared: [] };
  }
  const previous = await readLockfileIfAny(file);
  if (previous !== undefined) requireNewDigests(previous, loaded);
  const indexes = (await context.fetch.network?.pythonIndexes())?.indexes;
  const skipped: SkippedVersion[] = [];
  const uncompared: string[] = [];
  const { minAge = 0 } = options;
  const cutoff = new Date(Date.now() - minAge * DAY);
  const lockfile = await resolveLock({
    ...loaded,
    uv: {
      executable: () => prepareUv(context, loaded.set),
      cacheDirectory: path.join(context.cacheDirectory, 'uv'),
      offline: context.offline,
      ...(indexes === undefined ? {} : { indexes }),
      signal: context.signal,
    },
    workDirectory: context.store.temporary,
    fetchWheels: (wheels: readonly WheelFile[]) => fetchAll(wheels.map(wheelSource), context.fetch),
    ...(previous === undefined ? {} : { previous }),
    ...(options.upgrade === undefined ? {} : { upgrade: options.upgrade }),
    attestations: {
      read: (project) => readAttestations(project, context.fetch),
      skip: (distribution) => uncompared.push(distribution),
    },
    ...(minAge === 0 ? {} : { age: { cutoff, skip: (version) => skipped.push(version) } }),
  });
  const changes = compareLocks(previous, lockfile);
  const rewritten = previous === undefined || formatLockfile(previous) !== formatLockfile(lockfile);
  if (rewritten && !options.dryRun) await writeLockfile(file, lockfile);
  return { lockfile: file, changes, rewritten, skipped, uncompared: uncompared.toSorted() };
}

/** Returns why a component or a distribution is in a bundle; throws `KSB_NAME_UNKNOWN` if it is not. */
export async function whyName(context: Context, bundle: string, name: string): Promise<WhyResult> {
  const loaded = await loadLockedBundle(context, bundle);
  const distribution = whyDistribution(loaded.lockfile, name);
  const components = componentsOf(loaded);
  if (distribution !== undefined) {
    const kind = distribution.component === undefined ? 'wheel' : 'component';
    return {
      name: distribution.name,
      version: distribution.version,
      kind,
      chains: distribution.chains.map((chain) => [bundle, ...chain]),
    };
  }
  const component = components.find((each) => each.name === name);
  if (component !== undefined) {
    const { interpreter } = loaded.bundle.python;
    const roots = [...new Set([interpreter, ...loaded.bundle.components])];
    const requires = new Map(components.map((each) => [each.name, each.inputs]));
    const chains = chainsTo(name, { roots, requires }).map((chain) => [bundle, ...chain]);
    return { name, version: component.version, kind: 'component', chains };
  }
  const names = [...components, ...loaded.lockfile.wheels].map((each) => each.name);
  throw unknownName(name, names, { where: bundle, list: `ksbundle build ${bundle} --dry-run` });
}

/** Fetches and unpacks the pinned uv; returns its executable. */
async function prepareUv(context: Context, set: RecipeSet): Promise<string> {
  const uv = set.tools.get('uv');
  const source = uv?.sources[buildArchitecture()];
  const archive = source?.archives[0];
  if (uv === undefined || source === undefined || archive === undefined) {
    throw new KsbundleError({
      code: 'KSB_TOOL_RECIPE_MISSING',
      exitCode: ExitCode.usage,
      message: 'locking needs the tool "uv", but no recipe describes it for this machine',
      place: { file: context.recipesDirectory },
    });
  }
  const directory = path.join(context.cacheDirectory, 'tools', archive.sha256);
  const executable = path.join(directory, `uv-${uv.version}.data`, 'scripts', 'uv');
  await withLock(`${directory}.lock`, async () => {
    if (await exists(executable)) return;
    await unpackArchive((await fetchSource(source, context.fetch)).path, directory, {
      name: archive.file,
      confinement: await context.confinement(),
      signal: context.signal,
    });
    await chmod(executable, 0o755);
  });
  return executable;
}
