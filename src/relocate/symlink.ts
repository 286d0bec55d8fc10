import path from 'node:path';

/**
 * The relative target for a symbolic link at the release path `file` whose absolute target is below one of `roots`,
 * which all mean the release's root; undefined if the link may stay or leads elsewhere.
 */
export function relocateSymlink(file: string, target: string, roots: readonly string[]): string | undefined {
  const root = roots.find((directory) => target === directory || target.startsWith(`${directory}/`));
  if (root === undefined) return undefined;
  const inRelease = path.posix.normalize(`./${target.slice(root.length)}`);
  return path.posix.relative(path.posix.dirname(file), inRelease) || '.';
}
