import { lstat, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { installOwnFiles } from '../../../src/assemble/own-files.ts';
import { DEFAULT_PLATFORM, parsePlatform } from '../../../src/domain/platform.ts';
import { hashBytes, listTree, removeTree } from '../../../src/io/files.ts';
import { checkLock } from '../../../src/lock/check.ts';
import { recipeInputs } from '../../../src/lock/inputs.ts';
import { lockfilePath, readLockfile } from '../../../src/lock/lockfile.ts';
import { recipeFiles } from '../../../src/pipeline/recipe-files.ts';
import type { LoadedBundle } from '../../../src/pipeline/recipes.ts';
import { loadRecipes, type ProjectDirectories } from '../../../src/recipe/load.ts';
import { projectAt } from '../../support/projects.ts';

const REPOSITORY = path.join(import.meta.dirname, '../../..');

function definitely<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError('not there');
  return value;
}

const platform = definitely(parsePlatform(DEFAULT_PLATFORM));

async function loadBundle(project: ProjectDirectories, name: string): Promise<LoadedBundle> {
  const set = await loadRecipes(project, platform);
  return { set, bundle: definitely(set.bundles.get(name)) };
}

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-recipes-'));
  onTestFinished(() => removeTree(directory));
  return directory;
}

test.each(['keystone', 'keystone-29', 'keystone-oidc', 'keystone-postgresql', 'openstack'])(
  'a release of %s carries all that its lock needs',
  async (name) => {
    const root = await temporaryDirectory();
    const built = await loadBundle(projectAt(REPOSITORY), name);
    const lockfile = lockfilePath(path.join(REPOSITORY, 'lockfiles'), name, platform);
    const parts = await installOwnFiles({
      root,
      recipes: recipeFiles(built),
      lockfile,
      pages: new Map(),
      parts: new Map(),
    });

    const carried = path.join(root, 'share/ksbundle');
    const loaded = await loadBundle(
      { ...projectAt(REPOSITORY), recipes: path.join(carried, 'recipes') },
      name,
    );
    const lock = await readLockfile(lockfilePath(path.join(carried, 'lockfiles'), name, platform));
    expect(checkLock(lock, { ...loaded, platform })).toEqual([]);
    expect([...loaded.set.tools.keys()]).toEqual([...built.set.tools.keys()]);

    const files = (await listTree(root)).filter(({ kind }) => kind === 'file').map((entry) => entry.path);
    expect([...parts.keys()].toSorted()).toEqual(files);
    for (const file of files.filter((each) => each.includes('/recipes/'))) {
      const original = path.join(REPOSITORY, path.relative('share/ksbundle', file));
      expect(await readFile(path.join(root, file))).toEqual(await readFile(original));
      expect((await lstat(path.join(root, file))).mode & 0o777).toBe(0o644);
    }
  },
);

test('a directory that a recipe names is included completely', async () => {
  const root = await temporaryDirectory();
  const directory = path.join(root, 'recipes/one/extra/deep');
  await mkdir(directory, { recursive: true });
  await writeFile(path.join(directory, 'script'), '#!/usr/bin/env python3\n', { mode: 0o755 });
  const lockfile = path.join(root, 'one.json');
  await writeFile(lockfile, '{}');
  const recipes = [{ file: 'one/extra', path: path.dirname(directory), sha256: hashBytes('') }];
  const parts = await installOwnFiles({
    root,
    recipes,
    lockfile,
    pages: new Map(),
    parts: new Map([['README', 'bundle']]),
  });
  expect([...parts.keys()]).toEqual([
    'README',
    'share/ksbundle/lockfiles/one.json',
    'share/ksbundle/recipes/one/extra/deep/script',
  ]);
});

test('a release of a project carries what it used of the base, and is complete with it', async () => {
  const base = projectAt(REPOSITORY);
  const own = projectAt(await temporaryDirectory());
  const expat = await readFile(path.join(base.recipes, 'expat/recipe.toml'), 'utf8');
  await mkdir(path.join(own.recipes, 'expat'), { recursive: true });
  await writeFile(
    path.join(own.recipes, 'expat/recipe.toml'),
    expat.replace('summary = "', 'summary = "Our '),
  );
  await writeFile(path.join(own.recipes, 'expat/expat_config.h'), '/* ours */\n');
  const built = await loadBundle({ ...own, base }, 'keystone');
  expect(built.set.layers).toHaveLength(2);

  const root = await temporaryDirectory();
  const lockfile = lockfilePath(path.join(REPOSITORY, 'lockfiles'), 'keystone', platform);
  await installOwnFiles({ root, recipes: recipeFiles(built), lockfile, pages: new Map(), parts: new Map() });
  const recipes = path.join(root, 'share/ksbundle/recipes');
  const loaded = await loadBundle({ recipes, init: base.init, base: projectAt('/nowhere') }, 'keystone');
  expect(loaded.set.layers).toHaveLength(1);
  expect(loaded.set.components.get('expat')?.summary).toMatch(/^Our /);
  expect(loaded.set.components.get('expat')?.files).toMatchObject([{ sha256: hashBytes('/* ours */\n') }]);
  expect(recipeInputs({ ...loaded, platform })).toEqual(recipeInputs({ ...built, platform }));
});
