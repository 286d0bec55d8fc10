import path from 'node:path';
import { resolvePath } from '../release.ts';
import type { Rule } from '../rule.ts';

/** Symbolic links are relative, stay in the release and resolve to an entry. */
export const symlink: Rule = {
  name: 'symlink',
  remedy: 'make it relative to a file of the release, or drop it',
  *checkRelease({ entries, byPath }) {
    for (const { path: file, target } of entries) {
      if (target === undefined) continue;
      const problem = explainTarget(file, target, byPath);
      if (problem !== undefined)
        yield { path: file, subject: target, message: `links to ${target}, ${problem}` };
    }
  },
};

function explainTarget(
  file: string,
  target: string,
  byPath: Parameters<typeof resolvePath>[0],
): string | undefined {
  if (path.posix.isAbsolute(target)) return 'an absolute path';
  const joined = path.posix.join(path.posix.dirname(file), target);
  if (joined === '..' || joined.startsWith('../')) return 'which is outside the release';
  if (joined === '.' || resolvePath(byPath, joined) !== undefined) return undefined;
  return 'which resolves to nothing';
}
