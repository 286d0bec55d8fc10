import path from 'node:path';
import { ExitCode, KsbundleError, type Problem } from '../domain/errors.ts';
import type { PlaceOf } from '../domain/idle-globs.ts';
import { nearest } from '../domain/nearest.ts';
import type { ServiceRecipe } from '../domain/recipe.ts';

/** A file that a service runs or loads, and the keys that name it in its recipe. */
interface Wanted {
  readonly file: string;
  /** Whether a Python file with this path without its suffix, or a package of that name, satisfies it. */
  readonly isModule?: boolean;
  readonly keys: readonly (string | number)[];
}

export interface Shipped {
  /** Release paths of all files that ship. */
  readonly files: ReadonlySet<string>;
  /** Release path of Python's site-packages. */
  readonly site: string;
}

/** Programs that the kit runs Python applications with. */
const SERVERS = ['bin/httpd', 'modules/mod_wsgi.so', 'bin/uwsgi'];

/**
 * Throws `KSB_RECIPE_INVALID` with the place of every program and module that a service names but the release does
 * not contain.
 */
export async function requirePrograms(
  services: readonly ServiceRecipe[],
  shipped: Shipped,
  placeOf: PlaceOf,
): Promise<void> {
  const missing = services.flatMap((recipe) =>
    wantedBy(recipe, shipped.site)
      .filter((wanted) => !ships(wanted, shipped.files))
      .map((wanted) => ({ recipe, wanted })),
  );
  if (missing.length === 0) return;
  const problems = await Promise.all(
    missing.map(async ({ recipe: { service, origin }, wanted }): Promise<Problem> => {
      const near = nearestShipped(wanted.file, shipped.files);
      return {
        code: 'does-not-ship',
        message: `the service ${service.name} needs ${wanted.file}${wanted.isModule === true ? '.py' : ''}, and the release has no such file`,
        place: await placeOf(origin, wanted.keys),
        hint:
          near === undefined
            ? 'add the component that installs it to the bundle, or add the file to install.ship of its recipe'
            : `did you mean ${near}?`,
      };
    }),
  );
  throw new KsbundleError({
    code: 'KSB_RECIPE_INVALID',
    exitCode: ExitCode.usage,
    message: `${problems.length} ${problems.length === 1 ? 'file that a service needs is' : 'files that services need are'} not in the release`,
    problems,
  });
}

function wantedBy({ service: { daemons, data, wsgi }, generations }: ServiceRecipe, site: string): Wanted[] {
  const programs = [
    ...daemons.flatMap(({ run, check }, index) => [
      { file: run[0], keys: ['daemon', index, 'run', 0] },
      { file: check?.[0], keys: ['daemon', index, 'check', 0] },
    ]),
    { file: data?.prepare?.[0], keys: ['data', 'prepare', 0] },
    { file: data?.upgrade?.[0], keys: ['data', 'upgrade', 0] },
    ...(wsgi === undefined ? [] : SERVERS.map((file) => ({ file, keys: ['wsgi'] }))),
  ];
  const modules = [
    { module: wsgi?.application?.split(':')[0], keys: ['wsgi', 'application'] },
    { module: wsgi?.preload, keys: ['wsgi', 'preload'] },
    ...generations.map(({ module }, index) => ({ module, keys: ['generate', index, 'module'] })),
  ];
  return [
    ...programs.flatMap(({ file, keys }) => (file === undefined ? [] : [{ file, keys }])),
    ...modules.flatMap(({ module, keys }) =>
      module === undefined ? [] : [{ file: `${site}/${module.replaceAll('.', '/')}`, isModule: true, keys }],
    ),
  ];
}

function ships({ file, isModule }: Wanted, files: ReadonlySet<string>): boolean {
  if (isModule !== true) return files.has(file);
  return [...files].some((each) => each.startsWith(`${file}.`) || each.startsWith(`${file}/__init__.`));
}

/** The file of the same name in another directory, or the most similar one. */
function nearestShipped(file: string, files: ReadonlySet<string>): string | undefined {
  const base = path.posix.basename(file);
  return [...files].find((each) => path.posix.basename(each) === base) ?? nearest(file, files);
}
