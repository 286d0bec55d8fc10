import path from 'node:path';
import { expect, test } from 'vitest';
import { DEFAULT_PLATFORM, parsePlatform } from '../../../src/domain/platform.ts';
import { loadRecipes } from '../../../src/recipe/load.ts';
import { projectAt } from '../../support/projects.ts';

const ROOT = path.join(import.meta.dirname, '../../..');

const CVE = /CVE-\d+-\d+/gu;

test('every vulnerability that a patch of a component fixes is stated as fixed, and no other', async () => {
  const platform = parsePlatform(DEFAULT_PLATFORM);
  if (platform === undefined) throw new TypeError(`not a platform: ${DEFAULT_PLATFORM}`);
  const { components } = await loadRecipes(projectAt(ROOT), platform);
  const fixes = [...components.values()].map(({ name, patches, statements }) => ({
    name,
    patched: [...new Set(patches.flatMap(({ reason }) => reason.match(CVE) ?? []))].toSorted(),
    stated: statements
      .filter(({ status }) => status === 'fixed')
      .map(({ vulnerability }) => vulnerability)
      .toSorted(),
  }));
  expect(fixes.flatMap(({ patched }) => patched)).not.toEqual([]);
  for (const { name, patched, stated } of fixes) expect(stated, name).toEqual(patched);
});
