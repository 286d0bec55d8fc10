import type { BuildOptions } from '../../pipeline/build.ts';
import type { Call } from '../command.ts';
import { usageError } from '../usage-error.ts';

/** The shared build caches that a call names; undefined if it names none. Throws `KSB_MISSING_ARGUMENT` without a key. */
export function sharedCachesOf({ flags, settings }: Call): BuildOptions['shared'] {
  const { cacheFrom: from, cacheKeys: keys } = settings;
  const only = flags['cache-only'] === true;
  if (from.length === 0 && !only) return undefined;
  if (from.length > 0 && keys.length === 0)
    throw usageError(
      'KSB_MISSING_ARGUMENT',
      '--cache-from needs --cache-key KEY: without a key, nothing proves what a build cache has',
      'get the public key from whoever exports to that cache, not from the cache itself',
    );
  return { from, keys, only };
}
