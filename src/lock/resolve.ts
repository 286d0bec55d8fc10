import { readFile } from 'node:fs/promises';
import { normalizeDistribution, requirementName } from '../domain/distribution.ts';
import { ExitCode, KsbundleError, type Problem } from '../domain/errors.ts';
import { formatPlatform } from '../domain/platform.ts';
import { pickWheel, type WheelTarget } from '../domain/wheel-tag.ts';
import type { BuiltDistribution, LockedWheel, Lockfile, WheelFile } from '../domain/lock.ts';
import type { Component } from '../domain/recipe.ts';
import type { SkippedVersion } from '../domain/results.ts';
import { compareBytes, withTemporaryDirectory } from '../io/files.ts';
import { findYoung, tooYoung, type AgeLimit } from './age.ts';
import { builtDistributions, interpreter, recipeInputs, type LockSubject } from './inputs.ts';
import { compileRequirements, listFiles, type Resolution, type Uv } from './uv.ts';
import { uvError } from './uv-failure.ts';
import { parsePins, parsePylockWheels, type IndexFile, type Pin } from './uv-output.ts';

export interface ResolveOptions extends LockSubject {
  readonly uv: Uv;
  /** Directory that temporary directories are made in. */
  readonly workDirectory: string;
  /** Brings the wheels onto this machine, checks them against their digests and tells their sizes, in the order given. */
  readonly fetchWheels: (wheels: readonly WheelFile[]) => Promise<readonly { readonly size: number }[]>;
  /** The present lockfile: its versions are kept where the recipe still allows them. */
  readonly previous?: Lockfile;
  /** Distributions whose version is chosen anew; empty for all of them; without it none. */
  readonly upgrade?: readonly string[];
  /** How old must be what an upgrade takes; without it anything. */
  readonly age?: AgeLimit;
}

/**
 * Resolves a bundle's wheels with uv, for the bundle's interpreter and the platform's floor, and nothing of the host.
 * Every new wheel is fetched once, so a lockfile names only bytes that were seen.
 *
 * Throws KSB_LOCK_CONFLICT with who wants what, KSB_LOCK_NO_WHEEL and KSB_LOCK_BUILT_VERSION for wheels and built
 * distributions that do not fit, KSB_LOCK_INDEX, KSB_LOCK_METADATA, KSB_LOCK_UV or KSB_HOST_TOOL_MISSING.
 */
