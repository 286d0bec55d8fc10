import { readFile } from 'node:fs/promises';
import { compareBytes } from '../domain/compare-bytes.ts';
import { normalizeDistribution, requirementName } from '../domain/distribution.ts';
import { ExitCode, KsbundleError, type Problem } from '../domain/errors.ts';
import { formatPlatform } from '../domain/platform.ts';
import { pickWheel, type WheelTarget } from '../domain/wheel-tag.ts';
import type { Lockfile, WheelFile } from '../domain/lock.ts';
import type { Component } from '../domain/recipe.ts';
import type { SkippedVersion } from '../domain/results.ts';
import { withTemporaryDirectory } from '../io/files.ts';
import { boundsOf, findYoung, NO_BOUNDS, tooYoung, type AgeBounds, type AgeLimit } from './age.ts';
import type { Attestations } from './attestations.ts';
import { interpreter, type LockTarget } from './inputs.ts';
import { compileRequirements, listFiles, type Resolution, type Uv } from './uv.ts';
import { uvError } from './uv-failure.ts';
import { parsePins, parsePylockWheels, type IndexFile, type Pin } from './uv-output.ts';

export interface ResolveOptions extends LockTarget {
  readonly uv: Uv;
  /** Directory for temporary directories. */
  readonly workDirectory: string;
  /** Fetches the wheels, checks their digests and returns their sizes, in the order given. */
  readonly fetchWheels: (wheels: readonly WheelFile[]) => Promise<readonly { readonly size: number }[]>;
  /** The current lockfile: its versions are kept if the recipe still allows them. */
  readonly previous?: Lockfile;
  /** Distributions to upgrade; empty for all; undefined for none. */
  readonly upgrade?: readonly string[];
  /** The minimum age for an upgrade; none by default. */
  readonly age?: AgeLimit;
  /** Undefined if an upgrade does not compare attestations. */
  readonly attestations?: Attestations;
}

interface Chosen {
  readonly pins: readonly Pin[];
  readonly files: ReadonlyMap<string, readonly IndexFile[]>;
}

/**
 * Chooses a version and a wheel of everything. With a minimum age, it resolves again, each time without the files
 * that are too young of the distributions that chose one, until none does. A cutoff for all distributions would also
 * exclude locked versions.
 */
export async function choose(
  options: ResolveOptions,
  built: ReadonlyMap<string, Component>,
): Promise<{ readonly pins: readonly Pin[]; readonly wheels: readonly WheelFile[] }> {
  const { age, previous, bundle } = options;
  if (bundle.python.requirements.length === 0 && built.size === 0) return { pins: [], wheels: [] };
  const locked = new Map(previous?.wheels.map((wheel) => [wheel.name, wheel]));
  const skipped: SkippedVersion[] = [];
  let bounds = NO_BOUNDS;
  let first: ReadonlyMap<string, string> | undefined;
  for (;;) {
    const { pins, files } = await runUv({ ...options, bounds }, built).catch((error: unknown) => {
      if (skipped.length > 0 && isConflict(error)) throw tooYoung(skipped, bundle.origin.file);
      throw error;
    });
    const wheels = pickWheels(pins, { options, files, built });
    if (age === undefined) return { pins, wheels };
    const { cutoff } = age;
    const young = findYoung(wheels, { cutoff, files, locked });
    if (young.length === 0) {
      for (const each of skipped) age.skip(each);
      return { pins, wheels };
    }
    if (young.some(({ name }) => skipped.some((each) => each.name === name)))
      throw tooYoung(young, bundle.origin.file);
    first ??= new Map(pins.map(({ name, version }) => [name, version]));
    for (const each of young)
      skipped.push(await keepIfYoung(each, locked.get(each.name), { options, cutoff }));
    bounds = boundsOf(skipped, { cutoff, first, locked });
  }
}

/** Adds to a skipped version that the locked one is kept, if no version between the two is old enough. */
async function keepIfYoung(
  skipped: SkippedVersion,
  locked: WheelFile | undefined,
  { options, cutoff }: { readonly options: ResolveOptions; readonly cutoff: Date },
): Promise<SkippedVersion> {
  if (locked === undefined) return skipped;
  const { name, version, file } = locked;
  const listed = await withTemporaryDirectory(options.workDirectory, (directory) =>
    listFiles(
      options.uv,
      { ...targetOf(options), built: [], notAfter: [], pins: `${name}==${version}\n` },
      directory,
    ),
  );
  // A version that is no longer on the index cannot be kept; it is still a lower bound.
  const files = 'failure' in listed ? undefined : parsePylockWheels(listed.text).get(name);
  const uploaded = files?.find((each) => each.file === file)?.uploaded;
  return uploaded !== undefined && uploaded > cutoff ? { ...skipped, kept: version } : skipped;
}

function isConflict(error: unknown): boolean {
  return error instanceof KsbundleError && error.facts.code === 'KSB_LOCK_CONFLICT';
}

async function runUv(
  options: ResolveOptions & { readonly bounds: AgeBounds },
  built: ReadonlyMap<string, Component>,
): Promise<Chosen> {
  const { constraints: file } = options.bundle.python;
  const constraints = file === undefined ? '' : await readFile(file, 'utf8');
  const resolution = describeResolution(options, constraints, built);
  const fail = (failure: Parameters<typeof uvError>[0]): never => {
    options.uv.signal?.throwIfAborted();
    throw uvError(failure, { target: options, python: resolution.python, constraints });
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
  options: ResolveOptions & { readonly bounds: AgeBounds },
  constraints: string,
  built: ReadonlyMap<string, Component>,
): Resolution {
  const { python } = options.bundle;
  const overridden = new Set(python.overrides.map(({ distribution }) => normalizeDistribution(distribution)));
  return {
    requirements: lines([...python.requirements, ...built.keys()]),
    // An override replaces a constraint. Requirements between distributions still apply: uv's own `--overrides` would
    // ignore these too, and combine versions that do not work together.
    constraints: lines([
      ...constraints.split('\n').filter((line) => !overridden.has(requirementName(line) ?? '')),
      ...python.overrides.map(({ distribution, version }) => `${distribution}==${version}`),
      ...options.bounds.constraints,
    ]),
    excludes: lines(python.excludes.map(({ distribution }) => distribution)),
    preferences: lines(preferences(options)),
    built: [...built.keys()],
    notAfter: options.bounds.notAfter,
    ...targetOf(options),
  };
}

function targetOf(options: ResolveOptions): Pick<Resolution, 'python' | 'platform'> {
  return { python: interpreter(options).version, platform: options.platform };
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
      message: `some distributions of ${options.bundle.name} have no compatible wheel`,
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

function lines(entries: readonly string[]): string {
  return entries.map((entry) => `${entry}\n`).join('');
}
