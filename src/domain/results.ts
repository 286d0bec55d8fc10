import type { VulnerabilityChanges } from './advisories/comparison.ts';
import type { AuditReport } from './audit.ts';
import type { Sha256 } from './digest.ts';
import type { Part } from './manifest.ts';
import type { Layer } from './recipe.ts';

/** An entry of `ksbundle recipes`. */
export interface RecipeSummary {
  readonly kind: 'bundle' | 'service' | 'component' | 'toolchain' | 'tool';
  readonly name: string;
  /** Of a bundle: what its releases are called; another name than its own is that of a later version. */
  readonly family?: string;
  /** Absent for a service, which has the bundle's version. */
  readonly version?: string;
  readonly license?: string;
  readonly summary: string;
  readonly layer: Layer['name'];
  /** Present if it replaces one of the same name in a lower layer. */
  readonly replaces?: boolean;
}

/** The kinds that `ksbundle new` writes. */
export type NewKind = 'bundle' | 'component' | 'service';

export interface NewResult {
  readonly kind: NewKind;
  readonly name: string;
  /** Absolute paths. */
  readonly written: readonly string[];
}

export interface BuildResult {
  /** Absolute path of the tarball. */
  readonly tarball: string;
  /** Absolute paths of the tarball's signatures, if it was signed. */
  readonly signatures?: readonly string[];
  /** Absolute path of the escrow archive, if one was asked for. */
  readonly escrow?: string;
  /** True if nothing had to be done. */
  readonly reused: boolean;
  readonly audit: AuditReport;
}

/** A release that was booted for a try. */
export interface TryResult {
  readonly release: string;
  readonly instance: string;
  /** Where clients find it, the advertised URL first; none for a service without one. */
  readonly urls: readonly string[];
  /** What the bundle's recipe has a try show, in its order. */
  readonly shown: readonly { readonly name: string; readonly text: string }[];
  /** The command that stops it, as argv. */
  readonly stop: readonly string[];
  /** The one that removes it then. */
  readonly remove: readonly string[];
}

export interface LockChange {
  readonly kind: 'added' | 'removed' | 'changed';
  readonly name: string;
  readonly from?: string;
  readonly to?: string;
}

/** A version that an upgrade left out because it was too young. */
export interface SkippedVersion {
  /** Normalised. */
  readonly name: string;
  readonly version: string;
  /** When it came to the index, RFC 3339. */
  readonly uploaded: string;
  /** The locked version, if it stays since it is too young itself: what is older is below it. */
  readonly kept?: string;
}

export interface LockResult {
  readonly lockfile: string;
  /** Sorted by name; empty if the same versions are locked. */
  readonly changes: readonly LockChange[];
  /** Whether the file's text is another one than before, or would be. */
  readonly rewritten: boolean;
  /** Versions that an upgrade skipped because they were too young, in the order found. */
  readonly skipped: readonly SkippedVersion[];
  /** Distributions of which the index does not tell whether their publishers attest what they publish, sorted. */
  readonly uncompared: readonly string[];
}

export interface FetchedFile {
  readonly file: string;
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
}

export interface FetchResult {
  /** Sorted by file. */
  readonly files: readonly FetchedFile[];
}

/** Curves that `keygen` makes keys on. */
export const KEY_CURVES = ['p-256', 'p-384'] as const;
export type KeyCurve = (typeof KEY_CURVES)[number];

export interface KeygenResult {
  /** Absolute paths. */
  readonly privateKey: string;
  readonly publicKey: string;
  /** Digest of the public key in DER: how people tell keys apart. */
  readonly key: Sha256;
}

export interface SignResult {
  /** Absolute path of the tarball. */
  readonly file: string;
  /** Digest of the signed tarball. */
  readonly sha256: Sha256;
  /** Absolute paths of the signatures of the whole file, beside it, one for each key. */
  readonly signatures: readonly string[];
  /** Digests of the public keys in DER, in the same order. */
  readonly keys: readonly Sha256[];
}

/** The state of a signature: `unchecked` if no key was given to check it. */
export type SignatureState = 'none' | 'unchecked' | 'valid';

export interface VerifyResult {
  readonly file: string;
  readonly release: string;
  /** Digest of the release's checksums, which identifies all of its contents. */
  readonly releaseId: Sha256;
  readonly filesChecked: number;
  readonly signature: SignatureState;
  /** Digests of the keys whose signatures were checked, each of them valid. */
  readonly keys: readonly Sha256[];
  /** Bytes that were read, the archive's padding and trailing bytes included. */
  readonly bytes: number;
}

export interface DeltaResult {
  /** Absolute path of the delta. */
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  /** Names of the releases. */
  readonly from: string;
  readonly to: string;
  /** Size in bytes of the tarball that the delta produces. */
  readonly newSize: number;
}

