import type { Sha256 } from '../domain/digest.ts';
import { dependencyOrder, transitiveDependencies } from '../domain/graph.ts';
import type { Architecture, Platform } from '../domain/platform.ts';
import type { Component, RecipeSet } from '../domain/recipe.ts';
import type { BuildRecord, SharedArtifacts, Store, WantedArtifact } from '../domain/store.ts';
import { buildKey, toolchainKey } from './key.ts';
import { createSlots, runGraph } from './schedule.ts';

/** The components to build, and their inputs. */
export interface BuildTarget {
  /** Nodes of the build graph to build, together with their dependencies. */
  readonly names: readonly string[];
  readonly set: RecipeSet;
  readonly platform: Platform;
  readonly buildArch: Architecture;
  readonly store: Store;
}

/** A component's result. */
export interface Artifact {
  readonly component: string;
  readonly sha256: Sha256;
  /** Absolute path of the tar in the store. */
  readonly path: string;
  /** Whether it was reused from the store. */
  readonly reused: boolean;
  /** Milliseconds that its build took, in this run or an earlier one. */
  readonly time: number;
  /** As of `BuildRecord`. */
  readonly signers?: readonly Sha256[] | undefined;
}

/**
 * `take`: another machine built it; `wait`: a dependency must be built first, and only then is it known whether the
 * component changes.
 */
export type ComponentPlan = {
  readonly node: string;
  readonly component: string;
  /** Its name and version for people. */
  readonly title: string;
} & (
  { readonly state: 'reuse' | 'take'; readonly record: BuildRecord } | { readonly state: 'build' | 'wait' }
);

const TOOL = 'tool:';

/** The node of a component that is built for the build machine, as a tool of a cross build. */
export function toolNode(component: string): string {
  return `${TOOL}${component}`;
}

type ArtifactsOf = (node: string, artifacts: ReadonlyMap<string, Artifact>) => readonly Artifact[];

/** The build graph of a target. A node is a component's name or, in a cross build, a `toolNode`. */
export interface Graph {
  /** All nodes, dependencies first. */
  readonly order: readonly string[];
  /** The nodes that are built before. */
  readonly dependencies: (node: string) => readonly string[];
  readonly isTool: (node: string) => boolean;
  readonly componentOf: (node: string) => Component;
  readonly platformOf: (node: string) => Platform;
  /** Name and version for people. */
  readonly titleOf: (node: string) => string;
  /** Artifacts of the direct and indirect inputs that exist. */
  readonly inputArtifacts: ArtifactsOf;
  /** Those of the tools that its steps run, and of the tools' inputs. */
  readonly toolArtifacts: ArtifactsOf;
  /** A component and its key; `artifacts` must contain all of its dependencies. */
  readonly wantedOf: (node: string, artifacts: ReadonlyMap<string, Artifact>) => WantedArtifact;
}

export function buildGraph(target: BuildTarget): Graph {
  const { set, platform, buildArch } = target;
  const toolchain = toolchainKey(set.toolchain, buildArch);
  const isTool = (node: string): boolean => node.startsWith(TOOL);
  const componentOf = (node: string): Component => {
    const name = isTool(node) ? node.slice(TOOL.length) : node;
    const component = (isTool(node) ? set.native : set.components).get(name);
    if (component === undefined) throw new TypeError(`no component ${name}`);
    return component;
  };
  const platformOf = (node: string): Platform => (isTool(node) ? { ...platform, arch: buildArch } : platform);
  const inputsOf = (node: string): readonly string[] =>
    isTool(node) ? componentOf(node).inputs.map(toolNode) : componentOf(node).inputs;
  const toolsOf = (node: string): readonly string[] =>
    platform.arch === buildArch || isTool(node) ? [] : componentOf(node).tools.map(toolNode);
  const dependencies = (node: string): readonly string[] => [...inputsOf(node), ...toolsOf(node)];
  const inputNodes = (node: string): readonly string[] => transitiveDependencies(node, inputsOf);
  const toolNodes = (node: string): readonly string[] => dependencyOrder(toolsOf(node), inputsOf);
  return {
    order: dependencyOrder(target.names, dependencies),
    dependencies,
    isTool,
    componentOf,
    platformOf,
    titleOf: (node) => {
      const { name, version } = componentOf(node);
      return `${name} ${version}${isTool(node) ? ` for ${buildArch}, as a tool` : ''}`;
    },
    inputArtifacts: (node, artifacts) => inputNodes(node).flatMap((input) => artifacts.get(input) ?? []),
    toolArtifacts: (node, artifacts) => toolNodes(node).flatMap((tool) => artifacts.get(tool) ?? []),
    wantedOf: (node, artifacts) => {
      const component = componentOf(node);
      const inputs = new Map(
        [...inputNodes(node), ...toolNodes(node)].flatMap((name) => {
          const artifact = artifacts.get(name);
          return artifact === undefined ? [] : [[isTool(node) ? artifact.component : name, artifact.sha256]];
        }),
      );
      const key = buildKey({ component, platform: platformOf(node), toolchain, inputs });
      return { key, component: component.name, version: component.version };
    },
  };
}

export interface PlanOptions extends BuildTarget {
  /** Finds the artifacts that the store lacks. */
  readonly find?: SharedArtifacts['look'] | undefined;
  readonly signal: AbortSignal;
}

/** Artifacts looked for at the same time outside the store. */
const AT_A_TIME = 4;

/** Returns for each node of the build graph, dependencies first, whether the store has it, or `find` finds it. */
export async function planComponents(options: PlanOptions): Promise<readonly ComponentPlan[]> {
  const { store, find, signal } = options;
  const graph = buildGraph(options);
  const artifacts = new Map<string, Artifact>();
  const slots = createSlots(AT_A_TIME);
  const work = async (node: string): Promise<ComponentPlan> => {
    const plan = { node, component: graph.componentOf(node).name, title: graph.titleOf(node) };
    if (!graph.dependencies(node).every((input) => artifacts.has(input))) return { ...plan, state: 'wait' };
    const wanted = graph.wantedOf(node, artifacts);
    const own = await store.builds.read(wanted.key);
    const record = own ?? (find === undefined ? undefined : await slots.run(0, () => find(wanted)));
    if (record === undefined) return { ...plan, state: 'build' };
    artifacts.set(node, reusedArtifact(record, store));
    return { ...plan, state: own === undefined ? 'take' : 'reuse', record };
  };
  const plans = await runGraph({ order: graph.order, dependencies: graph.dependencies, work, signal });
  return graph.order.flatMap((node) => plans.get(node) ?? []);
}

export function reusedArtifact(record: BuildRecord, store: Store): Artifact {
  return {
    component: record.component,
    sha256: record.artifact,
    path: store.pathOf(record.artifact),
    reused: true,
    time: record.time,
    ...(record.signers === undefined ? {} : { signers: record.signers }),
  };
}
