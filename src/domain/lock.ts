import type { Sha256 } from './digest.ts';

/** A wheel's exact bytes, named by file. The host's Python index decides where it is fetched from. */
export interface WheelFile {
  /** Normalised distribution name (PEP 503). */
  readonly name: string;
  readonly version: string;
  readonly file: string;
  readonly sha256: Sha256;
}

/** A wheel as locked. */
export interface LockedWheel extends WheelFile {
  /** Bytes. */
  readonly size: number;
  /** Normalised names of the distributions it requires on this platform, sorted: the answer to `ksbundle why`. */
  readonly requires: readonly string[];
}

/** An archive of a component's source as locked. */
export interface LockedSource {
  /** Name of the component, or of the toolchain. */
  readonly component: string;
  readonly version: string;
  readonly file: string;
  readonly sha256: Sha256;
}

/** A distribution that a component installs, not a wheel. */
export interface BuiltDistribution {
  /** Normalised. */
  readonly name: string;
  readonly version: string;
  readonly component: string;
  /** As of `LockedWheel`. */
  readonly requires: readonly string[];
}

/** The inputs of a resolution of wheels, besides the platform. */
export interface LockInputs {
  /** Version of the interpreter. */
  readonly python: string;
  /** PEP 508 requirements, sorted. */
  readonly requirements: readonly string[];
  /** Digest of the constraints file. */
  readonly constraints: Sha256;
  /** `<distribution>==<version>`, sorted. */
  readonly overrides: readonly string[];
  /** Normalised names, sorted. */
  readonly excludes: readonly string[];
}

/** The result of a resolution for one bundle on one platform: `lockfiles/<bundle>.<platform>.json`. */
export interface Lockfile extends LockInputs {
  readonly format: 1;
  readonly bundle: string;
  readonly version: string;
  readonly platform: string;
  /** Digest over all inputs of the resolution, including sources. */
  readonly inputs: Sha256;
  /** Sorted by component, then file. */
  readonly sources: readonly LockedSource[];
  /** Sorted by name. */
  readonly wheels: readonly LockedWheel[];
  /** Sorted by name. */
  readonly built: readonly BuiltDistribution[];
}
