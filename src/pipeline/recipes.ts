import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { dependencyOrder } from '../domain/graph.ts';
import { nearest } from '../domain/nearest.ts';
import type { Bundle, Component, RecipeSet, Tool, Toolchain } from '../domain/recipe.ts';
import type { RecipeSummary } from '../domain/results.ts';
import { loadRecipes } from '../recipe/load.ts';
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

/** Loads all recipes of the context's project; throws what `loadRecipes` does. */
export function loadRecipeSet(context: Context): Promise<RecipeSet> {
  return loadRecipes({ recipes: context.recipesDirectory, init: context.initDirectory }, context.platform);
}

/** Loads all recipes and finds the bundle `name`; throws `KSB_BUNDLE_UNKNOWN`, or what `loadRecipes` does. */
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
      : `the bundles are: ${known.join(', ')}`,
    hint: guess === undefined ? 'list what can be built: ksbundle recipes' : `did you mean "${guess}"?`,
  });
}

/** Everything that the recipe directory offers: bundles first, then components and tools, each by name. */
export async function listRecipes(context: Context): Promise<readonly RecipeSummary[]> {
  const set = await loadRecipeSet(context);
  const byName = (a: RecipeSummary, b: RecipeSummary): number => (a.name < b.name ? -1 : 1);
  return [set.bundles.values(), set.components.values(), [set.toolchain, ...set.tools.values()]].flatMap(
    (recipes) => [...recipes].map(summarize).sort(byName),
  );
}

function summarize(recipe: Bundle | Component | Toolchain | Tool): RecipeSummary {
  const { kind, name, version, license, summary } = recipe;
  const family = recipe.kind === 'bundle' ? { family: recipe.family } : {};
  return { kind, name, ...family, version, license, summary };
}
