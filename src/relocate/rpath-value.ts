import path from 'node:path';
import { LIBRARY_DIRECTORY, PLACEHOLDER_RPATH } from '../domain/layout.ts';
import { resolveRpathEntry } from '../domain/rpath.ts';

/** The RPATH from the directory of `file`, a release path, to the release's libraries. */
export function ownRpath(file: string): string {
  const relative = path.posix.relative(path.posix.dirname(file), LIBRARY_DIRECTORY);
  return relative === '' ? '$ORIGIN' : `$ORIGIN/${relative}`;
}

/**
 * The new RPATH of `file`, from its present one. Replaces the compiler wrapper's placeholder, or a missing one, with
 * the path to the release's libraries; of any other, as in prebuilt wheels, keeps the directories in the release.
 */
export function wantedRpath(file: string, current: string | undefined): string {
  if (current === undefined || current.startsWith(PLACEHOLDER_RPATH)) return ownRpath(file);
  const directory = path.posix.dirname(file);
  const staying = current.split(':').filter((entry) => resolveRpathEntry(directory, entry) !== undefined);
  return staying.length > 0 ? staying.join(':') : ownRpath(file);
}
