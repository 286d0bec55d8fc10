import type { Source } from '../domain/recipe.ts';
import { exists } from '../io/files.ts';
import type { FetchContext } from './context.ts';
import { isInMirrors } from './mirrors.ts';

/** The sources that are neither in the store nor, by name, in a mirror directory. Reads no contents. */
export async function missingSources(
  sources: readonly Source[],
  { store, mirrors }: Pick<FetchContext, 'store' | 'mirrors'>,
): Promise<readonly Source[]> {
  const missing: Source[] = [];
  for (const source of sources) {
    const there = await Promise.all(source.archives.map(({ sha256 }) => exists(store.pathOf(sha256))));
    if (!there.includes(true) && !(await isInMirrors(source, mirrors))) missing.push(source);
  }
  return missing;
}
