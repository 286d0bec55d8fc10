import type { z } from 'zod';
import type { manifestSchema } from './manifest-schema.ts';

export type { Part } from './manifest-schema.ts';

/** Names in every release that describe the rest. */
export const MANIFEST_FILE = 'manifest.json';
export const CHECKSUMS_FILE = 'SHA256SUMS';

/** The kinds of signing keys, with the suffixes of their signature files. */
export const SIGNATURE_SUFFIXES = { ecdsa: '.sig', 'ml-dsa': '.mldsa.sig' } as const;
export type KeyKind = keyof typeof SIGNATURE_SUFFIXES;
/** In the order of signatures. */
export const KEY_KINDS: readonly KeyKind[] = ['ecdsa', 'ml-dsa'];

/**
 * The signature of the checksums, in a signed release. Manifest and checksums do not list it, because it signs them.
 */
export function signatureFile(kind: KeyKind): string {
  return `${CHECKSUMS_FILE}${SIGNATURE_SUFFIXES[kind]}`;
}

/** The bill of materials, derived from the manifest's other facts. */
export const SBOM_FILE = 'sbom.cdx.json';

/** The display name of a part. */
export function nameOfPart(part: string): string {
  return part.replace(/^[a-z]+:/u, '');
}

type DeepReadonly<T> = T extends string | number
  ? T
  : T extends readonly (infer Item)[]
    ? readonly DeepReadonly<Item>[]
    : { readonly [Key in keyof T]: DeepReadonly<T[Key]> };

/**
 * A release's description: `manifest.json`. It does not depend on the build machine, so that releases built anywhere
 * are equal byte for byte; facts of the machine are in the provenance beside the tarball.
 */
export type Manifest = DeepReadonly<z.infer<typeof manifestSchema>>;

/** Everything except the list of files, which packing adds. */
export type ReleaseFacts = Omit<Manifest, 'format' | 'files'>;

type Entry = Manifest['files'][number];
export type ManifestFile = Extract<Entry, { readonly size: number }>;
export type ManifestLink = Extract<Entry, { readonly target: string }>;
export type ManifestComponent = Manifest['components'][number];
export type ManifestWheel = Manifest['wheels'][number];
export type InstalledWheel = Omit<ManifestWheel, 'requires'>;
export type Embedded = NonNullable<Manifest['embeds']>[number];
export type VexStatement = NonNullable<Manifest['vex']>[number];
