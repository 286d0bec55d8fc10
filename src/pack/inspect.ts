import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Sha256 } from '../domain/digest.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { CHECKSUMS_FILE, MANIFEST_FILE, type Manifest, type Part } from '../domain/manifest.ts';
import type { InspectedPart, InspectResult, SbomFormat } from '../domain/results.ts';
import { findContent, lengthOf, readLeadingFiles } from '../io/archive.ts';
import { hashBytes, hashFile } from '../io/files.ts';
import { parseManifest } from './manifest.ts';
import { notARelease } from './not-a-release.ts';
import { formatOpenVex } from './openvex.ts';
import { formatCycloneDx } from './sbom/cyclonedx.ts';
import { formatSpdx } from './sbom/spdx.ts';

/** Reads the manifest of a release tarball. Throws `KSB_NOT_A_RELEASE` if it has none, and what `findContent` throws. */
export async function readManifestFromTarball(file: string): Promise<Manifest> {
  const content = await findContent(file, (name) => name.split('/').slice(1).join('/') === MANIFEST_FILE);
  const text = content?.toString() ?? '';
  const manifest = parseManifest(text);
  if (manifest !== undefined) return manifest;
  const why = text === '' ? `it has no ${MANIFEST_FILE}` : `its ${MANIFEST_FILE} is not of format 1`;
  throw notARelease(file, why);
}

/** Digests that identify a release tarball. */
export interface TarballIdentity {
  /** Digest of the file as it is. */
  readonly tarball: Sha256;
  /** Digest of the file without the signatures at its start. */
  readonly unsigned: Sha256;
  /** Digest of the release's checksums. */
  readonly releaseId: Sha256;
  readonly signature: 'none' | 'unchecked';
}

/** Digests of a release tarball. Throws `KSB_NOT_A_RELEASE` if it has no checksums, and what `findContent` throws. */
export async function identifyTarball(file: string): Promise<TarballIdentity> {
  const leading = await readLeadingFiles(file);
  const checksums = await findContent(file, (name) => name.split('/').slice(1).join('/') === CHECKSUMS_FILE);
  if (checksums === undefined) throw notARelease(file, `it has no ${CHECKSUMS_FILE}`);
  const tarball = await hashFile(file);
  return {
    tarball,
    unsigned: leading.length === 0 ? tarball : await hashFile(file, lengthOf(leading)),
    releaseId: hashBytes(checksums),
    signature: leading.length === 0 ? 'none' : 'unchecked',
  };
}

/** The bill of materials of a release tarball, as a JSON document. Throws what `readManifestFromTarball` does. */
export async function readSbom(file: string, format: SbomFormat): Promise<string> {
  const manifest = await readManifestFromTarball(file);
  return format === 'spdx' ? formatSpdx(manifest) : formatCycloneDx(manifest);
}

/**
 * The statements of a release tarball about published vulnerabilities, as OpenVEX. Throws what
 * `readManifestFromTarball` does.
 */
export async function readVex(file: string): Promise<string> {
  const text = formatOpenVex(await readManifestFromTarball(file));
  if (text !== undefined) return text;
  throw new KsbundleError({
    code: 'KSB_NOTHING_STATED',
    exitCode: ExitCode.failed,
    message: `${file} has no statements about published vulnerabilities`,
    why: 'none of its recipes has a [[vex]] table, and an OpenVEX document requires at least one statement',
  });
}

/** The name of a tarball's release, from the file name. */
export function releaseOf(file: string): string {
  return path.basename(file).replace(/\.tar\.gz$/u, '');
}

/** The contents of a release tarball, by part. Throws what `readManifestFromTarball` does. */
export async function inspectTarball(file: string): Promise<InspectResult> {
  return describeTarball(file, await readManifestFromTarball(file));
}

/** The same, for a tarball whose manifest is already read. */
export async function describeTarball(file: string, manifest: Manifest): Promise<InspectResult> {
  const sizes = new Map<Part, { files: number; size: number }>();
  for (const entry of manifest.files) {
    const total = sizes.get(entry.part) ?? { files: 0, size: 0 };
    total.files += 1;
    total.size += 'size' in entry ? entry.size : 0;
    sizes.set(entry.part, total);
  }
  const describe =
    (kind: InspectedPart['kind']) =>
    ({
      name,
      version,
      license,
    }: {
      readonly name: string;
      readonly version: string;
      readonly license: string;
    }): InspectedPart => ({
      name,
      kind,
      version,
      license,
      ...(sizes.get(`${kind}:${name}`) ?? { files: 0, size: 0 }),
    });
  return {
    release: releaseOf(file),
    bundle: manifest.bundle,
    version: manifest.version,
    revision: manifest.revision,
    platform: manifest.platform,
    packedSize: (await stat(file)).size,
    unpackedSize: [...sizes.values()].reduce((total, { size }) => total + size, 0),
    parts: [...manifest.components.map(describe('component')), ...manifest.wheels.map(describe('wheel'))],
  };
}
