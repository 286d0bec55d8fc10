import { requirementName } from '../domain/distribution.ts';
import type { Embedded, InstalledWheel, ManifestComponent, Part, ReleaseFacts } from '../domain/manifest.ts';
import { formatPlatform } from '../domain/platform.ts';
import { componentPurl } from '../domain/purl.ts';
import type { Component } from '../domain/recipe.ts';
import type { Context } from './context.ts';
import type { LockedBundle } from './sources.ts';

/** Results of the earlier stages. */
export interface Contents {
  readonly components: readonly { readonly component: Component }[];
  readonly wheels: readonly InstalledWheel[];
  /** Newest glibc version that any file needs. */
  readonly floor: string | undefined;
  readonly embeds: readonly Embedded[];
}

/** The facts of a release, from its recipes, its lockfile and the assembled tree. */
export function releaseFacts(
  context: Context,
  { bundle, set, lockfile, statements }: LockedBundle,
  { components, wheels, floor, embeds }: Contents,
): ReleaseFacts {
  const { name, version, license } = set.toolchain;
  const partOf = distributionParts(components, wheels);
  const partsOf = (distributions: readonly string[]): Part[] =>
    sorted(distributions.flatMap((distribution) => partOf.get(distribution) ?? []));
  const required = new Map(
    [...lockfile.wheels, ...lockfile.built].map((locked) => [locked.name, locked.requires]),
  );
  const requirements = bundle.python.requirements.flatMap((text) => requirementName(text) ?? []);
  return {
    bundle: bundle.family,
    version: bundle.version,
    revision: bundle.revision,
    license: bundle.license,
    summary: bundle.summary,
    platform: formatPlatform(context.platform),
    ...(floor === undefined ? {} : { floor }),
    toolchain: { name, version, license },
    requires: sorted([
      ...componentParts([bundle.python.interpreter, ...bundle.components]),
      ...partsOf(requirements),
    ]),
    components: components
      .map(({ component }) => ({
        ...describeComponent(component),
        requires: sorted([
          ...componentParts(component.inputs),
          ...partsOf(component.distributions.flatMap((distribution) => required.get(distribution) ?? [])),
        ]),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    wheels: wheels.map((wheel) => ({ ...wheel, requires: partsOf(required.get(wheel.name) ?? []) })),
    ...(embeds.length === 0 ? {} : { embeds }),
    ...(Object.keys(bundle.support).length === 0 ? {} : { support: bundle.support }),
    ...(statements.length === 0 ? {} : { vex: statements }),
  };
}

function describeComponent(component: Component): Omit<ManifestComponent, 'requires'> {
  const { name, version, license, cpe, repository, sources, origin } = component;
  return {
    name,
    version,
    license,
    ...(cpe === undefined ? {} : { cpe }),
    ...(repository === undefined ? {} : { repository }),
    purl: componentPurl(component),
    sources: sources.flatMap(({ archives }) => archives.map(({ file, sha256 }) => ({ file, sha256 }))),
    recipe: origin.sha256,
  };
}

/** The part of each distribution, by normalised name; without excluded ones. */
function distributionParts(
  components: Contents['components'],
  wheels: Contents['wheels'],
): ReadonlyMap<string, Part> {
  return new Map<string, Part>([
    ...wheels.map(({ name }): [string, Part] => [name, `wheel:${name}`]),
    ...components.flatMap(({ component: { name, distributions } }) =>
      distributions.map((distribution): [string, Part] => [distribution, `component:${name}`]),
    ),
  ]);
}

function componentParts(names: readonly string[]): Part[] {
  return names.map((name): Part => `component:${name}`);
}

function sorted(parts: readonly Part[]): Part[] {
  return [...new Set(parts)].sort();
}
