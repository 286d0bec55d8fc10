import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { isInnerPath, type InnerPath } from '../domain/inner-path.ts';
import { LOCKFILES_DIRECTORY, RECIPES_DIRECTORY, SERVICES_DIRECTORY } from '../domain/layout.ts';
import type { Manifest } from '../domain/manifest.ts';
import { copyFile } from '../io/files.ts';
import { ifThere } from '../io/if-there.ts';
import { PAGES_DIRECTORY } from './own-files.ts';

/** Directories of the project that a release was made from. */
export interface RecoveredProject {
  readonly recipes: string;
  readonly lockfiles: string;
  readonly pages: string;
}

/** Files that assembling itself writes into `init/`. */
const WRITTEN = 'init/bundle.json';
const BYTE_CODE = '/__pycache__/';

const name = z.string().refine((text) => isInnerPath(text) && !text.includes('/'));
const facts = z.object({ services: z.array(z.object({ name })).min(1) });

/**
 * Restores the project that a release was made from in `directory`: recipes, lockfile, pages, and the installer (`init/`),
 * which a release has in two places. Restores only files, no links. Undefined if the release does not contain its
 * recipes, or the names of its services are not plain.
 */
export async function recoverProject(
  release: string,
  { manifest, directory }: { readonly manifest: Manifest; readonly directory: string },
): Promise<RecoveredProject | undefined> {
  const service = await readService(path.join(release, WRITTEN));
  if (service === undefined) return undefined;
  const sources = manifest.files.flatMap((file) => {
    if (file.part !== 'bundle' || !('size' in file)) return [];
    const source = sourceOf(file.path, service);
    return source === undefined ? [] : [{ file: file.path, source }];
  });
  if (!sources.some(({ source }) => source.startsWith('recipes/'))) return undefined;
  const pages = path.join(directory, 'pages');
  // A release of an older ksbundle has none.
  await mkdir(pages, { recursive: true });
  for (const { file, source } of sources)
    await copyFile(path.join(release, file), path.join(directory, source));
  return { recipes: path.join(directory, 'recipes'), lockfiles: path.join(directory, 'lockfiles'), pages };
}

/** The service that modules are restored to; it does not matter which one they came from. */
async function readService(file: string): Promise<string | undefined> {
  try {
    const written: unknown = JSON.parse((await ifThere(readFile(file, 'utf8'))) ?? 'null');
    return facts.safeParse(written).data?.services.at(-1)?.name;
  } catch {
    return undefined;
  }
}

/** The project's path of a file of the release; undefined for a generated file. */
function sourceOf(file: string, service: string): InnerPath | undefined {
  const source = placeOf(file, service);
  return source !== undefined && isInnerPath(source) ? source : undefined;
}

function placeOf(file: string, service: string): string | undefined {
  for (const [from, to] of [
    [RECIPES_DIRECTORY, 'recipes'],
    [LOCKFILES_DIRECTORY, 'lockfiles'],
    [PAGES_DIRECTORY, 'pages'],
  ] as const) {
    if (file.startsWith(`${from}/`)) return `${to}${file.slice(from.length)}`;
  }
  if (file === WRITTEN || file.includes(BYTE_CODE)) return undefined;
  const [, module] = /^lib\/python[\d.]+\/site-packages\/(.+)$/u.exec(file) ?? [];
  if (module !== undefined) return `init/${SERVICES_DIRECTORY}/${service}/site-packages/${module}`;
  return file.startsWith('init/') ? file : undefined;
}
