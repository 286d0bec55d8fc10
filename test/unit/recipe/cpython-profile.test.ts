import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { DEFAULT_PLATFORM, parsePlatform } from '../../../src/domain/platform.ts';
import { loadRecipes } from '../../../src/recipe/load.ts';
import { projectAt } from '../../support/projects.ts';

const ROOT = path.join(import.meta.dirname, '../../..');

test('the only profile of CPython is of the version that the recipe builds', async () => {
  const platform = parsePlatform(DEFAULT_PLATFORM);
  if (platform === undefined) throw new TypeError(`not a platform: ${DEFAULT_PLATFORM}`);
  const { components } = await loadRecipes(projectAt(ROOT), platform);
  const version = components.get('cpython')?.version;
  expect(await readdir(path.join(ROOT, 'recipes/cpython/profile'))).toEqual([`${version}.profdata.xz`]);
});
