import { normalizeDistribution } from './distribution.ts';
import { compareGlibc, type GlibcVersion, type Platform } from './platform.ts';

/** The contents of a wheel's file name (PEP 427, PEP 425). Each of the three tags may name several alternatives. */
export interface WheelName {
  /** Normalised. */
  readonly distribution: string;
  readonly version: string;
  /** Build tag: a number, and text after it. Absent for most wheels. */
  readonly build?: { readonly number: number; readonly text: string };
  /** For example `cp313`, `py3`. */
  readonly pythons: readonly string[];
  /** For example `cp313`, `abi3`, `none`. */
  readonly abis: readonly string[];
  /** For example `manylinux_2_17_x86_64`, `any`. */
  readonly platforms: readonly string[];
}

/** The CPython that a wheel must support; no free-threaded or debug build. */
export interface WheelTarget {
  readonly python: { readonly major: number; readonly minor: number };
  readonly platform: Platform;
}

/** Names from PEP 513, 571 and 599 for PEP 600's `manylinux_<major>_<minor>`. */
const LEGACY_FLOORS: Readonly<Record<string, GlibcVersion>> = {
  manylinux1: { major: 2, minor: 5 },
  manylinux2010: { major: 2, minor: 12 },
  manylinux2014: { major: 2, minor: 17 },
};

const PATTERN =
  /^(?<name>[A-Za-z0-9._]+)-(?<version>[^-]+)(?:-(?<number>\d+)(?<text>[^-]*))?-(?<python>[^-]+)-(?<abi>[^-]+)-(?<platform>[^-]+)\.whl$/;

/** Parses a wheel's file name; undefined if it is not one. */
export function parseWheelName(file: string): WheelName | undefined {
  const groups = PATTERN.exec(file)?.groups;
  if (groups === undefined) return undefined;
  const { name = '', version = '', number, text = '', python = '', abi = '', platform = '' } = groups;
  return {
    distribution: normalizeDistribution(name),
    version,
    ...(number === undefined ? {} : { build: { number: Number(number), text } }),
    pythons: python.split('.'),
    abis: abi.split('.'),
    platforms: platform.split('.'),
  };
}

/** The newest glibc, and the architecture, that a `manylinux` tag may need; undefined for other tags. */
export function manylinuxFloor(
  tag: string,
): { readonly arch: string; readonly floor: GlibcVersion } | undefined {
  const [, major, minor, arch] = /^manylinux_(\d+)_(\d+)_(.+)$/.exec(tag) ?? [];
  if (arch !== undefined) return { arch, floor: { major: Number(major), minor: Number(minor) } };
  const [, legacy = '', legacyArch = ''] = /^(manylinux\d+)_(.+)$/.exec(tag) ?? [];
  const floor = LEGACY_FLOORS[legacy];
  return floor === undefined ? undefined : { arch: legacyArch, floor };
}

/**
 * A wheel's rank as numbers to compare in order, higher first; undefined if it does not fit. Same order as pip: native
 * code before pure, the interpreter's own ABI before `abi3` before none, a newer Python tag before an older, a newer
 * glibc (at most the floor) before an older, a higher build number before a lower. A `linux_<arch>` tag has no floor
 * and so never fits.
 */
export function rankWheel(wheel: WheelName, target: WheelTarget): readonly number[] | undefined {
  const ranks = wheel.platforms.flatMap((platform) => {
    const floor = rankPlatform(platform, target.platform);
    if (floor === undefined) return [];
    return wheel.pythons.flatMap((python) =>
      wheel.abis.flatMap((abi) => {
        const code = rankCode(python, abi, target);
        const native = platform === 'any' ? 0 : 1;
        return code === undefined ? [] : [[native, ...code, ...floor, wheel.build?.number ?? -1]];
      }),
    );
  });
  return ranks.toSorted(compareRanks).at(-1);
}

/**
 * The wheel of `files` that fits best, by `rankWheel`, then build tag, then file name; undefined if none fits. The
 * order of `files` does not matter.
 */
export function pickWheel(files: readonly string[], target: WheelTarget): string | undefined {
  const fitting = files.flatMap((file) => {
    const wheel = parseWheelName(file);
    const rank = wheel === undefined ? undefined : rankWheel(wheel, target);
    return rank === undefined ? [] : [{ file, rank, text: wheel?.build?.text ?? '' }];
  });
  return fitting
    .toSorted(
      (a, b) => compareRanks(a.rank, b.rank) || compareText(a.text, b.text) || compareText(a.file, b.file),
    )
    .at(-1)?.file;
}

function rankPlatform(tag: string, platform: Platform): readonly [number, number] | undefined {
  if (tag === 'any') return [0, 0];
  const promise = manylinuxFloor(tag);
  if (promise === undefined || promise.arch !== platform.arch) return undefined;
  if (compareGlibc(promise.floor, platform.floor) > 0) return undefined;
  return [promise.floor.major, promise.floor.minor];
}

/** ABI class, then minor version of the Python tag. */
function rankCode(python: string, abi: string, target: WheelTarget): readonly [number, number] | undefined {
  const { major, minor } = target.python;
  const [, implementation, tagMajor, tagMinor] = /^(cp|py)(\d)(\d*)$/.exec(python) ?? [];
  if (implementation === undefined || Number(tagMajor) !== major) return undefined;
  const version = tagMinor === undefined || tagMinor === '' ? -1 : Number(tagMinor);
  if (version > minor) return undefined;
  if (implementation === 'py') return abi === 'none' ? [0, version] : undefined;
  if (abi === 'abi3') return version >= 2 ? [2, version] : undefined;
  if (version !== minor) return undefined;
  if (abi === `cp${major}${minor}`) return [3, version];
  return abi === 'none' ? [1, version] : undefined;
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (const [index, left] of a.entries()) {
    const difference = left - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
