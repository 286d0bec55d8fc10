import { chmod, copyFile as copy, mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Sha256 } from '../domain/digest.ts';
import { asTask, type TaskResult } from '../domain/events.ts';
import { recordTimeline } from '../domain/timeline.ts';
import { releaseName } from '../domain/release-name.ts';
import type { Source } from '../domain/recipe.ts';
import type { BuildResult } from '../domain/results.ts';
import { buildComponents } from '../build/build.ts';
import { planComponents, toolNode, type Artifact } from '../build/plan.ts';
import { fetchAll } from '../fetch/all.ts';
import { fetchSource, wheelSource } from '../fetch/source.ts';
import { findHostTools } from '../host/find.ts';
import { explainDiskFull } from '../io/disk.ts';
import { hashFile, writeFileAtomically } from '../io/files.ts';
import { ifThere } from '../io/if-there.ts';
import { withLock } from '../io/lock.ts';
import { placeInRecipe } from '../recipe/locate.ts';
import { provenanceFile } from '../pack/provenance.ts';
import { allSignatures, signDetached, signTarball } from '../pack/signature.ts';
import { formatTimeline, timelineFile } from '../pack/timeline.ts';
import { buildArchitecture } from './build-architecture.ts';
import type { Context } from './context.ts';
import { requireCrossForm } from './cross.ts';
import { escrowFile, writeEscrow } from './escrow.ts';
import { readSigningKeys, type SigningKeyFiles } from './keys.ts';
import { releaseKey, type StoredRelease } from './release-key.ts';
import { makeRelease, relocateTools } from './release.ts';
import { openShared, requireTaken, type SharedCacheFiles } from './shared-cache.ts';
import { componentsOf, toolsOf } from './recipes.ts';
import { loadLockedBundle, type LockedBundle } from './sources.ts';

export interface BuildOptions {
  /** Private keys to sign the tarball with. */
  readonly sign?: SigningKeyFiles | undefined;
  /** Shared build caches; without them, everything that the store lacks is compiled. */
  readonly shared?: SharedCacheFiles | undefined;
  /** Whether to write an escrow archive beside the tarball, signed with the same keys. */
  readonly withSources?: boolean | undefined;
}

/**
 * Takes or builds the missing parts of a bundle, and writes its tarball, signed if requested, to the context's `outDirectory`.
 */
export async function buildBundle(
  { emit: report, ...rest }: Context,
  name: string,
  options: BuildOptions = {},
): Promise<BuildResult> {
  const recorder = recordTimeline(report, () => performance.now());
  const { emit } = recorder;
  const context: Context = { ...rest, fetch: { ...rest.fetch, emit }, emit };
  // Fails early if a key cannot sign.
  const signingKeys = await readSigningKeys(options.sign ?? { files: [] });
  const shared = options.shared === undefined ? undefined : await openShared(context, options.shared);
  const loaded = await loadLockedBundle(context, name);
  requireCrossForm(loaded, context.platform);
  const building = buildOptions(context, loaded);
  if (shared !== undefined && options.shared?.only === true)
    requireTaken(await planComponents({ ...building, find: shared.take }), shared);
  const artifacts = await buildComponents({
    ...building,
    shared,
    prefetch: (sources) => prefetch(context, [...sources, ...loaded.lockfile.wheels.map(wheelSource)]),
    fetchSource: async (source) => (await fetchSource(source, context.fetch)).path,
    findTools: () => findHostTools({ signal: context.signal }),
    findConfinement: context.confinement,
    placeOf: ({ file }, keys) => placeInRecipe(file, keys),
    relocate: relocateTools(context),
  });
  const { reused, tarball, provenance, audit } = await findOrMakeRelease(context, loaded, artifacts);
  const target = path.join(
    context.outDirectory,
    `${releaseName(loaded.bundle, context.platform.arch)}.tar.gz`,
  );
  // Signatures of the previous tarball.
  const escrow = escrowFile(target);
  for (const stale of [target, escrow].flatMap(allSignatures)) await rm(stale, { force: true });
  await deliver(context.store.pathOf(tarball), target, tarball);
  await deliver(context.store.pathOf(provenance), provenanceFile(target), provenance);
  const tasks = recorder.tasks();
  // A build that only reused results keeps the existing timeline.
  if (tasks.some(({ outcome }) => outcome === 'done'))
    await writeFileAtomically(timelineFile(target), formatTimeline({ format: 1, tarball, tasks })).catch(
      (error: unknown) => {
        throw explainDiskFull(error, target);
      },
    );
  const signed = signingKeys.length === 0 ? undefined : await signTarball(target, signingKeys);
  if (options.withSources === true) {
    const unsigned = { tarball: context.store.pathOf(tarball), name: path.basename(target) };
    await writeEscrow(context, { loaded, ...unsigned, target: escrow });
    await signDetached(escrow, signingKeys);
  }
  return {
    tarball: target,
    ...(options.withSources === true ? { escrow } : {}),
    reused,
    ...(shared === undefined ? {} : { refused: shared.refused() }),
    audit,
    ...(signed === undefined ? {} : { signatures: signed.signatures }),
  };
}

