import { ExitCode, KsbundleError, type Place, type Problem } from './errors.ts';
import { compileGlob } from './glob.ts';
import type { Component, RecipeOrigin } from './recipe.ts';

/** Index of a glob in `ship` that matches no installed file. */
export interface IdleGlob {
  readonly component: Component;
  readonly index: number;
}

/** Keys and indexes of a value in a recipe. */
export type PlaceOf = (recipe: RecipeOrigin, keys: readonly (string | number)[]) => Promise<Place>;

/** The globs of a component that match none of its installed files. */
export function idleGlobs(component: Component, files: readonly string[]): readonly IdleGlob[] {
  return component.ship.flatMap((glob, index) =>
    files.some(compileGlob(glob)) ? [] : [{ component, index }],
  );
}

/** Throws `KSB_RECIPE_INVALID` with the place of every glob, if any. */
export async function refuseIdleGlobs(globs: readonly IdleGlob[], placeOf: PlaceOf): Promise<void> {
  if (globs.length === 0) return;
  const problems = await Promise.all(
    globs.map(async ({ component, index }): Promise<Problem> => ({
      code: 'ships-nothing',
      message: `${component.name} installs no file that ${JSON.stringify(component.ship[index])} matches`,
      place: await placeOf(component.origin, ['install', 'ship', index]),
      hint: 'check which files its steps install, then correct or remove the glob',
    })),
  );
  throw new KsbundleError({
    code: 'KSB_RECIPE_INVALID',
    exitCode: ExitCode.usage,
    message: `${problems.length} ${problems.length === 1 ? 'glob ships' : 'globs ship'} nothing`,
    problems,
  });
}
