import path from 'node:path';
import { pythonPurl, componentPurl } from '../domain/purl.ts';
import type { Material } from '../pack/provenance.ts';
import { recipeFiles } from './recipe-files.ts';
import { componentsOf } from './recipes.ts';
import { buildArchitecture, type LockedBundle } from './sources.ts';

/**
 * Everything with a digest that determines a release's bytes: recipes and their files, lockfile, compiler, sources,
 * wheels. Lists every archive of a source: they contain the same code, and the store does not record which one an
 * artifact was built from.
 */
export function materialsOf(loaded: LockedBundle): readonly Material[] {
  const { set, lockfile, lockOrigin } = loaded;
  const components = componentsOf(loaded);
  const compiler = set.toolchain.sources[buildArchitecture()]?.archives ?? [];
  return [
    ...recipeFiles(loaded).map(({ file, sha256 }) => ({ name: `recipe:${file}`, sha256 })),
    { name: path.basename(lockOrigin.file), sha256: lockOrigin.sha256 },
    ...compiler.map(({ file, sha256 }) => ({ name: file, sha256 })),
    ...components.flatMap((component) =>
      component.sources
        .flatMap(({ archives }) => archives)
        .map(({ file, sha256 }) => ({ name: file, uri: componentPurl(component), sha256 })),
    ),
    ...lockfile.wheels.map(({ name, version, file, sha256 }) => ({
      name: file,
      uri: pythonPurl(name, version),
      sha256,
    })),
  ];
}
