import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { z } from 'zod';
import { ExitCode, KsbundleError } from '../../domain/errors.ts';
import { unpackArchive } from '../../io/archive.ts';
import { hashFile } from '../../io/files.ts';
import { ifThere } from '../../io/if-there.ts';
import {
  blobPath,
  configSchema,
  indexSchema,
  manifestSchema,
  MEDIA_TYPES,
  type Descriptor,
} from './format.ts';

/** An image that others are built on. */
export interface BaseImage {
  /** Directory of its layout. */
  readonly layout: string;
  readonly manifest: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly config: z.infer<typeof configSchema>;
}

/** Limit of indexes inside indexes; published images have one. */
const DEEPEST = 3;

/**
 * Reads the image for linux and `architecture`, in Go's words, from an image layout: a directory, or a tar of one,
 * which is unpacked to `scratch`. Compares every blob with its digest. Throws `KSB_BASE_UNUSABLE`.
 */
export async function readBase(
  source: string,
  { architecture, scratch }: { readonly architecture: string; readonly scratch: string },
): Promise<BaseImage> {
  const status = await ifThere(stat(source));
  if (status === undefined) throw unusable(source, 'it does not exist');
  if (!status.isDirectory()) await unpackArchive(source, scratch);
  const layout = status.isDirectory() ? source : scratch;

  const parse = async <T>(file: string, schema: z.ZodType<T>): Promise<T> => {
    const text = await ifThere(readFile(path.join(layout, file), 'utf8'));
    if (text === undefined) throw unusable(source, `it is not an image layout: it has no ${file}`);
    try {
      return schema.parse(JSON.parse(text));
    } catch (error) {
      throw unusable(source, `its ${file} is not what an image layout has there`, error);
    }
  };
  const check = async (blob: Descriptor): Promise<void> => {
    const found = await ifThere(hashFile(path.join(layout, blobPath(blob))));
    if (found === undefined || blob.digest !== `sha256:${found}`)
      throw unusable(source, `the blob ${blob.digest} is missing or damaged`);
  };
  const choose = async (file: string, depth: number): Promise<Descriptor> => {
    const { manifests } = await parse(file, indexSchema);
    const [one, ...others] = manifests.filter(
      ({ artifactType, platform }) =>
        artifactType === undefined &&
        (platform === undefined || (platform.os === 'linux' && platform.architecture === architecture)),
    );
    if (one === undefined) throw unusable(source, `it has no image for linux/${architecture}`);
    if (others.length > 0)
      throw unusable(source, `it has ${others.length + 1} images for linux/${architecture}, not one`);
    await check(one);
    if (one.mediaType === MEDIA_TYPES.index && depth < DEEPEST) return choose(blobPath(one), depth + 1);
    if (one.mediaType === MEDIA_TYPES.manifest) return one;
    throw unusable(source, `its image has the type ${one.mediaType}, not that of OCI`);
  };

  const manifest = await choose('index.json', 0);
  const { config, layers } = await parse(blobPath(manifest), manifestSchema);
  for (const blob of [config, ...layers]) await check(blob);
  const parsed = await parse(blobPath(config), configSchema);
  if (parsed.architecture !== architecture)
    throw unusable(
      source,
      `its image is for ${String(parsed.architecture)}, the release for ${architecture}`,
    );
  return { layout, manifest, layers, config: parsed };
}

function unusable(source: string, why: string, cause?: unknown): KsbundleError {
  return new KsbundleError({
    code: 'KSB_BASE_UNUSABLE',
    exitCode: ExitCode.integrity,
    message: `${source} cannot be the base of an image`,
    why,
    hint: 'make one with: skopeo copy docker://debian:bookworm-slim oci:DIRECTORY',
    ...(cause === undefined ? {} : { cause }),
  });
}
