import { existsSync } from 'node:fs';
import path from 'node:path';
import type { ProjectDirectories } from '../../src/recipe/load.ts';

/** A project's directories of recipes and services. */
export function projectAt(root: string): ProjectDirectories {
  return { recipes: path.join(root, 'recipes'), init: path.join(root, 'init') };
}

const FIXTURES = path.join(import.meta.dirname, '../fixtures');

/**
 * The same of a project in `test/fixtures/recipes`; many contain only recipes, whose bundles run the service `product`.
 */
export function fixtureProject(name: string): ProjectDirectories {
  const directory = path.join(FIXTURES, 'recipes', name);
  return existsSync(path.join(directory, 'recipes'))
    ? projectAt(directory)
    : { recipes: directory, init: path.join(FIXTURES, 'init') };
}
