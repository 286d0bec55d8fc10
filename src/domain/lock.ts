import type { Sha256 } from './digest.ts';

/** A wheel as locked: exact bytes, named by file; where it is fetched is the host's Python index's business. */
export interface LockedWheel {
  /** Normalised distribution name (PEP 503). */
  readonly name: string;
  readonly version: string;
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: Sha256;
  /** Normalised names of the distributions it requires on this platform, sorted: the answer to `ksbundle why`. */
  readonly requires: readonly string[];
}

/** A packing of a component's source as locked. */
export interface LockedSource {
  readonly component: string;
  readonly version: string;
  readonly file: string;
  readonly sha256: Sha256;
}

/** What was resolved for one bundle on one platform: `lockfiles/<bundle>.<platform>.json`. */
export interface Lockfile {
  readonly format: 1;
  readonly bundle: string;
  readonly version: string;
  readonly platform: string;
  /** Digest over the recipe's inputs to resolution; a lockfile whose digest differs from the recipe's is stale. */
  readonly inputs: Sha256;
  /** Sorted by component, then file. */
  readonly sources: readonly LockedSource[];
  /** Sorted by name. */
  readonly wheels: readonly LockedWheel[];
  /** Distributions that components install instead of wheels, sorted. */
  readonly built: readonly { readonly name: string; readonly version: string; readonly component: string }[];
}
