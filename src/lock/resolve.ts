import { ExitCode, KsbundleError, type Problem } from '../domain/errors.ts';
import { formatPlatform } from '../domain/platform.ts';
import type { BuiltDistribution, LockedWheel, Lockfile, WheelFile } from '../domain/lock.ts';
import type { Component } from '../domain/recipe.ts';
import { requireAttestations } from './attestations.ts';
import { choose, type ResolveOptions } from './choose.ts';
import { builtDistributions, recipeInputs } from './inputs.ts';
import type { Pin } from './uv-output.ts';

/**
 * Resolves a bundle's wheels with uv, for the bundle's interpreter and the platform's floor; the host does not matter.
 * Fetches every new wheel once, so a lockfile contains only digests of files that were read.
 *
 * Throws KSB_LOCK_CONFLICT with every requirement that takes part, KSB_LOCK_NO_WHEEL and KSB_LOCK_BUILT_VERSION for
 * unsuitable wheels and built distributions, KSB_LOCK_INDEX, KSB_LOCK_TOO_YOUNG, KSB_LOCK_AGE_UNKNOWN,
 * KSB_LOCK_ATTESTATION_GONE, KSB_LOCK_METADATA, KSB_LOCK_UV or KSB_HOST_TOOL_MISSING.
 */
export async function resolveLock(options: ResolveOptions): Promise<Lockfile> {
  const { bundle, platform } = options;
  const recorded = recipeInputs(options);
  const built = builtDistributions(options);
  const { pins, wheels } = await choose(options, built);
  checkBuilt(pins, built);
  const { previous, upgrade, attestations } = options;
  if (previous !== undefined && upgrade !== undefined && attestations !== undefined)
    await requireAttestations(wheels, { previous, attestations, file: bundle.origin.file });
  const requires = requirementsByName(pins);
  return {
    format: 1,
    bundle: bundle.name,
    version: bundle.version,
    platform: formatPlatform(platform),
    ...recorded,
    wheels: await measure(wheels, requires, options),
    built: builtPins(pins, built, requires),
  };
}

/** Throws KSB_LOCK_BUILT_VERSION if a component builds another version than the resolved one. */
function checkBuilt(pins: readonly Pin[], built: ReadonlyMap<string, Component>): void {
  const problems = pins.flatMap(({ name, version }): Problem[] => {
    const component = built.get(name);
    if (component === undefined || component.version === version) return [];
    return [
      {
        code: 'built-version',
        message: `component ${component.name} builds ${name} ${component.version}, but ${version} was resolved`,
        place: { file: component.origin.file },
        hint: `change the component's version to ${version}, or add a [[python.override]] for ${name} ${component.version}`,
      },
    ];
  });
  const [first] = problems;
  if (first === undefined) return;
  throw new KsbundleError({
    code: 'KSB_LOCK_BUILT_VERSION',
    exitCode: ExitCode.failed,
    message: 'a component builds a different version of a distribution than the one that was resolved',
    ...(first.place === undefined ? {} : { place: first.place }),
    problems,
  });
}

function requirementsByName(pins: readonly Pin[]): ReadonlyMap<string, readonly string[]> {
  const requires = new Map(pins.map(({ name }): [string, string[]] => [name, []]));
  for (const { name, requiredBy } of pins)
    for (const requirer of requiredBy) requires.get(requirer)?.push(name);
  return requires;
}

function builtPins(
  pins: readonly Pin[],
  built: ReadonlyMap<string, Component>,
  requires: ReadonlyMap<string, readonly string[]>,
): BuiltDistribution[] {
  return pins.flatMap(({ name, version }) => {
    const component = built.get(name);
    if (component === undefined) return [];
    return [{ name, version, component: component.name, requires: requires.get(name) ?? [] }];
  });
}

async function measure(
  wheels: readonly WheelFile[],
  requires: ReadonlyMap<string, readonly string[]>,
  { previous, fetchWheels }: ResolveOptions,
): Promise<LockedWheel[]> {
  const sizes = new Map(previous?.wheels.map(({ sha256, size }) => [sha256, size]));
  const unseen = wheels.filter(({ sha256 }) => !sizes.has(sha256));
  const fetched = await fetchWheels(unseen);
  for (const [index, { sha256 }] of unseen.entries()) sizes.set(sha256, fetched[index]?.size ?? 0);
  return wheels.map((wheel) => ({
    ...wheel,
    size: sizes.get(wheel.sha256) ?? 0,
    requires: requires.get(wheel.name) ?? [],
  }));
}