/** The actions of a build, a line for each component and for the release; writes nothing. */
export async function planBuild(
  context: Context,
  name: string,
  options: Pick<BuildOptions, 'shared'> = {},
): Promise<readonly string[]> {
  const shared = options.shared === undefined ? undefined : await openShared(context, options.shared);
  const loaded = await loadLockedBundle(context, name);
  requireCrossForm(loaded, context.platform);
  const plans = await planComponents({ ...buildOptions(context, loaded), find: shared?.look });
  const changes = plans.some(({ state }) => state !== 'reuse');
  return [
    ...plans.map(({ title, state }) => `${state} ${title}`),
    `${changes ? 'pack' : 'pack, if it does not exist:'} ${releaseName(loaded.bundle, context.platform.arch)}.tar.gz`,
  ];
}

/** What planning and building the components of a bundle need. */
export function buildOptions(context: Context, loaded: LockedBundle) {
  const { platform, jobs, store, emit, signal } = context;
  return {
    names: [
      ...componentsOf(loaded).map(({ name }) => name),
      ...toolsOf(loaded).map(({ name }) => toolNode(name)),
    ],
    set: loaded.set,
    platform,
    buildArch: buildArchitecture(),
    jobs,
    directory: context.cacheDirectory,
    store,
    emit,
    signal,
  };
}

/** Fetches in parallel what the builds would otherwise fetch one by one. */
async function prefetch(context: Context, sources: readonly Source[]): Promise<void> {
  await fetchAll(sources, context.fetch);
}

interface Release extends StoredRelease {
  readonly reused: boolean;
}

async function findOrMakeRelease(
  context: Context,
  loaded: LockedBundle,
  artifacts: ReadonlyMap<string, Artifact>,
): Promise<Release> {
  const key = await releaseKey(context, loaded, artifacts);
  const found = await key.read();
  if (found !== undefined) return { reused: true, ...found };
  const task = {
    task: `pack:${loaded.bundle.name}`,
    title: releaseName(loaded.bundle, context.platform.arch),
  };
  const make = async (): Promise<TaskResult<Release>> => {
    const madeMeanwhile = await key.read();
    if (madeMeanwhile !== undefined) return { outcome: 'reused', value: { reused: true, ...madeMeanwhile } };
    const made = await makeRelease(context, loaded, artifacts);
    await key.write(made);
    const { tarball, provenance, audit } = made;
    return {
      outcome: 'done',
      value: { reused: false, tarball: tarball.sha256, provenance: provenance.sha256, audit },
    };
  };
  const lock = path.join(context.cacheDirectory, 'locks', key.digest);
  return asTask(context, task, () => withLock(lock, make, { signal: context.signal }));
}

/** Copies a file to the output directory, unless it already has the same bytes. */
async function deliver(from: string, to: string, digest: Sha256): Promise<void> {
  if ((await ifThere(hashFile(to))) === digest) return;
  const temporary = `${to}.${process.pid}.tmp`;
  try {
    await mkdir(path.dirname(to), { recursive: true });
    await copy(from, temporary);
    await chmod(temporary, 0o644);
    await rename(temporary, to);
  } catch (error) {
    throw explainDiskFull(error, to);
  } finally {
    await rm(temporary, { force: true });
  }
}
