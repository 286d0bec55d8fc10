import { chmod } from 'node:fs/promises';
import path from 'node:path';
import { LOCKFILES_DIRECTORY, RECIPES_DIRECTORY } from '../domain/layout.ts';
import type { Part } from '../domain/manifest.ts';
import type { RecipeFile } from '../domain/recipe.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { copyFile, findLink, listTree } from '../io/files.ts';

export interface RecipesOptions {
  /** The release directory. */
  readonly root: string;
  /** Files and directories; `file` is relative to the directory of recipes. */
  readonly recipes: readonly RecipeFile[];
  /** Absolute path. */
  readonly lockfile: string;
  /** The parts of all files so far, by release path. */
  readonly parts: ReadonlyMap<string, Part>;
}

/**
 * Copies recipes and lockfile into a release, byte for byte: after relocation, which would change scripts among them,
 * and regardless of what the bundle drops. All files get the same mode, because a recipe's digest does not include
 * modes. Returns the parts with the new files.
 */
export async function installRecipes(options: RecipesOptions): Promise<ReadonlyMap<string, Part>> {
  const { root, recipes, lockfile, parts } = options;
  const files = [
    ...recipes.map(({ path: from, file }) => ({ from, to: `${RECIPES_DIRECTORY}/${file}` })),
    { from: lockfile, to: `${LOCKFILES_DIRECTORY}/${path.basename(lockfile)}` },
  ];
  for (const { from, to } of files) {
    const link = await findLink(root, to);
    if (link !== undefined) throw inTheWay(link);
    await copyFile(from, path.join(root, to));
  }
  const added: string[] = [];
  for (const { path: name, kind } of await listTree(root)) {
    const inside = name === TOP || name === DIRECTORY || name.startsWith(`${DIRECTORY}/`);
    if (!inside) continue;
    if (kind !== 'symlink') await chmod(path.join(root, name), kind === 'directory' ? 0o755 : 0o644);
    if (kind !== 'directory') added.push(name);
  }
  return new Map<string, Part>([...parts, ...added.map((name) => [name, 'bundle'] as const)]);
}

function inTheWay(link: string): KsbundleError {
  return new KsbundleError({
    code: 'KSB_ASSEMBLE_CLASH',
    exitCode: ExitCode.failed,
    message: `${link} is a symbolic link, but the release's recipes belong there`,
    hint: 'leave it out with "drop" in a recipe or in the bundle',
  });
}

/** The directory of both. It and its parent may be new and have modes from the umask. */
const DIRECTORY = path.posix.dirname(RECIPES_DIRECTORY);
const TOP = path.posix.dirname(DIRECTORY);
