import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { sha256 } from '../../../src/domain/digest.ts';
import type { Context } from '../../../src/pipeline/context.ts';
import { releaseKey } from '../../../src/pipeline/release-key.ts';
import type { LockedBundle } from '../../../src/pipeline/sources.ts';
import { loadRecipes } from '../../../src/recipe/load.ts';
import { temporaryDirectory } from '../../support/archives.ts';
import { projectAt } from '../../support/projects.ts';

const platform = { arch: 'x86_64', floor: { major: 2, minor: 17 } } as const;
const ROOT = path.join(import.meta.dirname, '../../..');

test('a release with another page is another release', async () => {
  const set = await loadRecipes(projectAt(ROOT), platform);
  const bundle = set.bundles.get('keystone');
  const locked = { set, bundle, lockOrigin: { sha256: sha256('0'.repeat(64)) } } as LockedBundle;
  const pagesDirectory = await temporaryDirectory();
  const digest = async (page: string) => {
    await writeFile(path.join(pagesDirectory, 'bootstrap.md'), page);
    return (await releaseKey({ platform, pagesDirectory } as Context, locked, new Map())).digest;
  };
  const first = await digest('# One\n');
  expect(await digest('# Two\n')).not.toBe(first);
  expect(await digest('# One\n')).toBe(first);
});
