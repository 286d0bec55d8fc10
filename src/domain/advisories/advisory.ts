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
  /** Taken back by who published it: it says nothing any more. */
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
  /** As `packageName` makes it. */
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

/** The tags of a Git repository that OSV found between the commits which broke and fixed something. */
export interface AffectedRepository {
  readonly feed: 'Git';
  /** As `repositoryName` makes it. */
  readonly name: string;
  /** Absent if the record names only commits, which cannot be evaluated without the repository. */
  readonly tags?: readonly string[];
  /** No end is named: tags that came after the record may be affected as well. */
  readonly open: boolean;
}

/** A product as NVD names it, from one `cpeMatch` of a vulnerable product. */
export interface AffectedProduct {
  readonly feed: 'NVD';
  /** As `productName` makes it. */
  readonly name: string;
  /** The one version, or undefined for those between the bounds, which is all of them if there are none. */
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
  /** What the feeds that know it call it, as `Affected` does. */
  readonly names: Readonly<Partial<Record<Feed, string>>>;
  /** The tag of its version, if it has a name in `Git`. */
  readonly tag?: string;
}

/** What a registry's package is called: distributions of Python are written in many ways. */
export function packageName(feed: RegistryFeed, name: string): string {
  return feed === 'PyPI' ? normalizeDistribution(name) : name;
}

/** One name for all ways to write the address of a Git repository. */
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
