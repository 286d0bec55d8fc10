import { splitCpe, unescapeCpe } from '../cpe.ts';
import { normalizeDistribution } from '../distribution.ts';
import type { Part } from '../manifest.ts';
import type { Severity } from './severity.ts';

/**
 * Sources of advisories, which name software differently: OSV by package of a registry or by `Git` repository, `NVD`
 * by CPE.
 */
export const FEEDS = ['PyPI', 'crates.io', 'Go', 'Git', 'NVD'] as const;
export type Feed = (typeof FEEDS)[number];

/** Feeds about registries of packages, as OSV names them. */
export const REGISTRY_FEEDS = ['PyPI', 'crates.io', 'Go'] as const satisfies readonly Feed[];
export type RegistryFeed = (typeof REGISTRY_FEEDS)[number];

/** A published vulnerability, independent of its source format. */
export interface Advisory {
  readonly id: string;
  /** Other names of the same vulnerability. */
  readonly aliases: readonly string[];
  /** Milliseconds since 1970. */
  readonly modified: number;
  /** Withdrawn by its publisher; it no longer counts. */
  readonly withdrawn: boolean;
  /** One line. */
  readonly summary: string;
  readonly severity?: Severity;
  readonly affected: readonly Affected[];
}

export type Affected = AffectedPackage | AffectedRepository | AffectedProduct;

/** A package of a registry. */
export interface AffectedPackage {
  readonly feed: RegistryFeed;
  /** As `packageName` returns it. */
  readonly name: string;
  /** Affected versions, regardless of the ranges. */
  readonly versions: readonly string[];
  readonly ranges: readonly (readonly RangeEvent[])[];
}

/** An event at one version of an OSV range. */
export interface RangeEvent {
  readonly kind: 'introduced' | 'fixed' | 'last_affected' | 'limit';
  /** `0` of `introduced` comes before every version, `*` of `limit` after. */
  readonly version: string;
}

/** The tags that OSV found between the commits which introduced and fixed a vulnerability. */
export interface AffectedRepository {
  readonly feed: 'Git';
  /** As `repositoryName` returns it. */
  readonly name: string;
  /** Absent if the record names only commits, which cannot be evaluated without the repository. */
  readonly tags?: readonly string[];
  /** No fix is named, so tags newer than the record may be affected, too. */
  readonly open: boolean;
}

/** A product as NVD names it, from one `cpeMatch` of a vulnerable product. */
export interface AffectedProduct {
  readonly feed: 'NVD';
  /** As `productName` returns it. */
  readonly name: string;
  /** The only version; undefined for all versions between the bounds, or all without bounds. */
  readonly version?: string;
  readonly startIncluding?: string;
  readonly startExcluding?: string;
  readonly endIncluding?: string;
  readonly endExcluding?: string;
}

/** A part of a release with the names that advisories know it by. */
export interface NamedPart {
  readonly part: Part;
  readonly version: string;
  /** Its names in the feeds that know it, as in `Affected`. */
  readonly names: Readonly<Partial<Record<Feed, string>>>;
  /** The tag of its version, if it has a name in `Git`. */
  readonly tag?: string;
}

/** The name of a registry's package; normalised, because Python's have many spellings. */
export function packageName(feed: RegistryFeed, name: string): string {
  return feed === 'PyPI' ? normalizeDistribution(name) : name;
}

/** The same name for every spelling of a Git repository's address. */
export function repositoryName(url: string): string {
  return url
    .toLowerCase()
    .replace(/^(?:https?|git):\/\//u, '')
    .replace(/(?:\.git)?\/*$/u, '');
}

/** The product of a CPE 2.3 name, with or without a version, as `part:vendor:product`. */
export function productName(cpe: string): string {
  return splitCpe(cpe).slice(2, 5).map(unescapeCpe).join(':').toLowerCase();
}
