import type { RecipeSummary } from './results.ts';

/** The bundles that a command without a name may mean: the newest version of each, of the project if it has any. */
export function defaultBundles(recipes: readonly RecipeSummary[]): readonly string[] {
  const all = recipes.filter(({ kind, name, family }) => kind === 'bundle' && name === family);
  const own = all.filter(({ layer }) => layer === 'project');
  return (own.length > 0 ? own : all).map(({ name }) => name);
}
