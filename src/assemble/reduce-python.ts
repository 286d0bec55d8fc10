import { rm } from 'node:fs/promises';
import path from 'node:path';
import { compileGlobs } from '../domain/glob.ts';
import type { Part } from '../domain/manifest.ts';
import { removeEmptyDirectories } from '../io/files.ts';

/** Modules of Python's library that programs may import at any time. */
export interface NeededModules {
  /** Release paths of Python files. */
  readonly files: readonly string[];
  /** Names of modules, including those that are not Python files. */
  readonly names: readonly string[];
}

/** Modules that the interpreter and its C code import by name. */
export const IMPORTED_BY_NAME: readonly string[] = [
  '_strptime',
  'copyreg',
  'encodings.*',
  'importlib.*',
  'linecache',
  'runpy',
  'site',
  'sqlite3.*',
  'threading',
  'tokenize',
  'traceback',
  'warnings',
];

export interface ReduceOptions {
  /** The release directory. */
  readonly root: string;
  /** Release path of Python's library. */
  readonly library: string;
  readonly needed: NeededModules;
  /** Globs of files to keep in any case. */
  readonly keep: readonly string[];
  /** The parts of all files so far, by release path. */
  readonly parts: ReadonlyMap<string, Part>;
}

/**
 * Removes modules of Python's library that nothing imports; keeps third-party modules. Returns the parts of the
 * remaining files.
 */
export async function reducePython(options: ReduceOptions): Promise<ReadonlyMap<string, Part>> {
  const { root, library, needed, parts } = options;
  const isKept = compileGlobs(options.keep);
  const files = new Set(needed.files);
  const names = new Set(needed.names);
  const isNeeded = (file: string): boolean => {
    const extension = new RegExp(`^${library}/lib-dynload/([^./]+)\\.[^/]*so$`, 'u').exec(file)?.[1];
    const source = file.replace(/__pycache__\/([^./]+)\.[^/]*\.pyc$/u, '$1.py');
    return extension === undefined ? files.has(source) : names.has(extension);
  };
  const left = new Map<string, Part>();
  for (const [file, part] of parts) {
    const inLibrary = file.startsWith(`${library}/`) && !file.startsWith(`${library}/site-packages/`);
    if (!inLibrary || isKept(file) || isNeeded(file)) left.set(file, part);
    else await rm(path.join(root, file));
  }
  await removeEmptyDirectories(path.join(root, library));
  return left;
}
