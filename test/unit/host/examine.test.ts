import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { confinementRemedies } from '../../../src/host/confinement.ts';
import { examineNode } from '../../../src/host/node.ts';
import { examineSpace } from '../../../src/host/space.ts';
import { examineStore } from '../../../src/store/health.ts';
import { openStore } from '../../../src/store/open.ts';
import { temporaryDirectory } from '../../support/archives.ts';

it('Node is judged by the range of package.json', async () => {
  expect(await examineNode()).toMatchObject({ state: 'ok' });
  expect(await examineNode('20.18.3')).toMatchObject({
    state: 'fault',
    message: 'Node 20.18.3 is not supported',
    why: 'ksbundle needs Node >=20.19',
  });
});

it('space is judged by two limits, also for a directory that does not exist yet', async () => {
  const directory = path.join(await temporaryDirectory(), 'a/b');
  const state = async (minimum: number, ample: number): Promise<string> =>
    (await examineSpace({ name: 'the store', directory, minimum, ample })).state;
  expect(await state(1, 2)).toBe('ok');
  expect(await state(1, 1e18)).toBe('warning');
  expect(await state(1e18, 1e18)).toBe('fault');
});

describe('a store', () => {
  it('is sound if its owner opened it', async () => {
    const root = path.join(await temporaryDirectory(), 'store');
    await openStore(root);
    expect(await examineStore(root)).toMatchObject({ state: 'ok' });
  });

  it('of another account is a warning, and one with something else in place of a directory a fault', async () => {
    const root = path.join(await temporaryDirectory(), 'store');
    await openStore(root);
    expect(await examineStore(root, 4711)).toMatchObject({
      state: 'warning',
      message: expect.stringContaining('this is account 4711'),
    });
    expect(await examineStore(path.join(root, 'missing'))).toMatchObject({
      state: 'fault',
      message: expect.stringContaining('cannot use'),
    });
  });
});

it('kernel settings that forbid namespaces have a remedy each', async () => {
  const root = await temporaryDirectory();
  const set = async (file: string, value: string): Promise<void> => {
    const full = path.join(root, 'proc/sys', file);
    await mkdir(path.dirname(full), { recursive: true });
    await writeFile(full, `${value}\n`);
  };
  await set('user/max_user_namespaces', '1000');
  await set('kernel/unprivileged_userns_clone', '1');
  await set('kernel/apparmor_restrict_unprivileged_userns', '0');
  expect(await confinementRemedies(root)).toEqual([]);
  await set('user/max_user_namespaces', '0');
  await set('kernel/unprivileged_userns_clone', '0');
  await set('kernel/apparmor_restrict_unprivileged_userns', '1');
  expect(await confinementRemedies(root)).toEqual([
    'sysctl -w user.max_user_namespaces=10000',
    'sysctl -w kernel.unprivileged_userns_clone=1',
    'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
  ]);
});
