import { mkdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { readDebianMirrors } from '../../../src/fetch/debian.ts';
import { exists, removeTree } from '../../../src/io/files.ts';
import { withLock } from '../../../src/io/lock.ts';
import { run, type RunResult } from '../../../src/io/process.ts';
import { testCache } from './test-cache.ts';

export type DebianSuite = 'bullseye' | 'bookworm' | 'trixie' | 'sid';

/**
 * Directory of a minimal Debian system for arm64, made once. `emulated` starts a program and its arguments where the
 * kernel runs such a system's programs; see emulated-init.sh.
 */
export async function foreignRoot(
  suite: DebianSuite,
  emulated: (argv: readonly string[]) => Promise<RunResult>,
): Promise<string> {
  const root = path.join(testCache(), `debian-${suite}-arm64`);
  await withLock(`${root}.lock`, async () => {
    if (await exists(root)) return;
    const unfinished = `${root}.unfinished`;
    await removeTree(unfinished);
    await makeMinimal(suite, unfinished, ['--foreign', '--arch=arm64']);
    // debootstrap links to the caller's, in which nothing could be mounted.
    const proc = path.join(unfinished, 'proc');
    await removeTree(proc);
    await mkdir(proc);
    const made = await emulated(['chroot', unfinished, 'sh', '-c', SECOND_STAGE]);
    if (made.exitCode !== 0) throw new Error(`debootstrap's second stage failed:\n${lastWords(made)}`);
    await rename(unfinished, root);
  });
  return root;
}

/** As in a container, which has no device nodes. */
const SECOND_STAGE = `
export PATH=/usr/sbin:/usr/bin:/sbin:/bin container=lxc
mount -t proc proc /proc
exec /debootstrap/debootstrap --second-stage`;

/**
 * Directory of a minimal Debian system, with more packages if asked for, made once from the mirror that this machine's
 * apt uses. Only copied, never changed.
 */
export async function debianRoot(suite: DebianSuite, packages: readonly string[] = []): Promise<string> {
  const root = path.join(testCache(), ['debian', suite, ...packages].join('-'));
  await withLock(`${root}.lock`, async () => {
    if (await exists(root)) return;
    const unfinished = `${root}.unfinished`;
    await removeTree(unfinished);
    await (packages.length === 0 ? makeMinimal(suite, unfinished) : makeLarger(suite, packages, unfinished));
    await rename(unfinished, root);
  });
  return root;
}

async function makeMinimal(suite: DebianSuite, root: string, options: readonly string[] = []): Promise<void> {
  const faults: string[] = [];
  for (const mirror of await readDebianMirrors('/')) {
    await mkdir(root, { recursive: true });
    const made = await run(['debootstrap', ...options, '--variant=minbase', suite, root, mirror]);
    if (made.exitCode === 0) return;
    faults.push(lastWords(made));
    await removeTree(root);
  }
  throw new Error(`debootstrap ${suite} failed:\n${faults.join('\n') || 'apt has no mirror with main'}`);
}

/**
 * Installs packages, run in the system; starts no services. Does not sync, because it can be made again. Accepts an
 * expired index, as debootstrap does: a mirror may be a snapshot.
 */
const INSTALL = `
set -eu
export DEBIAN_FRONTEND=noninteractive
mount -t proc proc /proc
printf 'exit 101\\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
apt-get update -qq -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false
apt-get install -qq --yes --no-install-recommends -o Dpkg::Options::=--force-unsafe-io "$@"
apt-get clean
rm /usr/sbin/policy-rc.d
`;

/** Adds the packages to a copy of the minimal system, ten times as fast as another debootstrap. */
async function makeLarger(suite: DebianSuite, packages: readonly string[], root: string): Promise<void> {
  const minimal = await debianRoot(suite);
  const namespaces = ['unshare', '--mount', '--pid', '--fork', '--kill-child'];
  for (const argv of [
    ['cp', '-a', '--reflink=auto', minimal, root],
    [...namespaces, 'chroot', root, 'sh', '-c', INSTALL, 'sh', ...packages],
  ]) {
    const made = await run(argv);
    if (made.exitCode !== 0)
      throw new Error(`cannot add ${packages.join(', ')} to ${suite}:\n${lastWords(made)}`);
  }
}

function lastWords({ stdout, stderr }: RunResult): string {
  return `${stdout}\n${stderr}`.trim().split('\n').slice(-5).join('\n');
}
