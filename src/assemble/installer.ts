import path from 'node:path';
import { SERVICES_DIRECTORY } from '../domain/layout.ts';
import type { Bundle } from '../domain/recipe.ts';
import { copyFile, listTree } from '../io/files.ts';
import type { ReleaseTree } from './release-tree.ts';

export interface InstallerOptions {
  readonly bundle: Bundle;
  /** The installer's directory. */
  readonly init: string;
  /** Release path of Python's site-packages. */
  readonly site: string;
  /** A directory for temporary copies; it is created if necessary. */
  readonly temporary: string;
}

/**
 * Copies the installer: its entry script, its package, and the bundle's services; copies their `site-packages/` to
 * Python's own. Writes the bundle's facts to `init/bundle.json` for it.
 */
export async function installInstaller(tree: ReleaseTree, options: InstallerOptions): Promise<void> {
  const { bundle, init, site, temporary } = options;
  for (const { from, to, module } of await installerFiles(bundle, init)) {
    const copy = path.join(temporary, to);
    await copyFile(from, copy);
    await tree.place(copy, module === undefined ? `init/${to}` : `${site}/${module}`, 'bundle');
  }
  await tree.write('init/bundle.json', formatFacts(bundle), { part: 'bundle' });
}

export interface InstallerFile {
  /** Absolute path. */
  readonly from: string;
  /** Path below `init/`. */
  readonly to: string;
  /** Path below Python's site-packages, for files of a service that go there. */
  readonly module?: string;
}

/** All files of the installer and of the bundle's services that ship. */
export async function installerFiles(bundle: Bundle, init: string): Promise<readonly InstallerFile[]> {
  const files: InstallerFile[] = [{ from: path.join(init, ENTRY), to: ENTRY }];
  for (const file of await filesOf(path.join(init, INSTALLER)))
    files.push({ from: path.join(init, INSTALLER, file), to: `${INSTALLER}/${file}` });
  for (const { directory, service } of bundle.services) {
    for (const file of await filesOf(directory)) {
      const module = file.startsWith(MODULES) ? { module: file.slice(MODULES.length) } : {};
      const to = `${SERVICES_DIRECTORY}/${service.name}/${file}`;
      files.push({ from: path.join(directory, file), to, ...module });
    }
  }
  return files;
}

/** The facts of the bundle for the installer. */
export function formatFacts({
  family,
  version,
  revision,
  upgradeFrom,
  support,
  services,
  answers,
}: Bundle): string {
  const supported = support.end === undefined ? {} : { supportEnd: support.end };
  const facts = {
    name: family,
    version,
    revision,
    upgradeFrom,
    ...supported,
    services: services.map(({ service }) => service),
    answers,
  };
  return `${JSON.stringify(facts, null, 2)}\n`;
}

async function filesOf(place: string): Promise<readonly string[]> {
  const tree = await listTree(place);
  return tree
    .filter(({ kind, path: file }) => kind === 'file' && !file.includes('__pycache__/'))
    .map((entry) => entry.path);
}

/** The files of `init/` in every bundle: the script that users run, and the package that it starts. */
const ENTRY = 'bootstrap.sh';
const INSTALLER = 'installer';
const MODULES = 'site-packages/';
