import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { exists, isByteCodeCache, listTree } from './files.ts';
import { packageRoot } from './package-info.ts';

export interface PackageFile {
  /** Absolute path. */
  readonly from: string;
  /** Path in the package, with dependencies in `node_modules/`. */
  readonly to: string;
}

interface Description {
  /** Paths, not patterns; those after `!` are left out. */
  readonly files?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Files that npm publishes in addition to `files`. */
const ALWAYS = ['package.json', 'README.md', 'LICENSE'];

/**
 * Every published file of this package and of its runtime dependencies, which npm puts into the package or beside it.
 * The same for every installation of the same lockfile.
 */
export async function packageFiles(): Promise<readonly PackageFile[]> {
  const root = packageRoot();
  const { files = [] } = await describe(root);
  const excluded = new Set(files.flatMap((name) => (name.startsWith('!') ? [name.slice(1)] : [])));
  const own: PackageFile[] = [];
  for (const name of [...ALWAYS, ...files]) {
    const from = path.join(root, name);
    if (await exists(from)) own.push(...(await below(from, name)).filter(({ to }) => !excluded.has(to)));
  }
  const needed = new Map<string, string>();
  await collect(root, needed);
  const modules = await Promise.all([...needed].map(([from, to]) => below(from, to)));
  return [...own, ...modules.flat()];
}

/** Adds dependencies of the package at `directory` to `found`: each with its path, and its path in the package. */
async function collect(directory: string, found: Map<string, string>): Promise<void> {
  const { dependencies = {}, optionalDependencies = {} } = await describe(directory);
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies }).toSorted()) {
    const place = await resolve(directory, name);
    if (place === undefined && name in optionalDependencies) continue;
    if (place === undefined) throw new Error(`${name}, which ${directory} needs, is not installed`);
    if (found.has(place)) continue;
    // Modules are in the package, or beside an installed one.
    const root = packageRoot();
    const base = place.startsWith(`${root}/`) ? root : path.join(root, '../..');
    found.set(place, path.relative(base, place));
    await collect(place, found);
  }
}

/** The directory where Node finds the package `name` from `directory`. */
async function resolve(directory: string, name: string): Promise<string | undefined> {
  for (let from = directory; ; from = path.dirname(from)) {
    const place = path.join(from, 'node_modules', name);
    if (await exists(path.join(place, 'package.json'))) return place;
    if (from === path.dirname(from)) return undefined;
  }
}

async function describe(directory: string): Promise<Description> {
  return JSON.parse(await readFile(path.join(directory, 'package.json'), 'utf8')) as Description;
}

/** A file, or every file of a directory except `node_modules`. */
async function below(from: string, to: string): Promise<PackageFile[]> {
  const entries = await listTree(from).catch(() => undefined);
  if (entries === undefined) return [{ from, to }];
  return entries
    .filter(
      ({ path: name, kind }) =>
        kind === 'file' && !`/${name}`.includes('/node_modules/') && !isByteCodeCache(name),
    )
    .map(({ path: name }) => ({ from: path.join(from, name), to: `${to}/${name}` }));
}
