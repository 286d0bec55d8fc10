import { lstat, mkdir, readlink, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, isErrnoException, KsbundleError, type Problem } from '../domain/errors.ts';
import { leavesTree } from '../domain/inner-path.ts';
import type { Part } from '../domain/manifest.ts';
import { hashFile } from '../io/files.ts';

/** A release directory while it is filled. Records the part of every file. */
export interface ReleaseTree {
  /** Absolute path. */
  readonly root: string;
  /** Parts by path; only of files and links. */
  readonly parts: ReadonlyMap<string, Part>;
  /** Paths that do not ship, but are there until the release is complete. */
  readonly passing: ReadonlySet<string>;
  /**
   * Moves the file or link `from` to `target` in the release. False if the release does not ship it. Two parts may
   * install the same file with equal content, such as `__init__.py` of namespace packages; other content is a clash.
   */
  place(from: string, target: string, part: Part): Promise<boolean>;
  /** Like `place`, for generated text. */
  write(
    target: string,
    content: string,
    facts: { readonly part: Part; readonly executable?: boolean },
  ): Promise<boolean>;
  /** Throws `KSB_ASSEMBLE_CLASH` with every clash. */
  finish(): void;
}

/**
 * `dropped` returns true for release paths that do not ship. Of these, the tree contains those for which `used` returns
 * true, as `passing`.
 */
export function createReleaseTree(
  root: string,
  dropped: (path: string) => boolean,
  used: (path: string) => boolean = () => false,
): ReleaseTree {
  const parts = new Map<string, Part>();
  const passing = new Set<string>();
  const clashes: Problem[] = [];
  const links = new Map<string, string>();
  const directories = new Set(['.']);
  /** Creates the directory and its parents; false if one of them is a link, which would lead elsewhere, or a file. */
  const makeDirectory = async (directory: string): Promise<boolean> => {
    if (directories.has(directory)) return true;
    if (!(await makeDirectory(path.posix.dirname(directory)))) return false;
    try {
      await mkdir(path.join(root, directory));
    } catch (error) {
      if (!isErrnoException(error, 'EEXIST')) throw error;
      if (!(await lstat(path.join(root, directory))).isDirectory()) return false;
    }
    directories.add(directory);
    return true;
  };
  /** Whether to create `target`; records a clash if it exists and `same` returns false. */
  const claim = async (
    target: string,
    part: Part,
    same: (existing: string) => Promise<boolean>,
  ): Promise<boolean> => {
    const owner = parts.get(target);
    if (owner === undefined) {
      parts.set(target, part);
      if (await makeDirectory(path.posix.dirname(target))) return true;
      clashes.push({
        code: 'clash',
        message: `${target}: ${part} installs it below something that is not a directory`,
      });
      return false;
    }
    if (!(await same(path.join(root, target)))) {
      clashes.push({ code: 'clash', message: `${target}: ${owner} and ${part} install different files` });
    }
    return false;
  };
  return {
    root,
    parts,
    passing,
    async place(from, target, part) {
      const leaves = dropped(target);
      if (leaves && !used(target)) return false;
      if (leaves) passing.add(target);
      if (await claim(target, part, (existing) => areEqual(from, existing))) {
        const status = await lstat(from);
        if (status.isSymbolicLink()) links.set(target, await readlink(from));
        await rename(from, path.join(root, target));
      }
      return !leaves;
    },
    async write(target, content, { part, executable = false }) {
      if (dropped(target)) return false;
      const file = path.join(root, target);
      if (await claim(target, part, () => Promise.resolve(false))) {
        await writeFile(file, content, { mode: executable ? 0o755 : 0o644 });
      }
      return true;
    },
    finish() {
      // The links of each archive stay inside it, but together they could still lead out of the release.
      for (const [link, target] of links)
        if (leavesTree(link, links))
          clashes.push({ code: 'link', message: `${link}: its target ${target} lies outside the release` });
      if (clashes.length === 0) return;
      throw new KsbundleError({
        code: 'KSB_ASSEMBLE_CLASH',
        exitCode: ExitCode.failed,
        message: `${clashes.length} ${clashes.length === 1 ? 'file cannot be placed' : 'files cannot be placed'} in the release`,
        hint: 'leave one of them out with "drop" in a recipe or in the bundle',
        problems: clashes,
      });
    },
  };
}

async function areEqual(a: string, b: string): Promise<boolean> {
  const [left, right] = await Promise.all([lstat(a), lstat(b)]);
  if (left.isSymbolicLink() !== right.isSymbolicLink()) return false;
  if (left.isSymbolicLink()) return (await readlink(a)) === (await readlink(b));
  if (left.size !== right.size || (left.mode & 0o100) !== (right.mode & 0o100)) return false;
  return (await hashFile(a)) === (await hashFile(b));
}
