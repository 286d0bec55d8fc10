import path from 'node:path';
import { z } from 'zod';
import { hashBytes } from '../../io/files.ts';

/* Documents of an image layout: https://github.com/opencontainers/image-spec, version 1.1. */

export const MEDIA_TYPES = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  empty: 'application/vnd.oci.empty.v1+json',
} as const;

export const LAYOUT_VERSION = '1.0.0';

const descriptor = z.looseObject({
  mediaType: z.string(),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/u),
  /** Bytes. */
  size: z.int(),
  artifactType: z.string().optional(),
  platform: z.looseObject({ architecture: z.string(), os: z.string() }).optional(),
});

/** What documents say about a blob. Fields that ksbundle does not know are kept. */
export type Descriptor = z.infer<typeof descriptor>;

export const indexSchema = z.looseObject({ manifests: z.array(descriptor) });
export const manifestSchema = z.looseObject({ config: descriptor, layers: z.array(descriptor) });
export const configSchema = z.looseObject({
  config: z
    .looseObject({
      User: z.string().nullish(),
      Env: z.array(z.string()).nullish(),
      Labels: z.record(z.string(), z.string()).nullish(),
    })
    .nullish(),
  rootfs: z.looseObject({ diff_ids: z.array(z.string()) }),
  history: z.array(z.looseObject({})).nullish(),
});

/** Path of a blob in a layout. */
export function blobPath({ digest }: Pick<Descriptor, 'digest'>): string {
  return path.join('blobs', ...digest.split(':'));
}

/** Describes a blob with this content. */
export function describeContent(mediaType: string, content: string | Uint8Array): Descriptor {
  return { mediaType, digest: `sha256:${hashBytes(content)}`, size: Buffer.byteLength(content) };
}
