import type { VulnerabilityChanges } from './advisories/comparison.ts';
import type { AuditReport } from './audit.ts';
import type { Sha256 } from './digest.ts';
import type { Part } from './manifest.ts';
import type { Layer } from './recipe.ts';

/** An entry of `ksbundle recipes`. */
export interface RecipeSummary {
  readonly kind: 'bundle' | 'service' | 'component' | 'toolchain' | 'tool';
  readonly name: string;
  /** Of a bundle: the name of its releases; if it differs, a later version has that name. */
  readonly family?: string;
  /** Absent for a service, which has the bundle's version. */
  readonly version?: string;
  readonly license?: string;
  readonly summary: string;
  readonly layer: Layer['name'];
  /** Set if it hides one of the same name in a lower layer. */
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

/** An artifact that a shared build cache has, and that nothing proves. */
export interface RefusedArtifact {
  readonly component: string;
  readonly version: string;
  /** Directory or URL of the cache, without credentials. */
  readonly cache: string;
  readonly why: string;
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
  /** What shared build caches had and was not used; set if caches were named. */
  readonly refused?: readonly RefusedArtifact[];
  readonly audit: AuditReport;
}

/** A release that was booted for a try. */
export interface TryResult {
  readonly release: string;
  readonly instance: string;
  /** URLs for clients, the advertised one first; empty without any. */
  readonly urls: readonly string[];
  /** Facts that the recipe lets a try show, in its order. */
  readonly shown: readonly { readonly name: string; readonly text: string }[];
  /** The command that stops it, as argv. */
  readonly stop: readonly string[];
  /** The command that then removes it. */
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
  /** Upload time, RFC 3339. */
  readonly uploaded: string;
  /** The locked version, if it is too young itself and is kept. */
  readonly kept?: string;
}

export interface LockResult {
  readonly lockfile: string;
  /** Sorted by name; empty if the same versions are locked. */
  readonly changes: readonly LockChange[];
  /** Whether the file's text changed, or would change. */
  readonly rewritten: boolean;
  /** Versions that an upgrade skipped because they were too young, in the order found. */
  readonly skipped: readonly SkippedVersion[];
  /** Distributions without information about attestations on the index, sorted. */
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
  /** Digest of the public key in DER, its fingerprint. */
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
  /** Bytes read, including padding and trailing bytes. */
  readonly bytes: number;
}

export interface AnsibleResult {
  readonly release: string;
  /** Digest of the tarball. */
  readonly sha256: Sha256;
  /** Absolute paths of the collection, and of the examples that did not exist. */
  readonly written: readonly string[];
  /** Digests of the keys whose signatures were checked, each of them valid. */
  readonly keys: readonly Sha256[];
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

export interface OciResult {
  /** Absolute path of the tar of an image layout. */
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  /** Digest of the image's manifest, `sha256:…`. */
  readonly digest: string;
  /** Name of the image in the layout, `BUNDLE:VERSION`. */
  readonly name: string;
  /** Digest of the base image's manifest. */
  readonly base: string;
  /** The layers above the base; sizes in bytes, compressed. */
  readonly layers: readonly { readonly name: string; readonly digest: string; readonly size: number }[];
  readonly referrers: readonly { readonly artifactType: string; readonly digest: string }[];
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
  /** For something embedded, with its carrier: `cryptography/openssl`, `cryptography/cargo:asn1`. */
  readonly name: string;
  /**
   * Versions; the bundle's with its revision, possibly several of something embedded. Absent on a side without the
   * part.
   */
  readonly from?: string;
  readonly to?: string;
  /** The manifest's properties that differ, such as `version`, `recipe` or `files`. */
  readonly changed: readonly string[];
  /** Growth on disk in bytes; may be negative. */
  readonly growth: number;
}

export interface ChangedFile {
  readonly path: string;
  readonly part: Part;
  readonly change: 'added' | 'removed' | 'changed';
  /** The properties that differ: `sha256`, `size`, `mode`, `target`, `part`. */
  readonly changed: readonly string[];
}

export interface DiffResult {
  readonly from: InspectResult['release'];
  readonly to: InspectResult['release'];
  /** Whether they are the same release: unpacked, equal byte for byte, regardless of signatures. */
  readonly identical: boolean;
  /** Every part that differs: the bundle, components, wheels, their embedded parts, and finally removed ones. */
  readonly parts: readonly ChangedPart[];
  /** Sorted by path. */
  readonly files: readonly ChangedFile[];
  /** Known vulnerabilities added and removed; set if they were looked up. */
  readonly vulnerabilities?: VulnerabilityChanges;
}

/** A file that differs after a rebuild. */
export interface ExplainedFile extends ChangedFile {
  /** Offset of the first different byte, if any. */
  readonly firstByte?: number;
  /** diffoscope's report, shortened; only for the first few files, if it is installed. */
  readonly report?: readonly string[];
}

/** A program that only one build used, or both in different versions. */
export interface BuilderDifference {
  readonly name: string;
  readonly from?: string;
  readonly to?: string;
}

export interface RebuildResult {
  readonly release: string;
  /** Whether the tarballs are equal byte for byte, without signatures. */
  readonly identical: boolean;
  /** Digests of the given tarball, without its signature, and of the rebuilt one. */
  readonly sha256: Sha256;
  readonly rebuiltSha256: Sha256;
  /** Absolute path of the rebuilt tarball, if it was kept. */
  readonly rebuilt?: string;
  /** The same for the escrow archive (tarball, sources and ksbundle), if one was given. */
  readonly escrow?: { readonly identical: boolean; readonly sha256: Sha256; readonly rebuiltSha256: Sha256 };
  /** Programs that differ from the original build; absent without provenance beside the tarball. */
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
  /** Every chain of requirements, from the bundle to the name, shortest first. */
  readonly chains: readonly (readonly string[])[];
}

export interface CacheEntry {
  readonly kind: 'source' | 'artifact';
  readonly name: string;
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  /** Fingerprints of the keys that signed it, if it came from a shared build cache. */
  readonly signers?: readonly Sha256[];
}

/** An artifact in a shared build cache. */
export interface ExportedArtifact {
  /** Build key, and the digest and size of the artifact. */
  readonly key: Sha256;
  readonly component: string;
  readonly version: string;
  readonly artifact: Sha256;
  readonly size: number;
  /** The compressed file in the cache. */
  readonly file: { readonly sha256: Sha256; readonly size: number };
  /** Whether this run wrote it; false if the cache already had it. */
  readonly written: boolean;
}

export interface CacheExportResult {
  /** Absolute path of the shared cache. */
  readonly directory: string;
  /** Fingerprints of the keys that signed. */
  readonly keys: readonly Sha256[];
  readonly artifacts: readonly ExportedArtifact[];
}

export interface CacheVerifyResult {
  readonly checked: number;
  /** Digests of damaged entries; they were removed and are created again when needed. */
  readonly damaged: readonly string[];
}

export interface CacheDistrustResult {
  /** Fingerprint of the key. */
  readonly key: string;
  /** Sorted by component. */
  readonly forgotten: readonly {
    readonly component: string;
    readonly version: string;
    readonly artifact: string;
  }[];
}

export interface CacheGcResult {
  readonly removed: number;
  /** Bytes. */
  readonly freed: number;
}
