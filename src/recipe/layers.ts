import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, isErrnoException, KsbundleError, type Problem } from '../domain/errors.ts';
import { SERVICES_DIRECTORY } from '../domain/layout.ts';
import type { Layer } from '../domain/recipe.ts';
import { ifThere } from '../io/if-there.ts';
import { readDocuments, readServices, type ReadDocuments } from './document.ts';

/** The recipes that are used, readable and not. */
export interface LayeredRecipes extends ReadDocuments {
  /** Where they come from, the upper layer first. */
  readonly layers: readonly Layer[];
  /** Names of the base's recipes that are not used, because the project has its own toolchain. */
  readonly leftOut: readonly string[];
}

/**
 * Reads the recipes of a project and, unless one of them is a toolchain, those of `base` below: a project with a
 * toolchain is complete. Throws `KSB_RECIPES_MISSING` if a directory of recipes does not exist.
 */
export async function readLayers(project: Layer, base: Layer | undefined): Promise<LayeredRecipes> {
  const upper = await readRecipes(project, 'there is no directory of recipes');
  if (base === undefined || base.recipes === project.recipes) {
    const layer = { ...project, name: base?.name ?? project.name };
    return { layers: [layer], leftOut: [], ...upper };
  }
  if (upper.documents.some(({ kind }) => kind === 'toolchain')) {
    const leftOut = (await ifThere(readdir(base.recipes))) ?? [];
    return { layers: [project], leftOut, ...upper };
  }
  const lower = await readRecipes(base, "ksbundle's own recipes are missing: there is no directory");
  return { layers: [project, base], leftOut: [], ...above(upper, lower) };
}

/** The services of all layers. */
export async function readServiceLayers(layers: readonly Layer[]): Promise<ReadDocuments> {
  const read = layers.map(({ init }) => ifThere(readServices(path.join(init, SERVICES_DIRECTORY))));
  return (await Promise.all(read)).reduceRight<ReadDocuments>(
    (lower, upper) => (upper === undefined ? lower : above(upper, lower)),
    { documents: [], unreadable: [] },
  );
}

/** A directory hides the one of the same name in a lower layer. */
function above(upper: ReadDocuments, lower: ReadDocuments): ReadDocuments {
  const hidden = new Set([...upper.documents, ...upper.unreadable].map(({ name }) => name));
  const shows = ({ name }: { readonly name: string }): boolean => !hidden.has(name);
  return {
    documents: [...upper.documents, ...lower.documents.filter(shows)],
    unreadable: [...upper.unreadable, ...lower.unreadable.filter(shows)],
  };
}

async function readRecipes({ recipes }: Layer, problem: string): Promise<ReadDocuments> {
  try {
    return await readDocuments(recipes);
  } catch (error) {
    if (!isErrnoException(error, 'ENOENT') && !isErrnoException(error, 'ENOTDIR')) throw error;
    throw new KsbundleError({
      code: 'KSB_RECIPES_MISSING',
      exitCode: ExitCode.usage,
      message: `${problem} at ${recipes}`,
      cause: error,
    });
  }
}

/** A problem for each part of the installer outside the lowest layer: only that layer's installer ships. */
export async function checkInstallers(layers: readonly Layer[]): Promise<Problem[]> {
  const list = async ({ init }: Layer): Promise<string[]> => (await ifThere(readdir(init))) ?? [];
  const lowest = layers.at(-1);
  if (lowest === undefined) return [];
  const parts = new Set((await list(lowest)).filter((name) => name !== SERVICES_DIRECTORY));
  const found = layers.slice(0, -1).map(async (layer) =>
    (await list(layer))
      .filter((name) => parts.has(name))
      .map((name) => ({
        code: 'not-a-service',
        message: `releases contain ksbundle's installer; from a project's init/, only ${SERVICES_DIRECTORY}/ is used`,
        place: { file: path.join(layer.init, name) },
        hint: 'remove it',
      })),
  );
  return (await Promise.all(found)).flat();
}
