import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { LOCKFILES_DIRECTORY, RECIPES_DIRECTORY } from '../domain/layout.ts';
import type { Part } from '../domain/manifest.ts';
import type { RecipeFile } from '../domain/recipe.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { copyFile, findLink, listTree } from '../io/files.ts';

export interface OwnFilesOptions {
  /** The release directory. */
  readonly root: string;
  /** Files and directories; `file` is relative to the directory of recipes. */
  readonly recipes: readonly RecipeFile[];
  /** Absolute path. */
  readonly lockfile: string;
  /** The operators' pages: content by name of file. */
  readonly pages: ReadonlyMap<string, string>;
  /** The parts of all files so far, by release path. */
  readonly parts: ReadonlyMap<string, Part>;
}

/** Directory of a release for the operators' pages. */
export const PAGES_DIRECTORY = 'share/doc';

/**
 * Adds recipes, lockfile and pages to a release, byte for byte: after relocation, which would change scripts among them,
 * and regardless of what the bundle drops. All files get the same mode, because a recipe's digest does not include
 * modes. Returns the parts with the new files.
 */
export async function installOwnFiles(options: OwnFilesOptions): Promise<ReadonlyMap<string, Part>> {
  const { root, recipes, lockfile, pages, parts } = options;
  const files = [
    ...recipes.map(({ path: from, file }) => ({ from, to: `${RECIPES_DIRECTORY}/${file}` })),
    { from: lockfile, to: `${LOCKFILES_DIRECTORY}/${path.basename(lockfile)}` },
  ];
  const target = async (to: string): Promise<string> => {
    const link = await findLink(root, to);
    if (link !== undefined) throw inTheWay(link);
    return path.join(root, to);
  };
  for (const { from, to } of files) await copyFile(from, await target(to));
  for (const [file, content] of pages) {
    const to = await target(`${PAGES_DIRECTORY}/${file}`);
    await mkdir(path.dirname(to), { recursive: true });
    await writeFile(to, content, { flag: 'wx' });
  }
  const added: string[] = [];
  for (const { path: name, kind } of await listTree(root)) {
    const inside = DIRECTORIES.some((directory) => name === directory || name.startsWith(`${directory}/`));
    if (!inside && name !== TOP) continue;
    if (kind !== 'symlink') await chmod(path.join(root, name), kind === 'directory' ? 0o755 : 0o644);
    if (kind !== 'directory') added.push(name);
  }
  return new Map<string, Part>([...parts, ...added.map((name) => [name, 'bundle'] as const)]);
}

function inTheWay(link: string): KsbundleError {
  return new KsbundleError({
    code: 'KSB_ASSEMBLE_CLASH',
    exitCode: ExitCode.failed,
    message: `${link} is a symbolic link, but the release's recipes and pages belong there`,
    hint: 'leave it out with "drop" in a recipe or in the bundle',
  });
}

const SOURCES = path.posix.dirname(RECIPES_DIRECTORY);
/** The directories of these files, and the one above. They may be new and have modes from the umask. */
const DIRECTORIES = [SOURCES, PAGES_DIRECTORY];
const TOP = path.posix.dirname(SOURCES);
