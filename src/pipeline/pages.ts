import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import type { Bundle, ServiceRecipe } from '../domain/recipe.ts';
import { exists } from '../io/files.ts';
import { packageRoot } from '../io/package-info.ts';
import { formatReleasePages } from '../pages/release-pages.ts';
import type { Context } from './context.ts';

const DOCS = path.join(packageRoot(), 'docs');

/**
 * The pages for a bundle's operators, content by name of file: ksbundle's own and those of its services, or those of the
 * release that is rebuilt. Throws `KSB_RECIPE_INVALID` for a service's page that is not there.
 */
export async function readPages(
  { pagesDirectory }: Context,
  { family, version, revision, summary, services }: Bundle,
): Promise<ReadonlyMap<string, string>> {
  if (pagesDirectory !== undefined)
    return readAll((await readdir(pagesDirectory)).map((name) => path.join(pagesDirectory, name)));
  for (const service of services) await requirePages(service);
  return formatReleasePages({
    release: `${family} ${version}-${revision}`,
    summary,
    services: services.map(({ service }) => service),
    pages: await readAll(services.flatMap(({ pages }) => pages)),
    read: (source) => readFile(path.join(DOCS, source), 'utf8'),
  });
}

async function readAll(files: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const read = async (file: string) => [path.basename(file), await readFile(file, 'utf8')] as const;
  return new Map(await Promise.all(files.map(read)));
}

async function requirePages({ service, pages, origin }: ServiceRecipe): Promise<void> {
  for (const file of pages) {
    if (await exists(file)) continue;
    throw new KsbundleError({
      code: 'KSB_RECIPE_INVALID',
      exitCode: ExitCode.usage,
      message: `the service ${service.name} has no page ${file}`,
      place: { file: origin.file },
      hint: 'write it, or leave its name out of "pages"',
    });
  }
}
