import type { Sha256 } from '../domain/digest.ts';
import { dependencyOrder, transitiveDependencies } from '../domain/graph.ts';
import type { Architecture, Platform } from '../domain/platform.ts';
import type { Component, RecipeSet } from '../domain/recipe.ts';
import type { BuildRecord, Store } from '../domain/store.ts';
import { buildKey, toolchainKey } from './key.ts';

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
}

/** `wait`: an input must be built first; only then is it known whether the component changes. */
export interface ComponentPlan {
  readonly component: string;
  readonly state: 'reuse' | 'build' | 'wait';
}

/** The build graph of a target. */
export interface Graph {
  /** Names of all components, dependencies first. */
  readonly order: readonly string[];
  readonly inputsOf: (name: string) => readonly string[];
  readonly componentOf: (name: string) => Component;
  /** Artifacts of the direct and indirect inputs that exist. */
  readonly inputArtifacts: (name: string, artifacts: ReadonlyMap<string, Artifact>) => readonly Artifact[];
  /** Key of a component; `artifacts` must contain all of its inputs. */
  readonly keyOf: (name: string, artifacts: ReadonlyMap<string, Artifact>) => Sha256;
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
    keyOf: (name, artifacts) =>
      buildKey({
        component: componentOf(name),
        platform,
        toolchain,
        inputs: new Map(inputArtifacts(name, artifacts).map((input) => [input.component, input.sha256])),
      }),
  };
}

/** Returns for each component, dependencies first, whether the store has it; writes nothing. */
export async function planComponents(target: BuildTarget): Promise<readonly ComponentPlan[]> {
  const graph = buildGraph(target);
  const artifacts = new Map<string, Artifact>();
  const plans: ComponentPlan[] = [];
  for (const component of graph.order) {
    if (!graph.inputsOf(component).every((input) => artifacts.has(input))) {
      plans.push({ component, state: 'wait' });
      continue;
    }
    const record = await target.store.builds.read(graph.keyOf(component, artifacts));
    if (record !== undefined) artifacts.set(component, reusedArtifact(record, target.store));
    plans.push({ component, state: record === undefined ? 'build' : 'reuse' });
  }
  return plans;
}

export function reusedArtifact(record: BuildRecord, store: Store): Artifact {
  return {
    component: record.component,
    sha256: record.artifact,
    path: store.pathOf(record.artifact),
    reused: true,
    time: record.time,
  };
}
