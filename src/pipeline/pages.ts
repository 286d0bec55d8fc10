import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import type { Bundle, ServiceRecipe } from '../domain/recipe.ts';
import { exists } from '../io/files.ts';
import { packageRoot } from '../io/package-info.ts';
import { shippedSections } from '../pages/contents.ts';
import { formatReleasePages } from '../pages/release-pages.ts';
import type { Context } from './context.ts';

const DOCS = path.join(packageRoot(), 'docs');

/**
 * The files that the pages for a bundle's operators are made of: Markdown of ksbundle and of its services, or the finished
 * pages of the release that is rebuilt. Throws `KSB_RECIPE_INVALID` for a service's page that is not there.
 */
export async function pageFiles(
  { pagesDirectory }: Context,
  { services }: Bundle,
): Promise<readonly string[]> {
  if (pagesDirectory !== undefined)
    return (await readdir(pagesDirectory)).map((name) => path.join(pagesDirectory, name));
  for (const service of services) await requirePages(service);
  const general = shippedSections(services.map(({ service }) => service)).flatMap(({ pages }) => pages);
  return [...general.map(({ source }) => path.join(DOCS, source)), ...services.flatMap(({ pages }) => pages)];
}

/** The pages for a bundle's operators, content by name of file. Throws what `pageFiles` throws. */
export async function readPages(context: Context, bundle: Bundle): Promise<ReadonlyMap<string, string>> {
  const texts = await readAll(await pageFiles(context, bundle));
  if (context.pagesDirectory !== undefined) return texts;
  const { family, version, revision, summary, services } = bundle;
  return formatReleasePages({
    release: `${family} ${version}-${revision}`,
    summary,
    services: services.map(({ service }) => service),
    texts,
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
