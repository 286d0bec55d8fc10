import type { Statement } from './advisories/vex.ts';
import type { Sha256 } from './digest.ts';
import type { Support } from './recipe.ts';

/** Names in every release that describe the rest. */
export const MANIFEST_FILE = 'manifest.json';
export const CHECKSUMS_FILE = 'SHA256SUMS';

/** The signature of the checksums, in a signed release. It is no part of what it signs, so neither of them lists it. */
export const SIGNATURE_FILE = 'SHA256SUMS.sig';

/** The bill of materials, made of the manifest's other facts. */
export const SBOM_FILE = 'sbom.cdx.json';

/** What a file of a release came from: `component:<name>`, `wheel:<name>`, or `bundle` for launchers, installer and bill of materials. */
export type Part = `component:${string}` | `wheel:${string}` | 'bundle';

/** The name that a part is shown by. */
export function nameOfPart(part: string): string {
  return part.replace(/^[a-z]+:/u, '');
}

/** A statement about a part of a release. */
export interface VexStatement extends Statement {
  readonly part: Part;
}

export interface ManifestFile {
  readonly path: string;
  readonly part: Part;
  /** Octal permission bits, `644` or `755`. */
  readonly mode: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: Sha256;
  /** Of programs and libraries (ELF); absent in releases that were made before it was asked for. */
  readonly sha512?: string;
}

export interface ManifestLink {
  readonly path: string;
  readonly part: Part;
  /** What the symbolic link names, relative to its own directory. */
  readonly target: string;
}

export interface ManifestComponent {
  readonly name: string;
  readonly version: string;
  /** SPDX licence expression. */
  readonly license: string;
  readonly cpe?: string;
  /** The Git repository it is developed in, as advisories name it, and the tag of its version there. */
  readonly repository?: { readonly url: string; readonly tag: string };
  /** Package URL: `pkg:pypi/…` for what the Python index has, else `pkg:generic/…`. */
  readonly purl: string;
  /** What it was built with and needs, sorted. */
  readonly requires: readonly Part[];
  /** Digests of every archive that may be built from, in the recipe's order; all hold the same code. */
  readonly sources: readonly { readonly file: string; readonly sha256: Sha256 }[];
  /** Digest of the recipe file. */
  readonly recipe: Sha256;
}

export interface InstalledWheel {
  readonly name: string;
  readonly version: string;
  /** SPDX licence expression; in releases that were made before it was asked for, what the metadata says. */
  readonly license: string;
  readonly file: string;
  readonly sha256: Sha256;
}

export interface ManifestWheel extends InstalledWheel {
  /** The distributions it needs on this platform, wheels or built, sorted. */
  readonly requires: readonly Part[];
}

/** Code of another project inside a component or wheel: what its publisher or its build linked in. */
export interface Embedded {
  readonly carrier: Part;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  /** SPDX licence expression. */
  readonly license?: string;
  /** CPE 2.3 name without version. */
  readonly cpe?: string;
  readonly repository?: { readonly url: string; readonly tag: string };
  /** Who says so: a bill that came with the carrier (PEP 770), a recipe, or the build, which linked a component of the release. */
  readonly source: 'bill' | 'recipe' | 'build';
  /** How the recipe knows. */
  readonly reason?: string;
}

/**
 * What a release says about itself: `manifest.json`. Nothing in it depends on the machine that built it, so that
 * releases built anywhere are equal byte for byte; facts of the build machine are in the provenance
 * beside the tarball, which does not ship.
 */
export interface ReleaseFacts {
  readonly bundle: string;
  readonly version: string;
  readonly revision: number;
  readonly license: string;
  readonly summary: string;
  readonly platform: string;
  /** Newest glibc version that any file needs; absent if none needs any. */
  readonly floor?: string;
  readonly toolchain: { readonly name: string; readonly version: string; readonly license: string };
  /** What the bundle's recipe asks for; all else is there because these need it. Sorted. */
  readonly requires: readonly Part[];
  /** Sorted by name. */
  readonly components: readonly ManifestComponent[];
  /** Sorted by name. */
  readonly wheels: readonly ManifestWheel[];
  /** Sorted by carrier, package URL; absent if there are none, and in releases that were made before they were looked for. */
  readonly embeds?: readonly Embedded[];
  /** Who answers for it and how long; absent if the recipe does not say. */
  readonly support?: Support;
  /** What its recipes state of published vulnerabilities, in their order; absent if they state nothing. */
  readonly vex?: readonly VexStatement[];
}

export interface Manifest extends ReleaseFacts {
  readonly format: 1;
  /** Every file and link except `manifest.json` and `SHA256SUMS`, in byte order of the paths. */
  readonly files: readonly (ManifestFile | ManifestLink)[];
}
