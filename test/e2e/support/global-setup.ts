import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import type { BundleUnderTest } from './bundle.ts';
import { ksbundle, mirrorOfTests, ROOT } from './cli.ts';

/**
 * Builds the real bundle, and its earlier version for upgrades, with the real command line, and provides the tests with
 * their paths, or the reason why there are none. Uses the existing tarball `KSBUNDLE_TEST_TARBALL` instead if set, and
 * `KSBUNDLE_TEST_OLD_TARBALL` for upgrades. Runs once for all projects.
 */
export default async function setup(project: TestProject): Promise<void> {
  if ('bundle' in project.getProvidedContext()) return;
  const run = project.vitest.getRootProject();
  const given = process.env['KSBUNDLE_TEST_TARBALL'] ?? '';
  const earlier = process.env['KSBUNDLE_TEST_OLD_TARBALL'] ?? '';
  run.provide('bundle', given === '' ? await build('keystone') : { tarball: path.resolve(given) });
  run.provide('earlierBundle', await earlierBundle(earlier, given !== ''));
}

async function earlierBundle(given: string, ready: boolean): Promise<BundleUnderTest> {
  if (given !== '') return { tarball: path.resolve(given) };
  return ready ? { fault: 'KSBUNDLE_TEST_OLD_TARBALL names no tarball' } : build('keystone-29');
}

async function build(name: string): Promise<BundleUnderTest> {
  const start = performance.now();
  const built = await ksbundle(['build', name, '--out', path.join(ROOT, 'out')], {
    environment: mirrorOfTests(),
  });
  const [tarball, ...others] = built.stdout.split('\n');
  if (built.exitCode !== 0 || tarball === undefined || others.length > 0) {
    const fault = `ksbundle build ${name} ended with ${built.exitCode}:\n${built.stdout}\n${built.stderr.slice(-8000)}`;
    process.stderr.write(`${fault}\n`);
    return { fault };
  }
  const { size } = await stat(tarball);
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  process.stderr.write(`built ${tarball} (${(size / 1e6).toFixed(1)} MB) in ${seconds} s\n`);
  return { tarball };
}
