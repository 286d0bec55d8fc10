import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { ARCHITECTURES, type Platform } from '../../../src/domain/platform.ts';
import type { RecipeSet } from '../../../src/domain/recipe.ts';
import { hashFile } from '../../../src/io/files.ts';
import { loadRecipes } from '../../../src/recipe/load.ts';
import { projectAt } from '../../support/projects.ts';

const ROOT = path.join(import.meta.dirname, '../../..');
const SOUND = path.join(ROOT, 'test/fixtures/recipes/sound');

function platform(arch: Platform['arch']): Platform {
  return { arch, floor: { major: 2, minor: 17 } };
}

function component(set: RecipeSet, name: string) {
  const found = set.components.get(name);
  if (found === undefined) throw new Error(`no component ${name}`);
  return found;
}

describe("the repository's own recipes", () => {
  it.each(ARCHITECTURES)('load for %s', async (arch) => {
    const set = await loadRecipes(projectAt(ROOT), platform(arch));
    expect(set.bundles.has('keystone')).toBe(true);
    expect(set.toolchain.name).toBe('zig');
  });
});

describe('a recipe that uses every key', () => {
  it('keeps every value', async () => {
    const set = await loadRecipes(projectAt(SOUND), platform('x86_64'));
    const shown = JSON.stringify(
      {
        ...set,
        components: [...set.components],
        bundles: [...set.bundles],
        services: [...set.services],
        tools: [...set.tools],
      },
      null,
      2,
    ).replaceAll(SOUND, '<recipes>');
    await expect(`${shown}\n`).toMatchFileSnapshot('resolved.json.snap');
  });

  it('has its steps and environment for the architecture', async () => {
    const native = component(await loadRecipes(projectAt(SOUND), platform('x86_64')), 'full');
    const crossed = component(await loadRecipes(projectAt(SOUND), platform('aarch64')), 'full');
    expect(native.environment).toEqual({ CFLAGS: '-O3', LANG: 'C' });
    expect(crossed.environment).toEqual({ CFLAGS: '-O2 ', LANG: 'C' });
    expect(native.steps[0]?.command).toEqual({
      kind: 'argv',
      argv: ['./configure', '--host=x86_64-linux-gnu-${target}', '--prefix=${prefix}'],
    });
    expect(crossed.steps[0]?.environment).toEqual({ HOST: 'aarch64-linux-gnu' });
  });

  it("leaves the shell's own variables alone", async () => {
    const { steps } = component(await loadRecipes(projectAt(SOUND), platform('aarch64')), 'full');
    expect(steps[1]?.command).toMatchObject({
      script: expect.stringContaining('"$file" "$${file}" "$${host}"'),
    });
  });
});

