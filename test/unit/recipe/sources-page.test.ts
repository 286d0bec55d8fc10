import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { DEFAULT_PLATFORM, parsePlatform } from '../../../src/domain/platform.ts';
import type { Location, Source } from '../../../src/domain/recipe.ts';
import { loadRecipes } from '../../../src/recipe/load.ts';

const ROOT = path.join(import.meta.dirname, '../../..');

let page: string;
let sources: readonly Source[];

beforeAll(async () => {
  page = await readFile(path.join(ROOT, 'docs/sources.md'), 'utf8');
  const platform = parsePlatform(DEFAULT_PLATFORM);
  if (platform === undefined) throw new TypeError(`not a platform: ${DEFAULT_PLATFORM}`);
  const { components, toolchain } = await loadRecipes(path.join(ROOT, 'recipes'), platform);
  sources = [
    ...[...components.values()].flatMap((component) => component.sources),
    ...Object.values(toolchain.sources),
  ];
});

function written(location: Location): string {
  switch (location.kind) {
    case 'https':
      return location.url;
    case 'debian':
      return `debian:${location.path}`;
    case 'python':
      return `python:${location.project}/${location.file}`;
  }
}

test('docs/sources.md says of every digest and every location of a recipe where it was confirmed', () => {
  const packings = sources.flatMap((source) => source.packings);
  const facts = packings.flatMap((packing) => [packing.sha256, ...packing.locations.map(written)]);
  expect(facts.length).toBeGreaterThan(0);
  expect(facts.filter((fact) => !page.includes(`\`${fact}\``))).toEqual([]);
});
