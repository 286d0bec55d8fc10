import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { findLink, listTree, mergeTree } from '../../../src/io/files.ts';
import { temporaryDirectory, writeTree } from '../../support/archives.ts';

it('trees are merged directory by directory, and through no link', async () => {
  const top = await temporaryDirectory();
  const to = await writeTree(path.join(top, 'to'), { 'lib/a': 'a', out: { link: '../outside' } });
  const outside = await writeTree(path.join(top, 'outside'), { kept: '' });
  await mergeTree(await writeTree(path.join(top, 'one'), { 'lib/b': 'b', 'bin/c': 'c' }), to);
  expect((await listTree(to)).map((entry) => entry.path)).toEqual([
    'bin',
    'bin/c',
    'lib',
    'lib/a',
    'lib/b',
    'out',
  ]);
  const hostile = await writeTree(path.join(top, 'two'), { 'out/owned': 'x' });
  await expect(mergeTree(hostile, to)).rejects.toThrow('already exists');
  expect(await readdir(outside)).toEqual(['kept']);
});

it('the first link on a path is found; a missing file is none', async () => {
  const top = await temporaryDirectory();
  await writeTree(top, { 'a/b/c': '', 'a/link': { link: 'b' }, 'a/dangling': { link: 'nowhere' } });
  expect(await findLink(top, 'a/b/c')).toBeUndefined();
  expect(await findLink(top, 'a/new/file')).toBeUndefined();
  expect(await findLink(top, 'a/link/c')).toBe('a/link');
  expect(await findLink(top, 'a/dangling')).toBe('a/dangling');
});
