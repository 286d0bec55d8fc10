import { copyFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { SOURCE_DATE_EPOCH } from '../../domain/layout.ts';
import {
  CHECKSUMS_FILE,
  KEY_KINDS,
  MANIFEST_FILE,
  SBOM_FILE,
  signatureFile,
  type Manifest,
} from '../../domain/manifest.ts';
import { parsePlatform, type Architecture } from '../../domain/platform.ts';
import type { OciResult } from '../../domain/results.ts';
import { encodeTarHeader, gzipMembers, packTree, TAR_END, unpackArchive } from '../../io/archive.ts';
import { explainDiskFull } from '../../io/disk.ts';
import { exists, hashBytes } from '../../io/files.ts';
import { ifThere } from '../../io/if-there.ts';
import { withScratchDirectory } from '../../io/scratch-directory.ts';
import { readManifestFromTarball } from '../inspect.ts';
import type { VerifyingKey } from '../key.ts';
import { RELEASE_LEVEL } from '../pack-release.ts';
import { provenanceFile } from '../provenance.ts';
import { verifyTarball } from '../verify.ts';
import { readBase } from './base.ts';
import { annotationsOf, configOf, placesOf, nameOf, type MadeLayer } from './config.ts';
import { blobPath, describeContent, LAYOUT_VERSION, MEDIA_TYPES, type Descriptor } from './format.ts';
import { planLayers } from './layers.ts';

/** Names of architectures in images, which are Go's. */
const ARCHITECTURES: Record<Architecture, string> = { x86_64: 'amd64', aarch64: 'arm64' };

export interface OciOptions {
  /** Image layout of the base: a directory, or a tar of one. */
  readonly base: string;
  /** Absolute path of the directory for the result, which gets its default name. */
  readonly directory: string;
  /** Absolute path of the result, instead of its default name. */
  readonly file?: string | undefined;
  /** Keys that must all have signed the release. */
  readonly keys: readonly VerifyingKey[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes an image of a release tarball on top of a base image, as a tar of an image layout (an "OCI archive"). Its bytes
 * depend only on the tarball, its provenance and the base; like a tarball's, also on the zlib of this Node. Bill of
 * materials, and provenance if it is beside the tarball, refer to the image. Throws what `verifyTarball` and `readBase`
 * throw, and `KSB_DISK_FULL`.
 */
export async function makeOci(tarball: string, options: OciOptions): Promise<OciResult> {
  const { directory, file, keys, signal } = options;
  const { release } = await verifyTarball(tarball, { keys, signal });
  const manifest = await readManifestFromTarball(tarball);
  const target = file ?? path.join(directory, `${release}.oci.tar`);
  return withScratchDirectory(path.dirname(target), async (work) => {
    const layout = path.join(work, 'layout');
    await mkdir(path.join(layout, 'blobs', 'sha256'), { recursive: true });
    const architecture = architectureOf(manifest);
    const base = await readBase(options.base, { architecture, scratch: path.join(work, 'base') });
    for (const blob of base.layers)
      await copyFile(path.join(base.layout, blobPath(blob)), path.join(layout, blobPath(blob)));

    const writeBlob = async (mediaType: string, content: string | Uint8Array): Promise<Descriptor> => {
      const blob = describeContent(mediaType, content);
      await writeFile(path.join(layout, blobPath(blob)), content);
      return blob;
    };
    const writeManifest = async (document: object): Promise<Descriptor> =>
      writeBlob(
        MEDIA_TYPES.manifest,
        JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, ...document }),
      );

    const unpacked = path.join(work, 'release');
    await unpackArchive(tarball, unpacked, { strip: 1, ...(signal === undefined ? {} : { signal }) });
    const sbom = await readFile(path.join(unpacked, SBOM_FILE));
    const layers = await writeLayers(manifest, { unpacked, layout, work, signal });
    const config = await writeBlob(
      MEDIA_TYPES.config,
      JSON.stringify(configOf(manifest, { base, layers, architecture })),
    );
    const image = await writeManifest({
      config,
      layers: [...base.layers, ...layers.map(({ blob }) => blob)],
      annotations: annotationsOf(manifest, base),
    });
    const referrers: Descriptor[] = [];
    const attach = async (artifactType: string, content: Uint8Array): Promise<void> => {
      const empty = await writeBlob(MEDIA_TYPES.empty, '{}');
      const layer = await writeBlob(artifactType, content);
      const referrer = await writeManifest({ artifactType, config: empty, layers: [layer], subject: image });
      referrers.push({ ...referrer, artifactType });
    };
    await attach('application/vnd.cyclonedx+json', sbom);
    const provenance = await ifThere(readFile(provenanceFile(tarball)));
    if (provenance !== undefined) await attach('application/vnd.in-toto+json', provenance);

    const name = nameOf(manifest);
    const named = {
      ...image,
      platform: { architecture, os: 'linux' },
      annotations: { 'org.opencontainers.image.ref.name': name },
    };
    await writeFile(
      path.join(layout, 'index.json'),
      JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests: [named, ...referrers] }),
    );
    await writeFile(path.join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: LAYOUT_VERSION }));
    const packed = await packTree(layout, path.join(work, 'image.tar'), { signal });
    await rename(path.join(work, 'image.tar'), target);
    return {
      file: target,
      size: packed.size,
      digest: image.digest,
      name,
      base: base.manifest.digest,
      layers: layers.map(({ name: part, blob: { digest, size } }) => ({ name: part, digest, size })),
      referrers: referrers.map(({ artifactType = '', digest }) => ({ artifactType, digest })),
    };
  }).catch((error: unknown) => {
    throw explainDiskFull(error, target);
  });
}

