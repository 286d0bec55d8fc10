import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { hashFile } from '../../src/io/files.ts';
import { earlierTarball, releaseName, tarball } from './support/bundle.ts';
import { ksbundle } from './support/cli.ts';

const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-delta-'));
afterAll(() => rm(directory, { recursive: true, force: true }));
const delta = path.join(directory, 'keystone.delta');

it('a whole upgrade of Keystone travels in less than 2 MB', async () => {
  const made = await ksbundle(['delta', earlierTarball(), tarball(), '--out', delta]);
  expect(made).toMatchObject({ exitCode: 0 });
  expect(made.stdout.split('\n')[0]).toBe(delta);
  expect((await stat(delta)).size).toBeLessThan(2e6);
});

it('the old release and the delta produce the new one, byte for byte', async () => {
  const applied = await ksbundle(['apply', earlierTarball(), delta, '--out', `${directory}/`]);
  expect(applied).toMatchObject({ exitCode: 0 });
  const made = path.join(directory, `${releaseName()}.tar.gz`);
  expect(applied.stdout).toBe(`${made}\nsha256:${await hashFile(tarball())}`);
  expect(await hashFile(made)).toBe(await hashFile(tarball()));
  await rm(made);
});

it('any other release is refused', async () => {
  const refused = await ksbundle(['apply', tarball(), delta, '--out', `${directory}/`]);
  expect(refused).toMatchObject({ exitCode: 4, stdout: '' });
  expect(refused.stderr).toMatch(/expected sha256:[0-9a-f]{64}\n.*got sha256:[0-9a-f]{64}\n/u);
  expect(await readdir(directory)).toEqual(['keystone.delta']);
});
