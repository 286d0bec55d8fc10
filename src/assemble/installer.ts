import path from 'node:path';
import { SERVICES_DIRECTORY } from '../domain/layout.ts';
import type { Bundle } from '../domain/recipe.ts';
import { copyFile, listTree } from '../io/files.ts';
import type { ReleaseTree } from './release-tree.ts';

export interface InstallerOptions {
  readonly bundle: Bundle;
  /** The installer's directory. */
  readonly init: string;
  /** Release path of the directory that Python modules are in. */
  readonly site: string;
  /** A directory for copies, which need not exist. */
  readonly temporary: string;
}

/**
 * Copies the installer: its entry, the general package, and the bundle's services, whose `site-packages/` go to where
 * Python finds them. Tells it the bundle's facts in `init/bundle.json`.
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
  /** Path below the directory of Python's modules, for what goes there. */
  readonly module?: string;
}

/** Everything of the installer and of the bundle's services that ships. */
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

/** What the installer knows of the bundle. */
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

/** What of `init/` every bundle ships: the script that people run, and the package it hands over to. */
const ENTRY = 'bootstrap.sh';
const INSTALLER = 'installer';
const MODULES = 'site-packages/';
