import path from 'node:path';
import { asTask, type Emit } from '../domain/events.ts';
import { idleGlobs, refuseIdleGlobs, type PlaceOf } from '../domain/idle-globs.ts';
import type { Source } from '../domain/recipe.ts';
import type { BuildRecord, SharedArtifacts, WantedArtifact } from '../domain/store.ts';
import type { Confinement } from '../io/confinement.ts';
import { explainDiskFull } from '../io/disk.ts';
import { hashFile } from '../io/files.ts';
import { withLock } from '../io/lock.ts';
import { buildComponent } from './component.ts';
import { equip } from './build-tools.ts';
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
import { openWorkshops, type Workshops } from './workshop.ts';

export interface ComponentsOptions extends BuildTarget {
  /** Artifacts to take instead of building them. */
  readonly shared?: SharedArtifacts | undefined;
  /** Number of components built in parallel, and of processes for each of their steps. */
  readonly jobs: number;
  /** Directory for toolchains and work in progress. */
  readonly directory: string;
  /** Fetches sources that may be needed, in parallel; called only if something is built. */
  readonly prefetch: (sources: readonly Source[]) => Promise<void>;
  /** Returns the path of a source's archive; called only for components that are built. */
  readonly fetchSource: (source: Source) => Promise<string>;
  /** The host's tools; called only if something is built. */
  readonly findTools: () => Promise<readonly Tool[]>;
  /** The confinement of steps; called only if something is built. */
  readonly findConfinement: () => Promise<Confinement>;
  readonly placeOf: PlaceOf;
  /** Makes the programs of a tree run in its place. */
  readonly relocate: (directory: string) => Promise<void>;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Milliseconds in a second, which is the unit of weights in recipes. */
const MILLISECONDS = 1000;

/**
 * Builds the components that are neither in the store nor shared, in parallel where the graph allows it. Returns
 * results by name.
 */
export async function buildComponents(options: ComponentsOptions): Promise<ReadonlyMap<string, Artifact>> {
  const { store } = options;
  const graph = buildGraph(options);
  const times = await store.times.read();
  const estimate = (name: string): number =>
    times.get(taskOf(name)) ?? graph.componentOf(name).weight * MILLISECONDS;
  const workshops = await prepare(graph, estimate, options);
  const weights = criticalPaths(graph.order, graph.dependencies, estimate);
  const slots = createSlots(options.jobs);
  const artifacts = new Map<string, Artifact>();

  const work = async (name: string, signal: AbortSignal): Promise<Artifact> => {
    const wanted = graph.wantedOf(name, artifacts);
    const record = await store.builds.read(wanted.key);
    const job = {
      node: name,
      wanted,
      inputs: graph.inputArtifacts(name, artifacts),
      tools: graph.toolArtifacts(name, artifacts),
      lastTime: times.get(taskOf(name)),
    };
    const artifact =
      record === undefined
        ? await slots.run(weights.get(name) ?? 0, async () => {
            signal.throwIfAborted();
            return makeArtifact(job, { ...options, signal, graph, workshops });
          })
        : reusedArtifact(record, store);
    artifacts.set(name, artifact);
    return artifact;
  };
  return runGraph({ order: graph.order, dependencies: graph.dependencies, work, signal: options.signal });
}

/**
 * Takes what is shared; fetches sources and opens the workshop if anything else may be built. It costs little if nothing
 * is built in the end.
 */
async function prepare(
  graph: Graph,
  estimate: (name: string) => number,
  options: ComponentsOptions,
): Promise<Workshops | undefined> {
  const plans = (await planComponents({ ...options, find: options.shared?.take })).filter(
    ({ state }) => state === 'build' || state === 'wait',
  );
  if (plans.length === 0) return undefined;
  const planned = plans.map(({ node }) => ({ task: taskOf(node), time: estimate(node) }));
  options.emit({ type: 'tasks-planned', tasks: planned, jobs: options.jobs });
  const tools = await options.findTools();
  const compiler = options.set.toolchain.sources[options.buildArch];
  const sources = plans.flatMap(({ node }) => graph.componentOf(node).sources);
  await options.prefetch(compiler === undefined ? sources : [compiler, ...sources]);
  const confinement = await options.findConfinement();
  return openWorkshops({ ...options, toolchain: options.set.toolchain, tools, confinement });
}

interface Job {
  /** In the build graph. */
  readonly node: string;
  readonly wanted: WantedArtifact;
  readonly inputs: readonly Artifact[];
  readonly tools: readonly Artifact[];
  readonly lastTime: number | undefined;
}

interface JobContext extends ComponentsOptions {
  readonly graph: Graph;
  readonly workshops: Workshops | undefined;
}

async function makeArtifact(job: Job, context: JobContext): Promise<Artifact> {
  const { node, wanted, lastTime } = job;
  const { store, shared } = context;
  const task = {
    task: taskOf(node),
    title: context.graph.titleOf(node),
    ...(lastTime === undefined ? {} : { lastTime }),
  };
  return asTask(context, task, () =>
    withLock(
      path.join(context.directory, 'locks', wanted.key),
      async () => {
        const madeMeanwhile = (await store.builds.read(wanted.key)) ?? (await shared?.take(wanted));
        return madeMeanwhile === undefined
          ? { outcome: 'done', value: await build(job, context) }
          : { outcome: 'reused', value: reusedArtifact(madeMeanwhile, store) };
      },
      { signal: context.signal },
    ),
  );
}

async function build({ node, wanted, ...job }: Job, context: JobContext): Promise<Artifact> {
  const { key, component: name } = wanted;
  const { store, workshops, graph, emit } = context;
  // A record may have been collected since planning. This run did not prepare a build of it; a new run does.
  if (workshops === undefined)
    throw new Error(`the artifact of ${name} vanished from the store while building`);
  const component = graph.componentOf(node);
  const platform = graph.platformOf(node);
  const shop = await equip(graph.isTool(node) ? workshops.native : workshops.target, job.tools, context);
  const start = performance.now();
  const tar = path.join(store.temporary, `${key}.tar`);
  const work = path.join(context.directory, 'work', `${name}-${key.slice(0, 12)}`);
  const inputs = job.inputs.map((input) => input.path);
  const files = await buildComponent(
    {
      ...context,
      ...shop,
      component,
      platform,
      work,
      inputs,
      emit: renameTask(emit, taskOf(name), taskOf(node)),
    },
    tar,
  ).catch((error: unknown) => {
    throw explainDiskFull(error, work);
  });
  const { sha256, size } = await store.adopt(tar, await hashFile(tar));
  const time = performance.now() - start;
  const record: BuildRecord = {
    ...wanted,
    artifact: sha256,
    size,
    time,
    created: new Date().toISOString(),
  };
  await store.builds.write(record);
  await store.times.write(new Map([[taskOf(node), time]]));
  // The key does not include what ships: after the glob is corrected, the artifact is reused.
  await refuseIdleGlobs(idleGlobs(component, files), context.placeOf);
  return { ...reusedArtifact(record, store), reused: false };
}

function taskOf(node: string): string {
  return `build:${node}`;
}

/** Both builds of one component, for the target and as a tool, may run at the same time. */
function renameTask(emit: Emit, from: string, to: string): Emit {
  return (event) => emit('task' in event && event.task === from ? { ...event, task: to } : event);
}
