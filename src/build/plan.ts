import type { Sha256 } from '../domain/digest.ts';
import { dependencyOrder, transitiveDependencies } from '../domain/graph.ts';
import type { Architecture, Platform } from '../domain/platform.ts';
import type { Component, RecipeSet } from '../domain/recipe.ts';
import type { BuildRecord, SharedArtifacts, Store, WantedArtifact } from '../domain/store.ts';
import { buildKey, toolchainKey } from './key.ts';
import { createSlots, runGraph } from './schedule.ts';

/** The components to build, and their inputs. */
export interface BuildTarget {
  /** Components to build, together with their inputs. */
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
 * `take`: another machine built it; `wait`: an input must be built first, and only then is it known whether the
 * component changes.
 */
export type ComponentPlan =
  | { readonly component: string; readonly state: 'reuse' | 'take'; readonly record: BuildRecord }
  | { readonly component: string; readonly state: 'build' | 'wait' };

/** The build graph of a target. */
export interface Graph {
  /** Names of all components, dependencies first. */
  readonly order: readonly string[];
  readonly inputsOf: (name: string) => readonly string[];
  readonly componentOf: (name: string) => Component;
  /** Artifacts of the direct and indirect inputs that exist. */
  readonly inputArtifacts: (name: string, artifacts: ReadonlyMap<string, Artifact>) => readonly Artifact[];
  /** A component and its key; `artifacts` must contain all of its inputs. */
  readonly wantedOf: (name: string, artifacts: ReadonlyMap<string, Artifact>) => WantedArtifact;
}

export function buildGraph(target: BuildTarget): Graph {
  const { set, platform } = target;
  const toolchain = toolchainKey(set.toolchain, target.buildArch);
  const inputsOf = (name: string): readonly string[] => set.components.get(name)?.inputs ?? [];
  const componentOf = (name: string): Component => {
    const component = set.components.get(name);
    if (component === undefined) throw new TypeError(`no component ${name}`);
    return component;
  };
  const inputArtifacts: Graph['inputArtifacts'] = (name, artifacts) =>
    transitiveDependencies(name, inputsOf).flatMap((input) => artifacts.get(input) ?? []);
  return {
    order: dependencyOrder(target.names, inputsOf),
    inputsOf,
    componentOf,
    inputArtifacts,
    wantedOf: (name, artifacts) => {
      const component = componentOf(name);
      const inputs = new Map(inputArtifacts(name, artifacts).map((input) => [input.component, input.sha256]));
      const key = buildKey({ component, platform, toolchain, inputs });
      return { key, component: name, version: component.version };
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

/** Returns for each component, dependencies first, whether the store has it, or `find` finds it. */
export async function planComponents(options: PlanOptions): Promise<readonly ComponentPlan[]> {
  const { store, find, signal } = options;
  const graph = buildGraph(options);
  const artifacts = new Map<string, Artifact>();
  const slots = createSlots(AT_A_TIME);
  const work = async (component: string): Promise<ComponentPlan> => {
    if (!graph.inputsOf(component).every((input) => artifacts.has(input)))
      return { component, state: 'wait' };
    const wanted = graph.wantedOf(component, artifacts);
    const own = await store.builds.read(wanted.key);
    const record = own ?? (find === undefined ? undefined : await slots.run(0, () => find(wanted)));
    if (record === undefined) return { component, state: 'build' };
    artifacts.set(component, reusedArtifact(record, store));
    return { component, state: own === undefined ? 'take' : 'reuse', record };
  };
  const plans = await runGraph({ order: graph.order, dependencies: graph.inputsOf, work, signal });
  return graph.order.flatMap((component) => plans.get(component) ?? []);
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
