import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { compareBytes } from '../domain/compare-bytes.ts';
import type { Sha256 } from '../domain/digest.ts';
import {
  CHECKSUMS_FILE,
  MANIFEST_FILE,
  SBOM_FILE,
  type Manifest,
  type ManifestFile,
} from '../domain/manifest.ts';
import { packTree } from '../io/archive.ts';
import { explainDiskFull } from '../io/disk.ts';
import { hashBytes, writeFileAtomically } from '../io/files.ts';
import { formatChecksums } from '../domain/checksums.ts';
import { describeRelease, formatManifest, type DescribeOptions } from './manifest.ts';
import { formatProvenance, provenanceFile, provenanceOf, type BuildFacts } from './provenance.ts';
import { formatCycloneDx } from './sbom/cyclonedx.ts';

/** gzip level of tarballs: 9 takes three times as long and saves less than one percent. */
export const RELEASE_LEVEL = 6;

export interface PackReleaseOptions extends DescribeOptions {
  /** Name of the directory in the tarball. */
  readonly name: string;
  /** Directory to write the tarball to, as `<name>.tar.gz`. */
  readonly out: string;
  /** Facts of the build, for the provenance. */
  readonly build: BuildFacts;
  /** Called when the release is complete, before it is packed; an error that it throws stops packing. */
  readonly check?: () => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

export interface PackedRelease {
  /** Absolute path. */
  readonly tarball: string;
  /** Absolute path of its provenance. */
  readonly provenance: string;
  readonly sha256: Sha256;
  /** Bytes of the tarball. */
  readonly size: number;
  readonly manifest: Manifest;
}

/**
 * Adds bill of materials, manifest and checksums to a release directory, and packs it. The tarball appears complete
 * or not at all; its bytes depend only on the release. Facts about the build machine go into the provenance beside
 * it, because in the manifest they would make the tarball differ between machines. Throws
 * `KSB_RELEASE_NOT_PACKABLE` and `KSB_DISK_FULL`.
 */
export async function packRelease(options: PackReleaseOptions): Promise<PackedRelease> {
  const { directory, name, signal } = options;
  const tarball = path.resolve(options.out, `${name}.tar.gz`);
  const described = await describeRelease(options);
  const sbom = formatCycloneDx(described);
  const manifest = withFile(described, describeText(SBOM_FILE, sbom));
  const text = formatManifest(manifest);
  const digests = new Map([[MANIFEST_FILE, hashBytes(text)]]);
  for (const file of manifest.files) if ('sha256' in file) digests.set(file.path, file.sha256);
  const write = (file: string, content: string): Promise<void> =>
    writeFile(path.join(directory, file), content, { mode: 0o644 });
  try {
    await write(SBOM_FILE, sbom);
    await write(MANIFEST_FILE, text);
    const checksums = formatChecksums(digests);
    await write(CHECKSUMS_FILE, checksums);
    await options.check?.();
    const packed = await packTree(directory, tarball, { prefix: name, gzip: RELEASE_LEVEL, signal });
    const { sha256, tarSha256, size } = packed;
    const made = { release: name, sha256, tarSha256, releaseId: hashBytes(checksums), level: RELEASE_LEVEL };
    const provenance = provenanceFile(tarball);
    await writeFileAtomically(provenance, formatProvenance(provenanceOf(made, options.build)));
    return { tarball, provenance, sha256, size, manifest };
  } catch (error) {
    throw explainDiskFull(error, tarball);
  }
}

function describeText(name: string, text: string): ManifestFile {
  return { path: name, part: 'bundle', mode: '644', size: Buffer.byteLength(text), sha256: hashBytes(text) };
}

function withFile(manifest: Manifest, file: ManifestFile): Manifest {
  return { ...manifest, files: [...manifest.files, file].sort((a, b) => compareBytes(a.path, b.path)) };
}
