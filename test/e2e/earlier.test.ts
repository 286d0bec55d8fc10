import { expect, it } from 'vitest';
import type { DiffResult } from '../../src/domain/results.ts';
import { earlierTarball, tarball } from './support/bundle.ts';
import { ksbundle } from './support/cli.ts';

it('the earlier version is built too, and passes the audit', async () => {
  expect(await ksbundle(['verify', earlierTarball()])).toMatchObject({ exitCode: 0 });
  expect((await ksbundle(['inspect', earlierTarball()])).stdout).toContain('29.1.0');
});

it('differs from this one in Keystone and its dependencies', async () => {
  const { exitCode, stdout } = await ksbundle(['diff', earlierTarball(), tarball(), '--json']);
  expect(exitCode).toBe(0);
  const { identical, parts, files } = JSON.parse(stdout) as DiffResult;
  expect(identical).toBe(false);
  expect(parts).toContainEqual(
    expect.objectContaining({ kind: 'wheel', name: 'keystone', from: '29.1.0', to: '30.0.0' }),
  );
  expect(files).toContainEqual(expect.objectContaining({ part: 'wheel:keystone', change: 'changed' }));
  const same = await ksbundle(['diff', tarball(), tarball()]);
  expect(same.stdout).toContain('are the same release');
});
