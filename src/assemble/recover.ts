import { cp, readFile } from 'node:fs/promises';
import path from 'node:path';
import { LOCKFILES_DIRECTORY, RECIPES_DIRECTORY } from '../domain/layout.ts';
import type { Manifest } from '../domain/manifest.ts';
import { copyFile, exists } from '../io/files.ts';

/** Where the parts of a project lie that a release was made from. */
export interface RecoveredProject {
  readonly recipes: string;
  readonly lockfiles: string;
}

/** What assembling writes into `init/` by itself. */
const WRITTEN = 'init/bundle.json';
const BYTE_CODE = '/__pycache__/';

/**
 * Puts the project that a release was made from together again in `directory`: recipes and lockfile as they were, and
 * `init/`, the installer, which a release has in two places. Undefined if the release
 * does not carry its recipes.
 */
export async function recoverProject(
  release: string,
  { manifest, directory }: { readonly manifest: Manifest; readonly directory: string },
): Promise<RecoveredProject | undefined> {
  if (!(await exists(path.join(release, RECIPES_DIRECTORY)))) return undefined;
  const { init } = JSON.parse(await readFile(path.join(release, WRITTEN), 'utf8')) as {
    readonly init: string;
  };
  const files = manifest.files.filter(
    (file) =>
      file.part === 'bundle' && 'size' in file && file.path !== WRITTEN && !file.path.includes(BYTE_CODE),
  );
  for (const { path: file } of files) {
    const [, module] = /^lib\/python[\d.]+\/site-packages\/(.+)$/u.exec(file) ?? [];
    const source = module === undefined ? file : `init/${init}/site-packages/${module}`;
    if (source.startsWith('init/')) await copyFile(path.join(release, file), path.join(directory, source));
  }
  const project = { recipes: path.join(directory, 'recipes'), lockfiles: path.join(directory, 'lockfiles') };
  await cp(path.join(release, RECIPES_DIRECTORY), project.recipes, { recursive: true });
  await cp(path.join(release, LOCKFILES_DIRECTORY), project.lockfiles, { recursive: true });
  return project;
}
