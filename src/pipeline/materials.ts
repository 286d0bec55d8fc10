import path from 'node:path';
import type { Artifact } from '../build/plan.ts';
import { pythonPurl, componentPurl } from '../domain/purl.ts';
import type { Material } from '../pack/provenance.ts';
import { buildArchitecture } from './build-architecture.ts';
import { recipeFiles } from './recipe-files.ts';
import { componentsOf } from './recipes.ts';
import type { LockedBundle } from './sources.ts';

/**
 * Everything with a digest that determines a release's bytes: recipes and their files, lockfile, compiler, sources,
 * wheels. Lists every archive of a source: they contain the same code, and the store does not record which one an
 * artifact was built from. An artifact that another machine built is also a material, with the keys that vouch for it.
 */
export function materialsOf(
  loaded: LockedBundle,
  artifacts: ReadonlyMap<string, Artifact>,
): readonly Material[] {
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
    ...components.flatMap(({ name, version }) => {
      const { sha256, signers } = artifacts.get(name) ?? {};
      if (sha256 === undefined || signers === undefined) return [];
      return [{ name: `artifact:${name}-${version}`, sha256, signedBy: signers }];
    }),
    ...lockfile.wheels.map(({ name, version, file, sha256 }) => ({
      name: file,
      uri: pythonPurl(name, version),
      sha256,
    })),
  ];
}
