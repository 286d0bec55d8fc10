// Builds components of this repository's recipes with its compiled code, for tools and benchmarks.
import os from 'node:os';
import path from 'node:path';
import { buildComponents } from '../dist/build/build.js';
import { DEFAULT_PLATFORM, parsePlatform } from '../dist/domain/platform.js';
import { fetchAll } from '../dist/fetch/all.js';
import { fetchSource } from '../dist/fetch/source.js';
import { findHostTools } from '../dist/host/find.js';
import { openContext } from '../dist/pipeline/context.js';
import { loadRecipes } from '../dist/recipe/load.js';

const ROOT = path.join(import.meta.dirname, '..');

/**
 * Opens a store and loads all recipes for this machine. Returns them as `set`, what a build graph needs as `target`, and
 * `build`, which builds components by name that are missing in the store, from `set` or from a changed one, and returns
 * their artifacts by name.
 */
export async function openBuilder({ cacheDirectory, mirrors = [], offline = false, emit }) {
  const { signal } = new AbortController();
  const platform = parsePlatform(DEFAULT_PLATFORM);
  const recipes = { recipes: path.join(ROOT, 'recipes'), init: path.join(ROOT, 'init') };
  const set = await loadRecipes(recipes, platform);
  const context = await openContext({
    platform,
    jobs: os.availableParallelism(),
    offline,
    mirrors,
    cacheDirectory,
    outDirectory: cacheDirectory,
    recipesDirectory: recipes.recipes,
    lockfilesDirectory: path.join(ROOT, 'lockfiles'),
    emit,
    signal,
  });
  const target = { set, platform, buildArch: os.machine(), store: context.store };
  const build = (names, changed = set) =>
    buildComponents({
      ...target,
      set: changed,
      names,
      jobs: context.jobs,
      directory: cacheDirectory,
      prefetch: (sources) => fetchAll(sources, context.fetch),
      fetchSource: async (source) => (await fetchSource(source, context.fetch)).path,
      findTools: () => findHostTools({ signal }),
      findConfinement: context.confinement,
      placeOf: () => undefined,
      emit: context.emit,
      signal,
    });
  return { set, target, build };
}
