import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, isErrnoException, KsbundleError, type Problem } from '../domain/errors.ts';
import { SERVICES_DIRECTORY } from '../domain/layout.ts';
import type { Layer } from '../domain/recipe.ts';
import { ifThere } from '../io/if-there.ts';
import { readDocuments, readServices, type ReadDocuments } from './document.ts';

/** The recipes that count, by what was read of them. */
export interface LayeredRecipes extends ReadDocuments {
  /** Where they come from, the upper one first. */
  readonly layers: readonly Layer[];
  /** Names of the base's recipes that do not count, because the project has a toolchain of its own. */
  readonly leftOut: readonly string[];
}

/**
 * Reads the recipes of a project and, unless one of them is a toolchain, those of `base` below: what has a toolchain is complete.
 * Throws `KSB_RECIPES_MISSING` for a directory of recipes that is not there.
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

/** A directory hides that of the same name below. */
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

/** A problem for each part of the installer in a layer that is not the lowest, whose installer ships. */
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
        message: `the installer that ships is that of ksbundle; of a project's init/, only ${SERVICES_DIRECTORY}/ does`,
        place: { file: path.join(layer.init, name) },
        hint: 'remove it',
      })),
  );
  return (await Promise.all(found)).flat();
}
