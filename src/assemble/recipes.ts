import { chmod, lstat } from 'node:fs/promises';
import path from 'node:path';
import { LOCKFILES_DIRECTORY, RECIPES_DIRECTORY } from '../domain/layout.ts';
import type { Part } from '../domain/manifest.ts';
import type { RecipeFile } from '../domain/recipe.ts';
import { copyFile, listTree } from '../io/files.ts';

export interface RecipesOptions {
  /** The release directory. */
  readonly root: string;
  /** Files and directories, named below the recipes' directory. */
  readonly recipes: readonly RecipeFile[];
  /** Absolute path. */
  readonly lockfile: string;
  /** Part by release path, of all files so far. */
  readonly parts: ReadonlyMap<string, Part>;
}

/**
 * Puts recipes and lockfile into a release, byte for byte: after relocation, which would change a script among them, and
 * whatever the bundle drops. Modes are in no recipe's digest, so all get the same. Returns the parts with the new files.
 */
export async function installRecipes(options: RecipesOptions): Promise<ReadonlyMap<string, Part>> {
  const { root, recipes, lockfile, parts } = options;
  const files = [
    ...recipes.map(({ path: from, file }) => ({ from, to: `${RECIPES_DIRECTORY}/${file}` })),
    { from: lockfile, to: `${LOCKFILES_DIRECTORY}/${path.basename(lockfile)}` },
  ];
  const added: string[] = [];
  for (const { from, to } of files) {
    const target = path.join(root, to);
    await copyFile(from, target);
    const isDirectory = (await lstat(target)).isDirectory();
    for (const entry of isDirectory ? await listTree(target) : [{ path: '', kind: 'file' }]) {
      if (entry.kind === 'directory') continue;
      const name = path.posix.join(to, entry.path);
      if (entry.kind === 'file') await chmod(path.join(root, name), 0o644);
      added.push(name);
    }
  }
  return new Map<string, Part>([...parts, ...added.map((name) => [name, 'bundle'] as const)]);
}
