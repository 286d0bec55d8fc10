import path from 'node:path';

/**
 * The release path that an RPATH entry means for an object in the release path `directory` (`.` for the root).
 * Undefined for an entry that is not relative to `$ORIGIN` or leaves the release.
 */
export function resolveRpathEntry(directory: string, entry: string): string | undefined {
  const match = /^\$(?:ORIGIN|\{ORIGIN\})(\/.*)?$/u.exec(entry);
  if (match === null) return undefined;
  const target = path.posix.join(directory, match[1] ?? '');
  return target === '..' || target.startsWith('../') ? undefined : target.replace(/(?<=.)\/$/u, '');
}