describe('a bundle that extends another one', () => {
  const load = async (text: string, further?: string) => {
    const project = await mkdtemp(path.join(tmpdir(), 'ksbundle-recipe-'));
    onTestFinished(() => rm(project, { recursive: true }));
    await cp(SOUND, project, { recursive: true });
    await mkdir(path.join(project, 'recipes/more'));
    await mkdir(path.join(project, 'init/services/cache'));
    await writeFile(
      path.join(project, 'init/services/cache/service.toml'),
      'name = "cache"\nsummary = "A cache"\n',
    );
    await writeFile(path.join(project, 'recipes/more/bundle.toml'), text);
    if (further !== undefined) {
      await mkdir(path.join(project, 'recipes/most'));
      await writeFile(path.join(project, 'recipes/most/bundle.toml'), further);
    }
    const { bundles } = await loadRecipes(projectAt(project), platform('x86_64'));
    const [more, product] = [bundles.get('more'), bundles.get('product')];
    if (more === undefined || product === undefined) throw new Error('no such bundle');
    return { more, product, most: bundles.get('most'), names: [...bundles.keys()] };
  };

  it('inherits from it, and adds or overrides keys', async () => {
    const { more, product, names } = await load(
      'name = "more"\nextends = "product"\nsummary = "More"\nrevision = 4\nservices = ["cache"]\n',
    );
    expect(names).toEqual(['more', 'product', 'product-0', 'product-0.8']);
    expect(more).toMatchObject({ family: 'more', extends: 'product', summary: 'More', revision: 4 });
    expect(more.services.map(({ service }) => service.name)).toEqual(['cache', 'product', 'front']);
    const { components, python, support, version } = product;
    expect(more).toMatchObject({ components, python, support, version });
  });

  it('adds to its lists, also those of python, and has its constraints', async () => {
    const { more, product } = await load(
      [
        'name = "more"\nextends = "product"\ndrop = ["more/**"]\nservices = []',
        '[python]\nrequirements = ["extra==1.0"]',
        '[[python.exclude]]\ndistribution = "useless"\nreason = "It is not needed"\n',
      ].join('\n'),
    );
    expect(more.drop).toEqual(['more/**', ...product.drop]);
    const { requirements, excludes, ...rest } = product.python;
    expect(more.python).toEqual({
      ...rest,
      requirements: ['extra==1.0', ...requirements],
      excludes: [{ distribution: 'useless', reason: 'It is not needed' }, ...excludes],
    });
  });

  it('may itself be extended', async () => {
    const { product, most } = await load(
      'name = "more"\nextends = "product"\nrevision = 4\ndrop = ["more/**"]\nservices = ["cache"]\n',
      'name = "most"\nextends = "more"\ndrop = ["most/**"]\nservices = []\n',
    );
    expect(most?.services.map(({ service }) => service.name)).toEqual(['cache', 'product', 'front']);
    const { components, python, version } = product;
    const drop = ['most/**', 'more/**', ...product.drop];
    expect(most).toMatchObject({ extends: 'more', revision: 4, drop, components, python, version });
  });
});

describe('the digest of a directory beside a recipe', () => {
  let project: string;
  const at = (file: string): string => path.join(project, 'recipes', file);

  beforeEach(async () => {
    project = await mkdtemp(path.join(tmpdir(), 'ksbundle-recipe-'));
    await cp(SOUND, project, { recursive: true });
  });
  afterEach(() => rm(project, { recursive: true }));

  const digest = async (): Promise<string | undefined> =>
    component(await loadRecipes(projectAt(project), platform('x86_64')), 'full').files[0]?.sha256;

  it("does not depend on the directory's path or permissions", async () => {
    await chmod(at('full/config/b'), 0o600);
    const original = component(await loadRecipes(projectAt(SOUND), platform('x86_64')), 'full').files[0]
      ?.sha256;
    expect(await digest()).toBe(original);
  });

  it('changes with a byte, and with a name', async () => {
    const before = await digest();
    await writeFile(at('full/config/b'), 'c\n');
    const changed = await digest();
    await rm(at('full/config/b'));
    await writeFile(at('full/config/c'), 'c\n');
    expect(new Set([before, changed, await digest()]).size).toBe(3);
  });

  it('of a patch and of constraints is that of their bytes', async () => {
    const set = await loadRecipes(projectAt(project), platform('x86_64'));
    expect(component(set, 'full').patches[0]?.sha256).toBe(await hashFile(at('full/fix.patch')));
    const constraints = set.bundles.get('product')?.python.constraints;
    expect(await readFile(constraints ?? '', 'utf8')).toBe('greenlet===3.5.5\n');
  });
});

describe('a directory of recipes', () => {
  it('may contain files, hidden and empty directories', async () => {
    const project = await mkdtemp(path.join(tmpdir(), 'ksbundle-recipe-'));
    try {
      await cp(SOUND, project, { recursive: true });
      const at = (file: string): string => path.join(project, 'recipes', file);
      await writeFile(at('README.md'), '');
      await mkdir(at('empty'));
      await mkdir(at('.cache/x'), { recursive: true });
      expect((await loadRecipes(projectAt(project), platform('x86_64'))).components.size).toBe(2);
    } finally {
      await rm(project, { recursive: true });
    }
  });

  it('is reported missing differently from invalid recipes', async () => {
    const missing = path.join(SOUND, 'nowhere');
    await expect(
      loadRecipes({ ...projectAt(SOUND), recipes: missing }, platform('x86_64')),
    ).rejects.toMatchObject({
      facts: { code: 'KSB_RECIPES_MISSING', exitCode: 2, message: expect.stringContaining(missing) },
    });
  });
});
