import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { isInnerPath, type InnerPath } from '../domain/inner-path.ts';
import { LOCKFILES_DIRECTORY, RECIPES_DIRECTORY, SERVICES_DIRECTORY } from '../domain/layout.ts';
import type { Manifest } from '../domain/manifest.ts';
import { copyFile } from '../io/files.ts';
import { ifThere } from '../io/if-there.ts';

/** Where the parts of a project lie that a release was made from. */
export interface RecoveredProject {
  readonly recipes: string;
  readonly lockfiles: string;
}

/** What assembling writes into `init/` by itself. */
const WRITTEN = 'init/bundle.json';
const BYTE_CODE = '/__pycache__/';

const facts = z.object({ init: z.string().refine((name) => isInnerPath(name) && !name.includes('/')) });

/**
 * Puts the project that a release was made from together again in `directory`: recipes and lockfile as they were, and
 * `init/`, the installer, which a release has in two places. Files alone come along, no links. Undefined if the release
 * does not carry its recipes, or does not say by a plain name which installer is its own.
 */
export async function recoverProject(
  release: string,
  { manifest, directory }: { readonly manifest: Manifest; readonly directory: string },
): Promise<RecoveredProject | undefined> {
  const init = await readInit(path.join(release, WRITTEN));
  if (init === undefined) return undefined;
  const sources = manifest.files.flatMap((file) => {
    if (file.part !== 'bundle' || !('size' in file)) return [];
    const source = sourceOf(file.path, init);
    return source === undefined ? [] : [{ file: file.path, source }];
  });
  if (!sources.some(({ source }) => source.startsWith('recipes/'))) return undefined;
  for (const { file, source } of sources)
    await copyFile(path.join(release, file), path.join(directory, source));
  return { recipes: path.join(directory, 'recipes'), lockfiles: path.join(directory, 'lockfiles') };
}

async function readInit(file: string): Promise<string | undefined> {
  try {
    return facts.safeParse(JSON.parse((await ifThere(readFile(file, 'utf8'))) ?? 'null')).data?.init;
  } catch {
    return undefined;
  }
}

/** Where in the project a file of the release comes from; undefined for what is made. */
function sourceOf(file: string, init: string): InnerPath | undefined {
  const source = placeOf(file, init);
  return source !== undefined && isInnerPath(source) ? source : undefined;
}

function placeOf(file: string, init: string): string | undefined {
  for (const [from, to] of [
    [RECIPES_DIRECTORY, 'recipes'],
    [LOCKFILES_DIRECTORY, 'lockfiles'],
  ] as const) {
    if (file.startsWith(`${from}/`)) return `${to}${file.slice(from.length)}`;
  }
  if (file === WRITTEN || file.includes(BYTE_CODE)) return undefined;
  const [, module] = /^lib\/python[\d.]+\/site-packages\/(.+)$/u.exec(file) ?? [];
  if (module !== undefined) return `init/${SERVICES_DIRECTORY}/${init}/site-packages/${module}`;
  return file.startsWith('init/') ? file : undefined;
}