function architectureOf({ platform }: Manifest): string {
  const known = parsePlatform(platform);
  if (known === undefined) throw new Error(`the platform ${platform} has no name in images`);
  return ARCHITECTURES[known.arch];
}

interface Places {
  /** The release; its files are moved away. */
  readonly unpacked: string;
  readonly layout: string;
  readonly work: string;
  readonly signal: AbortSignal | undefined;
}

async function writeLayers(
  manifest: Manifest,
  { unpacked, layout, work, signal }: Places,
): Promise<MadeLayer[]> {
  const places = placesOf(manifest);
  const made: MadeLayer[] = [await writeVolume(places.volume, layout)];
  const unlisted = [MANIFEST_FILE, CHECKSUMS_FILE, ...KEY_KINDS.map(signatureFile)];
  for (const { name, files } of planLayers(manifest)) {
    const root = path.join(work, 'layer', name);
    for (const file of name === 'bundle' ? [...files, ...unlisted] : files) {
      const from = path.join(unpacked, file);
      if (unlisted.includes(file) && !(await exists(from))) continue;
      const to = path.join(root, places.release, file);
      await mkdir(path.dirname(to), { recursive: true });
      await rename(from, to);
    }
    const file = path.join(work, 'layer.tar.gz');
    const { sha256, tarSha256, size } = await packTree(root, file, { gzip: RELEASE_LEVEL, signal });
    const blob: Descriptor = { mediaType: MEDIA_TYPES.layer, digest: `sha256:${sha256}`, size };
    await rename(file, path.join(layout, blobPath(blob)));
    made.push({ name, blob, diffId: `sha256:${tarSha256}` });
  }
  return made;
}

/**
 * Writes the layer with the volume's directory. Every user may create an instance in it, as in /tmp: engines give a new
 * volume the mode of the directory that it covers.
 */
async function writeVolume(volume: string, layout: string): Promise<MadeLayer> {
  const parts = volume.slice(1).split('/');
  const headers = parts.map((_, index) =>
    encodeTarHeader({
      path: `${parts.slice(0, index + 1).join('/')}/`,
      kind: 'directory',
      mode: index === parts.length - 1 ? 0o1777 : 0o755,
      size: 0,
      mtime: SOURCE_DATE_EPOCH,
      target: '',
    }),
  );
  const tar = Buffer.concat([...headers, TAR_END]);
  const packed: Buffer[] = [];
  for await (const member of gzipMembers([tar], RELEASE_LEVEL)) packed.push(member);
  const content = Buffer.concat(packed);
  const blob = describeContent(MEDIA_TYPES.layer, content);
  await writeFile(path.join(layout, blobPath(blob)), content);
  return { name: 'volume', blob, diffId: `sha256:${hashBytes(tar)}` };
}
