import path from 'node:path';
import { hostLibraries } from '../domain/glibc.ts';
import type { Platform } from '../domain/platform.ts';
import type { ScannedElf, ScannedEntry } from './scan.ts';

/** All entries of a release, with indexes for lookup. */
export interface ReleaseFiles {
  /** Sorted by path. */
  readonly entries: readonly ScannedEntry[];
  readonly byPath: ReadonlyMap<string, ScannedEntry>;
  /** Sorted by path. */
  readonly elfFiles: readonly ScannedElf[];
  /** Sonames of the libraries that the host provides. */
  readonly hostLibraries: ReadonlySet<string>;
  /**
   * The host's libraries that define a symbol, by its name; only for symbols to which a file of the release refers
   * with a version.
   */
  readonly hostSymbols: ReadonlyMap<string, ReadonlySet<string>>;
}

export function indexEntries(entries: readonly ScannedEntry[], platform: Platform): ReleaseFiles {
  const elfFiles = entries.flatMap(({ elf }) => (elf === undefined ? [] : [elf]));
  const libraries = new Set(hostLibraries(platform));
  return {
    entries,
    byPath: new Map(entries.map((entry) => [entry.path, entry])),
    elfFiles,
    hostLibraries: libraries,
    hostSymbols: indexHostSymbols(elfFiles, libraries),
  };
}

function indexHostSymbols(
  elfFiles: readonly ScannedElf[],
  libraries: ReadonlySet<string>,
): Map<string, ReadonlySet<string>> {
  const index = new Map<string, Set<string>>();
  for (const { symbols } of elfFiles) {
    for (const { name, library } of symbols.undefined) {
      if (library === undefined || !libraries.has(library)) continue;
      const known = index.get(name);
      if (known === undefined) index.set(name, new Set([library]));
      else known.add(library);
    }
  }
  return index;
}

/** The number of symbolic links that the kernel follows before it gives up. */
const MAX_LINKS = 40;

/**
 * The entry that `file`, a release path, resolves to through symbolic links to files and directories; undefined if
 * there is none or it is outside the release.
 */
export function resolvePath(
  byPath: ReleaseFiles['byPath'],
  file: string,
  links = 0,
): ScannedEntry | undefined {
  let current = '.';
  let entry: ScannedEntry | undefined;
  for (const name of path.posix.normalize(file).split('/')) {
    current = path.posix.join(current, name);
    if (current.startsWith('..')) return undefined;
    entry = byPath.get(current);
    if (entry?.target === undefined) continue;
    if (links >= MAX_LINKS || path.posix.isAbsolute(entry.target)) return undefined;
    const target = path.posix.join(path.posix.dirname(current), entry.target);
    if (target === '.') {
      current = '.';
      continue;
    }
    entry = resolvePath(byPath, target, links + 1);
    if (entry === undefined) return undefined;
    current = entry.path;
  }
  return entry;
}
