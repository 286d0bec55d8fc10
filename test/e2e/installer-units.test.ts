import { chmod, mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { removeTree } from '../../src/io/files.ts';
import { run } from '../../src/io/process.ts';
import { releaseName, tarball } from './support/bundle.ts';
import { ROOT } from './support/cli.ts';

it("the installer's unit tests pass on the bundle's own Python, with what was packed of the installer", async () => {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-units-'));
  onTestFinished(() => removeTree(directory));
  // Servers that the tests start run as another account where root runs the tests.
  await chmod(directory, 0o755);
  const unpacked = await run(['tar', '-xzf', tarball(), '-C', directory]);
  expect(unpacked).toMatchObject({ exitCode: 0 });
  const release = path.join(directory, releaseName());

  const tests = path.join(ROOT, 'test/unit/init/run.py');
  const tested = await run([path.join(release, 'bin/python3'), '-B', tests], {
    environment: { KSBUNDLE_TEST_INIT: path.join(release, 'init') },
    extendEnvironment: true,
  });
  expect(tested, tested.stdout).toMatchObject({ exitCode: 0 });
  expect(Number(/^(\d+) passed, 0 failed/m.exec(tested.stdout)?.[1])).toBeGreaterThan(100);
});
