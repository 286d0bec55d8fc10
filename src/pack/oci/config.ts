import { SOURCE_DATE_EPOCH } from '../../domain/layout.ts';
import type { Manifest } from '../../domain/manifest.ts';
import type { BaseImage } from './base.ts';
import type { Descriptor } from './format.ts';

/** The time in every document: the release's. */
const CREATED = new Date(SOURCE_DATE_EPOCH * 1000).toISOString().replace('.000Z', 'Z');

/** Name of the directory in the volume that is the instance; the volume itself may belong to another user. */
const INSTANCE = 'instance';

/** The account `nobody` and its group, by number: engines then know that it is not root. */
const NOBODY = '65534:65534';

/** A layer of the release. */
export interface MadeLayer {
  readonly name: string;
  readonly blob: Descriptor;
  /** Digest of its tar. */
  readonly diffId: string;
}

/**
 * Absolute paths in the image. The release's has no version, since another path would change every layer of an upgrade.
 */
export function placesOf({ bundle }: Pick<Manifest, 'bundle'>): {
  readonly release: string;
  readonly volume: string;
} {
  return { release: `/opt/${bundle}`, volume: `/var/lib/${bundle}` };
}

/** The name of the image in the layout: bundle, version and revision. */
export function nameOf({
  bundle,
  version,
  revision,
}: Pick<Manifest, 'bundle' | 'version' | 'revision'>): string {
  return `${bundle}:${`${version}-${revision}`.replaceAll(/[^\w.-]/gu, '_')}`;
}

/** The annotations of the image, with the keys that image-spec predefines; the labels are the same. */
export function annotationsOf(manifest: Manifest, base: BaseImage): Readonly<Record<string, string>> {
  const key = (name: string): string => `org.opencontainers.image.${name}`;
  const vendor = manifest.support?.manufacturer;
  return {
    [key('created')]: CREATED,
    [key('title')]: manifest.bundle,
    [key('description')]: manifest.summary,
    [key('version')]: `${manifest.version}-${manifest.revision}`,
    [key('licenses')]: manifest.license,
    ...(vendor === undefined ? {} : { [key('vendor')]: vendor }),
    [key('base.digest')]: base.manifest.digest,
  };
}

/** The configuration of the image: the base's, with the release as its program. */
export function configOf(
  manifest: Manifest,
  {
    base,
    layers,
    architecture,
  }: {
    readonly base: BaseImage;
    readonly layers: readonly MadeLayer[];
    readonly architecture: string;
  },
): Readonly<Record<string, unknown>> {
  const { release, volume } = placesOf(manifest);
  const inherited = base.config.config ?? {};
  return {
    created: CREATED,
    architecture,
    os: 'linux',
    config: {
      ...inherited,
      // Containers of root lack capabilities that an installer of root's needs.
      User: inherited.User || NOBODY,
      Env: [...(inherited.Env ?? []), `KSB_INSTANCE=${volume}/${INSTANCE}`],
      Entrypoint: [`${release}/init/bootstrap.sh`],
      Cmd: ['run'],
      WorkingDir: release,
      Volumes: { [volume]: {} },
      StopSignal: 'SIGTERM',
      Labels: { ...inherited.Labels, ...annotationsOf(manifest, base) },
    },
    rootfs: {
      type: 'layers',
      diff_ids: [...base.config.rootfs.diff_ids, ...layers.map(({ diffId }) => diffId)],
    },
    history: [
      ...(base.config.history ?? []),
      ...layers.map(({ name }) => ({ created: CREATED, created_by: `ksbundle oci: ${name}` })),
    ],
  };
}
