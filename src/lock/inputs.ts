import { compareBytes } from '../domain/compare-bytes.ts';
import { normalizeDistribution } from '../domain/distribution.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { dependencyOrder } from '../domain/graph.ts';
import { formatPlatform, type Platform } from '../domain/platform.ts';
import type { Sha256 } from '../domain/digest.ts';
import type { LockedSource, LockInputs } from '../domain/lock.ts';
import type { Bundle, Component, RecipeSet, Source } from '../domain/recipe.ts';
import { hashBytes } from '../io/files.ts';

/** A bundle's recipes and the platform they are resolved for. */
export interface LockTarget {
  readonly bundle: Bundle;
  readonly set: RecipeSet;
  readonly platform: Platform;
}

/** The recipe's side of what a lockfile records. */
export interface RecipeInputs extends LockInputs {
  readonly inputs: Sha256;
  readonly sources: readonly LockedSource[];
}

/** Everything of the recipes that a lockfile depends on. */
export function recipeInputs(target: LockTarget): RecipeInputs {
  const { python } = target.bundle;
  const recorded: LockInputs = {
    python: interpreter(target).version,
    requirements: python.requirements.toSorted(compareBytes),
    constraints: python.constraintsSha256,
    overrides: python.overrides
      .map(({ distribution, version }) => `${normalizeDistribution(distribution)}==${version}`)
      .toSorted(compareBytes),
    excludes: python.excludes
      .map(({ distribution }) => normalizeDistribution(distribution))
      .toSorted(compareBytes),
  };
  const sources = lockedSources(target);
  return { ...recorded, sources, inputs: digestInputs(recorded, sources, formatPlatform(target.platform)) };
}

/** Digest over recorded inputs. If the `inputs` of a lockfile do not match it, somebody edited the lockfile. */
export function digestInputs(
  recorded: LockInputs,
  sources: readonly LockedSource[],
  platform: string,
): Sha256 {
  return hashBytes(
    JSON.stringify([
      platform,
      recorded.python,
      recorded.requirements,
      recorded.constraints,
      recorded.overrides,
      recorded.excludes,
      sources.map(({ component, version, file, sha256 }) => [component, version, file, sha256]),
    ]),
  );
}

/** The component that is the bundle's interpreter. */
export function interpreter({ bundle, set }: LockTarget): Component {
  const component = set.components.get(bundle.python.interpreter);
  if (component !== undefined) return component;
  throw new KsbundleError({
    code: 'KSB_LOCK_INTERPRETER',
    exitCode: ExitCode.usage,
    message: `the interpreter of ${bundle.name} is ${bundle.python.interpreter}, and there is no such component`,
    place: { file: bundle.origin.file },
  });
}

/** Normalised distributions that the bundle's components install, each with its component. */
export function builtDistributions({ bundle, set }: LockTarget): ReadonlyMap<string, Component> {
  return new Map(
    bundle.components.flatMap((name) => {
      const component = set.components.get(name);
      if (component === undefined) return [];
      return component.distributions.map(
        (distribution) => [normalizeDistribution(distribution), component] as const,
      );
    }),
  );
}

function lockedSources({ bundle, set }: LockTarget): LockedSource[] {
  const names = dependencyOrder(
    [bundle.python.interpreter, ...bundle.components],
    (name) => set.components.get(name)?.inputs ?? [],
  );
  const components = names.flatMap((name) => {
    const component = set.components.get(name);
    return component === undefined ? [] : archives(component, component.sources);
  });
  return [...components, ...archives(set.toolchain, Object.values(set.toolchain.sources))].toSorted(
    (a, b) =>
      compareBytes(a.component, b.component) ||
      compareBytes(a.file, b.file) ||
      compareBytes(a.sha256, b.sha256),
  );
}

function archives(
  of: { readonly name: string; readonly version: string },
  sources: readonly Source[],
): readonly LockedSource[] {
  return sources.flatMap((source) =>
    source.archives.map(({ file, sha256 }) => ({ component: of.name, version: of.version, file, sha256 })),
  );
}
