import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { hashFile, hashTree, listTree } from '../../../src/io/files.ts';
import { writeCollection } from '../../../src/pipeline/ansible.ts';
import { factsOf } from '../../support/errors.ts';
import { NAME, packDemo } from '../../support/packed-release.ts';

const COLLECTION = 'ansible_collections/ksbundle/release';

it('carries the verified tarball and its digests, the same in every place', async () => {
  const { directory, packed } = await packDemo();
  const places = ['one', 'two'].map((name) => path.join(directory, name));
  for (const place of places) await writeCollection(packed.tarball, { directory: place });
  const [one = '', two = ''] = places;
  expect(await hashTree(one)).toBe(await hashTree(two));
  const role = path.join(one, COLLECTION, 'roles/ksbundle');
  expect(await hashFile(path.join(role, 'files', `${NAME}.tar.gz`))).toBe(await hashFile(packed.tarball));
  const facts = await readFile(path.join(role, 'vars/main.yml'), 'utf8');
  expect(facts).toContain(`ksbundle_release: '${NAME}'\n`);
  expect(facts).toContain("ksbundle_bundle: 'demo'\n");
  expect(facts).toContain(`ksbundle_sha256: '${await hashFile(packed.tarball)}'\n`);
  expect(facts).toContain("ksbundle_carried_key: ''\n");
  expect(facts).not.toMatch(/@\w+@/);
});

it('replaces an earlier collection and no other file', async () => {
  const { directory, packed } = await packDemo();
  const fleet = path.join(directory, 'fleet');
  await writeCollection(packed.tarball, { directory: fleet });
  await writeFile(path.join(fleet, 'inventory.yml'), 'mine\n');
  const stale = path.join(fleet, COLLECTION, 'roles/ksbundle/files/older.tar.gz');
  await writeFile(stale, '');
  const { written } = await writeCollection(packed.tarball, { directory: fleet });
  expect(written).toEqual([path.join(fleet, COLLECTION)]);
  expect(await readFile(path.join(fleet, 'inventory.yml'), 'utf8')).toBe('mine\n');
  expect((await listTree(fleet)).map((entry) => entry.path)).not.toContain(path.relative(fleet, stale));
});

it('writes nothing for a damaged tarball, or over something else', async () => {
  const { directory, packed } = await packDemo();
  const fleet = path.join(directory, 'fleet');
  const damaged = path.join(directory, 'damaged.tar.gz');
  await writeFile(damaged, (await readFile(packed.tarball)).subarray(0, -40));
  expect(await factsOf(writeCollection(damaged, { directory: fleet }))).toMatchObject({ exitCode: 4 });
  await mkdir(path.join(fleet, COLLECTION), { recursive: true });
  expect(await factsOf(writeCollection(packed.tarball, { directory: fleet }))).toMatchObject({
    code: 'KSB_ANSIBLE_EXISTS',
  });
  expect((await listTree(fleet)).filter(({ kind }) => kind === 'file')).toEqual([]);
});
