import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Sha256 } from '../domain/digest.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { asTask, type Emit } from '../domain/events.ts';
import { dependencyOrder, transitiveDependencies } from '../domain/graph.ts';
import type { Architecture, Platform } from '../domain/platform.ts';
import type { Component, RecipeSet, Source, Toolchain } from '../domain/recipe.ts';
import type { BuildRecord, Store } from '../domain/store.ts';
import { withLock } from '../io/lock.ts';
import { hashFile } from '../io/files.ts';
import { buildComponent } from './component.ts';
import { findNetworkIsolation } from './isolation.ts';
import { buildKey, toolchainKey } from './key.ts';
import { createSlots, criticalPaths, runGraph } from './schedule.ts';
import { prepareToolchain } from './toolchain.ts';
import { linkTools, type Tool } from './tools.ts';

export interface BuildOptions {
  /** Components to build; their inputs are built too. */
  readonly names: readonly string[];
  readonly set: RecipeSet;
  readonly platform: Platform;
  readonly buildArch: Architecture;
  /** Components built side by side, and processes that each of their steps may use. */
  readonly jobs: number;
  /** Directory for toolchains and work in progress. */
  readonly directory: string;
  readonly store: Store;
  /** Path of a source's archive; called only for what is built. */
  readonly fetchSource: (source: Source) => Promise<string>;
  /** The host's tools; called only if something is built. */
  readonly findTools: () => Promise<readonly Tool[]>;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** A component's result. */
export interface Artifact {
  readonly component: string;
  readonly sha256: Sha256;
  /** Absolute path of the tar in the store. */
  readonly path: string;
  /** Whether it was there already. */
  readonly reused: boolean;
  /** Milliseconds that building it took, then or now. */
  readonly time: number;
}

/** What every build of one run shares, made when the first needs it. */
interface Workshop {
  readonly toolchain: string;
  readonly tools: string;
  readonly isolation: readonly string[];
}

/** Builds the components that the store does not have, side by side as the graph allows; results by name. */
export async function buildComponents(options: BuildOptions): Promise<ReadonlyMap<string, Artifact>> {
  const { set } = options;
  const inputsOf = (name: string): readonly string[] => set.components.get(name)?.inputs ?? [];
  const order = dependencyOrder(options.names, inputsOf);
  const times = await options.store.times.read();
  const weights = criticalPaths(order, inputsOf, await estimateTimes(order, options, times));
  const slots = createSlots(options.jobs);
  const artifacts = new Map<string, Artifact>();
  const workshop = once(() => openWorkshop(options));

  const work = async (name: string, signal: AbortSignal): Promise<Artifact> => {
    const component = componentOf(set, name);
    const inputs = transitiveDependencies(name, inputsOf).flatMap((input) => artifacts.get(input) ?? []);
    const key = buildKey({
      component,
      platform: options.platform,
      toolchain: toolchainKey(set.toolchain, options.buildArch),
      inputs: new Map(inputs.map((input) => [input.component, input.sha256])),
    });
    const found = await options.store.builds.read(key);
    const artifact =
      found === undefined
        ? await slots.run(weights.get(name) ?? 0, async () => {
            signal.throwIfAborted();
            const lastTime = times.get(`build:${name}`);
            const task = {
              task: `build:${name}`,
              title: `${name} ${component.version}`,
              ...(lastTime === undefined ? {} : { lastTime }),
            };
            return asTask(options.emit, task, () =>
              withLock(
                path.join(options.directory, 'locks', key),
                () => make({ key, component, inputs, workshop }, { ...options, signal }),
                { signal },
              ),
            );
          })
        : reuse(found, options.store);
    artifacts.set(name, artifact);
    return artifact;
  };
  return runGraph({ order, dependencies: inputsOf, work, signal: options.signal });
}

interface Job {
  readonly key: Sha256;
  readonly component: Component;
  readonly inputs: readonly Artifact[];
  readonly workshop: () => Promise<Workshop>;
}

async function make(
  job: Job,
  options: BuildOptions,
): Promise<{ readonly outcome: 'done' | 'reused'; readonly value: Artifact }> {
  const { store } = options;
  const { name, version } = job.component;
  const madeMeanwhile = await store.builds.read(job.key);
  if (madeMeanwhile !== undefined) return { outcome: 'reused', value: reuse(madeMeanwhile, store) };
  const { toolchain, tools, isolation } = await job.workshop();
  const start = performance.now();
  const tar = path.join(store.temporary, `${job.key}.tar`);
  await buildComponent(
    {
      component: job.component,
      platform: options.platform,
      buildArch: options.buildArch,
      jobs: options.jobs,
      work: path.join(options.directory, 'work', `${name}-${job.key.slice(0, 12)}`),
      toolchain,
      tools,
      isolation,
      inputs: job.inputs.map((input) => input.path),
      fetchSource: options.fetchSource,
      emit: options.emit,
      signal: options.signal,
    },
    tar,
  );
  const { sha256, size } = await store.adopt(tar, await hashFile(tar));
  const time = performance.now() - start;
  const record: BuildRecord = {
    key: job.key,
    artifact: sha256,
    size,
    component: name,
    version,
    time,
    created: new Date().toISOString(),
  };
  await store.builds.write(record);
  await store.times.write(new Map([[`build:${name}`, time]]));
  return { outcome: 'done', value: { ...reuse(record, store), reused: false } };
}

function reuse(record: BuildRecord, store: Store): Artifact {
  return {
    component: record.component,
    sha256: record.artifact,
    path: store.pathOf(record.artifact),
    reused: true,
    time: record.time,
  };
}

async function openWorkshop(options: BuildOptions): Promise<Workshop> {
  const { directory, set, buildArch, signal } = options;
  const found = await options.findTools();
  await mkdir(path.join(directory, 'work'), { recursive: true });
  const isolation = await findNetworkIsolation();
  if (isolation.length === 0) {
    options.emit({
      type: 'warning',
      message: 'this kernel grants no network namespace: build steps run with the network in reach',
      hint: 'everything they use is pinned all the same; enable unprivileged user namespaces to close it',
    });
  }
  const key = toolchainKey(set.toolchain, buildArch);
  const task = { task: 'build:toolchain', title: `${set.toolchain.name} ${set.toolchain.version}` };
  const toolchain = await asTask(options.emit, task, async () => ({
    outcome: 'done',
    value: await withLock(
      path.join(directory, 'locks', key),
      () =>
        prepareToolchain({
          toolchain: set.toolchain,
          key,
          platform: options.platform,
          directory: path.join(directory, 'toolchains'),
          archive: () => options.fetchSource(toolchainSource(set.toolchain, buildArch)),
          signal,
        }),
      { signal },
    ),
  }));
  return { toolchain, tools: await linkTools(path.join(directory, 'work'), found), isolation };
}

/** Milliseconds a byte of source takes to build, roughly; used only to order what has never been built here. */
const TIME_PER_BYTE = 0.003;

/** Estimates by last time, else by the size of the sources. */
async function estimateTimes(
  order: readonly string[],
  options: BuildOptions,
  times: ReadonlyMap<string, number>,
): Promise<(name: string) => number> {
  const estimates = new Map<string, number>();
  for (const name of order) {
    const packings = componentOf(options.set, name).sources.flatMap((source) => source.packings);
    const sizes = await Promise.all(packings.map(({ sha256 }) => sizeOf(options.store.pathOf(sha256))));
    estimates.set(name, times.get(`build:${name}`) ?? Math.max(0, ...sizes) * TIME_PER_BYTE);
  }
  return (name) => estimates.get(name) ?? 0;
}

async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}

function toolchainSource(toolchain: Toolchain, buildArch: Architecture): Source {
  const source = toolchain.sources[buildArch];
  if (source !== undefined) return source;
  throw new KsbundleError({
    code: 'KSB_BUILD_MACHINE_UNSUPPORTED',
    exitCode: ExitCode.failed,
    message: `${toolchain.name} has no compiler for ${buildArch} machines`,
    place: { file: toolchain.origin.file },
    hint: `build on ${Object.keys(toolchain.sources).join(' or ')}, or add [source.${buildArch}] to the recipe`,
  });
}

function componentOf(set: RecipeSet, name: string): Component {
  const component = set.components.get(name);
  if (component === undefined) throw new TypeError(`no component ${name}`);
  return component;
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
