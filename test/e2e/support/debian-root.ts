import { mkdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { readDebianMirrors } from '../../../src/fetch/debian.ts';
import { exists, removeTree } from '../../../src/io/files.ts';
import { withLock } from '../../../src/io/lock.ts';
import { run } from '../../../src/io/process.ts';
import { testCache } from './test-cache.ts';

export type DebianSuite = 'bullseye' | 'bookworm' | 'trixie' | 'sid';

/**
 * Directory of a minimal Debian system, with more packages if asked for, made once with debootstrap from the mirror that
 * this machine's apt uses. It is the pattern for copies: nothing may change it.
 */
export async function debianRoot(suite: DebianSuite, packages: readonly string[] = []): Promise<string> {
  const root = path.join(testCache(), ['debian', suite, ...packages].join('-'));
  const include = packages.length === 0 ? [] : [`--include=${packages.join(',')}`];
  await withLock(`${root}.lock`, async () => {
    if (await exists(root)) return;
    const unfinished = `${root}.unfinished`;
    const faults: string[] = [];
    for (const mirror of await readDebianMirrors('/')) {
      await removeTree(unfinished);
      await mkdir(unfinished, { recursive: true });
      const made = await run(['debootstrap', '--variant=minbase', ...include, suite, unfinished, mirror]);
      if (made.exitCode === 0) {
        await rename(unfinished, root);
        return;
      }
      faults.push(`${made.stdout}\n${made.stderr}`.trim().split('\n').slice(-5).join('\n'));
    }
    await removeTree(unfinished);
    throw new Error(`debootstrap ${suite} failed:\n${faults.join('\n') || 'apt has no mirror with main'}`);
  });
  return root;
}