export async function resolveLock(options: ResolveOptions): Promise<Lockfile> {
  const { bundle, platform } = options;
  const recorded = recipeInputs(options);
  const built = builtDistributions(options);
  const { pins, wheels } = await choose(options, built);
  checkBuilt(pins, built);
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

interface Chosen {
  readonly pins: readonly Pin[];
  readonly files: ReadonlyMap<string, readonly IndexFile[]>;
}

/**
 * Resolves, and again without the files that are too young of each distribution that took one, until none did. A cutoff
 * for all would take away what is locked already.
 */
async function choose(
  options: ResolveOptions,
  built: ReadonlyMap<string, Component>,
): Promise<{ readonly pins: readonly Pin[]; readonly wheels: readonly WheelFile[] }> {
  const { age, previous, bundle } = options;
  const locked = new Map(previous?.wheels.map(({ name, version }) => [name, version]));
  const skipped: SkippedVersion[] = [];
  for (;;) {
    const notAfter = skipped.map(({ name }) => `${name}=${age?.cutoff.toISOString()}`);
    const chosen = await runUv({ ...options, notAfter }, built).catch((error: unknown) => {
      if (skipped.length > 0 && isConflict(error)) throw tooYoung(skipped, bundle.origin.file);
      throw error;
    });
    const wheels = pickWheels(chosen.pins, { options, files: chosen.files, built });
    const young =
      age === undefined ? [] : findYoung(wheels, { cutoff: age.cutoff, files: chosen.files, locked });
    if (young.length === 0) {
      for (const each of skipped) age?.skip(each);
      return { pins: chosen.pins, wheels };
    }
    if (young.some(({ name }) => skipped.some((each) => each.name === name)))
      throw tooYoung(young, bundle.origin.file);
    skipped.push(...young);
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof KsbundleError && error.facts.code === 'KSB_LOCK_CONFLICT';
}

async function runUv(
  options: ResolveOptions & { readonly notAfter: readonly string[] },
  built: ReadonlyMap<string, Component>,
): Promise<Chosen> {
  const constraints = await readFile(options.bundle.python.constraints, 'utf8');
  const resolution = describeResolution(options, constraints, built);
  const fail = (failure: Parameters<typeof uvError>[0]): never => {
    options.uv.signal?.throwIfAborted();
    throw uvError(failure, { subject: options, python: resolution.python, constraints });
  };
  return withTemporaryDirectory(options.workDirectory, async (directory) => {
    const compiled = await compileRequirements(options.uv, resolution, directory);
    if ('failure' in compiled) return fail(compiled.failure);
    const pins = parsePins(compiled.text).toSorted((a, b) => compareBytes(a.name, b.name));
    const exact = lines(pins.map(({ name, version }) => `${name}==${version}`));
    const listed = await listFiles(options.uv, { ...resolution, pins: exact }, directory);
    if ('failure' in listed) return fail(listed.failure);
    return { pins, files: parsePylockWheels(listed.text) };
  });
}

function describeResolution(
  options: ResolveOptions & { readonly notAfter: readonly string[] },
  constraints: string,
  built: ReadonlyMap<string, Component>,
): Resolution {
  const { python } = options.bundle;
  const overridden = new Set(python.overrides.map(({ distribution }) => normalizeDistribution(distribution)));
  return {
    requirements: lines([...python.requirements, ...built.keys()]),
    // An override takes a constraint's place. What distributions require of each other holds: uv's own `--overrides`
    // would silence that too, and ship what was never meant to run together.
    constraints: lines([
      ...constraints.split('\n').filter((line) => !overridden.has(requirementName(line) ?? '')),
      ...python.overrides.map(({ distribution, version }) => `${distribution}==${version}`),
    ]),
    excludes: lines(python.excludes.map(({ distribution }) => distribution)),
    preferences: lines(preferences(options)),
    built: [...built.keys()],
    notAfter: options.notAfter,
    python: interpreter(options).version,
    platform: options.platform,
  };
}

function preferences({ previous, upgrade }: ResolveOptions): string[] {
  if (previous === undefined || upgrade?.length === 0) return [];
  const renewed = new Set(upgrade?.map(normalizeDistribution));
  return [...previous.wheels, ...previous.built]
    .filter(({ name }) => !renewed.has(name))
    .map(({ name, version }) => `${name}==${version}`);
}

function pickWheels(
  pins: readonly Pin[],
  chosen: {
    readonly options: ResolveOptions;
    readonly files: ReadonlyMap<string, readonly IndexFile[]>;
    readonly built: ReadonlyMap<string, Component>;
  },
): WheelFile[] {
  const { options, files, built } = chosen;
  const target = wheelTarget(options);
  const problems: Problem[] = [];
  const wheels = pins.flatMap(({ name, version }) => {
    if (built.has(name)) return [];
    const candidates = files.get(name) ?? [];
    const file = pickWheel(
      candidates.map((candidate) => candidate.file),
      target,
    );
    const picked = candidates.find((candidate) => candidate.file === file);
    if (picked !== undefined) return [{ name, version, file: picked.file, sha256: picked.sha256 }];
    problems.push({
      code: 'no-wheel',
      message: `${name} ${version} has no wheel for ${formatPlatform(options.platform)}`,
      hint: `add a [[python.override]] for ${name}, or a component that builds it`,
    });
    return [];
  });
  if (problems.length > 0) {
    throw new KsbundleError({
      code: 'KSB_LOCK_NO_WHEEL',
      exitCode: ExitCode.failed,
      message: `not every distribution of ${options.bundle.name} has a wheel that fits`,
      place: { file: options.bundle.origin.file },
      problems,
    });
  }
  return wheels;
}

function wheelTarget(options: ResolveOptions): WheelTarget {
  const [major, minor] = interpreter(options).version.split('.').map(Number);
  return { python: { major: major ?? 0, minor: minor ?? 0 }, platform: options.platform };
}

/** Throws KSB_LOCK_BUILT_VERSION where a component builds another version than the one that was chosen. */
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
    message: 'a component builds another version of a distribution than the one that was resolved',
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

function lines(entries: readonly string[]): string {
  return entries.map((entry) => `${entry}\n`).join('');
}
