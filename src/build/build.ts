import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Sha256 } from '../domain/digest.ts';
import { asTask, type Emit } from '../domain/events.ts';
import type { Source } from '../domain/recipe.ts';
import type { BuildRecord } from '../domain/store.ts';
import type { Confinement } from '../io/confinement.ts';
import { explainDiskFull } from '../io/disk.ts';
import { hashFile } from '../io/files.ts';
import { ifThere } from '../io/if-there.ts';
import { withLock } from '../io/lock.ts';
import { buildComponent } from './component.ts';
import {
  buildGraph,
  planComponents,
  reusedArtifact,
  type Artifact,
  type BuildTarget,
  type Graph,
} from './plan.ts';
import { createSlots, criticalPaths, runGraph } from './schedule.ts';
import type { Tool } from './tools.ts';
import { openWorkshop, type Workshop } from './workshop.ts';

export interface BuildOptions extends BuildTarget {
  /** Components built side by side, and processes that each of their steps may use. */
  readonly jobs: number;
  /** Directory for toolchains and work in progress. */
  readonly directory: string;
  /** Brings what may be needed within reach, side by side; called only if something is built. */
  readonly prefetch: (sources: readonly Source[]) => Promise<void>;
  /** Path of a source's archive; called only for what is built. */
  readonly fetchSource: (source: Source) => Promise<string>;
  /** The host's tools; called only if something is built. */
  readonly findTools: () => Promise<readonly Tool[]>;
  /** How far steps are shut in; called only if something is built. */
  readonly findConfinement: () => Promise<Confinement>;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Builds the components that the store does not have, side by side as the graph allows; results by name. */
export async function buildComponents(options: BuildOptions): Promise<ReadonlyMap<string, Artifact>> {
  const { store } = options;
  const graph = buildGraph(options);
  const workshop = await prepare(graph, options);
  const times = await store.times.read();
  const weights = criticalPaths(graph.order, graph.inputsOf, await estimateTimes(graph, options, times));
  const slots = createSlots(options.jobs);
  const artifacts = new Map<string, Artifact>();

  const work = async (name: string, signal: AbortSignal): Promise<Artifact> => {
    const key = graph.keyOf(name, artifacts);
    const record = await store.builds.read(key);
    const job = {
      name,
      key,
      inputs: graph.inputArtifacts(name, artifacts),
      lastTime: times.get(`build:${name}`),
    };
    const artifact =
      record === undefined
        ? await slots.run(weights.get(name) ?? 0, async () => {
            signal.throwIfAborted();
            return makeArtifact(job, { ...options, signal, graph, workshop });
          })
        : reusedArtifact(record, store);
    artifacts.set(name, artifact);
    return artifact;
  };
  return runGraph({ order: graph.order, dependencies: graph.inputsOf, work, signal: options.signal });
}

/** Fetches sources and opens the workshop if anything is to be built; what is then not built after all costs little. */
async function prepare(graph: Graph, options: BuildOptions): Promise<Workshop | undefined> {
  const plans = (await planComponents(options)).filter(({ state }) => state !== 'reuse');
  if (plans.length === 0) return undefined;
  const tools = await options.findTools();
  const compiler = options.set.toolchain.sources[options.buildArch];
  const sources = plans.flatMap(({ component }) => graph.componentOf(component).sources);
  await options.prefetch(compiler === undefined ? sources : [compiler, ...sources]);
  const confinement = await options.findConfinement();
  return openWorkshop({ ...options, toolchain: options.set.toolchain, tools, confinement });
}

interface Job {
  readonly name: string;
  readonly key: Sha256;
  readonly inputs: readonly Artifact[];
  readonly lastTime: number | undefined;
}

interface JobContext extends BuildOptions {
  readonly graph: Graph;
  readonly workshop: Workshop | undefined;
}

async function makeArtifact(job: Job, context: JobContext): Promise<Artifact> {
  const { version } = context.graph.componentOf(job.name);
  const task = {
    task: `build:${job.name}`,
    title: `${job.name} ${version}`,
    ...(job.lastTime === undefined ? {} : { lastTime: job.lastTime }),
  };
  return asTask(context.emit, task, () =>
    withLock(
      path.join(context.directory, 'locks', job.key),
      async () => {
        const madeMeanwhile = await context.store.builds.read(job.key);
        return madeMeanwhile === undefined
          ? { outcome: 'done', value: await build(job, context) }
          : { outcome: 'reused', value: reusedArtifact(madeMeanwhile, context.store) };
      },
      { signal: context.signal },
    ),
  );
}

async function build(job: Job, context: JobContext): Promise<Artifact> {
  const { store, workshop } = context;
  // Records may be collected between planning and here; then this run lacks what a new one would prepare.
  if (workshop === undefined)
    throw new Error(`the artifact of ${job.name} vanished from the store while building`);
  const component = context.graph.componentOf(job.name);
  const start = performance.now();
  const tar = path.join(store.temporary, `${job.key}.tar`);
  const work = path.join(context.directory, 'work', `${job.name}-${job.key.slice(0, 12)}`);
  const inputs = job.inputs.map((input) => input.path);
  try {
    await buildComponent({ ...context, ...workshop, component, work, inputs }, tar);
  } catch (error) {
    throw explainDiskFull(error, work);
  }
  const { sha256, size } = await store.adopt(tar, await hashFile(tar));
  const time = performance.now() - start;
  const record: BuildRecord = {
    key: job.key,
    artifact: sha256,
    size,
    component: job.name,
    version: component.version,
    time,
    created: new Date().toISOString(),
  };
  await store.builds.write(record);
  await store.times.write(new Map([[`build:${job.name}`, time]]));
  return { ...reusedArtifact(record, store), reused: false };
}

/** Milliseconds a byte of source takes to build, roughly; used only to order what has never been built here. */
const TIME_PER_BYTE = 0.003;

/** Estimates by last time, else by the size of the sources. */
async function estimateTimes(
  graph: Graph,
  options: BuildOptions,
  times: ReadonlyMap<string, number>,
): Promise<(name: string) => number> {
  const estimates = new Map<string, number>();
  for (const name of graph.order) {
    const packings = graph.componentOf(name).sources.flatMap((source) => source.packings);
    const sizes = await Promise.all(
      packings.map(async ({ sha256 }) => (await ifThere(stat(options.store.pathOf(sha256))))?.size ?? 0),
    );
    estimates.set(name, times.get(`build:${name}`) ?? Math.max(0, ...sizes) * TIME_PER_BYTE);
  }
  return (name) => estimates.get(name) ?? 0;
}
