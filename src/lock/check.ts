import { ExitCode, KsbundleError, type Problem } from '../domain/errors.ts';
import { formatPlatform } from '../domain/platform.ts';
import type { LockedSource, Lockfile } from '../domain/lock.ts';
import { digestInputs, builtDistributions, recipeInputs, type LockTarget } from './inputs.ts';

/**
 * The differences between a lockfile and its recipes, one problem each; empty if the lockfile is current. Resolves
 * nothing.
 */
export function checkLock(lockfile: Lockfile, target: LockTarget): Problem[] {
  const now = recipeInputs(target);
  const { bundle } = target;
  const differences = [
    ...differ('bundle', bundle.name, lockfile.bundle),
    ...differ('version', bundle.version, lockfile.version),
    ...differ('platform', formatPlatform(target.platform), lockfile.platform),
    ...differ('Python', now.python, lockfile.python),
    ...differInList('requirement', now.requirements, lockfile.requirements),
    ...differ('digest of the constraints', now.constraints, lockfile.constraints),
    ...differInList('override', now.overrides, lockfile.overrides),
    ...differInList('exclude', now.excludes, lockfile.excludes),
    ...differInSources(now.sources, lockfile.sources),
    ...differInBuilt(lockfile, target),
  ];
  const edited = lockfile.inputs !== digestInputs(lockfile, lockfile.sources, lockfile.platform);
  return [
    ...differences.map((message) => ({ code: 'stale-lock', message })),
    ...(edited ? [{ code: 'edited-lock', message: 'inputs: the lockfile was edited by hand' }] : []),
  ];
}

/** Throws KSB_LOCK_STALE (exit 2, like an invalid recipe) with every difference, if `checkLock` finds one. */
export function requireCurrentLock(lockfile: Lockfile, file: string, target: LockTarget): void {
  const problems = checkLock(lockfile, target);
  if (problems.length === 0) return;
  throw new KsbundleError({
    code: 'KSB_LOCK_STALE',
    exitCode: ExitCode.usage,
    message: `recipe and lockfile of ${target.bundle.name} differ`,
    place: { file },
    hint: `update the lockfile: ksbundle lock ${target.bundle.name}`,
    problems,
  });
}

/**
 * Throws KSB_DIGEST_KEPT for a component whose version and file changed but whose digest did not: the old bytes may
 * be in the store, and would be built under the new version's name.
 */
export function requireNewDigests(previous: Lockfile, target: LockTarget): void {
  const problems = recipeInputs(target).sources.flatMap(({ component, version, file, sha256 }): Problem[] => {
    const old = previous.sources.find((source) => source.component === component && source.sha256 === sha256);
    if (old === undefined || old.version === version || old.file === file) return [];
    const message = `${component} ${version}: the digest of ${file} is still that of ${old.file}`;
    return [{ code: 'digest-kept', message }];
  });
  if (problems.length === 0) return;
  throw new KsbundleError({
    code: 'KSB_DIGEST_KEPT',
    exitCode: ExitCode.usage,
    message: 'a new version of a source needs its own digest',
    hint: 'put the digest that upstream publishes into the recipe',
    problems,
  });
}

function differ(what: string, recipe: string, lock: string): string[] {
  return recipe === lock ? [] : [`${what}: recipe has ${recipe}, lock has ${lock}`];
}

function differInList(what: string, recipe: readonly string[], lock: readonly string[]): string[] {
  return [
    ...recipe.filter((entry) => !lock.includes(entry)).map((entry) => `${what} ${entry}: not in the lock`),
    ...lock.filter((entry) => !recipe.includes(entry)).map((entry) => `${what} ${entry}: not in the recipe`),
  ];
}

function differInSources(recipe: readonly LockedSource[], lock: readonly LockedSource[]): string[] {
  const components = [...new Set([...recipe, ...lock].map(({ component }) => component))].toSorted();
  return components.flatMap((component) => {
    const now = describeArchives(recipe, component);
    const then = describeArchives(lock, component);
    if (now === then) return [];
    const version = recipe.find((source) => source.component === component)?.version;
    if (version === undefined) return [`source ${component}: not in the recipes, lock has ${then}`];
    return [`source ${component} ${version}: recipe has ${now}, lock has ${then || 'none'}`];
  });
}

function describeArchives(sources: readonly LockedSource[], component: string): string {
  return sources
    .filter((source) => source.component === component)
    .map(({ version, file, sha256 }) => `${version} ${file} ${sha256}`)
    .join(', ');
}

function differInBuilt(lockfile: Lockfile, target: LockTarget): string[] {
  return differInList(
    'built distribution',
    [...builtDistributions(target)].map(
      ([name, { name: component, version }]) => `${name} ${version} of ${component}`,
    ),
    lockfile.built.map(({ name, component, version }) => `${name} ${version} of ${component}`),
  );
}
