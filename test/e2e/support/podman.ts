import { mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { hashFile } from '../../../src/io/files.ts';
import { run, type RunResult } from '../../../src/io/process.ts';
import { describeContent, MEDIA_TYPES } from '../../../src/pack/oci/format.ts';

/**
 * Runs podman in a mount namespace of its own with only cgroup2: crun refuses the mixture of both versions that some
 * machines have. The limits are those that a root without CAP_SYS_RESOURCE may set.
 */
const PODMAN = `
umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup || exit 99
exec podman --root "$0/storage" --runroot "$0/run" --storage-driver overlay --cgroup-manager cgroupfs --events-backend file "$@"
`;
const SETTINGS = '[containers]\ndefault_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]\n';

export interface Podman {
  /** Runs podman with a storage of its own. */
  readonly podman: (...argv: readonly string[]) => Promise<RunResult>;
  /** The same; throws if it fails, and returns what it printed. */
  readonly succeed: (...argv: readonly string[]) => Promise<string>;
  /** Ends all containers, and removes everything. */
  readonly destroy: () => Promise<void>;
}

export async function startPodman(): Promise<Podman> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-podman-'));
  const settings = path.join(directory, 'containers.conf');
  await writeFile(settings, SETTINGS);
  const environment = { ...process.env, CONTAINERS_CONF: settings } as Readonly<Record<string, string>>;
  const podman: Podman['podman'] = (...argv) =>
    run(['unshare', '--mount', 'sh', '-c', PODMAN, directory, ...argv], { environment });
  return {
    podman,
    succeed: async (...argv) => {
      const { exitCode, stdout, stderr } = await podman(...argv);
      if (exitCode !== 0) throw new Error(`podman ${argv.join(' ')} ended with ${exitCode}: ${stderr}`);
      return stdout;
    },
    destroy: async () => {
      await podman('rm', '--all', '--force', '--time', '0');
      await podman('rmi', '--all', '--force');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Writes an image layout with a system's root directory as its only layer. */
export async function layoutOf(root: string, layout: string): Promise<void> {
  const blobs = path.join(layout, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  const tar = path.join(layout, 'layer.tar');
  const made = await run(['tar', '--numeric-owner', '-C', root, '-cf', tar, '.']);
  if (made.exitCode !== 0) throw new Error(made.stderr);
  const diffId = `sha256:${await hashFile(tar)}`;
  // Engines compress a layer that is not, which gives the image another digest.
  const packed = await run(['gzip', '-1n', tar]);
  if (packed.exitCode !== 0) throw new Error(packed.stderr);
  const digest = await hashFile(`${tar}.gz`);
  const layer = {
    mediaType: MEDIA_TYPES.layer,
    digest: `sha256:${digest}`,
    size: (await stat(`${tar}.gz`)).size,
  };
  await rename(`${tar}.gz`, path.join(blobs, digest));
  const add = async (mediaType: string, value: unknown): Promise<unknown> => {
    const text = JSON.stringify(value);
    const blob = describeContent(mediaType, text);
    await writeFile(path.join(layout, 'blobs', ...blob.digest.split(':')), text);
    return blob;
  };
  const config = await add(MEDIA_TYPES.config, {
    architecture: 'amd64',
    os: 'linux',
    config: { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'] },
    rootfs: { type: 'layers', diff_ids: [diffId] },
  });
  const image = await add(MEDIA_TYPES.manifest, { schemaVersion: 2, config, layers: [layer] });
  await writeFile(path.join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [image] }));
  await writeFile(path.join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
}
