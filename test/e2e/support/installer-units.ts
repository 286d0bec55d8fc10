import { chmod, mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { removeTree } from '../../../src/io/files.ts';
import { run, type RunResult } from '../../../src/io/process.ts';
import { releaseName } from './bundle.ts';
import { ROOT } from './cli.ts';

/**
 * Runs unit tests of the installer, by default all, with the Python and the installer of a tarball's release. Removes
 * the release with the test.
 */
export async function runInstallerUnits(tarball: string, ...modules: readonly string[]): Promise<RunResult> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-units-'));
  onTestFinished(() => removeTree(directory));
  // If root runs the tests, their servers have another account.
  await chmod(directory, 0o755);
  const unpacked = await run(['tar', '-xzf', tarball, '-C', directory]);
  if (unpacked.exitCode !== 0) throw new Error(unpacked.stderr);
  const release = path.join(directory, releaseName(tarball));
  return run(
    [path.join(release, 'bin/python3'), '-B', path.join(ROOT, 'test/unit/init/run.py'), ...modules],
    {
      environment: { KSBUNDLE_TEST_INIT: path.join(release, 'init') },
      extendEnvironment: true,
    },
  );
}
