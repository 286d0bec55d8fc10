import path from 'node:path';
import { buildComponents } from '../../../src/build/build.ts';
import { cacheHome } from '../../../src/cli/environment.ts';
import type { Platform } from '../../../src/domain/platform.ts';
import type { RecipeSet } from '../../../src/domain/recipe.ts';
import { fetchSource } from '../../../src/fetch/source.ts';
import { findHostTools } from '../../../src/host/find.ts';
import { buildArchitecture } from '../../../src/pipeline/build-architecture.ts';
import { openContext } from '../../../src/pipeline/context.ts';
import { relocateTree } from '../../../src/relocate/tree.ts';
import { openStore } from '../../../src/store/open.ts';
import { ROOT } from './cli.ts';

/** The user's cache. */
export const base = process.env['KSBUNDLE_CACHE'] ?? path.join(cacheHome(process.env), 'ksbundle');

/**
 * Builds a component of a set of recipes with the compiler and the sources of the user's cache, and keeps the results in
 * a store below `directory`. Returns the artifact's path.
 */
export async function buildApart(
  name: string,
  options: { readonly set: RecipeSet; readonly platform: Platform; readonly directory: string },
): Promise<string> {
  const { set, platform, directory } = options;
  const { signal } = new AbortController();
  const emit = (): void => undefined;
  const context = await openContext({
    platform,
    jobs: 2,
    offline: false,
    mirrors: (process.env['KSBUNDLE_MIRROR'] ?? '').split(path.delimiter).filter((each) => each !== ''),
    cacheDirectory: base,
    outDirectory: directory,
    recipesDirectory: path.join(ROOT, 'recipes'),
    lockfilesDirectory: path.join(ROOT, 'lockfiles'),
    emit,
    signal,
  });
  const artifacts = await buildComponents({
    names: [name],
    set,
    platform,
    buildArch: buildArchitecture(),
    store: await openStore(path.join(directory, 'store'), emit),
    jobs: 2,
    directory: base,
    prefetch: async () => undefined,
    fetchSource: async (source) => (await fetchSource(source, context.fetch)).path,
    findTools: () => findHostTools({ signal }),
    findConfinement: context.confinement,
    placeOf: async ({ file }) => ({ file }),
    relocate: async (tree) => {
      await relocateTree(tree, { buildDirectories: [base] });
    },
    emit,
    signal,
  });
  const artifact = artifacts.get(name);
  if (artifact === undefined) throw new TypeError(name);
  return artifact.path;
}
