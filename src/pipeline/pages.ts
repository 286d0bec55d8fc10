import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Bundle } from '../domain/recipe.ts';
import { packageRoot } from '../io/package-info.ts';
import { formatReleasePages } from '../pages/release-pages.ts';
import type { Context } from './context.ts';

const DOCS = path.join(packageRoot(), 'docs');

/** The pages for a bundle's operators, content by name of file: ksbundle's own, or those of the release that is rebuilt. */
export async function readPages(
  { pagesDirectory }: Context,
  { family, version, revision, summary, services }: Bundle,
): Promise<ReadonlyMap<string, string>> {
  if (pagesDirectory === undefined)
    return formatReleasePages({
      release: `${family} ${version}-${revision}`,
      summary,
      services: services.map(({ service }) => service),
      read: (source) => readFile(path.join(DOCS, source), 'utf8'),
    });
  const names = await readdir(pagesDirectory);
  const read = async (name: string) =>
    [name, await readFile(path.join(pagesDirectory, name), 'utf8')] as const;
  return new Map(await Promise.all(names.map(read)));
}
