import { defaultBundles } from '../../domain/default-bundles.ts';
import type { RecipeSummary } from '../../domain/results.ts';
import type { Opened } from '../command.ts';
import { usageError } from '../usage-error.ts';

/**
 * The named bundle, whether it exists or not; otherwise the newest version of the only bundle: of the project's
 * bundles, if it has any.
 */
export async function chooseBundle(opened: Opened, name: string | undefined): Promise<string> {
  if (name !== undefined) return name;
  const bundles = defaultBundles(await listBundles(opened));
  const [only, ...others] = bundles;
  if (only !== undefined && others.length === 0) return only;
  throw usageError(
    'KSB_MISSING_ARGUMENT',
    'which bundle?',
    only === undefined ? 'the recipes directory contains none' : `bundles: ${bundles.join(', ')}`,
  );
}

export async function bundleNames(opened: Opened): Promise<readonly string[]> {
  return (await listBundles(opened)).map(({ name }) => name);
}

async function listBundles({ pipeline, context }: Opened): Promise<readonly RecipeSummary[]> {
  return (await pipeline.listRecipes(context)).filter(({ kind }) => kind === 'bundle');
}
