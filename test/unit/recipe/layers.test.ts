import { cp, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Platform } from '../../../src/domain/platform.ts';
import { hashBytes } from '../../../src/io/files.ts';
import { loadRecipes } from '../../../src/recipe/load.ts';
import { fixtureProject, projectAt } from '../../support/projects.ts';
import { temporaryDirectory, writeTree, type TreeContent } from '../../support/archives.ts';

const PLATFORM: Platform = { arch: 'x86_64', floor: { major: 2, minor: 17 } };
const BASE = fixtureProject('sound');

function recipe(name: string): string {
  return `name = "${name}"
version = "9.0"
license = "MIT"
summary = "Of the project"

[build]
licenses = ["LICENSE"]
[[build.step]]
name = "copy"
run = ["true"]
`;
}

async function project(content: TreeContent) {
  return projectAt(await writeTree(await temporaryDirectory(), content));
}

/** Loads a project on top of the base. */
async function load(content: TreeContent) {
  return loadRecipes({ ...(await project(content)), base: BASE }, PLATFORM);
}

/** The problems that loading reports, each with the last three parts of its file's path. */
async function problems(content: TreeContent) {
  const error = await load(content).catch((cause: unknown) => cause);
  expect(error).toMatchObject({ facts: { code: 'KSB_RECIPE_INVALID', exitCode: 2 } });
  const { facts } = error as {
    facts: { problems: { code: string; place: { file: string }; hint?: string }[] };
  };
  return facts.problems.map(({ code, place, hint }) => [
    code,
    place.file.split('/').slice(-3).join('/'),
    hint,
  ]);
}

describe('a project above the base', () => {
  it('has the recipes and services of both, and the installer of the base', async () => {
    const front = await readFile(path.join(BASE.init, 'services/front/service.toml'), 'utf8');
    const set = await load({
      'recipes/extra/recipe.toml': recipe('extra'),
      'init/services/back/service.toml': front.replace('name = "front"', 'name = "back"'),
    });
    expect(set.layers.map(({ name }) => name)).toEqual(['project', 'base']);
    expect(set.layers.at(-1)?.init).toBe(BASE.init);
    expect([...set.components.keys()]).toEqual(expect.arrayContaining(['extra', 'full', 'small']));
    expect([...set.services.keys()]).toEqual(expect.arrayContaining(['back', 'front', 'product']));
    expect(set.toolchain.name).toBe('zig');
    expect(set.bundles.get('product')?.services.map(({ service }) => service.name)).toContain('front');
  });

  it('may have a bundle without Python, which ships only the part that the installer needs', async () => {
    const set = await load({
      'recipes/cpython/recipe.toml': recipe('cpython'),
      'recipes/server/bundle.toml': `name = "server"
version = "1.0"
license = "MIT"
summary = "A server in C"
components = ["small"]
services = ["product"]
`,
    });
    expect(set.bundles.get('server')?.python).toMatchObject({
      reduced: true,
      interpreter: 'cpython',
      requirements: [],
      constraintsSha256: hashBytes(''),
    });
  });

  it('replaces recipes of the same name below, as a whole', async () => {
    const front = await readFile(path.join(BASE.init, 'services/front/service.toml'), 'utf8');
    const set = await load({
      'recipes/small/recipe.toml': recipe('small'),
      'init/services/front/service.toml': front.replace(/^summary = .*$/m, 'summary = "Ours"'),
    });
    expect(set.components.get('small')?.version).toBe('9.0');
    const used = set.bundles.get('product')?.services.find(({ service }) => service.name === 'front');
    expect(used?.service.summary).toBe('Ours');
    expect(used?.directory).not.toContain(BASE.init);
  });

  it('with a broken recipe in place of a good one reports only the broken one', async () => {
    expect(await problems({ 'recipes/small/recipe.toml': 'name = ' })).toEqual([
      ['syntax', 'recipes/small/recipe.toml', undefined],
    ]);
  });

  it('must not contain parts of an installer, which would not ship', async () => {
    expect(
      await problems({
        'recipes/extra/recipe.toml': recipe('extra'),
        'init/installer/cli.py': '',
        'init/README': 'notes',
      }),
    ).toEqual([['not-a-service', expect.stringMatching(/init\/installer$/), 'remove it']]);
  });
});

describe('a project with a toolchain of its own', () => {
  it('is complete, and reports names that are only in the base', async () => {
    const own = await project({});
    await cp(path.join(BASE.recipes, 'zig'), path.join(own.recipes, 'zig'), { recursive: true });
    const set = await loadRecipes({ ...own, base: BASE }, PLATFORM);
    expect(set.layers.map(({ name }) => name)).toEqual(['project']);
    expect([...set.components.keys(), ...set.bundles.keys(), ...set.services.keys()]).toEqual([]);

    const zig = await readFile(path.join(BASE.recipes, 'zig/recipe.toml'), 'utf8');
    const needy = recipe('extra').replace('[build]', '[build]\ninputs = ["small"]');
    expect(
      await problems({
        'recipes/zig/recipe.toml': zig,
        'recipes/zig/cc': '',
        'recipes/extra/recipe.toml': needy,
      }),
    ).toEqual([
      [
        'unknown-component',
        'recipes/extra/recipe.toml',
        expect.stringContaining('project with its own toolchain'),
      ],
    ]);
  });
});

describe('the base', () => {
  it('alone is one layer', async () => {
    const set = await loadRecipes({ ...BASE, base: BASE }, PLATFORM);
    expect(set.layers).toEqual([{ name: 'base', ...BASE }]);
  });

  it('is reported missing differently from a missing project', async () => {
    const own = await project({ 'recipes/extra/recipe.toml': recipe('extra') });
    const nowhere = projectAt('/nowhere');
    const code = 'KSB_RECIPES_MISSING';
    await expect(loadRecipes({ ...own, base: nowhere }, PLATFORM)).rejects.toMatchObject({
      facts: { code, exitCode: 2, message: expect.stringContaining("ksbundle's own recipes are missing") },
    });
    await expect(loadRecipes({ ...nowhere, base: BASE }, PLATFORM)).rejects.toMatchObject({
      facts: { code, exitCode: 2, message: 'there is no directory of recipes at /nowhere/recipes' },
    });
    await expect(loadRecipes(own, PLATFORM)).rejects.toMatchObject({
      facts: { code: 'KSB_RECIPE_INVALID', exitCode: 2, message: expect.stringContaining('toolchain') },
    });
  });
});
