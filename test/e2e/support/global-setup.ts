import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { ksbundle, ROOT } from './cli.ts';

/**
 * Builds the real bundle with the real command line, as a user does, and tells the tests where it is, or why there is
 * none. With `KSBUNDLE_TEST_TARBALL` a tarball that is there already is tested instead.
 */
export default async function setup(project: TestProject): Promise<void> {
  const given = process.env['KSBUNDLE_TEST_TARBALL'] ?? '';
  if (given !== '') {
    project.provide('bundle', { tarball: path.resolve(given) });
    return;
  }
  const start = performance.now();
  const mirror = process.env['KSBUNDLE_MIRROR'];
  const built = await ksbundle(['build', 'keystone', '--out', path.join(ROOT, 'out')], {
    environment: mirror === undefined ? {} : { KSBUNDLE_MIRROR: mirror },
  });
  const [tarball, ...others] = built.stdout.split('\n');
  if (built.exitCode !== 0 || tarball === undefined || others.length > 0) {
    const fault = `ksbundle build keystone ended with ${built.exitCode}:\n${built.stdout}\n${built.stderr.slice(-8000)}`;
    process.stderr.write(`${fault}\n`);
    project.provide('bundle', { fault });
    return;
  }
  const { size } = await stat(tarball);
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  process.stderr.write(`built ${tarball} (${(size / 1e6).toFixed(1)} MB) in ${seconds} s\n`);
  project.provide('bundle', { tarball });
}
