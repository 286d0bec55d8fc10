import path from 'node:path';
import { SERVICES_DIRECTORY } from '../domain/layout.ts';
import type {
  Bundle,
  Component,
  Layer,
  RecipeOrigin,
  ServiceRecipe,
  Tool,
  Toolchain,
} from '../domain/recipe.ts';
import type { RecipeSummary } from '../domain/results.ts';
import { exists } from '../io/files.ts';
import type { Context } from './context.ts';
import { loadRecipeSet } from './recipes.ts';

/** All recipes and services: bundles, then services, components and tools, each by name. */
export async function listRecipes(context: Context): Promise<readonly RecipeSummary[]> {
  const { layers, bundles, services, components, toolchain, tools } = await loadRecipeSet(context);
  const groups = [
    [...bundles.values()].map((each) => ({ ...summarize(each), family: each.family })),
    [...services.values()].map(summarizeService),
    [...components.values()].map(summarize),
    [toolchain, ...tools.values()].map(summarize),
  ];
  return Promise.all(groups.flatMap((group) => group.toSorted(byName).map((each) => place(each, layers))));
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

function summarize({ kind, name, version, license, summary, origin }: Bundle | Component | Toolchain | Tool) {
  return { kind, name, version, license, summary, origin };
}

function summarizeService({ service: { name, summary }, origin }: ServiceRecipe) {
  return { kind: 'service' as const, name, summary, origin };
}

/** Adds its layer, and whether it hides one of the same name in a lower layer. */
async function place(
  { origin, ...summary }: Omit<RecipeSummary, 'layer'> & { readonly origin: RecipeOrigin },
  layers: readonly Layer[],
): Promise<RecipeSummary> {
  const directory = path.dirname(origin.file);
  const parentIn = (layer: Layer): string =>
    summary.kind === 'service' ? path.join(layer.init, SERVICES_DIRECTORY) : layer.recipes;
  const at = layers.findIndex((layer) => parentIn(layer) === path.dirname(directory));
  const below = layers.slice(at + 1).map((layer) => path.join(parentIn(layer), path.basename(directory)));
  const hides = (await Promise.all(below.map(exists))).includes(true);
  return { ...summary, layer: layers[at]?.name ?? 'base', ...(hides ? { replaces: true } : {}) };
}
