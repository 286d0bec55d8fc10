import { writeFile } from 'node:fs/promises';
import path from 'node:path';
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
import { compareBytes, hashBytes, writeFileAtomically } from '../io/files.ts';
import { formatChecksums } from './checksums.ts';
import { describeRelease, formatManifest, type DescribeOptions } from './manifest.ts';
import { formatCycloneDx } from './sbom/cyclonedx.ts';

/** gzip level of tarballs: 9 takes three times as long and saves less than one percent. */
const LEVEL = 6;

export interface PackReleaseOptions extends DescribeOptions {
  /** Name of the directory that the tarball unpacks to. */
  readonly name: string;
  /** Directory that the tarball is written to, as `<name>.tar.gz`. */
  readonly out: string;
  /** Version by name of the build machine's tools, for the build record. */
  readonly hostTools: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

export interface PackedRelease {
  /** Absolute path. */
  readonly tarball: string;
  /** Absolute path of the build record. */
  readonly record: string;
  readonly sha256: Sha256;
  /** Bytes of the tarball. */
  readonly size: number;
  readonly manifest: Manifest;
}

/**
 * Completes a release directory with bill of materials, manifest and checksums, and packs it. The tarball appears whole or not at all;
 * its bytes depend on the release alone. What is known about the build machine goes into `<tarball>.build.json`, which
 * does not ship: in the manifest it would make every machine's tarball another one. Throws
 * `KSB_RELEASE_UNPACKABLE` and `KSB_DISK_FULL`.
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
    await write(CHECKSUMS_FILE, formatChecksums(digests));
    const packed = await packTree(directory, tarball, { prefix: name, gzip: LEVEL, signal });
    const facts = {
      format: 1,
      tarball: path.basename(tarball),
      sha256: packed.sha256,
      // Tells whether two tarballs differ in more than their compression.
      tarSha256: packed.tarSha256,
      node: process.versions.node,
      zlib: process.versions.zlib,
      hostTools: Object.fromEntries(
        Object.entries(options.hostTools).toSorted(([a], [b]) => (a < b ? -1 : 1)),
      ),
    };
    const record = `${tarball}.build.json`;
    await writeFileAtomically(record, `${JSON.stringify(facts, null, 2)}\n`);
    return { tarball, record, sha256: packed.sha256, size: packed.size, manifest };
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
