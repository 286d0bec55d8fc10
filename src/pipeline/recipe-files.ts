import path from 'node:path';
import { dependencyOrder } from '../domain/graph.ts';
import type { Bundle, RecipeFile, RecipeOrigin, RecipeSet } from '../domain/recipe.ts';
import { componentsOf, type LoadedBundle } from './recipes.ts';

/**
 * Everything that describes a bundle, as `<recipe>/<file>` below the recipes' directory, each once: the recipes of the
 * bundle, its components and their tools, the compiler and the prebuilt tools, with the patches and files that they name.
 * Loading only these returns the same bundle.
 */
export function recipeFiles(loaded: LoadedBundle): readonly RecipeFile[] {
  const { bundle, set } = loaded;
  const names = dependencyOrder(
    componentsOf(loaded).map(({ name }) => name),
    (name) => {
      const { inputs = [], tools = [] } = set.components.get(name) ?? {};
      return [...inputs, ...tools];
    },
  );
  const components = names.flatMap((name) => set.components.get(name) ?? []);
  const files = [
    ...describeBundles(bundle, set),
    ...[set.toolchain, ...set.tools.values()].flatMap((tool) => describe(tool.origin, tool.files)),
    ...components.flatMap((component) =>
      describe(component.origin, [...component.patches, ...component.files]),
    ),
  ];
  return [...new Map(files.map((each) => [each.file, each])).values()];
}

/** The recipes of a bundle, and of those that it extends. */
function describeBundles(bundle: Bundle, set: RecipeSet): readonly RecipeFile[] {
  const base = bundle.extends === undefined ? undefined : set.bundles.get(bundle.extends);
  return [...(base === undefined ? [] : describeBundles(base, set)), ...describeBundle(bundle, set)];
}

/** The recipe of a bundle's versions, with their constraints; another bundle's belong to its recipe. */
function describeBundle(bundle: Bundle, set: RecipeSet): readonly RecipeFile[] {
  const directory = path.dirname(bundle.origin.file);
  const versions = [...set.bundles.values()].filter(({ family }) => family === bundle.family);
  const constraints = versions.flatMap(({ python: { constraints: file, constraintsSha256: sha256 } }) =>
    file === undefined || path.dirname(file) !== directory ? [] : [{ path: file, sha256 }],
  );
  return describe(bundle.origin, constraints);
}

/** A recipe and the files beside it. */
function describe(origin: RecipeOrigin, beside: readonly Omit<RecipeFile, 'file'>[]): readonly RecipeFile[] {
  const directory = path.dirname(origin.file);
  return [{ path: origin.file, sha256: origin.sha256 }, ...beside].map((each) => ({
    path: each.path,
    sha256: each.sha256,
    file: `${path.basename(directory)}/${path.relative(directory, each.path)}`,
  }));
}
