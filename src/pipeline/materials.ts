import path from 'node:path';
import { pythonPurl, componentPurl } from '../domain/purl.ts';
import type { RecipeFile } from '../domain/recipe.ts';
import { hashFile } from '../io/files.ts';
import { lockfilePath } from '../lock/lockfile.ts';
import type { Material } from '../pack/provenance.ts';
import type { Context } from './context.ts';
import { buildArchitecture, componentNames, type LockedSubject } from './sources.ts';

/**
 * Everything that decides a release's bytes and is known by its digest: recipes and what stands beside them, lockfile, compiler,
 * sources, wheels. Of a source with several packings each is named: they hold the same code, and the store does not
 * tell which one an artifact was built from.
 */
export async function materialsOf(context: Context, subject: LockedSubject): Promise<readonly Material[]> {
  const { bundle, set, lockfile } = subject;
  const lockfileName = lockfilePath(context.lockfilesDirectory, lockfile.bundle, context.platform);
  const components = componentNames(subject).flatMap((name) => set.components.get(name) ?? []);
  const recipes = [bundle, set.toolchain, ...components].map(({ name, origin }) => ({
    name: `recipe:${name}/${path.basename(origin.file)}`,
    sha256: origin.sha256,
  }));
  const beside = (name: string, files: readonly Pick<RecipeFile, 'file' | 'sha256'>[]): Material[] =>
    files.map(({ file, sha256 }) => ({ name: `recipe:${name}/${file}`, sha256 }));
  const compiler = set.toolchain.sources[buildArchitecture()]?.packings ?? [];
  return [
    ...recipes,
    ...beside(set.toolchain.name, set.toolchain.files),
    ...components.flatMap(({ name, patches, files }) => [...beside(name, patches), ...beside(name, files)]),
    {
      name: `recipe:${bundle.name}/${path.basename(bundle.python.constraints)}`,
      sha256: bundle.python.constraintsSha256,
    },
    { name: path.basename(lockfileName), sha256: await hashFile(lockfileName) },
    ...compiler.map(({ file, sha256 }) => ({ name: file, sha256 })),
    ...components.flatMap((component) =>
      component.sources
        .flatMap(({ packings }) => packings)
        .map(({ file, sha256 }) => ({ name: file, uri: componentPurl(component), sha256 })),
    ),
    ...lockfile.wheels.map(({ name, version, file, sha256 }) => ({
      name: file,
      uri: pythonPurl(name, version),
      sha256,
    })),
  ];
}
