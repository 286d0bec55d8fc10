import { nearest } from '../../domain/nearest.ts';
import type { Opened } from '../command.ts';
import { usageError } from '../usage-error.ts';

/** The bundle that was named, or the only one there is. */
export async function chooseBundle({ pipeline, context }: Opened, name: string | undefined): Promise<string> {
  const bundles = (await pipeline.listRecipes(context))
    .filter(({ kind }) => kind === 'bundle')
    .map((recipe) => recipe.name);
  const list =
    bundles.length === 0 ? 'there are no bundles in the recipes directory' : `bundles: ${bundles.join(', ')}`;
  if (name === undefined) {
    const [only, ...others] = bundles;
    if (only !== undefined && others.length === 0) return only;
    throw usageError('KSB_MISSING_ARGUMENT', 'which bundle?', list);
  }
  if (bundles.includes(name)) return name;
  const suggestion = nearest(name, bundles);
  throw usageError(
    'KSB_UNKNOWN_BUNDLE',
    `there is no bundle ${name}`,
    suggestion === undefined ? list : `did you mean ${suggestion}? (${list})`,
  );
}
