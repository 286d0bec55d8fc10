import { homedir } from 'node:os';
import path from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Where the store lies unless told otherwise: `$KSBUNDLE_CACHE`, else `ksbundle` below the user's cache directory as
 * the XDG base directory specification gives it (which has relative paths in its variables ignored).
 */
export function defaultStoreRoot(environment: Environment = process.env): string {
  if (isSet(environment['KSBUNDLE_CACHE'])) return path.resolve(environment['KSBUNDLE_CACHE']);
  const cache = environment['XDG_CACHE_HOME'];
  if (isSet(cache) && path.isAbsolute(cache)) return path.join(cache, 'ksbundle');
  const home = environment['HOME'];
  return path.join(isSet(home) ? home : homedir(), '.cache', 'ksbundle');
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}
