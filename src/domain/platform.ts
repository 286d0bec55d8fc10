/** Processor architectures that recipes can be built for. */
export const ARCHITECTURES = ['x86_64', 'aarch64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** A glibc version, for example 2.17. */
export interface GlibcVersion {
  readonly major: number;
  readonly minor: number;
}

/** The platform of a bundle: an architecture, and the oldest supported glibc (the floor). */
export interface Platform {
  readonly arch: Architecture;
  readonly floor: GlibcVersion;
}

/** Facts of an architecture that the stages need, from its psABI and from glibc. */
interface ArchitectureFacts {
  /** `e_machine` of its ELF files. */
  readonly machine: number;
  /** File name of glibc's dynamic loader. */
  readonly loader: string;
  /** Triplet in file names of CPython extension modules. */
  readonly pythonTriplet: string;
}

const FACTS: Record<Architecture, ArchitectureFacts> = {
  x86_64: { machine: 62, loader: 'ld-linux-x86-64.so.2', pythonTriplet: 'x86_64-linux-gnu' },
  aarch64: { machine: 183, loader: 'ld-linux-aarch64.so.1', pythonTriplet: 'aarch64-linux-gnu' },
};

const PATTERN = /^([a-z0-9_]+)-linux-gnu\.(\d+)\.(\d+)$/;

export const DEFAULT_PLATFORM = 'x86_64-linux-gnu.2.17';

/** Parses `<arch>-linux-gnu.<major>.<minor>`; undefined if `text` is not of that form or the architecture is unknown. */
export function parsePlatform(text: string): Platform | undefined {
  const [, arch, major, minor] = PATTERN.exec(text) ?? [];
  const known = ARCHITECTURES.find((name) => name === arch);
  if (known === undefined) return undefined;
  return { arch: known, floor: { major: Number(major), minor: Number(minor) } };
}

/** The platform's canonical name; also the target triple that zig takes. */
export function formatPlatform(platform: Platform): string {
  return `${platform.arch}-linux-gnu.${formatGlibc(platform.floor)}`;
}

export function formatGlibc(version: GlibcVersion): string {
  return `${version.major}.${version.minor}`;
}

/** Negative if `a` is older than `b`, zero if equal, positive if newer. */
export function compareGlibc(a: GlibcVersion, b: GlibcVersion): number {
  return a.major - b.major || a.minor - b.minor;
}

export function architectureFacts(platform: Platform): ArchitectureFacts {
  return FACTS[platform.arch];
}
