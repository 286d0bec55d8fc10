import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { compileGlob, compileGlobs } from '../domain/glob.ts';
import { PLACEHOLDER_PREFIX } from '../domain/layout.ts';
import type { Component } from '../domain/recipe.ts';
import { copyFile, findLink, listTree, removeTree } from '../io/files.ts';
import { replaceInText } from '../io/text.ts';
import type { EnvironmentFacts, WorkDirectories } from './environment.ts';

/** Installed files that neither dependents nor releases need. */
const LEFTOVERS = compileGlobs([
  '**/*.la',
  '**/__pycache__/**',
  'share/man/**',
  'share/doc/**',
  'share/info/**',
]);

/** Directories that a build used; see `EnvironmentFacts`. */
type Surroundings = Pick<EnvironmentFacts, 'directories' | 'toolchain' | 'tools'>;

/**
 * Turns the files that the install steps wrote below DESTDIR into the component's tree: removes leftovers, replaces
 * the build's directories in text files by the placeholder prefix, and adds licence texts below `licenses/`. Returns
 * the tree's root. Throws if an expected file is missing.
 */
export async function collectInstalled(
  component: Component,
  { directories, toolchain, tools }: Surroundings,
): Promise<string> {
  const root = path.join(directories.dest, PLACEHOLDER_PREFIX);
  await refuseLinks(component, directories);
  await mkdir(root, { recursive: true });
  await refuseStrays(component, directories);
  await removeLeftovers(root);
  await replaceInText(root, [
    // configure scripts record the paths of programs; their names are sufficient.
    { from: `${tools}/`, to: '' },
    { from: `${path.join(toolchain, 'bin')}/`, to: '' },
    { from: toolchain, to: `${PLACEHOLDER_PREFIX}/toolchain` },
    { from: directories.inputs, to: PLACEHOLDER_PREFIX },
    { from: directories.source, to: `${PLACEHOLDER_PREFIX}/source` },
    { from: directories.work, to: `${PLACEHOLDER_PREFIX}/work` },
  ]);
  await copyLicenses(component, { source: directories.source, root });
  await checkExpected(component, root);
  return root;
}

/** If a step replaced a directory by a link, the following code would read and write elsewhere. */
async function refuseLinks(component: Component, { work, source, dest }: WorkDirectories): Promise<void> {
  const root = path.join(dest, PLACEHOLDER_PREFIX);
  for (const directory of [source, path.join(root, licenseDirectory(component))]) {
    const link = await findLink(work, path.relative(work, directory));
    if (link === undefined) continue;
    throw new KsbundleError({
      code: 'KSB_BUILD_STRAY_FILES',
      exitCode: ExitCode.failed,
      message: `${component.name}: a step put a link in place of ${link}`,
      place: { file: component.origin.file },
      hint: 'a step may write into these directories, but must not replace them',
    });
  }
}

function licenseDirectory({ name }: Component): string {
  return path.join('licenses', name);
}

/** Files outside the prefix would be lost without a message. */
async function refuseStrays(component: Component, directories: WorkDirectories): Promise<void> {
  const strays = (await readdir(directories.dest)).filter((name) => `/${name}` !== PLACEHOLDER_PREFIX);
  if (strays.length === 0) return;
  throw new KsbundleError({
    code: 'KSB_BUILD_STRAY_FILES',
    exitCode: ExitCode.failed,
    message: `${component.name}: the install steps wrote outside the prefix: ${strays.map((name) => `/${name}`).join(', ')}`,
    place: { file: component.origin.file },
    hint: 'configure the component to install everything below ${prefix}',
  });
}

async function removeLeftovers(root: string): Promise<void> {
  for (const { path: file, kind } of await listTree(root)) {
    if (kind !== 'directory' && LEFTOVERS(file)) await rm(path.join(root, file));
  }
  for (const { path: file, kind } of await listTree(root)) {
    if (kind === 'directory' && path.basename(file) === '__pycache__')
      await removeTree(path.join(root, file));
  }
}

async function copyLicenses(
  component: Component,
  places: { readonly source: string; readonly root: string },
): Promise<void> {
  const files = (await listTree(places.source)).filter(({ kind }) => kind === 'file');
  for (const glob of component.licenseFiles) {
    const matches = compileGlob(glob);
    const found = files.filter(({ path: file }) => matches(file));
    if (found.length === 0) throw missing(component, `no licence file matches "${glob}"`, 'licenses');
    for (const { path: file } of found) {
      const target = path.join(places.root, licenseDirectory(component), file.replaceAll('/', '-'));
      await rm(target, { force: true });
      await copyFile(path.join(places.source, file), target);
    }
  }
}

async function checkExpected(component: Component, root: string): Promise<void> {
  const paths = (await listTree(root)).map((entry) => entry.path);
  const absent = component.expect.filter((glob) => !paths.some(compileGlob(glob)));
  if (absent.length > 0) throw missing(component, `the build did not install ${absent.join(', ')}`, 'expect');
}

function missing(component: Component, what: string, key: string): KsbundleError {
  return new KsbundleError({
    code: 'KSB_BUILD_INCOMPLETE',
    exitCode: ExitCode.failed,
    message: `${component.name}: ${what}`,
    place: { file: component.origin.file },
    why: 'a configure script may have disabled a part because it did not find a requirement',
    hint: `search the build log for it, or correct "${key}" in the recipe`,
  });
}
