import type { Opened } from '../command.ts';
import { usageError } from '../usage-error.ts';

/** The bundle that was named, whether it exists or not, or the only one there is. */
export async function chooseBundle(opened: Opened, name: string | undefined): Promise<string> {
  if (name !== undefined) return name;
  const bundles = await bundleNames(opened);
  const [only, ...others] = bundles;
  if (only !== undefined && others.length === 0) return only;
  throw usageError(
    'KSB_MISSING_ARGUMENT',
    'which bundle?',
    only === undefined ? 'the recipes directory has none' : `bundles: ${bundles.join(', ')}`,
  );
}

export async function bundleNames({ pipeline, context }: Opened): Promise<readonly string[]> {
  const recipes = await pipeline.listRecipes(context);
  return recipes.filter(({ kind }) => kind === 'bundle').map(({ name }) => name);
}
