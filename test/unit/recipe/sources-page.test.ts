import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { DEFAULT_PLATFORM, parsePlatform } from '../../../src/domain/platform.ts';
import type { ArchiveUrl, Source } from '../../../src/domain/recipe.ts';
import { loadRecipes } from '../../../src/recipe/load.ts';
import { projectAt } from '../../support/projects.ts';

const ROOT = path.join(import.meta.dirname, '../../..');

let page: string;
let sources: readonly Source[];

beforeAll(async () => {
  page = await readFile(path.join(ROOT, 'docs/sources.md'), 'utf8');
  const platform = parsePlatform(DEFAULT_PLATFORM);
  if (platform === undefined) throw new TypeError(`not a platform: ${DEFAULT_PLATFORM}`);
  const { components, toolchain } = await loadRecipes(projectAt(ROOT), platform);
  sources = [
    ...[...components.values()].flatMap((component) => component.sources),
    ...Object.values(toolchain.sources),
  ];
});

function written(url: ArchiveUrl): string {
  switch (url.kind) {
    case 'https':
      return url.href;
    case 'debian':
      return `debian:${url.path}`;
    case 'python':
      return `python:${url.project}/${url.file}`;
  }
}

test('docs/sources.md states for every digest and URL of a recipe where it was confirmed', () => {
  const archives = sources.flatMap((source) => source.archives);
  const facts = archives.flatMap((archive) => [archive.sha256, ...archive.urls.map(written)]);
  expect(facts.length).toBeGreaterThan(0);
  expect(facts.filter((fact) => !page.includes(`\`${fact}\``))).toEqual([]);
});
