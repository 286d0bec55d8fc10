import { cp, mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, inject } from 'vitest';
import { removeTree } from '../../../src/io/files.ts';
import { run } from '../../../src/io/process.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The real bundle's tarball, or why there is none; see global-setup.ts. */
    readonly bundle: { readonly tarball: string } | { readonly fault: string };
  }
}

/** Absolute path of the real bundle's tarball; throws if it could not be built. */
export function tarball(): string {
  const bundle = inject('bundle');
  if ('fault' in bundle) throw new Error(bundle.fault);
  return bundle.tarball;
}

/** Name of the release's directory in the tarball. */
export function releaseName(): string {
  return path.basename(tarball(), '.tar.gz');
}

/** Unpacks the real release once for the test file's tests; they may not change it. Gives its path. */
export function unpackedRelease(): () => string {
  let directory = '';
  beforeAll(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-release-'));
    const unpacked = await run(['tar', '-xzf', tarball(), '-C', directory]);
    if (unpacked.exitCode !== 0) throw new Error(`cannot unpack ${tarball()}: ${unpacked.stderr}`);
    return () => removeTree(directory);
  });
  return () => path.join(directory, releaseName());
}

/** A copy of a release that may be changed. */
export async function copyRelease(release: string, to: string): Promise<void> {
  await cp(release, to, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
}
