import path from 'node:path';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { dependencyOrder } from '../domain/graph.ts';
import { nearest } from '../domain/nearest.ts';
import type { Bundle, Component, RecipeSet } from '../domain/recipe.ts';
import { packageRoot } from '../io/package-info.ts';
import { loadRecipes } from '../recipe/load.ts';
import { knownArchitecture } from './build-architecture.ts';
import type { Context } from './context.ts';

/** A bundle with the recipes it was loaded with. */
export interface LoadedBundle {
  readonly bundle: Bundle;
  readonly set: RecipeSet;
}

/** All components that a bundle needs, dependencies first. */
export function componentsOf({ bundle, set }: LoadedBundle): readonly Component[] {
  const names = dependencyOrder(
    [bundle.python.interpreter, ...bundle.components],
    (name) => set.components.get(name)?.inputs ?? [],
  );
  return names.flatMap((name) => set.components.get(name) ?? []);
}

/** The components that a cross build needs for the build machine: tools of steps, and the Python that makes byte code. */
export function toolsOf(loaded: LoadedBundle): readonly Component[] {
  const { bundle, set } = loaded;
  if (set.native === set.components) return [];
  const names = dependencyOrder(
    [bundle.python.interpreter, ...componentsOf(loaded).flatMap(({ tools }) => tools)],
    (name) => set.native.get(name)?.inputs ?? [],
  );
  return names.flatMap((name) => set.native.get(name) ?? []);
}

/** Loads all recipes of the context's project, and ksbundle's own below; throws what `loadRecipes` throws. */
export function loadRecipeSet(context: Context): Promise<RecipeSet> {
  const recipes = context.recipesDirectory;
  return loadRecipes(
    { recipes, init: initBeside(recipes), base: BASE },
    context.platform,
    knownArchitecture(),
  );
}

/** The directory of services that belongs to recipes. */
export function initBeside(recipes: string): string {
  return path.join(path.dirname(recipes), 'init');
}

/** ksbundle's own layer. */
export const BASE = { recipes: path.join(packageRoot(), 'recipes'), init: path.join(packageRoot(), 'init') };

/** The directory of the shipped installer. */
export function installerOf({ set }: LoadedBundle): string {
  return set.layers.at(-1)?.init ?? BASE.init;
}

/** Loads all recipes and finds the bundle `name`; throws `KSB_BUNDLE_UNKNOWN`, or what `loadRecipes` throws. */
export async function loadBundle(context: Context, name: string): Promise<LoadedBundle> {
  const set = await loadRecipeSet(context);
  const bundle = set.bundles.get(name);
  if (bundle !== undefined) return { bundle, set };
  const known = [...set.bundles.keys()];
  const guess = nearest(name, known);
  throw new KsbundleError({
    code: 'KSB_BUNDLE_UNKNOWN',
    exitCode: ExitCode.usage,
    message: `there is no bundle "${name}"`,
    why: set.components.has(name)
      ? `${name} is a component, which is built as part of a bundle`
      : `${context.recipesDirectory === BASE.recipes ? 'this directory is not in a project; ' : ''}the bundles are: ${known.join(', ')}`,
    hint: guess === undefined ? 'list what can be built: ksbundle recipes' : `did you mean "${guess}"?`,
  });
}