export interface ApplyResult {
  /** Absolute path of the new tarball. */
  readonly file: string;
  readonly release: string;
  readonly sha256: Sha256;
  /** Bytes. */
  readonly size: number;
  /** Absolute paths of the signatures of the whole file that the delta brought. */
  readonly signatures: readonly string[];
  /** Digests of the keys whose signatures were checked, each of them valid. */
  readonly keys: readonly Sha256[];
}

export interface InspectedPart {
  readonly name: string;
  readonly kind: 'component' | 'wheel';
  readonly version: string;
  readonly license: string;
  /** Bytes on disk. */
  readonly size: number;
  readonly files: number;
}

export interface InspectResult {
  readonly release: string;
  readonly bundle: string;
  readonly version: string;
  readonly revision: number;
  readonly platform: string;
  /** Bytes of the tarball and of the unpacked release. */
  readonly packedSize: number;
  readonly unpackedSize: number;
  /** Sorted by kind, then name. */
  readonly parts: readonly InspectedPart[];
}

export interface ReportResult {
  /** Absolute path of the page. */
  readonly page: string;
  readonly release: string;
  /** Digest of the page. */
  readonly sha256: Sha256;
}

export interface ChangedPart {
  readonly kind: 'bundle' | 'component' | 'wheel' | 'embedded';
  /** Of something embedded with that of its carrier: `cryptography/openssl`, `cryptography/cargo:asn1`. */
  readonly name: string;
  /** Versions; of the bundle with its revision, of something embedded maybe several. Absent on the side that has no such part. */
  readonly from?: string;
  readonly to?: string;
  /** What the manifests say differently of it, by their own names, such as `version`, `recipe` or `files`. */
  readonly changed: readonly string[];
  /** Bytes that it takes more on disk; negative if it takes less. */
  readonly growth: number;
}

export interface ChangedFile {
  readonly path: string;
  readonly part: Part;
  readonly change: 'added' | 'removed' | 'changed';
  /** What the manifests say differently of it: `sha256`, `size`, `mode`, `target`, `part`. */
  readonly changed: readonly string[];
}

export interface DiffResult {
  readonly from: InspectResult['release'];
  readonly to: InspectResult['release'];
  /** Whether they are the same release: unpacked, equal byte for byte, regardless of signatures. */
  readonly identical: boolean;
  /** Every part of which anything differs: the bundle, components, wheels, what is inside these, and at last those that are gone. */
  readonly parts: readonly ChangedPart[];
  /** Sorted by path. */
  readonly files: readonly ChangedFile[];
  /** Known vulnerabilities that come and go; there if they were looked up. */
  readonly vulnerabilities?: VulnerabilityChanges;
}

/** A file that came out otherwise when a release was built again. */
export interface ExplainedFile extends ChangedFile {
  /** Offset of the first byte that differs, if bytes do. */
  readonly firstByte?: number;
  /** What diffoscope says of it, shortened; only of the first few files, where there is diffoscope. */
  readonly report?: readonly string[];
}

/** A program that took part in one build and not, or in another version, in the other. */
export interface BuilderDifference {
  readonly name: string;
  readonly from?: string;
  readonly to?: string;
}

export interface RebuildResult {
  readonly release: string;
  /** Whether the tarballs are the same, byte for byte, a signature aside. */
  readonly identical: boolean;
  /** Digests of the tarball that was given, without its signature, and of the one that was built. */
  readonly sha256: Sha256;
  readonly rebuiltSha256: Sha256;
  /** Absolute path of the rebuilt tarball, if it was kept. */
  readonly rebuilt?: string;
  /** The same of the escrow archive, if one was given: it holds the tarball, the sources and ksbundle. */
  readonly escrow?: { readonly identical: boolean; readonly sha256: Sha256; readonly rebuiltSha256: Sha256 };
  /** Programs that differ from those that built it; absent if no provenance beside the tarball tells them. */
  readonly builders?: readonly BuilderDifference[];
  /** As of `DiffResult`; both are empty if nothing but the compression differs. */
  readonly parts: readonly ChangedPart[];
  readonly files: readonly ExplainedFile[];
}

/** Formats of bills of materials: CycloneDX 1.6 and SPDX 2.3. */
export const SBOM_FORMATS = ['cyclonedx', 'spdx'] as const;
export type SbomFormat = (typeof SBOM_FORMATS)[number];

export interface WhyResult {
  readonly name: string;
  readonly version: string;
  readonly kind: 'component' | 'wheel';
  /** Every chain that brings it in, from the bundle to the name, shortest first. */
  readonly chains: readonly (readonly string[])[];
}

export interface CacheEntry {
  readonly kind: 'source' | 'artifact';
  readonly name: string;
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
}

export interface CacheVerifyResult {
  readonly checked: number;
  /** Digests of entries whose bytes did not match; they were removed and are made again when needed. */
  readonly damaged: readonly string[];
}

export interface CacheGcResult {
  readonly removed: number;
  /** Bytes. */
  readonly freed: number;
}
